"""The playbooks of daily work, on several hosts that are all this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
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


COLLECTION = "ansible_collections/flaskstack/centos"

#: What stands for the module app_restart: a line in a file, or an error where a file says so.
APP_RESTART = """
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

given = ("name", "root", "by", "job")
module = AnsibleModule({name: {} for name in given}, supports_check_mode=True)
host = Path(module.params["root"]).parent
if (host / "bad").exists():
    module.fail_json(msg="it is bad")
with (host.parent / "order").open("a") as order:
    order.write(f"{host.name} {module.params['name']}\\n")
module.exit_json(changed=True, release="a-1", version="v1")
"""

#: What stands for the module nginx_drain. Whose turn it is, says the directory for its files.
NGINX_DRAIN = """
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

given = ("address", "state", "force")
module = AnsibleModule({name: {} for name in given}, supports_check_mode=True)
host = Path(module.tmpdir).parents[1]
if (host / "bad").exists() and module.params["state"] == "drained":
    module.fail_json(msg="it is the last; say nginx_drain_force: true.")
if not module.check_mode:
    (host / "drained").write_text(module.params["state"])
module.exit_json(changed=True, drained=[module.params["address"]], upstreams=["site_shop"])
"""
#: And for connections_info.
CONNECTIONS = """
from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule({name: {} for name in ("ports", "peers", "timeout", "job")})
module.exit_json(changed=False, left=0, peers=[])
"""

#: What stands for app_activate: a link, a line in the history, and one in a file; or an error.
APP_ACTIVATE = """
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flaskstack.centos.plugins.module_utils._app_activate import (
    answer_of,
    choose,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._application import Application
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, run_module

given = ("name", "root", "by", "release", "state")
module = AnsibleModule({name: {"default": ""} for name in given}, supports_check_mode=True)


def switch():
    name, root, release = (module.params[key] for key in ("name", "root", "release"))
    back = module.params["state"] == "rolled_back"
    app = Application(name, root)
    release = choose(name, root, release) if back else release
    before = app.linked("current")
    if not module.check_mode:
        host = Path(root).parent
        if (host / f"bad-{release}").exists():
            raise Problem(f"{release} is bad")
        app.point("current", release)
        app.note("rolled-back" if back else "activated", release, **{"from": before})
        with (host.parent / "order").open("a") as order:
            order.write(f"{host.name} {name} {release}\\n")
    return answer_of(app, before, release, changed=before != release)


run_module(module, switch)
"""

#: A port of this machine where nothing listens, and which nobody may open without being root.
NOWHERE = 1


def run(
    root: Path, playbook: str | Path, hosts: dict[str, dict[str, Any]], *more: str
) -> dict[str, str]:
    """Run a playbook on hosts that are all this machine, without systemd.

    Args:
        root: a directory for its files; a collection that is in it stands for this one.
        playbook: its name, or the path of one that is none of the collection's.
        hosts: the variables of each.
        more: arguments.

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
    other = {"ANSIBLE_COLLECTIONS_PATH": str(root)} if (root / COLLECTION).exists() else {}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "-i", str(inventory)),
            *(str(ROOT / "playbooks" / playbook), *more),
        ],
        cwd=ROOT,
        env=os.environ
        | other
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
        parts = re.findall(rf"^(?:ok|fatal): \[{host}\].*\n(?:(?: .*)?\n)*", text, re.M)
        recap = re.search(rf"^{host} +: (.*)$", text, re.M)
        said[host] = (parts[-1] if parts else "") + (recap[1] if recap else "")
    return said


def release(root: Path, host: str, *apps: str) -> dict[str, Any]:
    """Give a host a release of shop, or of other applications; return its variables."""
    for app in apps or ("shop",):
        directory = root / host / f"opt/{app}/releases/a-1"
        directory.mkdir(parents=True)
        health = {"path": "/", "host": "shop.example", "status": [200], "timeout": 1}
        about = {"health": health, "keep_releases": 3, "version": "v1"}
        (directory / "release.json").write_text(json.dumps(about))
        (root / host / f"opt/{app}/current").symlink_to("releases/a-1")
    return variables(root, host)


