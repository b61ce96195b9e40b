"""Choose the interpreter that certbot is installed with, and its version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.certbots import choice
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = r"""
name: certbot_choice
short_description: Choose the interpreter that certbot is installed with
version_added: 0.2.0
description:
  - Takes the interpreter that the user names, the platform's own, or the newest of those that the
    host has; and the last version of certbot that runs on it.
positional: named, certbot
options:
  _input:
    description: The answer of M(flaskstack.centos.host_info) about
      P(flaskstack.centos.certbot_candidates#filter).
    type: dict
    required: true
  named:
    description: The interpreter that the user names.
    type: str
    default: ""
  certbot:
    description: The version of certbot that the user names.
    type: str
    default: ""
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Say what it would be
  ansible.builtin.debug:
    msg: "{{ (there | flaskstack.centos.certbot_choice).python }}"
"""

RETURN = r"""
_value:
  description: C(python), C(certbot) and a C(problem), which is empty where there is one.
  type: dict
"""


class FilterModule:
    """The filter certbot_choice."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"certbot_choice": through(choice)}
