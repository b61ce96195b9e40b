"""A WSGI callable that tells what it was asked and what it runs in; no framework."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import uwsgi

#: What /eat took.
eaten: list[bytes] = []


def work_off(job: dict[bytes, bytes]) -> int:
    """Do a job of uWSGI's spooler."""
    note(os.path.join(os.environ["APP_SHARED"], "spooled"), job[b"text"].decode())
    return int(uwsgi.SPOOL_OK)


def note(path: str, text: str) -> None:
    """Add a line to a file."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(text + "\n")


uwsgi.spooler = work_off


def sleep_long(seconds: float) -> None:
    """Sleep, under a name that a traceback shows."""
    time.sleep(seconds)


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
        sleep_long(float(path[len("/sleep/") :]))
    elif path.startswith("/eat/"):
        eaten.append(b"x" * (int(path[len("/eat/") :]) << 20))
    elif path.startswith("/spool/"):
        uwsgi.spool({b"text": path[len("/spool/") :].encode()})
    elif path == "/raise":
        raise RuntimeError("nobody catches this")
    elif path == "/cookie":
        body = {"length": len(environ.get("HTTP_COOKIE", ""))}
    elif path == "/broken":
        status = "500 Internal Server Error"
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
