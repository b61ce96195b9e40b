"""Tell which items of a loop failed, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.once import failed_items

DOCUMENTATION = r"""
name: failed_items
short_description: Tell which items of a loop failed, and why
version_added: 0.2.0
description:
  - For a task whose failures are only noted (C(failed_when=false)), so that one item keeps no other
    from its turn.
options:
  _input:
    description: What was registered of a loop over dictionaries with C(name). One that was skipped,
      or had no turn, has no failures.
    type: dict
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Show which releases were refused
  ansible.builtin.debug:
    msg: "{{ activated | flaskstack.centos.failed_items }}"
"""

RETURN = r"""
_value:
  description: The C(name) of each item whose module failed, and C(msg), what it said.
  type: list
  elements: dict
"""


class FilterModule:
    """The filter failed_items."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"failed_items": through(failed_items)}
