"""What the roles promise each other and their users, held against the files themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from templar import ROLES, ROOT, load

#: Variables of Ansible's own that the roles may read; every fact is in ansible_facts.
MAGIC = {
    "ansible_check_mode",
    "ansible_connection",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_failed_result",
    "ansible_failed_task",
    "ansible_no_target_syslog",
    "ansible_pipelining",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_name",
    "ansible_playbook_python",
    "ansible_python_interpreter",
    "ansible_version",
}

#: Directives of nginx that look like variables of a role.
DIRECTIVES = re.compile(
    r"\buwsgi_(params?|pass|connect_timeout|read_timeout|next_upstream|cache\w*|buffer\w*)\b"
)

FRAGMENTS = {"sandbox.j2", "surroundings.j2"}
#: Visitors see it, and need not know how the host is managed.
PUBLIC = {"page.html.j2"}


def specs(role: str) -> dict[str, Any]:
    """Give a role's entry points."""
    return load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]


def described(options: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and specification of every option, item keys included."""
    for name, spec in options.items():
        yield path + name, spec
        yield from described(spec.get("options", {}), f"{path}{name}.")


def files(role: str) -> list[Path]:
    """Give all files of a role."""
    found = (ROOT / "roles" / role).rglob("*")
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_of_the_specs(role: str) -> None:
    options = {k: v for point in specs(role).values() for k, v in point["options"].items()}
    defaults = load(ROOT / "roles" / role / "defaults/main.yml")
    documented = {name: spec["default"] for name, spec in options.items() if "default" in spec}
    assert defaults == documented
    for name in options.keys() - defaults.keys():
        assert options[name].get("required"), name


@pytest.mark.parametrize("role", ROLES)
def test_validate_takes_what_main_takes(role: str) -> None:
    points = specs(role)
    assert points["validate"]["options"] == points["main"]["options"]
    for name in points:
        assert (ROOT / "roles" / role / f"tasks/{name}.yml").exists()


@pytest.mark.parametrize("role", ROLES)
def test_everything_is_described(role: str) -> None:
    options = [found for point in specs(role).values() for found in described(point["options"])]
    for path, spec in options:
        text = spec.get("description", "")
        assert text.endswith("."), path
        assert "type" in spec, path
        assert ("elements" in spec) == (spec["type"] == "list"), path
        assert not (spec.get("required") and "default" in spec), path
        if spec["type"] == "dict" and spec.get("options") and "default" in spec:
            assert spec["default"] == {}, path


@pytest.mark.parametrize("role", ROLES)
def test_names_have_the_roles_prefix(role: str) -> None:
    for name in specs(role)["main"]["options"]:
        assert name.startswith(f"{role}_")
    for path in (ROOT / "roles" / role / "vars").glob("*.yml"):
        for name in load(path):
            assert name.startswith(f"__{role}_"), path
    for path in files(role):
        if path.suffix == ".yml" and path.parent.name in ("tasks", "handlers"):
            text = path.read_text(encoding="utf-8")
            for name in re.findall(r"(?:register|loop_var): (\w+)", text):
                assert name.startswith(f"__{role}_"), path


def set_facts(tasks: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the names that some tasks set as facts."""
    for task in tasks:
        yield from task.get("ansible.builtin.set_fact", {})
        for part in ("block", "rescue", "always"):
            yield from set_facts(task.get(part, []))


@pytest.mark.parametrize("role", ROLES)
def test_facts_for_others_are_announced(role: str) -> None:
    points = specs(role).values()
    announced = " ".join(text for point in points for text in point.get("description", []))
    for path in (ROOT / "roles" / role / "tasks").glob("*.yml"):
        for name in set_facts(yaml.safe_load(path.read_text(encoding="utf-8"))):
            assert name.startswith((f"{role}_", f"__{role}_")), path
            assert name.startswith("__") or f"C({name})" in announced, name


@pytest.mark.parametrize("role", ROLES)
def test_role_knows_no_other(role: str) -> None:
    others = "|".join(other for other in ROLES if other != role)
    foreign = re.compile(rf"(?:\b|__)(?:{others})_[a-z]\w*")
    for path in files(role):
        text = path.read_text(encoding="utf-8")
        assert not re.search(rf"\bflaskstack\.centos\.(?:{others})\b", text), path
        # A module is not a role's, though it may be called by what one of them is about.
        text = re.sub(r"\bflaskstack\.centos\.\w+", "", DIRECTIVES.sub("", text))
        # flask_app_x is no x of flask, __nginx_x no x of __n: only whole names count.
        assert not foreign.findall(text), path
        assert not re.search(r"\b(include|import)_role\b", text), path


@pytest.mark.parametrize("role", ROLES)
def test_role_knows_no_group_and_no_injected_fact(role: str) -> None:
    for path in files(role):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\bgroups\s*[\[.]|\bgroup_names\b", text), path
        # Of other hosts, only what the same role noted there.
        noted = rf"\[host\]\.__{role}_|\) \| map\(attribute='__{role}_"
        assert not re.search(rf"\bhostvars\b(?!{noted})", text), path
        assert set(re.findall(r"\bansible_[a-z_]+", text)) <= MAGIC, path


@pytest.mark.parametrize("role", ROLES)
def test_role_needs_no_role(role: str) -> None:
    meta = load(ROOT / "roles" / role / "meta/main.yml")
    assert meta["dependencies"] == []
    assert meta["galaxy_info"]["role_name"] == role
    text = (ROOT / "meta/runtime.yml").read_text(encoding="utf-8")
    assert meta["galaxy_info"]["min_ansible_version"] in text


@pytest.mark.parametrize("role", ROLES)
def test_tags_are_the_role_and_a_purpose(role: str) -> None:
    tasks = yaml.safe_load((ROOT / "roles" / role / "tasks/main.yml").read_text(encoding="utf-8"))
    for task in tasks:
        if task["tags"] == ["always"]:
            # Without the role's own tag, it is there with --skip-tags of the role too.
            continue
        first, *rest = task["tags"]
        assert first == role
        assert rest, task["name"]
        for tag in rest:
            assert tag == "always" or tag.startswith(f"{role}_"), task["name"]


@pytest.mark.parametrize(
    "template",
    sorted(
        path.relative_to(ROOT)
        for path in ROOT.glob("roles/*/templates/**/*")
        if path.is_file() and path.name not in PUBLIC
    ),
    ids=str,
)
def test_templates_begin_with_the_header(template: Path) -> None:
    role = template.parts[1]
    text = (ROOT / template).read_text(encoding="utf-8")
    if template.name in FRAGMENTS:
        including = [
            path.read_text(encoding="utf-8") for path in (ROOT / template).parent.iterdir()
        ]
        assert any(f"include '{template.name}'" in other for other in including)
        return
    header = f"Managed by Ansible (flaskstack.centos, role {role}): changes made here are lost."
    internal = load(ROOT / "roles" / role / "vars/main.yml")
    first = (
        text.removeprefix("#!/bin/sh\n")
        .split("\n", 1)[0]
        .replace(f"{{{{ __{role}_header }}}}", internal.get(f"__{role}_header", ""))
    )
    assert first == f"# {header}"


def test_one_version() -> None:
    galaxy = load(ROOT / "galaxy.yml")["version"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == galaxy
    changelog = ROOT / "CHANGELOG.md"
    if changelog.exists():
        found = re.search(r"^## \[?v?(\d+\.\d+\.\d+)", changelog.read_text(encoding="utf-8"), re.M)
        assert found is not None
        assert found[1] == galaxy


def test_uv_is_the_same_everywhere() -> None:
    default = load(ROOT / "roles/python/defaults/main.yml")["python_uv_version"]
    assert f'"uv=={default}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_collection_ships_the_collection() -> None:
    manifest = load(ROOT / "galaxy.yml")["manifest"]
    assert manifest["omit_default_directives"] is True
    directives = [line.split() for line in manifest["directives"]]
    included = {name for verb, *names in directives if verb == "include" for name in names}
    assert {"README.md", "CHANGELOG.md", "LICENSE", "meta/runtime.yml"} <= included
    trees = {names[0] for verb, *names in directives if verb == "recursive-include"}
    assert {"roles", "playbooks", "plugins"} <= trees
    # What is neither runs nor documents a role stays in the workshop.
    assert not trees & {"molecule", "tests", "lab", "tools", "inventory", "app", "."}


def test_tarball_is_what_users_need(tmp_path: Path) -> None:
    done = subprocess.run(
        ["ansible-galaxy", "collection", "build", "--output-path", tmp_path],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (tarball,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(tarball) as archive:
        members = archive.getmembers()
    assert not [one.name for one in members if not (one.isfile() or one.isdir())]
    names = {one.name for one in members if one.isfile()} - {"MANIFEST.json", "FILES.json"}
    # The link collections/ to the checkout is not followed, and what only the checkout needs stays.
    assert {name.split("/")[0] for name in names if "/" in name} == {
        "docs",
        "meta",
        "monitoring",
        "playbooks",
        "plugins",
        "roles",
    }
    known = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert names <= set(known)
    for tree in ("meta", "playbooks", "plugins", "roles"):
        there = {name for name in known if name.startswith(f"{tree}/") and (ROOT / name).exists()}
        assert there <= names
    assert {"meta/runtime.yml", "README.md", "README.zh-CN.md", "LICENSE"} <= names


def test_galaxy_and_requirements_name_the_same_collections() -> None:
    wanted = load(ROOT / "galaxy.yml")["dependencies"]
    assert set(wanted) == {"ansible.posix"}
    listed = {one["name"]: one for one in load(ROOT / "requirements.yml")["collections"]}
    assert wanted.keys() <= listed.keys()


def test_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/reference.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("role", ROLES)
def test_role_readme_is_complete_and_plain_markdown(role: str) -> None:
    text = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    options = [found for point in specs(role).values() for found in described(point["options"])]
    for path, _ in options:
        assert f"| `{path.rsplit('.', 1)[-1]}` |" in text, path
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    assert not re.search(r"\b(?:[CVOIBELU]|RV)\(", prose)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} <= {3, 5}


@pytest.mark.parametrize("role", ROLES)
def test_example_sets_variables_that_there_are(role: str) -> None:
    (play,) = yaml.safe_load((ROOT / "roles" / role / "examples/alone.yml").read_text("utf-8"))
    (used,) = play["roles"]
    assert used["role"] == role
    assert used["vars"].keys() <= specs(role)["main"]["options"].keys()


def outline(text: str) -> tuple[list[int], list[str], list[str]]:
    """Give heading levels, code blocks without comments, and links of a Markdown text."""
    fence = re.compile(r"^```.*?^```", re.M | re.S)
    blocks = [
        "\n".join(
            line
            for line in (re.sub(r"(^|\s)#.*", "", line).rstrip() for line in block.splitlines())
            if line
        )
        for block in fence.findall(text)
    ]
    prose = fence.sub("", text)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose, flags=re.M)]
    # Each points at the other, and at pages of its own language, where headings have another
    # fragment.
    links = [
        re.sub(r"(\.zh-CN)?\.md$", "", link.split("#")[0])
        for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", prose)
    ]
    return levels, blocks, sorted(links)


def test_both_readmes_say_the_same() -> None:
    english, chinese = ROOT / "README.md", ROOT / "README.zh-CN.md"
    # Both or none: half a translation is none.
    assert english.exists() == chinese.exists()
    if not english.exists():
        return
    ours = outline(english.read_text(encoding="utf-8"))
    theirs = outline(chinese.read_text(encoding="utf-8"))
    for one, other in zip(ours, theirs, strict=True):
        assert one == other


def test_playbooks_of_the_collection_are_whole() -> None:
    # Every file that a playbook refers to is there, by the name that it has in the collection too.
    for path in (ROOT / "playbooks").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"import_(?:tasks|playbook): (\S+)", text):
            assert (path.parent / name).exists(), f"{path.name}: {name}"


def test_an_inventory_says_whose_its_applications_are() -> None:
    # A play's own variables would come before an inventory's.
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        for play in load(path):
            assert not {"uwsgi_owner", "nginx_owner"} & play.get("vars", {}).keys(), path.name


def test_playbooks_call_roles_by_their_full_names() -> None:
    # Then site.yml runs from any directory: collections/ is beside it, roles_path in ansible.cfg.
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").rglob("*.yml")]
    named = [name for text in texts for name in re.findall(r"_role:\n +name: (\S+)", text)]
    assert {name.rpartition(".")[0] for name in named} == {"flaskstack.centos"}


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"3.12": "/usr/bin/python3.12", "3.11": "/usr/bin/python3.11"}, "/usr/bin/python3.11"),
        # All applications name another version than the default.
        ({"3.12": "/usr/bin/python3.12"}, "/usr/bin/python3.12"),
    ],
)
def test_certbot_has_an_interpreter_that_is_there(there: dict[str, str], expected: str) -> None:
    wired = load(ROOT / "playbooks/vars/wiring.yml")["nginx_acme_python"]
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    variables = {"python_interpreters": there, "python_default_version": "3.11"}
    assert template.from_string(wired).render(variables) == expected


