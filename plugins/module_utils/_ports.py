"""Tell who listens on the TCP ports of a host.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
from typing import Dict, List, Tuple

PROC = "/proc"
#: A listening socket in /proc/net/tcp (include/net/tcp_states.h of Linux).
LISTEN = "0A"

#: Port -> inode and user of the sockets that listen there.
Listeners = Dict[int, List[Tuple[str, int]]]


def listeners() -> Listeners:
    """Return port -> inode and user of the TCP sockets that listen there, on any address."""
    found: Listeners = {}
    for table in ("net/tcp", "net/tcp6"):
        with contextlib.suppress(OSError):
            with open(os.path.join(PROC, table), encoding="ascii") as file:
                lines = file.read().splitlines()[1:]
            for fields in map(str.split, lines):
                if fields[3] == LISTEN:
                    port = int(fields[1].rsplit(":", 1)[1], 16)
                    found.setdefault(port, []).append((fields[9], int(fields[7])))
    return found


def holder(inodes: List[str]) -> Tuple[int, str]:
    """Return the process that has one of some sockets, and its name; 0 if none is found.

    In a container, root may not be allowed to look at what the processes of others have open.
    """
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for pid in filter(str.isdigit, os.listdir(PROC)):
        handles = os.path.join(PROC, pid, "fd")
        try:
            for handle in os.listdir(handles):
                with contextlib.suppress(OSError):
                    if os.readlink(os.path.join(handles, handle)) in wanted:
                        return int(pid), name_of(pid)
        except OSError:  # it has ended
            continue
    return 0, ""


def name_of(pid: str) -> str:
    """Return the name of a process. It may call itself by any bytes.

    Raises:
        OSError: it has ended.
    """
    with open(os.path.join(PROC, pid, "comm"), "rb") as file:
        return file.read().decode("utf-8", "replace").strip()


def children_of(pid: int) -> List[int]:
    """Return the processes that one has started; empty if it has ended."""
    path = os.path.join(PROC, str(pid), "task", str(pid), "children")
    try:
        with open(path, encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []
