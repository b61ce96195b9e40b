"""Lines of several hosts' journals as one text, in the order of their times."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import Keys

#: Colours, which have no meaning beside other hosts' lines.
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: What would move the cursor of a terminal, or worse.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def merged(said: dict[str, list[Keys]], lines: int) -> str:
    """Return the last lines of several hosts as one text.

    Args:
        said: host -> its lines: ``time`` in seconds of Unix time, ``source`` and ``text``.
        lines: how many of all.
    """
    width = max(map(len, said), default=0)
    rows = [(line["time"], host, line) for host, found in said.items() for line in found]
    # By time alone: what a host said at one moment stays in its order.
    rows.sort(key=lambda row: row[0])
    return "\n".join(row(host.ljust(width), line) for _, host, line in rows[-lines:])


def row(host: str, line: Keys) -> str:
    """Return a line with its time, in UTC, and its host.

    Nothing in it is taken by a terminal for more than letters.
    """
    moment = datetime.fromtimestamp(line["time"], UTC)
    source = f"{line['source']}: " if line["source"] else ""
    text = CONTROLS.sub(
        lambda found: found[0].encode("unicode_escape").decode("ascii"),
        COLOURS.sub("", line["text"]),
    )
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    return f"{stamp}  {host}  {source}{text}"
