#!/usr/bin/env python3
"""Measure what runs over many simulated hosts cost the control node.

    controller.py PLAN

PLAN is a JSON file:

    arms          list of what is measured: each has a `name`, the command `argv` (ansible-playbook
                  without inventory), its directory `cwd`, the recorded `answers`, and `variables`
                  for the inventory
    hosts         numbers of hosts, in ascending order
    forks         as many workers at once
    slowness      how long an answer takes, as a multiple of what the real one took
    patience      seconds that a run may take
    memory        MiB that all processes of a run may have together
    directory     where to write inventories and what runs said

The report, JSON on standard output, has the figures of each run, and `table`, all of it as text.
`seconds` is how long it took; `processor` the seconds of processor time (user and system) of
Ansible and all the processes that it waited for; `main` the same of its main process alone, in
which nothing is done side by side; `memory` the most that all its processes had together (Pss, so
what they share counts once), looked at once a second.

The exit code is 0 if there is a report. A run that fails or takes too much ends it all.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from report import table

HERE = Path(__file__).resolve().parent
HEAD = ["what", "hosts", "seconds", "processor", "a host", "main", "MiB", "tasks a host"]
SHOWN = 3000
#: Clock ticks a second, in which /proc counts processor time.
TICKS = os.sysconf("SC_CLK_TCK")


class Unmeasurable(Exception):
    """Why there is no report."""


def inventory(arm: dict[str, Any], number: int, plan: dict[str, Any], state: str) -> Path:
    """Write an inventory of simulated hosts; return its path."""
    hosts = {f"app{one:03d}": {} for one in range(1, number + 1)}
    variables = {
        "ansible_connection": "recorded",
        "ansible_pipelining": True,
        "recorded_directory": arm["answers"],
        "recorded_state": state,
        "recorded_slowness": plan["slowness"],
        **arm["variables"],
    }
    path = Path(plan["directory"]) / f"hosts-{number}.json"
    inventory = {"app": {"hosts": hosts, "vars": variables}}
    path.write_text(json.dumps(inventory), encoding="utf-8")
    return path


def tree(pid: int) -> list[int]:
    """Return a process and all that come from it."""
    found = [pid]
    for one in found:
        try:
            text = Path(f"/proc/{one}/task/{one}/children").read_text("ascii")
        except OSError:
            continue
        found += map(int, text.split())
    return found


def memory(pids: list[int]) -> float:
    """Return the MiB that processes have together, of what is shared their share."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
        except OSError:
            continue
        total += sum(map(int, re.findall(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)))
    return total / 1024


def own_time(pid: int) -> float:
    """Return the processor time of a process without that of others, seconds; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def run(arm: dict[str, Any], number: int, plan: dict[str, Any]) -> dict[str, float]:
    """Run an arm once; return what it took.

    Raises:
        Unmeasurable: it failed, or took too much.
    """
    with (
        tempfile.TemporaryDirectory(prefix="recorded-", dir="/dev/shm") as state,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output,
    ):
        began = time.monotonic()
        process = subprocess.Popen(
            [
                *arm["argv"],
                *("--inventory", inventory(arm, number, plan, state)),
                *("--forks", str(plan["forks"])),
            ],
            cwd=arm["cwd"],
            env={key: value for key, value in os.environ.items() if key != "ANSIBLE_CONFIG"}
            | {
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "plugins/connection"),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        figures = {"memory": 0.0, "main": 0.0, "processor": 0.0}
        why = watch(process, began, plan, figures)
        figures["seconds"] = time.monotonic() - began
        output.seek(0)
        text = output.read()
    (Path(plan["directory"]) / f"{arm['name']}-{number}.txt").write_text(text, encoding="utf-8")
    if why or process.returncode != 0:
        name = f"{arm['name']}, {number} hosts"
        raise Unmeasurable(f"{name}: {why or 'failed'}:\n{text[-SHOWN:]}")
    recap = re.findall(r"^app\d+ +: ok=(\d+) .*skipped=(\d+)", text, re.MULTILINE)
    figures["tasks"] = sum(int(ok) + int(skipped) for ok, skipped in recap) / len(recap)
    return figures


def watch(
    process: subprocess.Popen[str], began: float, plan: dict[str, Any], figures: dict[str, float]
) -> str:
    """Wait for a process and note what it takes; return why it had to be ended, or nothing."""
    looked = began
    while True:
        figures["main"] = max(figures["main"], own_time(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            figures["processor"] = usage.ru_utime + usage.ru_stime
            return ""
        why = ""
        if time.monotonic() - looked > 1:
            looked = time.monotonic()
            figures["memory"] = max(figures["memory"], memory(tree(process.pid)))
            if figures["memory"] > plan["memory"]:
                why = f"took more than {plan['memory']} MiB"
        if time.monotonic() > began + plan["patience"]:
            why = f"took longer than {plan['patience']} s"
        if why:
            # It has a session of its own: this ends its workers too.
            os.killpg(process.pid, 9)
            process.wait()
            return why
        time.sleep(0.05)


def row(arm: dict[str, Any], number: int, found: dict[str, float]) -> list[str]:
    """Return the figures of a run as texts."""
    return [
        arm["name"],
        str(number),
        f"{found['seconds']:.1f}",
        f"{found['processor']:.1f}",
        f"{found['processor'] / number:.2f}",
        f"{found['main']:.1f}",
        f"{found['memory']:.0f}",
        f"{found['tasks']:.0f}",
    ]


def main(arguments: list[str]) -> int:
    """Measure what the plan says."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    plan = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    report: dict[str, Any] = {"load": [os.getloadavg()[0]], "runs": []}
    shown = [HEAD]
    try:
        for arm in plan["arms"]:
            for number in plan["hosts"]:
                found = run(arm, number, plan)
                report["runs"].append({"name": arm["name"], "hosts": number, **found})
                shown.append(row(arm, number, found))
                print("  ".join(shown[-1]), file=sys.stderr)
    except Unmeasurable as reason:
        print(reason, file=sys.stderr)
        return 1
    report["load"].append(os.getloadavg()[0])
    report["table"] = table(shown)
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
