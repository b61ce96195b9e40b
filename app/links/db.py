"""SQLite connections: one per request, closed when the request ends."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from flask import Flask, current_app, g


def connect(path: str, busy_seconds: float, create: bool = False) -> sqlite3.Connection:
    """Open the database at `path` in autocommit mode.

    Waits up to `busy_seconds` for a lock. Only with `create` is a missing file made:
    a web request must not leave an empty database behind, least of all one that
    belongs to another user than the one who migrates.

    Raises sqlite3.Error if the file cannot be opened or is no database.
    """
    uri = f"{Path(path).absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        # With a write-ahead log this cannot corrupt the file, and a redirect does not
        # have to wait for the disk: a power cut may cost the last few writes.
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:  # such as a file that is no database
        connection.close()
        raise
    return connection


def get_db() -> sqlite3.Connection:
    """The connection of this request. Raises sqlite3.Error."""
    connection: sqlite3.Connection | None = g.get("db")
    if connection is None:
        config = current_app.config
        connection = g.db = connect(config["LINKS_DATABASE"], config["LINKS_BUSY_SECONDS"])
    return connection


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version written in the database. Raises sqlite3.Error."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def current_schema() -> int:
    """The schema version of the site's database, 0 if there is none yet.

    Raises sqlite3.Error if the database is there but cannot be read.
    """
    try:
        os.stat(current_app.config["LINKS_DATABASE"])
    except FileNotFoundError:
        return 0
    except OSError:
        pass  # SQLite names the trouble below.
    return version_of(get_db())


def close_db(_error: BaseException | None = None) -> None:
    """Close the connection of this request, if it opened one."""
    connection = g.pop("db", None)
    if connection is not None:
        connection.close()


def init_app(app: Flask) -> None:
    app.teardown_appcontext(close_db)
