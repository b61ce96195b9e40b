"""The playbooks of daily work, on several hosts that are all this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from templar import ROOT

#: It knows of no unit, and takes whatever it is asked for as running.
SYSTEMCTL = """#!/bin/sh
case "$1" in
show) printf 'ActiveState=active\\nInactiveExitTimestampMonotonic=1\\nNRestarts=0\\n' ;;
esac
"""


def run(root: Path, playbook: str, hosts: dict[str, dict[str, Any]], *more: str) -> dict[str, str]:
    """Run a playbook on hosts that are all this machine, without systemd.

    Returns:
        Host -> what was said of it last, and its line of the recap; and "all", everything.
    """
    (root / "bin").mkdir(exist_ok=True)
    (root / "bin/systemctl").write_text(SYSTEMCTL)
    (root / "bin/systemctl").chmod(0o755)
    shared = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
    }
    inventory = root / "hosts.json"
    inventory.write_text(json.dumps({"app": {"hosts": hosts, "vars": shared}}))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "-i", str(inventory)),
            *(str(ROOT / "playbooks" / playbook), *more),
        ],
        cwd=ROOT,
        env=os.environ
        | {
            "ANSIBLE_HOME": str(ROOT / ".ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    text = done.stdout + done.stderr
    said = {"all": text}
    for host in hosts:
        parts = re.findall(rf"^(?:ok|fatal): \[{host}\].*\n(?: .*\n)*", text, re.M)
        recap = re.search(rf"^{host} +: (.*)$", text, re.M)
        said[host] = (parts[-1] if parts else "") + (recap[1] if recap else "")
    return said


def release(root: Path, host: str) -> dict[str, Any]:
    """Give a host a release of shop; return its variables."""
    directory = root / host / "opt/shop/releases/a-1"
    directory.mkdir(parents=True)
    health = {"path": "/", "host": "shop.example", "status": [200], "timeout": 1}
    about = {"health": health, "keep_releases": 3, "version": "v1"}
    (directory / "release.json").write_text(json.dumps(about))
    (root / host / "opt/shop/current").symlink_to("releases/a-1")
    return variables(root, host)


def variables(root: Path, host: str) -> dict[str, Any]:
    """Return the variables of a host that has nothing."""
    return {
        "uwsgi_root": str(root / host / "opt"),
        "flaskstack_lock_directory": str(root / host / "lock"),
    }


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Restart shop on three hosts, one after the other; on none of them are its units there."""
    root = tmp_path_factory.mktemp("restart")
    hosts = {name: release(root, name) for name in ("first", "second", "third")}
    hosts["without"] = variables(root, "without")
    said = run(root, "restart.yml", hosts, "-e", "app=shop", "-e", "flaskstack_serial=1")
    return said | {"locks": ", ".join(map(str, root.glob("*/lock/*.json")))}


def test_the_first_that_fails_to_restart_is_the_last(restarted: dict[str, str]) -> None:
    assert "uwsgi-shop@.service is not there" in restarted["first"], restarted["all"]
    assert "failed=1" in restarted["first"]
    for host in ("second", "third"):
        text = " ".join(restarted[host].split())
        assert "shop is not restarted here, because it failed on a host before this one" in text
        assert "failed=0" in text


def test_a_host_without_it_is_left_alone(restarted: dict[str, str]) -> None:
    assert "shop is not on this host" in restarted["without"]
    assert "failed=0" in restarted["without"]


def test_a_restart_that_fails_leaves_no_lock_behind(restarted: dict[str, str]) -> None:
    assert restarted["locks"] == ""


def test_a_command_that_ansible_took_apart_is_not_run(tmp_path: Path) -> None:
    # -e 'command=flask db current' is the command "flask" to Ansible.
    hosts = {"first": release(tmp_path, "first")}
    for written in ("command=flask db current", "command=flask --debug=1"):
        said = run(tmp_path, "exec.yml", hosts, "-e", "app=shop", "-e", written)
        text = " ".join(said["first"].split())
        assert "has left 'flask' of it" in text.replace("''", "'"), said["all"]
        assert "uwsgi :" not in said["all"]


@pytest.mark.parametrize("name", ["drain", "undrain"])
def test_without_load_balancers_there_is_nothing_to_drain(tmp_path: Path, name: str) -> None:
    hosts = {host: variables(tmp_path, host) for host in ("first", "second")}
    said = run(tmp_path, f"{name}.yml", hosts, "-e", "host=second")
    assert "second serves by itself" in " ".join(said["first"].split()), said["all"]
    assert "failed=0" in said["first"]


@pytest.mark.parametrize("name", ["drain", "undrain", "update"])
def test_a_host_that_is_misspelt_is_told(tmp_path: Path, name: str) -> None:
    # A pattern of hosts that matches none would be a run that does nothing, and well.
    hosts = {host: variables(tmp_path, host) for host in ("first", "second")}
    said = run(tmp_path, f"{name}.yml", hosts, "-e", "host=secnd")
    text = " ".join(said["all"].split())
    assert "'secnd'" in text.replace("''", "'")
    assert "Did you mean 'second'?" in text.replace("''", "'")
    assert "failed=1" in text


def test_hosts_behind_no_load_balancer_are_updated_one_by_one(tmp_path: Path) -> None:
    """The first that fails is the last; here, because this machine has no dnf."""
    hosts = {host: variables(tmp_path, host) for host in ("first", "second")}
    said = run(tmp_path, "update.yml", hosts)
    assert "failed=1" in said["first"], said["all"]
    assert "first: Ask which packages would be updated" in " ".join(said["first"].split())
    assert "Left as it was, because a host before it failed." in " ".join(said["second"].split())
    assert "failed=0" in said["second"]
