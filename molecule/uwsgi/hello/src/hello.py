"""A WSGI callable that tells what it was asked and what it runs in; no framework."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with JSON; the path says what to try."""
    path: str = environ["PATH_INFO"]
    status = "200 OK"
    body: dict[str, Any] = {"release": os.environ["APP_RELEASE"], "pid": os.getpid()}
    if path.startswith("/env/"):
        body = {"value": os.environ.get(path[len("/env/") :])}
    elif path.startswith("/write/"):
        try:
            with open(path[len("/write") :], "w", encoding="utf-8"):
                body = {"written": True}
        except OSError as error:
            body = {"written": False, "why": error.strerror}
    elif path.startswith("/sleep/"):
        time.sleep(float(path[len("/sleep/") :]))
    elif path == "/cookie":
        body = {"length": len(environ.get("HTTP_COOKIE", ""))}
    elif path == "/broken":
        status = "500 Internal Server Error"
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
