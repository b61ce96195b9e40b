"""The script that switches releases on the host, with a systemctl that only says what is wanted.

What it does with a real systemd is for the scenarios uwsgi and release.
"""

from __future__ import annotations

import grp
import hashlib
import importlib.util
import json
import os
import pwd
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from threading import Thread
from types import ModuleType
from typing import Any

import pytest

from templar import ROOT

#: Says what a file of canned answers holds for its arguments, and notes that it was asked.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$FAKE/calls"
case "$1" in
list-units) cat "$FAKE/units" 2>/dev/null ;;
start)
    sleep "$(cat "$FAKE/slow" 2>/dev/null || echo 0)"
    exit "$(cat "$FAKE/start" 2>/dev/null || echo 0)"
    ;;
show) cat "$FAKE/show" 2>/dev/null ;;
esac
exit 0
"""


class Host:
    """A directory that stands for a host, and the scripts that look at it."""

    def __init__(self, modules: dict[str, ModuleType], directory: Path) -> None:
        self.modules = modules
        self.script = modules["releases"]
        self.root = directory / "opt"
        self.fake = directory / "fake"

    def make(self, release: str, build: str = "", version: str = "", **about: Any) -> None:
        """Put a complete release on the host."""
        path = self.root / "shop/releases" / release
        path.mkdir(parents=True)
        build = build or release.split("-")[0]
        (self.root / "shop/builds" / build).mkdir(parents=True, exist_ok=True)
        (path / "build").symlink_to(f"../../builds/{build}")
        health = {"path": "/", "host": "shop.example", "status": [200], "timeout": 1}
        about = {"health": health, "keep_releases": 3, "version": version} | about
        (path / "release.json").write_text(json.dumps(about), encoding="utf-8")

    def note(self, *events: dict[str, str]) -> None:
        """Give the application a history."""
        lines = [json.dumps({"time": f"2026-01-0{n}"} | e) for n, e in enumerate(events, 1)]
        (self.root / "shop/history").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def link(self, name: str, release: str) -> None:
        """Point current or previous to a release."""
        (self.root / "shop" / name).unlink(missing_ok=True)
        (self.root / "shop" / name).symlink_to(f"releases/{release}")

    def calls(self) -> str:
        """Return what systemctl was asked so far."""
        path = self.fake / "calls"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def ask(self, action: str, **request: Any) -> dict[str, Any]:
        """Run an action."""
        request = {"root": str(self.root), "name": "shop", "by": "me"} | request
        return self.modules["host"].ACTIONS[action](request)

    def inspect(self, routers: list[dict[str, Any]] | None = None, **keys: Any) -> dict[str, Any]:
        """Compare the host with one application that wants release b-1."""
        wanted = {"name": "shop", "release": "b-1", "units": [], "files": [], "services": []}
        wanted |= {"timers": [], "schedules": [], "listen": 100, "processes": 0} | keys
        request = {"homes": [], "socket_group": "root", "metrics": [], "routers": routers or []}
        return self.ask("inspect", apps=[wanted], worker_memory=64, **request)

    @property
    def current(self) -> str:
        """The release that current points to."""
        return os.path.basename(os.readlink(self.root / "shop/current"))

    @property
    def releases(self) -> set[str]:
        """The release directories."""
        return set(os.listdir(self.root / "shop/releases"))


def load_modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Load the modules as the role does: each finds those before it by its name."""
    modules = {}
    for name in ("releases", "routers", "status", "host"):
        spec = importlib.util.spec_from_file_location(name, ROOT / f"roles/uwsgi/files/{name}.py")
        assert spec and spec.loader
        modules[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, modules[name])
        spec.loader.exec_module(modules[name])
    return modules


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    modules = load_modules(monkeypatch)
    script = modules["releases"]
    places = {"UNITS": "units", "SOCKETS": "run", "LOCKS": "lock", "STAMPS": "stamps"}
    for name, part in places.items():
        monkeypatch.setattr(script, name, str(tmp_path / part))
    monkeypatch.setattr(script, "PATIENCE", 0.3)
    fake = tmp_path / "fake"
    fake.mkdir()
    for name in ("systemctl", "journalctl"):
        (fake / name).write_text(SYSTEMCTL, encoding="utf-8")
        (fake / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(fake))
    (tmp_path / "opt/shop").mkdir(parents=True)
    (tmp_path / "units").mkdir()
    (tmp_path / "stamps").mkdir()
    return Host(modules, tmp_path)


