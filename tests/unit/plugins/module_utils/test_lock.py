"""One process at a time: who waits, who is told, and what a killed holder leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._lock import locked
from templar import ROOT

#: Takes a lock, says so, and starts a program that lives on.
HOLDER = """
import subprocess, sys, time
from ansible_collections.flaskstack.centos.plugins.module_utils._lock import locked
with locked("shop", "taken", 0, sys.argv[1]):
    subprocess.Popen(["sleep", "3"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_one_is_told_after_its_patience_and_not_before(tmp_path: Path) -> None:
    with locked("shop", "taken", directory=str(tmp_path)):
        started = time.monotonic()
        with (
            pytest.raises(Problem, match="^taken$"),
            locked("shop", "taken", 0.25, str(tmp_path)),
        ):
            pass
        assert 0.25 <= time.monotonic() - started < 3


def test_lock_ends_with_its_block_and_is_of_its_name_alone(tmp_path: Path) -> None:
    directory = str(tmp_path / "run/lock")
    with locked("shop", "taken", 0, directory), locked("links", "taken", 0, directory):
        pass
    with pytest.raises(ValueError, match="broken"), locked("shop", "taken", 0, directory):
        raise ValueError("broken")
    with locked("shop", "taken", 0, directory):
        assert os.stat(tmp_path / "run/lock/shop.lock").st_mode & 0o777 == 0o600


def test_killed_holder_holds_nothing_and_neither_does_what_it_started(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT / "collections")},
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Problem), locked("shop", "taken", 0, str(tmp_path)):
            pass
        holder.send_signal(signal.SIGKILL)
    with locked("shop", "taken", 0, str(tmp_path)):
        pass


def test_waiting_one_gets_it_when_it_is_free(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER.replace("sleep(60)", "sleep(0.3)"), tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT / "collections")},
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with locked("shop", "taken", 10, str(tmp_path)):
            pass


def test_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "shop.lock").symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(OSError, match="symbolic links"),
        locked("shop", "taken", 0, str(tmp_path)),
    ):
        pass
    assert not (tmp_path / "elsewhere").exists()
