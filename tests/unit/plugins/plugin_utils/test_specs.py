"""Read items by their description: complete, of the described types; a sentence for the rest."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import specs
from templar import ROLES

NOON = dt.datetime(2026, 1, 2, 12)  # noqa: DTZ001 - as YAML has it

OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "python": {"type": "str"},
    "processes": {"type": "int", "default": 2},
    "weight": {"type": "float"},
    "lazy": {"type": "bool", "default": False},
    "kind": {"type": "str", "choices": ["http", "tcp"], "default": "http"},
    "root": {"type": "path", "default": "/opt"},
    "env": {"type": "dict", "default": {}},
    "tags": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "int", "choices": [80, 443]},
    "anything": {"type": "raw"},
    "health": {
        "type": "dict",
        "default": {},
        "options": {
            "path": {"type": "str"},
            "status": {"type": "int", "default": 200},
            "timeout": {"type": "int", "default": 30},
        },
    },
    "workers": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "stop": {"type": "int", "default": 10},
        },
    },
}


def read(
    defaults: dict[str, Any] | None = None, /, **given: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return an item as it is read, and key -> what is said of it."""
    said: dict[str, str] = {}

    def say(key: str, sentence: str) -> None:
        assert key not in said
        said[key] = sentence

    return specs.read(OPTIONS, {"name": "shop"} | given, say, defaults), said


COMPLETE = {
    "name": "shop",
    "processes": 2,
    "lazy": False,
    "kind": "http",
    "root": "/opt",
    "env": {},
    "tags": [],
    "health": {"status": 200, "timeout": 30},
}


def test_item_has_each_key_with_a_default_in_the_order_of_the_description() -> None:
    item, said = read()
    assert item == COMPLETE
    assert said == {}
    item, _ = read(ports=[80], python="3.12")
    assert list(item) == [key for key in OPTIONS if key in item]


def test_defaults_of_one_item_are_not_those_of_the_next() -> None:
    item, _ = read()
    item["env"]["A"] = "b"
    item["tags"].append("x")
    item["health"]["status"] = 204
    assert read()[0] == COMPLETE


def test_null_is_as_good_as_nothing() -> None:
    nulls = {key: None for key in OPTIONS if key != "name"}
    assert read(**nulls) == (COMPLETE, {})
    item, said = read(
        health={"status": None, "path": "/"}, workers=[{"name": "mail", "stop": None}]
    )
    assert item["health"] == {"path": "/", "status": 200, "timeout": 30}
    assert item["workers"] == [{"name": "mail", "stop": 10}]
    assert said == {}


def test_null_of_the_users_own_keys_stays() -> None:
    assert read(env={"A": None})[0]["env"] == {"A": None}


def test_null_where_something_is_required_is_missing() -> None:
    item, said = read(name=None)
    assert said == {"name": "is missing; it has no default."}
    assert "name" not in item


def test_defaults_for_all_items_come_before_those_of_the_description() -> None:
    defaults = {
        "processes": 8,
        "health": {"timeout": 5, "path": "/up"},
        "env": {"A": "1", "B": "1"},
    }
    item, said = read(defaults, health={"path": "/healthz"}, env={"B": "2"})
    assert item["processes"] == 8
    assert item["health"] == {"path": "/healthz", "status": 200, "timeout": 5}
    assert item["env"] == {"A": "1", "B": "2"}
    assert said == {}
    # An item's null is no value: what the user wants of all items holds.
    assert read(defaults, processes=None)[0]["processes"] == 8
    assert read({"processes": None})[0]["processes"] == 2
    assert read({"tags": ["a"]}, tags=["b"])[0]["tags"] == ["b"]
    assert defaults["env"] == {"A": "1", "B": "1"}


