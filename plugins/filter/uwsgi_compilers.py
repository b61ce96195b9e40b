"""Tell which host compiles which wheel of uWSGI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.once import compilers

DOCUMENTATION = r"""
name: uwsgi_compilers
short_description: Tell which host compiles which wheel of uWSGI
version_added: 0.2.0
positional: lacking
description:
  - Where wheels are fetched to the controller, one host of the batch compiles for the others.
options:
  _input:
    description: Name of the host in the inventory.
    type: str
    required: true
  lacking:
    description: Of each host of the batch, in its order, the wheels that it lacks.
    type: dict
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Say who compiles
  ansible.builtin.debug:
    msg: "{{ inventory_hostname | flaskstack.centos.uwsgi_compilers(lacking) }}"
"""

RETURN = r"""
_value:
  description: The host, by the C(key) of the wheel.
  type: dict
"""


class FilterModule:
    """The filter uwsgi_compilers."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"uwsgi_compilers": through(compilers)}
