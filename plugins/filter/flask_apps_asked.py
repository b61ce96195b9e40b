"""Filter flask_apps_asked: tell where a host has the site of an application that people ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import apps
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: flask_apps_asked
short_description: Tell what a host has of the site where people ask for an application
version_added: 0.2.0
description:
  - Says under which names a host has the site of an application that people ask, on a load balancer
    or behind it.
positional: app, cluster, host
options:
  _input:
    type: list
    elements: dict
    required: true
    description: C(flask_apps), as it is in the inventory.
  app:
    type: str
    required: true
    description: The name of the application, or of a site of C(nginx_sites).
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
- name: Show which of its sites answer here
  ansible.builtin.debug:
    msg: "{{ (flask_apps | flaskstack.centos.flask_apps_asked('shop', cluster, 'web1')).sites }}"
"""

RETURN = """
_value:
  type: dict
  description: C(sites), the names of those that answer, and C(redirects), of those that lead to
    HTTPS, which is handed on to other hosts.
"""


class FilterModule:
    """Hands data to plugin_utils/apps.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"flask_apps_asked": through(apps.asked_for)}
