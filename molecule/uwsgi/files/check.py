"""Ask the application of this scenario, look at its host, and compare both with what was promised.

Runs on the host as root: check.py CHECK [ARGUMENT...], where CHECK is a function of this file.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHARED = "/opt/hello/shared"
METRICS = "/var/lib/node_exporter/uwsgi.prom"
LOAD = "/run/load.py"


def run(*command: str) -> str:
    """Run a command and return what it printed; a failure is for what it printed to show."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout


def hold(truth: object, *told: object) -> None:
    """Stop with what is told unless it is true."""
    if not truth:
        raise SystemExit(" ".join(map(str, told)) or "see the line above")


def wait(condition: Callable[[], object], told: str, seconds: float = 15) -> None:
    """Wait until a condition is true; stop with what is told if it never is."""
    end = time.monotonic() + seconds
    while not condition():
        hold(time.monotonic() < end, told)
        time.sleep(0.1)


def current() -> str:
    """Return the current release."""
    return os.path.basename(os.readlink("/opt/hello/current"))


def connect(name: str) -> socket.socket:
    """Return a connection to one of the sockets of the current release."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(40)
    connection.connect(f"/run/wsgi/hello/{current()}/{name}.sock")
    return connection


def get(path: str) -> tuple[int, dict[str, Any]]:
    """Ask for a path; return status and answer. The status is 0 if the connection was closed."""
    client = http.client.HTTPConnection("localhost")
    client.sock = connect("http")
    try:
        client.request("GET", path)
        answer = client.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else {}
    except (http.client.HTTPException, OSError):
        return 0, {}
    finally:
        client.close()


def raw(method: bytes, uri: bytes, more: bytes = b"") -> bytes:
    """Send a request as it is; return the whole answer."""
    with connect("http") as connection:
        connection.sendall(method + b" " + uri + b" HTTP/1.0\r\n" + more + b"\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def stats() -> dict[str, Any]:
    """Return uWSGI's own figures."""
    with connect("stats") as connection:
        return json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))


def workers() -> list[dict[str, Any]]:
    """Return the workers that run."""
    return [worker for worker in stats()["workers"] if worker["pid"]]


def journal(release: str) -> list[str]:
    """Return the messages of a release in the journal; each must be text."""
    run("journalctl", "--sync")
    found = run("journalctl", "--output=json", "APP_NAME=hello", "APP_RELEASE=" + release)
    messages = [json.loads(line)["MESSAGE"] for line in found.splitlines()]
    hold(all(isinstance(one, str) for one in messages), "bytes that are no text in the journal")
    return messages


def read(path: str) -> str:
    """Return what is in a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def noted(name: str) -> list[list[str]]:
    """Return the lines of a file of beside.sh: time, process, release, event."""
    return [line.split() for line in read(f"{SHARED}/{name}").splitlines()]


# ---- What runs beside the application ------------------------------------------------------


def beside(release: str, former: str = "", gone: str = "") -> None:
    """See that the services and timers of a release run, and of no other."""
    wanted = {
        f"uwsgi-hello{name}@{release}.{kind}"
        for name, kind in (
            ("", "socket"),
            ("", "service"),
            (".worker", "service"),
            (".scheduler", "service"),
            (".job", "timer"),
        )
    }

    def active() -> set[str]:
        listed = run(
            *("systemctl", "list-units", "--plain", "--no-legend", "--full", "uwsgi-hello*@*"),
            "--state=active,activating,deactivating,failed",
        )
        # A release command that failed stays so until the next try.
        units = {line.split()[0] for line in listed.splitlines()}
        return {unit for unit in units if not unit.startswith("uwsgi-hello-release@")}

    # The job of the release runs, by its timer.
    job = f"uwsgi-hello.job@{release}.service"
    wait(lambda: active() == wanted | {job}, f"other units than {sorted(wanted)} and its job", 20)
    enabled = {
        name
        for target in ("multi-user", "sockets", "timers")
        for name in os.listdir(f"/etc/systemd/system/{target}.target.wants")
        if name.startswith("uwsgi-hello")
    }
    hold(enabled == wanted, "enabled are", sorted(enabled))
    pids = {pid for _, pid, of, event in noted("worker") if of == release and event == "begin"}
    pid = run("systemctl", "show", "--value", "-p", "MainPID", f"uwsgi-hello.worker@{release}")
    hold(pid.strip() in pids, "the worker did not note", pid)
    # It found the former worker at work, so it would have found a former scheduler too.
    if former:
        hold(any(line[3] == "overlap" for line in noted("worker")), "nothing found an overlap")
        ended = {line[1] for line in noted("job") if line[3] == "end"}
        begun = {line[1] for line in noted("job") if line[2] == former}
        hold(begun and begun <= ended, "jobs of the former release were cut off:", begun - ended)
    hold(all(line[3] != "overlap" for line in noted("scheduler")), "there were two schedulers")
    hold(noted("scheduler")[-1][2:] == [release, "begin"], "the scheduler did not begin")
    hold(not os.path.exists(f"{SHARED}/elsewhere"), "a service ran that is another host's")
    units = " ".join(os.listdir("/etc/systemd/system") + os.listdir("/var/lib/systemd/timers"))
    hold("elsewhere" not in units, units)
    if gone:
        hold(gone not in units and gone not in os.listdir("/opt/hello/releases"), gone, "in", units)


def of_uwsgi(runs: str) -> None:
    """See that uWSGI's own mule, daemon, cron and spooler run, or do not."""
    if runs == "no":
        wait(lambda: not run("pgrep", "-f", "[s]leep 86399"), "the daemon lives on")
        hold("spooler" not in run("ps", "-C", "uwsgi", "-o", "args"), "the spooler lives on")
        return
    hold(len(run("pgrep", "-f", "[s]leep 86399").split()) == 1, "there is not one daemon")
    processes = run("ps", "-C", "uwsgi", "-o", "args")
    hold(processes.count("spooler") == processes.count("mule") == 1, processes)
    text = f"job {time.time()}".replace(" ", "-")
    hold(get(f"/spool/{text}")[0] == 200, "nothing was spooled")
    for name, content in (("spooled", text), ("mule", current()), ("cron", "")):
        path = f"{SHARED}/{name}"
        wait(lambda path=path: os.path.exists(path), f"there is no {path}", 75)
        wait(lambda path=path, content=content: content in read(path), f"none in {path}")


