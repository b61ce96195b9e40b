#!/usr/bin/env python3
"""Measure the nginx and the applications of this host, with the clients beside this file.

    measure.py connections --host bench.example --connections 100000 --report connections.json
    measure.py blocked --host bench.example --with long.conf --without empty.conf \
        --source 127.77.0.5 --report blocked.json
    measure.py sizes --candidates 4x1,4x8 --base 4x2 --report sizes.json
    measure.py bodies --values 0,65536 --base 65536 --report bodies.json

`connections` has hold.py hold connections, and looks meanwhile at what nginx and the kernel take
for them, and how they are shared out to nginx's workers. `blocked` has load.py ask as fast as it
can, with the one and the other file as nginx's blocked.conf in turn. `sizes` has load.py do so with
applications that differ in their processes and threads, of which one runs at a time. `bodies` has
post.py post to applications that differ in `post_buffering`, and asks nginx for answers that it
takes in with one and other buffers.

They run as root on the host, with Python 3.11, and put back what they change; `sizes` and `bodies`
leave the applications stopped. The exit code is 0 if there is a report, whatever it says. In the
reports memory is in bytes and times are in seconds, unless a name says otherwise.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import random
import resource
import shutil
import socket
import stat
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
CONFIGURATION = Path("/etc/nginx/nginx.conf")
BLOCKED = Path("/etc/nginx/blocked.conf")
PID = Path("/run/nginx.pid")
SOCKSTAT = Path("/proc/net/sockstat")
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")

#: Seconds between two looks at the host while connections are held. Each look stops the workers for
#: some milliseconds.
LOOK = 5.0

#: Seconds that old workers are given to end after a reload, and that the host is then left alone.
RELOAD = 30.0
SETTLE = 0.3

#: Where the applications of `sizes` are, and what they are asked for.
APPLICATIONS = Path("/opt")
ENDPOINTS = ("cpu", "io", "mixed", "plain")

#: What a second run with the base is called in each round of `sizes`: it differs by noise alone.
AGAIN = "again"

#: Seconds that an application is given to make its workers.
START = 10.0

#: Requests that each endpoint gets one after another, to see how long one takes alone.
ALONE = 20

#: What is posted to the applications of `bodies`, and in how many bytes; and what nobody reads.
BODIES = {"100 B": 100, "70 kB": 70_000, "1 MB": 1_000_000}
UNREAD = 70_000

#: Clients that post at the same time; as many as the applications of `bodies` have threads.
POSTING = 8

#: Seconds between two looks at files and memory while there is an upload.
GLANCE = 0.02

#: Connections whose memory is measured: such as are kept after an answer, and such whose client
#: does not read it.
KEPT = 2000
WAITING = 200

#: Connections before those, because a worker takes more the first time.
WARM = 32

#: What a client's system takes of an answer that it does not read, bytes; the system doubles it.
UNREAD_ANSWER = 4096

#: Seconds in which nginx must have taken in all that it can.
REST = 30.0

#: What tells an application of a request: the role's file, and that of nginx's package.
PARAMETERS = Path("/etc/nginx/parameters/uwsgi.conf")
PACKAGED = Path("/etc/nginx/uwsgi_params")

#: What a run is with: nothing, the list, and once more nothing, to see what noise alone does.
ARMS = ("without", "with", "control")


class Unmeasurable(Exception):
    """Why there is no report."""


# ---- What the host says --------------------------------------------------------------------


def field(path: str | Path, name: str) -> int | None:
    """Return a value, in bytes, of a file with lines like `Pss: 12 kB`; None if it has none."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None


def main_process() -> int:
    """Return the process id of nginx's main process. Raises Unmeasurable."""
    try:
        return int(PID.read_text(encoding="ascii"))
    except (OSError, ValueError):
        raise Unmeasurable("nginx does not run on this host.") from None


def workers(leaving: bool = False) -> list[int]:
    """Return the process ids of nginx's workers: those that take connections, or those that end."""
    main = main_process()
    found = []
    for number in Path(f"/proc/{main}/task/{main}/children").read_text(encoding="ascii").split():
        try:
            title = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if title.startswith(b"nginx: worker process") and (b"shutting down" in title) == leaving:
            found.append(int(number))
    return found


def memory() -> dict[str, int]:
    """Return what all processes of nginx take together, and one worker alone, in bytes.

    Pss counts a page that several processes share once in the sum, so it is what they really take.
    """
    of_workers = workers()
    sizes = [field(f"/proc/{one}/smaps_rollup", "Pss") for one in [main_process(), *of_workers]]
    if None in sizes or not of_workers:
        raise Unmeasurable("This host does not let root read the memory of nginx's processes.")
    return {
        "all_pss": sum(size or 0 for size in sizes),
        "worker_pss": int(statistics.median(size or 0 for size in sizes[1:])),
        "worker_rss": field(f"/proc/{of_workers[0]}/smaps_rollup", "Rss") or 0,
    }


def descriptors() -> list[int]:
    """Return how many open files each worker has, in the order of their process ids."""
    return [len(os.listdir(f"/proc/{one}/fd")) for one in sorted(workers())]


