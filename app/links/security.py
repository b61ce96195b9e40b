"""Headers on every answer, and the refusal of writes started by other sites."""

from __future__ import annotations

from flask import Flask, Response, abort, request

from . import __version__

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; img-src 'self'; script-src 'self'; "
        "style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-App-Version": __version__,
    "X-Content-Type-Options": "nosniff",
}


def refuse_other_sites() -> None:
    """Raise 403 if a browser sends this write on behalf of another site.

    There is no login or cookie a token could be tied to, so a token (and the secret key
    to sign it) would prove nothing. What is left to stop is another site making a
    visitor's browser write to a server that only the visitor can reach, and browsers
    say so themselves: in Sec-Fetch-Site over HTTPS, in Origin everywhere. A client that
    sends neither is no browser and gains nothing by pretending.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        # Without the scheme: behind a TLS proxy the application may see plain HTTP.
        allowed = origin is None or origin.partition("://")[2] == request.host
    if not allowed:
        abort(403, "Writing from another site's page is not allowed.")


def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        # Counts, redirects and health change at any time.
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def init_app(app: Flask) -> None:
    app.before_request(refuse_other_sites)
    app.after_request(add_headers)
