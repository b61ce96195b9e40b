"""Filter role_variables: name the variables of a role, to hand them to its plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import specs
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: role_variables
short_description: Name the variables of a role, to hand them to its plan
version_added: 0.2.0
description:
  - Names each variable that the C(argument_specs.yml) of one of the collection's roles describes,
    so that no variable reaches its tasks without having been read and checked.
positional: _input
options:
  _input:
    type: str
    required: true
    description: The role, by its short name.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show what the python role is given
  ansible.builtin.debug:
    msg: "{{ dict(names | zip(query('ansible.builtin.vars', *names))) }}"
  vars:
    names: "{{ 'python' | flaskstack.centos.role_variables }}"
"""

RETURN = """
_value:
  type: list
  elements: str
  description: The names.
"""


class FilterModule:
    """Hands data to plugin_utils/specs.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"role_variables": through(specs.variables_of)}
