"""The program that a timer runs: the figures of all applications for Prometheus.

It writes a file for node_exporter's textfile collector. The module app_metrics puts it on the
host, made of the files that MODULES names.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import calendar
import sys
import time
from typing import Dict, List

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_info, _files
from ansible_collections.flaskstack.centos.plugins.module_utils._application import (
    Application,
    Units,
    list_instances,
    names_in,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, describe

#: This file and all that it imports.
MODULES = (
    "_app_info",
    "_app_journal",
    "_app_metrics",
    "_app_prove",
    "_app_router",
    "_application",
    "_commands",
    "_errors",
    "_files",
    "_lock",
    "_ports",
    "_sockets",
    "_systemd",
    "_uwsgi_stats",
    "_wanted_files",
)

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


def label(text: str) -> str:
    """Return a text as it stands between the quotes of a label (Prometheus's text format)."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def epoch(text: str) -> int:
    """Return a time of the history in seconds since the epoch; 0 for none."""
    try:
        return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return 0


def samples(app: Application, units: Units) -> Dict[str, List[str]]:
    """Return metric -> its lines for one application."""
    found = _app_info.figures(app, units)
    of = f'app="{label(app.name)}"'
    info = '{},release="{}",version="{}"'.format(
        of, label(found["release"]), label(found["version"])
    )
    lines: Dict[str, List[str]] = {}

    def add(metric: str, value: float, labels: str = of) -> None:
        line = f"uwsgi_{metric}{{{labels}}} {value:.17g}"
        lines.setdefault(metric, []).append(line)

    add("up", int(found["answers"]))
    add("release_info", 1, info)
    add("release_activated_timestamp_seconds", epoch(app.activated_at(found["release"])))
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


def text_of(root: str) -> str:
    """Return the figures of all applications in Prometheus's text format.

    Raises:
        CommandFailed: systemd does not answer.
    """
    units = list_instances()
    lines: Dict[str, List[str]] = {}
    for name in names_in(root):
        for metric, found in samples(Application(name, root), units).items():
            lines.setdefault(metric, []).extend(found)
    text = ""
    for metric, kind, about in METRICS:
        if metric in lines:
            text += f"# HELP uwsgi_{metric} {about}\n# TYPE uwsgi_{metric} {kind}\n"
            text += "\n".join(lines[metric]) + "\n"
    return text


def main(arguments: List[str]) -> int:
    """Write the figures; return the exit status.

    Args:
        arguments: the directory of the applications, and the path of the file.
    """
    root, path = arguments
    try:
        _files.write(path, text_of(root).encode("utf-8", "replace"), 0o644)
    except (Problem, OSError) as failure:
        print(describe(failure) if isinstance(failure, OSError) else str(failure), file=sys.stderr)
        return 1
    return 0
