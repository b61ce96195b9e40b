"""The routers in front of applications: uWSGI's own proxies, for hosts without nginx before them.

A router listens on ports and hands each request to the application's `current` socket. It is one
unit of an application, not of a release, so that a switch does not touch it. What changes it (a
port, a certificate, another uWSGI) restarts it; if the new one does not serve, the former files
come back.
"""

import contextlib
import http.client
import os
import pwd
import socket
import ssl
import subprocess
import time
from typing import Any, Dict, List, Optional, Tuple

import releases
from releases import Application, Refused

#: Seconds that a router has to answer after its start.
ANSWER_WITHIN = 15.0
KINDS = ("http", "tcp")
PROC = "/proc"
#: A listening socket in /proc/net/tcp (include/net/tcp_states.h of Linux).
LISTEN = "0A"


def unit_of(name: str, kind: str) -> str:
    """Return the name of a router's unit."""
    return f"uwsgi-{name}-{kind}.service"


def unit_file(name: str, kind: str) -> str:
    """Return the path of a router's unit file."""
    return os.path.join(releases.UNITS, unit_of(name, kind))


# ---- Ports ---------------------------------------------------------------------------------


def listeners() -> Dict[int, List[Tuple[str, int]]]:
    """Return port -> inode and user of the TCP sockets that listen there, on any address."""
    found: Dict[int, List[Tuple[str, int]]] = {}
    for table in ("net/tcp", "net/tcp6"):
        with contextlib.suppress(OSError):
            with open(os.path.join(PROC, table), encoding="ascii") as file:
                lines = file.read().splitlines()[1:]
            for fields in map(str.split, lines):
                if fields[3] == LISTEN:
                    port = int(fields[1].rsplit(":", 1)[1], 16)
                    found.setdefault(port, []).append((fields[9], int(fields[7])))
    return found


def holder(inodes: List[str]) -> Tuple[int, str]:
    """Return the process that has one of some sockets, and its name; 0 if none is found.

    In a container, root may not be allowed to look at what the processes of others have open.
    """
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for pid in filter(str.isdigit, os.listdir(PROC)):
        handles = os.path.join(PROC, pid, "fd")
        try:
            for handle in os.listdir(handles):
                with contextlib.suppress(OSError):
                    if os.readlink(os.path.join(handles, handle)) in wanted:
                        with open(os.path.join(PROC, pid, "comm"), encoding="utf-8") as file:
                            return int(pid), file.read().strip()
        except OSError:  # it has ended
            continue
    return 0, ""


