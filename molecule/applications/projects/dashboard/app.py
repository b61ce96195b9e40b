import json
import os

from flask import Flask, render_template, request

app = Flask(__name__)

with open("static/dist/manifest.json") as f:
    MANIFEST = json.load(f)


@app.route("/", methods=["GET", "POST"])
def index():
    notes = os.path.join(os.environ["DASHBOARD_NOTES"])
    if request.method == "POST":
        with open(notes, "a") as f:
            f.write(request.form["note"] + "\n")
    text = ""
    if os.path.exists(notes):
        with open(notes) as f:
            text = f.read()
    return render_template("index.html", script=MANIFEST["dashboard.js"], notes=text)
