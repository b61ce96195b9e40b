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
positional: python, uwsgi_releases, root
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
