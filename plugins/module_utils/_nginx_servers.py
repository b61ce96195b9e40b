"""Servers that get no requests for a while: which they are, and how an upstream says so.

The list outlives every change of the configuration. Whoever writes a site's file marks the servers
of the list in it, the control node too, which compares its text with the host's.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import ipaddress
import re
from typing import Collection, Dict, List, NamedTuple, Set, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import Tree, lines_of

#: Below the tree: an address a line. nginx does not read it.
FILE = "drained-now"
#: Its first line.
FIRST = (
    "Servers that get no requests (flaskstack.centos, playbook drain): change it by drain and"
    " undrain."
)
#: Behind the line of a server that is down for its address's sake, and no longer than that.
MARK = " down; # drained"
#: Behind the second line of the only server that is left: see _again.
AGAIN = " max_fails=0 backup; # the others are drained"
#: Ways to choose a server that have no place for a backup.
WITHOUT_BACKUP = re.compile(r"\s*(hash|ip_hash|random)\b")
UPSTREAM = re.compile(r"\s*upstream\s+(\S+)\s*\{")
SERVER = re.compile(r"(\s*server\s+)([^\s;#]+)([^;#]*);(.*)")
#: Of upstreams that are no site's servers, see templates/site.conf.j2.
OTHERS = "acme_"


class Server(NamedTuple):
    """A server of an upstream: its host, and whether it gets no requests."""

    host: str
    down: bool


def plain(address: str) -> str:
    """Return an address or host name in the one way in which it is compared."""
    text = address.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text.lower()


def is_ip(text: str) -> bool:
    """Tell whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def host_of(server: str) -> str:
    """Return the host of a server as nginx has it, without its port; of a socket, nothing."""
    if server.startswith("unix:"):
        return ""
    found = re.match(r"\[([^\]]*)\]|([^:]*)", server)
    return plain((found.group(1) or found.group(2) or "") if found else "")


def drained_of(tree: Tree) -> List[str]:
    """Return the addresses that get no requests, as they are listed."""
    words = [line.partition("#")[0].strip() for line in lines_of(tree.current(FILE))]
    return sorted({plain(word) for word in words if word})


def listing(addresses: Collection[str]) -> bytes:
    """Return the list with these addresses."""
    return "\n".join([f"# {FIRST}", *sorted(addresses), ""]).encode("utf-8")


def mark(text: str, drained: Collection[str]) -> str:
    """Return a site's file in which the servers that are drained are down, and no others of ours.

    One that is down because its owner wrote so is left alone. Where one server is left, it is there
    twice: nginx asks no server twice for a request, also when all that was wrong with it is a kept
    connection that it had closed, and would answer 502.

    Args:
        text: of the file.
        drained: addresses, plain.
    """
    out: List[str] = []
    block: List[str] = []
    inside = ""
    for line in text.split("\n"):
        was = inside
        inside, line = _next(inside, line, drained)
        if line.endswith(AGAIN):
            continue
        if inside and was:
            block.append(line)
            continue
        out += _again(block) + [line]
        block = []
    return "\n".join(out + block)


def _again(block: List[str]) -> List[str]:
    """Return the lines of an upstream, with its only server once more if the others are drained."""
    servers = [line for line in block if SERVER.match(line)]
    left = [line for line in servers if not re.search(r"\sdown(\s|;)", line)]
    marked = any(line.endswith(MARK) for line in servers)
    if not marked or len(left) != 1 or any(WITHOUT_BACKUP.match(line) for line in block):
        return block
    found = SERVER.match(left[0])
    at = block.index(left[0]) + 1
    again = found.group(1) + found.group(2) + AGAIN if found else ""
    return [*block[:at], again, *block[at:]]


def _next(inside: str, line: str, drained: Collection[str]) -> Tuple[str, str]:
    """Return the upstream that a line leaves us in, and the line as it should be."""
    opening = UPSTREAM.match(line)
    if opening:
        return opening.group(1), line
    if not inside:
        return "", line
    if "}" in line.partition("#")[0]:
        return "", line
    if line.endswith(MARK):
        line = line[: -len(MARK)] + ";"
    found = SERVER.match(line)
    if not found or inside.startswith(OTHERS) or host_of(found.group(2)) not in drained:
        return inside, line
    if not re.search(r"\sdown(\s|$)", found.group(3)) and not found.group(4).strip():
        line = line.rstrip()[:-1] + MARK
    return inside, line


def hosts_in(text: str) -> Set[str]:
    """Return the hosts of all servers of a site's file."""
    return {server.host for servers in servers_of(text).values() for server in servers}


def servers_of(text: str) -> Dict[str, List[Server]]:
    """Return the upstreams of a site's file: name -> servers."""
    out: Dict[str, List[Server]] = {}
    inside = ""
    for line in text.split("\n"):
        inside = _next(inside, line, ())[0]
        found = SERVER.match(line)
        if found and inside and not inside.startswith(OTHERS) and not line.endswith(AGAIN):
            down = re.search(r"\sdown(\s|$)", found.group(3)) is not None
            out.setdefault(inside, []).append(Server(host_of(found.group(2)), down))
    return out
