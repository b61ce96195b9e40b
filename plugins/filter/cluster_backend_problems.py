"""Filter cluster_backend_problems: check how load balancers are to ask application hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import cluster
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: cluster_backend_problems
short_description: Check how load balancers are to ask application hosts
version_added: 0.2.0
description:
  - Says in a sentence each what is wrong with how load balancers are to ask application hosts.
options:
  _input:
    type: dict
    required: true
    description: C(tls), whether by HTTPS, then C(ca), C(certificate) and C(key), or the same with
      C(_text).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Fail if it cannot be
  ansible.builtin.assert:
    that: "{'tls': true} | flaskstack.centos.cluster_backend_problems | length == 0"
"""

RETURN = """
_value:
  type: list
  elements: str
  description: A sentence for each thing that is wrong.
"""


class FilterModule:
    """Hands data to plugin_utils/cluster.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"cluster_backend_problems": through(cluster.problems_of_settings)}
