"""Run a command in a release of an application: as its user, in its environment and sandbox.

It is a unit of systemd, so it goes on when the connection breaks. Its text is that of the unit that
runs release commands, with another command; what it says goes to files and not to the journal,
because nobody knows what it will be.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
import time
import uuid
from typing import Any, Dict, List, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_journal,
    _app_prove,
    _application,
    _files,
    _systemd,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._application import Application
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

#: Bytes of each of the two outputs that are told, the last ones.
MOST_BYTES = 256 * 1024
#: Seconds after which the rest of a command that has ended, and that nobody asks for, is removed.
FORGOTTEN = 600.0
#: Seconds between two looks at it.
POLL = 0.1
#: Statuses from here on are systemd's own: the command was not started (systemd.exec(5)).
NOT_STARTED = 200
#: What is put behind the text of the unit; later settings win.
UNIT = """
[Unit]
Description=A command in {name}, release %i

[Service]
ExecStart=
ExecStart=/bin/sh -e {directory}/command
TimeoutStartSec={timeout}
RemainAfterExit=yes
StandardInput=file:{directory}/stdin
StandardOutput=file:{directory}/stdout
StandardError=file:{directory}/stderr
"""


class Command:
    """A command that runs in a release, or has run.

    Args:
        app: the application.
        release: in which it runs.
        job: what tells it from others.
    """

    def __init__(self, app: Application, release: str, job: str) -> None:
        self.app, self.release, self.job = app, release, job
        self.unit = app.unit(release, "service", _application.COMMAND + job)
        self.directory = os.path.join(directory_of(app), f"{job}@{release}")
        self.unit_file = os.path.join(_systemd.RUNTIME_UNITS, self.unit)

    def file(self, name: str) -> str:
        """Return the path of one of its files."""
        return os.path.join(self.directory, name)

    def write(self, text: str, given: str, timeout: int) -> None:
        """Write its files; the unit last.

        Raises:
            Problem: the application has no unit of which it could be made.
            OSError: a file cannot be written.
        """
        base = _files.read_text(
            os.path.join(_systemd.UNITS, f"uwsgi-{self.app.name}-release@.service")
        )
        if not base:
            raise Problem(
                f"application '{self.app.name}': uwsgi-{self.app.name}-release@.service, which has"
                " its sandbox, is not there; run site.yml, which writes it."
            )
        ids = _files.ids_of(self.app.name, self.app.name)
        _files.make_directories(os.path.dirname(self.directory))
        os.mkdir(self.directory, 0o700)
        # The application reads what it is to do; what it says is for root, and for itself when it
        # opens /dev/stdout.
        _files.write(self.file("command"), text.encode("utf-8") + b"\n", 0o440, (0, ids[1]))
        _files.write(self.file("stdin"), given.encode("utf-8"), 0o440, (0, ids[1]))
        for name in ("stdout", "stderr"):
            _files.write(self.file(name), b"", 0o600, ids)
        _files.make_directory(self.directory, 0o750, (0, ids[1]))
        _files.make_directories(_systemd.RUNTIME_UNITS)
        unit = UNIT.format(
            name=self.app.name, directory=self.directory, timeout=timeout or "infinity"
        )
        _files.write(self.unit_file, (base + unit).encode("utf-8"), 0o644)

    def output(self, name: str) -> Tuple[str, int]:
        """Return the end of an output, and how many bytes of it are left out."""
        with open(self.file(name), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            left_out = max(size - MOST_BYTES, 0)
            file.seek(left_out)
            return file.read(MOST_BYTES).decode("utf-8", "replace"), left_out

    def remove(self) -> None:
        """Remove all of it that is left; what still runs is stopped."""
        _systemd.attempt("stop", self.unit)
        _systemd.attempt("reset-failed", self.unit)
        for path in (self.unit_file, self.directory):
            with contextlib.suppress(OSError):
                _files.remove(path)


def directory_of(app: Application) -> str:
    """Return where the files of an application's commands are."""
    return os.path.join(_application.SOCKETS, app.name, "exec")


def state_of(unit: str) -> Dict[str, str]:
    """Return how a command is, as systemd has it."""
    return _systemd.show(unit, "ActiveState", "Result", "ExecMainCode", "ExecMainStatus")


def is_under_way(state: Dict[str, str]) -> bool:
    """Tell whether a command has not ended yet."""
    return state.get("ActiveState") in ("activating", "deactivating", "reloading")


