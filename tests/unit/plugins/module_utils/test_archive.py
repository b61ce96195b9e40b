"""Archives: fetched, unpacked with times, links and executable bits, nothing written outside."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _archive
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

#: Old releases of Python have no filter: there the sandbox of a build lets nothing be written
#: elsewhere.
FILTERED = pytest.mark.skipif(not hasattr(tarfile, "tar_filter"), reason="no filter of tarfile")


def tar(*members: tuple[str, dict[str, Any]], mode: str = "w:gz") -> io.BytesIO:
    """Make a tar of members: a name, and content or attributes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, attributes in members:
            member = tarfile.TarInfo(name)
            content = attributes.get("content", b"")
            member.size = len(content)
            member.mtime = 1_700_000_000
            for key, value in attributes.items():
                if key != "content":
                    setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content))
    out.seek(0)
    return out


FILE: dict[str, Any] = {"content": b"x"}


def symlink(target: str) -> dict[str, Any]:
    """Describe a link in a tar."""
    return {"type": tarfile.SYMTYPE, "linkname": target}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_is_unpacked(tmp_path: Path, mode: str) -> None:
    archive = tar(
        ("./", {"type": tarfile.DIRTYPE}),
        ("./dir", {"type": tarfile.DIRTYPE, "mode": 0o700}),
        ("./dir/run", FILE | {"mode": 0o4711}),
        ("./dir/商店.css", FILE | {"mode": 0o666}),
        ("./dir/again", {"type": tarfile.LNKTYPE, "linkname": "./dir/run"}),
        ("./uploads", symlink("/opt/shop/shared/uploads")),
        ("./fifo", {"type": tarfile.FIFOTYPE}),
        # As a wheel at the end of a wheelhouse that is not compressed.
        ("./last.whl", {"content": zipped(("a", b"a")).getvalue()}),
        mode=mode,
    )
    _archive.unpack(archive, str(tmp_path), strip=False)
    assert {path.name for path in tmp_path.rglob("*")} == {
        "dir",
        "run",
        "商店.css",
        "again",
        "uploads",
        "last.whl",
    }
    assert os.readlink(tmp_path / "uploads") == "/opt/shop/shared/uploads"
    assert (tmp_path / "dir/run").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "dir/商店.css").stat().st_mode & 0o7777 == 0o644
    assert (tmp_path / "dir/again").read_bytes() == b"x"
    assert (tmp_path / "dir").stat().st_mtime == 1_700_000_000
    assert (tmp_path / "dir/run").stat().st_mtime == 1_700_000_000


@pytest.mark.parametrize(
    "members",
    [
        [("../out", FILE)],
        [("/out", FILE)],
        [("a/../../out", FILE)],
        pytest.param([("link", symlink("..")), ("link/out", FILE)], marks=FILTERED),
        pytest.param([("link", symlink("/tmp")), ("link/deep/out", FILE)], marks=FILTERED),
        [("hard", {"type": tarfile.LNKTYPE, "linkname": "../secret"})],
    ],
)
def test_nothing_is_written_outside(
    tmp_path: Path, members: list[tuple[str, dict[str, Any]]]
) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "src").mkdir()
    with pytest.raises(Problem, match="outside|behind a link"):
        _archive.unpack(tar(*members), str(tmp_path / "src"), strip=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret", "src"]


@FILTERED
def test_nothing_is_written_through_a_link_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "src").mkdir()
    archive = tar(("a", symlink("../secret")), ("a", FILE))
    with pytest.raises(Problem, match="outside"):
        _archive.unpack(archive, str(tmp_path / "src"), strip=False)
    assert (tmp_path / "secret").read_text() == "secret"


def test_second_name_of_a_link_is_that_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "src").mkdir()
    hard = {"type": tarfile.LNKTYPE, "linkname": "link"}
    _archive.unpack(
        tar(("link", symlink("../secret")), ("hard", hard)), str(tmp_path / "src"), strip=False
    )
    assert os.readlink(tmp_path / "src/hard") == "../secret"


