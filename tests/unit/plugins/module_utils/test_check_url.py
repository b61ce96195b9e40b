"""Asking for a URL several times."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _check_url
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note how long it waits instead of waiting."""
    out: list[float] = []
    monkeypatch.setattr(_check_url.time, "sleep", out.append)
    return out


def answering(*statuses: int) -> Callable[[], tuple[int, str]]:
    """Give something that answers with these, one after the other."""
    left = list(statuses)
    return lambda: (left.pop(0), "refused")


def test_all_are_well(waits: list[float]) -> None:
    assert _check_url.check(answering(200, 200, 200), 3, 3, 0)["answers"] == 3
    assert waits == [0, 0]


def test_the_first_that_is_not_ends_it() -> None:
    with pytest.raises(Problem, match="it answers with 500") as caught:
        _check_url.check(answering(200, 200, 500, 200), 4, 3, 0)
    assert caught.value.details == {"answers": 2, "status": 500}


def test_no_answer_is_asked_for_again(waits: list[float]) -> None:
    assert _check_url.check(answering(-1, -1, 200, 200), 2, 3, 0)["status"] == 200
    assert waits == [2, 2, 0]


def test_no_answer_so_often_is_what_it_says() -> None:
    with pytest.raises(Problem, match="refused") as caught:
        _check_url.check(answering(200, -1, -1, -1, 200), 3, 3, 0)
    assert caught.value.details == {"answers": 1, "status": -1}


def test_questions_are_spread(waits: list[float]) -> None:
    _check_url.check(answering(200, 200, 200, 200, 200), 5, 3, 10)
    assert waits == [2, 2, 2, 2]
