"""A command in a release: made of the release command's unit, waited for, told and cleared away."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_exec, _application
from ansible_collections.flaskstack.centos.plugins.module_utils._app_exec import (
    preview,
    run_command,
    sweep,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
)
from app_host import Host

BASE = "[Service]\nType=oneshot\nExecStart=/bin/sh -e /opt/shop/releases/%i/release_command\n"
RUNS = "ActiveState=activating\n"
DONE = "ActiveState=active\nResult=success\nExecMainCode=1\nExecMainStatus=0\n"


@pytest.fixture
def ready(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Give a host with a current release and the unit of release commands."""
    host.make("a-1")
    host.link("current", "a-1")
    (host.units_directory / "uwsgi-shop-release@.service").write_text(BASE)
    ids = (os.getuid(), os.getgid())
    monkeypatch.setattr(_app_exec._files, "ids_of", lambda *_: ids)
    return host


def ask(host: Host, command: str = "flask db current", **more: Any) -> dict[str, Any]:
    """Run a command."""
    given = {"release": "", "stdin": "", "timeout": 0, "job": ""} | more
    return run_command("shop", str(host.root), command=command, **given)


def left(host: Host) -> list[Path]:
    """Return what there is of commands on the host."""
    places = [host.sockets / "shop/exec", host.directory / "runtime-units"]
    return [path for place in places if place.exists() for path in place.iterdir()]


def begin(host: Host, **more: Any) -> tuple[str, Path, str]:
    """Start one that runs for long; return its job, its directory and the text of its unit."""
    host.show(RUNS)
    with pytest.raises(Pending, match=r"uwsgi-shop\.exec\.\w+@a-1\.service runs") as pending:
        ask(host, **more)
    job = pending.value.job
    unit = f"uwsgi-shop.exec.{job.partition('@')[0]}@a-1.service"
    text = (host.directory / "runtime-units" / unit).read_text()
    return job, host.sockets / "shop/exec" / job, text


def test_it_has_the_sandbox_of_the_release_command_and_another_command(ready: Host) -> None:
    job, directory, unit = begin(ready, stdin="1+1", timeout=7)
    assert unit.startswith(BASE)
    assert unit.endswith(
        f"""
[Service]
ExecStart=
ExecStart=/bin/sh -e {directory}/command
TimeoutStartSec=7
RemainAfterExit=yes
StandardInput=file:{directory}/stdin
StandardOutput=file:{directory}/stdout
StandardError=file:{directory}/stderr
"""
    )
    assert (directory / "command").read_text() == "flask db current\n"
    assert (directory / "stdin").read_text() == "1+1"
    assert f"start --no-block uwsgi-shop.exec.{job[:8]}@a-1.service" in ready.calls()
    # The command may have a password in it, and so may what it says.
    modes = {path.name: path.stat().st_mode & 0o777 for path in [directory, *directory.iterdir()]}
    assert {mode & 0o007 for mode in modes.values()} == {0}
    assert modes["stdout"] == modes["stderr"] == 0o600


def test_a_long_one_is_started_once_and_told_when_it_has_ended(ready: Host) -> None:
    job, directory, _ = begin(ready)
    with pytest.raises(Pending) as pending:
        ask(ready, job=job)
    assert pending.value.job == job
    (directory / "stdout").write_bytes(b"head \xff\n")
    (directory / "stderr").write_text("INFO\n")
    ready.show(DONE)
    assert ask(ready, job=job) == {
        "changed": True,
        "release": "a-1",
        "rc": 0,
        "stdout": "head \ufffd\n",
        "stderr": "INFO\n",
        "left_out": 0,
    }
    assert sum(call.startswith("start") for call in ready.calls()) == 1
    assert left(ready) == []


