"""Filter backend_site: name the site that load balancers ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import cluster
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

DOCUMENTATION = """
name: backend_site
short_description: Name the site that load balancers ask
version_added: 0.2.0
description:
  - Names the site that an application host has for load balancers, as
    P(flaskstack.centos.flask_apps_sites#filter) makes it.
options:
  _input:
    type: str
    required: true
    description: The application's name.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = """
- name: Show its file
  ansible.builtin.debug:
    msg: "/etc/nginx/conf.d/{{ 'shop' | flaskstack.centos.backend_site }}.conf"
"""

RETURN = """
_value:
  type: str
  description: The site's name.
"""


class FilterModule:
    """Hands data to plugin_utils/cluster.py."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter."""
        return {"backend_site": through(cluster.backend_name)}
