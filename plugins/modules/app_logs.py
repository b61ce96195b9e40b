#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Gather what an application has said."""

DOCUMENTATION = r"""
module: app_logs
short_description: Gather what an application has said
version_added: 0.2.0
description:
  - Returns the last lines that the journal has of an application, of its workers, services, timers,
    release commands and routers, or what came after a place that an earlier call has returned.
    Changes nothing.
options:
  name:
    description: Name of the application.
    type: str
    required: true
  lines:
    description: How many of the last lines, 5000 at most.
    type: int
    default: 100
  since:
    description: A time as C(journalctl) takes it, as V(-1h) or V(yesterday), before which nothing
      is told. It is the host's own time.
    type: str
    default: ""
  after:
    description: RV(position) of an earlier call, for all that came after it.
    type: str
    default: ""
  wait:
    description: Seconds to wait for something, with O(after).
    type: int
    default: 0
  follow:
    description:
      - Seconds that the action plugin goes on, showing each line as it comes; V(-1) until it is
        interrupted.
      - The module itself has no use for it.
    type: int
    default: 0
  root:
    description: The directory that the applications' own directories are in.
    type: path
    default: /opt
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
- name: Gather what the application said in the last hour
  flaskstack.centos.app_logs:
    name: shop
    since: -1h
  register: said
"""

RETURN = r"""
lines:
  description: The lines, the oldest first.
  type: list
  elements: dict
  returned: success
  contains:
    time:
      description: When it was said, in seconds of Unix time.
      type: float
    text:
      description: The line.
      type: str
    source:
      description: Name of the service or timer, C(release) of a release command, C(http) or C(tcp)
        of a router; empty for the application itself.
      type: str
    release:
      description: The release that said it.
      type: str
position:
  description: Where they end in the journal, for O(after).
  type: str
  returned: success
here:
  description: Whether the host has the application.
  type: bool
  returned: success
nearest:
  description: The application on the host whose name is like it, where it has not; or empty.
  type: str
  returned: success
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._app_logs import logs
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "lines": {"type": "int", "default": 100},
            "since": {"type": "str", "default": ""},
            "after": {"type": "str", "default": ""},
            "wait": {"type": "int", "default": 0},
            "follow": {"type": "int", "default": 0},
            "root": {"type": "path", "default": "/opt"},
        },
        supports_check_mode=True,
    )
    given: Dict[str, Any] = dict(module.params)
    given.pop("follow")
    run_module(module, lambda: logs(**given))


if __name__ == "__main__":
    main()
