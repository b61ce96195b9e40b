"""What uWSGI says of itself, and what is made of anything else that comes out of its socket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_activate, _uwsgi_stats
from app_host import Host

GOOD = {"pid": 1, "workers": [{"pid": 2, "status": "idle", "cores": [{"in_request": 0}]}]}


def test_idle_is_a_core_that_waits() -> None:
    def is_idle(status: str, *cores: int) -> bool:
        workers = [{"status": status, "cores": [{"in_request": n} for n in cores]}]
        return _uwsgi_stats.parse({"workers": workers}).is_idle

    assert is_idle("busy", 1, 0)
    assert not is_idle("busy", 1, 1)
    assert not is_idle("cheap", 0)


def test_what_it_says(tmp_path: Path, talk: Callable[..., None]) -> None:
    talk(tmp_path / "s", json.dumps(GOOD).encode())
    stats = _uwsgi_stats.read(str(tmp_path / "s"))
    assert stats is not None
    assert (stats.pid, [worker.pid for worker in stats.awake]) == (1, [2])


#: What is no answer of uWSGI, for status and metrics as for a drain.
MALFORMED: list[Any] = [
    [],
    3,
    "text",
    None,
    {"workers": {}},
    {"workers": [3]},
    {"workers": [None]},
    {"workers": [{"cores": 3}]},
    {"workers": [{"cores": [1, 2]}]},
    {"workers": [{"cores": [{"in_request": []}]}]},
    {"workers": [{"requests": "many"}]},
    {"workers": [{"requests": -1}]},
    {"workers": [{"requests": 10**400}]},
    {"workers": [{"pid": "../../etc"}]},
    {"workers": [{"tx": 1e308}]},
    {"pid": [], "workers": []},
]


@pytest.mark.parametrize("answer", MALFORMED, ids=lambda answer: json.dumps(answer)[:40])
def test_what_is_no_answer_of_uwsgi_is_none(
    tmp_path: Path, talk: Callable[..., None], answer: Any
) -> None:
    """Fault 7: the malformed answer of one broke status and metrics of all."""
    talk(tmp_path / "s", json.dumps(answer).encode())
    assert _uwsgi_stats.read(str(tmp_path / "s")) is None


@pytest.mark.parametrize("answer", [b"", b"{", b"\xff\xfe", b"[" * 200000, b'{"pid": NaN}'])
def test_what_is_no_json_is_none(tmp_path: Path, talk: Callable[..., None], answer: bytes) -> None:
    talk(tmp_path / "s", answer)
    assert _uwsgi_stats.read(str(tmp_path / "s")) is None


def test_nobody_answers(tmp_path: Path) -> None:
    assert _uwsgi_stats.read(str(tmp_path / "none")) is None


def test_what_drips_has_an_end(tmp_path: Path, talk: Callable[..., None]) -> None:
    """Fault 7: a byte now and then held the engine under its lock without end."""
    talk(tmp_path / "s", b" ", drip=True)
    began = time.monotonic()
    assert _uwsgi_stats.read(str(tmp_path / "s"), 0.3) is None
    assert time.monotonic() - began < 2


def test_what_is_too_much_is_none(
    tmp_path: Path, talk: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_uwsgi_stats, "MOST_BYTES", 1000)
    talk(tmp_path / "s", b" " * 2000 + json.dumps(GOOD).encode())
    assert _uwsgi_stats.read(str(tmp_path / "s")) is None


def test_a_release_that_drips_does_not_hold_up_a_switch(
    host: Host, talk: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_app_activate, "LONGEST_DRAIN", 0.5)
    talk(host.sockets / "shop/a-1/stats.sock", b" ", drip=True)
    began = time.monotonic()
    _app_activate.drain(host.app, "a-1")
    assert time.monotonic() - began < 2


def test_a_drain_ends_when_there_is_room(host: Host, talk: Callable[..., None]) -> None:
    talk(host.sockets / "shop/a-1/stats.sock", json.dumps(GOOD).encode())
    began = time.monotonic()
    _app_activate.drain(host.app, "a-1")
    assert time.monotonic() - began < 2


def test_memory_of_what_has_ended(host: Host) -> None:
    (host.proc / "7").mkdir()
    (host.proc / "7/smaps_rollup").write_text("x\nPss:   10 kB\n")
    assert _uwsgi_stats.memory_of([7, 8]) == 10240