def processor_time() -> float:
    """Return the processor time that the workers used so far, seconds."""
    times = (Path(f"/proc/{one}/schedstat").read_text(encoding="ascii") for one in workers())
    return sum(int(text.split()[0]) for text in times) / 1e9


def machine_time() -> dict[str, float]:
    """Return the time that all processors of the machine worked, and that was stolen, seconds.

    With what nginx and the client took, it tells whether others were at work meanwhile.
    """
    words = Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=9)[1:9]
    user, nice, system, _, _, irq, softirq, steal = (int(word) / TICKS for word in words)
    return {"machine": user + nice + system + irq + softirq, "stolen": steal}


def kernel() -> dict[str, int | None]:
    """Return what the kernel takes, in bytes, and its sockets; None is what it does not say.

    The buffers of TCP and the slabs are those of the whole machine, not of this host alone.
    """
    sockets: dict[str, int | None] = {"tcp_sockets": None, "tcp_buffers": None}
    try:
        for line in SOCKSTAT.read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[0] == "TCP:":
                pairs = dict(zip(words[1::2], map(int, words[2::2]), strict=True))
                sockets = {"tcp_sockets": pairs["inuse"], "tcp_buffers": pairs["mem"] * PAGE}
    except (OSError, KeyError):
        pass
    return sockets | {"slab": field("/proc/meminfo", "Slab")}


def limit(name: str) -> int:
    """Return the number that a directive of nginx.conf has. Raises Unmeasurable."""
    for line in CONFIGURATION.read_text(encoding="utf-8").splitlines():
        words = line.strip().rstrip(";").split()
        if len(words) == 2 and words[0] == name and words[1].isdigit():
            return int(words[1])
    raise Unmeasurable(f"{CONFIGURATION} has no number for {name}.")


def nginx_version() -> str:
    """Return the version of nginx."""
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True)
    return said.stderr.partition("/")[2].strip()


def renew_workers() -> None:
    """Reload nginx, and wait until only new workers are left."""
    before = set(workers())
    subprocess.run(["systemctl", "reload", "nginx"], check=True)
    deadline = time.monotonic() + RELOAD
    while True:
        now = set(workers())
        if now and not now & before and not workers(leaving=True):
            break
        if time.monotonic() > deadline:
            raise Unmeasurable(f"nginx's old workers did not end within {RELOAD:.0f} s.")
        time.sleep(0.05)
    time.sleep(SETTLE)


# ---- connections ---------------------------------------------------------------------------


def look() -> dict[str, Any]:
    """Return all that connections take of the host at this moment."""
    used = {"nginx": processor_time(), **machine_time()}
    return {**memory(), **kernel(), "descriptors": descriptors(), "processor_time": used}


def connections(options: argparse.Namespace) -> dict[str, Any]:
    """Hold connections, look at the host meanwhile, and return the report."""
    held = options.report.with_name("hold.json")
    # Old workers keep the memory that connections had before.
    renew_workers()
    first = set(workers())
    before = look()
    looks: list[dict[str, Any]] = []
    with options.progress.open("w", encoding="utf-8") as progress:
        client = subprocess.Popen(
            [sys.executable, HERE / "hold.py", "--url", options.url, "--host", options.host]
            + ["--connections", str(options.connections), "--interval", str(options.interval)]
            + ["--seconds", str(options.seconds), "--report", held],
            stdout=progress,
            stderr=progress,
        )
        begun = time.monotonic()
        try:
            while True:
                try:
                    client.wait(LOOK)
                    break
                except subprocess.TimeoutExpired:
                    at = round(time.monotonic() - begun, 1)
                    looks.append({"at": at, **look()})
        finally:
            if client.poll() is None:
                client.terminate()
                client.wait()
    if client.returncode:
        raise Unmeasurable(f"hold.py ended with {client.returncode}; see {options.progress}.")
    if not looks:
        raise Unmeasurable("The run was over before the first look at the host.")
    client_report = json.loads(held.read_text(encoding="utf-8"))
    # Not the sum of the greatest of each worker: one look, the last of those with the most.
    full = max(looks, key=lambda one: (sum(one["descriptors"]), one["at"]))
    allowed, fullest = limit("worker_connections"), max(max(one["descriptors"]) for one in looks)
    # From here on nginx closes idle connections to keep the last sixteenth free, and its log at
    # level error does not say so (ngx_drain_connections).
    usable = allowed - allowed // 16
    opened = client_report["opened"]

    def each(name: str) -> int | None:
        """Return how much more there is of something for each connection, bytes."""
        if before[name] is None or full[name] is None or not opened:
            return None
        return round((full[name] - before[name]) / opened)

    taken = [
        now - then for now, then in zip(full["descriptors"], before["descriptors"], strict=False)
    ]
    return {
        "nginx": nginx_version(),
        "client": client_report,
        "workers_that_ended": len(first - set(workers())),
        "closed_in_all": client_report["closed_by_server"]
        + client_report["while_opening"]["closed_by_server"],
        "failed_in_all": client_report["failed"] + client_report["while_opening"]["failed"],
        "bytes_per_connection": {
            "nginx": each("all_pss"),
            "tcp_buffers_of_both_ends": each("tcp_buffers"),
            "slab_of_both_ends": each("slab"),
        },
        "spread": {
            "connections": taken,
            "most": max(taken),
            "least": min(taken),
            "descriptors_at_most": fullest,
            "worker_connections": allowed,
            "usable_connections": usable,
            "worker_rlimit_nofile": limit("worker_rlimit_nofile"),
            # As many in all as make the fullest worker full, if they go on being shared out so.
            "fit_with_this_spread": int(sum(taken) * usable / fullest),
            "fit_with_an_even_spread": usable * len(taken),
        },
        "processors": processors(looks, client_report["seconds"]),
        "before": before,
        "full": full,
        "looks": looks,
    }


