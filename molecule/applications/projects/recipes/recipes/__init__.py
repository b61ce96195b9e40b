import json
import os

from flask import Flask, jsonify, request

VERSION = "1.0.0"


def create_app():
    app = Flask(__name__)
    folder = os.path.join(os.path.dirname(app.root_path), "data")

    @app.get("/")
    def index():
        return jsonify(version=VERSION, recipes=sorted(os.listdir(folder)))

    @app.put("/recipes/<name>")
    def put(name):
        with open(os.path.join(folder, os.path.basename(name)), "w", encoding="utf-8") as f:
            json.dump(request.get_json(), f)
        return jsonify(name=name), 201

    return app
