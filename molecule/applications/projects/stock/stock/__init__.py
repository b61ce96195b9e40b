import click
from config import config
from flask import Flask, jsonify, redirect, request, url_for
from flask_sqlalchemy import SQLAlchemy

__version__ = "1.0.0"

db = SQLAlchemy()


class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), unique=True, nullable=False)


def create_app(config_name="default"):
    app = Flask(__name__)
    app.config.from_object(config[config_name])
    db.init_app(app)

    @app.cli.command("create-tables")
    def create_tables():
        db.create_all()
        click.echo("Tables are there.")

    @app.route("/")
    def index():
        items = [item.name for item in Item.query.order_by(Item.id)]
        return jsonify(items=items, config=app.config["LABEL"], version=__version__)

    @app.route("/items", methods=["POST"])
    def add():
        db.session.add(Item(name=request.form["name"]))
        db.session.commit()
        return redirect(url_for("index"))

    return app
