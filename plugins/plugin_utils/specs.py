"""Read items by their description: types, defaults, and a sentence for what cannot be read.

``argument_specs.yml`` of a role is the only place that says which keys an item has, of which type
they are and what they are when nobody says anything. What is read here is complete and of the
described types, so that whoever uses it needs no ``default(…)`` and no conversion.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import difflib
import functools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

#: An item, or what describes one: keys of YAML.
Keys = dict[str, Any]

#: The directory of the collection that this file is part of.
COLLECTION = Path(__file__).parents[2]

#: What says of several keys which may and must be there, as Ansible knows it.
RELATIONS = ("mutually_exclusive", "required_one_of", "required_together", "required_by")
TRUE = frozenset({"true", "yes", "on", "y", "t", "1"})
FALSE = frozenset({"false", "no", "off", "n", "f", "0"})
#: What a value is called in a sentence.
KINDS = {
    "str": "a text",
    "path": "a path",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
    "date": "a date",
    "datetime": "a point in time",
}


@functools.cache
def described(role: str) -> Keys:
    """Return what one of the collection's roles says of its entry points.

    Raises:
        OSError: the role has no description.
    """
    text = (COLLECTION / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(text, Loader=loader)["argument_specs"])


# All of them, when this is imported: in the process that all workers are copies of (see
# playbooks/site.yml). Read where they are needed, they would be for each task of each host.
for _role in ("python", "flask_app", "uwsgi", "nginx"):
    described(_role)


def options_of(role: str, entry: str = "main") -> Keys:
    """Return the variables of an entry point of one of the collection's roles, as described.

    Raises:
        OSError: the role has no description.
    """
    return dict(described(role)[entry]["options"])


def item_options(role: str, variable: str) -> Keys:
    """Return the keys that the items of a role's list have, as described."""
    return dict(options_of(role)[variable]["options"])


def relations(spec: Keys) -> Keys:
    """Return what a description says of its keys together: which exclude or need each other."""
    return {key: spec[key] for key in RELATIONS if key in spec}


def is_items(spec: Keys) -> bool:
    """Tell whether a variable of a role is a list of items, which are read one by one."""
    return spec.get("elements") == "dict"


def variables_of(role: str) -> list[str]:
    """Return the names of the variables of a role's main entry point."""
    return list(options_of(role))


def settings(role: str, given: Keys, problems: list[str], entry: str = "main") -> Keys:
    """Return the variables of an entry point of a role, all of the described types.

    Lists of items are not among them, see items(). What cannot be read has its default.

    Args:
        role: the role.
        given: the variables by their names; an entry point may use some of main's.
        problems: a sentence is added for each thing that is wrong.
        entry: the entry point.
    """
    also = {key: spec for key, spec in options_of(role).items() if key in given}
    options = {
        key: spec for key, spec in (options_of(role, entry) | also).items() if not is_items(spec)
    }
    own = {key: value for key, value in given.items() if key in options}
    return read(options, own, lambda key, wrong: problems.append(f"{key}: {wrong}"))


def checked(given: Keys, role: str, entry: str = "main") -> Keys:
    """Return the ``settings`` of an entry point of a role, and its ``problems``."""
    problems: list[str] = []
    found = settings(role, given, problems, entry)
    return {"problems": problems, "settings": found}


def unprefixed(role: str, variables: Keys) -> Keys:
    """Return the variables of a role without the role's name in front of theirs."""
    return {name.removeprefix(f"{role}_"): value for name, value in variables.items()}


def items(given: Keys, variables: Iterable[str], problems: list[str]) -> list[Keys]:
    """Return the items of a role's lists, as the user wrote them.

    Args:
        given: the role's variables by their names.
        variables: the names of the lists.
        problems: a sentence is added for each list that is none, and each item that is none.
    """
    out = []
    for name in variables:
        value = [] if given.get(name) is None else given[name]
        if not isinstance(value, list):
            problems.append(f"{name}: must be a list of dictionaries, not {kind_of(value)}.")
            continue
        for number, item in enumerate(value, 1):
            if isinstance(item, dict):
                out.append(item)
            else:
                problems.append(
                    f"{name}: item number {number} must be a dictionary, not {kind_of(item)}."
                )
    return out


