#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Compare the releases of a host's applications with what they should be, and write them."""

DOCUMENTATION = r"""
module: app_releases
short_description: Write the releases of a host's applications
version_added: 0.2.0
description:
  - Compares a host with all releases that it should have, in one round trip, and writes what is
    missing or differs, C(release.json) last of each release.
  - In check mode it only compares, and I(changed) is about all that the C(uwsgi) role would do
    here, so that one question tells a converged host.
  - It does not activate a release, see M(flaskstack.centos.app_activate), and makes neither
    accounts nor routers nor metrics.
options:
  root:
    description: The directory that the applications' own directories are in.
    type: path
    default: /opt
  apps:
    description: The applications that the host is to run.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the application. Its directory, units and account are called so.
        type: str
        required: true
      release:
        description: Name of the release that is to serve.
        type: str
        required: true
      services:
        description: Names of what runs beside uWSGI on this host.
        type: list
        elements: str
        default: []
      timers:
        description: Names of the timers on this host.
        type: list
        elements: str
        default: []
      schedules:
        description: When the timers are due, in the words of systemd.
        type: list
        elements: str
        default: []
      listen:
        description: Length of the socket's queue.
        type: int
        default: 0
      shared_paths:
        description: Paths in the application's directory C(shared) that are to be there. One that
          is not is made as its account, of what C(seed) of the build has there, else as an empty
          directory; one with a suffix is left for the application to make.
        type: list
        elements: str
        default: []
      public_paths:
        description: Directories in there that O(socket_group) may read.
        type: list
        elements: str
        default: []
      processes:
        description: How many workers there are to be; 0 if the host decides.
        type: int
        default: 0
      units:
        description: Unit files that the application's releases share.
        type: list
        elements: dict
        default: []
        suboptions: &file
          path:
            description: Where it is.
            type: path
            required: true
          text:
            description: What is in it.
            type: str
            required: true
          mode:
            description: Its mode, in octal digits.
            type: str
            default: "0644"
          group:
            description: Its group. Its owner is root.
            type: str
            default: root
      files:
        description: Files of the release, C(release.json) among them.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Where it is.
            type: path
            required: true
          text:
            description: What is in it.
            type: str
          secret_text:
            description:
              - The same, of a file that nobody is to see. One of the two is required.
              - "A first line C(# secret, from here on:) is not part of the file. With it, a short
                text is not taken out of all that the module says."
            type: str
          mode:
            description: Its mode, in octal digits.
            type: str
            default: "0644"
          group:
            description: Its group. Its owner is root.
            type: str
            default: root
      links:
        description: Symbolic links of the release.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Where it is.
            type: path
            required: true
          target:
            description: What it says.
            type: str
            required: true
  routers:
    description: The routers that the host is to have, to be compared.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the application.
        type: str
        required: true
      kind:
        description: What it speaks.
        type: str
        choices: [http, tcp]
        required: true
      ports:
        description: Where it listens.
        type: list
        elements: int
        required: true
      addresses:
        description: The addresses that it listens on.
        type: list
        elements: str
        default: [0.0.0.0]
      https:
        description: The one of the ports that speaks TLS; 0 if none does.
        type: int
        default: 0
      redirect:
        description: Whether the other port redirects to that one.
        type: bool
        default: false
      reads:
        description: Files that it reads when it starts.
        type: list
        elements: path
        default: []
      health:
        description: What it is asked to see that it serves.
        type: dict
        required: true
        suboptions:
          path:
            description: Path and query.
            type: str
            default: /
          host:
            description: The name of the host that is asked for.
            type: str
            default: localhost
          status:
            description: The statuses that are well.
            type: list
            elements: int
            default: [200]
          timeout:
            description: Seconds that a release has for it; a router has its own.
            type: int
            default: 30
      files:
        description: Its configuration and its unit.
        type: list
        elements: dict
        default: []
        suboptions: *file
  metrics:
    description: The unit files of what collects metrics, to be compared; none if none are wanted.
    type: list
    elements: dict
    default: []
    suboptions: *file
  homes:
    description: Directories of uWSGI that are to be there.
    type: list
    elements: path
    default: []
  socket_group:
    description: The group that may connect to the applications' sockets, and read what is public.
    type: str
    default: nginx
  policy:
    description: Text of the policy module that SELinux is to have, to be compared; empty if none
      is wanted.
    type: str
    default: ""
  listed:
    description: Names of all applications that there are to be on the host. Without it, none is
      looked for that is not among them.
    type: list
    elements: str
  owner:
    description: Whose applications are looked for, as C(release.json) has it; those without an
      owner, too.
    type: str
    default: ""
  worker_memory:
    description: MB that a worker is reckoned at where there is none to measure.
    type: int
    default: 64
attributes:
  check_mode:
    description: Compares and tells what would change.
    support: full
  diff_mode:
    description: Shows units, routers and C(uwsgi.ini) against the current release's.
    support: full
notes:
  - Ansible logs the options of modules on the host, and finds a secret in them only if it is one
    line. Set the variable C(ansible_no_target_syslog), or C(no_log), for the task.
author:
  - The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Compare the host with the releases
  flaskstack.centos.app_releases:
    apps: "{{ plan.apps }}"
    routers: "{{ plan.routers }}"
    homes: "{{ plan.homes }}"
  check_mode: true
  register: found

- name: Write the releases
  flaskstack.centos.app_releases:
    apps: "{{ plan.apps }}"
  when: found.apps | map(attribute='stale') | flatten | length > 0
"""

