"""Digest a directory of the controller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.pack import directory_digest

DOCUMENTATION = r"""
name: directory_digest
short_description: Digest a directory of the controller
version_added: 0.2.0
description:
  - The digest is of names, contents, kinds and executable bits, not of times and owners, so it is
    the same on every controller.
options:
  _input:
    description: The directory.
    type: path
    required: true
  exclude:
    description: What of it is left out, in the patterns of .gitignore.
    type: list
    elements: str
    default: []
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Say whether the wheels have changed
  ansible.builtin.debug:
    msg: "{{ '/srv/wheels' | flaskstack.centos.directory_digest }}"
"""

RETURN = r"""
_value:
  description: 64 hexadecimal digits.
  type: str
"""


class FilterModule:
    """The filter directory_digest."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"directory_digest": through(directory_digest)}
