"""The applications that run on a host and are not in the list of those that should.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
import re
from typing import Any, Dict, List, Sequence

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_router, _files
from ansible_collections.flaskstack.centos.plugins.module_utils._application import (
    Application,
    Units,
    at_work,
    names_in,
)

#: Where a router listens, in its own file: http.ini or tcp.ini.
LISTENS = re.compile(
    r"^(?:http|https|http-to-https|fastrouter) *= *(?:\[[^]\s]*\]|[^:\[\s]*):([0-9]+)", re.M
)


def ports_of(app: Application) -> List[int]:
    """Return the ports that an application's routers listen on, as their files have it."""
    found = []
    for kind in _app_router.KINDS:
        if os.path.exists(_app_router.unit_file(app.name, kind)):
            text = _files.read_text(os.path.join(app.home, kind + ".ini"))
            found += [int(port) for port in LISTENS.findall(text)]
    return sorted(set(found))


def owner_of(app: Application) -> str:
    """Return whose an application is; empty if its releases do not say."""
    releases = [app.linked("current")] + app.directories()
    owners = [str(app.about(release).get("owner") or "") for release in releases if release]
    return owners[0] if owners else ""


def commands_of(app: Application, units: Sequence[str], kind: str) -> List[str]:
    """Return the names of an application's services or timers that are among some units."""
    pattern = re.compile(rf"uwsgi-{re.escape(app.name)}\.([a-z0-9_-]+)@.*\.{kind}$")
    return sorted({found.group(1) for found in map(pattern.match, units) if found})


def describe(app: Application, units: Units, enabled: Sequence[str]) -> str:
    """Return what of an application runs or starts at boot, in words; empty if nothing does."""
    at_hand = at_work(units) + list(enabled)
    releases = app.releases_in(at_hand)
    timers = commands_of(app, at_hand, "timer")
    # What a timer starts is named by the timer.
    services = [name for name in commands_of(app, at_hand, "service") if name not in timers]
    parts = (
        ("release", releases),
        ("service", services),
        ("timer", timers),
        ("port", [str(port) for port in ports_of(app)]),
    )
    return ", ".join(
        "{}{} {}".format(what, "s" if len(names) > 1 else "", " and ".join(names))
        for what, names in parts
        if names
    )


def find(request: Dict[str, Any], units: Units, enabled: Sequence[str]) -> List[Dict[str, str]]:
    """Return the applications of an owner that run here and are not in the list.

    Args:
        request: root, apps, listed and owner of the module app_releases; without a list, nobody
            knows what does not belong here.
        units: what systemd has in memory.
        enabled: what starts at boot.
    """
    if request.get("listed") is None:
        return []
    listed = set(request["listed"]) | {wanted["name"] for wanted in request["apps"]}
    out = []
    for name in names_in(request["root"]):
        app = Application(name, request["root"])
        if name in listed or owner_of(app) not in ("", request["owner"]):
            continue
        runs = describe(app, units, enabled)
        if runs:
            out.append({"name": name, "runs": runs})
    return out
