#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Have a timer write the figures of nginx and its sites for Prometheus, or no longer."""

DOCUMENTATION = r"""
module: nginx_metrics
short_description: Have a timer write the figures of nginx and its sites for Prometheus
version_added: 0.2.0
description:
  - Writes a program and the units that it is given, and runs the timer, so that there is a file for
    node_exporter's textfile collector. It needs no port, and no process of its own.
options:
  state:
    description: V(absent) stops the timer, and removes the program and the units.
    type: str
    choices: [present, absent]
    default: present
  directory:
    description: The directory of the textfile collector, required with O(state=present).
    type: path
  files:
    description: C(nginx-metrics.service) and C(nginx-metrics.timer).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where it is.
        type: path
        required: true
      text:
        description: The unit.
        type: str
        required: true
notes:
  - Supports C(check_mode) and C(diff_mode).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Write metrics of nginx
  flaskstack.centos.nginx_metrics:
    directory: /var/lib/node_exporter
    files:
      - path: /etc/systemd/system/nginx-metrics.service
        text: "{{ lookup('ansible.builtin.template', 'nginx-metrics.service.j2') }}"
      - path: /etc/systemd/system/nginx-metrics.timer
        text: "{{ lookup('ansible.builtin.template', 'nginx-metrics.timer.j2') }}"
"""

RETURN = r"""
written:
  description: Paths that were written.
  returned: always
  type: list
  elements: str
removed:
  description: Paths that were removed.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_programs import (
    install_metrics,
    remove_metrics,
)


def main() -> None:
    """Run the module."""
    text = {"type": "str", "required": True}
    unit = {"path": dict(text, type="path"), "text": text}
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "directory": {"type": "path"},
            "files": {"type": "list", "elements": "dict", "default": [], "options": unit},
        },
        required_if=[("state", "present", ["directory"])],
        supports_check_mode=True,
    )
    asked = module.params
    if asked["state"] == "absent":
        run_module(module, lambda: remove_metrics(module.check_mode))
    else:
        files = [(each["path"], each["text"]) for each in asked["files"]]
        run_module(module, lambda: install_metrics(asked["directory"], files, module.check_mode))


if __name__ == "__main__":
    main()
