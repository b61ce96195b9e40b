#!/usr/bin/env python3
"""Hold tens of thousands of connections to a server on this host, each asking at an interval.

    hold.py --url http://127.0.0.1/ --host shop.example --connections 100000 --interval 10 \
        --seconds 60 --report report.json

It shows how many visitors with open keep-alive connections a server bears: which connections it
refuses or closes, what it answers late or wrongly. A connection asks once when it is open and from
then on once in every interval, all of them evenly spread. What is closed is not opened again, and
no request is repeated: a close that meets a request counts both as a close and as a failure.

The work is shared out to processes, because the number of descriptors of one is limited. They
connect from 127.0.0.2, 127.0.0.3, ..., because the number of ports of one address is limited too.

Only loopback addresses are accepted. Needs Linux, Python 3.11 and load.py beside it. Exits 0 if it
could measure, however much failed; 1 if it could not; 2 for wrong arguments. All times are seconds,
unless a name says otherwise.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import resource
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from load import (
    BURST,
    KINDS,
    LOOK,
    SAMPLE_BYTES,
    Answer,
    MalformedError,
    Target,
    at_least,
    rounded,
    target_of,
    write,
)

#: Connections from one address, and how many addresses: 127.0.0.2 and so on. An address has 28,232
#: ports that Linux gives away by itself, but it takes every other one first and, once those are
#: taken, searches through all of them each time.
PORTS = 13500
SOURCES = 250

#: Descriptors of a process that are not connections: standard streams, epoll, and what Python has.
SPARE = 32

#: How many connections or requests are begun before answers are looked at again.
BATCH = 64

#: How much is read at once, bytes: most answers, and cheaper than room for all.
READ = 16384

#: How often a process says what it did so far, and how often all of it is shown.
SAY = 0.5
SHOW = 5.0

#: How finely latencies are told apart, in parts of a second: 10 microseconds.
PARTS = 100_000

#: How long the processes have to begin measuring at the same moment.
LEAD = 0.05

#: What Linux has by number and Python 3.11 not by name: `bind` to an address picks no port yet, so
#: that connections to different servers may share one.
IP_BIND_ADDRESS_NO_PORT = 24


class Tally:
    """What came of the requests that were sent in one part of the run."""

    def __init__(self) -> None:
        self.ok = 0
        self.failures: Counter[str] = Counter()
        self.closed = 0  # connections ended by the server
        self.latencies: Counter[int] = Counter()  # by full parts, see PARTS

    def add(self, numbers: dict[str, Any]) -> None:
        """Add another process's attributes, by way of JSON."""
        self.ok += numbers["ok"]
        self.failures.update(numbers["failures"])
        self.closed += numbers["closed"]
        self.latencies.update({int(part): count for part, count in numbers["latencies"].items()})

    def latency(self, share: float) -> float | None:
        """Give the latency in ms that `share` of the requests did not exceed."""
        place = int(share * (self.latencies.total() - 1))
        for part, count in sorted(self.latencies.items()):
            if place < count:
                return 1000 * part / PARTS
            place -= count
        return None

    def report(self) -> dict[str, Any]:
        """Give the counts as the report has them."""
        failed = self.failures.total()
        return {
            "requests": self.ok + failed,
            "failed": failed,
            "failures": dict(self.failures.most_common()),
            "closed_by_server": self.closed,
        }


