"""An application's place on a host: its directory, its releases, its units, its history.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import difflib
import json
import os
import re
import time
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import _files, _lock, _systemd

#: Where systemd notes when a timer was last due.
STAMPS = "/var/lib/systemd/timers"
#: Where the sockets are.
SOCKETS = "/run/wsgi"
LOCKS = _lock.LOCKS
#: Seconds to wait for another process that switches the same application.
LOCK_PATIENCE = 10.0

#: What stands before the number of a command that somebody runs in a release, in its unit's name.
#: The second dot keeps it apart from services and timers, whose names have none.
COMMAND = "exec."
#: What stands there for the second instance that serves while the first is restarted.
STAND_IN = "stand.in"

#: Why a release that is named was the one to go: events of the history that made it serve.
SERVED = ("activated", "rolled-back")

#: Unit -> (active state, sub state), as _systemd.list_units() has it.
Units = Dict[str, Tuple[str, str]]


class Application:
    """One application's place on the host.

    Args:
        name: of the application.
        root: the directory that its own is in.
    """

    def __init__(self, name: str, root: str) -> None:
        self.name = name
        self.home = os.path.join(root, name)

    # ---- Paths and units

    def path(self, release: str, *parts: str) -> str:
        """Return the path of a release, or of something in it."""
        return os.path.join(self.home, "releases", release, *parts)

    def runtime(self, release: str, socket_name: str) -> str:
        """Return the path of one of the sockets that uWSGI binds for itself."""
        return os.path.join(SOCKETS, self.name, release, socket_name)

    def unit(self, release: str, kind: str = "service", command: str = "") -> str:
        """Return the name of a release's unit: of uWSGI, or of one of its services and timers.

        No application has a dot in its name, so none is called like another's service.
        """
        return "uwsgi-{}{}@{}.{}".format(self.name, f".{command}" if command else "", release, kind)

    def units(self, release: str) -> List[str]:
        """Return the socket and the service of a release."""
        return [self.unit(release, "socket"), self.unit(release, "service")]

    def services(self, release: str) -> List[str]:
        """Return the units of what runs beside uWSGI on this host (a queue's worker)."""
        names = self.about(release).get("services", [])
        return [self.unit(release, "service", name) for name in names]

    def timers(self, release: str) -> List[str]:
        """Return the timers of a release on this host."""
        return [self.unit(release, "timer", name) for name in self.about(release).get("timers", [])]

    @property
    def pattern(self) -> "re.Pattern[str]":
        """What the units of its releases look like; group 1 is the release."""
        return re.compile(
            rf"uwsgi-{re.escape(self.name)}(?:\.[a-z0-9_-]+(?:\.[a-z0-9]+)?)?@(.*)"
            r"\.(?:service|socket|timer)$"
        )

    def releases_in(self, units: Iterable[str]) -> List[str]:
        """Return the releases whose units are in a list, each once, in order."""
        return sorted({found.group(1) for found in map(self.pattern.match, units) if found})

    # ---- Links

    def linked(self, link: str) -> str:
        """Return the release that a link (current, previous) points to; empty if none."""
        return os.path.basename(_files.link_target(os.path.join(self.home, link)) or "")

    def point(self, link: str, release: str) -> None:
        """Point a link to a release.

        Raises:
            OSError: it cannot be made; the old one is as it was.
        """
        path = os.path.join(self.home, link)
        _files.point(path, os.path.relpath(self.path(release), os.path.dirname(path)))

    # ---- Releases

    def about(self, release: str) -> Dict[str, Any]:
        """Return what release.json says; empty if the release is not there, or not complete."""
        with contextlib.suppress(OSError, ValueError, RecursionError):
            data = _files.read(self.path(release, "release.json"))
            if data is not None and release:
                return read_about(json.loads(data.decode("utf-8")))
        return {}

    def directories(self) -> List[str]:
        """Return the names of all directories of releases, in order; of incomplete ones too."""
        try:
            return sorted(os.listdir(os.path.join(self.home, "releases")))
        except OSError:
            return []

    def complete(self) -> List[str]:
        """Return the releases that are complete, in the order of their names."""
        return [name for name in self.directories() if self.about(name)]

    # ---- History

    def history(self) -> List[Dict[str, Any]]:
        """Return the events of the history, oldest first. A line cut off by a crash is none."""
        try:
            data = _files.read(os.path.join(self.home, "history")) or b""
        except OSError:
            return []
        return list(filter(None, map(read_event, data.split(b"\n"))))

    def note(self, event: str, release: str, **details: Any) -> None:
        """Add a line to the history: when, what, which release, and what else is not empty.

        Raises:
            OSError: it cannot be written, or not brought to the disk.
        """
        line: Dict[str, Any] = {"time": now(), "event": event, "release": release}
        line.update((key, value) for key, value in details.items() if value not in ("", None))
        text = json.dumps(line, ensure_ascii=False) + "\n"
        with open(os.path.join(self.home, "history"), "ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                # A line that was cut off must not take this one with it.
                text = text if file.read(1) == b"\n" else "\n" + text
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())

    def good(self) -> List[str]:
        """Return the releases that one can go back to, the latest first, without the current one.

        Good is what is complete, has served, and was neither refused nor left by a rollback since.
        """
        served: List[str] = []
        for event in self.history():
            release = event["release"]
            if event["event"] in SERVED:
                left = event.get("from", "")
                # What was left served too, even if its own line is lost.
                served = [found for found in served if found not in (left, release)]
                if left and event["event"] == "activated":
                    served.append(left)
                served.append(release)
            elif event["event"] == "refused" and release in served:
                served.remove(release)
        current = self.linked("current")
        return [
            release for release in reversed(served) if release != current and self.about(release)
        ]

    def activated_at(self, release: str) -> str:
        """Return when a release went live, as the history has it; empty if it does not."""
        times = [
            event["time"]
            for event in self.history()
            if event["release"] == release and event["event"] in SERVED
        ]
        return times[-1] if times else ""

    # ---- Sentences

    def describe(self, release: str) -> str:
        """Return a line about a release for a list of what there is."""
        told = "never active"
        for event in self.history():
            if event["release"] == release:
                told = "{} {}".format(event["event"], event["time"])
            elif event.get("from") == release:
                left_by = "a rollback" if event["event"] == "rolled-back" else "a newer release"
                told = "replaced by {} {}".format(left_by, event["time"])
        version = self.about(release).get("version")
        mark = ", current" if release == self.linked("current") else ""
        return "  {}{}, {}{}".format(release, f" ({version})" if version else "", told, mark)

    def list_releases(self) -> str:
        """Return a line about each complete release."""
        return "\n".join(self.describe(release) for release in self.complete())

    def no_release(self) -> str:
        """Return the sentence about an application that has none; a near name is asked for."""
        others = [name for name in names_in(os.path.dirname(self.home)) if name != self.name]
        like = nearest(self.name, others)
        return f"application '{self.name}' has no release on this host.{like}"

    def missing(self, release: str) -> str:
        """Return the sentence about a release that is not there, with those that are."""
        there = self.complete()
        if not there:
            return self.no_release()
        like = nearest(release, there)
        return "application '{}' has no release '{}' on this host{} are:\n{}".format(
            self.name, release, f".{like} There" if like else "; there", self.list_releases()
        )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of its switches. It goes with the process that holds it.

        Raises:
            Problem: another process holds it for longer than LOCK_PATIENCE.
        """
        message = (
            f"application '{self.name}' is being switched by another process on this host; wait"
            " for it, then run again."
        )
        with _lock.locked(f"uwsgi-{self.name}", message, LOCK_PATIENCE, LOCKS):
            yield


# ---- What files say --------------------------------------------------------------------------


def now() -> str:
    """Return the time as it stands in the history, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def read_about(about: Any) -> Dict[str, Any]:
    """Return what a release.json says, of the types that it should be; empty if it is none.

    Without health and keep_releases nobody can tell whether it is well: it is none that one can
    go back to.

    Raises:
        ValueError: a number is none.
    """
    if not isinstance(about, dict) or not isinstance(about.get("health"), dict):
        return {}
    health = about["health"]
    try:
        return dict(
            about,
            version=str(about.get("version") or ""),
            keep_releases=int(about["keep_releases"]),
            health={
                "path": str(health["path"]),
                "host": str(health["host"]),
                "status": [int(status) for status in health["status"]],
                "timeout": int(health["timeout"]),
            },
            services=[str(name) for name in about.get("services") or []],
            sockets=[str(name) for name in about.get("sockets") or []],
            timers=[str(name) for name in about.get("timers") or []],
            secret_files=[str(name) for name in about.get("secret_files") or []],
        )
    except (KeyError, TypeError):
        return {}


def read_event(line: bytes) -> Optional[Dict[str, Any]]:
    """Return the event that a line of the history is; None if it is none."""
    try:
        event = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    whole = all(isinstance(event.get(key), str) for key in ("time", "event", "release"))
    return event if whole and isinstance(event.get("from", ""), str) else None


def names_in(root: str) -> List[str]:
    """Return the applications on the host."""
    try:
        entries = sorted(os.listdir(root))
    except OSError:
        return []
    return [entry for entry in entries if os.path.isdir(os.path.join(root, entry, "releases"))]


def nearest_name(word: str, known: Sequence[str]) -> str:
    """Return the one of some names that is like a word; empty if none is."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return close[0] if close else ""


def nearest(word: str, known: Sequence[str]) -> str:
    """Return the end of a sentence about an unknown word: which known one is like it, if any."""
    close = nearest_name(word, known)
    return f" Did you mean '{close}'?" if close else ""


# ---- What runs -------------------------------------------------------------------------------


def list_instances() -> Units:
    """Return unit -> (active state, sub state) of all instances.

    Raises:
        CommandFailed: systemd does not answer.
    """
    return _systemd.list_units("uwsgi-*@*")


def is_job(unit: str) -> bool:
    """Tell whether a unit is what a timer or a person has begun: it ends by itself.

    It is not to be stopped.
    """
    stem, kind = os.path.splitext(unit)
    if f".{COMMAND}" in stem.split("@")[0]:
        return True
    return kind == ".service" and os.path.exists(os.path.join(_systemd.UNITS, stem + ".timer"))


def at_work(units: Units) -> List[str]:
    """Return the units that run, or are about to, or finish what they do."""
    return [unit for unit, state in units.items() if state[0] not in ("inactive", "failed")]


def strays_of(app: Application, release: str, units: Units, enabled: Sequence[str]) -> List[str]:
    """Return the other releases that run or would start at boot. One that is stopping is none."""
    up = [
        unit
        for unit, state in units.items()
        if state[0] in ("active", "activating", "reloading") and not is_job(unit)
    ]
    return [found for found in app.releases_in(up + list(enabled)) if found != release]


def is_active(
    app: Application,
    release: str,
    services: Sequence[str],
    timers: Sequence[str],
    units: Units,
    enabled: Sequence[str],
) -> bool:
    """Tell whether an application runs a release, whole, also after a boot, and no other.

    Args:
        app: the application.
        release: what it should run.
        services: names of what should run beside uWSGI.
        timers: names of its timers.
        units: what systemd has in memory.
        enabled: what starts at boot.
    """
    wanted = app.units(release)
    wanted += [app.unit(release, "service", name) for name in services]
    wanted += [app.unit(release, "timer", name) for name in timers]
    return (
        app.linked("current") == release
        and not strays_of(app, release, units, enabled)
        and all(units.get(unit, ("",))[0] == "active" and unit in enabled for unit in wanted)
    )
