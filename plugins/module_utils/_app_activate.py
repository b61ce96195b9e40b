"""Take an application from one release to another, or back, so that no request is lost.

All of it happens in one process, under a lock: a switch that nobody else can come between, and
that finishes what it began when the connection to the controller is lost.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import json
import os
import signal
import time
from typing import Any, Dict, Iterator, List

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_prove,
    _application,
    _files,
    _systemd,
    _uwsgi_stats,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prune import prune
from ansible_collections.flaskstack.centos.plugins.module_utils._application import (
    Application,
    is_active,
    is_job,
    list_instances,
    strays_of,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, describe

#: Seconds that a retiring instance is given to accept what waits in its queue.
LONGEST_DRAIN = 5.0
#: Seconds from the first call on in which a release must have started (TimeoutStartSec of its unit
#: is 300) before it is asked for its health.
LONGEST_START = 330.0
#: Seconds between two calls after which the second begins anew.
FORGOTTEN = 60.0


# ---- Switching -----------------------------------------------------------------------------


def drain(app: Application, release: str) -> None:
    """Wait until a release has accepted what its socket's queue holds, for LONGEST_DRAIN at most.

    After `current` moved nobody joins the queue any more. Who is still in it when the socket is
    closed has sent a request that is lost.
    """
    deadline = time.monotonic() + LONGEST_DRAIN
    idle = 0
    while idle < 2 and time.monotonic() < deadline:
        left = max(0.1, min(_uwsgi_stats.PATIENCE, deadline - time.monotonic()))
        stats = _uwsgi_stats.read(app.runtime(release, "stats.sock"), left)
        if stats is None:
            return
        idle = idle + 1 if stats.is_idle else 0
        time.sleep(0.05)


def retire(app: Application, releases: List[str]) -> str:
    """Stop other releases, now and for the next boot; their requests in flight finish.

    So do jobs that their timers have started.

    Returns:
        What went wrong, in a sentence; empty if nothing did.
    """
    if not releases:
        return ""
    units = sorted(
        {
            unit
            for unit in list(list_instances()) + _systemd.list_enabled("uwsgi-")
            if not is_job(unit)
            for found in [app.pattern.match(unit)]
            if found and found.group(1) in releases
        }
    )
    kept = _systemd.attempt("disable", "--no-reload", *units)
    # In one transaction: a service stopped alone would be started again by the next connection.
    running = _systemd.attempt("stop", "--no-block", *units)
    return "\n".join(filter(None, [kept, running]))


def ended(app: Application, release: str) -> List[str]:
    """Return the units of other releases that have ended or are about to.

    A job that a timer of theirs has started is at work until it ends, and is told if it fails then.
    """
    return [
        unit
        for unit, state in list_instances().items()
        for found in [app.pattern.match(unit)]
        if found and found.group(1) != release
        if state[0] == "failed" or not is_job(unit)
    ]


def hand_over(app: Application, before: str, release: str) -> None:
    """Stop the timers of a release, and let those of another go on from when they were last due.

    No job is due in both, none is left out between them, and a release that one goes back to does
    not do at once what was due while it was away.
    """
    former, timers = app.timers(before), app.timers(release)
    if former:
        # One that somebody has removed is as good as stopped.
        _systemd.attempt("stop", *former)
    for name in timers:
        own = os.path.join(_application.STAMPS, "stamp-" + name)
        with contextlib.suppress(OSError):
            os.unlink(own)
        if name.replace(f"@{release}.", f"@{before}.") in former:
            with contextlib.suppress(OSError):
                due = os.stat(own.replace(f"@{release}.", f"@{before}.")).st_mtime_ns
                os.close(os.open(own, os.O_WRONLY | os.O_CREAT, 0o644))
                os.utime(own, ns=(due, due))


@contextlib.contextmanager
def warned(warnings: List[str], what: str) -> Iterator[None]:
    """Make a warning of a failure: the release serves, and the rest is still to be done."""
    try:
        yield
    except Problem as problem:
        warnings.append(f"{what}: {problem}")
    except OSError as error:
        warnings.append(f"{what}: {describe(error)}")


def activate(name: str, root: str, release: str, by: str, event: str) -> Dict[str, Any]:
    """Take an application from the release it runs to another, or bring back the one it should run.

    Until `current` moves, every failure leaves the old release serving; after it, failures are
    warnings, and the next call finishes what is left.

    Args:
        name: of the application.
        root: the directory that the applications' own are in.
        release: what is to serve.
        by: who wants it, for the history.
        event: activated or rolled-back.

    Raises:
        Problem: the release did not start, or is not well. It is stopped, and nothing else changed.
        Pending: it is not decided within PATIENCE.
    """
    deadline = time.monotonic() + _app_prove.PATIENCE
    app = Application(name, root)
    # The rest of a switch is not to depend on whether somebody still listens.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with app.locked():
        about = app.about(release)
        if not about:
            raise Problem(app.missing(release))
        before = app.linked("current")
        if runs(app, release):
            return answer_of(app, before, release, changed=False)
        if before and before != release:
            # Before it starts: uWSGI looks up where static files are at the first request.
            app.point(os.path.join("releases", release, "before"), before)
        begin(app, release, about, by, deadline)
        enable(app, release, by)
        answer = answer_of(app, before, release, changed=True)
        if before != release:
            # Killed between the two, neither may have the next rollback go to what was to be left:
            # one line too early does no harm, an activation's too late does none.
            if event == "rolled-back":
                note(app, answer, by, event)
            if before:
                app.point("previous", before)
            app.point("current", release)
            if event != "rolled-back":
                note(app, answer, by, event)
        return finish(app, answer)


def begin(app: Application, release: str, about: Dict[str, Any], by: str, deadline: float) -> None:
    """Start a release and prove it.

    Raises:
        Problem: it is not well. It is stopped.
        Pending: it is not decided at the deadline (monotonic, in seconds).
    """
    unit = culprit = app.unit(release)
    try:
        reason = _app_prove.start(app, release, deadline)
        reason = reason or _app_prove.prove(app, release, about["health"], deadline)
        if not reason:
            patience = about["health"]["timeout"]
            reason, culprit = _app_prove.start_services(app, release, patience, deadline)
    except Pending:
        if not is_overdue(app, release, LONGEST_START + about["health"]["timeout"]):
            raise
        reason = "it did neither start nor fail in the time that systemd gives it."
    forget(app)
    if reason:
        until = time.time()
        if app.linked("current") != release:
            _app_prove.take_away(app, release)
        failure = _app_prove.refuse(app, release, reason, culprit or unit, until, by)
        with contextlib.suppress(OSError, Problem):
            prune(app, about["keep_releases"], release)
        raise failure


def enable(app: Application, release: str, by: str) -> None:
    """Have a release start at boot.

    Enabled before the switch, the old one disabled after it: a host that loses power between the
    two comes back with both.

    Raises:
        Problem: it cannot be enabled. It is stopped, and nothing is switched.
    """
    units = app.units(release) + app.services(release) + app.timers(release)
    try:
        _systemd.systemctl("enable", "--no-reload", *units)
    except Problem as failure:
        reason = f"it cannot be made to start at boot: {failure}"
        if app.linked("current") != release:
            _app_prove.take_away(app, release)
        # It is the host that failed: the release is as good as it was.
        with contextlib.suppress(OSError):
            app.note("failed", release, by=by, reason=reason)
        raise Problem(
            f"application '{app.name}': release {release} failed, because {reason}\n"
            f"{_app_prove.goes_on(app, release)}"
        ) from None


def note(app: Application, answer: Dict[str, Any], by: str, event: str) -> None:
    """Note a switch in the history; a full disk does not stop it."""
    serves = f"application '{app.name}': release {answer['release']} serves, but "
    with warned(answer["warnings"], serves + "the history does not say so"):
        details = {"from": answer["from"], "by": by, "version": answer["version"]}
        app.note(event, answer["release"], **details)


def finish(app: Application, answer: Dict[str, Any]) -> Dict[str, Any]:
    """Let go of what served before the switch; return the answer with what became of it."""
    before, release = answer["from"], answer["release"]
    warnings: List[str] = answer["warnings"]
    serves = f"application '{app.name}': release {release} serves, but "
    if before and before != release:
        drain(app, before)
        hand_over(app, before, release)
    timers = app.timers(release)
    if timers:
        with warned(warnings, serves + "its timers do not run"):
            _systemd.systemctl("start", *timers)
    with warned(warnings, serves + "what ran before cannot be stopped"):
        answer["retired"] = strays_of(
            app, release, list_instances(), _systemd.list_enabled("uwsgi-")
        )
        left = retire(app, answer["retired"])
        _systemd.forget_failures(ended(app, release))
        if left:
            raise Problem(left)
    with warned(warnings, serves + "old releases are not removed"):
        answer["removed"] = prune(app, app.about(release)["keep_releases"], release)
    return answer


def answer_of(app: Application, before: str, release: str, changed: bool) -> Dict[str, Any]:
    """Return what is told of a switch."""
    return {
        "changed": changed,
        "release": release,
        "from": before,
        "version": app.about(release).get("version", ""),
        "retired": [],
        "removed": [],
        "warnings": [],
    }


def runs(app: Application, release: str) -> bool:
    """Tell whether an application runs a release as it should, also after a boot, and no other."""
    about = app.about(release)
    listed = list_instances(), _systemd.list_enabled("uwsgi-")
    return bool(about) and is_active(app, release, about["services"], about["timers"], *listed)


# ---- How long it has been at it --------------------------------------------------------------


def note_of(app: Application) -> str:
    """Return the path of the note about a release that is pending."""
    return os.path.join(_application.LOCKS, f"uwsgi-{app.name}.pending")


def is_overdue(app: Application, release: str, longest: float) -> bool:
    """Tell whether calls have asked for a release for longer than it may take, in seconds.

    systemd alone cannot say so: one that ends and is started again begins anew each time.
    """
    now = time.monotonic()
    began = now
    try:
        found = json.loads(_files.read_text(note_of(app)) or "{}")
        if found.get("release") == release and now - found["asked"] < FORGOTTEN:
            began = found["began"]
    except (OSError, ValueError, KeyError):
        pass
    text = json.dumps({"release": release, "began": began, "asked": now})
    with contextlib.suppress(OSError):
        _files.write(note_of(app), text.encode("utf-8"), 0o600)
    return now - began > longest


def forget(app: Application) -> None:
    """Remove the note: it is decided."""
    with contextlib.suppress(OSError):
        _files.remove(note_of(app))


# ---- What modules ask for ----------------------------------------------------------------------


def choose(name: str, root: str, release: str) -> str:
    """Return the release that a rollback goes to; change nothing.

    Args:
        name: of the application.
        root: the directory that the applications' own are in.
        release: what was asked for; empty for the latest good one before the current one.

    Raises:
        Problem: the release that was asked for is not there, or none was good before.
    """
    app = Application(name, root)
    current = app.linked("current")
    if not current:
        raise Problem(app.no_release())
    if release:
        if not app.about(release):
            raise Problem(app.missing(release), current=current)
        return release
    good = app.good()
    if not good:
        raise Problem(
            f"application '{name}': no release before {current} is known to be good, so there is"
            f" none to go back to; there are:\n{app.list_releases()}\n"
            "Name one with -e release=… to go there all the same.",
            current=current,
        )
    return good[0]


def preview(name: str, root: str, release: str) -> Dict[str, Any]:
    """Return what would be switched. A release that is not there yet is about to be written."""
    app = Application(name, root)
    before = app.linked("current")
    return answer_of(app, before, release, changed=before != release or not runs(app, release))


def present(name: str, root: str, release: str, by: str, check: bool) -> Dict[str, Any]:
    """Have a release serve; see activate()."""
    if check:
        return preview(name, root, release)
    return activate(name, root, release, by, "activated")


def rolled_back(name: str, root: str, release: str, by: str, check: bool) -> Dict[str, Any]:
    """Have the release before serve, or the one that is named; see choose() and activate().

    Raises:
        Problem: there is none to go to, or it is not well any more.
        Pending: it is not decided within PATIENCE.
    """
    app, target = Application(name, root), choose(name, root, release)
    if check or app.linked("current") == target:
        return dict(preview(name, root, target), changed=app.linked("current") != target)
    return activate(name, root, target, by, "rolled-back")
