#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Run a command in a release of an application."""

DOCUMENTATION = r"""
module: app_exec
short_description: Run a command in a release of an application
version_added: 0.2.0
description:
  - Runs a command for the shell in the directory of the release's source, as the application's
    account, with its environment and in its sandbox, as a unit of systemd. It goes on when the
    connection breaks.
  - It returns after ten seconds at the latest; its action plugin asks again until the command has
    ended.
  - What the command says is not in the journal.
options:
  name:
    description: Name of the application.
    type: str
    required: true
  command:
    description: The command.
    type: str
    required: true
  release:
    description: Name of the release; without it, the current one.
    type: str
    default: ""
  stdin:
    description: What the command is given on standard input.
    type: str
    default: ""
  timeout:
    description: Seconds after which it is stopped; V(0) for never.
    type: int
    default: 0
  root:
    description: The directory that the applications' own directories are in.
    type: path
    default: /opt
  job:
    description:
      - The command that an earlier call has started, so that this one only waits for its end.
      - The action plugin says so.
    type: str
    default: ""
attributes:
  check_mode:
    description: Runs nothing, and says in which release it would.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Show where the database is
  flaskstack.centos.app_exec:
    name: shop
    command: flask --app shop.wsgi db current
"""

RETURN = r"""
release:
  description: The release that it ran in.
  type: str
  returned: success
rc:
  description: Its exit status; negative, the signal that ended it; null in check mode.
  type: int
  returned: when it has ended
stdout:
  description: What it said, the last 256 kB.
  type: str
  returned: when it has ended
stderr:
  description: What it complained of, likewise.
  type: str
  returned: when it has ended
left_out:
  description: How many bytes of both are not shown.
  type: int
  returned: when it has ended
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._app_exec import (
    preview,
    run_command,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import or_pending
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "command": {"type": "str", "required": True},
            "release": {"type": "str", "default": ""},
            "stdin": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 0},
            "root": {"type": "path", "default": "/opt"},
            "job": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    given = module.params

    def work() -> Dict[str, Any]:
        if module.check_mode:
            return preview(given["name"], given["root"], given["release"])
        return or_pending(lambda: run_command(**given))

    run_module(module, work)


if __name__ == "__main__":
    main()
