"""A directory that stands for a host with applications, for the tests of what works on it.

Its systemctl only says what is wanted; what a real systemd does is for the scenarios.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_activate,
    _app_host,
    _app_prove,
    _app_releases,
    _application,
    _metrics_timer,
    _ports,
    _systemd,
    _uwsgi_stats,
)

#: Says what a file of canned answers holds for its arguments, and notes that it was asked.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$FAKE/calls"
case "$1" in
list-units) cat "$FAKE/units" 2>/dev/null ;;
start) test ! -e "$FAKE/slow" || exec sleep "$(cat "$FAKE/slow")" ;;
show) cat "$FAKE/show" 2>/dev/null ;;
stop) test ! -e "$FAKE/stops" || : > "$FAKE/units" ;;
esac
exit "$(cat "$FAKE/status-$1" 2>/dev/null || echo 0)"
"""
JOURNALCTL = """#!/bin/sh
echo "journalctl $*" >> "$FAKE/calls"
case "$1" in --no-pager) cat "$FAKE/journal" 2>/dev/null ;; esac
exit 0
"""
SYSTEMD_RUN = """#!/bin/sh
echo "systemd-run $*" >> "$FAKE/calls"
"""
ANALYZE = """#!/bin/sh
test "$2" != nonsense
"""

#: What systemd says of a service that runs.
STEADY = "ActiveState=active\nNRestarts=0\n"


