"""Tell where the uWSGI of a host comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.wheels import plan

DOCUMENTATION = r"""
name: uwsgi_wheels
short_description: Tell where the uWSGI of a host comes from
version_added: 0.2.0
description:
  - Finds, for each uWSGI that a host lacks, a wheel on the controller, one that the host has kept,
    or what it takes to compile one.
options:
  _input:
    description: The role's variables and what the host has said, as in the role's
      C(vars/main.yml).
    type: dict
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Say what cannot be installed
  ansible.builtin.debug:
    msg: "{{ (__uwsgi_wheels_input | flaskstack.centos.uwsgi_wheels).problems }}"
"""

RETURN = r"""
_value:
  description: What is to be done, with C(homes), C(lacking), C(own), C(packages), C(removable),
    C(archive), C(platform), C(directory) and C(problems).
  type: dict
"""


class FilterModule:
    """The filter uwsgi_wheels."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"uwsgi_wheels": through(plan)}
