"""Which releases and builds go, and which never do."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _files
from ansible_collections.flaskstack.centos.plugins.module_utils._app_prune import prune
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import CommandFailed
from app_host import Host, activated

TWO_DAYS = 2 * 86400


def age(path: Path, seconds: float = TWO_DAYS) -> None:
    """Make a file or a directory older than it is."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_old_releases_and_their_builds_go(host: Host) -> None:
    for n in range(1, 7):
        host.make(f"b{n}-1", build="one" if n in (1, 6) else f"b{n}")
    (host.root / "shop/builds/never-released").mkdir()
    events = [activated("b1-1")]
    events += [activated(f"b{n}-1", f"b{n - 1}-1") for n in range(2, 7)]
    host.note(*events)
    host.link("current", "b6-1")
    host.link("previous", "b5-1")
    gone = prune(host.app, 2, "b6-1")
    # Current and previous are the two; of what never served there is none to keep.
    assert host.releases == {"b6-1", "b5-1"}
    assert "b1-1" in gone and "b2-1" in gone and "builds/b2" in gone
    # One is the build of the current release too; what no release was made of is not ours.
    assert {"one", "never-released", "b5"} <= set(os.listdir(host.root / "shop/builds"))
    assert not {"b1", "b2"} & set(os.listdir(host.root / "shop/builds"))


def test_what_still_runs_or_went_wrong_last_stays(host: Host) -> None:
    for release in ("a-1", "b-1", "c-1", "x-1", "y-1"):
        host.make(release)
    for seconds, release in ((300, "x-1"), (200, "y-1")):
        age(host.root / "shop/releases" / release / "release.json", seconds)
    host.note(activated("a-1"), activated("b-1", "a-1"), activated("c-1", "b-1"))
    host.link("current", "c-1")
    host.link("previous", "b-1")
    host.units("uwsgi-shop@a-1.service deactivating")
    prune(host.app, 1, "c-1")
    assert host.releases == {"c-1", "b-1", "a-1", "y-1"}


def test_units_of_a_release_go_with_it(host: Host) -> None:
    for release in ("a-1", "b-1", "c-1", "d-1"):
        host.make(release)
        for name in ("mail@{}.service", "clean@{}.timer"):
            (host.units_directory / ("uwsgi-shop." + name.format(release))).touch()
        (host.stamps / f"stamp-uwsgi-shop.clean@{release}.timer").touch()
    (host.units_directory / "uwsgi-shop-admin.mail@a-1.service").touch()
    host.note(activated("a-1"), activated("b-1"), activated("c-1"), activated("d-1"))
    host.link("current", "d-1")
    host.link("previous", "c-1")
    prune(host.app, 2, "d-1")
    stamps = sorted(path.name for path in host.stamps.iterdir())
    assert stamps == [f"stamp-uwsgi-shop.clean@{release}.timer" for release in ("c-1", "d-1")]
    left = {path.name for path in host.units_directory.iterdir()}
    assert left == {
        "uwsgi-shop-admin.mail@a-1.service",
        *(f"uwsgi-shop.mail@{release}.service" for release in ("c-1", "d-1")),
        *(f"uwsgi-shop.clean@{release}.timer" for release in ("c-1", "d-1")),
    }
    assert "daemon-reload" in host.calls()


@pytest.mark.parametrize("broken", ["", "{", None])
def test_what_serves_stays_also_when_it_cannot_be_read(host: Host, broken: str | None) -> None:
    """Fault 2: current, previous and what runs were removed, and the build under them."""
    for release, build in (("a-1", "one"), ("b-1", "one"), ("c-1", "one"), ("d-1", "two")):
        path = host.make(release, build=build)
        if release != "d-1":
            if broken is None:
                (path / "release.json").unlink()
            else:
                (path / "release.json").write_text(broken)
            age(path)
    # Of those that never served, the latest stays.
    for n, build in enumerate(("one", "one", "three")):
        age(host.make(f"e{n}-1", build=build) / "release.json", 100 - n)
    host.link("current", "a-1")
    host.link("previous", "b-1")
    host.units("uwsgi-shop@c-1.service active")
    gone = prune(host.app, 1, "d-1")
    assert {"a-1", "b-1", "c-1", "d-1"} <= host.releases
    # Releases of the same build go; the build is needed.
    assert "e0-1" in gone
    assert (host.root / "shop/builds/one").exists()


def test_what_an_interruption_left_goes_after_a_day(host: Host) -> None:
    host.make("a-1")
    host.link("current", "a-1")
    for release in ("old-1", "young-1"):
        (host.make(release) / "release.json").unlink()
    age(host.root / "shop/releases/old-1")
    assert prune(host.app, 1, "a-1") == ["old-1", "builds/old"]
    assert host.releases == {"a-1", "young-1"}


def test_what_the_disk_does_not_give_is_not_removed(host: Host) -> None:
    """A release.json that cannot be read now may be a good one."""
    host.make("a-1")
    host.link("current", "a-1")
    path = host.make("b-1")
    (path / "release.json").unlink()
    (path / "release.json").mkdir()
    age(path)
    assert prune(host.app, 1, "a-1") == []
    assert "b-1" in host.releases


def test_nothing_goes_when_systemd_does_not_say_what_runs(host: Host) -> None:
    """Fault 2: an empty answer was taken for "none runs"."""
    for release in ("a-1", "b-1", "c-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"), activated("c-1", "b-1"))
    host.link("current", "c-1")
    host.units("uwsgi-shop@a-1.service active")
    host.fail("list-units")
    with pytest.raises(CommandFailed):
        prune(host.app, 1, "c-1")
    assert host.releases == {"a-1", "b-1", "c-1"}


@pytest.mark.parametrize("moment", range(1, 6))
def test_what_was_killed_at_it_goes_the_next_time(
    host: Host, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """A build whose release was gone already stayed for ever."""

    class Killed(BaseException):
        """What kill -9 does, as far as a test can."""

    removed, real = [], _files.remove

    def remove(path: str) -> bool:
        removed.append(path)
        if len(removed) == moment:
            raise Killed
        return real(path)

    for release in ("a-1", "b-1", "c-1"):
        host.make(release)
        (host.root / "shop/builds" / release[0] / "build.json").touch()
        (host.units_directory / f"uwsgi-shop.mail@{release}.service").touch()
    host.note(activated("a-1"), activated("b-1"), activated("c-1"))
    host.link("current", "c-1")
    with monkeypatch.context() as patch:
        patch.setattr(_files, "remove", remove)
        with pytest.raises(Killed):
            prune(host.app, 1, "c-1")
    for release in host.releases - {"c-1"}:
        age(host.root / "shop/releases" / release)
    prune(host.app, 1, "c-1")
    assert host.releases == {"c-1"}
    assert os.listdir(host.root / "shop/builds") == ["c"]
    assert os.listdir(host.units_directory) == ["uwsgi-shop.mail@c-1.service"]
