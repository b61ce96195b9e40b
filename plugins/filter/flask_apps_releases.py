"""Filter flask_apps_releases: make items for uwsgi_dependent_apps of applications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import apps
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: flask_apps_releases
short_description: Make items for uwsgi_dependent_apps of applications
version_added: 0.2.0
description:
  - Makes of applications and of their builds what the role
    P(flaskstack.centos.uwsgi#role) is to run.
positional: python, flask_app_builds, root
options:
  _input:
    type: list
    elements: dict
    required: true
    description: The applications to deploy, C(chosen) of
      P(flaskstack.centos.flask_apps_plan#filter).
  python:
    type: str
    required: true
    description: The Python version of applications that name none.
  flask_app_builds:
    type: list
    elements: dict
    required: true
    description: What the role P(flaskstack.centos.flask_app#role) says of its builds;
      empty before it has run.
  root:
    type: str
    default: /opt
    description: Where builds will be that it says nothing of.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show what will run
  ansible.builtin.debug:
    msg: "{{ plan.chosen | flaskstack.centos.flask_apps_releases('3.12', flask_app_builds) }}"
"""

RETURN = """
_value:
  type: list
  description: Items for C(uwsgi_dependent_apps).
"""


class FilterModule:
    """Hands data to plugin_utils/apps.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"flask_apps_releases": through(apps.releases)}
