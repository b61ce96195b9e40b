"""Hosts and groups that a user names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import nearest

#: What makes a part of a pattern something else than a name.
PATTERN = re.compile(r"[*?\[\]~@]")
#: What Ansible knows as this machine without an inventory.
LOCALHOST = ("localhost", "127.0.0.1", "::1")


def pattern(hosts: str | list[str]) -> str:
    """Return hosts as one pattern of Ansible.

    Args:
        hosts: a pattern, or several of them in a list or with commas or blanks between them.
    """
    parts = hosts if isinstance(hosts, list) else re.split(r"[,\s]+", hosts)
    return ",".join(part for part in parts if part)


def unknown(pattern: str, known: Iterable[str]) -> list[str]:
    """Return a sentence for each name in a pattern of hosts that the inventory does not have.

    Args:
        pattern: as Ansible takes it: ``web1``, ``app:!web2``, ``web1,web2``.
        known: the names of the inventory's hosts and groups.
    """
    there = sorted({*known, "all"})
    if pattern in (*there, *LOCALHOST):
        # An address of IPv6 is a name too.
        return []
    names = [part.lstrip("!&").strip() for part in re.split(r"[,:]", pattern)]
    return [
        f"flaskstack_hosts: the inventory has no host or group '{name}'.{nearest(name, there)}"
        for name in names
        if name and name not in (*there, *LOCALHOST) and not PATTERN.search(name)
    ]
