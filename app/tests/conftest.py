"""An application with its own migrated database for every test."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from links import create_app, schema  # noqa: E402


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No setting of the developer's shell reaches a test."""
    for name in ("APP_RELEASE", "LINKS_DATABASE", "LINKS_TITLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def database(tmp_path):
    return str(tmp_path / "data" / "links.sqlite3")


@pytest.fixture
def empty_app(database):
    """An application whose database was never migrated."""
    return create_app({"LINKS_DATABASE": database})


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """A migrated database to copy, which is faster than migrating for every test."""
    path = tmp_path_factory.mktemp("migrated") / "links.sqlite3"
    schema.migrate(str(path), busy_seconds=5)
    return path


@pytest.fixture
def app(empty_app, database, migrated):
    os.mkdir(os.path.dirname(database))
    shutil.copy(migrated, database)
    return empty_app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def add(client):
    def add(url="https://example.org/", **fields):
        answer = client.post("/api/links", json={"url": url, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json

    return add
