#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Switch an application to another release, or back, so that no request is lost."""

DOCUMENTATION = r"""
module: app_activate
short_description: Switch an application to a release, or back to one before
version_added: 0.2.0
description:
  - Starts the release beside the one that serves, asks it for its health, and only then points
    C(current) to it; what served before finishes its requests and goes.
  - Whatever fails before that leaves the former release serving, and the module fails with the
    reason and the last lines of the journal.
  - All of it is one process on the host, under a lock, which goes on when the connection breaks.
  - It returns after ten seconds at the latest while a release starts; its action plugin runs it
    again until it is decided.
options:
  name:
    description: Name of the application.
    type: str
    required: true
  release:
    description:
      - Name of the release.
      - Empty with I(state=rolled_back), the latest good one before the current one. Good is what
        has served, and was neither refused nor left by a rollback since.
    type: str
    default: ""
  state:
    description:
      - C(present), the release serves.
      - C(rolled_back), the same, and the history calls it a rollback, so that what was left is not
        gone back to.
    type: str
    choices: [present, rolled_back]
    default: present
  root:
    description: The directory that the applications' own directories are in.
    type: path
    default: /opt
  by:
    description: Who wants it, for the application's history.
    type: str
    default: ""
attributes:
  check_mode:
    description: Tells where it would go.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Activate the release
  flaskstack.centos.app_activate:
    name: shop
    release: 1f2e3d4c5b6a-01234567

- name: Go back to the release before
  flaskstack.centos.app_activate:
    name: shop
    state: rolled_back
    by: "{{ lookup('ansible.builtin.env', 'USER') }}"
"""

RETURN = r"""
release:
  description: The release that serves now; in check mode the one that would.
  type: str
  returned: success
from:
  description: The release that served before; empty if none did.
  type: str
  returned: success
version:
  description: What people call the release that serves now.
  type: str
  returned: success
retired:
  description: The releases that were stopped.
  type: list
  elements: str
  returned: success
removed:
  description: The releases and builds that were removed, because so many are not kept.
  type: list
  elements: str
  returned: success
warnings:
  description: What failed after the switch, and is tried again with the next one.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._app_activate import (
    present,
    rolled_back,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import or_pending
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "release": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["present", "rolled_back"], "default": "present"},
            "root": {"type": "path", "default": "/opt"},
            "by": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    given = module.params
    if given["state"] == "present" and not given["release"]:
        module.fail_json(msg="state is present but all of the following are missing: release")
    work = present if given["state"] == "present" else rolled_back
    run_module(
        module,
        lambda: or_pending(
            lambda: work(
                given["name"], given["root"], given["release"], given["by"], module.check_mode
            )
        ),
    )


if __name__ == "__main__":
    main()
