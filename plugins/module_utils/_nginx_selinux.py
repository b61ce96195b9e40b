"""What nginx has to be allowed under SELinux, held against the host; and allowing it.

The policy decides by types: ``httpd_t``, which nginx runs as, may listen on ports and read files
of some of them. What sites want and the policy does not give is added as an administrator would
do it with semanage, in one transaction, and noted. What no site wants any more is given back; what
an administrator has added by hand is never touched.

The types and ports below are those of the targeted policies of EL 8 to 10; tests/selinux holds
them against compiled policies.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import json
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import _selinux_local
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._files import (
    link_target,
    make_directories,
    read_text,
    remove,
    write,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._lock import locked
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import Tree
from ansible_collections.flaskstack.centos.plugins.module_utils._selinux_local import (
    Host,
    Port,
    Rule,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._systemd import show

#: What has been added for which sites. Not below /etc: it is no setting, and nobody edits it.
NOTES = "var/lib/flaskstack/nginx-selinux.json"
#: Seconds that another process may take to change the policy.
PATIENCE = 600.0
#: Links on one path, as many as the kernel follows.
MOST_LINKS = 40

# ---- what the policies give httpd_t ------------------------------------------------------------

#: Types of ports that it may listen on, and the ports that have them.
PORT_TYPES = {
    "tcp": {
        "http_port_t",
        "http_cache_port_t",
        "jboss_management_port_t",
        "jboss_messaging_port_t",
        "ntop_port_t",
        "puppet_port_t",
    },
    # UDP 443 is none of them: HTTP/3 needs a label.
    "udp": {"http_port_t"},
}
PORTS = {
    "tcp": {
        *(80, 81, 443, 488, 8008, 8009, 8443, 9000),
        *(8080, 8118, 8123, *range(10001, 10011)),
        *(4447, 4712, 7600, 9123, 9990, 9999, 18001, 5445, 5455, 3000, 3001, 8140),
    },
    "udp": set(),
}  # type: Dict[str, Any]
OURS = "http_port_t"

#: Types of files that it may read, without a boolean. It may pass through every directory.
READABLE = {
    "httpd_sys_content_t",
    "httpd_sys_rw_content_t",
    "httpd_sys_ra_content_t",
    "public_content_t",
    "public_content_rw_t",
    "usr_t",
    "src_t",
    "lib_t",
    "bin_t",
    "var_lib_t",
    "etc_t",
    "cert_t",
    "httpd_config_t",
    "httpd_cache_t",
    "httpd_var_lib_t",
}
#: Types of links that it may follow besides those.
FOLLOWED = {"var_t", "mnt_t", "home_root_t", "root_t", "tmp_t", "admin_home_t", "var_run_t"}
#: Types that say nothing of whose the files are, so that another takes them away from nobody.
UNSPECIFIC = {"var_t", "default_t", "mnt_t", "user_home_t", "unlabeled_t"}
#: Types of where people unpack things: what was moved from there has them wherever it is.
MOVED = UNSPECIFIC | {"tmp_t", "user_tmp_t", "admin_home_t"}
#: Types of file systems that have no labels, and the boolean that lets it read them.
FILE_SYSTEMS = {
    "nfs_t": "httpd_use_nfs",
    "cifs_t": "httpd_use_cifs",
    "fusefs_t": "httpd_use_fusefs",
}
#: Those that the role decides about.
BOOLEANS = ("httpd_setrlimit",)
#: What a kind of path gets.
LABELS = {"content": "httpd_sys_content_t", "certificate": "cert_t"}
#: Directories of the system, of which neither they nor anything in them is given another label.
SYSTEM = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys"),
    *("/tmp", "/usr", "/var/run", "/var/tmp", "/var/lock"),
)
#: Directories that many share: not they themselves.
SHARED = ("/home", "/var/cache", "/var/lib", "/var/local", "/var/log", "/var/opt", "/var/spool")
#: Signs that have a meaning in a pattern of file contexts.
SPECIAL = re.compile(r"[.^$?*+|(){}\[\]\\]")
#: Signs that semanage cannot be handed.
UNTELLABLE = re.compile(r"[\s\"'\\\x00-\x1f\x7f]")


# ---- what sites want ---------------------------------------------------------------------------

Keys = Dict[str, Any]


class Wanted(NamedTuple):
    """What the sites of an owner want.

    Args:
        owner: whose sites they are.
        ports: site, port and protocol of each.
        paths: site, key, path and kind (content, certificate) of each.
        booleans: names of those to be on.
    """

    owner: str
    ports: Sequence[Keys]
    paths: Sequence[Keys]
    booleans: Sequence[str]


class Place(NamedTuple):
    """A file, a link, or a directory with all in it (``kind`` f, l, a) that nginx has to read."""

    path: str
    kind: str
    type: str
    site: str
    key: str

    @property
    def name(self) -> str:
        """Return what its rule is called in the notes."""
        return self.kind + " " + self.path


def pattern_of(path: str, kind: str) -> str:
    """Return the pattern of file contexts for a path, and of a tree for what is in it."""
    return SPECIAL.sub(r"\\\g<0>", path) + ("(/.*)?" if kind == "a" else "")


def places_of(host: Host, wanted: Keys) -> List[Place]:
    """Return what nginx has to read to come to a path: the links on the way, and what is there."""
    links, real = follow(host, wanted["path"])
    content, certificate = LABELS["content"], wanted["kind"] == "certificate"
    site, key = wanted["site"], wanted["key"]
    kind = "f" if certificate or os.path.isfile(host.path(real)) else "a"
    # A link says nothing of the key that it leads to.
    places = [Place(link, "l", content, site, key) for link in links]
    return places + [Place(real, kind, LABELS[wanted["kind"]], site, key)]


def follow(host: Host, path: str) -> Tuple[List[str], str]:
    """Return the links on a path, and what it is without them."""
    links = []  # type: List[str]
    left, there = path.split("/"), "/"
    while left:
        part = left.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            there = os.path.dirname(there)
            continue
        here = os.path.join(there, part)
        target = link_target(host.path(here))
        if target is None or len(links) == MOST_LINKS:
            there = here
            continue
        links.append(here)
        left = target.split("/") + left
        if target.startswith("/"):
            there = "/"
    return links, there


def why_not(path: str, found: Optional[str], target: str) -> str:
    """Return why a path is not given another label; empty if it can be."""
    if UNTELLABLE.search(path):
        return "its name has signs that the tools of SELinux cannot be handed"
    inside = any(path == top or path.startswith(top + "/") for top in SYSTEM)
    shared = path in SHARED or path.count("/") < 2 or os.path.dirname(path) == "/home"
    if inside or shared:
        return "the role does not change the labels of such a directory"
    if found is not None and found not in UNSPECIFIC and found != target:
        return "the role takes nothing away from those whose type that is"
    return ""


# ---- what is noted -----------------------------------------------------------------------------


def read_notes(host: Host) -> Dict[str, Dict[str, Keys]]:
    """Return what has been added, as ``ports`` and ``rules`` by name."""
    try:
        found = json.loads(read_text(host.path(NOTES)) or "{}")
    except ValueError:
        raise Problem(
            f"/{NOTES} cannot be read; remove it, and what it was about is left as it is."
        ) from None
    return {"ports": found.get("ports", {}), "rules": found.get("rules", {})}


def write_notes(host: Host, ports: Dict[str, Keys], rules: Dict[str, Keys]) -> None:
    """Write what has been added; no file if that is nothing."""
    path = host.path(NOTES)
    if not (ports or rules):
        remove(path)
        return
    make_directories(os.path.dirname(path))
    text = json.dumps({"ports": ports, "rules": rules}, indent=1, sort_keys=True) + "\n"
    write(path, text.encode("utf-8"), 0o600)


# ---- the comparison ----------------------------------------------------------------------------


class Comparison:
    """What sites want, held against a host.

    ``ports`` and ``rules`` are what is to be noted, by name: which sites of which owners use it
    (``uses``, pairs), what an administrator had there ``before``, and of a rule its ``path``,
    ``kind`` and ``type``.

    Args:
        host: where SELinux is.
        wanted: what the sites of an owner want; None to leave that as it is.
        owners: whose sites nginx has; what others once wanted does not count.
        gone: owner and name of a site that is taken away.
    """

    def __init__(
        self,
        host: Host,
        wanted: Optional[Wanted],
        owners: Sequence[str],
        gone: Optional[Tuple[str, str]] = None,
    ) -> None:
        self.host = host
        self.noted = read_notes(host)
        self.ports = {}  # type: Dict[str, Keys]
        self.rules = {}  # type: Dict[str, Keys]
        #: Of semanage; of ports the words that follow -a or -m, which depends on the policy.
        self.commands = []  # type: List[List[str]]
        self.new_ports = []  # type: List[str]
        #: Path -> whether labels that people set by hand go too.
        self.relabel = {}  # type: Dict[str, bool]
        self.problems = []  # type: List[Keys]
        self.before, self.after = [], []  # type: List[str], List[str]

        def counts(use: Sequence[str]) -> bool:
            if wanted is not None and use[0] == wanted.owner:
                return False
            return use[0] in owners and tuple(use) != gone

        for kind, kept in (("ports", self.ports), ("rules", self.rules)):
            for name, entry in self.noted[kind].items():
                kept[name] = dict(entry, uses=[use for use in entry["uses"] if counts(use)])
        if wanted is not None:
            self.compare_ports(wanted)
            booleans = list(wanted.booleans) + self.compare_paths(wanted)
            self.compare_booleans(booleans)
        self.plan_ports()
        self.plan_rules()

    @property
    def differs(self) -> bool:
        """Tell whether there is anything to do, or to note."""
        return bool(
            self.commands
            or self.new_ports
            or self.relabel
            or self.notes() != (self.noted["ports"], self.noted["rules"])
        )

    def notes(self) -> Tuple[Dict[str, Keys], Dict[str, Keys]]:
        """Return what is to be noted when all is done."""
        ports, rules = (
            {name: entry for name, entry in found.items() if entry["uses"]}
            for found in (self.ports, self.rules)
        )
        return ports, {name: dict(entry, done=True) for name, entry in rules.items()}

    def differ(self, before: str, after: str) -> None:
        """Note a difference, to be shown."""
        self.before += [before] if before else []
        self.after += [after] if after else []

    # ---- Ports

    def compare_ports(self, wanted: Wanted) -> None:
        """Add what ports the sites need a label for."""
        local = self.host.ports()
        for item in wanted.ports:
            protocol, port = item["protocol"], item["port"]
            name = f"{protocol}/{port}"
            if name not in self.ports and may_listen(protocol, port, local):
                continue
            entry = self.ports.setdefault(
                name, {"uses": [], "before": exact_type(protocol, port, local)}
            )
            add_use(entry, wanted.owner, item["site"])

    def plan_ports(self) -> None:
        """Find out which labels of ports to write, and which to give back."""
        local = self.host.ports()
        for name, entry in self.ports.items():
            protocol, port = name.split("/")
            found = exact_type(protocol, int(port), local)
            before = entry["before"]
            if entry["uses"]:
                if not may_listen(protocol, int(port), local):
                    self.new_ports.append(name)
                    self.differ(f"port {name} {found}" if found else "", f"port {name} {OURS}")
            elif found == OURS:
                self.differ(f"port {name} {OURS}", f"port {name} {before}" if before else "")
                words = ["-m", "-t", before] if before else ["-d"]
                self.commands.append(["port"] + words + ["-p", protocol, port])

    # ---- Files

    def compare_paths(self, wanted: Wanted) -> List[str]:
        """Add what files nginx has to read; return the booleans that some need."""
        booleans = []
        places = [place for path in wanted.paths for place in places_of(self.host, path)]
        # What is in a directory needs nothing of its own, when that has it.
        places.sort(key=lambda place: place.path)
        intended = self.host.intended(sorted({place.path for place in places}))
        for place in places:
            rule = covering(self.rules, place)
            if rule is not None:
                add_use(rule, wanted.owner, place.site)
                continue
            enough = READABLE | (FOLLOWED if place.kind == "l" else set())
            found, meant = self.host.label_of(place.path), intended[place.path]
            if found in FILE_SYSTEMS:
                booleans.append(FILE_SYSTEMS[found])
            elif meant in enough:
                # Moved to where it is, and labelled as where it was.
                if found is None or found in enough:
                    continue
                if found in MOVED:
                    self.relabel[place.path] = False
                else:
                    self.refuse(
                        place,
                        found,
                        "the role takes no label away that was set by hand",
                        f"restorecon -RF {place.path} gives it the one that it is to have there",
                    )
            else:
                reason = why_not(place.path, meant, place.type)
                if reason:
                    by_hand = (
                        f"label it by hand: semanage fcontext -a -t {place.type}"
                        f" '{pattern_of(place.path, place.kind)}'; restorecon -RF {place.path}"
                    )
                    self.refuse(place, meant or "none", reason, by_hand)
                    continue
                rule = {"path": place.path, "kind": place.kind, "type": place.type, "uses": []}
                rule["before"] = rule_type(self.host.rules(), place.path, place.kind)
                add_use(rule, wanted.owner, place.site)
                self.rules[place.name] = dict(rule, done=False)
        return booleans

    def refuse(self, place: Place, found: str, reason: str, way: str) -> None:
        """Add a sentence about a path that nginx is not let read, with the way to change that."""
        text = (
            f"site '{place.site}', {place.key}: SELinux does not let nginx read {place.path} (type"
            f" {found}), and {reason}; use another directory below /var/www, /srv or /opt, or"
            f" {way}."
        )
        self.problems.append({"site": place.site, "key": place.key, "text": text})

    def plan_rules(self) -> None:
        """Find out which rules to write, and which to give back."""
        local = self.host.rules()
        for entry in self.rules.values():
            path, kind = entry["path"], entry["kind"]
            pattern = pattern_of(path, kind)
            found = rule_type(local, path, kind)
            there = os.path.lexists(self.host.path(path))
            if entry["uses"]:
                if found != entry["type"]:
                    self.differ(
                        f"file {pattern} {found}" if found else "",
                        f"file {pattern} {entry['type']}",
                    )
                    action = "-m" if found else "-a"
                    words = ["fcontext", action, "-f", kind, "-t", entry["type"], pattern]
                    self.commands.append(words)
                label = self.host.label_of(path)
                if there and (not entry.get("done") or label in MOVED or found is None):
                    self.relabel[path] = False
                continue
            before = entry["before"]
            if found == entry["type"]:
                self.differ(f"file {pattern} {found}", f"file {pattern} {before}" if before else "")
                words = ["-m", "-f", kind, "-t", before] if before else ["-d", "-f", kind]
                self.commands.append(["fcontext"] + words + [pattern])
            if there:
                # What people set by hand would keep the type that is given back.
                self.relabel[path] = True

    # ---- Booleans

    def compare_booleans(self, names: Sequence[str]) -> None:
        """Find out which booleans to set. They are the host's: none is ever taken back."""
        for name in sorted(set(names)):
            if self.host.is_on(name) is False:
                self.differ(f"boolean {name} off", f"boolean {name} on")
                self.commands.append(["boolean", "-m", "--on", name])

    # ---- Doing it

    def answer(self) -> Keys:
        """Return what a module says of it."""
        changes = sorted([f"label {path}" for path in self.relabel] + self.after)
        header = "local policy of SELinux"
        diff = {
            "before_header": header,
            "after_header": header,
            "before": "".join(line + "\n" for line in sorted(self.before)),
            "after": "".join(line + "\n" for line in changes),
        }
        return {
            "changed": self.differs,
            "added": changes,
            "removed": sorted(self.before),
            "diff": [diff] if diff["before"] != diff["after"] else [],
        }

    def carry_out(self) -> None:
        """Do it. What is killed in between is finished by the next run, from the notes.

        Raises:
            Problem: there is no semanage.
            CommandFailed: a command refuses.
        """
        commands = list(self.commands)
        known = _selinux_local.known_ports() if self.new_ports else []
        for name in self.new_ports:
            protocol, port = name.split("/")
            exact = (protocol, int(port), int(port)) in known
            action = "-m" if exact else "-a"
            commands.append(["port", action, "-t", OURS, "-p", protocol, port])
        rules = {
            name: dict(entry, done=bool(entry.get("done")) and entry["path"] not in self.relabel)
            for name, entry in self.rules.items()
        }
        write_notes(self.host, self.ports, rules)
        _selinux_local.change(commands)
        for path, by_force in sorted(self.relabel.items()):
            _selinux_local.relabel(path, by_force)
        write_notes(self.host, *self.notes())


