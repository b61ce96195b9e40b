"""Tell how the applications of a host are: for people, for programs, and for Prometheus."""

import calendar
import os
import time
from typing import Any, Dict, List, Tuple

import releases
import routers

#: Where the figures of a process are.
PROC = "/proc"

#: Name, type and help of the metrics, in the order they are written in.
METRICS = (
    ("up", "gauge", "Whether the current release answers on its stats socket."),
    ("release_info", "gauge", "1, with the current release and what people call its version."),
    ("release_activated_timestamp_seconds", "gauge", "When the current release went live."),
    ("restarts_total", "counter", "Restarts of the current release's service by systemd."),
    ("services_down", "gauge", "Services and timers of the current release that are not active."),
    ("releases_running", "gauge", "Releases with a unit that runs, the current one among them."),
    ("workers", "gauge", "Worker processes, by state."),
    ("threads", "gauge", "Threads of all workers: how many requests can be worked on at once."),
    ("threads_busy", "gauge", "Threads that work on a request."),
    ("memory_bytes", "gauge", "Memory of master and workers, shared pages counted once."),
    ("requests_total", "counter", "Requests, health checks among them."),
    ("exceptions_total", "counter", "Exceptions that the application did not catch."),
    ("harakiri_total", "counter", "Workers killed because a request took too long."),
    ("respawns_total", "counter", "Workers started again after the first time."),
    ("sent_bytes_total", "counter", "Bytes of the answers."),
    ("busy_seconds_total", "counter", "Time that workers spent on requests."),
)


def memory_of(pids: List[int]) -> int:
    """Return the memory of processes in bytes, shared pages counted once (Pss of proc(5))."""
    total = 0
    for pid in pids:
        try:
            with open(os.path.join(PROC, str(pid), "smaps_rollup"), encoding="ascii") as file:
                lines = file.read().splitlines()
        except OSError:  # it has ended
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def names_in(root: str, wanted: List[str]) -> List[str]:
    """Return the applications on the host, or those of them that are wanted."""
    return [
        entry
        for entry in sorted(os.listdir(root))
        if os.path.isdir(os.path.join(root, entry, "releases")) and (not wanted or entry in wanted)
    ]


def figures(app: releases.Application, units: Dict[str, Tuple[str, str]]) -> Dict[str, Any]:
    """Return what systemd and uWSGI say of the release that an application runs.

    memory and sent are in bytes, running in seconds; all that uWSGI counts began with the start of
    the release.
    """
    current = app.linked("current")
    stats = releases.read_stats(app, current) if current else {}
    workers = [worker for worker in stats.get("workers", []) if worker.get("pid")]
    cores = [core for worker in workers for core in worker.get("cores", [])]
    restarts = releases.show(app.unit(current), "NRestarts").get("NRestarts") if current else ""
    down = [
        unit
        for unit in app.services(current) + app.timers(current)
        if units.get(unit, ("",))[0] != "active"
    ]
    return {
        "release": current,
        "version": app.about(current).get("version", ""),
        "state": units.get(app.unit(current), ("inactive", "dead"))[0],
        "restarts": int(restarts or 0),
        "answers": bool(stats),
        "workers": len(workers),
        "busy": sum(1 for worker in workers if worker.get("status") == "busy"),
        "idle": sum(1 for worker in workers if worker.get("status") == "idle"),
        "threads": len(cores),
        "threads_busy": sum(1 for core in cores if core.get("in_request")),
        "requests": sum(worker.get("requests", 0) for worker in workers),
        "exceptions": sum(worker.get("exceptions", 0) for worker in workers),
        "harakiri": sum(worker.get("harakiri_count", 0) for worker in workers),
        "respawns": sum(max(worker.get("respawn_count", 0) - 1, 0) for worker in workers),
        "sent": sum(worker.get("tx", 0) for worker in workers),
        "running": sum(worker.get("running_time", 0) for worker in workers) / 1e6,
        "memory": memory_of([stats["pid"]] + [worker["pid"] for worker in workers]) if stats else 0,
        # By the names that they have in the inventory.
        "down": [unit.split("@")[0].split(".", 1)[1] for unit in down],
        "others": [
            found
            for found in releases.releases_in(app, releases.at_work(units))
            if found != current
        ],
    }


def activated_at(app: releases.Application, current: str) -> str:
    """Return when the current release went live, as the history has it; empty if it does not."""
    times = [
        event["time"]
        for event in app.history()
        if event["release"] == current and event.get("event") in releases.SERVED
    ]
    return times[-1] if times else ""


def status(request: Dict[str, Any]) -> Dict[str, Any]:
    """Return, for each application, what serves and how it is."""
    units = releases.list_units()
    answers = []
    for name in names_in(request["root"], request["names"]):
        app = releases.Application(name, request["root"])
        answer = figures(app, units)
        good = app.good()
        answer.update(
            name=name,
            since=activated_at(app, answer["release"]),
            routers=routers.states(name),
            previous=good[0] if good else "",
            previous_version=app.about(good[0]).get("version", "") if good else "",
            history=app.history()[-10:],
        )
        answers.append(answer)
    return {"apps": answers}


