#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Bring the router in front of an application to what it should be, or take it away."""

DOCUMENTATION = r"""
module: app_router
short_description: Serve an application without a web server
version_added: 0.2.0
description:
  - Writes configuration and unit of uWSGI's own router, restarts it and asks it. If it does not
    serve, the former files come back, and the module fails with the reason.
  - A router that has its files, runs with them and starts at boot is left alone.
options:
  name:
    description: Name of the application.
    type: str
    required: true
  kind:
    description: What it speaks, HTTP or the uwsgi protocol.
    type: str
    choices: [http, tcp]
    required: true
  state:
    description: Whether it is to be there.
    type: str
    choices: [present, absent]
    default: present
  root:
    description: The directory that the applications' own directories are in.
    type: path
    default: /opt
  ports:
    description: Where it listens.
    type: list
    elements: int
    default: []
  addresses:
    description: The addresses that it listens on. The first is asked.
    type: list
    elements: str
    default: [0.0.0.0]
  https:
    description: The one of the ports that speaks TLS; 0 if none does.
    type: int
    default: 0
  redirect:
    description: Whether the other port redirects to that one.
    type: bool
    default: false
  reads:
    description: Files that it reads when it starts. When one is newer, it is restarted.
    type: list
    elements: path
    default: []
  health:
    description: What it is asked to see that it serves. Required with I(state=present).
    type: dict
    suboptions:
      path:
        description: Path and query.
        type: str
        default: /
      host:
        description: The name of the host that is asked for.
        type: str
        default: localhost
      status:
        description: The statuses that are well.
        type: list
        elements: int
        default: [200]
      timeout:
        description: Seconds that a release has for it; a router has its own.
        type: int
        default: 30
  files:
    description: Its configuration and its unit. Required with I(state=present).
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
    description: Tells whether it would be restarted or taken away.
    support: full
  diff_mode:
    description: Shows its files.
    support: full
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Serve the application over HTTP
  flaskstack.centos.app_router:
    name: shop
    kind: http
    ports: [80]
    health: {path: /healthz}
    files: "{{ router.files }}"

- name: Remove the router
  flaskstack.centos.app_router:
    name: shop
    kind: tcp
    state: absent
"""

RETURN = r"""
unit:
  description: The unit of the router.
  type: str
  returned: success
  sample: uwsgi-shop-http.service
removed:
  description: Paths of the files that were removed.
  type: list
  elements: str
  returned: when I(state=absent)
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._app_router import (
    HEALTH_OPTIONS,
    absent,
    present,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._wanted_files import OPTIONS


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "kind": {"type": "str", "choices": ["http", "tcp"], "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "root": {"type": "path", "default": "/opt"},
            "ports": {"type": "list", "elements": "int", "default": []},
            "addresses": {"type": "list", "elements": "str", "default": ["0.0.0.0"]},
            "https": {"type": "int", "default": 0},
            "redirect": {"type": "bool", "default": False},
            "reads": {"type": "list", "elements": "path", "default": []},
            "health": {"type": "dict", "options": HEALTH_OPTIONS},
            "files": {"type": "list", "elements": "dict", "options": OPTIONS},
        },
        required_if=[("state", "present", ("health", "files"))],
        supports_check_mode=True,
    )
    given, check = module.params, module.check_mode
    if given["state"] == "present":
        run_module(module, lambda: present(given, given["root"], check))
    else:
        run_module(module, lambda: absent(given["name"], given["kind"], given["root"], check))


if __name__ == "__main__":
    main()
