import os
import time

from flask import Flask, Response
from flask_socketio import SocketIO, emit

VERSION = "1.0.0"
LOG = os.path.join(os.environ.get("APP_SHARED", "."), "messages.txt")

app = Flask(__name__)
socketio = SocketIO(app, async_mode="threading")


@app.route("/")
def index():
    messages = ""
    if os.path.exists(LOG):
        with open(LOG, encoding="utf-8") as f:
            messages = f.read()
    return f"chat {VERSION}\n{messages}", {"Content-Type": "text/plain"}


@app.route("/events")
def events():
    def stream():
        for number in range(3):
            yield f"data: {number}\n\n"
            time.sleep(1)

    return Response(stream(), mimetype="text/event-stream")


@socketio.on("say")
def say(text):
    with open(LOG, "a", encoding="utf-8") as f:
        f.write(text + "\n")
    emit("said", text, broadcast=True)


if __name__ == "__main__":
    socketio.run(app, allow_unsafe_werkzeug=True)
