"""The action plugin that waits for a command in a release."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.flaskstack.centos.plugins.action.app_exec import ActionModule


def test_it_goes_on_with_the_job_that_the_module_has_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        {"pending": True, "progress": "it runs", "changed": False, "job": "1a2b@a-1"},
        {"pending": True, "progress": "it runs", "changed": False, "job": "1a2b@a-1"},
        {"changed": True, "rc": 0},
    ]
    given: list[Any] = []

    def execute(_: Any, module_name: str, module_args: Any, task_vars: Any) -> dict[str, Any]:
        given.append(module_args)
        return answers[len(given) - 1]

    monkeypatch.setattr(ActionBase, "_execute_module", execute)
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(Display, "display", lambda *_: None)
    task = SimpleNamespace(action="flaskstack.centos.app_exec", args={"name": "shop"})
    result = ActionModule(task, None, None, None, None, None).run(None, {})
    assert given == [{"name": "shop"}] + [{"name": "shop", "job": "1a2b@a-1"}] * 2
    # A result with a job would be taken for one that is pending, by whoever reads it.
    assert result == {"changed": True, "rc": 0}
