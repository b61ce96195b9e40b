"""Keep passwords out of what is shown: addresses that have one, and the output of tools.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import re
from typing import Iterable, Set, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import last_lines


def scrub(text: str) -> str:
    """Take user and password out of every URL in a text."""
    return re.sub(r"\b([A-Za-z][A-Za-z0-9+.-]*://)[^/\s'\"<>]*@", r"\1***@", text)


def shown(output: str) -> str:
    """Return the end of a tool's output, without credentials and without empty lines."""
    return last_lines(scrub(output))


def without_password(url: str) -> Tuple[str, str]:
    """Split an address into what may be seen in the list of processes, and what it was.

    The second is empty if there is nothing to hide.
    """
    found = re.match(r"(https?://)([^/]*)@(.*)$", url)
    return (found.group(1) + found.group(3), url) if found else (url, "")


def harmless(addresses: Iterable[str]) -> Set[str]:
    """Return those addresses that have no password, so that an error may name them.

    The account of ssh (``ssh://git@host/shop.git``) is none; that of https may be a token.
    """
    return {one for one in addresses if scrub(one) == one or re.match(r"ssh://[^/:@]*@[^@]*$", one)}
