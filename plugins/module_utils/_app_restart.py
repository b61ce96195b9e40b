"""Restart the release that an application runs, so that no request is lost or waits for it.

A restart by systemd alone loses none either, because the socket stays open; but all requests wait
until the last one in flight has been answered and the application is imported again, and if it
cannot be imported any more, for ever. So a second instance of the same release, the stand-in, takes
requests from the same socket meanwhile. Before that it is started without the socket, on trial, and
asked for its health: where it is not well, nobody has noticed.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
import signal
import time
from typing import Any, Callable, Dict, List, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_journal,
    _app_prove,
    _application,
    _files,
    _systemd,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._application import Application
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
)

#: Seconds after which a stand-in that was forgotten ends.
LONGEST = 3600
#: Seconds between two looks at what ends.
POLL = 0.2
#: What is put behind the text of the release's unit; later settings win. What uWSGI binds for
#: itself has fixed names, so the stand-in sees a directory of its own in their place.
UNIT = """
[Unit]
Description=Stand-in of {name}, release %i

[Service]
Restart=no
RuntimeMaxSec={longest}
RuntimeDirectory=
RuntimeDirectory=wsgi/{name}/%i.stand-in
RuntimeDirectoryMode=0750
BindPaths={sockets}/{name}/%i.stand-in:{sockets}/{name}/%i
ReadWritePaths={sockets}/{name}/%i
"""
#: And behind that, when it is to serve.
SERVES = "Sockets=uwsgi-{name}@%i.socket\n"


class StandIn(Application):
    """A second instance of a release, as the release itself is to who starts and asks one."""

    def unit(self, release: str, kind: str = "service", command: str = "") -> str:
        """Return the name of its unit."""
        return super().unit(release, kind, command or _application.STAND_IN)

    def units(self, release: str) -> List[str]:
        """Return what is to be started: the socket is the release's."""
        return [self.unit(release)]

    def runtime(self, release: str, socket_name: str) -> str:
        """Return the path of one of the sockets that it binds for itself."""
        return super().runtime(release + ".stand-in", socket_name)


def unit_file(stand_in: StandIn, release: str) -> str:
    """Return the path of a stand-in's unit."""
    return os.path.join(_systemd.RUNTIME_UNITS, stand_in.unit(release))


def write_unit(stand_in: StandIn, release: str, serves: bool) -> None:
    """Write the unit of a stand-in: that of the release, with what is its own.

    Args:
        stand_in: the stand-in.
        release: of which it is another instance.
        serves: with the release's socket, not on trial.

    Raises:
        Problem: the release has no unit.
        OSError: it cannot be written.
    """
    name = stand_in.name
    base = _files.read_text(os.path.join(_systemd.UNITS, f"uwsgi-{name}@.service"))
    if not base:
        raise Problem(
            f"application '{name}': uwsgi-{name}@.service is not there; run site.yml, which"
            " writes it."
        )
    text = base + UNIT.format(name=name, longest=LONGEST, sockets=_application.SOCKETS)
    text += SERVES.format(name=name) if serves else ""
    path = unit_file(stand_in, release)
    if _files.is_stale(path, text.encode("utf-8"), 0o644):
        _files.make_directories(_systemd.RUNTIME_UNITS)
        _files.write(path, text.encode("utf-8"), 0o644)
        # Of one that systemd has still in memory it would not read the new text.
        _systemd.reload_units()


def is_serving(stand_in: StandIn, release: str) -> bool:
    """Tell whether there is a stand-in that is past its trial, of an earlier call or run."""
    text = _files.read_text(unit_file(stand_in, release))
    serves = text.endswith(SERVES.format(name=stand_in.name))
    return serves and state_of(stand_in.unit(release)) in ("active", "activating")


def state_of(unit: str) -> str:
    """Return the state of a unit, as systemd has it."""
    return _systemd.show(unit, "ActiveState").get("ActiveState", "")


def began(unit: str) -> float:
    """Return when a unit was started last (monotonic, in seconds); 0 if it never was."""
    found = _systemd.show(unit, "InactiveExitTimestampMonotonic")
    return int(found.get("InactiveExitTimestampMonotonic") or 0) / 1e6


def restart(name: str, root: str, by: str, job: str) -> Dict[str, Any]:
    """Restart the current release of an application, and its services.

    Args:
        name: of the application.
        root: the directory that the applications' own are in.
        by: who wants it, for the history.
        job: what a call before this one has returned with Pending.

    Raises:
        Problem: it is not restarted, or not well after it; the text says what serves.
        Pending: it is not finished; ask again, with its ``job``.
    """
    deadline = time.monotonic() + _app_prove.PATIENCE
    app, stand_in = Application(name, root), StandIn(name, root)
    # What was begun is not to depend on whether somebody still listens.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with app.locked():
        release = current_of(app)
        release_then, _, moment = job.partition("@")
        if release_then not in ("", release):
            # A deploy has come between: all processes are new.
            return answer_of(app, release)
        asked = float(moment) if moment else time.monotonic()
        try:
            steps(app, stand_in, release, asked, by, deadline)
        except Pending as pending:
            raise Pending(str(pending), job=f"{release}@{asked:.6f}") from None
        with contextlib.suppress(OSError):
            details = {"by": by, "version": app.about(release).get("version")}
            app.note("restarted", release, **details)
        return answer_of(app, release)


def current_of(app: Application) -> str:
    """Return the release that an application runs.

    Raises:
        Problem: it has none.
    """
    release = app.linked("current")
    if not release or not app.about(release):
        raise Problem(app.no_release())
    return release


def answer_of(app: Application, release: str) -> Dict[str, Any]:
    """Return what is told of a restart."""
    return {"changed": True, "release": release, "version": app.about(release).get("version", "")}


