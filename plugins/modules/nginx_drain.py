#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Have nginx send no more requests to a server, or put it back."""

DOCUMENTATION = r"""
module: nginx_drain
short_description: Have nginx send no more requests to a server, or put it back
version_added: 0.2.0
description:
  - Marks the servers with an address C(down) in the upstreams of all sites that the role C(nginx)
    has on this host, and reloads nginx. Requests in flight go on. If nginx does not take it over,
    all is as it was.
  - What is drained is kept in C(/etc/nginx/drained-now), an address a line. Whatever writes sites
    later respects it, until the address is put back.
options:
  address:
    description: Address of the server as the upstreams have it, without its port. A host name too,
      where they have one.
    type: str
    required: true
  state:
    description: V(drained) sends it no more requests, V(present) puts it back.
    type: str
    choices: [drained, present]
    default: drained
  force:
    description: Also where it is the last server of an upstream, whose requests are answered 502
      then.
    type: bool
    default: false
  header:
    description: What the first line of the sites' files that are the role's holds.
    type: str
    default: "Managed by Ansible (flaskstack.centos, role nginx): changes made here are lost."
  wait:
    description: Seconds that nginx is given to take it over.
    type: float
    default: 15
notes:
  - Supports C(check_mode) and C(diff_mode).
seealso:
  - module: flaskstack.centos.nginx_config
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Send no more requests to a host
  flaskstack.centos.nginx_drain:
    address: 192.0.2.11

- name: Put it back
  flaskstack.centos.nginx_drain:
    address: 192.0.2.11
    state: present
"""

RETURN = r"""
drained:
  description: All addresses that get no requests, sorted.
  returned: success
  type: list
  elements: str
  sample: [192.0.2.11]
upstreams:
  description: The upstreams that have this one; none where no site knows the address.
  returned: always
  type: list
  elements: str
  sample: [site_shop]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_drain import drain
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_reload import WAIT
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER, Tree


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["drained", "present"], "default": "drained"},
            "force": {"type": "bool", "default": False},
            "header": {"type": "str", "default": HEADER},
            "wait": {"type": "float", "default": WAIT},
        },
        supports_check_mode=True,
    )
    asked = module.params
    run_module(
        module,
        lambda: drain(
            Tree(),
            asked["address"],
            asked["state"] == "drained",
            asked["wait"],
            asked["force"],
            asked["header"],
            module.check_mode,
        ),
    )


if __name__ == "__main__":
    main()
