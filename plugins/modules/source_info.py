#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Find out what the sources of applications are now, and which builds are there."""

DOCUMENTATION = r"""
module: source_info
short_description: Find out what sources are now, and which builds of them are there
version_added: 0.2.0
description:
  - Asks git repositories for the commits of branches and tags, all at once, names the builds that
    the sources come to, and says which of them are complete on the host.
  - Says too what the host lacks for those that are not - packages and accounts.
options:
  apps:
    description: The applications, complete, as P(flaskstack.centos.flask_app_plan#filter) returns
      them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The application's name.
        type: str
        required: true
      source:
        description: Where the code is.
        type: dict
        required: true
        suboptions:
          git:
            description: Address of a repository; the host must be able to read it.
            type: str
            default: ""
          version:
            description: Branch, tag or full commit. Without it, the default branch.
            type: str
            default: ""
          key:
            description: The private key of a repository that is reached by ssh.
            type: str
            default: ""
          path:
            description: A directory of the controller.
            type: str
            default: ""
          exclude:
            description: What of the directory is left out.
            type: list
            elements: str
            default: []
          archive:
            description: An archive.
            type: str
            default: ""
          checksum:
            description: Its checksum.
            type: str
            default: ""
          package:
            description: A package of the index.
            type: str
            default: ""
          directory:
            description: Where in the source the project is.
            type: str
            default: ""
      known:
        description: What a source that is no repository is - C(identity), C(version) and C(source).
        type: dict
        default: {}
      python:
        description: Version of Python. Empty means V(3.12) where the host has it, or else V(3.11).
        type: str
        default: ""
      requirements:
        description: Path of the requirements.
        type: str
        default: ""
      extra_requirements:
        description: Requirements besides.
        type: list
        elements: str
        default: []
      packages:
        description: Packages of the distribution that the application needs.
        type: list
        elements: str
        default: []
      build_commands:
        description: Commands to run.
        type: list
        elements: str
        default: []
      env:
        description: Environment variables of the commands.
        type: dict
        default: {}
      secret_env:
        description: The names of those that are secret.
        type: list
        elements: str
        default: []
      shared_paths:
        description: Paths of the source that outlive releases.
        type: list
        elements: str
        default: []
      module:
        description: Not used; a build is the same whatever of it is run.
        type: str
        default: ""
      own_exclude:
        description: Not used.
        type: list
        elements: str
        default: []
      left_out:
        description: Not used; it is said on the controller.
        type: list
        elements: str
        default: []
      precompress:
        description: Static files to compress.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: A file or directory.
            type: str
            required: true
          package:
            description: The installed package that it is in.
            type: str
            default: ""
  root:
    description: Directory under which each application has its own.
    type: path
    default: /opt
  builder:
    description: What the accounts that build are called; C(-) and the application's name follow.
    type: str
    default: flaskbuild
  compress:
    description: Compressed copies are made of static files.
    type: bool
    default: true
  known_hosts:
    description: Lines of C(known_hosts). With them, no other host is believed.
    type: str
    default: ""
  proxy:
    description: HTTP proxy to reach repositories with.
    type: str
    default: ""
  ca_bundle:
    description: File on the host with the certificate authorities to trust. Empty means the host's
      own list, wherever its release has it.
    type: str
    default: ""
notes:
  - Supports C(check_mode); changes nothing but the list of ssh hosts that were met.
  - Keys and passwords are in no command line.
  - Ansible logs the options of modules on the host, and finds a key in them only if it is one
    line. Set the variable C(ansible_no_target_syslog), or C(no_log), for the task.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Look which builds are missing
  flaskstack.centos.source_info:
    apps:
      - name: shop
        source: {git: https://git.example.com/shop.git, version: v1.4.2}
        python: "3.12"
  register: answer
"""

RETURN = r"""
builds:
  description: Of each application that is not among the I(failures) its build - C(name), C(build),
    C(path), C(python), C(source), C(source_version), C(commit), C(requirements).
  returned: success
  type: list
  elements: dict
missing:
  description: Names of the applications whose builds are not complete.
  returned: success
  type: list
  elements: str
missing_builders:
  description: Accounts that are not there and are needed - C(name), C(home), C(app).
  returned: success
  type: list
  elements: dict
missing_packages:
  description: Packages without which repositories cannot be read.
  returned: success
  type: list
  elements: str
  sample: [git-core]
missing_app_packages:
  description: Applications that need packages which are not installed - C(name), and C(packages).
  returned: success
  type: list
  elements: dict
  sample: [{name: shop, packages: [libpq-devel]}]
unasked:
  description: Names of the applications whose repositories could not be asked, because a package or
    an account is missing. Their commit is V(unknown).
  returned: success
  type: list
  elements: str
failures:
  description: Applications whose repository has no answer, or whose account is not the role's -
    C(name), and C(msg), the sentence about it.
  returned: success
  type: list
  elements: dict
hardening:
  description: What of the host's hardening keeps builds from being made and used - C(noexec),
    C(fapolicyd), C(fapolicyd_lacking) and C(fips), as M(flaskstack.centos.host_info) returns them,
    and C(system), its facts without their prefix; empty if nothing is to be built.
  returned: success
  type: dict
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._authorities import trusted
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import harmless
from ansible_collections.flaskstack.centos.plugins.module_utils._sources import info

TEXT = {"type": "str", "default": ""}
HIDDEN = {"type": "str", "default": "", "no_log": True}
TEXTS = {"type": "list", "elements": "str", "default": []}

APP: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "source": {
        "type": "dict",
        "required": True,
        "options": {
            "git": HIDDEN,
            "version": TEXT,
            "key": HIDDEN,
            "path": TEXT,
            "exclude": TEXTS,
            "archive": HIDDEN,
            "checksum": TEXT,
            "package": TEXT,
            "directory": TEXT,
        },
    },
    "known": {"type": "dict", "default": {}},
    "python": TEXT,
    "requirements": TEXT,
    "extra_requirements": TEXTS,
    "packages": TEXTS,
    "build_commands": TEXTS,
    "env": {"type": "dict", "default": {}},
    # Names, no values.
    "secret_env": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "shared_paths": TEXTS,
    "module": TEXT,
    "own_exclude": TEXTS,
    "left_out": TEXTS,
    "precompress": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"path": {"type": "str", "required": True}, "package": TEXT},
    },
}


def work(module: AnsibleModule) -> Dict[str, Any]:
    """Ask; return the module's answer."""
    settings = dict(module.params, check=module.check_mode)
    settings["ca_bundle"] = trusted(settings["ca_bundle"], module.check_mode)
    apps = settings.pop("apps")
    addresses = [app["source"][key] for app in apps for key in ("git", "archive")]
    # An address without a password is named in the answer.
    module.no_log_values -= harmless(addresses + [settings["proxy"]])
    return info(apps, settings)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "apps": {"type": "list", "elements": "dict", "required": True, "options": APP},
            "root": {"type": "path", "default": "/opt"},
            "builder": {"type": "str", "default": "flaskbuild"},
            "compress": {"type": "bool", "default": True},
            "known_hosts": TEXT,
            "proxy": HIDDEN,
            "ca_bundle": TEXT,
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: work(module))


if __name__ == "__main__":
    main()
