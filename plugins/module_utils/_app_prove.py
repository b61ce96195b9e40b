"""Start a release beside the one that serves, prove it, and take it away if it is not well.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
import socket
import stat
import time
from typing import Any, Callable, Dict, Optional, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_journal,
    _sockets,
    _systemd,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._application import Application
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
)

#: Seconds after which a call returns as pending, so that the play shows that it moves.
PATIENCE = 10.0
#: Seconds that one waits for what is being stopped; systemd goes on with it afterwards.
STOPPING = 10.0
#: Seconds that one question for the health may take, if the time that is left is longer.
LONGEST_ANSWER = 10.0
#: How often a release may end, and be started again by systemd, while it is being proved.
MOST_RESTARTS = 3
#: Seconds that a service of a release must run without ending, before it is believed to.
STEADY = 2.0
#: Bytes of an answer to a health check that are read: the status is what counts.
MOST_BYTES = 1 << 20


class Pending(Exception):
    """Not finished within PATIENCE; the same call continues it. The text says what it waits for.

    Args:
        text: what it waits for.
        job: what the next call is to be given, where it could not know otherwise what to continue.
    """

    def __init__(self, text: str, job: str = "") -> None:
        super().__init__(text)
        self.job = job


def or_pending(work: Callable[[], Dict[str, Any]]) -> Dict[str, Any]:
    """Return what a work returns, or the answer for the action plugin to ask again."""
    try:
        return work()
    except Pending as pending:
        answer = {"changed": False, "pending": True, "progress": str(pending)}
        return dict(answer, job=pending.job) if pending.job else answer


# ---- Starting --------------------------------------------------------------------------------


def start(app: Application, release: str, deadline: float) -> str:
    """Start a release and wait until uWSGI says that it is ready; return why it is not.

    Raises:
        Pending: it is not decided at the deadline (monotonic, in seconds).
    """
    unit = app.unit(release)
    if _systemd.show(unit, "ActiveState").get("ActiveState") in ("inactive", "failed"):
        _systemd.attempt("reset-failed", *app.units(release))
    try:
        # Where the start is under way already, systemctl joins it.
        left = max(1.0, deadline - time.monotonic())
        _systemd.systemctl("start", *app.units(release), timeout=left)
    except CommandFailed as failure:
        if failure.status is None:
            raise Pending("it starts") from None
        result = _systemd.show(unit, "Result", "ExecMainStatus")
        return "it did not start ({}, status {}).".format(
            result.get("Result", "unknown"), result.get("ExecMainStatus", "unknown")
        )
    return ""


def ask_health(
    app: Application, release: str, health: Dict[str, Any], timeout: float
) -> Tuple[int, str]:
    """Ask a release for its health path once; return the status and what else there is to say.

    The status is 0 when there was no answer. timeout is in seconds.
    """
    headers = {"Host": health["host"], "User-Agent": "flaskstack"}
    path = app.runtime(release, "http.sock")
    try:
        answer = _sockets.get(path, health["path"], headers, timeout, most=MOST_BYTES)
    except _sockets.NoAnswer as error:
        return 0, str(error)
    return answer.status, answer.reason


def prove(app: Application, release: str, health: Dict[str, Any], deadline: float) -> str:
    """Ask a started release for its health until it is well or its time is over; return why not.

    Raises:
        Pending: it is not decided at the deadline (monotonic, in seconds).
    """
    unit = app.unit(release)
    began = time.monotonic()
    # The current one may have had a bad time before.
    serves = app.linked("current") == release
    before = int(_systemd.show(unit, "NRestarts").get("NRestarts") or 0) if serves else 0
    while True:
        # Counted from when systemd saw it ready: a call that continues another goes on counting.
        # One that has run for longer gets a few tries all the same: one slow answer is no proof.
        ready = _systemd.show(unit, "ActiveEnterTimestampMonotonic", "NRestarts")
        ready_at = int(ready.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
        end = max(ready_at + health["timeout"], began + min(health["timeout"], PATIENCE))
        left = end - time.monotonic()
        status, text = ask_health(app, release, health, min(max(left, 1.0), LONGEST_ANSWER))
        if status in health["status"]:
            return ""
        # Each start gives it its time anew (with lazy_apps, one that cannot be imported).
        restarts = int(ready.get("NRestarts") or 0) - before
        if restarts >= MOST_RESTARTS:
            return f"it ends again and again; systemd has started it {restarts + 1} times."
        said = "{} answered {} ({})".format(health["path"], status or "nothing", text)
        if time.monotonic() >= end:
            return "{} within {} s, not one of {}.".format(
                said, health["timeout"], ", ".join(map(str, health["status"]))
            )
        if time.monotonic() > deadline:
            raise Pending(said)
        time.sleep(0.5)


def start_services(
    app: Application, release: str, patience: float, deadline: float
) -> Tuple[str, str]:
    """Start what runs beside uWSGI; return why and which unit is not well.

    Each must keep running for STEADY, and those with a socket must let the web server connect.

    Args:
        app: the application.
        release: what is started.
        patience: seconds for a service to listen, from when systemd has started it.
        deadline: when it is to be decided (monotonic, in seconds).

    Raises:
        Pending: it is not decided at the deadline.
    """
    units = app.services(release)
    if not units:
        return "", ""
    # What it says of one that fails at once is less than what is seen below.
    _systemd.attempt("start", *units)
    before = {unit: _systemd.show(unit, "NRestarts").get("NRestarts") for unit in units}
    began = time.monotonic()
    listening = [app.unit(release, "service", name) for name in app.about(release)["sockets"]]
    while True:
        for unit in units:
            found = _systemd.show(unit, "ActiveState", "NRestarts", "Result", "ExecMainStatus")
            if found.get("ActiveState") != "active" or found.get("NRestarts") != before[unit]:
                return (
                    "its service {} does not keep running ({}, status {}).".format(
                        unit.split("@")[0].split(".", 1)[1],
                        found.get("Result"),
                        found.get("ExecMainStatus"),
                    ),
                    unit,
                )
        silent = [(unit, why) for unit in listening for why in [cannot_connect(unit, app)] if why]
        if time.monotonic() < began + STEADY:
            time.sleep(0.25)
            continue
        if not silent:
            return "", ""
        unit, why = silent[0]
        reason = "its service {} {}".format(unit.split("@")[0].split(".", 1)[1], why)
        since = _systemd.show(unit, "ActiveEnterTimestampMonotonic")
        since_at = int(since.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
        if time.monotonic() >= since_at + patience:
            return reason, unit
        if time.monotonic() > deadline:
            raise Pending(reason)
        time.sleep(0.25)


def cannot_connect(unit: str, app: Application) -> str:
    """Return why the web server cannot connect to the socket of a service; empty if it can."""
    name, release = unit[: -len(".service")].split("@", 1)
    path = app.path(release, name.split(".", 1)[1] + ".sock")
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(1.0)
    try:
        found, directory = os.stat(path), os.stat(os.path.dirname(os.path.realpath(path)))
        connection.connect(path)
    except OSError as error:
        why = f"does not listen on its socket ({error.strerror or error})"
        return why + "; have it listen on the path in APP_SOCKET."
    finally:
        connection.close()
    its_own = found.st_gid == directory.st_gid and found.st_mode & stat.S_IWGRP
    if its_own or found.st_mode & stat.S_IWOTH:
        return ""
    mode = stat.S_IMODE(found.st_mode)
    return f"lets the web server not connect to its socket (mode {mode:o}); give it umask 0."


# ---- Taking away -----------------------------------------------------------------------------


def take_away(app: Application, release: str) -> None:
    """Stop a release that never served, whatever of that fails.

    No request of it is worth waiting for. Its services may have taken a job from a queue by now:
    they are stopped as one stops a service, in the time of their own TimeoutStopSec; systemd sees
    to that also when it is longer than one waits for it here.
    """
    units = app.units(release) + app.services(release) + app.timers(release)
    _systemd.attempt("disable", "--no-reload", *units)
    _systemd.attempt("kill", "--signal=SIGKILL", app.unit(release))
    _systemd.attempt("stop", *units, timeout=STOPPING)
    _systemd.forget_failures(units)


def goes_on(app: Application, release: str) -> str:
    """Return the sentence that tells what serves now that a release does not."""
    current = app.linked("current")
    if current == release:
        return "It is the current release; nothing else was changed."
    return f"Release {current} goes on serving." if current else "No release was serving before."


def refuse(
    app: Application,
    release: str,
    reason: str,
    unit: str,
    until: float,
    by: str,
    since: Optional[float] = None,
) -> Problem:
    """Note in the history that a release failed; return the error that tells the user.

    Args:
        app: the application.
        release: what failed. It is stopped already.
        reason: why, in a sentence without its beginning.
        unit: whose words in the journal tell more. Not those of an invocation: the journal does not
            know it of a process that ends at once.
        until: when it was stopped, in seconds since the epoch.
        by: who wanted it.
        since: when it was started, likewise, where earlier words are of something else.
    """
    # A release that serves already and cannot be brought back is no bad one: it was good.
    event = "refused" if release != app.linked("current") else "failed"
    # A full disk must not hide the reason.
    with contextlib.suppress(OSError):
        version: Optional[str] = app.about(release).get("version")
        app.note(event, release, by=by, reason=reason, version=version)
    limits = {"until": until} if since is None else {"until": until, "since": since}
    return Problem(
        f"application '{app.name}': release {release} is refused, because {reason}\n"
        f"{goes_on(app, release)}\n{_app_journal.explain(app.home, '--unit=' + unit, **limits)}"
    )
