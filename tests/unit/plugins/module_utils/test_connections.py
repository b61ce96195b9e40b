"""Who is connected, as the kernel tells it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_prove, _connections
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._connections import (
    address_of,
    count,
    wait,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"


def tell(directory: Path, monkeypatch: pytest.MonkeyPatch, *lines: str, six: str = "") -> None:
    """Let the kernel have some connections, as "local remote state"."""
    monkeypatch.setattr(_connections, "PROC", str(directory))
    text = HEAD + "".join(f"   {n}: {line} 00000000:00000000\n" for n, line in enumerate(lines))
    (directory / "tcp").write_text(text)
    if six:
        (directory / "tcp6").write_text(f"{HEAD}   0: {six} 00000000:00000000\n")


def test_addresses() -> None:
    assert address_of("0100007F") == "127.0.0.1"
    assert address_of("1500590A") == "10.89.0.21"
    assert address_of("B80D01200000000000000000" + "07000000") == "2001:db8::7"
    # An IPv4 client of a socket that listens for both.
    assert address_of("0000000000000000FFFF0000" + "1500590A") == "10.89.0.21"


def test_those_that_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(
        tmp_path,
        monkeypatch,
        "1600590A:1F90 1500590A:C001 01",  # 8080, of the load balancer: counts
        "1600590A:1F90 1500590A:C002 08",  # it has closed its side, and is answered: counts
        "1600590A:1F90 1500590A:C003 06",  # TIME_WAIT: over
        "1600590A:0016 1500590A:C004 01",  # ssh
        "1600590A:1F90 6300590A:C005 01",  # of somebody else
        "00000000:1F90 00000000:0000 0A",  # nginx itself, listening
        six="0000000000000000FFFF00001600590A:1F90 0000000000000000FFFF00001500590A:C006 01",
    )
    assert count([8080], ["10.89.0.21", "10.89.0.20"]) == {"10.89.0.21": 3}
    assert count([8443], ["10.89.0.21"]) == {}


def test_a_host_without_ipv6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(tmp_path, monkeypatch)
    assert wait([8080], ["10.89.0.21"], 0, "") == {"changed": False, "left": 0, "peers": []}


def test_it_waits_for_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_app_prove, "PATIENCE", 0.2)
    tell(tmp_path, monkeypatch, "1600590A:1F90 1500590A:C001 01")
    with pytest.raises(Pending, match=r"connections are left: 1 of 10\.89\.0\.21") as pending:
        wait([8080], ["10.89.0.21"], 60, "")
    with pytest.raises(Pending) as again:
        wait([8080], ["10.89.0.21"], 60, pending.value.job)
    # From when the first call began.
    assert again.value.job == pending.value.job
    tell(tmp_path, monkeypatch)
    assert wait([8080], ["10.89.0.21"], 60, pending.value.job)["left"] == 0


def test_it_ends_when_the_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(tmp_path, monkeypatch, "1600590A:1F90 1500590A:C001 01")
    peers = [{"address": "10.89.0.21", "connections": 1}]
    # The second began to wait long ago.
    for timeout, job in ((0, ""), (60, "1.0")):
        answer = wait([8080], ["10.89.0.21"], timeout, job)
        assert answer == {"changed": False, "left": 1, "peers": peers}


def test_no_address() -> None:
    with pytest.raises(Problem, match="peers: 'lb1' does not appear to be an IPv4 or IPv6"):
        wait([8080], ["lb1"], 0, "")


def test_it_is_what_this_kernel_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            assert count([port], ["127.0.0.1"])["127.0.0.1"] >= 1
