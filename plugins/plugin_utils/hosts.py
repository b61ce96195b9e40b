"""Hosts and groups that a user names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import TypedDict

from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import nearest

#: The groups of an inventory, by what their hosts do; the last is for hosts that do it all.
APPLICATION_HOSTS, LOAD_BALANCERS, SINGLE = "app_servers", "load_balancers", "app"
#: What makes a part of a pattern something else than a name.
PATTERN = re.compile(r"[*?\[\]~@]")
#: What Ansible knows as this machine without an inventory.
LOCALHOST = ("localhost", "127.0.0.1", "::1")
#: What to do where nobody runs applications.
ADVICE = (
    f"Put your hosts into the group '{APPLICATION_HOSTS}' (or '{SINGLE}'), or name another with -e"
    " flaskstack_hosts=…."
)


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


class Hosts(TypedDict):
    """Patterns of the hosts that a playbook works on.

    Attributes:
        application_hosts: those that run applications.
        load_balancers: those in front of them; empty where each host serves by itself.
        all: both.
        asked: those that people ask.
    """

    application_hosts: str
    load_balancers: str
    all: str
    asked: str


def of_cluster(
    groups: Iterable[str], hosts: str | list[str] = "", load_balancers: str | list[str] = ""
) -> Hosts:
    """Return which hosts do what: the one place that knows the groups by their names.

    Args:
        groups: the inventory's.
        hosts: the application hosts, if somebody has named them.
        load_balancers: the load balancers, if somebody has named them.
    """
    there = set(groups)
    usual = APPLICATION_HOSTS if APPLICATION_HOSTS in there else SINGLE
    first = pattern(hosts or usual)
    before = pattern(load_balancers or (LOAD_BALANCERS if LOAD_BALANCERS in there else ""))
    return {
        "application_hosts": first,
        "load_balancers": before,
        "all": pattern([first, before]),
        "asked": before or first,
    }


def is_address(text: str) -> bool:
    """Tell whether a text is an IP address, as a host may be called."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def unknown(pattern: str, known: Iterable[str], variable: str = "flaskstack_hosts") -> list[str]:
    """Return a sentence for each name in a pattern of hosts that the inventory does not have.

    Args:
        pattern: as Ansible takes it: ``web1``, ``app:!web2``, ``web1,web2``.
        known: the names of the inventory's hosts and groups.
        variable: where it was written.
    """
    there = sorted({*known, "all"})
    if pattern in (*there, *LOCALHOST):
        # An address of IPv6 is a name too.
        return []
    names = [part.lstrip("!&").strip() for part in re.split(r"[,:]", pattern)]
    return [
        f"{variable}: the inventory has no host or group '{name}'.{nearest(name, there)}"
        for name in names
        if name and name not in (*there, *LOCALHOST) and not PATTERN.search(name)
    ]


def no_load_balancers(pattern: str) -> str:
    """Return the sentence about an inventory that has load balancers, but none of them a host.

    Args:
        pattern: who they would be.
    """
    return (
        f"load_balancers: the inventory has no host in '{pattern}'; put the load balancers there,"
        " or take the group out of the inventory, and each host serves by itself."
    )


def problems(  # noqa: PLR0913 - what a run is about
    named: Hosts,
    found: dict[str, list[str]],
    groups: dict[str, list[str]],
    of: str = "all",
    limit: str = "",
    left: Iterable[str] = (),
) -> list[str]:
    """Return a sentence for each way in which a playbook would do nothing, and say nothing.

    Args:
        named: the patterns, as of ``of_cluster``.
        found: the hosts of ``application_hosts`` and ``load_balancers``, whatever the limit.
        groups: the inventory's, with their hosts.
        of: which of the patterns the playbook works on.
        limit: to what the run is limited, as it was written.
        left: the hosts that it leaves.
    """
    known = [*groups, *groups.get("all", [])]
    first, before = named["application_hosts"], named["load_balancers"]
    out = []
    wrong = unknown(first, known)
    if not wrong and not found["application_hosts"]:
        wrong = [f"The inventory has no host in '{first}'."]
    if wrong:
        out.append(" ".join([*wrong, ADVICE]))
    there = set(found["application_hosts"])
    if of == "application_hosts":
        before = ""
    if before:
        wrong = unknown(before, known, "flaskstack_load_balancers")
        if not wrong and not found["load_balancers"]:
            wrong = [no_load_balancers(before)]
        out += wrong
        there |= set(found["load_balancers"])
    if not out and limit and there.isdisjoint(left):
        either = " or ".join(f"'{one}'" for one in (first, before) if one)
        out.append(f"--limit {limit}: none of its hosts is in {either}. {ADVICE}")
    return out
