"""Filter cluster_python_problems: check that hosts run an application with the same Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import cluster
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: cluster_python_problems
short_description: Check that hosts run an application with the same Python
version_added: 0.2.0
description:
  - Says in a sentence each which applications would run on another Python on another host.
positional: versions, cluster
options:
  _input:
    type: list
    elements: dict
    required: true
    description: The applications that are to be deployed, C(chosen) of
      P(flaskstack.centos.flask_apps_plan#filter).
  versions:
    type: dict
    required: true
    description: By host, the Python version of applications that name none.
  cluster:
    type: dict
    required: true
    description: Which hosts do what, from P(flaskstack.centos.cluster_plan#filter).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Fail if it cannot be
  ansible.builtin.assert:
    that: "apps | flaskstack.centos.cluster_python_problems(versions, cluster) | length == 0"
"""

RETURN = """
_value:
  type: list
  elements: str
  description: A sentence for each application whose hosts differ.
"""


class FilterModule:
    """Hands data to plugin_utils/cluster.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"cluster_python_problems": through(cluster.problems_of_pythons)}
