import os

import jit
import speedups
import units
from flask import Flask, jsonify, request

VERSION = "1.0.0"

app = Flask(__name__)


@app.route("/")
def index():
    return jsonify(
        version=VERSION, jit=len(jit.PAGE), metres=units.metres(2), plots=os.listdir("plots")
    )


@app.route("/plots/<name>", methods=["PUT"])
def put(name):
    with open(os.path.join("plots", os.path.basename(name)), "wb") as f:
        f.write(request.get_data())
    return jsonify(checksum=speedups.checksum(request.get_data())), 201


@app.route("/plots/<name>")
def get(name):
    with open(os.path.join("plots", os.path.basename(name)), "rb") as f:
        return f.read()
