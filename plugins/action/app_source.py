"""Pack a directory of the controller, send it as one file, and leave nothing behind here."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.flaskstack.centos.plugins.plugin_utils.door import plain
from ansible_collections.flaskstack.centos.plugins.plugin_utils.pack import pack


class ActionModule(ActionBase):  # type: ignore[misc]
    """Has the copy module send what pack() makes."""

    TRANSFERS_FILES = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the answer of the copy module."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = plain(self._task.args)
        if given.get("creates") and self._remote_file_exists(given["creates"]):
            result["changed"] = False
            return result
        if self._task.check_mode:
            result["changed"] = True
            return result
        directory = tempfile.mkdtemp(prefix="flask_app.", dir=constants.DEFAULT_LOCAL_TMP)
        try:
            target = Path(directory, "source.tar")
            pack(
                Path(given["src"]),
                given.get("exclude") or [],
                target,
                given["digest"],
                bool(given.get("store")),
            )
            task = self._task.copy()
            task.args = {"src": str(target), "dest": given["dest"], "mode": "0600"}
            copy = self._shared_loader_obj.action_loader.get(
                "ansible.legacy.copy",
                task=task,
                connection=self._connection,
                play_context=self._play_context,
                loader=self._loader,
                templar=self._templar,
                shared_loader_obj=self._shared_loader_obj,
            )
            result.update(copy.run(task_vars=task_vars))
            return result
        except (ValueError, OSError) as error:
            raise AnsibleActionFail(str(error)) from error
        finally:
            shutil.rmtree(directory)
            self._remove_tmp_path(self._connection._shell.tmpdir)