@pytest.mark.parametrize(
    ("said", "rc", "sentence"),
    [
        ("Result=exit-code\nExecMainCode=1\nExecMainStatus=3\n", 3, "ended with status 3."),
        ("Result=signal\nExecMainCode=2\nExecMainStatus=9\n", -9, "by itself (signal, status 9)"),
        ("Result=oom-kill\nExecMainCode=2\nExecMainStatus=9\n", -9, "by itself (oom-kill, "),
        ("Result=timeout\nExecMainCode=2\nExecMainStatus=15\n", -15, "took longer than it may"),
    ],
)
def test_one_that_fails_is_told_with_what_it_said(
    ready: Host, said: str, rc: int, sentence: str
) -> None:
    job, directory, _ = begin(ready)
    (directory / "stderr").write_text("touch: cannot touch 'x.db': Read-only file system\n")
    ready.show("ActiveState=failed\n" + said)
    with pytest.raises(Problem) as failure:
        ask(ready, job=job)
    assert sentence in str(failure.value)
    assert "application 'shop': the command in release a-1" in str(failure.value)
    assert failure.value.details["rc"] == rc
    assert "Read-only" in failure.value.details["stderr"]
    # The key that helps, as with a release that fails.
    assert "shared_paths: [x.db]" in str(failure.value)
    assert left(ready) == []


def test_one_that_systemd_could_not_start_says_so(ready: Host) -> None:
    job, *_ = begin(ready)
    ready.show("ActiveState=failed\nResult=exit-code\nExecMainCode=1\nExecMainStatus=226\n")
    (ready.fake / "journal").write_text("Failed to set up mount namespacing\n")
    with pytest.raises(Problem, match=r"not started \(status 226\).*\nFailed to set up mount"):
        ask(ready, job=job)


def test_only_the_end_of_much_is_told(ready: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_app_exec, "MOST_BYTES", 5)
    job, directory, _ = begin(ready)
    (directory / "stdout").write_text("0123456789")
    ready.show(DONE)
    answer = ask(ready, job=job)
    assert (answer["stdout"], answer["left_out"]) == ("56789", 5)


def test_another_release_or_none(ready: Host) -> None:
    ready.make("b-1")
    assert preview("shop", str(ready.root), "")["release"] == "a-1"
    assert preview("shop", str(ready.root), "b-1")["release"] == "b-1"
    with pytest.raises(Problem, match="has no release 'c-1' on this host"):
        preview("shop", str(ready.root), "c-1")
    with pytest.raises(Problem, match="application 'shpo' has no release on this host. Did you"):
        preview("shpo", str(ready.root), "")
    assert ready.calls() == []


def test_without_its_unit_there_is_no_sandbox(ready: Host) -> None:
    (ready.units_directory / "uwsgi-shop-release@.service").unlink()
    with pytest.raises(Problem, match=r"uwsgi-shop-release@\.service.*run site\.yml"):
        ask(ready)
    assert left(ready) == []


def test_nothing_is_left_of_one_that_systemd_does_not_take(ready: Host) -> None:
    ready.fail("start")
    with pytest.raises(CommandFailed):
        ask(ready)
    assert left(ready) == []


def test_what_nobody_asks_for_any_more_is_removed(ready: Host) -> None:
    job, directory, _ = begin(ready)
    old = time.time() - _app_exec.FORGOTTEN - 5
    os.utime(directory, (old, old))
    assert sweep(ready.app) == []  # It still runs.
    ready.show(DONE)
    os.utime(directory, (old, old))
    assert sweep(ready.app) == [job]
    assert left(ready) == []
    with pytest.raises(Problem, match="is not known any more"):
        ask(ready, job=job)


def test_one_that_has_just_ended_is_left_to_who_asks_for_it(ready: Host) -> None:
    begin(ready)
    ready.show(DONE)
    assert sweep(ready.app) == []


def test_a_deploy_leaves_it_alone_and_keeps_its_release() -> None:
    """It is a unit of the release, so that this is not pruned; and no stray, to be stopped."""
    app = _application.Application("shop", "/opt")
    unit = app.unit("a-1", "service", _application.COMMAND + "1a2b3c4d")
    assert unit == "uwsgi-shop.exec.1a2b3c4d@a-1.service"
    assert app.releases_in([unit]) == ["a-1"]
    assert _application.is_job(unit)
    assert not _application.is_job("uwsgi-shop.exec@a-1.service")  # A user's service of that name.
    assert _application.strays_of(app, "b-1", {unit: ("activating", "start")}, []) == []
    assert _application.Application("shop-x", "/opt").releases_in([unit]) == []
