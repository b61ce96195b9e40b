"""An application is taken away whole, whatever is killed on the way; its data stay."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_prove,
    _app_remove,
    _app_shared,
    _builds,
    _files,
    _ports,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from app_host import Host

#: Notes what it is asked, and forgets the account.
USERDEL = """#!/bin/sh
echo "userdel $*" >> "$FAKE/calls"
rm "$FAKE/account-$1"
"""
#: Says that two ports are open, one for everybody and one for one address.
FIREWALL = """#!/bin/sh
echo "firewall-cmd $*" >> "$FAKE/calls"
case "$*" in
*--list-ports) echo 80/tcp 8080/tcp 8443/tcp ;;
*--list-rich-rules) cat "$FAKE/rules" ;;
esac
"""
RULE = 'rule family="ipv4" source address="192.0.2.1" port port="{}" protocol="tcp" accept'


class Accounts:
    """The accounts of a host: files of the fake, which userdel removes."""

    def __init__(self, host: Host) -> None:
        self.fake = host.fake

    def add(self, name: str, comment: str = "", home: str = "/") -> None:
        """Make one."""
        (self.fake / f"account-{name}").write_text(f"{comment}:{home}")

    def get(self, name: str) -> pwd.struct_passwd:
        """Look one up.

        Raises:
            KeyError: there is none.
        """
        path = self.fake / f"account-{name}"
        if not path.exists():
            raise KeyError(name)
        comment, home = path.read_text().split(":")
        return pwd.struct_passwd((name, "x", 990, 990, comment, home, "/sbin/nologin"))


@pytest.fixture
def accounts(host: Host, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """Give the host the account of the application and that of its builder."""
    found = Accounts(host)
    monkeypatch.setattr(pwd, "getpwnam", found.get)

    def no_group(name: str) -> Any:
        raise KeyError(name)

    monkeypatch.setattr(grp, "getgrnam", no_group)
    for module, name in (
        (_app_remove, "STATE"),
        (_app_remove, "CACHE"),
        (_builds, "CACHE"),
        (_builds, "INBOX"),
        (_builds, "RUN"),
    ):
        path = host.directory / f"{module.__name__.rsplit('.', 1)[1]}-{name}"
        path.mkdir()
        monkeypatch.setattr(module, name, str(path))
    for name, text in (("userdel", USERDEL), ("firewall-cmd", FIREWALL)):
        (host.fake / name).write_text(text)
        (host.fake / name).chmod(0o755)
    (host.fake / "stops").touch()
    found.add("shop", "uWSGI application shop")
    found.add("flaskbuild-shop", home=_app_remove.home_of(host.app))
    return found


def paths_of(host: Host, name: str = "shop") -> list[Path]:
    """Return what an application has on a host, but for its data."""
    units, home, tops = host.units_directory, host.root / name, host.directory
    return [
        units / f"uwsgi-{name}@.service",
        units / f"uwsgi-{name}@.socket",
        units / f"uwsgi-{name}-release@.service",
        units / f"uwsgi-{name}-http.service",
        units / "uwsgi-{}.slice".format(name.replace("-", "\\x2d")),
        units / f"uwsgi-{name}.mail@a-1.service",
        units / f"uwsgi-{name}.clean@a-1.timer",
        units / "multi-user.target.wants" / f"uwsgi-{name}@a-1.service",
        units / "sockets.target.wants" / f"uwsgi-{name}@a-1.socket",
        home / "history",
        home / "http.ini",
        home / "releases/a-1/release.json",
        home / f"builds/{'a' * 12}/build.json",
        host.stamps / f"stamp-uwsgi-{name}.clean@a-1.timer",
        host.sockets / name / "a-1.sock",
        tops / "lock" / f"uwsgi-{name}.pending",
        tops / "_app_remove-CACHE" / name / "x",
        tops / "_builds-CACHE" / name / "uv/x",
        tops / "_builds-INBOX" / f"{name}-{'a' * 12}",
        tops / "_builds-RUN" / f"flask-build-{name}-{'a' * 12}.service.json",
    ]


def data_of(host: Host, name: str = "shop") -> list[Path]:
    """Return the data of an application."""
    return [host.root / name / "shared/db", host.directory / "_app_remove-STATE" / name / "x"]


@pytest.fixture
def full(host: Host, accounts: Accounts) -> Host:
    """Give a host with an application that has everything, and one that is called like it."""
    for name in ("shop", "shop-admin"):
        for path in paths_of(host, name) + data_of(host, name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (host.root / name / "current").symlink_to("releases/a-1")
    (host.root / "shop/http.ini").write_text("http = 0.0.0.0:8080\n")
    host.units(
        "uwsgi-shop@a-1.service active",
        "uwsgi-shop.mail@a-1.service failed",
        "uwsgi-shop@z-1.service inactive",
        f"flask-build-shop-{'a' * 12}.service active",
        f"flask-build-shop-admin-{'a' * 12}.service active",
        "uwsgi-shop-admin@a-1.service active",
    )
    return host


def remove(host: Host, check: bool = False, name: str = "shop", **keys: Any) -> dict[str, Any]:
    """Take an application away."""
    request = {"name": name, "data": False, "root": str(host.root), "firewalld": True}
    request |= {"builds_root": str(host.root), "builder": "flaskbuild"} | keys
    return _app_remove.remove(request, check)


def left(host: Host) -> list[Path]:
    """Return what is left of the application without its data."""
    return [path for path in paths_of(host) if path.exists()]


def test_all_of_it_goes_and_its_data_stay(full: Host) -> None:
    answer = remove(full)
    assert answer["changed"]
    assert left(full) == []
    assert all(path.exists() for path in data_of(full))
    assert {path.name for path in (full.root / "shop").iterdir()} == {"shared"}
    # What is called like it is another application.
    others = paths_of(full, "shop-admin") + data_of(full, "shop-admin")
    assert [path for path in others if not path.exists()] == []
    (stopped,) = [call for call in full.calls() if call.startswith("stop --no-block")]
    assert stopped.split()[2:] == [
        "uwsgi-shop@a-1.service",
        f"flask-build-shop-{'a' * 12}.service",
    ]
    assert "stop uwsgi-shop.slice" in full.calls()
    assert [call for call in full.calls() if call.startswith("userdel")] == [
        "userdel flaskbuild-shop"
    ]
    assert answer["kept"] == [str(path.parent) for path in data_of(full)] + ["account shop"]
    assert answer["others"] == ["shop-admin"]
    # Again: nothing is there but the data.
    again = remove(full)
    assert (again["changed"], again["removed"]) == (False, [])
    assert again["kept"] == answer["kept"]


def test_the_unit_of_a_command_goes_too(full: Host) -> None:
    unit = full.directory / "runtime-units/uwsgi-shop.exec.1a2b3c4d@a-1.service"
    other = unit.with_name("uwsgi-shop-admin.exec.1a2b3c4d@a-1.service")
    unit.parent.mkdir()
    for path in (unit, other):
        path.touch()
    remove(full)
    assert not unit.exists()
    assert other.exists()


def test_its_data_go_if_told(full: Host) -> None:
    (full.root / "shop" / _app_shared.NOTE).write_text('["media"]')
    answer = remove(full, data=True)
    assert answer["kept"] == []
    assert not (full.root / "shop").exists()
    assert not any(path.parent.exists() for path in data_of(full))
    assert full.calls()[-1] == "userdel shop"
    assert not remove(full, data=True)["changed"]


def test_what_the_web_server_may_read_of_the_data_is_known_while_they_stay(full: Host) -> None:
    note = full.root / "shop" / _app_shared.NOTE
    note.write_text('["media"]')
    assert str(note) not in remove(full)["removed"]
    assert note.exists()
    assert str(note) in remove(full, data=True)["removed"]


def test_data_that_were_kept_go_later(full: Host) -> None:
    remove(full)
    answer = remove(full, data=True)
    assert answer["removed"] == [str(path.parent) for path in data_of(full)] + ["account shop"]
    assert not (full.root / "shop").exists()


def test_check_mode_tells_it(full: Host) -> None:
    before = left(full)
    answer = remove(full, check=True)
    assert answer["changed"]
    assert left(full) == before
    assert not [call for call in full.calls() if not call.startswith(("list-units", "show"))]
    assert answer["diff"]["before"].splitlines() == answer["removed"] == remove(full)["removed"]


@pytest.mark.parametrize("data", [False, True])
@pytest.mark.parametrize("moment", range(1, 27, 3))
def test_what_was_killed_at_it_is_finished(
    full: Host, monkeypatch: pytest.MonkeyPatch, moment: int, data: bool
) -> None:
    class Killed(BaseException):
        """What kill -9 does, as far as a test can."""

    # All that is waited for here ends; on a busy machine, not at once.
    monkeypatch.setattr(_app_prove, "PATIENCE", 10.0)
    removed, real = [], _files.remove

    def stop_at(path: str) -> bool:
        removed.append(path)
        if len(removed) == moment:
            raise Killed
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(_files, "remove", stop_at)
        try:
            remove(full, data=data)
        except Killed:
            pass
        else:
            assert len(removed) < moment
    remove(full, data=data)
    assert left(full) == []
    assert all(path.exists() is not data for path in data_of(full))
    assert not remove(full, data=data)["changed"]


def test_what_still_ends_is_waited_for(full: Host) -> None:
    (full.fake / "stops").unlink()
    with pytest.raises(Pending, match="units still end"):
        remove(full)
    assert (full.units_directory / "uwsgi-shop@.service").exists()
    # It would not come back with the next boot, though.
    assert not (full.units_directory / "multi-user.target.wants/uwsgi-shop@a-1.service").exists()
    (full.fake / "stops").touch()
    remove(full)
    assert left(full) == []


def test_what_is_called_like_it_and_is_not_ours_stays(host: Host, accounts: Accounts) -> None:
    """Another program's directory in /opt, with an account of somebody else."""
    accounts.add("shop", "Shop Software Ltd")
    accounts.add("flaskbuild-shop", home="/home/shop")
    for name in ("releases/1/x", "shared/x", "current"):
        path = host.root / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    answer = remove(host, data=True)
    assert (answer["changed"], answer["removed"]) == (False, [])
    assert (host.root / "shop/shared/x").exists()


