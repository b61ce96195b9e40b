"""A switch: its order, and what is left of it when something fails."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_activate,
    _app_prove,
    _commands,
    _systemd,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from app_host import STEADY, Host, activated

Serve = Callable[..., list[str]]


def test_a_switch(host: Host, serve: Serve) -> None:
    host.make("a-1")
    host.make("b-1", version="v2")
    host.note(activated("a-1"))
    host.link("current", "a-1")
    (host.fake / "units").write_text(
        "uwsgi-shop@a-1.service loaded active running Shop\n"
        "uwsgi-shop@a-1.socket loaded active running Shop\n"
        "uwsgi-shop-admin@z-1.service loaded active running Another\n"
    )
    serve("b-1", 200)
    answer = host.activate("b-1")
    assert (answer["from"], answer["retired"]) == ("a-1", ["a-1"])
    assert (answer["changed"], answer["release"], answer["version"]) == (True, "b-1", "v2")
    assert answer["warnings"] == []
    assert host.current == "b-1"
    assert os.readlink(host.root / "shop/previous") == "releases/a-1"
    # Where uWSGI looks for static files that the new release has no more.
    assert os.readlink(host.root / "shop/releases/b-1/before") == "../a-1"
    calls = "\n".join(host.calls())
    assert "stop --no-block uwsgi-shop@a-1.service uwsgi-shop@a-1.socket" in calls
    assert calls.index("enable --no-reload uwsgi-shop@b-1") < calls.index("disable --no-reload")
    assert "z-1" not in calls
    event = host.events[-1]
    assert event.pop("time").endswith("Z")
    assert event == activated("b-1", "a-1") | {"by": "me", "version": "v2"}


def test_what_is_active_already_is_left_alone(host: Host) -> None:
    host.make("b-1", version="v2")
    host.link("current", "b-1")
    units = ("uwsgi-shop@b-1.socket", "uwsgi-shop@b-1.service")
    host.units(*(f"{unit} active" for unit in units), boots=units)
    answer = host.activate("b-1")
    assert not answer["changed"]
    assert (answer["release"], answer["from"], answer["version"]) == ("b-1", "b-1", "v2")
    assert not any(call.startswith(("start", "enable", "stop")) for call in host.calls())
    assert not host.history.exists()


def test_an_unwell_release_is_refused(host: Host, serve: Serve) -> None:
    host.make("a-1")
    host.make("b-1")
    host.link("current", "a-1")
    serve("b-1", 500)
    with pytest.raises(Pending, match="/ answered 500"):
        host.activate("b-1")
    assert host.current == "a-1"
    with pytest.raises(Problem) as refusal:
        host.insist("b-1")
    assert "application 'shop': release b-1 is refused" in str(refusal.value)
    assert "answered 500" in str(refusal.value)
    assert "Release a-1 goes on serving." in str(refusal.value)
    assert host.current == "a-1"
    assert "kill --signal=SIGKILL uwsgi-shop@b-1.service" in host.calls()
    assert not any("@a-1" in call for call in host.calls())
    assert [event["event"] for event in host.events] == ["refused"]


def test_a_release_that_does_not_start_is_refused(host: Host) -> None:
    host.make("a-1")
    host.make("b-1")
    host.link("current", "a-1")
    host.fail("start")
    host.show("Result=exit-code\nExecMainStatus=1\n")
    with pytest.raises(Problem, match=r"did not start \(exit-code, status 1\)"):
        host.activate("b-1")
    assert host.current == "a-1"


def test_the_current_release_is_not_marked_bad(host: Host) -> None:
    host.make("a-1")
    host.make("b-1")
    host.note(activated("a-1"))
    host.link("current", "a-1")
    host.fail("start")
    with pytest.raises(Problem, match="It is the current release"):
        host.activate("a-1")
    assert not any(call.startswith("kill") for call in host.calls())
    assert host.events[-1]["event"] == "failed"
    host.link("current", "b-1")
    assert host.choose() == "a-1"


def test_a_release_that_is_not_there(host: Host) -> None:
    with pytest.raises(Problem, match="has no release on this host"):
        host.activate("a-1")


def test_a_start_that_takes_longer_is_pending(host: Host) -> None:
    host.make("a-1")
    (host.fake / "slow").write_text("5")
    with pytest.raises(Pending, match="it starts"):
        host.activate("a-1")
    assert not any(call.startswith("kill") for call in host.calls())


def test_what_is_never_decided_has_an_end(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends and is started again begins anew each time: the calls count."""
    host.make("a-1")
    host.make("b-1", health={"path": "/", "host": "h", "status": [200], "timeout": 0})
    host.link("current", "a-1")
    (host.fake / "slow").write_text("5")
    monkeypatch.setattr(_app_activate, "LONGEST_START", 0.1)
    with pytest.raises(Problem, match="neither start nor fail in the time that systemd gives"):
        host.insist("b-1")
    assert "kill --signal=SIGKILL uwsgi-shop@b-1.service" in host.calls()
    # A try after it begins anew.
    monkeypatch.setattr(_app_activate, "LONGEST_START", 330.0)
    with pytest.raises(Pending):
        host.activate("b-1")


