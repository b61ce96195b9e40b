"""Run a command in an application, then only wait for it until it has ended."""

from __future__ import annotations

from typing import Any

from ansible_collections.flaskstack.centos.plugins.action import app_activate


class ActionModule(app_activate.ActionModule):
    """Runs the module again, as long as it is pending, with the job that it has named."""

    job = ""

    def _execute_module(self, **options: Any) -> dict[str, Any]:
        given = self._task.args | ({"job": self.job} if self.job else {})
        answer: dict[str, Any] = super()._execute_module(module_args=given, **options)
        self.job = answer.pop("job", "")
        return answer
