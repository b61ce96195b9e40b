"""Filter cluster_hosts: say which hosts do what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import hosts
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: cluster_hosts
short_description: Say which hosts do what
version_added: 0.2.0
description:
  - Makes patterns of the hosts that the collection's playbooks work on, of the inventory's groups
    C(app_servers), or C(app) where there is no such group, and C(load_balancers).
positional: hosts, load_balancers
options:
  _input:
    type: dict
    required: true
    description: The inventory's groups.
  hosts:
    type: raw
    default: ""
    description: The application hosts, where others than those of the group are meant.
  load_balancers:
    type: raw
    default: ""
    description: The load balancers, where others than those of the group are meant.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Work on the application hosts
  hosts: "{{ (groups | flaskstack.centos.cluster_hosts(web | default(''))).application_hosts }}"
  tasks: []
"""

RETURN = """
_value:
  type: dict
  description: C(application_hosts); C(load_balancers), empty where each host serves by itself;
    C(all), both; C(asked), those that people ask.
"""


class FilterModule:
    """Hands data to plugin_utils/hosts.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"cluster_hosts": through(hosts.of_cluster)}
