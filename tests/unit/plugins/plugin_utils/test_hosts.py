"""Hosts and groups that a user names."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils.hosts import (
    of_cluster,
    pattern,
    problems,
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


GROUPS = {"all": ["app1", "app2", "lb1", "z"], "app_servers": ["app1", "app2"]}
EDGE = GROUPS | {"load_balancers": ["lb1"]}
FOUND = {"application_hosts": ["app1", "app2"], "load_balancers": ["lb1"]}
#: What is said at the end of each sentence about application hosts.
ADVICE = (
    " Put your hosts into the group 'app_servers' (or 'app'), or name another with -e"
    " flaskstack_hosts=…."
)


@pytest.mark.parametrize(
    ("named", "found", "more", "expected"),
    [
        ({}, {}, {}, []),
        ({}, {}, {"of": "application_hosts"}, []),
        (
            {"hosts": "ap_servers"},
            {"application_hosts": []},
            {},
            [
                "flaskstack_hosts: the inventory has no host or group 'ap_servers'. Did you mean"
                f" 'app_servers'?{ADVICE}"
            ],
        ),
        (
            {},
            {"application_hosts": []},
            {"limit": "z", "left": ["z"]},
            [f"The inventory has no host in 'app_servers'.{ADVICE}"],
        ),
        (
            {},
            {"load_balancers": []},
            {},
            [
                "load_balancers: the inventory has no host in 'load_balancers'; put the load"
                " balancers there, or take the group out of the inventory, and each host serves by"
                " itself."
            ],
        ),
        (
            {"load_balancers": "lb1,lb2"},
            {},
            {},
            [
                "flaskstack_load_balancers: the inventory has no host or group 'lb2'. Did you mean"
                " 'lb1'?"
            ],
        ),
        # They have no part in it.
        ({"load_balancers": "edge"}, {"load_balancers": []}, {"of": "application_hosts"}, []),
        ({}, {"load_balancers": []}, {"of": "application_hosts"}, []),
        ({}, {}, {"limit": "z,app2", "left": ["app2", "z"]}, []),
        ({}, {}, {"limit": "lb1", "left": ["lb1"]}, []),
        (
            {},
            {},
            {"limit": "z", "left": ["z"]},
            [f"--limit z: none of its hosts is in 'app_servers' or 'load_balancers'.{ADVICE}"],
        ),
        (
            {},
            {},
            {"limit": "lb1", "left": ["lb1"], "of": "application_hosts"},
            [f"--limit lb1: none of its hosts is in 'app_servers'.{ADVICE}"],
        ),
    ],
)
def test_a_run_that_would_do_nothing(
    named: dict[str, str], found: dict[str, list[str]], more: dict[str, Any], expected: list[str]
) -> None:
    assert problems(of_cluster(EDGE, **named), FOUND | found, EDGE, **more) == expected


def test_without_load_balancers_nobody_misses_them() -> None:
    found = FOUND | {"load_balancers": []}
    assert problems(of_cluster(GROUPS), found, GROUPS) == []
    (said,) = problems(of_cluster(GROUPS), found, GROUPS, limit="z", left=["z"])
    assert said.startswith("--limit z: none of its hosts is in 'app_servers'. Put")
