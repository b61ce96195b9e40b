"""What every plugin promises, and which of them may know what of whom."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from templar import ROLES, ROOT

COLLECTION = "ansible_collections.flaskstack.centos.plugins"
#: Plugins that a playbook names.
MODULES = sorted((ROOT / "plugins/modules").glob("*.py"))
FILTERS = sorted((ROOT / "plugins/filter").glob("*.py"))
#: What runs on hosts, with whatever Python they have.
ON_HOSTS = sorted([*MODULES, *(ROOT / "plugins/module_utils").glob("*.py")])
ALL = sorted((ROOT / "plugins").rglob("*.py"))
#: YAML in which roles and playbooks say what is done.
YAML = sorted(
    path
    for directory in ("roles/*/tasks", "roles/*/handlers", "roles/*/vars", "playbooks", "molecule")
    for path in ROOT.glob(f"{directory}/**/*.yml")
)


def name_of(path: Path) -> str:
    """Return what a test is called that is about a file."""
    return str(path.relative_to(ROOT))


def each(paths: list[Path]) -> pytest.MarkDecorator:
    """Have a test run for each of some files, as its argument ``path``."""
    return pytest.mark.parametrize("path", paths, ids=name_of)


def documents(path: Path) -> dict[str, Any]:
    """Return DOCUMENTATION, EXAMPLES and RETURN of a plugin, read as YAML."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            (target,) = node.targets
            if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                found[target.id] = node.value.value
    return {
        name: yaml.safe_load(found.get(name, ""))
        for name in ("DOCUMENTATION", "EXAMPLES", "RETURN")
    }


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the full name of each module that a file imports, and the level of the import."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, 0
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level


