"""Filter hardening_plan: what of a host's hardening keeps a role from its work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import hardening
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: hardening_plan
short_description: Tell what of a host's hardening keeps a role from its work
version_added: 0.2.0
description:
  - A sentence for each mount point that no program can be run from, and for fapolicyd where it is
    not to be told what to let run.
positional: role, mode
options:
  _input:
    type: dict
    required: true
    description: C(noexec), C(fapolicyd) and C(fapolicyd_lacking) as M(flaskstack.centos.host_info)
      returns them; nothing where the host was not asked.
  role:
    type: str
    required: true
    description: The role.
  mode:
    type: str
    choices: [fail, allow]
    required: true
    description: What to do where fapolicyd runs.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Fail if nothing can be run
  ansible.builtin.assert:
    that: (host | flaskstack.centos.hardening_plan('uwsgi', 'fail')).problems | length == 0
"""

RETURN = """
_value:
  type: dict
  description: C(problems), a list of sentences, and C(allow), what
    M(flaskstack.centos.fapolicyd_rules) is to be told.
"""


class FilterModule:
    """Hands data to plugin_utils/hardening.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"hardening_plan": through(hardening.plan)}
