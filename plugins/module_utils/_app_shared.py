"""What outlives an application's releases: its directory ``shared``, and who may read what in it.

The application may write there, so nothing in it is trusted. What is made is made by a process of
the application's own user. What root does (the web server's group on directories of uploads) goes
by open directories and follows no link.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import errno
import json
import os
import pwd
import shutil
import stat
import traceback
from typing import Any, Callable, Dict, Iterator, List, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import _files
from ansible_collections.flaskstack.centos.plugins.module_utils._application import Application
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, describe

#: Group and mode of the directory of all: the application's alone; where something in it is for
#: the web server, that may go through it.
ALONE = 0o750
PASSAGE = 0o710
#: What is for the web server: new files get the directory's group, and UMask lets it read them.
PUBLIC = 0o2750
#: The file, beside ``shared``, that says which directories the web server may read.
NOTE = "public.json"
#: How deep directories may be in one that the web server may read.
DEEPEST = 100
#: What is not followed, and not waited for.
OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def home_of(app: Application) -> str:
    """Return the directory of what outlives releases."""
    return os.path.join(app.home, "shared")


def has_suffix(path: str) -> bool:
    """Tell whether a path looks like a file's: the application makes that itself."""
    return bool(os.path.splitext(os.path.basename(path))[1])


# ---- What is missing, and is made ------------------------------------------------------------


def missing(app: Application, wanted: Dict[str, Any]) -> List[str]:
    """Return the paths in ``shared`` that are to be made, those on the way to others first.

    Args:
        app: the application.
        wanted: its release. The build of it may not be there yet.
    """
    home, public = home_of(app), wanted["public_paths"]
    found = []
    for path in wanted["shared_paths"] + public:
        there = os.path.join(home, path)
        if os.path.lexists(there):
            continue
        if has_suffix(path) and path not in public and not os.path.lexists(seed_of(wanted, path)):
            # The application makes the file; where it is to be is enough.
            path = os.path.dirname(path)
            if not path or os.path.lexists(os.path.dirname(there)):
                continue
        found.append(path)
    return sorted(set(found))


def seed_of(wanted: Dict[str, Any], path: str) -> str:
    """Return where a release's build has what its source had at a path that is shared."""
    return os.path.join(build_of(wanted), "seed", path)


def build_of(wanted: Dict[str, Any]) -> str:
    """Return the path of the build that a release is of; empty for none."""
    for link in wanted["links"]:
        if os.path.basename(link["path"]) == "build":
            path: str = os.path.join(os.path.dirname(link["path"]), link["target"])
            return os.path.normpath(path)
    return ""


def make(app: Application, wanted: Dict[str, Any]) -> List[str]:
    """Make what is missing, as the application's user; return the paths.

    Raises:
        Problem: the host does not know the user, or something cannot be made.
    """
    home, paths = home_of(app), missing(app, wanted)

    def work() -> None:
        for path in paths:
            plant(seed_of(wanted, path), os.path.join(home, path))

    failed = as_user(app.name, work) if paths else ""
    if failed:
        raise Problem(f"shared_paths: {failed}")
    return [os.path.join(home, path) for path in paths]


