"""Addresses that nginx refuses at once, in a file of the tree of their own.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import ipaddress
from typing import Any, Dict

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_change import Change, apply
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_reload import take_over
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import (
    Tree,
    alone,
    clearing_up,
    lines_of,
    uninterrupted,
)

FILE = "blocked-now.conf"
HEADER = (
    "Addresses blocked at once (flaskstack.centos, playbook block): change it by that playbook."
)


def block(
    tree: Tree, address: str, present: bool, wait: float, header: str = HEADER, check: bool = False
) -> Dict[str, Any]:
    """Add an address or network to those that nginx refuses, or take it away, at once.

    Args:
        tree: what nginx reads.
        address: an address or network, IPv4 or IPv6.
        present: refuse it; otherwise let it in.
        wait: seconds for nginx to take it over.
        header: the first line of the file.
        check: change nothing.

    Raises:
        Problem: it is none, or nginx does not take it over; see Change and take_over.
    """
    if check:
        return turn(tree, address, present, header)
    with clearing_up(), alone(tree):
        answer = turn(tree, address, present, header)
        # Of a process that was killed, the file may be there and nginx not know of it.
        pending = tree.is_pending(FILE)
        if answer["changed"] or pending:
            with uninterrupted():
                for diff in answer["diff"]:
                    apply(tree, Change({FILE: (diff["after"].encode("utf-8"), 0o644)}))
                take_over(tree, wait)
        return dict(answer, changed=answer["changed"] or pending)


def turn(tree: Tree, address: str, present: bool, header: str) -> Dict[str, Any]:
    """Return what block is going to answer.

    Raises:
        Problem: the address is none, or the file holds what is none.
    """
    lines = lines_of(tree.current(FILE))
    found = set()
    for line in lines:
        words = line.partition("#")[0].split()
        if words:
            found.add(network_of(words[0], f"{tree.path(FILE)}: "))
    wanted = network_of(address, "")
    after = found | {wanted} if present else found - {wanted}
    addresses = [str(each) for each in sorted(after, key=lambda each: (each.version, each))]
    changed = after != found
    text = "".join([f"# {header}\n"] + [f"{each} 1;\n" for each in addresses])
    diff = {
        "before_header": tree.path(FILE),
        "after_header": tree.path(FILE),
        "before": "".join(line + "\n" for line in lines),
        "after": text,
    }
    return {"changed": changed, "addresses": addresses, "diff": [diff] if changed else []}


def network_of(text: str, where: str) -> Any:
    """Return an address or network as the network that it is, its bits after the prefix cleared.

    Raises:
        Problem: it is none.
    """
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise Problem(
            f"{where}'{text}' is neither an address nor a network; write it as 192.0.2.7,"
            " 192.0.2.0/24 or 2001:db8::/32."
        ) from None