@pytest.mark.parametrize(
    ("key", "value", "read_as"),
    [
        ("python", 3, "3"),
        ("python", dt.date(2026, 1, 2), "2026-01-02"),
        ("processes", "4", 4),
        ("processes", " -4 ", -4),
        ("processes", 4.0, 4),
        ("weight", 1, 1.0),
        ("weight", "0.5", 0.5),
        ("lazy", "yes", True),
        ("lazy", "Off", False),
        ("lazy", 1, True),
        ("tags", "a b", ["a b"]),
        ("tags", 3, ["3"]),
        ("tags", ("a",), ["a"]),
        ("ports", ["443", 80], [443, 80]),
        ("ports", "443", [443]),
        ("env", {"A": [dt.date(2026, 1, 2)]}, {"A": ["2026-01-02"]}),
        ("anything", {"a": [1.5]}, {"a": [1.5]}),
        ("env", {"A": 3.1, 2: None}, {"A": 3.1, 2: None}),
    ],
)
def test_value_is_read_as_ansible_reads_it(key: str, value: Any, read_as: Any) -> None:
    item, said = read(**{key: value})
    assert said == {}
    assert item[key] == read_as
    assert type(item[key]) is type(read_as)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        # YAML has made 3.1 of 3.10 already: it must not become Python 3.1.
        ("python", 3.10, "3.1 is a number to YAML; write it in quotes."),
        # Of yes, on and true it makes the same.
        ("python", True, "is true to YAML; write it in quotes."),
        ("python", False, "is false to YAML; write it in quotes."),
        ("python", NOON, "is a point in time to YAML; write it in quotes."),
        ("processes", NOON, "'2026-01-02 12:00:00' is no whole number."),
        ("python", ["3"], "must be a text, not a list."),
        ("python", {}, "must be a text, not a dictionary."),
        ("root", {}, "must be a text, not a dictionary."),
        ("processes", "many", "'many' is no whole number."),
        ("processes", "--4", "'--4' is no whole number."),
        ("processes", "²", "'²' is no whole number."),
        ("processes", 1.5, "'1.5' is no whole number."),
        ("processes", True, "'True' is no whole number."),
        ("processes", "", "'' is no whole number."),
        ("processes", float("inf"), "'inf' is no whole number."),
        ("processes", {"a": 1}, "a dictionary is no whole number."),
        ("weight", "heavy", "'heavy' is no number."),
        ("weight", True, "'True' is no number."),
        ("lazy", "maybe", "'maybe' is neither true nor false."),
        ("lazy", 2, "'2' is neither true nor false."),
        ("kind", "htpt", "'htpt' is none of http, tcp. Did you mean 'http'?"),
        ("kind", "smtps", "'smtps' is none of http, tcp."),
        ("env", "A=b", "must be a dictionary, not a text."),
        ("health", [], "must be a dictionary, not a list."),
        ("tags", {"a": 1}, "must be a list, not a dictionary."),
        # foo>=1,<2 is one requirement, a.example,b.example are two names: nobody can know.
        ("tags", "a,b", 'is a text with commas; write a list, as ["one", "another"].'),
        ("tags", "", "must be a list, not an empty text; write [] for none."),
        ("tags", True, "must be a list, not true or false."),
        ("workers", {"name": "mail"}, "must be a list of dictionaries, not a dictionary."),
        ("workers", "mail", "must be a list of dictionaries, not a text."),
        ("tags", [3.10], "3.1 is a number to YAML; write it in quotes."),
        ("ports", [22], "'22' is none of 80, 443."),
        ("workers", ["mail"], "item number 1 must be a dictionary, not a text."),
        ("tags", [["b"]], "item number 1 must be a text, not a list."),
        ("tags", [True], "item number 1 is true to YAML; write it in quotes."),
    ],
)
def test_value_that_cannot_be_read_is_said_and_left_out(
    key: str, value: Any, sentence: str
) -> None:
    item, said = read(**{key: value})
    assert said == {key: sentence}
    expected = dict(COMPLETE)
    if key in ("tags", "ports", "workers") and isinstance(value, list):
        expected[key] = []
    assert item == expected


def test_null_is_not_a_default_that_ansible_would_evaluate() -> None:
    described = {"wheelhouse": {"type": "str", "default": "{{ flaskstack_wheelhouse }}"}}
    assert specs.read(described, {"wheelhouse": None}, pytest.fail) == {"wheelhouse": ""}


def test_key_that_there_is_not_is_answered_with_the_nearest() -> None:
    _, said = read(procesess=4, health={"statsu": 200}, workers=[{"name": "mail", "stopp": 1}])
    assert said["procesess"].startswith(
        "is no key there is. Did you mean 'processes'? The keys are "
    )
    assert said["health.statsu"] == (
        "is no key there is. Did you mean 'status'? The keys are path, status, timeout."
    )
    assert said["workers 'mail'.stopp"].startswith("is no key there is. Did you mean 'stop'?")


def test_all_that_is_wrong_is_said_at_once_by_its_place() -> None:
    _, said = read(
        processes="x",
        health={"status": "y", "timeout": "z"},
        workers=[{"stop": "w"}, {"name": "mail", "stop": "v"}],
    )
    assert list(said) == [
        "processes",
        "health.status",
        "health.timeout",
        "workers[0].name",
        "workers[0].stop",
        "workers 'mail'.stop",
    ]


