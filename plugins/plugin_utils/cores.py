"""Which hosts an ansible-core can manage, and what to say where it cannot.

An ansible-core that is too new for a host's Python fails before any code of the collection runs
there, with a SyntaxError of its own.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import unknown_system

Keys = dict[str, Any]

#: The interpreter that dnf's bindings are in, and that Ansible's own dnf module goes on in.
PLATFORM_PYTHON = "/usr/libexec/platform-python"
#: The last ansible-core whose modules run on Python 3.6.
LAST = (2, 16)
#: What is said by a Python that is too old, and by a host that has none where it is looked for.
NO_PYTHON = re.compile(
    r"future feature annotations is not defined|SyntaxError|[Nn]o [Pp]ython interpreters? found"
    r"|python[0-9.]*: (command )?not found|python[0-9.]*: No such file|interpreter .* not found"
)


def too_new(core: str) -> str:
    """Return the sentence about a host of release 8; empty if an ansible-core can manage it."""
    if tuple(int(part) for part in re.findall(r"\d+", core)[:2]) <= LAST:
        return ""
    return (
        f"This host has release 8 of the system, whose own Python 3.6 ansible-core {core} cannot"
        " use: hosts of release 8 are managed with ansible-core 2.16, no other (in an environment"
        " of its own: pip install 'ansible-core==2.16.*'; see Supported in the README)."
    )


def problem_of(core: str, versions: dict[str, str]) -> str:
    """Return the sentence about a host that answers, by an interpreter that was installed besides.

    Ansible's dnf module would fail there, in the middle of the work.

    Args:
        core: the version of ansible-core.
        versions: program -> what it says to --version, of module host_info.
    """
    return too_new(core) if re.match(r"Python 3\.6\b", versions.get(PLATFORM_PYTHON, "")) else ""


def failure(result: Keys, about: str, core: str) -> str:
    """Return why a host could not be asked what it is.

    Args:
        result: of the task that failed.
        about: the host's os-release, by a command that takes no Python; empty if that failed too.
        core: the version of ansible-core.
    """
    words = [str(result.get(key) or "") for key in ("msg", "module_stderr", "module_stdout")]
    original = "\n".join(word.strip() for word in words if word.strip())
    if not NO_PYTHON.search(original):
        return original
    name = re.search(r'^NAME="?([^"\n]+)', about, re.M)
    version = re.search(r'^VERSION_ID="?(\d+)', about, re.M)
    release = version.group(1) if version else ""
    if release == "8" and too_new(core):
        return too_new(core)
    if name and release not in ("8", "9", "10"):
        facts = {"distribution": name.group(1).strip(), "distribution_major_version": release}
        return unknown_system("python", facts)
    return original
