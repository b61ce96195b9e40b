"""A WSGI callable that is well, beside others that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer every request."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\n"]
