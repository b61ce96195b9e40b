"""A small link shortener: pages, a JSON API and a health check on one SQLite file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flask import Flask

__version__ = "1.0.0"

__all__ = ["__version__", "create_app"]


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Build the application; `config` overrides the environment.

    No database is opened here: a server may fork after importing the application,
    and an SQLite connection must not cross a fork.

    Raises RuntimeError if the migration files are not numbered 1, 2, 3, ...
    """
    from . import api, db, errors, health, pages, schema, security

    app = Flask(__name__)
    app.config.from_mapping(
        APP_RELEASE=os.environ.get("APP_RELEASE") or None,
        LINKS_DATABASE=os.environ.get("LINKS_DATABASE")
        or os.path.join(app.instance_path, "links.sqlite3"),
        LINKS_TITLE=os.environ.get("LINKS_TITLE") or "Links",
        # Seconds a request waits for another process to finish writing.
        LINKS_BUSY_SECONDS=5.0,
        # Bytes; the longest link fits in several times over.
        MAX_CONTENT_LENGTH=16 * 1024,
    )
    app.config.from_mapping(config or {})
    app.config["LINKS_SCHEMA"] = schema.latest()

    db.init_app(app)
    schema.init_app(app)
    security.init_app(app)
    errors.init_app(app)
    app.register_blueprint(health.bp)
    app.register_blueprint(api.bp)
    app.register_blueprint(pages.bp)

    @app.context_processor
    def site() -> dict[str, Any]:
        return {
            "title": app.config["LINKS_TITLE"],
            "version": __version__,
            "release": app.config["APP_RELEASE"],
        }

    return app
