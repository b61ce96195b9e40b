"""The routers in front of applications: uWSGI's own proxies, for hosts without nginx before them.

A router listens on ports and hands each request to the application's `current` socket. It is one
unit of an application, not of a release, so that a switch does not touch it. What changes it (a
port, a certificate, another uWSGI) restarts it; if the new one does not serve, the former files
come back.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import base64
import contextlib
import json
import os
import pwd
import time
from typing import Any, Dict, List, Optional, Sequence

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_journal,
    _application,
    _files,
    _ports,
    _sockets,
    _systemd,
    _wanted_files,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._application import Application
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, describe

#: Seconds that a router has to answer after its start.
ANSWER_WITHIN = 15.0
#: Seconds that one question to it may take.
LONGEST_ANSWER = 5.0
KINDS = ("http", "tcp")
#: What a module is told of how a router proves itself, as Ansible's argument_spec has it.
HEALTH_OPTIONS: Dict[str, Any] = {
    "path": {"type": "str", "default": "/"},
    "host": {"type": "str", "default": "localhost"},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "timeout": {"type": "int", "default": 30},
}


def unit_of(name: str, kind: str) -> str:
    """Return the name of a router's unit."""
    return f"uwsgi-{name}-{kind}.service"


def unit_file(name: str, kind: str) -> str:
    """Return the path of a router's unit file."""
    return os.path.join(_systemd.UNITS, unit_of(name, kind))


def states(name: str) -> Dict[str, str]:
    """Return kind -> active state of the routers that an application has."""
    return {
        kind: _systemd.show(unit_of(name, kind), "ActiveState").get("ActiveState", "")
        for kind in KINDS
        if os.path.exists(unit_file(name, kind))
    }


# ---- What is there -------------------------------------------------------------------------


def changed_at(paths: Sequence[str]) -> float:
    """Return when the last of some files was changed, in seconds since the epoch; 0 if none is."""
    times = [0.0]
    for path in paths:
        with contextlib.suppress(OSError):
            times.append(os.stat(path).st_mtime)
    return max(times)


def started_at(unit: str) -> float:
    """Return when a unit's service was started, in seconds since the epoch; 0 if it is not up."""
    found = _systemd.show(unit, "ActiveState", "ExecMainStartTimestampMonotonic")
    if found.get("ActiveState") != "active":
        return 0.0
    booted = time.time() - time.monotonic()
    return booted + int(found.get("ExecMainStartTimestampMonotonic") or 0) / 1e6


def is_converged(wanted: Dict[str, Any], enabled: Sequence[str]) -> bool:
    """Tell whether a router has its files, runs with them and starts at boot."""
    unit = unit_of(wanted["name"], wanted["kind"])
    paths = [file["path"] for file in wanted["files"]] + wanted["reads"]
    return (
        not any(map(_wanted_files.is_stale, wanted["files"]))
        # One whose start was cut off has not shown that it serves.
        and not os.path.exists(note_of(wanted))
        and unit in enabled
        # A second, because the two clocks are read one after the other.
        and started_at(unit) > changed_at(paths) - 1.0
    )


def processes_of(unit: str) -> List[int]:
    """Return a unit's main process and the children of that."""
    main = int(_systemd.show(unit, "MainPID").get("MainPID") or 0)
    return [main] + _ports.children_of(main) if main else []


def taken(wanted: Dict[str, Any], ports: _ports.Listeners) -> List[str]:
    """Return a sentence for each port that something else listens on."""
    problems = []
    busy = [port for port in wanted["ports"] if port in ports]
    own = processes_of(unit_of(wanted["name"], wanted["kind"])) if busy else []
    user = pwd.getpwnam(wanted["name"]).pw_uid if own else -1
    for port in busy:
        pid, name = _ports.holder([inode for inode, _ in ports[port]])
        if pid in own or (not pid and all(owner == user for _, owner in ports[port])):
            continue
        problems.append(
            "application '{}', {}: port {} is taken on this host by {}; end that, or choose another"
            " port.".format(
                wanted["name"],
                wanted["kind"],
                port,
                f"{name} (process {pid})" if pid else "another process",
            )
        )
    return problems


def problems_of(wanted: Dict[str, Any], ports: _ports.Listeners) -> List[str]:
    """Return a sentence for each thing that would keep a router from serving."""
    return taken(wanted, ports) + [
        f"application '{wanted['name']}', http: there is no file {path} on this host."
        for path in wanted["reads"]
        if not os.path.isfile(path)
    ]


def unwanted(names: Sequence[str], wanted: Sequence[Dict[str, Any]]) -> List[Dict[str, str]]:
    """Return the routers on the host that applications of this run have no more."""
    there = {(router["name"], router["kind"]) for router in wanted}
    return [
        {"name": name, "kind": kind}
        for name in names
        for kind in KINDS
        if (name, kind) not in there and os.path.exists(unit_file(name, kind))
    ]


# ---- Changing it ---------------------------------------------------------------------------


def ask(wanted: Dict[str, Any], port: int, timeout: float) -> str:
    """Ask a router's port for the health path; return why the answer is none, empty if it is well.

    An uwsgi port is only connected to: what speaks its protocol is nginx. timeout is in seconds.
    """
    address = (_sockets.host_of(wanted["addresses"][0]), port)
    health = wanted["health"]
    try:
        if wanted["kind"] == "tcp":
            _sockets.connect(address, timeout).close()
            return ""
        tls = port == wanted["https"]
        answer = _sockets.get(address, health["path"], {"Host": health["host"]}, timeout, tls)
    except (_sockets.NoAnswer, OSError) as error:
        return f"port {port}: {str(error) or type(error).__name__}"
    redirects = wanted["https"] and wanted["redirect"] and not tls
    well = [301] if redirects else health["status"]
    return "" if answer.status in well else f"port {port} answered {answer.status}"


