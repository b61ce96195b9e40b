"""What a module says when something goes wrong."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
    describe,
    last_lines,
    run_module,
)


class Ended(Exception):
    """A module has ended, with this answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(str(answer))
        self.answer = answer


class Module:
    """Ends as AnsibleModule does, but is caught."""

    def exit_json(self, **answer: Any) -> NoReturn:
        """End well."""
        raise Ended(answer)

    def fail_json(self, **answer: Any) -> NoReturn:
        """End with a failure."""
        raise Ended(answer | {"failed": True})


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Put the umask back, which is the process's."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def answer_of(error: BaseException | None, **answer: Any) -> dict[str, Any]:
    """Return how a module ends whose work raises an error, or returns an answer."""

    def work() -> dict[str, Any]:
        if error:
            raise error
        return answer

    with pytest.raises(Ended) as ended:
        run_module(Module(), work)
    return ended.value.answer


def test_answer_is_what_the_work_returns() -> None:
    assert answer_of(None, changed=True, release="a") == {"changed": True, "release": "a"}


def test_problem_is_the_message_and_its_details_are_returned() -> None:
    answer = answer_of(Problem("Port 80 is taken.", port=80))
    assert answer == {"failed": True, "msg": "Port 80 is taken.", "port": 80}


def test_failure_of_the_system_is_a_sentence_that_names_the_file() -> None:
    answer = answer_of(PermissionError(errno.EACCES, "Permission denied", "/opt/shop"))
    assert answer == {"failed": True, "msg": "/opt/shop: Permission denied."}


def test_fault_of_our_own_keeps_its_traceback() -> None:
    def work() -> dict[str, Any]:
        raise KeyError("release")

    with pytest.raises(KeyError):
        run_module(Module(), work)


def test_umask_of_whoever_runs_the_module_does_not_count() -> None:
    os.umask(0o077)
    answer_of(None)
    assert os.umask(0o077) == 0o022


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_called_so(number: int) -> None:
    error = OSError(number, os.strerror(number), "/opt/shop/x")
    assert describe(error) == "/opt/shop/x: the disk is full."


def test_failure_without_a_file_or_words_is_described_too() -> None:
    assert describe(OSError(errno.EIO, "Input/output error")) == "Input/output error."
    assert describe(OSError("it broke")) == "it broke."
    assert describe(OSError(errno.ENOENT, "No such file", b"/\xff")) == "/\udcff: No such file."


def test_failed_command_shows_its_last_lines_and_not_its_arguments() -> None:
    said = "".join(f"line {number}\n\n" for number in range(50))
    text = str(CommandFailed(["git", "fetch", "https://user:secret@example.com"], 128, said))
    assert text.startswith("git fetch ended with status 128:\n")
    assert text.endswith("line 49")
    assert len(text.splitlines()) == 21
    assert "secret" not in text


def test_command_that_said_nothing_ends_with_a_full_stop() -> None:
    assert str(CommandFailed(["systemctl", "stop"], None, "")) == "systemctl stop took too long."


def test_last_lines_are_those_that_are_not_empty() -> None:
    assert last_lines("a \n\n b\n\n\nc\n", 2) == " b\nc"
    assert last_lines("") == ""


def test_python_3_6_adds_the_name_of_a_program_that_cannot_be_started() -> None:
    error = OSError(errno.ENOENT, "No such file or directory: b'nginx'", b"nginx")
    assert describe(error) == "nginx: No such file or directory."
