"""Digest the source directories of applications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.builds import digest_sources
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = r"""
name: flask_app_sources
short_description: Digest the source directories of applications
version_added: 0.2.0
description:
  - Says of each application that comes from a directory of the controller what is in it now.
options:
  _input:
    description: C(apps) of what P(flaskstack.centos.flask_app_plan#filter) returns.
    type: list
    elements: dict
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Digest the sources
  ansible.builtin.set_fact:
    apps: "{{ plan.apps | flaskstack.centos.flask_app_sources }}"
"""

RETURN = r"""
_value:
  description: The applications, with C(known) for each that comes from a directory.
  type: list
  elements: dict
"""


class FilterModule:
    """The filter flask_app_sources."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"flask_app_sources": through(digest_sources)}