def described(options: dict[str, Any], inner: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and description of all options or return values, nested ones too."""
    for name, spec in options.items():
        yield path + name, spec
        yield from described(spec.get(inner, {}), inner, f"{path}{name}.")


@each([*MODULES, *FILTERS])
def test_plugin_is_documented(path: Path) -> None:
    found = documents(path)
    about = found["DOCUMENTATION"]
    assert about["module" if path in MODULES else "name"] == path.stem
    for key in ("description", "version_added", "author"):
        assert about[key], key
    assert not about["short_description"].endswith(".")
    for name, option in described(about.get("options", {}), "suboptions"):
        assert option["description"] and option["type"], name
        assert ("elements" in option) == (option["type"] == "list"), name
    assert f"flaskstack.centos.{path.stem}" in str(found["EXAMPLES"])
    assert isinstance(found["EXAMPLES"], list)
    assert found["RETURN"]
    for name, value in described(found["RETURN"], "contains"):
        assert value["description"] and value["type"], name
        # Ansible wants to know of a module's answers when they are there.
        assert path not in MODULES or "." in name or value["returned"], name


@each(MODULES)
def test_module_has_check_mode(path: Path) -> None:
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "AnsibleModule"
    ]
    if not calls:
        # Documentation alone: an action plugin does all of it.
        action = ROOT / "plugins/action" / path.name
        assert "check_mode" in action.read_text(encoding="utf-8")
        return
    (call,) = calls
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    supports = given.get("supports_check_mode")
    assert isinstance(supports, ast.Constant)
    assert supports.value is True


@each(FILTERS)
def test_filter_is_called_by_its_file(path: Path) -> None:
    plugin = importlib.import_module(f"{COLLECTION}.filter.{path.stem}")
    filters = plugin.FilterModule().filters()
    assert list(filters) == [path.stem]
    assert callable(filters[path.stem])


@each(sorted((ROOT / "plugins/action").glob("*.py")))
def test_action_is_of_a_module(path: Path) -> None:
    assert ROOT / "plugins/modules" / path.name in MODULES


@each(ALL)
def test_imports_are_absolute_and_of_what_the_place_may_know(path: Path) -> None:
    place = path.relative_to(ROOT / "plugins").parts[0]
    for name, level in imports(path):
        assert level == 0, "a relative import: the same file is another module then"
        if name.startswith("ansible_collections."):
            assert name.startswith(f"{COLLECTION}."), name
            of = name.removeprefix(f"{COLLECTION}.").split(".")[0]
            may = {
                "modules": {"module_utils"},
                "module_utils": {"module_utils"},
                # What the plans need to know of hosts is what those files say.
                "plugin_utils": {"plugin_utils", "module_utils"},
                "filter": {"plugin_utils"},
                "action": {"plugin_utils", "module_utils", "action"},
            }[place]
            assert of in may, name
        elif name.split(".")[0] == "ansible":
            assert place in {"modules", "filter", "action"} or path.name == "door.py", name
            # urls: Ansible's own client of HTTP.
            may = {"ansible.module_utils.basic", "ansible.module_utils.urls"}
            assert place != "modules" or name in may, name
        elif place in {"modules", "module_utils"}:
            # Ansible packs no others, and hosts have no others. selinux and dnf are found at run
            # time, if at all, and then not by an import at the top of a file.
            assert name.split(".")[0] in sys.stdlib_module_names, name


@each(ON_HOSTS)
def test_hosts_can_read_it(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))
    for node in ast.walk(tree):
        # Names that 3.6 lacks are found by vermin, in `make lint`.
        if isinstance(node, ast.ImportFrom):
            assert node.module not in {"__future__", "dataclasses"}, node.lineno


@pytest.fixture(scope="module")
def python36() -> str:
    """Find the oldest Python that a host may have."""
    # Where pyenv manages interpreters, what is called so in PATH may only say that it is not.
    places = [shutil.which("python3.6"), *Path.home().glob(".pyenv/versions/3.6.*/bin/python3.6")]
    for place in filter(None, places):
        done = subprocess.run([place, "-c", ""], capture_output=True, check=False)
        if done.returncode == 0:
            return str(place)
    pytest.skip("there is no python3.6 on this machine")


def test_python_3_6_imports_what_runs_on_hosts(python36: str) -> None:
    names = [path.stem for path in ON_HOSTS if path not in MODULES]
    code = "".join(f"import {COLLECTION}.module_utils.{name}\n" for name in names)
    code += "".join(f"compile(open({str(path)!r}).read(), 'module', 'exec')\n" for path in MODULES)
    environment = {
        "PYTHONPATH": str(ROOT / "collections"),
        "PYTHONDONTWRITEBYTECODE": "1",
        # As over SSH, without a language.
        "LC_ALL": "C",
        "PATH": os.defpath,
    }
    done = subprocess.run(
        [python36, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def tasks(node: Any) -> Iterator[dict[str, Any]]:
    """Yield all tasks of a file, those in blocks and plays too."""
    for one in node if isinstance(node, list) else []:
        if isinstance(one, dict):
            yield one
            for part in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks"):
                yield from tasks(one.get(part))


@each(YAML)
def test_own_plugins_have_their_full_names(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    modules = {module.stem for module in MODULES}
    for task in tasks(yaml.load(text, Loader=Loader)):
        assert not modules & task.keys(), task.get("name")
    for plugin in FILTERS:
        assert not re.search(rf"\|\s*{plugin.stem}\b", text), plugin.stem
    there = {plugin.stem for plugin in [*MODULES, *FILTERS]} | set(ROLES)
    there |= {playbook.stem for playbook in (ROOT / "playbooks").glob("*.yml")}
    for name in re.findall(r"\bflaskstack\.centos\.(\w+)", text):
        assert name in there, name


class Loader(yaml.SafeLoader):
    """Reads YAML that has Ansible's own tags."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


@each(sorted([*ROOT.glob("roles/*/vars/*"), *ROOT.glob("playbooks/vars/*")]))
def test_variables_are_no_programs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "{%" not in text
    if path.name == "main.yml":
        assert len(text.splitlines()) < 80
