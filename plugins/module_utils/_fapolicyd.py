"""Have fapolicyd let run what the roles install.

fapolicyd lets run what came with a package. The rest needs a rule, in a file of
``/etc/fapolicyd/rules.d``; ``fagenrules`` makes one file of all of them, in the order of their
names, and tells the daemon. The first rule that fits decides, so ours comes before those that
refuse shared libraries (41), programs (90) and languages (70) that nobody knows.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
import re
from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._files import (
    below,
    read_text,
    remove,
    write,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._lock import locked

RULES = "/etc/fapolicyd/rules.d"
#: Whose a file is, is in its name: each role has one.
FILE = RULES + "/25-flaskstack-{}.rules"
#: What fagenrules makes of them, and the daemon reads.
COMPILED = "/etc/fapolicyd/compiled.rules"
#: The one file that hosts had before rules.d; with both, fagenrules does nothing.
OLD = "/etc/fapolicyd/fapolicyd.rules"
#: There as long as rules are written that the daemon may not have read. A reboot removes it: the
#: daemon compiles and reads them when it starts.
PENDING = "/run/flaskstack-fapolicyd.pending"
HEADER = "# Managed by Ansible (flaskstack.centos, role {}): lines are added, none is removed.\n"
#: From this version on, the daemon reads rules anew when it is told; older ones only say so.
RELOADS = (1, 3)
#: Seconds that reading some thousand rules takes at most.
PATIENCE = 120
#: Seconds that another role's run may take.
LOCK_PATIENCE = 150
#: What a rule of that kind allows.
ALLOWS = re.compile(r"allow perm=any all : (?:dir|path)=(\S+)")
#: From where on an allowing rule comes too late: those of broken programs are to come first.
REFUSES = re.compile(r"deny\S* perm=\w+ all : (?!ftype=application/x-bad-elf)")
#: What of a path a rule cannot say: fields end at a blank, values at a comma.
UNSAID = re.compile(r"[\s,\"%]")


def rule(path: str) -> str:
    """Return the rule that allows a file, or all in a directory (its path ends with a slash).

    Of the object alone: who runs it is not known, and what was allowed to be run may read what is
    beside it.

    Raises:
        Problem: rules cannot name it.
    """
    if UNSAID.search(path):
        raise Problem(
            f"fapolicyd: '{path}' cannot be named in a rule; choose a directory without blanks,"
            " commas, quotes and percent signs."
        )
    return "allow perm=any all : {}={}".format("dir" if path.endswith("/") else "path", path)


def lines_of(path: str) -> List[str]:
    """Return the rules in a file; none if it is not there."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def lacking(paths: Sequence[str], root: str = "/") -> List[str]:
    """Return those of the paths that no rule allows: ours, or the administrator's own.

    Args:
        paths: files, and directories with a slash at their end.
        root: where the host's files are; for tests.
    """
    if not paths:
        return []
    if os.path.exists(below(root, PENDING)):
        return list(paths)
    allowed = []
    for line in lines_of(below(root, COMPILED)):
        if REFUSES.match(line):
            break
        allowed += ALLOWS.findall(line)
    return [
        path
        for path in paths
        if path not in allowed
        and not any(one.endswith("/") and path.startswith(one) for one in allowed)
    ]


def text_of(role: str, rules: Sequence[str]) -> str:
    """Return the text of a role's file."""
    return HEADER.format(role) + "".join(line + "\n" for line in rules)


def allow(role: str, paths: Sequence[str], check: bool = False, root: str = "/") -> Dict[str, Any]:
    """Write a role's rules, and have fapolicyd follow them.

    What other runs have allowed stays: they may have had other applications in their lists.

    Args:
        role: whose rules they are.
        paths: files, and directories with a slash at their end.
        check: only say what would change.
        root: where the host's files are; for tests.

    Raises:
        Problem: the host's rules are of the older kind, or a path cannot be named.
        CommandFailed: fagenrules does not take them.
        OSError: they cannot be written.
    """
    old = below(root, OLD)
    if os.path.exists(old):
        raise Problem(
            f"fapolicyd: this host has its rules in {OLD}, beside which those of {RULES} do not"
            f" count; move them there, or add to that file: {'; '.join(map(rule, paths))}"
        )
    path, wanted = below(root, FILE.format(role)), [rule(one) for one in paths]
    with locked("flaskstack-fapolicyd", "fapolicyd: its rules are being changed.", LOCK_PATIENCE):
        before, there = read_text(path), lines_of(path)
        after = text_of(role, there + [line for line in wanted if line not in there])
        changed = bool(lacking(paths, root)) or before != after
        answer = {
            "changed": changed,
            "path": FILE.format(role),
            "diff": {"before": before, "after": after, "header": FILE.format(role)},
        }
        if changed and not check:
            write(below(root, PENDING), b"", 0o600, owner())
            write(path, after.encode("utf-8"), 0o644, owner())
            try:
                load()
            except FileNotFoundError:
                raise Problem("fapolicyd: this host has no fagenrules.") from None
            except CommandFailed:
                # Or nobody's rules could be loaded any more.
                if before:
                    write(path, before.encode("utf-8"), 0o644, owner())
                else:
                    remove(path)
                raise
            remove(below(root, PENDING))
    return answer


def load() -> None:
    """Compile all rules, and have the daemon follow them.

    Raises:
        CommandFailed: fagenrules does not take them, or the daemon does not start with them.
        FileNotFoundError: there is no fagenrules.
    """
    run(["fagenrules", "--load"], timeout=PATIENCE)
    if version() < RELOADS:
        run(["systemctl", "try-restart", "fapolicyd.service"], timeout=PATIENCE)


def version() -> Tuple[int, ...]:
    """Return the first numbers of fapolicyd's version; none if its package is not known."""
    try:
        said = run(["rpm", "--query", "--queryformat", "%{VERSION}", "fapolicyd"]).stdout
    except (OSError, CommandFailed):
        return ()
    found = re.match(r"(\d+)[.](\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


def owner() -> Tuple[int, int]:
    """Return whose files are: root's, or the caller's in tests."""
    return os.geteuid(), os.getegid()
