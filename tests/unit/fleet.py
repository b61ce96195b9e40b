"""Whole playbooks that deploy, on a fleet that is all this machine.

The playbooks are the collection's own, and so is what its roles do in a batch. What would ask hosts
and change them is stood in for: validation, the comparison of releases, and the other roles.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from templar import ROOT
from test_daily import COLLECTION, left, run, without_units

#: What stands for tasks/validate.yml.
VALIDATE = """
- name: Read how the roles are wired
  ansible.builtin.include_vars: "{{ playbook_dir }}/vars/wiring.yml"
- name: Plan
  ansible.builtin.set_fact:
    flaskstack_plan:
      names: "{{ apps }}"
      apps: "{{ dict(apps | zip(apps)) | dict2items(key_name='name') }}"
      overridden: false
      served: true
    flaskstack_cluster:
      problems: []
      application_hosts: "{{ groups.app }}"
      load_balancers: []
      addresses: {}
      groups: {}
  vars:
    apps: "{{ [app] if app is defined else wanted.keys() | list }}"
"""

#: What stands for the comparison of role uwsgi: nothing is to be done but to activate.
COMPARE = """
- name: Gather what serves
  flaskstack.centos.app_info:
    root: "{{ uwsgi_root }}"
  register: __uwsgi_now
- name: Plan the releases
  ansible.builtin.set_fact:
    __uwsgi_plan:
      settings:
        fail: "{{ fails | default(false) }}"
        activate: false
        firewalld: false
      routers: []
      commands: []
      listen: 0
    __uwsgi_found: "{{ nothing | combine({'apps': apps | from_yaml}) }}"
    __uwsgi_due: []
    __uwsgi_runs: []
    __uwsgi_held: "{{ uwsgi_held_apps }}"
    uwsgi_failures: []
    uwsgi_activated: []
    uwsgi_serving: "{{ current.keys() | list }}"
  vars:
    names: "{{ flaskstack_plan.names }}"
    current: "{{ __uwsgi_now.apps | items2dict(key_name='name', value_name='release') }}"
    releases: "{{ wanted | combine({app | default(''): version | default('')}) }}"
    apps: "[{% for name in names %}
      {name: {{ name }}, release: '{{ releases[name] }}', current: '{{ current[name] }}',
      active: {{ current[name] == releases[name] }}, stale: []},
      {% endfor %}]"
    nothing:
      missing_homes: []
      missing_group: false
      missing_users: []
      somaxconn: 1
      policy: true
      firewalld: false
      metrics: true
      routers: []
      unwanted_routers: []
- name: Note what is due
  ansible.builtin.set_fact:
    uwsgi_due: "{{ __uwsgi_found.apps | rejectattr('active') | map(attribute='name') | list }}"
"""

#: What stands for role nginx: a line in a file, or an error where a file says so.
NGINX = """
- name: Configure the sites
  ansible.builtin.shell:
    cmd: >-
      echo {{ inventory_hostname }} {{ nginx_keep_sites | join(' ') }}
      >> {{ uwsgi_root }}/../../sites
- name: Test them
  ansible.builtin.fail:
    msg: nginx does not load them
  when: (uwsgi_root ~ '/../bad-sites') is file
"""

#: What stands for role flask_app.
FLASK_APP = """
- name: Build
  ansible.builtin.set_fact:
    flask_app_failures: []
"""


def playbooks(root: Path) -> Path:
    """Make the collection and its playbooks for a fleet; return the playbooks' directory."""
    without_units(root)
    there = root / "playbooks"
    shutil.copytree(ROOT / "playbooks", there)
    (there / "tasks/validate.yml").write_text(VALIDATE)
    roles = root / COLLECTION / "roles"
    roles.unlink()
    shutil.copytree(ROOT / "roles", roles)
    for name, text in {"python": "[]", "flask_app": FLASK_APP, "nginx": NGINX}.items():
        (roles / name / "tasks/main.yml").write_text(text)
    (roles / "uwsgi/tasks/compare.yml").write_text(COMPARE)
    return there


def deploy(root: Path, hosts: dict[str, Any], *plays: str | dict[str, Any], **wanted: Any) -> Any:
    """Run playbooks, one after the other in one run.

    Args:
        root: a directory for their files.
        hosts: the variables of each host, see test_daily.served().
        plays: the name of each, or this and the variables that it gets, as ``{"deploy": {…}}``.
        wanted: variables of all of them.

    Returns:
        What was said, as test_daily.run() returns it, each in one line; the same as left(), and
        "sites", who configured its sites, in its order, and which sites it kept as they were.
    """
    there = playbooks(root)
    chain = [one if isinstance(one, dict) else {one: {}} for one in plays]
    imports = [
        {"import_playbook": f"{there}/{name}.yml", "vars": variables}
        for one in chain
        for name, variables in one.items()
    ]
    (root / "all.yml").write_text(json.dumps(imports))
    shared = {"wanted": {"shop": "2"}} | wanted
    said = run(root, root / "all.yml", {name: shared | one for name, one in hosts.items()})
    sites = root / "sites"
    return {name: " ".join(text.split()) for name, text in said.items()} | {
        **left(root),
        "sites": sites.read_text() if sites.exists() else "",
    }