@pytest.fixture
def serve(host: Host) -> Iterator[Callable[[str, int], None]]:
    """Answer health checks of a release with a status; systemd says that it has just started."""
    servers = []

    def begin(release: str, status: int) -> None:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *_: Any) -> None:
                pass

        path = Path(host.script.SOCKETS, "shop", release)
        path.mkdir(parents=True)
        server = ThreadingUnixStreamServer(str(path / "http.sock"), Answer)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        ready = int(float(Path("/proc/uptime").read_text().split()[0]) * 1e6)
        (host.fake / "show").write_text(f"ActiveEnterTimestampMonotonic={ready}\n")

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def activated(release: str, before: str = "") -> dict[str, str]:
    return {"event": "activated", "release": release} | ({"from": before} if before else {})


def test_rollback_goes_to_the_one_that_served_before(host: Host) -> None:
    for release in ("a-1", "b-1", "c-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"), activated("c-1", "b-1"))
    host.link("current", "c-1")
    assert host.ask("target")["release"] == "b-1"


def test_rollback_skips_what_was_refused_and_what_was_left(host: Host) -> None:
    for release in ("a-1", "b-1", "c-1", "d-1"):
        host.make(release)
    host.note(
        activated("a-1"),
        activated("b-1", "a-1"),
        activated("c-1", "b-1"),
        {"event": "refused", "release": "d-1"},
        {"event": "rolled-back", "release": "b-1", "from": "c-1"},
    )
    host.link("current", "b-1")
    # Not d, which never served, and not c, which somebody went back from.
    assert host.ask("target")["release"] == "a-1"


def test_what_was_activated_again_is_good_again(host: Host) -> None:
    for release in ("a-1", "b-1"):
        host.make(release)
    host.note(
        activated("a-1"),
        activated("b-1", "a-1"),
        {"event": "rolled-back", "release": "a-1", "from": "b-1"},
        activated("b-1", "a-1"),
    )
    host.link("current", "b-1")
    assert host.ask("target")["release"] == "a-1"
    host.link("current", "a-1")
    assert host.ask("target")["release"] == "b-1"


def test_rollback_skips_what_is_not_complete(host: Host) -> None:
    for release in ("a-1", "b-1", "c-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"), activated("c-1", "b-1"))
    host.link("current", "c-1")
    (host.root / "shop/releases/b-1/release.json").unlink()
    assert host.ask("target")["release"] == "a-1"


def test_the_history_may_have_a_line_that_was_cut_off(host: Host) -> None:
    for release in ("a-1", "b-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"))
    with (host.root / "shop/history").open("a") as file:
        file.write('{"time": "2026-01-03", "ev')
    host.link("current", "b-1")
    assert host.ask("target")["release"] == "a-1"


def test_rollback_refuses_with_what_there_is(host: Host) -> None:
    host.make("a-1", version="v1")
    host.make("b-1", version="v2")
    host.note({"event": "refused", "release": "b-1"}, activated("a-1"))
    host.link("current", "a-1")
    with pytest.raises(host.script.Refused) as nowhere:
        host.ask("target")
    assert "none to go back to" in str(nowhere.value)
    assert "b-1 (v2), refused 2026-01-01" in str(nowhere.value)
    with pytest.raises(host.script.Refused) as unknown:
        host.ask("target", release="z-9")
    assert "no release 'z-9'" in str(unknown.value)
    assert "a-1 (v1), activated 2026-01-02, current" in str(unknown.value)
    # By name, also to one that was refused: it must prove itself again.
    assert host.ask("target", release="b-1")["release"] == "b-1"


def test_a_switch(host: Host, serve: Callable[[str, int], None]) -> None:
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
    answer = host.ask("activate", release="b-1")
    assert (answer["from"], answer["retired"]) == ("a-1", ["a-1"])
    assert host.current == "b-1"
    assert os.readlink(host.root / "shop/previous") == "releases/a-1"
    # Where uWSGI looks for static files that the new release has no more.
    assert os.readlink(host.root / "shop/releases/b-1/before") == "../a-1"
    calls = host.calls()
    assert "stop --no-block uwsgi-shop@a-1.service uwsgi-shop@a-1.socket" in calls
    assert calls.index("enable --no-reload uwsgi-shop@b-1") < calls.index("disable --no-reload")
    assert "z-1" not in calls
    event = json.loads((host.root / "shop/history").read_text().splitlines()[-1])
    assert event.pop("time").endswith("Z")
    assert event == activated("b-1", "a-1") | {"by": "me", "version": "v2"}


