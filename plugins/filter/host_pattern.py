"""Filter host_pattern: make one pattern of hosts and groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import hosts
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: host_pattern
short_description: Make one pattern of hosts and groups
version_added: 0.2.0
description:
  - Makes the pattern that a play takes as C(hosts) of names of hosts and groups.
options:
  _input:
    type: raw
    required: true
    description: Names or patterns, as a list or as a text with commas or blanks between them.
author: The flaskstack authors
"""

EXAMPLES = """
- name: Work on some hosts
  hosts: "{{ ['web1', 'web2'] | flaskstack.centos.host_pattern }}"
  tasks: []
"""

RETURN = """
_value:
  type: str
  description: The pattern, as C(web1,web2).
"""


class FilterModule:
    """Hands data to plugin_utils/hosts.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"host_pattern": through(hosts.pattern)}
