"""Compare a host with the releases that it should have, and write what is not there.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
import pwd
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_host,
    _app_router,
    _files,
    _metrics_timer,
    _ports,
    _systemd,
    _wanted_files,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._application import (
    Application,
    Units,
    is_active,
    list_instances,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

#: A path, its mode, its owner's and its group's number; None for an account that is not there.
Directory = Tuple[str, int, Any]
#: The file that makes a directory a release. It is the last to be written.
LAST = "release.json"


def directories(app: Application, release: str) -> List[Directory]:
    """Return the directories of a release and its application."""
    try:
        user = pwd.getpwnam(app.name)
        owner: Any = (user.pw_uid, user.pw_gid)
    except KeyError:
        owner = None
    return [
        (app.home, 0o755, (0, 0)),
        (os.path.join(app.home, "releases"), 0o755, (0, 0)),
        (os.path.join(app.home, "shared"), 0o750, owner),
        (app.path(release), 0o755, (0, 0)),
    ]


def stale_directories(app: Application, release: str) -> List[Directory]:
    """Return the directories that are not as they should be."""
    return [
        directory
        for directory in directories(app, release)
        if directory[2] is None or not _files.is_directory(*directory)
    ]


def stale_links(wanted: Dict[str, Any]) -> List[Dict[str, str]]:
    """Return the links of a release that point somewhere else, or are not there."""
    return [link for link in wanted["links"] if _files.link_target(link["path"]) != link["target"]]


# ---- Comparing -------------------------------------------------------------------------------


def compare_app(
    wanted: Dict[str, Any], root: str, units: Units, enabled: Sequence[str]
) -> Dict[str, Any]:
    """Return how an application on the host is, against what it should be."""
    app, release = Application(wanted["name"], root), wanted["release"]
    stale = [file["path"] for file in wanted["units"] if _wanted_files.is_stale(file)]
    stale += [path for path, _, _ in stale_directories(app, release)]
    stale += [link["path"] for link in stale_links(wanted)]
    stale += [file["path"] for file in wanted["files"] if _wanted_files.is_stale(file)]
    return {
        "name": app.name,
        "release": release,
        "current": app.linked("current"),
        "stale": stale,
        "active": is_active(app, release, wanted["services"], wanted["timers"], units, enabled),
    }


def compare(request: Dict[str, Any]) -> Dict[str, Any]:
    """Compare the host with what it should be; change nothing.

    Args:
        request: the options of the module app_releases.

    Raises:
        CommandFailed: systemd does not answer.
    """
    apps, routers, root = request["apps"], request["routers"], request["root"]
    units, enabled = list_instances(), _systemd.list_enabled("uwsgi-")
    found = [compare_app(wanted, root, units, enabled) for wanted in apps]
    names = [wanted["name"] for wanted in apps]
    problems = _app_host.account_problems(names) + _app_host.queue_problems(apps)
    for wanted, answer in zip(apps, found):
        if answer["stale"]:
            problems += _app_host.schedule_problems(wanted)
    routed = [
        {
            "name": wanted["name"],
            "kind": wanted["kind"],
            "converged": _app_router.is_converged(wanted, enabled),
        }
        for wanted in routers
    ]
    ports = _ports.listeners() if routers else {}
    for wanted, router in zip(routers, routed):
        if not router["converged"]:
            problems += _app_router.problems_of(wanted, ports)
    answer = {
        "apps": found,
        "problems": problems,
        "warnings": _app_host.memory_warnings(apps, root, request["worker_memory"]),
        "routers": routed,
        "unwanted_routers": _app_router.unwanted(names, routers),
        "firewalld": bool(routers) and is_up("firewalld.service"),
        "metrics": _metrics_timer.is_converged(request["metrics"]),
        "written": [path for one in found for path in one["stale"]],
        "diff": differences(request, found),
    }
    answer.update(_app_host.look(request))
    answer["changed"] = is_different(answer, max([0] + [wanted["listen"] for wanted in apps]))
    return answer


def is_up(unit: str) -> bool:
    """Tell whether a unit is active."""
    return _systemd.show(unit, "ActiveState").get("ActiveState") == "active"


def is_different(answer: Dict[str, Any], listen: int) -> bool:
    """Tell whether there is anything to do on the host; listen is the longest queue."""
    return bool(
        answer["missing_users"]
        or answer["missing_group"]
        or answer["missing_homes"]
        or not answer["policy"]
        or answer["somaxconn"] < listen
        or any(app["stale"] or not app["active"] for app in answer["apps"])
        or not all(router["converged"] for router in answer["routers"])
        or answer["unwanted_routers"]
        or not answer["metrics"]
    )


def differences(request: Dict[str, Any], found: Sequence[Dict[str, Any]]) -> List[Dict[str, str]]:
    """Return what is to change as text: nothing secret, and only what counts as a change.

    A new release is a directory of its own; what it does otherwise than the current one is in
    uwsgi.ini.
    """
    diff = []
    for wanted, answer in zip(request["apps"], found):
        diff += _wanted_files.differences(wanted["units"])
        for file in wanted["files"]:
            if file["path"] in answer["stale"] and os.path.basename(file["path"]) == "uwsgi.ini":
                current = os.path.join(request["root"], wanted["name"], "current", "uwsgi.ini")
                diff.append(_wanted_files.difference(current, file))
    for router in request["routers"]:
        diff += _wanted_files.differences(router["files"])
    return diff + _wanted_files.differences(request["metrics"])


# ---- Writing ---------------------------------------------------------------------------------


def write_app(wanted: Dict[str, Any], root: str) -> List[str]:
    """Write a release's files but the last, and its application's units; return the paths.

    Raises:
        Problem: the host does not know a user or a group.
        OSError: something cannot be written.
    """
    app, release = Application(wanted["name"], root), wanted["release"]
    written = _wanted_files.write_all(wanted["units"])
    for path, mode, owner in stale_directories(app, release):
        if owner is None:
            raise Problem(f"this host has no user {app.name}.")
        _files.make_directories(os.path.dirname(path))
        _files.make_directory(path, mode, owner)
        written.append(path)
    for link in stale_links(wanted):
        _files.point(link["path"], link["target"])
        written.append(link["path"])
    return written + _wanted_files.write_all(
        [file for file in wanted["files"] if os.path.basename(file["path"]) != LAST]
    )


def missing_builds(apps: List[Dict[str, Any]]) -> List[str]:
    """Return a sentence for each application whose release would be of a build that is not there.

    Not part of the comparison: in check mode the build is only about to be made.
    """
    builds = {
        wanted["name"]: os.path.normpath(
            os.path.join(os.path.dirname(link["path"]), link["target"])
        )
        for wanted in apps
        for link in wanted["links"]
        if os.path.basename(link["path"]) == "build"
    }
    return [
        f"application '{name}', build: {path} is not there; have it made first (a run with --tags"
        " or --skip-tags may have left that out)."
        for name, path in builds.items()
        if not os.path.isdir(path)
    ]


def is_unread(wanted: Dict[str, Any], root: str) -> bool:
    """Tell whether systemd has not read the units of a release as they are on the disk.

    Raises:
        CommandFailed: systemd does not answer.
    """
    app, release = Application(wanted["name"], root), wanted["release"]
    units = app.units(release)
    for kind in ("service", "timer"):
        units += [app.unit(release, kind, name) for name in wanted[kind + "s"]]
    return any(
        state["LoadState"] == "not-found" or state["NeedDaemonReload"] == "yes"
        for state in _systemd.show_all(units).values()
    )


def write(request: Dict[str, Any]) -> Dict[str, Any]:
    """Make the releases that are missing, and put right what is not as it should be.

    release.json is the last file of each: a directory without it was interrupted, and is none.

    Args:
        request: the options of the module app_releases.

    Raises:
        Problem: this host cannot run them, or not all was written.
    """
    answer = compare(request)
    problems = answer["problems"] + missing_builds(request["apps"])
    if problems:
        raise Problem("\n".join(problems))
    written: List[str] = []
    for wanted in request["apps"]:
        with named(wanted):
            written += write_app(wanted, request["root"])
    last = [
        (wanted, file)
        for wanted in request["apps"]
        for file in wanted["files"]
        if os.path.basename(file["path"]) == LAST
    ]
    # Before what makes them releases: cut off here, the next run comes by again. It finds nothing
    # of the units stale any more, so systemd is asked too.
    unfinished = [wanted for wanted, file in last if _wanted_files.is_stale(file)]
    if any(path.startswith(_systemd.UNITS + "/") for path in written) or any(
        is_unread(wanted, request["root"]) for wanted in unfinished
    ):
        _systemd.reload_units()
    for wanted, file in last:
        with named(wanted):
            written += _wanted_files.write_all([file])
    answer.update(changed=bool(written), written=written)
    return answer


@contextlib.contextmanager
def named(wanted: Dict[str, Any]) -> Iterator[None]:
    """Name the application in the sentence about what goes wrong with it."""
    try:
        yield
    except Problem as problem:
        raise Problem(f"application '{wanted['name']}': {problem}") from None
