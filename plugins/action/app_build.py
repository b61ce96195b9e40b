"""Run app_build until the build is there: see app_activate, which this one waits as."""

from __future__ import annotations

import secrets
from typing import Any

from ansible_collections.flaskstack.centos.plugins.action.app_activate import (
    ActionModule as Waiting,
)


class ActionModule(Waiting):
    """Gives a task a token of its own, by which the module knows the build that it has begun."""

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the module's last answer."""
        self._task.args = self._task.args | {"token": secrets.token_hex(8)}
        return super().run(tmp, task_vars)
