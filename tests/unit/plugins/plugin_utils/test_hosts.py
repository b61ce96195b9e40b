"""Hosts and groups that a user names."""

from __future__ import annotations

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils.hosts import (
    of_cluster,
    pattern,
    unknown,
)

KNOWN = ["app", "web1", "web2", "fe80::1"]


@pytest.mark.parametrize(
    "pattern",
    ["app", "all", "web1:web2", "app:!web2", "app,&web1", "web*", "~web[0-9]", "app[0]", "fe80::1"]
    # This machine, which needs no inventory.
    + ["localhost", "::1", "web1,127.0.0.1"],
)
def test_known(pattern: str) -> None:
    assert unknown(pattern, KNOWN) == []


def test_each_unknown_name_has_a_sentence() -> None:
    first, second = unknown("wbe1:web2:!other", KNOWN)
    assert "no host or group 'wbe1'. Did you mean 'web1'?" in first
    assert second.endswith("no host or group 'other'.")


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("app", "app"),
        ("app:!web2", "app:!web2"),
        ("web1,web2", "web1,web2"),
        ("web1 web2, web3", "web1,web2,web3"),
        (["web1", "web2"], "web1,web2"),
        ([], ""),
        (["app", ""], "app"),
        (["app:!web2"], "app:!web2"),
        # With a comma in it, Ansible would look for a host 'app:!web2'.
        (["app:!web2", "load_balancers"], "app,!web2,load_balancers"),
        (["web[1:3]:&app", "lb1,fe80::1"], "web[1:3],&app,lb1,fe80::1"),
    ],
)
def test_pattern(hosts: str | list[str], expected: str) -> None:
    assert pattern(hosts) == expected


@pytest.mark.parametrize(
    ("groups", "named", "expected"),
    [
        (["all", "app"], {}, ("app", "", "app", "app")),
        (["all"], {}, ("app", "", "app", "app")),
        (["app", "app_servers"], {}, ("app_servers", "", "app_servers", "app_servers")),
        (
            ["app_servers", "load_balancers"],
            {},
            ("app_servers", "load_balancers", "app_servers,load_balancers", "load_balancers"),
        ),
        # What somebody names goes before the groups.
        (
            ["app_servers", "load_balancers"],
            {"hosts": ["web1", "web2"], "load_balancers": "edge:!edge2"},
            ("web1,web2", "edge:!edge2", "web1,web2,edge,!edge2", "edge:!edge2"),
        ),
        (["app"], {"hosts": "app:!web2"}, ("app:!web2", "", "app:!web2", "app:!web2")),
    ],
)
def test_who_does_what(groups: list[str], named: dict[str, str], expected: tuple[str, ...]) -> None:
    assert tuple(of_cluster(groups, **named).values()) == expected
