"""Take an application away from a host: what it runs, its releases and builds, its data if told.

In an order in which whatever is killed is finished by the next call: what makes the application
known as one of ours, its account or its builder's, goes last of what is to go.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import glob
import os
import pwd
import re
import time
from typing import Any, Dict, List, NamedTuple, Sequence

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_host,
    _app_prove,
    _app_router,
    _app_shared,
    _app_unlisted,
    _application,
    _builds,
    _files,
    _ports,
    _systemd,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._application import (
    Application,
    Units,
    at_work,
    names_in,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
)

#: What systemd makes for the units (StateDirectory, CacheDirectory), one directory for each
#: application.
STATE, CACHE = "/var/lib/wsgi", "/var/cache/wsgi"
#: What an application is called, as the roles check it.
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}\Z")
#: A build, and a mark for those below another root; see _build.unit_of().
BUILD = r"[0-9a-f]{12}(?:-[0-9a-f]{8})?"


class Found(NamedTuple):
    """What there is of an application, in the order in which it goes.

    Attributes:
        units: what runs of it, or has failed.
        ports: open ports and rules of firewalld, as arguments of firewall-cmd.
        boots: links that start its units at boot.
        files: its units.
        paths: what its releases are and have.
        builds: what its builds are and have.
        data: what it has written itself.
        accounts: of its builder and, with the data, its own.
    """

    units: List[str]
    ports: List[List[str]]
    boots: List[str]
    files: List[str]
    paths: List[str]
    builds: List[str]
    data: List[str]
    accounts: List[str]

    def told(self) -> List[str]:
        """Return all of it, one line for each."""
        ports = ["firewalld: " + " ".join(arguments) for arguments in self.ports]
        accounts = [f"account {name}" for name in self.accounts]
        paths = self.boots + self.files + self.paths + self.builds + self.data
        return self.units + ports + paths + accounts


# ---- What there is -------------------------------------------------------------------------


def is_account(name: str, **fields: str) -> bool:
    """Tell whether an account is there, is not root's, and has some fields."""
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        return False
    return account.pw_uid != 0 and all(
        getattr(account, field) == value for field, value in fields.items()
    )


def is_application(app: Application) -> bool:
    """Tell whether it is the account of an application, as the uwsgi role makes them."""
    return is_account(app.name, pw_gecos=_app_host.COMMENT.format(app.name))


def is_unit(app: Application, unit: str) -> bool:
    """Tell whether a unit is an application's: of a release, a router, a command or a build."""
    name = re.escape(app.name)
    own = rf"uwsgi-{name}-(?:http|tcp)\.service|uwsgi-{name}-release@.*\.service"
    build = rf"flask-build-{name}-{BUILD}\.service"
    return bool(app.pattern.match(unit) or re.match(rf"(?:{own}|{build})\Z", unit))


def slice_of(app: Application) -> str:
    """Return the slice of all that an application runs; a dash would make it a part of another."""
    return "uwsgi-{}.slice".format(app.name.replace("-", "\\x2d"))


def there(paths: Sequence[str]) -> List[str]:
    """Return those of some paths that are there."""
    return [path for path in paths if os.path.lexists(path)]


def names_of(directory: str) -> List[str]:
    """Return what is in a directory, in order; nothing if it is not there."""
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []


def unit_files(app: Application) -> List[str]:
    """Return the unit files of an application."""
    places = (_systemd.UNITS, _systemd.RUNTIME_UNITS)
    units = [
        os.path.join(place, name)
        for place in places
        for name in names_of(place)
        if is_unit(app, name)
    ]
    return there(units + [os.path.join(_systemd.UNITS, slice_of(app))])


def boot_links(app: Application) -> List[str]:
    """Return the links that start units of an application at boot."""
    places = [os.path.join(_systemd.UNITS, target) for target in _systemd.WANTS]
    return [
        os.path.join(place, name)
        for place in places
        for name in names_of(place)
        if is_unit(app, name)
    ]


