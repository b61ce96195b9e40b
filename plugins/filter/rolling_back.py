"""Filter rolling_back: tell what a host brings back because other hosts have failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import rolling
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: rolling_back
short_description: Tell what a host brings back because other hosts have failed
version_added: 0.2.0
description:
  - It is what the host itself has switched in this run, of what failed on another one.
positional: said
options:
  _input:
    type: dict
    required: true
    description: What was decided before, of P(flaskstack.centos.rolling_plan#filter).
  said:
    type: dict
    required: true
    description: What is known of the host.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show what goes back
  ansible.builtin.debug:
    msg: "{{ rolling | flaskstack.centos.rolling_back(said[inventory_hostname]) }}"
"""

RETURN = """
_value:
  type: list
  elements: dict
  description: C(name) and C(release) of each.
"""


class FilterModule:
    """Hands data to plugin_utils/rolling.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"rolling_back": through(rolling.going_back)}
