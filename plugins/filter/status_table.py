"""Filter status_table: show applications and certificates as tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import status_table
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: status_table
short_description: Show applications and certificates as tables
version_added: 0.2.0
description:
  - Makes a table of applications, and one of sites that have a certificate or are closed.
options:
  _input:
    type: dict
    required: true
    description: Host to C(applications) and C(sites), as C(uwsgi_status) and C(nginx_status) have
      them; null for a host that did not answer.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show the applications
  ansible.builtin.debug:
    msg: "{{ {'web1': found} | flaskstack.centos.status_table }}"
  vars:
    found: {applications: "{{ uwsgi_status }}", sites: "{{ nginx_status }}"}
"""

RETURN = """
_value:
  type: str
  description: The tables, as one text.
"""


class FilterModule:
    """Hands data to plugin_utils/status_table.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"status_table": through(status_table.tables)}
