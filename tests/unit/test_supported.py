"""The tables of what is supported: made of results, and of nothing else."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from templar import ROOT


@pytest.fixture
def supported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load tools/supported.py, with results of its own."""
    spec = importlib.util.spec_from_file_location("supported", ROOT / "tools/supported.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "supported.json")
    return module


def result(what: str, outcome: str = "passed", **more: str) -> dict[str, str]:
    """Give a result in the order of its keys."""
    keys = {"what": what, "core": "2.16", "on": "", "python": "3.11", "commit": "abc"}
    return keys | {"outcome": outcome} | more


def rows(lines: list[str]) -> dict[str, list[str]]:
    """Give the cells of each row by its first."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_every_core_of_the_lock_has_a_row(supported: ModuleType) -> None:
    table = rows(supported.table_of_cores([], supported.TEXTS["README.md"]))
    assert table["2.16"] == ["3.11 to 3.12", "8 to 10", "–", "–", "–"]
    assert table["2.21"] == ["3.12 to 3.14", "9 to 10", "–", "–", "–"]


def test_what_failed_is_said(supported: ModuleType) -> None:
    results = [
        result("unit", "failed"),
        result("default", on="standin10"),
        result("default", "failed", on="standin9"),
        result("vm", core="2.21", on="vm-stream9"),
        result("hosts", core="", python="3.6"),
    ]
    texts = supported.TEXTS["README.md"]
    assert rows(supported.table_of_cores(results, texts))["2.16"][2:] == [
        "**failed** (Python 3.11)",
        "–",
        "stand-in of 9 **failed**, stand-in of 10",
    ]
    releases = rows(supported.table_of_releases(results, texts))
    assert releases["release 10"][1] == "stand-in of 10: scenario `default` with ansible-core 2.16"
    assert releases["release 9"][1] == (
        "stand-in of 9: scenario `default` with ansible-core 2.16 **failed**"
        "<br>virtual machine, CentOS Stream 9: scenario `vm` with ansible-core 2.21"
    )
    assert releases["release 8"][1] == "nothing yet"
    assert releases["their own Python"][1].endswith(": 3.6")


def test_the_latest_result_counts(supported: ModuleType) -> None:
    for one in (
        result("unit"),
        result("unit", "failed"),
        result("default", on="standin9"),
        result("default", on="standin10"),
        result("hosts", core="", python="3.6"),
        result("hosts", core="", python="3.9"),
    ):
        supported.record(one)
    assert [(one["what"], one["outcome"]) for one in supported.read()] == [
        ("unit", "failed"),
        ("hosts", "passed"),
        ("hosts", "passed"),
        ("default", "passed"),
        ("default", "passed"),
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"outcome": "fine"}, "is no result"),
        ({"core": "2.17"}, "there is no environment of ansible-core 2.17"),
        ({"when": "today"}, "is no result"),
    ],
)
def test_what_nobody_wrote_is_refused(
    supported: ModuleType, change: dict[str, Any], says: str
) -> None:
    supported.RESULTS.write_text(json.dumps([result("unit") | change]))
    with pytest.raises(ValueError, match=says):
        supported.read()
