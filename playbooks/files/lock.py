"""Take and give back the lock of deploys, on a managed host.

By hand because the lock spans several roles, that is several connections: no process on the host
lives as long as a deploy does. So the lock is a note of who has it and until when at most, in a
directory that a reboot empties. A deploy that died is found out on its own control node (owner.py);
elsewhere, its lock ends with its lease.

The playbooks send this text to the host's Python on standard input, with a call of main() as its
last line. It runs on the oldest Python that a managed host may have, 3.6.
"""

import contextlib
import fcntl
import json
import os
import time
from typing import Any, Dict, Iterator, List

DIRECTORY = "/run/lock"


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep other processes from reading or writing the notes at the same time."""
    os.makedirs(DIRECTORY, exist_ok=True)
    handle = os.open(os.path.join(DIRECTORY, "flaskstack.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def note_of(name: str) -> str:
    """Return the path of the note about an application."""
    return os.path.join(DIRECTORY, f"flaskstack-{name}.json")


def read(name: str) -> Dict[str, Any]:
    """Return the note about an application; empty if there is none, or none that can be read."""
    try:
        with open(note_of(name), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def take(
    names: List[str], owner: Dict[str, Any], lease: int, dead: List[str]
) -> List[Dict[str, Any]]:
    """Take the locks of all applications or of none; return the notes of who is in the way.

    Args:
        names: the applications.
        owner: who takes it, with a token of its own.
        lease: for how many seconds at most.
        dead: tokens of deploys that are known to be dead.
    """
    with alone():
        holders = []
        for name in names:
            note = read(name)
            if (
                note
                and note["token"] not in [owner["token"]] + dead
                and note["until"] > time.time()
            ):
                holders.append(dict(note, name=name))
        if not holders:
            for name in names:
                fresh = note_of(name) + ".new"
                with open(fresh, "w", encoding="utf-8") as file:
                    json.dump(dict(owner, since=time.time(), until=time.time() + lease), file)
                os.rename(fresh, note_of(name))
        return holders


def give_back(names: List[str], owner: Dict[str, Any]) -> None:
    """Give back those of the locks that are the owner's."""
    with alone():
        for name in names:
            if read(name).get("token") == owner["token"]:
                os.unlink(note_of(name))


def main(text: str) -> int:
    """Do what a request, as JSON, asks for; print the holders that are in the way, as JSON."""
    request = json.loads(text)
    holders: List[Dict[str, Any]] = []
    if request["action"] == "take":
        holders = take(request["names"], request["owner"], request["lease"], request["dead"])
    else:
        give_back(request["names"], request["owner"])
    print(json.dumps({"holders": holders}))
    return 0
