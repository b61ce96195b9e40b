"""The load client: it sees every way a request can fail, and nothing else as a failure."""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from servers import OK, Behaviour, always, once, reset, server
from templar import ROOT

LOAD = ROOT / "tests/load/load.py"
spec = importlib.util.spec_from_file_location("load", LOAD)
assert spec is not None and spec.loader is not None
load = importlib.util.module_from_spec(spec)
sys.modules["load"] = load  # where dataclasses look up the names in annotations
spec.loader.exec_module(load)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run the client in this process and give its report."""

    def run(url: str, *more: str, new: int = 1, keep: int = 0, code: int = 0) -> dict[str, Any]:
        report = tmp_path / "report.json"
        arguments = ["--url", url, "--report", str(report), "--label", "x-release"]
        arguments += ["--new", str(new), "--keep", str(keep), "--rate", "500", "--limit", "5"]
        assert load.main(arguments + [str(one) for one in more]) == code
        answer = json.loads(report.read_text())
        assert [one.name for one in tmp_path.glob("*report*")] == ["report.json"]
        assert answer["failed"] == sum(answer["failures"].values())
        return answer

    return run


Run = Callable[..., dict[str, Any]]


def failures(report: dict[str, Any]) -> dict[str, int]:
    """Give the failures by kind, and see that the rest of the report agrees with them."""
    failed = report["failed"]
    assert (report["first_failure"] is None) == (failed == 0)
    assert len(report["samples"]) == min(failed, load.SAMPLES)
    return report["failures"]


@pytest.mark.parametrize("client", ["new", "keep"])
def test_counts_answers_by_release(run: Run, client: str) -> None:
    with server(always(OK)) as url:
        report = run(url, "--requests", 20, **{"new": 0, "keep": 0, client: 2})
    assert (report["requests"], report["failed"], report["stale_retried"]) == (20, 0, 0)
    assert report["clients"][client] == 20
    label = report["answers"]["R1"]
    assert label["count"] == 20
    assert 0 <= label["first"] <= label["last"] <= report["seconds"]
    latency = report["latency_ms"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]
    assert (report["ended_by"], report["unfinished"]) == ("requests", 0)


def test_sends_what_it_is_told_to(run: Run, tmp_path: Path) -> None:
    seen = []
    connections = set()

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        while True:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            connections.add(number)
            writer.write(OK)

    socket_path = tmp_path / "socket"
    with server(behave, socket_path) as url:
        more = ["--unix", socket_path, "--host", "other.example", "--url", f"{url}/2?a=b"]
        assert run(url, *more, "--requests", 4)["failed"] == 0
        assert len(connections) == 4, "a new client has a new connection for each request"
        run(url, *more, "--requests", 4, new=0, keep=1)
        assert len(connections) == 5, "a keeping client has one"
    lines = [request.decode().splitlines() for request in seen]
    targets = [one[0] for one in lines]
    assert targets == ["GET /path HTTP/1.1", "GET /path/2?a=b HTTP/1.1"] * 4
    assert all("Host: other.example" in one for one in lines)
    assert ["Connection: close" in one for one in lines] == [True] * 4 + [False] * 4


def test_sends_in_pieces_what_the_connection_does_not_take_at_once(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    with server(always(OK), path) as url:
        report = run(url + "/" + "x" * 2_000_000, "--unix", path, "--requests", 3, keep=1)
    assert (report["requests"], report["failed"], report["stale_retried"]) == (3, 0, 0)


@pytest.mark.parametrize("status", [302, 404, 500, 502, 503])
def test_counts_other_statuses_as_failed(run: Run, status: int) -> None:
    answer = b"HTTP/1.1 %d No\r\nContent-Length: 3\r\n\r\nbad" % status
    with server(always(answer)) as url:
        report = run(url, "--requests", 7, keep=1)
    assert failures(report) == {str(status): 7}
    assert report["samples"][0]["kind"] == str(status)
    assert report["samples"][0]["first_bytes"] == answer.decode()


def test_counts_failures_among_successes(run: Run) -> None:
    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        bad = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
        await once(bad if number in (10, 14) else OK)(reader, writer, number)

    with server(behave) as url:
        report = run(url, "--requests", 30, "--rate", 200)
    assert (report["requests"], failures(report)) == (30, {"502": 2})
    assert 0.04 < report["first_failure"] < report["last_failure"] < report["seconds"]
    assert report["answers"]["R1"]["count"] == 28


@pytest.mark.parametrize("client", ["new", "keep"])
@pytest.mark.parametrize(
    ("behave", "kind"),
    [
        (once(b""), "cut"),
        (once(b"HTTP/1.1 200 OK\r\nContent-"), "cut"),
        (once(OK[:-1]), "cut"),
        (once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), "cut"),
        (once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"), "cut"),
        (once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"), "cut"),
        (once(b"", reset), "reset"),
        (once(OK[:-1], reset), "reset"),
        (once(b"HTTP/1.1 200 OK\r\n\r\nup to the e", reset), "reset"),
        (once(b"uwsgi says no\r\n\r\n"), "other"),
        (once(OK + b"more"), "other"),
        (once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n"), "other"),
    ],
)
def test_counts_broken_answers_as_failed(
    run: Run, behave: Behaviour, kind: str, client: str
) -> None:
    """On a connection of its own no request is sent again, with either kind of client."""
    with server(behave) as url:
        report = run(url, "--requests", 3, **{"new": 0, "keep": 0, client: 1})
    assert (report["requests"], failures(report)) == (3, {kind: 3})
    assert report["stale_retried"] == 0


def test_counts_a_hanging_server_as_timeout(run: Run) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK[:-1] if number else b"")
        await asyncio.sleep(9)

    with server(hang) as url:
        report = run(url, "--requests", 2, "--timeout", 0.1, new=1, keep=1)
    assert failures(report) == {"timeout": 2}
    sample = report["samples"][0]
    assert 0.1 <= sample["seen"] - sample["sent"] < 0.4


def test_counts_a_full_backlog_as_timeout(run: Run) -> None:
    """A connection that is never made is seen too."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        with socket.create_connection(address):  # all that fits
            report = run(f"http://127.0.0.1:{address[1]}/", "--requests", 1, "--timeout", 0.1)
    assert failures(report) == {"timeout": 1}
    assert report["samples"][0]["detail"] == "request not sent"