def test_what_somebody_has_put_beside_it_stays(full: Host) -> None:
    (full.root / "shop/notes.txt").touch()
    remove(full, data=True)
    assert [path.name for path in (full.root / "shop").iterdir()] == ["notes.txt"]


def test_ports_are_closed(full: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """8443 is another's by now; what is open besides is none of it."""
    (full.root / "shop/http.ini").write_text("http = 0.0.0.0:8080\nhttps = 0.0.0.0:8443,a,b\n")
    (full.fake / "rules").write_text(RULE.format(8080) + "\n" + RULE.format(3306) + "\n")
    full.show("ActiveState=active\n")
    monkeypatch.setattr(_ports, "listeners", lambda: {8443: [("1", 0)]})
    answer = remove(full)
    closed = [call for call in full.calls() if "--remove" in call]
    assert closed == [
        "firewall-cmd --remove-port=8080/tcp",
        f"firewall-cmd --remove-rich-rule={RULE.format(8080)}",
        "firewall-cmd --permanent --remove-port=8080/tcp",
        f"firewall-cmd --permanent --remove-rich-rule={RULE.format(8080)}",
    ]
    assert "firewalld: --remove-port=8080/tcp" in answer["removed"]


def test_the_firewall_is_left_alone_if_told(full: Host) -> None:
    full.show("ActiveState=active\n")
    remove(full, firewalld=False)
    assert not [call for call in full.calls() if call.startswith("firewall-cmd")]


@pytest.mark.parametrize("name", ["", "../x", "shop\n", "/etc", "Shop"])
def test_names_that_are_none(host: Host, accounts: Accounts, name: str) -> None:
    with pytest.raises(Problem, match="is no name of an application"):
        remove(host, name=name)


def test_a_failure_says_how_to_go_on(full: Host) -> None:
    full.fail("daemon-reload")
    with pytest.raises(Problem, match="'shop' is not removed whole: .*daemon-reload"):
        remove(full)
    (full.fake / "status-daemon-reload").unlink()
    remove(full)
    assert left(full) == []
