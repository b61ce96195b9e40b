"""When the playbooks gather all facts: where a variable refers to one that is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from templar import ROOT

CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "none": ({}, False),
    "apps": ({"flask_apps": [{"name": "shop", "uwsgi": {"processes": 4}}]}, False),
    "known_fact": (
        {"flask_apps": [{"name": "shop", "python": "{{ ansible_facts['python3'] }}"}]},
        False,
    ),
    "fact": (
        {"flask_apps": [{"uwsgi": {"processes": "{{ ansible_facts['processor_vcpus'] * 2 }}"}}]},
        True,
    ),
    "fact_by_another": (
        {
            "workers": "{{ ansible_facts['processor_vcpus'] }}",
            "flask_apps": [{"uwsgi": {"processes": "{{ workers }}"}}],
        },
        True,
    ),
    "defaults": ({"uwsgi_defaults": {"processes": "{{ ansible_facts['processor_vcpus'] }}"}}, True),
    "role_variable": ({"nginx_backlog": "{{ ansible_facts['memtotal_mb'] }}"}, True),
    "somebody_elses": ({"other": "{{ ansible_facts['processor_vcpus'] }}"}, False),
}


@pytest.fixture(scope="module")
def gathers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Tell of each case whether facts would be gathered: one host each."""
    root = tmp_path_factory.mktemp("facts")
    tasks = yaml_of(ROOT / "playbooks/tasks/plan.yml")
    (task,) = [one for one in tasks if "ansible.builtin.setup" in one]
    shared = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {name: given for name, (given, _) in CASES.items()}
    (root / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": shared}}))
    play = {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.set_fact": {"python3": "3.11", "cacheable": True}},
            {
                "ansible.builtin.copy": {
                    "content": f"{{{{ {task['when']} }}}}",
                    "dest": f"{root}/{{{{ inventory_hostname }}}}",
                    "mode": "0600",
                },
                "vars": task["vars"],
            },
        ],
    }
    (root / "play.json").write_text(json.dumps([play]))
    done = subprocess.run(
        [*(sys.executable, "-m", "ansible", "playbook", "-i", "hosts.json", "play.json")],
        cwd=root,
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(ROOT / ".ansible"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: (root / name).read_text(encoding="utf-8").strip() == "True" for name in CASES}


def yaml_of(path: Path) -> list[dict[str, Any]]:
    """Read a file of tasks."""
    return list(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("case", CASES)
def test_facts_are_gathered_where_one_is_missing(gathers: dict[str, bool], case: str) -> None:
    assert gathers[case] is CASES[case][1]


def test_whoever_asks_early_has_the_wiring_later() -> None:
    # What the wiring hands over is made of the plan, and is not there before it.
    names = [task["name"] for task in yaml_of(ROOT / "playbooks/tasks/plan.yml")]
    gathered = names.index("Gather the other facts that variables refer to")
    assert gathered < names.index("Read how the roles are wired")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda one: one.stem
)
def test_no_play_needs_all_facts_by_a_variable_of_its_own(path: Path) -> None:
    # What is not there yet is taken for a fact that is lacking, and each host is asked for all.
    for play in yaml_of(path):
        for name, value in play.get("vars", {}).items():
            if name.startswith(("python_", "flask_app_", "uwsgi_", "nginx_")) and any(
                "validate.yml" in str(task) for task in play["tasks"]
            ):
                assert "flaskstack_plan" not in str(value), name


def test_a_plan_is_not_made_for_a_message_that_nobody_reads() -> None:
    # ansible.builtin.assert evaluates fail_msg also where all is well.
    paths = [ROOT / f"roles/{role}/tasks/validate.yml" for role in ("flask_app", "uwsgi", "nginx")]
    paths += [ROOT / f"playbooks/tasks/{name}.yml" for name in ("plan", "variables")]
    for path in paths:
        assert not [one for one in yaml_of(path) if "ansible.builtin.assert" in one], path
