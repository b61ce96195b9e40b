"""The release command: started once, waited for, and a failure of it is told."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils._app_command import command
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from app_host import Host


def ask(host: Host, started: bool = False) -> dict[str, Any]:
    """Run the command of release a-1."""
    return command("shop", str(host.root), "a-1", "me", started)


def test_a_short_one(host: Host) -> None:
    host.make("a-1")
    assert ask(host) == {"changed": True, "release": "a-1"}
    assert "start uwsgi-shop-release@a-1.service" in host.calls()


def test_a_long_release_command_is_started_once(host: Host) -> None:
    host.make("a-1")
    (host.fake / "slow").write_text("2")
    host.show("ActiveState=activating\n")
    with pytest.raises(Pending):
        ask(host)
    with pytest.raises(Pending):
        ask(host, started=True)
    # One that succeeded is known to systemd no more.
    host.show("ActiveState=inactive\n")
    assert ask(host, started=True)["changed"]
    assert host.calls().count("start uwsgi-shop-release@a-1.service") == 1


def test_one_that_waits_for_its_turn_is_waited_for(host: Host) -> None:
    host.make("a-1")
    (host.fake / "slow").write_text("2")
    host.show("ActiveState=inactive\nJob=7\n")
    with pytest.raises(Pending):
        ask(host)
    with pytest.raises(Pending):
        ask(host, started=True)


def test_one_that_systemd_did_not_take_is_not_one_that_succeeded(host: Host) -> None:
    """A systemd that hangs: the release would go live without its migrations."""
    host.make("a-1")
    (host.fake / "slow").write_text("2")
    host.show("ActiveState=inactive\n")
    with pytest.raises(Problem, match="application 'shop': systemd did not say"):
        ask(host)
    assert not host.history.exists()


def test_a_release_command_that_fails_late_is_refused(host: Host) -> None:
    host.make("a-1")
    up = time.monotonic() - 5
    times = f"InactiveExitTimestampMonotonic={up * 1e6:.0f}\n"
    host.show("ActiveState=failed\nResult=exit-code\nExecMainStatus=3\n" + times)
    with pytest.raises(Problem, match=r"command failed \(exit-code, status 3\)"):
        ask(host, started=True)
    assert not any(call.startswith("start") for call in host.calls())
    assert host.events[-1]["event"] == "refused"
    # Of this run alone, not of the one that failed yesterday; and by its unit, because the journal
    # does not know the invocation of a process that ends at once.
    asked, last = host.calls()[-2:]
    # Told, it is not shown among what is wrong with the host any more.
    assert last == "reset-failed uwsgi-shop-release@a-1.service"
    assert asked.endswith(" --unit=uwsgi-shop-release@a-1.service")
    since = float(asked.partition("--since=@")[2].split()[0])
    assert abs(time.time() - 5 - since) < 1


def test_a_release_command_that_fails_at_once_is_refused(host: Host) -> None:
    host.make("a-1")
    host.make("b-1")
    host.link("current", "b-1")
    host.fail("start")
    host.show("ActiveState=failed\nResult=exit-code\nExecMainStatus=3\n")
    (host.fake / "journal").write_bytes(b"table \xff exists\n")
    with pytest.raises(Problem) as refusal:
        ask(host)
    assert "table \ufffd exists" in str(refusal.value)
    assert "Release b-1 goes on serving." in str(refusal.value)


def test_a_release_that_is_not_there_is_no_event(host: Host) -> None:
    """What --skip-tags has left out was noted as a refused release by a name that stands for it."""
    with pytest.raises(Problem, match="application 'shop' has no release"):
        ask(host)
    assert not host.history.exists()
    assert host.calls() == []