def test_keys_that_forbid_or_need_each_other_are_said() -> None:
    spec = {
        "mutually_exclusive": [["git", "path", "archive"]],
        "required_one_of": [["git", "path"]],
        "required_together": [["user", "password"]],
        "required_by": {"version": ["git"]},
    }
    assert specs.related(spec, {"git": "x", "version": "y", "user": "u", "password": "p"}) == []
    assert specs.related(spec, {"git": "x", "archive": "y"}) == [
        "git and archive exclude each other; write one of them."
    ]
    assert specs.related(spec, {"git": None, "version": "y", "user": "u"}) == [
        "needs one of git and path.",
        "lacks password; user and password go together.",
        "version goes with git only.",
    ]
    assert specs.related({}, {"git": "x"}) == []
    keys = ["git", "path", "archive"]
    both = {"mutually_exclusive": [keys], "required_one_of": [keys]}
    assert specs.related(both, {}) == ["needs exactly one of git, path and archive."]
    assert specs.related(both, {"git": "x", "path": "y"}) == [
        "needs exactly one of git, path and archive; it has git and path."
    ]


def test_keys_of_keys_forbid_or_need_each_other_too() -> None:
    pair = {"type": "str"}
    options = {
        "tls": {
            "type": "dict",
            "options": {"certificate": pair, "key": pair, "port": {"type": "int", "default": 443}},
            "required_together": [["certificate", "key"]],
        },
        "places": {
            "type": "list",
            "elements": "dict",
            "options": {"uwsgi": pair, "http": pair},
            "required_one_of": [["uwsgi", "http"]],
        },
    }
    said = []
    given = {"tls": {"certificate": "x", "key": None}, "places": [{"http": "x"}, {}]}

    def say(key: str, sentence: str) -> None:
        said.append(specs.about("site 'shop'", key, sentence))

    specs.read(options, given, say)
    good = {"tls": {"certificate": "x", "key": "y"}, "places": []}
    specs.read(options, good, say, together={"mutually_exclusive": [["tls", "places"]]})
    # Of what is wrong in itself, no more is said.
    specs.read(options, {"tls": {"key": []}}, lambda key, _: said.append(key))
    assert said.pop() == "tls.key"
    assert said == [
        "site 'shop', tls: lacks key; certificate and key go together.",
        "site 'shop', places[1]: needs one of uwsgi and http.",
        "site 'shop': tls and places exclude each other; write one of them.",
    ]


def test_variables_of_a_role_are_read_and_its_items_counted() -> None:
    problems: list[str] = []
    given = {"uwsgi_fetch": "y", "uwsgi_version": 2.1, "uwsgi_apps": [], "uwsgi_other": 1}
    found = specs.settings("uwsgi", given, problems)
    assert found["uwsgi_fetch"] is True
    assert "uwsgi_apps" not in found
    assert problems == ["uwsgi_version: 2.1 is a number to YAML; write it in quotes."]
    problems = []
    given = {"a": [{"name": "x"}, "y"], "b": "shop", "c": None}
    assert specs.items(given, ("a", "b", "c"), problems) == [{"name": "x"}]
    assert problems == [
        "a: item number 2 must be a dictionary, not a text.",
        "b: must be a list of dictionaries, not a text.",
    ]


def test_nearest_is_silent_where_nothing_is_near() -> None:
    assert specs.nearest("shpo", ["shop", "links"]) == " Did you mean 'shop'?"
    assert specs.nearest("warehouse", ["shop", "links"]) == ""
    assert specs.nearest("shop", []) == ""
    assert specs.nearest("3.13", [3.12]) == " Did you mean '3.12'?"


def test_merging_goes_into_dictionaries_and_changes_neither() -> None:
    under = {"a": {"b": 1, "c": {"d": 1}}, "l": [1, 2]}
    over = {"a": {"c": {"e": 2}}, "l": [3], "n": None}
    assert specs.merge(under, over) == {"a": {"b": 1, "c": {"d": 1, "e": 2}}, "l": [3], "n": None}
    assert under == {"a": {"b": 1, "c": {"d": 1}}, "l": [1, 2]}
    assert over == {"a": {"c": {"e": 2}}, "l": [3], "n": None}
    assert specs.merge({"a": {"b": 1}}, {"a": None}) == {"a": None}


@pytest.mark.parametrize("role", ROLES)
def test_description_of_a_role_is_read_where_the_collection_is(role: str) -> None:
    options = specs.options_of(role)
    assert options
    assert all(name.startswith(f"{role}_") for name in options)
    assert specs.options_of(role, "validate") == options


def test_items_of_a_role_have_the_described_keys() -> None:
    assert specs.item_options("uwsgi", "uwsgi_apps")["name"]["required"] is True
    with pytest.raises(OSError, match="no_such_role"):
        specs.options_of("no_such_role")


def test_descriptions_are_read_before_workers_are_made() -> None:
    before = specs.described.cache_info()
    assert before.currsize == 4
    specs.variables_of("nginx")
    specs.settings("nginx", {}, [])
    specs.settings("uwsgi", {}, [], "rollback")
    assert specs.described.cache_info().misses == before.misses
