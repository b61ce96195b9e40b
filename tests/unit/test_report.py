"""What the benchmarks compare, and the tables of what they have measured."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parents[2] / "benchmarks/report.py"


@pytest.fixture(scope="module")
def report() -> ModuleType:
    """Load the program as a module."""
    spec = importlib.util.spec_from_file_location("report", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_columns_are_as_wide_as_their_widest_entry(report: ModuleType) -> None:
    assert report.table([["a", "long"], ["longer", "b"]]) == "a       long\nlonger  b"


def test_the_usual_sizes_follow_the_cores_and_end_with_the_base(report: ModuleType) -> None:
    found = report.candidates(8)
    assert found["candidates"][0] == "8x1"
    assert found["candidates"][-1] == "4x2"
    apps, sites = found["apps"], found["sites"]
    assert [app["name"] for app in apps] == [f"bench-{size}" for size in found["candidates"]]
    assert apps[2] | {"name": ""} == {
        "name": "",
        "module": "sizes:app",
        "processes": 16,
        "threads": 1,
        "health": {"path": "/plain"},
    }
    assert sites[-1]["uwsgi"] == {"servers": ["unix:/opt/bench-4x2/current/uwsgi.sock"]}


def test_a_size_is_compared_once(report: ModuleType) -> None:
    assert report.candidates(2, "4x2, 8x1,8x1")["candidates"] == ["4x2", "8x1"]


@pytest.mark.parametrize("named", ["0x3", "4", "4x", "axb", "4x2,x"])
def test_what_is_no_size_is_named(
    report: ModuleType, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main(["candidates", "2", named]) == 1
    assert "write processes and threads as 4x8" in capsys.readouterr().err


def test_the_tables_of_sizes_name_the_repeated_base(
    report: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = {"per_second": 1234.5, "per_second_to_base": {"median": 1.5}, "failed": 1}
    about = {
        "endpoints": {"io": endpoint | {"p50_ms": 50.2, "p99_ms": 99.8}},
        "memory": {"all_pss": 3 << 20, "master_pss": 1 << 20, "worker_pss": 2 << 20},
    }
    bench = {
        "alone_ms": {"io": 50.0},
        "base": "4x2",
        "cores": 2,
        "connections": 64,
        "requests": 1000,
        "processors_of_others": {"median": 0.5, "most": 1.0},
        "bytes_per_worker": {"16": 5000.0},
        "bytes_per_thread": {"4": 60.0},
        "sizes": {"4x2": about, "again": about},
    }
    path = tmp_path / "sizes.json"
    path.write_text(json.dumps(bench), encoding="utf-8")
    assert report.main(["sizes", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "4x2 again                  1,234 (1.50)  3.0       1" in lines
    assert "one request alone  50.0" in lines
    label = "a worker with 16 threads, bytes"
    text = "4x2, Pss, MiB".ljust(len(label)) + "  master 1.0, a worker 2.0, all 3.0"
    assert text in lines


def test_the_default_is_always_among_the_values(report: ModuleType) -> None:
    found = report.values("0, 8192,0")
    assert found["values"] == [0, 8192, 65536]
    assert [app["post_buffering"] for app in found["apps"]] == [0, 8192, 65536]
    assert [site["name"] for site in found["sites"]] == [
        "bench-body-0",
        "bench-body-8192",
        "bench-body-65536",
        "bench-buffers",
    ]
    assert found["sites"][-1]["uwsgi"] == found["sites"][-2]["uwsgi"]


@pytest.mark.parametrize("named", ["64k", "-1", "0,", "²"])
def test_what_is_no_value_is_named(
    report: ModuleType, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main(["values", named]) == 1
    assert "values: write bytes" in capsys.readouterr().err


def test_the_tables_of_bodies_say_how_many_answers_were_lost(
    report: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = {"median": 1500.0, "least": 1000.0, "most": 2000.0}
    one = {"per_second": figure, "p50_ms": figure, "milliseconds_of_application": figure}
    upload = one | {
        "disk": {"uwsgi": 0, "nginx": 200_000_000},
        "most_memory": {"uwsgi": 3 << 20, "nginx": 2 << 20},
    }
    lost = one | {"bad_gateway": [10, 30], "requests": [100, 100]}
    bodies = {"70 kB": one, "upload": upload, "unread": lost}
    memory = {"started": 1 << 20, "after_bodies": 2 << 20}
    arm = {"lines": 16, "microseconds_of_nginx": figure}
    bench = {
        "nginx": "1.22.1",
        "cores": 2,
        "clients": 8,
        "megabytes": 200,
        "seconds_in_all": 200.4,
        "requests": 1000,
        "failed": 1,
        "processors_of_others": figure,
        "values": {
            "0": {"bodies": bodies, "memory": memory},
            "65536": {
                "bodies": bodies | {"unread": lost | {"bad_gateway": [0, 0]}},
                "memory": memory,
            },
        },
        "connections": {"kept": 2000, "waiting": 200},
        "bytes_per_connection": dict.fromkeys(
            ("nginx", "role"), {"kept": figure, "waiting": figure}
        ),
        "parameters": {"nginx": arm, "role": arm},
    }
    path = tmp_path / "bodies.json"
    path.write_text(json.dumps(bench), encoding="utf-8")
    assert report.main(["bodies", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {name: rest for name, *rest in (re.split(" {2,}", line.strip()) for line in lines)}
    assert rows["70 kB that nobody reads: 502"] == ["40 of 200 (10 to 30 %)", "0 of 200"]
    assert rows["disk meanwhile, nginx, MB"] == ["200", "200"]
    assert rows["200 MB: s"] == ["1.50 (1.00 to 2.00)"] * 2
    assert rows["2,000 kept, asked once"] == ["1.46 (0.98 to 1.95)"] * 2
