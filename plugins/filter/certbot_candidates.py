"""Name the interpreters that certbot may be installed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.certbots import candidates
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = r"""
name: certbot_candidates
short_description: Name the interpreters that certbot may be installed with
version_added: 0.2.0
description:
  - Names those that a host is to be asked for, best first.
options:
  _input:
    description: The interpreter that the user names; empty for one that will do.
    type: str
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Look for them
  flaskstack.centos.host_info:
    commands: "{{ '' | flaskstack.centos.certbot_candidates }}"
  register: there
"""

RETURN = r"""
_value:
  description: Paths.
  type: list
  elements: str
"""


class FilterModule:
    """The filter certbot_candidates."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"certbot_candidates": through(candidates)}
