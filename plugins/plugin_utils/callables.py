"""The WSGI callable of an application, as the key ``module`` names it."""

from __future__ import annotations

import ast
import cmath
import dataclasses
import re
from typing import Any

#: A module, its dots included; a file's name may have a dash.
MODULE = re.compile(r"[^\W\d][\w-]*(\.[^\W\d][\w-]*)*")
NAMES = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclasses.dataclass
class Callable:
    """What a release loads.

    Attributes:
        module: to be imported.
        name: in the module, with dots where it is in something else; empty if it is to be found.
        is_called: it is a factory.
        arguments: what the factory is given.
        keywords: what it is given by name.
    """

    module: str
    name: str = ""
    is_called: bool = False
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = dataclasses.field(default_factory=dict)


def named(module: str, options: dict[str, Any]) -> str:
    """Return what is loaded: uWSGI's option ``callable`` says it where ``module`` does not.

    uWSGI itself would look for it in the release's loader.

    Args:
        module: the key ``module``.
        options: uWSGI's options of the user's own.
    """
    if ":" in module or "callable" not in options:
        return module
    return f"{module}:{options['callable']}"


def parse(text: str) -> Callable:
    """Return what a text names: package.module, package.module:object.callable, or a call of that.

    Raises:
        ValueError: it names nothing that could be loaded; a sentence that begins with the text.
    """
    module, colon, name = text.partition(":")
    file = re.fullmatch(r"(?:\./)?([^:]+)\.py", module)
    if file:
        wanted = file[1].replace("/", ".") + (colon + name)
        raise ValueError(f"'{text}' is a file; write it as package.module:callable, here {wanted}.")
    if "/" in module and MODULE.fullmatch(module.strip("/").replace("/", ".")):
        wanted = module.strip("/").replace("/", ".") + (colon + name)
        raise ValueError(f"'{text}' is a path; write it as package.module:callable, here {wanted}.")
    wrong = f"'{text}' is no WSGI callable; write it as package.module:callable."
    if not MODULE.fullmatch(module) or (colon and not name):
        raise ValueError(wrong)
    if not colon or NAMES.fullmatch(name):
        return Callable(module, name)
    return parse_call(text, module, name, wrong)


def parse_call(text: str, module: str, name: str, wrong: str) -> Callable:
    """Return what a text with a call names; see parse().

    Raises:
        ValueError: likewise.
    """
    try:
        call = ast.parse(name, mode="eval").body
    except (SyntaxError, ValueError):
        raise ValueError(wrong) from None
    if not isinstance(call, ast.Call):
        raise ValueError(wrong)
    called = ast.unparse(call.func)
    if not NAMES.fullmatch(called):
        raise ValueError(wrong)
    try:
        arguments = tuple(ast.literal_eval(argument) for argument in call.args)
        keywords = {
            argument.arg: ast.literal_eval(argument.value)
            for argument in call.keywords
            if argument.arg is not None
        }
        if len(keywords) < len(call.keywords) or not is_kept((arguments, keywords)):
            raise ValueError
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(
            f"'{text}': only plain values can be given to {called}(), as 'text', 5, True, None or"
            " lists and dictionaries of these; what is computed, the factory can find out itself"
            " (from its environment, for example)."
        ) from None
    return Callable(module, called, True, arguments, keywords)


def is_kept(value: Any) -> bool:
    """Tell whether a value can be written as Python has it, each time alike.

    Infinity cannot. A set has another order in each process: the release would have another name.
    """
    if isinstance(value, dict):
        return all(map(is_kept, [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return all(map(is_kept, value))
    if isinstance(value, float | complex):
        return cmath.isfinite(value)
    return not isinstance(value, set)