def besides(said: Iterable[str], more: Iterable[str]) -> list[str]:
    """Return those of more sentences that are about something of which nothing is said yet.

    Of a value that cannot be read, its default is checked: what is wrong with that is not the
    user's. What a sentence is about stands before its first colon.
    """
    known = {sentence.split(": ")[0] for sentence in said}
    return [sentence for sentence in more if sentence.split(": ")[0] not in known]


def about(where: str, key: str, sentence: str) -> str:
    """Return a sentence about a key of an item, or about the item itself if the key is empty."""
    return f"{where}, {key}: {sentence}" if key else f"{where}: {sentence}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown word: which known one is like it, if any."""
    close = difflib.get_close_matches(str(word), [str(name) for name in known], n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


def merge(under: Keys, over: Keys) -> Keys:
    """Return the keys of two dictionaries, the second one's before the first one's, in depth.

    Lists are not put together: one takes the other's place.
    """
    out = dict(under)
    for key, value in over.items():
        before = out.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            out[key] = merge(before, value)
        else:
            out[key] = value
    return out


def without_nulls(options: Keys, given: Keys) -> Keys:
    """Return an item without the described keys that are null: they are as good as not there.

    What is in a dictionary of the user's own keys stays: a null may mean something there.
    """
    out = {}
    for key, value in given.items():
        spec = options.get(key, {})
        inner = spec.get("options")
        if value is None and key in options:
            continue
        if inner and isinstance(value, dict):
            value = without_nulls(inner, value)
        elif inner and isinstance(value, list):
            value = [without_nulls(inner, one) if isinstance(one, dict) else one for one in value]
        out[key] = value
    return out


def read(
    options: Keys,
    given: Keys,
    say: Callable[[str, str], None],
    defaults: Keys | None = None,
    together: Keys | None = None,
) -> Keys:
    """Return an item complete: with each key that has a default, all of the described types.

    A value that cannot be read is said and left out (its default takes its place), so that all
    that is wrong with an item is said at once.

    Args:
        options: the description of its keys.
        given: the item as the user wrote it.
        say: called with the key (``health.timeout``, empty for the item itself) and a sentence for
            each thing that is wrong.
        defaults: what the user wants in all items; an item's own keys come before it.
        together: what describes the item, for what it says of keys together (see relations()).
    """
    own = without_nulls(options, given)
    if defaults:
        own = merge(without_nulls(options, defaults), own)
    return _together(options, own, together or {}, say, "")


def _together(
    options: Keys, given: Keys, together: Keys, say: Callable[[str, str], None], path: str
) -> Keys:
    """Return keys as read; where each is well, say what is wrong with them together."""
    wrong = []

    def hear(key: str, sentence: str) -> None:
        wrong.append(key)
        say(key, sentence)

    out = _read(options, given, hear, f"{path}." if path else "")
    if not wrong:
        for sentence in related(together, given):
            say(path, sentence)
    return out


def _read(options: Keys, given: Keys, say: Callable[[str, str], None], path: str) -> Keys:
    out: Keys = {}
    # Defaults first: an item has its keys in the order of the description.
    for key, spec in options.items():
        if "default" in spec and key not in given:
            out[key] = default_of(spec, say, f"{path}{key}.")
        elif key in given:
            value, wrong = convert(given[key], spec, say, path + key)
            if wrong:
                say(path + key, wrong)
                if "default" in spec:
                    out[key] = default_of(spec, say, f"{path}{key}.")
            else:
                out[key] = value
        elif spec.get("required"):
            say(path + key, "is missing; it has no default.")
    for key in given:
        if key not in options:
            known = ", ".join(sorted(options))
            say(f"{path}{key}", f"is no key there is.{nearest(key, options)} The keys are {known}.")
    return out


def default_of(spec: Keys, say: Callable[[str, str], None], path: str) -> Any:
    """Return what a key is when nobody says anything: a dictionary has the defaults of its keys.

    A default that Ansible would evaluate is in the role's variables by then; null instead is none:
    the first of the choices, where there are any.
    """
    value = copy.deepcopy(spec["default"])
    if isinstance(value, str) and "{{" in value:
        return (spec.get("choices") or [""])[0]
    if isinstance(value, dict) and spec.get("options"):
        value = _read(spec["options"], value, say, path)
    return value


def related(spec: Keys, given: Keys) -> list[str]:
    """Return a sentence for each key that another key forbids or needs.

    Args:
        spec: what describes a dictionary; it may have ``mutually_exclusive``,
            ``required_one_of``, ``required_together`` and ``required_by``, as Ansible knows them.
        given: the dictionary.
    """
    there = {key for key, value in given.items() if value is not None}
    out = []
    exclusive, needed = spec.get("mutually_exclusive", []), spec.get("required_one_of", [])
    for keys in exclusive:
        both = [key for key in keys if key in there]
        if len(both) > 1 and keys in needed:
            out.append(f"needs exactly one of {one_of(keys)}; it has {' and '.join(both)}.")
        elif len(both) > 1:
            out.append(f"{' and '.join(both)} exclude each other; write one of them.")
    for keys in needed:
        if not there & set(keys):
            out.append(f"needs {'exactly ' * (keys in exclusive)}one of {one_of(keys)}.")
    for keys in spec.get("required_together", []):
        missing = [key for key in keys if key not in there]
        if missing and len(missing) < len(keys):
            out.append(f"lacks {', '.join(missing)}; {' and '.join(keys)} go together.")
    for key, others in spec.get("required_by", {}).items():
        missing = [one for one in others if one not in there]
        if key in there and missing:
            out.append(f"{key} goes with {' and '.join(missing)} only.")
    return out


def one_of(keys: list[str]) -> str:
    """Return some keys as a sentence names them."""
    return f"{', '.join(keys[:-1])} and {keys[-1]}"


def convert(value: Any, spec: Keys, say: Callable[[str, str], None], path: str) -> tuple[Any, str]:
    """Return a value in its described type, as Ansible converts it, and why it cannot be.

    What Ansible takes, but YAML may have made something else of already, is said, too.
    """
    kind = spec.get("type", "str")
    wrong = ""
    if kind in ("str", "path"):
        value, wrong = to_text(value)
    elif kind == "int":
        value, wrong = to_number(value)
    elif kind == "float":
        value, wrong = to_fraction(value)
    elif kind == "bool":
        value, wrong = to_bool(value)
    elif kind == "list":
        value, wrong = to_list(value, spec, say, path)
    elif kind == "dict":
        if not isinstance(value, dict):
            wrong = f"must be a dictionary, not {kind_of(value)}."
        elif spec.get("options"):
            value = _together(spec["options"], value, spec, say, path)
        else:
            value = of_the_user(value, say, path)
    if not wrong and spec.get("choices") and kind != "list" and value not in spec["choices"]:
        there = ", ".join(map(str, spec["choices"]))
        wrong = (
            f"{named(value)} is none of {there}.{nearest(str(value), map(str, spec['choices']))}"
        )
    return value, wrong


def kind_of(value: Any) -> str:
    """Return what a value is called in a sentence, and nothing of it: it may be a secret."""
    kind = type(value).__name__
    return "nothing" if value is None else KINDS.get(kind, kind)


def named(value: Any) -> str:
    """Return a value as a sentence shows it; of a list or dictionary, only that it is one."""
    return kind_of(value) if isinstance(value, list | dict) else f"'{value}'"


def to_text(value: Any) -> tuple[Any, str]:
    """Return a text, as it was written.

    YAML has made 1.1 of 1.10, and true of yes; those are none. A whole number is taken for what
    was written: of those that are not (010, 1_000), nobody can tell. A date can be.
    """
    if isinstance(value, str):
        return value, ""
    if isinstance(value, bool):
        return value, f"is {str(value).lower()} to YAML; write it in quotes."
    if isinstance(value, int):
        return str(value), ""
    if isinstance(value, float):
        return value, f"{value} is a number to YAML; write it in quotes."
    if isinstance(value, datetime.datetime):
        return value, f"is {kind_of(value)} to YAML; write it in quotes."
    if isinstance(value, datetime.date):
        return value.isoformat(), ""
    return value, f"must be a text, not {kind_of(value)}."


def no_text(value: Any, *, truth: bool = False) -> str:
    """Return what is wrong with a value of the user's own keys that is to be a text; never it.

    Args:
        value: of a variable of an environment, of a header.
        truth: whether true and false are written so.
    """
    if isinstance(value, bool) and truth:
        return ""
    if isinstance(value, bool | float):
        # 1.10 and 1.1 are the same to it, and so are yes and true.
        return f"is {kind_of(value)} to YAML, however it was written; write it in quotes."
    if isinstance(value, dict | list) or value is None:
        return f"must be a text, not {'null' if value is None else kind_of(value)}."
    return ""


def no_option(value: Any) -> str:
    """Return what is wrong with a value of an option of the user's own, which is one line each."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict | list):
            return (
                f"must be a text, a number, true or false, or a list of these, not {kind_of(one)}."
            )
    return ""


def to_number(value: Any) -> tuple[Any, str]:
    """Return a whole number; a text of digits is one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value, ""
    if isinstance(value, float) and value.is_integer():
        return int(value), ""
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+", value.strip()):
        return int(value), ""
    return value, f"{named(value)} is no whole number."


def to_fraction(value: Any) -> tuple[Any, str]:
    """Return a number that may be a fraction; a text of one is one."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with contextlib.suppress(ValueError):
            return float(value), ""
    return value, f"{named(value)} is no number."


def to_bool(value: Any) -> tuple[Any, str]:
    """Return a truth value; the words that YAML and Ansible take for one are."""
    if isinstance(value, bool):
        return value, ""
    if str(value).lower() in TRUE:
        return True, ""
    if str(value).lower() in FALSE:
        return False, ""
    return value, f"{named(value)} is neither true nor false."


def to_list(value: Any, spec: Keys, say: Callable[[str, str], None], path: str) -> tuple[Any, str]:
    """Return a list of converted elements.

    A single text or number is a list of one. A text with commas is none, though Ansible splits it:
    "foo>=1,<2" is one requirement. What it says may be a secret, and is not repeated.
    """
    if is_items(spec) and not isinstance(value, list | tuple):
        return value, f"must be a list of dictionaries, not {kind_of(value)}."
    if isinstance(value, str) and "," in value:
        return value, 'is a text with commas; write a list, as ["one", "another"].'
    if value == "":
        return value, "must be a list, not an empty text; write [] for none."
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple):
        return value, f"must be a list, not {kind_of(value)}."
    element = {"type": spec.get("elements", "raw")} | {
        key: spec[key] for key in ("options", "choices", *RELATIONS) if key in spec
    }
    out = []
    for number, one in enumerate(value):
        # An element is told by its name, if it has one, as a person would tell it.
        named = isinstance(one, dict) and isinstance(one.get("name"), str)
        where = f"{path} '{one['name']}'" if named else f"{path}[{number}]"
        converted, wrong = convert(one, element, say, where if isinstance(one, dict) else path)
        if wrong:
            # What does not show the element says which it is.
            which = "" if wrong.startswith(("'", str(one))) else f"item number {number + 1} "
            say(path, which + wrong)
        else:
            out.append(converted)
    return out, ""


def of_the_user(value: Any, say: Callable[[str, str], None], path: str) -> Any:
    """Return a dictionary of the user's own keys as it is, but for dates: these are texts."""
    if isinstance(value, dict):
        return {key: of_the_user(one, say, f"{path}.{key}") for key, one in value.items()}
    if isinstance(value, list):
        return [of_the_user(one, say, path) for one in value]
    if isinstance(value, datetime.date):
        value, wrong = to_text(value)
        if wrong:
            say(path, wrong)
    return value


def only(keys: Keys, wanted: Iterable[str]) -> Keys:
    """Return those of some keys that are wanted, in the order in which they are."""
    chosen = frozenset(wanted)
    return {key: value for key, value in keys.items() if key in chosen}


def without(keys: Keys, unwanted: Iterable[str]) -> Keys:
    """Return those of some keys that are not unwanted."""
    return only(keys, keys.keys() - frozenset(unwanted))
