"""Compare a host with the releases that it should have, and write what is not there.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
import pwd
from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_host,
    _app_router,
    _app_shared,
    _app_unlisted,
    _files,
    _hardening,
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
    names_in,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, describe

#: A path, its mode, its owner's and its group's number; None for an account that is not there.
Directory = Tuple[str, int, Any]
#: The file that makes a directory a release. It is the last to be written.
LAST = "release.json"
#: Where uWSGI is, and the collector of figures.
UWSGI = "/opt/uwsgi"


def directories(app: Application, wanted: Dict[str, Any], group: str) -> List[Directory]:
    """Return the directories of a release and its application; group is the web server's."""
    try:
        reader: Any = (0, pwd.getpwnam(app.name).pw_gid)
    except KeyError:
        reader = None
    path = app.path(wanted["release"])
    files = os.path.join(path, "files")
    has_files = any(os.path.dirname(file["path"]) == files for file in wanted["files"])
    return [
        (app.home, 0o755, (0, 0)),
        (os.path.join(app.home, "releases"), 0o755, (0, 0)),
        (_app_shared.home_of(app), *_app_shared.rights(app, wanted, group)),
        (path, 0o755, (0, 0)),
    ] + [(files, 0o750, reader)] * has_files


def stale_directories(app: Application, wanted: Dict[str, Any], group: str) -> List[Directory]:
    """Return the directories that are not as they should be."""
    return [
        directory
        for directory in directories(app, wanted, group)
        if directory[2] is None or not _files.is_directory(*directory)
    ]


def stale_links(wanted: Dict[str, Any]) -> List[Dict[str, str]]:
    """Return the links of a release that point somewhere else, or are not there."""
    return [link for link in wanted["links"] if _files.link_target(link["path"]) != link["target"]]


# ---- Comparing -------------------------------------------------------------------------------


def compare_app(
    wanted: Dict[str, Any], root: str, group: str, units: Units, enabled: Sequence[str]
) -> Dict[str, Any]:
    """Return how an application on the host is, against what it should be."""
    app, release = Application(wanted["name"], root), wanted["release"]
    stale = [file["path"] for file in wanted["units"] if _wanted_files.is_stale(file)]
    stale += [path for path, _, _ in stale_directories(app, wanted, group)]
    stale += _app_shared.stale(app, wanted, group)
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
    group = request["socket_group"]
    found = [compare_app(wanted, root, group, units, enabled) for wanted in apps]
    names = [wanted["name"] for wanted in apps]
    problems = {name: _app_host.account_problems([name]) for name in names}
    for wanted, answer in zip(apps, found):
        problems[answer["name"]] += _app_host.queue_problems([wanted])
        if answer["stale"]:
            problems[answer["name"]] += _app_host.schedule_problems(wanted)
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
            problems.setdefault(wanted["name"], []).extend(_app_router.problems_of(wanted, ports))
    failures = failures_of(problems)
    failed = [failure["name"] for failure in failures]
    answer = {
        "apps": found,
        "failures": failures,
        "warnings": _app_host.memory_warnings(apps, root, request["worker_memory"]),
        "routers": routed,
        "unwanted_routers": _app_router.unwanted(names, routers),
        "firewalld": bool(routers) and is_up("firewalld.service"),
        "metrics": _metrics_timer.is_converged(request["metrics"]),
        "written": [path for one in found for path in one["stale"]],
        "diff": differences(request, found),
        "serving": [name for name in names_in(root) if Application(name, root).linked("current")],
        "unlisted": _app_unlisted.find(request, units, enabled),
        "hardening": hardening([Application(name, root).home for name in names]),
    }
    # For what cannot run here, nothing is prepared.
    able = [wanted for wanted in apps if wanted["name"] not in failed]
    answer.update(_app_host.look(dict(request, apps=able)))
    answer["changed"] = is_different(
        answer, failed, max([0] + [wanted["listen"] for wanted in able])
    )
    return answer


def hardening(homes: Sequence[str]) -> Dict[str, Any]:
    """Return what of the host's hardening keeps releases from running.

    Args:
        homes: of the applications.
    """
    if not homes:
        return {}
    # Not what is below shared: the application can write there, and is not to run what it wrote.
    allow = [UWSGI + "/"] + [home + "/releases/" for home in homes]
    return _hardening.describe([UWSGI] + list(homes), allow)


def failures_of(problems: Dict[str, List[str]]) -> List[Dict[str, str]]:
    """Return name and sentences of the applications that have problems."""
    return [{"name": name, "msg": "\n".join(said)} for name, said in problems.items() if said]


def is_up(unit: str) -> bool:
    """Tell whether a unit is active."""
    return _systemd.show(unit, "ActiveState").get("ActiveState") == "active"


