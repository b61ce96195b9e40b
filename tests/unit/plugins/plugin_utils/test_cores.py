"""What is said of a host whose Python an ansible-core cannot use."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import cores

ROCKY = 'NAME="Rocky Linux"\nVERSION="8.10 (Green Obsidian)"\nID="rocky"\nVERSION_ID="8.10"\n'
CENTOS_7 = 'NAME="CentOS Linux"\nVERSION="7 (Core)"\nID="centos"\nVERSION_ID="7"\n'
STREAM = 'NAME="CentOS Stream"\nVERSION="9"\nID="centos"\nVERSION_ID="9"\n'

#: As 2.19 and 2.18 say it of a module on Python 3.6.
NEW = {
    "msg": "Module result deserialization failed: No start of json char found",
    "module_stderr": '  File "/root/.ansible/tmp/AnsiballZ_host_info.py", line 3\n'
    "    from __future__ import annotations\n    ^\n"
    "SyntaxError: future feature annotations is not defined\n",
    "module_stdout": "",
    "rc": 1,
}
#: Where discovery has found none: release 8 has no /usr/bin/python3 from the start.
NONE = {
    "msg": "The module interpreter '/usr/bin/python3' was not found.",
    "module_stderr": "/bin/sh: /usr/bin/python3: No such file or directory\n",
    "rc": 127,
}
OTHER = {"msg": "Missing sudo password", "module_stderr": ""}


@pytest.mark.parametrize("result", [NEW, NONE])
def test_release_8_is_said(result: dict[str, Any]) -> None:
    said = cores.failure(result, ROCKY, "2.19.4")
    assert "ansible-core 2.19.4 cannot" in said
    assert "2.16, no other" in said
    assert "SyntaxError" not in said


@pytest.mark.parametrize(
    ("result", "about", "core"),
    [
        (OTHER, ROCKY, "2.19.4"),
        # One that can manage it has another trouble.
        (NEW, ROCKY, "2.16.14"),
        (NONE, STREAM, "2.19.4"),
        (NONE, "", "2.19.4"),
    ],
)
def test_any_other_failure_keeps_its_words(result: dict[str, Any], about: str, core: str) -> None:
    said = cores.failure(result, about, core)
    assert said.startswith(result["msg"])
    assert result["module_stderr"].strip() in said


def test_what_is_no_release_that_the_roles_know_is_named() -> None:
    assert "CentOS Linux 7" in cores.failure(NEW, CENTOS_7, "2.19.4")


@pytest.mark.parametrize(
    ("core", "new"), [("2.16.3", False), ("2.17.0", True), ("2.21.0b1", True), ("3.0", True)]
)
def test_cores(core: str, new: bool) -> None:
    assert bool(cores.too_new(core)) is new
