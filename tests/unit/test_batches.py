"""Batches of a release, by Ansible itself: who comes when, and what a batch that fails leaves.

The hosts are this machine under several names, and what they do in a batch is a line in a file.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from servers import OK, server
from templar import ROOT

#: A port of this machine where nothing listens, and which nobody may open without being root.
NOWHERE = 1

#: What stands for switch.yml.
WORK = """
- name: Work
  block:
    - name: Reach the host
      ansible.builtin.ping:
      tags: always
    - name: Do what another tag is for
      ansible.builtin.fail:
        msg: it was not asked for
      tags: other
    - name: Note it
      ansible.builtin.shell:
        cmd: >-
          echo {{ inventory_hostname }} >> {{ root }}/order;
          cp {{ flaskstack_lock_directory }}/flaskstack-shop.json
          {{ root }}/note-{{ inventory_hostname }};
          sleep {{ takes }}
      tags: always
    - name: Fail where it is wanted
      ansible.builtin.fail:
        msg: it is bad
      when: inventory_hostname in bad
      tags: always
    - name: Note what is done
      ansible.builtin.set_fact:
        flaskstack_done: [shop]
      tags: always
  rescue:
    - name: Note that it broke off
      ansible.builtin.set_fact:
        flaskstack_done: []
        flaskstack_broken: "{{ ansible_failed_result.msg }}"
      tags: always
