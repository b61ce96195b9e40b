"""Let one process at a time work on a thing: locks of the kernel, which end with their process.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import fcntl
import os
import time
from typing import Iterator

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

#: Emptied by a reboot, as the processes that the locks are of.
LOCKS = "/run/lock"
#: Seconds between two tries.
POLL = 0.1


@contextlib.contextmanager
def locked(
    name: str, message: str, patience: float = 10.0, directory: str = LOCKS
) -> Iterator[int]:
    """Hold a lock by its name; give its descriptor.

    The descriptor is closed in programs that the holder starts: one of them that lives on does
    not hold the lock.

    Args:
        name: what is locked; a file is called by it.
        message: the sentence for the user when another process has it.
        patience: seconds to wait for it.
        directory: where the file is.

    Raises:
        Problem: another process holds it for longer than that.
    """
    os.makedirs(directory, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(os.path.join(directory, name + ".lock"), flags, 0o600)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Problem(message) from None
                time.sleep(POLL)
        yield handle
    finally:
        os.close(handle)
