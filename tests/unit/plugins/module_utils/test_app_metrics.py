"""The program that writes the figures for Prometheus."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_metrics,
    _metrics_timer,
    _uwsgi_stats,
)
from app_host import Host


def write(host: Host, path: Path) -> list[str]:
    """Write the metrics; return their lines."""
    assert _app_metrics.main([str(host.root), str(path)]) == 0
    assert path.stat().st_mode & 0o777 == 0o644
    return path.read_text(encoding="utf-8").splitlines()


def test_metrics(stats: Host, tmp_path: Path) -> None:
    lines = write(stats, tmp_path / "uwsgi.prom")
    for line in (
        'uwsgi_up{app="shop"} 1',
        'uwsgi_release_info{app="shop",release="b-1",version="v\\"1\\""} 1',
        'uwsgi_release_activated_timestamp_seconds{app="shop"} 1767323045',
        'uwsgi_restarts_total{app="shop"} 4',
        'uwsgi_services_down{app="shop"} 1',
        'uwsgi_workers{app="shop",state="busy"} 1',
        'uwsgi_workers{app="shop",state="other"} 0',
        'uwsgi_threads{app="shop"} 4',
        'uwsgi_memory_bytes{app="shop"} 3072000',
        'uwsgi_requests_total{app="shop"} 12',
        'uwsgi_busy_seconds_total{app="shop"} 2',
        "# TYPE uwsgi_requests_total counter",
    ):
        assert line in lines
    # Each metric is described once, before its lines.
    described = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert len(described) == len(set(described)) == len(_app_metrics.METRICS)


def test_what_does_not_answer_has_no_figures(
    stats: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_uwsgi_stats, "read", lambda *_: None)
    text = "\n".join(write(stats, tmp_path / "uwsgi.prom"))
    assert 'uwsgi_up{app="shop"} 0' in text
    assert "requests_total" not in text


def test_one_that_says_nonsense_leaves_the_others_theirs(
    host: Host, talk: Callable[..., None], tmp_path: Path
) -> None:
    """Fault 7: there were no metrics at all."""
    host.make("b-1")
    host.link("current", "b-1")
    host.note({"event": "activated", "release": "b-1", "time": "yesterday"})
    talk(host.sockets / "shop/b-1/stats.sock", json.dumps([1]).encode())
    (host.root / "blog/releases").mkdir(parents=True)
    (host.root / "blog/current").symlink_to("releases/c-1")
    talk(host.sockets / "blog/c-1/stats.sock", json.dumps({"pid": 1, "workers": []}).encode())
    lines = write(host, tmp_path / "uwsgi.prom")
    assert 'uwsgi_up{app="shop"} 0' in lines
    assert 'uwsgi_up{app="blog"} 1' in lines
    assert 'uwsgi_release_activated_timestamp_seconds{app="shop"} 0' in lines


def test_a_systemd_that_does_not_answer(
    stats: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stats.fail("list-units")
    assert _app_metrics.main([str(stats.root), str(tmp_path / "uwsgi.prom")]) == 1
    assert "systemctl list-units" in capsys.readouterr().err
    assert not (tmp_path / "uwsgi.prom").exists()


def test_a_directory_that_is_not_there(
    stats: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _app_metrics.main([str(stats.root), str(tmp_path / "none/uwsgi.prom")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_the_program_is_whole(host: Host, tmp_path: Path) -> None:
    """It runs without the collection, and without what its sandbox does not let it have."""
    host.make("a-1")
    path = tmp_path / "metrics.pyz"
    path.write_bytes(_metrics_timer.program())
    # -P: nothing beside it; an own home: no packages of a user's.
    environment = {"PATH": os.environ["PATH"], "FAKE": os.environ["FAKE"], "HOME": str(tmp_path)}
    text = "import sys, runpy; sys.modules['ctypes'] = None; sys.argv = sys.argv[1:]"
    text += "; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-I", "-c", text, str(path), str(host.root), str(tmp_path / "u.prom")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert 'uwsgi_up{app="shop"} 0' in (tmp_path / "u.prom").read_text()
