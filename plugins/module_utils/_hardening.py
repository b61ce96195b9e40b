"""Say what of a host's hardening stands in the way of programs that its packages do not bring.

It only reads; a host without any of it is asked for nothing that takes time.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
import re
from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import _fapolicyd, _fips
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import CommandFailed
from ansible_collections.flaskstack.centos.plugins.module_utils._files import below, read_text

#: Where certificate authorities are that the host trusts, the name that all releases had first.
#: Release 10 may have the second alone; the third is that of the family Debian.
CA_BUNDLES = (
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/certs/ca-certificates.crt",
)
#: Seconds in which systemd says whether a unit runs.
QUICK = 20


def mounts(root: str = "/") -> List[Tuple[str, List[str]]]:
    """Return mount point and options of all that this process sees mounted, in the kernel's order.

    Args:
        root: where the host's files are; for tests.
    """
    found = []
    for line in read_text(below(root, "proc/self/mountinfo")).splitlines():
        fields = line.split(" ")
        if len(fields) > 5:
            # A blank is \040.
            point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code.group(1), 8)), fields[4])
            found.append((point, fields[5].split(",")))
    return found


def noexec(directories: Sequence[str], root: str = "/") -> Dict[str, str]:
    """Return directory -> mount point, of those in which no program can be run.

    Args:
        directories: they need not be there yet.
        root: where the host's files are; for tests.
    """
    there = mounts(root)
    out = {}
    for directory in directories:
        path = os.path.realpath(directory)
        point, options = "", [""]
        for one in there:
            # The nearest; of two at one place, the later one hides the other.
            if holds(one[0], path) and len(one[0]) >= len(point):
                point, options = one
        if "noexec" in options:
            out[directory] = point
    return out


def holds(point: str, path: str) -> bool:
    """Tell whether a path is a mount point, or below it."""
    return path == point or path.startswith(point.rstrip("/") + "/")


def has_fapolicyd(root: str = "/") -> bool:
    """Tell whether fapolicyd runs, permissive or not: whoever is permissive means to enforce."""
    if not os.path.isdir(below(root, "etc/fapolicyd")):
        return False
    try:
        said = run(["systemctl", "is-active", "fapolicyd.service"], check=False, timeout=QUICK)
    except (OSError, CommandFailed):
        return False
    return said.stdout.strip() in ("active", "activating", "reloading")


def ca_bundle(root: str = "/") -> str:
    """Return the file of the authorities that the host trusts; empty if there is none."""
    for path in CA_BUNDLES:
        file = below(root, path)
        if os.path.isfile(file) and os.path.getsize(file):
            return path
    return ""


def describe(
    directories: Sequence[str], allow: Sequence[str] = (), root: str = "/"
) -> Dict[str, Any]:
    """Return what a role's one question to a host says of its hardening.

    Args:
        directories: those in which programs are run.
        allow: what fapolicyd is to let run; a directory ends with a slash.
        root: where the host's files are; for tests.
    """
    active = has_fapolicyd(root)
    return {
        "noexec": noexec(directories, root),
        "fapolicyd": active,
        "fapolicyd_lacking": _fapolicyd.lacking(allow, root) if active else [],
        "fips": _fips.is_fips(below(root, _fips.ENABLED)),
    }
