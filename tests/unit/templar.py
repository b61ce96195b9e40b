"""Evaluate a role's variables and templates through Ansible itself, without a host.

Each case is a host of an inventory made up for the purpose: its variables are the role's
input. The role's defaults are the inventory's, its internal variables the play's, as when
the role runs. One run of ansible-playbook evaluates all cases of a role.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("python", "flask_app", "uwsgi", "nginx")

#: What the roles ask of a host, for a host that is not there.
FACTS: dict[str, Any] = {
    "os_family": "RedHat",
    "distribution": "CentOS",
    "distribution_major_version": "9",
    "selinux": {"status": "disabled"},
}


def load(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping."""
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def evaluate(
    directory: Path,
    expressions: dict[str, str],
    cases: dict[str, dict[str, Any]],
    *,
    defaults: list[Path],
    variables: list[Path],
    templates: Path | None = None,
) -> dict[str, dict[str, Any]]:
    """Evaluate named expressions for every case; return case -> name -> value.

    Args:
        directory: an empty directory for the files of the run.
        expressions: name -> Jinja expression, without the braces.
        cases: name -> the variables of the case.
        defaults: files whose variables any case may override.
        variables: files whose variables it may not.
        templates: the directory in which the template lookup looks.

    Raises:
        AssertionError: Ansible did not get through, with its output.
    """
    base: dict[str, Any] = {"ansible_connection": "local", "ansible_facts_given": FACTS}
    for path in defaults:
        base |= load(path)
    inventory = {"all": {"hosts": cases, "vars": base}}
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars_files": [str(path) for path in variables],
        "tasks": [
            {"set_fact": {"distribution": "CentOS"}},
            {
                "name": "Evaluate",
                "debug": {"msg": {name: "{{ " + text + " }}" for name, text in expressions.items()}},
                "vars": {"ansible_facts": "{{ ansible_facts_given }}"},
            },
        ],
    }
    (directory / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
    (directory / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    if templates is not None:
        (directory / "templates").symlink_to(templates)
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_FORKS": "2",
    }
    run = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "inventory.json", "play.yml"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    tasks = json.loads(run.stdout)["plays"][0]["tasks"]
    return {host: result["msg"] for host, result in tasks[-1]["hosts"].items()}
