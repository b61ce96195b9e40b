import multiprocessing
import os
import subprocess
import sys

import tasks
from flask import Flask, jsonify, send_from_directory
from sums import double

VERSION = "1.0.0"

app = Flask(__name__)


@app.route("/")
def index():
    return jsonify(version=VERSION, invoices=sorted(os.listdir(tasks.FOLDER)))


@app.route("/invoices/<int:number>", methods=["POST"])
def order(number):
    tasks.write_invoice.delay(number)
    return jsonify(queued=number), 202


@app.route("/invoices/<int:number>")
def show(number):
    return send_from_directory(os.path.abspath(tasks.FOLDER), f"{number}.txt")


@app.route("/totals")
def totals():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return jsonify(totals=pool.map(double, [1, 2, 3]))


@app.route("/report")
def report():
    # As many libraries start their helpers.
    done = subprocess.run(
        [sys.executable, "-c", "import flask, sys; print(sys.prefix)"],
        capture_output=True,
        text=True,
        timeout=20,
    )
    return jsonify(prefix=done.stdout.strip(), error=done.stderr, mine=sys.prefix)
