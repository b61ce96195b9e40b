import json

from flask import Flask, jsonify, request

VERSION = "1.0.0"

app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def index():
    try:
        with open("quotes.json") as f:
            quotes = json.load(f)
    except FileNotFoundError:
        quotes = []
    if request.method == "POST":
        quotes.append(request.json["quote"])
        with open("quotes.json", "w") as f:
            json.dump(quotes, f)
    return jsonify(version=VERSION, quotes=quotes)
