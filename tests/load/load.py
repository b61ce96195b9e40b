#!/usr/bin/env python3
"""Send a steady load to a server on this host and count every request that fails.

    load.py --url http://127.0.0.1/ --host shop.example --new 4 --keep 4 --rate 1500 \
        --stop-file /run/stop --requests 10000 --label X-Release --report report.json

It is there to prove that releases switch without one lost request, and is written by hand
because existing load generators count in their own ways, and retry or hide the very broken
connections this one looks for. Here every request has exactly one outcome, nothing is retried
but what HTTP itself has a client retry (see `Client.closed`), and nothing is followed: a
redirect is a failure with its status as any other answer that is not 2xx.

Only loopback addresses, unix sockets and, on a lab host, addresses of the network between lab
hosts (lab/network.sh) are accepted, so with https nobody's certificate is checked. Needs Linux,
Python 3.11 and nothing else. Exits 0 if it could measure, however much failed; 1 if it could not;
2 for wrong arguments. All times are seconds, those in the report since its `started_at`, unless a
name says otherwise.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import ipaddress
import itertools
import json
import os
import select
import signal
import socket
import ssl
import struct
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

#: How far behind its rate the load may be and still catch up, seconds. More would follow a
#: stall of the server with a burst that no visitors would make.
BURST = 0.2

#: How often deadlines, the stop file and signals are looked at, seconds.
LOOK = 0.05

#: How soon after a request the end of a reused connection can still mean that the server had
#: closed it before, seconds. Mostly it is microseconds; the rest is for a busy machine.
STALE = 0.1

#: The longest head of an answer, or line between chunks, bytes.
MAX_LINE = 65536

#: How much of a failed answer the report shows, bytes, and of how many.
SAMPLE_BYTES = 200
SAMPLES = 5

#: A lab host's interface into the network between lab hosts, and the kernel's numbers of the
#: questions for an interface's IPv4 address and its mask (linux/sockios.h).
LAB_INTERFACE = b"lab0"
SIOCGIFADDR = 0x8915
SIOCGIFNETMASK = 0x891B

#: What a connection's error is counted as; "other" if it is not here.
KINDS = {
    errno.ECONNREFUSED: "refused",
    # When connecting to a unix socket: none at the path, or its backlog is full.
    errno.ENOENT: "refused",
    errno.EAGAIN: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
}


class MalformedError(Exception):
    """What the server sent is no answer in HTTP/1, or not one that ends where it says."""


class Answer:
    """One answer while it comes in, which knows when it is complete."""

    __slots__ = ("_expect", "_left", "_lower", "_rest", "closes", "done", "first", "head", "status")

    def __init__(self) -> None:
        self.status = 0
        self.first = b""  # the first SAMPLE_BYTES as they came
        self.head = b""  # with the line end of its last line; empty until it is complete
        self.done = False
        self.closes = False  # whether the connection is of no use after this answer
        self._lower = b""  # the head in lower case, to find headers in
        self._rest = b""  # what came and cannot be read yet
        #: What comes next: head, body (of known length), eof (body up to the end of the
        #: connection), and in a chunked body: size, data, gap (the line end after it), trailer.
        self._expect = "head"
        self._left = 0  # bytes to come of the body or the chunk

    def feed(self, data: bytes) -> None:
        """Take what came. Raises MalformedError."""
        if len(self.first) < SAMPLE_BYTES:
            self.first += data[: SAMPLE_BYTES - len(self.first)]
        if self._rest:
            data, self._rest = self._rest + data, b""
        if self._expect == "head":
            data = self._read_head(data)
        if self._expect == "body":
            self._left -= len(data)
            self.done = self._left <= 0
            if self._left < 0:
                raise MalformedError("more bytes than announced")
        elif self._expect not in ("head", "eof"):
            self._read_chunks(data)

    def end(self) -> bool:
        """Tell whether the answer is complete, now that the connection has ended."""
        return self.done or self._expect == "eof"

    def header(self, name: bytes) -> bytes | None:
        """Give the value of a header by its name in lower case; None if it is not there."""
        start = self._lower.find(b"\r\n" + name + b":")
        if start < 0:
            return None
        start += len(name) + 3
        return self.head[start : self.head.index(b"\r\n", start)].strip()

    def _read_head(self, data: bytes) -> bytes:
        """Read the head, if all of it is there, and give what follows it."""
        while True:
            if not data.startswith(b"HTTP/1."[: len(data)]):
                raise MalformedError("no head of an answer")
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > MAX_LINE:
                    raise MalformedError("an endless head")
                self._rest = data
                return b""
            if not data[9:12].isdigit():
                raise MalformedError("no status")
            head, data = data[: end + 2], data[end + 4 :]
            self.status = int(head[9:12])
            # After a 1xx the answer proper follows, perhaps in the next piece.
            if self.status >= 200:
                break
            if not data:
                return b""
        self.head, self._lower = head, head.lower()
        connection = (self.header(b"connection") or b"").lower()
        self.closes = b"close" in connection or (
            head.startswith(b"HTTP/1.0") and b"keep-alive" not in connection
        )
        length = self.header(b"content-length")
        self._expect = "body"
        if self.status in (204, 304):
            pass
        elif b"chunked" in (self.header(b"transfer-encoding") or b"").lower():
            self._expect = "size"
        elif length is None:
            self._expect, self.closes = "eof", True
        elif length.isdigit():
            self._left = int(length)
        else:
            raise MalformedError("no number in Content-Length")
        return data

    def _read_chunks(self, data: bytes) -> None:
        """Walk through a chunked body as far as it came."""
        at = 0
        while not self.done:
            if self._expect == "data":
                step = min(self._left, len(data) - at)
                at += step
                self._left -= step
                if self._left:
                    return
                self._expect = "gap"
            end = data.find(b"\r\n", at)
            if end < 0:
                if len(data) - at > MAX_LINE:
                    raise MalformedError("an endless line between chunks")
                break
            line, at = data[at:end], end + 2
            if self._expect == "size":
                try:
                    self._left = int(line.partition(b";")[0], 16)
                except ValueError:
                    raise MalformedError("no size before a chunk") from None
                self._expect = "data" if self._left else "trailer"
            elif self._expect == "gap":
                if line:
                    raise MalformedError("a chunk longer than its size")
                self._expect = "size"
            else:
                self.done = not line
        self._rest = data[at:]
        if self.done and self._rest:
            raise MalformedError("more bytes than announced")


@dataclass
class Label:
    """The answers that carried one value of the labelling header."""

    first: float
    last: float
    count: int = 0


@dataclass
class Tally:
    """What came of the requests so far."""

    label: bytes = b""  # a header's name in lower case, or empty
    started: float = field(default_factory=time.monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    sent: int = 0
    ok: int = 0
    stale_retried: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    first_failure: float | None = None
    last_failure: float | None = None
    samples: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, Label] = field(default_factory=dict)
    latencies: array[float] = field(default_factory=lambda: array("d"))

    def count(self, begun: float, kind: str, answer: Answer, detail: str) -> None:
        """Count the one outcome, `kind`, of the request begun at `begun` (monotonic clock)."""
        now = time.monotonic()
        at = now - self.started
        self.latencies.append(now - begun)
        value = answer.header(self.label) if self.label else None
        if value is not None:
            label = self.labels.setdefault(value.decode("latin-1"), Label(at, at))
            label.last = at
            label.count += 1
        if kind == "ok":
            self.ok += 1
            return
        self.failures[kind] += 1
        self.last_failure = at
        if self.first_failure is None:
            self.first_failure = at
        if len(self.samples) < SAMPLES:
            sample = {"kind": kind, "detail": detail, "sent": begun - self.started, "seen": at}
            self.samples.append(sample | {"first_bytes": answer.first.decode("latin-1")})

    def report(self) -> dict[str, Any]:
        """Give the numbers as the report has them."""
        failed = self.failures.total()
        requests = self.ok + failed
        seconds = time.monotonic() - self.started
        ordered = sorted(self.latencies)
        return {
            "started_at": self.started_at.isoformat(),
            "seconds": seconds,
            "requests": requests,
            # Sent, but the run was broken off before they had an outcome.
            "unfinished": self.sent - requests,
            "failed": failed,
            "failures": dict(self.failures.most_common()),
            "first_failure": self.first_failure,
            "last_failure": self.last_failure,
            "stale_retried": self.stale_retried,
            "rate": requests / seconds,
            "latency_ms": {
                name: 1000 * ordered[int(part * (requests - 1))] if ordered else None
                for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1))
            },
            "answers": {value: vars(label) for value, label in self.labels.items()},
            "samples": self.samples,
        }


@dataclass(frozen=True)
class Target:
    """Where the requests go, and what they are, for either kind of client."""

    family: socket.AddressFamily
    address: str | tuple[str, int]
    new: tuple[bytes, ...]
    keep: tuple[bytes, ...]
    tls: ssl.SSLContext | None = None
    name: str = ""  # what a TLS server is told it is called


class Client:
    """One client: at most one connection, and on it at most one request at a time."""

    def __init__(self, load: Load, keep: bool) -> None:
        self.keep = keep
        self.busy = False
        self.begun = 0.0  # when the request was begun, monotonic clock
        self.requests = 0
        self._load = load
        self._pieces = itertools.cycle(load.target.keep if keep else load.target.new)
        self._sock: socket.socket | None = None
        self._request = b""
        self._unsent = b""
        self._blocked = False  # whether the connection takes no more bytes for now
        self._sent_at = 0.0  # when it was last tried to send the request, monotonic clock
        self._reused = False  # whether the connection had an answer before this request
        self._stale = False  # whether the connection was closed since the last request
        self._stray = b""  # what the server sent since the last request
        self._answer = Answer()

    def begin(self) -> None:
        """Begin a request; the client is busy until it has its outcome."""
        self.busy = True
        self.requests += 1
        self.begun = time.monotonic()
        self._request = next(self._pieces)
        self._answer = Answer()
        self._reused = self._sock is not None
        if self._stray:
            # A client that had not looked would have taken this for its answer.
            self._answer.first, self._stray = self._stray[:SAMPLE_BYTES], b""
            self._finish("other", "an answer before the request")
            return
        if self._stale:
            self._stale = False
            self._load.tally.stale_retried += 1
        if self._reused:
            self._send(self._request)
        else:
            self._connect()

    def ready(self, events: int) -> None:
        """Go on after epoll's `events` on the connection."""
        # In a TLS handshake, sending goes on when something has come.
        if self._unsent and (self._load.target.tls or events & select.EPOLLOUT):
            self._send(self._unsent)
        else:
            self._receive()

    def closed(self, error: OSError | None) -> None:
        """Judge the end of the connection, by an error or an orderly one (None).

        The one end that is not a failure: a server may close an idle connection at any time,
        and when the client's next request crosses that, HTTP (RFC 9112, 9.3.1) has the client
        repeat it on a new connection. So a request is sent again, and counted as
        stale_retried, only if the connection had served another before and not one byte of an
        answer came. On a connection of its own a request is never sent again.

        That alone would hide a server that reads a request and dies over it. The two differ:
        who closes without having read what came causes a reset, at any time; an orderly end
        means that everything was read, or that the end had been on its way before the
        request, and then it is here at once. An orderly end later than that is a failure.
        """
        if not self.busy:
            # Nothing was in flight. Counted with the next request, if there is one, so that
            # the count does not depend on who was faster.
            self._drop()
            self._stale = True
            return
        if error is None and self._answer.end():
            self._complete()
            return
        unread = isinstance(error, (ConnectionResetError, BrokenPipeError))
        at_once = error is None and time.monotonic() - self._sent_at < STALE
        if self._reused and not self._answer.first and (unread or at_once):
            self._load.tally.stale_retried += 1
            self._drop()
            self._reused = False
            self._connect()
        elif error is None:
            self._finish("cut", "closed before the end of the answer")
        else:
            self._fail(error)

    def time_out(self) -> None:
        """Give up the request."""
        self._finish("timeout", "request not sent" if self._unsent else "no complete answer")

    def close(self) -> None:
        """Close the connection for good."""
        self._drop()

    def _connect(self) -> None:
        target = self._load.target
        sock = socket.socket(target.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if target.tls:
            # The first send shakes hands.
            sock = target.tls.wrap_socket(
                sock, do_handshake_on_connect=False, server_hostname=target.name
            )
        self._sock = sock
        code = sock.connect_ex(target.address)
        if code not in (0, errno.EINPROGRESS):
            self._fail(OSError(code, os.strerror(code)))
            return
        self._load.watch(sock.fileno(), self)
        # On loopback the connection is made by now, almost always; else this waits.
        self._send(self._request)

    def _send(self, data: bytes) -> None:
        assert self._sock is not None
        waited = self._blocked
        self._sent_at = time.monotonic()
        try:
            self._unsent = data[self._sock.send(data) :]
            self._blocked = bool(self._unsent)
        except (BlockingIOError, ssl.SSLWantWriteError):
            self._unsent, self._blocked = data, True
        except ssl.SSLWantReadError:
            self._unsent, self._blocked = data, False
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self.closed(None)
            return
        except OSError as error:
            self.closed(error)
            return
        if self._blocked != waited:
            self._load.watch_sending(self._sock.fileno(), self._blocked)

    def _receive(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as error:
            self.closed(error)
            return
        if not data:
            self.closed(None)
        elif not self.busy:
            self._drop()
            self._stray = data
        else:
            try:
                self._answer.feed(data)
            except MalformedError as error:
                self._answer.closes = True
                self._finish("other", str(error))
                return
            if self._answer.done:
                self._complete()

    def _complete(self) -> None:
        status = self._answer.status
        self._finish("ok" if 200 <= status < 300 else str(status))

    def _fail(self, error: OSError) -> None:
        if isinstance(error, ssl.SSLError):
            # Its number is none of the system's.
            self._finish("tls", str(error))
            return
        name = errno.errorcode.get(error.errno or 0, "")
        self._finish(KINDS.get(error.errno or 0, "other"), f"{name} {error.strerror}")

    def _finish(self, kind: str, detail: str = "") -> None:
        if not self.keep or not self._answer.done or self._answer.closes:
            self._drop()
        self.busy = False
        self._load.tally.count(self.begun, kind, self._answer, detail)
        self._load.idle.append(self)

    def _drop(self) -> None:
        self._unsent, self._blocked = b"", False
        if self._sock is not None:
            self._load.unwatch(self._sock.fileno())
            self._sock.close()
            self._sock = None


class Load:
    """The clients, and the loop that drives them at the rate asked for."""

    def __init__(self, options: argparse.Namespace, target: Target) -> None:
        self.target = target
        self.tally = Tally(label=options.label.lower().encode())
        self.broken_off = ""  # set from outside, by a signal
        self._options = options
        self._epoll = select.epoll()
        self._watched: dict[int, Client] = {}
        kinds = [False] * options.new + [True] * options.keep
        self.clients = [Client(self, keep) for keep in kinds]
        #: Taken from the front, put back at the end: every client has its turn.
        self.idle = deque(self.clients)

    def watch(self, number: int, client: Client) -> None:
        """Tell `client` what happens to the connection with the file descriptor `number`."""
        self._watched[number] = client
        self._epoll.register(number, select.EPOLLIN)

    def watch_sending(self, number: int, sending: bool) -> None:
        """Also tell when the connection takes bytes, or no longer."""
        self._epoll.modify(number, select.EPOLLIN | (select.EPOLLOUT if sending else 0))

    def unwatch(self, number: int) -> None:
        """Forget a connection, which is closed right after; epoll forgets it with that."""
        self._watched.pop(number, None)

    def run(self) -> str:
        """Send requests until it is enough; give the reason why it was."""
        try:
            return self._run()
        finally:
            for client in self.clients:
                client.close()
            self._epoll.close()

    def _run(self) -> str:
        options, tally, idle = self._options, self.tally, self.idle
        stop_file = False
        ended = ""
        due = look = tally.started
        while True:
            now = time.monotonic()
            if now >= look:
                look = now + LOOK
                stop_file = stop_file or bool(options.stop_file and options.stop_file.exists())
                self._time_out(now - options.timeout)
            if self.broken_off:
                return self.broken_off
            if now - tally.started >= options.limit:
                return "limit"
            due = max(due, now - BURST)
            while not ended:
                ended = self._enough(now, stop_file)
                if ended or due > now or not idle:
                    break
                due += 1 / options.rate
                tally.sent += 1
                idle.popleft().begin()
            if ended and len(idle) == len(self.clients):
                return ended
            wake = look if ended or not idle else min(look, due)
            # Each client closes only its own connection, and after its own event, so no later
            # event of the same batch can belong to a closed one whose number is used again.
            for number, events in self._epoll.poll(max(0.0, wake - now)):
                self._watched[number].ready(events)

    def _enough(self, now: float, stop_file: bool) -> str:
        """Give the reason to send no more, or nothing."""
        options, sent = self._options, self.tally.sent
        if sent >= options.max_requests:
            return "max-requests"
        if options.seconds and now - self.tally.started >= options.seconds:
            return "seconds"
        if options.stop_file:
            return "stop-file" if stop_file and sent >= options.requests else ""
        return "requests" if options.requests and sent >= options.requests else ""

    def _time_out(self, begun: float) -> None:
        """Give up the requests begun before `begun`, monotonic clock."""
        for client in self.clients:
            if client.busy and client.begun < begun:
                client.time_out()

    def report(self, ended_by: str) -> dict[str, Any]:
        """Give the whole report."""
        clients = {"new": 0, "keep": 0}
        for client in self.clients:
            clients["keep" if client.keep else "new"] += client.requests
        return rounded(
            {"ended_by": ended_by, "rate_wanted": self._options.rate, "clients": clients}
            | self.tally.report()
        )


def rounded(value: Any) -> Any:
    """Give `value` with all its numbers to three places: milliseconds, or microseconds of one."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return value


def line(report: dict[str, Any]) -> str:
    """Say the report in one line."""
    kinds = ", ".join(f"{count} x {kind}" for kind, count in report["failures"].items())
    answers = ", ".join(f"{name} {label['count']}" for name, label in report["answers"].items())
    latency = report["latency_ms"]
    parts = [
        f"{report['requests']} requests in {report['seconds']:.1f} s ({report['rate']:.0f}/s)",
        f"{report['failed']} failed",
        f"{report['stale_retried']} stale retried",
        f"p50 {latency['p50']} p99 {latency['p99']} max {latency['max']} ms",
    ]
    if report["failed"]:
        window = f"{report['first_failure']:.1f} to {report['last_failure']:.1f} s"
        parts[1] += f" ({kinds}; from {window})"
    if report["unfinished"]:
        parts.insert(2, f"{report['unfinished']} unfinished")
    if answers:
        parts.append(f"answers: {answers}")
    return ", ".join([*parts, f"ended by {report['ended_by']}"])


def write(path: Path, report: dict[str, Any]) -> None:
    """Put the report in its place at once, so that nobody reads half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def lab_network() -> ipaddress.IPv4Network:
    """Give the network between lab hosts, if this is one; else one with no other host in it."""
    name = struct.pack("256s", LAB_INTERFACE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            address, mask = (
                socket.inet_ntoa(fcntl.ioctl(sock, request, name)[20:24])
                for request in (SIOCGIFADDR, SIOCGIFNETMASK)
            )
        except OSError:
            return ipaddress.IPv4Network("127.0.0.1/32")
    return ipaddress.IPv4Network(f"{address}/{mask}", strict=False)


def target_of(urls: Sequence[str], host: str, unix: str) -> Target:
    """Make the requests from the arguments. Raises ValueError with a sentence."""
    addresses = set()
    requests: dict[str, list[bytes]] = {"close": [], "keep-alive": []}
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is not of the form http[s]://HOST[:PORT]/PATH.")
        default = 443 if parts.scheme == "https" else 80
        addresses.add((parts.scheme, parts.hostname, parts.port or default))
        where = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        for connection, list_ in requests.items():
            head = (
                f"GET {where} HTTP/1.1",
                f"Host: {host or parts.netloc}",
                "User-Agent: flaskstack-load",
                "Accept: */*",
                f"Connection: {connection}",
            )
            if not all(one.isascii() and one.isprintable() for one in head) or " " in where:
                raise ValueError(f"{url} or the host has characters that must be encoded.")
            list_.append("\r\n".join([*head, "", ""]).encode())
    if len(addresses) > 1 and not unix or len({one[0] for one in addresses}) > 1:
        raise ValueError("All --url must name the same address and port.")
    family: socket.AddressFamily = socket.AF_UNIX
    address: str | tuple[str, int] = unix
    if not unix:
        _, name, port = next(iter(addresses))
        try:
            ip = ipaddress.ip_address("127.0.0.1" if name == "localhost" else name)
        except ValueError:
            raise ValueError(f"{name} is not an address; give 127.0.0.1 and --host.") from None
        if not (ip.is_loopback or ip in lab_network()):
            raise ValueError(
                f"{name} is not a loopback address, nor one of the network between lab hosts: load "
                "goes to no other."
            )
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
        address = (str(ip), port)
    tls = None
    if parts.scheme == "https":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return Target(
        family,
        address,
        tuple(requests["close"]),
        tuple(requests["keep-alive"]),
        tls,
        host.partition(":")[0] or parts.hostname or "",
    )


def at_least(least: float, kind: Callable[[str], float]) -> Callable[[str], float]:
    """Give a converter for argparse: a number of `kind` that is not below `least`."""

    def convert(text: str) -> float:
        number = kind(text)
        if not least <= number < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is below {least:g} or endless")
        return number

    return convert


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, Target]:
    """Read the command line; exits 2 with a sentence if it is wrong."""
    count, seconds = at_least(0, int), at_least(0.001, float)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--url", action="append", required=True, help="repeat it to ask for several in turn")
    add("--host", default="", help="the Host header (default: the URL's)")
    add("--unix", default="", metavar="PATH", help="connect to this socket, not to the URL's host")
    add("--new", type=count, default=4, help="clients with a new connection for each request")
    add("--keep", type=count, default=4, help="clients that keep their connection")
    add("--rate", type=at_least(0.1, float), required=True, help="requests a second, in total")
    add("--seconds", type=seconds, default=0, help="end after so long")
    add("--requests", type=count, default=0, help="end after so many, not before the stop file")
    add("--stop-file", type=Path, help="end once this exists")
    add("--limit", type=seconds, default=300, help="break off after so long, whatever else")
    add("--max-requests", type=at_least(1, int), default=1_000_000, help="end after so many")
    add("--timeout", type=seconds, default=15, help="seconds a request may take")
    add("--label", default="", metavar="HEADER", help="count the answers by this header's value")
    add("--report", type=Path, required=True, help="the file to write the numbers to, as JSON")
    options = parser.parse_args(arguments)
    if not options.new + options.keep:
        parser.error("There must be at least one client: --new or --keep.")
    if not (options.seconds or options.requests or options.stop_file):
        parser.error("Say when to end: --seconds, --requests or --stop-file.")
    if not options.report.absolute().parent.is_dir():
        parser.error(f"The folder of {options.report} does not exist.")
    if not options.label.isascii():
        parser.error("A header's name, --label, is ASCII.")
    try:
        return options, target_of(options.url, options.host, options.unix)
    except ValueError as error:
        parser.error(str(error))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load, write the report, say it in a line, and give the exit code."""
    options, target = parse(arguments)
    # The numbers of an earlier run must not be taken for this one's.
    options.report.unlink(missing_ok=True)
    load = Load(options, target)

    def break_off(number: int, _frame: FrameType | None) -> None:
        load.broken_off = signal.Signals(number).name

    former = {
        number: signal.signal(number, break_off) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        report = load.report(load.run())
        write(options.report, report)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if not report["requests"]:
        # Nothing failed only because nothing was asked: no proof of anything.
        print(f"No request had an outcome; ended by {report['ended_by']}.", file=sys.stderr)
        return 1
    print(line(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
