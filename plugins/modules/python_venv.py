#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Make a virtual environment with what is required in it."""

DOCUMENTATION = r"""
module: python_venv
short_description: Make a virtual environment with what is required in it
version_added: 0.2.0
description:
  - Makes a virtual environment with C(python -m venv) and installs requirements with that
    environment's own pip, so the interpreter that Ansible runs on needs neither pip nor setuptools.
  - An environment is complete or not there. One that was cut off, is for other requirements or
    whose program does not run is removed and made anew.
options:
  path:
    description: The directory of the environment.
    type: path
    required: true
  python:
    description: The interpreter to make it with.
    type: path
    default: /usr/bin/python3
  requirements:
    description: What is to be in it, each as pip takes it (C(uv==0.13.9)) or the absolute path of
      a wheel.
    type: list
    elements: str
    required: true
  creates:
    description: A program of the environment that must run with C(--version); without it, its
      C(bin/python).
    type: path
    default: ""
  index_url:
    description: Address of the package index. Empty means pip's own default.
    type: str
    default: ""
  extra_index_urls:
    description: Indexes to ask besides.
    type: list
    elements: str
    default: []
  proxy:
    description: HTTP proxy to reach the index with.
    type: str
    default: ""
  ca_bundle:
    description: File on the host with the certificate authorities to trust. Empty means the host's
      own list, wherever its release has it.
    type: str
    default: ""
  find_links:
    description: A directory of wheels on the host, or a page with links, to look in too.
    type: str
    default: ""
  no_index:
    description: Ask no index, whatever the host's own settings of pip say.
    type: bool
    default: false
  no_deps:
    description: Install the requirements alone, without what they depend on.
    type: bool
    default: false
  environment:
    description: More variables for pip.
    type: dict
    default: {}
notes:
  - Addresses and proxies may have passwords. They reach pip in its environment and are on no
    command line and in no log.
  - Supports C(check_mode).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Install uv
  flaskstack.centos.python_venv:
    path: /opt/uv/0.13.9
    python: /usr/bin/python3.11
    requirements: [uv==0.13.9]
    creates: /opt/uv/0.13.9/bin/uv
"""

RETURN = r"""
path:
  description: The directory of the environment.
  returned: always
  type: str
  sample: /opt/uv/0.13.9
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._authorities import trusted
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import harmless
from ansible_collections.flaskstack.centos.plugins.module_utils._venv import (
    ensure,
    pip_environment,
)


def work(module: AnsibleModule) -> Dict[str, Any]:
    """Make the environment; return the module's answer."""
    given = dict(module.params)
    path, python = given.pop("path"), given.pop("python")
    requirements, creates = given.pop("requirements"), given.pop("creates")
    # An error may name an address that has no password.
    addresses = [given["index_url"], given["proxy"], given["find_links"]]
    module.no_log_values -= harmless(addresses + given["extra_index_urls"])
    # What is not there yet is no reason to fail where nothing is to be fetched.
    given["ca_bundle"] = trusted(given["ca_bundle"], module.check_mode or given["no_index"])
    given["environment"] = {key: str(value) for key, value in given["environment"].items()}
    env = pip_environment(**given)
    changed = ensure(path, python, requirements, env, creates=creates, check=module.check_mode)
    return {"changed": changed, "path": path}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "requirements": {"type": "list", "elements": "str", "required": True},
            "creates": {"type": "path", "default": ""},
            "index_url": {"type": "str", "default": "", "no_log": True},
            "extra_index_urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "proxy": {"type": "str", "default": "", "no_log": True},
            "ca_bundle": {"type": "str", "default": ""},
            "find_links": {"type": "str", "default": "", "no_log": True},
            "no_index": {"type": "bool", "default": False},
            "no_deps": {"type": "bool", "default": False},
            "environment": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: work(module))


if __name__ == "__main__":
    main()
