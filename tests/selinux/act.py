#!/usr/bin/python3
"""Do to a policy what the roles do, and say after each step how things are; as JSON, one a line.

    act.py

It runs as root where /etc/selinux, /var/lib/selinux and /srv are copies, see test_policy.py. The
kernel knows nothing of it: files are labelled by setfiles, which goes by the rules of restorecon.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.flaskstack.centos.plugins.module_utils import (  # noqa: E402
    _nginx_selinux,
    _selinux_local,
    _selinux_module,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import (  # noqa: E402
    Tree,
)

CONTEXTS = "/etc/selinux/targeted/contexts/files/file_contexts"
PORTS = [("tcp", port) for port in (80, 3000, 5000, 8000, 8085, 8140)] + [("udp", 443)]


class Host(_selinux_local.Host):
    """This machine, as if its kernel had a policy."""

    enabled = True

    def is_on(self, boolean: str) -> bool:
        """Tell whether a boolean is going to be on."""
        return boolean + "=1" in self.lines("booleans.local")


def relabel(path: str, by_force: bool) -> None:
    """Label a tree."""
    subprocess.run(["setfiles", "-F", CONTEXTS, path], check=True)


def main() -> None:
    """Do it."""
    # The host code has nothing else that wants a kernel.
    _selinux_local.relabel = relabel
    _nginx_selinux.NOTES = "srv/notes.json"
    host, tree = Host(), Tree("/srv/nginx", "/srv/backup")
    site, inner = "/srv/site", "/srv/site/static"
    os.makedirs(inner)
    relabel("/srv", False)
    some = {
        "state": "present",
        "owner": "tests",
        "site": "",
        "ports": [{"site": "a", "port": port, "protocol": kind} for kind, port in PORTS],
        "paths": [{"site": "a", "key": "directory", "path": site, "kind": "content"}],
        "booleans": ["httpd_can_network_connect"],
    }
    module = ROOT / "roles/uwsgi/files/flaskstack_wsgi.cil"
    text = module.read_text(encoding="utf-8")

    def tell(name: str, changed: bool) -> None:
        ports = [list(one) for one in host.ports()]
        labels = [host.label_of(path) for path in (site, inner)]
        told = {"name": name, "changed": changed, "ports": ports, "labels": labels}
        told["module"] = _selinux_module.installed(host, "flaskstack_wsgi") == text
        print(json.dumps(told), flush=True)

    def step(name: str, wanted: dict[str, Any]) -> None:
        nginx = _nginx_selinux.change(host, tree, wanted, False)
        uwsgi = _selinux_module.change(host, "flaskstack_wsgi", text, bool(wanted["ports"]), False)
        tell(name, nginx["changed"] or uwsgi["changed"])

    tell("before", False)
    step("first", some)
    step("second", some)
    (policy,) = Path("/etc/selinux/targeted/policy").glob("policy.*")
    Path("/srv/policy").write_bytes(policy.read_bytes())
    none = dict(some, ports=[], paths=[], booleans=[])
    step("back", none)
    step("nothing", none)


if __name__ == "__main__":
    main()
