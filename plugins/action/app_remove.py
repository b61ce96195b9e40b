"""Run app_remove until all of it has ended: see app_activate, which this one waits as."""

from __future__ import annotations

from ansible_collections.flaskstack.centos.plugins.action.app_activate import (
    ActionModule as Waiting,
)


class ActionModule(Waiting):
    """Executes the module again while something that it has stopped still ends."""
