"""What goes through the door between Ansible's data and ours.

With whichever ansible-core runs it: .venv's, and those of other releases, as `make unit
CORE=2.16` runs it.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import (
    WRAPS,
    data,
    plain,
    through,
)
from templar import ROOT


def types_of(value: Any) -> set[type]:
    """Return the exact types in some data."""
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set):
        parts = list(value)
    else:
        parts = []
    return {type(value)}.union(*(types_of(part) for part in parts))


@dataclasses.dataclass
class App:
    """Some data of ours."""

    name: str
    ports: list[int]


def test_plain_data_stays_as_it_is() -> None:
    value = {"a": [1, 1.5, True, None, "x", {"b": []}], 3: "y", "": {}}
    assert plain(value) == value
    assert plain(value)["a"][2] is True


def test_dates_stay_dates_whatever_carries_them() -> None:
    class Date(datetime.date):
        """As a date that Ansible has tagged."""

    class Noon(datetime.datetime):
        """As a point in time that Ansible has tagged."""

    value = plain([Date(2026, 1, 2), Noon(2026, 1, 2, 12, tzinfo=datetime.UTC)])
    assert value == [Date(2026, 1, 2), Noon(2026, 1, 2, 12, tzinfo=datetime.UTC)]
    assert types_of(value) == {list, datetime.date, datetime.datetime}


def test_subclasses_become_what_they_are_made_of() -> None:
    class Text(str):
        """As a text that Ansible has tagged."""

        def __str__(self) -> str:
            return self

    class Number(int):
        """As a number that Ansible has tagged."""

    class Fraction(float):
        """As a fraction that Ansible has tagged."""

    class Names(list[Any]):
        """As a list that Ansible has tagged."""

    class Keys(dict[Any, Any]):
        """As a dictionary that Ansible has tagged."""

    value = Keys({Text("a"): Names([Text("b"), Number(3), Fraction(0.5), True])})
    assert plain(value) == {"a": ["b", 3, 0.5, True]}
    assert types_of(plain(value)) == {dict, list, str, int, float, bool}


def test_other_containers_become_lists() -> None:
    assert plain(("a", ("b",))) == ["a", ["b"]]
    assert plain({"a"}) == ["a"]
    assert plain(frozenset({"a"})) == ["a"]
    # What filters of Jinja's own make.
    assert plain({"a": 1}.items()) == [["a", 1]]
    assert plain(one for one in "ab") == ["a", "b"]


def test_texts_that_are_not_to_be_evaluated_are_texts() -> None:
    value = wrap_var({"a": ["{{ b }}", {"c": "{{ d }}"}]})
    assert plain(value) == {"a": ["{{ b }}", {"c": "{{ d }}"}]}
    assert types_of(plain(value)) == {dict, list, str}


def test_answer_is_never_evaluated() -> None:
    out = data({"a": ["{{ b }}"]})
    assert out == {"a": ["{{ b }}"]}
    if WRAPS:
        assert type(out["a"][0]).__name__ == "AnsibleUnsafeText"
    else:
        # What nobody has tagged as trusted is no template.
        assert types_of(out) == {dict, list, str}


def test_data_of_ours_goes_out_as_dictionaries() -> None:
    assert data(App("shop", [80])) == {"name": "shop", "ports": [80]}
    assert data({"apps": [App("shop", [80])], "one": App("a", [])}) == {
        "apps": [{"name": "shop", "ports": [80]}],
        "one": {"name": "a", "ports": []},
    }


def test_filter_hands_over_plain_data_and_keeps_the_name() -> None:
    seen = []

    def plan(value: Any, *arguments: Any, **options: Any) -> App:
        """Say what it does."""
        seen.append((value, arguments, options))
        return App("shop", [80])

    out = through(plan)(wrap_var({"a": "b"}), wrap_var(["c"]), key=wrap_var("d"))
    assert out == {"name": "shop", "ports": [80]}
    ((value, arguments, options),) = seen
    assert (value, arguments, options) == ({"a": "b"}, (["c"],), {"key": "d"})
    assert types_of([value, list(arguments), options]) == {list, dict, str}
    assert through(plan).__name__ == "plan"


@pytest.mark.parametrize(
    "error", [ValueError("No such key."), FileNotFoundError(2, "No such file", "/x")]
)
def test_what_cannot_be_done_is_the_filters_error(error: Exception) -> None:
    def plan(value: Any) -> Any:
        raise error

    with pytest.raises(AnsibleFilterError, match="No such"):
        through(plan)("a")


def test_fault_of_our_own_is_none_of_them() -> None:
    with pytest.raises(KeyError):
        through(lambda value: {}["missing"])("a")


PLUGIN = """
from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import through