def variables(root: Path, host: str) -> dict[str, Any]:
    """Return the variables of a host that has nothing."""
    return {
        "uwsgi_root": str(root / host / "opt"),
        "flaskstack_lock_directory": str(root / host / "lock"),
    }


def with_others(root: Path, **others: str) -> None:
    """Make a collection that is this one but for some modules, without their action plugins."""
    plugins = root / COLLECTION / "plugins"
    plugins.mkdir(parents=True)
    for path in ROOT.iterdir():
        if path.name in ("galaxy.yml", "meta", "playbooks", "roles"):
            (plugins.parent / path.name).symlink_to(path)
    for directory in (ROOT / "plugins").iterdir():
        if directory.name not in ("action", "modules"):
            (plugins / directory.name).symlink_to(directory)
            continue
        (plugins / directory.name).mkdir()
        for path in directory.glob("*.py"):
            if path.stem not in others:
                (plugins / directory.name / path.name).symlink_to(path)
    for name, text in others.items():
        (plugins / f"modules/{name}.py").write_text(text)


def without_units(root: Path) -> None:
    """Make a collection that is this one but for what needs units: restarts and switches."""
    with_others(root, app_restart=APP_RESTART, app_activate=APP_ACTIVATE)


def restart(root: Path, hosts: dict[str, Any], *more: str, serial: Any = 1) -> dict[str, str]:
    """Restart shop on hosts, where an inventory wants what only deploys have.

    Returns:
        As run(), each text in one line; and "order", who was restarted, and "locks", which are
        left.
    """
    wanted = {"app": "shop", "flaskstack_serial": serial, "flaskstack_on_failure": "rollback"}
    said = run(root, "restart.yml", hosts, "-e", json.dumps(wanted), *more)
    return {name: " ".join(text.split()) for name, text in said.items()} | left(root)


def served(
    root: Path, host: str, *names: str, app: str = "shop", never: Iterable[str] = ()
) -> dict[str, Any]:
    """Give a host releases that served one after the other; return its variables.

    Args:
        root: a directory for all hosts.
        host: its name.
        names: of the releases, of which the last one serves.
        app: the application.
        never: of releases that are there, too.
    """
    home = root / host / "opt" / app
    health = {"path": "/", "host": "shop.example", "status": [200], "timeout": 1}
    for name in [*names, *never]:
        (home / "releases" / name).mkdir(parents=True)
        about = {"health": health, "keep_releases": 3, "version": f"v{name}"}
        (home / "releases" / name / "release.json").write_text(json.dumps(about))
    events = [{"time": "now", "event": "activated", "release": name} for name in names]
    (home / "history").write_text("".join(json.dumps(event) + "\n" for event in events))
    (home / "current").symlink_to(f"releases/{names[-1]}")
    return variables(root, host)


def roll_back(root: Path, hosts: dict[str, Any], *more: str, **wanted: Any) -> dict[str, str]:
    """Roll shop back on hosts; returns the same as restart()."""
    given = {"app": "shop", **wanted}
    said = run(root, "rollback.yml", hosts, "-e", json.dumps(given), *more)
    return {name: " ".join(text.split()) for name, text in said.items()} | left(root)


def left(root: Path) -> dict[str, str]:
    """Return who did something, in its order, and which locks are left."""
    order = root / "order"
    return {
        "order": order.read_text() if order.exists() else "",
        "locks": ", ".join(path.parts[-3] for path in root.glob("*/lock/*.json")),
    }


