"""Run a release command, then only wait for it until it has ended."""

from __future__ import annotations

from typing import Any

from ansible_collections.flaskstack.centos.plugins.action import app_activate


class ActionModule(app_activate.ActionModule):
    """Runs the module again, as long as it is pending, with the word that it was started."""

    started = False

    def _execute_module(self, **options: Any) -> dict[str, Any]:
        given = self._task.args | ({"started": True} if self.started else {})
        answer: dict[str, Any] = super()._execute_module(module_args=given, **options)
        # What succeeded is forgotten by systemd: nothing there says that it was started before.
        self.started = bool(answer.get("pending"))
        return answer
