"""Filter role_settings: read and check the variables of an entry point of a role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import specs
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: role_settings
short_description: Read and check the variables of an entry point of a role
version_added: 0.2.0
description:
  - Converts variables to the types that the C(argument_specs.yml) of one of the collection's roles
    describes, and says in a sentence each what cannot be read.
positional: role, entry
options:
  _input:
    type: dict
    required: true
    description: The variables, by their names.
  role:
    type: str
    required: true
    description: The role, by its short name.
  entry:
    type: str
    default: main
    description: Its entry point. Variables of C(main) that are given are read, too.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show what is read
  ansible.builtin.debug:
    msg: "{{ {'uwsgi_fetch': 'yes'} | flaskstack.centos.role_settings('uwsgi') }}"
"""

RETURN = """
_value:
  type: dict
  description: C(problems), a list of sentences; C(settings), the variables by their names.
"""


class FilterModule:
    """Hands data to plugin_utils/specs.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"role_settings": through(specs.checked)}