def test_calls_of_long_ago_do_not_count(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    app = host.app
    # Nor does it matter that there is no place for the note.
    assert not _app_activate.is_overdue(app, "a-1", 0.2)
    (host.directory / "lock").mkdir()
    assert not _app_activate.is_overdue(app, "a-1", 0.2)
    time.sleep(0.3)
    assert not _app_activate.is_overdue(app, "b-1", 0.2)
    time.sleep(0.3)
    assert _app_activate.is_overdue(app, "b-1", 0.2)
    monkeypatch.setattr(_app_activate, "FORGOTTEN", 0.1)
    time.sleep(0.3)
    assert not _app_activate.is_overdue(app, "b-1", 0.2)
    Path(_app_activate.note_of(app)).write_text("{")
    assert not _app_activate.is_overdue(app, "b-1", 0.2)
    _app_activate.forget(app)
    assert not os.path.exists(_app_activate.note_of(app))


def test_a_release_that_ends_again_and_again_is_not_waited_for(host: Host, serve: Serve) -> None:
    """Each start gives it its time anew; with lazy_apps it is ready before it is imported."""
    host.make("a-1")
    host.make("b-1")
    host.link("current", "a-1")
    serve("b-1", 500, "ActiveState=active\nNRestarts=3\n")
    began = time.monotonic()
    with pytest.raises(Problem, match="it ends again and again; systemd has started it 4 times"):
        host.activate("b-1")
    assert time.monotonic() - began < 0.9
    assert host.current == "a-1"


def test_a_current_release_that_had_a_bad_time_comes_back(host: Host, serve: Serve) -> None:
    host.make("b-1")
    host.link("current", "b-1")
    serve("b-1", 200, "ActiveState=active\nNRestarts=57\n")
    assert host.activate("b-1")["changed"]


# ---- Services and timers -----------------------------------------------------------------------


def test_a_service_that_ends_is_refused(host: Host, serve: Serve) -> None:
    for release in ("a-1", "b-1"):
        host.make(release, services=["mail"], timers=["clean"])
    host.link("current", "a-1")
    # As systemd says it of one that was started again.
    serve(
        "b-1",
        200,
        "ActiveState=activating\nNRestarts=1\nResult=exit-code\nExecMainStatus=3\n",
    )
    with pytest.raises(Problem, match="its service mail does not keep running .*3"):
        host.activate("b-1")
    assert host.current == "a-1"
    calls = "\n".join(host.calls())
    assert "stop uwsgi-shop@b-1.socket uwsgi-shop@b-1.service uwsgi-shop.mail@b-1.service" in calls
    assert "start uwsgi-shop.clean@b-1.timer" not in calls


def test_services_of_a_bad_release_are_stopped_not_killed(host: Host, serve: Serve) -> None:
    """Fault 8: those that held jobs got a SIGKILL because another one had ended."""
    host.make("a-1")
    host.make("b-1", services=["mail", "queue"])
    host.link("current", "a-1")
    serve("b-1", 200, "ActiveState=failed\nNRestarts=0\nResult=exit-code\nExecMainStatus=3\n")
    with pytest.raises(Problem, match="its service mail does not keep running"):
        host.activate("b-1")
    kills = [call for call in host.calls() if call.startswith("kill")]
    assert kills == ["kill --signal=SIGKILL uwsgi-shop@b-1.service"]
    (stop,) = [call for call in host.calls() if call.startswith("stop")]
    assert "uwsgi-shop.queue@b-1.service" in stop


def test_a_service_has_to_listen(host: Host, serve: Serve, listen: Callable[..., None]) -> None:
    host.make("a-1")
    path = host.make("b-1", services=["live"], sockets=["live"])
    web = host.sockets / "shop/b-1.live/web"
    web.mkdir(parents=True)
    (path / "live.sock").symlink_to(web / "sock")
    host.link("current", "a-1")
    serve("b-1", 200, STEADY)
    # Some begin to listen later than they run.
    with pytest.raises(Pending, match="live does not listen on its socket"):
        host.activate("b-1")
    assert host.current == "a-1"
    listen(web / "sock", 0o770)
    host.activate("b-1")
    assert host.current == "b-1"


def test_a_service_that_never_listens_is_refused(host: Host, serve: Serve) -> None:
    host.make("a-1")
    host.make("b-1", services=["live"], sockets=["live"])
    host.link("current", "a-1")
    serve("b-1", 200, STEADY + "ActiveEnterTimestampMonotonic=1\n")
    with pytest.raises(Problem) as refusal:
        host.activate("b-1")
    assert "its service live does not listen on its socket (No such file" in str(refusal.value)
    assert "APP_SOCKET" in str(refusal.value)
    assert any(
        "uwsgi-shop.live@b-1.service" in call for call in host.calls() if "journalctl" in call
    )
    assert host.current == "a-1"


def test_a_socket_must_be_the_web_servers_too(
    host: Host, serve: Serve, listen: Callable[..., None]
) -> None:
    host.make("a-1")
    path = host.make("b-1", services=["live"], sockets=["live"])
    web = host.sockets / "shop/b-1.live/web"
    web.mkdir(parents=True)
    (path / "live.sock").symlink_to(web / "sock")
    host.link("current", "a-1")
    listen(web / "sock", 0o750)
    serve("b-1", 200, STEADY + "ActiveEnterTimestampMonotonic=1\n")
    with pytest.raises(Problem, match=r"web server not connect to its socket \(mode 750\)"):
        host.activate("b-1")


@pytest.fixture
def listen() -> Iterator[Callable[[Path, int], None]]:
    """Give a function that listens on a socket of a mode."""
    servers: list[socket.socket] = []

    def begin(path: Path, mode: int) -> None:
        servers.append(socket.socket(socket.AF_UNIX))
        servers[-1].bind(str(path))
        servers[-1].listen()
        path.chmod(mode)

    yield begin
    for server in servers:
        server.close()


def test_a_switch_takes_services_and_timers_along(host: Host, serve: Serve) -> None:
    for release in ("a-1", "b-1"):
        host.make(release, services=["mail"], timers=["clean"])
        for kind in ("service", "timer"):
            (host.units_directory / f"uwsgi-shop.clean@{release}.{kind}").touch()
    host.link("current", "a-1")
    old = ("uwsgi-shop@a-1.socket", "uwsgi-shop@a-1.service", "uwsgi-shop.mail@a-1.service")
    old += ("uwsgi-shop.clean@a-1.timer",)
    # The job was due an hour ago; the new release served before, and did it a day ago.
    for release, age in (("a-1", 3600), ("b-1", 86400)):
        stamp = host.stamps / f"stamp-uwsgi-shop.clean@{release}.timer"
        stamp.touch()
        os.utime(stamp, (time.time() - age,) * 2)
    # A job of the old release is at work.
    running = (*(f"{unit} active" for unit in old), "uwsgi-shop.clean@a-1.service activating")
    # Another application, whose name begins like this one's.
    host.units(*running, "uwsgi-shop-admin@a-1.service active", boots=old)
    serve("b-1", 200, STEADY)
    host.activate("b-1")
    assert host.current == "b-1"
    calls = host.calls()
    assert "start uwsgi-shop.mail@b-1.service" in calls
    assert "start uwsgi-shop.clean@b-1.timer" in calls
    first, last = [call for call in calls if call.startswith("stop")]
    assert first == "stop uwsgi-shop.clean@a-1.timer"
    assert calls.index(first) < calls.index("start uwsgi-shop.clean@b-1.timer")
    assert set(last.split()[2:]) == set(old)
    # It goes on from when the job was due last.
    assert 3500 < time.time() - stamp.stat().st_mtime < 3700
    # The release of the job that is at work stays until that has ended.
    assert "a-1" in host.releases


# ---- What fails on the way ----------------------------------------------------------------------


def test_nothing_of_a_release_that_is_left_is_shown_as_failed(host: Host, serve: Serve) -> None:
    """A job that failed in it is not what is wrong with the host any more; one of now may be."""
    for release in ("a-1", "b-1"):
        host.make(release)
        (host.units_directory / f"uwsgi-shop.clean@{release}.timer").touch()
        (host.units_directory / f"uwsgi-shop.tidy@{release}.timer").touch()
    host.link("current", "a-1")
    host.units(
        "uwsgi-shop@a-1.service active",
        "uwsgi-shop.mail@a-1.service active",
        "uwsgi-shop.clean@a-1.service failed",
        # It runs on, and is told if it fails.
        "uwsgi-shop.tidy@a-1.service activating",
        "uwsgi-shop.clean@b-1.service failed",
    )
    serve("b-1", 200)
    host.insist("b-1")
    asked = [call.split()[1:] for call in host.calls() if call.startswith("reset-failed")][-1]
    assert sorted(asked) == [
        "uwsgi-shop.clean@a-1.service",
        "uwsgi-shop.mail@a-1.service",
        "uwsgi-shop@a-1.service",
    ]


def test_a_bad_release_is_stopped_whatever_the_journal_says(host: Host, serve: Serve) -> None:
    """Fault 3: words that are no UTF-8 kept it from being stopped."""
    host.make("a-1")
    host.make("b-1", health={"path": "/", "host": "h", "status": [200], "timeout": 0})
    host.link("current", "a-1")
    serve("b-1", 500)
    (host.fake / "journal").write_bytes(b"caf\xe9 \xff\xfe\n")
    with pytest.raises(Problem, match="caf\ufffd"):
        host.insist("b-1")
    assert host.called("stop uwsgi-shop@b-1.socket") < host.called("journalctl")


def test_a_journal_that_does_not_answer_hides_nothing(
    host: Host, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = _systemd.run

    def fail(arguments: list[str], **options: Any) -> _commands.Result:
        if arguments[0] == "journalctl":
            raise FileNotFoundError(2, "No such file", "journalctl")
        return real(arguments, **options)

    host.make("a-1")
    host.make("b-1", health={"path": "/", "host": "h", "status": [200], "timeout": 0})
    host.link("current", "a-1")
    serve("b-1", 500)
    monkeypatch.setattr(_systemd, "run", fail)
    with pytest.raises(Problem, match=r"answered 500(.|\n)*a-1 goes on serving"):
        host.insist("b-1")
    assert host.events[-1]["event"] == "refused"
    host.called("stop uwsgi-shop@b-1.socket")


def test_a_health_path_in_chinese(host: Host, serve: Serve) -> None:
    """Fault 3: http.client does not send it."""
    host.make("a-1", health={"path": "/健康?q=é", "host": "h", "status": [200], "timeout": 1})
    asked = serve("a-1", 200)
    host.activate("a-1")
    assert asked == ["/%E5%81%A5%E5%BA%B7?q=%C3%A9"]


def test_the_history_says_so_before_anything_else_is_done(
    host: Host, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 5: a run that was killed after the switch let the next rollback go to what it left."""

    def kill(*_: Any) -> None:
        raise KeyboardInterrupt

    for release in ("a-1", "b-1", "c-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"), activated("c-1", "b-1"))
    host.link("current", "c-1")
    serve("b-1", 200)
    monkeypatch.setattr(_app_activate, "drain", kill)
    with pytest.raises(KeyboardInterrupt):
        host.activate("b-1", "rolled-back")
    assert host.current == "b-1"
    assert (host.events[-1]["event"], host.events[-1]["from"]) == ("rolled-back", "c-1")
    # Not c, which was left.
    assert host.choose() == "a-1"


@pytest.mark.parametrize("step", ["list-units", "prune"])
def test_what_fails_after_the_switch_is_a_warning(
    host: Host, serve: Serve, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Fault 5 and 2: nothing is removed then, and the user is told."""

    def fail(*_: Any) -> list[str]:
        raise OSError(28, "No space left on device", "/opt/shop/releases")

    for release in ("a-1", "b-1", "c-1"):
        host.make(release, keep_releases=1)
    host.note(activated("a-1"), activated("b-1", "a-1"))
    host.link("current", "b-1")
    serve("c-1", 200)
    if step == "prune":
        monkeypatch.setattr(_app_activate, "prune", fail)
    else:
        monkeypatch.setattr(_app_activate, "runs", lambda *_: False)
        host.fail("list-units")
    answer = host.activate("c-1")
    assert host.current == "c-1"
    assert host.releases == {"a-1", "b-1", "c-1"}
    assert host.events[-1]["release"] == "c-1"
    told = "\n".join(answer["warnings"])
    assert "release c-1 serves, but old releases are not removed" in told
    assert ("the disk is full" in told) == (step == "prune")


def test_a_history_that_cannot_be_written_is_a_warning(
    host: Host, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.make("a-1")
    host.history.mkdir()
    serve("a-1", 200)
    (warning, *_) = host.activate("a-1")["warnings"]
    assert "release a-1 serves, but the history does not say so" in warning


def test_a_release_that_does_not_start_at_boot_is_not_switched_to(host: Host, serve: Serve) -> None:
    """Fault 6: the old one was disabled all the same; after a boot nothing served."""
    host.make("a-1")
    host.make("b-1")
    host.note(activated("a-1"))
    host.link("current", "a-1")
    host.units("uwsgi-shop@a-1.service active", "uwsgi-shop@a-1.socket active")
    serve("b-1", 200)
    host.fail("enable")
    with pytest.raises(Problem, match="it cannot be made to start at boot: systemctl enable"):
        host.activate("b-1")
    assert host.current == "a-1"
    assert not any("@a-1" in call for call in host.calls())
    host.called("stop uwsgi-shop@b-1.socket")
    # The host failed, not the release.
    assert host.events[-1]["event"] == "failed"


def test_timers_that_do_not_start_are_a_warning(host: Host, serve: Serve) -> None:
    host.make("a-1", timers=["clean"])
    serve("a-1", 200)
    (host.fake / "systemctl").write_text(
        '#!/bin/sh\ncase "$*" in "start "*timer) exit 5;; show*) cat "$FAKE/show";; esac\n'
    )
    (warning,) = host.activate("a-1")["warnings"]
    assert "release a-1 serves, but its timers do not run: systemctl start" in warning


# ---- What modules ask for ------------------------------------------------------------------------


def test_check_mode_says_where_it_would_go(host: Host) -> None:
    host.make("a-1", version="v1")
    host.make("b-1")
    host.note(activated("a-1"), activated("b-1", "a-1"))
    host.link("current", "b-1")
    root = str(host.root)
    answer = _app_activate.rolled_back("shop", root, "", "me", True)
    assert (answer["changed"], answer["from"]) == (True, "b-1")
    assert (answer["release"], answer["version"]) == ("a-1", "v1")
    answer = _app_activate.present("shop", root, "c-1", "me", True)
    # It is about to be written.
    assert (answer["changed"], answer["from"], answer["release"]) == (True, "b-1", "c-1")
    assert host.current == "b-1"
    assert not any(call.startswith(("start", "enable", "stop")) for call in host.calls())


def test_back_to_what_serves_is_no_change(host: Host) -> None:
    host.make("a-1")
    host.link("current", "a-1")
    answer = _app_activate.rolled_back("shop", str(host.root), "a-1", "me", False)
    assert (answer["changed"], answer["from"], answer["release"]) == (False, "a-1", "a-1")
    assert not any(call.startswith("start") for call in host.calls())


def test_a_rollback_says_so_in_the_history(host: Host, serve: Serve) -> None:
    for release in ("a-1", "b-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"))
    host.link("current", "b-1")
    serve("a-1", 200)
    _app_activate.rolled_back("shop", str(host.root), "", "me", False)
    assert host.current == "a-1"
    assert (host.events[-1]["event"], host.events[-1]["from"]) == ("rolled-back", "b-1")


def test_pending_is_an_answer() -> None:
    def wait() -> dict[str, Any]:
        raise Pending("it starts")

    assert _app_prove.or_pending(wait) == {
        "changed": False,
        "pending": True,
        "progress": "it starts",
    }
    assert _app_prove.or_pending(lambda: {"changed": True}) == {"changed": True}


def test_the_answer_is_json(host: Host, serve: Serve) -> None:
    host.make("a-1")
    serve("a-1", 200)
    assert json.loads(json.dumps(host.activate("a-1")))["changed"]


def test_rollback_that_was_killed_is_not_taken_back_by_the_next(
    host: Host, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 5: killed after the switch, the next one went back to what was just left."""

    class Killed(BaseException):
        """What kill -9 does, as far as a test can."""

    def die(*_: Any) -> None:
        raise Killed

    for release in ("a-1", "b-1", "c-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"), activated("c-1", "b-1"))
    host.link("current", "c-1")
    serve("b-1", 200)
    with monkeypatch.context() as patch:
        patch.setattr(_app_activate, "finish", die)
        with pytest.raises(Killed):
            host.activate("b-1", "rolled-back")
    assert host.current == "b-1"
    assert host.choose() == "a-1"
