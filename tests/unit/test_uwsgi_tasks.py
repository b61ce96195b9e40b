"""What the tasks of role uwsgi hand to others: passwords, and a setting of the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jinja2
import pytest
import yaml

from templar import ROOT

Task = dict[str, Any]


def tasks(found: list[Task]) -> Iterator[Task]:
    """Yield tasks, those in blocks too."""
    for task in found:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part, []))


@pytest.fixture(scope="module")
def all_tasks() -> list[Task]:
    """Give all tasks of the role."""
    files = (ROOT / "roles/uwsgi/tasks").glob("*.yml")
    return [task for path in files for task in tasks(yaml.safe_load(path.read_text("utf-8")))]


def test_no_password_goes_through_a_command_line(all_tasks: list[Task]) -> None:
    # Ansible hands an environment over on the command line, which sudo logs and ps shows.
    assert [task["name"] for task in all_tasks if "environment" in task] == []
    shown = [task["name"] for task in all_tasks if "_proxy" in str(task.get("vars", {}))]
    assert shown == []


@pytest.mark.parametrize(
    ("listen", "somaxconn", "expected"), [(4096, 128, "4096"), ("1024", "4096", "4096")]
)
def test_the_longest_queue_wins(
    all_tasks: list[Task], listen: object, somaxconn: object, expected: str
) -> None:
    (task,) = [task for task in all_tasks if "ansible.posix.sysctl" in task]
    setting = task["ansible.posix.sysctl"]
    assert setting["sysctl_file"] == "/etc/sysctl.d/70-flaskstack.conf"
    value = jinja2.Environment(autoescape=True).from_string(setting["value"])
    found = value.render(__uwsgi_plan={"listen": listen}, __uwsgi_found={"somaxconn": somaxconn})
    assert found == expected


def test_no_host_goes_back_alone() -> None:
    # any_errors_fatal alone does not keep hosts from going on in a block, before ansible-core 2.18.
    path = ROOT / "roles/uwsgi/tasks/rollback.yml"
    _, chosen, checked, activated, *_ = yaml.safe_load(path.read_text("utf-8"))
    assert chosen["check_mode"] is True
    assert "when" not in checked
    others = checked["vars"]["__uwsgi_stuck"]
    assert others == "{{ ansible_play_hosts_all | difference(ansible_play_hosts) }}"
    assert activated["name"] == "Activate it"
