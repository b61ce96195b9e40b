#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Tell whether a host has to be rebooted to run what is installed on it."""

DOCUMENTATION = r"""
module: reboot_info
short_description: Tell whether a host has to be rebooted to run what is installed on it
version_added: 0.2.0
description:
  - Compares when packages were installed of which everything is made (the kernel, glibc, systemd,
    OpenSSL and the like, as C(dnf needs-restarting) has them) with when the host was booted, and
    the kernel that runs with that of the next boot. It needs no plugin of dnf. Changes nothing.
options: {}
attributes:
  check_mode:
    description: It only looks.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Ask whether it has to be rebooted
  flaskstack.centos.reboot_info:
  register: found

- name: Reboot it
  ansible.builtin.reboot:
  when: found.needed
"""

RETURN = r"""
needed:
  description: Whether it has to be rebooted.
  type: bool
  returned: success
reasons:
  description: Why, one thing each.
  type: list
  elements: str
  returned: success
  sample: [glibc 2.34-100.el9.x86_64 was installed since the boot]
booted:
  description: When it was booted, in seconds of Unix time.
  type: float
  returned: success
kernel:
  description: The release of the kernel that runs.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._reboot import info


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    run_module(module, info)


if __name__ == "__main__":
    main()
