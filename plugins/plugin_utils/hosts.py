"""Hosts and groups that a user names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import nearest

#: What makes a part of a pattern something else than a name.
PATTERN = re.compile(r"[*?\[\]~@]")
#: What Ansible knows as this machine without an inventory.
LOCALHOST = ("localhost", "127.0.0.1", "::1")


#: A part of a pattern, with ranges as of web[1:3], between the colons that Ansible takes, too.
PART = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")


def pattern(hosts: str | list[str]) -> str:
    """Return hosts as one pattern of Ansible.

    Args:
        hosts: a pattern, or several of them in a list or with commas or blanks between them.
    """
    if not isinstance(hosts, list):
        return ",".join(part for part in re.split(r"[,\s]+", hosts) if part)
    given = [one for one in hosts if one]
    # With a comma anywhere, Ansible does not look for colons.
    return ",".join(
        part
        for one in given
        for found in re.split(r"[,\s]+", one)
        for part in ([found] if len(given) == 1 or is_address(found) else PART.findall(found))
    )


def is_address(text: str) -> bool:
    """Tell whether a text is an IP address, as a host may be called."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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
