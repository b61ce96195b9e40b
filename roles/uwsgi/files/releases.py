"""Look at, write, prove, switch and remove the releases of applications, on the host itself.

By hand, and in one process, for what a sequence of Ansible modules cannot give: a switch
that nobody else can come between, that finishes what it began when the connection to the
controller is lost, and that takes seconds, because each module is a round trip of its own. How
it comes to the host is said in host.py.

It runs on the oldest Python that a managed host may have, 3.6.
"""

import contextlib
import fcntl
import glob
import grp
import hashlib
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

#: Exit code "not finished, ask again" (EX_TEMPFAIL of sysexits.h).
ASK_AGAIN = 75
#: Seconds after which a call returns with ASK_AGAIN, so that the play shows that it moves.
PATIENCE = 10.0
#: Seconds that one question for the health may take, if the time that is left is longer.
LONGEST_ANSWER = 10.0
#: Seconds that a retiring instance is given to accept what waits in its queue.
LONGEST_DRAIN = 5.0
#: Seconds that a service of a release must run without ending, before it is believed to.
SETTLE = 2.0

#: In seconds.
DAY = 86400

UNITS = "/etc/systemd/system"
#: Where systemd notes when a timer was last due.
STAMPS = "/var/lib/systemd/timers"
SOCKETS = "/run/wsgi"
LOCKS = "/run/lock"
SOMAXCONN = "/proc/sys/net/core/somaxconn"

#: Why a release that is named was the one to go: events of the history that made it serve.
SERVED = ("activated", "rolled-back")


class Refused(Exception):
    """Something that the user asked for and cannot have; the text is for the user."""


class Pending(Exception):
    """Not finished within PATIENCE; the same call continues it."""


def run(*arguments: str, timeout: Optional[float] = None) -> "subprocess.CompletedProcess[str]":
    """Run a command and return what it said; a failure is for the caller to see.

    Raises:
        subprocess.TimeoutExpired: it took longer than timeout, in seconds.
    """
    return subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=timeout,
        check=False,
    )


def now() -> str:
    """Return the time as it stands in the history, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Application:
    """One application's place on the host: its directory, its units, its history."""

    def __init__(self, name: str, root: str) -> None:
        self.name = name
        self.home = os.path.join(root, name)

    def path(self, release: str, *parts: str) -> str:
        """Return the path of a release, or of something in it."""
        return os.path.join(self.home, "releases", release, *parts)

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

    def runtime(self, release: str, socket_name: str) -> str:
        """Return the path of one of the sockets that uWSGI binds for itself."""
        return os.path.join(SOCKETS, self.name, release, socket_name)

    def linked(self, link: str) -> str:
        """Return the release that a link (current, previous) points to; empty if none."""
        try:
            return os.path.basename(os.readlink(os.path.join(self.home, link)))
        except OSError:
            return ""

    def point(self, link: str, release: str) -> None:
        """Point a link to a release.

        A new link renamed over the old one: whoever connects meets one of the two, never nothing.
        """
        path = os.path.join(self.home, link)
        fresh = path + ".new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        os.symlink(os.path.relpath(self.path(release), os.path.dirname(path)), fresh)
        os.rename(fresh, path)
        sync_directory(os.path.dirname(path))

    def about(self, release: str) -> Dict[str, Any]:
        """Return what release.json says; empty if the release is not there, or not complete."""
        try:
            with open(self.path(release, "release.json"), encoding="utf-8") as file:
                about = json.load(file)
        except (OSError, ValueError):
            return {}
        # Without these nobody can tell whether it is well: it is none that one can go back to.
        return about if {"health", "keep_releases"} <= set(about) else {}

    def complete(self) -> List[str]:
        """Return the releases that are complete, in the order of their names."""
        try:
            names = sorted(os.listdir(os.path.join(self.home, "releases")))
        except OSError:
            return []
        return [name for name in names if self.about(name)]

    def history(self) -> List[Dict[str, Any]]:
        """Return the events of the history, oldest first. A line cut off by a crash is none."""
        events = []
        try:
            with open(os.path.join(self.home, "history"), encoding="utf-8") as file:
                for line in file:
                    with contextlib.suppress(ValueError):
                        event = json.loads(line)
                        if isinstance(event, dict) and "release" in event:
                            events.append(event)
        except OSError:
            pass
        return events

    def note(self, event: str, release: str, **details: Any) -> None:
        """Add a line to the history: when, what, which release, and what else is not empty."""
        line: Dict[str, Any] = {"time": now(), "event": event, "release": release}
        line.update((key, value) for key, value in details.items() if value not in ("", None))
        text = json.dumps(line, ensure_ascii=False) + "\n"
        with open(os.path.join(self.home, "history"), "ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                # A line that was cut off must not take this one with it.
                text = text if file.read(1) == b"\n" else "\n" + text
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())

    def good(self) -> List[str]:
        """Return the releases that one can go back to, the latest first, without the current one.

        Good is what is complete, has served, and was neither refused nor left by a rollback since.
        """
        served: List[str] = []
        for event in self.history():
            release = event["release"]
            if event.get("event") in SERVED:
                left = event.get("from", "")
                # What was left served too, even if its own line is lost.
                served = [found for found in served if found not in (left, release)]
                if left and event["event"] == "activated":
                    served.append(left)
                served.append(release)
            elif event.get("event") == "refused" and release in served:
                served.remove(release)
        current = self.linked("current")
        return [
            release for release in reversed(served) if release != current and self.about(release)
        ]


