"""Filter deploy_owner: tell who deploys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import owner
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: deploy_owner
short_description: Tell who deploys
version_added: 0.2.0
description:
  - Tells who runs Ansible, for the lock of a deploy and the history of an application.
options:
  _input:
    type: str
    required: true
    description: Who called sudo; empty if nobody did.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show who deploys
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.env', 'SUDO_USER') | flaskstack.centos.deploy_owner }}"
"""

RETURN = """
_value:
  type: str
  description: The user and the control node, as C(ana@control).
"""


class FilterModule:
    """Hands data to plugin_utils/owner.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"deploy_owner": through(owner.owner)}
