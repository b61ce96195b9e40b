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
    headers: list[tuple[str, str]] = []
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
    elif path == "/told":
        body = {name: value for name, value in environ.items() if isinstance(value, str)}
    elif path == "/length":
        body = {"length": len(environ["wsgi.input"].read())}
    # What answers without a look at the body.
    elif path == "/unread/401":
        status = "401 Unauthorized"
    elif path == "/unread/413":
        too_much = int(environ.get("CONTENT_LENGTH") or 0) > 50
        status = "413 Content Too Large" if too_much else status
    elif path == "/unread/302":
        status = "302 Found"
        headers = [("Location", "/elsewhere")]
    elif path == "/unread/500":
        status = "500 Internal Server Error"  # as frameworks make of an exception
    elif path.startswith("/large/"):
        size = int(path[len("/large/") :])
        headers = [("Set-Cookie", f"session={'c' * 4000}") for _ in range(size // 4000)]
    elif path == "/broken":
        status = "500 Internal Server Error"
    start_response(status, [("Content-Type", "application/json"), *headers])
    return [json.dumps(body).encode()]
