"""What a host lacks of its releases, and how it gets it."""

from __future__ import annotations

import grp
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_releases, _files
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from app_host import Host

GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the host the account of the application."""
    mine = pwd.getpwuid(os.getuid())
    fields = ["shop", "x", mine.pw_uid, mine.pw_gid, "uWSGI application shop", "/", "/"]
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd(fields))
    group = grp.struct_group(("shop", "x", mine.pw_gid, []))
    real = grp.getgrnam
    monkeypatch.setattr(grp, "getgrnam", lambda name: group if name == "shop" else real(name))


def file(path: Path, text: str, **keys: Any) -> dict[str, Any]:
    """Describe a file."""
    return {"path": str(path), "text": text, "mode": "0644", "group": GROUP} | keys


def wanted(host: Host) -> dict[str, Any]:
    """Describe release b-1 with all that a release has; its build is there."""
    path = host.root / "shop/releases/b-1"
    (host.root / "shop/builds/b").mkdir(parents=True, exist_ok=True)
    about = {"health": {"path": "/", "host": "h", "status": [200], "timeout": 1}}
    return {
        "units": [file(host.units_directory / "uwsgi-shop@.service", "[Service]\n")],
        "files": [
            file(path / "uwsgi.ini", "[uwsgi]\nthreads = 8\n"),
            file(path / "environment", "", secret_text="KEY=geheim\n", mode="0640"),
            file(path / "release.json", json.dumps(about | {"keep_releases": 5})),
        ],
        "links": [{"path": str(path / "build"), "target": "../../builds/b"}],
    }


def test_a_release_is_written(host: Host, account: None) -> None:
    request = host.request(**wanted(host))
    assert _app_releases.compare(request)["changed"]
    answer = _app_releases.write(request)
    assert answer["changed"]
    path = host.root / "shop/releases/b-1"
    assert (path / "environment").read_text() == "KEY=geheim\n"
    assert (path / "environment").stat().st_mode & 0o777 == 0o640
    assert (host.root / "shop/shared").stat().st_mode & 0o777 == 0o750
    assert os.readlink(path / "build") == "../../builds/b"
    assert host.app.complete() == ["b-1"]
    assert answer["written"] == [
        str(host.units_directory / "uwsgi-shop@.service"),
        *(str(host.root / "shop" / name) for name in ("releases", "shared", "releases/b-1")),
        *(str(path / name) for name in ("build", "uwsgi.ini", "environment", "release.json")),
    ]
    assert host.calls().count("daemon-reload") == 1
    # Again: nothing to do, and nothing is stale.
    answer = _app_releases.write(request)
    assert (answer["changed"], answer["written"]) == (False, [])
    assert answer["apps"][0]["stale"] == []
    assert host.calls().count("daemon-reload") == 1


def test_a_release_of_a_build_that_is_not_there_is_not_written(host: Host, account: None) -> None:
    request = host.request(**wanted(host))
    (host.root / "shop/builds/b").rmdir()
    # In check mode the build is only about to be made.
    assert _app_releases.compare(request)["problems"] == []
    with pytest.raises(Problem, match="^application 'shop', build: .*/shop/builds/b is not there"):
        _app_releases.write(request)
    assert not (host.root / "shop/releases").exists()


def test_release_json_comes_last(
    host: Host, account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before it, a directory is no release, and the next run comes by again."""
    request = host.request(**wanted(host))
    host.fail("daemon-reload")
    with pytest.raises(Problem, match="daemon-reload"):
        _app_releases.write(request)
    assert host.app.complete() == []
    assert (host.root / "shop/releases/b-1/uwsgi.ini").exists()

    def full(*_: Any) -> str:
        raise OSError(28, "No space left on device", "x")

    (host.fake / "status-daemon-reload").unlink()
    monkeypatch.setattr(_files, "prepare", full)
    with pytest.raises(OSError):
        _app_releases.write(request)
    assert host.app.complete() == []


def test_comparing_changes_nothing(host: Host) -> None:
    answer = host.compare(**wanted(host))
    assert answer["changed"]
    assert len(answer["apps"][0]["stale"]) == len(answer["written"]) == 8
    assert not (host.root / "shop/releases").exists()
    assert not list(host.units_directory.iterdir())


