"""The modules of roles python and flask_app: what may hold a password is never shown."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import yaml

from templar import ROOT

MODULES = "ansible_collections.flaskstack.centos.plugins.modules."
#: Options that hold an address, or a secret itself.
SECRETS = {"index_url", "extra_index_urls", "proxy", "find_links", "environment", "git", "key"}
SECRETS |= {"archive"}


class Stopped(Exception):
    """The module would begin now."""


def spec_of(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give the options of a module as it describes them to Ansible."""
    module = importlib.import_module(MODULES + name)
    found: dict[str, Any] = {}

    def stop(**given: Any) -> None:
        found.update(given)
        raise Stopped

    monkeypatch.setattr(module, "AnsibleModule", stop)
    with pytest.raises(Stopped):
        module.main()
    assert found["supports_check_mode"] is True
    return dict(found["argument_spec"])


def options(spec: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """List options and those inside of them."""
    out = []
    for name, option in spec.items():
        out.append((name, option))
        out += options(option.get("options", {}))
    return out


@pytest.mark.parametrize("name", ["python_venv", "app_build", "source_info"])
def test_what_may_hold_a_password_is_not_logged(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(key, option) for key, option in options(spec_of(name, monkeypatch)) if key in SECRETS]
    assert found
    for key, option in found:
        assert option.get("no_log") is True, key


def keywords(tasks: list[dict[str, Any]]) -> set[str]:
    """List the keywords of tasks, those in blocks too."""
    out: set[str] = set()
    for task in tasks:
        out |= task.keys()
        for part in ("block", "rescue", "always"):
            out |= keywords(task.get(part, []))
    return out


@pytest.mark.parametrize("role", ["python", "flask_app"])
def test_no_task_puts_a_password_on_a_command_line(role: str) -> None:
    """The keyword does: its values are in the command that the host runs, and in sudo's log."""
    for path in (ROOT / "roles" / role / "tasks").glob("*.yml"):
        tasks = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert "environment" not in keywords(tasks), path


def documented(name: str) -> dict[str, Any]:
    """Give the options that a module documents."""
    text = importlib.import_module(MODULES + name).DOCUMENTATION
    return dict(yaml.safe_load(text)["options"])


def compare(options: dict[str, Any], spec: dict[str, Any], where: str) -> None:
    """Hold documented options against those that Ansible is told."""
    assert options.keys() == spec.keys(), where
    for key, about in options.items():
        told = spec[key]
        for word in ("type", "elements", "required", "default"):
            assert about.get(word) == told.get(word), f"{where}{key}.{word}"
        compare(about.get("suboptions", {}), told.get("options", {}), f"{where}{key}.")


@pytest.mark.parametrize("name", ["python_venv", "host_info", "app_build", "source_info"])
def test_documentation_is_what_the_module_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(documented(name), spec_of(name, monkeypatch), "")


#: Modules with secrets inside of other options. Ansible finds those in what it logs only if they
#: are one line: of a private key, or a file, it logs everything.
NESTED = ("app_build", "app_releases", "source_info")


def tasks_in(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """List tasks, those in blocks too."""
    out = list(tasks)
    for task in tasks:
        for part in ("block", "rescue", "always"):
            out += tasks_in(task.get(part, []))
    return out


@pytest.mark.parametrize("role", ["flask_app", "uwsgi"])
def test_no_task_has_a_secret_of_several_lines_logged_on_the_host(role: str) -> None:
    """Whatever the role's no_log says."""
    found = 0
    for path in (ROOT / "roles" / role / "tasks").glob("*.yml"):
        for task in tasks_in(yaml.safe_load(path.read_text(encoding="utf-8"))):
            if any(f"flaskstack.centos.{name}" in task for name in NESTED):
                found += 1
                assert task.get("vars", {}).get("ansible_no_target_syslog") is True, task["name"]
    assert found > 1


@pytest.mark.parametrize("name", NESTED)
def test_modules_with_such_secrets_say_so(name: str) -> None:
    documented = yaml.safe_load(importlib.import_module(MODULES + name).DOCUMENTATION)
    assert "ansible_no_target_syslog" in " ".join(documented["notes"])
