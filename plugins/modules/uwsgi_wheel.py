#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Compile uWSGI into a wheel, or try a wheel of it."""

DOCUMENTATION = r"""
module: uwsgi_wheel
short_description: Compile uWSGI into a wheel, or try one
version_added: 0.2.0
description:
  - Compiles uWSGI for one of the host's interpreters with SSL, PCRE and routing, without setuptools
    or wheel.
  - Tries a wheel before anything is installed from it. One that does not run here, is another
    version or lacks something is removed, and the module fails.
  - Compiling takes 20 seconds to three minutes; run it with C(async).
options:
  state:
    description:
      - C(compiled), the wheel is there; it is compiled if it is not.
      - C(tested), the wheel was tried.
    type: str
    choices: [compiled, tested]
    required: true
  version:
    description: Version of uWSGI.
    type: str
    required: true
  python:
    description: Version of the interpreter, C(/usr/bin/python3.N). Required with
      I(state=compiled).
    type: str
  directory:
    description: Where the compiled wheel is to be.
    type: path
    default: /opt/uwsgi/wheels
  archive:
    description: Path of uWSGI's source on the host. Empty, it is taken from the index.
    type: str
    default: ""
  index_url:
    description: Address of the package index. Empty, the host's own settings decide.
    type: str
    default: ""
  proxy:
    description: Address of a proxy for it.
    type: str
    default: ""
  ca_bundle:
    description: File on the host with the certificate authorities to trust. Empty means the host's
      own list, wherever its release has it.
    type: str
    default: ""
  wheel:
    description: Path of the wheel to try. Required with I(state=tested).
    type: path
  final:
    description: Whether a library that the host does not have is a failure.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells whether it would compile.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Compile uWSGI
  flaskstack.centos.uwsgi_wheel:
    state: compiled
    version: 2.0.31
    python: "3.12"
  async: 1800
  poll: 5
  register: compiled

- name: Test the wheel
  flaskstack.centos.uwsgi_wheel:
    state: tested
    version: 2.0.31
    wheel: "{{ compiled.wheel }}"
"""

RETURN = r"""
wheel:
  description: Path of the wheel.
  type: str
  returned: when I(state=compiled)
missing:
  description: Libraries that it wants and the host does not have.
  type: list
  elements: str
  returned: when I(state=tested)
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._authorities import trusted
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._uwsgi_wheel import (
    compiled,
    index_environment,
    tested,
)


def work(module: AnsibleModule) -> Dict[str, Any]:
    """Compile a wheel or try one; return the module's answer."""
    given = module.params
    if given["state"] == "tested":
        return tested(given["wheel"], given["version"], given["final"])
    # With an archive, no index is asked.
    idle = module.check_mode or bool(given["archive"])
    bundle = trusted(given["ca_bundle"], idle)
    return compiled(
        "/usr/bin/python" + given["python"],
        given["version"],
        given["directory"],
        given["archive"],
        index_environment(given["index_url"], given["proxy"], bundle),
        module.check_mode,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["compiled", "tested"], "required": True},
            "version": {"type": "str", "required": True},
            "python": {"type": "str"},
            "directory": {"type": "path", "default": "/opt/uwsgi/wheels"},
            "archive": {"type": "str", "default": ""},
            # Both may be an address with a password in it.
            "index_url": {"type": "str", "default": "", "no_log": True},
            "proxy": {"type": "str", "default": "", "no_log": True},
            "ca_bundle": {"type": "str", "default": ""},
            "wheel": {"type": "path"},
            "final": {"type": "bool", "default": False},
        },
        required_if=[("state", "compiled", ("python",)), ("state", "tested", ("wheel",))],
        supports_check_mode=True,
    )
    run_module(module, lambda: work(module))


if __name__ == "__main__":
    main()
