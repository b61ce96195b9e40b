#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Have nginx refuse an address at once, or let it in again."""

DOCUMENTATION = r"""
module: nginx_block
short_description: Have nginx refuse an address at once, or let it in again
version_added: 0.2.0
description:
  - Changes C(blocked-now.conf), which the role C(nginx) has nginx read, and reloads nginx. If nginx
    does not take it over, the file is as it was.
options:
  address:
    description: IP address or network.
    type: str
    required: true
  state:
    description: V(present) refuses it, V(absent) lets it in.
    type: str
    choices: [present, absent]
    default: present
  header:
    description: The first line of the file.
    type: str
    default: "Addresses blocked at once (flaskstack.centos, playbook block): change it by that
      playbook."
  wait:
    description: Seconds that nginx is given to take it over.
    type: float
    default: 15
notes:
  - Supports C(check_mode) and C(diff_mode).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Refuse a network
  flaskstack.centos.nginx_block:
    address: 192.0.2.0/24
"""

RETURN = r"""
addresses:
  description: What is refused so, sorted.
  returned: always
  type: list
  elements: str
  sample: [192.0.2.0/24]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_block import HEADER, block
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_reload import WAIT
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import Tree


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "header": {"type": "str", "default": HEADER},
            "wait": {"type": "float", "default": WAIT},
        },
        supports_check_mode=True,
    )
    asked = module.params
    run_module(
        module,
        lambda: block(
            Tree(),
            asked["address"],
            asked["state"] == "present",
            asked["wait"],
            asked["header"],
            module.check_mode,
        ),
    )


if __name__ == "__main__":
    main()
