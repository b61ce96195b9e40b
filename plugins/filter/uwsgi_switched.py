"""Tell which releases a loop has activated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.once import switched_items

DOCUMENTATION = r"""
name: uwsgi_switched
short_description: Tell which releases a loop has activated
version_added: 0.2.0
description:
  - For a loop of M(flaskstack.centos.app_activate) whose failures are only noted
    (C(failed_when=false)).
options:
  _input:
    description: What was registered of the loop over dictionaries with C(name).
    type: dict
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Show which releases serve now
  ansible.builtin.debug:
    msg: "{{ activated | flaskstack.centos.uwsgi_switched }}"
"""

RETURN = r"""
_value:
  description: The C(name) of each item, the C(release) that serves now, and C(from), the one that
    served before; empty if none did.
  type: list
  elements: dict
"""


class FilterModule:
    """The filter uwsgi_switched."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"uwsgi_switched": through(switched_items)}