def processors(looks: Sequence[dict[str, Any]], seconds: float) -> dict[str, float]:
    """Return how many processors were at work on average in the last `seconds`, and for whom."""
    # The client ends soon after the last look.
    first = next(one for one in looks if one["at"] >= looks[-1]["at"] - seconds)
    passed = looks[-1]["at"] - first["at"] or 1.0
    return {
        name: round((now - first["processor_time"][name]) / passed, 2)
        for name, now in looks[-1]["processor_time"].items()
    }


# ---- blocked -------------------------------------------------------------------------------


def use(path: Path, text: bytes) -> None:
    """Make a text a file of nginx's configuration, and have nginx take it over."""
    fresh = path.with_name(f".{path.name}.bench")
    fresh.write_bytes(text)
    fresh.chmod(0o644)
    fresh.replace(path)
    renew_workers()


def ask(options: argparse.Namespace) -> dict[str, float]:
    """Ask as fast as the client can; return requests a second and nginx's time for each."""
    report = options.report.with_name("load.json")
    used = processor_time()
    subprocess.run(
        [sys.executable, HERE / "load.py", "--url", options.url, "--host", options.host]
        # A rate that it never comes near, so that it only waits for answers.
        + ["--new", "0", "--keep", str(options.keep), "--rate", "1000000"]
        + ["--seconds", str(options.seconds), "--report", report],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    used = processor_time() - used
    numbers = json.loads(report.read_text(encoding="utf-8"))
    return {
        "requests": numbers["requests"],
        "failed": numbers["failed"],
        "per_second": numbers["rate"],
        "microseconds_of_nginx": 1e6 * used / numbers["requests"],
    }


def status_from(options: argparse.Namespace, source: str) -> int:
    """Return the status that a request from a loopback address gets."""
    # IPv6 has only one of them, and what is blocked is an IPv4 address always.
    server = source if ":" in source else "127.0.0.1"
    port = urlsplit(options.url).port or 80
    connection = http.client.HTTPConnection(server, port, timeout=10, source_address=(source, 0))
    connection.request("GET", "/", headers={"Host": options.host})
    status = connection.getresponse().status
    connection.close()
    return status


def seconds_to_test() -> float:
    """Return how long `nginx -t` takes: the median of seven times."""
    times = []
    for _ in range(7):
        begun = time.perf_counter()
        subprocess.run(["nginx", "-t", "-q"], check=True)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


@contextmanager
def kept(path: Path) -> Iterator[None]:
    """Put a file of nginx's configuration back, and have nginx read it, whatever happens."""
    text = path.read_bytes()
    try:
        yield
    finally:
        use(path, text)


def ratios(rounds: Sequence[dict[str, Any]], arm: str, name: str) -> dict[str, float]:
    """Compare an arm with the one without, round by round: median, least and greatest ratio."""
    found = [one[arm][name] / one["without"][name] for one in rounds]
    return {"median": statistics.median(found), "least": min(found), "most": max(found)}


def blocked(options: argparse.Namespace) -> dict[str, Any]:
    """Ask with and without what is blocked, in turn, and return the report."""
    texts = {
        "without": options.without.read_bytes(),
        "with": options.with_.read_bytes(),
        "control": options.without.read_bytes(),
    }
    client = urlsplit(options.url).hostname or ""
    rounds: list[dict[str, Any]] = []
    about: dict[str, Any] = {}
    with kept(BLOCKED):
        for arm in ("without", "with"):
            use(BLOCKED, texts[arm])
            # The main process keeps what an earlier configuration took, and so do its workers.
            subprocess.run(["systemctl", "restart", "nginx"], check=True)
            time.sleep(SETTLE)
            started = memory()
            renew_workers()
            about[arm] = {
                "memory_when_started": started,
                "memory_when_reloaded": memory(),
                "seconds_of_nginx_t": seconds_to_test(),
                "status_of_client": status_from(options, client),
                "status_of_blocked": status_from(options, options.source),
            }
        # All orders of the three in turn: none always comes first, or always after the same.
        orders = itertools.cycle(itertools.permutations(ARMS))
        with options.progress.open("w", encoding="utf-8") as progress:
            for number, order in zip(range(options.rounds), orders, strict=False):
                one = {}
                for arm in order:
                    use(BLOCKED, texts[arm])
                    one[arm] = ask(options)
                rounds.append(one)
                rates = ", ".join(f"{one[arm]['per_second']:.0f}/s {arm}" for arm in ARMS)
                line = f"round {number + 1} of {options.rounds}: {rates}"
                print(line, file=progress, flush=True)
    arms = [one[arm] for one in rounds for arm in ARMS]
    return {
        "nginx": nginx_version(),
        "workers": len(workers()),
        "entries": sum(line.endswith(b" 1;") for line in texts["with"].splitlines()),
        "requests": sum(arm["requests"] for arm in arms),
        "failed": sum(arm["failed"] for arm in arms),
        **about,
        "medians": {
            arm: {
                name: statistics.median(one[arm][name] for one in rounds)
                for name in ("per_second", "microseconds_of_nginx")
            }
            for arm in ARMS
        },
        # Whatever else the machine does can only add to it.
        "least_microseconds": {
            arm: min(one[arm]["microseconds_of_nginx"] for one in rounds) for arm in ARMS
        },
        "ratios": {
            arm: {
                name: ratios(rounds, arm, name) for name in ("per_second", "microseconds_of_nginx")
            }
            for arm in ("with", "control")
        },
        "rounds": rounds,
    }


# ---- sizes ---------------------------------------------------------------------------------


def name_of(candidate: str) -> str:
    """Return the name of the application that has a candidate's processes and threads."""
    return f"bench-{candidate}"


def unit_of(candidate: str, kind: str) -> str:
    """Return a unit of the application's current release. Raises Unmeasurable."""
    try:
        release = (APPLICATIONS / name_of(candidate) / "current").readlink().name
    except OSError:
        raise Unmeasurable(f"There is no application {name_of(candidate)} on this host.") from None
    return f"uwsgi-{name_of(candidate)}@{release}.{kind}"


def control(verb: Sequence[str], candidates: Sequence[str]) -> None:
    """Have systemctl do something with the services and sockets of applications."""
    units = [unit_of(one, kind) for one in candidates for kind in ("socket", "service")]
    subprocess.run(["systemctl", *verb, *units], check=True)


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(number) for number in text.split()]


