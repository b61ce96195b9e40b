"""The directory that nginx reads its configuration from, and the backup beside it.

Between the first file written and the worker that shows that nginx took them over, the backup
holds the files as they were. It and the live tree together always give the tree that nginx runs
with. Its journal says how far things are:

    none     the backup was not complete, nothing was written: it is worth nothing
    writing  some files may be new and some old: whoever comes next puts back all of the old ones
    written  all are new, nginx has not taken them over: what comes on top only adds old files to it

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import glob
import json
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._files import (
    fresh_name,
    make_directories,
    make_directory,
    read,
    read_text,
    sync_directory,
    write,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._lock import locked

#: First line of the files that the nginx role writes, after the sign for a comment.
HEADER = "Managed by Ansible (flaskstack.centos, role nginx): changes made here are lost."
#: Second line of a site's file: who serves it, where several playbooks share a host.
OWNER = "# Owner: "
#: Seconds that a program or another process may take. nginx -t asks for the names of other hosts,
#: and may wait long.
PATIENCE = 60.0

ROOT = "/etc/nginx"
#: In memory, where private keys are at home and gone after a reboot.
BACKUP = "/run/flaskstack-nginx"
#: The files that matter. A name that begins with a dot is none: such are half-written.
PATTERNS = (
    *("*.conf", "conf.d/*.conf", "stream.d/*.conf"),
    *("tls/*", "pages/*", "parameters/*", "maintenance/*"),
)
#: The files that are called by a site: directory, and what stands behind its name. Behind an @ is
#: what it needs for its servers and clients.
OF_SITES = re.compile(
    r"(?:conf\.d/(.*)\.conf|tls/([^@]*)(?:@.*)?\.(?:crt|key)|maintenance/(.*)\.html)\Z"
)


def lines_of(path: str) -> List[str]:
    """Return the lines of a text file; none if it is not there or cannot be read."""
    try:
        return read_text(path).splitlines()
    except OSError:
        return []


def is_regular(path: str) -> bool:
    """Tell whether a path is a file, and no link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def copy(source: str, target: str) -> None:
    """Copy a file, a link as a link, or a directory with what is in it. What vanishes is left out.

    Modes and owners stay. What is none of these, as a socket, is left out too.
    """
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(source)
        if stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(source), target)
        elif stat.S_ISDIR(found.st_mode):
            os.mkdir(target, 0o700)
            for name in os.listdir(source):
                copy(os.path.join(source, name), os.path.join(target, name))
        elif stat.S_ISREG(found.st_mode):
            shutil.copyfile(source, target)
        else:
            return
        if os.geteuid() == 0:
            os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
        if not stat.S_ISLNK(found.st_mode):
            os.chmod(target, stat.S_IMODE(found.st_mode))


def make_parents(top: str, relative: str) -> None:
    """Make the directories of a path below another one: those of keys for root alone."""
    make_directories(top)
    path = top
    for part in relative.split("/")[:-1]:
        path = os.path.join(path, part)
        if not os.path.isdir(path):
            make_directory(path, 0o700 if part == "tls" else 0o755)


def cut_links(top: str, relative: str) -> None:
    """Make copies of those directories of a path that are links, before it is written.

    They may lead out of a copy of the tree, to the files that nginx reads.
    """
    path = top
    for part in relative.split("/")[:-1]:
        path = os.path.join(path, part)
        if os.path.islink(path):
            target = os.path.realpath(path)
            os.unlink(path)
            if os.path.isdir(target):
                copy(target, path)