@pytest.mark.parametrize("role", ROLES)
def test_tasks_use_what_was_checked(role: str) -> None:
    # -e nginx_maintenance=false is a text, which is true; a text of a list is its letters. A text
    # alone is the same before and after.
    options = {k: v for point in specs(role).values() for k, v in point["options"].items()}
    typed = [name for name, spec in options.items() if spec["type"] not in {"str", "path"}]
    # Ansible reads the keyword no_log as the plan reads the variable.
    allowed = (
        rf"(when: {role}_validate is truthy\(convert_bool=true\)"
        rf'|no_log: "{{{{ {role}_no_log }}}}")$'
    )
    for path in (ROOT / "roles" / role / "tasks").glob("*.yml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if not re.search(allowed, line) and not line.lstrip().startswith("#"):
                raw = rf"(?<![\w.])({'|'.join(typed)})\b(?!:)"
                assert not re.search(raw, line), (path.name, line)


@pytest.mark.parametrize("job", ["maintenance", "remove"])
@pytest.mark.parametrize("name", ["", "../../../etc", "a/b", ".", "shop"])
def test_paths_are_made_of_names_of_sites_only(job: str, name: str) -> None:
    # Below them something is removed.
    checked = []
    for task in load(ROOT / f"roles/nginx/tasks/{job}.yml"):
        if "ansible.builtin.assert" not in task:
            break
        that = task["ansible.builtin.assert"]["that"]
        checked += [that] if isinstance(that, str) else that
    (pattern,) = re.findall(rf"nginx_{job}_site is match\('(.*)'\)", "\n".join(checked))
    assert bool(re.match(pattern, name)) is (name == "shop")


def test_builds_are_known_whichever_tags_are_skipped() -> None:
    # Or the uwsgi role would write a release of a build that is not there.
    (found,) = (
        task
        for task in load(ROOT / "roles/flask_app/tasks/main.yml")
        if "resolve.yml" in str(task.values())
    )
    assert found["tags"] == ["always"]


@pytest.mark.parametrize("role", ROLES)
def test_proxy_and_authorities_are_said_once_for_all_roles(role: str) -> None:
    defaults = [str(o.get("default")) for _, o in described(specs(role)["main"]["options"])]
    for name in "flaskstack_index_url", "flaskstack_proxy", "flaskstack_ca_bundle":
        assert any(name in default for default in defaults), name


def test_what_asks_an_index_is_told_the_way_and_whom_to_trust() -> None:
    tasks = [
        task
        for role in ROLES
        for path in files(role)
        if path.parent.name == "tasks"
        for task in re.split(r"(?m)^ *- name: ", path.read_text())
        if re.search(r"(?m)^ +index_url: ", task)
    ]
    assert len(tasks) >= 3
    for task in tasks:
        for option in "proxy", "ca_bundle":
            assert re.search(rf"(?m)^ +{option}: ", task), task
