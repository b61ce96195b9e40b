VERSION = "1.0.0"


def price(cents):
    return f"{cents / 100:.2f}"
