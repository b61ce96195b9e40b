"""The benchmark of the control node: simulated hosts answer as a real one did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from templar import ROOT


def play(directory: Path, tasks: int) -> subprocess.CompletedProcess[str]:
    """Ask two simulated hosts with one recorded answer so many times."""
    answer = {"module": "ping", "said": '{"ping": "recorded"}', "errors": "", "status": 0}
    (directory / "answers").mkdir()
    (directory / "answers/1.json").write_text(json.dumps(answer | {"seconds": 1000}))
    (directory / "state").mkdir()
    shared = {
        "ansible_connection": "recorded",
        "ansible_pipelining": True,
        "ansible_python_interpreter": "/nowhere/python",
        "recorded_directory": f"{directory}/answers",
        "recorded_state": f"{directory}/state",
        "recorded_slowness": 0,
    }
    hosts = {"all": {"hosts": {"app001": {}, "app002": {}}, "vars": shared}}
    (directory / "hosts.json").write_text(json.dumps(hosts))
    asked = {
        "ansible.builtin.ping": {},
        "register": "said",
        "failed_when": "said.ping != 'recorded'",
    }
    playbook = [{"hosts": "all", "gather_facts": False, "tasks": [asked] * tasks}]
    (directory / "play.json").write_text(json.dumps(playbook))
    return subprocess.run(
        [*(sys.executable, "-m", "ansible", "playbook", "-i", "hosts.json", "play.json")],
        cwd=directory,
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(ROOT / ".ansible"),
            "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "benchmarks/plugins/connection"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def test_each_host_gives_the_recorded_answer(tmp_path: Path) -> None:
    done = play(tmp_path, 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(one.name for one in (tmp_path / "state").iterdir()) == [
        "app001.ping",
        "app002.ping",
    ]


def test_what_was_not_recorded_is_not_made_up(tmp_path: Path) -> None:
    done = play(tmp_path, 2)
    assert done.returncode != 0
    assert "ping: asked 2 times, and 1 answers were recorded." in done.stdout + done.stderr
