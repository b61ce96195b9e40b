"""Lines of several hosts as one text."""

from __future__ import annotations

from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.app_logs import merged, row


def line(moment: float, text: str, source: str = "") -> dict[str, Any]:
    """Return a line as the module gives it."""
    return {"time": moment, "text": text, "source": source, "release": "a-1"}


def test_they_are_in_the_order_of_their_times() -> None:
    said = {
        "web1": [line(1, "begins"), line(3, "z"), line(3, "a")],
        "longer": [line(2.0405, "works", "mailer"), line(3, "b")],
    }
    assert merged(said, 10).splitlines() == [
        "1970-01-01T00:00:01.000Z  web1    begins",
        "1970-01-01T00:00:02.040Z  longer  mailer: works",
        # What was said at one moment stays as each host said it.
        "1970-01-01T00:00:03.000Z  web1    z",
        "1970-01-01T00:00:03.000Z  web1    a",
        "1970-01-01T00:00:03.000Z  longer  b",
    ]
    assert merged(said, 1).splitlines() == ["1970-01-01T00:00:03.000Z  longer  b"]
    assert merged({}, 10) == merged({"web1": []}, 10) == ""


def test_a_terminal_takes_nothing_of_it_for_an_order() -> None:
    shown = row("web1", line(0, "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\u202e \t\xe4"))
    assert shown.endswith("  red \\x1b]0;title\\x07 \\x1b[2J\\u202e \t\xe4")
