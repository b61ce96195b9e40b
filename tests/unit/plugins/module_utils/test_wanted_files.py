"""Files that a role has described."""

from __future__ import annotations

import grp
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._wanted_files import (
    differences,
    is_stale,
    write_all,
)

GROUP = grp.getgrgid(os.getgid()).gr_name


def wanted(path: Path, text: str = "hello", **keys: Any) -> dict[str, Any]:
    """Describe a file."""
    return {"path": str(path), "mode": "0640", "group": GROUP, "text": text} | keys


@pytest.mark.skipif(os.getuid() != 0, reason="files have to be root's")
def test_a_file_is_stale_when_anything_differs(tmp_path: Path) -> None:
    path = tmp_path / "file"
    file = wanted(path)
    assert is_stale(file)
    path.write_text("hello")
    path.chmod(0o640)
    assert not is_stale(file)
    assert is_stale(file | {"text": "other"})
    assert is_stale(file | {"group": "no-such-group"})
    path.chmod(0o644)
    assert is_stale(file)
    path.chmod(0o640)
    os.chown(path, 1, 0)
    assert is_stale(file)
    path.unlink()
    path.symlink_to("elsewhere")
    assert is_stale(file)


def test_what_is_stale_is_written(tmp_path: Path) -> None:
    files = [wanted(tmp_path / "a"), wanted(tmp_path / "b", "", secret_text="geheim 王")]
    assert write_all(files) == [file["path"] for file in files]
    assert (tmp_path / "b").read_text("utf-8") == "geheim 王"
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o640
    assert write_all(files) == []


def test_all_are_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(OSError, match="none"):
        write_all([wanted(tmp_path / "a"), wanted(tmp_path / "none/b")])
    with pytest.raises(Problem, match="this host has no group no-such-group"):
        write_all([wanted(tmp_path / "a"), wanted(tmp_path / "b", group="no-such-group")])
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_diff_has_nothing_secret(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    files = [wanted(tmp_path / "a", "new\n"), wanted(tmp_path / "b", "", secret_text="geheim")]
    assert differences(files) == [
        {
            "before_header": f"{tmp_path}/a",
            "after_header": f"{tmp_path}/a",
            "before": "old\n",
            "after": "new\n",
        }
    ]


def test_the_diff_shows_no_secret_that_goes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("KEY=geheim\n")
    assert differences([wanted(tmp_path / "a", "", secret_text="")]) == []
