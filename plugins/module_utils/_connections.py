"""Who is connected to some ports of the host.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import ipaddress
import time
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_prove
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import Pending
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

#: Where the kernel tells of connections.
PROC = "/proc/net"
#: States (include/net/tcp_states.h) in which somebody may still ask or be answered: established,
#: about to be, half closed by the other side, or with data of ours on the way.
OPEN = frozenset({"01", "03", "04", "08", "09", "0B"})
#: Seconds between two looks.
POLL = 0.5


def address_of(text: str) -> str:
    """Return an address that the kernel has written: words of 32 bits in the host's byte order."""
    words = [text[place : place + 8] for place in range(0, len(text), 8)]
    # The kernel writes what lies in memory as a number; all hosts here have the low byte first.
    data = b"".join(bytes.fromhex(word)[::-1] for word in words)
    if len(data) == 4:
        return str(ipaddress.IPv4Address(data))
    address = ipaddress.IPv6Address(data)
    return str(address.ipv4_mapped or address)


def connections() -> Iterator[Tuple[int, str]]:
    """Yield the port here and the address there of each connection that is open.

    Raises:
        OSError: the kernel does not tell.
    """
    for name in ("tcp", "tcp6"):
        try:
            with open(f"{PROC}/{name}", encoding="ascii") as file:
                lines = file.read().splitlines()[1:]
        except FileNotFoundError:
            # A host without IPv6.
            continue
        for line in lines:
            _, local, remote, state = line.split()[:4]
            if state in OPEN:
                yield int(local.rpartition(":")[2], 16), address_of(remote.rpartition(":")[0])


def count(ports: Sequence[int], peers: Sequence[str]) -> Dict[str, int]:
    """Return address -> how many connections it has to some ports.

    Args:
        ports: of this host.
        peers: the addresses that count.
    """
    wanted = {str(ipaddress.ip_address(peer)) for peer in peers}
    out: Dict[str, int] = {}
    for port, address in connections():
        if port in ports and address in wanted:
            out[address] = out.get(address, 0) + 1
    return out


def wait(ports: List[int], peers: List[str], timeout: int, job: str) -> Dict[str, Any]:
    """Wait until nobody is connected; return who still is.

    Args:
        ports: of this host.
        peers: the addresses that count.
        timeout: seconds to wait.
        job: what a call before this one has returned with Pending.

    Raises:
        Problem: an address is none.
        Pending: the timeout is not over, and somebody is.
    """
    deadline = time.monotonic() + _app_prove.PATIENCE
    began = float(job) if job else time.monotonic()
    while True:
        try:
            found = count(ports, peers)
        except ValueError as error:
            raise Problem(f"peers: {error}.") from None
        now = time.monotonic()
        if not found or now - began >= timeout:
            break
        if now > deadline:
            text = ", ".join(f"{number} of {peer}" for peer, number in sorted(found.items()))
            raise Pending(f"connections are left: {text}", job=f"{began:.3f}")
        time.sleep(POLL)
    peers_left = [
        {"address": address, "connections": number} for address, number in sorted(found.items())
    ]
    return {"changed": False, "left": sum(found.values()), "peers": peers_left}
