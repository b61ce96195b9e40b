"""What outlives releases is made once, and only what is public is for the web server."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_releases,
    _app_shared,
    _files,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from app_host import Host

GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture(autouse=True)
def account(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the host the account of the application, and its build."""
    mine = pwd.getpwuid(os.getuid())
    fields = ["shop", "x", mine.pw_uid, mine.pw_gid, "uWSGI application shop", "/", "/"]
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd(fields))
    group = grp.struct_group(("shop", "x", mine.pw_gid, []))
    real = grp.getgrnam
    monkeypatch.setattr(grp, "getgrnam", lambda name: group if name == "shop" else real(name))
    (host.root / "shop/builds/b/seed").mkdir(parents=True)


def request(host: Host, *shared: str, public: tuple[str, ...] = ()) -> dict[str, Any]:
    """Ask for a release with shared and public paths."""
    build = {"path": str(host.root / "shop/releases/b-1/build"), "target": "../../builds/b"}
    out = host.request(links=[build], shared_paths=list(shared), public_paths=list(public))
    return out | {"socket_group": GROUP}


def seed(host: Host, path: str, text: str = "") -> Path:
    """Put something into the seed of the build; a directory without a text."""
    place = host.root / "shop/builds/b/seed" / path
    if text:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o444)
    else:
        place.mkdir(parents=True)
    return place


def tree(host: Host) -> dict[str, str]:
    """Return path -> mode of what is in shared."""
    home = host.root / "shop/shared"
    return {
        str(path.relative_to(home)): f"{path.lstat().st_mode & 0o7777:o}"
        for path in sorted(home.rglob("*"))
    }


def test_missing_places_are_made_of_what_the_source_had(host: Host) -> None:
    seed(host, "instance/config/app.cfg", "x = 1\n")
    seed(host, "static/uploads")
    seed(host, "data.db", "rows")
    (host.root / "shop/builds/b/seed/instance/link").symlink_to("config/app.cfg")
    asked = request(
        host, "instance", "static/uploads", "data.db", "var/cache", "new.db", "log/a.log"
    )
    answer = _app_releases.compare(asked)
    home = host.root / "shop/shared"
    made = ["data.db", "instance", "log", "static/uploads", "var/cache"]
    assert [path for path in answer["written"] if path.startswith(f"{home}/")] == [
        f"{home}/{path}" for path in made
    ]
    (diff,) = [one for one in answer["diff"] if one["after_header"] == str(home)]
    assert diff["after"] == (
        "data.db: of what the source has there\n"
        "instance: of what the source has there\n"
        "log: new directory\n"
        "static/uploads: of what the source has there\n"
        "var/cache: new directory\n"
    )
    assert not home.exists()
    _app_releases.write(asked)
    assert tree(host) == {
        "data.db": "640",
        "instance": "750",
        "instance/config": "750",
        "instance/config/app.cfg": "640",
        "instance/link": "777",
        "log": "750",
        "static": "750",
        "static/uploads": "750",
        "var": "750",
        "var/cache": "750",
    }
    assert (home / "data.db").read_text() == "rows"
    assert not _app_releases.write(asked)["changed"]


