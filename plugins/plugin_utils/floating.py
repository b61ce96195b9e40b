"""Addresses that move from one host to another with what serves there, by keepalived.

Hosts with the same address tell each other by VRRP, directly and not by multicast, that they are
there; one of them has it. One whose nginx does not answer gives it up.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import names, specs, templates

Keys = dict[str, Any]

VARIABLE = "nginx_floating_addresses"
PATH = "/etc/keepalived/keepalived.conf"
UNIT = "keepalived.service"
INTERFACE = re.compile(r"[A-Za-z0-9._-]{1,15}")
#: What is sent in the clear in eight bytes. It keeps mistakes away, not people.
PASSWORD = re.compile(r"[A-Za-z0-9._-]{1,8}")


def read(variables: Keys, problems: list[str]) -> list[Keys]:
    """Return the addresses, complete; add a sentence for what cannot be read.

    What is added to the described keys: ``others``, the peers without the host itself.

    Args:
        variables: the role's, as they were given.
        problems: is added to.
    """
    options = specs.item_options("nginx", VARIABLE)
    out = []
    for number, item in enumerate(specs.items(variables, [VARIABLE], problems), 1):
        wrong: list[str] = []
        where = f"{VARIABLE}, number {number}"

        def say(key: str, sentence: str, where: str = where, wrong: list[str] = wrong) -> None:
            wrong.append(specs.about(where, key, sentence))

        found = specs.read(options, item, say)
        if not wrong:
            itself = names.plain_address(found["source"])
            found["others"] = [
                peer for peer in found["peers"] if names.plain_address(peer) != itself
            ]
            wrong += [f"{where}, {sentence}" for sentence in problems_of(found)]
        problems += wrong
        if not wrong:
            out.append(found)
    return out


def problems_of(item: Keys) -> list[str]:
    """Return what is wrong with an address that can be read, each the end of a sentence."""
    out = []
    address = item["address"]
    found = names.network(address)
    if found is None or "/" not in address:
        out.append(
            f"address: '{address}' must be an address with the length of its network, as"
            " 192.0.2.10/24 or 2001:db8::10/64."
        )
    if not INTERFACE.fullmatch(item["interface"]):
        out.append(f"interface: '{item['interface']}' is no interface; write eth0.")
    limits = (("router_id", 255), ("priority", 254))
    out += [
        f"{key}: {item[key]} must be from 1 to {most}."
        for key, most in limits
        if not 1 <= item[key] <= most
    ]
    for key, values in (
        ("peers", item["peers"]),
        ("source", [item["source"]] * (item["source"] != "")),
    ):
        out += [
            f"{key}: '{value}' is no IP address; write 192.0.2.11 or 2001:db8::11."
            for value in values
            if not names.is_ip(value)
        ]
    if not out:
        out += problems_together(item)
    return out


def problems_together(item: Keys) -> list[str]:
    """Return what is wrong with keys that are well each by itself."""
    out = []
    if not item["others"]:
        out.append("peers: names no other host; one that is alone has the address anyway.")
    version = ipaddress.ip_interface(item["address"]).version
    said = [*item["others"], *filter(None, [item["source"]])]
    if any(ipaddress.ip_address(one).version != version for one in said):
        out.append(
            f"peers: the address is IPv{version}, and so must peers and source be, because VRRP is"
            " one protocol for each."
        )
    password = item["password"]
    if password and version == 6:
        out.append("password: VRRP has none for IPv6; leave it out.")
    elif password and not PASSWORD.fullmatch(password):
        out.append("password: must be at most 8 letters, digits, dots, - and _.")
    return out


def problems_between(items: list[Keys], settings: Keys) -> list[str]:
    """Return what is wrong with the addresses together, and with what they need of the role."""
    out = []
    if items and settings["nginx_status_port"] == 0:
        out.append(
            f"{VARIABLE}: whether nginx answers is asked on nginx_status_port, and that is 0; give"
            " it a port."
        )
    for key in ("router_id", "address"):
        seen: set[Any] = set()
        for item in items:
            value = item[key]
            same = names.plain_address(value) if key == "address" else value
            mark = (item["interface"], same)
            if mark in seen:
                out.append(
                    f"{VARIABLE}: {key} {value} is twice on {item['interface']}; give each"
                    " address its own."
                )
            seen.add(mark)
    return out


def text_of(items: list[Keys], settings: Keys) -> str:
    """Return the text of keepalived's configuration."""
    return templates.render(
        "nginx",
        "keepalived.conf.j2",
        addresses=items,
        owner=settings["nginx_owner"],
        status_port=settings["nginx_status_port"],
    )


def rules_of(items: list[Keys]) -> list[str]:
    """Return firewalld's rules that let the other hosts tell that they are there."""
    return list(
        dict.fromkeys(
            names.rich_rule(peer, 'protocol value="vrrp"')
            for item in items
            for peer in item["others"]
        )
    )
