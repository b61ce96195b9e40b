from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

import links
from links import create_app, db, schema

APP = Path(links.__file__).parents[1]
FILES = ["0001_links.sql", "0002_last_hit.sql"]


def run(app, *arguments):
    return app.test_cli_runner().invoke(args=["migrate", *arguments])


def make_newer(database):
    """Apply what a later version of the code could: a migration that only adds."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE links ADD COLUMN note TEXT")
        connection.execute("PRAGMA user_version = 3")


def test_health_before_and_after_migrate(empty_app, database):
    client = empty_app.test_client()
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["status"] == "error"
    assert answer.json["schema"] == 0
    assert answer.json["error"] == (
        "database schema is 0, this code needs 2: run `flask --app links.wsgi migrate`"
    )
    assert run(empty_app).exit_code == 0
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "status": "ok",
        "version": links.__version__,
        "release": None,
        "schema": 2,
    }


def test_health_shows_the_release(database, monkeypatch):
    monkeypatch.setenv("APP_RELEASE", "r42")
    app = create_app({"LINKS_DATABASE": database})
    assert app.test_client().get("/healthz").json["release"] == "r42"


def test_pages_before_migrate(empty_app, database):
    os.mkdir(os.path.dirname(database))
    client = empty_app.test_client()
    for path in ("/", "/some-code"):
        page = client.get(path)
        assert page.status_code == 503
        assert page.headers["Retry-After"] == "5"
        assert "/healthz says why" in page.text
    assert client.get("/api/links").json == {
        "error": "The database is not ready; /healthz says why."
    }
    assert not os.path.exists(database), "a web request must not create the database"


def test_health_of_a_half_migrated_database(empty_app, database):
    schema.migrate(database, 5, target=1)
    answer = empty_app.test_client().get("/healthz")
    assert (answer.status_code, answer.json["schema"]) == (503, 1)
    assert "database schema is 1, this code needs 2" in answer.json["error"]


def test_newer_database_is_healthy_and_serves(client, database, add):
    """What the code before the last deployment meets when it is rolled back to."""
    make_newer(database)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json["status"], answer.json["schema"]) == (200, "ok", 3)
    assert add(code="after")["code"] == "after"
    assert client.get("/after").status_code == 302
    assert client.get("/api/links/after").json["hits"] == 1


def test_health_of_something_that_is_no_database(client, database):
    Path(database).write_text("This is not a database. " * 100)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json["error"] == "database does not answer: file is not a database"
    assert answer.json["schema"] is None
    assert client.get("/").status_code == 503


def test_health_of_a_locked_database(database):
    app = create_app({"LINKS_DATABASE": database, "LINKS_BUSY_SECONDS": 0.05})
    schema.migrate(database, 5)
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        client = app.test_client()
        answer = client.get("/healthz")
        assert answer.status_code == 503
        assert answer.json["error"] == "database does not answer: database is locked"
        assert client.get("/").status_code == 200, "readers do not wait for a writer"
    assert client.get("/healthz").status_code == 200


def test_one_connection_per_request_and_closed_after_it(app):
    with app.app_context():
        connection = db.get_db()
        assert db.get_db() is connection
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == 5000
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_migrate_says_what_it_did_and_is_idempotent(empty_app, database):
    first = run(empty_app)
    assert first.output.splitlines() == [
        "applied 0001_links.sql",
        "applied 0002_last_hit.sql",
        f"{database}: schema is 2",
    ]
    second = run(empty_app)
    assert second.exit_code == 0
    assert second.output == f"{database}: schema is 2, nothing to do\n"


def test_migrate_keeps_the_data(empty_app, database):
    assert schema.migrate(database, 5, target=1) == FILES[:1]
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "INSERT INTO links (code, url, hits, created_at)"
            " VALUES ('old', 'http://o.example/', 7, 0)"
        )
        connection.commit()
    assert schema.migrate(database, 5) == FILES[1:]
    client = empty_app.test_client()
    assert client.get("/api/links/old").json == {
        "code": "old",
        "url": "http://o.example/",
        "short_url": "http://localhost/old",
        "hits": 7,
        "created_at": "1970-01-01T00:00:00Z",
        "last_hit_at": None,
    }
    assert client.get("/old").status_code == 302
    assert client.get("/api/links/old").json["hits"] == 8


def test_migrate_leaves_a_newer_database_as_it_is(app, database):
    make_newer(database)
    before = Path(database).read_bytes()
    result = run(app)
    assert result.exit_code == 0
    assert result.stdout == f"{database}: schema is 3, newer than this code's 2, nothing to do\n"
    assert Path(database).read_bytes() == before


def test_migrate_names_a_file_it_cannot_use(tmp_path):
    (tmp_path / "file").write_text("")
    app = create_app({"LINKS_DATABASE": str(tmp_path / "file" / "links.sqlite3")})
    result = run(app)
    assert result.exit_code == 1
    assert "migration failed" in result.output


def test_failed_migration_leaves_no_trace(database, tmp_path, monkeypatch):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_good.sql").write_text("CREATE TABLE good (id INTEGER);\n")
    (folder / "0002_bad.sql").write_text("CREATE TABLE half (id INTEGER);\nSELECT nonsense;\n")
    monkeypatch.setattr(schema, "FOLDER", folder)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="nonsense"):
            schema.migrate(database, 5)
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (1,)
            assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("good",)]


@pytest.mark.parametrize("names", [["0002_a.sql"], ["0001_a.sql", "0001_b.sql"]])
def test_migration_numbers_have_no_gap(tmp_path, monkeypatch, names):
    for name in names:
        (tmp_path / name).write_text("")
    monkeypatch.setattr(schema, "FOLDER", tmp_path)
    with pytest.raises(RuntimeError, match="must be numbered"):
        schema.migrations()


def test_migration_script_is_split_into_statements():
    script = "-- a; b\nCREATE TABLE a (t TEXT DEFAULT ';');\nSELECT 1;\n-- the end\n"
    assert len(list(schema.statements(script))) == 2
    with pytest.raises(ValueError, match="unfinished"):
        list(schema.statements("SELECT 1"))


def test_racing_migrations_in_threads(tmp_path):
    for number in range(10):
        database = str(tmp_path / f"{number}.sqlite3")
        with ThreadPoolExecutor(4) as pool:
            done = [pool.submit(schema.migrate, database, 10) for _ in range(4)]
        assert sorted(name for future in done for name in future.result()) == FILES


def test_racing_migrations_in_processes(database):
    command = [sys.executable, "-m", "flask", "--app", "links.wsgi", "migrate"]
    environment = {**os.environ, "LINKS_DATABASE": database, "PYTHONDONTWRITEBYTECODE": "1"}
    racers = [
        subprocess.Popen(command, cwd=APP, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    output = "".join(racer.communicate(timeout=30)[0] for racer in racers)
    assert [racer.returncode for racer in racers] == [0, 0]
    assert [output.count(f"applied {name}") for name in FILES] == [1, 1]
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_importing_opens_no_database(tmp_path):
    database = tmp_path / "none" / "links.sqlite3"
    code = "import sqlite3; sqlite3.connect = None; from links.wsgi import app; print(app.name)"
    environment = {
        **os.environ,
        "LINKS_DATABASE": str(database),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=APP, env=environment, capture_output=True, text=True
    )
    assert (result.stdout, result.stderr) == ("links\n", "")
    assert not database.parent.exists()