def sync_directory(path: str) -> None:
    """Make the names in a directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(app: Application) -> Iterator[None]:
    """Hold the lock of an application's switches. It goes with the process that holds it.

    Raises:
        Refused: another process holds it for longer than PATIENCE.
    """
    os.makedirs(LOCKS, exist_ok=True)
    path = os.path.join(LOCKS, f"uwsgi-{app.name}.lock")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Refused(
                        f"application '{app.name}' is being switched by another process on this"
                        " host; wait for it, then run again."
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


# ---- What is there -------------------------------------------------------------------------


def list_units() -> Dict[str, Tuple[str, str]]:
    """Return unit -> (active state, sub state) of all instances."""
    listing = run(
        "systemctl",
        "list-units",
        "--all",
        "--full",
        "--plain",
        "--no-legend",
        "--no-pager",
        "--type=service,socket,timer",
        "uwsgi-*@*",
    )
    units = {}
    for line in listing.stdout.splitlines():
        fields = line.split()
        if len(fields) >= 4:
            units[fields[0]] = (fields[2], fields[3])
    return units


def list_enabled() -> List[str]:
    """Return the instances that start at boot."""
    enabled: List[str] = []
    for target in ("multi-user.target.wants", "sockets.target.wants", "timers.target.wants"):
        with contextlib.suppress(OSError):
            enabled += os.listdir(os.path.join(UNITS, target))
    return [unit for unit in enabled if unit.startswith("uwsgi-")]


def pattern_of(app: Application) -> "re.Pattern[str]":
    """Return what the units of an application's releases look like; group 1 is the release."""
    return re.compile(
        rf"uwsgi-{re.escape(app.name)}(?:\.[a-z0-9_-]+)?@(.*)\.(?:service|socket|timer)$"
    )


def releases_in(app: Application, units: List[str]) -> List[str]:
    """Return the releases whose units are in a list, each once, in order."""
    return sorted({found.group(1) for found in map(pattern_of(app).match, units) if found})


def is_job(unit: str) -> bool:
    """Tell whether a unit is what a timer starts: it ends by itself, and is not to be stopped."""
    stem, kind = os.path.splitext(unit)
    return kind == ".service" and os.path.exists(os.path.join(UNITS, stem + ".timer"))


def at_work(units: Dict[str, Tuple[str, str]]) -> List[str]:
    """Return the units that run, or are about to, or finish what they do."""
    return [unit for unit, state in units.items() if state[0] not in ("inactive", "failed")]


def strays_of(
    app: Application, release: str, units: Dict[str, Tuple[str, str]], enabled: List[str]
) -> List[str]:
    """Return the other releases that run or would start at boot. One that is stopping is none."""
    up = [
        unit
        for unit, state in units.items()
        if state[0] in ("active", "activating", "reloading") and not is_job(unit)
    ]
    return [found for found in releases_in(app, up + enabled) if found != release]


def is_stale(file: Dict[str, str]) -> bool:
    """Tell whether a file is missing, or has another content, mode or owner than it should."""
    try:
        found = os.lstat(file["path"])
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != int(file["mode"], 8):
            return True
        with open(file["path"], "rb") as content:
            if hashlib.sha256(content.read()).hexdigest() != file["sha256"]:
                return True
        return (found.st_uid, found.st_gid) != (0, grp.getgrnam(file["group"]).gr_gid)
    except (OSError, KeyError):
        return True


