"""Filter merged_logs: make one text of what applications said on several hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import app_logs
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: merged_logs
short_description: Make one text of what applications said on several hosts
version_added: 0.2.0
description:
  - Puts lines in the order of their times, with time and host before each.
positional: lines
options:
  _input:
    type: dict
    required: true
    description: Host to its lines, as the module C(app_logs) returns them.
  lines:
    type: int
    required: true
    description: How many of the last lines.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show the last ten lines of both
  ansible.builtin.debug:
    msg: "{{ {'web1': one.lines, 'web2': other.lines} | flaskstack.centos.merged_logs(10) }}"
"""

RETURN = """
_value:
  type: str
  description: The lines.
"""


class FilterModule:
    """Hands data to plugin_utils/app_logs.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"merged_logs": through(app_logs.merged)}
