"""Put the program that collects metrics on a host, and the timer that runs it.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
from typing import Any, Dict, List, Sequence

# Imported for Ansible, which sends what it sees imported: the program is made of it on the host.
from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_metrics,
    _files,
    _program,
    _systemd,
    _wanted_files,
)

#: The program, and the script that was in its place before.
PROGRAM = "/opt/uwsgi/metrics.pyz"
FORMER = "/opt/uwsgi/metrics.py"
TIMER = "uwsgi-metrics.timer"
SERVICE = "uwsgi-metrics.service"


def program() -> bytes:
    """Return the program: the same bytes for the same files."""
    return _program.program("_app_metrics", _app_metrics.MODULES)


def units() -> List[str]:
    """Return the paths of its unit files."""
    return [os.path.join(_systemd.UNITS, unit) for unit in (TIMER, SERVICE)]


def is_converged(files: Sequence[Dict[str, Any]]) -> bool:
    """Tell whether metrics are collected as they should be.

    Args:
        files: its unit files; none if no metrics are wanted.
    """
    if not files:
        return not os.path.exists(units()[0])
    return (
        not any(map(_wanted_files.is_stale, files))
        and not _files.is_stale(PROGRAM, program(), 0o644)
        and TIMER in _systemd.list_enabled(TIMER)
        and runs()
    )


def runs() -> bool:
    """Tell whether the timer runs, and systemd has read the units as they are on the disk."""
    states = _systemd.show_all([TIMER, SERVICE])
    return states[TIMER]["ActiveState"] == "active" and not any(
        state["NeedDaemonReload"] == "yes" for state in states.values()
    )


def present(files: Sequence[Dict[str, Any]], directory: str, check: bool) -> Dict[str, Any]:
    """Write the program and its units, and start the timer.

    Args:
        files: the unit files.
        directory: where the metrics are written to; made if it is not there.
        check: only say what would change.

    Raises:
        CommandFailed: systemd does not start it.
        OSError: something cannot be written.
    """
    former = [path for path in (FORMER,) if os.path.lexists(path)]
    stale = [file["path"] for file in files if _wanted_files.is_stale(file)]
    if _files.is_stale(PROGRAM, program(), 0o644):
        stale.insert(0, PROGRAM)
    answer = {
        "changed": bool(former or not os.path.isdir(directory) or not is_converged(files)),
        "diff": _wanted_files.differences(files),
        "written": stale,
        "removed": former,
    }
    if check or not answer["changed"]:
        return answer
    _files.make_directories(directory)
    _files.make_directories(os.path.dirname(PROGRAM))
    if PROGRAM in stale:
        _files.write(PROGRAM, program(), 0o644)
    _wanted_files.write_all(files)
    _systemd.reload_units()
    _systemd.systemctl("enable", "--no-reload", TIMER)
    _systemd.systemctl("restart", TIMER)
    for path in former:
        _files.remove(path)
    return answer


def absent(check: bool) -> Dict[str, Any]:
    """Stop the timer and remove what it ran; the metrics that it wrote last stay.

    Args:
        check: only say what would change.

    Raises:
        CommandFailed: it cannot be stopped.
    """
    there = [path for path in units() + [PROGRAM, FORMER] if os.path.lexists(path)]
    if there and not check:
        if units()[0] in there:
            _systemd.systemctl("disable", "--now", TIMER)
        for path in there:
            _files.remove(path)
        _systemd.reload_units()
    return {"changed": bool(there), "diff": [], "written": [], "removed": there}
