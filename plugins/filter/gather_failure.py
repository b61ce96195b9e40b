"""Say why a host could not be asked what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.cores import failure
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = r"""
name: gather_failure
short_description: Say why a host could not be asked what it is
version_added: 0.2.0
description:
  - An ansible-core that is too new for a host's Python fails with a SyntaxError of its own. By the
    release that the host has, this makes the sentence of it that says what to do.
positional: about, core
options:
  _input:
    description: The result of the task that failed.
    type: dict
    required: true
  about:
    description: The text of the host's C(/etc/os-release); empty if it could not be had.
    type: str
    required: true
  core:
    description: The version of ansible-core.
    type: str
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Gather what the host is
  block:
    - name: Ask it
      flaskstack.centos.host_info:
  rescue:
    - name: Ask it without Python
      ansible.builtin.raw: cat /etc/os-release
      register: about
      changed_when: false

    - name: Say why
      ansible.builtin.fail:
        msg: "{{ ansible_failed_result | flaskstack.centos.gather_failure(about.stdout, core) }}"
      vars:
        core: "{{ ansible_version.full }}"
"""

RETURN = r"""
_value:
  description: A sentence; the words of the failure itself where it is another one.
  type: str
"""


class FilterModule:
    """The filter gather_failure."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"gather_failure": through(failure)}
