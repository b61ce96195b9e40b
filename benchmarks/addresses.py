#!/usr/bin/env python3
"""Make a long list of addresses and networks to block, always the same for the same count.

    addresses.py 10000 >addresses.json

Half are IPv4 and half IPv6, half of each single addresses and half networks, as lists of
attackers are. None overlaps another, and none has a loopback address but those of LOOPBACK.
"""

from __future__ import annotations

import ipaddress
import json
import random
import sys

#: Blocked, to see that it works; and the closest neighbours of the client, 127.0.0.1 and ::1: with
#: them, looking for the client's own address takes as many steps as any can.
LOOPBACK = ("127.77.0.0/16", "127.0.0.0", "::2")

#: How long the prefixes of networks are, by version.
PREFIXES = {4: (16, 20, 22, 24, 24, 24, 28), 6: (32, 40, 48, 48, 56, 64, 64)}

#: From where to where the addresses are, by version; no loopback address is among them.
SPACE = {4: (0x01000000, 0x7F000000), 6: (0x2001 << 112, 0x3FFF << 112)}


def addresses(count: int) -> list[str]:
    """Return `count` addresses and networks, LOOPBACK's first."""
    # Not for secrets: the same numbers each time are what is wanted.
    generator = random.Random(10_000)
    found = list(LOOPBACK)
    # Those that are taken already, by version and length of the prefix.
    taken: dict[int, dict[int, set[int]]] = {4: {}, 6: {}}
    while len(found) < count:
        version = 4 if len(found) % 2 else 6
        bits = 32 if version == 4 else 128
        prefix = generator.choice(PREFIXES[version]) if len(found) % 4 < 2 else bits
        start = generator.randrange(*SPACE[version]) >> (bits - prefix) << (bits - prefix)
        if overlaps(taken[version], start, prefix, bits):
            continue
        taken[version].setdefault(prefix, set()).add(start)
        address = (ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address)(start)
        found.append(str(address) if prefix == bits else f"{address}/{prefix}")
    return found[:count]


def overlaps(taken: dict[int, set[int]], start: int, prefix: int, bits: int) -> bool:
    """Tell whether a network has an address in common with one that is taken."""
    for other, starts in taken.items():
        if other <= prefix:
            if start >> (bits - other) << (bits - other) in starts:
                return True
        elif any(one >> (bits - prefix) << (bits - prefix) == start for one in starts):
            return True
    return False


def main() -> int:
    """Print the list as JSON."""
    if len(sys.argv) != 2 or not sys.argv[1].isdigit() or int(sys.argv[1]) < len(LOOPBACK):
        print(f"Usage: addresses.py COUNT, {len(LOOPBACK)} or more", file=sys.stderr)
        return 2
    print(json.dumps(addresses(int(sys.argv[1])), indent=0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