def gone(variables: dict[str, Any], when: str) -> dict[str, Any]:
    """Give the variables of a host that cannot be reached when something is so."""
    return variables | {
        "ansible_connection": f"{{{{ 'ssh' if {when} else 'local' }}}}",
        "ansible_host": "127.0.0.1",
        "ansible_port": NOWHERE,
    }


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Restart shop on three hosts, one after the other; on none of them are its units there."""
    root = tmp_path_factory.mktemp("restart")
    hosts = {name: release(root, name) for name in ("first", "second", "third")}
    hosts["without"] = variables(root, "without")
    return restart(root, hosts)


def test_the_first_that_fails_to_restart_is_the_last(restarted: dict[str, str]) -> None:
    assert "The restart failed on this host: shop." in restarted["first"], restarted["all"]
    assert "uwsgi-shop@.service is not there" in restarted["first"]
    assert "failed=1" in restarted["first"]
    for host in ("second", "third"):
        text = restarted[host]
        assert "shop is not restarted here, because it failed on a host before this one" in text
        assert "failed=0" in text


def test_a_host_without_it_is_left_alone(restarted: dict[str, str]) -> None:
    assert "shop is not on this host" in restarted["without"]
    assert "failed=0" in restarted["without"]


def test_a_restart_that_fails_leaves_no_lock_behind(restarted: dict[str, str]) -> None:
    assert "Give the lock of the deploy back" in restarted["all"]
    assert restarted["locks"] == ""


def test_a_restart_that_fails_brings_nothing_back(restarted: dict[str, str]) -> None:
    assert "Choose the release to go back to" not in restarted["all"]


@pytest.fixture(scope="module")
def in_turns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Restart shop on the four hosts that have it, of six; a seventh is away from the start."""
    root = tmp_path_factory.mktemp("turns")
    with_others(root, app_restart=APP_RESTART)
    hosts = {"away": gone(release(root, "away"), "true"), "bare": variables(root, "bare")}
    hosts |= {name: release(root, name) for name in "abcd"}
    hosts["blog"] = release(root, "blog", "blog")
    return restart(root, hosts, serial=[1, "50%"])


def test_hosts_that_have_it_take_turns(in_turns: dict[str, str]) -> None:
    assert "a; then b, c; then d" in in_turns["all"]
    first, *second, last = in_turns["order"].splitlines()
    assert [first, *sorted(second), last] == ["a shop", "b shop", "c shop", "d shop"]


def test_each_host_says_what_became_of_it(in_turns: dict[str, str]) -> None:
    for host in "abcd":
        assert "shop is restarted here: release a-1 (v1)." in in_turns[host], in_turns["all"]
        assert "changed=1" in in_turns[host]
    for host in ("bare", "blog"):
        assert "shop is not on this host." in in_turns[host]
    assert "unreachable=1" in in_turns["away"]
    assert in_turns["locks"] == ""


def test_a_host_that_is_lost_in_its_turn_is_the_last(tmp_path: Path) -> None:
    with_others(tmp_path, app_restart=APP_RESTART)
    hosts = {name: release(tmp_path, name) for name in ("first", "second", "third")}
    hosts["second"] = gone(hosts["second"], "flaskstack_rolling | default({})")
    said = restart(tmp_path, hosts)
    assert said["order"] == "first shop\n", said["all"]
    assert "shop is restarted here" in said["first"]
    assert "unreachable=1" in said["second"]
    assert "shop is not restarted here, because it failed on a host" in said["third"]
    # Its own ends by its lease.
    assert said["locks"] == "second"


def test_a_failure_goes_no_further_than_its_batch(tmp_path: Path) -> None:
    with_others(tmp_path, app_restart=APP_RESTART)
    hosts = {name: release(tmp_path, name) for name in "abcd"}
    (tmp_path / "a/bad").touch()
    said = restart(tmp_path, hosts, "--limit", "!d", serial=2)
    assert said["order"] == "b shop\n", said["all"]
    assert "The restart failed on this host: shop. it is bad" in said["a"].replace("\\n", " ")
    assert "shop is restarted here" in said["b"]
    assert "shop is not restarted here" in said["c"]
    assert said["d"] == ""


def test_check_mode_says_what_would_be_restarted(tmp_path: Path) -> None:
    hosts = {name: release(tmp_path, name) for name in ("first", "second")}
    hosts["without"] = variables(tmp_path, "without")
    said = restart(tmp_path, hosts, "--check")
    for host in ("first", "second"):
        assert "shop would be restarted here: release a-1 (v1)." in said[host], said["all"]
        assert "changed=1" in said[host]
        assert "failed=0" in said[host]
    assert "shop is not on this host." in said["without"]
    # Nobody has to wait for a run that does nothing.
    assert not (tmp_path / "first/lock").exists()