class Connection:
    """One connection, as far as it is known."""

    __slots__ = ("answer", "fresh", "number", "open", "sent", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.number = sock.fileno()
        self.open = False
        self.fresh = True  # until there is an outcome of its first request
        #: When it began to wait, for being open or for an answer; 0 if it waits for nothing.
        self.sent = time.monotonic()
        self.answer: Answer | None = None  # only while a part of it is here


class Part:
    """One process's share of the connections, and the loop that drives them."""

    def __init__(self, options: argparse.Namespace, target: Target) -> None:
        self._options = options
        self._target = target
        self._request = target.keep[0]
        #: Which of all connections are this process's, and what became of them so far.
        self._indices = range(options.part, options.connections, options.processes)
        self._connections: list[Connection] = []
        self._watched: dict[int, Connection] = {}
        self._epoll = select.epoll()
        #: What waits, in the order in which it began: since when, and who.
        self._waiting: deque[tuple[float, Connection]] = deque()
        #: A whole good answer. Nearly all are equal to the one before, and need no reading then.
        self._good = b""
        self._turn = 0  # counts the turns to ask, of all connections here
        self._start = self._end = float("inf")  # of the measurement, monotonic clock
        self._stopped = False
        self._opened = 0
        self._held = 0
        self._settled = 0  # connections that are no longer fresh
        self._connect_failures: Counter[str] = Counter()
        self._samples: dict[str, dict[str, str]] = {}  # the first failure of each kind
        self._missed = 0  # turns of open connections, while measuring
        self._behind = 0.0  # the most that a turn came late
        self._opening, self._measured = Tally(), Tally()

    def run(self) -> dict[str, Any]:
        """Open, wait for the word, measure; give the numbers."""
        options, count = self._options, len(self._indices)
        rate = options.open_rate / options.processes
        begun = now = time.monotonic()
        look = say = now
        opened_at: float | None = None
        cpu: float | None = None
        used: float | None = None
        self._epoll.register(sys.stdin.fileno(), select.EPOLLIN)
        while not self._stopped:
            now = time.monotonic()
            if now >= look:
                look = now + LOOK
                self._time_out(now - options.timeout)
            if now >= say:
                say = now + SAY
                self._say()
            wake = look
            if len(self._connections) < count:
                due = int((now - begun) * rate) + 1
                while len(self._connections) < min(due, count):
                    self._connect()
                    # Answers are looked at in between, however late the opening is.
                    due = min(due, len(self._connections) + BATCH)
                wake = min(wake, begun + len(self._connections) / rate)
            elif opened_at is None and self._settled == count:
                opened_at = now
                self._say()
                tell({"ready": self._opened})
            if cpu is None and now >= self._start:
                cpu = time.process_time()
            if now < self._end:
                wake = min(wake, self._ask(now), self._end)
            elif used is None:
                used = time.process_time()
            elif not self._pending():
                break
            self._take(max(0.0, wake - time.monotonic()))
        used = used or time.process_time()
        return {
            "opened": self._opened,
            "begun": begun,
            "opened_at": opened_at,
            "connect_failures": self._connect_failures,
            "held": self._held,
            "unfinished": self._pending(),
            "ended": min(now, self._end),
            "cpu": used - (cpu or used),
            "missed": self._missed,
            "behind": self._behind,
            "opening": vars(self._opening),
            "measured": vars(self._measured),
            "samples": self._samples,
        }

    def _connect(self) -> None:
        index = self._indices[len(self._connections)]
        sock = socket.socket(self._target.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        connection = Connection(sock)
        self._connections.append(connection)
        try:
            if self._target.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((source_of(index, self._options.connections), 0))
            sock.connect(self._target.address)
        except BlockingIOError:
            pass  # the rule, even on loopback
        except OSError as error:
            self._not_opened(connection, error)
            return
        self._watched[connection.number] = connection
        self._waiting.append((connection.sent, connection))
        self._epoll.register(connection.number, select.EPOLLOUT)

    def _ask(self, now: float) -> float:
        """Send what is due by `now`, but not too much at once; give when the next is due."""
        options, connections, indices = self._options, self._connections, self._indices
        sent = 0
        while True:
            turn, place = divmod(self._turn, len(indices))
            due = options.origin + (turn + indices[place] / options.connections) * options.interval
            if due > now or sent == BATCH:
                return due
            self._turn += 1
            connection = connections[place] if place < len(connections) else None
            if connection is None or not connection.open:
                continue
            if due >= self._start:
                self._behind = max(self._behind, now - due)
            # Who still waits has no turn. And more than a short delay is not made up for: that
            # would be a rush that no visitors would make.
            if connection.sent or due < now - BURST:
                self._missed += due >= self._start
            else:
                sent += 1
                self._send(connection)

    def _send(self, connection: Connection) -> None:
        connection.sent = time.monotonic()
        self._waiting.append((connection.sent, connection))
        try:
            # It always fits: there is nothing else on the way to the server.
            os.write(connection.number, self._request)
        except OSError as error:
            self._closed(connection, error)

    def _take(self, seconds: float) -> None:
        """Wait for events for so long at most, and take what came."""
        events = self._epoll.poll(seconds)
        # Whatever is here has come by now, however long it takes to read it all.
        now = time.monotonic()
        for number, _ in events:
            connection = self._watched.get(number)
            if connection is None:
                self._listen()
            elif not connection.open:
                self._open(connection)
            else:
                try:
                    data = os.read(number, READ)
                except BlockingIOError:
                    continue
                except OSError as error:
                    self._closed(connection, error)
                    continue
                if data == self._good and data and connection.sent and connection.answer is None:
                    self._count(connection, now)
                elif data:
                    self._read(connection, data, now)
                else:
                    self._closed(connection, None)

    def _listen(self) -> None:
        """Take the word of the process that started this one: when to begin, or to stop."""
        word = os.read(sys.stdin.fileno(), 100)
        if word:
            self._start = float(word)
            self._end = self._start + self._options.seconds
        else:
            self._stopped = True

    def _open(self, connection: Connection) -> None:
        """See what came of opening a connection."""
        code = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._not_opened(connection, OSError(code, os.strerror(code)))
            return
        connection.open = True
        self._opened += 1
        self._held += 1
        self._epoll.modify(connection.number, select.EPOLLIN)
        # A server may soon close a connection that never asked.
        self._send(connection)

    def _read(self, connection: Connection, data: bytes, now: float) -> None:
        """Read what is not simply the same answer once more."""
        whole = connection.answer is None
        answer = connection.answer = connection.answer or Answer()
        try:
            if not connection.sent:
                answer.first = data[:SAMPLE_BYTES]
                raise MalformedError("an answer before the request")
            answer.feed(data)
        except MalformedError as error:
            self._fail(connection, "malformed", str(error))
            self._drop(connection)
            return
        if answer.done:
            # If the server announced to close the connection, it is judged when that happens.
            if whole and not answer.closes and 200 <= answer.status < 300:
                self._good = data
            self._complete(connection, answer, now)

    def _complete(self, connection: Connection, answer: Answer, now: float) -> None:
        if 200 <= answer.status < 300:
            self._count(connection, now)
        else:
            self._fail(connection, str(answer.status), "")

    def _closed(self, connection: Connection, error: OSError | None) -> None:
        """Take note that the server ended a connection, orderly (None) or not."""
        now, answer = time.monotonic(), connection.answer
        (self._measured if now >= self._start else self._opening).closed += 1
        if answer is not None and error is None and answer.end():
            self._complete(connection, answer, now)
        elif connection.sent and error is None:
            self._fail(connection, "cut", "closed before the end of the answer")
        elif connection.sent and error is not None:
            self._fail(connection, *kind_of(error))
        self._drop(connection)

    def _not_opened(self, connection: Connection, error: OSError) -> None:
        kind, detail = kind_of(error)
        self._connect_failures[kind] += 1
        self._sample(f"connect: {kind}", detail, b"")
        self._settle(connection)
        self._drop(connection)

    def _count(self, connection: Connection, now: float) -> None:
        """Count a good answer."""
        since, connection.sent, connection.answer = connection.sent, 0.0, None
        if since >= self._start:
            tally = self._measured
        else:
            tally = self._opening
            self._settle(connection)
        tally.ok += 1
        tally.latencies[int((now - since) * PARTS)] += 1

    def _fail(self, connection: Connection, kind: str, detail: str) -> None:
        """Count a request that failed, or an answer to none."""
        since = connection.sent or time.monotonic()
        (self._measured if since >= self._start else self._opening).failures[kind] += 1
        self._sample(kind, detail, connection.answer.first if connection.answer else b"")
        connection.sent, connection.answer = 0.0, None
        self._settle(connection)

    def _sample(self, kind: str, detail: str, first: bytes) -> None:
        sample = {"kind": kind, "detail": detail, "first_bytes": first.decode("latin-1")}
        self._samples.setdefault(kind, sample)

    def _settle(self, connection: Connection) -> None:
        self._settled += connection.fresh
        connection.fresh = False

    def _drop(self, connection: Connection) -> None:
        self._held -= connection.open
        connection.open = False
        connection.sent = 0.0
        self._watched.pop(connection.number, None)
        connection.sock.close()  # which epoll sees by itself

    def _time_out(self, before: float) -> None:
        """Give up what has waited since `before`, monotonic clock."""
        waiting = self._waiting
        while waiting:
            since, connection = waiting[0]
            if connection.sent == since:
                if since >= before:
                    return
                if connection.open:
                    self._fail(connection, "timeout", "no complete answer")
                    self._drop(connection)
                else:
                    self._not_opened(connection, OSError(errno.ETIMEDOUT, "not open in time"))
            waiting.popleft()

    def _pending(self) -> int:
        """Count the requests without an outcome."""
        return sum(one.open and one.sent == since for since, one in self._waiting)

    def _say(self) -> None:
        both = self._opening, self._measured
        failed = sum(tally.failures.total() for tally in both)
        numbers = {
            "opened": self._opened,
            "held": self._held,
            "closed by the server": sum(tally.closed for tally in both),
            "not opened": self._connect_failures.total(),
            "requests": failed + sum(tally.ok for tally in both),
            "failed": failed,
        }
        tell({"progress": numbers})


class Hold:
    """The processes, and what they say."""

    def __init__(self, options: argparse.Namespace, arguments: Sequence[str]) -> None:
        self.broken_off = ""  # set from outside, by a signal
        self._options = options
        origin = time.monotonic()
        self._started_at = datetime.now(UTC)
        self._origin = origin
        self._start: float | None = None
        self._progress: dict[int, dict[str, int]] = {}
        self._ready: dict[int, int] = {}
        self._reports: dict[int, dict[str, Any]] = {}
        self._rests: dict[int, bytes] = {}
        self._parts = [
            subprocess.Popen(
                [
                    sys.executable,
                    __file__,
                    *arguments,
                    "--part",
                    str(part),
                    "--origin",
                    f"{origin}",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for part in range(options.processes)
        ]

    def run(self) -> str:
        """See the run through; give the reason why it ended. Raises RuntimeError."""
        show = self._origin + SHOW
        ended = ""
        with selectors.DefaultSelector() as selector:
            for number, part in enumerate(self._parts):
                assert part.stdout is not None
                selector.register(part.stdout, selectors.EVENT_READ, number)
            while selector.get_map():
                if self.broken_off and not ended:
                    ended = self.broken_off
                    self._stop()
                for key, _ in selector.select(LOOK):
                    data = os.read(key.fd, 65536)
                    if data:
                        self._hear(key.data, data)
                    elif key.data in self._reports:
                        selector.unregister(key.fileobj)
                    else:
                        code = self._parts[key.data].wait()
                        raise RuntimeError(f"Process {key.data} ended early, with {code}.")
                if len(self._ready) == len(self._parts) and self._start is None and not ended:
                    if sum(self._ready.values()):
                        self._begin()
                    else:
                        ended = "no connection"
                        self._stop()
                if time.monotonic() >= show and not self._reports:
                    show += SHOW
                    self._show()
        return ended or "seconds"

    def close(self) -> None:
        """End the processes, if they still run."""
        for part in self._parts:
            part.kill()
            # Leaves neither zombies nor open pipes.
            with part:
                pass

    def _begin(self) -> None:
        """Have all begin measuring at the same moment."""
        self._show()
        self._start = time.monotonic() + LEAD
        for part in self._parts:
            assert part.stdin is not None
            # Whoever ended early is found by that.
            with suppress(BrokenPipeError):
                os.write(part.stdin.fileno(), f"{self._start}\n".encode())

    def _stop(self) -> None:
        for part in self._parts:
            assert part.stdin is not None
            part.stdin.close()

    def _hear(self, number: int, data: bytes) -> None:
        """Take what the process with this number says."""
        *lines, self._rests[number] = (self._rests.get(number, b"") + data).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "progress" in said:
                self._progress[number] = said["progress"]
            elif "ready" in said:
                self._ready[number] = said["ready"]
            else:
                self._reports[number] = said["report"]

    def _show(self) -> None:
        """Say on standard error what was done so far."""
        total: Counter[str] = Counter()
        for numbers in self._progress.values():
            total.update(numbers)
        parts = ", ".join(f"{count:,} {name}" for name, count in total.items())
        print(f"{time.monotonic() - self._origin:.0f} s: {parts}", file=sys.stderr, flush=True)

    def report(self, ended_by: str) -> dict[str, Any]:
        """Give the whole report."""
        options, parts = self._options, list(self._reports.values())
        opening, measured = Tally(), Tally()
        samples: dict[str, dict[str, str]] = {}
        connect_failures: Counter[str] = Counter()
        for part in parts:
            opening.add(part["opening"])
            measured.add(part["measured"])
            connect_failures.update(part["connect_failures"])
            samples = part["samples"] | samples
        counts = measured.report()
        ended = max(part["ended"] for part in parts)
        seconds = max(0.0, ended - self._start) if self._start else 0.0
        opened_at = [part["opened_at"] for part in parts if part["opened_at"]]
        begun = min(part["begun"] for part in parts)
        return rounded(
            {
                "started_at": self._started_at.isoformat(),
                "ended_by": ended_by,
                "connections": options.connections,
                "processes": options.processes,
                "opened": sum(part["opened"] for part in parts),
                "connect_failures": dict(connect_failures.most_common()),
                # Up to the last connection's first answer; None if it did not come to that.
                "seconds_to_open": max(opened_at) - begun if len(opened_at) == len(parts) else None,
                # What happened before the measurement; it is in no number below.
                "while_opening": opening.report(),
                "seconds": seconds,
                "held": sum(part["held"] for part in parts),
                "requests_per_second": counts["requests"] / seconds if seconds else 0.0,
                "wanted_per_second": options.connections / options.interval,
                **counts,
                # Sent, but the run was broken off before they had an outcome.
                "unfinished": sum(part["unfinished"] for part in parts),
                # Turns without a request: no answer to the one before, or the client was too late.
                "missed_turns": sum(part["missed"] for part in parts),
                # Of the good answers.
                "latency_ms": {
                    name: measured.latency(share)
                    for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1))
                },
                # How late the client itself was at most, and how many processors it took:
                # where this is much, the latencies are rather the client's than the server's.
                "behind_ms": 1000 * max(part["behind"] for part in parts),
                "client_cpus": sum(part["cpu"] for part in parts) / seconds if seconds else 0.0,
                "samples": list(samples.values()),
            }
        )


def kind_of(error: OSError) -> tuple[str, str]:
    """Give what an error is counted as, and what it says."""
    number = error.errno or 0
    # All ports of the source address are taken.
    kind = "no-port" if number == errno.EADDRNOTAVAIL else KINDS.get(number, "other")
    return kind, f"{errno.errorcode.get(number, '')} {error.strerror}"


def source_of(index: int, connections: int) -> str:
    """Give the address that the connection with this number comes from, out of so many."""
    return f"127.0.0.{2 + index % -(-connections // PORTS)}"


def tell(message: dict[str, Any]) -> None:
    """Say something to the process that started this one."""
    print(json.dumps(message), flush=True)


def line(report: dict[str, Any]) -> str:
    """Say the report in one line."""

    def kinds(counts: dict[str, int]) -> str:
        list_ = ", ".join(f"{count:,} x {kind}" for kind, count in counts.items())
        return f" ({list_})" if list_ else ""

    def outcome(numbers: dict[str, Any]) -> str:
        return (
            f"{numbers['failed']:,} failed{kinds(numbers['failures'])}, "
            f"{numbers['closed_by_server']:,} closed by the server"
        )

    latency, opening = report["latency_ms"], report["while_opening"]
    not_opened = report["connect_failures"]
    parts = [
        f"{report['opened']:,} of {report['connections']:,} connections opened"
        + (f" in {report['seconds_to_open']:.1f} s" if report["seconds_to_open"] else "")
        + kinds(not_opened),
        f"{report['held']:,} held to the end",
        f"{report['requests']:,} requests in {report['seconds']:.1f} s "
        f"({report['requests_per_second']:.0f}/s)",
        outcome(report),
        f"p50 {latency['p50']} p99 {latency['p99']} max {latency['max']} ms",
        f"the client took {report['client_cpus']:.2f} processors",
        f"ended by {report['ended_by']}",
    ]
    if opening["failed"] or opening["closed_by_server"]:
        parts.insert(1, f"meanwhile {outcome(opening)}")
    return ", ".join(parts)


def descriptors() -> int:
    """Give how many connections a process may hold, after raising its limit as far as it can."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(1, (2**31 if hard == resource.RLIM_INFINITY else hard) - SPARE)


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, Target]:
    """Read the command line; exits 2 with a sentence if it is wrong."""
    count, seconds = at_least(1, int), at_least(0.001, float)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--url", required=True, help="what to ask for, on a loopback address")
    add("--host", default="", help="the Host header (default: the URL's)")
    add("--connections", type=count, required=True, help="how many to hold")
    add("--interval", type=seconds, default=10, help="seconds in which each asks once")
    add("--seconds", type=seconds, required=True, help="how long to measure, once all are open")
    add("--processes", type=count, help="default: as few as their descriptors allow")
    add("--open-rate", type=at_least(1, float), default=2000, help="connections to open a second")
    add("--timeout", type=seconds, default=15, help="seconds a connection or an answer may take")
    add("--report", type=Path, required=True, help="the file to write the numbers to, as JSON")
    add("--part", type=int, help=argparse.SUPPRESS)
    add("--origin", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.report.absolute().parent.is_dir():
        parser.error(f"The folder of {options.report} does not exist.")
    try:
        target = target_of([options.url], options.host, "")
        if target.tls:
            raise ValueError(f"{options.url} is not of the form http://HOST[:PORT]/PATH.")
    except ValueError as error:
        parser.error(str(error))
    if target.family == socket.AF_INET6 and options.connections > PORTS:
        parser.error(f"IPv6 has one loopback address, with ports for {PORTS:,} connections.")
    if options.connections > SOURCES * PORTS:
        parser.error(f"More than {SOURCES * PORTS:,} connections take more addresses than it has.")
    allowed = descriptors()
    least = -(-options.connections // allowed)
    if options.processes is None:
        options.processes = least
    if options.processes < least:
        parser.error(
            f"{options.connections:,} connections are too many for {options.processes} processes, "
            f"each of which may have {allowed:,} (ulimit -Hn); take --processes {least} or more."
        )
    if options.processes > options.connections:
        parser.error("There are more processes than connections.")
    return options, target


def hold(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run the processes, write the report, say it in a line, and give the exit code."""
    # The numbers of an earlier run must not be taken for this one's.
    options.report.unlink(missing_ok=True)
    run: Hold | None = None
    broken_off = ""

    def break_off(number: int, _frame: FrameType | None) -> None:
        nonlocal broken_off
        broken_off = signal.Signals(number).name
        if run:
            run.broken_off = broken_off

    former = {
        number: signal.signal(number, break_off) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        run = Hold(options, arguments)
        run.broken_off = broken_off
        report = run.report(run.run())
        write(options.report, report)
    except (OSError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if run:
            run.close()
        for number, handler in former.items():
            signal.signal(number, handler)
    for sample in report["samples"]:
        print(f"{sample['kind']}: {sample['detail']} {sample['first_bytes']!r}", file=sys.stderr)
    if not report["requests"]:
        print(f"No request had an outcome; ended by {report['ended_by']}.", file=sys.stderr)
        return 1
    print(line(report))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Be the whole run, or one process of it."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options, target = parse(arguments)
    if options.part is None:
        # The processes are told how many they are, also where that was worked out here.
        return hold(options, [*arguments, "--processes", str(options.processes)])
    # They end when their standard input does, and report then. A signal to the whole group, like
    # that of a terminal, must not end them before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    tell({"report": Part(options, target).run()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
