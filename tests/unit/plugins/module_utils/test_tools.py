"""The tools of a build: their output, what they leave running, what they know."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _tools
from templar import ROOT

ENV = _tools.base_environment("shop", "/nowhere")


def test_output_is_kept_from_the_end() -> None:
    with pytest.raises(_tools.ToolFailed) as caught:
        _tools.run(["sh", "-c", "seq 100000; echo last; exit 3"], ENV)
    assert str(caught.value).endswith("last\n")
    assert len(str(caught.value)) <= _tools.KEEP


def test_failure_without_words_has_its_status() -> None:
    with pytest.raises(_tools.ToolFailed, match="ended with status 3"):
        _tools.run(["sh", "-c", "exit 3"], ENV)


def test_background_does_not_hold_a_command_up(tmp_path: Path) -> None:
    begin = time.monotonic()
    _tools.run(["sh", "-c", "sleep 60 & echo $! > pid"], ENV, str(tmp_path))
    assert time.monotonic() - begin < 10
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("it is still running")


def test_command_without_an_answer() -> None:
    status, output = _tools.finish(_tools.start(["sleep", "60"], ENV), 0.3)
    assert status != 0
    assert "no answer in 0.3 seconds" in output


def test_environment_is_a_list_and_not_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    said = _tools.run(["env"], ENV)
    names = {line.split("=")[0] for line in said.splitlines()}
    assert names <= {"PATH", "LANG", "LC_ALL", "USER", "LOGNAME", "HOME", "PWD", "SHLVL", "_"}
    assert "hunter2" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_rights_are_dropped() -> None:
    account = _tools.account_of("nobody")
    status, said = _tools.finish(_tools.start(["id", "-un"], ENV, "/", account))
    assert (status, said) == (0, "nobody\n")
    assert _tools.account_of("nobody-of-that-name") is None


#: Says what a tool was given that is no ASCII, and the encoding that Python has for file names.
SCRIPT = """
import sys
from ansible_collections.flaskstack.centos.plugins.module_utils import _tools
env = dict(_tools.base_environment("shop", "/"), WORD="p\\u00e4ss")
said = _tools.run(["sh", "-c", 'printf "%s|%s" "$1" "$WORD"', "sh", "\\u53d1\\u5e03"], env)
sys.stdout.write(ascii(said) + " " + sys.getfilesystemencoding())
"""


def test_texts_are_utf_8_without_a_language_too() -> None:
    """A branch or a password that is not ASCII, under Python 3.6 and LANG=C."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "collections")}
    environment |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, encoding = done.stdout.split(" ")
    assert said == ascii("发布|päss")
    assert encoding.lower().replace("-", "") in ("ascii", "usascii", "iso88591")
