"""Filter rolling_target: choose the release that all hosts go back to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import rolling
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: rolling_target
short_description: Choose the release that all hosts go back to
version_added: 0.2.0
description:
  - What some would go to and others still serve comes first, then what most of them would go to.
options:
  _input:
    type: dict
    required: true
    description: By host, C(release), which it would go to by itself, empty if there is none, and
      C(current), which it serves.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Choose it
  ansible.builtin.set_fact:
    release: "{{ choices | flaskstack.centos.rolling_target }}"
  vars:
    choices: {web1: {release: a-1, current: b-2}, web2: {release: a-1, current: b-2}}
"""

RETURN = """
_value:
  type: str
  description: The release; empty if no host has one to go back to.
"""


class FilterModule:
    """Hands data to plugin_utils/rolling.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"rolling_target": through(rolling.common_target)}
