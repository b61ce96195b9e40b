#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Forget the answers that nginx keeps of sites."""

DOCUMENTATION = r"""
module: nginx_purge
short_description: Forget the answers that nginx keeps of sites
version_added: 0.2.0
description:
  - Deletes what nginx keeps below C(/var/lib/nginx/cache) of sites' answers. Nothing is reloaded;
    answers in flight are not disturbed.
options:
  sites:
    description: Names of the sites.
    type: list
    elements: str
    required: true
notes:
  - Supports C(check_mode) and C(diff_mode).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Forget the answers of a site
  flaskstack.centos.nginx_purge:
    sites: [shop]
"""

RETURN = r"""
purged:
  description: Site -> how many C(files) and C(bytes) went, or in check mode would go.
  returned: always
  type: dict
  sample: {shop: {files: 12, bytes: 48211}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_cache import purge


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"sites": {"type": "list", "elements": "str", "required": True}},
        supports_check_mode=True,
    )
    run_module(module, lambda: purge(module.params["sites"], check=module.check_mode))


if __name__ == "__main__":
    main()
