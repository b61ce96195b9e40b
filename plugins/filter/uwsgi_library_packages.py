"""Name the packages of the libraries that uWSGI wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through
from ansible_collections.flaskstack.centos.plugins.plugin_utils.wheels import packages_of

DOCUMENTATION = r"""
name: uwsgi_library_packages
short_description: Name the packages of the libraries that uWSGI wants
version_added: 0.2.0
description:
  - Knows the libraries that a uWSGI is linked to which this role compiled.
options:
  _input:
    description: File names of shared libraries, as C(ldd) has them.
    type: list
    elements: str
    required: true
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Install openssl-libs
  ansible.builtin.dnf:
    name: "{{ ['libssl.so.3', 'libcrypto.so.3'] | flaskstack.centos.uwsgi_library_packages }}"
"""

RETURN = r"""
_value:
  description: Names of packages, each once.
  type: list
  elements: str
"""


class FilterModule:
    """The filter uwsgi_library_packages."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"uwsgi_library_packages": through(packages_of)}