def release_paths(app: Application) -> List[str]:
    """Return what releases are and have; the link that leads to the current one goes first."""
    names = ("current", "previous", "http.ini", "tcp.ini", "releases", "history")
    notes = [f"{app.name}-{kind}.former" for kind in _app_router.KINDS] + [f"{app.name}.pending"]
    stamps = [name for name in names_of(_application.STAMPS) if is_unit(app, name[len("stamp-") :])]
    fresh = _files.FRESH.format("*")
    return (
        there([os.path.join(app.home, name) for name in names])
        + sorted(glob.glob(os.path.join(glob.escape(app.home), fresh)))
        + [os.path.join(_application.STAMPS, name) for name in stamps]
        + there([os.path.join(top, app.name) for top in (_application.SOCKETS, CACHE)])
        + there([os.path.join(_application.LOCKS, f"uwsgi-{note}") for note in notes])
    )


def build_paths(app: Application, root: str) -> List[str]:
    """Return what builds are and have: sources that were sent, notes, and the builder's home."""
    pattern = re.compile(rf"(?:flask-build-)?{re.escape(app.name)}-{BUILD}(?:\..*)?\Z")
    left = [
        os.path.join(top, name)
        for top in (_builds.INBOX, _builds.RUN)
        for name in names_of(top)
        if pattern.match(name)
    ]
    return there([os.path.join(root, app.name, "builds")]) + left + there([home_of(app)])


def home_of(app: Application) -> str:
    """Return the home of an application's builder."""
    return os.path.join(_builds.CACHE, app.name)


def data_of(app: Application) -> List[str]:
    """Return what an application has written itself."""
    return there([os.path.join(app.home, "shared"), os.path.join(STATE, app.name)])


def note_of(app: Application) -> List[str]:
    """Return the note of what the web server may read of the data, which stays as long as they."""
    return there([os.path.join(app.home, _app_shared.NOTE)])


def list_units(app: Application) -> Units:
    """Return unit -> (active state, sub state) of an application's units in memory.

    Raises:
        CommandFailed: systemd does not answer.
    """
    patterns = (f"uwsgi-{app.name}*", f"flask-build-{app.name}-*")
    units = _systemd.list_units(*patterns)
    return {unit: state for unit, state in units.items() if is_unit(app, unit)}


def open_ports(app: Application) -> List[List[str]]:
    """Return the arguments by which firewalld closes the ports of an application's routers."""
    ports = _app_unlisted.ports_of(app)
    if not ports or _systemd.show("firewalld.service", "ActiveState") != {"ActiveState": "active"}:
        return []
    found = []
    for scope in ([], ["--permanent"]):
        said = run(["firewall-cmd"] + scope + ["--list-ports"]).stdout.split()
        rules = run(["firewall-cmd"] + scope + ["--list-rich-rules"]).stdout.splitlines()
        for port in ports:
            if f"{port}/tcp" in said:
                found.append(scope + [f"--remove-port={port}/tcp"])
            meant = f'port port="{port}" protocol="tcp" accept'
            found += [scope + [f"--remove-rich-rule={rule}"] for rule in rules if meant in rule]
    return found


def look(app: Application, request: Dict[str, Any]) -> Found:
    """Return what there is of an application and is to go.

    What is called like it and was not made by the roles is none of it.

    Args:
        app: the application.
        request: the options of the module app_remove.

    Raises:
        CommandFailed: systemd or firewalld does not answer.
    """
    files = unit_files(app)
    builder = _builds.account_name(request["builder"], app.name)
    has_builder = is_account(builder, pw_dir=home_of(app))
    runs = bool(files) or is_application(app)
    builds = runs or has_builder
    data = data_of(app) + note_of(app) if request["data"] and runs else []
    accounts = [builder] if has_builder else []
    units = list_units(app) if builds else {}
    busy = at_work(units) + [unit for unit, state in units.items() if state[0] == "failed"]
    return Found(
        units=sorted(busy),
        ports=open_ports(app) if runs and request["firewalld"] else [],
        boots=boot_links(app) if runs else [],
        files=files,
        paths=release_paths(app) if runs else [],
        builds=build_paths(app, request["builds_root"]) if builds else [],
        data=data,
        accounts=accounts + ([app.name] if request["data"] and is_application(app) else []),
    )


