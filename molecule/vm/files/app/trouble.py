"""An application that takes whatever it gets when it is asked to: memory, time, processes."""

import os
import signal
import time
from collections.abc import Callable, Iterable

#: How far it goes, so that it ends even where nothing stops it: far beyond its limits.
MEGABYTES = 1200
PROCESSES = 200
#: How long it is busy, seconds, in how many processes.
BUSY_SECONDS = 40
BUSY_PROCESSES = 4

# A slow start, to be cut off in.
time.sleep(float(os.environ.get("SLOW", "0")))


def leak() -> str:
    """Take memory until somebody ends the worker."""
    held = []
    for _ in range(MEGABYTES // 8):
        held.append(bytearray(os.urandom(4096) * 2048))
    return f"{len(held) * 8} MB, and nobody minded"


def spin() -> str:
    """Keep more processors busy than there are."""
    for _ in range(BUSY_PROCESSES):
        if os.fork() == 0:
            # The connection, too: the answer would not end before the child.
            os.closerange(0, 1024)
            end = time.monotonic() + BUSY_SECONDS
            while time.monotonic() < end:
                pass
            os._exit(0)
    return f"{BUSY_PROCESSES} busy for {BUSY_SECONDS} s"


def fork() -> str:
    """Fork until it fails, and say how often it did not."""
    children = []
    try:
        while len(children) < PROCESSES:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    except BlockingIOError:
        pass
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return f"{len(children)} processes"


def app(environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Do what a POST asks for; tell any other request who it has met."""
    tricks = {"/leak": leak, "/spin": spin, "/fork": fork}
    trick = tricks.get(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "POST" else None
    text = trick() if trick else f"version {os.environ['VERSION']} worker {os.getpid()}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode() + b"\n"]