def processes_of(candidate: str, number: int) -> list[int]:
    """Return the process ids of an application that runs: its master, then its workers.

    Raises Unmeasurable if the workers do not become so many.
    """
    said = subprocess.run(
        ["systemctl", "show", "--property=MainPID", "--value", unit_of(candidate, "service")],
        capture_output=True,
        text=True,
        check=True,
    )
    master = int(said.stdout)
    # uWSGI says that it is ready before it makes its workers.
    deadline = time.monotonic() + START
    while True:
        found = children(master) if master else []
        if len(found) == number:
            return [master, *found]
        if time.monotonic() > deadline:
            raise Unmeasurable(f"{name_of(candidate)} has {len(found)} workers.")
        time.sleep(0.05)


def processes_in(candidate: str) -> int:
    """Return the number of processes of a candidate, PROCESSESxTHREADS."""
    return int(candidate.partition("x")[0])


def threads_in(candidate: str) -> int:
    """Return the number of threads that each process of a candidate has."""
    return int(candidate.partition("x")[2])


def time_of(pids: Sequence[int]) -> float:
    """Return the processor time that processes used so far, with all threads they have, seconds."""
    threads = (one for pid in pids for one in Path(f"/proc/{pid}/task").iterdir())
    times = ((one / "schedstat").read_text(encoding="ascii") for one in threads)
    return sum(int(text.split()[0]) for text in times) / 1e9


