"""Write files, links and directories: whole or not at all, with the mode they are meant to have."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _files
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from templar import ROOT

OWN = (os.geteuid(), os.getegid())
#: What writing a file asks of the system, one after the other.
STEPS = ("open", "write", "fchmod", "fsync", "rename", "fsync of the directory")


@pytest.fixture(autouse=True, params=[0o022, 0o077], ids=["022", "077"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run each test with the usual umask and with that of hardened hosts."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with a file ``unit`` in it."""
    directory = tmp_path / "etc"
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    (directory / "unit").write_bytes(b"old")
    (directory / "unit").chmod(0o600)
    return directory


def mode_of(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.lstat().st_mode)


def test_file_has_its_content_mode_and_owner_whatever_the_umask(place: Path) -> None:
    for path in (place / "unit", place / "fresh"):
        _files.write(str(path), b"new", 0o644, OWN)
        assert path.read_bytes() == b"new"
        assert mode_of(path) == 0o644
    assert sorted(os.listdir(place)) == ["fresh", "unit"]
    _files.write(str(place / "unit"), b"", 0o600, OWN)
    assert mode_of(place / "unit") == 0o600


def test_file_in_the_current_directory_needs_no_path(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    _files.write("unit", b"new", 0o644, OWN)
    assert (place / "unit").read_bytes() == b"new"


def test_writing_replaces_a_link_and_leaves_what_it_points_to(place: Path) -> None:
    (place / "link").symlink_to("unit")
    _files.write(str(place / "link"), b"new", 0o644, OWN)
    assert not (place / "link").is_symlink()
    assert (place / "unit").read_bytes() == b"old"


def test_link_in_the_place_of_the_unfinished_file_is_not_followed(place: Path) -> None:
    Path(_files.fresh_name(str(place / "unit"))).symlink_to(place / "victim")
    (place / "victim").write_bytes(b"theirs")
    _files.write(str(place / "unit"), b"new", 0o644, OWN)
    assert (place / "victim").read_bytes() == b"theirs"
    assert (place / "unit").read_bytes() == b"new"
    assert sorted(os.listdir(place)) == ["unit", "victim"]


def test_secret_is_never_readable_by_others(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    chmod = os.fchmod

    def note(handle: int, mode: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        chmod(handle, mode)

    monkeypatch.setattr(os, "fchmod", note)
    _files.write(str(place / "secret"), b"s3cret", 0o640, OWN)
    assert modes == [0o600]


class Full:
    """A disk that is full at one step: raises instead of the step, and counts from 0."""

    def __init__(self, step: str) -> None:
        self.step = step
        self.synced = 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put itself in front of the functions of os."""
        for name in ("open", "fchmod", "fsync", "rename"):
            monkeypatch.setattr(os, name, self.instead_of(name, getattr(os, name)))
        monkeypatch.setattr(os, "fdopen", self.opened(os.fdopen))

    def fail(self) -> None:
        """Say what the system says then."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def instead_of(self, name: str, function: Any) -> Any:
        """Return a function of os that fails if it is the step."""

        def call(*arguments: Any, **options: Any) -> Any:
            step = name
            if name == "open" and arguments[1] & os.O_DIRECTORY:
                step = "open of the directory"
            elif name == "fsync":
                self.synced += 1
                step = "fsync" if self.synced == 1 else "fsync of the directory"
            if step == self.step:
                self.fail()
            return function(*arguments, **options)

        return call

    def opened(self, function: Any) -> Any:
        """Return fdopen, whose file cannot be written if that is the step."""

        def call(*arguments: Any) -> Any:
            file = function(*arguments)
            if self.step == "write":
                return Unwritable(file, self.fail)
            return file

        return call


class Unwritable:
    """A file that cannot be written."""

    def __init__(self, file: Any, fail: Any) -> None:
        self.file = file
        self.write = lambda data: fail()

    def __enter__(self) -> Unwritable:
        return self

    def __exit__(self, *about: object) -> None:
        self.file.close()


@pytest.mark.parametrize("step", STEPS)
def test_full_disk_leaves_a_whole_file_and_nothing_else(
    step: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        Full(step).install(patched)
        with pytest.raises(OSError, match="No space left"):
            _files.write(str(place / "unit"), b"new", 0o644, OWN)
    # After the rename it is the new one: that its name may not be on the disk is told all the same.
    assert (place / "unit").read_bytes() == (b"new" if "directory" in step else b"old")
    assert os.listdir(place) == ["unit"]


#: Writes a file, and is killed in front of one of its steps.
KILLED = """
import os, signal, sys
from ansible_collections.flaskstack.centos.plugins.module_utils import _files
left = int(sys.argv[2])
def counted(function):
    def call(*arguments, **options):
        global left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return function(*arguments, **options)
    return call
for name in ("unlink", "open", "fdopen", "fchown", "fchmod", "fsync", "rename"):
    setattr(os, name, counted(getattr(os, name)))
_files.write(sys.argv[1], b"new", 0o644, (os.geteuid(), os.getegid()))
"""


def test_killed_at_any_step_leaves_the_old_file_or_the_new_one(place: Path) -> None:
    path = place / "unit"
    contents = []
    for step in range(20):
        path.write_bytes(b"old")
        done = subprocess.run(
            [sys.executable, "-c", KILLED, path, str(step)],
            env=os.environ | {"PYTHONPATH": str(ROOT / "collections")},
            check=False,
        )
        contents.append(path.read_bytes())
        # The next one finds what is left, and writes all the same.
        _files.write(str(path), b"next", 0o644, OWN)
        assert path.read_bytes() == b"next"
        assert os.listdir(place) == ["unit"]
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert contents == sorted(contents, reverse=True)
    assert {b"old", b"new"} == set(contents)


def test_stale_is_what_differs_in_content_mode_or_kind(place: Path) -> None:
    path = str(place / "unit")
    assert not _files.is_stale(path, b"old", 0o600, OWN)
    assert _files.is_stale(path, b"new", 0o600, OWN)
    assert _files.is_stale(path, b"old", 0o644, OWN)
    assert _files.is_stale(str(place / "missing"), b"old", 0o600, OWN)
    assert _files.is_stale(path + "/below", b"old", 0o600, OWN)
    assert _files.is_stale(str(place), b"old", 0o755, OWN)
    (place / "link").symlink_to("unit")
    assert _files.is_stale(str(place / "link"), b"old", 0o600, OWN)
    if os.geteuid() == 0:
        assert _files.is_stale(path, b"old", 0o600, (1, 1))


def test_reading_tells_what_is_missing_from_what_cannot_be_read(place: Path) -> None:
    assert _files.read(str(place / "missing")) is None
    assert _files.read(str(place / "unit" / "below")) is None
    assert _files.read_text(str(place / "missing")) == ""
    with pytest.raises(IsADirectoryError):
        _files.read(str(place))
    (place / "torn").write_bytes("grün".encode()[:3])
    assert _files.read_text(str(place / "torn")) == "gr\ufffd"


def test_account_that_is_not_there_is_named() -> None:
    assert _files.ids_of() == (0, 0)
    with pytest.raises(Problem, match="no-such-user"):
        _files.ids_of("no-such-user", "root")
    with pytest.raises(Problem, match="no-such-group"):
        _files.ids_of("root", "no-such-group")


def test_link_takes_the_place_of_the_one_before(place: Path) -> None:
    path = str(place / "current")
    assert _files.link_target(path) is None
    for target in ("releases/a", "releases/b"):
        _files.point(path, target)
        assert _files.link_target(path) == target
    assert sorted(os.listdir(place)) == ["current", "unit"]


def test_link_that_cannot_be_made_leaves_the_one_before(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(place / "current")
    _files.point(path, "releases/a")
    with monkeypatch.context() as patched:
        Full("rename").install(patched)
        with pytest.raises(OSError, match="No space left"):
            _files.point(path, "releases/b")
    assert _files.link_target(path) == "releases/a"
    assert sorted(os.listdir(place)) == ["current", "unit"]


def test_directories_have_their_mode_whatever_the_umask(place: Path) -> None:
    _files.make_directories(str(place / "a/b/c"))
    for name in ("a", "a/b", "a/b/c"):
        assert mode_of(place / name) == 0o755
    # Those that were there are somebody's: only the last one is made to be as asked.
    (place / "a").chmod(0o700)
    _files.make_directories(str(place / "a/b/d"), 0o750)
    assert mode_of(place / "a") == 0o700
    assert mode_of(place / "a/b/d") == 0o750
    _files.make_directory(str(place / "a"), 0o711, OWN)
    assert _files.is_directory(str(place / "a"), 0o711, OWN)
    assert not _files.is_directory(str(place / "a"), 0o755, OWN)
    assert not _files.is_directory(str(place / "missing"), 0o755, OWN)


def test_directory_is_not_made_of_a_link_or_a_file(place: Path) -> None:
    (place / "elsewhere").mkdir(mode=0o700)
    (place / "link").symlink_to("elsewhere")
    for name in ("link", "unit"):
        with pytest.raises(OSError):  # noqa: PT011 - which one depends on the kernel
            _files.make_directory(str(place / name), 0o755, OWN)
        assert not _files.is_directory(str(place / name), 0o755, OWN)
    assert mode_of(place / "elsewhere") == 0o700


def test_removing_takes_trees_links_and_files_and_tells_whether_there_was_one(place: Path) -> None:
    (place / "tree/below").mkdir(parents=True)
    (place / "tree/below/file").write_bytes(b"")
    (place / "tree/link").symlink_to(place)
    (place / "link").symlink_to("nowhere")
    for name in ("tree", "link", "unit"):
        assert _files.remove(str(place / name))
        assert not _files.remove(str(place / name))
    assert not _files.remove(str(place / "unit/below"))
    assert os.listdir(place) == []


def test_removing_tries_again_what_somebody_writes_to(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "tree").mkdir()
    rmtree = _files.shutil.rmtree
    left = [OSError(errno.ENOTEMPTY, "Directory not empty")] * 2

    def busy(path: str) -> None:
        if left:
            raise left.pop()
        rmtree(path)

    monkeypatch.setattr(_files.shutil, "rmtree", busy)
    monkeypatch.setattr(_files.time, "sleep", lambda seconds: None)
    assert _files.remove(str(place / "tree"))
    assert not (place / "tree").exists()


@pytest.mark.parametrize("number", [errno.EBUSY, errno.ENOENT])
def test_removing_what_stays_raises(
    number: int, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stays(path: str) -> None:
        raise OSError(number, "still there")

    (place / "tree").mkdir()
    monkeypatch.setattr(_files.shutil, "rmtree", stays)
    monkeypatch.setattr(_files.time, "sleep", lambda seconds: None)
    with pytest.raises(OSError, match="still there"):
        _files.remove(str(place / "tree"))


def test_file_system_is_brought_to_the_disk_or_it_is_said(place: Path) -> None:
    _files.sync_filesystem(str(place))
    with pytest.raises(FileNotFoundError):
        _files.sync_filesystem(str(place / "missing"))
