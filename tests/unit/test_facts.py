"""When the playbooks gather all facts: where a variable refers to one that is not there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from templar import ROOT
from test_daily import release, run

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
    "address": (
        {"flaskstack_address": "{{ ansible_facts['default_ipv4']['address'] }}"},
        True,
    ),
    "somebody_elses": ({"other": "{{ ansible_facts['processor_vcpus'] }}"}, False),
}


@pytest.fixture(scope="module")
def gathers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Tell of each case whether facts would be gathered: one host each."""
    root = tmp_path_factory.mktemp("facts")
    (task,) = yaml_of(ROOT / "playbooks/tasks/facts.yml")
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


@pytest.mark.parametrize("name", ["maintenance", "purge", "remove", "renew", "status"])
def test_what_asks_for_one_application_knows_the_facts(tmp_path: Path, name: str) -> None:
    # The name is misspelt, so that nothing is done; that is found by looking at flask_apps.
    processes = "{{ ansible_facts['processor_vcpus'] * 2 }}"
    shop = {"name": "shop", "domains": ["shop.example"], "uwsgi": {"processes": processes}}
    host = release(tmp_path, "web") | {"flask_apps": [shop]}
    said = run(tmp_path, f"{name}.yml", {"web": host}, "-e", "app=shopp")["all"]
    assert "Did you mean 'shop'?" in " ".join(said.split()).replace("''", "'"), said


@pytest.mark.parametrize("name", ["restart", "status"])
def test_the_directory_of_applications_may_depend_on_facts(tmp_path: Path, name: str) -> None:
    host = release(tmp_path, "web")
    host["uwsgi_root"] = f"{{{{ '{tmp_path}/web/opt' if ansible_facts['os_family'] else '' }}}}"
    said = run(tmp_path, f"{name}.yml", {"web": host}, "-e", "app=shop", "--check")
    assert "failed=0" in said["web"], said["all"]


def test_what_cannot_be_read_is_not_taken_for_a_list_without_it(tmp_path: Path) -> None:
    """Until ansible-core 2.18, `default` takes a list with anything undefined in it for none."""
    shop = {"name": "shop", "domains": ["shop.example"], "env": {"DATABASE": "{{ oops }}"}}
    host = release(tmp_path, "web") | {"flask_apps": [shop]}
    said = run(tmp_path, "remove.yml", {"web": host}, "-e", "app=shop", "--check")
    assert "failed=1" in said["web"], said["all"]
    assert "oops" in said["all"] and "would be gone" not in said["all"]


@pytest.mark.parametrize("name", ["purge", "remove"])
def test_lists_may_be_null(tmp_path: Path, name: str) -> None:
    host = release(tmp_path, "web") | {"flask_apps": None, "nginx_sites": None}
    more = ("-e", "app=shopp", "-e", "state=on", "--check")
    said = run(tmp_path, f"{name}.yml", {"web": host}, *more)["all"]
    assert "NoneType" not in said, said


def test_nobody_looks_at_applications_before_facts_are_gathered() -> None:
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        for play in yaml_of(path):
            gathered = False
            for task in flat(play.get("tasks", []), path.parent):
                gathered = gathered or "ansible.builtin.setup" in task
                looks = re.search(r"\bflask_apps\b", str(task | {"name": ""}))
                assert gathered or not looks, f"{path.name}: {task['name']}"


def flat(tasks: list[dict[str, Any]], directory: Path) -> Iterator[dict[str, Any]]:
    """Yield tasks in their order, those of the files that they import or include, too.

    A block's own variables and conditions are not looked at: its tasks are.
    """
    for task in tasks:
        parts = [task[key] for key in ("block", "rescue", "always") if key in task]
        (name,) = [
            task[key]
            for key in ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks")
            if key in task
        ] or [""]
        file = directory / str(name)
        if parts:
            for part in parts:
                yield from flat(part, directory)
        elif name and file.is_file():
            yield from flat(yaml_of(file), file.parent)
        else:
            yield task


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
