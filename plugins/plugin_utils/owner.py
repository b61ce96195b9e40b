"""Who deploys, as colleagues and the history of an application are told."""

from __future__ import annotations

import getpass
import platform


def owner(behind_sudo: str = "") -> str:
    """Return who runs this, as ``user@control-node``.

    Args:
        behind_sudo: who called sudo; empty if nobody did.
    """
    return f"{behind_sudo or user()}@{platform.node()}"


def user() -> str:
    """Return the name of the user that this process runs as."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container, with a number that /etc/passwd does not know.
        return "somebody"
