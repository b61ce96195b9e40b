#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Collect the figures of a host's applications for Prometheus, or stop that."""

DOCUMENTATION = r"""
module: app_metrics
short_description: Collect the figures of a host's applications for Prometheus
version_added: 0.2.0
description:
  - Writes C(/opt/uwsgi/metrics.pyz), a program that writes the figures of all applications into a
    file for node_exporter's textfile collector, and the units that run it; starts the timer.
  - The program takes two arguments, the directory of the applications and the path of that file.
options:
  state:
    description: Whether they are to be collected.
    type: str
    choices: [present, absent]
    default: present
  directory:
    description: Where the file is written to. Made if it is not there. Required with
      I(state=present).
    type: path
  files:
    description: C(uwsgi-metrics.timer) and C(uwsgi-metrics.service). Required with
      I(state=present).
    type: list
    elements: dict
    suboptions:
      path:
        description: Where it is.
        type: path
        required: true
      text:
        description: What is in it.
        type: str
        required: true
      mode:
        description: Its mode, in octal digits.
        type: str
        default: "0644"
      group:
        description: Its group. Its owner is root.
        type: str
        default: root
attributes:
  check_mode:
    description: Tells what would be written or removed.
    support: full
  diff_mode:
    description: Shows the units.
    support: full
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Collect metrics
  flaskstack.centos.app_metrics:
    directory: /var/lib/node_exporter
    files: "{{ plan.metrics }}"

- name: Stop collecting metrics
  flaskstack.centos.app_metrics:
    state: absent
"""

RETURN = r"""
written:
  description: Paths of the files that were written.
  type: list
  elements: str
  returned: success
removed:
  description: Paths of the files that were removed.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._metrics_timer import (
    absent,
    present,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._wanted_files import OPTIONS


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "directory": {"type": "path"},
            "files": {"type": "list", "elements": "dict", "options": OPTIONS},
        },
        required_if=[("state", "present", ("directory", "files"))],
        supports_check_mode=True,
    )
    given, check = module.params, module.check_mode
    if given["state"] == "present":
        run_module(module, lambda: present(given["files"], given["directory"], check))
    else:
        run_module(module, lambda: absent(check))


if __name__ == "__main__":
    main()
