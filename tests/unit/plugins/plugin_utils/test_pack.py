"""The packer of source directories: the same digest for the same content, and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import pack


def digest(source: Path, *patterns: str) -> dict[str, str | int]:
    """Give the digest of a directory, with its size."""
    return pack.answer(source, list(patterns))


def fill(root: Path) -> Path:
    """Make a source directory with a bit of everything."""
    (root / "shop/static").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "wsgi.py").write_text("app = None\n")
    (root / "shop/__init__.py").write_text("")
    (root / "shop/static/a b.css").write_text("a {}\n")
    (root / "shop/static/商店.js").write_text("1\n")
    (root / "shop/static/two\nlines").write_text("2\n")
    (root / "manage").write_text("#!/bin/sh\n")
    (root / "manage").chmod(0o755)
    (root / "link").symlink_to("shop/static/a b.css")
    (root / "dangling").symlink_to("nowhere")
    return root


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a source directory with a bit of everything."""
    return fill(tmp_path / "source")


def test_answer(source: Path) -> None:
    found = digest(source)
    assert found.keys() == {"digest", "files", "bytes"}
    assert len(str(found["digest"])) == 64
    assert (found["files"], found["bytes"]) == (6, 30)


def test_same_content_elsewhere_and_later(source: Path, tmp_path: Path) -> None:
    other = fill(tmp_path / "other")
    for path in other.rglob("*"):
        os.utime(path, (0, 0), follow_symlinks=False)
    (other / "wsgi.py").chmod(0o640)
    if os.geteuid() == 0:
        shutil.chown(other / "wsgi.py", 1234, 1234)
    assert digest(other) == digest(source)