def sweep(app: Application) -> List[str]:
    """Remove what is left of commands that have ended and that nobody asks for any more.

    Returns:
        The commands that were removed.
    """
    gone = []
    try:
        names = sorted(os.listdir(directory_of(app)))
    except OSError:
        return []
    for name in names:
        job, _, release = name.partition("@")
        command = Command(app, release, job)
        with contextlib.suppress(OSError):
            # Each question about it touches its directory.
            asked = os.stat(command.directory).st_mtime
            if time.time() - asked > FORGOTTEN and not is_under_way(state_of(command.unit)):
                command.remove()
                gone.append(name)
    return gone


def chosen(app: Application, release: str) -> str:
    """Return the release in which a command is to run: the current one, or the one that is named.

    Raises:
        Problem: it is not there.
    """
    release = release or app.linked("current")
    if not release:
        raise Problem(app.no_release())
    if not app.about(release):
        raise Problem(app.missing(release))
    return release


def run_command(
    name: str, root: str, release: str, command: str, stdin: str, timeout: int, job: str
) -> Dict[str, Any]:
    """Run a command and wait for it; tell how it ended and what it said.

    Args:
        name: of the application.
        root: the directory that the applications' own are in.
        release: in which it runs; empty for the current one.
        command: for the shell.
        stdin: what it is given on standard input.
        timeout: seconds after which it is stopped; 0 for never.
        job: what a call before this one has returned with Pending: it is only waited for.

    Raises:
        Problem: the release is not there, or the command did not end with status 0; the details
            are what it said.
        Pending: it still runs; ask again, with its ``job``.
    """
    deadline = time.monotonic() + _app_prove.PATIENCE
    app = Application(name, root)
    if job:
        known, _, release = job.partition("@")
        ours = Command(app, release, known)
        if not os.path.isdir(ours.directory):
            raise Problem(
                f"application '{name}': the command {job} is not known any more; this host was"
                " restarted, or the application removed, while it ran."
            )
    else:
        release = chosen(app, release)
        sweep(app)
        ours = Command(app, release, uuid.uuid4().hex[:8])
        try:
            ours.write(command, stdin, timeout)
            _systemd.systemctl("start", "--no-block", ours.unit)
        except BaseException:
            ours.remove()
            raise
    os.utime(ours.directory)
    state = state_of(ours.unit)
    while is_under_way(state):
        if time.monotonic() > deadline:
            raise Pending(f"{ours.unit} runs", job=f"{ours.job}@{release}")
        time.sleep(POLL)
        state = state_of(ours.unit)
    return ended(ours, state)


def ended(ours: Command, state: Dict[str, str]) -> Dict[str, Any]:
    """Return how a command ended and what it said; remove what is left of it.

    Raises:
        Problem: it did not end with status 0; the same are its details.
    """
    (stdout, more), (stderr, more_errors) = ours.output("stdout"), ours.output("stderr")
    status = int(state.get("ExecMainStatus") or 0)
    exited = state.get("ExecMainCode") == "1"
    answer: Dict[str, Any] = {
        "changed": True,
        "release": ours.release,
        "rc": status if exited else -status,
        "stdout": stdout,
        "stderr": stderr,
        "left_out": more + more_errors,
    }
    if exited and status == 0 and state.get("Result") == "success":
        ours.remove()
        return answer
    begin = f"application '{ours.app.name}': the command"
    where = f"in release {ours.release}"
    if state.get("Result") == "timeout":
        text = f"{begin} {where} was stopped, because it took longer than it may."
    elif exited and status >= NOT_STARTED and not stdout and not stderr:
        words = _systemd.journal("--unit=" + ours.unit, lines=5)
        text = f"{begin} {where} was not started (status {status}). systemd says:\n{words}"
    elif exited and status:
        text = f"{begin} {where} ended with status {status}."
    else:
        # Killed, by a signal or for its memory; or systemd knows nothing of it any more.
        result = state.get("Result") or "unknown"
        text = f"{begin} {where} did not end by itself ({result}, status {status})."
    text += _app_journal.hints(stderr.splitlines(), ours.app.home)
    ours.remove()
    raise Problem(text, **answer)


def preview(name: str, root: str, release: str) -> Dict[str, Any]:
    """Return what would run where.

    Raises:
        Problem: the release is not there.
    """
    release = chosen(Application(name, root), release)
    empty = {"rc": None, "stdout": "", "stderr": "", "left_out": 0}
    return dict(empty, changed=True, release=release)