def add_use(entry: Keys, owner: str, site: str) -> None:
    """Note that a site of an owner needs something."""
    if [owner, site] not in entry["uses"]:
        entry["uses"] = sorted(entry["uses"] + [[owner, site]])


def exact_type(protocol: str, port: int, local: Sequence[Port]) -> Optional[str]:
    """Return the type that an administrator gave exactly this port."""
    found = [one.type for one in local if one[:3] == (protocol, port, port)]
    return found[-1] if found else None


def may_listen(protocol: str, port: int, local: Sequence[Port]) -> bool:
    """Tell whether nginx may listen on a port, by the policy or what is added to it."""
    exact = exact_type(protocol, port, local)
    if exact is not None:
        return exact in PORT_TYPES[protocol]
    around = [
        one.type for one in local if one.protocol == protocol and one.first <= port <= one.last
    ]
    # Which of several ranges counts, depends on their order.
    return (
        all(found in PORT_TYPES[protocol] for found in around)
        if around
        else port in PORTS[protocol]
    )


def rule_type(local: Sequence[Rule], path: str, kind: str) -> Optional[str]:
    """Return the type that an administrator gave exactly this path."""
    pattern = pattern_of(path, kind)
    found = [rule.type for rule in local if (rule.pattern, rule.kind) == (pattern, kind)]
    return found[-1] if found else None


