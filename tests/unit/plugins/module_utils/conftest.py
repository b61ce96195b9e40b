"""Hosts for the tests of what works on them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from threading import Thread
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _uwsgi_stats
from app_host import Host, activated


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Give a host with the application shop, without a release."""
    return Host(tmp_path, monkeypatch)


@pytest.fixture
def serve(host: Host) -> Iterator[Callable[..., list[str]]]:
    """Answer health checks of a release with a status; systemd says that it has just started.

    The function returns the list of paths that were asked for, as they came.
    """
    servers = []

    def begin(release: str, status: int, show: str = "") -> list[str]:
        asked: list[str] = []

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(status)
                self.end_headers()

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *_: Any) -> None:
                pass

        path = host.sockets / "shop" / release
        path.mkdir(parents=True)
        server = ThreadingUnixStreamServer(str(path / "http.sock"), Answer)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        ready = int(float(Path("/proc/uptime").read_text().split()[0]) * 1e6)
        host.show(f"ActiveEnterTimestampMonotonic={ready}\n{show}")
        return asked

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


#: What uWSGI says of two workers at work and one that is put to sleep.
STATS = {
    "pid": 10,
    "workers": [
        {
            "pid": 11,
            "status": "busy",
            "requests": 5,
            "exceptions": 1,
            "harakiri_count": 2,
            "respawn_count": 3,
            "tx": 100,
            "running_time": 1500000,
            "cores": [{"in_request": 1}, {"in_request": 0}],
        },
        {
            "pid": 12,
            "status": "idle",
            "requests": 7,
            "exceptions": 0,
            "harakiri_count": 0,
            "respawn_count": 1,
            "tx": 20,
            "running_time": 500000,
            "cores": [{"in_request": 0}, {"in_request": 0}],
        },
        # One that cheaper has put to sleep.
        {"pid": 0, "status": "cheap", "requests": 0, "cores": [{"in_request": 0}]},
    ],
}


@pytest.fixture
def stats(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Give a host whose uWSGI tells figures, with a process table."""
    host.make("b-1", version='v"1"', services=["mail"], timers=["clean"])
    host.link("current", "b-1")
    host.note(activated("b-1"))
    text = host.history.read_text()
    host.history.write_text(text.replace('"2026-01-01"', '"2026-01-02T03:04:05Z"'))
    host.units("uwsgi-shop@b-1.service active", "uwsgi-shop.mail@b-1.service active")
    host.show("NRestarts=4\nActiveState=active\n")
    monkeypatch.setattr(_uwsgi_stats, "read", lambda *_: _uwsgi_stats.parse(STATS))
    for pid in (10, 11, 12):
        (host.proc / str(pid)).mkdir()
        (host.proc / f"{pid}/smaps_rollup").write_text("x\nRss: 9 kB\nPss:   1000 kB\n")
    return host


@pytest.fixture
def talk() -> Iterator[Callable[..., None]]:
    """Say something on a unix socket, at once or byte by byte, to whoever connects."""
    servers: list[socket.socket] = []

    def begin(path: Path, answer: bytes, drip: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen()
        servers.append(server)

        def say() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        while drip:
                            connection.sendall(answer)
                            time.sleep(0.05)
                        connection.sendall(answer)

        Thread(target=say, daemon=True).start()

    yield begin
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
