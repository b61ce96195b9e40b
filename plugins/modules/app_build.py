#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Make an application's build, in a systemd unit that outlives the connection."""

DOCUMENTATION = r"""
module: app_build
short_description: Make an application's build
version_added: 0.2.0
description:
  - Brings a source into C(<path>/src), makes C(<path>/venv) with what it requires, and says last,
    in C(<path>/build.json), that the build is complete. What is complete is not touched again.
  - It is made in a transient systemd unit C(flask-build-<name>-<build>), by an account that may
    write to the build and its own cache alone; when all that has run in it has ended, root takes
    the files over.
  - The unit goes on when the connection breaks. Whoever asks for the same build waits for it. What
    is cut off, at any moment, is finished or begun anew by whoever asks next; what fails leaves
    nothing.
options:
  record:
    description: The build, as M(flaskstack.centos.source_info) names it.
    type: dict
    required: true
    suboptions:
      name:
        description: The application's name.
        type: str
        required: true
      build:
        description: The build's name.
        type: str
        required: true
      path:
        description: Where it is to be.
        type: path
        required: true
      python:
        description: Version of Python.
        type: str
        required: true
      source:
        description: What to say of the source.
        type: str
        default: ""
      source_version:
        description: What to say of its version.
        type: str
        default: ""
      commit:
        description: The commit of a repository.
        type: str
        default: ""
      requirements:
        description: Path in the source of the requirements.
        type: str
        default: ""
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
        description: Not used; the build has its commit.
        type: str
        default: ""
      key:
        description: The private key of a repository that is reached by ssh.
        type: str
        default: ""
      path:
        description: A directory of the controller, which O(file) is an archive of.
        type: str
        default: ""
      exclude:
        description: Not used; what is left out was not sent.
        type: list
        elements: str
        default: []
      archive:
        description: An address, or a file of the controller, which O(file) is a copy of.
        type: str
        default: ""
      checksum:
        description: The archive's checksum.
        type: str
        default: ""
      package:
        description: A package of the index.
        type: str
        default: ""
      directory:
        description: Where in the source the project is. The whole source is in C(<path>/source)
          then, and C(<path>/src) is a link to that part.
        type: str
        default: ""
  file:
    description: What was sent from the controller. It is gone afterwards.
    type: path
  extra_requirements:
    description: Requirements besides.
    type: list
    elements: str
    default: []
  build_commands:
    description: Commands to run in the source when all is installed.
    type: list
    elements: str
    default: []
  env:
    description: Environment variables of the commands.
    type: dict
    default: {}
  secret_env:
    description: Those that are secret. They are shown nowhere.
    type: dict
    default: {}
  shared_paths:
    description: Paths of the source that outlive releases. Each becomes a link to
      C(<path>/../../shared), and what the source has there is in C(<path>/seed).
    type: list
    elements: str
    default: []
  module:
    description: What is run of it, as C(package.module:callable). What this module, and what of the
      source it imports, imports for certain has to be installed.
    type: str
    default: ""
  precompress:
    description: Static files to make compressed copies of.
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
  compress:
    description: Make them; V(false) only sees that the files are there.
    type: bool
    default: true
  builder:
    description: What the account that builds is called; C(-) and the application's name follow.
    type: str
    default: flaskbuild
  uv:
    description: The uv to use, a path or a name.
    type: str
    default: uv
  wheelhouse:
    description: Digest of a directory of wheels that was sent; with it, no index is asked.
    type: str
    default: ""
  timeout:
    description: How long the build may take, in seconds.
    type: int
    default: 3600
  memory_max:
    description: How much memory it may take, as systemd's C(MemoryMax), C(2G) for one. Empty means
      as much as there is.
    type: str
    default: ""
  cpu_weight:
    description: The share of the processors that all builds together get when services want them
      too, as systemd's C(CPUWeight); a service has 100.
    type: int
    default: 50
  index_url:
    description: Address of the package index. Empty means the installer's own default.
    type: str
    default: ""
  extra_index_urls:
    description: Indexes to ask before that one.
    type: list
    elements: str
    default: []
  proxy:
    description: HTTP proxy to reach indexes and repositories with.
    type: str
    default: ""
  ca_bundle:
    description: File on the host with the certificate authorities to trust. Empty means the host's
      own list, wherever its release has it.
    type: str
    default: ""
  known_hosts:
    description: Lines of C(known_hosts). With them, no other ssh host is believed.
    type: str
    default: ""
  patience:
    description: For how many seconds one question waits for the build before the action plugin asks
      again, and shows what is being done.
    type: int
    default: 20
  token:
    description: By what a task knows its own build again when it asks anew. The action plugin sets
      it.
    type: str
    default: ""
notes:
  - Supports C(check_mode).
  - Keys and passwords are in no command line; on the host they are in files that the builder alone
    reads, while they are needed.
  - Ansible logs the options of modules on the host, and finds a key in them only if it is one
    line. Set the variable C(ansible_no_target_syslog), or C(no_log), for the task.
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Build the application
  flaskstack.centos.app_build:
    record: "{{ answer.builds | first }}"
    source: {git: https://git.example.com/shop.git}
    uv: /opt/uv/0.13.9/bin/uv
"""

