"""Filter nearest: find the known name that is most like an unknown one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import specs
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: nearest
short_description: Find the known name that is most like an unknown one
version_added: 0.2.0
description:
  - Makes the end of a sentence about an unknown name.
positional: known
options:
  _input:
    type: str
    required: true
    description: The unknown name.
  known:
    type: list
    elements: str
    required: true
    description: The names that there are.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show what may have been meant
  ansible.builtin.debug:
    msg: "There is no shpo.{{ 'shpo' | flaskstack.centos.nearest(['shop', 'blog']) }}"
"""

RETURN = """
_value:
  type: str
  description: C( Did you mean 'shop'?), or nothing if no name is like it.
"""


class FilterModule:
    """Hands data to plugin_utils/specs.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"nearest": through(specs.nearest)}
