"""Fetch archives and unpack them, with the times, links and executable bits that are in them.

It runs where a build runs, as an account that may write to the build alone, and where root compiles
uWSGI, in a directory that only root can enter. It runs on Python 3.6 and imports nothing of
Ansible.
"""

import base64
import calendar
import hashlib
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from typing import IO, Any, Dict, Iterator, List

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import (
    scrub,
    without_password,
)

#: Seconds in which a server must say something.
PATIENCE = 60
CHUNK = 1 << 20


def checked(name: str) -> str:
    """Return the name of a member.

    Raises:
        Problem: it lies outside of the archive.
    """
    if name.startswith("/") or ".." in name.split("/") or "\0" in name:
        raise Problem(f"the archive has a member outside of itself: {name}")
    return name


def ordinary(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield directories, files and links of a tar, with the rights that a build's files have.

    They belong to who unpacks them: root would give them to the accounts of who packed them.

    Raises:
        Problem: one lies outside of the archive.
    """
    modes: Dict[str, int] = {}
    for member in archive:
        checked(member.name)
        if member.isdev():
            continue
        member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        if member.islnk():
            # Another name of a file that is there: what it says of rights, it says of that file.
            member.mode = modes.get(checked(member.linkname), member.mode)
        modes[member.name] = member.mode
        yield member


def unpack_tar(archive: IO[bytes], root: str) -> None:
    """Unpack a tar, compressed or not.

    Links may lead out of a source (to shared/), so the standard library's filter is the one that
    lets them, and that writes nothing through them. Where it has none, on old releases of Python,
    it is the sandbox of the build that lets nothing be written elsewhere.
    """
    options: Dict[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
    with tarfile.open(fileobj=archive, mode="r:*") as tar:
        tar.extractall(root, members=ordinary(tar), **options)


def unpack_zip(archive: IO[bytes], root: str) -> None:
    """Unpack a zip, with what its reader leaves out: times, taken as UTC, rights and links."""
    with zipfile.ZipFile(archive) as bundle:
        for member in bundle.infolist():
            target = os.path.join(root, checked(member.filename))
            mode = member.external_attr >> 16
            parent = os.path.dirname(target.rstrip("/"))
            if not (os.path.realpath(parent) + "/").startswith(os.path.realpath(root) + "/"):
                raise Problem(f"the archive has a member behind a link: {member.filename}")
            if member.filename.endswith("/"):
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(parent, exist_ok=True)
            if os.path.lexists(target):
                os.unlink(target)
            if stat.S_ISLNK(mode):
                os.symlink(bundle.read(member).decode("utf-8", "surrogateescape"), target)
                continue
            with bundle.open(member) as content, open(target, "xb") as copy:
                shutil.copyfileobj(content, copy, CHUNK)
            os.chmod(target, 0o755 if mode & 0o100 else 0o644)
            when = time_of(member)
            os.utime(target, (when, when))


def time_of(member: zipfile.ZipInfo) -> int:
    """Return the time of a member of a zip; the earliest there is, if it has none.

    Tools that make the same zip each time write a date of zeros.
    """
    year, month, day, hour, minute, second = member.date_time
    moment = (year, max(1, min(12, month)), max(1, day), hour, minute, second)
    return calendar.timegm(moment + (0, 0, 0))


def unpack(archive: IO[bytes], root: str, strip: bool) -> None:
    """Unpack an archive of any kind into a directory that exists and is empty.

    Args:
        archive: the open file.
        root: the directory.
        strip: if all is in one directory, leave that away.

    Raises:
        Problem: it is no archive, or has a member outside.
        OSError: it cannot be read or written.
    """
    filters = getattr(tarfile, "FilterError", ())
    try:
        # zipfile's own test would also take a tar that ends with a wheel for a zip.
        magic = archive.read(4)
        archive.seek(0)
        if magic in (b"PK\x03\x04", b"PK\x05\x06"):
            unpack_zip(archive, root)
        else:
            unpack_tar(archive, root)
    except filters as error:
        raise Problem(f"the archive has a member outside of itself: {error}") from error
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        NotImplementedError,
    ) as error:
        raise Problem(f"the archive cannot be read: {error}") from error
    if strip:
        leave_away(root)


def leave_away(root: str) -> None:
    """If all in a directory is in one directory, put that one's content in its place."""
    listed = os.listdir(os.fsencode(root))
    only = os.path.join(os.fsencode(root), listed[0]) if len(listed) == 1 else b""
    if not only or os.path.islink(only) or not os.path.isdir(only):
        return
    # Under a name that nothing in it can have.
    aside = os.path.join(os.fsencode(root), b".unpacked." + listed[0])
    os.rename(only, aside)
    for name in os.listdir(aside):
        os.rename(os.path.join(aside, name), os.path.join(os.fsencode(root), name))
    os.rmdir(aside)


def checksum_of(content: IO[bytes]) -> str:
    """Return the SHA-256 of an open file, as users write it."""
    digest = hashlib.sha256()
    for chunk in iter(lambda: content.read(CHUNK), b""):
        digest.update(chunk)
    return "sha256:" + digest.hexdigest()


def download(url: str, target: str, environment: Dict[str, str]) -> None:
    """Fetch a URL, through the proxy and with the authorities that uv would use.

    Raises:
        Problem: it cannot be fetched.
        OSError: it cannot be written.
    """
    # They take longer to load than most builds need them for.
    import ssl
    import urllib.error
    import urllib.parse
    import urllib.request

    proxies = {
        kind: environment[kind.upper() + "_PROXY"]
        for kind in ("http", "https")
        if kind.upper() + "_PROXY" in environment
    }
    context = ssl.create_default_context()
    bundle = environment.get("SSL_CERT_FILE", "")
    if os.path.exists(bundle):
        context.load_verify_locations(bundle)
    handlers: List[Any] = [urllib.request.HTTPSHandler(context=context)]
    if proxies:
        handlers.append(urllib.request.ProxyHandler(proxies))
    bare, secret = without_password(url)
    question = urllib.request.Request(bare)
    if secret:
        parts = urllib.parse.urlsplit(secret)
        user = urllib.parse.unquote(parts.username or "")
        word = user + ":" + urllib.parse.unquote(parts.password or "")
        # Not for the host that it may be redirected to.
        question.add_unredirected_header(
            "Authorization", "Basic " + base64.b64encode(word.encode()).decode()
        )
    try:
        answer = urllib.request.build_opener(*handlers).open(question, timeout=PATIENCE)
    except (urllib.error.URLError, OSError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = getattr(error, "reason", error)
        raise Problem(f"{scrub(url)} cannot be fetched: {reason}") from error
    with answer, open(target, "wb") as copy:
        while True:
            try:
                chunk = answer.read(CHUNK)
            except OSError as error:
                raise Problem(f"{scrub(url)} cannot be fetched: {error}") from error
            if not chunk:
                return
            copy.write(chunk)
