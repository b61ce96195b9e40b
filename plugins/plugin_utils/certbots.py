"""Which interpreter certbot is installed with, and which version of it that takes."""

from __future__ import annotations

import re
from typing import Any

Keys = dict[str, Any]

#: Python -> the last certbot that runs on it.
LAST = {"3.6": "1.23.0", "3.7": "2.6.0", "3.8": "2.11.1", "3.9": "4.2.0"}
#: For every newer one.
NEWEST = "5.8.0"
#: The platform's own on releases 9 and 10. On 8 it is not there, or an alternative.
PLATFORM = "/usr/bin/python3"
#: What else a host may have.
OTHERS = [f"/usr/bin/python3.{minor}" for minor in range(14, 7, -1)]
#: Before it, the platform's own is no choice: the pip of 3.6 takes no wheel of what certbot needs.
OLDEST = (3, 8)


def candidates(named: str) -> list[str]:
    """Return the interpreters that a host is asked for.

    Args:
        named: the one that the user names; empty for one that will do.
    """
    return [named] if named else [PLATFORM, *OTHERS]


def version_of(said: str) -> tuple[int, ...]:
    """Return the version of an interpreter by its own words; empty if it does not run."""
    found = re.match(r"Python (\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


def choice(answer: Keys, named: str = "", certbot: str = "") -> Keys:
    """Return what certbot is installed with.

    Args:
        answer: of the module host_info about the candidates.
        named: the interpreter that the user names.
        certbot: the version that the user names.

    Returns:
        python: the interpreter.
        certbot: the version.
        problem: a sentence, if there is no interpreter that will do.
    """
    there = {path: version_of(said) for path, said in answer.get("versions", {}).items()}
    wanted = [path for path in candidates(named) if there.get(path)]
    good = [path for path in wanted if named or there[path] >= OLDEST]
    if not good:
        problem = (
            f"nginx_acme_python: {named} does not run on this host; install it before, or name"
            " another."
            if named
            else "certbot needs Python 3.8 or newer, and this host has none; let the python role"
            " install one, or name yours in nginx_acme_python."
        )
        return {"python": "", "certbot": certbot, "problem": problem}
    python = good[0]
    version = ".".join(map(str, there[python]))
    return {"python": python, "certbot": certbot or LAST.get(version, NEWEST), "problem": ""}
