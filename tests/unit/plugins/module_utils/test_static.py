"""Compressed copies of static files."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

from ansible_collections.flaskstack.centos.plugins.module_utils import _static
from templar import ROOT


def test_compress(tmp_path: Path) -> None:
    big = b"body { color: red }\n" * 200
    (tmp_path / "deep").mkdir()
    for name in ("a.css", "deep/b.JS", "photo.jpg", "shipped.css"):
        (tmp_path / name).write_bytes(big)
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    (tmp_path / "small.css").write_bytes(big[:1000])
    (tmp_path / "random.css").write_bytes(os.urandom(4000))
    (tmp_path / "shipped.css.gz").write_bytes(b"theirs")
    (tmp_path / "outside.css").symlink_to(ROOT / "README.md")
    (tmp_path / "outside").symlink_to(ROOT)
    made = _static.compress(os.fsencode(tmp_path), "")
    assert sorted(made) == [os.fsencode(tmp_path / name) for name in ("a.css.gz", "deep/b.JS.gz")]
    copy = tmp_path / "a.css.gz"
    assert gzip.decompress(copy.read_bytes()) == big
    assert copy.stat().st_mtime == 1_700_000_000
    assert copy.stat().st_mode & 0o777 == 0o644
    assert copy.read_bytes() == (tmp_path / "deep/b.JS.gz").read_bytes()
    assert (tmp_path / "shipped.css.gz").read_bytes() == b"theirs"
    assert not [*tmp_path.rglob("*random.css.gz")]
    # Nothing is left to do.
    assert _static.compress(os.fsencode(tmp_path), "") == []


def test_brotli(tmp_path: Path) -> None:
    command = tmp_path / "brotli"
    command.write_text(
        '#!/bin/sh\nfor o in "$@"; do case $o in --output=*) echo x > "${o#*=}";; esac; done\n'
    )
    command.chmod(0o755)
    (tmp_path / "a.css").write_bytes(b"x" * 2000)
    made = _static.compress(os.fsencode(tmp_path / "a.css"), str(command))
    assert [os.path.basename(path) for path in made] == [b"a.css.gz", b"a.css.br"]


def test_find_static(tmp_path: Path) -> None:
    (tmp_path / "shop/static").mkdir(parents=True)
    (tmp_path / "uploads").symlink_to("/nowhere/shared/uploads")
    (tmp_path / "assets").symlink_to("shop/static")
    top = os.fsencode(tmp_path)

    def find(path: bytes) -> Any:
        return _static.find_static(top, path)

    assert find(b"shop/static/") == top + b"/shop/static"
    assert find(b"shop/gone") is None
    # On trust, and not touched.
    assert find(b"uploads") == b""
    assert find(b"uploads/2026") == b""
    assert find(b"assets") == os.path.realpath(top) + b"/shop/static"
    assert find(b".") == top
