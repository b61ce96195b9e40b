"""Several playbooks in one run: what was a fact for one of them is none for the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fleet import deploy
from test_daily import served

ANEW = {"restart": {"app": "shop"}}
BACK = {"rollback": {"app": "shop"}}


def to(version: str) -> dict[str, Any]:
    """Give the deploy of a version."""
    return {"deploy": {"app": "shop", "version": version}}


def test_each_playbook_of_a_run_does_its_own(tmp_path: Path) -> None:
    names = ["first", "second"]
    hosts = {name: served(tmp_path, name, "1", never=["2", "3"]) for name in names}
    plays = [to("2"), to("3"), BACK, ANEW, "site", to("2")]
    said = deploy(tmp_path, hosts, *plays, wanted={"shop": "3"})
    order = said["order"].splitlines()
    found = [sorted(order[at : at + 2]) for at in range(0, len(order), 2)]
    releases = ["2", "3", "2", "", "3", "2"]
    assert found == [
        [f"{name} shop {release}".strip() for name in names] for release in releases
    ], said["all"]
    for host in hosts:
        assert "failed=0" in said[host]
    assert said["locks"] == ""
