"""What a host must have, and what it may not bear."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest
import yaml

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_host, _uwsgi_stats
from app_host import Host


def account(monkeypatch: pytest.MonkeyPatch, comment: str) -> None:
    """Give the host an account shop with a comment."""
    fields = ["shop", "x", 26, 26, comment, "/", "/bin/bash"]
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd(fields))


@pytest.mark.parametrize("comment", ["PostgreSQL Server", "", "uWSGI application blog"])
def test_an_application_does_not_run_as_an_account_of_somebody_else(
    host: Host, monkeypatch: pytest.MonkeyPatch, comment: str
) -> None:
    """Fault 16: an application called postgres ran as the database's account."""
    account(monkeypatch, comment)
    ((_, problem),) = map(dict.values, host.compare()["failures"])
    assert problem == (
        "application 'shop', name: this host has an account of that name already, which is not the"
        f" application's ({comment or 'without a comment'}); choose another name. If the"
        " application is to run as that account all the same, say so with: usermod --comment"
        " 'uWSGI application shop' shop."
    )


def test_the_account_that_the_role_made_is_its_own(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    account(monkeypatch, "uWSGI application shop")
    assert host.compare()["failures"] == []
    # Made so far by a run that was killed, on a host whose useradd makes no groups.
    assert host.compare()["missing_users"] == ["shop"]
    monkeypatch.setattr(grp, "getgrnam", lambda name: grp.struct_group((name, "x", 26, [])))
    assert host.compare()["failures"] == []
    assert host.compare()["missing_users"] == []


def test_nor_with_the_rights_of_a_group(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same fault: the account would be made in the group docker, or wheel."""
    monkeypatch.setattr(grp, "getgrnam", lambda name: grp.struct_group((name, "x", 10, [])))
    ((_, problem),) = map(dict.values, host.compare()["failures"])
    assert "application 'shop', name: this host has a group of that name" in problem
    assert "groupdel shop" in problem


def test_the_role_gives_the_comment() -> None:
    """At once: of what a killed run has left, nothing else tells that the role made it.

    A group alone tells nothing, and is taken for somebody else's ever after.
    """
    text = (Path(__file__).parents[4] / "roles/uwsgi/tasks/prepare.yml").read_text("utf-8")
    comment = _app_host.COMMENT.format("{{ item }}")
    tasks = yaml.safe_load(text)
    made = [task for task in tasks if "missing_users" in str(task.get("loop"))]
    assert made[0]["ansible.builtin.user"]["comment"] == comment
    assert "group" not in made[0]["ansible.builtin.user"]


def test_a_queue_that_the_host_does_not_allow(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.fake / "somaxconn").write_text("128\n")
    assert host.compare(listen=1024)["failures"] == []
    monkeypatch.setattr(os, "access", lambda *_: False)
    ((_, problem),) = map(dict.values, host.compare(listen=1024)["failures"])
    assert "listen: 1024 is more than this host allows" in problem
    assert "write 128 or less" in problem
    assert host.compare(listen=128)["failures"] == []


def test_a_uwsgi_that_does_not_run_is_missing(host: Host) -> None:
    homes = {"whole": "exit 0", "broken": "exit 1", "none": ""}
    for name, text in homes.items():
        path = host.directory / name / "bin/uwsgi"
        path.parent.mkdir(parents=True)
        if text:
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
    paths = [str(host.directory / name) for name in homes]
    request = host.request() | {"homes": paths}
    assert _app_host.look(request)["missing_homes"] == paths[1:]


def test_the_wheels_that_it_has_kept(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_app_host, "WHEELS", str(host.directory))
    for name in ("b.whl", "a.whl", "c.tar.gz"):
        (host.directory / name).touch()
    assert host.compare()["wheels"] == ["a.whl", "b.whl"]
    assert host.compare()["architecture"] == os.uname().machine


def test_whether_selinux_has_the_policy_module(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    root = host.directory / "selinux"
    monkeypatch.setattr(_app_host._selinux_local.Host.__init__, "__defaults__", (str(root),))
    monkeypatch.setattr(_app_host._systemd, "UNITS", str(host.directory / "other-units"))
    installed = root / "var/lib/selinux/targeted/active/modules/400/flaskstack_wsgi"

    def look(text: str, *, apps: bool = True) -> tuple[bool, bool]:
        request = host.request() | {"policy": text}
        found = _app_host.look(request if apps else request | {"apps": []})
        return found["policy"], found["policy_wanted"]

    assert look("") == (True, False)
    assert look("(allow)") == (False, True)
    # Where nothing runs, none is wanted, and one that is there is too many.
    assert look("(allow)", apps=False) == (True, False)
    installed.mkdir(parents=True)
    (installed / "cil").write_text("(allow)\n")
    assert look("(allow)") == (True, True) and look("(deny)") == (False, True)
    assert look("(allow)", apps=False) == (False, False)
    # Of another play's.
    (host.directory / "other-units").mkdir()
    (host.directory / "other-units/uwsgi-blog@.service").touch()
    assert look("(allow)", apps=False) == (True, True)


def test_more_workers_than_memory(stats: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    # 3000 kB for two workers, and the host has 4000.
    assert stats.compare()["warnings"] == []
    assert stats.compare(processes=2)["warnings"] == []
    (warning,) = stats.compare(processes=3)["warnings"]
    assert "3 of 'shop' at 1 MB (measured) are 4 MB, and there are 4 MB" in warning
    # Before there is a worker to measure.
    monkeypatch.setattr(_uwsgi_stats, "read", lambda *_: None)
    (warning,) = stats.compare(processes=1)["warnings"]
    assert "1 of 'shop' at 64 MB (reckoned)" in warning
    assert stats.compare()["warnings"] == []
