"""What a host must have to run applications, and what it may not bear.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import glob
import grp
import os
import pwd
from typing import Any, Dict, List, Sequence

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _selinux_local,
    _selinux_module,
    _systemd,
    _uwsgi_stats,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._application import Application
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import CommandFailed

SOMAXCONN = "/proc/sys/net/core/somaxconn"
MEMINFO = "/proc/meminfo"
WHEELS = "/opt/uwsgi/wheels"
#: SELinux's policy module, which lets nginx connect to the applications' sockets.
POLICY = "flaskstack_wsgi"
#: The comment that the role gives an application's account (roles/uwsgi/tasks/prepare.yml).
COMMENT = "uWSGI application {}"


def look(request: Dict[str, Any]) -> Dict[str, Any]:
    """Return what the host lacks for some applications, and what it has for them.

    Args:
        request: apps, homes, socket_group and policy of the module app_releases.
    """
    names = [wanted["name"] for wanted in request["apps"]]
    host = _selinux_local.Host()
    # Whoever's the applications are that run on the host.
    units = glob.glob(os.path.join(_systemd.UNITS, "uwsgi-*@.service"))
    needs_policy = bool(request["policy"] and (names or units))
    return {
        # Of one that was killed half-way, the group may not be there.
        "missing_users": [name for name in names if not (has_user(name) and has_group(name))],
        "missing_group": not has_group(request["socket_group"]),
        "missing_homes": [home for home in request["homes"] if not answers_version(home)],
        "wheels": [os.path.basename(path) for path in sorted(glob.glob(WHEELS + "/*.whl"))],
        "architecture": os.uname().machine,
        "somaxconn": somaxconn(),
        "policy": not request["policy"]
        or not _selinux_module.differs(host, POLICY, request["policy"], needs_policy),
        "policy_wanted": needs_policy,
    }


def has_user(name: str) -> bool:
    """Tell whether the host knows a user."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def has_group(name: str) -> bool:
    """Tell whether the host knows a group."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def answers_version(home: str) -> bool:
    """Tell whether the uWSGI in a directory runs: one that was cut off half-way does not."""
    try:
        return run([os.path.join(home, "bin", "uwsgi"), "--version"], check=False).status == 0
    except (OSError, CommandFailed):
        return False


def somaxconn() -> int:
    """Return the longest queue of a socket that the kernel allows now."""
    with open(SOMAXCONN, encoding="ascii") as file:
        return int(file.read())


# ---- Problems ------------------------------------------------------------------------------


def account_problems(names: Sequence[str]) -> List[str]:
    """Return a sentence for each application that would run as an account of somebody else.

    An application is called by the account that it runs as. One that is there already, and that
    the role did not make, has files and rights of its own.
    """
    problems = []
    for name in names:
        if has_user(name):
            comment = pwd.getpwnam(name).pw_gecos
            if comment != COMMENT.format(name):
                problems.append(
                    f"application '{name}', name: this host has an account of that name already,"
                    f" which is not the application's ({comment or 'without a comment'}); choose"
                    " another name. If the application is to run as that account all the same,"
                    f" say so with: usermod --comment '{COMMENT.format(name)}' {name}."
                )
        elif has_group(name):
            problems.append(
                f"application '{name}', name: this host has a group of that name, but no such"
                " account; the application would have the rights of that group. Choose another"
                f" name or, if nothing needs the group, remove it: groupdel {name}."
            )
    return problems


def schedule_problems(wanted: Dict[str, Any]) -> List[str]:
    """Return a sentence for each schedule of an application that systemd does not understand."""
    return [
        f"application '{wanted['name']}', timers: systemd does not understand the schedule"
        f" '{schedule}'; try one with: systemd-analyze calendar '{schedule}'."
        for schedule in wanted["schedules"]
        if run(["systemd-analyze", "calendar", schedule], check=False).status != 0
    ]


def queue_problems(apps: Sequence[Dict[str, Any]]) -> List[str]:
    """Return a sentence for each queue that is longer than the host allows and can be made to."""
    # In a container it may be read-only: uWSGI would refuse to start.
    if os.access(SOMAXCONN, os.W_OK):
        return []
    most = somaxconn()
    return [
        "application '{}', listen: {} is more than this host allows (net.core.somaxconn is {}),"
        " and it does not let that be changed; write {} or less, or raise it outside.".format(
            wanted["name"], wanted["listen"], most, most
        )
        for wanted in apps
        if wanted["listen"] > most
    ]


# ---- Memory --------------------------------------------------------------------------------


def host_memory() -> int:
    """Return the memory of the host in bytes."""
    with open(MEMINFO, encoding="ascii") as file:
        return int(file.readline().split()[1]) * 1024


def memory_warnings(apps: Sequence[Dict[str, Any]], root: str, worker_memory: int) -> List[str]:
    """Return a sentence if the workers need more memory than there is.

    Args:
        apps: name and processes of the applications; 0 processes are as many as there are now.
        root: the directory that the applications' own are in.
        worker_memory: MB that a worker is reckoned at where there is none to measure.
    """
    parts, total = [], 0
    for wanted in apps:
        app = Application(wanted["name"], root)
        current = app.linked("current")
        stats = _uwsgi_stats.read(app.runtime(current, "stats.sock")) if current else None
        workers = len(stats.awake) if stats else 0
        each = stats.memory() // workers if stats and workers else worker_memory * 2**20
        count = wanted["processes"] or workers
        total += count * each
        if count:
            parts.append(
                "{} of '{}' at {:.0f} MB ({})".format(
                    count, wanted["name"], each / 2**20, "measured" if workers else "reckoned"
                )
            )
    there = host_memory()
    if total <= there:
        return []
    return [
        "The workers need more memory than this host has: {} are {:.0f} MB, and there are {:.0f}"
        " MB. Lower the processes, or give the host more memory.".format(
            ", ".join(parts), total / 2**20, there / 2**20
        )
    ]
