"""Who deploys."""

from __future__ import annotations

import platform

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import owner


def test_who_deploys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ana")
    assert owner.owner() == f"ana@{platform.node()}"
    assert owner.owner("ben") == f"ben@{platform.node()}"


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found: 12345")

    monkeypatch.setattr(owner.getpass, "getuser", nobody)
    assert owner.owner().startswith("somebody@")