def zipped(*members: tuple[str, bytes], mode: int = 0o100644) -> io.BytesIO:
    """Make a zip of files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members:
            member = zipfile.ZipInfo(name, (2023, 11, 14, 22, 13, 20))
            member.external_attr = mode << 16
            archive.writestr(member, content)
    out.seek(0)
    return out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_gives_nothing_to_who_packed_it(tmp_path: Path) -> None:
    theirs = {"uid": 4711, "gid": 4711, "uname": "nobody"}
    folder = {"type": tarfile.DIRTYPE, **theirs}
    _archive.unpack(
        tar(("folder", folder), ("folder/file", {**FILE, **theirs})), str(tmp_path), False
    )
    for path in tmp_path / "folder", tmp_path / "folder/file":
        assert (path.stat().st_uid, path.stat().st_gid) == (0, 0)


def test_zip_is_unpacked(tmp_path: Path) -> None:
    archive = zipped(("top/", b""), ("top/run", b"x"), mode=0o100755)
    _archive.unpack(archive, str(tmp_path), strip=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "run").stat().st_mtime == 1_700_000_000
    _archive.unpack(zipped(("link", b"/opt"), mode=0o120777), str(tmp_path), strip=False)
    assert os.readlink(tmp_path / "link") == "/opt"
    with pytest.raises(Problem, match="outside"):
        _archive.unpack(zipped(("../out", b"x")), str(tmp_path), strip=False)


def test_zip_that_has_no_dates(tmp_path: Path) -> None:
    """Tools that make the same zip each time write zeros, which are no month and no day."""
    archive = zipped(("a.py", b"x")).getvalue()
    stamp = b"\xaa\xb1\x6e\x57"
    assert archive.count(stamp) == 2
    _archive.unpack(io.BytesIO(archive.replace(stamp, bytes(4))), str(tmp_path), strip=False)
    assert (tmp_path / "a.py").read_bytes() == b"x"
    # 1980-01-01: a time of 0 would be an ETag that does not change.
    assert (tmp_path / "a.py").stat().st_mtime == 315_532_800


def test_zip_writes_nothing_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        member = zipfile.ZipInfo("link")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "..")
        archive.writestr("link/out", "x")
    out.seek(0)
    with pytest.raises(Problem, match="behind a link"):
        _archive.unpack(out, str(tmp_path / "src"), strip=False)
    assert [path.name for path in tmp_path.iterdir()] == ["src"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["shop-1/a", "shop-1/b"], ["a", "b"]),
        (["shop/shop", "shop/.hidden"], [".hidden", "shop"]),
        (["shop/a", "b"], ["b", "shop"]),
        (["a"], ["a"]),
    ],
)
def test_one_directory_around_all_is_left_away(
    tmp_path: Path, names: list[str], expected: list[str]
) -> None:
    _archive.unpack(tar(*((name, FILE) for name in names)), str(tmp_path), strip=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == expected


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 no zip", b"\x1f\x8b"])
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        _archive.unpack(io.BytesIO(content), str(tmp_path), strip=True)


def test_cut_archive(tmp_path: Path) -> None:
    whole = tar(("a", {"content": os.urandom(100_000)})).getvalue()
    with pytest.raises(Problem, match="cannot be read"):
        _archive.unpack(io.BytesIO(whole[:50_000]), str(tmp_path), strip=True)


class Answers(BaseHTTPRequestHandler):
    """Redirects to another name of the same server, and tells who was let in."""

    def do_GET(self) -> None:
        """Answer."""
        authorization = str(self.headers["Authorization"])
        if self.path == "/gone":
            self.send_error(404)
        elif self.path == "/moved":
            self.send_response(302)
            port = self.server.server_address[1]
            self.send_header("Location", f"http://localhost:{port}/{authorization[:5].strip()}")
            self.end_headers()
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"{self.path} {authorization}".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_download(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_address[1]}"
    target = tmp_path / "x"
    try:
        _archive.download(f"http://me:p%40ss@{address}/x", str(target), {})
        assert target.read_text() == "/x Basic bWU6cEBzcw=="
        # The other host does not get it.
        _archive.download(f"http://me:p%40ss@{address}/moved", str(target), {})
        assert target.read_text() == "/Basic None"
        with pytest.raises(Problem, match="cannot be fetched: Not Found") as caught:
            _archive.download(f"http://me:p%40ss@{address}/gone", str(target), {})
        assert "p%40ss" not in str(caught.value)
    finally:
        server.shutdown()
        server.server_close()


def test_checksum_is_written_as_users_write_it() -> None:
    assert _archive.checksum_of(io.BytesIO(b"x")) == (
        "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    )