def test_an_unwell_release_is_refused(host: Host, serve: Callable[[str, int], None]) -> None:
    host.make("a-1")
    host.make("b-1")
    host.link("current", "a-1")
    serve("b-1", 500)
    with pytest.raises(host.script.Pending):
        host.ask("activate", release="b-1")
    assert host.current == "a-1"
    with pytest.raises(host.script.Refused) as refusal:
        for _ in range(20):
            try:
                host.ask("activate", release="b-1")
            except host.script.Pending:
                continue
    assert "application 'shop': release b-1 is refused" in str(refusal.value)
    assert "answered 500" in str(refusal.value)
    assert "Release a-1 goes on serving." in str(refusal.value)
    assert host.current == "a-1"
    assert "kill --signal=SIGKILL uwsgi-shop@b-1.service" in host.calls()
    assert "@a-1" not in host.calls()
    assert json.loads((host.root / "shop/history").read_text())["event"] == "refused"


def test_a_release_that_does_not_start_is_refused(host: Host) -> None:
    host.make("a-1")
    host.make("b-1")
    host.link("current", "a-1")
    (host.fake / "start").write_text("1")
    (host.fake / "show").write_text("Result=exit-code\nExecMainStatus=1\n")
    with pytest.raises(host.script.Refused, match=r"did not start \(exit-code, status 1\)"):
        host.ask("activate", release="b-1")
    assert host.current == "a-1"


def test_the_current_release_is_not_marked_bad(host: Host) -> None:
    host.make("a-1")
    host.make("b-1")
    host.note(activated("a-1"))
    host.link("current", "a-1")
    (host.fake / "start").write_text("1")
    with pytest.raises(host.script.Refused, match="It is the current release"):
        host.ask("activate", release="a-1")
    assert "kill" not in host.calls()
    host.link("current", "b-1")
    assert host.ask("target")["release"] == "a-1"


def test_a_long_release_command_is_started_once(host: Host) -> None:
    host.make("a-1")
    (host.fake / "slow").write_text("2")
    assert host.ask("command", release="a-1") == {"pending": True}
    (host.fake / "show").write_text("ActiveState=activating\n")
    with pytest.raises(host.script.Pending):
        host.ask("command", release="a-1", started=True)
    # One that succeeded is known to systemd no more.
    (host.fake / "show").write_text("ActiveState=inactive\n")
    assert host.ask("command", release="a-1", started=True) == {"pending": False}
    assert host.calls().count("start uwsgi-shop-release@a-1.service") == 1


def test_a_release_command_that_fails_late_is_refused(host: Host) -> None:
    host.make("a-1")
    (host.fake / "show").write_text("ActiveState=failed\nResult=exit-code\nExecMainStatus=3\n")
    with pytest.raises(host.script.Refused, match=r"command failed \(exit-code, status 3\)"):
        host.ask("command", release="a-1", started=True)
    assert "start" not in host.calls()


def test_one_switch_at_a_time(host: Host) -> None:
    host.make("a-1")
    with (
        host.script.locked(host.script.Application("shop", str(host.root))),
        pytest.raises(host.script.Refused, match="being switched by another process"),
    ):
        host.ask("activate", release="a-1")


def test_old_releases_and_their_builds_go(host: Host) -> None:
    for n in range(1, 7):
        host.make(f"b{n}-1", build="one" if n in (1, 6) else f"b{n}")
    (host.root / "shop/builds/never-released").mkdir()
    events = [activated("b1-1")]
    events += [activated(f"b{n}-1", f"b{n - 1}-1") for n in range(2, 7)]
    host.note(*events)
    host.link("current", "b6-1")
    host.link("previous", "b5-1")
    app = host.script.Application("shop", str(host.root))
    gone = host.script.prune(app, 2, "b6-1")
    # Current and previous are the two; of what never served there is none to keep.
    assert host.releases == {"b6-1", "b5-1"}
    assert "b1-1" in gone and "b2-1" in gone
    # One is the build of the current release too; what no release was made of is not ours.
    assert {"one", "never-released", "b5"} <= set(os.listdir(host.root / "shop/builds"))
    assert not {"b1", "b2"} & set(os.listdir(host.root / "shop/builds"))


