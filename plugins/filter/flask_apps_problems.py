"""Filter flask_apps_problems: say what is wrong with applications where they were written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import apps
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: flask_apps_problems
short_description: Say what is wrong with applications where they were written
version_added: 0.2.0
description:
  - A role says what is wrong with its items. Those that are made of C(flask_apps) have other keys
    there; the sentences are made to name these.
positional: role, names
options:
  _input:
    type: list
    elements: str
    required: true
    description: What the role says.
  role:
    type: str
    required: true
    description: The role, by its short name.
  names:
    type: list
    elements: str
    required: true
    description: The names of the applications in C(flask_apps).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show what the user is told
  ansible.builtin.debug:
    msg: "{{ said | flaskstack.centos.flask_apps_problems('uwsgi', ['shop']) }}"
  vars:
    said: ["application 'shop', processes: 0 is out of range; write a number from 1 to 4096."]
"""

RETURN = """
_value:
  type: list
  elements: str
  description: The sentences, each once.
"""


class FilterModule:
    """Hands data to plugin_utils/apps.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"flask_apps_problems": through(apps.as_written)}
