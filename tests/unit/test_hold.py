"""The client that holds connections: it keeps its rhythm and sees what becomes of each."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from servers import OK, always, reset, server
from templar import ROOT

HOLD = ROOT / "tests/load/hold.py"
sys.path.append(str(HOLD.parent))  # where it finds load.py, as it does when it is run
spec = importlib.util.spec_from_file_location("hold", HOLD)
assert spec is not None and spec.loader is not None
hold = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hold)

BAD = OK.replace(b"200 OK", b"500 No")

#: What a server does about one request; an error of it ends the connection.
Special = Callable[[asyncio.StreamWriter], Awaitable[None]]


def arguments(report: Path, url: str, *more: object) -> list[str]:
    """Give arguments for a short run, of which later ones win."""
    short = ["--url", url, "--report", report, "--connections", 100, "--interval", 0.2]
    return [str(one) for one in (*short, "--seconds", 0.3, "--timeout", 5, *more)]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run the client and give its report."""

    def run(url: str, *more: object, code: int = 0) -> dict[str, Any]:
        report = tmp_path / "report.json"
        assert hold.main(arguments(report, url, *more)) == code
        answer = json.loads(report.read_text())
        assert [one.name for one in tmp_path.glob("*report*")] == ["report.json"]
        for numbers in (answer, answer["while_opening"]):
            assert numbers["failed"] == sum(numbers["failures"].values())
        return answer

    return run


Run = Callable[..., dict[str, Any]]