def is_different(answer: Dict[str, Any], failed: Sequence[str], listen: int) -> bool:
    """Tell whether there is anything to do on the host.

    Args:
        answer: see compare().
        failed: the applications for which nothing is done.
        listen: the longest queue.
    """

    def others(key: str) -> List[Dict[str, Any]]:
        return [one for one in answer[key] if one["name"] not in failed]

    return bool(
        answer["missing_users"]
        or answer["missing_group"]
        or answer["missing_homes"]
        or not answer["policy"]
        or answer["somaxconn"] < listen
        or any(app["stale"] or not app["active"] for app in others("apps"))
        or not all(router["converged"] for router in others("routers"))
        or others("unwanted_routers")
        or not answer["metrics"]
    )


def differences(request: Dict[str, Any], found: Sequence[Dict[str, Any]]) -> List[Dict[str, str]]:
    """Return what is to change as text: nothing secret, and only what counts as a change.

    A new release is a directory of its own; what it does otherwise than the current one is in
    uwsgi.ini, and in the application's own files.
    """
    diff = []
    for wanted, answer in zip(request["apps"], found):
        diff += _wanted_files.differences(wanted["units"])
        app = Application(wanted["name"], request["root"])
        diff += _app_shared.difference(app, wanted, request["socket_group"])
        path = app.path(wanted["release"])
        was_secret = app.about(app.linked("current")).get("secret_files", [])
        for file in wanted["files"]:
            name = os.path.relpath(file["path"], path)
            shown = name == "uwsgi.ini" or name.startswith("files/")
            if shown and file["path"] in answer["stale"] and file.get("secret_text") is None:
                current = os.path.join(app.home, "current", name)
                one = _wanted_files.difference(current, file)
                if name in [f"files/{secret}" for secret in was_secret]:
                    one["before"] = "(secret)\n"
                diff.append(one)
    for router in request["routers"]:
        diff += _wanted_files.differences(router["files"])
    return diff + _wanted_files.differences(request["metrics"])


# ---- Writing ---------------------------------------------------------------------------------


def write_app(wanted: Dict[str, Any], root: str, group: str) -> List[str]:
    """Write a release's files but the last, and its application's units; return the paths.

    Raises:
        Problem: the host does not know a user or a group.
        OSError: something cannot be written.
    """
    app = Application(wanted["name"], root)
    written = _wanted_files.write_all(wanted["units"])
    for path, mode, owner in stale_directories(app, wanted, group):
        if owner is None:
            raise Problem(f"this host has no user {app.name}, or no group {group}.")
        _files.make_directories(os.path.dirname(path))
        _files.make_directory(path, mode, owner)
        written.append(path)
    written += _app_shared.put_right(app, wanted, group)
    for link in stale_links(wanted):
        _files.point(link["path"], link["target"])
        written.append(link["path"])
    return written + _wanted_files.write_all(
        [file for file in wanted["files"] if os.path.basename(file["path"]) != LAST]
    )


def missing_build(wanted: Dict[str, Any]) -> List[str]:
    """Return a sentence if an application's release would be of a build that is not there.

    Not part of the comparison: in check mode the build is only about to be made.
    """
    path = _app_shared.build_of(wanted)
    if not path or os.path.isdir(path):
        return []
    return [
        f"application '{wanted['name']}', build: {path} is not there; have it made first (a run"
        " with --tags or --skip-tags may have left that out)."
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

    release.json is the last file of each: a directory without it was interrupted, and is none. One
    application that fails keeps no other from being written.

    Args:
        request: the options of the module app_releases.

    Raises:
        Problem: some applications are not written; details are failures, as compare() has them,
            and what was written of the others.
    """
    answer = compare(request)
    problems = {failure["name"]: [failure["msg"]] for failure in answer["failures"]}
    written: List[str] = []
    able = []
    for wanted in request["apps"]:
        name = wanted["name"]
        problems.setdefault(name, []).extend(missing_build(wanted))
        if not problems[name]:
            try:
                written += write_app(wanted, request["root"], request["socket_group"])
                able.append(wanted)
            except Problem as problem:
                problems[name].append(f"application '{name}': {problem}")
            except OSError as error:
                problems[name].append(f"application '{name}': {describe(error)}")
    last = [
        (wanted, file)
        for wanted in able
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
    for _, file in last:
        written += _wanted_files.write_all([file])
    answer.update(changed=bool(written), written=written, failures=failures_of(problems))
    if answer["failures"]:
        told = "\n".join(failure["msg"] for failure in answer["failures"])
        kept = {key: answer[key] for key in ("changed", "written", "failures")}
        raise Problem(told, **kept)
    return answer
