"""Filter cluster_hosts_problems: say why a playbook would do nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import hosts
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: cluster_hosts_problems
short_description: Say why a playbook would do nothing
version_added: 0.2.0
description:
  - Says which names of hosts and groups the inventory does not have, which groups have no host, and
    whether C(--limit) leaves none of those that a playbook works on.
positional: found, groups, of, limit, left
options:
  _input:
    type: dict
    required: true
    description: The patterns, as of filter P(flaskstack.centos.cluster_hosts#filter).
  found:
    type: dict
    required: true
    description: The hosts of C(application_hosts) and of C(load_balancers), whatever the limit.
  groups:
    type: dict
    required: true
    description: The inventory's groups with their hosts.
  of:
    type: str
    default: all
    choices: [all, application_hosts]
    description: Which of the patterns the playbook works on.
  limit:
    type: str
    default: ""
    description: What is written behind C(--limit).
  left:
    type: list
    elements: str
    default: []
    description: The hosts that it leaves.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Fail if the inventory has no application hosts
  ansible.builtin.assert:
    that: patterns | flaskstack.centos.cluster_hosts_problems(found, groups) | length == 0
  vars:
    patterns: "{{ groups | flaskstack.centos.cluster_hosts }}"
    web: "{{ query('ansible.builtin.inventory_hostnames', patterns.application_hosts) }}"
    found: {application_hosts: "{{ web }}", load_balancers: []}
"""

RETURN = """
_value:
  type: list
  description: A sentence for each.
"""


class FilterModule:
    """Hands data to plugin_utils/hosts.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"cluster_hosts_problems": through(hosts.problems)}
