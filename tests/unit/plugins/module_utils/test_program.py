"""Make programs: the same wherever they are made, and run by the Python of any host."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils._program import (
    PACKAGE,
    program,
    source_of,
)
from templar import ROOT

UTILS = ROOT / "plugins/module_utils"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a directory to import from: these files, and one with a main() of the test's own."""
    directory = tmp_path / "import" / Path(*PACKAGE.split("."))
    directory.mkdir(parents=True)
    for name in ("_commands", "_errors", "_program"):
        (directory / f"{name}.py").symlink_to(UTILS / f"{name}.py")
    (directory / "_greet.py").write_text(
        f"from {PACKAGE}._commands import run\n"
        "def main(arguments):\n"
        "    print(run(['echo', 'grün'] + arguments).stdout.encode('utf-8'))\n"
        "    return len(arguments)\n",
        encoding="utf-8",
    )
    return tmp_path / "import"


def make(where: Path, out: Path) -> bytes:
    """Make the program of the package in another process that imports it from somewhere."""
    code = (
        f"import sys; from {PACKAGE}._program import program\n"
        "data = program('_greet', ['_greet', '_commands', '_errors'])\n"
        "open(sys.argv[1], 'wb').write(data)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, out],
        env={"PYTHONPATH": str(where), "PATH": os.defpath},
        check=True,
    )
    return out.read_bytes()


def test_program_runs_with_its_arguments_and_ends_with_its_status(
    package: Path, tmp_path: Path
) -> None:
    make(package, tmp_path / "greet.pyz")
    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "greet.pyz", "a", "b"],
        capture_output=True,
        cwd="/",
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout.strip() == repr("grün a b\n".encode()).encode()
    text = (tmp_path / "greet.pyz").read_bytes()
    assert text.startswith(b"#!/usr/bin/env python3\n# Managed by Ansible (flaskstack.centos)")


def test_umask_of_whatever_starts_the_program_does_not_count(package: Path, tmp_path: Path) -> None:
    greet = package.joinpath(*PACKAGE.split("."), "_greet.py")
    greet.write_text("import os\ndef main(arguments):\n    os.mkdir(arguments[0])\n")
    make(package, tmp_path / "greet.pyz")
    command = [sys.executable, "-I", tmp_path / "greet.pyz", tmp_path / "made"]
    subprocess.run(command, check=True, umask=0o077)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o755


def test_program_is_the_same_made_again_and_from_an_archive(package: Path, tmp_path: Path) -> None:
    # Ansible sends a module and what it imports as a zip archive.
    archive = tmp_path / "module.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        directory = Path()
        for part in PACKAGE.split("."):
            directory /= part
            bundle.writestr(str(directory / "__init__.py"), "")
        for path in sorted(package.rglob("*.py")):
            bundle.write(path, str(path.relative_to(package)))
    made = [
        make(package, tmp_path / "a"),
        make(package, tmp_path / "b"),
        make(archive, tmp_path / "c"),
    ]
    assert len(set(made)) == 1


def test_order_of_the_files_does_not_count() -> None:
    names = ["_lock", "_errors"]
    assert program("_lock", names) == program("_lock", names[::-1])


def test_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ImportError, match="_nothing"):
        source_of("_nothing")
    assert source_of("_errors") == (UTILS / "_errors.py").read_text(encoding="utf-8")
