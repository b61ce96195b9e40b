"""Have nginx take over the tree that was written, and watch whether it does.

nginx says nothing of it to who asked when it goes on with the old configuration: it is seen in its
processes and in its log.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import errno
import os
import re
import time
from typing import Any, Dict, List, Optional, Set, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._files import read
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_change import ask_nginx
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import (
    PATIENCE,
    Tree,
    alone,
    clearing_up,
    uninterrupted,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._systemd import show_all

UNIT = "nginx.service"
PROC = "/proc"
ERROR_LOG = "/var/log/nginx/error.log"
#: Seconds between two looks at whether nginx took over what it was given.
POLL = 0.05
#: Seconds that a reload may take: nginx asks five times, within 2.5 s, for an address that is
#: taken, and reads thousands of sites in less than that.
WAIT = 15.0
#: Bytes of the log that are looked at, from its end.
MOST_LOG = 1 << 20


class GaveUp(Exception):
    """nginx said that it does not take the configuration over, so that it never will."""


def list_workers(main_pid: int) -> Set[int]:
    """Return the workers of a main process that take connections."""
    found = set()
    for name in os.listdir(PROC):
        if not name.isdigit():
            continue
        try:
            about = read(os.path.join(PROC, name, "stat")) or b""
            title = read(os.path.join(PROC, name, "cmdline")) or b""
        except OSError:  # it has ended
            continue
        # The name of the program, in brackets, may have anything in it.
        fields = about.rpartition(b")")[2].split()
        worker = title.startswith(b"nginx: worker process") and b"shutting down" not in title
        if worker and len(fields) > 1 and int(fields[1]) == main_pid:
            found.add(int(name))
    return found


def mark_of(log: str) -> Tuple[int, int]:
    """Return which file a log is at present, and its size in bytes."""
    try:
        found = os.stat(log)
    except OSError:
        return 0, 0
    return found.st_ino, found.st_size


def emergencies(log: str, mark: Tuple[int, int], main_pid: int) -> List[str]:
    """Return what a main process gave up at since a mark, each in nginx's words, once."""
    now = mark_of(log)
    # A log that was rotated meanwhile is a new one.
    start = mark[1] if now[0] == mark[0] and now[1] >= mark[1] else 0
    try:
        with open(log, "rb") as file:
            file.seek(max(start, now[1] - MOST_LOG))
            text = file.read(MOST_LOG).decode("utf-8", "replace")
    except OSError:
        return []
    # Others test configurations meanwhile: theirs are other processes.
    words = re.findall(rf"\[emerg\] {main_pid}#\d+: (.*)\n", text)
    return sorted(set(words), key=words.index)


def hand_over(main_pid: int, wait: float) -> Optional[str]:
    """Have nginx read its tree again; return why it did not take it over within wait seconds.

    Raises:
        GaveUp: nginx said that it does not.
    """
    mark, before = mark_of(ERROR_LOG), list_workers(main_pid)
    try:
        said = run(["systemctl", "reload", UNIT], timeout=PATIENCE, check=False)
    except CommandFailed as failure:
        return str(failure)
    deadline = time.monotonic() + wait
    if said.status != 0:
        return said.stderr.strip() or f"systemctl reload ended with {said.status}"
    # This was only a signal: what becomes of it is seen in the processes and the log.
    while True:
        over = time.monotonic() > deadline
        if list_workers(main_pid) - before:
            return None
        words = emergencies(ERROR_LOG, mark, main_pid)
        # An address that is taken is asked for again, five times within 2.5 s.
        final = [found for found in words if f"({errno.EADDRINUSE}: " not in found]
        if final:
            raise GaveUp("; ".join(words))
        if over:
            return "; ".join(words) or f"nothing within {wait:g} s, and no new worker"
        time.sleep(POLL)


def take_over(tree: Tree, wait: float = WAIT) -> bool:
    """Have nginx take over what was written; return whether it runs at all.

    Args:
        tree: what it reads, and the backup of what it runs with.
        wait: seconds.

    Raises:
        Problem: it did not, and the tree is again what it runs with.
    """
    state = show_all([UNIT])[UNIT]
    if state["ActiveState"] not in ("active", "reloading"):
        tree.drop()
        return False
    reason: Optional[str]
    undecided = False
    try:
        ask_nginx(tree.root, tree.root)
        reason = hand_over(int(state["MainPID"]), wait)
        undecided = True
    except (Problem, GaveUp) as failure:
        reason = str(failure)
    if reason is None:
        tree.drop()
        return True
    back = "there are no older files to go back to"
    if tree.journal():
        tree.restore()
        back = "the old files are back"
        if undecided:
            # It may still come to what it was asked for: let it find the old files after that.
            with contextlib.suppress(CommandFailed):
                run(["systemctl", "reload", UNIT], timeout=PATIENCE, check=False)
    raise Problem(
        f"nginx did not take over the new configuration (in its words: {reason}); {back}"
        " and the old processes go on serving."
    )


def reload(tree: Tree, wait: float = WAIT) -> Dict[str, Any]:
    """Have nginx, if it runs, take over what was written; see take_over."""
    with clearing_up(), alone(tree), uninterrupted():
        done = take_over(tree, wait)
    return {"changed": done, "reloaded": done}
