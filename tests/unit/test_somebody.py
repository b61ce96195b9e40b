"""Playbooks on inventories in which somebody is missing, or hosts are not alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from templar import ROOT


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