def test_order_on_disk_does_not_count(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = digest(source)["digest"]
    scandir = os.scandir
    monkeypatch.setattr(
        os, "scandir", lambda path: sorted(scandir(path), key=lambda e: e.name, reverse=True)
    )
    assert digest(source)["digest"] == expected


def replace_link(source: Path) -> None:
    """Let the link point elsewhere."""
    (source / "link").unlink()
    (source / "link").symlink_to("wsgi.py")


def link_to_file(source: Path) -> None:
    """Replace the link by a file with the content of its target."""
    (source / "link").unlink()
    (source / "link").write_text("a {}\n")


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda source: (source / "wsgi.py").write_text("app = 1234\n"),
    "name": lambda source: (source / "wsgi.py").rename(source / "app.py"),
    "directory": lambda source: (source / "shop").rename(source / "store"),
    "executable": lambda source: (source / "wsgi.py").chmod(0o755),
    "not_executable": lambda source: (source / "manage").chmod(0o644),
    "target": replace_link,
    "kind": link_to_file,
    "new": lambda source: (source / "new").write_text(""),
    "gone": lambda source: (source / "shop/__init__.py").unlink(),
    "empty_directory": lambda source: (source / "empty").rmdir(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_counts(source: Path, change: str) -> None:
    before = digest(source)["digest"]
    CHANGES[change](source)
    assert digest(source)["digest"] != before


def names(source: Path, tmp_path: Path, *patterns: str) -> set[str]:
    """Give the paths in the archive made with some excludes."""
    target = tmp_path / "packed.tar.gz"
    expected = str(digest(source, *patterns)["digest"])
    pack.pack(source, list(patterns), target, expected, store=False)
    with tarfile.open(target) as tar:
        return set(tar.getnames())


ALL = {
    "a.py",
    "a.pyc",
    "instance",
    "instance/config",
    "shop",
    "shop/a.pyc",
    "shop/env",
    "shop/instance",
    "shop/instance/keep",
    "env",
    "env/bin",
}


def tree(source: Path) -> Path:
    """Make a source directory of which ALL is what is in it."""
    for name in ("a.py", "a.pyc", "instance/config", "shop/a.pyc", "shop/env"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    for name in ("shop/instance/keep", "env/bin"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    return source


@pytest.mark.parametrize(
    ("pattern", "excluded"),
    [
        ("a.py", {"a.py"}),
        ("*.py[cod]", {"a.pyc", "shop/a.pyc"}),
        ("/a.pyc", {"a.pyc"}),
        ("instance", {"instance", "instance/config", "shop/instance", "shop/instance/keep"}),
        ("/instance/", {"instance", "instance/config"}),
        ("shop/instance", {"shop/instance", "shop/instance/keep"}),
        # shop/env is a file.
        ("env/", {"env", "env/bin"}),
        ("env", {"env", "env/bin", "shop/env"}),
        ("A.PY", set()),
        ("*", ALL),
        ("shop/*", {"shop/a.pyc", "shop/env", "shop/instance", "shop/instance/keep"}),
        # A star stops at a slash.
        ("/*/keep", set()),
        ("shop/?nv", {"shop/env"}),
        ("**/a.pyc", {"a.pyc", "shop/a.pyc"}),
        ("shop/**/keep", {"shop/instance/keep"}),
        ("shop/**/env", {"shop/env"}),
        ("shop/**", {"shop/a.pyc", "shop/env", "shop/instance", "shop/instance/keep"}),
        ("**/instance/**", {"instance/config", "shop/instance/keep"}),
        ("a.py[!c]", set()),
        ("[!s]nv", {"env", "env/bin", "shop/env"}),
        ("[!e]nv", set()),
        ("a.py\\[cod]", set()),
        ("\\a.py", {"a.py"}),
        ("!a.py", set()),
    ],
)
def test_excludes(tmp_path: Path, pattern: str, excluded: set[str]) -> None:
    source = tree(tmp_path / "source")
    assert names(source, tmp_path) == ALL
    assert names(source, tmp_path, pattern) == ALL - excluded


@pytest.mark.parametrize(
    ("patterns", "excluded"),
    [
        (["*.py*", "!a.py"], {"a.pyc", "shop/a.pyc"}),
        (["!a.py", "*.py"], {"a.py"}),
        (["*.pyc", "!/a.pyc"], {"shop/a.pyc"}),
        (
            ["*", "!shop/", "!shop/**"],
            {"a.py", "a.pyc", "env", "env/bin", "instance", "instance/config"},
        ),
        # What is in a directory that is out cannot come in again.
        (["shop/instance/", "!keep"], {"shop/instance", "shop/instance/keep"}),
        (["shop/instance/*", "!keep"], set()),
    ],
)
def test_the_last_pattern_that_matches_decides(
    tmp_path: Path, patterns: list[str], excluded: set[str]
) -> None:
    source = tree(tmp_path / "source")
    assert names(source, tmp_path, *patterns) == ALL - excluded


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_patterns_are_gits(tmp_path: Path) -> None:
    """Of many patterns, each leaves out what git would ignore."""
    patterns = ["a.py", "*.py?", "/env", "env/", "shop/**", "**/keep", "**/env", "*n*", "[a-e]*"]
    patterns += ["shop/*/keep", "/**/a.pyc", "instance/*", "[^a]*/", "shop", "*/a.pyc", "a.p*"]
    source = tree(tmp_path / "source")
    for pattern in patterns:
        repository = tmp_path / "repository"
        shutil.copytree(source, repository)
        (repository / ".gitignore").write_text(pattern + "\n")
        git = ["git", "-C", repository]
        subprocess.run([*git, "init", "--quiet"], check=True)
        listed = subprocess.run(
            [*git, "ls-files", "--others", "--exclude-standard"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        found = {name for name in names(source, tmp_path, pattern) if (source / name).is_file()}
        assert found == set(listed) - {".gitignore"}, pattern
        shutil.rmtree(repository)


def test_digest_alone(source: Path) -> None:
    assert pack.directory_digest(str(source)) == digest(source)["digest"]
    assert pack.directory_digest(str(source), ["*.js"]) == digest(source, "*.js")["digest"]


def test_digest_is_what_it_was(source: Path) -> None:
    """Builds are called by it: another digest of the same content would make all of them anew."""
    assert (
        digest(source)["digest"]
        == "cf64ce1a62dec19ca79db7cde7c28783d26948974e2e4217978cf7368caeb0c9"
    )


def test_stored_archive_is_not_compressed(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "stored.tar"
    pack.pack(source, [], target, str(digest(source)["digest"]), store=True)
    with tarfile.open(target, "r:") as tar:
        assert "wsgi.py" in tar.getnames()


def test_excluded_changes_do_not_count(source: Path) -> None:
    before = digest(source, "__pycache__/")
    (source / "shop/__pycache__").mkdir()
    (source / "shop/__pycache__/x.pyc").write_text("x")
    assert digest(source, "__pycache__/") == before
    assert digest(source) != before


def test_archive_brings_everything_back(source: Path, tmp_path: Path) -> None:
    os.utime(source / "wsgi.py", (1_700_000_000, 1_700_000_000))
    os.link(source / "wsgi.py", source / "zz_hard_link.py")
    expected = digest(source)
    target = tmp_path / "packed.tar.gz"
    pack.pack(source, [], target, str(expected["digest"]), store=False)
    unpacked = tmp_path / "unpacked"
    with tarfile.open(target) as tar:
        for member in tar:
            assert (member.uid, member.gid, member.uname) == (0, 0, "root")
        tar.extractall(unpacked, filter="tar")
    assert digest(unpacked) == expected
    # A web server makes ETag and Last-Modified of it.
    assert (unpacked / "wsgi.py").stat().st_mtime == 1_700_000_000
    assert (unpacked / "zz_hard_link.py").read_text() == "app = None\n"
    assert (unpacked / "empty").is_dir()
    assert os.readlink(unpacked / "dangling") == "nowhere"


def test_sockets_and_pipes_are_left_out(source: Path) -> None:
    before = digest(source)
    os.mkfifo(source / "pipe")
    assert digest(source) == before


def test_change_between_digest_and_archive_is_noticed(source: Path, tmp_path: Path) -> None:
    expected = str(digest(source)["digest"])
    (source / "wsgi.py").write_text("app = 2\n")
    with pytest.raises(ValueError, match="changed while it was being packed; run again") as caught:
        pack.pack(source, [], tmp_path / "packed.tar.gz", expected, store=False)
    assert str(caught.value).startswith(f"{source} changed")


def test_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    found = digest(tmp_path / "source")
    assert (found["files"], found["bytes"]) == (0, 0)
    assert names(tmp_path / "source", tmp_path) == set()


@pytest.mark.parametrize("name", ["missing", "file"])
def test_no_directory(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError) as caught:
        digest(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name} is not a directory on the controller."


def test_unreadable_file_is_named(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root reads what nobody may.
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(pack, "hashed", refuse)
    with pytest.raises(OSError, match=str(source)):
        digest(source)


def test_bytes_that_are_no_unicode_are_a_name_too(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    Path(os.fsdecode(os.fsencode(source) + b"/\xff")).write_text("x")
    assert digest(source)["files"] == 1
    assert len(names(source, tmp_path)) == 1
