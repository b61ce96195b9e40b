"""The door between Ansible's data and ours: the one file here that imports Ansible.

What comes in from a template may be an AnsibleUnsafeText, a vaulted or a tagged string, a lazy
container; behind the door it is plain. What goes out is data, and must never be taken for a
template again: a text with braces in it may be an application's.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.release import __version__

#: From 2.19 on, Ansible evaluates only what it has been told to trust.
WRAPS = tuple(int(part) for part in __version__.split(".")[:2]) < (2, 19)


def plain(value: Any) -> Any:
    """Return data as dictionaries, lists, texts, numbers, truth values and None, and no others.

    A vaulted text comes out in the clear. Dates stay, too: whoever reads the data has to know that
    YAML has made one of a text.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    # Subclasses of these carry where a value came from, or that it is not to be evaluated.
    if isinstance(value, str):
        # Not str(value): some of them return themselves.
        return str.__str__(value)
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value.date(), value.timetz())
    if isinstance(value, datetime.date):
        return datetime.date(value.year, value.month, value.day)
    if isinstance(value, Mapping):
        return {plain(key): plain(one) for key, one in value.items()}
    # Generators too: what | map and | select make. A vaulted text is a sequence before 2.19.
    if isinstance(value, Iterable) and not hasattr(value, "__ENCRYPTED__"):
        return [plain(one) for one in value]
    return str(value)


def keyed(value: Any) -> Any:
    """Return data with dictionaries in the place of dataclasses, wherever they are in it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, dict):
        return {key: keyed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [keyed(one) for one in value]
    return value


def data(value: Any) -> Any:
    """Return what Ansible may keep and show, but never evaluates."""
    value = keyed(value)
    if not WRAPS:
        return value
    from ansible.utils.unsafe_proxy import wrap_var  # noqa: PLC0415 - there only where it is needed

    return wrap_var(value)


def extra() -> set[str]:
    """Return the names of the variables behind ``-e``, which Ansible has read by then."""
    from ansible.parsing.dataloader import DataLoader  # noqa: PLC0415 - one filter wants it
    from ansible.utils.vars import load_extra_vars  # noqa: PLC0415

    return set(load_extra_vars(DataLoader()))


def through(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a filter of a function that knows nothing of Ansible."""

    @functools.wraps(function)
    def filtered(value: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return data(function(plain(value), *plain(arguments), **plain(options)))
        except (ValueError, OSError) as error:
            raise AnsibleFilterError(str(error)) from error

    return filtered
