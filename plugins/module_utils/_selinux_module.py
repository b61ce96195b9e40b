"""Policy modules of SELinux: whether one is there as it should be, and putting it there.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import bz2
import glob
import os
import re
import shutil
import tempfile
from typing import Any, Dict, List, Optional

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import SBIN, run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._files import read
from ansible_collections.flaskstack.centos.plugins.module_utils._lock import locked
from ansible_collections.flaskstack.centos.plugins.module_utils._selinux_local import (
    PATIENCE,
    Host,
)

#: What bzip2 puts first; libsemanage compresses, unless it is told not to.
COMPRESSED = b"BZh"
#: What a module can be called, by the name of its file.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def store(host: Host) -> str:
    """Return where libsemanage has the modules."""
    return host.path(f"var/lib/selinux/{host.policy}/active/modules")


def installed(host: Host, name: str) -> Optional[str]:
    """Return the text of an installed module; None if it is not there, or not in force.

    Of several the one with the highest priority counts. It is read from its file, in a
    millisecond; semodule takes a second to tell.
    """
    found = {
        int(os.path.basename(os.path.dirname(path))): path
        for path in glob.glob(os.path.join(store(host), "[0-9]*", name))
    }
    if not found or os.path.lexists(os.path.join(store(host), "disabled", name)):
        return None
    data = read(os.path.join(found[max(found)], "cil")) or b""
    if data.startswith(COMPRESSED):
        data = bz2.decompress(data)
    return data.decode("utf-8", "replace")


def is_there(host: Host, name: str) -> bool:
    """Tell whether a module is installed, in force or not."""
    return bool(glob.glob(os.path.join(store(host), "[0-9]*", name)))


def differs(host: Host, name: str, text: str, wanted: bool) -> bool:
    """Tell whether a module is not as it should be: there with a text, or not there."""
    if not wanted:
        return is_there(host, name)
    found = installed(host, name)
    return found is None or found.strip() != text.strip()


def change(host: Host, name: str, text: str, wanted: bool, check: bool) -> Dict[str, Any]:
    """Install a module or remove it, and return the answer of the module ``selinux_module``.

    Args:
        host: where SELinux is.
        name: of the module.
        text: in CIL.
        wanted: whether it is to be there.
        check: change nothing.

    Raises:
        Problem: its name is none, or there is no semodule.
        CommandFailed: semodule refuses.
    """
    if not NAME.match(name):
        raise Problem(f"'{name}' is no name of a policy module; use letters, digits and _.")
    if not (host.enabled and differs(host, name, text, wanted)):
        return {"changed": False, "diff": []}
    before = installed(host, name) or ""
    if not check:
        message = "another process is changing the policy of SELinux; wait for it, then run again."
        with locked("flaskstack-selinux", message, PATIENCE, host.path("run/lock")):
            if wanted:
                install(name, text)
            elif is_there(host, name):
                semodule(["--remove", name])
    header = f"policy module {name}"
    diff = {
        "before_header": header,
        "after_header": header,
        "before": before,
        "after": text if wanted else "",
    }
    return {"changed": True, "diff": [diff]}


def install(name: str, text: str) -> None:
    """Install a module, and bring it into force if somebody has disabled it."""
    directory = tempfile.mkdtemp(prefix="flaskstack-selinux.")
    try:
        path = os.path.join(directory, name + ".cil")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        semodule(["--install", path, "--enable", name])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def semodule(arguments: List[str]) -> None:
    """Have semodule do something; all of one call is done, or nothing of it.

    Raises:
        Problem: there is none.
        CommandFailed: it refuses.
    """
    program = shutil.which("semodule", path=SBIN)
    if program is None:
        raise Problem("this host has no semodule; install policycoreutils.")
    run([program] + arguments, timeout=PATIENCE)
