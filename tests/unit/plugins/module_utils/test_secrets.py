"""Passwords stay out of what is shown."""

from __future__ import annotations

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _errors, _secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at https://me:p%40ss@h.example/x y", "at https://***@h.example/x y"),
        ("https://token@h/x https://a:b@i/", "https://***@h/x https://***@i/"),
        ("https://a:p@ss@h/x", "https://***@h/x"),
        ("ssh://git@h/x", "ssh://***@h/x"),
        ("https://h.example/@scope/x me@h", "https://h.example/@scope/x me@h"),
        ("git@h.example:shop.git", "git@h.example:shop.git"),
    ],
)
def test_scrub(text: str, expected: str) -> None:
    assert _secrets.scrub(text) == expected


def test_shown() -> None:
    output = "".join(f"line {n}\n\n" for n in range(50)) + "at https://a:b@h/\n"
    lines = _secrets.shown(output).split("\n")
    assert len(lines) == _errors.SHOWN_LINES
    assert lines[-2:] == ["line 49", "at https://***@h/"]


def test_without_password() -> None:
    url = "https://me:secret@h/shop.git"
    assert _secrets.without_password(url) == ("https://h/shop.git", url)
    assert _secrets.without_password("https://h/shop.git") == ("https://h/shop.git", "")


def test_harmless() -> None:
    open_ones = {"https://h/shop.git", "git@h:shop.git", "ssh://git@h:22/shop.git"}
    secret = {"https://token@h/x", "https://me:pw@h/x", "ssh://me:pw@h/x", "ssh://me:p@ss@h/x"}
    assert _secrets.harmless(open_ones | secret) == open_ones