def processes_of(unit: str) -> List[int]:
    """Return a unit's main process and the children of that."""
    main = int(releases.show(unit, "MainPID").get("MainPID") or 0)
    if not main:
        return []
    children: List[int] = []
    with contextlib.suppress(OSError):
        path = os.path.join(PROC, str(main), "task", str(main), "children")
        with open(path, encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
    return [main] + children


def taken(wanted: Dict[str, Any], ports: Dict[int, List[Tuple[str, int]]]) -> List[str]:
    """Return a sentence for each port that something else listens on."""
    problems = []
    busy = [port for port in wanted["ports"] if port in ports]
    own = processes_of(unit_of(wanted["name"], wanted["kind"])) if busy else []
    user = pwd.getpwnam(wanted["name"]).pw_uid if own else -1
    for port in busy:
        pid, name = holder([inode for inode, _ in ports[port]])
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


# ---- What is there -------------------------------------------------------------------------


def changed_at(paths: List[str]) -> float:
    """Return when the last of some files was changed, in seconds since the epoch; 0 if none is."""
    times = [0.0]
    for path in paths:
        with contextlib.suppress(OSError):
            times.append(os.stat(path).st_mtime)
    return max(times)


def started_at(unit: str) -> float:
    """Return when a unit's service was started, in seconds since the epoch; 0 if it is not up."""
    found = releases.show(unit, "ActiveState", "ExecMainStartTimestampMonotonic")
    if found.get("ActiveState") != "active":
        return 0.0
    with open(os.path.join(PROC, "uptime"), encoding="ascii") as file:
        booted = time.time() - float(file.read().split()[0])
    return booted + int(found.get("ExecMainStartTimestampMonotonic") or 0) / 1e6


def is_settled(wanted: Dict[str, Any], enabled: List[str]) -> bool:
    """Tell whether a router has its files, runs with them and starts at boot."""
    unit = unit_of(wanted["name"], wanted["kind"])
    paths = [file["path"] for file in wanted["files"]] + wanted["reads"]
    return (
        not any(map(releases.is_stale, wanted["files"]))
        and unit in enabled
        # A second, because the two clocks are read one after the other.
        and started_at(unit) > changed_at(paths) - 1.0
    )


def unwanted(request: Dict[str, Any]) -> List[Dict[str, str]]:
    """Return the routers on the host that applications of this run have no more."""
    names = {(wanted["name"], wanted["kind"]) for wanted in request["routers"]}
    return [
        {"name": app["name"], "kind": kind}
        for app in request["apps"]
        for kind in KINDS
        if (app["name"], kind) not in names and os.path.exists(unit_file(app["name"], kind))
    ]


def inspect(request: Dict[str, Any]) -> Dict[str, Any]:
    """Compare the host's routers with what the role wants of them; change nothing."""
    enabled = releases.list_enabled() if request["routers"] else []
    ports = listeners() if request["routers"] else {}
    unsettled, problems = [], []
    for wanted in request["routers"]:
        if not is_settled(wanted, enabled):
            unsettled.append({"name": wanted["name"], "kind": wanted["kind"]})
            problems += taken(wanted, ports)
            problems += [
                f"application '{wanted['name']}', http: there is no file {path} on this host."
                for path in wanted["reads"]
                if not os.path.isfile(path)
            ]
    answer = {"unsettled": unsettled, "unwanted": unwanted(request), "problems": problems}
    answer["firewalld"] = bool(request["routers"]) and (
        releases.show("firewalld.service", "ActiveState").get("ActiveState") == "active"
    )
    return answer


# ---- Changing it ---------------------------------------------------------------------------


def read(path: str) -> Optional[bytes]:
    """Return what a file holds; None if it is not there."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def put_back(path: str, content: Optional[bytes]) -> None:
    """Give a file the content that it had, or take it away if it was not there."""
    if content is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    else:
        releases.write_file(path, content.decode("utf-8"), 0o644, "root")


def ask(wanted: Dict[str, Any], port: int, timeout: float) -> str:
    """Ask a router's port for the health path; return why the answer is none, empty if it is well.

    An uwsgi port is only connected to: what speaks its protocol is nginx. timeout is in seconds.
    """
    address = wanted["addresses"][0].strip("[]")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    try:
        if wanted["kind"] == "tcp":
            socket.create_connection((host, port), timeout).close()
            return ""
        if port == wanted["https"]:
            # Whose certificate it is does not matter here: it is this host.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=timeout)
        with contextlib.closing(connection):
            health = wanted["health"]
            connection.request("GET", health["path"], headers={"Host": health["host"]})
            status = connection.getresponse().status
        redirects = wanted["https"] and wanted["redirect"] and port != wanted["https"]
        well = [301] if redirects else health["status"]
        return "" if status in well else f"port {port} answered {status}"
    except (OSError, http.client.HTTPException) as error:
        return f"port {port}: {error or type(error).__name__}"


def restart(wanted: Dict[str, Any]) -> str:
    """Restart a router with the files it has; return why it does not serve, empty if it does."""
    unit = unit_of(wanted["name"], wanted["kind"])
    releases.run("systemctl", "daemon-reload")
    releases.run("systemctl", "reset-failed", unit)
    releases.run("systemctl", "enable", "--no-reload", unit)
    # Between stop and start nobody listens: as short as it can be, and only when there is a reason.
    with contextlib.suppress(subprocess.TimeoutExpired):
        releases.run("systemctl", "restart", unit, timeout=ANSWER_WITHIN)
    deadline = time.monotonic() + ANSWER_WITHIN
    while True:
        state = releases.show(unit, "ActiveState", "Result", "NRestarts")
        reasons = [ask(wanted, port, 5.0) for port in wanted["ports"]]
        reason = next(filter(None, reasons), "")
        if state.get("ActiveState") == "active" and not reason:
            return ""
        if time.monotonic() > deadline or int(state.get("NRestarts") or 0) > 2:
            return reason or "it is {} ({})".format(state.get("ActiveState"), state.get("Result"))
        time.sleep(0.3)


def route(request: Dict[str, Any]) -> Dict[str, Any]:
    """Bring one router to what it should be, or take away one that is not wanted any more.

    Raises:
        Refused: it does not serve with the new files; the former ones are back.
    """
    name, kind = request["name"], request["kind"]
    app, unit = Application(name, request["root"]), unit_of(name, kind)
    with releases.locked(app):
        if request.get("unwanted"):
            releases.run("systemctl", "disable", "--now", unit)
            for path in (unit_file(name, kind), os.path.join(app.home, kind + ".ini")):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            releases.run("systemctl", "daemon-reload")
            return {"removed": unit}
        former = {file["path"]: read(file["path"]) for file in request["files"]}
        for file in request["files"]:
            if releases.is_stale(file):
                mode = int(file["mode"], 8)
                releases.write_file(file["path"], file["text"], mode, file["group"])
        reason = restart(request)
        if not reason:
            return {"serves": unit}
        lines = releases.journal("--unit=" + unit)
        is_new = former[unit_file(name, kind)] is None
        if is_new:
            releases.run("systemctl", "disable", "--now", unit)
        for path, content in former.items():
            put_back(path, content)
        releases.run("systemctl", "daemon-reload")
        if not is_new:
            releases.run("systemctl", "restart", unit)
        goes_on = "Nothing served there before." if is_new else "The former one is back."
        raise Refused(
            f"application '{name}', {kind}: the router does not serve, because {reason}."
            f" {goes_on}\nThe last lines of its journal:\n{lines}"
        )


def states(name: str) -> Dict[str, str]:
    """Return kind -> active state of the routers that an application has."""
    return {
        kind: releases.show(unit_of(name, kind), "ActiveState").get("ActiveState", "")
        for kind in KINDS
        if os.path.exists(unit_file(name, kind))
    }
