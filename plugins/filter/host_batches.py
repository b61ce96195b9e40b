"""Filter host_batches: put hosts into batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import rolling
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: host_batches
short_description: Put hosts into batches
version_added: 0.2.0
description:
  - Makes batches of hosts, as Ansible does for C(serial), where they are to stay in one play.
positional: serial
options:
  _input:
    type: list
    elements: str
    required: true
    description: Names of hosts, in their order.
  serial:
    type: raw
    required: true
    description: How many are in a batch, as a number, a part of all (C(25%)) or a list of them, one
      for each batch. Empty, all at once.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show who is first
  ansible.builtin.debug:
    msg: "{{ (ansible_play_hosts | flaskstack.centos.host_batches(flaskstack_serial)) | first }}"
"""

RETURN = """
_value:
  type: list
  elements: list
  description: The batches.
"""


class FilterModule:
    """Hands data to plugin_utils/rolling.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"host_batches": through(rolling.in_batches)}
