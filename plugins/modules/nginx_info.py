#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Ask a host what there is of nginx, and of what its sites refer to."""

DOCUMENTATION = r"""
module: nginx_info
short_description: Ask a host what there is of nginx, and of what its sites refer to
version_added: 0.2.0
description:
  - Tells in one question what the role C(nginx) decides by - the version of nginx, the files of its
    configuration, its certificates, sizes of the host - and what is wrong with the directories,
    host names and certificates that sites refer to.
options:
  header:
    description: What the first line of the sites' files that are the role's holds.
    type: str
    default: "Managed by Ansible (flaskstack.centos, role nginx): changes made here are lost."
  units:
    description: Units of systemd to tell the state of.
    type: list
    elements: str
    default: []
  sysctls:
    description: Settings of the kernel to tell.
    type: list
    elements: str
    default: []
  paths:
    description: Other files to tell the checksum and mode of.
    type: list
    elements: path
    default: []
  acme_home:
    description: The environment of certbot.
    type: path
    default: /opt/certbot
  directories:
    description: Directories that sites serve.
    type: list
    elements: dict
    default: []
    suboptions:
      site:
        description: Name of the site.
        type: str
        required: true
      key:
        description: Where the site says so, for the sentence about it.
        type: str
        required: true
      path:
        description: The directory.
        type: str
        required: true
  hosts:
    description: Host names of servers that sites pass requests to.
    type: list
    elements: dict
    default: []
    suboptions:
      site:
        description: Name of the site.
        type: str
        required: true
      key:
        description: Where the site says so, for the sentence about it.
        type: str
        required: true
      name:
        description: The host name.
        type: str
        required: true
  certificates:
    description: Certificates of sites.
    type: list
    elements: dict
    default: []
    suboptions:
      site:
        description: Name of the site.
        type: str
        required: true
      kind:
        description: Where it comes from. Only what is wrong with V(files) is a problem.
        type: str
        choices: [files, text, self_signed, acme]
        required: true
      certificate:
        description: Its file, as a path or below C(/etc/nginx).
        type: str
        required: true
      key:
        description: The file of its key.
        type: str
        required: true
      names:
        description: What it has to be good for.
        type: list
        elements: str
        required: true
      key_names:
        description: What the two are called in the inventory.
        type: list
        elements: str
        required: true
  programs:
    description: Files, and directories with a slash at their end, of the role's own that are to be
      run.
    type: list
    elements: str
    default: []
  selinux:
    description: What sites need under SELinux, to be compared.
    type: dict
    suboptions:
      owner:
        description: Whose sites they are.
        type: str
        required: true
      ports:
        description: As M(flaskstack.centos.nginx_selinux) has them.
        type: list
        elements: dict
        required: true
      paths:
        description: As M(flaskstack.centos.nginx_selinux) has them.
        type: list
        elements: dict
        required: true
      booleans:
        description: Booleans that are to be on.
        type: list
        elements: str
        required: true
  rules:
    description: Tell the rich rules of firewalld too, where it runs and is one of O(units).
    type: bool
    default: false
  sites:
    description: Tell the state of each site too, as the playbook C(status) shows it.
    type: bool
    default: false
notes:
  - Supports C(check_mode); changes nothing.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Gather what there is of nginx
  flaskstack.centos.nginx_info:
    units: [nginx.service]
    sites: true
  register: there

- name: Check the certificate of a site
  flaskstack.centos.nginx_info:
    certificates:
      - site: shop
        kind: files
        certificate: /etc/pki/tls/certs/shop.crt
        key: /etc/pki/tls/private/shop.key
        names: [shop.example.com]
        key_names: [tls.certificate, tls.key]
  register: there
  failed_when: there.problems | length > 0
"""

