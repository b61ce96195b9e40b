#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Install or remove a policy module of SELinux."""

DOCUMENTATION = r"""
module: selinux_module
short_description: Install or remove a policy module of SELinux
version_added: 0.2.0
description:
  - Installs a policy module that is given as text, with C(semodule), or removes it. What is
    installed is compared by its text.
options:
  name:
    description: Name of the module.
    type: str
    required: true
  text:
    description: The module in SELinux's Common Intermediate Language (CIL).
    type: str
    default: ""
  state:
    description: Whether it is to be there.
    type: str
    choices: [present, absent]
    default: present
notes:
  - Supports C(check_mode) and C(diff_mode). Does nothing where SELinux is disabled.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Let nginx connect to services
  flaskstack.centos.selinux_module:
    name: web_to_services
    text: (allow httpd_t unconfined_service_t (unix_stream_socket (connectto)))

- name: Remove it
  flaskstack.centos.selinux_module:
    name: web_to_services
    state: absent
"""

RETURN = r"""
name:
  description: Name of the module.
  returned: always
  type: str
  sample: flaskstack_wsgi
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._selinux_local import Host
from ansible_collections.flaskstack.centos.plugins.module_utils._selinux_module import change


def work(module: Any) -> Dict[str, Any]:
    """Return the module's answer."""
    asked = module.params
    wanted = asked["state"] == "present"
    answer = change(Host(), asked["name"], asked["text"], wanted, module.check_mode)
    return dict(answer, name=asked["name"])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "text": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: work(module))


if __name__ == "__main__":
    main()
