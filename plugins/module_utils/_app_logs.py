"""What an application has said, from the journal: the last of it, or what came after a place.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import json
import os
import re
import subprocess
import tempfile
import threading
import time
from typing import Any, Dict, Generator, List, Sequence

from ansible_collections.flaskstack.centos.plugins.module_utils._application import (
    names_in,
    nearest_name,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, last_lines

#: Seconds that reading the journal may take.
PATIENCE = 30.0
#: Seconds between two looks for something new.
POLL = 0.5
#: Entries that are told at most, and characters of each line.
MOST = 5000
LONGEST = 4000
#: What of an entry is read; its time and place come with it.
FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,APP_RELEASE,_SYSTEMD_UNIT"

Entry = Dict[str, Any]


def journal(*arguments: str) -> Generator[Entry, None, None]:
    """Yield entries of the journal as long as somebody takes them.

    Raises:
        Problem: journalctl does not take the arguments, or takes too long.
    """
    command = ["journalctl", "--no-pager", "--quiet", "--all", "--output=json"]
    command += ["--output-fields=" + FIELDS] + list(arguments)
    late: List[bool] = []
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(os.environ, LC_ALL="C"),
        )

        def end() -> None:
            late.append(True)
            process.kill()

        timer = threading.Timer(PATIENCE, end)
        timer.daemon = True
        timer.start()
        ended = False
        try:
            for line in process.stdout or ():
                # What is no entry was cut off, or is a remark.
                with contextlib.suppress(ValueError):
                    entry = json.loads(line.decode("utf-8", "replace"))
                    if isinstance(entry, dict):
                        yield entry
            ended = process.wait() == 0
        except GeneratorExit:
            ended = True
            raise
        finally:
            timer.cancel()
            if process.poll() is None:
                process.kill()
            if process.stdout:
                process.stdout.close()
            process.wait()
            errors.seek(0)
            said = last_lines(errors.read().decode("utf-8", "replace"))
        if late:
            raise Problem(f"journalctl took longer than {PATIENCE:.0f} s.")
        if not ended:
            raise Problem(f"journalctl failed: {said}")


def text_of(value: Any) -> str:
    """Return a field of an entry as a text: what is no UTF-8 comes as a list of bytes."""
    if isinstance(value, list):
        numbers = [number for number in value if isinstance(number, int) and 0 <= number < 256]
        return bytes(numbers).decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def told(name: str, entry: Entry) -> List[Entry]:
    """Return an entry as one line for each of its lines.

    Args:
        name: of the application.
        entry: as journalctl has it. ``time`` of a line is in seconds since the epoch.
    """
    moment = int(text_of(entry.get("__REALTIME_TIMESTAMP")) or 0) / 1e6
    unit = text_of(entry.get("_SYSTEMD_UNIT"))
    found = re.match(rf"uwsgi-{re.escape(name)}(?:\.([a-z0-9_.-]+)|-(release|http|tcp))[@.]", unit)
    source = (found.group(1) or found.group(2)) if found else ""
    return [
        {
            "time": moment,
            "release": text_of(entry.get("APP_RELEASE")),
            "source": source,
            "text": line[:LONGEST] + (" …" if len(line) > LONGEST else ""),
        }
        for line in text_of(entry.get("MESSAGE")).splitlines()
        if line.strip()
    ]


def place() -> str:
    """Return the place of the newest entry of all; where there is none, the time."""
    for entry in journal("--lines=1"):
        return text_of(entry.get("__CURSOR"))
    return f"@{time.time():.6f}"


def after_place(position: str) -> List[str]:
    """Return the arguments for what came after a place."""
    if position.startswith("@"):
        return [f"--since={position}"]
    return [f"--after-cursor={position}"]


def last(name: str, lines: int, since: str) -> Dict[str, Any]:
    """Return the last lines of an application, and the place where they end.

    Args:
        name: of the application.
        lines: how many at most.
        since: a time as journalctl takes it; empty for as far as the journal goes.

    Raises:
        Problem: it is no such time.
    """
    # Before the lines: what comes meanwhile is the next one's.
    position = place()
    found: List[Entry] = []
    # Backwards, and as many as are wanted: with --since, some versions of journalctl take --lines
    # for the first ones.
    selection = ["--reverse", "APP_NAME=" + name] + (["--since=" + since] if since else [])
    try:
        with contextlib.closing(journal(*selection)) as entries:
            for number, entry in enumerate(entries):
                if number == 0:
                    position = text_of(entry.get("__CURSOR")) or position
                found = told(name, entry) + found
                if len(found) >= lines:
                    break
    except Problem as problem:
        if "parse timestamp" in str(problem):
            raise Problem(
                f"since: '{since}' is no time that journalctl reads; write \"2026-01-31 12:00\","
                " -1h, today or yesterday."
            ) from None
        raise
    return {"lines": found[-lines:] if lines else [], "position": position}


def later(name: str, position: str, wait: float) -> Dict[str, Any]:
    """Return what an application has said after a place, as soon as there is something.

    Args:
        name: of the application.
        position: the place.
        wait: seconds to wait for something.

    Raises:
        Problem: the journal cannot be read.
    """
    deadline = time.monotonic() + wait
    while True:
        found: List[Entry] = []
        with contextlib.closing(journal("APP_NAME=" + name, *after_place(position))) as entries:
            for entry in entries:
                found += told(name, entry)
                position = text_of(entry.get("__CURSOR")) or position
                if len(found) >= MOST:
                    break
        if found or time.monotonic() >= deadline:
            return {"lines": found, "position": position}
        time.sleep(min(POLL, max(deadline - time.monotonic(), 0.0)))


def logs(name: str, root: str, lines: int, since: str, after: str, wait: int) -> Dict[str, Any]:
    """Return what an application has said.

    Args:
        name: of the application.
        root: the directory that the applications' own are in.
        lines: how many of the last ones.
        since: a time as journalctl takes it; empty for as far as the journal goes.
        after: a place that an earlier call has returned: what came since then, instead.
        wait: seconds to wait for something new, with a place.

    Raises:
        Problem: see last() and later().
    """
    there: Sequence[str] = names_in(root)
    answer = later(name, after, wait) if after else last(name, min(lines, MOST), since)
    near = "" if name in there else nearest_name(name, there)
    return dict(answer, changed=False, here=name in there, nearest=near)