def time_of_clients() -> float:
    """Return the processor time of the clients that have ended, seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_of(pids: Sequence[int]) -> dict[str, int]:
    """Return what an application takes: all of it, its master, and a worker (the median), bytes."""
    sizes = [field(f"/proc/{one}/smaps_rollup", "Pss") for one in pids]
    if None in sizes:
        raise Unmeasurable("This host does not let root read the memory of its processes.")
    master, *rest = [size or 0 for size in sizes]
    return {
        "all_pss": master + sum(rest),
        "master_pss": master,
        "worker_pss": int(statistics.median(rest)),
    }


def ask_one(
    options: argparse.Namespace, candidate: str, endpoint: str, *limits: str
) -> dict[str, Any]:
    """Have load.py ask for one endpoint of an application, and return its report.

    Raises Unmeasurable if another application answered.
    """
    report = options.report.with_name("load.json")
    name = name_of(candidate)
    url = f"{options.url.rstrip('/')}/{endpoint}"
    subprocess.run(
        [sys.executable, HERE / "load.py", "--url", url, "--host", f"{name}.example"]
        # A closed loop: a rate that it never comes near, so that it only waits for answers.
        + ["--new", "0", "--rate", "1000000", "--timeout", "30", "--label", "X-Bench"]
        + [*limits, "--report", report],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    numbers = json.loads(report.read_text(encoding="utf-8"))
    others = set(numbers["answers"]) - {name}
    if others:
        raise Unmeasurable(f"{', '.join(sorted(others))} answered in place of {name}.")
    return numbers


def measure_one(options: argparse.Namespace, candidate: str, seed: str) -> dict[str, Any]:
    """Start an application, ask for all endpoints, look at its memory, and stop it."""
    control(["start"], [candidate])
    try:
        pids = processes_of(candidate, processes_in(candidate))
        loop = ["--keep", str(options.keep), "--seconds"]
        # What is done at the first request only, in each worker.
        ask_one(options, candidate, "plain", *loop, "0.3")
        found: dict[str, Any] = {}
        for endpoint in random.Random(seed).sample(ENDPOINTS, len(ENDPOINTS)):
            before = {
                "application": time_of(pids),
                "nginx": processor_time(),
                "client": time_of_clients(),
                **machine_time(),
            }
            numbers = ask_one(options, candidate, endpoint, *loop, str(options.seconds))
            after = {
                "application": time_of(pids),
                "nginx": processor_time(),
                "client": time_of_clients(),
                **machine_time(),
            }
            used = {name: after[name] - before[name] for name in after}
            others = used["machine"] - used["application"] - used["nginx"] - used["client"]
            found[endpoint] = {
                "requests": numbers["requests"],
                "failed": numbers["failed"] + numbers["unfinished"],
                "failures": numbers["failures"],
                "per_second": numbers["rate"],
                "p50_ms": numbers["latency_ms"]["p50"],
                "p99_ms": numbers["latency_ms"]["p99"],
                "milliseconds_of_application": 1e3 * used["application"] / numbers["requests"],
                "processors_of_application": used["application"] / numbers["seconds"],
                "processors_of_others": max(0.0, others) / numbers["seconds"],
            }
        if processes_of(candidate, len(pids) - 1) != pids:
            raise Unmeasurable(f"Processes of {name_of(candidate)} ended while they were asked.")
        return {"endpoints": found, "memory": memory_of(pids)}
    finally:
        control(["stop"], [candidate])


def alone(options: argparse.Namespace) -> dict[str, float]:
    """Return how long a request takes that is alone on the host, milliseconds: the medians."""
    control(["start"], [options.base])
    try:
        processes_of(options.base, processes_in(options.base))
        limits = ("--keep", "1", "--requests", str(ALONE))
        reports = {one: ask_one(options, options.base, one, *limits) for one in ENDPOINTS}
        return {one: numbers["latency_ms"]["p50"] for one, numbers in reports.items()}
    finally:
        control(["stop"], [options.base])


def across(
    rounds: Sequence[dict[str, Any]], base: str, candidate: str, endpoint: str
) -> dict[str, Any]:
    """Return the medians of an endpoint over all rounds, and the ratios to the base in each."""
    runs = [one[candidate]["endpoints"][endpoint] for one in rounds]
    bases = [one[base]["endpoints"][endpoint] for one in rounds]
    found: dict[str, Any] = {
        name: statistics.median(run[name] for run in runs)
        for name in ("per_second", "p50_ms", "p99_ms", "milliseconds_of_application")
    }
    found["failed"] = sum(run["failed"] for run in runs)
    for name in ("per_second", "p99_ms"):
        each = [run[name] / one[name] for run, one in zip(runs, bases, strict=True)]
        found[f"{name}_to_base"] = {
            "median": statistics.median(each),
            "least": min(each),
            "most": max(each),
        }
    return found


def slope(points: Sequence[tuple[int, int]]) -> float:
    """Return by how much the second number grows with the first: a line through all points."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def groups(candidates: Sequence[str], of: Callable[[str], int]) -> dict[int, list[str]]:
    """Return the candidates by a number of theirs; only numbers that two or more have."""
    found: dict[int, list[str]] = {}
    for one in candidates:
        found.setdefault(of(one), []).append(one)
    return {number: found[number] for number in sorted(found) if len(found[number]) > 1}


def sizes(options: argparse.Namespace) -> dict[str, Any]:
    """Ask applications of different sizes, one after another, and return the report."""
    candidates = list(dict.fromkeys([*options.candidates.split(","), options.base]))
    # The base twice.
    runs = {one: one for one in candidates} | {AGAIN: options.base}
    rounds: list[dict[str, Any]] = []
    # Those of an earlier benchmark too.
    subprocess.run(
        ["systemctl", "stop", "uwsgi-bench-*@*.socket", "uwsgi-bench-*@*.service"], check=True
    )
    with options.progress.open("w", encoding="utf-8") as progress:
        print("how long a request takes that is alone", file=progress, flush=True)
        single = alone(options)
        for number in range(1, options.rounds + 1):
            one: dict[str, Any] = {}
            # By chance, so that no candidate always comes first; the same in each benchmark.
            for key in random.Random(number).sample(list(runs), len(runs)):
                one[key] = measure_one(options, runs[key], f"{number} {key}")
                rates = ", ".join(
                    f"{name} {run['per_second']:.0f}/s"
                    for name, run in one[key]["endpoints"].items()
                )
                count = f"{len(one)} of {len(runs)} in round {number} of {options.rounds}"
                print(f"{count}, {runs[key]}: {rates}", file=progress, flush=True)
            rounds.append(one)
    control(["disable", "--quiet"], candidates)
    found = {
        key: {
            "processes": processes_in(candidate),
            "threads": threads_in(candidate),
            "endpoints": {
                endpoint: across(rounds, options.base, key, endpoint) for endpoint in ENDPOINTS
            },
            "memory": {
                name: int(statistics.median(one[key]["memory"][name] for one in rounds))
                for name in ("all_pss", "master_pss", "worker_pss")
            },
        }
        for key, candidate in runs.items()
    }
    all_runs = [
        run for one in rounds for size in one.values() for run in size["endpoints"].values()
    ]
    memory = {one: found[one]["memory"]["all_pss"] for one in candidates}
    return {
        "nginx": nginx_version(),
        "cores": os.cpu_count(),
        "connections": options.keep,
        "seconds": options.seconds,
        "base": options.base,
        "requests": sum(run["requests"] for run in all_runs),
        "failed": sum(run["failed"] for run in all_runs),
        "alone_ms": single,
        "processors_of_others": {
            "median": statistics.median(run["processors_of_others"] for run in all_runs),
            "most": max(run["processors_of_others"] for run in all_runs),
        },
        # By how many threads each worker has, and by how many workers there are.
        "bytes_per_worker": {
            threads: slope([(processes_in(one), memory[one]) for one in group])
            for threads, group in groups(candidates, threads_in).items()
        },
        "bytes_per_thread": {
            workers: slope([(workers * threads_in(one), memory[one]) for one in group])
            for workers, group in groups(candidates, processes_in).items()
        },
        "sizes": found,
        "rounds": rounds,
    }


