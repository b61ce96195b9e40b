"""What uWSGI says of a release on its stats socket, and what the kernel says of its processes.

The socket is the application's own: what comes out of it may be anything, of any length, at any
pace. What is not of the shape that uWSGI gives it is no answer.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import json
import os
from typing import Any, Dict, List, Optional

from ansible_collections.flaskstack.centos.plugins.module_utils import _sockets

#: Where the figures of a process are.
PROC = "/proc"
#: Seconds that a whole answer may take.
PATIENCE = 2.0
#: Bytes of an answer that are read at most. A core at work is told with the variables of its
#: request, which may be 64 kB (buffer_size): this is enough for 500 of the longest at once.
MOST_BYTES = 32 << 20
#: The largest number that a figure of uWSGI can be: it counts in 64 bits.
MOST = 2**64
#: Figures of a worker (core/stats.c of uWSGI).
FIGURES = (
    "pid",
    "requests",
    "exceptions",
    "harakiri_count",
    "respawn_count",
    "tx",
    "running_time",
)


class Worker:
    """A worker: its status (idle, busy, cheap, ...), its figures, and which cores are at work.

    ``tx`` is in bytes, ``running_time`` in microseconds.
    """

    def __init__(self, status: str, figures: Dict[str, int], cores: List[bool]) -> None:
        self.status = status
        self.figures = figures
        self.cores = cores

    @property
    def pid(self) -> int:
        """Its process; 0 of one that cheaper has put to sleep."""
        return self.figures["pid"]


class Stats:
    """The process of the master, and the workers."""

    def __init__(self, pid: int, workers: List[Worker]) -> None:
        self.pid = pid
        self.workers = workers

    @property
    def awake(self) -> List[Worker]:
        """The workers that have a process."""
        return [worker for worker in self.workers if worker.pid]

    @property
    def is_idle(self) -> bool:
        """Whether some core of some worker waits for a request: then none waits for a core."""
        return any(
            not in_request
            for worker in self.workers
            if worker.status in ("idle", "busy")
            for in_request in worker.cores
        )

    def memory(self) -> int:
        """Return the memory of master and workers in bytes, shared pages counted once."""
        return memory_of([self.pid] + [worker.pid for worker in self.awake])


def read(path: str, timeout: float = PATIENCE) -> Optional[Stats]:
    """Return what the stats socket at a path says; None if that is nothing that one can use.

    Args:
        path: of the socket.
        timeout: seconds for the whole answer.
    """
    try:
        answer = json.loads(_sockets.read_all(path, timeout, MOST_BYTES).decode("utf-8", "replace"))
        return parse(answer)
    except (_sockets.NoAnswer, ValueError, RecursionError):
        return None


def parse(answer: Any) -> Stats:
    """Return what uWSGI said, of the types that it should be.

    Raises:
        ValueError: it is nothing that uWSGI says.
    """
    answer = dictionary(answer)
    return Stats(number(answer, "pid"), [parse_worker(one) for one in items(answer, "workers")])


def parse_worker(answer: Any) -> Worker:
    """Return what uWSGI said of a worker.

    Raises:
        ValueError: it is nothing that uWSGI says.
    """
    answer = dictionary(answer)
    figures = {key: number(answer, key) for key in FIGURES}
    cores = [bool(number(dictionary(core), "in_request")) for core in items(answer, "cores")]
    return Worker(str(answer.get("status", "")), figures, cores)


def dictionary(value: Any) -> Dict[str, Any]:
    """Return a dictionary.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{type(value).__name__} for a dictionary")
    return value


def items(answer: Dict[str, Any], key: str) -> List[Any]:
    """Return a list in an answer; empty if it is not there.

    Raises:
        ValueError: it is none.
    """
    found = answer.get(key, [])
    if not isinstance(found, list):
        raise ValueError(f"{key} is no list")
    return found


def number(answer: Dict[str, Any], key: str) -> int:
    """Return a number in an answer; 0 if it is not there.

    Raises:
        ValueError: it is none that uWSGI counts.
    """
    found = answer.get(key, 0)
    if not isinstance(found, int) or not 0 <= found < MOST:
        raise ValueError(f"{key} is no number")
    return int(found)


def memory_of(pids: List[int]) -> int:
    """Return the memory of processes in bytes, shared pages counted once (Pss of proc(5))."""
    total = 0
    for pid in pids:
        try:
            with open(os.path.join(PROC, str(pid), "smaps_rollup"), encoding="ascii") as file:
                lines = file.read().splitlines()
        except OSError:  # it has ended
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total
