"""The sites of a fleet: each host gets them once, with its batch or after all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fleet import deploy
from test_daily import NOWHERE, served


def site(root: Path, *, bad: str = "", first: dict[str, Any], **wanted: Any) -> dict[str, str]:
    """Run site.yml on two hosts, one after the other; returns the same as deploy().

    Args:
        root: a directory for its files.
        bad: what is bad on the first host: a release (``bad-2``), or its sites (``bad-sites``).
        first: variables of the first host.
        wanted: variables of both.
    """
    hosts = {name: served(root, name, "1", never=["2"]) for name in ("one", "two")}
    for name in hosts:
        served(root, name, "1", app="blog")
    if bad:
        (root / "one" / bad).touch()
    hosts["one"] |= first
    given = {"wanted": {"shop": "2", "blog": "1"}, "flaskstack_serial": 1}
    return deploy(root, hosts, "site", **given | wanted)


@pytest.mark.parametrize(
    ("bad", "first", "wanted", "sentence"),
    [
        ("bad-2", {}, {}, "because it failed on one"),
        # Before it comes to its sites.
        ("bad-2", {"fails": True}, {}, "because it failed on one"),
        ("", {}, {"flaskstack_check_url": f"http://127.0.0.1:{NOWHERE}/"}, "is not well since one"),
        # Nobody is there to say yes.
        ("", {}, {"flaskstack_canary_pause": "prompt"}, "was not answered with yes"),
    ],
    ids=["failed", "broke off", "not well", "no"],
)
def test_a_host_that_does_not_switch_gets_its_sites(
    tmp_path: Path, bad: str, first: dict[str, Any], wanted: dict[str, Any], sentence: str
) -> None:
    said = site(tmp_path, bad=bad, first=first, **wanted)
    # Without those of the application that has not switched.
    assert sorted(said["sites"].splitlines()) == [
        "one shop shop.backend" if bad else "one",
        "two shop shop.backend",
    ], said["all"]
    failed = r"fatal: \[two\]: [^[]*Not deployed to this host: shop\. [^[]*"
    assert re.search(failed + sentence, said["all"])
    assert said["locks"] == ""


def test_a_host_whose_sites_failed_does_not_try_again(tmp_path: Path) -> None:
    said = site(tmp_path, bad="bad-sites", first={})
    assert said["sites"].splitlines() == ["one", "two shop shop.backend"], said["all"]
    failed = (
        r"fatal: \[one\]: [^[]*Not deployed to this host: shop\. [^[]*Test them: nginx does not"
    )
    assert re.search(failed, said["all"])
    assert said["locks"] == ""


def test_a_host_with_nothing_to_switch_gets_its_sites(tmp_path: Path) -> None:
    said = site(tmp_path, first={}, wanted={"shop": "1", "blog": "1"})
    assert sorted(said["sites"].splitlines()) == ["one", "two"], said["all"]
