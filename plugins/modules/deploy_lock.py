#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Let one deploy of an application at a time work on a host."""

DOCUMENTATION = r"""
module: deploy_lock
short_description: Let one deploy of an application at a time work on a host
version_added: 0.2.0
description:
  - Takes the lock of one or several applications on a host for a deploy, or gives it back.
  - A deploy is several roles on several connections. So the lock is a note,
    C(/run/lock/flaskstack-NAME.json), of who has it and until when at most.
  - It is renewed by each step of the deploy, that is by every module of this collection that finds
    RV(environment) in its environment, as long as it works. A deploy that died loses it when
    O(lease) seconds have passed since its last step.
  - A step of a deploy whose lock another deploy has by now fails before it does anything.
options:
  names:
    description: The applications. All of them are locked, or none.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(present) takes the lock, and fails if another deploy has it.
      - V(absent) gives back what of it has this O(token), and nothing else.
    type: str
    choices: [present, absent]
    default: present
  by:
    description: Who deploys, as somebody who meets the lock is told.
    type: str
    default: somebody
  lease:
    description: For how many seconds the lock lasts after a step of the deploy.
    type: int
    default: 300
  token:
    description: What RV(token) was when the lock was taken. It is needed to give the lock back;
      whoever has the lock may take it again with it.
    type: str
    default: ""
  force:
    description: Take the lock over from whoever has it. A deploy that goes on all the same fails at
      its next step.
    type: bool
    default: false
  directory:
    description: Where the notes are. Something has to empty it when the host boots.
    type: path
    default: /run/lock
notes:
  - Supports C(check_mode), in which it takes and gives back nothing.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Deploy under a lock
  hosts: app
  environment: "{{ lock.environment | default({}) }}"
  tasks:
    - name: Work on the application
      block:
        - name: Take the lock
          flaskstack.centos.deploy_lock:
            names: [shop]
            by: "{{ lookup('ansible.builtin.env', 'USER') }}"
          register: lock

        - name: Run the release
          ansible.builtin.import_role:
            name: flaskstack.centos.uwsgi
      always:
        - name: Give the lock back
          flaskstack.centos.deploy_lock:
            names: [shop]
            token: "{{ lock.token | default('') }}"
            state: absent
"""

RETURN = r"""
token:
  description: What tells this deploy from others.
  returned: when O(state=present) and the lock was taken
  type: str
environment:
  description: The environment that the steps of the deploy need, to renew the lock.
  returned: when O(state=present) and the lock was taken
  type: dict
holders:
  description: The deploys that have the lock, or had it before it was taken over, with C(name),
    C(by), C(since), C(renewed) and C(until).
  returned: when O(state=present)
  type: list
  elements: dict
released:
  description: The applications whose lock was given back.
  returned: when O(state=absent)
  type: list
  elements: str
"""

import binascii
import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._deploy_lock import (
    VARIABLE,
    DeployLock,
    listed,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def take(lock: DeployLock, force: bool) -> Dict[str, Any]:
    """Take the lock; return the module's answer."""
    before = lock.take(force)
    return {
        "changed": True,
        "token": lock.token,
        "environment": {VARIABLE: lock.variable()},
        "holders": listed(before),
    }


def look(lock: DeployLock, state: str) -> Dict[str, Any]:
    """Tell what would be done."""
    if state == "absent":
        own = [name for name in lock.names if lock.note(name).get("token") == lock.token]
        return {"changed": bool(own), "released": own}
    return {"changed": not lock.holders(), "holders": listed(lock.holders())}


def main() -> None:
    """Take or give back the lock."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "by": {"type": "str", "default": "somebody"},
            "lease": {"type": "int", "default": 300},
            # It lets nobody in: whoever may write notes needs none.
            "token": {"type": "str", "default": "", "no_log": False},
            "force": {"type": "bool", "default": False},
            "directory": {"type": "path", "default": "/run/lock"},
        },
        supports_check_mode=True,
    )
    given = module.params
    token = given["token"]
    if not token and given["state"] == "present":
        token = binascii.hexlify(os.urandom(8)).decode("ascii")
    lock = DeployLock(given["names"], token, given["by"], given["lease"], given["directory"])

    def work() -> Dict[str, Any]:
        if module.check_mode:
            return look(lock, given["state"])
        if given["state"] == "present":
            return take(lock, given["force"])
        released = lock.give_back()
        return {"changed": bool(released), "released": released}

    # It is no step of the deploy: a lock that was lost is given back all the same.
    run_module(module, work, step=False)


if __name__ == "__main__":
    main()
