"""Tell which releases must not be activated, because their command failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.once import failed_commands

DOCUMENTATION = r"""
name: uwsgi_failed_commands
short_description: Tell which releases must not be activated, because their release command failed
version_added: 0.2.0
positional: due, runs
description:
  - A release whose command is to run once is activated on no host if it succeeded on none.
options:
  _input:
    description: Name of the host in the inventory.
    type: str
    required: true
  due:
    description: The release commands that are due on this host.
    type: list
    elements: dict
    required: true
  runs:
    description: Of each host of the play, what was registered of its release commands.
    type: dict
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Say why not
  ansible.builtin.debug:
    msg: "{{ (inventory_hostname | flaskstack.centos.uwsgi_failed_commands(due, runs)).values() }}"
"""

RETURN = r"""
_value:
  description: A sentence for each application whose release must not be activated, by its name.
  type: dict
"""


class FilterModule:
    """The filter uwsgi_failed_commands."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"uwsgi_failed_commands": through(failed_commands)}
