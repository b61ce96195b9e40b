"""What repositories offer, as dnf 4 says it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _commands, _dnf

#: Of a release 8, with a stream that somebody enabled, and one that two repositories have.
STREAMS = """\
Rocky Linux 8 - AppStream
Name  Stream     Profiles   Summary
nginx 1.14 [d]   common [d] nginx webserver
nginx 1.20       common [d] nginx webserver
nginx 1.22 [e]   common [d] nginx webserver
nginx mainline   common     nginx webserver

Extras
Name  Stream     Profiles   Summary
nginx 1.22 [x]   common [d] nginx webserver
nginx-more 9     common     something else

Hint: [d]efault, [e]nabled, [x]disabled, [i]nstalled
"""


@pytest.fixture
def dnf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that a dnf of ours writes its arguments to; its words are in ``said``."""
    monkeypatch.setattr(_commands, "SBIN", "/usr/bin:/bin")
    monkeypatch.setenv("PATH", str(tmp_path))
    told = tmp_path / "told"
    program = tmp_path / "dnf"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {told}\ncat {tmp_path}/said\n'
        f"if [ -e {tmp_path}/error ]; then cat {tmp_path}/error >&2; exit 1; fi\n"
    )
    program.chmod(0o755)
    (tmp_path / "said").write_text("")
    return told


def test_packages_that_can_be_installed(dnf: Path) -> None:
    dnf.with_name("said").write_text("python3.12\n\npython3.11\n\npython3.12\n\n")
    assert _dnf.info(["python3.12", "python3.??"], []) == {
        "changed": False,
        "failed_because": "",
        "offered": ["python3.11", "python3.12"],
        "streams": {},
    }
    words = shlex.split(dnf.read_text())
    assert words[:3] == ["--quiet", "repoquery", "--available"]
    assert words[-2:] == ["python3.12", "python3.??"]


def test_nothing_is_asked_for_nothing(dnf: Path) -> None:
    assert _dnf.info([], [])["offered"] == []
    assert not dnf.exists()


def test_streams_of_a_module(dnf: Path) -> None:
    dnf.with_name("said").write_text(STREAMS)
    found = _dnf.info([], ["nginx"])["streams"]["nginx"]
    assert [one["stream"] for one in found] == ["1.14", "1.20", "1.22", "mainline"]
    assert [one["stream"] for one in found if one["default"]] == ["1.14"]
    assert [one["stream"] for one in found if one["enabled"]] == ["1.22"]
    assert [one["stream"] for one in found if one["disabled"]] == ["1.22"]


def test_no_such_module(dnf: Path) -> None:
    dnf.with_name("error").write_text("Error: No matching Modules to list\n")
    assert _dnf.info([], ["nginx"])["streams"] == {"nginx": []}
    assert _dnf.info([], ["nginx"])["failed_because"] == ""


def test_dnf_that_cannot_tell_says_why(dnf: Path) -> None:
    dnf.with_name("error").write_text(
        "Errors during downloading metadata for repository 'appstream':\n"
        "  - Curl error (6) for https://user:word@repo.example/appstream [Could not resolve host]\n"
        "Error: Failed to download metadata for repo 'appstream'\n"
    )
    found = _dnf.info(["python3.12"], ["nginx"])
    assert (found["offered"], found["streams"]) == ([], {})
    assert "Failed to download metadata" in found["failed_because"]
    assert "word" not in found["failed_because"]


def test_host_without_dnf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_commands, "SBIN", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no dnf" in _dnf.info(["python3.12"], [])["failed_because"]
