"""Run commands on a host. A command that fails raises; nothing goes on as if it had not.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
import signal
import subprocess
from typing import Dict, List, Optional, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import CommandFailed

#: Seconds that a command may take when its caller says nothing else.
PATIENCE = 60.0
#: Seconds that the end of a killed command's output is waited for: what left its process group may
#: hold it open.
GRACE = 2.0
#: Where programs are that the PATH of a login may lack.
SBIN = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Result:
    """What a command said: exit status, standard output, standard error."""

    def __init__(self, status: int, stdout: str, stderr: str) -> None:
        self.status = status
        self.stdout = stdout
        self.stderr = stderr


def run(
    arguments: List[str],
    timeout: float = PATIENCE,
    check: bool = True,
    env: Optional[Dict[str, str]] = None,
    cwd: Optional[str] = None,
    stdin: Optional[str] = None,
    held: Optional[int] = None,
) -> Result:
    """Run a command and return what it said.

    Its output is in English whatever the host speaks. Texts are UTF-8 both ways, on Python 3.6 and
    under any locale too; bytes of the output that are none are replaced.

    Args:
        arguments: the command and its arguments.
        timeout: seconds after which it is killed, with all that it has started.
        check: a status other than 0 is a failure.
        env: variables on top of the caller's own.
        cwd: the directory to run in.
        stdin: what it is given on standard input; nothing by default.
        held: the descriptor of a lock that it holds too: who comes after a caller that was killed
            waits until it has ended.

    Raises:
        CommandFailed: it failed, or was killed after ``timeout``.
        OSError: it cannot be started (FileNotFoundError: there is no such program).
    """
    environment = dict(os.environb)
    path = os.pathsep.join(filter(None, [os.environ.get("PATH", ""), SBIN]))
    for name, value in dict({"LC_ALL": "C", "PATH": path}, **(env or {})).items():
        environment[bytes_of(name)] = bytes_of(value)
    process = subprocess.Popen(
        [bytes_of(argument) for argument in arguments],
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=None if cwd is None else bytes_of(cwd),
        # A process group of its own, which can be killed as a whole.
        start_new_session=True,
        pass_fds=() if held is None else (held,),
    )
    try:
        given = None if stdin is None else stdin.encode("utf-8")
        said, complained = process.communicate(given, timeout=timeout)
    except subprocess.TimeoutExpired:
        said, complained = kill(process)
        raise CommandFailed(arguments, None, text_of(said + complained)) from None
    except BaseException:
        kill(process)
        raise
    if check and process.returncode != 0:
        raise CommandFailed(arguments, process.returncode, text_of(complained or said))
    return Result(process.returncode, text_of(said), text_of(complained))


def kill(process: "subprocess.Popen[bytes]") -> Tuple[bytes, bytes]:
    """Kill a command with all that it has started; return what it said until then."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=GRACE)
    except subprocess.TimeoutExpired as held:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE)
        # Python 3.6 does not tell what was read.
        return held.output or b"", held.stderr or b""


def bytes_of(text: str) -> bytes:
    """Encode what the system is told: without a language Python 3.6 would have it be ASCII."""
    return text.encode("utf-8", "surrogateescape")


def text_of(output: bytes) -> str:
    """Decode what a command printed; what is no UTF-8 is replaced."""
    return output.decode("utf-8", "replace")