RETURN = r"""
path:
  description: The build.
  returned: success
  type: str
  sample: /opt/shop/builds/49108ed2b6ad
told:
  description: What there is to tell of it, which file its requirements are from for one.
  returned: when it was made
  type: list
  elements: str
missing_packages:
  description: Packages of the distribution - compilers, headers, git - without which the build has
    failed, and which may make it succeed.
  returned: failure
  type: list
  elements: str
pending:
  description: It is still being made; the action plugin asks again.
  returned: when it is
  type: bool
progress:
  description: What is being done.
  returned: while it is pending
  type: str
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

# What the program on the host is made of: named here, so that Ansible sends them.
from ansible_collections.flaskstack.centos.plugins.module_utils import (  # noqa: F401
    _archive,
    _build_program,
    _files,
    _git,
    _imports,
    _lacking,
    _requirements,
    _static,
    _tools,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._authorities import trusted
from ansible_collections.flaskstack.centos.plugins.module_utils._build import ensure
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import harmless

TEXT = {"type": "str", "default": ""}
HIDDEN = {"type": "str", "default": "", "no_log": True}
TEXTS = {"type": "list", "elements": "str", "default": []}
NEEDED = {"type": "str", "required": True}

RECORD = {
    "name": NEEDED,
    "build": NEEDED,
    "path": {"type": "path", "required": True},
    "python": NEEDED,
    "source": TEXT,
    "source_version": TEXT,
    "commit": TEXT,
    "requirements": TEXT,
}
SOURCE = {
    "git": HIDDEN,
    "version": TEXT,
    "key": HIDDEN,
    "path": TEXT,
    "exclude": TEXTS,
    "archive": HIDDEN,
    "checksum": TEXT,
    "package": TEXT,
    "directory": TEXT,
}
#: Words that are this short Ansible would take out of every sentence (characters).
SHORT = 4


def work(module: AnsibleModule) -> Dict[str, Any]:
    """Make the build; return the module's answer."""
    given: Dict[str, Any] = dict(module.params)
    given["ca_bundle"] = trusted(given["ca_bundle"], module.check_mode)
    addresses = [given["source"]["git"], given["source"]["archive"], given["index_url"]]
    texts = {str(value) for value in given["secret_env"].values()}
    module.no_log_values -= {text for text in texts if len(text) < SHORT}
    # An error may name an address that has no password.
    module.no_log_values -= harmless(addresses + [given["proxy"]] + given["extra_index_urls"])
    return ensure(given, module.check_mode)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "record": {"type": "dict", "required": True, "options": RECORD},
            "source": {"type": "dict", "required": True, "options": SOURCE},
            "file": {"type": "path"},
            "extra_requirements": TEXTS,
            "build_commands": TEXTS,
            "env": {"type": "dict", "default": {}},
            "secret_env": {"type": "dict", "default": {}, "no_log": True},
            "shared_paths": TEXTS,
            "module": TEXT,
            "precompress": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"path": NEEDED, "package": TEXT},
            },
            "compress": {"type": "bool", "default": True},
            "builder": {"type": "str", "default": "flaskbuild"},
            "uv": {"type": "str", "default": "uv"},
            "wheelhouse": TEXT,
            "timeout": {"type": "int", "default": 3600},
            "memory_max": TEXT,
            "cpu_weight": {"type": "int", "default": 50},
            "index_url": HIDDEN,
            "extra_index_urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "proxy": HIDDEN,
            "ca_bundle": TEXT,
            "known_hosts": TEXT,
            "patience": {"type": "int", "default": 20},
            "token": {"type": "str", "default": "", "no_log": False},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: work(module))


if __name__ == "__main__":
    main()
