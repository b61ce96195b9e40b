"""Filter rolling_failures: say what a host does not get because of other hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import rolling
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: rolling_failures
short_description: Say what a host does not get because of other hosts
version_added: 0.2.0
description:
  - Has a sentence for each application that was to be activated on a host and was held, broke off
    or went back.
positional: said
options:
  _input:
    type: dict
    required: true
    description: What was decided, of P(flaskstack.centos.rolling_plan#filter); empty before it is.
  said:
    type: dict
    required: true
    description: What is known of the host.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show what failed
  ansible.builtin.debug:
    msg: "{{ rolling | flaskstack.centos.rolling_failures(said[inventory_hostname]) }}"
"""

RETURN = """
_value:
  type: list
  elements: dict
  description: C(name) and C(msg) of each.
"""


class FilterModule:
    """Hands data to plugin_utils/rolling.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"rolling_failures": through(rolling.failures)}
