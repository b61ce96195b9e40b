"""What there is on a host of nginx, and of what its sites refer to. It changes nothing.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import glob
import hashlib
import os
import re
import resource
import shlex
import socket
import stat
import threading
import time
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._certificate import (
    read_pair,
    sentence,
    state_of,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._files import read
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import (
    OWNER,
    Tree,
    lines_of,
)

#: Seconds that all host names together are given to resolve.
LOOKUP = 10.0
#: What systemd lets a service have by default; more connections than that no host of ours holds.
OPEN_FILES = 524288
PROC = "/proc"
SELINUX = "/sys/fs/selinux"
#: State of a connection in /proc/net/tcp.
ESTABLISHED = "01"
#: Where packages name the modules that nginx loads.
MODULES = "/usr/share/nginx/modules"


def describe_nginx() -> Optional[Dict[str, Any]]:
    """Return version, configure arguments and modules of the nginx that is there, None if none."""
    try:
        said = run(["nginx", "-V"], check=False).stderr
    except (FileNotFoundError, PermissionError):
        return None
    version = re.search(r"version: *[^\s/]+/([0-9.]*[0-9])", said)
    line = re.search(r"^configure arguments:(.*)$", said, re.M)
    try:
        arguments = shlex.split(line.group(1)) if line else []
    except ValueError:
        arguments = line.group(1).split() if line else []
    options = dict(found.split("=", 1) for found in arguments if "=" in found)
    path = options.get("--modules-path") or os.path.join(options.get("--prefix", ""), "modules")
    files = glob.glob(os.path.join(glob.escape(path), "*.so"))
    files += glob.glob(os.path.join(glob.escape(MODULES), "*.conf"))
    return {
        "version": version.group(1) if version else "",
        "arguments": arguments,
        "modules": sorted(os.path.basename(found) for found in files),
    }


def describe_owned(tree: Tree, header: str) -> List[Dict[str, Any]]:
    """Return the sites' files that are the role's, whose each is, and what it needs of nginx.conf.

    That file is one for the sites of all owners: whoever writes it goes by all of them.
    """
    out = []
    paths = tree.files()
    for name, owner in tree.owned(header).items():
        whole = "\n".join(lines_of(paths[name]))
        text = re.sub(r"(^|\s)#.*", "", whole)
        listens = re.findall(r"(?:^|[\s{};])listen\s+([^;{}]+?)\s*;", text)
        variables = re.findall(r"\$flaskstack_\w+", text)
        out.append(
            {
                "file": name,
                "owner": owner,
                "listens": sorted(set(listens), key=listens.index),
                "variables": sorted(set(variables)),
                "parts": re.findall(r"(?m)^    # Site (\S+)\.$", whole),
            }
        )
    return out


def owner_of(path: str, header: str) -> Optional[str]:
    """Return whose a file is that the role wrote outside of nginx's tree; None if it did not."""
    lines = lines_of(path)[:2] + ["", ""]
    if header not in lines[0]:
        return None
    return lines[1][len(OWNER) :].strip() if lines[1].startswith(OWNER) else ""


def read_sysctl(name: str) -> Optional[str]:
    """Return a kernel setting as text, its fields one blank apart; None if there is no such."""
    try:
        text = read(os.path.join(PROC, "sys", *name.split(".")))
    except OSError:
        return None
    return None if text is None else " ".join(text.decode("ascii", "replace").split())


def fingerprints(paths: Dict[str, str]) -> Dict[str, Dict[str, str]]:
    """Return name -> checksum and mode of files by their names; those that are not there are not.

    Raises:
        OSError: one cannot be read.
    """
    found = {}
    for name, path in paths.items():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            mode = f"0{stat.S_IMODE(os.lstat(path).st_mode):o}"
            digest = hashlib.sha256(read(path) or b"").hexdigest()
            found[name] = {"sha256": digest, "mode": mode}
    return found


def list_rules(units: Dict[str, Dict[str, str]]) -> List[str]:
    """Return firewalld's rich rules, those in effect and those that are kept, each once.

    Args:
        units: unit -> its properties; without a firewalld that runs, there are none.

    Raises:
        CommandFailed: firewalld does not answer.
    """
    if units.get("firewalld.service", {}).get("ActiveState") != "active":
        return []
    found: Set[str] = set()
    for scope in ([], ["--permanent"]):
        said = run(["firewall-cmd"] + scope + ["--list-rich-rules"]).stdout
        found.update(line.strip() for line in said.splitlines() if line.strip())
    return sorted(found)