def test_the_diff_is_against_the_current_release(host: Host) -> None:
    (host.make("a-1") / "uwsgi.ini").write_text("[uwsgi]\nthreads = 4\n")
    host.link("current", "a-1")
    unit, ini = host.compare(**wanted(host))["diff"]
    assert (unit["before"], unit["after"]) == ("", "[Service]\n")
    assert ini["before_header"] == str(host.root / "shop/current/uwsgi.ini")
    assert ini["after_header"] == str(host.root / "shop/releases/b-1/uwsgi.ini")
    assert (ini["before"], ini["after"]) == ("[uwsgi]\nthreads = 4\n", "[uwsgi]\nthreads = 8\n")
    assert "geheim" not in json.dumps(host.compare(**wanted(host)))


def test_a_host_without_the_account(host: Host) -> None:
    """As in check mode on a bare host."""
    files = [file(host.root / "shop/releases/b-1/environment", "", group="no-such-group")]
    answer = host.compare(files=files)
    assert files[0]["path"] in answer["apps"][0]["stale"]
    assert answer["missing_users"] == ["shop"]
    with pytest.raises(Problem, match="application 'shop': this host has no user shop"):
        _app_releases.write(host.request(files=files))


def test_nothing_is_written_where_it_cannot_run(host: Host, account: None) -> None:
    with pytest.raises(Problem, match="does not understand the schedule 'nonsense'"):
        _app_releases.write(host.request(**wanted(host), schedules=["hourly", "nonsense"]))
    assert not (host.root / "shop/releases").exists()


def test_a_schedule_is_looked_at_when_something_is_written(host: Host, account: None) -> None:
    _app_releases.write(host.request(**wanted(host)))
    assert host.compare(**wanted(host), schedules=["nonsense"])["problems"] == []
    (host.root / "shop/releases/b-1/build").unlink()
    (problem,) = host.compare(**wanted(host), schedules=["nonsense"])["problems"]
    assert problem == (
        "application 'shop', timers: systemd does not understand the schedule 'nonsense'; try one"
        " with: systemd-analyze calendar 'nonsense'."
    )


def test_when_there_is_nothing_to_do(host: Host, account: None) -> None:
    request = host.request(**wanted(host))
    _app_releases.write(request)
    host.link("current", "b-1")
    units = ("uwsgi-shop@b-1.socket", "uwsgi-shop@b-1.service")
    host.units(*(f"{unit} active" for unit in units), boots=units)
    answer = _app_releases.compare(request)
    assert not answer["changed"]
    assert answer["apps"] == [
        {"name": "shop", "release": "b-1", "current": "b-1", "stale": [], "active": True}
    ]
    # Each of these is something to do.
    assert _app_releases.compare(request | {"socket_group": "none"})["changed"]
    assert _app_releases.compare(request | {"homes": [str(host.root / "none")]})["changed"]
    (host.fake / "somaxconn").write_text("10\n")
    assert _app_releases.compare(request)["changed"]


def test_the_answer_is_json(host: Host) -> None:
    assert json.loads(json.dumps(host.compare(**wanted(host))))["architecture"]


def test_systemd_reads_units_that_a_killed_run_has_written(host: Host, account: None) -> None:
    """Nothing of them is stale the next time, and EL 8's systemd finds no new one by itself."""
    request = host.request(**wanted(host))
    host.fail("daemon-reload")
    with pytest.raises(Problem, match="daemon-reload"):
        _app_releases.write(request)
    (host.fake / "status-daemon-reload").unlink()
    _app_releases.write(request)
    assert host.calls().count("daemon-reload") == 2
    assert host.app.complete() == ["b-1"]


def test_systemd_that_has_read_the_units_is_not_asked_to(host: Host, account: None) -> None:
    """It takes a moment on a host with many, and most deploys change the code alone."""
    _app_releases.write(host.request(**wanted(host)))
    (host.root / "shop/releases/b-1/release.json").unlink()
    host.show("\n".join("LoadState=loaded\nNeedDaemonReload=no\n" for _ in range(2)))
    _app_releases.write(host.request(**wanted(host)))
    assert host.calls().count("daemon-reload") == 1
