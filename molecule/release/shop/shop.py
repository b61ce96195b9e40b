"""An application whose versions go wrong in every way; behaviour.py says how this one does."""

from __future__ import annotations

import os
import socket
import time

import behaviour
from flask import Flask, Response, request

if behaviour.IMPORT == "fails":
    raise RuntimeError("this version does not import")
time.sleep(behaviour.IMPORT_SECONDS)

app = Flask(__name__)
RELEASE = os.environ["APP_RELEASE"]


@app.after_request
def label(response: Response) -> Response:
    """Say which release answers, on which host, for the load client to count."""
    response.headers["X-Release"] = RELEASE
    response.headers["X-Host"] = socket.gethostname()
    return response


@app.get("/")
def home() -> str:
    """Answer at once."""
    return behaviour.VERSION


@app.get("/page")
def page() -> tuple[str, int]:
    """Be something that the health check does not ask for."""
    return behaviour.VERSION, behaviour.PAGE


@app.get("/slow")
def slow() -> str:
    """Answer after three seconds."""
    time.sleep(3)
    return behaviour.VERSION


@app.get("/config")
def config() -> dict[str, str | int]:
    """Show what the release was configured with."""
    return {"currency": os.environ["CURRENCY"], "token": len(os.environ["TOKEN"])}


@app.get("/seen")
def seen() -> dict[str, str | None]:
    """Show what the application is told of who asks."""
    return {"client": request.remote_addr, "scheme": request.scheme, "host": request.host} | {
        name: value for name, value in request.headers.items() if "for" in name.lower()
    }


@app.get("/healthz")
def healthz() -> tuple[str, int]:
    """Be as healthy as this version is, perhaps on one host only."""
    time.sleep(behaviour.HEALTH_SECONDS)
    if behaviour.HEALTH_HOST not in ("", socket.gethostname()):
        return behaviour.VERSION, 200
    return behaviour.VERSION, behaviour.HEALTH