def test_a_run_may_restart_several_and_one_more_than_once(tmp_path: Path) -> None:
    with_others(tmp_path, app_restart=APP_RESTART)
    hosts = {"first": release(tmp_path, "first", "shop", "blog")}
    apps = ["blog", "shop", "shop"]
    restarts = str(ROOT / "playbooks/restart.yml")
    playbook = tmp_path / "all.yml"
    playbook.write_text(
        json.dumps([{"import_playbook": restarts, "vars": {"app": app}} for app in apps])
    )
    said = run(tmp_path, playbook, hosts)
    assert (tmp_path / "order").read_text().split()[1::2] == apps, said["all"]
    assert "shop is restarted here" in said["first"]


def test_what_no_host_has_is_told(tmp_path: Path) -> None:
    hosts = {"first": release(tmp_path, "first", "shops"), "second": variables(tmp_path, "second")}
    said = restart(tmp_path, hosts)
    assert "No host has a release of the application 'shop'" in said["all"].replace("''", "'")
    assert "Did you mean 'shops'?" in said["all"].replace("''", "'")


def test_a_rollback_is_of_those_hosts_that_have_it(tmp_path: Path) -> None:
    without_units(tmp_path)
    hosts = {"added": variables(tmp_path, "added")}
    hosts |= {name: served(tmp_path, name, "1", "2") for name in "abc"}
    hosts["blog"] = release(tmp_path, "blog", "blog")
    said = roll_back(tmp_path, hosts, flaskstack_serial="50%")
    # A part of all is one of those that have it.
    assert said["order"] == "a shop 1\nb shop 1\nc shop 1\n", said["all"]
    for host in "abc":
        assert "shop went from 2 to 1 (v1)." in said[host]
    for host in ("added", "blog"):
        assert "shop is not on this host." in said[host]
        assert "failed=0" in said[host]
    assert said["locks"] == ""


def test_a_host_with_another_release_only_keeps_all_that_have_it(tmp_path: Path) -> None:
    without_units(tmp_path)
    hosts = {"added": variables(tmp_path, "added"), "a": served(tmp_path, "a", "1", "2")}
    hosts["b"] = served(tmp_path, "b", "2")
    said = roll_back(tmp_path, hosts)
    assert said["order"] == "", said["all"]
    text = said["all"].replace("''", "'")
    assert re.search(r"fatal: \[a\]: [^[]*because b cannot; [^[]*--limit '!b'", text)
    assert re.search(r"fatal: \[b\]: [^[]*application 'shop' has no release '1'", text)
    for host in "ab":
        assert "failed=1" in said[host]
    assert "shop is not on this host." in said["added"]
    assert "failed=0" in said["added"]
    assert said["locks"] == ""


def test_a_host_that_cannot_be_asked_keeps_all_from_a_rollback(tmp_path: Path) -> None:
    without_units(tmp_path)
    hosts = {"a": served(tmp_path, "a", "1", "2"), "away": gone(variables(tmp_path, "away"), "1")}
    said = roll_back(tmp_path, hosts)
    assert said["order"] == "", said["all"]
    assert re.search(r"fatal: \[a\]: [^[]*because away cannot", said["all"])


def test_a_rollback_says_where_it_would_go(tmp_path: Path) -> None:
    without_units(tmp_path)
    hosts = {"added": variables(tmp_path, "added"), "a": served(tmp_path, "a", "1", "2")}
    said = roll_back(tmp_path, hosts, "--check")
    assert "shop would go from 2 to 1 (v1)." in said["a"], said["all"]
    assert "shop is not on this host." in said["added"]
    assert said["order"] == ""
    assert not (tmp_path / "a/lock").exists()


