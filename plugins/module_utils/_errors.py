"""What goes wrong on a host, and how a module tells it.

It runs on the oldest Python that a managed host may have, 3.6, and imports nothing of Ansible.
"""

import contextlib
import errno
import os
from typing import Any, Callable, Dict, List, Optional

#: How many lines of a command's output an error shows.
SHOWN_LINES = 20


class Problem(Exception):
    """Something that the user has to know; the text is one or more sentences for them.

    Args:
        text: the sentences.
        **details: what else the module returns, for the tasks that come after it.
    """

    def __init__(self, text: str, **details: Any) -> None:
        super().__init__(text)
        self.details = details


class CommandFailed(Problem):
    """A command did not end with status 0, or not in time.

    Args:
        arguments: the command.
        status: its exit status; None if it was killed because it took too long.
        output: what it said.
    """

    def __init__(self, arguments: List[str], status: Optional[int], output: str) -> None:
        how = "took too long" if status is None else f"ended with status {status}"
        lines = last_lines(output)
        text = "{} {}{}".format(" ".join(arguments[:2]), how, ":\n" + lines if lines else ".")
        super().__init__(text)
        self.status = status
        self.output = output


def last_lines(text: str, most: int = SHOWN_LINES) -> str:
    """Return the last lines of a text that are not empty."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-most:])


def reason(error: OSError) -> str:
    """Return what the system says of a failure.

    Python 3.6 adds the name of a program that cannot be started, as it would write it itself.
    """
    text = error.strerror or str(error)
    added = f": {error.filename!r}"
    return text[: -len(added)] if text.endswith(added) else text


def describe(error: OSError) -> str:
    """Return what the system says of a failure, in a sentence that names the file."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    what = "the disk is full" if full else reason(error)
    name = error.filename
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    return f"{name}: {what}." if name else f"{what}."


def run_module(module: Any, work: Callable[[], Dict[str, Any]], step: bool = True) -> None:
    """End a module with what its work returns, or with the sentence that the user has to know.

    ``warnings`` of the answer are shown as Ansible shows warnings. A fault of our own is raised,
    so that its traceback is seen.

    Args:
        module: the AnsibleModule.
        work: what it does; returns the module's answer.
        step: it is a step of a deploy where it runs in one: it keeps the deploy's lock, and does
            nothing where another deploy has that by now.
    """
    # Not at the top: what the lock is made of imports this file.
    from ansible_collections.flaskstack.centos.plugins.module_utils import (  # noqa: PLC0415
        _deploy_lock,
    )

    # Whoever ran the module may have any umask (027 and 077 are usual on hardened hosts); what is
    # written here gets the mode that it is meant to have.
    os.umask(0o022)
    try:
        with contextlib.ExitStack() as stack:
            if step:
                stack.enter_context(_deploy_lock.kept())
            answer = work()
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.details)
    except OSError as error:
        module.fail_json(msg=describe(error))
    else:
        for warning in answer.pop("warnings", []):
            module.warn(warning)
        module.exit_json(**answer)
