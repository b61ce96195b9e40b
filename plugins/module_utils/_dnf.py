"""Ask dnf what its repositories offer. It changes nothing but dnf's own cache.

By its command, which every Python can run: the bindings are in the platform's alone.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import re
from typing import Any, Dict, List

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    last_lines,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import scrub

#: Seconds that dnf may take: it may have to fetch what repositories have.
PATIENCE = 300
#: What it says, with an error, where there is no module of a name.
NO_MODULE = re.compile(r"No matching Modules to list|Unable to resolve argument")


def offered(packages: List[str]) -> List[str]:
    """Return the names of the packages in the repositories that match, sorted, each once.

    Args:
        packages: names, or patterns as ``python3.??``.

    Raises:
        CommandFailed: dnf cannot tell.
    """
    if not packages:
        return []
    command = ["dnf", "--quiet", "repoquery", "--available", "--queryformat", "%{name}\n"]
    return sorted(set(run(command + packages, timeout=PATIENCE).stdout.split()))


def streams(module: str) -> List[Dict[str, Any]]:
    """Return the streams of a module: stream, and whether it is enabled, default or disabled.

    Raises:
        CommandFailed: dnf cannot tell.
    """
    try:
        said = run(["dnf", "--quiet", "module", "list", module], timeout=PATIENCE).stdout
    except CommandFailed as failure:
        if NO_MODULE.search(failure.output):
            return []
        raise
    # "nginx  1.24 [d][e]  common [d]  nginx webserver"; a module of several repositories is there
    # several times.
    line = re.compile(r"^" + re.escape(module) + r"\s+(\S+)((?:\s*\[[a-z]\])*)\s", re.M)
    found: Dict[str, Dict[str, Any]] = {}
    for stream, marks in line.findall(said):
        before = found.get(stream, {"stream": stream})
        found[stream] = dict(
            before,
            **{
                name: before.get(name, False) or mark in marks
                for name, mark in (("default", "[d]"), ("enabled", "[e]"), ("disabled", "[x]"))
            },
        )
    return list(found.values())


def info(packages: List[str], modules: List[str]) -> Dict[str, Any]:
    """Return the answer of the module ``dnf_info``.

    Where dnf cannot tell, that is part of the answer: whoever asks may do without.
    """
    answer = {"changed": False, "failed_because": "", "offered": [], "streams": {}}
    try:
        answer["offered"] = offered(packages)
        answer["streams"] = {module: streams(module) for module in modules}
    except CommandFailed as failure:
        # Addresses of repositories may have passwords.
        answer["failed_because"] = scrub(last_lines(failure.output)) or "dnf said nothing"
    except FileNotFoundError:
        answer["failed_because"] = "there is no dnf on this host"
    return answer
