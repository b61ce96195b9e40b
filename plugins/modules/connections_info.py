#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Tell who is connected to ports of a host, and wait until nobody is."""

DOCUMENTATION = r"""
module: connections_info
short_description: Tell who is connected to ports of a host, and wait until nobody is
version_added: 0.2.0
description:
  - Counts the TCP connections that some addresses have to some ports of the host, as the kernel has
    them, and waits until there is none, if that is wanted.
  - It returns after ten seconds at the latest; its action plugin asks again until there is none, or
    O(timeout) is over.
options:
  ports:
    description: The ports of this host.
    type: list
    elements: int
    required: true
  peers:
    description: The IP addresses whose connections count.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds to wait until there is none; V(0) only looks.
    type: int
    default: 0
  job:
    description:
      - When an earlier call began to wait, so that this one goes on.
      - The action plugin says so.
    type: str
    default: ""
attributes:
  check_mode:
    description: It only looks, and does not wait.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Wait until the load balancers have no connection any more
  flaskstack.centos.connections_info:
    ports: [8080]
    peers: [192.0.2.1, 192.0.2.2]
    timeout: 300
  register: found
  failed_when: found.left > 0
"""

RETURN = r"""
left:
  description: How many connections there are.
  type: int
  returned: success
peers:
  description: Who has them.
  type: list
  elements: dict
  returned: success
  contains:
    address:
      description: The address.
      type: str
    connections:
      description: How many it has.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import or_pending
from ansible_collections.flaskstack.centos.plugins.module_utils._connections import wait
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "ports": {"type": "list", "elements": "int", "required": True},
            "peers": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 0},
            "job": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    given = module.params
    timeout = 0 if module.check_mode else given["timeout"]
    run_module(
        module,
        lambda: or_pending(lambda: wait(given["ports"], given["peers"], timeout, given["job"])),
    )


if __name__ == "__main__":
    main()
