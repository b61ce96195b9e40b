#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Allow nginx under SELinux what its sites need."""

DOCUMENTATION = r"""
module: nginx_selinux
short_description: Allow nginx under SELinux what its sites need
version_added: 0.2.0
description:
  - Labels the ports that sites listen on, and the files that they serve, where the targeted policy
    does not let nginx have them, and sets booleans. All of it is one transaction of C(semanage);
    files are then labelled by C(restorecon).
  - What it adds is noted in C(/var/lib/flaskstack/nginx-selinux.json), with the sites that need it.
    What no site needs any more is given back. What administrators have added is left alone; so are
    booleans, which others may rely on.
  - A port that the policy has for another service is given to nginx. A directory is not, if its
    type is another service's, or it is one of the system's.
options:
  state:
    description: V(absent) gives back what only O(site) needs.
    type: str
    choices: [present, absent]
    default: present
  owner:
    description: Whose sites they are; what another owner's sites on the host need stays.
    type: str
    default: ""
  site:
    description: The site that is taken away, with O(state=absent).
    type: str
    default: ""
  ports:
    description: All ports that the sites of O(owner) listen on.
    type: list
    elements: dict
    default: []
    suboptions:
      site:
        description: Name of the site.
        type: str
        required: true
      port:
        description: The port.
        type: int
        required: true
      protocol:
        description: V(udp) for HTTP/3.
        type: str
        choices: [tcp, udp]
        default: tcp
  paths:
    description: All that the sites of O(owner) read on the host.
    type: list
    elements: dict
    default: []
    suboptions:
      site:
        description: Name of the site.
        type: str
        required: true
      key:
        description: Where the site says so, for the sentence about it.
        type: str
        required: true
      path:
        description: The directory or file.
        type: str
        required: true
      kind:
        description: V(content) is what is served, V(certificate) a certificate or a key.
        type: str
        choices: [content, certificate]
        default: content
  booleans:
    description: Booleans that are to be on.
    type: list
    elements: str
    default: []
requirements:
  - semanage (policycoreutils-python-utils), where something is to be added or given back
notes:
  - Supports C(check_mode) and C(diff_mode). Does nothing where SELinux is disabled.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Let nginx listen on a port and serve a directory
  flaskstack.centos.nginx_selinux:
    owner: production
    ports:
      - {site: shop, port: 5000}
    paths:
      - {site: shop, key: directory, path: /srv/shop}

- name: Give back what only one site needed
  flaskstack.centos.nginx_selinux:
    state: absent
    owner: production
    site: shop
"""

RETURN = r"""
added:
  description: What nginx is allowed now, or in check mode would be, and which files are labelled.
  returned: always
  type: list
  elements: str
  sample: [port tcp/5000 http_port_t, "file /srv/shop(/.*)? httpd_sys_content_t", label /srv/shop]
removed:
  description: What was given back, or had another type before.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_selinux import change
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import Tree
from ansible_collections.flaskstack.centos.plugins.module_utils._selinux_local import Host


def main() -> None:
    """Run the module."""
    text = {"type": "str", "required": True}
    several = {"type": "list", "elements": "dict", "default": []}
    port = {
        "site": text,
        "port": {"type": "int", "required": True},
        "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
    }
    path = {
        "site": text,
        # Where something is found in the inventory is no secret.
        "key": dict(text, no_log=False),
        "path": text,
        "kind": {"type": "str", "choices": ["content", "certificate"], "default": "content"},
    }
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "owner": {"type": "str", "default": ""},
            "site": {"type": "str", "default": ""},
            "ports": dict(several, options=port),
            "paths": dict(several, options=path),
            "booleans": {"type": "list", "elements": "str", "default": []},
        },
        required_if=[("state", "absent", ("site",))],
        supports_check_mode=True,
    )
    run_module(module, lambda: change(Host(), Tree(), module.params, module.check_mode))


if __name__ == "__main__":
    main()
