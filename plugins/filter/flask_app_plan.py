"""Plan what role flask_app builds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.builds import plan
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = r"""
name: flask_app_plan
short_description: Plan what role flask_app builds
version_added: 0.2.0
description:
  - Completes the applications by their description and says what of them cannot be built.
options:
  _input:
    description: The role's variables, as in the role's C(vars/main.yml).
    type: dict
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Say what cannot be built
  ansible.builtin.debug:
    msg: "{{ (__flask_app_input | flaskstack.centos.flask_app_plan).problems }}"
"""

RETURN = r"""
_value:
  description: The plan, with C(problems) and C(apps).
  type: dict
"""


class FilterModule:
    """The filter flask_app_plan."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"flask_app_plan": through(plan)}
