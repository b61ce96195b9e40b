"""Schema migrations: numbered SQL files and the `flask migrate` command."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from .db import connect, current_schema, version_of

FOLDER = Path(__file__).with_name("migrations")


def migrations() -> list[Path]:
    """The migration files in order; file number N brings the schema to version N.

    Raises RuntimeError if a number is missing or used twice.
    """
    files = sorted(FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    numbers = [int(file.name[:4]) for file in files]
    if numbers != list(range(1, len(files) + 1)):
        raise RuntimeError(f"migrations must be numbered 1, 2, 3, ... but are {numbers}")
    return files


def latest() -> int:
    """The schema version this code needs. Raises RuntimeError as migrations() does."""
    return len(migrations())


def outdated(found: int, needed: int) -> str | None:
    """What is wrong with schema version `found`, or None if this code can work with it.

    A newer schema is no fault: it is what a rollback meets, and what the running code
    meets while its successor is being put in place. Migrations only add.
    """
    if found >= needed:
        return None
    return (
        f"database schema is {found}, this code needs {needed}:"
        " run `flask --app links.wsgi migrate`"
    )


def statements(script: str) -> Iterator[str]:
    """Split an SQL script; executescript() would commit the open transaction first."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if re.sub(r"--.*", "", pending).strip():
        raise ValueError(f"unfinished SQL statement: {pending.strip()}")


def migrate(path: str, busy_seconds: float, target: int | None = None) -> list[str]:
    """Bring the database at `path` to schema version `target` (default: the latest).

    Creates the file and its folder if they are missing, waits up to `busy_seconds` for
    each lock, and returns the names of the files applied. Safe to run again and to run
    twice at once. Leaves a database newer than that as it is.

    Raises sqlite3.Error or OSError; migrations before the failed one stay applied, the
    failed one leaves no trace.
    """
    files = migrations()[:target]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    connection = connect(path, busy_seconds, create=True)
    applied: list[str] = []
    try:
        if version_of(connection) > len(files):
            return applied
        use_write_ahead_log(connection, busy_seconds)
        while True:
            connection.execute("BEGIN IMMEDIATE")
            try:
                # Read under the write lock: another migration may have just finished.
                version = version_of(connection)
                if version >= len(files):
                    return applied
                file = files[version]
                for statement in statements(file.read_text(encoding="utf-8")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            applied.append(file.name)
    finally:
        connection.close()


def use_write_ahead_log(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Let readers and a writer work side by side; the setting stays in the file.

    Raises sqlite3.OperationalError after `busy_seconds` of trying: SQLite does not
    always wait for a lock itself when the journal mode changes.
    """
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@click.command("migrate")
@with_appcontext
def migrate_command() -> None:
    """Bring the database to the schema this code needs."""
    path = current_app.config["LINKS_DATABASE"]
    try:
        applied = migrate(path, busy_seconds=60)
        found = current_schema()
    except (sqlite3.Error, OSError) as error:
        raise click.ClickException(f"{path}: migration failed: {error}") from error
    for name in applied:
        click.echo(f"applied {name}")
    needed = current_app.config["LINKS_SCHEMA"]
    newer = f", newer than this code's {needed}" if found > needed else ""
    done = "" if applied else ", nothing to do"
    click.echo(f"{path}: schema is {found}{newer}{done}")


def init_app(app: Flask) -> None:
    app.cli.add_command(migrate_command)
