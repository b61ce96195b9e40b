"""The health check for load balancers, monitoring and deployments."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue

from . import __version__, db, schema

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """200 if the database takes writes and has at least the schema this code needs, else 503."""
    found = None
    try:
        found = db.current_schema()
        problem = schema.outdated(found, current_app.config["LINKS_SCHEMA"])
        if problem is None:
            # A full disk or a file of another user still answers reads.
            db.get_db().execute("BEGIN IMMEDIATE")
            db.get_db().execute("ROLLBACK")
    except sqlite3.Error as error:
        problem = f"database does not answer: {error}"
    state = {
        "status": "ok" if problem is None else "error",
        "version": __version__,
        "release": current_app.config["APP_RELEASE"],
        "schema": found,
    }
    if problem is None:
        return state
    current_app.logger.warning("health check: %s", problem)
    return {**state, "error": problem}, 503
