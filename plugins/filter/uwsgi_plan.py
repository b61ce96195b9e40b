"""Plan the releases that role uwsgi is to run on a host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.releases import plan

DOCUMENTATION = r"""
name: uwsgi_plan
short_description: Plan the releases that role uwsgi is to run on a host
version_added: 0.2.0
description:
  - Completes the applications by C(meta/argument_specs.yml) of the role, checks them, renders all
    files of their releases and names each release by what it is made of.
  - Asks neither the host nor anybody else.
options:
  _input:
    description: The role's variables and the host's facts, as in the role's C(vars/main.yml).
    type: dict
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Say what cannot be run
  ansible.builtin.debug:
    msg: "{{ (__uwsgi_input | flaskstack.centos.uwsgi_plan).problems }}"
"""

RETURN = r"""
_value:
  description: The plan, with C(problems), and where there are none C(apps), C(routers), C(metrics),
    C(commands), C(exports), C(homes), C(listen), C(open_ports), C(open_rules) and
    C(worker_memory).
  type: dict
"""


class FilterModule:
    """The filter uwsgi_plan."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"uwsgi_plan": through(plan)}
