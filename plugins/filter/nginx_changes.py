"""Filter nginx_changes: what is not on a host as the nginx role wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import nginx_changes
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: nginx_changes
short_description: Tell what is not on a host as the nginx role wants it
version_added: 0.2.0
description:
  - Renders the files of nginx and holds them, and all else that the sites want, against what the
    host has.
positional: host, texts
options:
  _input:
    type: dict
    required: true
    description: What P(flaskstack.centos.nginx_plan#filter) returned.
  host:
    type: dict
    required: true
    description: What M(flaskstack.centos.nginx_info) returned.
  texts:
    type: dict
    default: {}
    description: By the name of a site, what Ansible made of the playbook's own template.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Compare
  ansible.builtin.set_fact:
    changes: "{{ plan | flaskstack.centos.nginx_changes(host) }}"
"""

RETURN = """
_value:
  type: dict
  description: C(problems), a list of sentences; C(files), C(secret_files) and C(remove) below
    C(/etc/nginx); C(unsigned), certificates to make; C(sysctls), C(limits), C(selinux),
    C(firewall), C(acme), C(metrics) and whether to C(start) nginx.
"""


class FilterModule:
    """Hands data to plugin_utils/nginx_changes.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"nginx_changes": through(nginx_changes.changes)}
