#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Ask dnf what its repositories offer."""

DOCUMENTATION = r"""
module: dnf_info
short_description: Ask dnf what its repositories offer
version_added: 0.2.0
description:
  - Tells which packages can be installed, and which streams there are of modules, before anything
    is installed.
  - The interpreter that Ansible runs on needs no bindings of dnf.
options:
  packages:
    description: Names, or patterns as C(python3.??), of packages to look for.
    type: list
    elements: str
    default: []
  modules:
    description: Modules whose streams are asked for.
    type: list
    elements: str
    default: []
notes:
  - Supports C(check_mode); changes nothing but the cache of dnf.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Look for Python and for nginx
  flaskstack.centos.dnf_info:
    packages: [python3.12, python3.11]
    modules: [nginx]
  register: there
"""

RETURN = r"""
offered:
  description: Names of the packages that match and are in a repository that is enabled.
  returned: always
  type: list
  elements: str
  sample: [python3.12]
streams:
  description: Module -> its streams, in the order in which dnf names them; none where there is no
    such module.
  returned: always
  type: dict
  sample: {nginx: [{stream: "1.24", default: false, enabled: true, disabled: false}]}
failed_because:
  description: Why dnf could not tell, in its own words; then the other answers are empty. Empty if
    it could.
  returned: always
  type: str
  sample: ""
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._dnf import info
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "modules": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: info(module.params["packages"], module.params["modules"]))


if __name__ == "__main__":
    main()