# ---- Figures -------------------------------------------------------------------------------


def scrape() -> dict[str, float]:
    """Return what node_exporter tells once the file was written anew: name and labels to value."""
    began = time.time()
    wait(lambda: os.stat(METRICS).st_mtime > began, "the metrics are not written")
    with urllib.request.urlopen("http://127.0.0.1:9100/metrics") as answer:
        text = answer.read().decode()
    return {
        name.replace(",file=" + json.dumps(METRICS), ""): float(value)
        for name, value in re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)
    }


def metrics(requests: str) -> None:
    """Compare what Prometheus would read with the requests that were sent."""
    label = '{app="hello"}'
    before = scrape()
    for _ in range(int(requests)):
        get("/")
    for _ in range(3):
        get("/raise")
    after = scrape()

    def grown(name: str) -> float:
        return after[f"uwsgi_{name}{label}"] - before[f"uwsgi_{name}{label}"]

    hold(grown("requests_total") == int(requests) + 3, "requests:", grown("requests_total"))
    hold(grown("exceptions_total") == 3, "exceptions:", grown("exceptions_total"))
    hold(
        after.get(f"uwsgi_memory_bytes{label}", 0) > 5e6,
        "memory:",
        after.get(f"uwsgi_memory_bytes{label}"),
    )
    info = f'uwsgi_release_info{{app="hello",release="{current()}",version=""}}'
    hold(after.get(info) == 1, info, "is not in", sorted(after))
    states = [
        after[f'uwsgi_workers{{app="hello",state="{state}"}}']
        for state in ("busy", "idle", "other")
    ]
    hold(sum(states) == len(workers()) and states[1] > 0, "workers:", states)
    hold(after[f"uwsgi_services_down{label}"] == 0, "services are down")
    hold(after["node_textfile_scrape_error"] == 0, "node_exporter cannot read it")