RETURN = r"""
apps:
  description: The applications as they were found.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the application.
      type: str
    release:
      description: The release that is to serve.
      type: str
    current:
      description: The release that serves; empty if none does.
      type: str
    stale:
      description: Paths of what is missing or differs.
      type: list
      elements: str
    active:
      description: Whether it runs that release, whole, also after a boot, and no other.
      type: bool
written:
  description: Paths of what was written; in check mode of what would be.
  type: list
  elements: str
  returned: always
failures:
  description: Applications that this host cannot run, or that were not written - C(name), and
    C(msg), why. Others are written all the same; then the module fails.
  type: list
  elements: dict
  returned: always
serving:
  description: Names of all applications on the host that have a current release.
  type: list
  elements: str
  returned: always
unlisted:
  description: Applications that run here and are not in the list - C(name), and C(runs), what of
    them does, in words.
  type: list
  elements: dict
  returned: always
routers:
  description: The routers that are to be there; C(converged) tells whether one is as it should be.
  type: list
  elements: dict
  returned: always
unwanted_routers:
  description: Name and kind of routers that the applications have no more.
  type: list
  elements: dict
  returned: always
metrics:
  description: Whether metrics are collected, or not, as they should be.
  type: bool
  returned: always
missing_users:
  description: Applications whose account, or its group, is not there.
  type: list
  elements: str
  returned: always
missing_group:
  description: Whether the group of the sockets is not there.
  type: bool
  returned: always
missing_homes:
  description: Directories of uWSGI that are not there, or whose uWSGI does not run.
  type: list
  elements: str
  returned: always
wheels:
  description: Names of the wheels of uWSGI that the host has kept.
  type: list
  elements: str
  returned: always
architecture:
  description: What the host's kernel calls its machine.
  type: str
  returned: always
  sample: x86_64
policy:
  description: Whether SELinux has the policy module, or does not have it where no application is.
  type: bool
  returned: always
policy_wanted:
  description: Whether it is to have it.
  type: bool
  returned: always
hardening:
  description: What of the host's hardening keeps releases from running - C(noexec), C(fapolicyd),
    C(fapolicyd_lacking) and C(fips), as M(flaskstack.centos.host_info) returns them; empty if there
    are no applications.
  type: dict
  returned: in check mode
somaxconn:
  description: The longest queue of a socket that the kernel allows.
  type: int
  returned: always
firewalld:
  description: Whether firewalld runs; asked only if there are routers.
  type: bool
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.flaskstack.centos.plugins.module_utils._app_releases import compare, write
from ansible_collections.flaskstack.centos.plugins.module_utils._app_router import HEALTH_OPTIONS
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import run_module
from ansible_collections.flaskstack.centos.plugins.module_utils._wanted_files import OPTIONS

STRINGS = {"type": "list", "elements": "str", "default": []}
SECRET_FILE = {
    **OPTIONS,
    "text": {"type": "str"},
    "secret_text": {"type": "str", "no_log": True},
}
FILES = {"type": "list", "elements": "dict", "default": [], "options": OPTIONS}
LINK = {
    "path": {"type": "path", "required": True},
    "target": {"type": "str", "required": True},
}
APP = {
    "name": {"type": "str", "required": True},
    "release": {"type": "str", "required": True},
    "services": STRINGS,
    "timers": STRINGS,
    "schedules": STRINGS,
    "shared_paths": STRINGS,
    "public_paths": STRINGS,
    "listen": {"type": "int", "default": 0},
    "processes": {"type": "int", "default": 0},
    "units": FILES,
    "files": dict(
        FILES,
        options=SECRET_FILE,
        mutually_exclusive=[("text", "secret_text")],
        required_one_of=[("text", "secret_text")],
    ),
    "links": dict(FILES, options=LINK),
}
ROUTER = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["http", "tcp"], "required": True},
    "ports": {"type": "list", "elements": "int", "required": True},
    "addresses": {"type": "list", "elements": "str", "default": ["0.0.0.0"]},
    "https": {"type": "int", "default": 0},
    "redirect": {"type": "bool", "default": False},
    "reads": {"type": "list", "elements": "path", "default": []},
    "health": {"type": "dict", "required": True, "options": HEALTH_OPTIONS},
    "files": FILES,
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "default": "/opt"},
            "apps": {"type": "list", "elements": "dict", "default": [], "options": APP},
            "routers": {"type": "list", "elements": "dict", "default": [], "options": ROUTER},
            "metrics": FILES,
            "homes": {"type": "list", "elements": "path", "default": []},
            "socket_group": {"type": "str", "default": "nginx"},
            "policy": {"type": "str", "default": ""},
            "worker_memory": {"type": "int", "default": 64},
            "listed": {"type": "list", "elements": "str"},
            "owner": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: (compare if module.check_mode else write)(module.params))


if __name__ == "__main__":
    main()
