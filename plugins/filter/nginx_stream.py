"""Choose the module stream that nginx is installed from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.nginx_versions import stream

DOCUMENTATION = r"""
name: nginx_stream
short_description: Choose the module stream that nginx is installed from
version_added: 0.2.0
description:
  - Takes the stream that the user names, the one that is enabled on the host, or the newest.
options:
  _input:
    description: The answer of M(flaskstack.centos.dnf_info) about the module nginx; a dictionary
      without C(streams) where it was not asked.
    type: dict
    required: true
  named:
    description: The stream that the user names.
    type: str
    default: ""
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Say which stream it would be
  ansible.builtin.debug:
    msg: "{{ (there | flaskstack.centos.nginx_stream).stream }}"
"""

RETURN = r"""
_value:
  description: The C(stream), empty where the package is taken as it is, and a C(problem), which is
    empty where there is one that will do.
  type: dict
"""


class FilterModule:
    """The filter nginx_stream."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"nginx_stream": through(stream)}
