"""Run an application's release command: as a unit of its own, in the release's sandbox.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import time
from typing import Any, Dict

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_prove, _systemd
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._application import Application
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
)


def is_under_way(unit: str) -> bool:
    """Tell whether a release command runs, or waits in systemd's queue for its turn."""
    found = _systemd.show(unit, "ActiveState", "Job")
    waits = found.get("Job", "0") not in ("", "0")
    return waits or found.get("ActiveState") in ("activating", "deactivating")


def has_failed(unit: str) -> bool:
    """Tell whether a release command has failed. systemd forgets one that has succeeded."""
    return _systemd.show(unit, "ActiveState").get("ActiveState") == "failed"


def command(name: str, root: str, release: str, by: str, started: bool) -> Dict[str, Any]:
    """Run a release's command and wait for it.

    Args:
        name: of the application.
        root: the directory that the applications' own are in.
        release: whose command it is.
        by: who wants it, for the history.
        started: a call before this one started it, and it was not finished: it is never started
            a second time.

    Raises:
        Problem: it failed.
        Pending: it still runs; ask again, with ``started``.
    """
    app = Application(name, root)
    if not app.about(release):
        # Nothing was written, as with --skip-tags: no line of the history either.
        raise Problem(app.missing(release))
    unit = f"uwsgi-{name}-release@{release}.service"
    deadline = time.monotonic() + _app_prove.PATIENCE
    failed = False
    if started:
        # One that succeeded is forgotten by systemd; one that failed stays until told otherwise.
        while is_under_way(unit):
            if time.monotonic() > deadline:
                raise Pending("its release command runs")
            time.sleep(0.1)
    else:
        _systemd.attempt("reset-failed", unit)
        try:
            # Where it runs already, from a run that was cut off, systemctl joins it.
            _systemd.systemctl("start", unit, timeout=_app_prove.PATIENCE)
        except CommandFailed as failure:
            if failure.status is None and is_under_way(unit):
                raise Pending("its release command runs") from None
            failed = True
            if failure.status is None and not has_failed(unit):
                # Waited for, it would be taken for one that succeeded.
                raise Problem(
                    f"application '{name}': systemd did not say within {_app_prove.PATIENCE:.0f} s"
                    " whether it runs the release command; look at the host, then run again."
                ) from None
    found = _systemd.show(
        unit, "ActiveState", "Result", "ExecMainStatus", "InactiveExitTimestampMonotonic"
    )
    if failed or found.get("ActiveState") == "failed":
        reason = "its release command failed ({}, status {}).".format(
            found.get("Result"), found.get("ExecMainStatus")
        )
        # When it was started: an earlier run of the same command has said something, too.
        up = int(found.get("InactiveExitTimestampMonotonic") or 0) / 1e6
        since = time.time() - time.monotonic() + up if up else None
        refusal = _app_prove.refuse(app, release, reason, unit, time.time(), by, since)
        # It is told now; what systemd shows as failed is to be what is wrong.
        _systemd.attempt("reset-failed", unit)
        raise refusal
    return {"changed": True, "release": release}
