"""Filter flask_apps_here: tell what an inventory's applications have to do with a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import apps
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: flask_apps_here
short_description: Tell what an inventory's applications have to do with a host
version_added: 0.2.0
description:
  - Says which applications run on a host, and how load balancers ask for them there.
positional: cluster, host
options:
  _input:
    type: list
    elements: dict
    required: true
    description: C(flask_apps), as it is in the inventory.
  cluster:
    type: dict
    required: true
    description: Which hosts do what, from P(flaskstack.centos.cluster_plan#filter).
  host:
    type: str
    required: true
    description: The host.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show what runs here
  ansible.builtin.debug:
    msg: "{{ (flask_apps | flaskstack.centos.flask_apps_here(cluster, inventory_hostname)).run }}"
"""

RETURN = """
_value:
  type: dict
  description: C(run), the names of those that run there, of which C(asked) are those that load
    balancers ask by HTTP, C(checked) those of these whose health check is for one of their domains,
    and C(handed_on) those whose TLS they hand on as it is; and C(stay), those that have something
    there, on a load balancer a site.
"""


class FilterModule:
    """Hands data to plugin_utils/apps.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"flask_apps_here": through(apps.here)}
