"""Remove the releases of an application that are not kept, and the builds that were theirs alone.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
import time
from typing import List, Set

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _application,
    _files,
    _systemd,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._application import (
    Application,
    at_work,
    list_instances,
)

#: In seconds.
DAY = 86400


def prune(app: Application, keep: int, wanted: str) -> List[str]:
    """Remove old releases, and builds that only they were made of; return what was removed.

    What stays: current, previous, what runs, the wanted one, the latest good ones up to keep, and
    of the others the latest, for a look at what went wrong.

    Args:
        app: the application.
        keep: how many good releases stay, the current one among them.
        wanted: a release that stays.

    Raises:
        CommandFailed: systemd does not say what runs; nothing was removed.
        OSError: something cannot be removed; what is left of it is no release any more.
    """
    running = app.releases_in(at_work(list_instances()))
    current = app.linked("current")
    good = ([current] if current else []) + app.good()
    # Whether they can be read or not.
    stay = set(good[: max(keep, 1)]) | {current, app.linked("previous"), wanted} | set(running)
    complete = app.complete()
    others = [release for release in complete if release not in good]
    others.sort(key=lambda release: os.stat(app.path(release, "release.json")).st_mtime)
    stay.update(others[-1:])
    gone = [release for release in complete if release not in stay]
    for release in gone:
        # First what makes it a release: one that is half removed must not be taken for one.
        os.unlink(app.path(release, "release.json"))
    for release in app.directories():
        if release not in stay and release not in gone and is_abandoned(app, release):
            gone.append(release)
    # The directories last: what is killed before them is an abandoned one, which still tells the
    # next time which units and which build were its own.
    reload = remove_units(app, gone)
    builds = remove_builds(app, gone)
    for release in gone:
        _files.remove(app.path(release))
    if reload:
        _systemd.reload_units()
    return gone + builds


def is_abandoned(app: Application, release: str) -> bool:
    """Tell whether a directory is what an interruption left.

    A younger one may be of somebody who is still at it; of one that cannot be read nobody knows.
    """
    try:
        _files.read(app.path(release, "release.json"))
        age = time.time() - os.lstat(app.path(release)).st_mtime
    except OSError:
        return False
    return not app.about(release) and age > DAY


def remove_units(app: Application, gone: List[str]) -> bool:
    """Remove the units of services and timers of releases, which are theirs alone.

    Returns:
        Whether there were any.
    """
    found = [(unit, app.pattern.match(unit)) for unit in os.listdir(_systemd.UNITS)]
    left = [unit for unit, match in found if match and match.group(1) in gone]
    for unit in left:
        os.unlink(os.path.join(_systemd.UNITS, unit))
        _files.remove(os.path.join(_application.STAMPS, "stamp-" + unit))
    return bool(left)


def remove_builds(app: Application, gone: List[str]) -> List[str]:
    """Remove the builds that only some releases are made of; return their names.

    A release that cannot be read is made of its build all the same.
    """
    directory = os.path.realpath(os.path.join(app.home, "builds"))
    candidates: Set[str] = set()
    needed: Set[str] = set()
    for release in app.directories():
        build = os.path.realpath(app.path(release, "build"))
        (candidates if release in gone else needed).add(build)
    removed = []
    for build in sorted(candidates - needed):
        # Builds in other places are not this role's to judge.
        if os.path.dirname(build) == directory and os.path.isdir(build):
            _files.remove(os.path.join(build, "build.json"))
            _files.remove(build)
            removed.append(os.path.join("builds", os.path.basename(build)))
    return removed
