"""A restart: the order of its steps, and what serves when one of them fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_restart
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._app_restart import (
    preview,
    restart,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from app_host import Host

Serve = Callable[..., list[str]]

#: A systemd that starts at once, unless a file "broken-<unit>" says that it does not; what is
#: stopped ends at once, unless a file "busy" says that it has requests.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$FAKE/calls"
verb=$1; shift
moment() { tr -d . < /proc/uptime | sed 's/ .*/0000/'; }
for unit; do
    case "$unit" in -*) continue ;; esac
    file=$FAKE/state/$unit
    read -r state began 2>/dev/null < "$file" || { state=inactive; began=0; }
    case "$verb" in
    show)
        echo "ActiveState=$state"
        echo "InactiveExitTimestampMonotonic=$began"
        echo "ActiveEnterTimestampMonotonic=$began"
        echo "NRestarts=0" ;;
    start) test "$state" = active || verb=restart ;;
    stop)
        test -e "$FAKE/busy" && state=deactivating || state=inactive
        echo "$state $began" > "$file" ;;
    esac
    test "$verb" = restart || continue
    test ! -e "$FAKE/slow" || { rm "$FAKE/slow"; exec sleep 5; }
    test ! -e "$FAKE/broken-$unit" || { echo "failed $(moment)" > "$file"; exit 1; }
    echo "active $(moment)" > "$file"
    case "$unit" in *.socket) ;; *) sleep 0.02 ;; esac
done
"""
MAIN = "uwsgi-shop@a-1.service"
OTHER = "uwsgi-shop.stand.in@a-1.service"
MAILER = "uwsgi-shop.mailer@a-1.service"


@pytest.fixture
def running(host: Host, serve: Serve) -> Host:
    """Give a host that serves release a-1, with a service; the stand-in would be well, too."""
    host.make("a-1", version="v1", services=["mailer"])
    host.link("current", "a-1")
    (host.units_directory / "uwsgi-shop@.service").write_text("[Service]\nRestart=always\n")
    (host.fake / "systemctl").write_text(SYSTEMCTL)
    (host.fake / "state").mkdir()
    for unit in (MAIN, MAILER):
        (host.fake / "state" / unit).write_text("active 5000000\n")
    serve("a-1", 200)
    serve("a-1.stand-in", 200)
    return host


def ask(host: Host, job: str = "") -> dict[str, Any]:
    """Restart shop."""
    return restart("shop", str(host.root), "me", job)


def done(host: Host) -> list[str]:
    """Return what systemd was told to do, without questions."""
    asked = ("show", "journalctl", "reset-failed", "daemon-reload")
    return [call for call in host.calls() if not call.startswith(asked)]


def state_of(host: Host, unit: str) -> str:
    """Return the state that systemd has of a unit."""
    return (host.fake / "state" / unit).read_text().split()[0]


def unit_of(host: Host) -> Path:
    """Return the path of the stand-in's unit."""
    return host.directory / "runtime-units" / OTHER


def test_another_serves_while_it_restarts(running: Host) -> None:
    assert ask(running) == {"changed": True, "release": "a-1", "version": "v1"}
    assert done(running) == [
        # On trial.
        f"start {OTHER}",
        f"kill --signal=SIGKILL {OTHER}",
        f"stop {OTHER}",
        # With the socket.
        f"start {OTHER}",
        f"restart {MAIN}",
        f"start uwsgi-shop@a-1.socket {MAIN}",
        f"stop --no-block {OTHER}",
        f"restart --no-block {MAILER}",
        f"start {MAILER}",
    ]
    # Nothing of it is left.
    assert not unit_of(running).exists()
    assert state_of(running, OTHER) == "inactive"
    event = running.events[-1]
    assert (event["event"], event["release"], event["by"]) == ("restarted", "a-1", "me")


def test_the_stand_in_is_the_release_with_a_directory_of_its_own(running: Host) -> None:
    (running.fake / "slow").touch()
    with pytest.raises(Pending, match="it starts") as pending:
        ask(running)
    text, run = unit_of(running).read_text(), running.sockets
    assert text.startswith("[Service]\nRestart=always\n")
    for line in (
        "Restart=no",
        "RuntimeDirectory=wsgi/shop/%i.stand-in",
        f"BindPaths={run}/shop/%i.stand-in:{run}/shop/%i",
        f"ReadWritePaths={run}/shop/%i",
    ):
        assert line in text.splitlines()
    # What it answers before it has proved itself is for nobody.
    assert "Sockets=" not in text
    (running.fake / "busy").touch()
    with pytest.raises(Pending, match="its stand-in still answers"):
        ask(running, pending.value.job)
    assert unit_of(running).read_text() == text + "Sockets=uwsgi-shop@%i.socket\n"


