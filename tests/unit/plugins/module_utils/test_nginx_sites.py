"""The sites of a host: what their certificates say, and what nginx serves of them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _nginx_sites
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_sites import (
    asked_name,
    list_sites,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER
from ansible_collections.flaskstack.centos.plugins.module_utils._self_signed import self_sign
from ansible_collections.flaskstack.centos.plugins.module_utils._sockets import (
    NoAnswer,
    get,
    served_certificate,
)
from nginx_host import DAY, Host

WANTED = {"certificate": "tls/s.crt", "key": "tls/s.key", "names": ["s.example"], "days": 10}
UNKNOWN = {"served_expires": None, "served_matches": None, "owner": ""}


def test_status(nginx: Host) -> None:
    self_sign(nginx.tree, [WANTED])
    for name, line in (
        ("safe", "    ssl_certificate_key tls/s.key;\n  ssl_certificate 'tls/s.crt' ;"),
        ("broken", "ssl_certificate tls/none.crt;"),
        ("plain", "# ssl_certificate tls/s.crt;"),
    ):
        nginx.put(f"conf.d/{name}.conf", f"# {HEADER}\n{line}\n")
    nginx.put("conf.d/mine.conf", "ssl_certificate tls/s.crt;")
    nginx.put("maintenance/plain.html", "closed")
    answer = {found.pop("site"): found for found in list_sites(nginx.tree)}
    nothing = {"expires": None, "days": None, "names": [], "self_signed": False} | UNKNOWN
    assert abs(answer["safe"].pop("expires") - time.time() - 10 * DAY) < 600
    assert answer == {
        "safe": UNKNOWN
        | {
            "certificate": "tls/s.crt",
            "days": 9,
            "names": ["s.example"],
            "self_signed": True,
            "maintenance": False,
        },
        "broken": nothing | {"certificate": "tls/none.crt", "maintenance": False},
        "plain": nothing | {"certificate": None, "maintenance": True},
        "shop": nothing | {"certificate": None, "maintenance": False},
    }


@contextlib.contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on a port, and have each connection talked to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def tls(certificate: Path, key: Path, asked: list[Any]) -> Callable[[socket.socket], None]:
    """Return what serves a certificate, and notes which name it was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # By the name that Python 3.6 has for it, too.
    context.set_servername_callback(lambda _, name, __: asked.append(name))

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(1)

    return talk


def test_what_is_served_is_not_what_the_file_says(nginx: Host, pem: Path) -> None:
    files = {name: (pem / f"leaf{days}.c").read_text() for name, days in (("new", 60), ("old", 20))}
    asked: list[Any] = []
    with serving(tls(pem / "leaf20.c", pem / "leaf.k", asked)) as port:
        text = f"# {HEADER}\n# Owner: us\nlisten {port} ssl http2 default_server backlog=9;\n"
        text += "server_name _ *.shop.example;\nssl_certificate tls/shop.crt;\n"
        nginx.put("conf.d/shop.conf", text)
        nginx.put("tls/shop.crt", files["old"])
        (site,) = list_sites(nginx.tree)
        assert (site["served_matches"], site["owner"]) == (True, "us")
        assert site["served_expires"] == site["expires"]
        assert asked == ["any.shop.example"]
        # The file is newer than what nginx has read.
        nginx.put("tls/shop.crt", files["new"])
        (site,) = list_sites(nginx.tree)
        assert site["served_matches"] is False
        assert abs(site["served_expires"] - time.time() - 20 * DAY) < 600
        assert site["days"] == 59
        nginx.put("tls/shop.crt", "garbage")
        assert list_sites(nginx.tree)[0]["served_matches"] is False
    (site,) = list_sites(nginx.tree)
    assert (site["served_expires"], site["served_matches"]) == (None, None)


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ("shop.example www.shop.example", "shop.example"),
        ("_", None),
        ('"" *.shop.example', "any.shop.example"),
        ("www.shop.*", "www.shop.example"),
        ("~^www", None),
    ],
)
def test_the_name_that_is_asked_for(names: str, name: str | None) -> None:
    assert asked_name(f"  server_name {names};") == name


def drip(connection: socket.socket) -> None:
    """Begin a TLS record that is as long as there may be, a byte at a time."""
    connection.recv(65536)
    for byte in b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb" + b"\x03" * 40:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def test_a_handshake_that_drips_ends_in_time(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nginx_sites, "HANDSHAKE", 0.3)
    with serving(drip) as port:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            served_certificate(("127.0.0.1", port), "s.example", 0.3)
        text = f"# {HEADER}\nlisten {port} ssl;\nssl_certificate tls/shop.crt;\n"
        nginx.put("conf.d/shop.conf", text)
        assert list_sites(nginx.tree)[0]["served_matches"] is None
        assert time.monotonic() - began < 1.6


def test_an_answer_over_tls_that_drips_ends_in_time(pem: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem / "leaf60.c", pem / "leaf.k")

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(65536)
            wrapped.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for _ in range(60):
                wrapped.sendall(b"x")
                time.sleep(0.05)

    with serving(talk) as port:
        began = time.monotonic()
        with pytest.raises(NoAnswer, match="nothing for"):
            get(("127.0.0.1", port), "/", {}, 0.5, tls=True)
        assert time.monotonic() - began < 1.5


def test_all_handshakes_have_an_end(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nginx_sites, "HANDSHAKES", 0.0)
    asked: list[Any] = []
    monkeypatch.setattr(_nginx_sites, "ask_for", lambda *_: asked.append(1))
    nginx.put("conf.d/shop.conf", f"# {HEADER}\nlisten 1 ssl;\nssl_certificate tls/shop.crt;\n")
    assert list_sites(nginx.tree)[0]["served_matches"] is None
    assert asked == []
