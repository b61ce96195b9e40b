"""Plan what role python does on a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.pythons import plan

DOCUMENTATION = r"""
name: python_plan
short_description: Plan what role python does on a host
version_added: 0.2.0
description:
  - Says which interpreters and packages the versions asked for come to, which of them a host lacks
    by its answer to M(flaskstack.centos.host_info), and what cannot be done.
options:
  _input:
    description: The role's variables, the host's facts and its answer, as in the role's
      C(vars/main.yml).
    type: dict
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Say what cannot be done
  ansible.builtin.debug:
    msg: "{{ (__python_input | flaskstack.centos.python_plan).problems }}"
"""

RETURN = r"""
_value:
  description: The plan, with C(problems), C(interpreters), C(missing_packages), C(uv_is_missing)
    and more.
  type: dict
"""


class FilterModule:
    """The filter python_plan."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"python_plan": through(plan)}
