"""The script that switches releases on the host, with a systemctl that only says what is wanted.

What it does with a real systemd is for the scenarios uwsgi and release.
"""

from __future__ import annotations

import grp
import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
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
    """A directory that stands for a host, and the script that looks at it."""

    def __init__(self, script: ModuleType, directory: Path) -> None:
        self.script = script
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
        return self.script.ACTIONS[action](request)

    @property
    def current(self) -> str:
        """The release that current points to."""
        return os.path.basename(os.readlink(self.root / "shop/current"))

    @property
    def releases(self) -> set[str]:
        """The release directories."""
        return set(os.listdir(self.root / "shop/releases"))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    path = ROOT / "roles/uwsgi/files/releases.py"
    spec = importlib.util.spec_from_file_location("releases", path)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for name, part in (("UNITS", "units"), ("SOCKETS", "run"), ("LOCKS", "lock")):
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
    return Host(script, tmp_path)


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
    calls = host.calls()
    assert "stop --no-block uwsgi-shop@a-1.socket uwsgi-shop@a-1.service" in calls
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
    wanted = {"name": "shop", "release": "b-1", "units": [], "files": []}
    answer = host.ask("inspect", apps=[wanted], homes=[], socket_group="root")
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
    assert host.script.main(json.dumps(request)) == 1
    assert "application 'none' has no release" in capsys.readouterr().err
