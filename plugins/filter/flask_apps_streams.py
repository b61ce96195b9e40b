"""Filter flask_apps_streams: make items for nginx_dependent_streams of applications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import apps
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: flask_apps_streams
short_description: Make items for nginx_dependent_streams of applications
version_added: 0.2.0
description:
  - Makes of applications whose TLS ends at their own hosts (C(load_balancer.passthrough)) what the
    role P(flaskstack.centos.nginx#role) is to hand on from load balancers.
positional: cluster, host, settings
options:
  _input:
    type: list
    elements: dict
    required: true
    description: All applications, C(apps) of P(flaskstack.centos.flask_apps_plan#filter).
  cluster:
    type: dict
    required: true
    description: Which hosts do what, from P(flaskstack.centos.cluster_plan#filter).
  host:
    type: str
    required: true
    description: The host's name in the inventory.
  settings:
    type: dict
    description: As for P(flaskstack.centos.flask_apps_sites#filter).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show what will be handed on
  ansible.builtin.debug:
    msg: "{{ plan.apps | flaskstack.centos.flask_apps_streams(cluster, inventory_hostname) }}"
"""

RETURN = """
_value:
  type: list
  description: Items for C(nginx_dependent_streams).
"""


class FilterModule:
    """Hands data to plugin_utils/apps.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"flask_apps_streams": through(apps.streams)}
