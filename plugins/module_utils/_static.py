"""Put compressed copies beside static files, for nginx's gzip_static.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
import stat
import subprocess
import zlib
from typing import Iterator, List, Optional

#: What is worth compressing: by the ending of the name, and from this size on (bytes).
COMPRESSIBLE = (
    b".css", b".csv", b".eot", b".htm", b".html", b".ico", b".js", b".json", b".map", b".md",
    b".mjs", b".otf", b".rss", b".svg", b".ttf", b".txt", b".wasm", b".webmanifest", b".xml",
)  # fmt: skip
WORTHWHILE = 1024


def walk(top: bytes) -> Iterator["os.DirEntry[bytes]"]:
    """Yield everything below a directory, a directory before its content; follow no link."""
    with os.scandir(top) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from walk(entry.path)


def compress(path: bytes, brotli: str) -> List[bytes]:
    """Write compressed copies of a file, or of the files in a directory, beside them.

    Only where the copy is smaller and there is none yet; with the time of the original, as nginx
    has it in its answer. Links are not followed: their targets are others' files.

    Args:
        path: the file or directory.
        brotli: the brotli command; empty if there is none.

    Returns:
        The paths of the copies.
    """
    out: List[bytes] = []
    if os.path.islink(path):
        return out
    names = [path] if os.path.isfile(path) else [one.path for one in walk(path)]
    for name in names:
        info = os.lstat(name)
        if (
            not stat.S_ISREG(info.st_mode)
            or info.st_size < WORTHWHILE
            or not name.lower().endswith(COMPRESSIBLE)
        ):
            continue
        for ending in (b".gz", b".br") if brotli else (b".gz",):
            copy = name + ending
            if os.path.lexists(copy):
                continue
            if ending == b".gz":
                with open(name, "rb") as content:
                    small = gzip_bytes(content.read())
                with open(copy, "xb") as target:
                    target.write(small)
            else:
                target_name = "--output=" + os.fsdecode(copy)
                subprocess.check_call([brotli, "--best", "--keep", target_name, os.fsdecode(name)])
            if os.lstat(copy).st_size >= info.st_size:
                os.unlink(copy)
                continue
            os.chmod(copy, 0o644)
            os.utime(copy, ns=(info.st_mtime_ns, info.st_mtime_ns))
            out.append(copy)
    return out


def gzip_bytes(content: bytes) -> bytes:
    """Compress as small as gzip can, with nothing in it but the content: the same on all hosts."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


def find_static(top: bytes, path: bytes, within: bytes = b"") -> Optional[bytes]:
    """Return the path of static files; None if nothing is there, empty if it is not the build's.

    A link that leads out of the build (to uploads in shared/) is taken on trust.

    Args:
        top: what the path is relative to.
        path: where they are.
        within: what is the build's, if that is more than ``top``.
    """
    here = top
    for part in path.split(b"/"):
        if part in (b"", b"."):
            continue
        here = os.path.join(here, part)
        if os.path.islink(here):
            real = os.path.realpath(here)
            if not (real + b"/").startswith(os.path.realpath(within or top) + b"/"):
                return b""
            here = real
        if not os.path.lexists(here):
            return None
    return here
