"""Every error as one sentence: JSON for programs, a page for people."""

from __future__ import annotations

import sqlite3

from flask import Flask, Response, current_app, json, render_template, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from .store import LinkError

SENTENCES = {
    400: "The request could not be understood.",
    404: "There is nothing at this address.",
    405: "This address does not accept this method.",
    413: "The request is too large.",
    500: "Something went wrong on the server.",
}


def wants_json() -> bool:
    """Whether this address is meant for programs."""
    return request.path in ("/api", "/healthz") or request.path.startswith("/api/")


def http_error(error: HTTPException) -> Response:
    """Fill werkzeug's answer, which has the right headers (such as Allow)."""
    status = error.code or 500
    # A description of our own (given to abort()) beats the general sentence.
    own = error.description if error.description != type(error).description else None
    sentence = own or SENTENCES.get(status) or error.name
    response = Response(status=status)
    for name, value in error.get_headers(request.environ):
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    if wants_json():
        response.mimetype = "application/json"
        response.set_data(json.dumps({"error": sentence}) + "\n")
    else:
        response.set_data(
            render_template("error.html", status=status, name=error.name, sentence=sentence)
        )
    return response


def link_error(error: LinkError) -> tuple[dict[str, str | None], int]:
    """A refused link in the API; the form page shows the error beside its field."""
    return {"error": error.message, "field": error.field}, error.status


def database_error(error: sqlite3.DatabaseError) -> Response:
    """The database is missing, locked, damaged or not migrated: try again later."""
    current_app.logger.error("database: %s", error, exc_info=error)
    return http_error(
        ServiceUnavailable("The database is not ready; /healthz says why.", retry_after=5)
    )


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(LinkError, link_error)
    app.register_error_handler(sqlite3.DatabaseError, database_error)