def test_what_still_runs_or_went_wrong_last_stays(host: Host) -> None:
    for release in ("a-1", "b-1", "c-1", "x-1", "y-1"):
        host.make(release)
    for age, release in ((300, "x-1"), (200, "y-1")):
        path = host.root / "shop/releases" / release / "release.json"
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    host.note(activated("a-1"), activated("b-1", "a-1"), activated("c-1", "b-1"))
    host.link("current", "c-1")
    host.link("previous", "b-1")
    (host.fake / "units").write_text("uwsgi-shop@a-1.service loaded deactivating stop Shop\n")
    host.script.prune(host.script.Application("shop", str(host.root)), 1, "c-1")
    assert host.releases == {"c-1", "b-1", "a-1", "y-1"}


def both(instance: str, state: str = "active running") -> str:
    """Give the lines of systemctl list-units about an instance."""
    return "".join(f"{instance}.{kind} loaded {state} A name\n" for kind in ("socket", "service"))


SETTLED = both("uwsgi-shop@b-1") + both("uwsgi-shop-admin@z-1")
#: Case -> what runs, what starts at boot, what is current; whether that settles b-1; who is to go.
STATES: dict[str, tuple[str, list[str], str, bool, list[str]]] = {
    "bare": ("", [], "", False, []),
    "settled": (SETTLED, ["shop@b-1", "shop-admin@z-1"], "b-1", True, []),
    "old": (both("uwsgi-shop@a-1"), ["shop@a-1"], "a-1", False, ["a-1"]),
    "not enabled": (SETTLED, [], "b-1", False, []),
    "not running": (both("uwsgi-shop@b-1", "failed failed"), ["shop@b-1"], "b-1", False, []),
    "another starts": (
        SETTLED + both("uwsgi-shop@c-1", "activating start"),
        ["shop@b-1"],
        "b-1",
        False,
        ["c-1"],
    ),
    "another would boot": (SETTLED, ["shop@b-1", "shop@c-1"], "b-1", False, ["c-1"]),
    # What is stopping, stopped or has failed takes no requests: nothing to retire.
    "another leaves": (
        SETTLED + both("uwsgi-shop@a-1", "deactivating stop") + both("uwsgi-shop@c-1", "failed x"),
        ["shop@b-1"],
        "b-1",
        True,
        [],
    ),
    # The release command's unit is named like an application's, up to the @.
    "release command": (
        SETTLED + both("uwsgi-shop-release@b-1"),
        ["shop@b-1"],
        "b-1",
        True,
        [],
    ),
}


@pytest.mark.parametrize("case", STATES)
def test_when_an_application_is_settled(host: Host, case: str) -> None:
    units, boots, current, settled, strays = STATES[case]
    host.make("b-1")
    (host.fake / "units").write_text(units)
    for target, kind in (("multi-user", "service"), ("sockets", "socket")):
        wants = Path(host.script.UNITS, f"{target}.target.wants")
        wants.mkdir(parents=True)
        for instance in boots:
            (wants / f"uwsgi-{instance}.{kind}").touch()
    if current:
        host.link("current", current)
    answer = host.inspect()
    (found,) = answer["apps"]
    assert (found["current"], found["settled"]) == (current, settled)
    app = host.script.Application("shop", str(host.root))
    listed = host.script.list_units(), host.script.list_enabled()
    assert host.script.strays_of(app, "b-1", *listed) == strays
    # There is no user shop on the machine of the tests, and there is a group root.
    assert answer["missing_users"] == ["shop"]
    assert not answer["missing_group"]


