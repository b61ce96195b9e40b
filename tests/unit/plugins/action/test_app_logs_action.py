"""The action plugin that goes on showing what an application says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.flaskstack.centos.plugins.action import app_logs


def run(
    answers: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, **args: Any
) -> tuple[dict[str, Any], list[Any], list[str]]:
    """Run the plugin against a module that gives some answers, each in six seconds.

    Returns:
        The result, the arguments of each call, and what was shown.
    """
    given: list[Any] = []
    shown: list[str] = []
    clock = [0.0]

    def execute(_: Any, module_name: str, module_args: Any, task_vars: Any) -> dict[str, Any]:
        given.append(dict(module_args))
        clock[0] += 6
        return answers[len(given) - 1]

    monkeypatch.setattr(ActionBase, "_execute_module", execute)
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(Display, "display", lambda _, text: shown.append(text))
    monkeypatch.setattr(app_logs, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    task = SimpleNamespace(action="flaskstack.centos.app_logs", args={"name": "shop"} | args)
    plugin = app_logs.ActionModule(task, None, None, None, None, None)
    return plugin.run(None, {"inventory_hostname": "web1"}), given, shown


def said(text: str, position: str) -> dict[str, Any]:
    """Return an answer of the module."""
    line = {"time": 0, "text": text, "source": "", "release": "a-1"}
    return {"lines": [line], "position": position}


def test_without_it_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    result, given, shown = run([said("one", "c1")], monkeypatch)
    assert (given, shown, result["position"]) == ([{"name": "shop"}], [], "c1")


def test_it_goes_on_from_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [said("two", "c2"), said("three", "c3"), said("four", "c4")]
    result, given, shown = run(answers, monkeypatch, after="c1", follow="14")
    assert [one["after"] for one in given] == ["c1", "c2", "c3"]
    assert [one["wait"] for one in given] == [10, 8, 2]
    assert [text.split("  ", 1)[1] for text in shown] == ["web1  two", "web1  three", "web1  four"]
    assert "follow" not in given[0]
    assert result["position"] == "c4"


def test_a_host_that_is_gone_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"unreachable": True, "msg": "no route"}
    result, given, _ = run([said("two", "c2"), gone], monkeypatch, after="c1", follow=-1)
    assert result["unreachable"]
    assert len(given) == 2
