"""Filter nginx_plan: what the nginx role is to do, as far as it is known without the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import nginx_plan
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: nginx_plan
short_description: Complete and check the sites of the nginx role
version_added: 0.2.0
description:
  - Completes the sites by their defaults, says what is wrong with them and with the role's
    variables, and names what there is to ask the host by M(flaskstack.centos.nginx_info).
options:
  _input:
    type: dict
    required: true
    description: C(variables), those of the role by their names, and C(facts) of the host.
seealso:
  - plugin_type: filter
    plugin: flaskstack.centos.nginx_changes
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Plan the sites
  ansible.builtin.set_fact:
    plan: "{{ {'variables': variables, 'facts': facts} | flaskstack.centos.nginx_plan }}"
"""

RETURN = """
_value:
  type: dict
  description: C(problems), a list of sentences; C(sites) and C(settings), complete; C(questions)
    and C(early), what to ask the host.
"""


class FilterModule:
    """Hands data to plugin_utils/nginx_plan.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"nginx_plan": through(nginx_plan.plan)}