RETURN = r"""
nginx:
  description: C(version), C(arguments) it was configured with and C(modules); null if there is
    none.
  returned: always
  type: dict
units:
  description: Unit -> its properties, as systemd calls them.
  returned: always
  type: dict
  sample: {nginx.service: {ActiveState: active, UnitFileState: enabled}}
running:
  description: Of the nginx that runs, C(open_files), the hard limit that it was started with;
    C(may_raise), whether it may raise that itself; C(serves), whether a restart would be noticed,
    which is looked at where it needs one. Null if it does not run, or is not asked for in O(units).
  returned: always
  type: dict
  sample: {open_files: 524288, may_raise: true, serves: true}
files:
  description: Path below C(/etc/nginx) -> C(sha256) and C(mode). After a change that was killed, as
    they are going to be.
  returned: always
  type: dict
paths:
  description: The same for O(paths), those that are there.
  returned: always
  type: dict
owned:
  description: Sites' files that are the role's, and whose each is; the owner is empty in files of
    versions that did not note one. C(listens) and C(variables) are what each needs of
    C(nginx.conf), C(parts) the sites below a path that its server is for.
  returned: always
  type: list
  elements: dict
  sample:
    - file: conf.d/shop.conf
      owner: production, Serve the shop
      listens: ["80", "[::]:80"]
      variables: [$flaskstack_blocked]
      parts: [blog]
drained:
  description: Servers that get no requests, see M(flaskstack.centos.nginx_drain).
  returned: always
  type: list
  elements: str
keepalived:
  description: Whose the configuration of keepalived is, if the role has written it; null if not.
  returned: always
  type: str
streams:
  description: Whose the file of streams is, if the role has written it; null if not.
  returned: always
  type: str
pending:
  description: Whether something is written that nginx has not taken over.
  returned: always
  type: bool
programs:
  description: Program of this collection -> whether it is on the host as it should be.
  returned: always
  type: dict
  sample: {/usr/local/sbin/nginx-metrics.pyz: true}
certbot:
  description: Version of certbot, null if there is none.
  returned: always
  type: str
lineages:
  description: Certificates that certbot renews.
  returned: always
  type: list
  elements: str
acme_due:
  description: Those of them that nginx has not been given.
  returned: always
  type: list
  elements: str
problems:
  description: What is wrong with what sites refer to; C(site), C(key) and C(text), a sentence.
  returned: always
  type: list
  elements: dict
selinux:
  description: Whether what sites need under SELinux C(differs) from what nginx is allowed; what of
    it cannot be allowed (C(problems)), whether semanage is there (C(tools)), which C(booleans) are
    on, and how many files (C(nofile)) the unit of nginx may open. Null where SELinux is disabled.
  returned: if O(selinux)
  type: dict
certificates:
  description: Site -> C(state), C(expires) in seconds of Unix time, C(names), C(self_signed). The
    state is V(ok), V(missing), V(unreadable), V(mismatch), V(placeholder), V(expired),
    V(wrong_names) or V(expiring).
  returned: always
  type: dict
rules:
  description: Rich rules of firewalld's default zone, those that are in effect and those that are
    kept.
  returned: if O(rules)
  type: list
  elements: str
sites:
  description: The state of each site. C(expires) and C(days) are of the file of its certificate,
    C(served_expires) of the one that nginx serves and C(served_matches) whether they are the same,
    both null if it does not say.
  returned: if O(sites)
  type: list
  elements: dict
ipv6:
  description: Whether the host has IPv6.
  returned: always
  type: bool
hardening:
  description: What of the host's hardening keeps O(programs) from running - C(noexec),
    C(fapolicyd), C(fapolicyd_lacking) and C(fips), as M(flaskstack.centos.host_info) returns them.
  returned: if there are any
  type: dict
interfaces:
  description: Network interfaces that the host has.
  returned: always
  type: list
  elements: str
  sample: [eth0, lo]
cores:
  description: Processors that are online.
  returned: always
  type: int
memory:
  description: Memory in bytes.
  returned: always
  type: int
open_files:
  description: How many files a process can have open at most.
  returned: always
  type: int
ca_bundle:
  description: The file of the certificate authorities that the host trusts; empty if none was
    found.
  returned: always
  type: str
  sample: /etc/pki/tls/certs/ca-bundle.crt
sysctls:
  description: Setting -> its value, null if the kernel has none.
  returned: always
  type: dict
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._hardening import (
    ca_bundle,
    describe,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_acme import (
    describe_acme,
    list_due,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_info import (
    describe_machine,
    describe_nginx,
    describe_owned,
    describe_running,
    examine,
    fingerprints,
    list_rules,
    owner_of,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_programs import (
    PARTS,
    is_current,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_reload import UNIT
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_selinux import look
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_servers import drained_of
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_sites import list_sites
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER, Tree
from ansible_collections.flaskstack.centos.plugins.module_utils._selinux_local import Host
from ansible_collections.flaskstack.centos.plugins.module_utils._systemd import show_all

STREAMS = "stream.d/flaskstack.conf"
KEEPALIVED = "/etc/keepalived/keepalived.conf"


def gather(tree: Tree, asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return the module's answer."""
    problems, certificates = examine(
        tree, asked["directories"], asked["hosts"], asked["certificates"]
    )
    units = show_all(asked["units"])
    answer = {
        "changed": False,
        "nginx": describe_nginx(),
        "ca_bundle": ca_bundle(),
        "units": units,
        "running": describe_running(tree, int(units.get(UNIT, {}).get("MainPID", "0"))),
        "files": fingerprints(tree.files()),
        "paths": fingerprints({path: path for path in asked["paths"]}),
        "owned": describe_owned(tree, asked["header"]),
        "drained": drained_of(tree),
        "keepalived": owner_of(KEEPALIVED, asked["header"]),
        "streams": owner_of(tree.current(STREAMS), asked["header"]),
        "pending": bool(tree.journal()),
        "programs": {path: is_current(path) for path in PARTS},
        "acme_due": list_due(tree, asked["acme_home"]),
        "problems": problems,
        "certificates": certificates,
    }
    if asked["programs"]:
        places = [path.rstrip("/") for path in asked["programs"] if path.endswith("/")]
        answer["hardening"] = describe(places, asked["programs"])
    answer.update(describe_machine(asked["sysctls"]))
    answer.update(describe_acme(asked["acme_home"]))
    if asked["selinux"]:
        answer["selinux"] = look(Host(), tree, asked["selinux"])
    if asked["rules"]:
        answer["rules"] = list_rules(units)
    if asked["sites"]:
        answer["sites"] = list_sites(tree, asked["header"])
    return answer


