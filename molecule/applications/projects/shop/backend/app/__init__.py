from importlib.metadata import version

from flask import Flask, redirect, render_template, session, url_for
from shopcommon import VERSION, price


def create_app():
    app = Flask(__name__)
    app.config.from_mapping(SECRET_KEY="dev")
    # FLASK_SECRET_KEY, FLASK_SESSION_COOKIE_PATH, ...
    app.config.from_prefixed_env()

    @app.route("/")
    def index():
        return render_template(
            "index.html",
            version=VERSION,
            price=price(1999),
            signing=version("itsdangerous"),
            cart=session.get("cart", []),
        )

    @app.route("/cart/<thing>", methods=["POST"])
    def put(thing):
        session["cart"] = [*session.get("cart", []), thing]
        return redirect(url_for("index"))

    return app