def restart(wanted: Dict[str, Any]) -> str:
    """Restart a router with the files it has; return why it does not serve, empty if it does."""
    unit = unit_of(wanted["name"], wanted["kind"])
    try:
        _systemd.reload_units()
        # One that never failed has nothing to be reset.
        _systemd.attempt("reset-failed", unit)
        _systemd.systemctl("enable", "--no-reload", unit)
    except Problem as failure:
        return str(failure).rstrip(".")
    # Between stop and start nobody listens: as short as it can be, and only when there is a reason.
    _systemd.attempt("restart", unit, timeout=ANSWER_WITHIN)
    deadline = time.monotonic() + ANSWER_WITHIN
    while True:
        state = _systemd.show(unit, "ActiveState", "Result", "NRestarts")
        reasons = [ask(wanted, port, LONGEST_ANSWER) for port in wanted["ports"]]
        reason = next(filter(None, reasons), "")
        if state.get("ActiveState") == "active" and not reason:
            return ""
        if time.monotonic() > deadline or int(state.get("NRestarts") or 0) > 2:
            return reason or "it is {} ({})".format(state.get("ActiveState"), state.get("Result"))
        time.sleep(0.3)


def note_of(wanted: Dict[str, Any]) -> str:
    """Return the path of the note with the files that a router had before it was changed."""
    return os.path.join(_application.LOCKS, f"uwsgi-{wanted['name']}-{wanted['kind']}.former")


def former_files(wanted: Dict[str, Any]) -> Dict[str, Optional[bytes]]:
    """Return path -> content of the files that a router had when it last served; None for none.

    They are noted until the new ones have shown that they serve. After a run that was killed before
    that, what lies on the disk is unproved, and the note has what to go back to.
    """
    try:
        noted = json.loads(_files.read_text(note_of(wanted)))
        return {path: base64.b64decode(text) if text else None for path, text in noted.items()}
    except (ValueError, AttributeError):
        # There is no note, or it is of somebody else's making.
        former = {file["path"]: _files.read(file["path"]) for file in wanted["files"]}
    former.setdefault(unit_file(wanted["name"], wanted["kind"]), None)
    note = {
        path: None if content is None else base64.b64encode(content).decode("ascii")
        for path, content in former.items()
    }
    _files.write(note_of(wanted), json.dumps(note).encode("ascii"), 0o600)
    return former


def put_back(wanted: Dict[str, Any], former: Dict[str, Optional[bytes]]) -> str:
    """Give a router the files that it had, or take it away if it was not there; say which."""
    name, kind = wanted["name"], wanted["kind"]
    unit = unit_of(name, kind)
    is_new = former[unit_file(name, kind)] is None
    if is_new:
        _systemd.attempt("disable", "--now", unit)
    for path, content in former.items():
        if content is None:
            _files.remove(path)
        else:
            _files.write(path, content, 0o644)
    _systemd.attempt("daemon-reload")
    if is_new:
        return "Nothing served there before."
    failure = _systemd.attempt("restart", unit)
    return (
        f"The former one does not start again: {failure}" if failure else "The former one is back."
    )


def present(wanted: Dict[str, Any], root: str, check: bool) -> Dict[str, Any]:
    """Bring one router to what it should be.

    Args:
        wanted: the router.
        root: the directory that the applications' own are in.
        check: only say what would change.

    Raises:
        Problem: it does not serve with the new files; the former ones are back.
        OSError: the files cannot be written; nothing has changed.
    """
    name, kind = wanted["name"], wanted["kind"]
    app, unit = Application(name, root), unit_of(name, kind)
    with contextlib.ExitStack() as stack:
        if not check:
            stack.enter_context(app.locked())
        diff = _wanted_files.differences(wanted["files"])
        changed = not is_converged(wanted, _systemd.list_enabled("uwsgi-"))
        answer = {"changed": changed, "unit": unit, "diff": diff}
        if check or not changed:
            return answer
        former = former_files(wanted)
        _wanted_files.write_all(wanted["files"])
        reason = restart(wanted)
        if not reason:
            _files.remove(note_of(wanted))
            return answer
        # First the former one, then words about it: they may be long in coming.
        until = time.time()
        try:
            goes_on = put_back(wanted, former)
            _files.remove(note_of(wanted))
        except OSError as error:
            goes_on = f"The former one cannot be put back: {describe(error)}"
        told = _app_journal.explain(app.home, "--unit=" + unit, until=until)
        raise Problem(
            f"application '{name}', {kind}: the router does not serve, because {reason}."
            f" {goes_on}\n{told}"
        )


def absent(name: str, kind: str, root: str, check: bool) -> Dict[str, Any]:
    """Take away a router that is not wanted any more.

    Args:
        name: of the application.
        kind: of the router.
        root: the directory that the applications' own are in.
        check: only say what would change.

    Raises:
        CommandFailed: it cannot be stopped; it is as it was.
    """
    app, unit = Application(name, root), unit_of(name, kind)
    paths = [unit_file(name, kind), os.path.join(app.home, kind + ".ini")]
    there = [path for path in paths if os.path.lexists(path)]
    if there and not check:
        with app.locked():
            if unit_file(name, kind) in there:
                _systemd.systemctl("disable", "--now", unit)
                _systemd.forget_failures([unit])
            for path in there + [note_of({"name": name, "kind": kind})]:
                _files.remove(path)
            _systemd.reload_units()
    return {"changed": bool(there), "unit": unit, "removed": there}