# ---- Memory --------------------------------------------------------------------------------


def host_memory() -> int:
    """Return the memory of the host in bytes."""
    with open(os.path.join(PROC, "meminfo"), encoding="ascii") as file:
        return int(file.readline().split()[1]) * 1024


def inspect(request: Dict[str, Any]) -> Dict[str, Any]:
    """Return whether metrics are collected as they should be, and warnings about memory."""
    unit = "uwsgi-metrics.timer"
    if request["metrics"]:
        collected = not any(map(releases.is_stale, request["metrics"])) and (
            unit in releases.list_enabled()
            and releases.show(unit, "ActiveState").get("ActiveState") == "active"
        )
    else:
        collected = not os.path.exists(os.path.join(releases.UNITS, unit))
    return {"metrics": collected, "warnings": warnings(request)}


def warnings(request: Dict[str, Any]) -> List[str]:
    """Return a sentence if the workers need more memory than there is.

    A worker is reckoned at what those of the current release take, before that at worker_memory, in
    MB; ansible-core before 2.19 hands a number over as text.
    """
    parts, total, reckoned = [], 0, int(request["worker_memory"]) * 2**20
    for wanted in request["apps"]:
        app = releases.Application(wanted["name"], request["root"])
        current = app.linked("current")
        stats = releases.read_stats(app, current) if current else {}
        pids = [worker["pid"] for worker in stats.get("workers", []) if worker.get("pid")]
        each = memory_of([stats["pid"]] + pids) // len(pids) if pids else reckoned
        count = wanted["processes"] or len(pids)
        total += count * each
        if count:
            parts.append(
                "{} of '{}' at {:.0f} MB ({})".format(
                    count, wanted["name"], each / 2**20, "measured" if pids else "reckoned"
                )
            )
    there = host_memory()
    if total <= there:
        return []
    return [
        "The workers need more memory than this host has: {} are {:.0f} MB, and there are {:.0f}"
        " MB. Lower the processes, or give the host more memory.".format(
            ", ".join(parts), total / 2**20, there / 2**20
        )
    ]


# ---- Prometheus ----------------------------------------------------------------------------


def label(text: str) -> str:
    """Return a text as it stands between the quotes of a label (Prometheus's text format)."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def epoch(text: str) -> int:
    """Return a time of the history in seconds since the epoch; 0 for none."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) if text else 0


def samples(app: releases.Application, units: Dict[str, Tuple[str, str]]) -> Dict[str, List[str]]:
    """Return metric -> its lines for one application."""
    found = figures(app, units)
    of = f'app="{label(app.name)}"'
    info = '{},release="{}",version="{}"'.format(
        of, label(found["release"]), label(found["version"])
    )
    lines: Dict[str, List[str]] = {}

    def add(metric: str, value: float, labels: str = of) -> None:
        # Put together like this because Ansible would take two braces in a row for its own.
        line = "uwsgi_" + metric + "{" + labels + "} " + format(value, ".17g")
        lines.setdefault(metric, []).append(line)

    add("up", int(found["answers"]))
    add("release_info", 1, info)
    add("release_activated_timestamp_seconds", epoch(activated_at(app, found["release"])))
    add("restarts_total", found["restarts"])
    add("services_down", len(found["down"]))
    add("releases_running", len(found["others"]) + (found["state"] == "active"))
    # What uWSGI does not say is left out: a nought would be taken for a figure.
    if found["answers"]:
        for state in ("busy", "idle"):
            add("workers", found[state], f'{of},state="{state}"')
        rest = found["workers"] - found["busy"] - found["idle"]
        add("workers", rest, f'{of},state="other"')
        add("threads", found["threads"])
        add("threads_busy", found["threads_busy"])
        # A container's root may not be allowed to look at it.
        if found["memory"]:
            add("memory_bytes", found["memory"])
        add("requests_total", found["requests"])
        add("exceptions_total", found["exceptions"])
        add("harakiri_total", found["harakiri"])
        add("respawns_total", found["respawns"])
        add("sent_bytes_total", found["sent"])
        add("busy_seconds_total", found["running"])
    return lines


def metrics(request: Dict[str, Any]) -> Dict[str, Any]:
    """Write the figures of all applications as a file for node_exporter's textfile collector."""
    units = releases.list_units()
    lines: Dict[str, List[str]] = {}
    for name in names_in(request["root"], []):
        for metric, found in samples(releases.Application(name, request["root"]), units).items():
            lines.setdefault(metric, []).extend(found)
    text = ""
    for metric, kind, about in METRICS:
        if metric in lines:
            text += f"# HELP uwsgi_{metric} {about}\n# TYPE uwsgi_{metric} {kind}\n"
            text += "\n".join(lines[metric]) + "\n"
    releases.write_file(request["to"], text, 0o644, "root")
    return {"metrics": len(lines)}
