#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Restart an application without losing a request."""

DOCUMENTATION = r"""
module: app_restart
short_description: Restart an application without losing a request
version_added: 0.2.0
description:
  - Starts a second instance of the current release, the stand-in, which takes requests from the
    same socket, and asks it for its health; restarts the release and asks that; stops the stand-in,
    whose requests finish; and restarts the release's services. A stand-in that is not well changes
    nothing.
  - An application that does not run is started.
  - It returns after ten seconds at the latest; its action plugin asks again until it is done.
  - For as long as it takes, the application needs memory for two.
options:
  name:
    description: Name of the application.
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
  job:
    description:
      - The restart that an earlier call has begun, so that this one goes on with it.
      - The action plugin says so.
    type: str
    default: ""
attributes:
  check_mode:
    description: Restarts nothing, and says which release it would restart.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Restart the application
  flaskstack.centos.app_restart:
    name: shop
"""

RETURN = r"""
release:
  description: The release that was restarted.
  type: str
  returned: success
version:
  description: What people call it.
  type: str
  returned: success
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import or_pending
from ansible_collections.flaskstack.centos.plugins.module_utils._app_restart import (
    preview,
    restart,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path", "default": "/opt"},
            "by": {"type": "str", "default": ""},
            "job": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    given = module.params

    def work() -> Dict[str, Any]:
        if module.check_mode:
            return preview(given["name"], given["root"])
        return or_pending(lambda: restart(**given))

    run_module(module, work)


if __name__ == "__main__":
    main()
