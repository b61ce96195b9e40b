"""Give a directory a digest of its content, the same on every controller, and an archive.

By hand because the digest must be the same for the same content wherever it is taken:
times, owners and the order of entries, which an archive made by GNU or BSD tar differs in,
must not count, and ``git archive`` leaves out what is not committed.

Patterns are those of .gitignore: the last that matches decides, and ``!`` in front takes a path in
again, unless a directory above it is out. ``name`` matches at any depth, a pattern with a slash
inside or in front is anchored to the source, a trailing slash matches directories only; ``*`` and
``?`` stop at a slash, ``**/`` is any number of directories, ``/**`` everything inside; a backslash
takes the meaning from what follows.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path


@functools.cache
def translate(pattern: str) -> tuple[re.Pattern[str], bool, bool]:
    """Give of a pattern: what its paths match, whether it takes in, whether directories only."""
    again = pattern.startswith("!")
    rest = pattern[1:] if again else pattern
    only_directories = rest.endswith("/")
    rest = rest.rstrip("/")
    out = "" if "/" in rest else "(?:.*/)?"
    rest = rest.lstrip("/")
    at = 0
    while at < len(rest):
        char = rest[at]
        at += 1
        if rest[at - 1 :] == "**" and (at == 1 or rest[at - 2] == "/"):
            out, at = out + ".+", len(rest)
        elif rest.startswith("**/", at - 1) and (at == 1 or rest[at - 2] == "/"):
            out, at = out + "(?:.*/)?", at + 2
        elif char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif (
            char == "["
            and (end := rest.find("]", at + 2 if rest[at : at + 1] in "!^" else at + 1)) > 0
        ):
            inside = rest[at:end].replace("\\", "\\\\").replace("[", "\\[")
            inside = "^/" + inside[1:] if inside[0] in "!^" else inside
            out, at = f"{out}[{inside}]", end + 1
        else:
            if char == "\\" and at < len(rest):
                char, at = rest[at], at + 1
            out += re.escape(char)
    return re.compile(out, re.S), again, only_directories


def is_excluded(path: str, is_directory: bool, patterns: list[str]) -> bool:
    """Tell whether a path, relative to the source, is left out: the last match decides."""
    for pattern in reversed(patterns):
        matching, again, only_directories = translate(pattern)
        if (is_directory or not only_directories) and matching.fullmatch(path):
            return not again
    return False


def walk(root: Path, patterns: list[str], prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Yield (relative path, lstat) of every directory, file and symlink, in sorted order.

    Raises:
        OSError: a directory or file cannot be read.
    """
    for entry in sorted(os.scandir(root / prefix), key=lambda entry: entry.name):
        path = f"{prefix}{entry.name}"
        info = entry.stat(follow_symlinks=False)
        is_directory = stat.S_ISDIR(info.st_mode)
        if is_excluded(path, is_directory, patterns):
            continue
        if is_directory:
            yield path, info
            yield from walk(root, patterns, f"{path}/")
        elif stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode):
            yield path, info


def normal_mode(mode: int) -> int:
    """Keep of the permissions only what git keeps: executable or not."""
    return 0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644


def hashed(path: Path) -> str:
    """Return the SHA-256 of a file, whatever its size.

    Raises:
        OSError: it cannot be read.
    """
    found = hashlib.sha256()
    with path.open("rb") as content:
        for chunk in iter(lambda: content.read(1 << 20), b""):
            found.update(chunk)
    return found.hexdigest()


def digest(root: Path, patterns: list[str]) -> dict[str, str | int]:
    """Digest names, kinds, executable bits and content, but no times and no owners."""
    total = hashlib.sha256()
    files = size = 0
    for path, info in walk(root, patterns):
        if stat.S_ISLNK(info.st_mode):
            target = os.fsencode(os.readlink(root / path))
            line = ["link", path, hashlib.sha256(target).hexdigest()]
        elif stat.S_ISDIR(info.st_mode):
            line = ["dir", path, hashlib.sha256(b"").hexdigest()]
        else:
            line = [oct(normal_mode(info.st_mode)), path, hashed(root / path)]
            files += 1
            size += info.st_size
        total.update(json.dumps(line).encode() + b"\n")
    return {"digest": total.hexdigest(), "files": files, "bytes": size}


def archive(root: Path, patterns: list[str], target: Path, store: bool = False) -> None:
    """Write a tar that belongs to root, gzipped unless it is only to be stored.

    Files keep their times: a web server makes ETag and Last-Modified of them.
    """
    with (
        tarfile.open(target, "w", format=tarfile.PAX_FORMAT)
        if store
        else tarfile.open(target, "w:gz", compresslevel=6, format=tarfile.PAX_FORMAT)
    ) as tar:
        for path, info in walk(root, patterns):
            member = tar.gettarinfo(str(root / path), arcname=path)
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            member.mtime = int(info.st_mtime)
            if member.islnk():  # a second name of a file already in the archive: store it again
                member.type, member.linkname, member.size = tarfile.REGTYPE, "", info.st_size
            if not member.issym():
                member.mode = normal_mode(info.st_mode)
            if member.isreg():
                with (root / path).open("rb") as content:
                    tar.addfile(member, content)
            else:
                tar.addfile(member)


def answer(root: Path, patterns: list[str]) -> dict[str, str | int]:
    """Digest a directory.

    Raises:
        ValueError: it is none.
        OSError: something in it cannot be read.
    """
    if not root.is_dir():
        raise ValueError(f"{root} is not a directory on the controller.")
    return digest(root, patterns)


def directory_digest(path: str, exclude: list[str] | None = None) -> str:
    """Return the digest of a directory alone, as a filter does.

    Raises:
        ValueError, OSError: as answer().
    """
    return str(answer(Path(path), exclude or [])["digest"])


def pack(root: Path, patterns: list[str], target: Path, expected: str, store: bool) -> None:
    """Archive a directory that has been digested before.

    Args:
        root: the directory.
        patterns: what of it is left out.
        target: the archive.
        expected: its digest.
        store: do not compress: wheels are compressed already.

    Raises:
        ValueError: it is no directory, or not the same any more.
        OSError: something cannot be read or written.
    """
    if not root.is_dir():
        raise ValueError(f"{root} is not a directory on the controller.")
    archive(root, patterns, target, store)
    if digest(root, patterns)["digest"] != expected:
        raise ValueError(f"{root} changed while it was being packed; run again.")
