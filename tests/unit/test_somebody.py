"""Playbooks on inventories in which somebody is missing, or hosts are not alike."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from templar import ROOT

#: Playbooks in which load balancers have no part.
BEHIND = ("deploy", "exec", "logs", "restart", "rollback")
SOMEBODY = "somebody.yml"
PLAYBOOKS = sorted(
    path.stem for path in (ROOT / "playbooks").glob("*.yml") if path.name != SOMEBODY
)
FLEET: dict[str, Any] = {
    "app_servers": {"hosts": {"app1": {}}},
    "load_balancers": {"hosts": {"lb1": {}}},
    "other": {"hosts": {"y": {}, "z": {}}},
}


def run(
    root: Path, playbook: str, groups: dict[str, dict[str, Any] | None], *more: str
) -> tuple[int, str]:
    """Run a playbook on hosts that are all this machine.

    Args:
        root: a directory for its files.
        playbook: its path in the checkout.
        groups: the inventory's.
        more: arguments.

    Returns:
        How it ended, and what it said, in one line.
    """
    shared = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        # Nothing of this machine's.
        "uwsgi_root": str(root / "opt"),
        "flaskstack_lock_directory": str(root / "lock"),
    }
    inventory = root / "hosts.json"
    inventory.write_text(json.dumps(groups | {"all": {"vars": shared}}))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "-i", str(inventory)),
            *(str(ROOT / playbook), *more),
        ],
        cwd=ROOT,
        env=os.environ | {"ANSIBLE_HOME": str(ROOT / ".ansible"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    text = " ".join((done.stdout + done.stderr).split()).replace("''", "'")
    return done.returncode, text


def at(number: int) -> dict[str, str]:
    """Return the variables of a host with an address."""
    return {"ansible_host": f"192.0.2.{number}"}


def test_load_balancers_ask_as_application_hosts_answer(tmp_path: Path) -> None:
    groups: dict[str, Any] = {
        "app_servers": {
            "hosts": {"app1": at(1), "app2": at(2)},
            "vars": {"flaskstack_backend_tls": True},
        },
        "load_balancers": {"hosts": {"lb1": at(3)}},
    }
    arguments = ("-e", "app=shop", "-e", "state=on")
    code, said = run(tmp_path, "playbooks/maintenance.yml", groups, *arguments)
    assert code == 2
    assert "flaskstack_backend_tls: it is true on app1 and false on lb1; " in said
    # As --limit has it, too, which leaves the other one out.
    code, said = run(tmp_path, "playbooks/maintenance.yml", groups, *arguments, "--limit", "app1")
    assert code == 2
    assert "flaskstack_backend_tls: it is true on app1 and false on lb1; " in said


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_each_playbook_asks_whether_there_is_somebody(name: str) -> None:
    first, *plays = yaml.safe_load((ROOT / f"playbooks/{name}.yml").read_text(encoding="utf-8"))
    assert first["ansible.builtin.import_playbook"] == SOMEBODY
    # And for all that it works on.
    of = {"vars": {"flaskstack_of": "application_hosts"}} if name in BEHIND else {}
    assert {key: value for key, value in first.items() if key == "vars"} == of
    assert any("flaskstack_load_balancers" in play["hosts"] for play in plays) == (not of)


@pytest.mark.parametrize(
    ("playbook", "changed", "arguments", "sentence"),
    [
        (
            "playbooks/block.yml",
            {},
            ["-e", "flaskstack_hosts=ap_servers", "-e", "address=192.0.2.1"],
            "no host or group 'ap_servers'. Did you mean 'app_servers'? Put your hosts into",
        ),
        (
            "playbooks/block.yml",
            {"load_balancers": None},
            ["-e", "address=192.0.2.1"],
            "load_balancers: the inventory has no host in 'load_balancers'; put the load balancers",
        ),
        (
            "playbooks/status.yml",
            {},
            ["-e", "flaskstack_load_balancers=unknown"],
            "flaskstack_load_balancers: the inventory has no host or group 'unknown'.",
        ),
        (
            "playbooks/renew.yml",
            {"app_servers": None},
            [],
            "The inventory has no host in 'app_servers'. Put your hosts into",
        ),
        (
            "site.yml",
            {},
            ["--limit", "z,y"],
            "--limit z,y: none of its hosts is in 'app_servers' or 'load_balancers'. Put your",
        ),
        (
            "playbooks/logs.yml",
            {},
            ["-e", "app=shop", "--limit", "lb1"],
            "--limit lb1: none of its hosts is in 'app_servers'. Put your hosts into",
        ),
    ],
)
def test_a_run_without_anybody_fails(
    tmp_path: Path, playbook: str, changed: dict[str, Any], arguments: list[str], sentence: str
) -> None:
    code, said = run(tmp_path, playbook, FLEET | changed, *arguments)
    assert code == 2
    assert sentence in said
    # No play but the first.
    assert said.count("PLAY [") == 1


@pytest.mark.parametrize("more", [[], ["--limit", "y"]])
def test_who_does_what_is_not_for_variables_of_the_inventory(
    tmp_path: Path, more: list[str]
) -> None:
    """The play itself knows nothing of them: it would be left out, with Ansible's blessing."""
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("flaskstack_hosts: web\n")
    web: dict[str, Any] = {"web": {"hosts": {"y": {}}}}
    code, said = run(tmp_path, "playbooks/block.yml", web, "-e", "address=192.0.2.1", *more)
    assert code == 2
    assert "variables of the inventory have no say in which hosts a playbook works on" in said
    # Behind -e, it is one.
    named = ("-e", "flaskstack_hosts=y", "-e", "address=nobody")
    code, said = run(tmp_path, "playbooks/block.yml", web, *named, *more)
    assert code == 2
    assert "'nobody'" in said and "no say" not in said


