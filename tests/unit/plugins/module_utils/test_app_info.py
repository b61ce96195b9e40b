"""How the applications of a host are."""

from __future__ import annotations

import json
from collections.abc import Callable

from ansible_collections.flaskstack.centos.plugins.module_utils import _uwsgi_stats
from ansible_collections.flaskstack.centos.plugins.module_utils._app_info import info
from app_host import Host


def test_what_is_told(stats: Host) -> None:
    (found,) = info(str(stats.root), [])["apps"]
    history = found.pop("history")
    assert [event["release"] for event in history] == ["b-1"]
    assert found == {
        "name": "shop",
        "release": "b-1",
        "version": 'v"1"',
        "since": "2026-01-02T03:04:05Z",
        "state": "active",
        "restarts": 4,
        "answers": True,
        "workers": 2,
        "busy": 1,
        "idle": 1,
        "threads": 4,
        "threads_busy": 1,
        "requests": 12,
        "exceptions": 1,
        "harakiri": 2,
        "respawns": 2,
        "sent": 120,
        "running": 2.0,
        "memory": 3 * 1000 * 1024,
        "down": ["clean"],
        "others": [],
        "routers": {},
        "previous": "",
        "previous_version": "",
    }
    assert info(str(stats.root), ["blog"])["apps"] == []


def test_health_is_asked_for_where_it_is_wanted(
    host: Host, serve: Callable[..., list[str]]
) -> None:
    host.make("b-1")
    host.link("current", "b-1")
    (host.root / "blog/releases").mkdir(parents=True)
    asked = serve("b-1", 200)
    assert "health" not in info(str(host.root), ["shop"])["apps"][0]
    assert asked == []
    blog, shop = info(str(host.root), [], health=True)["apps"]
    told = {"path": "/", "host": "shop.example", "status": [200]}
    assert shop["health"] == told | {"healthy": True, "answered": 200}
    assert asked == ["/"]
    # One without a release is not well, and has nothing to be asked for.
    assert (blog["health"]["healthy"], blog["health"]["path"]) == (False, "")


def test_unknown_names_are_told_with_the_nearest(stats: Host) -> None:
    answer = info(str(stats.root), ["shpo", "shop", "xyz"])
    assert [found["name"] for found in answer["apps"]] == ["shop"]
    assert answer["unknown"] == [
        {"name": "shpo", "nearest": "shop"},
        {"name": "xyz", "nearest": ""},
    ]


def test_routers_of_an_application(stats: Host) -> None:
    (stats.units_directory / "uwsgi-shop-http.service").touch()
    (found,) = info(str(stats.root), [])["apps"]
    assert found["routers"] == {"http": "active"}


def test_one_that_says_nonsense_is_told_of_with_the_others(
    host: Host, talk: Callable[..., None]
) -> None:
    """Fault 7: the malformed answer of one broke the status of all."""
    host.make("b-1")
    host.link("current", "b-1")
    talk(host.sockets / "shop/b-1/stats.sock", json.dumps({"workers": [1]}).encode())
    (host.root / "blog/releases").mkdir(parents=True)
    (host.root / "blog/current").symlink_to("releases/c-1")
    talk(host.sockets / "blog/c-1/stats.sock", json.dumps({"pid": 1, "workers": []}).encode())
    blog, shop = info(str(host.root), [])["apps"]
    assert (blog["answers"], shop["answers"]) == (True, False)
    assert shop["requests"] == 0


def test_a_host_without_applications(host: Host) -> None:
    assert info(str(host.root / "none"), ["shop"]) == {
        "apps": [],
        "unknown": [{"name": "shop", "nearest": ""}],
    }


def test_the_answer_is_json(stats: Host) -> None:
    assert json.loads(json.dumps(info(str(stats.root), [])))
    assert _uwsgi_stats.read("") is not None
