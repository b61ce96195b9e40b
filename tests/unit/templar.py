"""Evaluate a role's variables and templates through Ansible itself, without a host.

Each case is a set of variables, the role's input, for one turn of a task's loop. The role's
defaults are the inventory's variables, its internal variables the play's, as when the role
runs. One run of ansible-playbook for each processor evaluates all cases of a role.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("python", "flask_app", "uwsgi", "nginx")

#: What the roles ask of a host, for a host that is not there.
FACTS: dict[str, Any] = {
    "os_family": "RedHat",
    "distribution": "CentOS",
    "distribution_major_version": "9",
    "selinux": {"status": "disabled"},
}


class Unsafe(str):
    """A text that the user marked !unsafe: Ansible must not evaluate it."""

    __slots__ = ()


class Dumper(yaml.SafeDumper):
    """YAML without anchors, so that a case reads as a user would have written it."""

    def ignore_aliases(self, data: object) -> bool:
        """Repeat what occurs twice."""
        return True


Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


def unsaid(value: Any) -> Any:
    """Return a variable's default as it is where the inventory says nothing to several roles."""
    if "{{" not in str(value):
        return value
    found = re.search(r"default\('([a-z]*)', true\)", str(value))
    return found.group(1) if found else ""


def load(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping."""
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def evaluate(
    directory: Path,
    expressions: dict[str, str],
    cases: dict[str, dict[str, Any]],
    *,
    defaults: list[Path],
    variables: list[Path],
    templates: Path | None = None,
) -> dict[str, dict[str, Any]]:
    """Evaluate named expressions for every case; return case -> name -> value.

    Args:
        directory: a directory for the files of the run.
        expressions: name -> Jinja expression, without the braces.
        cases: name -> the variables of the case. Two are not the role's: ``facts`` replace
            some of FACTS, ``wanted`` names the expressions that the case is about (default: all;
            the others are None).
        defaults: files whose variables any case may override.
        variables: files whose variables it may not.
        templates: the directory in which the template lookup looks.

    Raises:
        AssertionError: Ansible did not get through, with its output.
    """
    if templates is not None:
        (directory / "templates").symlink_to(templates)
    base: dict[str, Any] = {}
    for path in defaults:
        base |= load(path)
    usual = {"wanted": list(expressions)}
    given = {
        name: usual | case | {"facts": FACTS | case.get("facts", {})}
        for name, case in cases.items()
    }
    names = sorted({key for case in given.values() for key in case})
    # A case lacks what only others set, unless it has a default.
    items = [
        {"name": name}
        | {key: case.get(key, base.get(key)) for key in names if key in case or key in base}
        for name, case in given.items()
    ]
    task = {
        "name": "Evaluate",
        "debug": {
            "msg": {
                name: f"{{{{ ({text}) if '{name}' in case.wanted else none }}}}"
                for name, text in expressions.items()
            }
        },
        "loop_control": {"loop_var": "case"},
        "vars": {key: f"{{{{ case.{key} }}}}" for key in names if key not in usual}
        | {"ansible_facts": "{{ case.facts }}"},
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [str(path) for path in variables],
    }
    inventory = {"all": {"hosts": {"localhost": {}}, "vars": base}}
    write(directory / "inventory.yml", inventory)
    shares = min(os.cpu_count() or 1, len(items) // 10 + 1)
    for share in range(shares):
        # The loop is written out, because the template lookup copies every variable there is.
        tasks = [task | {"loop": items[share::shares]}]
        write(directory / f"play{share}.yml", [play | {"tasks": tasks}])
    with ThreadPoolExecutor(shares) as pool:
        answers = list(pool.map(lambda share: run(directory, f"play{share}.yml"), range(shares)))
    return {result["case"]["name"]: result["msg"] for results in answers for result in results}


def write(path: Path, content: object) -> None:
    """Write a YAML file."""
    text = yaml.dump(content, Dumper=Dumper, allow_unicode=True, sort_keys=False)
    path.write_text(text, encoding="utf-8")


#: ansible-playbook, but each template is compiled once: Ansible does it anew for each use, which
#: is four fifths of the time where the same ones are used with every case.
PLAYBOOK = """
import jinja2
from ansible.cli.playbook import main

compiled = {}
compile_anew = jinja2.Environment.compile

def compile_once(self, source, *args, **kwargs):
    if not isinstance(source, str):
        return compile_anew(self, source, *args, **kwargs)
    syntax = self.block_start_string, self.trim_blocks, self.lstrip_blocks, self.newline_sequence
    key = type(self), str(source), syntax, self.keep_trailing_newline, args, *kwargs.items()
    if key not in compiled:
        compiled[key] = compile_anew(self, source, *args, **kwargs)
    return compiled[key]

jinja2.Environment.compile = compile_once
main()
"""


def run(directory: Path, playbook: str) -> list[dict[str, Any]]:
    """Run a playbook of one looping task; return the results of the loop.

    Raises:
        AssertionError: Ansible did not get through, with its output.
    """
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(ROOT / ".ansible"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    }
    done = subprocess.run(
        [sys.executable, "-c", PLAYBOOK, "-i", "inventory.yml", playbook],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (task,) = json.loads(done.stdout)["plays"][0]["tasks"]
    return task["hosts"]["localhost"]["results"]


def evaluate_role(
    role: str,
    directory: Path,
    expressions: dict[str, str],
    cases: dict[str, dict[str, Any]],
    *more: Path,
) -> dict[str, dict[str, Any]]:
    """Evaluate expressions with the variables of one role, and of more files on top.

    Raises:
        AssertionError: as evaluate() does.
    """
    home = ROOT / "roles" / role
    return evaluate(
        directory,
        expressions,
        cases,
        defaults=[home / "defaults/main.yml"],
        variables=[home / "vars/main.yml", *more],
        templates=home / "templates" if (home / "templates").is_dir() else None,
    )


def has(problems: list[str], *parts: str) -> bool:
    """Tell whether one of the sentences has all the parts."""
    return any(all(part in sentence for part in parts) for sentence in problems)