def types_of(value):
    if isinstance(value, dict):
        return {"dict"}.union(*map(types_of, value), *map(types_of, value.values()))
    if isinstance(value, list):
        return {"list"}.union(*map(types_of, value))
    assert type(value) in (str, int, bool, float, type(None)), type(value)
    return {type(value).__name__}

def look(value, *more, **options):
    return {"value": value, "types": sorted(types_of([value, list(more), options]))}

class FilterModule:
    def filters(self):
        return {"look": through(look)}
"""

#: Asks for each kind of value that a user may write, and hands a text with braces on to the next.
PLAY = """
- hosts: a
  gather_facts: false
  vars:
    plain: {text: grün, number: 3, truth: true, nothing: null, list: [a, {b: c}]}
    braces: !unsafe "{{ 1 + 1 }}"
    inner: "{{ plain.text }}"
    templated: {deep: ["{{ inner }}", "{{ plain.number }}"]}
  vars_files: [secret.yml]
  tasks:
    - set_fact:
        kept: "{{ {'braces': braces, 'secret': secret} | look }}"
        other: "{{ hostvars['b'].given | look }}"
    - copy:
        dest: "{{ playbook_dir }}/answer.json"
        content: "{{ answer | to_json }}"
      vars:
        answer:
          plain: "{{ plain | look }}"
          templated: "{{ templated | look }}"
          kept: "{{ kept }}"
          again: "{{ kept.value.braces | look }}"
          other: "{{ other }}"
          argument: "{{ plain | look(braces, key=secret) }}"
          generated: "{{ [plain.number, 4] | map('string') | look }}"
          registered: "{{ kept | look }}"
"""


def test_all_kinds_of_ansibles_data_go_through(tmp_path: Path) -> None:
    # Through ansible-playbook itself: lazy containers, vaulted and tagged texts are made by it.
    (tmp_path / "filter_plugins").mkdir()
    (tmp_path / "filter_plugins/look.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    (tmp_path / "password").write_text("open sesame", encoding="utf-8")
    sealed = VaultLib([("default", VaultSecret(b"open sesame"))]).encrypt("s3cr{{ 1 }}et")
    lines = "".join(f"  {line}\n" for line in sealed.decode().splitlines())
    (tmp_path / "secret.yml").write_text(f"secret: !vault |\n{lines}", encoding="utf-8")
    hosts = {"a": {"ansible_connection": "local"}, "b": {"given": {"x": ["{{ 2 * 3 }}"]}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "hosts.yml", "play.yml"]
        + ["--vault-password-file", "password"],
        cwd=tmp_path,
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    values = {name: one["value"] for name, one in answer.items()}
    assert values["plain"] == {
        "text": "grün",
        "number": 3,
        "truth": True,
        "nothing": None,
        "list": ["a", {"b": "c"}],
    }
    # A number out of a template alone is a text before ansible-core 2.19 has made it native.
    assert [str(one) for one in values["templated"]["deep"]] == ["grün", "3"]
    assert values["kept"] == {"braces": "{{ 1 + 1 }}", "secret": "s3cr{{ 1 }}et"}
    assert values["again"] == "{{ 1 + 1 }}"
    assert [str(one) for one in values["other"]["x"]] == ["6"]
    assert values["registered"]["value"] == values["kept"]
    assert values["generated"] == ["3", "4"]
    assert answer["argument"]["types"] == ["NoneType", "bool", "dict", "int", "list", "str"]