def is_directory(path: str, owner: str, mode: int) -> bool:
    """Tell whether a directory is as it should be."""
    try:
        found = os.lstat(path)
        user = pwd.getpwnam(owner)
    except (OSError, KeyError):
        return False
    return stat.S_ISDIR(found.st_mode) and (
        stat.S_IMODE(found.st_mode),
        found.st_uid,
        found.st_gid,
    ) == (
        mode,
        user.pw_uid,
        user.pw_gid,
    )


def directories(app: Application, release: str) -> List[Tuple[str, str, int]]:
    """Return path, owner and mode of the directories of a release and its application."""
    return [
        (app.home, "root", 0o755),
        (os.path.join(app.home, "releases"), "root", 0o755),
        (os.path.join(app.home, "shared"), app.name, 0o750),
        (app.path(release), "root", 0o755),
    ]


def inspect(request: Dict[str, Any]) -> Dict[str, Any]:
    """Compare the host with what the role wants of it; change nothing."""
    units, enabled = list_units(), list_enabled()
    users = {entry.pw_name for entry in pwd.getpwall()}
    groups = {entry.gr_name for entry in grp.getgrall()}
    answers: List[Dict[str, Any]] = []
    problems: List[str] = []
    for wanted in request["apps"]:
        app, release = Application(wanted["name"], request["root"]), wanted["release"]
        current = app.linked("current")
        strays = strays_of(app, release, units, enabled)
        answers.append(
            {
                "name": app.name,
                "current": current,
                "stale_units": [file["path"] for file in wanted["units"] if is_stale(file)],
                "stale_files": [file["path"] for file in wanted["files"] if is_stale(file)]
                + [
                    path
                    for path, owner, mode in directories(app, release)
                    if not is_directory(path, owner, mode)
                ],
                "settled": current == release
                and not strays
                and all(
                    units.get(unit, ("",))[0] == "active" and unit in enabled
                    for unit in app.units(release)
                    + [app.unit(release, "service", name) for name in wanted["services"]]
                    + [app.unit(release, "timer", name) for name in wanted["timers"]]
                ),
            }
        )
        if answers[-1]["stale_files"]:
            problems += [
                f"application '{app.name}', timers: systemd does not understand the schedule"
                f" '{schedule}'; try one with: systemd-analyze calendar '{schedule}'."
                for schedule in wanted["schedules"]
                if run("systemd-analyze", "calendar", schedule).returncode != 0
            ]
    with open(SOMAXCONN, encoding="ascii") as file:
        somaxconn = int(file.read())
    # In a container it may be read-only: uWSGI would refuse to start.
    if not os.access(SOMAXCONN, os.W_OK):
        problems += [
            "application '{}', listen: {} is more than this host allows (net.core.somaxconn is {}),"
            " and it does not let that be changed; write {} or less, or raise it outside.".format(
                wanted["name"], wanted["listen"], somaxconn, somaxconn
            )
            for wanted in request["apps"]
            if wanted["listen"] > somaxconn
        ]
    return {
        "apps": answers,
        "problems": problems,
        "missing_users": [app["name"] for app in request["apps"] if app["name"] not in users],
        "missing_group": request["socket_group"] not in groups,
        "missing_uwsgi": [home for home in request["homes"] if not answers_version(home)],
        "wheels": [os.path.basename(path) for path in sorted(glob.glob("/opt/uwsgi/wheels/*.whl"))],
        "architecture": os.uname().machine,
        "somaxconn": somaxconn,
    }


def answers_version(home: str) -> bool:
    """Tell whether the uWSGI in a directory runs: one that was cut off half-way does not."""
    try:
        return run(os.path.join(home, "bin", "uwsgi"), "--version").returncode == 0
    except OSError:
        return False


# ---- Writing a release ---------------------------------------------------------------------