class Host:
    """A host with the application shop."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.root = directory / "opt"
        self.fake = directory / "fake"
        self.units_directory = directory / "units"
        self.stamps = directory / "stamps"
        self.sockets = directory / "run"
        self.proc = directory / "proc"
        for path in (self.root / "shop", self.fake, self.units_directory, self.stamps, self.proc):
            path.mkdir(parents=True)
        (self.proc / "meminfo").write_text("MemTotal: 4000 kB\n")
        (self.fake / "somaxconn").write_text("4096\n")
        programs = {
            "systemctl": SYSTEMCTL,
            "journalctl": JOURNALCTL,
            "systemd-analyze": ANALYZE,
            "systemd-run": SYSTEMD_RUN,
        }
        for name, text in programs.items():
            (self.fake / name).write_text(text, encoding="utf-8")
            (self.fake / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{self.fake}:{os.environ['PATH']}")
        monkeypatch.setenv("FAKE", str(self.fake))
        places: list[tuple[Any, str, Any]] = [
            (_systemd, "UNITS", str(self.units_directory)),
            (_systemd, "RUNTIME_UNITS", str(directory / "runtime-units")),
            (_application, "SOCKETS", str(self.sockets)),
            (_application, "STAMPS", str(self.stamps)),
            (_application, "LOCKS", str(directory / "lock")),
            (_application, "LOCK_PATIENCE", 0.3),
            (_app_prove, "PATIENCE", 0.3),
            (_app_prove, "STEADY", 0.3),
            (_app_host, "SOMAXCONN", str(self.fake / "somaxconn")),
            (_app_host, "MEMINFO", str(self.proc / "meminfo")),
            (_uwsgi_stats, "PROC", str(self.proc)),
            (_uwsgi_stats, "PATIENCE", 0.5),
            (_metrics_timer, "PROGRAM", str(directory / "uwsgi/metrics.pyz")),
            (_metrics_timer, "FORMER", str(directory / "uwsgi/metrics.py")),
            (_ports, "PROC", "/proc"),
        ]
        for module, name, value in places:
            monkeypatch.setattr(module, name, value)

    # ---- What is on it

    def make(self, release: str, build: str = "", version: str = "", **about: Any) -> Path:
        """Put a complete release on the host."""
        path = self.root / "shop/releases" / release
        path.mkdir(parents=True)
        build = build or release.split("-")[0]
        (self.root / "shop/builds" / build).mkdir(parents=True, exist_ok=True)
        (path / "build").symlink_to(f"../../builds/{build}")
        health = {"path": "/", "host": "shop.example", "status": [200], "timeout": 1}
        about = {"health": health, "keep_releases": 3, "version": version} | about
        (path / "release.json").write_text(json.dumps(about), encoding="utf-8")
        return path

    def note(self, *events: dict[str, str]) -> None:
        """Give the application a history."""
        lines = [json.dumps({"time": f"2026-01-0{n}"} | e) for n, e in enumerate(events, 1)]
        self.history.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def history(self) -> Path:
        """The file of the application's history."""
        return self.root / "shop/history"

    @property
    def events(self) -> list[dict[str, Any]]:
        """What is in it."""
        return [json.loads(line) for line in self.history.read_text("utf-8").splitlines()]

    def link(self, name: str, release: str) -> None:
        """Point current or previous to a release."""
        (self.root / "shop" / name).unlink(missing_ok=True)
        (self.root / "shop" / name).symlink_to(f"releases/{release}")

    def units(self, *lines: str, boots: tuple[str, ...] = ()) -> None:
        """Say which units systemd has, as "unit state", and which start at boot."""
        text = "".join(f"{line.split()[0]} loaded {line.split()[1]} x\n" for line in lines)
        (self.fake / "units").write_text(text)
        for unit in boots:
            kind = unit.rsplit(".", 1)[1]
            target = {"service": "multi-user", "socket": "sockets", "timer": "timers"}[kind]
            wants = self.units_directory / f"{target}.target.wants"
            wants.mkdir(exist_ok=True)
            (wants / unit).touch()

    def show(self, text: str) -> None:
        """Say what systemd has to say of any unit."""
        (self.fake / "show").write_text(text)

    def fail(self, verb: str, status: int = 1) -> None:
        """Let a verb of systemctl fail."""
        (self.fake / f"status-{verb}").write_text(str(status))

    @property
    def app(self) -> _application.Application:
        """The application."""
        return _application.Application("shop", str(self.root))

    # ---- What is done with it

    def calls(self) -> list[str]:
        """Return what systemctl and journalctl were asked so far."""
        path = self.fake / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def called(self, text: str) -> int:
        """Return the place of the first call with a text in it.

        Raises:
            ValueError: there was none.
        """
        return [text in call for call in self.calls()].index(True)

    def activate(self, release: str, event: str = "activated") -> dict[str, Any]:
        """Switch to a release; ends with Pending as it does on a host."""
        return _app_activate.activate("shop", str(self.root), release, "me", event)

    def insist(self, release: str) -> dict[str, Any]:
        """Switch to a release, asked for again as long as it is pending."""
        for _ in range(30):
            try:
                return self.activate(release)
            except _app_prove.Pending:
                continue
        raise AssertionError("it is never decided")

    def choose(self, release: str = "", name: str = "shop") -> str:
        """Return where a rollback goes."""
        return _app_activate.choose(name, str(self.root), release)

    def request(self, routers: list[dict[str, Any]] | None = None, **keys: Any) -> dict[str, Any]:
        """Return what app_releases is asked about one application that wants release b-1."""
        wanted: dict[str, Any] = {"name": "shop", "release": "b-1", "units": [], "files": []}
        wanted |= {"links": [], "services": [], "timers": [], "schedules": []}
        wanted |= {"shared_paths": [], "public_paths": []}
        wanted |= {"listen": 100, "processes": 0} | keys
        return {
            "root": str(self.root),
            "apps": [wanted],
            "routers": routers or [],
            "metrics": [],
            "homes": [],
            "socket_group": "root",
            "worker_memory": 64,
            "policy": "",
        }

    def compare(self, routers: list[dict[str, Any]] | None = None, **keys: Any) -> dict[str, Any]:
        """Compare the host with one application that wants release b-1."""
        return _app_releases.compare(self.request(routers, **keys))

    @property
    def current(self) -> str:
        """The release that current points to."""
        return os.path.basename(os.readlink(self.root / "shop/current"))

    @property
    def releases(self) -> set[str]:
        """The release directories."""
        return set(os.listdir(self.root / "shop/releases"))


def activated(release: str, before: str = "") -> dict[str, str]:
    """Return the event of an activation."""
    return {"event": "activated", "release": release} | ({"from": before} if before else {})
