"""An application that reads a request's body, or does not, and gives small answers and large ones.

It is nothing but WSGI, so that what is measured is not a framework.
"""

from collections.abc import Callable, Iterable
from typing import Any

#: What one read takes of a body, bytes.
PIECE = 65536
LARGE = b"x" * 2_000_000


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer by the path: /read, /unread, /large, and whatever else with a small text."""
    path = environ["PATH_INFO"]
    status, body = "200 OK", b"ok\n"
    if path == "/read":
        expected, read = int(environ.get("CONTENT_LENGTH") or 0), 0
        while piece := environ["wsgi.input"].read(PIECE):
            read += len(piece)
        body = b"%d\n" % read
        if read != expected:
            status = "500 Internal Server Error"
    elif path == "/unread":
        status = "401 Unauthorized"
    elif path == "/large":
        body = LARGE
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]
