"""Filter unknown_hosts: find names in a pattern of hosts that the inventory does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import hosts
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: unknown_hosts
short_description: Find names in a pattern of hosts that the inventory does not have
version_added: 0.2.0
description:
  - Looks for names of hosts and groups that the inventory does not have, and for the
    nearest that it has.
positional: known
options:
  _input:
    type: str
    required: true
    description: The pattern.
  known:
    type: list
    elements: str
    required: true
    description: Names of the inventory's hosts and groups.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show which names are unknown
  ansible.builtin.debug:
    msg: "{{ 'web1:wbe2' | flaskstack.centos.unknown_hosts(groups.keys() | list + groups.all) }}"
"""

RETURN = """
_value:
  type: list
  description: A sentence for each such name.
"""


class FilterModule:
    """Hands data to plugin_utils/hosts.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"unknown_hosts": through(hosts.unknown)}