@pytest.mark.parametrize(
    ("playbook", "variable", "arguments"),
    [
        ("block", "address: 198.51.100.7", []),
        ("update", "host: app1", []),
        ("restart", "app: shop", []),
        ("rollback", "release: bookworm", ["-e", "app=shop"]),
        ("status", "format: long", []),
    ],
)
def test_short_names_are_not_taken_from_the_inventory(
    tmp_path: Path, playbook: str, variable: str, arguments: list[str]
) -> None:
    """Somebody else's role may have variables of these names."""
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text(f"{variable}\n")
    one: dict[str, Any] = {"app_servers": {"hosts": {"y": {}}}}
    code, said = run(tmp_path, f"playbooks/{playbook}.yml", one, *arguments)
    name = variable.partition(":")[0]
    assert code == 2
    assert f"{name}: the inventory has a variable of that name" in said


def test_a_short_name_of_the_inventory_may_be_said_anew(tmp_path: Path) -> None:
    one = {"app_servers": {"hosts": {"y": {"address": "198.51.100.7"}}}}
    _, said = run(tmp_path, "playbooks/block.yml", one, "-e", "address=nobody")
    assert "'nobody'" in said and "the inventory has a variable" not in said


@pytest.mark.parametrize("strategy", ["free", "ansible.builtin.host_pinned"])
def test_hosts_that_do_not_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    monkeypatch.setenv("ANSIBLE_STRATEGY", strategy)
    code, said = run(tmp_path, "playbooks/status.yml", FLEET)
    assert code == 2
    assert f"strategy: with '{strategy}', hosts do not wait for each other" in said


def test_what_runs_on_the_controller_becomes_nobody() -> None:
    """group_vars/all may say ansible_become, which holds for localhost, before `become: false`."""
    found = []
    for path in sorted((ROOT / "playbooks").rglob("*.yml")):
        for task in re.split(r"\n *- name: ", path.read_text()):
            if "delegate_to: localhost" in task:
                found.append(path.name)
                assert "ansible_become: false" in task, path
    assert found == ["status.yml", "batch.yml"]


def test_an_inventory_without_a_host(tmp_path: Path) -> None:
    code, said = run(tmp_path, "site.yml", {}, "--limit", "app1")
    assert code != 0
    assert "--limit app1: the inventory has no host at all; name another with -i." in said


def test_a_limit_to_load_balancers_is_one_to_somebody(tmp_path: Path) -> None:
    arguments = ("-e", "address=nobody", "--limit", "lb1")
    code, said = run(tmp_path, "playbooks/block.yml", FLEET, *arguments)
    assert code == 2
    assert "'nobody'" in said and "--limit" not in said


def test_load_balancers_that_have_no_part_are_not_missed(tmp_path: Path) -> None:
    fleet = FLEET | {"load_balancers": None}
    code, said = run(tmp_path, "playbooks/exec.yml", fleet, "-e", "app=shop")
    assert code == 2
    assert "Say what to run" in said


@pytest.mark.parametrize(("variables", "well"), [({"flaskstack_app": "shop"}, True), ({}, False)])
def test_a_deploy_does_without_load_balancers(
    tmp_path: Path, variables: dict[str, str], well: bool
) -> None:
    """An application's code goes to its hosts, however people come there."""
    play = {
        "hosts": "app_servers",
        "gather_facts": False,
        "vars": variables,
        "tasks": [{"import_tasks": str(ROOT / "playbooks/tasks/cluster.yml")}],
    }
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    fleet = FLEET | {"load_balancers": None}
    code, said = run(tmp_path, str(tmp_path / "play.yml"), fleet)
    assert (code == 0) == well, said
    assert ("the inventory has no host in 'load_balancers'" in said) != well