def write_file(path: str, text: str, mode: int, group: str) -> None:
    """Write a file that is never seen half-written, nor by anybody who may not read it."""
    fresh = f"{path}.{os.getpid()}.new"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fchown(file.fileno(), 0, grp.getgrnam(group).gr_gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def write(request: Dict[str, Any]) -> Dict[str, Any]:
    """Make the releases that are missing, and put right what is not as it should be.

    release.json is the last file of each: a directory without it was interrupted, and is none.
    """
    written: List[str] = []
    for wanted in request["apps"]:
        app, release = Application(wanted["name"], request["root"]), wanted["release"]
        for path, owner, mode in directories(app, release):
            if not is_directory(path, owner, mode):
                user = pwd.getpwnam(owner)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path, 0o700)
                os.chown(path, user.pw_uid, user.pw_gid)
                os.chmod(path, mode)
                written.append(path)
        for link in wanted["links"]:
            if not os.path.islink(link["path"]) or os.readlink(link["path"]) != link["target"]:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(link["path"])
                os.symlink(link["target"], link["path"])
                written.append(link["path"])
        for file in wanted["files"]:
            if is_stale(file):
                write_file(file["path"], file["text"], int(file["mode"], 8), file["group"])
                written.append(file["path"])
        sync_directory(app.path(release))
    if any(path.startswith(UNITS + "/") for path in written):
        run("systemctl", "daemon-reload")
    return {"written": written}


# ---- Proving it ----------------------------------------------------------------------------


def show(unit: str, *properties: str) -> Dict[str, str]:
    """Return properties of a unit as systemd has them."""
    answer = run("systemctl", "show", unit, "--property=" + ",".join(properties))
    return dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)


def journal(*selection: str) -> str:
    """Return the last lines of the journal of a selection."""
    run("journalctl", "--sync")
    answer = run("journalctl", "--no-pager", "--quiet", "--lines=20", "--output=cat", *selection)
    return answer.stdout.strip() or "(none)"


def refuse(app: Application, release: str, reason: str, lines: str, by: str) -> Refused:
    """Note a refusal in the history; return the error that tells the user."""
    current = app.linked("current")
    # A release that serves already and cannot be brought back is no bad one: it was good.
    event = "refused" if release != current else "failed"
    # A full disk must not hide the reason.
    with contextlib.suppress(OSError):
        app.note(event, release, by=by, reason=reason, version=app.about(release).get("version"))
    if current == release:
        goes_on = "It is the current release; nothing else was changed."
    elif current:
        goes_on = f"Release {current} goes on serving."
    else:
        goes_on = "No release was serving before."
    return Refused(
        f"application '{app.name}': release {release} is refused, because {reason}\n{goes_on}\n"
        f"The last lines of its journal:\n{lines}"
    )


