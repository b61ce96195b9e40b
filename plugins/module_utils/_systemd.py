"""Ask systemd and tell it what to do. What it does not do raises.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
from typing import Dict, List, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import PATIENCE, run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    last_lines,
    reason,
)

#: Where the units are that the collection writes.
UNITS = "/etc/systemd/system"
#: Where units are that a reboot forgets.
RUNTIME_UNITS = "/run/systemd/system"
#: Seconds that the journal may take, to write what it has and to be read.
JOURNAL_PATIENCE = 10.0
#: Directories of links that start units at boot.
WANTS = ("multi-user.target.wants", "sockets.target.wants", "timers.target.wants")
#: Seconds before a time in which the journal is looked through for what was said last.
LOOK_BACK = 3600.0
#: What systemd says of a unit that it does not know.
UNKNOWN = {
    "LoadState": "not-found",
    "ActiveState": "inactive",
    "SubState": "dead",
    "UnitFileState": "",
    "MainPID": "0",
    "NeedDaemonReload": "no",
}


def systemctl(*arguments: str, **options: float) -> str:
    """Have systemd do something; return what it said.

    Args:
        *arguments: of systemctl.
        **options: timeout, in seconds.

    Raises:
        CommandFailed: it did not, with its words; or not within the timeout.
    """
    timeout = options.get("timeout", PATIENCE)
    return run(["systemctl"] + list(arguments), timeout=timeout).stdout


def attempt(*arguments: str, **options: float) -> str:
    """Have systemd do something that must not keep the rest from being done.

    Args:
        *arguments: of systemctl.
        **options: timeout, in seconds.

    Returns:
        What went wrong, in a sentence; empty if nothing did.
    """
    try:
        systemctl(*arguments, **options)
    except CommandFailed as failure:
        return str(failure)
    return ""


def forget_failures(units: Sequence[str]) -> None:
    """Have systemd forget that units failed, as soon as they have ended; whatever of that fails.

    For units that were stopped for good. One that takes longer than its TimeoutStopSec, or ends
    with a status of its own, would be shown among what is wrong with the host until it is started
    anew. Nobody waits for it: systemd does.
    """
    if not units:
        return
    attempt("reset-failed", *units)
    names = " ".join(units)
    # Names of units have nothing that a shell, or systemd before 254, would take for its own.
    script = (
        f"while systemctl show --property=ActiveState {names} | grep -q deactivating;"
        f" do sleep 1; done; systemctl reset-failed {names} 2>/dev/null || :"
    )
    with contextlib.suppress(CommandFailed, OSError):
        if "deactivating" in systemctl("show", "--property=ActiveState", *units):
            run(["systemd-run", "--quiet", "--collect", "--no-block", "/bin/sh", "-c", script])


def reload_units() -> None:
    """Let systemd read its units anew."""
    systemctl("daemon-reload")


def show(unit: str, *properties: str) -> Dict[str, str]:
    """Return properties of a unit as systemd has them; of a unit that it does not know too.

    Raises:
        CommandFailed: systemd does not answer.
    """
    said = systemctl("show", unit, "--property=" + ",".join(properties))
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def show_all(units: Sequence[str]) -> Dict[str, Dict[str, str]]:
    """Return unit -> the properties of UNKNOWN, in one question.

    Raises:
        CommandFailed: systemd does not answer.
    """
    states = {unit: dict(UNKNOWN) for unit in units}
    if not states:
        return states
    said = systemctl("show", "--property=" + ",".join(["Id"] + list(UNKNOWN)), *units)
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in said.strip().split("\n\n")
    ]
    for number, block in enumerate(blocks):
        # A unit that was asked for by another name is told only by its place.
        unit = units[number] if len(blocks) == len(units) else block.get("Id", "")
        if unit in states:
            states[unit].update((key, block[key]) for key in UNKNOWN if key in block)
    return states


def list_units(*patterns: str) -> Dict[str, Tuple[str, str]]:
    """Return unit -> (active state, sub state) of the units in memory that match a pattern.

    Raises:
        CommandFailed: systemd does not answer; an empty answer would be taken for "none runs".
    """
    said = systemctl(
        "list-units",
        "--all",
        "--full",
        "--plain",
        "--no-legend",
        "--no-pager",
        "--type=service,socket,timer",
        *patterns,
    )
    units = {}
    for line in said.splitlines():
        fields = line.split()
        if len(fields) >= 4:
            units[fields[0]] = (fields[2], fields[3])
    return units


def list_enabled(prefix: str) -> List[str]:
    """Return the units that start at boot and whose names begin with a prefix."""
    enabled: List[str] = []
    for target in WANTS:
        directory = os.path.join(UNITS, target)
        if os.path.isdir(directory):
            enabled += [unit for unit in os.listdir(directory) if unit.startswith(prefix)]
    return enabled


def journal(*selection: str, **options: float) -> str:
    """Return the last lines of the journal of a selection, as its messages are; for an error.

    It raises nothing: whoever tells of an error has things to do after that.

    Args:
        *selection: arguments of journalctl, as ``--unit=…`` or ``FIELD=value``.
        **options: lines, how many (20); until, the time of the last one, in seconds since the
            epoch: what was stopped then says nothing of the reason in what came after it; since,
            likewise, that of the first (an hour before that).
    """
    lines = int(options.get("lines", 20))
    until = options.get("until")
    if until is None:
        limits = [f"--lines={lines}"]
    else:
        # journalctl before 254 takes the last lines of all, and then shows none after a time.
        since = options.get("since") or float(int(until - LOOK_BACK))
        limits = [f"--since=@{since:.6f}", f"--until=@{until:.6f}"]
    arguments = ["journalctl", "--no-pager", "--quiet", "--output=cat"] + limits + list(selection)
    try:
        with contextlib.suppress(CommandFailed):
            run(["journalctl", "--sync"], check=False, timeout=JOURNAL_PATIENCE)
        said = run(arguments, check=False, timeout=JOURNAL_PATIENCE)
    except CommandFailed as failed:
        return f"({failed})"
    except OSError as error:
        return f"(journalctl: {reason(error)}.)"
    return last_lines(said.stdout, lines) or "(none)"
