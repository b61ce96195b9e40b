"""What of a host's hardening keeps a role from its work."""

from __future__ import annotations

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import hardening

ACTIVE = {"fapolicyd": True, "fapolicyd_lacking": ["/opt/uwsgi/", "/opt/shop/releases/"]}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"noexec": {}, "fapolicyd": False, "fapolicyd_lacking": [], "fips": True},
        # With rules for it, whoever wrote them.
        {"noexec": {}, "fapolicyd": True, "fapolicyd_lacking": [], "fips": False},
    ],
)
@pytest.mark.parametrize("mode", ["fail", "allow"])
def test_nothing_is_in_the_way(answer: dict[str, object], mode: str) -> None:
    assert hardening.plan(answer, "uwsgi", mode) == hardening.Plan()


@pytest.mark.parametrize(
    ("name", "family", "release", "way"),
    [
        ("CentOS", "RedHat", "7", "ELevate"),
        ("RedHat", "RedHat", "7", "ELevate"),
        ("Debian", "Debian", "7", ""),
        ("Fedora", "RedHat", "42", ""),
    ],
)
def test_system_that_is_not_known_is_refused_with_the_way_out(
    name: str, family: str, release: str, way: str
) -> None:
    system = {"distribution": name, "os_family": family, "distribution_major_version": release}
    # The rest does not count any more.
    answer = {"system": system, "noexec": {"/opt": "/opt"}}
    (sentence,) = hardening.plan(answer, "flask_app", "fail").problems
    assert sentence.startswith("The flask_app role knows CentOS Stream 9 and 10")
    assert f"this host is {name} {release}." in sentence
    assert ("ELevate" in sentence) is bool(way)


def test_system_that_is_known_is_not() -> None:
    system = {
        "distribution": "Rocky",
        "os_family": "RedHat",
        "distribution_major_version": "8",
    }
    assert hardening.plan({"system": system}, "flask_app", "fail") == hardening.Plan()


def test_each_mount_is_named_once_with_what_to_do() -> None:
    found = {"/opt/uwsgi": "/opt", "/opt/shop": "/opt", "/var/cache/flask_app": "/var/cache"}
    first, second = hardening.plan({"noexec": found}, "uwsgi", "allow").problems
    assert first.startswith("/opt is mounted with noexec")
    assert "/opt/uwsgi, /opt/shop:" in first
    assert "mount -o remount,exec /opt" in first
    assert second.startswith("/var/cache is mounted with noexec")


def test_fapolicyd_is_a_problem_unless_it_is_to_be_told() -> None:
    (sentence,) = hardening.plan(ACTIVE, "uwsgi", "fail").problems
    assert sentence.startswith("uwsgi_fapolicyd: ")
    assert "uwsgi_fapolicyd: allow" in sentence
    assert "flaskstack_fapolicyd: allow" in sentence
    assert "/opt/uwsgi/, /opt/shop/releases/ in /etc/fapolicyd/rules.d/25-" in sentence
    assert hardening.plan(ACTIVE, "uwsgi", "allow") == hardening.Plan(
        allow=["/opt/uwsgi/", "/opt/shop/releases/"]
    )
