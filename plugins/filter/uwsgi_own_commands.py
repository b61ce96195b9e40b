"""Tell which release commands fall to a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.once import commands_of

DOCUMENTATION = r"""
name: uwsgi_own_commands
short_description: Tell which release commands fall to a host
version_added: 0.2.0
positional: due, runs
description:
  - A release command that is to run once for the play is run by the first host of the batch that
    has it to run, unless another has run it already.
options:
  _input:
    description: Name of the host in the inventory.
    type: str
    required: true
  due:
    description: Of each host of the batch, in its order, the release commands that are due.
    type: dict
    required: true
  runs:
    description: Of each host of the play, what was registered of its release commands.
    type: dict
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Say which they are
  ansible.builtin.debug:
    msg: "{{ inventory_hostname | flaskstack.centos.uwsgi_own_commands(due, runs) }}"
"""

RETURN = r"""
_value:
  description: Those of the commands that are due on this host which it has to run.
  type: list
"""


class FilterModule:
    """The filter uwsgi_own_commands."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"uwsgi_own_commands": through(commands_of)}
