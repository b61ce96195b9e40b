"""Filter nginx_templates: the sites whose template is the user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import nginx_files
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: nginx_templates
short_description: Name the sites whose template is the playbook's own
version_added: 0.2.0
description:
  - The role's own templates are rendered without Ansible. One of the playbook's own may use any
    variable and filter, so that Ansible has to render it.
positional: host
options:
  _input:
    type: dict
    required: true
    description: What P(flaskstack.centos.nginx_plan#filter) returned.
  host:
    type: dict
    required: true
    description: What M(flaskstack.centos.nginx_info) returned.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Render the templates of the playbook's own
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.template', item.template, template_vars=item.variables) }}"
  loop: "{{ plan | flaskstack.centos.nginx_templates(host) }}"
"""

RETURN = """
_value:
  type: list
  elements: dict
  description: For each such site C(name), C(template), and the C(variables) that the template is
    to know.
"""


class FilterModule:
    """Hands data to plugin_utils/nginx_files.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"nginx_templates": through(nginx_files.own_templates)}
