#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Tell what serves on a host, and how it is."""

DOCUMENTATION = r"""
module: app_info
short_description: Gather how the applications of a host are
version_added: 0.2.0
description:
  - Tells, for each application on the host, which release serves, how it is by systemd and by
    uWSGI's own figures, and where a rollback would go. Changes nothing.
options:
  names:
    description: The applications to tell of; all of the host if there is none.
    type: list
    elements: str
    default: []
  health:
    description: Ask each for its health, too.
    type: bool
    default: false
  root:
    description: The directory that the applications' own directories are in.
    type: path
    default: /opt
attributes:
  check_mode:
    description: It only looks.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Gather how the applications are
  flaskstack.centos.app_info:
  register: found
"""

RETURN = r"""
apps:
  description: The applications, in the order of their names.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the application.
      type: str
    release:
      description: The release that serves; empty if none does.
      type: str
    version:
      description: What people call it.
      type: str
    since:
      description: When it went live, in UTC.
      type: str
      sample: "2026-01-02T03:04:05Z"
    state:
      description: State of its service, as systemd has it.
      type: str
    restarts:
      description: How often systemd has restarted it.
      type: int
    answers:
      description: Whether uWSGI tells its figures; the ones below are 0 otherwise.
      type: bool
    workers:
      description: Worker processes.
      type: int
    busy:
      description: Workers that work on a request.
      type: int
    idle:
      description: Workers that wait for one.
      type: int
    threads:
      description: Threads of all workers.
      type: int
    threads_busy:
      description: Threads that work on a request.
      type: int
    requests:
      description: Requests since its start, health checks among them.
      type: int
    exceptions:
      description: Exceptions that the application did not catch.
      type: int
    harakiri:
      description: Workers killed because a request took too long.
      type: int
    respawns:
      description: Workers started again after the first time.
      type: int
    sent:
      description: Bytes of the answers.
      type: int
    running:
      description: Seconds that workers spent on requests.
      type: float
    memory:
      description: Bytes of master and workers, shared pages counted once.
      type: int
    down:
      description: Names of its services and timers that are not active.
      type: list
      elements: str
    others:
      description: Other releases that run.
      type: list
      elements: str
    routers:
      description: Kind of each router, and its state.
      type: dict
    previous:
      description: The release that a rollback would go to; empty if there is none.
      type: str
    previous_version:
      description: What people call that one.
      type: str
    history:
      description: The latest ten events.
      type: list
      elements: dict
    health:
      description: With O(health), C(healthy), C(answered) (the status, 0 without an answer), and
        C(path), C(host) and C(status) of its health check.
      type: dict
unknown:
  description: Names that were asked for and are not on this host, each with the nearest there is.
  type: list
  elements: dict
  returned: success
  sample: [{name: shpo, nearest: shop}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._app_info import info
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "default": []},
            "health": {"type": "bool", "default": False},
            "root": {"type": "path", "default": "/opt"},
        },
        supports_check_mode=True,
    )
    given = module.params
    run_module(module, lambda: info(given["root"], given["names"], given["health"]))


if __name__ == "__main__":
    main()