def covering(rules: Dict[str, Keys], place: Place) -> Optional[Keys]:
    """Return the rule of ours that a place is labelled by; None if there is none."""
    for entry in rules.values():
        inside = entry["kind"] == "a" and place.path.startswith(entry["path"] + "/")
        same = (entry["path"], entry["kind"]) == (place.path, place.kind)
        if (same or inside) and entry["type"] == place.type:
            return entry
    return None


# ---- the modules -------------------------------------------------------------------------------


def look(host: Host, tree: Tree, asked: Keys) -> Optional[Keys]:
    """Return what the module nginx_info says of SELinux; None where it is disabled.

    Args:
        host: where SELinux is.
        tree: what nginx reads.
        asked: owner, ports, paths and booleans of the sites.
    """
    if not host.enabled:
        return None
    found = compare(host, tree, asked)
    return {
        "differs": found.differs,
        "problems": found.problems,
        "tools": bool(_selinux_local.semanage()),
        "booleans": {name: host.is_on(name) for name in BOOLEANS},
        "nofile": open_files(),
    }


def open_files() -> Optional[int]:
    """Return how many files the unit of nginx may have open at most; None if that is no number."""
    said = show("nginx.service", "LimitNOFILE").get("LimitNOFILE", "")
    return int(said) if said.isdigit() else None


def compare(host: Host, tree: Tree, asked: Keys) -> Comparison:
    """Return what sites want, held against a host."""
    owners = sorted(set(tree.owned().values()))
    if asked.get("state", "present") == "absent":
        return Comparison(host, None, owners, (asked["owner"], asked["site"]))
    wanted = Wanted(asked["owner"], asked["ports"], asked["paths"], asked["booleans"])
    return Comparison(host, wanted, owners)


def change(host: Host, tree: Tree, asked: Keys, check: bool) -> Keys:
    """Allow nginx what sites want, and return the module's answer.

    Raises:
        Problem: a path cannot be labelled, or another process changes the policy for too long.
        CommandFailed: a command refuses.
    """
    if not host.enabled:
        return {"changed": False, "added": [], "removed": [], "diff": []}
    message = "another process is changing the policy of SELinux; wait for it, then run again."
    with locked("flaskstack-selinux", message, PATIENCE, host.path("run/lock")):
        found = compare(host, tree, asked)
        if found.problems:
            raise Problem("\n".join(one["text"] for one in found.problems))
        if found.differs and not check:
            found.carry_out()
    return found.answer()
