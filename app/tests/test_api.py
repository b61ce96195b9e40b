from __future__ import annotations

import pytest

from links import store


def test_create_and_read(client):
    answer = client.post("/api/links", json={"url": "https://example.org/a?b=c#d"})
    assert answer.status_code == 201
    link = answer.json
    assert answer.headers["Location"] == f"/api/links/{link['code']}"
    assert link["url"] == "https://example.org/a?b=c#d"
    assert link["short_url"] == f"http://localhost/{link['code']}"
    assert (link["hits"], link["last_hit_at"]) == (0, None)
    assert client.get(answer.headers["Location"]).json == link


def test_chosen_code_is_taken_once(client, add):
    assert add(code="docs")["code"] == "docs"
    answer = client.post("/api/links", json={"url": "https://example.com/", "code": "docs"})
    assert answer.status_code == 409
    assert answer.json["error"] == "The code 'docs' is already taken."
    assert client.get("/api/links/docs").json["url"] == "https://example.org/"
    assert add(code="Docs")["code"] == "Docs"


def test_delete(client, add):
    add(code="gone")
    answer = client.delete("/api/links/gone")
    assert (answer.status_code, answer.data) == (204, b"")
    assert client.delete("/api/links/gone").status_code == 404
    assert client.get("/gone").status_code == 404


def test_list_is_newest_first_and_bounded(client, add):
    for number in range(25):
        add(code=f"n{number}")
    codes = [link["code"] for link in client.get("/api/links?limit=3").json["links"]]
    assert codes == ["n24", "n23", "n22"]
    assert len(client.get("/api/links").json["links"]) == 20


@pytest.mark.parametrize("limit", ["0", "-1", "101", "many", "1.5", "", "9" * 5000])
def test_bad_limit(client, limit):
    answer = client.get("/api/links", query_string={"limit": limit})
    assert answer.status_code == 400
    assert answer.json == {"error": "limit must be a whole number from 1 to 100."}


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "   ",
        7,
        ["https://example.org/"],
        "example.org",
        "//example.org/",
        "ftp://example.org/",
        "javascript:alert(1)",
        "data:text/html,hello",
        "https://",
        "https:///path",
        "https://:443/",
        "https://a..b/",
        "https://[::1/",
        "https://exa<mple.org/",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://example.org:port/",
        "https://user:secret@example.org/",
        "https://example.org/a b",
        "https://example.org/\r\nSet-Cookie: a=b",
        "https://example.org/\x00",
        "https://example.org/\ud800",
        "https://example.org/" + "x" * 2048,
        "https://example.org/" + "ü" * 1000,
    ],
)
def test_bad_url(client, url):
    answer = client.post("/api/links", json={"url": url})
    assert answer.status_code == 422
    assert answer.json["field"] == "url"
    assert answer.json["error"].endswith(".")
    assert client.get("/api/links").json == {"links": []}


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        (" https://example.org/ ", "https://example.org/"),
        ("HTTP://EXAMPLE.org", "http://example.org"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("https://exämple.org/ü?ö=%20", "https://xn--exmple-cua.org/%C3%BC?%C3%B6=%20"),
    ],
)
def test_good_url(client, add, url, stored):
    link = add(url)
    assert link["url"] == stored
    assert client.get(f"/{link['code']}").headers["Location"] == stored


@pytest.mark.parametrize(
    "code", ["", "a b", "a/b", "ü", "x" * 33, "a\n", "../x", 5, "api", "static", "healthz", "API"]
)
def test_bad_code(client, code):
    answer = client.post("/api/links", json={"url": "https://example.org/", "code": code})
    assert answer.status_code == 422
    assert answer.json["field"] == "code"


def test_longest_code(client, add):
    add(code="A-z_" * 8)
    assert client.get("/" + "A-z_" * 8).status_code == 302


@pytest.mark.parametrize("body", ["", "{", "[]", '"text"', "null", "[" * 10_000, "\xff"])
def test_body_is_no_object(client, body):
    answer = client.post("/api/links", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert list(answer.json) == ["error"]


def test_unknown_field(client):
    answer = client.post("/api/links", json={"url": "https://example.org/", "cod": "x"})
    assert answer.status_code == 422
    assert answer.json["error"] == "Unknown field: cod."


def test_wrong_content_type(client):
    answer = client.post("/api/links", data={"url": "https://example.org/"})
    assert answer.status_code == 415
    assert "application/json" in answer.json["error"]


def test_too_large(client):
    answer = client.post("/api/links", json={"url": "x" * 20_000})
    assert answer.status_code == 413
    assert answer.json == {"error": "The request is too large."}


def test_errors_are_json(client):
    for path in ("/api", "/api/", "/api/nothing", "/api/links/nothing", "/api/links/a.b"):
        answer = client.get(path)
        assert (answer.status_code, list(answer.json)) == (404, ["error"]), path
    answer = client.put("/api/links", json={})
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert answer.json == {"error": "This address does not accept this method."}


def test_random_code_collision_is_retried(add, monkeypatch):
    codes = iter(["taken", "healthz", "taken", "free"])
    monkeypatch.setattr(store, "random_code", lambda: next(codes))
    add(code="taken")
    assert add()["code"] == "free"


def test_random_codes_run_out(client, add, monkeypatch):
    monkeypatch.setattr(store, "random_code", lambda: "taken")
    add(code="taken")
    answer = client.post("/api/links", json={"url": "https://example.org/"})
    assert answer.status_code == 503
    assert answer.json["error"] == "No free code was found, please try again."


def test_random_codes_fit_the_rule():
    codes = {store.random_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(store.CODE.fullmatch(code) for code in codes)
