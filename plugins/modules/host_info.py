#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Ask a host what it is and what is installed, in one question."""

DOCUMENTATION = r"""
module: host_info
short_description: Ask a host what it is and what is installed
version_added: 0.2.0
description:
  - Gathers the few facts that the roles of this collection need, by the names and with the values
    of M(ansible.builtin.setup) on hosts of the family RedHat, in a fraction of its time.
  - In the same question it tells which packages are installed, which programs run, and what of the
    host's hardening stands in the way of others.
options:
  packages:
    description: Names, or patterns as C(python3*), of packages to look for.
    type: list
    elements: str
    default: []
  commands:
    description: Programs to ask for their version.
    type: list
    elements: str
    default: []
  directories:
    description: Directories that programs are to be put in, there or not, to look for those in
      which none can be run.
    type: list
    elements: path
    default: [/opt, /var/cache, /run]
  allow:
    description: Files, and directories with a slash at their end, that fapolicyd is to let run.
    type: list
    elements: str
    default: []
notes:
  - Supports C(check_mode); changes nothing.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Gather facts, and look for Python
  flaskstack.centos.host_info:
    packages: [python3*]
    commands: [/opt/uv/0.13.9/bin/uv]
  register: there
"""

RETURN = r"""
ansible_facts:
  description: Facts, as M(ansible.builtin.setup) sets them, so C(ansible_facts['os_family']) is
    there for the tasks after it.
  returned: always
  type: dict
  contains:
    ansible_os_family:
      description: The family.
      type: str
      sample: RedHat
    ansible_distribution:
      description: The distribution.
      type: str
      sample: CentOS
    ansible_distribution_version:
      description: Its version.
      type: str
      sample: "9"
    ansible_distribution_major_version:
      description: The first part of that.
      type: str
      sample: "9"
    ansible_selinux:
      description: A dictionary with C(status), which is V(enabled) or V(disabled); where it is
        enabled, with C(mode), C(config_mode), C(type) and C(policyvers) too.
      type: dict
packages:
  description: Names of the installed packages that match.
  returned: always
  type: list
  elements: str
  sample: [python3.11, python3.11-devel]
versions:
  description: Program -> the first line of what it says to C(--version); empty if it does not run.
  returned: always
  type: dict
  sample: {/opt/uv/0.13.9/bin/uv: uv 0.13.9}
systemd:
  description: The version of systemd; 0 if there is none.
  returned: always
  type: int
  sample: 252
ca_bundle:
  description: The file of the certificate authorities that the host trusts; empty if none was
    found.
  returned: always
  type: str
  sample: /etc/pki/tls/certs/ca-bundle.crt
noexec:
  description: Directory -> the mount point with the option C(noexec) that it is on, of the
    O(directories) in which no program can be run.
  returned: always
  type: dict
  sample: {/opt: /opt}
fapolicyd:
  description: Whether fapolicyd runs, which lets no program run that it does not know; permissive
    or not.
  returned: always
  type: bool
fapolicyd_lacking:
  description: What of O(allow) fapolicyd has no rule for; empty where it does not run.
  returned: always
  type: list
  elements: str
  sample: [/opt/uv/]
fips:
  description: Whether the kernel is in FIPS mode.
  returned: always
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._host import info


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "commands": {"type": "list", "elements": "str", "default": []},
            "directories": {
                "type": "list",
                "elements": "path",
                "default": ["/opt", "/var/cache", "/run"],
            },
            "allow": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = module.params
    run_module(
        module,
        lambda: info(asked["packages"], asked["commands"], asked["directories"], asked["allow"]),
    )


if __name__ == "__main__":
    main()
