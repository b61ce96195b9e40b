"""Gather what an application has said, and go on showing what it says, if that is wanted."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.flaskstack.centos.plugins.plugin_utils.app_logs import row

#: Seconds that one call waits on the host for something new.
LONGEST_WAIT = 10


class ActionModule(ActionBase):  # type: ignore[misc]
    """Executes the module; with ``follow``, again and again."""

    TRANSFERS_FILES = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the module's last answer."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = dict(self._task.args)
        seconds = int(given.pop("follow", 0))
        host = (task_vars or {}).get("inventory_hostname", "")
        began = time.monotonic()
        while True:
            left = began + seconds - time.monotonic()
            if seconds and given.get("after"):
                # Never 0, also at the end: something may have come meanwhile.
                wait = LONGEST_WAIT if seconds < 0 else max(min(LONGEST_WAIT, round(left)), 1)
                given["wait"] = wait
            answer = self._execute_module(
                module_name=self._task.action, module_args=given, task_vars=task_vars
            )
            result.update(answer)
            if not seconds or answer.get("failed") or answer.get("unreachable"):
                return result
            for line in answer["lines"]:
                Display().display(row(host, line))
            given["after"] = answer["position"]
            if seconds > 0 and time.monotonic() >= began + seconds:
                return result