def plant(seed: str, path: str) -> None:
    """Copy a seed to its place, else make a directory there; never over what is there.

    It gets its name when it is whole: one that is cut off is done again.

    Raises:
        OSError: it cannot be made.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fresh = _files.fresh_name(path)
    _files.remove(fresh)
    is_directory = os.path.isdir(seed) and not os.path.islink(seed)
    if is_directory:
        shutil.copytree(seed, fresh, symlinks=True)
        for directory, _, names in os.walk(fresh):
            for name in [os.curdir] + names:
                keep_to_owner(os.path.join(directory, name))
    elif os.path.lexists(seed):
        shutil.copy2(seed, fresh, follow_symlinks=False)
        keep_to_owner(fresh)
    else:
        os.mkdir(fresh, ALONE)
        is_directory = True
    _files.sync_filesystem(os.path.dirname(path))
    # The release that serves may just have made it itself.
    try:
        if is_directory:
            os.rename(fresh, path)
        else:
            # A rename would take the place of a file.
            os.link(fresh, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise
    _files.remove(fresh)
    _files.sync_directory(os.path.dirname(path))


def keep_to_owner(path: str) -> None:
    """Give a copy the mode of something that its owner writes, and nobody else looks at."""
    found = os.lstat(path)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(path, (stat.S_IMODE(found.st_mode) | stat.S_IWUSR) & ALONE)


def as_user(name: str, work: Callable[[], None]) -> str:
    """Do something in a process of a user's own; return why it failed, empty if it did not.

    Raises:
        Problem: the host does not know the user.
    """
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise Problem(f"this host has no user {name}.") from None
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = ""
        try:
            if os.geteuid() == 0:
                os.setgroups([user.pw_gid])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
            os.umask(0o027)
            os.chdir("/")
            work()
        except OSError as error:
            said = describe(error)
        except shutil.Error as error:
            said = f"{error.args[0][0][1]}: {error.args[0][0][2]}."
        except BaseException:
            said = traceback.format_exc()
        finally:
            os.write(writer, said.encode("utf-8", "replace")[:8000])
            os._exit(1 if said else 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    _, status = os.waitpid(child, 0)
    return said or ("" if status == 0 else f"the process that makes them ended with {status}.")


# ---- What the web server may read ------------------------------------------------------------


def modes(public: List[str]) -> Dict[str, int]:
    """Return path in ``shared`` -> mode of all that the web server may enter, outermost first."""
    found = {}
    for path in public:
        parent = os.path.dirname(path)
        while parent:
            found[parent] = PASSAGE
            parent = os.path.dirname(parent)
    found.update(dict.fromkeys(public, PUBLIC))
    return {path: found[path] for path in sorted(found)}


def rights(app: Application, wanted: Dict[str, Any], group: str) -> Tuple[int, Any]:
    """Return the mode of ``shared`` itself, and its owner's and group's numbers.

    The numbers are None where the host does not know one of them yet.
    """
    is_public = bool(wanted["public_paths"])
    try:
        ids: Any = _files.ids_of(app.name, group if is_public else app.name)
    except Problem:
        ids = None
    return (PASSAGE if is_public else ALONE), ids


def noted(app: Application) -> List[str]:
    """Return the directories that the web server may read by what was done before."""
    try:
        found = json.loads(_files.read_text(os.path.join(app.home, NOTE)) or "[]")
    except (OSError, ValueError):
        return []
    return [str(path) for path in found] if isinstance(found, list) else []


def is_different(app: Application, public: List[str], group: str) -> bool:
    """Tell whether the web server may not read what it should, or may what it should not."""
    if sorted(noted(app)) != sorted(public):
        return True
    if not public:
        return False
    try:
        ids = _files.ids_of(app.name, group)
    except Problem:
        return True
    return not all(
        _files.is_directory(os.path.join(home_of(app), path), mode, ids)
        for path, mode in modes(public).items()
    )


def publish(app: Application, public: List[str], group: str) -> None:
    """Let the web server read directories in ``shared``, and nothing else there any more.

    Args:
        app: the application.
        public: the directories. They are there.
        group: the web server's.

    Raises:
        Problem: one of them is a link, or no directory, or the host does not know the group.
        OSError: a mode cannot be set.
    """
    user = pwd.getpwnam(app.name)
    before = noted(app)
    # All that was ever let in is noted until it is taken back.
    note(app, before + [path for path in public if path not in before])
    for path in modes(before):
        if path not in modes(public) or path in set(before) - set(public):
            with contextlib.suppress(FileNotFoundError):
                set_tree(app, path, (user.pw_uid, user.pw_gid), ALONE, path in before)
    for path, mode in modes(public).items():
        set_tree(app, path, _files.ids_of(app.name, group), mode, mode == PUBLIC)
    note(app, public)


def note(app: Application, public: List[str]) -> None:
    """Note which directories the web server may read."""
    path = os.path.join(app.home, NOTE)
    if public:
        _files.write(path, (json.dumps(sorted(public)) + "\n").encode("utf-8"), 0o644)
    else:
        _files.remove(path)


def set_tree(app: Application, path: str, ids: Tuple[int, int], mode: int, deep: bool) -> None:
    """Give a directory in ``shared`` its group and mode; with deep, all that is in it too.

    Itself last: a tree that is half done is done again.

    Raises:
        Problem: it is a link or no directory, or there is no end of directories in it.
        OSError: a mode cannot be set, or it is not there.
    """
    with opened(app, path) as handle:
        if deep:
            set_inside(handle, ids, mode, os.path.join(home_of(app), path))
        os.fchown(handle, *ids)
        os.fchmod(handle, mode)


def set_inside(handle: int, ids: Tuple[int, int], mode: int, top: str, depth: int = 1) -> None:
    """Give all that an open directory has in it the group and mode; only what is its owner's.

    Args:
        handle: the directory.
        ids: of the owner and of the group.
        mode: of the directories in it.
        top: the path of the outermost one, for a sentence.
        depth: how deep in that it is.

    Raises:
        Problem: it is too deep. Each step takes an open file, and the application may have made
            any number.
        OSError: a mode cannot be set.
    """
    if depth > DEEPEST:
        raise Problem(
            f"{top} has directories in directories, more than {DEEPEST} deep; remove those that"
            " are deeper."
        )
    for name in os.listdir(handle):
        try:
            inner = os.open(name, OPEN, dir_fd=handle)
        except OSError:
            # A link, a socket, or gone.
            continue
        try:
            found = os.fstat(inner)
            if found.st_uid != ids[0]:
                continue
            if stat.S_ISDIR(found.st_mode):
                set_inside(inner, ids, mode, top, depth + 1)
                os.fchown(inner, -1, ids[1])
                os.fchmod(inner, mode)
            elif stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
                os.fchown(inner, -1, ids[1])
                readable = 0o040 if found.st_mode & stat.S_IRUSR else 0
                os.fchmod(inner, stat.S_IMODE(found.st_mode) & 0o777 | readable)
        finally:
            os.close(inner)


@contextlib.contextmanager
def opened(app: Application, path: str) -> Iterator[int]:
    """Open a directory in ``shared``, step by step, so that no link leads elsewhere.

    Raises:
        Problem: a step is a link or no directory.
        FileNotFoundError: it is not there.
    """
    handle = os.open(home_of(app), OPEN | os.O_DIRECTORY)
    try:
        for name in filter(None, path.split("/")):
            inner = os.open(name, OPEN | os.O_DIRECTORY, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Problem(
                f"{home_of(app)}/{path} is to be a directory that the web server may read, and it,"
                " or what it is in, is a link or a file; put a directory there."
            ) from None
        raise
    finally:
        os.close(handle)


# ---- All of it -------------------------------------------------------------------------------


def stale(app: Application, wanted: Dict[str, Any], group: str) -> List[str]:
    """Return the paths of what is missing, and the note if rights are not as they should be."""
    found = [os.path.join(home_of(app), path) for path in missing(app, wanted)]
    if is_different(app, wanted["public_paths"], group):
        found.append(os.path.join(app.home, NOTE))
    return found


def put_right(app: Application, wanted: Dict[str, Any], group: str) -> List[str]:
    """Make what is missing, and set the rights; return the paths as stale() does.

    Raises:
        Problem: something cannot be made, or is not what it is to be.
        OSError: likewise.
    """
    written = make(app, wanted)
    if is_different(app, wanted["public_paths"], group):
        publish(app, wanted["public_paths"], group)
        written.append(os.path.join(app.home, NOTE))
    return written


def difference(app: Application, wanted: Dict[str, Any], group: str) -> List[Dict[str, str]]:
    """Return the diff of ``shared``: what is to be made, and who may read what."""
    before, after = [], []
    for path in missing(app, wanted):
        has_seed = os.path.lexists(seed_of(wanted, path))
        after.append(f"{path}: {'of what the source has there' if has_seed else 'new directory'}")
    if is_different(app, wanted["public_paths"], group):
        before += [f"{path}: read by the web server" for path in sorted(noted(app))]
        after += [f"{path}: read by the web server" for path in sorted(wanted["public_paths"])]
        if before == after:
            before = [f"{path}: not read by the web server" for path in sorted(noted(app))]
    if before == after:
        return []
    home = home_of(app)
    texts = {"before": before, "after": after}
    return [
        dict(
            {"before_header": home, "after_header": home},
            **{key: "".join(line + "\n" for line in lines) for key, lines in texts.items()},
        )
    ]
