#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Write nginx's configuration as a whole, tested before and watched after."""

DOCUMENTATION = r"""
module: nginx_config
short_description: Write nginx's configuration as a whole, tested before and watched after
version_added: 0.2.0
description:
  - Writes and removes files below C(/etc/nginx). The complete new configuration is tested by nginx
    in a copy before any file is touched; then all of them change, or none.
  - With O(state=reloaded) nginx, if it runs, takes over what was written. That is watched; if it
    does not, the files from before are put back. A run that is killed in between is undone by the
    next one.
options:
  state:
    description: V(present) writes; V(reloaded) has nginx take over what was written.
    type: str
    choices: [present, reloaded]
    default: present
  files:
    description: Path below C(/etc/nginx) -> text. Their mode is 0644.
    type: dict
    default: {}
  secret_files:
    description: The same for files that only root may read, mode 0600. They are never shown.
    type: dict
    default: {}
  remove:
    description: Paths below C(/etc/nginx) to remove.
    type: list
    elements: str
    default: []
  pairs:
    description: Certificates among the files that are compared with their keys before.
    type: list
    elements: dict
    default: []
    suboptions:
      site:
        description: Name of the site.
        type: str
        required: true
      certificate:
        description: The file of the certificate.
        type: str
        required: true
      key:
        description: The file of its key.
        type: str
        required: true
      key_names:
        description: What the two are called in the inventory, for the sentence about them.
        type: list
        elements: str
        required: true
  cache_directories:
    description: Directories that nginx keeps answers in. What is above them is made.
    type: list
    elements: path
    default: []
  self_signed:
    description: Certificates that M(flaskstack.centos.nginx_certificate) makes before. Looked at in
      check mode, where it has not, because nginx wants them for its test.
    type: list
    elements: dict
    default: []
    suboptions:
      certificate:
        description: The file of the certificate.
        type: str
        required: true
      key:
        description: The file of its key.
        type: str
        required: true
      names:
        description: What it is for.
        type: list
        elements: str
        required: true
      days:
        description: How long it is good.
        type: int
        required: true
  owner:
    description: Who serves the sites, where several playbooks or inventories share a host. A site's
      file that says another in its second line, after C(# Owner:), is neither written nor removed.
    type: str
    default: ""
  header:
    description: What the first line of the sites' files that are the role's holds.
    type: str
    default: "Managed by Ansible (flaskstack.centos, role nginx): changes made here are lost."
  wait:
    description: Seconds that nginx is given to take the configuration over.
    type: float
    default: 15
notes:
  - Supports C(check_mode), with nginx's own test where nginx is installed, and C(diff_mode).
seealso:
  - module: flaskstack.centos.nginx_certificate
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Write a site
  flaskstack.centos.nginx_config:
    files:
      conf.d/shop.conf: "{{ lookup('ansible.builtin.template', 'shop.conf.j2') }}"
    remove: [conf.d/old.conf]
  notify: Reload nginx

- name: Reload nginx
  flaskstack.centos.nginx_config:
    state: reloaded
"""

RETURN = r"""
written:
  description: Paths of the files that were written.
  returned: with O(state=present)
  type: list
  elements: str
removed:
  description: Paths of the files that were removed.
  returned: with O(state=present)
  type: list
  elements: str
reloaded:
  description: Whether nginx took something over; it did not if it does not run.
  returned: with O(state=reloaded)
  type: bool
problem:
  description: Why nginx would not run with the configuration, in its words.
  returned: when it refuses it
  type: str
site:
  description: The site whose fault that is; null if it is none's.
  returned: when nginx refuses the configuration, or a site is another owner's
  type: str
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_change import (
    Change,
    Files,
    configure,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_reload import WAIT, reload
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER, Tree


def work(module: Any) -> Dict[str, Any]:
    """Return the module's answer."""
    asked = module.params
    if asked["state"] == "reloaded":
        if module.check_mode:
            return {"changed": False, "reloaded": False}
        return reload(Tree(), asked["wait"])
    files: Files = {}
    for name, mode in (("files", 0o644), ("secret_files", 0o600)):
        files.update({path: (text.encode("utf-8"), mode) for path, text in asked[name].items()})
    change = Change(
        files,
        asked["remove"],
        asked["pairs"],
        asked["self_signed"] if module.check_mode else (),
        asked["cache_directories"],
        asked["owner"],
        asked["header"],
    )
    return configure(Tree(), change, module.check_mode)


def main() -> None:
    """Run the module."""
    text = {"type": "str", "required": True}
    # Where a key lies is no secret.
    key = dict(text, no_log=False)
    texts = {"type": "list", "elements": "str", "required": True}
    several = {"type": "list", "elements": "dict", "default": []}
    pair = {"site": text, "certificate": text, "key": key, "key_names": dict(texts, no_log=False)}
    made = {
        "certificate": text,
        "key": key,
        "names": texts,
        "days": {"type": "int", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "reloaded"], "default": "present"},
            "files": {"type": "dict", "default": {}},
            "secret_files": {"type": "dict", "default": {}, "no_log": True},
            "remove": {"type": "list", "elements": "str", "default": []},
            "pairs": dict(several, options=pair),
            "cache_directories": {"type": "list", "elements": "path", "default": []},
            "self_signed": dict(several, options=made),
            "owner": {"type": "str", "default": ""},
            "header": {"type": "str", "default": HEADER},
            "wait": {"type": "float", "default": WAIT},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: work(module))


if __name__ == "__main__":
    main()