def test_what_is_there_stays(host: Host) -> None:
    seed(host, "data.db", "of the source")
    seed(host, "instance/app.cfg", "of the source")
    home = host.root / "shop/shared"
    (home / "instance").mkdir(parents=True)
    (home / "data.db").write_text("of people")
    (home / "gone").symlink_to("nowhere")
    asked = request(host, "instance", "data.db", "gone")
    _app_releases.write(asked)
    assert (home / "data.db").read_text() == "of people"
    assert os.listdir(home / "instance") == []
    assert os.readlink(home / "gone") == "nowhere"


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_the_application_makes_meanwhile_stays(
    host: Host, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = seed(host, "place/a", "of the source") if kind == "directory" else None
    source = source.parent if source else seed(host, "place", "of the source")
    home = host.root / "shop/shared"
    home.mkdir(parents=True)
    real = _files.sync_filesystem

    def meanwhile(path: str) -> None:
        real(path)
        (home / "place").mkdir() if kind == "directory" else None
        (home / "place/own" if kind == "directory" else home / "place").write_text("of people")

    monkeypatch.setattr(_files, "sync_filesystem", meanwhile)
    _app_shared.plant(str(source), str(home / "place"))
    assert sorted(os.listdir(home)) == ["place"]
    own = home / "place/own" if kind == "directory" else home / "place"
    assert own.read_text() == "of people"


def test_a_copy_that_was_cut_off_is_made_anew(host: Host) -> None:
    seed(host, "instance/app.cfg", "whole")
    half = host.root / "shop/shared/.instance.flaskstack-new"
    (half / "rest").mkdir(parents=True)
    _app_releases.write(request(host, "instance"))
    assert sorted(os.listdir(host.root / "shop/shared")) == ["instance"]
    assert os.listdir(host.root / "shop/shared/instance") == ["app.cfg"]


def test_what_cannot_be_made_is_told(host: Host) -> None:
    home = host.root / "shop/shared"
    home.mkdir(parents=True)
    (home / "static").write_text("a file")
    with pytest.raises(Problem, match="application 'shop': shared_paths: .*/static.*: ") as caught:
        _app_releases.write(request(host, "static/uploads"))
    assert "Traceback" not in str(caught.value)
    assert not (host.root / "shop/releases/b-1/release.json").exists()


# ---- Public ----------------------------------------------------------------------------------


def test_the_web_server_may_read_what_is_public_only(host: Host) -> None:
    asked = request(host, "instance", "static/uploads", public=("static/uploads", "media.d"))
    home = host.root / "shop/shared"
    (home / "static/uploads/2025").mkdir(parents=True)
    (home / "static/uploads/2025/old.jpg").write_text("x")
    (home / "static/uploads/2025/old.jpg").chmod(0o600)
    (home / "static/secret.txt").write_text("x")
    (home / "static/secret.txt").chmod(0o600)
    (home / "static").chmod(0o700)
    answer = _app_releases.compare(asked)
    assert str(host.root / "shop/public.json") in answer["written"]
    (diff,) = [one for one in answer["diff"] if one["after_header"] == str(home)]
    assert "static/uploads: read by the web server\n" in diff["after"]
    _app_releases.write(asked)
    assert home.stat().st_mode & 0o7777 == 0o710
    assert tree(host) == {
        "instance": "750",
        "media.d": "2750",
        "static": "710",
        "static/secret.txt": "600",
        "static/uploads": "2750",
        "static/uploads/2025": "2750",
        "static/uploads/2025/old.jpg": "640",
    }
    assert not _app_releases.write(asked)["changed"]


def test_what_is_not_public_any_more_is_taken_back(host: Host) -> None:
    _app_releases.write(request(host, public=("a/media", "b")))
    home = host.root / "shop/shared"
    (home / "a/media/x.jpg").write_text("x")
    assert not _app_releases.compare(request(host, public=("a/media", "b")))["written"]
    _app_releases.write(request(host, public=("b",)))
    assert {key: mode for key, mode in tree(host).items() if key != "a/media/x.jpg"} == {
        "a": "750",
        "a/media": "750",
        "b": "2750",
    }
    assert home.stat().st_mode & 0o7777 == 0o710
    answer = _app_releases.compare(request(host))
    (diff,) = [one for one in answer["diff"] if one["after_header"] == str(home)]
    assert (diff["before"], diff["after"]) == ("b: read by the web server\n", "")
    _app_releases.write(request(host))
    assert home.stat().st_mode & 0o7777 == 0o750
    assert tree(host)["b"] == "750"
    assert not (host.root / "shop/public.json").exists()
    assert not _app_releases.write(request(host))["changed"]


def test_a_run_that_was_cut_off_leaves_nothing_open(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    _app_releases.write(request(host, public=("a",)))
    real = _app_shared.set_tree

    def cut_off(*_: Any) -> None:
        raise OSError(5, "Input/output error", "x")

    monkeypatch.setattr(_app_shared, "set_tree", cut_off)
    with pytest.raises(Problem, match="application 'shop': x: Input/output error"):
        _app_releases.write(request(host, public=("b",)))
    assert _app_shared.noted(host.app) == ["a", "b"]
    monkeypatch.setattr(_app_shared, "set_tree", real)
    _app_releases.write(request(host))
    assert {tree(host)["a"], tree(host)["b"]} == {"750"}


def test_what_was_public_around_something_that_is_is_taken_back(host: Host) -> None:
    _app_releases.write(request(host, public=("media",)))
    media = host.root / "shop/shared/media"
    for name in ("thumbs/x.jpg", "private/x.jpg", "x.jpg"):
        (media / name).parent.mkdir(exist_ok=True)
        (media / name).write_text("x")
        (media / name).chmod(0o640)
    (media / "private").chmod(0o2750)
    asked = request(host, public=("media/thumbs",))
    _app_releases.write(asked)
    modes = {name: mode for name, mode in tree(host).items() if not name.endswith(".jpg")}
    assert modes == {"media": "710", "media/private": "750", "media/thumbs": "2750"}
    assert not _app_releases.write(asked)["changed"]


def test_directories_without_end_are_the_application_s_failure(host: Host) -> None:
    """It may have made them so that no run goes through."""
    inner = host.root / "shop/shared/media"
    inner.mkdir(parents=True)
    handle = os.open(inner, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("a", dir_fd=handle)
        further = os.open("a", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = further
    os.close(handle)
    try:
        with pytest.raises(Problem, match="application 'shop': .*/media has directories in .* 100"):
            _app_releases.write(request(host, public=("media",)))
    finally:
        subprocess.run(["rm", "-r", str(inner)], check=True)


@pytest.mark.parametrize("place", ["media", "up/media"])
def test_a_link_is_not_followed(host: Host, tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "media").mkdir(parents=True)
    (elsewhere / "media").chmod(0o700)
    home = host.root / "shop/shared"
    home.mkdir(parents=True)
    if place == "media":
        (home / "media").symlink_to(elsewhere / "media")
    else:
        (home / "up").symlink_to(elsewhere)
    with pytest.raises(Problem, match="application 'shop': .* is a link or a file; put a dir"):
        _app_releases.write(request(host, public=(place,)))
    assert (elsewhere / "media").stat().st_mode & 0o7777 == 0o700


def test_links_and_shared_inodes_below_are_left_alone(host: Host, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("x")
    outside.chmod(0o600)
    media = host.root / "shop/shared/media"
    media.mkdir(parents=True)
    (media / "link").symlink_to(outside)
    os.link(outside, media / "hard")
    os.mkfifo(media / "pipe", 0o600)
    _app_releases.write(request(host, public=("media",)))
    assert outside.stat().st_mode & 0o7777 == 0o600
    assert (media / "pipe").stat().st_mode & 0o7777 == 0o600