def names(*required: str) -> Dict[str, Any]:
    """Return the specification of texts that are required."""
    return {name: {"type": "str", "required": True} for name in required}


def main() -> None:
    """Run the module."""
    several = {"type": "list", "default": []}
    strings = dict(several, elements="str")
    required = {"type": "list", "elements": "str", "required": True}
    certificate = dict(
        names("site", "certificate", "key"),
        kind={
            "type": "str",
            "choices": ["files", "text", "self_signed", "acme"],
            "required": True,
        },
        names=required,
        key_names=dict(required, no_log=False),
    )
    # Where something is found in the inventory, and where a key lies, is no secret.
    certificate["key"]["no_log"] = False
    directory, host = names("site", "key", "path"), names("site", "key", "name")
    needs = {
        "owner": {"type": "str", "required": True},
        "ports": dict(required, elements="dict"),
        "paths": dict(required, elements="dict"),
        "booleans": required,
    }
    for item in (directory, host):
        item["key"]["no_log"] = False
    module = AnsibleModule(
        argument_spec={
            "header": {"type": "str", "default": HEADER},
            "units": strings,
            "sysctls": strings,
            "paths": dict(several, elements="path"),
            "acme_home": {"type": "path", "default": "/opt/certbot"},
            "directories": dict(several, elements="dict", options=directory),
            "hosts": dict(several, elements="dict", options=host),
            "certificates": dict(several, elements="dict", options=certificate),
            "programs": strings,
            "selinux": {"type": "dict", "options": needs},
            "rules": {"type": "bool", "default": False},
            "sites": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: gather(Tree(), module.params))


if __name__ == "__main__":
    main()
