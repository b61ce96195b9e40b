"""Run commands: what is raised, what is read, and that none is waited for without end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _commands
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import CommandFailed
from templar import ROOT


def sh(script: str, *arguments: str) -> list[str]:
    """Return a command that runs a shell script."""
    return ["/bin/sh", "-c", script, "sh", *arguments]


def test_answer_has_status_and_both_outputs() -> None:
    said = run(sh("echo out; echo err >&2; exit 3"), check=False)
    assert (said.status, said.stdout, said.stderr) == (3, "out\n", "err\n")


def test_status_other_than_0_raises_with_the_commands_words() -> None:
    with pytest.raises(CommandFailed, match="ended with status 3:\nno such unit") as failed:
        run(sh("echo something; echo no such unit >&2; exit 3"))
    assert failed.value.status == 3
    with pytest.raises(CommandFailed, match="something"):
        run(sh("echo something; exit 1"))


def test_program_that_is_not_there_says_so() -> None:
    with pytest.raises(FileNotFoundError):
        run(["flaskstack-no-such-program"])


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    said = run(sh(r"printf 'gr\303\274n \374\n'; printf '\377' >&2"))
    assert (said.stdout, said.stderr) == ("grün \ufffd\n", "\ufffd")
    with pytest.raises(CommandFailed, match="\ufffd"):
        run(sh(r"printf '\374' >&2; exit 1"))


def test_language_of_the_caller_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.setenv("KEPT", "1")
    said = run(sh("echo $LC_ALL $KEPT $GIVEN"), env={"GIVEN": "2"})
    assert said.stdout == "C 1 2\n"


def test_programs_of_root_are_found_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert run(sh("echo $PATH")).stdout.startswith("/usr/local/sbin:")
    monkeypatch.setenv("PATH", "/mine")
    assert run(sh("echo $PATH")).stdout.startswith("/mine:/usr/local/sbin:")


def test_input_and_directory_are_handed_over(tmp_path: Path) -> None:
    assert run(["/bin/cat"], stdin="grün").stdout == "grün"
    assert run(["/bin/cat"]).stdout == ""
    assert run(["/bin/pwd"], cwd=str(tmp_path)).stdout == f"{tmp_path}\n"


def test_command_that_takes_too_long_is_killed_and_what_it_said_is_told() -> None:
    started = time.monotonic()
    with pytest.raises(CommandFailed, match="took too long:\nworking") as failed:
        run(sh("echo working; exec sleep 60"), timeout=0.3)
    assert failed.value.status is None
    assert time.monotonic() - started < 5


def test_what_the_command_started_is_killed_with_it(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(CommandFailed, match="took too long"):
        run(sh("sleep 60 & echo $! > $1; sleep 60", str(tmp_path / "pid")), timeout=0.3)
    assert time.monotonic() - started < 5
    child = (tmp_path / "pid").read_text().strip()
    # Gone, or a zombie that nobody has waited for yet; the kernel takes a moment to deliver.
    while is_alive(child) and time.monotonic() - started < 10:
        time.sleep(0.02)
    assert not is_alive(child)


def is_alive(pid: str) -> bool:
    """Tell whether a process runs, or could."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_left_the_command_and_holds_its_output_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_commands, "GRACE", 0.3)
    started = time.monotonic()
    with pytest.raises(CommandFailed, match="took too long"):
        run(sh("setsid sleep 8 & sleep 60"), timeout=0.3)
    assert time.monotonic() - started < 5


#: Prints what a command says that is given texts which are not ASCII, and which prints some.
SCRIPT = """
import os, sys
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
said = run(
    ["/bin/sh", "-c", 'printf "%s|%s|" "$1" "$GIVEN"; cat; printf "\\\\374"', "sh", "gr\\u00fcn"],
    env={"GIVEN": "\\u5e97"}, stdin="\\u00e9", cwd=sys.argv[1].encode().decode("unicode-escape"),
)
sys.stdout.write(ascii(said.stdout) + " " + sys.getfilesystemencoding())
"""


def test_texts_are_utf_8_without_a_language_too(tmp_path: Path) -> None:
    # As under Python 3.6 and LANG=C, where what the system is told would have to be ASCII.
    directory = tmp_path / "grün"
    directory.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "collections"),
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        # No name that Python would have to decode.
        "OTHER": "\udcfc",
    }
    escaped = str(directory).encode("unicode-escape").decode()
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", SCRIPT, escaped],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, encoding = done.stdout.split(" ")
    assert said == ascii("grün|店|é\ufffd")
    assert encoding.lower().replace("-", "") in ("ascii", "usascii", "iso88591")
