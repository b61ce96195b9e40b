from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

import links
from links import create_app


def test_page_lists_links_with_hits(client, add):
    add("https://example.org/long", code="short")
    client.get("/short")
    page = client.get("/")
    assert page.status_code == 200
    assert 'href="http://localhost/short"' in page.text
    assert "https://example.org/long" in page.text
    assert re.search(r"<strong>1</strong> hit<", page.text)


def test_version_release_and_title(app, client, database, monkeypatch):
    assert f"Version {links.__version__}" in client.get("/").text
    assert "Release" not in client.get("/").text
    monkeypatch.setenv("APP_RELEASE", "2031-05-06")
    monkeypatch.setenv("LINKS_TITLE", "Fish & <Chips>")
    monkeypatch.setenv("LINKS_DATABASE", database)
    page = create_app().test_client().get("/")
    assert "Release 2031-05-06" in page.text
    assert "<title>Fish &amp; &lt;Chips&gt;</title>" in page.text


def test_database_is_in_the_instance_folder_by_default():
    app = create_app()
    assert app.config["LINKS_DATABASE"] == f"{app.instance_path}/links.sqlite3"


def test_headers(client, add):
    add(code="x")
    for path in ("/", "/x", "/nothing", "/api/links", "/healthz"):
        headers = client.get(path).headers
        assert headers["X-App-Version"] == links.__version__
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_static_files_of_the_page_exist(client):
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get("/").text))
    assert len(files) == 3
    for file in files:
        with client.get(file) as answer:
            assert answer.status_code == 200, file
            assert answer.data
            assert answer.headers["X-App-Version"] == links.__version__


def test_page_loads_nothing_from_elsewhere(client):
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//(?!localhost/)', client.get("/").text)


def test_form_without_javascript(client):
    answer = client.post("/", data={"url": "https://example.org/form", "code": ""})
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"])
    code = answer.headers["Location"].partition("created=")[2]
    assert "Your short link:" in page.text
    assert client.get(f"/{code}").headers["Location"] == "https://example.org/form"


@pytest.mark.parametrize(
    ("url", "code", "status", "field"),
    [
        ("", "", 422, "url"),
        ("ftp://example.org/", "", 422, "url"),
        ("https://example.org/", "not this", 422, "code"),
        ("https://example.org/", "taken", 409, "code"),
    ],
)
def test_form_error_keeps_what_was_typed(client, add, url, code, status, field):
    add(code="taken")
    page = client.post("/", data={"url": url, "code": code})
    assert page.status_code == status
    field_tag = re.search(rf'<input id="{field}".*?>', page.text, re.S).group()
    assert 'aria-invalid="true"' in field_tag
    assert f'value="{url if field == "url" else code}"' in field_tag
    assert re.search(r'<p id="error"[^>]* role="alert">[^<]+\.</p>', page.text)


def test_form_too_large(client):
    page = client.post("/", data={"url": "x" * 20_000})
    assert page.status_code == 413
    assert "The request is too large." in page.text


def test_created_link_that_does_not_exist(client):
    page = client.get("/?created=%3Cscript%3E")
    assert page.status_code == 200
    assert "Your short link:" not in page.text
    assert "<script>" not in page.text


def test_markup_is_escaped(client, add, database):
    attack = '" onfocus="x"><script>alert(1)</script>'
    add(code="x")
    with closing(sqlite3.connect(database)) as connection:
        # Markup that came into the database in some other way than through the checks.
        connection.execute("UPDATE links SET url = ?", (attack,))
        connection.commit()
    for page in (
        client.get("/"),
        client.get("/?created=x"),
        client.post("/", data={"url": attack, "code": attack}),
        client.get("/" + attack),
    ):
        assert "<script>" not in page.text
        assert '" onfocus' not in page.text


def test_redirect_counts(client, add):
    add("https://example.org/target", code="x")
    for _ in range(3):
        answer = client.get("/x")
        assert (answer.status_code, answer.headers["Location"]) == (
            302,
            "https://example.org/target",
        )
    assert client.head("/x").status_code == 302
    link = client.get("/api/links/x").json
    assert link["hits"] == 3
    assert link["last_hit_at"] >= link["created_at"]


def test_hits_of_many_threads_all_count(app, add):
    add(code="busy")

    def visit(_number):
        return app.test_client().get("/busy").status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(visit, range(200))) == {302}
    assert app.test_client().get("/api/links/busy").json["hits"] == 200


def test_threads_that_want_the_same_code(app):
    def create(number):
        link = {"url": f"https://example.org/{number}", "code": "one"}
        return app.test_client().post("/api/links", json=link).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [201] + [409] * 7


@pytest.mark.parametrize("path", ["/nothing", "/a.b", "/a/b", "/%00", "/" + "x" * 33, "/%ff"])
def test_not_found_page(client, path):
    page = client.get(path)
    assert page.status_code == 404
    assert page.mimetype == "text/html"
    assert "Go to the start page" in page.text


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "https://localhost"}, True),
        ({"Origin": "http://localhost:81"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
        ({"Origin": "http://[evil"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_writes_from_other_sites_are_refused(client, add, headers, allowed):
    add(code="kept")
    form = client.post("/", data={"url": "https://example.org/"}, headers=headers)
    assert form.status_code == (303 if allowed else 403)
    post = client.post("/api/links", json={"url": "https://example.org/"}, headers=headers)
    assert post.status_code == (201 if allowed else 403)
    delete = client.delete("/api/links/kept", headers=headers)
    assert delete.status_code == (204 if allowed else 403)
    assert client.get("/", headers=headers).status_code == 200


def test_unexpected_error_is_a_plain_sentence(app, monkeypatch):
    def fail(_limit):
        raise ValueError("secret detail")

    monkeypatch.setattr("links.store.latest", fail)
    client = app.test_client()
    answer = client.get("/api/links")
    assert answer.status_code == 500
    assert answer.json == {"error": "Something went wrong on the server."}
    page = client.get("/")
    assert page.status_code == 500
    assert "secret detail" not in page.text
