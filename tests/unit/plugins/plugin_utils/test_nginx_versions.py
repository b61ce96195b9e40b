"""Which nginx is new enough, and which module stream brings one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    nginx_changes,
    nginx_versions,
)
from nginx_cases import HOST, case, planned, site
from templar import has


def streams(*names: str, enabled: str = "", disabled: bool = False) -> dict[str, Any]:
    """Answer as dnf_info does."""
    return {
        "failed_because": "",
        "offered": [],
        "streams": {
            "nginx": [
                {
                    "stream": name,
                    "default": name == "1.14",
                    "enabled": name == enabled,
                    "disabled": disabled,
                }
                for name in names
            ]
        },
    }


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ("1.14.1", True),
        ("1.16.1", True),
        ("1.17.10", True),
        ("1.18.0", False),
        ("1.20.1", False),
        ("1.100.0", False),
        ("2.0", False),
        ("1.16", True),
        ("1.18", False),
        ("mainline", False),
        ("", False),
    ],
)
def test_old_versions(version: str, old: bool) -> None:
    assert nginx_versions.is_old(version) is old
    assert bool(nginx_versions.stream_problem(version)) is old


@pytest.mark.parametrize(
    ("answer", "stream"),
    [
        (streams("1.14", "1.16", "1.18", "1.20", "1.22", "1.24"), "1.24"),
        # By number, not by letter; a stream without one may be anything.
        (streams("1.8", "1.100", "1.24", "mainline"), "1.100"),
        (streams("1.14", "1.22", "1.24", enabled="1.22"), "1.22"),
        (streams("1.14", "mainline", enabled="mainline"), "mainline"),
        # Its package is from somewhere else.
        (streams("1.14", "1.24", disabled=True), ""),
        (streams(), ""),
        # Not asked: the package of the release is new enough.
        ({}, ""),
        ({"skipped": True, "changed": False}, ""),
    ],
)
def test_stream_that_is_taken(answer: dict[str, Any], stream: str) -> None:
    assert nginx_versions.stream(answer) == {"stream": stream, "problem": ""}
    assert nginx_versions.stream(answer, "1.26") == {"stream": "1.26", "problem": ""}


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (streams("1.14", "1.16"), ["as new as 1.18.0", "1.14, 1.16", "nginx_source: nginx.org"]),
        (
            streams("1.14", "1.24", enabled="1.14"),
            ["nginx:1.14 is enabled", "dnf module reset nginx"],
        ),
        (streams() | {"failed_because": "Error: no network"}, ["found out", "Error: no network"]),
    ],
)
def test_no_stream_will_do(answer: dict[str, Any], parts: list[str]) -> None:
    found = nginx_versions.stream(answer)
    assert found["stream"] == ""
    assert has([found["problem"]], *parts), found


@pytest.mark.parametrize(
    ("release", "settings", "asks"),
    [
        ("8", {}, True),
        ("8", {"nginx_module_stream": "1.24"}, False),
        ("8", {"nginx_source": "nginx.org"}, False),
        ("9", {}, False),
        ("10", {}, False),
    ],
)
def test_streams_are_asked_for_where_the_package_is_too_old(
    release: str, settings: dict[str, Any], asks: bool
) -> None:
    found = planned(case(site(), facts={"distribution_major_version": release}, **settings))
    assert found["problems"] == []
    assert found["asks_for_stream"] is asks


@pytest.mark.parametrize(("version", "old"), [("1.14.1", True), ("1.18.0", False)])
def test_installed_nginx_that_is_too_old_is_refused(version: str, old: bool) -> None:
    there = HOST | {"nginx": {"version": version, "arguments": [], "modules": []}}
    problems = nginx_changes.problems(planned(case(site())) | {"release": "8"}, there)
    assert bool(problems) is old
    if old:
        assert has(problems, "nginx 1.14.1 of this host", "1.18.0", "dnf module enable nginx:1.24")
