"""What nginx keeps of sites' answers, and forgets."""

from __future__ import annotations

import os

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_cache import purge
from nginx_host import Host, failure


def test_purging(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(nginx.cache)
    outside = nginx.directory / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep/precious").write_text("x")
    for name in ("shop/a/1", "shop/a/b/2", "wiki/3", "shop/gone"):
        (nginx.cache / name).parent.mkdir(parents=True, exist_ok=True)
        (nginx.cache / name).write_text("123")
    (nginx.cache / "shop/link").symlink_to(outside)
    (nginx.cache / "shop/a/link").symlink_to(outside / "deep/precious")
    announced = purge(["shop", "none"], root, check=True)
    assert announced["purged"]["shop"] == {"files": 3, "bytes": 9}
    assert announced["diff"][0]["before"] == "shop: 3 files, 9 bytes\n"
    assert (nginx.cache / "shop/a/1").exists()
    original = os.unlink

    def unlink(name: str, dir_fd: int | None = None) -> None:
        original(name, dir_fd=dir_fd)
        if name == "gone":
            raise FileNotFoundError

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", unlink)
        answer = purge(["shop", "none"], root)
    assert answer["changed"]
    assert answer["purged"] == {"shop": {"files": 2, "bytes": 6}, "none": {"files": 0, "bytes": 0}}
    nothing = {"shop": {"files": 0, "bytes": 0}}
    assert purge(["shop"], root) == {"changed": False, "purged": nothing, "diff": []}
    assert (nginx.cache / "shop/a/b").is_dir()
    assert (nginx.cache / "wiki/3").exists()
    assert (outside / "deep/precious").exists()
    for name in ("..", ".", "", "a/b", "/etc"):
        said = str(failure(purge, ["wiki", name], root))
        assert said == f"'{name}' is no name of a site."
    (nginx.cache / "linked").symlink_to(outside)
    assert "is a link" in str(failure(purge, ["wiki", "linked"], root))
    assert (nginx.cache / "wiki/3").exists()
