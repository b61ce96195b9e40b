"""Give a directory a digest of its content, the same on every controller, and an archive.

By hand because the digest must be the same for the same content wherever it is taken:
times, owners and the order of entries, which an archive made by GNU or BSD tar differs in,
must not count, and ``git archive`` leaves out what is not committed.

Usage:
    pack.py digest DIRECTORY [--exclude PATTERN]...
    pack.py archive DIRECTORY FILE --expect DIGEST [--exclude PATTERN]...

``digest`` prints one JSON object: digest (sha256, hex), files (count), bytes (total).
``archive`` writes a gzipped tar of the same content.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import os
import stat
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path


def is_excluded(path: str, is_directory: bool, patterns: list[str]) -> bool:
    """Tell whether a path, relative to the source, is left out.

    Patterns follow the simple part of .gitignore: ``name`` matches at any depth, a
    pattern with a slash inside or in front is anchored to the source, a trailing slash
    matches directories only. ``!`` and ``**`` are not known.
    """
    for pattern in patterns:
        if pattern.endswith("/") and not is_directory:
            continue
        bare = pattern.rstrip("/")
        subject = path if "/" in bare else path.rsplit("/", 1)[-1]
        if fnmatch.fnmatchcase(subject, bare.lstrip("/")):
            return True
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


def digest(root: Path, patterns: list[str]) -> dict[str, str | int]:
    """Digest names, kinds, executable bits and content, but no times and no owners."""
    total = hashlib.sha256()
    files = size = 0
    for path, info in walk(root, patterns):
        if stat.S_ISLNK(info.st_mode):
            kind, content = "link", os.fsencode(os.readlink(root / path))
        elif stat.S_ISDIR(info.st_mode):
            kind, content = "dir", b""
        else:
            kind, content = oct(normal_mode(info.st_mode)), (root / path).read_bytes()
            files += 1
            size += len(content)
        line = [kind, path, hashlib.sha256(content).hexdigest()]
        total.update(json.dumps(line).encode() + b"\n")
    return {"digest": total.hexdigest(), "files": files, "bytes": size}


def archive(root: Path, patterns: list[str], target: Path) -> None:
    """Write a gzipped tar that belongs to root.

    Files keep their times: a web server makes ETag and Last-Modified of them.
    """
    with tarfile.open(target, "w:gz", compresslevel=6, format=tarfile.PAX_FORMAT) as tar:
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


def main() -> int:
    """Run one of the two commands; errors go to stderr as one sentence."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("digest", "archive"):
        command = commands.add_parser(name)
        command.add_argument("directory", type=Path)
        command.add_argument("--exclude", action="append", default=[])
    command.add_argument("file", type=Path)
    command.add_argument("--expect", required=True)
    arguments = parser.parse_args()
    root: Path = arguments.directory
    if not root.is_dir():
        print(f"{root} is not a directory on the controller.", file=sys.stderr)
        return 1
    try:
        found = digest(root, arguments.exclude)
        if arguments.command == "digest":
            print(json.dumps(found))
            return 0
        archive(root, arguments.exclude, arguments.file)
        if digest(root, arguments.exclude)["digest"] != arguments.expect:
            print(f"{root} changed while it was being packed; run again.", file=sys.stderr)
            return 1
    except OSError as error:
        print(f"{error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
