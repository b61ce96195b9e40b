"""Each key of each role, and of an application, with a value of each wrong type.

What is tried comes from argument_specs.yml, so a new key is tried by itself. There are two good
answers: one sentence that names the key, or the same plan as of the value in its described type.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    apps,
    builds,
    nginx_plan,
    pythons,
    releases,
    specs,
)
from templar import FACTS, ROLES, ROOT, load, unsaid

Keys = dict[str, Any]

#: Of each kind that YAML, and templates of Ansible 2.16, may hand over.
VALUES: tuple[Any, ...] = (
    *(
        "",
        "word",
        "a,b",
        "two words",
        "4",
        "-1",
        "0x10",
        "1.10",
        "yes",
        "off",
        "True",
        "none",
        "[]",
    ),
    *(0, 1, 5, -1, 20260101, 1.1, 2.0, math.inf, math.nan, True, False, None),
    *([], ["word"], [5], ["5"], [1.1], [True], [None], [[]], [{}], [{"word": "word"}]),
    *({}, {"word": "word"}, {"word": 1.1}, {5: None}),
    *(dt.date(2026, 1, 2), dt.datetime(2026, 1, 2, 12)),  # noqa: DTZ001 - as YAML has it
)

#: What a key is that has no default, by its name; any other text is ``word``.
SAMPLES: Keys = {
    "name": "shop",
    "build": "/opt/shop/builds/abc123",
    "python": "3.11",
    "module": "shop:app",
    "source": {"git": "https://git.example.com/shop.git"},
    "domains": ["shop.example.com"],
    "servers": ["unix:/run/shop.sock"],
    "root": "/srv",
    "directory": "/srv/",
    "to": "/",
    "time": "1s",
    "path": "/a/",
    "url": "/a/",
    "paths": ["/srv/a"],
    "allow": ["192.0.2.1"],
    "address": "127.0.0.1:8125",
    "content": "text",
}
#: In the place of what an item of a role needs exactly one of.
KINDS = {"flask_app": {}, "uwsgi": {}, "nginx": {"directory": "/srv/"}}

REFUSED = object()


def typed(spec: Keys, value: Any) -> Any:
    """Return a value in its described type, or REFUSED: told once more, apart from specs.py."""
    kind = spec["type"]
    text = isinstance(value, str)
    number = isinstance(value, int) and not isinstance(value, bool)
    if kind in ("str", "path"):
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return value.isoformat()
        out = str(value) if text or number else REFUSED
        return out if "choices" not in spec or out in spec["choices"] else REFUSED
    if kind == "int":
        if isinstance(value, float) and value.is_integer():
            return int(value)
        out = int(value) if number or (text and value.lstrip("-").isdigit()) else REFUSED
        return out if "choices" not in spec or out in spec["choices"] else REFUSED
    if kind == "bool":
        words = {"yes": True, "True": True, "off": False, 0: False, 1: True}
        return words.get(value, REFUSED) if text or isinstance(value, int) else REFUSED
    if kind == "dict":
        return value if isinstance(value, dict) else REFUSED
    assert kind == "list", "a type that nobody has thought of here"
    if spec["elements"] == "dict":
        return value if isinstance(value, list) else REFUSED
    if (text and value and "," not in value) or number or isinstance(value, float):
        value = [value]
    if not isinstance(value, list):
        return REFUSED
    out = [typed({"type": spec["elements"]}, one) for one in value]
    return REFUSED if REFUSED in out else out


def sample(spec: Keys, key: str) -> Any:
    """Return a value that a key may have."""
    if key in SAMPLES:
        value = SAMPLES[key]
        return value if spec["type"] != "list" or isinstance(value, list) else [value]
    if spec["type"] == "dict":
        return {name: sample(one, name) for name, one in needed(spec)}
    return {"list": ["word"], "int": 1, "bool": True}.get(spec["type"], "word")


def needed(spec: Keys) -> Iterator[tuple[str, Keys]]:
    """Yield the keys that something described needs."""
    for name, one in spec.get("options", {}).items():
        if one.get("required"):
            yield name, one


def places(options: Keys, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each key, those of keys too."""
    for name, spec in options.items():
        yield (*path, name)
        yield from places(spec.get("options", {}), (*path, name))


def item_with(spec: Keys, path: tuple[str, ...], value: Any, base: Keys) -> Keys:
    """Return something described that is complete, with a value at the end of a path."""
    first, *rest = path
    others = {name: sample(one, name) for name, one in needed(spec) if name != first} | base
    # What excludes the key is not there.
    for keys in spec.get("mutually_exclusive", []):
        if first in keys:
            others = {name: one for name, one in others.items() if name not in keys}
    inner = spec["options"][first]
    if rest:
        value = item_with(inner, tuple(rest), value, {})
        value = [value] if inner["type"] == "list" else value
    return others if value is ... else others | {first: value}


