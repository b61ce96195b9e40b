import os
import sqlite3

from flask import Flask, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.utils import secure_filename

VERSION = "1.0.0"

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY", "change me")
app.config["UPLOAD_FOLDER"] = os.path.join("static", "uploads")
app.config["MAX_CONTENT_LENGTH"] = 2 * 1024 * 1024


def db():
    conn = sqlite3.connect("data.db")
    conn.execute("CREATE TABLE IF NOT EXISTS photos (name TEXT, title TEXT)")
    return conn


@app.route("/")
def index():
    photos = db().execute("SELECT name, title FROM photos").fetchall()
    return render_template("index.html", photos=photos, version=VERSION)


@app.route("/upload", methods=["POST"])
def upload():
    photo = request.files["photo"]
    name = secure_filename(photo.filename)
    photo.save(os.path.join(app.config["UPLOAD_FOLDER"], name))
    with db() as conn:
        conn.execute("INSERT INTO photos VALUES (?, ?)", (name, request.form["title"]))
    return redirect(url_for("index"))


@app.route("/api/photos", methods=["POST"])
def api():
    # Nobody is told more before they have said who they are.
    if request.headers.get("Authorization") != "Bearer friend":
        return jsonify(error="who are you?"), 401
    return jsonify(size=len(request.get_data())), 201


@app.route("/api/old", methods=["POST"])
def old():
    return redirect(url_for("api"), code=307)


@app.route("/api/broken", methods=["POST"])
def broken():
    raise RuntimeError("this view has a bug")


@app.route("/api/closed", methods=["POST"])
def closed():
    abort(410)


if __name__ == "__main__":
    app.run(debug=True, host="0.0.0.0")