def command(request: Dict[str, Any]) -> Dict[str, Any]:
    """Run an application's release command, as a unit of its own, in the release's sandbox.

    Raises:
        Refused: it failed.
        Pending: it still runs, after a first answer that said so; ask again.
    """
    app, release = Application(request["name"], request["root"]), request["release"]
    unit = f"uwsgi-{app.name}-release@{release}.service"
    deadline = time.monotonic() + PATIENCE
    failed = False
    if request.get("started"):
        # One that succeeded is forgotten by systemd; one that failed stays until told otherwise.
        while show(unit, "ActiveState").get("ActiveState") in ("activating", "deactivating"):
            if time.monotonic() > deadline:
                raise Pending
            time.sleep(0.1)
    else:
        run("systemctl", "reset-failed", unit)
        try:
            failed = run("systemctl", "start", unit, timeout=PATIENCE).returncode != 0
        except subprocess.TimeoutExpired:
            return {"pending": True}
    found = show(unit, "ActiveState", "Result", "ExecMainStatus", "InvocationID")
    if failed or found.get("ActiveState") == "failed":
        reason = "its release command failed ({}, status {}).".format(
            found.get("Result"), found.get("ExecMainStatus")
        )
        lines = journal("_SYSTEMD_INVOCATION_ID=" + found.get("InvocationID", ""))
        raise refuse(app, release, reason, lines, request.get("by", ""))
    return {"pending": False}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket, which the standard library's client lacks only the address for."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.socket_path = path

    def connect(self) -> None:
        """Connect to the path instead of a host and port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.socket_path)


def ask_health(
    app: Application, release: str, health: Dict[str, Any], timeout: float
) -> Tuple[int, str]:
    """Ask a release for its health path once; return the status and what else there is to say.

    The status is 0 when there was no answer. timeout is in seconds.
    """
    connection = UnixConnection(app.runtime(release, "http.sock"), timeout)
    try:
        connection.request(
            "GET", health["path"], headers={"Host": health["host"], "User-Agent": "flaskstack"}
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.reason
    except socket.timeout:
        return 0, f"nothing for {timeout:.0f} s"
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error) or type(error).__name__
    finally:
        connection.close()


def start(app: Application, release: str, deadline: float) -> Optional[str]:
    """Start a release and wait until uWSGI says that it is ready; return why it is not.

    Raises:
        Pending: it is not decided at the deadline (monotonic, in seconds).
    """
    unit = app.unit(release)
    if show(unit, "ActiveState").get("ActiveState") in ("inactive", "failed"):
        run("systemctl", "reset-failed", *app.units(release))
    try:
        # Where the start is under way already, systemctl joins it.
        started = run(
            "systemctl", "start", *app.units(release), timeout=max(1.0, deadline - time.monotonic())
        )
    except subprocess.TimeoutExpired:
        raise Pending from None
    if started.returncode != 0:
        result = show(unit, "Result", "ExecMainStatus")
        return "it did not start ({}, status {}).".format(
            result.get("Result", "unknown"), result.get("ExecMainStatus", "unknown")
        )
    return None


def prove(app: Application, release: str, health: Dict[str, Any], deadline: float) -> Optional[str]:
    """Ask a started release for its health until it is well or its time is over; return why not.

    Raises:
        Pending: it is not decided at the deadline (monotonic, in seconds).
    """
    unit = app.unit(release)
    began = time.monotonic()
    while True:
        # Counted from when systemd saw it ready: a call that continues another goes on counting.
        # One that has run for longer gets a few tries all the same: one slow answer is no proof.
        ready = show(unit, "ActiveEnterTimestampMonotonic").get("ActiveEnterTimestampMonotonic")
        ready_at = int(ready or 0) / 1e6
        end = max(ready_at + health["timeout"], began + min(health["timeout"], PATIENCE))
        left = end - time.monotonic()
        status, text = ask_health(app, release, health, min(max(left, 1.0), LONGEST_ANSWER))
        if status in health["status"]:
            return None
        if time.monotonic() >= end:
            return "{} answered {} ({}) within {} s, not one of {}.".format(
                health["path"],
                status or "nothing",
                text,
                health["timeout"],
                ", ".join(map(str, health["status"])),
            )
        if time.monotonic() > deadline:
            raise Pending
        time.sleep(0.5)


def start_services(app: Application, release: str) -> Optional[Tuple[str, str]]:
    """Start what runs beside uWSGI; return why and which unit does not keep running."""
    units = app.services(release)
    if not units:
        return None
    run("systemctl", "start", *units)
    before = {unit: show(unit, "NRestarts").get("NRestarts") for unit in units}
    deadline = time.monotonic() + SETTLE
    while time.monotonic() < deadline:
        for unit in units:
            found = show(unit, "ActiveState", "NRestarts", "Result", "ExecMainStatus")
            if found.get("ActiveState") != "active" or found.get("NRestarts") != before[unit]:
                return (
                    "its service {} does not keep running ({}, status {}).".format(
                        unit.split("@")[0].split(".", 1)[1],
                        found.get("Result"),
                        found.get("ExecMainStatus"),
                    ),
                    unit,
                )
        time.sleep(0.25)
    return None


# ---- Switching -----------------------------------------------------------------------------


def take_away(app: Application, release: str) -> None:
    """Stop a release that never served: nothing of it is worth waiting for."""
    units = app.units(release) + app.services(release) + app.timers(release)
    run("systemctl", "disable", "--no-reload", *units)
    run("systemctl", "kill", "--signal=SIGKILL", app.unit(release), *app.services(release))
    with contextlib.suppress(subprocess.TimeoutExpired):
        run("systemctl", "stop", *units, timeout=PATIENCE)
    run("systemctl", "reset-failed", *units)


def read_stats(app: Application, release: str) -> Dict[str, Any]:
    """Return uWSGI's own figures of a release; empty if it does not tell."""
    text = b""
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(2)
        with contextlib.closing(connection):
            connection.connect(app.runtime(release, "stats.sock"))
            while True:
                chunk = connection.recv(65536)
                if not chunk:
                    break
                text += chunk
        return json.loads(text.decode("utf-8", "replace"))
    except (OSError, ValueError):
        return {}


