"""The lock of deploys: a note on a host that says who deploys an application, and until when.

A note and no lock of the kernel, because a deploy is several roles on several connections: no
process on the host lives as long as it does. A note lasts for a lease after the deploy's last step
on the host. Every module of this collection that runs in a deploy is such a step: the play hands
the lock on in the environment variable ``VARIABLE``, and ``run_module`` keeps it before anything
else and as long as the module works. So a build of an hour keeps its lock, a deploy that died loses
it after minutes, from wherever it ran; and a deploy whose lock somebody else has by now stops
before it touches anything.

All times are the host's own, in seconds since the epoch: no clock or time zone of a control node is
in them. It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import json
import os
import threading
import time
from typing import Any, ContextManager, Dict, Iterator, List, Optional

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._files import (
    make_directories,
    read_text,
    remove,
    write,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._lock import LOCKS, locked

#: The environment variable in which a deploy tells its steps of its lock.
VARIABLE = "FLASKSTACK_DEPLOY_LOCK"

#: What is known of a holder: token, by, since, renewed, until.
Note = Dict[str, Any]


class DeployLock:
    """The lock of one deploy on one host.

    Args:
        names: the applications.
        token: what tells this deploy from all others.
        by: who deploys, as other people are told.
        lease: for how many seconds it lasts after a step.
        directory: where the notes are; a reboot empties it.
    """

    def __init__(
        self, names: List[str], token: str, by: str, lease: int, directory: str = LOCKS
    ) -> None:
        self.names = names
        self.token = token
        self.by = by
        self.lease = lease
        self.directory = directory

    def variable(self) -> str:
        """Return the value of ``VARIABLE`` for the steps of this deploy."""
        # Who it is comes last: it may have blanks.
        fields = [self.token, str(self.lease), self.directory, ",".join(self.names), self.by]
        return " ".join(fields)

    def alone(self) -> ContextManager[int]:
        """Keep other processes from reading or writing notes at the same time."""
        make_directories(self.directory)
        message = "the locks of deploys are being read and written by another process."
        return locked("flaskstack", message, directory=self.directory)

    def path(self, name: str) -> str:
        """Return the path of the note about an application."""
        return os.path.join(self.directory, f"flaskstack-{name}.json")

    def note(self, name: str) -> Note:
        """Return the note about an application; empty if there is none that can be read."""
        try:
            found = json.loads(read_text(self.path(name)))
        except ValueError:
            return {}
        complete = isinstance(found, dict) and isinstance(found.get("until"), (int, float))
        return dict(found) if complete and "token" in found else {}

    def holders(self) -> Dict[str, Note]:
        """Return application -> the note of another deploy that has it now."""
        now = time.time()
        notes = {name: self.note(name) for name in self.names}
        return {
            name: note
            for name, note in notes.items()
            if note and note["token"] != self.token and note["until"] > now
        }

    def write(self) -> None:
        """Write down that this deploy has all of its applications, from now on for its lease."""
        now = int(time.time())
        for name in self.names:
            found = self.note(name)
            since = found["since"] if found.get("token") == self.token else now
            note = {
                "token": self.token,
                "by": self.by,
                "since": since,
                "renewed": now,
                "until": now + self.lease,
            }
            write(self.path(name), (json.dumps(note) + "\n").encode("utf-8"), 0o644)

    def take(self, force: bool = False) -> Dict[str, Note]:
        """Take all applications, or none if another deploy has one of them; return who had them.

        Args:
            force: take them from whoever has them.

        Raises:
            Problem: another deploy has one of them; its detail ``holders`` says which.
        """
        with self.alone():
            holders = self.holders()
            if holders and not force:
                text = "\n".join(held(name, note) for name, note in sorted(holders.items()))
                raise Problem(text, holders=listed(holders))
            self.write()
            return holders

    def keep(self) -> None:
        """Go on having it, for a lease from now; a lease that ended meanwhile begins anew.

        Raises:
            Problem: another deploy has one of the applications now.
        """
        with self.alone():
            holders = self.holders()
            if holders:
                text = "\n".join(lost(name, note) for name, note in sorted(holders.items()))
                raise Problem(text, holders=listed(holders))
            self.write()

    def give_back(self) -> List[str]:
        """Give back those of the applications that this deploy has; return which they are."""
        with self.alone():
            own = [name for name in self.names if self.note(name).get("token") == self.token]
            for name in own:
                remove(self.path(name))
            return own


def moment(seconds: Any) -> str:
    """Return a time as a person reads it, in UTC."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(float(seconds)))
    except (TypeError, ValueError, OverflowError):
        return "an unknown time"


def held(name: str, note: Note) -> str:
    """Return what is said to a deploy that meets another one's lock."""
    by = note.get("by", "somebody")
    since = moment(note.get("since"))
    renewed = moment(note.get("renewed", note.get("since")))
    return (
        f"application '{name}' is being deployed by {by} since {since}; its last step was at"
        f" {renewed}. Wait for it to end. If it died, its lock ends at {moment(note['until'])}, and"
        " -e lock=break takes it over at once."
    )


def lost(name: str, note: Note) -> str:
    """Return what is said to a deploy whose lock another one has."""
    by = note.get("by", "somebody")
    return (
        f"application '{name}' is being deployed by {by} since {moment(note.get('since'))}: this"
        " deploy's lock was taken over, or had ended for want of a step. Nothing more is done on"
        " this host; deploy again when the other has ended."
    )


def listed(holders: Dict[str, Note]) -> List[Note]:
    """Return holders as a module tells them; a token is its owner's affair."""
    return [
        dict({key: value for key, value in note.items() if key != "token"}, name=name)
        for name, note in sorted(holders.items())
    ]


def of_variable(text: str) -> Optional[DeployLock]:
    """Return the lock that ``DeployLock.variable`` tells of; None if it is no such text."""
    fields = text.split(" ", 4)
    if len(fields) != 5 or not fields[1].isdigit():
        return None
    token, lease, directory, names, by = fields
    return DeployLock(names.split(","), token, by, int(lease), directory)


def keep() -> Optional[DeployLock]:
    """Keep the lock of the deploy that this process is a step of; None if it is one of none.

    Raises:
        Problem: another deploy has the lock now.
    """
    # Taken out: what this process starts is no step of its own. As bytes, which Python may have
    # decoded as ASCII.
    text = os.environb.pop(VARIABLE.encode("ascii"), b"")
    lock = of_variable(text.decode("utf-8", "replace"))
    if lock is not None:
        lock.keep()
    return lock


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Keep the lock as ``keep`` does, and go on keeping it: a step may take longer than a lease.

    Raises:
        Problem: another deploy has the lock when the step begins. One that takes it over later is
            met by the next step.
    """
    lock = keep()
    over = threading.Event()

    def renew(lock: DeployLock) -> None:
        while not over.wait(max(lock.lease / 3.0, 0.1)):
            with contextlib.suppress(Problem, OSError):
                lock.keep()

    if lock is not None:
        threading.Thread(target=renew, args=(lock,), daemon=True).start()
    try:
        yield
    finally:
        over.set()
