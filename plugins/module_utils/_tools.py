"""Run the tools of a build (git, uv, the application's own commands) and keep what they say.

Their output goes into a file: a process that a command leaves in the background holds nothing up.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
import pwd
import signal
import subprocess
import tempfile
import time
from typing import IO, Dict, List, Optional, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import bytes_of

#: Where programs are; nothing of the caller's environment reaches a tool.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: How much of a tool's output is kept, from its end (bytes).
KEEP = 65536
#: Seconds between two looks at a tool that has a deadline.
POLL = 0.05


class ToolFailed(Exception):
    """A tool did not end with status 0; the text is the end of its output."""


class Running:
    """A tool that was started."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: IO[bytes]) -> None:
        self.process = process
        self.output = output


def account_of(name: str) -> Optional[pwd.struct_passwd]:
    """Look up an account; None if there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def base_environment(account: str, home: str) -> Dict[str, str]:
    """Return what every tool of a build knows; by this list, whatever the caller's own is."""
    return {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "USER": account,
        "LOGNAME": account,
        "HOME": home,
    }


def drop(account: pwd.struct_passwd) -> None:
    """Leave root's rights for those of an account, in a process of its own."""
    if os.geteuid() == 0:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.umask(0o022)


def start(
    arguments: List[str],
    env: Dict[str, str],
    directory: str = "/",
    account: Optional[pwd.struct_passwd] = None,
) -> Running:
    """Start a tool.

    Args:
        arguments: the tool and its arguments.
        env: all the variables that it gets.
        directory: where it runs.
        account: whose rights it gets; the caller's own, if None.

    Raises:
        OSError: it cannot be started.
    """
    output = tempfile.TemporaryFile()  # noqa: SIM115 - finish() closes it
    try:
        process = subprocess.Popen(
            [bytes_of(argument) for argument in arguments],
            cwd=bytes_of(directory),
            env={bytes_of(name): bytes_of(value) for name, value in env.items()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=None if account is None else lambda: drop(account),
        )
    except BaseException:
        output.close()
        raise
    return Running(process, output)


def finish(running: Running, timeout: float = 0) -> Tuple[int, str]:
    """Wait for a tool; return its status and the end of its output.

    What it leaves in the background is ended: it might write into the build.

    Args:
        running: what start() gave.
        timeout: seconds after which it is killed; 0 is never.
    """
    process, late = running.process, ""
    try:
        end = time.monotonic() + timeout
        while timeout and process.poll() is None and not late:
            if time.monotonic() > end:
                late = f"\nno answer in {timeout:g} seconds"
            else:
                time.sleep(POLL)
        if not timeout:
            process.wait()
    finally:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        size = running.output.seek(0, os.SEEK_END)
        running.output.seek(max(0, size - KEEP))
        said = running.output.read(KEEP)
        running.output.close()
    return process.returncode, said.decode("utf-8", "replace") + late


def run(arguments: List[str], env: Dict[str, str], directory: str = "/") -> str:
    """Run a tool; return the end of its output.

    Raises:
        ToolFailed: it did not end with status 0.
        OSError: it cannot be started.
    """
    status, output = finish(start(arguments, env, directory))
    if status != 0:
        raise ToolFailed(output if output.strip() else f"it ended with status {status}")
    return output
