#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Have fapolicyd let run what a role installs."""

DOCUMENTATION = r"""
module: fapolicyd_rules
short_description: Have fapolicyd let run what a role installs
version_added: 0.2.0
description:
  - fapolicyd lets programs, libraries and scripts run that came with a package. This adds a rule
    for others to C(/etc/fapolicyd/rules.d/25-flaskstack-<role>.rules) and loads it with
    C(fagenrules --load).
  - Rules are added. None is removed, because another play may have other applications in its list.
options:
  role:
    description: The role whose rules they are.
    type: str
    choices: [python, flask_app, uwsgi, nginx]
    required: true
  paths:
    description: What may be run and read by everybody. A directory, with all that is in it, ends
      with a slash.
    type: list
    elements: str
    required: true
notes:
  - Supports C(check_mode) and C(diff).
  - If the rules cannot be loaded, the file is as it was before.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Let uv run
  flaskstack.centos.fapolicyd_rules:
    role: python
    paths: [/opt/uv/]
"""

RETURN = r"""
path:
  description: The file with the role's rules.
  returned: success
  type: str
  sample: /etc/fapolicyd/rules.d/25-flaskstack-python.rules
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._fapolicyd import allow


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "role": {
                "type": "str",
                "choices": ["python", "flask_app", "uwsgi", "nginx"],
                "required": True,
            },
            "paths": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    asked = module.params
    run_module(module, lambda: allow(asked["role"], asked["paths"], module.check_mode))


if __name__ == "__main__":
    main()
