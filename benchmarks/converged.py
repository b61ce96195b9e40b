#!/usr/bin/env python3
"""Measure what runs of Ansible cost that have nothing to do, on the control node.

    converged.py PLAN

PLAN is a JSON file:

    arms          list of what is compared, each with its `name`, the command `argv` and its
                  directory `cwd`. The first one is what the others are compared with
    application   an item of flask_apps, with {number} where the applications are to differ
    counts        numbers of applications to measure with, in ascending order
    directory     where to write the lists of applications
    rounds        how often each arm is run; in changing order, all of them in each round
    patience      seconds that a run may take
    first         seconds that the first run with each number may take: it makes the host what it
                  is to be, and is not measured. The next one warms up and is not measured either

The report, JSON on standard output, has of each number of applications the runs of each arm and, of
each measure, their median and the median and range of the ratios to the first arm in the same
round; and `table`, all of it as text. The measures are `seconds` of a run, and `processor`, the
seconds of processor time (user and system) that Ansible and the processes that it waited for took
on the control node. The connection's own process, which outlives a run, is not among them.

The exit code is 0 if there is a report. A run that fails, changes something or takes too long ends
it all.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from report import table

MEASURES = ("seconds", "processor")
HEAD = ["what", "seconds", "ratio (range)", "processor", "ratio (range)", "tasks", "skipped"]
#: How much of its output is shown of a run that was not what it should be, in characters.
SHOWN = 3000


class Unmeasurable(Exception):
    """Why there is no report."""


def run(arm: dict[str, Any], apps: Path, patience: float) -> dict[str, float]:
    """Run an arm once; return what it took and how many tasks it had.

    Raises:
        Unmeasurable: it failed, or took too long.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            [*arm["argv"], "-e", f"@{apps}"],
            cwd=arm["cwd"],
            # The settings are those of the checkout in which it runs.
            env={key: value for key, value in os.environ.items() if key != "ANSIBLE_CONFIG"}
            | {"ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        used = wait(process, began + patience)
        seconds = time.monotonic() - began
        output.seek(0)
        text = output.read()
    if process.returncode != 0:
        how = f"took longer than {patience:g} s" if used is None else "failed"
        raise Unmeasurable(f"{arm['name']} {how}:\n{text[-SHOWN:]}")
    return {
        "seconds": seconds,
        "processor": used or 0.0,
        "changed": count(text, "changed"),
        "tasks": count(text, "ok"),
        "skipped": count(text, "skipped"),
    }


def wait(process: subprocess.Popen[str], until: float) -> float | None:
    """Wait for a process; return its processor time, or None if it had to be ended."""
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        if time.monotonic() > until:
            # It has a session of its own: this ends its workers too.
            os.killpg(process.pid, 9)
            process.wait()
            return None
        time.sleep(0.01)


def count(text: str, what: str) -> int:
    """Return a number of the recap, for all hosts together."""
    return sum(map(int, re.findall(rf"^\S+ +: .*\b{what}=(\d+)", text, re.MULTILINE)))


def compare(runs: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Return the medians of the arms, and of their ratios to the first one round by round."""
    base = next(iter(runs.values()))
    out: dict[str, Any] = {}
    for name, measured in runs.items():
        out[name] = {key: measured[-1][key] for key in ("tasks", "skipped")}
        for measure in MEASURES:
            ratios = [
                one[measure] / other[measure] for one, other in zip(measured, base, strict=True)
            ]
            out[name][measure] = {
                "median": statistics.median(one[measure] for one in measured),
                "ratio": statistics.median(ratios),
                "least": min(ratios),
                "most": max(ratios),
            }
    return out


def rows(number: int, figures: dict[str, Any]) -> list[list[str]]:
    """Return the figures of a number of applications as rows of texts."""
    out = []
    for name, found in figures.items():
        row = [f"{name}, {number} {'application' if number == 1 else 'applications'}"]
        for measure in MEASURES:
            one = found[measure]
            row += [
                f"{one['median']:.2f}",
                f"{one['ratio']:.2f} ({one['least']:.2f} to {one['most']:.2f})",
            ]
        out.append([*row, str(found["tasks"]), str(found["skipped"])])
    return out


def applications(plan: dict[str, Any], number: int) -> Path:
    """Write a list of applications, as extra variables of Ansible; return its path."""
    text = json.dumps(plan["application"])
    apps = [json.loads(text.replace("{number}", str(one))) for one in range(1, number + 1)]
    path = Path(plan["directory"]) / f"applications-{number}.json"
    path.write_text(json.dumps({"flask_apps": apps}), encoding="utf-8")
    return path


def measure(plan: dict[str, Any], number: int) -> dict[str, list[dict[str, float]]]:
    """Measure with a number of applications; return the runs of each arm.

    Raises:
        Unmeasurable: a run failed or is not what it should be.
    """
    arms, apps = plan["arms"], applications(plan, number)
    for arm in arms:
        run(arm, apps, plan["first"])
    runs: dict[str, list[dict[str, float]]] = {arm["name"]: [] for arm in arms}
    # Round 0 warms up: it opens connections that may have closed meanwhile.
    for turn in range(plan["rounds"] + 1):
        for arm in arms[turn % len(arms) :] + arms[: turn % len(arms)]:
            done = run(arm, apps, plan["patience"])
            if done["changed"]:
                raise Unmeasurable(f"{arm['name']}: something was changed once more.")
            if turn:
                runs[arm["name"]].append(done)
    return runs


def main(arguments: list[str]) -> int:
    """Measure what the plan says."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    plan = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    report: dict[str, Any] = {"load": [os.getloadavg()[0]], "figures": {}, "runs": {}}
    shown = [HEAD]
    try:
        for number in plan["counts"]:
            runs = measure(plan, number)
            figures = compare(runs)
            report["runs"][str(number)] = runs
            report["figures"][str(number)] = figures
            shown += rows(number, figures)
    except Unmeasurable as reason:
        print(reason, file=sys.stderr)
        return 1
    report["load"].append(os.getloadavg()[0])
    report["table"] = table(shown)
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
