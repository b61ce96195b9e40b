"""An application whose versions go wrong in every way; behaviour.py says how this one does."""

from __future__ import annotations

import os
import time

import behaviour
from flask import Flask, Response

if behaviour.IMPORT == "fails":
    raise RuntimeError("this version does not import")
time.sleep(behaviour.IMPORT_SECONDS)

app = Flask(__name__)
RELEASE = os.environ["APP_RELEASE"]


@app.after_request
def label(response: Response) -> Response:
    """Say which release answers, for the load client to count."""
    response.headers["X-Release"] = RELEASE
    return response


@app.get("/")
def home() -> str:
    """Answer at once."""
    return behaviour.VERSION


@app.get("/slow")
def slow() -> str:
    """Answer after three seconds."""
    time.sleep(3)
    return behaviour.VERSION


@app.get("/config")
def config() -> dict[str, str | int]:
    """Show what the release was configured with."""
    return {"currency": os.environ["CURRENCY"], "token": len(os.environ["TOKEN"])}


@app.get("/healthz")
def healthz() -> tuple[str, int]:
    """Be as healthy as this version is."""
    time.sleep(behaviour.HEALTH_SECONDS)
    return behaviour.VERSION, behaviour.HEALTH
