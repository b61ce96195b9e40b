"""Render templates: what the template module would write, and nothing that is not handed over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import templates
from templar import ROOT

#: Texts whose white space says how they are read.
TEXTS = {
    "line": "{% if on %}\nlisten = 1\n{% endif %}\nend\n",
    "indented": "a\n  {% if on %}\n  b\n  {% endif %}\nc\n",
    "minus": "a {%- if on %} b {%- endif %}\n",
    "comment": "{# about #}\na {# about #} b\n",
    "loop": "{% for name in names %}\n{{ name }}\n{% endfor %}\n",
    "loop_at_end": "{% for name in names %}\n{{ name }}\n{% endfor %}",
    "none_at_end": "a\n\n{% if not on %}\nb\n{% endif %}\n",
    "no_newline": "a",
    "newlines": "a\n\n\n",
    "empty": "",
    "null": "[{{ nothing }}] [{{ nothing or 'x' }}]\n",
    "types": "{{ number }} {{ on }} {{ names }} {{ 'ü' }}\n",
    "braces": "{{ '{{' }} {{ text }}\n",
    "markup": "{{ markup }}\n",
    "part": "in {{ number }}\n",
    "include": "a\n{% include 'part.j2' %}\nb\n",
    "include_at_end": "a\n{% include 'part.j2' %}",
    "include_twice": "{% include 'part.j2' %}\n\n{% include 'part.j2' %}\n",
    "macro": "{% macro m(x) %}\n<{{ x }}>\n{% endmacro %}\n{{ m(1) }}\n{{ m(2) }}\n",
    "set": "{% set x = number + 1 %}\nx = {{ x }}\n",
}
VARIABLES = {
    "on": True,
    "names": ["a", "b"],
    "nothing": None,
    "number": 3,
    "markup": '<a href="b">&\'',
}
#: A text that would be a template: only text to us, and in the comparison not evaluated either.
BRACES = "{{ number }}"


@pytest.fixture
def role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return what makes a template of the role ``probe``."""
    monkeypatch.setattr(templates, "COLLECTION", tmp_path)
    templates.environment.cache_clear()
    directory = tmp_path / "roles/probe/templates"
    directory.mkdir(parents=True)

    def put(name: str, text: str) -> None:
        (directory / f"{name}.j2").write_text(text, encoding="utf-8")

    return put


def test_text_is_the_one_that_the_template_module_writes(
    role: Callable[[str, str], None], tmp_path: Path
) -> None:
    for name, text in TEXTS.items():
        role(name, text)
    play = [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": VARIABLES,
            "vars_files": ["text.yml"],
            # The template module's way, but all of them in one task.
            "tasks": [
                {
                    "copy": {"dest": "answer.json", "content": "{{ texts | to_json }}"},
                    "vars": {
                        "texts": {
                            name: f"{{{{ lookup('template', 'roles/probe/templates/{name}.j2') }}}}"
                            for name in TEXTS
                        }
                    },
                }
            ],
        }
    ]
    (tmp_path / "text.yml").write_text(f'text: !unsafe "{BRACES}"\n', encoding="utf-8")
    (tmp_path / "play.yml").write_text(json.dumps(play), encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "play.yml"],
        cwd=tmp_path,
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_INVENTORY": "localhost,",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    theirs = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    for name in TEXTS:
        ours = templates.render("probe", f"{name}.j2", **VARIABLES, text=BRACES)
        assert ours == theirs[name], name


def test_variable_that_was_not_handed_over_is_an_error(role: Callable[[str, str], None]) -> None:
    role("a", "{{ missing }}")
    role("b", "{{ app.missing }}")
    role("c", "{% for one in missing %}{% endfor %}")
    for name in ("a", "b", "c"):
        with pytest.raises(jinja2.UndefinedError, match="missing"):
            templates.render("probe", f"{name}.j2", app={})


def test_filters_of_ansible_are_an_error(role: Callable[[str, str], None]) -> None:
    role("a", "{{ 'a' | to_json }}")
    with pytest.raises(jinja2.TemplateAssertionError, match="to_json"):
        templates.render("probe", "a.j2")


def test_template_that_is_not_there_is_named(role: Callable[[str, str], None]) -> None:
    with pytest.raises(jinja2.TemplateNotFound, match=r"nothing\.j2"):
        templates.render("probe", "nothing.j2")


def test_template_is_compiled_once(role: Callable[[str, str], None]) -> None:
    role("a", "{{ number }}\n")
    assert templates.environment("probe") is templates.environment("probe")
    for number in range(3):
        assert templates.render("probe", "a.j2", number=number) == f"{number}\n"