class Tree:
    """The tree and its backup, wherever they are."""

    def __init__(self, root: str = ROOT, backup: str = BACKUP) -> None:
        self.root = root.rstrip("/")
        self.backup = backup.rstrip("/")
        self.selinux = "/sys/fs/selinux/enforce"

    def path(self, relative: str) -> str:
        """Return the path of a file in the tree; of an absolute one, itself."""
        return os.path.join(self.root, relative)

    def saved(self, relative: str) -> str:
        """Return the path of a file's copy in the backup."""
        return os.path.join(self.backup, "tree", relative)

    # ---- The journal

    def journal(self) -> Dict[str, Any]:
        """Return the backup's state, and path -> whether it was there; empty if there is none."""
        try:
            found: Dict[str, Any] = json.loads(read_text(os.path.join(self.backup, "journal")))
        except (OSError, ValueError):
            return {}
        return found

    def note(self, state: str, files: Dict[str, bool]) -> None:
        """Write the journal."""
        text = json.dumps({"state": state, "files": files})
        write(os.path.join(self.backup, "journal"), text.encode("utf-8"), 0o600)

    def save(self, changed: List[str]) -> Dict[str, bool]:
        """Copy what is about to change to the backup, unless an older copy is there already."""
        files: Dict[str, bool] = self.journal().get("files", {})
        if not files:
            make_directories(os.path.dirname(self.backup))
            make_directory(self.backup, 0o700)
        for relative in changed:
            if relative not in files:
                # A copy that is in no journal is of a process that was killed, or is not whole.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.saved(relative))
                make_parents(os.path.join(self.backup, "tree"), relative)
                copy(self.path(relative), self.saved(relative))
                files[relative] = os.path.lexists(self.saved(relative))
        return files

    def drop(self) -> None:
        """Forget the backup. The journal goes first: what is half removed must not be used."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.backup, "journal"))
        shutil.rmtree(self.backup, ignore_errors=True)

    def restore(self) -> None:
        """Put back every file of the backup, and remove those that were not there."""
        files = self.journal()["files"]
        # Killed from here on, some files are new and some old: the next process goes on.
        self.note("writing", files)
        for relative, was_there in files.items():
            path, saved = self.path(relative), self.saved(relative)
            for name in [fresh_name(path)] + ([] if was_there else [path]):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    os.unlink(name)
            if not was_there:
                continue
            make_parents(self.root, relative)
            found = os.lstat(saved)
            if stat.S_ISLNK(found.st_mode):
                os.symlink(os.readlink(saved), fresh_name(path))
                os.rename(fresh_name(path), path)
            else:
                owner = found.st_uid, found.st_gid
                write(path, read(saved) or b"", stat.S_IMODE(found.st_mode), owner)
        self.finish(list(files))
        self.drop()

    def recover(self) -> None:
        """Bring the tree of a process that was killed to one that is whole."""
        state = self.journal().get("state")
        if state == "writing":
            self.restore()
        elif state != "written":
            self.drop()

    def undone(self) -> Dict[str, bool]:
        """Return the files of a write that was killed, which the next process puts back."""
        journal = self.journal()
        files: Dict[str, bool] = journal["files"] if journal.get("state") == "writing" else {}
        return files

    def is_pending(self, relative: str) -> bool:
        """Tell whether nginx has not been seen to take over a file that was written."""
        return relative in self.journal().get("files", {})

    def current(self, relative: str) -> str:
        """Return where the content of a file is; after a write that was killed, in the backup."""
        return self.saved(relative) if relative in self.undone() else self.path(relative)

    def finish(self, changed: List[str]) -> None:
        """Give changed files their labels, and make their names survive a power cut."""
        paths = [self.path(relative) for relative in changed]
        there = [path for path in paths if os.path.lexists(path)]
        if there and os.path.exists(self.selinux):
            with contextlib.suppress(FileNotFoundError):
                run(["restorecon"] + there, check=False)
        for directory in {os.path.dirname(path) for path in paths}:
            with contextlib.suppress(FileNotFoundError):
                sync_directory(directory)

    # ---- What is in it

    def files(self) -> Dict[str, str]:
        """Return relative path -> where its content is, of the files that PATTERNS name.

        After a write that was killed, as they are going to be, not as they are.
        """
        undone = self.undone()
        found = {}
        for top in (self.root, self.saved("")):
            for pattern in PATTERNS:
                for path in glob.glob(os.path.join(glob.escape(top), pattern)):
                    name = os.path.relpath(path, top)
                    if undone.get(name, False) if top != self.root else name not in undone:
                        found[name] = path
        return {name: found[name] for name in sorted(found) if is_regular(found[name])}

    def owned(self, header: str = HEADER) -> Dict[str, str]:
        """Return site's file -> its owner, of those whose first line has a text.

        The owner is empty in files of versions that did not note any.
        """
        owners = {}
        for name, path in self.files().items():
            lines = lines_of(path)[:2] if name.startswith("conf.d/") else []
            if lines and header in lines[0]:
                second = (lines + [""])[1]
                owners[name] = second[len(OWNER) :].strip() if second.startswith(OWNER) else ""
        return owners

    def with_servers(self, header: str = HEADER) -> List[str]:
        """Return the files, of those whose first line has a text, that may name servers."""
        return [
            name
            for name, path in self.files().items()
            if name.startswith(("conf.d/", "stream.d/")) and header in (lines_of(path) + [""])[0]
        ]

    @contextlib.contextmanager
    def workplace(self) -> Iterator[str]:
        """Give a directory for root alone, as deep as the tree because of relative links in it.

        Beside the backup, that is in memory: there are private keys in it.
        """
        make_directories(os.path.dirname(self.backup))
        path = tempfile.mkdtemp(prefix="nginx-test.", dir=os.path.dirname(self.backup))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def copy_to(self, stage: str) -> None:
        """Copy the whole tree to a directory that is there, other people's files included."""
        for name in os.listdir(self.root) if os.path.isdir(self.root) else []:
            copy(self.path(name), os.path.join(stage, name))
        for relative, was_there in self.undone().items():
            cut_links(stage, relative)
            target = os.path.join(stage, relative)
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(target)
            if was_there:
                make_parents(stage, relative)
                copy(self.saved(relative), target)


def site_of(relative: str) -> Optional[str]:
    """Return the site that a file of the tree is called by; None if it is none's."""
    found = OF_SITES.match(relative)
    return next(name for name in found.groups() if name is not None) if found else None


@contextlib.contextmanager
def alone(tree: Tree, change: bool = True) -> Iterator[Tree]:
    """Give the tree to one process at a time; brought to a whole one, if it is going to be changed.

    Raises:
        Problem: another process has it for longer than PATIENCE.
    """
    directory, name = os.path.split(tree.backup)
    message = (
        "another process is changing nginx's configuration on this host; wait for it, then run"
        " again."
    )
    with locked(name, message, PATIENCE, directory):
        if change:
            for left in glob.glob(os.path.join(glob.escape(directory), "nginx-test.*")):
                shutil.rmtree(left, ignore_errors=True)
            tree.recover()
        yield tree


STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def handled(handler: Any) -> Iterator[None]:
    """Have the signals to stop handled so, and as before afterwards."""
    before: List[Tuple[int, Any]] = [(number, signal.signal(number, handler)) for number in STOPS]
    try:
        yield
    finally:
        for number, former in before:
            signal.signal(number, former or signal.SIG_DFL)


def clearing_up() -> Any:
    """Let a signal to stop end the process by an exception: what is half done is undone first.

    Its status is 128 and the signal's number, as a shell has it.
    """
    return handled(lambda number, _: sys.exit(128 + number))


def uninterrupted() -> Any:
    """Let nothing stop the process until nginx took over the files or the old ones are back."""
    return handled(signal.SIG_IGN)
