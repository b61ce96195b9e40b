#!/usr/bin/env python3
"""Post bodies to a server on this host, and count what is answered.

    post.py --url http://127.0.0.1/read --host shop.example --bytes 70000 --clients 8 \
        --seconds 1.5 --report post.json

Each client keeps its connection and posts again as soon as it has its answer. It is there because
load.py, of the tests, has no bodies. Nothing is retried: a request has one outcome, the status of
its answer or the name of the error. Only loopback addresses are accepted. Exits 0 if there is a
report, whatever it says; 2 for wrong arguments. Times are in seconds unless a name says otherwise.
"""

from __future__ import annotations

import argparse
import http.client
import ipaddress
import itertools
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

#: What a longer body is sent in, bytes, so that the client need not have all of it.
BLOCK = b"x" * 1_000_000

#: Seconds that the server may let a client wait for anything.
TIMEOUT = 30.0


def body(size: int) -> bytes | Iterable[bytes]:
    """Return a body of so many bytes."""
    if size <= len(BLOCK):
        return BLOCK[:size]
    blocks, rest = divmod(size, len(BLOCK))
    return itertools.chain(itertools.repeat(BLOCK, blocks), [BLOCK[:rest]] if rest else [])


def post(options: argparse.Namespace, until: float, outcomes: list[tuple[str, float]]) -> None:
    """Be one client until a time of the monotonic clock; add each outcome and how long it took."""
    url: SplitResult = options.url
    headers = {"Host": options.host or url.netloc, "Content-Length": str(options.bytes)}
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=TIMEOUT)
    while time.monotonic() < until:
        begun = time.monotonic()
        try:
            connection.request("POST", url.path or "/", body(options.bytes), headers)
            answer = connection.getresponse()
            answer.read()
            outcome = str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            outcome = type(error).__name__
            connection.close()
        outcomes.append((outcome, time.monotonic() - begun))
        if options.once:
            break
    connection.close()


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Have all clients post, and return the report."""
    begun = time.monotonic()
    each: list[list[tuple[str, float]]] = [[] for _ in range(options.clients)]
    clients = [
        threading.Thread(target=post, args=(options, begun + options.seconds, outcomes))
        for outcomes in each
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds = time.monotonic() - begun
    found = list(itertools.chain.from_iterable(each))
    times = sorted(took for _, took in found)
    return {
        "requests": len(found),
        "seconds": seconds,
        "rate": len(found) / seconds,
        "outcomes": dict(Counter(outcome for outcome, _ in found).most_common()),
        "latency_ms": {
            name: 1000 * times[int(part * (len(times) - 1))] if times else None
            for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1))
        },
    }


def loopback(text: str) -> SplitResult:
    """Return the parts of a URL. Raises ValueError if it is not one of this host."""
    url = urlsplit(text)
    if url.scheme != "http" or not ipaddress.ip_address(url.hostname or "").is_loopback:
        raise ValueError(text)
    return url


def main(arguments: Sequence[str] | None = None) -> int:
    """Post, write the report and give the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--url", type=loopback, required=True, help="http, and a loopback address")
    add("--host", default="", help="the Host header (default: the URL's)")
    add("--bytes", type=int, required=True, help="how long a body is")
    add("--clients", type=int, default=8, help="how many post at the same time")
    add("--seconds", type=float, default=1.5, help="how long they begin requests")
    add("--once", action="store_true", help="one request of each client and no more")
    add("--report", type=Path, required=True, help="where the figures go, JSON")
    options = parser.parse_args(arguments)
    options.report.write_text(json.dumps(run(options), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
