"""The playbooks that deploy: one at a time, on all of their hosts or on none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from test_daily import SYSTEMCTL, release

ROOT = Path(__file__).parents[2]
DEPLOYS = ("site", "deploy", "rollback", "restart", "remove")


def play_of(name: str) -> dict[str, Any]:
    """Give the play of a playbook that works on the hosts, under a lock."""
    plays = yaml.safe_load((ROOT / f"playbooks/{name}.yml").read_text(encoding="utf-8"))
    (found,) = [play for play in plays if any("block" in task for task in play.get("tasks", []))]
    return dict(found)


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Roll back on three hosts of which one has another deploy; all are this machine."""
    root = tmp_path_factory.mktemp("lock")
    hosts = {name: release(root, name) for name in ("first", "busy", "last")}
    now = time.time()
    note = {"token": "other", "by": "ana@laptop", "since": now, "until": now + 600}
    (root / "busy/lock").mkdir()
    (root / "busy/lock/flaskstack-shop.json").write_text(json.dumps(note))
    (root / "bin").mkdir()
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
            *(str(ROOT / "playbooks/rollback.yml"), "-e", "app=shop"),
        ],
        cwd=ROOT,
        env=os.environ
        | {
            "ANSIBLE_HOME": str(ROOT / ".ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    notes = {path.parts[-3]: json.loads(path.read_text()) for path in root.glob("*/lock/*.json")}
    return {"status": done.returncode, "text": done.stdout + done.stderr, "notes": notes}


def test_a_deploy_that_meets_another_fails_on_all_hosts(refused: dict[str, Any]) -> None:
    assert refused["status"] == 2
    text = " ".join(refused["text"].split())
    assert text.count("failed=1") == 3
    assert "application 'shop' is being deployed by ana@laptop since" in text
    # Not one task of a role.
    assert "uwsgi :" not in text


def test_a_deploy_that_fails_leaves_no_lock_behind(refused: dict[str, Any]) -> None:
    assert list(refused["notes"]) == ["busy"]


def test_the_lock_of_the_other_deploy_stays(refused: dict[str, Any]) -> None:
    assert refused["notes"]["busy"]["token"] == "other"


@pytest.mark.parametrize("name", DEPLOYS)
def test_whatever_happens_the_lock_is_given_back(name: str) -> None:
    (block,) = [task for task in play_of(name)["tasks"] if "block" in task]
    imports = "ansible.builtin.import_tasks"
    assert block["block"][0][imports] == "tasks/lock.yml"
    # First of all: what comes after it may fail.
    assert block["always"][0][imports] == "tasks/unlock.yml"
    assert [task[imports] for task in block["always"][1:]] == (
        ["tasks/failed.yml"] if name in ("deploy", "rollback", "restart") else []
    )


@pytest.mark.parametrize("name", ["site", "deploy", "rollback", "restart"])
def test_what_a_playbook_before_has_left_is_forgotten_first(name: str) -> None:
    first, *_ = play_of(name)["tasks"]
    assert first["ansible.builtin.import_tasks"] == "tasks/begin.yml"


@pytest.mark.parametrize("name", ["wiring", "rollback", "restart"])
def test_what_a_host_says_is_of_this_playbook(name: str) -> None:
    said, (begin,) = (
        yaml.safe_load((ROOT / f"playbooks/{path}.yml").read_text(encoding="utf-8"))
        for path in (f"vars/{name}", "tasks/begin")
    )
    # Facts that may not be there yet; but what serves is so whoever has asked.
    read = set(re.findall(r"(\w+) \| default", str(said["flaskstack_said"])))
    read -= {"uwsgi_serving", "current"}
    assert len(read) >= 2
    assert read <= begin["ansible.builtin.set_fact"].keys()


@pytest.mark.parametrize("name", ["site", "deploy"])
def test_whatever_tags_are_asked_for_it_is_validated_under_the_lock(name: str) -> None:
    tasks = play_of(name)["tasks"]
    (block,) = [task for task in tasks if "block" in task]
    steps = [
        task
        for task in [*tasks, *block["block"], *block["always"]]
        if "ansible.builtin.import_tasks" in task
    ]
    assert len(steps) >= 4
    (batches,) = [
        step for step in steps if step["ansible.builtin.import_tasks"] == "tasks/batches.yml"
    ]
    # What is imported hands its tags on to what that includes, and each role would run with any.
    assert "tags" not in batches
    steps.remove(batches)
    steps += yaml.safe_load((ROOT / "playbooks/tasks/batches.yml").read_text(encoding="utf-8"))
    assert [step["name"] for step in steps if step.get("tags") != "always"] == []


def test_load_balancers_come_before_what_ends_the_run() -> None:
    plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text(encoding="utf-8"))
    _, validated, _, balancers, last = plays
    assert validated["hosts"] == balancers["hosts"]
    # Where one of them cannot have what it should, nothing is touched anywhere.
    assert validated["any_errors_fatal"] is True
    (task,) = last["tasks"]
    assert task["ansible.builtin.import_tasks"] == "tasks/failed.yml"


@pytest.mark.parametrize("name", ["site", "deploy"])
def test_all_hosts_are_prepared_before_the_first_switches(name: str) -> None:
    (block,) = [task for task in play_of(name)["tasks"] if "block" in task]
    steps = [
        task.get("ansible.builtin.import_tasks") or task["ansible.builtin.import_role"]["name"]
        for task in block["block"]
        if "ansible.builtin.debug" not in task
    ]
    steps = [step for step in steps if step != "flaskstack.centos.python"]
    assert steps[:6] == [
        "tasks/lock.yml",
        "flaskstack.centos.flask_app",
        # No release command is run for what was not built everywhere.
        "tasks/rolling.yml",
        "flaskstack.centos.uwsgi",
        "tasks/rolling.yml",
        "tasks/batches.yml",
    ]
    wiring = yaml.safe_load((ROOT / "playbooks/vars/wiring.yml").read_text(encoding="utf-8"))
    assert wiring["uwsgi_activate"] is False


def test_the_token_of_the_lock_is_not_lost_on_the_way() -> None:
    # A task that is skipped registers its variable all the same, and nothing would be given back.
    taken = [
        path.stem
        for path in (ROOT / "playbooks").rglob("*.yml")
        if re.search(r"register: flaskstack_lock$", path.read_text(encoding="utf-8"), re.M)
    ]
    assert sorted(taken) == ["lock", "unlock"]


@pytest.mark.parametrize("name", ["switch", "back", "go_back", "restart_host"])
def test_what_goes_wrong_in_a_batch_is_noted(name: str) -> None:
    # A host that failed would be out of the play, and the others would not know.
    (block,) = yaml.safe_load((ROOT / f"playbooks/tasks/{name}.yml").read_text(encoding="utf-8"))
    (note,) = block["rescue"]
    assert "flaskstack_broken" in note["ansible.builtin.set_fact"]


@pytest.mark.parametrize("name", DEPLOYS)
def test_modules_know_of_the_lock(name: str) -> None:
    assert "flaskstack_lock.environment" in play_of(name)["environment"]


def test_no_jinja_statements() -> None:
    for path in (ROOT / "playbooks").rglob("*.yml"):
        assert "{%" not in path.read_text(encoding="utf-8"), path


def test_flask_apps_may_refer_to_facts() -> None:
    plan, tasks = (
        yaml.safe_load((ROOT / f"playbooks/tasks/{name}.yml").read_text(encoding="utf-8"))
        for name in ("plan", "validate")
    )
    assert tasks[0]["ansible.builtin.import_tasks"] == "plan.yml"
    tasks = plan + tasks[1:]
    roles = [task.get("ansible.builtin.import_role", {}).get("tasks_from") for task in tasks]
    (first, *_) = (at for at, task in enumerate(tasks) if "flask_apps" in str(task))
    assert "gather" in roles[:first]
    # And the host is not asked once more for them.
    (validated,) = (task for task in tasks if "centos.python'" in str(task) and "vars" in task)
    assert validated["vars"] == {"__python_ask": False}


def test_what_the_host_said_is_not_forgotten() -> None:
    # A skipped task registers its variable too, and all packages would be missing.
    tasks = yaml.safe_load((ROOT / "roles/python/tasks/validate.yml").read_text(encoding="utf-8"))
    (gather,) = [task for task in tasks if task.get("when") == "__python_ask"]
    assert gather["ansible.builtin.include_tasks"]["file"] == "gather.yml"