def is_idle(stats: Dict[str, Any]) -> bool:
    """Tell whether some core of some worker waits for a request: then none waits for a core."""
    return any(
        not core.get("in_request")
        for worker in stats.get("workers", [])
        if worker.get("status") in ("idle", "busy")
        for core in worker.get("cores", [])
    )


def drain(app: Application, release: str) -> None:
    """Wait until a release has accepted what its socket's queue holds, for LONGEST_DRAIN at most.

    After `current` moved nobody joins the queue any more. Who is still in it when the socket is
    closed has sent a request that is lost.
    """
    deadline = time.monotonic() + LONGEST_DRAIN
    idle = 0
    while idle < 2 and time.monotonic() < deadline:
        stats = read_stats(app, release)
        if not stats:
            return
        idle = idle + 1 if is_idle(stats) else 0
        time.sleep(0.05)


def retire(app: Application, releases: List[str]) -> None:
    """Stop other releases, now and for the next boot; their requests in flight finish.

    So do jobs that their timers have started.
    """
    if not releases:
        return
    pattern = pattern_of(app)
    units = sorted(
        {
            unit
            for unit in list(list_units()) + list_enabled()
            if not is_job(unit)
            for found in [pattern.match(unit)]
            if found and found.group(1) in releases
        }
    )
    run("systemctl", "disable", "--no-reload", *units)
    # In one transaction: a service stopped alone would be started again by the next connection.
    run("systemctl", "stop", "--no-block", *units)


def hand_over(app: Application, before: str, release: str) -> None:
    """Stop the timers of a release, and let those of another go on from when they were last due.

    No job is due in both, none is left out between them, and a release that one goes back to does
    not do at once what was due while it was away.
    """
    former, timers = app.timers(before), app.timers(release)
    if former:
        run("systemctl", "stop", *former)
    for name in timers:
        own = os.path.join(STAMPS, "stamp-" + name)
        with contextlib.suppress(OSError):
            os.unlink(own)
        if name.replace(f"@{release}.", f"@{before}.") in former:
            with contextlib.suppress(OSError):
                due = os.stat(own.replace(f"@{release}.", f"@{before}.")).st_mtime_ns
                os.close(os.open(own, os.O_WRONLY | os.O_CREAT, 0o644))
                os.utime(own, ns=(due, due))


def prune(app: Application, keep: int, wanted: str) -> List[str]:
    """Remove old releases, and builds that only they were made of; return what was removed.

    What stays: current, previous, what runs, the wanted one, the latest good ones up to keep, and
    of the others the latest, for a look at what went wrong.
    """
    complete = app.complete()
    current = app.linked("current")
    good = ([current] if current else []) + app.good()
    stay = set(good[: max(keep, 1)]) | {current, app.linked("previous"), wanted}
    stay.update(releases_in(app, at_work(list_units())))
    others = [release for release in complete if release not in good]
    others.sort(key=lambda release: os.stat(app.path(release, "release.json")).st_mtime)
    stay.update(others[-1:])
    gone = [release for release in complete if release not in stay]
    builds = os.path.join(app.home, "builds")
    candidates = {os.path.realpath(app.path(release, "build")) for release in gone}
    for release in gone:
        # First what makes it a release: one that is half removed must not be taken for one.
        os.unlink(app.path(release, "release.json"))
        shutil.rmtree(app.path(release))
    for release in os.listdir(os.path.join(app.home, "releases")):
        path = app.path(release)
        # What an interruption left. A younger one may be of somebody who is still at it.
        if not app.about(release) and time.time() - os.lstat(path).st_mtime > DAY:
            shutil.rmtree(path)
            gone.append(release)
    # The units of services and timers are a release's own, and go with it.
    pattern = pattern_of(app)
    units = [(unit, pattern.match(unit)) for unit in os.listdir(UNITS)]
    left = [unit for unit, found in units if found and found.group(1) in gone]
    for unit in left:
        os.unlink(os.path.join(UNITS, unit))
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(STAMPS, "stamp-" + unit))
    if left:
        run("systemctl", "daemon-reload")
    needed = {os.path.realpath(app.path(release, "build")) for release in app.complete()}
    for build in sorted(candidates - needed):
        # Builds in other places are not this role's to judge.
        if os.path.dirname(build) == os.path.realpath(builds) and os.path.isdir(build):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(build, "build.json"))
            shutil.rmtree(build, ignore_errors=True)
            gone.append(os.path.join("builds", os.path.basename(build)))
    return gone