# ---- bodies --------------------------------------------------------------------------------


def key_of(value: int) -> str:
    """Return what an application with this post_buffering is called after `bench-`."""
    return f"body-{value}"


def used_so_far(pids: Sequence[int]) -> dict[str, float]:
    """Return the processor time of an application, nginx, clients that ended, and the machine.

    What this program takes itself to look at them counts as the clients'.
    """
    return {
        "application": time_of(pids),
        "nginx": processor_time(),
        "client": time_of_clients() + time.process_time(),
        "machine": machine_time()["machine"],
    }


def nameless(pids: Sequence[int]) -> int:
    """Return how long the files are that processes have open and that have no name any more.

    Both uWSGI and nginx have bodies in such files. By the file system they could not be told apart.
    """
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        for one in Path(f"/proc/{pid}/fd").iterdir():
            try:
                about, name = one.stat(), os.readlink(one)
            except OSError:  # closed meanwhile
                continue
            if stat.S_ISREG(about.st_mode) and name.endswith(" (deleted)"):
                found[about.st_dev, about.st_ino] = about.st_size
    return sum(found.values())


def begin_to_post(
    options: argparse.Namespace, value: int, path: str, size: int, *more: str
) -> subprocess.Popen[bytes]:
    """Start post.py; its report is post.json."""
    url = f"{options.url.rstrip('/')}/{path}"
    return subprocess.Popen(
        [sys.executable, HERE / "post.py", "--url", url]
        + ["--host", f"{name_of(key_of(value))}.example", "--bytes", str(size), *more]
        + ["--report", options.report.with_name("post.json")]
    )


def posted(
    options: argparse.Namespace,
    value: int,
    pids: Sequence[int],
    size: int,
    *more: str,
    path: str = "read",
) -> dict[str, Any]:
    """Have post.py post, look at files and memory if it is once, and return the figures.

    Raises Unmeasurable if there is no report.
    """
    status = "200" if path == "read" else "401"
    once = "--once" in more
    disk, most = {"uwsgi": 0, "nginx": 0}, {"uwsgi": 0, "nginx": 0}
    before = used_so_far(pids)
    client = begin_to_post(options, value, path, size, *more)
    try:
        while once and client.poll() is None:
            for name, processes in (("uwsgi", pids), ("nginx", workers())):
                disk[name] = max(disk[name], nameless(processes))
            most["uwsgi"] = max(most["uwsgi"], memory_of(pids)["all_pss"])
            most["nginx"] = max(most["nginx"], memory()["all_pss"])
            time.sleep(GLANCE)
    finally:
        client.wait()
    if client.returncode:
        raise Unmeasurable(f"post.py ended with {client.returncode}.")
    after = used_so_far(pids)
    numbers = json.loads(options.report.with_name("post.json").read_text(encoding="utf-8"))
    used = {name: after[name] - before[name] for name in after}
    others = used["machine"] - used["application"] - used["nginx"] - used["client"]
    bad = numbers["outcomes"].get("502", 0) if path == "unread" else 0
    return {
        "requests": numbers["requests"],
        "bad_gateway": bad,
        "failed": numbers["requests"] - numbers["outcomes"].get(status, 0) - bad,
        "outcomes": numbers["outcomes"],
        "per_second": numbers["rate"],
        "p50_ms": numbers["latency_ms"]["p50"],
        "milliseconds_of_application": 1e3 * used["application"] / numbers["requests"],
        "milliseconds_of_nginx": 1e3 * used["nginx"] / numbers["requests"],
        "processors_of_others": max(0.0, others) / numbers["seconds"],
        **({"disk": disk, "most_memory": most} if once else {}),
    }


