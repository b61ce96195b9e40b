import os

from bottle import Bottle, request

VERSION = "1.0.0"


class Service:
    def __init__(self, path):
        self.path = path
        self.app = Bottle()
        self.app.get("/", callback=self.show)
        self.app.post("/entries", callback=self.add)

    def show(self):
        entries = []
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as f:
                entries = f.read().splitlines()
        return {"entries": entries, "version": VERSION}

    def add(self):
        with open(self.path, "a", encoding="utf-8") as f:
            f.write(request.forms.entry + "\n")
        return {"added": request.forms.entry}


service = Service(os.environ.get("LEDGER_FILE", "ledger.csv"))