def test_holds_connections_that_ask_in_turn(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once in an interval each, evenly spread, and over the same connections all the time."""
    monkeypatch.setattr(hold, "SHOW", 0.1)
    asked: list[tuple[float, int]] = []
    requests, peers = set(), set()

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        peers.add(writer.get_extra_info("peername")[0])
        while True:
            requests.add(await reader.readuntil(b"\r\n\r\n"))
            asked.append((time.monotonic(), number))
            writer.write(OK)

    handler = signal.getsignal(signal.SIGTERM)
    with server(behave) as url:
        more = ("--connections", 200, "--interval", 0.4, "--seconds", 0.6, "--open-rate", 500)
        report = run(url, *more, "--processes", 3, "--host", "a.example")
    assert signal.getsignal(signal.SIGTERM) is handler
    assert (report["opened"], report["held"], report["processes"]) == (200, 200, 3)
    assert report["connect_failures"] == {} and report["samples"] == []
    assert (report["failed"], report["closed_by_server"], report["unfinished"]) == (0, 0, 0)
    assert 0.38 < report["seconds_to_open"] < 2
    assert report["while_opening"]["failed"] == 0
    assert report["while_opening"]["requests"] >= 200
    assert report["ended_by"] == "seconds" and 0.59 < report["seconds"] < 0.61
    assert report["wanted_per_second"] == 500
    assert 200 <= report["requests"] <= 302
    assert report["requests"] + report["missed_turns"] == pytest.approx(300, abs=3)
    rate = report["requests"] / report["seconds"]
    assert report["requests_per_second"] == pytest.approx(rate, rel=0.01)
    latency = report["latency_ms"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"] < 1000
    assert 0 < report["client_cpus"] < 2
    last = asked[-200:]
    assert {number for _, number in asked} == set(range(200))
    assert max(Counter(number for _, number in last).values()) <= 2
    assert max(Counter(int(when / 0.1) for when, _ in last).values()) < 120
    (request,) = requests
    assert b"\r\nHost: a.example\r\n" in request and b"keep-alive" in request
    assert peers == {"127.0.0.2"}
    said = capsys.readouterr()
    assert said.out.startswith("200 of 200 connections opened in ")
    assert len(said.out.splitlines()) == 1
    assert len(said.err.splitlines()) >= 5, "it says all the time how it goes"
    assert ": 200 opened, 200 held, 0 closed by the server, 0 not opened, " in said.err


def test_spreads_the_connections_over_addresses(run: Run) -> None:
    """Otherwise the ports of one address are the end of it."""
    sources = Counter(hold.source_of(index, 100_000) for index in range(100_000))
    assert max(sources.values()) <= hold.PORTS
    assert sorted(sources) == [f"127.0.0.{number}" for number in range(2, 10)]
    most = hold.SOURCES * hold.PORTS
    assert hold.source_of(most - 1, most) == "127.0.0.251"
    assert {hold.source_of(index, hold.PORTS) for index in range(9)} == {"127.0.0.2"}


def answering(*pieces: bytes, pause: float = 0.0) -> Special:
    """Send these pieces, each some time after the one before."""

    async def act(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)

    return act


async def closing(writer: asyncio.StreamWriter) -> None:
    """Send an answer and close the connection."""
    writer.write(OK)
    raise ConnectionAbortedError


async def cutting(writer: asyncio.StreamWriter) -> None:
    """Close the connection within an answer."""
    writer.write(OK[:-1])
    raise ConnectionAbortedError


async def dropping(writer: asyncio.StreamWriter) -> None:
    """Close the connection instead of answering."""
    raise ConnectionAbortedError


async def resetting(writer: asyncio.StreamWriter) -> None:
    """Break the connection instead of answering."""
    reset(writer)
    raise ConnectionAbortedError


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999

#: How many connections have their third request answered so. All other answers are good.
THIRD: list[tuple[int, Special]] = [
    (1, cutting),
    (2, dropping),
    (4, resetting),
    (8, closing),
    (16, answering()),
    # As long as a good one: an answer needs no reading only if it is the same byte for byte.
    (32, answering(BAD)),
    # What follows on such a connection would be guesswork, so it is given up.
    (1, answering(b"SSH-2.0-OpenSSH\r\n")),
    (2, answering(OK + OK)),
    (4, answering(OK, OK, pause=0.02)),
    (5, answering(b"HTTP/1.1 20", b"0 OK\r\nContent-Length: 5\r\n\r", b"\nhel", b"lo", pause=0.01)),
    # A good answer as a chunk, which comes by itself and is not the end of its own answer.
    (5, answering(CHUNKED + b"%X\r\n" % len(OK), OK, b"\r\n0\r\n\r\n", pause=0.02)),
    (5, answering(LARGE)),
]


def test_judges_every_answer_and_every_end_of_a_connection(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    special = [act for count, act in THIRD for _ in range(count)]

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        for request in range(10**6):
            await reader.readuntil(b"\r\n\r\n")
            if request == 2 and number < len(special):
                await special[number](writer)
            else:
                writer.write(OK)

    with server(behave) as url:
        report = run(url, "--timeout", 0.3, "--seconds", 0.6, "--connections", 100)
    opening = report["while_opening"]
    failures = Counter(report["failures"]) + Counter(opening["failures"])
    assert failures == {"cut": 3, "reset": 4, "timeout": 16, "500": 32, "malformed": 7}
    # Who closes after a good answer fails no request; who meets one with it fails that too.
    assert report["closed_by_server"] + opening["closed_by_server"] == 1 + 2 + 4 + 8
    assert report["held"] == 100 - (1 + 2 + 4 + 8) - 16 - 7
    assert (report["opened"], report["connect_failures"], report["unfinished"]) == (100, {}, 0)
    samples = {sample["kind"]: sample for sample in report["samples"]}
    assert samples.keys() == failures.keys() and len(report["samples"]) == 5
    assert samples["reset"]["detail"] == "ECONNRESET Connection reset by peer"
    assert samples["500"]["first_bytes"] == BAD.decode()
    said = capsys.readouterr()
    assert " failed (" in said.out and " closed by the server" in said.out
    assert "cut: closed before the end of the answer '" in said.err


def test_answers_while_opening_are_counted_apart(run: Run) -> None:
    """One that lasts up to the end of the connection is an answer too; none is a failure."""

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if number < 60:
            await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nup to the end")

    with server(behave) as url:
        report = run(url, "--timeout", 0.2, "--seconds", 0.1, code=1)
    opening = report["while_opening"]
    assert (opening["requests"], opening["closed_by_server"]) == (100, 40)
    assert opening["failures"] == {"timeout": 60}
    assert (report["opened"], report["held"], report["requests"]) == (100, 0, 0)


def test_measures_latencies_and_missed_turns(run: Run) -> None:
    """Who still waits for an answer does not ask again."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.25)
            writer.write(OK)

    with server(behave) as url:
        report = run(url, "--connections", 20, "--seconds", 0.4)
    assert 250 <= report["latency_ms"]["p50"] < 400
    assert report["failed"] == 0
    assert 10 <= report["missed_turns"] <= 30
    assert report["requests"] + report["missed_turns"] == pytest.approx(40, abs=3)
    # The last ones came when the time was over.
    assert report["unfinished"] == 0 and 0.39 < report["seconds"] < 0.41


def test_counts_refused_connections(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    began = time.monotonic()
    report = run(f"http://127.0.0.1:{port}/", "--processes", 2, "--seconds", 60, code=1)
    assert time.monotonic() - began < 5, "there is nothing to measure"
    assert report["connect_failures"] == {"refused": 100}
    assert (report["opened"], report["requests"], report["ended_by"]) == (0, 0, "no connection")
    assert report["samples"][0]["kind"] == "connect: refused"
    said = capsys.readouterr().err
    assert "ECONNREFUSED Connection refused" in said and "No request had an outcome" in said


def test_counts_connections_that_do_not_open_in_time(run: Run) -> None:
    """A listener whose queue is full lets the others wait."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        more = ("--connections", 9, "--timeout", 0.2, "--seconds", 0.05)
        report = run(f"http://127.0.0.1:{port}/", *more, code=1)
    assert report["connect_failures"]["timeout"] + report["opened"] == 9
    assert report["connect_failures"]["timeout"] >= 5


@contextmanager
def started(report: Path, url: str, *more: object) -> Iterator[subprocess.Popen[str]]:
    """Start the client as the command it is, and make sure that it ends."""
    client = subprocess.Popen(
        [sys.executable, HOLD, *arguments(report, url, *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield client
    finally:
        client.kill()
        client.communicate()


@contextmanager
def counting() -> Iterator[tuple[str, Callable[[int], None]]]:
    """Serve; give the URL and what waits until so many requests were there."""
    asked = threading.Semaphore(0)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            asked.release()

    def wait(count: int) -> None:
        for _ in range(count):
            assert asked.acquire(timeout=5)

    with server(behave) as url:
        yield url, wait


def children(process: int) -> list[int]:
    """Give the processes that a process started."""
    return [
        int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ]


def test_does_not_make_up_for_a_stall_by_a_burst(tmp_path: Path) -> None:
    """As of a machine that stood still: what its turns missed is missed."""
    report = tmp_path / "report.json"
    more = ("--connections", 50, "--interval", 0.5, "--seconds", 0.8)
    with counting() as (url, wait), started(report, url, *more) as client:
        wait(80)
        (part,) = children(client.pid)
        os.kill(part, signal.SIGSTOP)
        time.sleep(0.45)
        os.kill(part, signal.SIGCONT)
        client.communicate(timeout=5)
    numbers = json.loads(report.read_text())
    assert 10 <= numbers["missed_turns"] <= 50
    assert numbers["requests"] + numbers["missed_turns"] == pytest.approx(80, abs=3)
    assert 350 <= numbers["behind_ms"] < 900


@pytest.mark.parametrize(
    ("number", "whole_group"), [(signal.SIGTERM, False), (signal.SIGINT, True)]
)
def test_reports_when_it_is_broken_off(
    tmp_path: Path, number: signal.Signals, whole_group: bool
) -> None:
    """Also when a terminal tells its processes too."""
    report = tmp_path / "report.json"
    report.write_text("of an earlier run")
    more = ("--seconds", 60, "--processes", 2)
    with counting() as (url, wait), started(report, url, *more) as client:
        wait(220)
        assert not report.exists()
        os.kill(-client.pid if whole_group else client.pid, number)
        output, _ = client.communicate(timeout=5)
    assert client.returncode == 0
    numbers = json.loads(report.read_text())
    assert numbers["ended_by"] == number.name
    assert numbers["requests"] > 20 and numbers["failed"] == 0 and numbers["held"] == 100
    assert 0 < numbers["seconds"] < 2
    assert output.startswith("100 of 100 connections opened in ")


def test_is_no_measurement_when_broken_off_while_opening(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with counting() as (url, wait), started(report, url, "--open-rate", 10) as client:
        wait(3)
        client.terminate()
        _, errors = client.communicate(timeout=5)
    assert client.returncode == 1
    assert "No request had an outcome; ended by SIGTERM." in errors
    numbers = json.loads(report.read_text())
    assert 0 < numbers["opened"] < 50 and numbers["seconds_to_open"] is None


@pytest.mark.parametrize("victim", ["part", "whole"])
def test_leaves_no_process_behind_when_one_is_killed(tmp_path: Path, victim: str) -> None:
    report = tmp_path / "report.json"
    more = ("--seconds", 60, "--processes", 3)
    with counting() as (url, wait), started(report, url, *more) as client:
        wait(110)
        parts = children(client.pid)
        assert len(parts) == 3
        os.kill(parts[1] if victim == "part" else client.pid, signal.SIGKILL)
        _, errors = client.communicate(timeout=5)
    if victim == "part":
        assert client.returncode == 1
        assert "Process 1 ended early, with -9." in errors
    assert not report.exists()
    until = time.monotonic() + 5
    while any(Path(f"/proc/{part}/exe").exists() for part in parts):
        assert time.monotonic() < until
        time.sleep(0.01)


def limited() -> None:
    """Limit a process's descriptors to less than it needs, which it may raise."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (50, 100))


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ((), 0, "200 of 200 connections opened"),
        (("--processes", 2), 2, "200 connections are too many for 2 processes, each of which "),
    ],
)
def test_minds_the_descriptor_limit(
    tmp_path: Path, more: tuple[object, ...], code: int, said: str
) -> None:
    """It raises its own, and takes as many processes as that asks for."""
    with server(always(OK)) as url:
        report = tmp_path / "report.json"
        client = subprocess.run(
            [
                sys.executable,
                HOLD,
                *arguments(report, url, "--connections", 200, "--seconds", 0.1, *more),
            ],
            capture_output=True,
            text=True,
            preexec_fn=limited,
        )
    assert client.returncode == code
    assert said in client.stdout + client.stderr
    if not code:
        assert json.loads(report.read_text())["processes"] == 3


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--url", "http://192.0.2.1/"], "192.0.2.1 is not a loopback address"),
        (["--url", "http://shop.example/"], "shop.example is not an address"),
        (["--url", "https://127.0.0.1/"], "not of the form"),
        (["--host", "a\r\nb"], "must be encoded"),
        (["--connections", "0"], "0 is below 1"),
        (["--interval", "0"], "0 is below"),
        (["--seconds", "inf"], "inf is below 0.001 or endless"),
        (["--processes", "101"], "more processes than connections"),
        (["--open-rate", "0"], "0 is below"),
        (["--connections", "99999999"], "take more addresses"),
        (["--url", "http://[::1]/", "--connections", "20000"], "IPv6 has one loopback address"),
        (["--report", "/none/such/report"], "folder"),
    ],
)
def test_refuses_wrong_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        hold.main(arguments(tmp_path / "report.json", "http://127.0.0.1/", *more))
    assert stopped.value.code == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert os.listdir(tmp_path) == []