def test_a_rollback_that_fails_is_taken_back_where_it_is_wanted(tmp_path: Path) -> None:
    without_units(tmp_path)
    hosts = {name: served(tmp_path, name, "1", "2") for name in "abc"}
    (tmp_path / "b/bad-1").touch()
    given = {"flaskstack_serial": 1, "flaskstack_on_failure": "rollback"}
    said = roll_back(tmp_path, hosts, **given)
    assert said["order"] == "a shop 1\na shop 2\n", said["all"]
    text = said["all"].replace("''", "'")
    assert re.search(r"fatal: \[a\]: [^[]*'shop' is back at release 2 on this host", text)
    assert re.search(r"fatal: \[b\]: [^[]*1 is bad", text)
    assert re.search(r"fatal: \[c\]: [^[]*nothing is activated on this host", text)


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("flaskstack_serial", "flaskstack_serial: 'many' is no number of hosts"),
        ("flaskstack_on_failure", "flaskstack_on_failure: 'many' is none of hold, rollback"),
    ],
)
def test_a_rollback_is_told_first_how_it_cannot_go(
    tmp_path: Path, variable: str, sentence: str
) -> None:
    without_units(tmp_path)
    hosts = {name: served(tmp_path, name, "1", "2") for name in "ab"}
    said = roll_back(tmp_path, hosts, **{variable: "many"})
    assert sentence in said["all"].replace("''", "'")
    assert said["order"] == ""
    assert not list(tmp_path.glob("*/lock"))


def test_what_no_host_has_cannot_be_rolled_back(tmp_path: Path) -> None:
    without_units(tmp_path)
    hosts = {"a": release(tmp_path, "a", "shops"), "b": variables(tmp_path, "b")}
    said = roll_back(tmp_path, hosts)
    assert "No host has a release of the application 'shop'" in said["all"].replace("''", "'")
    assert "Did you mean 'shops'?" in said["all"].replace("''", "'")
    assert "Take the lock" not in said["all"]


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


def drain(root: Path, *more: str, lost: bool = False, refuses: str = "") -> dict[str, str]:
    """Drain one of two application hosts behind two load balancers.

    Args:
        root: a directory for its files.
        more: arguments.
        lost: whether the host cannot be reached.
        refuses: a load balancer that cannot do without it.
    """
    with_others(root, nginx_drain=NGINX_DRAIN, connections_info=CONNECTIONS)
    hosts: dict[str, dict[str, Any]] = {}
    for number, host in enumerate(("app1", "app2", "lb1", "lb2"), 1):
        (root / host).mkdir()
        hosts[host] = {
            "flaskstack_address": f"192.0.2.{number}",
            "ansible_remote_tmp": str(root / host / "tmp"),
        }
    if lost:
        hosts["app1"] = gone(hosts["app1"], "true")
    if refuses:
        (root / refuses / "bad").touch()
    which = {"flaskstack_hosts": "app1,app2", "flaskstack_load_balancers": "lb1,lb2"}
    said = run(root, "drain.yml", hosts, "-e", json.dumps(which | {"host": "app1"}), *more)
    return {name: " ".join(text.split()) for name, text in said.items()}


def test_all_load_balancers_drain_a_host(tmp_path: Path) -> None:
    said = drain(tmp_path)
    assert "app1 gets no requests of lb1, lb2" in said["app1"], said["all"]
    assert [path.parent.name for path in sorted(tmp_path.glob("*/drained"))] == ["lb1", "lb2"]


def test_none_drains_what_another_cannot_do_without(tmp_path: Path) -> None:
    said = drain(tmp_path, refuses="lb2")
    # In the words of the playbook, and not of the role.
    for host in ("app1", "lb1"):
        assert "app1 is not drained: lb2: it is the last; say -e force=true." in said[host]
    assert list(tmp_path.glob("*/drained")) == []


def test_a_host_that_cannot_be_reached_is_drained_all_the_same(tmp_path: Path) -> None:
    said = drain(tmp_path, lost=True)
    assert len(list(tmp_path.glob("*/drained"))) == 2, said["all"]
    assert "app1 gets no new requests, but nobody knows" in said["lb1"]
    assert "have ended: app1: it cannot be reached" in said["lb1"]


def test_load_balancers_cannot_be_left_out(tmp_path: Path) -> None:
    said = drain(tmp_path, "--limit", "app1")
    assert "--limit leaves out lb1, lb2" in said["app1"], said["all"]
