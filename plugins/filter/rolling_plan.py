"""Filter rolling_plan: decide which hosts switch to their releases, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import rolling
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: rolling_plan
short_description: Decide which hosts switch to their releases, and in which order
version_added: 0.2.0
description:
  - What failed on one host, or is to be on a host that was lost, is activated on none. Hosts that
    have something to activate are put into batches.
positional: hosts, serial, apps, cluster
options:
  _input:
    type: dict
    required: true
    description: By host, what is known of those that are still there, with C(due), C(failures),
      C(serving), C(activated), C(done), C(broken) and C(back).
  hosts:
    type: list
    elements: str
    required: true
    description: All hosts that there were, in their order.
  serial:
    type: raw
    required: true
    description: How many hosts switch at once, as a number, a part of all (C(25%)) or a list of
      them, one for each batch. Empty, all at once.
  apps:
    type: list
    elements: dict
    required: true
    description: The applications, with C(name) and C(hosts).
  cluster:
    type: dict
    description: Which hosts do what, of P(flaskstack.centos.cluster_plan#filter).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Decide who switches when
  ansible.builtin.set_fact:
    rolling: "{{ said | flaskstack.centos.rolling_plan(hosts, [1, '100%'], flask_apps) }}"
"""

RETURN = """
_value:
  type: dict
  description: C(due), by host what it is to switch; C(batches), lists of hosts; C(first), whether
    nothing of it serves yet; C(held), by application why no further host switches to it;
    C(tried), those of them that some host may have switched; C(stopped), why all was stopped.
"""


class FilterModule:
    """Hands data to plugin_utils/rolling.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"rolling_plan": through(rolling.plan)}
