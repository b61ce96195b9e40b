"""What names, versions and addresses look like, for all roles."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

#: An application: units, users and directories are called by it.
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
#: Directories of other things in /opt and in /run/wsgi, and users that exist on every host.
RESERVED = frozenset(
    {
        "adm", "apache", "bin", "builds", "daemon", "dbus", "ftp", "games", "halt", "lp", "mail",
        "nginx", "nobody", "operator", "root", "shutdown", "sshd", "sync", "systemd-network", "tss",
        "uv", "uwsgi",
    }
)  # fmt: skip
#: A version of Python as packages are called by it, without its patch level.
PYTHON = re.compile(r"3\.(\d|[1-9]\d)")


def called(kind: str, item: dict[str, Any], number: int) -> str:
    """Return the beginning of a sentence about an item of a list, which may lack its name.

    Args:
        kind: what it is.
        item: as the user wrote it.
        number: its place in the list, from 1.
    """
    return f"{kind} '{item['name']}'" if item.get("name") else f"{kind} number {number}"


def unknown_system(role: str, facts: dict[str, Any]) -> str:
    """Return the sentence about a host of a system that a role does not know."""
    host = f"{facts.get('distribution', 'unknown')} {facts.get('distribution_major_version', '')}"
    return (
        f"The {role} role knows CentOS Stream, RHEL and their rebuilds, releases 8 to 10; this host"
        f" is {host.rstrip()}."
    )


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return what an address or network is; None for what is neither: no mask, no zone."""
    _, slash, length = text.partition("/")
    if "%" in text or (slash and not re.fullmatch(r"0|[1-9]\d*", length)):
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
