"""Give a directory a digest of its content, the same on every controller, and an archive.

By hand because the digest must be the same for the same content wherever it is taken:
times, owners and the order of entries, which an archive made by GNU or BSD tar differs in,
must not count, and ``git archive`` leaves out what is not committed.

Usage:
    pack.py digest DIRECTORY [--exclude PATTERN]...
    pack.py digests < QUESTIONS
    pack.py archive FILE DIRECTORY --expect DIGEST [--exclude PATTERN]... [--store]

``digest`` prints one JSON object: digest (sha256, hex), files (count), bytes (total).
``digests`` reads a JSON list of objects with directory and exclude (a list), and prints the list
of their digests. ``archive`` writes a gzipped tar of the same content, or with --store one that
is not compressed; where FILE is -, a temporary file, and prints its name.

Patterns are those of .gitignore: the last that matches decides, and ``!`` in front takes a path in
again, unless a directory above it is out. ``name`` matches at any depth, a pattern with a slash
inside or in front is anchored to the source, a trailing slash matches directories only; ``*`` and
``?`` stop at a slash, ``**/`` is any number of directories, ``/**`` everything inside; a backslash
takes the meaning from what follows.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import re
import stat
import sys
import tarfile
import tempfile
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


def pack(root: Path, patterns: list[str], file: str, expected: str, store: bool) -> None:
    """Archive a directory that has been digested before.

    Raises:
        ValueError: it is no directory, or not the same any more.
        OSError: something cannot be read or written.
    """
    target = file
    if file == "-":
        descriptor, target = tempfile.mkstemp(prefix="flask_app.", suffix=".tar")
        os.close(descriptor)
    try:
        if not root.is_dir():
            raise ValueError(f"{root} is not a directory on the controller.")
        archive(root, patterns, Path(target), store)
        if digest(root, patterns)["digest"] != expected:
            raise ValueError(f"{root} changed while it was being packed; run again.")
    except BaseException:
        if file == "-":
            os.unlink(target)
        raise
    if file == "-":
        print(target)


def main() -> int:
    """Run one of the commands; errors go to stderr as one sentence."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("digests")
    for name in ("digest", "archive"):
        command = commands.add_parser(name)
        if name == "archive":
            command.add_argument("file")
            command.add_argument("--expect", required=True)
            command.add_argument("--store", action="store_true")
        command.add_argument("directory", type=Path)
        command.add_argument("--exclude", action="append", default=[])
    arguments = parser.parse_args()
    try:
        if arguments.command == "digests":
            questions = json.load(sys.stdin)
            print(json.dumps([answer(Path(one["directory"]), one["exclude"]) for one in questions]))
        elif arguments.command == "digest":
            print(json.dumps(answer(arguments.directory, arguments.exclude)))
        else:
            pack(
                arguments.directory,
                arguments.exclude,
                arguments.file,
                arguments.expect,
                arguments.store,
            )
    except OSError as error:
        print(f"{error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