def activate(request: Dict[str, Any]) -> Dict[str, Any]:
    """Take an application from the release it runs to another, or bring back the one it should run.

    Until `current` moves, every failure leaves the old release serving; after it, the next call
    finishes what is left.

    Raises:
        Refused: the release did not start, or is not well. It is stopped, and nothing else changed.
        Pending: it is not decided within PATIENCE.
    """
    began = time.monotonic()
    app, release = Application(request["name"], request["root"]), request["release"]
    by = request.get("by", "")
    # The rest of a switch is not to depend on whether somebody still listens.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with locked(app):
        about = app.about(release)
        if not about:
            raise Refused(missing(app, release))
        before = app.linked("current")
        if before and before != release:
            # Before it starts: uWSGI looks up where static files are at the first request.
            app.point(os.path.join("releases", release, "before"), before)
        deadline = began + PATIENCE
        reason = start(app, release, deadline) or prove(app, release, about["health"], deadline)
        culprit = app.unit(release)
        if not reason:
            reason, culprit = start_services(app, release) or (None, culprit)
        if reason:
            lines = journal("--unit=" + culprit)
            if before != release:
                take_away(app, release)
            refusal = refuse(app, release, reason, lines, by)
            with contextlib.suppress(OSError):
                prune(app, about["keep_releases"], release)
            raise refusal
        # Enabled before the switch, the old one disabled after it: a host that loses power between
        # the two comes back with both.
        services, timers = app.services(release), app.timers(release)
        run("systemctl", "enable", "--no-reload", *app.units(release), *services, *timers)
        if before != release:
            if before:
                app.point("previous", before)
            app.point("current", release)
            if before:
                drain(app, before)
                hand_over(app, before, release)
        if timers:
            run("systemctl", "start", *timers)
        strays = strays_of(app, release, list_units(), list_enabled())
        retire(app, strays)
        answer = {"release": release, "from": before, "retired": strays}
        # The release serves: a disk that is full by now must not make a failure of that.
        try:
            answer["removed"] = prune(app, about["keep_releases"], release)
            if before != release:
                details = {"from": before, "by": by, "version": about.get("version")}
                app.note(request.get("event", "activated"), release, **details)
        except OSError as error:
            answer["warning"] = f"{error.filename or app.home}: {error.strerror}"
    return answer


# ---- Going back ----------------------------------------------------------------------------


def describe(app: Application, release: str) -> str:
    """Return a line about a release for a list of what there is."""
    told = "never active"
    for event in app.history():
        if event["release"] == release:
            told = "{} {}".format(event["event"], event["time"])
        elif event.get("from") == release:
            left_by = "a rollback" if event["event"] == "rolled-back" else "a newer release"
            told = "replaced by {} {}".format(left_by, event["time"])
    version = app.about(release).get("version")
    mark = ", current" if release == app.linked("current") else ""
    return "  {}{}, {}{}".format(release, f" ({version})" if version else "", told, mark)


def missing(app: Application, release: str) -> str:
    """Return the sentence about a release that is not there, with those that are."""
    there = app.complete()
    if not there:
        return f"application '{app.name}' has no release on this host."
    return "application '{}' has no release '{}' on this host; there are:\n{}".format(
        app.name, release, "\n".join(describe(app, found) for found in there)
    )


def target(request: Dict[str, Any]) -> Dict[str, Any]:
    """Choose the release that a rollback goes to; change nothing.

    Raises:
        Refused: the release that was asked for is not there, or none was good before.
    """
    app, release = Application(request["name"], request["root"]), request.get("release", "")
    current = app.linked("current")
    if not current:
        raise Refused(f"application '{app.name}' has no release on this host.")
    if not release:
        good = app.good()
        if not good:
            there = "\n".join(describe(app, found) for found in app.complete())
            raise Refused(
                f"application '{app.name}': no release before {current} is known to be good, so"
                f" there is none to go back to; there are:\n{there}\n"
                "Name one with -e release=… to go there all the same."
            )
        release = good[0]
    if not app.about(release):
        raise Refused(missing(app, release))
    return {
        "current": current,
        "release": release,
        "version": app.about(release).get("version", ""),
    }