def statsd(prefix: str) -> None:
    """Receive what uWSGI pushes to a StatsD server."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 8125))
    listener.settimeout(10)
    names = {listener.recv(1500).decode().partition(":")[0] for _ in range(10)}
    hold(all(name.startswith(prefix + ".") for name in names), names)
    hold(any("worker" in name for name in names), names)


# ---- Logs ----------------------------------------------------------------------------------


def quiet_log() -> None:
    """See that without a request log, slow requests and failures are logged, nothing else."""
    for path in ("/?fine", "/sleep/0.7", "/broken"):
        get(path)
    time.sleep(0.2)
    lines = [line for line in journal(current()) if "GET /" in line]
    for path, times in (("/sleep/0.7", 1), ("/broken", 1), ("/?fine", 0)):
        found = [line for line in lines if f"GET {path} " in line]
        hold(len(found) == times, path, "was logged", len(found), "times:", lines)


def json_log(former: str) -> None:
    """See that each request is one JSON object, whatever is in it."""
    hostile = b'/"},{"status":1,\\\x01\x1b\t\xff\xc3(\'?"\\\x7f=\xfe$1${HTTP_HOST}%22'
    long = b"/" + b"a" * 30000
    requests = {
        b"/?plain=1&$filter=${HTTP_HOST}": "/?plain=1&$filter=${HTTP_HOST}",
        hostile: "hex:" + hostile.hex().upper(),
        b"/\n": "hex:2F0A",
        long: "hex:" + long.hex().upper()[:2000],
    }
    for uri in requests:
        hold(raw(b"POST", uri).startswith(b"HTTP/1.0 200 "), uri, "was not answered")
    hold(raw(b'G"T', b"/odd").startswith(b"HTTP/1.0 200 "), "an odd method was not answered")
    hold(get("/broken")[0] == 500 and get("/sleep/0.3")[0] == 200)
    time.sleep(0.2)
    lines = journal(current())
    hold(not any(former in line for line in lines), "lines of", former)
    logged = [json.loads(line) for line in lines if line.startswith('{"app"')]
    keys = {"app", "release", "time_ms", "client", "method", "uri", "status", "bytes"}
    keys |= {"duration_ms", "worker"}
    hold(all(set(line) == keys for line in logged), "other keys than", keys)
    hold(all(line["release"] == current() for line in logged), "lines of another release")
    found = {(line["method"], line["uri"]): line for line in logged}
    for uri in requests.values():
        hold(("POST", uri) in found, uri, "is not among", list(found))
        hold(found["POST", uri]["status"] == 200, uri)
    hold(found["other", "hex:" + b"/odd".hex().upper()]["status"] == 200)
    hold(found["GET", "/broken"]["status"] == 500)
    hold(300 <= found["GET", "/sleep/0.3"]["duration_ms"] < 3000, found["GET", "/sleep/0.3"])
    hold(abs(found["GET", "/broken"]["time_ms"] / 1000 - time.time()) < 60, "its time is wrong")
    # Nothing but these is about a request.
    rest = [line for line in lines if re.search(r"POST|GET|HTTP/", line) and line[0] != "{"]
    hold(not rest, rest)


# ---- Workers -------------------------------------------------------------------------------


def replaced(requests: str) -> None:
    """See that workers come with load, and are replaced under it without one failed request."""
    wait(lambda: len(workers()) == 2, "not two workers with nothing to do")
    # Many short requests, and five at a time that take a second: no worker has nothing to do. The
    # long ones go on until there is a third worker: uWSGI looks once a second whether one is idle.
    enough = Path("/run/load.enough")
    enough.unlink(missing_ok=True)
    loads = [
        subprocess.Popen(
            [
                *("/usr/bin/python3.11", LOAD, "--url", "http://localhost" + path, "--keep", "0"),
                *("--unix", f"/run/wsgi/hello/{current()}/http.sock", "--new", new),
                *("--rate", rate, "--requests", count, "--report", f"/run/load-{rate}.json"),
                *(("--stop-file", str(enough)) if rate == "5" else ()),
            ]
        )
        for path, new, rate, count in (
            ("/sleep/0.01", "8", "400", requests),
            ("/sleep/1", "5", "5", str(int(requests) // 80)),
        )
    ]
    most = 0
    last = time.monotonic() + 120
    while any(load.poll() is None for load in loads):
        most = max(most, len(workers()))
        if most == 3 or time.monotonic() > last:
            enough.touch()
        time.sleep(0.2)
    reports = [json.loads(read(f"/run/load-{rate}.json")) for rate in (400, 5)]
    respawns = sum(max(worker["respawn_count"] - 1, 0) for worker in stats()["workers"])
    hold(all(report["failed"] == 0 for report in reports), reports)
    hold(sum(report["requests"] for report in reports) >= int(requests), reports)
    hold(respawns > 3, "workers were replaced", respawns, "times")
    hold(most == 3, "there were never three workers")
    print(respawns, "workers were replaced")
    # One that has taken too much memory goes after a request, once it is two seconds old.
    status, answer = get("/eat/200")
    hold(status == 200, status)

    def gone() -> bool:
        get("/healthz")
        return answer["pid"] not in [worker["pid"] for worker in workers()]

    wait(gone, "the worker that took 200 MB lives on")


def harakiri() -> None:
    """See that a request that takes too long is ended and explained, and the others go on."""
    before = scrape()['uwsgi_harakiri_total{app="hello"}']
    began = time.monotonic()
    hanging = subprocess.Popen(
        [
            *("curl", "--silent", "--unix-socket", f"/run/wsgi/hello/{current()}/http.sock"),
            "http://localhost/sleep/30",
        ]
    )
    while hanging.poll() is None:
        began_one = time.monotonic()
        hold(get("/")[0] == 200, "the other worker does not serve")
        hold(time.monotonic() - began_one < 1.5, "the other worker is slow")
        time.sleep(0.1)
    took = time.monotonic() - began
    hold(1.5 <= took <= 5 and hanging.returncode != 0, "it was ended after", took, "s")
    wait(lambda: len(workers()) == 2, "the worker was not replaced")
    text = "\n".join(journal(current()))
    hold(re.search(r"hello\.py.*sleep_long", text), "no traceback in:", text[-3000:])
    hold(scrape()['uwsgi_harakiri_total{app="hello"}'] - before == 1, "the metrics do not count it")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
