"""Run a module again until it no longer says that it is pending.

For modules whose work goes on in systemd when they return: nothing is lost with the connection, and
each answer is a line on the screen that shows that it moves.
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display


class ActionModule(ActionBase):  # type: ignore[misc]
    """Executes the module of its own name; app_build and app_command use it too."""

    TRANSFERS_FILES = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the module's last answer, with ``changed`` if any of its answers had it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        changed = False
        while True:
            result.update(self._execute_module(module_name=self._task.action, task_vars=task_vars))
            changed = changed or bool(result.get("changed"))
            if not result.pop("pending", False):
                break
            host = (task_vars or {}).get("inventory_hostname", "")
            progress = result.pop("progress", "")
            Display().display(f"still running: [{host}]{' => ' if progress else ''}{progress}")
        return result | {"changed": changed}
