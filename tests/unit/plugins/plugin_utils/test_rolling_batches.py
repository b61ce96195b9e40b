"""Hosts in batches, as Ansible makes them for ``serial``."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils.rolling import in_batches

HOSTS = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("", ["abcde"]),
        (None, ["abcde"]),
        ("100%", ["abcde"]),
        (2, ["ab", "cd", "e"]),
        ("2", ["ab", "cd", "e"]),
        ("50%", ["ab", "cd", "e"]),
        # One at least.
        ("1%", ["a", "b", "c", "d", "e"]),
        ([1, "50%"], ["a", "bc", "de"]),
        ([1, 3, 100], ["a", "bcd", "e"]),
    ],
)
def test_batches(serial: Any, expected: list[str]) -> None:
    assert ["".join(batch) for batch in in_batches(HOSTS, serial)] == expected
    assert in_batches([], serial) == []
