"""What the administrators of a host have added to the policy of SELinux, and add to it.

It is read from the files that libsemanage keeps, in a millisecond; semanage, which takes a second
to list a thing and many to change one, is asked only where something is to change, and then once.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
import re
import shutil
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import SBIN, run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._files import below, read_text

#: Seconds for a change: the whole policy is compiled anew, on a slow host for a minute.
PATIENCE = 600.0
#: Of an object, in what libsemanage writes: user, role, type, level.
CONTEXT = r"[^\s:]+:[^\s:]+:([^\s:]+)(?::\S+)?"
PORT = re.compile(rf"portcon\s+(\w+)\s+(\d+)(?:\s*-\s*(\d+))?\s+{CONTEXT}\s*$")
RULE = re.compile(rf"(\S+)\s+(?:(-[-bcdpls])\s+)?(?:{CONTEXT}|<<none>>)\s*$")
#: How semanage calls the kinds of files that file contexts write as --, -d, -l.
KINDS = {"": "a", "--": "f", "-d": "d", "-l": "l"}


class Port(NamedTuple):
    """The label of a range of ports."""

    protocol: str
    first: int
    last: int
    type: str


class Rule(NamedTuple):
    """The label of what matches a pattern; of a kind of files only, if ``kind`` is not a."""

    pattern: str
    kind: str
    type: str


class Host:
    """Where SELinux is on a host."""

    def __init__(self, root: str = "/") -> None:
        self.root = root

    def path(self, name: str) -> str:
        """Return the path of a file of the host."""
        return below(self.root, name)

    @property
    def enabled(self) -> bool:
        """Tell whether the kernel enforces a policy, or logs what it would forbid."""
        return os.path.exists(self.path("sys/fs/selinux/enforce"))

    @property
    def policy(self) -> str:
        """Return the name of the policy, as targeted."""
        found = re.search(
            r"(?m)^\s*SELINUXTYPE\s*=\s*(\S+)", read_text(self.path("etc/selinux/config"))
        )
        return found.group(1) if found else "targeted"

    def lines(self, name: str) -> List[str]:
        """Return the lines of a file of libsemanage's store, without comments."""
        text = read_text(self.path(f"var/lib/selinux/{self.policy}/active/{name}"))
        lines = [line.strip() for line in text.splitlines()]
        return [line for line in lines if line and not line.startswith("#")]

    def ports(self) -> List[Port]:
        """Return the ports that administrators have labelled."""
        found = [PORT.match(line) for line in self.lines("ports.local")]
        return [
            Port(one.group(1), int(one.group(2)), int(one.group(3) or one.group(2)), one.group(4))
            for one in found
            if one
        ]

    def rules(self) -> List[Rule]:
        """Return the rules for labels of files that administrators have added."""
        found = [RULE.match(line) for line in self.lines("file_contexts.local")]
        return [
            Rule(one.group(1), KINDS.get(one.group(2) or "", "-"), one.group(3) or "<<none>>")
            for one in found
            if one
        ]

    def is_on(self, boolean: str) -> Optional[bool]:
        """Tell whether a boolean is on, now and after the next start; None if there is none."""
        now = read_text(self.path(f"sys/fs/selinux/booleans/{boolean}")).split()
        if not now:
            return None
        return now[0] == "1" and boolean + "=1" in self.lines("booleans.local")

    def label_of(self, path: str) -> Optional[str]:
        """Return the type of a file, of a link its own; None if it has none or is not there."""
        try:
            context = os.getxattr(self.path(path), "security.selinux", follow_symlinks=False)
        except OSError:
            return None
        return type_of(context.decode("ascii", "replace"))

    def intended(self, paths: Sequence[str]) -> Dict[str, Optional[str]]:
        """Return path -> the type that the rules have for it; None if they have none.

        Raises:
            Problem: there is no matchpathcon.
            CommandFailed: it cannot tell.
        """
        if not paths:
            return {}
        program = shutil.which("matchpathcon", path=SBIN)
        if program is None:
            raise Problem("this host has no matchpathcon; install libselinux-utils.")
        # What is there, is asked for as what it is: there are rules for directories alone.
        lines = run([program, "-n"] + list(paths)).stdout.splitlines()
        return {path: type_of(line.strip()) for path, line in zip(paths, lines)}


def type_of(context: str) -> Optional[str]:
    """Return the type in a context; None if there is none."""
    parts = context.rstrip("\0\n").split(":")
    return parts[2] if len(parts) > 2 else None


def listed_ports(text: str) -> List[Tuple[str, int, int]]:
    """Return protocol and range of all that ``semanage port --list`` tells."""
    out = []
    for line in text.splitlines():
        fields = line.split(None, 2)
        if len(fields) < 3:
            continue
        for part in fields[2].split(","):
            found = re.match(r"\s*(\d+)(?:-(\d+))?\s*$", part)
            if found:
                out.append((fields[1], int(found.group(1)), int(found.group(2) or found.group(1))))
    return out


def semanage() -> Optional[str]:
    """Return the path of semanage; None if there is none."""
    return shutil.which("semanage", path=SBIN)


def required_semanage() -> str:
    """Return the path of semanage.

    Raises:
        Problem: there is none.
    """
    program = semanage()
    if program is None:
        raise Problem("this host has no semanage; install policycoreutils-python-utils.")
    return program


def known_ports() -> List[Tuple[str, int, int]]:
    """Return protocol and range of the ports that the policy or an administrator has labelled."""
    said = run([required_semanage(), "port", "--list", "--noheading"], timeout=PATIENCE)
    return listed_ports(said.stdout)


def change(commands: Sequence[Sequence[str]]) -> None:
    """Do what commands of semanage say, all of it or nothing, compiling the policy once.

    Raises:
        Problem: there is no semanage.
        CommandFailed: it refuses.
    """
    if commands:
        text = "".join(" ".join(command) + "\n" for command in commands)
        run([required_semanage(), "import"], timeout=PATIENCE, stdin=text)


def relabel(path: str, by_force: bool) -> None:
    """Give a tree the labels that the rules have for it.

    Args:
        path: its top; a link is labelled itself.
        by_force: types that people set by hand, as httpd_sys_content_t, go too.

    Raises:
        Problem: there is no restorecon.
        CommandFailed: it cannot.
    """
    program = shutil.which("restorecon", path=SBIN)
    if program is None:
        raise Problem("this host has no restorecon; install policycoreutils.")
    run([program, "-R"] + ["-F"] * by_force + [path], timeout=PATIENCE)
