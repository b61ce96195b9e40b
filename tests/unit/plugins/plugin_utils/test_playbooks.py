"""The variables of the playbooks, as a person writes them behind -e."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import playbooks
from templar import ROOT, load


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        # 1.10 in a file of variables; behind -e version=1.10 it is a text.
        ({"version": 1.1}, "version: 1.1 is a number to YAML; write it in quotes."),
        ({"app": ["shop"]}, "app: must be a text, not a list."),
        ({"release": True}, "release: is true to YAML; write it in quotes."),
        ({"lock": "brake"}, "lock: 'brake' is none of break. Did you mean 'break'?"),
        ({"format": "jsn"}, "format: 'jsn' is none of table, json. Did you mean 'json'?"),
        (
            {"flaskstack_serial": [1, "half"]},
            "flaskstack_serial: 'half' is no number of hosts; write a number (2), a part of all"
            " (25%), or a list of them ([1, 25%, 100%]), one for each batch.",
        ),
        (
            {"flaskstack_canary_pause": "10m"},
            "flaskstack_canary_pause: '10m' is no whole number of seconds; write one, or prompt, to"
            " be asked.",
        ),
        (
            {"flaskstack_check_url": "shop.example"},
            "flaskstack_check_url: 'shop.example' is no address; write"
            " https://shop.example.com/healthz, what is asked after each batch.",
        ),
        ({"flaskstack_lock_lease": "long"}, "flaskstack_lock_lease: 'long' is no whole number."),
        (
            {"flaskstack_wheelhouse": "wheels"},
            "flaskstack_wheelhouse: wheels is not a directory on the controller; write its absolute"
            " path.",
        ),
    ],
)
def test_refused(given: dict[str, Any], sentence: str) -> None:
    assert playbooks.problems(given) == [sentence]


def test_good() -> None:
    given = {"app": "shop", "version": "1.10", "lock": "", "flaskstack_lock_lease": "60", "x": 1.1}
    assert playbooks.problems(given) == []
    batches = {"flaskstack_serial": [1, "50%"], "flaskstack_canary_pause": "600"}
    assert playbooks.problems(batches) == []
    assert playbooks.problems(batches | {"flaskstack_canary_pause": "prompt"}) == []
    assert playbooks.problems({"app": None, "flaskstack_wheelhouse": str(ROOT)}) == []


def test_a_short_name_may_be_somebody_elses() -> None:
    # Of the inventory, address may be the host's own: it is not to be blocked.
    given = {"address": "192.0.2.1", "state": "", "flaskstack_serial": 1}
    (sentence,) = playbooks.problems(given, ["address", "flaskstack_serial"])
    assert sentence == (
        "address: the inventory has a variable of that name, which may mean something else; say"
        " behind -e what this playbook is to take for it, or -e address= for nothing."
    )
    assert playbooks.problems(given, ["flaskstack_serial"]) == []


def test_names_that_playbooks_check_are_known() -> None:
    for path in [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "playbooks/tasks").glob("*.yml")]:
        for names in names_of(load(path)):
            assert set(names) <= playbooks.VARIABLES.keys(), path


def names_of(node: Any) -> Any:
    """Yield each list of names that is to be checked."""
    if isinstance(node, dict):
        if isinstance(node.get("flaskstack_names"), list):
            yield node["flaskstack_names"]
        node = list(node.values())
    for one in node if isinstance(node, list) else []:
        yield from names_of(one)
