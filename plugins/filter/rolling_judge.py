"""Filter rolling_judge: decide how a release goes on after a batch of hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import rolling
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: rolling_judge
short_description: Decide how a release goes on after a batch of hosts
version_added: 0.2.0
description:
  - What failed in the batch goes no further, and neither does what a host was to switch that was
    lost in it.
positional: said, batch, wrong
options:
  _input:
    type: dict
    required: true
    description: What was decided before, of P(flaskstack.centos.rolling_plan#filter).
  said:
    type: dict
    required: true
    description: By host, what is known of those that are still there.
  batch:
    type: list
    elements: str
    required: true
    description: The hosts of the batch.
  wrong:
    type: str
    default: ""
    description: What else is wrong, to be read after C(because); it stops everything.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Decide how to go on
  ansible.builtin.set_fact:
    rolling: "{{ rolling | flaskstack.centos.rolling_judge(said, ['web1']) }}"
"""

RETURN = """
_value:
  type: dict
  description: What is decided now.
"""


class FilterModule:
    """Hands data to plugin_utils/rolling.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"rolling_judge": through(rolling.judge)}
