"""The execution environment has what the collection needs; what is shown of automation is true."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from templar import ROOT

ENVIRONMENT: dict[str, Any] = yaml.safe_load(
    (ROOT / "execution-environment.yml").read_text("utf-8")
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
#: What ansible-core itself requires.
OF_CORE = {"ansible", "ansible_collections", "jinja2", "yaml"}
SURVEYS = sorted((ROOT / "docs/automation").glob("survey-*.json"))


def requirements(name: str) -> list[str]:
    """Return the lines of a file of requirements."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_definition_names_files_that_are_there() -> None:
    named = [ENVIRONMENT["dependencies"][key] for key in ("galaxy", "python", "system")]
    assert named == ["requirements.yml", "requirements.txt", "bindep.txt"]
    assert all((ROOT / name).is_file() for name in named)


def test_the_tarball_has_what_ansible_builder_looks_for() -> None:
    (line,) = [
        one
        for one in yaml.safe_load((ROOT / "galaxy.yml").read_text("utf-8"))["manifest"][
            "directives"
        ]
        if "bindep.txt" in one
    ]
    assert line == "include requirements.txt bindep.txt"


def version(text: str) -> tuple[int, ...]:
    """Return a version of Python as numbers."""
    return tuple(map(int, text.split(".")))


def test_core_is_that_of_the_control_node() -> None:
    wanted = ENVIRONMENT["dependencies"]["ansible_core"]["package_pip"]
    core = re.fullmatch(r"ansible-core~=(\d+\.\d+)\.0", wanted)
    assert core is not None, wanted
    assert f"core-{core[1]}" in PROJECT["dependency-groups"]
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    locked = [one["version"] for one in lock["package"] if one["name"] == "ansible-core"]
    assert [one for one in locked if one.startswith(f"{core[1]}.")]


def test_python_carries_each_core() -> None:
    interpreter = ENVIRONMENT["dependencies"]["python_interpreter"]
    python = interpreter["package_system"].removeprefix("python")
    assert interpreter["python_path"] == f"/usr/bin/python{python}"
    for name, group in PROJECT["tool"]["uv"]["dependency-groups"].items():
        first, end = re.findall(r"[0-9.]+", group["requires-python"])
        assert version(first) <= version(python) < version(end), name


def imported() -> set[str]:
    """Return the packages that the control node's part of the collection imports."""
    found = set()
    for directory in ("plugin_utils", "filter", "action"):
        for path in (ROOT / "plugins" / directory).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {one.name.split(".")[0] for one in node.names}
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    found.add(str(node.module).split(".")[0])
    return found


def test_each_python_package_is_listed() -> None:
    listed = {re.split(r"[^\w-]", line)[0].lower() for line in requirements("requirements.txt")}
    beyond = imported() - set(sys.stdlib_module_names) - OF_CORE
    assert beyond == listed


def test_each_collection_is_listed() -> None:
    listed = {
        one["name"]
        for one in yaml.safe_load((ROOT / "requirements.yml").read_text())["collections"]
    }
    used = set()
    for path in [*ROOT.glob("roles/**/*.yml"), *ROOT.glob("playbooks/**/*.yml")]:
        for name in re.findall(r"\b(\w+\.\w+)\.\w+:\s*$", path.read_text("utf-8"), re.MULTILINE):
            used.add(name)
    used = {name for name in used if re.fullmatch(r"(?:ansible|community|containers)\.\w+", name)}
    assert used - {"ansible.builtin"} == listed


def test_each_program_is_a_package_of_both_families() -> None:
    lines = requirements("bindep.txt")
    parsed = [
        re.fullmatch(r"([\w.+-]+) \[((?:platform:(?:rpm|dpkg) ?)+)\]", line) for line in lines
    ]
    assert all(parsed)
    families = {one[1]: one[2].split() for one in parsed if one}
    for family, names in {
        "platform:rpm": {"openssh-clients", "sshpass", "git-core"},
        "platform:dpkg": {"openssh-client", "sshpass", "git"},
    }.items():
        assert {name for name, found in families.items() if family in found} == names


# ---- Surveys -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SURVEYS, ids=[path.stem for path in SURVEYS])
def test_a_survey_asks_for_what_its_playbook_takes(path: Path) -> None:
    survey = json.loads(path.read_text("utf-8"))
    name = path.stem.removeprefix("survey-")
    assert f"playbooks/{name}.yml" in survey["description"]
    playbook = (ROOT / f"playbooks/{name}.yml").read_text("utf-8")
    head = "\n".join(line for line in playbook.splitlines() if line.startswith("#"))
    assert survey["name"] and survey["spec"]
    for question in survey["spec"]:
        # AWX wants all of them.
        wanted = {
            "question_name",
            "question_description",
            "variable",
            "type",
            "required",
            "default",
        }
        assert wanted <= set(question)
        assert f"-e {question['variable']}=" in head, question
        if question["type"] == "multiplechoice":
            assert question["choices"]
            assert question["default"] in ["", *question["choices"]]
        else:
            assert {"min", "max"} <= set(question)


def test_surveys_are_linked() -> None:
    assert SURVEYS
    for page in ("automation.md", "automation.zh-CN.md"):
        text = (ROOT / "docs" / page).read_text("utf-8")
        for path in SURVEYS:
            assert f"(automation/{path.name})" in text


def blocks(page: str) -> list[str]:
    """Return the fenced blocks of a page, without the words around them."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(r"^```\w+\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def without_comments(text: str) -> list[str]:
    """Return the lines of a block that are no comments, which are in the page's language."""
    return [re.sub(r"\s*#.*", "", line).rstrip() for line in text.splitlines() if line.strip()]


def test_both_pages_show_the_same() -> None:
    one, other = blocks("automation.md"), blocks("automation.zh-CN.md")
    assert [without_comments(block) for block in one] == [
        without_comments(block) for block in other
    ]
