"""Filter playbook_problems: check the variables of a playbook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import playbooks
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import extra, through

DOCUMENTATION = """
name: playbook_problems
short_description: Check the variables of a playbook
version_added: 0.2.0
description:
  - Says in a sentence each which variables of the collection's playbooks cannot be read, as
    C(version), which is C(1.1) when C(1.10) is not in quotes.
  - Short ones, as C(app) and C(host), count behind C(-e) only.
positional: inventory
options:
  _input:
    type: dict
    required: true
    description: Variables by their names; an empty one is as good as not there.
  inventory:
    type: list
    elements: str
    default: []
    description: The names of a host's variables, those behind C(-e) among them.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Fail if the version is no text
  ansible.builtin.assert:
    that: "{'version': version} | flaskstack.centos.playbook_problems | length == 0"
"""

RETURN = """
_value:
  type: list
  elements: str
  description: The sentences.
"""


class FilterModule:
    """Hands data to plugin_utils/playbooks.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"playbook_problems": through(problems)}


def problems(given: dict[str, Any], inventory: list[str] | None = None) -> list[str]:
    """Return what playbooks.problems() says, which knows nothing of the command line.

    Args:
        given: see there.
        inventory: the names of a host's variables, those behind ``-e`` among them.
    """
    return playbooks.problems(given, set(inventory or ()) - extra())
