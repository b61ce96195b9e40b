"""Run connections_info until nobody is connected: see app_exec, which this one waits as."""

from __future__ import annotations

from ansible_collections.flaskstack.centos.plugins.action.app_exec import ActionModule as Waiting


class ActionModule(Waiting):
    """Executes the module again with the job that it has named."""
