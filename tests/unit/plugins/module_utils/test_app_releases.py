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
    assert _app_releases.compare(request)["failures"] == []
    with pytest.raises(Problem, match="^application 'shop', build: .*/shop/builds/b is not there"):
        _app_releases.write(request)
    assert not (host.root / "shop/releases").exists()


def test_one_that_fails_keeps_no_other_from_being_written(host: Host, account: None) -> None:
    """An application without its build, one with a schedule that is none, and one that is well."""
    request = host.request(**wanted(host))
    (host.root / "blog").mkdir()
    lacks = {"name": "blog", "links": [{"path": f"{host.root}/blog/releases/c-1/build"}]}
    lacks["links"][0]["target"] = "../../builds/c"
    late = {"name": "late", "schedules": ["nonsense"]}
    request["apps"] += [request["apps"][0] | {"units": [], "files": []} | lacks]
    request["apps"] += [request["apps"][0] | {"units": [], "files": []} | late]
    with pytest.raises(Problem) as failed:
        _app_releases.write(request)
    assert host.app.complete() == ["b-1"]
    assert not (host.root / "blog/releases").exists()
    told = failed.value.details["failures"]
    assert sorted(failure["name"] for failure in told) == ["blog", "late"]
    assert str(failed.value) == "\n".join(failure["msg"] for failure in told)
    assert failed.value.details["changed"]
    # Again: it is told again, and nothing is written.
    with pytest.raises(Problem) as failed:
        _app_releases.write(request)
    assert not failed.value.details["changed"]


def test_one_whose_place_cannot_be_written_keeps_no_other(
    host: Host, account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = pwd.getpwnam("shop")[:4]
    monkeypatch.setattr(
        pwd,
        "getpwnam",
        lambda name: pwd.struct_passwd((*mine, f"uWSGI application {name}", "/", "/")),
    )
    request = host.request(**wanted(host))
    (host.root / "blog").write_text("a file where the application's directory is to be")
    request["apps"].insert(0, request["apps"][0] | {"name": "blog", "units": [], "files": []})
    with pytest.raises(Problem) as failed:
        _app_releases.write(request)
    assert host.app.complete() == ["b-1"]
    (told,) = failed.value.details["failures"]
    assert told["name"] == "blog"
    assert told["msg"].startswith(f"application 'blog': {host.root}/blog")


def test_nothing_is_prepared_for_what_cannot_run(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group of that name: the account would be made in it."""
    monkeypatch.setattr(grp, "getgrnam", lambda name: grp.struct_group((name, "x", 10, [])))
    answer = host.compare()
    assert [failure["name"] for failure in answer["failures"]] == ["shop"]
    assert answer["missing_users"] == []
    assert not answer["changed"]


def test_applications_that_are_not_in_the_list_are_told(host: Host) -> None:
    host.make("a-1", owner="mine")
    host.link("current", "a-1")
    host.units(
        "uwsgi-shop@a-1.service active",
        "uwsgi-shop.mail@a-1.service active",
        "uwsgi-shop.clean@a-1.service inactive",
        "uwsgi-shop-admin@z-1.service active",
        boots=("uwsgi-shop.clean@a-1.timer",),
    )
    (host.units_directory / "uwsgi-shop-http.service").touch()
    (host.root / "shop/http.ini").write_text(
        "http-to-https = 0.0.0.0:8080,8443\nhttps = [::1]:8443,/a.pem,/b.pem\nhttp-to = /x:9\n"
    )
    request = host.request() | {"apps": [], "listed": ["blog"], "owner": "mine"}
    assert _app_releases.compare(request)["unlisted"] == [
        {
            "name": "shop",
            "runs": "release a-1, service mail, timer clean, ports 8080 and 8443",
        }
    ]
    # Listed, not asked for, another's, or of a version that notes no owner.
    for keys, names in (
        ({"listed": ["shop"]}, []),
        ({"listed": None}, []),
        ({"owner": "other"}, []),
        ({"listed": []}, ["shop"]),
    ):
        found = _app_releases.compare(request | keys)["unlisted"]
        assert [one["name"] for one in found] == names
    host.make("b-1")
    host.link("current", "b-1")
    assert _app_releases.compare(request | {"owner": "other"})["unlisted"]


def test_what_does_not_run_is_not_told(host: Host) -> None:
    host.make("a-1")
    host.link("current", "a-1")
    host.units("uwsgi-shop@a-1.service failed")
    request = host.request() | {"apps": [], "listed": [], "owner": ""}
    answer = _app_releases.compare(request)
    assert (answer["unlisted"], answer["serving"], answer["changed"]) == ([], ["shop"], False)


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


def test_files_of_the_application(host: Host, account: None) -> None:
    (host.make("a-1") / "files").mkdir()
    (host.root / "shop/releases/a-1/files/shop.cfg").write_text("DEBUG = True\n")
    host.link("current", "a-1")
    own = host.root / "shop/releases/b-1/files"
    keys = wanted(host)
    keys["files"][:0] = [
        file(own / "shop.cfg", "DEBUG = False\n", mode="0640"),
        file(own / "token", "", secret_text="# secret, from here on:\nshop", mode="0640"),
    ]
    keys["files"][1].pop("text")
    answer = host.compare(**keys)
    assert str(own) in answer["written"]
    (diff,) = [one for one in answer["diff"] if one["after_header"] == str(own / "shop.cfg")]
    assert (diff["before"], diff["after"]) == ("DEBUG = True\n", "DEBUG = False\n")
    assert diff["before_header"] == str(host.root / "shop/current/files/shop.cfg")
    assert not any(one["after_header"].endswith("token") for one in answer["diff"])
    _app_releases.write(host.request(**keys))
    assert own.stat().st_mode & 0o777 == 0o750
    assert (own / "token").read_text() == "shop"
    assert (own / "token").stat().st_mode & 0o777 == 0o640
    assert not host.compare(**keys)["written"]


def test_a_file_that_was_secret_is_not_shown_when_it_is_not_any_more(
    host: Host, account: None
) -> None:
    """Its secret has moved to secret_env, say; what the host has still says it."""
    (host.make("a-1", secret_files=["shop.cfg"]) / "files").mkdir()
    (host.root / "shop/releases/a-1/files/shop.cfg").write_text("KEY = 'geheim'\n")
    host.link("current", "a-1")
    own = host.root / "shop/releases/b-1/files/shop.cfg"
    answer = host.compare(files=[file(own, "KEY = os.environ['KEY']\n", mode="0640")])
    (diff,) = [one for one in answer["diff"] if one["after_header"] == str(own)]
    assert (diff["before"], diff["after"]) == ("(secret)\n", "KEY = os.environ['KEY']\n")


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
    assert host.compare(**wanted(host), schedules=["nonsense"])["failures"] == []
    (host.root / "shop/releases/b-1/build").unlink()
    found = host.compare(**wanted(host), schedules=["nonsense"])["failures"]
    ((_, problem),) = map(dict.values, found)
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
