#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Make self-signed certificates for nginx, or get them from an authority by ACME."""

DOCUMENTATION = r"""
module: nginx_certificate
short_description: Make self-signed certificates for nginx, or get them by ACME
version_added: 0.2.0
description:
  - With O(state=self_signed), makes the certificates that are not there, of no use, not for their
    names or near their end, each with a key of its own. nginx has to be reloaded after that.
  - With O(state=acme), has certbot get those that it does not have, and gives nginx what it has
    not; nginx tests them and takes them over at once. If it does not, it has those from before
    again. It also writes the program that the timer of renewals does the same by.
  - With O(state=renewed), has certbot renew those that are due, as its timer does, and gives nginx
    what it has not.
  - With O(state=absent), has certbot forget them, so that it does not renew them any more.
options:
  state:
    description: What to do.
    type: str
    choices: [self_signed, acme, renewed, absent]
    required: true
  certificates:
    description: The self-signed certificates.
    type: list
    elements: dict
    default: []
    suboptions:
      certificate:
        description: Its file, below C(/etc/nginx).
        type: str
        required: true
      key:
        description: The file of its key, below C(/etc/nginx).
        type: str
        required: true
      names:
        description: Host names and addresses that it is for.
        type: list
        elements: str
        required: true
      days:
        description: How long it is good.
        type: int
        default: 397
  sites:
    description: The sites whose certificates an authority gives. nginx must serve them already.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the site; its files are C(tls/<name>.crt) and C(tls/<name>.key).
        type: str
        required: true
      domains:
        description: Host names that the certificate is for.
        type: list
        elements: str
        required: true
  names:
    description: The certificates to forget or to renew, by the names of their sites; none renews
      all that there are.
    type: list
    elements: str
    default: []
  home:
    description: The environment of certbot, with its C(cli.ini).
    type: path
    default: /opt/certbot
  ca_bundle:
    description: File with the authorities to trust when talking to the ACME server; empty takes
      certbot's.
    type: str
    default: ""
  force:
    description: With O(state=renewed), also those that last for long. Authorities give no more than
      a few for the same names in a week.
    type: bool
    default: false
  environment:
    description: More environment for certbot, as a proxy with its password. It is on no command
      line.
    type: dict
    default: {}
  wait:
    description: Seconds that nginx is given to take the certificates over.
    type: float
    default: 15
notes:
  - Supports C(check_mode).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Make a self-signed certificate
  flaskstack.centos.nginx_certificate:
    state: self_signed
    certificates:
      - {certificate: tls/shop.crt, key: tls/shop.key, names: [shop.example.com]}
  notify: Reload nginx

- name: Renew what is due
  flaskstack.centos.nginx_certificate:
    state: renewed

- name: Get a certificate by ACME
  flaskstack.centos.nginx_certificate:
    state: acme
    sites:
      - {name: shop, domains: [shop.example.com, www.shop.example.com]}
    environment: {HTTPS_PROXY: "{{ vault_proxy }}"}
"""

RETURN = r"""
signed:
  description: Certificates that were made.
  returned: with O(state=self_signed)
  type: list
  elements: str
issued:
  description: Sites whose certificate the authority gave.
  returned: with O(state=acme)
  type: list
  elements: str
sites:
  description: Sites whose certificates certbot has.
  returned: with O(state=renewed)
  type: list
  elements: str
renewed:
  description: Sites whose certificate the authority has renewed.
  returned: with O(state=renewed)
  type: list
  elements: str
deployed:
  description: Sites whose certificate nginx was given.
  returned: with O(state=acme) and O(state=renewed)
  type: list
  elements: str
failures:
  description: What went wrong; C(site) and C(text). The other sites were done all the same.
  returned: when something did
  type: list
  elements: dict
written:
  description: Programs of the collection that were written or removed.
  returned: with O(state=acme)
  type: list
  elements: str
removed:
  description: Certificates that certbot has forgotten.
  returned: with O(state=absent)
  type: list
  elements: str
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_acme import (
    HOME,
    forget,
    obtain,
    renew,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_programs import (
    DEPLOY,
    put_program,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_reload import WAIT
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import Tree
from ansible_collections.flaskstack.centos.plugins.module_utils._self_signed import self_sign


def work(asked: Dict[str, Any], check: bool) -> Dict[str, Any]:
    """Return the module's answer."""
    environment = {name: str(value) for name, value in asked["environment"].items()}
    if asked["state"] == "self_signed":
        return self_sign(Tree(), asked["certificates"], check)
    home, ca_bundle = asked["home"], asked["ca_bundle"]
    if asked["state"] == "absent":
        return forget(asked["names"], home, ca_bundle, environment, check)
    if asked["state"] == "renewed":
        return renew(Tree(), asked["names"], home, asked["force"], asked["wait"], check)
    written = put_program(DEPLOY, home, check)
    try:
        answer = obtain(Tree(), asked["sites"], home, ca_bundle, environment, asked["wait"], check)
    except Problem as problem:
        problem.details["written"] = written
        problem.details["changed"] = bool(written or problem.details["changed"])
        raise
    return dict(answer, written=written, changed=bool(written or answer["changed"]))


def main() -> None:
    """Run the module."""
    text = {"type": "str", "required": True}
    texts = {"type": "list", "elements": "str", "required": True}
    several = {"type": "list", "elements": "dict", "default": []}
    certificate = {
        "certificate": text,
        # Where a key lies is no secret.
        "key": dict(text, no_log=False),
        "names": texts,
        "days": {"type": "int", "default": 397},
    }
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["self_signed", "acme", "renewed", "absent"],
                "required": True,
            },
            "certificates": dict(several, options=certificate),
            "sites": dict(several, options={"name": text, "domains": texts}),
            "names": {"type": "list", "elements": "str", "default": []},
            "home": {"type": "path", "default": HOME},
            "ca_bundle": {"type": "str", "default": ""},
            "force": {"type": "bool", "default": False},
            "environment": {"type": "dict", "default": {}, "no_log": True},
            "wait": {"type": "float", "default": WAIT},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: work(module.params, module.check_mode))


if __name__ == "__main__":
    main()