def preview(name: str, root: str) -> Dict[str, Any]:
    """Return what would be restarted.

    Raises:
        Problem: the application has no release.
    """
    app = Application(name, root)
    return answer_of(app, current_of(app))


def steps(
    app: Application, stand_in: StandIn, release: str, asked: float, by: str, deadline: float
) -> None:
    """Do what is left to do of a restart.

    Each step is known by what systemd says of the units: what began after it was asked for is new.

    Args:
        app: the application.
        stand_in: likewise, of its stand-in.
        release: what is restarted.
        asked: when the restart was asked for (monotonic, in seconds).
        by: who wants it.
        deadline: when a call ends (monotonic, in seconds).

    Raises:
        Problem: something is not well.
        Pending: it is not finished at the deadline.
    """
    unit, health = app.unit(release), app.about(release)["health"]
    if began(unit) < asked and state_of(unit) in ("active", "reloading"):
        for serves in (False, True):
            if is_serving(stand_in, release) and not serves:
                continue
            write_unit(stand_in, release, serves)
            reason = _app_prove.start(stand_in, release, deadline)
            reason = reason or _app_prove.prove(stand_in, release, health, deadline)
            if reason:
                raise not_restarted(app, stand_in, release, reason)
            if not serves:
                take_away(stand_in, release)
    if began(unit) < asked:
        wait_for(lambda: restart_unit(unit, asked, deadline), deadline, "it restarts")
    # Of one that did not run, all of this is its start.
    reason = _app_prove.start(app, release, deadline)
    reason = reason or _app_prove.prove(app, release, health, deadline)
    culprit = unit
    if not reason:
        end(stand_in, release, deadline)
        reason, culprit = restart_services(app, release, health["timeout"], asked, deadline)
    if reason:
        raise not_well(app, stand_in, release, reason, culprit, by)


def restart_unit(unit: str, asked: float, deadline: float) -> bool:
    """Have systemd restart a unit; tell whether it has started since.

    Raises:
        CommandFailed: systemd does not do it.
    """
    left = max(1.0, deadline - time.monotonic())
    try:
        # Where a restart is under way already, systemctl joins it.
        _systemd.systemctl("restart", unit, timeout=left)
    except CommandFailed as failure:
        if failure.status is None:
            return began(unit) >= asked
        # It did not start: asked for its health, it says why.
    return True


def wait_for(is_done: Callable[[], bool], deadline: float, what: str) -> None:
    """Wait until something is done.

    Raises:
        Pending: it is not at the deadline (monotonic, in seconds).
    """
    while not is_done():
        if time.monotonic() > deadline:
            raise Pending(what)
        time.sleep(POLL)


def end(stand_in: StandIn, release: str, deadline: float) -> None:
    """Stop a stand-in, whose requests in flight finish, and remove what is left of it.

    Raises:
        Pending: it still has requests at the deadline.
    """
    path, unit = unit_file(stand_in, release), stand_in.unit(release)
    if not os.path.exists(path):
        return
    _systemd.attempt("stop", "--no-block", unit)
    wait_for(
        lambda: state_of(unit) in ("inactive", "failed"), deadline, "its stand-in still answers"
    )
    _systemd.attempt("reset-failed", unit)
    _files.remove(path)


def restart_services(
    app: Application, release: str, patience: float, asked: float, deadline: float
) -> Tuple[str, str]:
    """Restart what runs beside uWSGI; return why and which unit is not well.

    Raises:
        Pending: it is not finished at the deadline.
    """
    units = app.services(release)
    old = [unit for unit in units if began(unit) < asked]
    if old:
        # Each finishes what it does, in the time of its own TimeoutStopSec.
        _systemd.attempt("restart", "--no-block", *old)
        wait_for(lambda: all(began(unit) >= asked for unit in old), deadline, "its services end")
    return _app_prove.start_services(app, release, patience, deadline)


def take_away(stand_in: StandIn, release: str) -> None:
    """Stop a stand-in, whatever of that fails. One on trial has no request that is worth a wait."""
    unit = stand_in.unit(release)
    if not is_serving(stand_in, release):
        _systemd.attempt("kill", "--signal=SIGKILL", unit)
    _systemd.attempt("stop", unit, timeout=_app_prove.STOPPING)
    _systemd.attempt("reset-failed", unit)


def not_restarted(app: Application, stand_in: StandIn, release: str, reason: str) -> Problem:
    """Take a stand-in that is not well away; return the error that tells the user."""
    until, unit = time.time(), stand_in.unit(release)
    take_away(stand_in, release)
    words = _app_journal.explain(app.home, "--unit=" + unit, until=until)
    with contextlib.suppress(OSError):
        _files.remove(unit_file(stand_in, release))
    return Problem(
        f"application '{app.name}' is not restarted, because a second instance of its release"
        f" {release} is not well: {reason}\nIt goes on serving as before.\n{words}"
    )


def not_well(
    app: Application, stand_in: StandIn, release: str, reason: str, unit: str, by: str
) -> Problem:
    """Note that a release is not well after its restart; return the error that tells the user."""
    with contextlib.suppress(OSError):
        version = app.about(release).get("version")
        app.note("failed", release, by=by, reason=reason, version=version)
    other = stand_in.unit(release)
    serves = (
        f"{other}, a second instance of it, serves for an hour; run it again within that time."
        if state_of(other) == "active"
        else "systemd goes on starting it."
    )
    words = _app_journal.explain(app.home, "--unit=" + unit, until=time.time())
    return Problem(
        f"application '{app.name}': release {release} is restarted and not well, because"
        f" {reason}\n{serves}\n{words}"
    )