def spec_at(spec: Keys, path: tuple[str, ...]) -> Keys:
    """Return the description of a key."""
    for name in path:
        spec = spec["options"][name]
    return spec


SYSTEM = {key: FACTS[key] for key in ("os_family", "distribution", "distribution_major_version")}


def plan_python(variables: Keys) -> Any:
    """Plan role python on a release 9."""
    release = {"release_versions": ["3.12"], "offers": {}, "core": "2.19.4"}
    return pythons.plan({"variables": variables, "facts": SYSTEM, "answer": {}} | release)


def plan_nginx(variables: Keys) -> Any:
    """Plan role nginx on a release 9."""
    return nginx_plan.plan({"variables": variables, "facts": SYSTEM | {"selinux": False}})


PLANS: dict[str, Callable[[Keys], Any]] = {
    "python": plan_python,
    "flask_app": lambda variables: builds.plan({"variables": variables}),
    "uwsgi": lambda variables: releases.plan(
        {"variables": variables, "os": SYSTEM, "host": "localhost"}
    ),
    "nginx": plan_nginx,
}


@functools.cache
def defaults(role: str) -> Keys:
    """Return a role's variables as they are when nobody says anything, in no inventory."""
    found = load(ROOT / "roles" / role / "defaults/main.yml")
    plain = {name: unsaid(value) for name, value in found.items()}
    return plain | ({"nginx_owner": "inventory, Serve"} if role == "nginx" else {})


def planned(role: str, path: tuple[str, ...], value: Any) -> Any:
    """Plan a role with one value at a path of its variables."""
    variables = defaults(role)
    first, *rest = path
    if rest:
        spec = specs.options_of(role)[first]
        kind = {key: one for key, one in KINDS.get(role, {}).items() if key in spec["options"]}
        item = item_with(spec, tuple(rest), value, kind)
        value = [item] if spec["type"] == "list" else item
    return PLANS[role](variables if value is ... else variables | {first: value})


def problems_of(plan: Any) -> list[str]:
    """Return the sentences of a plan."""
    return list(plan["problems"] if isinstance(plan, dict) else plan.problems)


def hold(plan: Callable[[Any], Any], spec: Keys, key: str) -> None:
    """Hold the promise for one key.

    Args:
        plan: makes a plan with a value of the key; ``...`` is none.
        spec: what describes the key.
        key: its name.
    """
    without = problems_of(plan(...))
    for value in VALUES:
        found = plan(value)
        if value is None:
            # A template is in the role's variables; null instead is none.
            none = (spec.get("choices") or [""])[0]
            nothing = none if "{{" in str(spec.get("default")) else ...
            assert repr(found) == repr(plan(nothing)), "null is as good as nothing"
            continue
        as_typed = typed(spec, value)
        if as_typed is REFUSED:
            said = [one for one in problems_of(found) if one not in without]
            assert len(said) == 1, (value, said)
            assert key in said[0], (value, said)
            assert said[0].endswith(".") or "Did you mean" in said[0] or "[" in said[0], said
        elif as_typed is not value:
            assert repr(found) == repr(plan(as_typed)), value


def all_places() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the role and the path of each key; of a second list of the same items, the list."""
    for role in ROLES:
        seen: list[Keys] = []
        for name, spec in specs.options_of(role).items():
            yield role, (name,)
            inner = spec.get("options", {})
            if inner not in seen:
                seen.append(inner)
                for path in places(inner):
                    yield role, (name, *path)


ALL = list(all_places())


@pytest.mark.parametrize(
    ("role", "path"), ALL, ids=lambda one: ".".join(one) if isinstance(one, tuple) else one
)
def test_role(role: str, path: tuple[str, ...]) -> None:
    spec = spec_at({"options": specs.options_of(role)}, path)
    hold(lambda value: planned(role, path, value), spec, path[-1])


ENTRIES = [
    (role, entry, name)
    for role in ROLES
    for entry, point in load(ROOT / "roles" / role / "meta/argument_specs.yml")[
        "argument_specs"
    ].items()
    if entry not in ("main", "validate")
    for name in point["options"]
]


@pytest.mark.parametrize(("role", "entry", "name"), ENTRIES)
def test_entry_point(role: str, entry: str, name: str) -> None:
    options = specs.options_of(role, entry)

    def plan(value: Any) -> Any:
        given = {key: sample(one, key) for key, one in options.items() if one.get("required")}
        given.pop(name, None)
        return specs.checked(given if value is ... else given | {name: value}, role, entry)

    hold(plan, options[name], name)


@pytest.mark.parametrize("path", list(places(apps.options())), ids=".".join)
def test_application(path: tuple[str, ...]) -> None:
    options = apps.options()

    def plan(value: Any) -> Any:
        return apps.plan([item_with({"options": options}, path, value, {})])

    if path != ("name",):
        hold(plan, spec_at({"options": options}, path), path[-1])
