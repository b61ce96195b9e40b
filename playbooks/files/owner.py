"""Tell who deploys, and whether a deploy that began on this control node still runs.

By hand because Ansible gives a playbook no name of the process that runs it.

Usage:
    owner.py                 print the owner of this run: by, controller, pid, started, token
    owner.py dead NOTES      print the tokens of those notes, a JSON list, whose process has ended
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import secrets
import subprocess
import sys
from typing import Any


def processes() -> dict[int, tuple[int, str, str]]:
    """Return pid -> parent, begin and command of every process; empty where there is no ps.

    ps, because it is on every system that Ansible runs on; /proc is not.
    """
    try:
        answer = subprocess.run(
            ["ps", "-e", "-o", "pid=,ppid=,lstart=,command="],
            capture_output=True,
            text=True,
            check=False,
            errors="replace",
            env=os.environ | {"LC_ALL": "C"},
        )
    except FileNotFoundError:
        return {}
    out = {}
    for line in answer.stdout.splitlines():
        # The begin has five words: Sun Nov 22 12:31:15 2026.
        pid, parent, *rest = line.split(None, 7)
        out[int(pid)] = (int(parent), " ".join(rest[:5]), rest[5] if len(rest) > 5 else "")
    return out


def playbook() -> tuple[int, str]:
    """Return the process id and the begin of the run that this process belongs to; 0 if unknown.

    The nearest of its ancestors that Ansible's name is on, then up as long as the command is the
    same: Ansible's workers are copies of the process that reads the playbook. One run of Ansible
    may have started another, so the outermost would be too far.
    """
    known = processes()
    pid = os.getppid()
    while pid in known:
        parent, started, command = known[pid]
        words = command.split()[:3]
        if any(os.path.basename(word).startswith("ansible") for word in words):
            while parent in known and known[parent][2] == command:
                pid, (parent, started, _) = parent, known[parent]
            return pid, started
        pid = parent
    return 0, ""


def owner() -> dict[str, Any]:
    """Return who deploys."""
    controller = platform.node()
    pid, started = playbook()
    user = os.environ.get("SUDO_USER") or getpass.getuser()
    return {
        "by": f"{user}@{controller}",
        "controller": controller,
        "pid": pid,
        "started": started,
        "token": secrets.token_hex(8),
    }


def dead(notes: list[dict[str, Any]]) -> list[str]:
    """Return the tokens of the notes whose process has ended, as far as can be seen from here."""
    known = processes()
    return [
        note["token"]
        for note in notes
        if known
        and note["controller"] == platform.node()
        and note["pid"]
        and known.get(note["pid"], (0, "", ""))[1] != note["started"]
    ]


def main() -> int:
    """Run one of the two."""
    if len(sys.argv) == 1:
        print(json.dumps(owner()))
        return 0
    if len(sys.argv) == 3 and sys.argv[1] == "dead":
        print(json.dumps(dead(json.loads(sys.argv[2]))))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
