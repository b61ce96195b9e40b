"""The tables of status.yml."""

from __future__ import annotations

from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.status_table import tables


def application(name: str, **changes: Any) -> dict[str, Any]:
    """Describe what a host says of an application, as far as it is shown."""
    return {
        "name": name,
        "release": "abc123-11111111",
        "version": "v1 aaaaaaaaaaaa",
        "state": "active",
        "since": "2026-01-02 03:04:05 UTC",
        "restarts": 0,
        "threads": 16,
        "threads_busy": 1,
        "requests": 12345,
        "memory": 123456789,
        "down": [],
        "others": [],
        "routers": {},
        "previous": "",
        "previous_version": "",
    } | changes


def site(name: str, **changes: Any) -> dict[str, Any]:
    """Describe what a host says of a site, as far as it is shown."""
    return {
        "site": name,
        "names": [f"{name}.example.com"],
        "certificate": None,
        "days": None,
        "self_signed": False,
        "maintenance": False,
    } | changes


def test_without_hosts_there_is_a_head() -> None:
    assert tables({}).split()[:3] == ["HOST", "APPLICATION", "RELEASE"]


def test_columns_are_as_wide_as_their_widest_entry() -> None:
    first, second, third = tables(
        {"web1": {"applications": [application("shop")], "sites": []}, "web-number-two": None}
    ).splitlines()
    assert first == (
        "HOST            APPLICATION  RELEASE          VERSION          SINCE                  "
        "  STATE      BUSY/THREADS  REQUESTS  MEMORY  PREVIOUS"
    )
    assert second == (
        "web1            shop         abc123-11111111  v1 aaaaaaaaaaaa  2026-01-02 03:04:05 UTC"
        "  active     1/16          12345     118 MB  -"
    )
    assert third == (
        "web-number-two  -            -                -                -                      "
        "  no answer  -             -         -       -"
    )


def test_what_is_not_as_it_should_be_stands_beside_the_state() -> None:
    bad = application(
        "shop",
        others=["a", "b"],
        restarts=3,
        down=["worker", "clean"],
        routers={"http": "active", "tcp": "failed"},
        previous="old-22222222",
        previous_version="v0 bbbbbbbbbbbb",
    )
    text = tables({"web1": {"applications": [bad], "sites": []}})
    assert "active (2 more, RESTARTED 3 times, worker DOWN, clean DOWN, tcp DOWN)" in text
    assert text.endswith("old-22222222 (v0 bbbbbbbbbbbb)")


def test_several_hosts_are_summed_up() -> None:
    new = {"applications": [application("shop", release="b-2", version="v2")], "sites": []}
    old = {"applications": [application("shop", release="a-1", version="")], "sites": []}
    alone = {"applications": [application("blog")], "sites": []}
    text = tables({"web1": new, "web2": old, "web3": old, "web4": alone, "web5": None})
    assert text.splitlines()[6:] == [
        "",
        "shop: MIXED, a-1 on 2 hosts (web2, web3), b-2 (v2) on 1 host (web1); 1 host (web5) did not"
        " answer",
    ]
    same = tables({f"web{number}": new for number in range(4)})
    assert same.splitlines()[5:] == ["", "shop: b-2 (v2) on 4 hosts"]


def test_who_gets_no_requests() -> None:
    quiet: dict[str, Any] = {"applications": [], "sites": []}
    lines = tables(
        {"lb1": quiet | {"drained": ["10.0.0.11", "10.0.0.12"]}, "lb2": quiet, "x": None}
    )
    assert lines.endswith("\n\nlb1 sends no requests to 10.0.0.11, 10.0.0.12 (drained).")
    assert "drained" not in tables({"lb1": quiet | {"drained": []}})


def test_an_application_that_never_ran() -> None:
    new = application("new", release="", version="", since="", state="inactive", memory=0)
    assert tables({"web1": {"applications": [new], "sites": []}}).splitlines()[1].split() == [
        *("web1", "new", "-", "-", "-", "inactive", "1/16", "12345", "0", "MB", "-")
    ]


def test_certificates() -> None:
    one = {"certificate": "/etc/nginx/tls/a.crt", "days": 80}
    sites = [
        site("plain"),
        site("shop", **one),
        site("soon", **(one | {"days": 13})),
        site("today", **(one | {"days": 0})),
        site("ended", **(one | {"days": -1}), names=["a.example", "b.example"]),
        site("broken", **(one | {"days": None})),
        site("signed", **(one | {"days": 14}), self_signed=True, maintenance=True),
        site("closed", maintenance=True, names=[]),
    ]
    text = tables({"web1": {"applications": [], "sites": sites}, "web2": None})
    assert text.splitlines()[3:] == [
        "HOST  SITE    CERTIFICATE                                        NAMES",
        "web1  shop    80 days left                                       shop.example.com",
        "web1  soon    ENDS in 13 days                                    soon.example.com",
        "web1  today   ENDS in 0 days                                     today.example.com",
        "web1  ended   HAS ENDED                                          a.example b.example",
        "web1  broken  CANNOT BE READ                                     broken.example.com",
        "web1  signed  14 days left, self-signed, CLOSED for maintenance  signed.example.com",
        "web1  closed  CLOSED for maintenance                             ",
    ]