"""


def play(root: Path, **variables: Any) -> list[dict[str, Any]]:
    """Give a play that goes through the batches as site.yml does, with any tag."""
    tasks = str(ROOT / "playbooks/tasks")
    said = {
        "due": ["shop"],
        "failures": [],
        "serving": ["shop"],
        "done": "{{ flaskstack_done | default(none) }}",
        "broken": "{{ flaskstack_broken | default('') }}",
    }
    every = (
        "{{ dict(ansible_play_hosts"
        " | zip(ansible_play_hosts | map('extract', hostvars, 'flaskstack_said'))) }}"
    )
    block = [
        {"ansible.builtin.import_tasks": f"{tasks}/lock.yml", "tags": "always"},
        {"ansible.builtin.include_vars": {"file": str(root / "said.json")}, "tags": "always"},
        {
            "ansible.builtin.set_fact": {
                "flaskstack_rolling": "{{ every | flaskstack.centos.rolling_plan("
                "ansible_play_hosts_all, serial, [{'name': 'shop'}]) }}"
            },
            "run_once": True,
            "vars": {"every": every},
            "tags": "always",
        },
        {"ansible.builtin.import_tasks": f"{tasks}/batches.yml"},
    ]
    (root / "said.json").write_text(json.dumps({"flaskstack_said": said}))
    (root / "work.yml").write_text(WORK)
    shared = {
        "root": str(root),
        "bad": [],
        "takes": 0,
        "serial": 1,
        "flaskstack_lock_names": ["shop"],
        "flaskstack_owner": "ana@laptop",
        "flaskstack_lock_directory": f"{root}/locks/{{{{ inventory_hostname }}}}",
        "flaskstack_batch_tasks": str(root / "work.yml"),
        "flaskstack_with_canary": True,
    }
    failures = "{{ flaskstack_rolling | flaskstack.centos.rolling_failures(flaskstack_said) }}"
    return [
        {
            "hosts": "all",
            "gather_facts": False,
            "environment": "{{ flaskstack_lock.environment | default({}) }}",
            "vars": shared | variables,
            "tasks": [
                {
                    "block": block,
                    "always": [
                        {"ansible.builtin.import_tasks": f"{tasks}/unlock.yml", "tags": "always"}
                    ],
                },
                {
                    "ansible.builtin.copy": {
                        "content": "{{ failures | map(attribute='msg') | join('') }}",
                        "dest": f"{root}/told-{{{{ inventory_hostname }}}}",
                        "mode": "0600",
                    },
                    "vars": {"failures": failures},
                    "tags": "always",
                },
            ],
        }
    ]


class Run:
    """What became of a run.

    Attributes:
        order: who worked, in this order.
        told: what each was told.
        locks: of whom there are any left.
        lasts: for how many seconds each had its lock still when it began.
    """

    def __init__(self, root: Path, done: subprocess.CompletedProcess[str]) -> None:
        self.text = done.stdout + done.stderr
        order = root / "order"
        self.order = order.read_text().split() if order.exists() else []
        self.told = {path.name[5:]: path.read_text() for path in root.glob("told-*")}
        self.lasts = {
            path.name[5:]: json.loads(path.read_text())["until"] - path.stat().st_mtime
            for path in root.glob("note-*")
        }
        self.locks = [path.parent.name for path in root.glob("locks/*/flaskstack-shop.json")]


def run(root: Path, lost: str = "", **variables: Any) -> Run:
    """Go through the batches of three hosts.

    Args:
        root: a directory for its files.
        lost: a host that is there until its batch.
        variables: of the play.
    """
    (root / "play.json").write_text(json.dumps(play(root, **variables)))
    shared = {"ansible_python_interpreter": sys.executable, "ansible_connection": "local"}
    hosts: dict[str, Any] = {name: {} for name in ("one", "two", "three")}
    if lost:
        # Nothing before the batches needs a connection but the lock.
        gone = "'ssh' if flaskstack_rolling is defined else 'local'"
        hosts[lost] = {
            "ansible_connection": f"{{{{ {gone} }}}}",
            "ansible_host": "127.0.0.1",
            "ansible_port": NOWHERE,
        }
    inventory = {"all": {"hosts": hosts, "vars": shared}}
    (root / "hosts.json").write_text(json.dumps(inventory))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "-i", "hosts.json", "play.json"),
            *("--tags", "these"),
        ],
        cwd=root,
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(ROOT / ".ansible"),
            "ANSIBLE_NOCOLOR": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    return Run(root, done)


def test_one_first_then_the_others(tmp_path: Path) -> None:
    found = run(tmp_path, serial=[1, "100%"], flaskstack_canary_pause=1)
    assert found.order[0] == "one", found.text
    assert sorted(found.order[1:]) == ["three", "two"]
    assert "TASK [Wait]" in found.text
    assert set(found.told.values()) == {""}
    assert found.locks == []


def test_what_fails_goes_no_further_and_locks_are_given_back(tmp_path: Path) -> None:
    found = run(tmp_path, bad=["two"])
    assert found.order == ["one", "two"], found.text
    assert found.told["one"] == ""
    assert found.told["two"] == "it is bad"
    assert "because it failed on two" in found.told["three"]
    assert found.locks == []


def test_those_that_wait_have_their_lock_longer_than_its_lease(tmp_path: Path) -> None:
    # The third begins seven seconds after it was taken.
    found = run(tmp_path, flaskstack_lock_lease=6, takes=3.5)
    assert found.order == ["one", "two", "three"], found.text
    assert min(found.lasts.values()) > 0, found.lasts
    assert found.locks == []


def test_a_whole_batch_that_is_lost_is_not_the_end(tmp_path: Path) -> None:
    found = run(tmp_path, lost="one")
    assert found.order == [], found.text
    assert "because one was lost while it was switched" in found.told["two"]
    assert sorted(found.told) == ["three", "two"]
    # Its own ends by its lease.
    assert found.locks == ["one"]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"flaskstack_check_url": f"http://127.0.0.1:{NOWHERE}/"},
            f"because http://127.0.0.1:{NOWHERE}/ is not well since one switched",
        ),
        # Nobody is there to say yes.
        ({"flaskstack_canary_pause": "prompt"}, "was not answered with yes"),
    ],
)
def test_canary(tmp_path: Path, variables: dict[str, str], sentence: str) -> None:
    found = run(tmp_path, serial=[1, "100%"], **variables)
    assert found.order == ["one"], found.text
    assert sentence in found.told["two"]
    assert "serves its new release on this host, but" in found.told["one"]
    assert found.locks == []


@pytest.mark.parametrize(("well", "order"), [(True, 3), (False, 1)])
def test_one_of_several_hosts_behind_a_load_balancer(
    tmp_path: Path, well: bool, order: int
) -> None:
    """Each answer is of another host: one that is bad has to be found among them."""
    asked = []

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(number)
        bad = not well and number % 3 == 2
        writer.write(OK.replace(b"200 OK", b"500 Oh") if bad else OK)
        await writer.drain()

    with server(behave) as url:
        found = run(tmp_path, serial=[1, "100%"], flaskstack_check_url=url)
    assert len(found.order) == order, found.text
    # After each of two batches, or until the third answer.
    assert len(asked) == (60 if well else 3)
    if not well:
        assert "because " + url in found.told["two"]
        assert "it answers with 500" in found.told["two"]