def post_to_one(options: argparse.Namespace, value: int) -> dict[str, Any]:
    """Start an application, post all there is to it, look at its memory, and stop it."""
    control(["start"], [key_of(value)])
    try:
        pids = processes_of(key_of(value), options.processes)
        clients = ["--clients", str(POSTING), "--seconds"]
        loop = [*clients, str(options.seconds)]
        # What is done at the first request only, in each worker.
        posted(options, value, pids, 0, *clients, "0.3")
        used = {"started": memory_of(pids)["all_pss"]}
        found = {name: posted(options, value, pids, size, *loop) for name, size in BODIES.items()}
        used["after_bodies"] = memory_of(pids)["all_pss"]
        once = ("--clients", "1", "--once")
        found["upload"] = posted(options, value, pids, options.megabytes * 1_000_000, *once)
        found["unread"] = posted(options, value, pids, UNREAD, *loop, path="unread")
        if processes_of(key_of(value), options.processes) != pids:
            raise Unmeasurable(f"Processes of {name_of(key_of(value))} ended meanwhile.")
        return {"bodies": found, "memory": used}
    finally:
        control(["stop"], [key_of(value)])


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median of values, the least and the greatest."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def over_rounds(rounds: Sequence[dict[int, dict[str, Any]]], value: int) -> dict[str, Any]:
    """Return what an application did in all rounds."""
    runs = [one[value] for one in rounds]
    found: dict[str, Any] = {}
    for name in runs[0]["bodies"]:
        each = [run["bodies"][name] for run in runs]
        found[name] = {
            key: spread([one[key] for one in each])
            for key in (
                "per_second",
                "p50_ms",
                "milliseconds_of_application",
                "milliseconds_of_nginx",
            )
        } | {key: [one[key] for one in each] for key in ("requests", "bad_gateway")}
        if "disk" in each[0]:
            for key in ("disk", "most_memory"):
                found[name][key] = {
                    of: statistics.median(one[key][of] for one in each) for of in each[0][key]
                }
    memory_used = {
        name: int(statistics.median(run["memory"][name] for run in runs))
        for name in runs[0]["memory"]
    }
    return {"bodies": found, "memory": memory_used}


def connect(options: argparse.Namespace, host: str, path: str) -> http.client.HTTPConnection:
    """Ask on a new connection with small buffers of the client's own, and leave it open."""
    url = urlsplit(options.url)
    address = (url.hostname or "", url.port or 80)
    connection = http.client.HTTPConnection(*address, timeout=15)
    connection.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    connection.sock.settimeout(15)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_ANSWER)
    connection.sock.connect(address)
    connection.request("GET", path, headers={"Host": host})
    return connection


def rest() -> None:
    """Wait until nginx has nothing to do. Raises Unmeasurable if that does not come."""
    deadline, before = time.monotonic() + REST, processor_time()
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = processor_time()
        if now - before < 0.002:
            return
        before = now
    raise Unmeasurable(f"nginx was at work for {REST:.0f} s after it had been asked.")


def bytes_of_connection(
    options: argparse.Namespace, host: str, path: str, number: int, read: bool
) -> float:
    """Return what nginx takes for each of so many connections, bytes.

    Args:
        options: of the command line.
        host: the site that is asked.
        path: what it is asked for.
        number: how many connections.
        read: whether their client reads the answer; if not, nginx keeps what it can of it.

    Raises:
        Unmeasurable: one of them had another answer than 200.
    """
    renew_workers()
    waiting: list[http.client.HTTPConnection] = []
    with ExitStack() as opened:

        def answered(path: str, read: bool) -> None:
            connection = connect(options, host, path)
            opened.callback(connection.close)
            if read:
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise Unmeasurable(f"{host} answered {answer.status}.")
                if answer.will_close:
                    raise Unmeasurable(f"{host} does not keep its connections.")
            else:
                waiting.append(connection)

        for _ in range(WARM):
            answered("/", read=True)
        rest()
        before = memory()["all_pss"]
        for _ in range(number):
            answered(path, read)
        rest()
        taken = memory()["all_pss"] - before
        for one in waiting:
            begin = one.sock.recv(12, socket.MSG_PEEK)
            if begin != b"HTTP/1.1 200":
                raise Unmeasurable(f"{host} began an answer with {begin!r}.")
    return taken / number


def one_round_of_answers(options: argparse.Namespace, order: Sequence[str]) -> dict[str, Any]:
    """Measure the memory of connections, with the role's buffers and with nginx's own."""
    hosts = {"role": options.host, "nginx": "bench-buffers.example"}
    return {
        arm: {
            "kept": bytes_of_connection(options, hosts[arm], "/", KEPT, read=True),
            "waiting": bytes_of_connection(options, hosts[arm], "/large", WAITING, read=False),
        }
        for arm in order
    }


def one_round_of_parameters(
    options: argparse.Namespace, texts: dict[str, bytes], order: Sequence[str]
) -> dict[str, Any]:
    """Ask as fast as the client can, with one and the other file of parameters."""
    found = {}
    for arm in order:
        use(PARAMETERS, texts[arm])
        found[arm] = ask(options)
    return found