# ---- Taking it away --------------------------------------------------------------------------


def stop(app: Application) -> None:
    """Stop all that runs of an application; its requests in flight finish.

    Raises:
        Pending: something still ends after PATIENCE.
        CommandFailed: systemd does not answer.
    """
    deadline = time.monotonic() + _app_prove.PATIENCE
    left = at_work(list_units(app))
    if left:
        # In one transaction: a service stopped alone would be started by the next connection.
        _systemd.systemctl("stop", "--no-block", *left)
        left = at_work(list_units(app))
    while left:
        if time.monotonic() > deadline:
            raise Pending(f"{len(left)} of its units still end")
        time.sleep(0.2)
        left = at_work(list_units(app))


def close(app: Application, ports: List[List[str]]) -> None:
    """Close ports in firewalld, unless something else listens there by now.

    Raises:
        CommandFailed: firewalld does not do it.
    """
    taken = {str(port) for port in _ports.listeners()}
    for arguments in ports:
        number = re.search(r'(?:remove-port=|port port=")([0-9]+)', arguments[-1])
        if number and number.group(1) not in taken:
            run(["firewall-cmd"] + arguments)


def delete_account(name: str) -> None:
    """Remove an account, and the group that is called like it.

    Raises:
        CommandFailed: it cannot be removed, as when a process of it runs.
    """
    run(["userdel", name])
    if _app_host.has_group(name):
        run(["groupdel", name])


def take_away(app: Application, request: Dict[str, Any], found: Found) -> None:
    """Remove what was found of an application.

    Raises:
        Pending: something of it still ends.
        CommandFailed: something cannot be stopped or removed; the next call goes on.
        OSError: likewise.
    """
    for path in found.boots:
        _files.remove(path)
    stop(app)
    close(app, found.ports)
    for path in found.files:
        _files.remove(path)
    # Also of one that was killed before it.
    _systemd.reload_units()
    failed = [unit for unit, state in list_units(app).items() if state[0] == "failed"]
    if failed:
        _systemd.attempt("reset-failed", *failed)
    _systemd.attempt("stop", slice_of(app))
    for path in found.paths + found.builds + found.data:
        _files.remove(path)
    for home in {app.home, os.path.join(request["builds_root"], app.name)}:
        # What somebody else has put there stays.
        with contextlib.suppress(OSError):
            os.rmdir(home)
    for name in found.accounts:
        delete_account(name)


def remove(request: Dict[str, Any], check: bool) -> Dict[str, Any]:
    """Take an application away from the host.

    Args:
        request: the options of the module app_remove.
        check: only say what would go.

    Raises:
        Problem: it is no name of an application, or something cannot be removed.
        Pending: something of it still ends.
    """
    name = request["name"]
    if not NAME.match(name):
        raise Problem(f"'{name}' is no name of an application.")
    app = Application(name, request["root"])
    with contextlib.ExitStack() as stack:
        if not check:
            stack.enter_context(app.locked())
        found = look(app, request)
        told = found.told()
        kept = [] if request["data"] else kept_of(app)
        answer = {
            "changed": bool(told),
            "removed": told,
            "kept": kept,
            "owner": _app_unlisted.owner_of(app) if found.paths else "",
            "others": [other for other in names_in(request["root"]) if other != name],
            "diff": {
                "before_header": f"application {name}",
                "after_header": f"application {name}",
                "before": "".join(line + "\n" for line in told),
                "after": "",
            },
        }
        if told and not check:
            try:
                take_away(app, request, found)
            except CommandFailed as failure:
                raise Problem(
                    f"application '{name}' is not removed whole: {failure}\nRun it again to go on."
                ) from None
        return answer


def kept_of(app: Application) -> List[str]:
    """Return the data of an application and its owner, which stay."""
    return data_of(app) + ([f"account {app.name}"] if is_application(app) else [])
