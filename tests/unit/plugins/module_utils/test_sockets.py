"""Ask sockets: never for longer, and never for more, than one is ready to take."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _sockets
from ansible_collections.flaskstack.centos.plugins.module_utils._sockets import (
    NoAnswer,
    get,
    host_of,
    quote,
    read_all,
)

#: Seconds that are given for an answer, and in which every one must be back by far.
DEADLINE, FAR = 0.3, 3.0
OK = b"HTTP/1.1 200 All right\r\nContent-Length: 5\r\n\r\nhello"

Behaviour = Callable[[socket.socket], None]


@contextlib.contextmanager
def listening(behave: Behaviour, unix: Path | None = None) -> Iterator[str | tuple[str, int]]:
    """Serve connections on loopback, or on a unix socket, one after the other; give the address."""
    listener = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    listener.bind(str(unix) if unix else ("127.0.0.1", 0))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            # The other end may be gone: that is what the tests are about.
            with contextlib.suppress(OSError), connection:
                behave(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield str(unix) if unix else listener.getsockname()
    finally:
        # Closing alone wakes nobody.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def says(*parts: bytes) -> Behaviour:
    """Say something and close."""

    def behave(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return behave


def drips(first: bytes, drop: bytes = b"x", pause: float = 0.02) -> Behaviour:
    """Say something, and then a little again and again, without end."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            time.sleep(pause)
            connection.sendall(drop)

    return behave


def silent(connection: socket.socket) -> None:
    """Say nothing, until the other end is gone."""
    while connection.recv(4096):
        pass


def answers(*parts: bytes) -> Behaviour:
    """Wait for a request over HTTP and say something."""

    def behave(connection: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(4096)
        connection.sendall(b"".join(parts).replace(b"ASKED", asked.split(b"\r\n")[0]))

    return behave


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """Fail if what is in the block takes long."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < FAR


def test_all_that_is_said_is_read(tmp_path: Path) -> None:
    with listening(says(b'{"a":', b" 1}")) as address:
        assert read_all(address, 5) == b'{"a": 1}'
    with listening(says(b"x" * 300_000), tmp_path / "stats.sock") as address:
        assert read_all(address, 5) == b"x" * 300_000


@pytest.mark.parametrize(
    "behave", [silent, drips(b""), drips(b"{", b"{" * 4096)], ids=["silent", "drips", "streams"]
)
def test_deadline_is_over_the_whole_answer(behave: Behaviour) -> None:
    with listening(behave) as address, in_time(), pytest.raises(NoAnswer, match="nothing for 0 s"):
        read_all(address, DEADLINE)


def test_answer_that_is_too_large_is_none() -> None:
    with listening(says(b"x" * 5000)) as address, pytest.raises(NoAnswer, match="more than 4999"):
        read_all(address, 5, 4999)
    with listening(says(b"x" * 5000)) as address:
        assert len(read_all(address, 5, 5000)) == 5000


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with listening(silent) as address:
        pass
    for nowhere in (address, str(tmp_path / "no.sock"), str(tmp_path / ("long" * 50))):
        with pytest.raises(NoAnswer):
            read_all(nowhere, 5)
        with pytest.raises(NoAnswer):
            get(nowhere, "/", {}, 5)


def test_queue_that_is_full_is_not_waited_for_longer(tmp_path: Path) -> None:
    # A server that hangs: nobody accepts, and the queue of a unix socket makes connect() wait.
    path = str(tmp_path / "app.sock")
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(0)
        waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
        waiting.connect(path)
        for ask in (lambda: read_all(path, DEADLINE), lambda: get(path, "/", {}, DEADLINE)):
            with in_time(), pytest.raises(NoAnswer):
                ask()


def test_answer_over_http_has_status_reason_and_body(tmp_path: Path) -> None:
    with listening(answers(OK), tmp_path / "http.sock") as address:
        answer = get(address, "/healthz", {"Host": "shop.example"}, 5)
    assert (answer.status, answer.reason, answer.body) == (200, "All right", b"hello")
    with listening(answers(b"HTTP/1.0 503 No\r\n\r\nASKED")) as address:
        answer = get(address, "/grün?a=b c%20d", {}, 5)
    assert (answer.status, answer.body) == (503, b"GET /gr%C3%BCn?a=b%20c%20d HTTP/1.1")


def test_body_is_read_up_to_its_limit() -> None:
    with listening(answers(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 100_000)) as address:
        assert len(get(address, "/", {}, 5, most=1000).body) == 1000


@pytest.mark.parametrize(
    "behave",
    [
        silent,
        drips(b"HTTP/1.1 2"),
        drips(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drips(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silent", "status", "headers", "body", "chunks", "continue"],
)
def test_deadline_is_over_the_whole_answer_over_http(behave: Behaviour) -> None:
    with listening(behave) as address, in_time(), pytest.raises(NoAnswer):
        get(address, "/", {}, DEADLINE)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000,
    ],
    ids=["nothing", "short", "other", "words", "chunks", "headers", "long"],
)
def test_what_is_not_http_is_no_answer(said: bytes) -> None:
    with listening(answers(said)) as address, in_time(), pytest.raises(NoAnswer) as failed:
        get(address, "/", {}, 5)
    assert str(failed.value)


def test_headers_that_cannot_be_sent_are_no_answer() -> None:
    with listening(silent) as address, in_time():
        for headers in ({"Host": "a\r\nb"}, {"Host": "店.example"}):
            with pytest.raises(NoAnswer):
                get(address, "/", headers, DEADLINE)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Return what a server with a certificate of its own has."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-subj", "/CN=localhost", "-keyout", path, "-out", f"{path}.crt"],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{path}.crt", path)
    return context


def over_tls(context: ssl.SSLContext, behave: Behaviour) -> Behaviour:
    """Do over TLS what is done over a connection."""

    def secured(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            behave(wrapped)

    return secured


def test_certificate_that_nobody_vouches_for_will_do(certificate: ssl.SSLContext) -> None:
    with listening(over_tls(certificate, answers(OK))) as address:
        assert get(address, "/", {}, 5, tls=True).body == b"hello"


def test_deadline_is_over_the_whole_answer_over_tls(certificate: ssl.SSLContext) -> None:
    drip = drips(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")
    for behave in (silent, drips(b""), over_tls(certificate, drip)):
        with listening(behave) as address, in_time(), pytest.raises(NoAnswer):
            get(address, "/", {}, DEADLINE, tls=True)


def test_nothing_is_left_of_a_question() -> None:
    before = threading.active_count()
    with listening(answers(OK)) as address:
        for _ in range(20):
            get(address, "/", {}, 600)
        # The server's own thread is one more.
        assert threading.active_count() == before + 1


def test_path_is_what_a_request_line_can_have() -> None:
    assert quote("/a%20b?c=d&e=+#f") == "/a%20b?c=d&e=+#f"
    assert quote("/ \r\n\x7f\u00fc") == "/%20%0D%0A%7F%C3%BC"


def test_all_addresses_are_asked_for_at_this_hosts_own() -> None:
    assert [host_of(one) for one in ("0.0.0.0", "::", "[::]", "[::1]", "192.0.2.7")] == [
        "127.0.0.1",
        "::1",
        "::1",
        "::1",
        "192.0.2.7",
    ]


def test_memory_is_bounded() -> None:
    assert _sockets.MOST_BYTES <= 8 << 20
