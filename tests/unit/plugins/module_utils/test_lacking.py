"""What a host lacks, by what tools say."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _lacking
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import Result


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        ("error: [Errno 2] No such file or directory: 'x86_64-redhat-linux-gnu-gcc'", ["c"]),
        ("error: command 'gcc' failed: No such file or directory", ["c"]),
        ("error: [Errno 2] No such file or directory: 'g++'", ["c++"]),
        ("fatal error: Python.h: No such file or directory", ["headers"]),
        ("cause: Git executable not found. Ensure that Git is installed", ["git"]),
        ("/bin/sh: line 1: make: command not found", ["make"]),
        ("error: linker `cc` not found", ["c"]),
        ("error: no such package: gcc-tools", []),
        ("error: command '/usr/bin/gcc' failed with exit code 1", []),
    ],
)
def test_tools(said: str, kinds: list[str]) -> None:
    assert _lacking.tools(said) == kinds


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("Error: pg_config executable not found.", "packages: [libpq-devel]"),
        ("Exception: Can not find valid pkg-config name.", "mariadb-connector-c-devel"),
        ("fatal error: ffi.h: No such file or directory", "libffi-devel"),
        ("fatal error: magick/api.h: No such file", "dnf provides '*/magick/api.h'"),
        ("SystemExit: error: can't find Rust compiler", "packages: [rust, cargo]"),
        ("/bin/sh: line 1: npm: command not found", "packages: [nodejs, npm]"),
        ("error: invalid syntax", ""),
    ],
)
def test_libraries(said: str, part: str) -> None:
    found = _lacking.libraries(said)
    assert part in found
    assert bool(found) is bool(part)


def test_packages_are_those_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    # The platform's own interpreter is packaged without its version.
    monkeypatch.setattr(_lacking, "run", lambda *_: Result(0, "python3\n", ""))
    assert _lacking.packages_of(["c++"], "3.9") == ["gcc", "gcc-c++", "python3-devel"]
    assert _lacking.packages_of(["git", "; rm -rf /", "evil"], "3.9") == ["git-core"]


def test_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(command: list[str], **_: Any) -> Result:
        asked.append(command)
        return Result(1, "no package provides b\nmake-4.3-1.el9\n", "")

    monkeypatch.setattr(_lacking, "run", run)
    assert _lacking.absent(["make", "b", "b"]) == ["b"]
    assert asked == [["rpm", "--query", "--whatprovides", "b", "make"]]
    assert _lacking.absent([]) == []


def test_variable() -> None:
    said = "Traceback (most recent call last):\n  File x\nKeyError: 'SECRET_KEY'"
    assert "name it in build_secret_env" in _lacking.variable(said)
    assert "write SECRET_KEY there" in _lacking.variable(said)
    # Not of an environment.
    assert _lacking.variable("KeyError: 'price'") == ""
