"""Filter flask_apps_sites: make items for nginx_dependent_sites of applications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import apps
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: flask_apps_sites
short_description: Make items for nginx_dependent_sites of applications
version_added: 0.2.0
description:
  - Makes of applications and of their releases what the role
    P(flaskstack.centos.nginx#role) is to serve. An application that serves by itself has no site.
positional: python, uwsgi_releases, root, cluster, host, settings
options:
  _input:
    type: list
    elements: dict
    required: true
    description: All applications, C(apps) of P(flaskstack.centos.flask_apps_plan#filter).
  python:
    type: str
    required: true
    description: The Python version of applications that name none.
  uwsgi_releases:
    type: list
    elements: dict
    required: true
    description: What the role P(flaskstack.centos.uwsgi#role) says of its releases;
      empty before it has run.
  root:
    type: str
    default: /opt
    description: Where releases are that it says nothing of.
  cluster:
    type: dict
    description: Which hosts do what, from P(flaskstack.centos.cluster_plan#filter); without it, the
      host has all applications. An application host behind load balancers has sites for these
      alone, a load balancer those that people ask.
  host:
    type: str
    default: ""
    description: The host's name in the inventory.
  settings:
    type: dict
    description: How load balancers ask application hosts, C(port), C(tls), and with it C(ca),
      C(certificate) and C(key), files on the host, or C(ca_text) and so on.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show what will be served
  ansible.builtin.debug:
    msg: "{{ plan.apps | flaskstack.centos.flask_apps_sites('3.12', uwsgi_releases) }}"
"""

RETURN = """
_value:
  type: list
  description: Items for C(nginx_dependent_sites).
"""


class FilterModule:
    """Hands data to plugin_utils/apps.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"flask_apps_sites": through(apps.sites)}
