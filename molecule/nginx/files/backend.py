#!/usr/bin/env python3
"""A server behind nginx, for the tests: it tells what it was asked.

backend.py NAME PORT: listens on 127.0.0.1. Every answer has the header X-Backend with its name; a
body is JSON unless said otherwise. While the file /run/backend-fails is there, it answers 500.

    /count...     how often it was asked for this path; no headers about caching
    /private      the same, with Cache-Control: private
    /cookie       the same, with Set-Cookie
    /frame        with X-Frame-Options and Retry-After of its own
    /text         20,000 bytes of text
    .../stream    three parts, half a second apart; .../accel says that they are to be handed on
    .../broken... breaks the connection off; .../asked<path> says how often a path was asked for
    /slow         after a second
    /large        with a header of 16,000 bytes
    /socket       101 and an echo of all that comes, if it is asked to upgrade
    other         the headers and the length of the body that it got
"""

import collections
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COUNTS = collections.Counter()


class Backend(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: object, **headers: str) -> None:
        """Send an answer; in a header's name, _ stands for -."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("X-Backend", sys.argv[1])
        self.send_header("Content-Length", str(len(data)))
        if "Content_Type" not in headers:
            self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def echo(self) -> None:
        """Take over another protocol: send back what comes."""
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        while data := self.connection.recv(4096):
            self.connection.sendall(data)
        self.close_connection = True

    def stream(self, **headers: str) -> None:
        """Send parts one by one, and close: whoever wants can wait for more."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        for number in range(3):
            self.wfile.write(b"data: %d\n\n" % number)
            time.sleep(0.5)
        self.close_connection = True

    def do_GET(self) -> None:
        """Answer by path."""
        length = len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        path = self.path.split("?")[0]
        COUNTS[path] += 1
        if os.path.exists("/run/backend-fails"):
            self.answer(500, {"error": "told to fail"})
        elif path == "/socket" and self.headers.get("Upgrade") == "websocket":
            self.echo()
        elif "/asked/" in path:
            self.answer(200, {"count": COUNTS[path.partition("/asked")[2]]})
        elif "/broken" in path:
            self.close_connection = True
        elif path.startswith(("/count", "/micro/count", "/open/count")):
            self.answer(200, {"count": COUNTS[path]})
        elif path.endswith("/private"):
            self.answer(200, {"count": COUNTS[path]}, Cache_Control="private")
        elif path.endswith("/cookie"):
            self.answer(200, {"count": COUNTS[path]}, Set_Cookie="visit=1")
        elif path.endswith("/stream"):
            self.stream()
        elif path.endswith("/accel"):
            self.stream(X_Accel_Buffering="no")
        elif path == "/large":
            self.answer(200, {}, X_Large="x" * 16000)
        elif path == "/frame":
            self.answer(503, {}, X_Frame_Options="DENY", Retry_After="7")
        elif path == "/text":
            self.answer(200, "some words " * 2000, Content_Type="text/html")
        else:
            if path == "/slow":
                time.sleep(1)
            self.answer(
                200, {"headers": {k.lower(): v for k, v in self.headers.items()}, "length": length}
            )

    do_POST = do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


ThreadingHTTPServer.request_queue_size = 1024
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Backend).serve_forever()