def test_one_whose_stand_in_does_not_start_is_left_alone(running: Host) -> None:
    (running.fake / f"broken-{OTHER}").touch()
    (running.fake / "journal").write_text("RuntimeError: the database is down\n")
    with pytest.raises(Problem) as failure:
        ask(running)
    assert "application 'shop' is not restarted, because a second instance" in str(failure.value)
    assert "It goes on serving as before." in str(failure.value)
    assert "the database is down" in str(failure.value)
    assert not any(call.startswith(("restart", "stop")) and MAIN in call for call in done(running))
    assert not unit_of(running).exists()
    assert not running.history.exists()


def test_one_whose_stand_in_is_not_well_is_left_alone(running: Host, serve: Serve) -> None:
    (running.sockets / "shop/a-1.stand-in/http.sock").unlink()
    (running.sockets / "shop/a-1.stand-in").rmdir()
    serve("a-1.stand-in", 500)
    with pytest.raises(Problem, match="/ answered 500"):
        insist(running)
    assert f"restart {MAIN}" not in done(running)
    assert f"kill --signal=SIGKILL {OTHER}" in done(running)
    assert state_of(running, MAIN) == "active"


def insist(host: Host) -> dict[str, Any]:
    """Restart shop, asked for again as long as it is pending."""
    job = ""
    for _ in range(30):
        try:
            return ask(host, job)
        except Pending as pending:
            job = pending.job
    raise AssertionError("it is never done")


def test_the_stand_in_stays_where_the_release_does_not_come_back(running: Host) -> None:
    (running.fake / f"broken-{MAIN}").touch()
    with pytest.raises(Problem) as failure:
        ask(running)
    assert "release a-1 is restarted and not well, because" in str(failure.value)
    assert f"{OTHER}, a second instance of it, serves for an hour" in str(failure.value)
    assert state_of(running, OTHER) == "active"
    assert unit_of(running).exists()
    assert running.events[-1]["event"] == "failed"
    # The next one goes on from there.
    (running.fake / f"broken-{MAIN}").unlink()
    assert ask(running)["changed"]
    assert state_of(running, OTHER) == "inactive"
    assert not unit_of(running).exists()


def test_a_call_that_goes_on_restarts_nothing_twice(running: Host) -> None:
    (running.fake / "busy").touch()
    with pytest.raises(Pending, match="its stand-in still answers") as pending:
        ask(running)
    with pytest.raises(Pending, match="its stand-in still answers") as again:
        ask(running, pending.value.job)
    assert again.value.job == pending.value.job
    (running.fake / "state" / OTHER).write_text("inactive 5\n")
    (running.fake / "busy").unlink()
    assert ask(running, pending.value.job)["changed"]
    assert done(running).count(f"restart {MAIN}") == 1
    assert done(running).count(f"start {OTHER}") == 2
    assert len(running.events) == 1


def test_a_second_restart_restarts(running: Host) -> None:
    ask(running)
    time.sleep(0.1)
    ask(running)
    assert done(running).count(f"restart {MAIN}") == 2


def test_one_that_does_not_run_is_started(running: Host) -> None:
    (running.fake / "state" / MAIN).write_text("failed 5000000\n")
    assert ask(running)["changed"]
    # Nobody stands in for what does not serve.
    assert f"start {OTHER}" not in done(running)
    assert state_of(running, MAIN) == "active"


def test_after_a_deploy_that_came_between_nothing_is_to_do(running: Host) -> None:
    running.make("b-1")
    running.link("current", "b-1")
    assert ask(running, "a-1@5.0")["release"] == "b-1"
    assert done(running) == []


def test_a_service_that_does_not_come_back_is_told(running: Host) -> None:
    (running.fake / f"broken-{MAILER}").touch()
    with pytest.raises(Problem, match="its service mailer does not keep running"):
        ask(running)
    assert state_of(running, MAIN) == "active"


def test_check_mode_says_which(running: Host) -> None:
    assert preview("shop", str(running.root))["release"] == "a-1"
    assert running.calls() == []
    with pytest.raises(Problem, match="application 'shpo' has no release on this host. Did you"):
        preview("shpo", str(running.root))
    with pytest.raises(Problem, match="application 'shpo' has no release"):
        restart("shpo", str(running.root), "me", "")


def test_without_the_releases_unit_there_is_no_stand_in(running: Host) -> None:
    (running.units_directory / "uwsgi-shop@.service").unlink()
    with pytest.raises(Problem, match=r"uwsgi-shop@\.service is not there; run site\.yml"):
        ask(running)
    assert done(running) == []


def test_a_stand_in_is_of_its_release() -> None:
    stand_in = _app_restart.StandIn("shop", "/opt")
    assert stand_in.unit("a-1") == OTHER
    assert stand_in.releases_in([OTHER]) == ["a-1"]
    assert stand_in.runtime("a-1", "http.sock").endswith("/shop/a-1.stand-in/http.sock")
