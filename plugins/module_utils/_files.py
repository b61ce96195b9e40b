"""Write files, links and directories on a host so that nobody ever sees half of one.

One writer for all modules: the content goes to a hidden name beside, gets its owner and mode,
reaches the disk, and takes its place by a rename; then the directory is synced. What is killed in
between leaves the old file, and a hidden one that the next writing replaces.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import grp
import hashlib
import os
import pwd
import shutil
import stat
import time
from typing import Optional, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

#: What a file is called until it is whole: no pattern of an include matches a hidden name.
FRESH = ".{}.flaskstack-new"


def ids_of(owner: str = "root", group: str = "root") -> Tuple[int, int]:
    """Return the numbers of a user and a group.

    Raises:
        Problem: the host does not know one of them.
    """
    try:
        user = pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise Problem(f"this host has no user {owner}.") from None
    try:
        return user, grp.getgrnam(group).gr_gid
    except KeyError:
        raise Problem(f"this host has no group {group}.") from None


def read(path: str) -> Optional[bytes]:
    """Return what is in a file; None if it is not there.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_text(path: str) -> str:
    """Return the text of a file, with what is no UTF-8 replaced; empty if it is not there."""
    return (read(path) or b"").decode("utf-8", "replace")


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def is_stale(path: str, data: bytes, mode: int, ids: Tuple[int, int] = (0, 0)) -> bool:
    """Tell whether a file is missing, or has another content, mode or owner than it should.

    Owners count only for root: nobody else could set them.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != mode:
        return True
    if os.geteuid() == 0 and (found.st_uid, found.st_gid) != tuple(ids):
        return True
    return read(path) != data


def fresh_name(path: str) -> str:
    """Return what a file is called until it takes its place."""
    return os.path.join(os.path.dirname(path), FRESH.format(os.path.basename(path)))


def prepare(path: str, data: bytes, mode: int, ids: Tuple[int, int] = (0, 0)) -> str:
    """Write a file beside its place, complete and on the disk; return its name there.

    It is never readable by more than the file itself will be.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    fresh = fresh_name(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if os.geteuid() == 0:
                os.fchown(file.fileno(), *ids)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise
    return fresh


def put(fresh: str, path: str) -> None:
    """Put a new file or link in its place, also for after a power cut; if that fails, remove it.

    Raises:
        OSError: it cannot be put there; the old one is as it was.
    """
    try:
        os.rename(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise
    sync_directory(os.path.dirname(path))


def write(path: str, data: bytes, mode: int, ids: Tuple[int, int] = (0, 0)) -> None:
    """Write a file that is never seen half-written, also after a power cut.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    fresh = prepare(path, data, mode, ids)
    put(fresh, path)


def point(path: str, target: str) -> None:
    """Make a symbolic link, in the place of the one that is there.

    A new link renamed over the old one: whoever looks meets one of the two, never nothing.

    Raises:
        OSError: it cannot be made; the old one is as it was.
    """
    fresh = fresh_name(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    os.symlink(target, fresh)
    put(fresh, path)


def below(root: str, path: str) -> str:
    """Return where a path of a host is whose files are below ``root``."""
    return os.path.join(root, path.lstrip("/"))


def link_target(path: str) -> Optional[str]:
    """Return what a symbolic link says; None if there is none."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def is_directory(path: str, mode: int, ids: Tuple[int, int] = (0, 0)) -> bool:
    """Tell whether a directory is there, with its mode and owner; owners count only for root."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and stat.S_IMODE(found.st_mode) == mode
        and (os.geteuid() != 0 or (found.st_uid, found.st_gid) == tuple(ids))
    )


def make_directory(path: str, mode: int, ids: Tuple[int, int] = (0, 0)) -> None:
    """Make a directory, or give the one that is there its mode and owner. Its parent is there.

    Raises:
        OSError: it cannot be made, or something else is there.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.geteuid() == 0:
            os.fchown(handle, *ids)
        os.fchmod(handle, mode)
    finally:
        os.close(handle)


def make_directories(path: str, mode: int = 0o755) -> None:
    """Make a directory and those above it that are missing, whatever the umask says."""
    if not path or os.path.isdir(path):
        return
    make_directories(os.path.dirname(path), mode)
    make_directory(path, mode)


def remove(path: str) -> bool:
    """Remove a file, a link, or a directory with all that is in it; tell whether it was there.

    Raises:
        OSError: it is still there.
    """
    attempt = 1
    while True:
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
            return True
        except OSError:
            if not os.path.lexists(path):
                return attempt > 1
            # Something that is ending may have written a last file.
            if attempt == 5:
                raise
            time.sleep(0.1)
            attempt += 1


def sync_directory(path: str) -> None:
    """Make the names in a directory survive a power cut."""
    handle = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_filesystem(path: str) -> None:
    """Bring all that is in memory of a file system to the disk (syncfs(2)).

    What says that a tree is complete must not reach the disk before the tree.

    Raises:
        OSError: something of it was lost.
    """
    # Not at the top: importing it takes memory that can be written and executed, which a service
    # with MemoryDenyWriteExecute (the metrics) does not get on older hosts.
    import ctypes

    handle = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    finally:
        os.close(handle)
