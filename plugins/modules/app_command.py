#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Run the release command of an application."""

DOCUMENTATION = r"""
module: app_command
short_description: Run the release command of an application
version_added: 0.2.0
description:
  - Runs the command of a release (migrations of a database) as the application's account, in the
    sandbox of the service, as a unit of systemd. It goes on when the connection breaks, and the
    next run joins it.
  - It returns after ten seconds at the latest; its action plugin runs it again until the command
    has ended.
  - A command that fails is noted in the application's history, and the module fails with the last
    lines of its output.
options:
  name:
    description: Name of the application.
    type: str
    required: true
  release:
    description: Name of the release.
    type: str
    required: true
  root:
    description: The directory that the applications' own directories are in.
    type: path
    default: /opt
  by:
    description: Who wants it, for the application's history.
    type: str
    default: ""
  started:
    description:
      - Whether an earlier call has started it, so that this one only waits for its end.
      - The action plugin says so.
    type: bool
    default: false
attributes:
  check_mode:
    description: Runs nothing, and says that it would change something.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Run the release command
  flaskstack.centos.app_command:
    name: shop
    release: 1f2e3d4c5b6a-01234567
"""

RETURN = r"""
release:
  description: The release whose command ran.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._app_command import command
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import or_pending
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "release": {"type": "str", "required": True},
            "root": {"type": "path", "default": "/opt"},
            "by": {"type": "str", "default": ""},
            "started": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=True, release=module.params["release"])
    run_module(module, lambda: or_pending(lambda: command(**module.params)))


if __name__ == "__main__":
    main()