def test_counts_a_closed_port_as_refused(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    report = run(f"http://127.0.0.1:{port}/", "--requests", 4, keep=1)
    assert failures(report) == {"refused": 4}
    assert report["samples"][0]["detail"] == "ECONNREFUSED Connection refused"


def test_counts_a_missing_or_dead_socket_as_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    more = ("--requests", 2, "--unix", path)
    assert failures(run("http://shop.example/", *more)) == {"refused": 2}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    assert failures(run("http://shop.example/", *more)) == {"refused": 2}


@pytest.mark.parametrize("end", [None, reset])
@pytest.mark.parametrize("idle", [True, False])
def test_repeats_what_met_a_stale_connection(
    run: Run, end: Callable[[asyncio.StreamWriter], None] | None, idle: bool
) -> None:
    """Whether the close is there before the request or crosses it: it is no failure."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await (asyncio.sleep(0.005) if idle else reader.readuntil(b"\r\n\r\n"))
        if end:
            end(writer)

    with server(behave) as url:
        report = run(url, "--requests", 5, "--rate", 40, new=0, keep=1)
    assert (report["requests"], report["failed"]) == (5, 0)
    assert report["answers"]["R1"]["count"] == 5
    assert report["stale_retried"] == 4


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Give a server's side of TLS, with a certificate of its own."""
    directory = tmp_path_factory.mktemp("tls")
    key, certificate = str(directory / "key"), str(directory / "certificate")
    subject = ["-subj", "/CN=localhost", "-keyout", key, "-out", certificate]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_speaks_tls(run: Run, tls: ssl.SSLContext) -> None:
    """As without: one connection for each request, or one for all, and large requests too."""
    connections = set()

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        connections.add(number)
        await always(OK, b"", b"")(reader, writer, number)

    with server(behave, tls=tls) as url:
        report = run(url, "--requests", 6)
        assert (report["requests"], report["failed"], len(connections)) == (6, 0, 6)
        assert report["answers"]["R1"]["count"] == 6
        report = run(url, "--requests", 6, new=0, keep=1)
        assert (report["requests"], report["failed"], len(connections)) == (6, 0, 7)
        report = run(url + "/" + "x" * 50_000, "--requests", 2, keep=1)
        assert (report["requests"], report["failed"]) == (2, 0)


def test_repeats_over_tls_what_met_a_stale_connection(run: Run, tls: ssl.SSLContext) -> None:
    with server(once(OK), tls=tls) as url:
        report = run(url, "--requests", 5, "--rate", 40, new=0, keep=1)
    assert (report["requests"], report["failed"], report["stale_retried"]) == (5, 0, 4)


@pytest.mark.parametrize(
    "behave", [once(b""), once(OK[:-1]), once(OK[:-1], reset)], ids=["none", "part", "reset"]
)
def test_counts_broken_answers_over_tls(run: Run, tls: ssl.SSLContext, behave: Behaviour) -> None:
    with server(behave, tls=tls) as url:
        assert failures(run(url, "--requests", 3, keep=1)) == {"cut": 3}


def test_counts_what_is_no_tls_as_failed(run: Run) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.read(1)
        writer.write(OK)
        await writer.drain()

    with server(behave) as url:
        assert failures(run(url.replace("http:", "https:"), "--requests", 2)) == {"tls": 2}


def test_counts_a_silent_handshake_as_timeout(run: Run) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await asyncio.sleep(9)

    with server(hang) as url:
        report = run(url.replace("http:", "https:"), "--requests", 2, "--timeout", 0.1)
    assert failures(report) == {"timeout": 2}


def test_counts_a_request_read_and_dropped_as_cut(run: Run) -> None:
    """An orderly end long after a request cannot have been on its way before it."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(load.STALE + 0.05)

    with server(behave) as url:
        report = run(url, "--requests", 2, new=0, keep=1)
    assert failures(report) == {"cut": 1}
    assert report["stale_retried"] == 0


def test_counts_a_reused_connection_cut_within_the_answer_as_failed(run: Run) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"H")

    with server(behave) as url:
        report = run(url, "--requests", 4, new=0, keep=1)
    assert failures(report) == {"cut": 2}
    assert report["stale_retried"] == 0


def test_repeats_a_request_once_only(run: Run) -> None:
    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if number == 0:
            writer.write(OK)
            await reader.readuntil(b"\r\n\r\n")

    with server(behave) as url:
        report = run(url, "--requests", 2, new=0, keep=1)
    assert (report["stale_retried"], failures(report)) == (1, {"cut": 1})


def test_counts_an_answer_to_no_request_as_failed(run: Run) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await asyncio.sleep(0.005)
        writer.write(b"stray")
        await asyncio.sleep(9)

    with server(behave) as url:
        report = run(url, "--requests", 3, "--rate", 30, new=0, keep=1)
    assert failures(report) == {"other": 1}
    assert report["samples"][0]["first_bytes"] == "stray"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("pieces", ["whole", "bytes"])
@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"A;x=y\r\n01234\r\n789\r\n1\r\n!\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 None\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length:  5  \r\n\r\nhello",
    ],
)
def test_knows_the_end_of_an_answer(run: Run, answer: bytes, pieces: str) -> None:
    """Also when it comes in many pieces: the connection is used again and nothing is left."""
    parts = [answer] if pieces == "whole" else [bytes([byte]) for byte in answer]
    with server(always(*parts)) as url:
        report = run(url, "--requests", 2, new=0, keep=1)
    assert (report["requests"], report["failed"], report["stale_retried"]) == (2, 0, 0)


def test_reads_answers_up_to_the_end_and_large_ones(run: Run) -> None:
    with server(once(b"HTTP/1.1 200 OK\r\n\r\nup to the end")) as url:
        report = run(url, "--requests", 3, keep=1)
    assert (report["failed"], report["stale_retried"]) == (0, 0)
    body = b"x" * 3_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with server(always(head + body)) as url:
        assert run(url, "--requests", 4, keep=1)["failed"] == 0
    with server(always(CHUNKED, b"%X\r\n" % len(body), body, b"\r\n0\r\n\r\n")) as url:
        assert run(url, "--requests", 4, keep=1)["failed"] == 0


def test_a_connection_the_server_announces_to_close_is_not_used_again(run: Run) -> None:
    with server(once(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))) as url:
        report = run(url, "--requests", 4, new=0, keep=1)
    assert (report["failed"], report["stale_retried"]) == (0, 0)


def test_paces_itself_and_ends_by_time(run: Run) -> None:
    with server(always(OK)) as url:
        report = run(url, "--seconds", 0.4, "--rate", 100, new=2)
    assert report["ended_by"] == "seconds"
    assert 30 <= report["requests"] <= 42


def test_does_not_make_up_for_a_stall_by_a_burst(run: Run) -> None:
    """Of the 250 requests of a half second that hung, at most a fifth of a second's follow."""
    stalled = threading.Event()

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if not stalled.is_set():
            stalled.set()
            await asyncio.sleep(0.5)
        writer.write(OK)
        await always(OK)(reader, writer, number)

    with server(behave) as url:
        report = run(url, "--seconds", 0.55, new=0, keep=1)
    assert report["failed"] == 0
    assert report["latency_ms"]["max"] >= 500
    assert report["requests"] <= 1 + 500 * (load.BURST + 0.06)


def test_runs_until_the_stop_file_and_the_requests(run: Run, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    with server(always(OK)) as url:
        timer = threading.Timer(0.2, stop.touch)
        timer.start()
        by_file = run(url, "--stop-file", stop, "--requests", 5)
        timer.join()
        by_count = run(url, "--stop-file", stop, "--requests", 60)
        stop.unlink()
        by_limit = run(url, "--stop-file", stop, "--requests", 5, "--limit", 0.2)
        by_maximum = run(url, "--stop-file", stop, "--max-requests", 10)
    assert by_file["ended_by"] == "stop-file"
    assert by_file["requests"] > 5 and 0.2 <= by_file["seconds"] < 0.6
    assert (by_count["ended_by"], by_count["requests"]) == ("stop-file", 60)
    assert by_limit["ended_by"] == "limit"
    assert by_limit["requests"] > 5 and 0.2 <= by_limit["seconds"] < 0.6
    assert (by_maximum["ended_by"], by_maximum["requests"]) == ("max-requests", 10)


def test_waits_for_answers_after_the_last_request(run: Run) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)

    with server(behave) as url:
        report = run(url, "--seconds", 0.05, new=2)
    assert (report["unfinished"], failures(report)) == (0, {"cut": 2})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_reports_when_it_is_broken_off(tmp_path: Path, number: signal.Signals) -> None:
    """As the command it is, and with a request in flight, which has no outcome."""

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if connection:
            answered.set()
            await asyncio.sleep(9)
        writer.write(OK)

    answered = threading.Event()
    report = tmp_path / "report.json"
    report.write_text("of an earlier run")
    with server(behave) as url:
        command = [sys.executable, LOAD, "--url", url, "--rate", "100", "--new", "1"]
        command += ["--keep", "0", "--seconds", "9", "--report", report]
        client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert answered.wait(5)
        assert not report.exists()
        client.send_signal(number)
        output, _ = client.communicate(timeout=5)
    assert client.returncode == 0
    numbers = json.loads(report.read_text())
    assert (numbers["requests"], numbers["unfinished"], numbers["failed"]) == (1, 1, 0)
    assert numbers["ended_by"] == number.name
    assert output.startswith("1 requests in ") and "1 unfinished" in output


def test_says_the_failures_in_one_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with server(always(OK.replace(b"200", b"502"))) as url:
        run(url, "--requests", 3)
    (line,) = capsys.readouterr().out.splitlines()
    assert "3 requests in" in line and "3 failed (3 x 502; from 0.0 to 0.0 s)" in line
    assert "R1 3" in line


def test_nothing_asked_is_no_success(run: Run, tmp_path: Path) -> None:
    """A stop file left by an earlier run must not end in a report without failures, and 0."""
    (tmp_path / "stop").touch()
    report = run("http://127.0.0.1:1/", "--stop-file", tmp_path / "stop", code=1)
    assert report["requests"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--url", "http://192.0.2.1/"], "192.0.2.1 is not a loopback address"),
        (["--url", "http://0.0.0.0/"], "0.0.0.0 is not a loopback address"),
        (["--url", "http://[2001:db8::1]/"], "2001:db8::1 is not a loopback address"),
        (["--url", "http://shop.example/"], "shop.example is not an address"),
        (["--url", "http://127.0.0.1@192.0.2.1/"], "192.0.2.1 is not a loopback address"),
        (["--url", "ftp://127.0.0.1/"], "not of the form"),
        (["--url", "http://127.0.0.1/a b"], "must be encoded"),
        (["--url", "http://127.0.0.1/", "--host", "a\r\nb"], "must be encoded"),
        (["--url", "http://127.0.0.1/", "--url", "http://127.0.0.1:81/"], "the same address"),
        (["--url", "http://127.0.0.1:8/", "--url", "https://127.0.0.1:8/"], "the same address"),
        (["--url", "http://127.0.0.1/", "--new", "0", "--keep", "0"], "at least one client"),
        (["--url", "http://127.0.0.1/", "--rate", "0"], "0 is below"),
        (["--url", "http://127.0.0.1/", "--limit", "inf"], "inf is below 0.001 or endless"),
        (["--url", "http://127.0.0.1/", "--seconds", "0.0001"], "0.0001 is below"),
        (["--url", "http://127.0.0.1/", "--report", "/none/such/report"], "folder"),
    ],
)
def test_refuses_wrong_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    base = ["--rate", "10", "--seconds", "1", "--report", str(tmp_path / "report")]
    with pytest.raises(SystemExit) as stopped:
        load.main(base + arguments)
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_takes_addresses_of_the_network_between_lab_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a lab host's: an interface of this machine's stands in for lab0."""
    assert load.lab_network().num_addresses == 1
    with pytest.raises(ValueError, match="nor one of"):
        load.target_of(["http://10.89.0.11/"], "shop.example", "")
    monkeypatch.setattr(load, "LAB_INTERFACE", b"lo")
    assert str(load.lab_network()) == "127.0.0.0/8"
    monkeypatch.setattr(load, "lab_network", lambda: ipaddress.IPv4Network("10.89.0.0/24"))
    target = load.target_of(["http://10.89.0.11:8000/"], "shop.example", "")
    assert target.address == ("10.89.0.11", 8000)
    with pytest.raises(ValueError, match="nor one of"):
        load.target_of(["http://10.89.1.11/"], "shop.example", "")


def test_asks_when_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load.main(
            ["--url", "http://127.0.0.1/", "--rate", "10", "--report", str(tmp_path / "report")]
        )
    assert "Say when to end" in capsys.readouterr().err


def test_leaves_the_signals_as_they_were(run: Run) -> None:
    before = signal.getsignal(signal.SIGTERM)
    began = time.monotonic()
    with server(always(OK)) as url:
        run(url, "--requests", 1)
    assert signal.getsignal(signal.SIGTERM) is before
    assert time.monotonic() - began < 1, "a short run ends with its last answer"
