"""Say what a host is, as Ansible's own facts do, in a fraction of the time.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
import re
import shlex
from typing import Any, Dict, List, Sequence

from ansible_collections.flaskstack.centos.plugins.module_utils import _hardening
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    last_lines,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._files import read_text

#: How Ansible calls distributions of the family RedHat, by ID in os-release.
REDHATS = {
    "centos": "CentOS",
    "rhel": "RedHat",
    "rocky": "Rocky",
    "almalinux": "AlmaLinux",
    "ol": "OracleLinux",
    "fedora": "Fedora",
    "eurolinux": "EuroLinux",
    "cloudlinux": "CloudLinux",
    "miraclelinux": "MIRACLE",
    "scientific": "Scientific",
}
#: And of others, which the roles refuse by name.
OTHERS = {
    "debian": "Debian",
    "ubuntu": "Ubuntu",
    "amzn": "Amazon",
    "opensuse-leap": "openSUSE Leap",
}
#: Their families.
FAMILIES = {"Ubuntu": "Debian", "Amazon": "RedHat", "openSUSE Leap": "Suse"}

#: Seconds in which a program says its version.
QUICK = 20


def release(root: str = "/") -> Dict[str, str]:
    """Return what os-release says: key -> value."""
    found = {}
    for name in ("etc/os-release", "usr/lib/os-release"):
        for line in read_text(os.path.join(root, name)).splitlines():
            key, given, value = line.strip().partition("=")
            if given and not key.startswith("#"):
                found[key] = "".join(shlex.split(value)) if _is_quoted(value) else value
        if found:
            break
    return found


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]


def facts(root: str = "/") -> Dict[str, Any]:
    """Return facts by the names and with the values of ``ansible.builtin.setup``.

    Args:
        root: where the host's files are; for tests.
    """
    about = release(root)
    ident = about.get("ID", "").lower()
    name = REDHATS.get(ident) or OTHERS.get(ident) or (about.get("NAME", "").split() or ["NA"])[0]
    version = about.get("VERSION_ID", "") or "NA"
    if ident == "centos":
        # os-release of CentOS 8 and older has the major version alone.
        said = read_text(os.path.join(root, "etc/redhat-release"))
        found = re.search(r"release (\d+(?:\.\d+)?)", said)
        version = found.group(1) if found else version
    likes = about.get("ID_LIKE", "").split()
    family = FAMILIES.get(name, name)
    if ident in REDHATS or "rhel" in likes or "fedora" in likes:
        family = "RedHat"
    elif "debian" in likes:
        family = "Debian"
    return {
        "os_family": family,
        "distribution": name,
        "distribution_version": version,
        "distribution_major_version": version.split(".")[0],
        "selinux": selinux(root),
    }


def notes(found: Dict[str, Any]) -> List[str]:
    """Return a sentence about a release that still works and has no repositories any more.

    Args:
        found: as facts() returns them.
    """
    if (found["distribution"], found["distribution_major_version"]) != ("CentOS", "8"):
        return []
    return [
        "CentOS 8 and CentOS Stream 8 have ended and have no repositories any more: packages can be"
        " installed only where this host knows a mirror that still has them. Move it to Rocky Linux"
        " 8, AlmaLinux 8 or RHEL 8 (each has a script that does so in place), or to a newer one."
    ]


def selinux(root: str = "/") -> Dict[str, Any]:
    """Return all that ``setup`` says of SELinux: what it has said before is not to be lost."""
    if not has_selinux(root):
        return {"status": "disabled"}
    wanted = {}
    for line in read_text(os.path.join(root, "etc/selinux/config")).splitlines():
        key, given, value = line.partition("=")
        if given and not key.lstrip().startswith("#"):
            wanted[key.strip()] = value.strip()
    kernel = os.path.join(root, "sys/fs/selinux")
    version = read_text(os.path.join(kernel, "policyvers")).strip()
    modes = {"1": "enforcing", "0": "permissive"}
    return {
        "status": "enabled",
        "policyvers": int(version) if version.isdigit() else "unknown",
        "config_mode": wanted.get("SELINUX", "unknown").lower(),
        "mode": modes.get(read_text(os.path.join(kernel, "enforce")).strip(), "unknown"),
        "type": wanted.get("SELINUXTYPE", "unknown"),
    }


def has_selinux(root: str = "/") -> bool:
    """Tell whether the kernel enforces, or logs, a policy: what libselinux calls enabled."""
    return os.path.exists(os.path.join(root, "sys/fs/selinux/enforce")) and os.path.exists(
        os.path.join(root, "etc/selinux/config")
    )


def packages(patterns: List[str]) -> List[str]:
    """Return the names of the installed packages that match, sorted, each once.

    Args:
        patterns: as ``python3*``.

    Raises:
        CommandFailed: rpm cannot read its database.
    """
    if not patterns:
        return []
    try:
        said = run(["rpm", "--query", "--all", "--queryformat", "%{NAME}\n"] + patterns).stdout
    except FileNotFoundError:
        # Not of this family: the roles refuse it by what it is, not by what it lacks.
        return []
    return sorted(set(said.split()))


def version(command: str) -> str:
    """Return the first line of what a program says to ``--version``; empty if it does not run."""
    try:
        said = run([command, "--version"], timeout=QUICK)
    except (OSError, CommandFailed):
        return ""
    # Some say it as if it were an error.
    lines = last_lines(said.stdout or said.stderr).splitlines()
    return lines[0] if lines else ""


def systemd() -> int:
    """Return the version of systemd, as 252; 0 if there is none."""
    found = re.match(r"systemd (\d+)", version("systemctl"))
    return int(found.group(1)) if found else 0


def info(
    patterns: List[str],
    commands: List[str],
    directories: Sequence[str] = (),
    allow: Sequence[str] = (),
) -> Dict[str, Any]:
    """Return the answer of the module ``host_info``.

    Args:
        patterns: packages to look for.
        commands: programs to ask for their version.
        directories: where programs are to be put.
        allow: what fapolicyd is to let run.
    """
    found = facts()
    return {
        "changed": False,
        "warnings": notes(found),
        # With the prefix that setup gives them: without it, a host that injects facts as variables
        # would get one called "distribution".
        "ansible_facts": {"ansible_" + key: value for key, value in found.items()},
        "packages": packages(patterns),
        "versions": {command: version(command) for command in commands},
        "systemd": systemd(),
        "ca_bundle": _hardening.ca_bundle(),
        **_hardening.describe(directories, allow),
    }
