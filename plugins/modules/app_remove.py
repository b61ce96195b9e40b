#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Take an application away from a host."""

DOCUMENTATION = r"""
module: app_remove
short_description: Take an application away from a host
version_added: 0.2.0
description:
  - Stops and disables what the application runs (releases, services, timers, routers, builds), and
    removes its units, releases, builds, caches, the account that builds it, and the ports of its
    routers in firewalld. Requests in flight finish.
  - Its data stay, and the account that owns them, unless O(data=true).
  - It knows nothing of web servers. Take the application's site away first.
  - What is called like the application and was not made by the roles is left alone.
  - One that is killed half-way is finished by the next call. It returns after ten seconds at the
    latest while something still ends; its action plugin runs it again.
options:
  name:
    description: Name of the application.
    type: str
    required: true
  data:
    description: Remove what the application has written, too - C(<root>/<name>/shared),
      C(/var/lib/wsgi/<name>) and its account.
    type: bool
    default: false
  root:
    description: The directory that the applications' own directories are in.
    type: path
    default: /opt
  builds_root:
    description: The same of the builds.
    type: path
    default: /opt
  builder:
    description: What the accounts that build are called; C(-) and the application's name follow.
    type: str
    default: flaskbuild
  firewalld:
    description: Close the ports of its routers, where firewalld runs and nothing else listens on
      them.
    type: bool
    default: true
attributes:
  check_mode:
    description: Tells what would go.
    support: full
  diff_mode:
    description: Shows what goes, one line for each.
    support: full
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Take the application away, and keep its data
  flaskstack.centos.app_remove:
    name: shop
"""

RETURN = r"""
removed:
  description: Units, paths, accounts and settings of firewalld that went; in check mode that would.
  type: list
  elements: str
  returned: success
kept:
  description: Paths and account of its data that are there and stay.
  type: list
  elements: str
  returned: success
owner:
  description: Whose it was, as its releases have noted it; empty if they have not.
  type: str
  returned: success
others:
  description: Names of the other applications on the host.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._app_prove import or_pending
from ansible_collections.flaskstack.centos.plugins.module_utils._app_remove import remove
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "data": {"type": "bool", "default": False},
            "root": {"type": "path", "default": "/opt"},
            "builds_root": {"type": "path", "default": "/opt"},
            "builder": {"type": "str", "default": "flaskbuild"},
            "firewalld": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: or_pending(lambda: remove(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
