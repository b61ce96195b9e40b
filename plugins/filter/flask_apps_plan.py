"""Filter flask_apps_plan: check applications and choose which to deploy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import apps
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: flask_apps_plan
short_description: Check applications and choose which to deploy
version_added: 0.2.0
description:
  - Checks the list C(flask_apps), and says which of its applications are to be deployed in which
    version.
positional: app, version, defaults, cluster, host
options:
  _input:
    type: list
    elements: dict
    required: true
    description: The applications, as C(flask_apps) has them.
  app:
    type: str
    default: ""
    description: The application to deploy; empty for all.
  version:
    type: str
    default: ""
    description: The version to deploy it in; empty for what the list says.
  defaults:
    type: dict
    description: C(uwsgi_defaults), if there is any; what it says of Python's search path counts.
  cluster:
    type: dict
    description: Which hosts do what, from P(flaskstack.centos.cluster_plan#filter); without it, the
      host has all applications.
  host:
    type: str
    default: ""
    description: The host's name in the inventory.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Plan the applications
  ansible.builtin.set_fact:
    plan: "{{ flask_apps | flaskstack.centos.flask_apps_plan }}"
"""

RETURN = """
_value:
  type: dict
  description: C(problems), a list of sentences; C(apps), all applications; C(here), the names of
    those that the host has; C(chosen), those to deploy to it; C(names) of those; C(overridden),
    whether that is something else than the list says; C(versions) of Python that they ask for;
    C(builds), items for C(flask_app_apps); C(served), whether a web server is wanted.
"""


class FilterModule:
    """Hands data to plugin_utils/apps.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"flask_apps_plan": through(apps.plan)}
