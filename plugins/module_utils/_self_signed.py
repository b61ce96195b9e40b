"""Self-signed certificates in the tree that nginx reads.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import time
from typing import Any, Dict, Sequence

from ansible_collections.flaskstack.centos.plugins.module_utils._certificate import (
    DAY,
    RENEWAL,
    make_pair,
    read_pair,
    state_of,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_change import Files, swap
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import (
    Tree,
    alone,
    clearing_up,
)


def is_wanted(tree: Tree, wanted: Dict[str, Any]) -> bool:
    """Tell whether a certificate is not there, or of no use, or not for its names, or at its end.

    At its end is one that has less than a month, or half of the time that it was made for.
    """
    paths = (tree.path(wanted["certificate"]), tree.path(wanted["key"]))
    about, faults = read_pair(*paths)
    state = state_of({"kind": "self_signed", "names": wanted["names"]}, about, faults)
    if state == "expiring":
        left = about["expires"] - time.time()
        return bool(left < min(RENEWAL["self_signed"], int(wanted["days"]) * DAY / 2))
    return state != "ok"


def self_sign(
    tree: Tree, certificates: Sequence[Dict[str, Any]], check: bool = False
) -> Dict[str, Any]:
    """Make certificates that nobody vouches for, each with a key of its own: all of them or none.

    They are part of what nginx is to take over next: if it does not, those before come back.

    Args:
        tree: what nginx reads.
        certificates: certificate and key, paths below the tree, names and days of each.
        check: change nothing.

    Raises:
        Problem: a name is none, or openssl says no.
    """
    if check:
        signed = [each["certificate"] for each in certificates if is_wanted(tree, each)]
        return {"changed": bool(signed), "signed": signed}
    files: Files = {}
    signed = []
    with clearing_up(), alone(tree):
        for wanted in certificates:
            if is_wanted(tree, wanted):
                with tree.workplace() as directory:
                    made = make_pair(wanted["names"], int(wanted["days"]), directory)
                for part, (name, mode) in enumerate((("certificate", 0o644), ("key", 0o600))):
                    files[below(tree, wanted[name])] = made[part], mode
                signed.append(wanted["certificate"])
        swap(tree, files, [])
    return {"changed": bool(signed), "signed": signed}


def below(tree: Tree, name: str) -> str:
    """Return a path in the tree as its files are named in it.

    Raises:
        Problem: it leads elsewhere.
    """
    path = tree.path(name)
    if not path.startswith(tree.root + "/") or "/../" in path:
        raise Problem(f"'{name}' is no path below {tree.root}.")
    return path[len(tree.root) + 1 :]
