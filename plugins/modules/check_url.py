#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Ask for a URL several times, until one answer is not 200."""

DOCUMENTATION = r"""
module: check_url
short_description: Ask for a URL several times, until one answer is not 200
version_added: 0.2.0
description:
  - Asks as people do, from where it runs. Behind a load balancer each answer may be of another
    host, so one question tells little of a host among many - ask several times as often as there
    are hosts.
  - The first answer that is not 200 ends it. Where there is no answer at all, which may be the way
    there, it asks O(tries) times before that counts.
  - Fails if the URL is not well. Changes nothing.
options:
  url:
    description: What to ask for. Redirects are followed.
    type: str
    required: true
  times:
    description: How many answers are to be 200.
    type: int
    default: 1
  tries:
    description: How often to ask until there is an answer.
    type: int
    default: 3
  during:
    description:
      - Seconds over which the questions are spread at least. A load balancer that looks who has the
        least to do spares a host that is busy with its start.
    type: float
    default: 0
  timeout:
    description: Seconds to wait for an answer.
    type: int
    default: 10
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
- name: Ask for the home page through the load balancer
  flaskstack.centos.check_url:
    url: https://shop.example/
    times: 30
    during: 5
  delegate_to: localhost
"""

RETURN = r"""
answers:
  description: How many were 200.
  type: int
  returned: always
status:
  description: Of the last answer; V(-1) if there was none.
  type: int
  returned: always
"""

from typing import Tuple

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import fetch_url

from ansible_collections.flaskstack.centos.plugins.module_utils._check_url import check
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "times": {"type": "int", "default": 1},
            "tries": {"type": "int", "default": 3},
            "during": {"type": "float", "default": 0},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    given = module.params

    def fetch() -> Tuple[int, str]:
        response, told = fetch_url(module, given["url"], timeout=given["timeout"])
        if response is not None:
            response.close()
        return told["status"], told["msg"]

    # No step of a deploy: the control node has no lock.
    run_module(
        module,
        lambda: check(fetch, given["times"], given["tries"], given["during"]),
        step=False,
    )


if __name__ == "__main__":
    main()
