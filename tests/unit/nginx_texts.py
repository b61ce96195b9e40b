"""Read nginx's configurations as tests look at them: lines, and blocks of lines."""

from __future__ import annotations

import functools

from ansible_collections.flaskstack.centos.plugins.plugin_utils.nginx_files import Files, rendered
from nginx_cases import GOOD, HOST, planned


@functools.cache
def files(case: str) -> Files:
    """Give the files of one of the good cases."""
    one = GOOD[case]
    return rendered(planned(one), one.get("host", HOST), {})


def stripped(text: str) -> list[str]:
    """Give the lines of a text, without indentation and comments."""
    found = (line.strip() for line in text.splitlines())
    return [line for line in found if line and not line.startswith("#")]


def lines(case: str, name: str = "shop") -> list[str]:
    """Give the lines of a site's file, or of another one."""
    path = name if name.endswith((".conf", ".html")) else f"conf.d/{name}.conf"
    return stripped(files(case)[path]["text"])


def main_lines(case: str) -> list[str]:
    """Give the lines of nginx.conf."""
    return lines(case, "nginx.conf")


def block(found: list[str], opening: str) -> list[str]:
    """Give the lines of the first block that begins with a line, blocks in it included."""
    start = found.index(opening) + 1
    depth = 1
    for end, line in enumerate(found[start:], start):
        depth += line.endswith("{") - (line == "}")
        if depth == 0:
            return found[start:end]
    raise AssertionError(f"{opening} has no end")


def blocks(found: list[str], opening: str) -> list[list[str]]:
    """Give all blocks that begin with a line."""
    starts = [number for number, line in enumerate(found) if line == opening]
    return [block(found[start:], opening) for start in starts]


def listens(found: list[str]) -> list[str]:
    """Give what is listened on."""
    return [line for line in found if line.startswith("listen ")]
