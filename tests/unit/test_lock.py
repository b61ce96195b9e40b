"""The lock of deploys: the notes on a host, and whose process is behind one."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from templar import ROOT


def script(name: str) -> ModuleType:
    """Load one of the playbooks' scripts."""
    path = ROOT / "playbooks/files" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = script("lock")
    monkeypatch.setattr(module, "DIRECTORY", str(tmp_path))
    return module


def owner(token: str) -> dict[str, Any]:
    return {"token": token, "by": f"{token}@here", "controller": "here", "pid": 1, "started": "x"}


def test_the_second_is_told_of_the_first(lock: ModuleType) -> None:
    assert lock.take(["shop"], owner("a"), 60, []) == []
    (holder,) = lock.take(["shop"], owner("b"), 60, [])
    assert (holder["name"], holder["by"]) == ("shop", "a@here")
    assert holder["until"] - holder["since"] == pytest.approx(60, abs=1)


def test_whoever_has_it_may_take_it_again(lock: ModuleType) -> None:
    assert lock.take(["shop"], owner("a"), 60, []) == []
    assert lock.take(["shop"], owner("a"), 60, []) == []


def test_all_or_none(lock: ModuleType) -> None:
    lock.take(["shop"], owner("a"), 60, [])
    (holder,) = lock.take(["admin", "shop"], owner("b"), 60, [])
    assert holder["name"] == "shop"
    assert lock.take(["admin"], owner("c"), 60, []) == []


def test_it_ends_with_its_lease(lock: ModuleType) -> None:
    lock.take(["shop"], owner("a"), -1, [])
    assert lock.take(["shop"], owner("b"), 60, []) == []


def test_the_dead_have_none(lock: ModuleType) -> None:
    lock.take(["shop"], owner("a"), 60, [])
    assert lock.take(["shop"], owner("b"), 60, ["a"]) == []


def test_only_the_owner_gives_it_back(lock: ModuleType) -> None:
    lock.take(["shop"], owner("a"), 60, [])
    lock.give_back(["shop"], owner("b"))
    assert lock.take(["shop"], owner("b"), 60, [])
    lock.give_back(["shop", "never-taken"], owner("a"))
    assert lock.take(["shop"], owner("b"), 60, []) == []


def test_a_note_that_cannot_be_read_is_none(lock: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "flaskstack-shop.json").write_text('{"tok')
    assert lock.take(["shop"], owner("a"), 60, []) == []


def test_who_deploys() -> None:
    command = [sys.executable, str(ROOT / "playbooks/files/owner.py")]
    one, other = (json.loads(subprocess.check_output(command)) for _ in range(2))
    assert one["by"].endswith(f"@{platform.node()}")
    assert one["token"] != other["token"]


def test_a_process_is_dead_when_it_ended_or_another_has_its_number() -> None:
    module = script("owner")
    _, started, _ = module.processes()[os.getpid()]
    note = {"token": "t", "controller": platform.node(), "pid": os.getpid(), "started": started}
    assert module.dead([note]) == []
    assert module.dead([note | {"started": "Thu Jan 1 00:00:00 1970"}]) == ["t"]
    assert module.dead([note | {"pid": 2**22 + 1}]) == ["t"]
    # Of others nothing can be said.
    assert module.dead([note | {"pid": 2**22 + 1, "controller": "elsewhere"}]) == []
    assert module.dead([note | {"pid": 0}]) == []


def test_the_nearest_run_of_ansible_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    module = script("owner")
    table = {
        10: (1, "t10", "python ansible-playbook outer.yml"),
        11: (10, "t11", "python ansible-playbook outer.yml"),
        20: (11, "t20", "sh -c ansible-playbook inner.yml"),
        30: (20, "t30", "python ansible-playbook inner.yml"),
        31: (30, "t31", "python ansible-playbook inner.yml"),
        40: (31, "t40", "sh -c owner.py"),
    }
    monkeypatch.setattr(module, "processes", lambda: table)
    monkeypatch.setattr(module.os, "getppid", lambda: 40)
    assert module.playbook() == (30, "t30")
    monkeypatch.setattr(module.os, "getppid", lambda: 11)
    assert module.playbook() == (10, "t10")
    monkeypatch.setattr(module.os, "getppid", lambda: 1)
    assert module.playbook() == (0, "")