def bodies(options: argparse.Namespace) -> dict[str, Any]:
    """Post to applications that differ in post_buffering, measure connections, and report."""
    values = [int(one) for one in options.values.split(",")]
    options.host = f"{name_of(key_of(options.base))}.example"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Those of an earlier benchmark too.
    subprocess.run(
        ["systemctl", "stop", "uwsgi-bench-*@*.socket", "uwsgi-bench-*@*.service"], check=True
    )
    rounds: list[dict[int, dict[str, Any]]] = []
    answers, parameters = [], []
    texts = {"role": PARAMETERS.read_bytes(), "nginx": PACKAGED.read_bytes()}
    begun = time.monotonic()
    with options.progress.open("w", encoding="utf-8") as progress:

        def say(text: str) -> None:
            print(f"{text}, after {time.monotonic() - begun:.0f} s", file=progress, flush=True)

        for number in range(1, options.rounds + 1):
            count = f"in round {number} of {options.rounds}"
            one: dict[int, dict[str, Any]] = {}
            # By chance, so that none always comes first; the same in each benchmark.
            for value in random.Random(number).sample(values, len(values)):
                one[value] = post_to_one(options, value)
                say(f"{len(one)} of {len(values)} {count}, post_buffering {value}")
            rounds.append(one)
        control(["start"], [key_of(options.base)])
        try:
            processes_of(key_of(options.base), options.processes)
            for number in range(1, options.rounds + 1):
                order = list(texts) if number % 2 else list(reversed(texts))
                answers.append(one_round_of_answers(options, order))
                say(f"answers in round {number} of {options.rounds}")
            with kept(PARAMETERS):
                for number in range(1, options.rounds + 1):
                    order = list(texts) if number % 2 else list(reversed(texts))
                    parameters.append(one_round_of_parameters(options, texts, order))
                    say(f"parameters in round {number} of {options.rounds}")
        finally:
            control(["stop"], [key_of(options.base)])
    control(["disable", "--quiet"], [key_of(value) for value in values])
    posts = [run for one in rounds for found in one.values() for run in found["bodies"].values()]
    return {
        "nginx": nginx_version(),
        "cores": os.cpu_count(),
        "rounds_of_each": options.rounds,
        "seconds": options.seconds,
        "seconds_in_all": time.monotonic() - begun,
        "megabytes": options.megabytes,
        "clients": POSTING,
        "requests": sum(run["requests"] for run in posts),
        "failed": sum(run["failed"] for run in posts)
        + sum(arm["failed"] for one in parameters for arm in one.values()),
        "processors_of_others": spread([run["processors_of_others"] for run in posts]),
        "values": {str(value): over_rounds(rounds, value) for value in values},
        "connections": {"kept": KEPT, "waiting": WAITING},
        "bytes_per_connection": {
            arm: {name: spread([one[arm][name] for one in answers]) for name in ("kept", "waiting")}
            for arm in texts
        },
        "parameters": {
            arm: {
                "lines": sum(line.startswith(b"uwsgi_param") for line in text.splitlines()),
                "microseconds_of_nginx": spread(
                    [one[arm]["microseconds_of_nginx"] for one in parameters]
                ),
            }
            for arm, text in texts.items()
        },
        "rounds": {"bodies": rounds, "answers": answers, "parameters": parameters},
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    jobs = parser.add_subparsers(required=True)
    hold = jobs.add_parser("connections", help="hold many connections")
    hold.set_defaults(job=connections)
    hold.add_argument("--connections", type=int, required=True, help="how many to hold")
    hold.add_argument("--interval", type=float, default=10, help="seconds in which each asks once")
    hold.add_argument("--seconds", type=float, default=60, help="how long, once all are open")
    block = jobs.add_parser("blocked", help="compare two files of blocked addresses")
    block.set_defaults(job=blocked)
    block.add_argument("--with", dest="with_", type=Path, required=True, help="the long file")
    block.add_argument("--without", type=Path, required=True, help="the file that blocks nobody")
    block.add_argument("--source", required=True, help="an IPv4 loopback address it blocks")
    block.add_argument("--rounds", type=int, default=24, help="how often with and without")
    block.add_argument("--seconds", type=float, default=1, help="how long to ask each time")
    block.add_argument("--keep", type=int, default=32, help="connections to ask on")
    size = jobs.add_parser("sizes", help="compare numbers of processes and threads")
    size.set_defaults(job=sizes)
    size.add_argument("--candidates", required=True, help="PROCESSESxTHREADS, with commas between")
    size.add_argument("--base", default="4x2", help="the one that others are compared with")
    size.add_argument("--rounds", type=int, default=3, help="how often each")
    size.add_argument("--seconds", type=float, default=1.5, help="how long to ask each time")
    size.add_argument("--keep", type=int, default=64, help="connections to ask on")
    post = jobs.add_parser("bodies", help="compare values of post_buffering, and nginx's buffers")
    post.set_defaults(job=bodies)
    post.add_argument("--values", required=True, help="bytes, with commas between")
    post.add_argument("--base", type=int, default=65536, help="the one for all that is no body")
    post.add_argument("--processes", type=int, default=2, help="that each application has")
    post.add_argument("--megabytes", type=int, default=200, help="of an upload")
    post.add_argument("--rounds", type=int, default=3, help="how often each")
    post.add_argument("--seconds", type=float, default=1.5, help="how long to post each time")
    post.add_argument("--keep", type=int, default=8, help="connections to ask on")
    for job in (hold, block):
        job.add_argument("--host", required=True, help="the Host header")
    for job in (hold, block, size, post):
        job.add_argument("--url", default="http://127.0.0.1/", help="what to ask for")
        job.add_argument(
            "--progress", type=Path, default=Path("/dev/null"), help="and what is done"
        )
        job.add_argument("--report", type=Path, required=True, help="where the figures go, JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the report and give the exit code."""
    options = parse(arguments)
    options.report.unlink(missing_ok=True)
    try:
        report = options.job(options)
    except (Unmeasurable, OSError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    fresh = options.report.with_suffix(".new")
    fresh.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    shutil.move(fresh, options.report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
