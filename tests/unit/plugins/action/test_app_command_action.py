"""The action plugin that waits for a release command."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.flaskstack.centos.plugins.action.app_command import ActionModule


def run(answers: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Any]]:
    """Run the plugin against a module that gives some answers; return the result and what it got.

    The arguments of each call are noted.
    """
    given: list[Any] = []

    def execute(_: Any, module_name: str, module_args: Any, task_vars: Any) -> dict[str, Any]:
        assert module_name == "flaskstack.centos.app_command"
        given.append(module_args)
        return answers[len(given) - 1]

    monkeypatch.setattr(ActionBase, "_execute_module", execute)
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(Display, "display", lambda *_: None)
    task = SimpleNamespace(action="flaskstack.centos.app_command", args={"name": "shop"})
    plugin = ActionModule(task, None, None, None, None, None)
    return plugin.run(None, {"inventory_hostname": "web1"}), given


def test_it_is_started_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pending = {"pending": True, "progress": "it runs", "changed": False}
    result, given = run([pending, pending, {"changed": True}], monkeypatch)
    assert given == [{"name": "shop"}, {"name": "shop", "started": True}] + [
        {"name": "shop", "started": True}
    ]
    assert result == {"changed": True}


def test_a_short_one_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    result, given = run([{"changed": True, "release": "a-1"}], monkeypatch)
    assert given == [{"name": "shop"}]
    assert result == {"changed": True, "release": "a-1"}


def test_the_task_itself_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop runs it for the next application: that one was not started."""
    _, given = run([{"pending": True}, {"changed": True}], monkeypatch)
    _, again = run([{"changed": True}], monkeypatch)
    assert again == given[:1] == [{"name": "shop"}]
