"""Filter cluster_plan: check which hosts do what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import cluster
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: cluster_plan
short_description: Check which hosts do what
version_added: 0.2.0
description:
  - Says which hosts run applications, which stand before them, and where they reach one another.
positional: load_balancers, groups, addresses, wanted, settings, said
options:
  _input:
    type: list
    elements: str
    required: true
    description: The hosts that run applications.
  load_balancers:
    type: list
    elements: str
    required: true
    description: The hosts that people ask; none where each application host serves by itself.
  groups:
    type: dict
    required: true
    description: The inventory's groups with their hosts.
  addresses:
    type: list
    elements: dict
    required: true
    description: Addresses by the names of hosts, one dictionary after the other; the first that has
      a host counts.
  wanted:
    type: str
    default: ""
    description: The pattern of load balancers, where there are to be any.
  settings:
    type: dict
    description: How load balancers ask application hosts, C(port) and C(tls).
  said:
    type: dict
    description: What hosts say of C(flaskstack_backend_port), C(flaskstack_backend_tls) and
      C(flaskstack_backend_plain), by the names of variables and of hosts; all must say the same.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Plan which hosts do what
  ansible.builtin.set_fact:
    cluster: "{{ ['app1', 'app2'] | flaskstack.centos.cluster_plan(['lb1'], groups, addresses) }}"
"""

RETURN = """
_value:
  type: dict
  description: C(problems), a list of sentences; C(application_hosts), C(load_balancers),
    C(addresses), C(groups), each with its application hosts, C(port), where load balancers ask
    application hosts, C(ports), by which they come, and C(servers), addresses with that port.
"""


class FilterModule:
    """Hands data to plugin_utils/cluster.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"cluster_plan": through(cluster.plan)}