def test_a_file_is_stale_when_anything_differs(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "file"
    group = grp.getgrgid(os.getgid()).gr_name
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    wanted = {"path": str(path), "mode": "0640", "group": group, "sha256": digest}
    assert host.script.is_stale(wanted)
    path.write_text("hello")
    path.chmod(0o640)
    assert host.script.is_stale(wanted) == (os.getuid() != 0)
    assert host.script.is_stale(wanted | {"sha256": "0"})
    assert host.script.is_stale(wanted | {"group": "no-such-group"})
    path.chmod(0o644)
    assert host.script.is_stale(wanted)


def test_units_are_told_apart_by_name(host: Host) -> None:
    app = host.script.Application("shop", "/opt")
    units = ["uwsgi-shop@a-1.service", "uwsgi-shop@a-1.socket", "uwsgi-shop-admin@b-1.service"]
    assert host.script.releases_in(app, units) == ["a-1"]


def test_idle_is_a_core_that_waits(host: Host) -> None:
    def stats(*cores: int) -> dict[str, Any]:
        return {"workers": [{"status": "busy", "cores": [{"in_request": n} for n in cores]}]}

    assert host.script.is_idle(stats(1, 0))
    assert not host.script.is_idle(stats(1, 1))
    assert not host.script.is_idle({"workers": [{"status": "cheap", "cores": [{}]}]})


def test_the_exit_code_tells(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    request = {"action": "target", "root": str(host.root), "name": "none"}
    assert host.modules["host"].main(json.dumps(request)) == 1
    assert "application 'none' has no release" in capsys.readouterr().err


# ---- Services and timers -------------------------------------------------------------------------


def units(host: Host, *lines: str, boots: tuple[str, ...] = ()) -> None:
    """Say which units systemd has, as "unit state", and which start at boot."""
    text = "".join(f"{line.split()[0]} loaded {line.split()[1]} x\n" for line in lines)
    (host.fake / "units").write_text(text)
    for unit in boots:
        kind = unit.rsplit(".", 1)[1]
        target = {"service": "multi-user", "socket": "sockets", "timer": "timers"}[kind]
        wants = Path(host.script.UNITS, f"{target}.target.wants")
        wants.mkdir(exist_ok=True)
        (wants / unit).touch()


RUNNING = (
    "uwsgi-shop@b-1.socket",
    "uwsgi-shop@b-1.service",
    "uwsgi-shop.mail@b-1.service",
    "uwsgi-shop.clean@b-1.timer",
)


@pytest.mark.parametrize("missing", ["", *RUNNING])
def test_services_and_timers_have_to_run_and_to_boot(host: Host, missing: str) -> None:
    host.make("b-1", services=["mail"], timers=["clean"])
    host.link("current", "b-1")
    there = [unit for unit in RUNNING if unit != missing]
    units(host, *(f"{unit} active" for unit in there), boots=RUNNING)
    (found,) = host.inspect(services=["mail"], timers=["clean"])["apps"]
    assert found["settled"] == (not missing)


def test_a_service_that_ends_is_refused(
    host: Host, serve: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for release in ("a-1", "b-1"):
        host.make(release, services=["mail"], timers=["clean"])
    host.link("current", "a-1")
    serve("b-1", 200)
    monkeypatch.setattr(host.script, "SETTLE", 0.5)
    # As systemd says it of one that was started again.
    with (host.fake / "show").open("a") as file:
        file.write("ActiveState=activating\nNRestarts=1\nResult=exit-code\nExecMainStatus=3\n")
    with pytest.raises(host.script.Refused, match="its service mail does not keep running .*3"):
        host.ask("activate", release="b-1")
    assert host.current == "a-1"
    calls = host.calls()
    assert "stop uwsgi-shop@b-1.socket uwsgi-shop@b-1.service uwsgi-shop.mail@b-1.service" in calls
    assert "start uwsgi-shop.clean@b-1.timer" not in calls


def test_a_switch_takes_services_and_timers_along(
    host: Host, serve: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for release in ("a-1", "b-1"):
        host.make(release, services=["mail"], timers=["clean"])
        for kind in ("service", "timer"):
            Path(host.script.UNITS, f"uwsgi-shop.clean@{release}.{kind}").touch()
    host.link("current", "a-1")
    old = ("uwsgi-shop@a-1.socket", "uwsgi-shop@a-1.service", "uwsgi-shop.mail@a-1.service")
    old += ("uwsgi-shop.clean@a-1.timer",)
    # The job was due an hour ago; the new release served before, and did it a day ago.
    for release, age in (("a-1", 3600), ("b-1", 86400)):
        stamp = Path(host.script.STAMPS, f"stamp-uwsgi-shop.clean@{release}.timer")
        stamp.touch()
        os.utime(stamp, (time.time() - age,) * 2)
    # A job of the old release is at work.
    running = (*(f"{unit} active" for unit in old), "uwsgi-shop.clean@a-1.service activating")
    # Another application, whose name begins like this one's.
    units(host, *running, "uwsgi-shop-admin@a-1.service active", boots=old)
    serve("b-1", 200)
    monkeypatch.setattr(host.script, "SETTLE", 0.1)
    with (host.fake / "show").open("a") as file:
        file.write("ActiveState=active\nNRestarts=0\n")
    host.ask("activate", release="b-1")
    assert host.current == "b-1"
    calls = host.calls().splitlines()
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


def test_units_of_a_release_go_with_it(host: Host) -> None:
    for release in ("a-1", "b-1", "c-1", "d-1"):
        host.make(release)
        for name in ("mail@{}.service", "clean@{}.timer"):
            Path(host.script.UNITS, "uwsgi-shop." + name.format(release)).touch()
        Path(host.script.STAMPS, f"stamp-uwsgi-shop.clean@{release}.timer").touch()
    Path(host.script.UNITS, "uwsgi-shop-admin.mail@a-1.service").touch()
    host.note(activated("a-1"), activated("b-1"), activated("c-1"), activated("d-1"))
    host.link("current", "d-1")
    host.link("previous", "c-1")
    app = host.script.Application("shop", str(host.root))
    host.script.prune(app, 2, "d-1")
    stamps = sorted(path.name for path in Path(host.script.STAMPS).iterdir())
    assert stamps == [f"stamp-uwsgi-shop.clean@{release}.timer" for release in ("c-1", "d-1")]
    left = {path.name for path in Path(host.script.UNITS).iterdir()}
    assert left == {
        "uwsgi-shop-admin.mail@a-1.service",
        *(f"uwsgi-shop.mail@{release}.service" for release in ("c-1", "d-1")),
        *(f"uwsgi-shop.clean@{release}.timer" for release in ("c-1", "d-1")),
    }
    assert "daemon-reload" in host.calls()


def test_a_queue_that_the_host_does_not_allow(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "somaxconn").write_text("128\n")
    monkeypatch.setattr(host.script, "SOMAXCONN", str(tmp_path / "somaxconn"))
    assert host.inspect(listen=1024)["problems"] == []
    monkeypatch.setattr(os, "access", lambda *_: False)
    (problem,) = host.inspect(listen=1024)["problems"]
    assert "listen: 1024 is more than this host allows" in problem
    assert "write 128 or less" in problem
    assert host.inspect(listen=128)["problems"] == []


# ---- Status and metrics --------------------------------------------------------------------------

STATS = {
    "pid": 10,
    "workers": [
        {
            "pid": 11,
            "status": "busy",
            "requests": 5,
            "exceptions": 1,
            "harakiri_count": 2,
            "respawn_count": 3,
            "tx": 100,
            "running_time": 1500000,
            "cores": [{"in_request": 1}, {"in_request": 0}],
        },
        {
            "pid": 12,
            "status": "idle",
            "requests": 7,
            "exceptions": 0,
            "harakiri_count": 0,
            "respawn_count": 1,
            "tx": 20,
            "running_time": 500000,
            "cores": [{"in_request": 0}, {"in_request": 0}],
        },
        # One that cheaper has put to sleep.
        {"pid": 0, "status": "cheap", "requests": 0, "cores": [{"in_request": 0}]},
    ],
}


@pytest.fixture
def stats(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    """Give a host whose uWSGI tells figures, with a process table."""
    host.make("b-1", version='v"1"', services=["mail"], timers=["clean"])
    host.link("current", "b-1")
    host.note(activated("b-1"))
    history = host.root / "shop/history"
    history.write_text(history.read_text().replace('"2026-01-01"', '"2026-01-02T03:04:05Z"'))
    units(host, "uwsgi-shop@b-1.service active", "uwsgi-shop.mail@b-1.service active")
    (host.fake / "show").write_text("NRestarts=4\nActiveState=active\n")
    monkeypatch.setattr(host.script, "read_stats", lambda *_: STATS)
    for pid in (10, 11, 12):
        (tmp_path / f"proc/{pid}").mkdir(parents=True)
        (tmp_path / f"proc/{pid}/smaps_rollup").write_text("x\nRss: 9 kB\nPss:   1000 kB\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal: 4000 kB\n")
    monkeypatch.setattr(host.modules["status"], "PROC", str(tmp_path / "proc"))
    return host


def test_status(stats: Host) -> None:
    (found,) = stats.ask("status", names=[])["apps"]
    history = found.pop("history")
    assert [event["release"] for event in history] == ["b-1"]
    assert found == {
        "name": "shop",
        "release": "b-1",
        "version": 'v"1"',
        "since": "2026-01-02T03:04:05Z",
        "state": "active",
        "restarts": 4,
        "answers": True,
        "workers": 2,
        "busy": 1,
        "idle": 1,
        "threads": 4,
        "threads_busy": 1,
        "requests": 12,
        "exceptions": 1,
        "harakiri": 2,
        "respawns": 2,
        "sent": 120,
        "running": 2.0,
        "memory": 3 * 1000 * 1024,
        "down": ["clean"],
        "others": [],
        "routers": {},
        "previous": "",
        "previous_version": "",
    }
    assert stats.ask("status", names=["blog"])["apps"] == []


def test_metrics(stats: Host, tmp_path: Path) -> None:
    path = tmp_path / "uwsgi.prom"
    stats.ask("metrics", to=str(path))
    lines = path.read_text(encoding="utf-8").splitlines()
    for line in (
        'uwsgi_up{app="shop"} 1',
        'uwsgi_release_info{app="shop",release="b-1",version="v\\"1\\""} 1',
        'uwsgi_release_activated_timestamp_seconds{app="shop"} 1767323045',
        'uwsgi_restarts_total{app="shop"} 4',
        'uwsgi_services_down{app="shop"} 1',
        'uwsgi_workers{app="shop",state="busy"} 1',
        'uwsgi_workers{app="shop",state="other"} 0',
        'uwsgi_threads{app="shop"} 4',
        'uwsgi_memory_bytes{app="shop"} 3072000',
        'uwsgi_requests_total{app="shop"} 12',
        'uwsgi_busy_seconds_total{app="shop"} 2',
        "# TYPE uwsgi_requests_total counter",
    ):
        assert line in lines
    # Each metric is described once, before its lines.
    described = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert len(described) == len(set(described)) == len(stats.modules["status"].METRICS)


def test_what_does_not_answer_has_no_figures(
    stats: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stats.script, "read_stats", lambda *_: {})
    path = tmp_path / "uwsgi.prom"
    stats.ask("metrics", to=str(path))
    text = path.read_text(encoding="utf-8")
    assert 'uwsgi_up{app="shop"} 0' in text
    assert "requests_total" not in text


def test_more_workers_than_memory(stats: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    # 3000 kB for two workers, and the host has 4000.
    assert stats.inspect()["warnings"] == []
    assert stats.inspect(processes=2)["warnings"] == []
    (warning,) = stats.inspect(processes=3)["warnings"]
    assert "3 of 'shop' at 1 MB (measured) are 4 MB, and there are 4 MB" in warning
    # Before there is a worker to measure.
    monkeypatch.setattr(stats.script, "read_stats", lambda *_: {})
    (warning,) = stats.inspect(processes=1)["warnings"]
    assert "1 of 'shop' at 64 MB (reckoned)" in warning
    assert stats.inspect()["warnings"] == []


def test_when_metrics_are_collected(host: Host, tmp_path: Path) -> None:
    script = tmp_path / "metrics.py"
    group = grp.getgrgid(os.getgid()).gr_name
    file = {"path": str(script), "mode": "0644", "group": group}
    file["sha256"] = hashlib.sha256(b"x").hexdigest()
    ask = host.modules["status"].inspect
    request = {"metrics": [file], "apps": [], "root": str(host.root), "worker_memory": 64}
    timer = "uwsgi-metrics.timer"
    assert not ask(request)["metrics"]
    script.write_text("x")
    script.chmod(0o644)
    (host.fake / "show").write_text("ActiveState=active\n")
    units(host, boots=(timer,))
    assert ask(request)["metrics"] == (os.getuid() == 0)
    script.write_text("y")
    assert not ask(request)["metrics"]
    # Not wanted any more, but there.
    Path(host.script.UNITS, timer).touch()
    assert not ask(request | {"metrics": []})["metrics"]
    Path(host.script.UNITS, timer).unlink()
    assert ask(request | {"metrics": []})["metrics"]


# ---- Routers -------------------------------------------------------------------------------------


def wanted_router(host: Host, port: int, text: str = "new") -> dict[str, Any]:
    """Describe a router."""
    group = grp.getgrgid(os.getgid()).gr_name
    files = [
        {"path": path, "text": text, "mode": "0644", "group": group}
        for path in (
            str(host.root / "shop/http.ini"),
            f"{host.script.UNITS}/uwsgi-shop-http.service",
        )
    ]
    for file in files:
        file["sha256"] = hashlib.sha256(file["text"].encode()).hexdigest()
    health = {"path": "/", "host": "shop.example", "status": [200], "timeout": 1}
    return {
        "name": "shop",
        "kind": "http",
        "ports": [port],
        "files": files,
        "health": health,
        "addresses": ["0.0.0.0"],
        "https": 0,
        "redirect": False,
        "reads": [],
    }


@pytest.fixture
def web() -> Iterator[int]:
    """Answer HTTP on a port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["Host"] == "shop.example" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_port_that_somebody_else_has(
    host: Host, web: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwd, "getpwnam", lambda _: pwd.getpwuid(os.getuid()))
    (problem,) = host.inspect(routers=[wanted_router(host, web)])["problems"]
    assert f"application 'shop', http: port {web} is taken on this host by" in problem
    assert f"(process {os.getpid()})" in problem
    # What has it is the router itself.
    (host.fake / "show").write_text(f"MainPID={os.getpid()}\n")
    assert host.inspect(routers=[wanted_router(host, web)])["problems"] == []


def test_a_port_whose_holder_root_may_not_see(
    host: Host, web: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container: then it is the router's own, if it runs and the socket is its user's."""
    monkeypatch.setattr(host.modules["routers"], "holder", lambda _: (0, ""))
    monkeypatch.setattr(pwd, "getpwnam", lambda _: pwd.getpwuid(os.getuid()))
    (problem,) = host.inspect(routers=[wanted_router(host, web)])["problems"]
    assert f"port {web} is taken on this host by another process" in problem
    (host.fake / "show").write_text(f"MainPID={os.getpid()}\n")
    assert host.inspect(routers=[wanted_router(host, web)])["problems"] == []


def test_a_certificate_that_is_not_there(host: Host, tmp_path: Path) -> None:
    wanted = wanted_router(host, 1) | {"reads": [str(tmp_path / "none.crt")]}
    (problem,) = host.inspect(routers=[wanted])["problems"]
    assert f"there is no file {tmp_path}/none.crt" in problem


@pytest.mark.skipif(os.getuid() != 0, reason="files have to be root's")
def test_when_a_router_is_settled(host: Host, tmp_path: Path) -> None:
    wanted = wanted_router(host, 1)
    wanted["reads"] = [str(tmp_path / "s.crt")]
    unit = "uwsgi-shop-http.service"

    def settled() -> bool:
        return not host.inspect(routers=[wanted])["unsettled"]

    def started(seconds_ago: float) -> None:
        up = float(Path("/proc/uptime").read_text().split()[0]) - seconds_ago
        (host.fake / "show").write_text(
            f"ActiveState=active\nExecMainStartTimestampMonotonic={int(up * 1e6)}\n"
        )

    for file in wanted["files"]:
        Path(file["path"]).write_text(file["text"])
        Path(file["path"]).chmod(0o644)
    (tmp_path / "s.crt").touch()
    started(0)
    assert not settled()
    units(host, boots=(unit,))
    assert settled()
    # The certificate is newer than the router that read it.
    started(100)
    assert not settled()
    old = time.time() - 200
    for path in [*(file["path"] for file in wanted["files"]), *wanted["reads"]]:
        os.utime(path, (old, old))
    assert settled()
    (host.root / "shop/http.ini").write_text("other")
    assert not settled()
    # And without it in the inventory, it is to go.
    assert host.inspect()["unwanted"] == [{"name": "shop", "kind": "http"}]


def test_a_router_that_serves_stays(host: Host, web: int) -> None:
    (host.fake / "show").write_text("ActiveState=active\nNRestarts=0\n")
    assert host.ask("route", **wanted_router(host, web)) == {"serves": "uwsgi-shop-http.service"}
    assert (host.root / "shop/http.ini").read_text() == "new"
    calls = host.calls().splitlines()
    assert calls.index("daemon-reload") < calls.index("restart uwsgi-shop-http.service")
    host.ask("route", name="shop", kind="http", unwanted=True)
    assert not (host.root / "shop/http.ini").exists()
    assert "disable --now uwsgi-shop-http.service" in host.calls()


@pytest.mark.parametrize("before", ["", "old"])
def test_a_router_that_does_not_serve_goes_back(
    host: Host, web: int, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    monkeypatch.setattr(host.modules["routers"], "ANSWER_WITHIN", 0.3)
    wanted = wanted_router(host, web)
    # It answers, but not with what is well.
    wanted["health"]["host"] = "other.example"
    paths = [Path(file["path"]) for file in wanted["files"]]
    for path in paths:
        if before:
            path.write_text(before)
    (host.fake / "show").write_text("ActiveState=active\nNRestarts=0\n")
    with pytest.raises(host.script.Refused, match=f"port {web} answered 404") as refused:
        host.ask("route", **wanted)
    calls = host.calls().splitlines()
    if before:
        assert [path.read_text() for path in paths] == [before, before]
        assert "The former one is back" in str(refused.value)
        assert calls[-1] == "restart uwsgi-shop-http.service"
    else:
        assert not any(path.exists() for path in paths)
        assert "disable --now uwsgi-shop-http.service" in calls