def most_files() -> int:
    """Return how many files a process of this host can have open at most.

    Root may raise its own limit, but not everywhere: a container's may be final.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= OPEN_FILES:
        return OPEN_FILES
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, OPEN_FILES))
    except (OSError, ValueError):
        return hard
    return OPEN_FILES


def describe_running(tree: Tree, main_pid: int) -> Optional[Dict[str, Any]]:
    """Return what the nginx that runs may open, and whether a restart of it would be felt.

    Args:
        tree: what it reads.
        main_pid: of its main process; 0 if it does not run.

    Returns:
        open_files, its hard limit; may_raise, whether it may have another one without a restart;
        and serves, whether somebody would notice a restart: never False where it needs none. None
        if it does not run.
    """
    limits = "\n".join(lines_of(f"{PROC}/{main_pid}/limits")) if main_pid else ""
    found = re.search(r"^Max open files +\S+ +(\d+|unlimited)", limits, re.M)
    if not found:
        return None
    hard = OPEN_FILES if found.group(1) == "unlimited" else int(found.group(1))
    may_raise = may_set_limits()
    needs_none = may_raise or hard >= most_files()
    return {
        "open_files": hard,
        "may_raise": may_raise,
        "serves": needs_none or has_sites(tree) or has_connections(main_pid),
    }


def may_set_limits() -> bool:
    """Tell whether nginx may give its workers another hard limit than it was started with.

    Root may, but for SELinux: its policy has a boolean for it.
    """
    allowed = lines_of(f"{SELINUX}/booleans/httpd_setrlimit")
    return not os.path.exists(f"{SELINUX}/enforce") or allowed[:1] == ["1 1"]


def has_sites(tree: Tree) -> bool:
    """Tell whether nginx's configuration is another than the packages brought."""
    patterns = ("nginx.conf", "conf.d/*.conf", "default.d/*.conf")
    root = glob.escape(tree.root)
    paths = [path for name in patterns for path in glob.glob(os.path.join(root, name))]
    try:
        said = run(["rpm", "--verify", "--nomtime", "--file"] + sorted(paths), check=False).stdout
    except OSError:
        return True
    # A line for each file that differs, or is of no package.
    return f"{tree.root}/" in said or not paths


def has_connections(main_pid: int) -> bool:
    """Tell whether anybody is connected to a worker of nginx by TCP, or a worker to a server."""
    sockets = set()
    for path in glob.glob(f"{PROC}/[0-9]*/stat"):
        # The name of the program, in brackets, may have anything in it.
        fields = "".join(lines_of(path)).rpartition(")")[2].split()
        if fields[1:2] != [str(main_pid)]:
            continue
        for descriptor in glob.glob(os.path.join(os.path.dirname(path), "fd", "*")):
            with contextlib.suppress(OSError):
                sockets.add(os.readlink(descriptor))
    for name in ("tcp", "tcp6"):
        for line in lines_of(f"{PROC}/net/{name}")[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == ESTABLISHED and f"socket:[{fields[9]}]" in sockets:
                return True
    return False


def describe_machine(sysctls: Sequence[str]) -> Dict[str, Any]:
    """Return what sizes go by, cores, memory in bytes and open files, its network and kernel."""
    memory = re.search(r"^MemTotal: *(\d+) kB", "\n".join(lines_of(f"{PROC}/meminfo")), re.M)
    return {
        "ipv6": bool(lines_of(f"{PROC}/net/if_inet6")),
        "interfaces": sorted(
            line.split(":")[0].strip() for line in lines_of(f"{PROC}/net/dev")[2:]
        ),
        # Those that are online, as nginx counts them, not those that this process may use.
        "cores": os.cpu_count() or 1,
        "memory": int(memory.group(1)) * 1024 if memory else 0,
        "open_files": most_files(),
        "sysctls": {name: read_sysctl(name) for name in sysctls},
    }


def resolve(names: Set[str]) -> Dict[str, str]:
    """Return name -> why not, of the host names that do not resolve."""
    answers: Dict[str, str] = {}

    def ask(name: str) -> None:
        try:
            socket.getaddrinfo(name, None)
            answers[name] = ""
        except socket.gaierror as error:
            answers[name] = error.strerror or str(error)
        except (OSError, UnicodeError) as error:
            answers[name] = str(error)

    # A resolver that hangs cannot be stopped: it is left behind, and ends with the process.
    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names]
    deadline = time.monotonic() + LOOKUP
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    told = {name: answers.get(name, f"no answer within {LOOKUP:.0f} s") for name in names}
    return {name: reason for name, reason in told.items() if reason}


def examine(
    tree: Tree,
    directories: Sequence[Dict[str, str]] = (),
    hosts: Sequence[Dict[str, str]] = (),
    certificates: Sequence[Dict[str, Any]] = (),
) -> Tuple[List[Dict[str, str]], Dict[str, Dict[str, Any]]]:
    """Return what is wrong with what the sites refer to, and site -> its certificate.

    Args:
        tree: what nginx reads.
        directories: site, key and path of each.
        hosts: site, key and name of each.
        certificates: site, kind, certificate, key, names and key_names of each.
    """
    problems, found = [], {}
    for item in directories:
        if not os.path.isdir(item["path"]):
            reason = (
                "is a file, not a directory; correct the path."
                if os.path.lexists(item["path"])
                else "does not exist on the host; create it or correct the path."
            )
            text = f"site '{item['site']}', {item['key']}: {item['path']} {reason}"
            problems.append({"site": item["site"], "key": item["key"], "text": text})
    unknown = resolve({item["name"] for item in hosts})
    for item in hosts:
        if item["name"] in unknown:
            text = (
                f"site '{item['site']}', {item['key']}: the host name '{item['name']}' does not"
                f" resolve on this host; correct it, or make it known in DNS or /etc/hosts"
                f" ({unknown[item['name']]})."
            )
            problems.append({"site": item["site"], "key": item["key"], "text": text})
    for wanted in certificates:
        about, faults = read_pair(tree.path(wanted["certificate"]), tree.path(wanted["key"]))
        found[wanted["site"]] = dict(about, state=state_of(wanted, about, faults))
        if wanted["kind"] == "files":
            problems += [sentence(wanted, fault) for fault in faults]
    return problems, found
