"""The script that builds on the host: its parts that need no host, no root and no network."""

from __future__ import annotations

import ast
import gzip
import importlib.util
import io
import json
import marshal
import os
import pwd
import py_compile
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from templar import ROOT

SCRIPT = ROOT / "roles/flask_app/files/build.py"
A, B, C = "a" * 40, "b" * 40, "c" * 40
ME = pwd.getpwuid(os.geteuid())


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """Give the script as a module."""
    spec = importlib.util.spec_from_file_location("flask_app_build", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- How it is sent ----


def test_oldest_python_can_read_it() -> None:
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_ansible_and_any_locale_leave_it_as_it_is() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert text.isascii()
    for braces in ("{{", "{%", "{#"):
        assert braces not in text


def test_request_is_not_printed_with_an_error() -> None:
    """As the role runs it; the request has a password, and an action that there is not."""
    request = json.dumps({"action": "explode", "password": "hunter2"})
    text = SCRIPT.read_text(encoding="utf-8") + f"\nraise SystemExit(main({json.dumps(request)}))\n"
    done = subprocess.run(
        [sys.executable, "-"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "explode" in json.loads(done.stdout)["problem"]
    assert "hunter2" not in done.stdout + done.stderr


# ---- Words ----


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at https://me:p%40ss@h.example/x y", "at https://***@h.example/x y"),
        ("https://token@h/x https://a:b@i/", "https://***@h/x https://***@i/"),
        ("https://a:p@ss@h/x", "https://***@h/x"),
        ("ssh://git@h/x", "ssh://***@h/x"),
        ("https://h.example/@scope/x me@h", "https://h.example/@scope/x me@h"),
        ("git@h.example:shop.git", "git@h.example:shop.git"),
    ],
)
def test_scrub(build: ModuleType, text: str, expected: str) -> None:
    assert build.scrub(text) == expected


def test_last_lines(build: ModuleType) -> None:
    output = "".join(f"line {n}\n\n" for n in range(50)) + "at https://a:b@h/\n"
    lines = build.last_lines(output).split("\n")
    assert len(lines) == build.SHOW
    assert lines[-2:] == ["line 49", "at https://***@h/"]


@pytest.mark.parametrize(
    ("output", "full"),
    [
        ("error: failed to write: No space left on device (os error 28)", True),
        ("OSError: [Errno 122] Disk quota exceeded", True),
        ("error: no such package", False),
    ],
)
def test_full_disk_is_seen_in_the_words_of_tools(
    build: ModuleType, output: str, full: bool
) -> None:
    assert build.tells_of_full_disk(output) is full


def test_fullest_names_a_mount_point(build: ModuleType, tmp_path: Path) -> None:
    found = build.fullest([str(tmp_path / "not" / "there"), "/proc"])
    assert found == "the disk is full: /proc has 0.0 MB left"


# ---- git ----

ANSWER = f"""warning: something
{A}\tHEAD
{A}\trefs/heads/main
{B}\trefs/heads/both
{C}\trefs/tags/both
{C}\trefs/tags/v1
{A}\trefs/tags/v1^{{}}
{B}\trefs/tags/light
{C}\trefs/heads/feature/main
{C}\trefs/pull/7/head
"""


@pytest.mark.parametrize(
    ("version", "commit"),
    [
        ("", A),
        ("main", A),
        ("both", B),
        ("v1", A),
        ("light", B),
        ("feature/main", C),
        ("refs/pull/7/head", C),
        ("pull/7/head", ""),
        ("feature", ""),
        ("HEAD", ""),
        ("v*", ""),
    ],
)
def test_choose_commit(build: ModuleType, version: str, commit: str) -> None:
    assert build.choose_commit(ANSWER, version) == commit


def test_judge_says_what_is_wrong(build: ModuleType) -> None:
    source = {"name": "shop", "git": "https://me:secret@h/shop.git", "version": "v9"}
    assert build.judge(source, 0, ANSWER) == {
        "problem": "application 'shop', source.version: 'v9' is no branch, tag or full commit of"
        " https://***@h/shop.git."
    }
    found = build.judge(source, 128, "fatal: unable to access 'https://me:secret@h/'")["problem"]
    assert found.startswith("application 'shop', source.git: https://***@h/shop.git cannot be read")
    assert "secret" not in found
    assert "no commit yet" in build.judge(source | {"version": ""}, 0, "")["problem"]


@pytest.mark.parametrize(
    ("url", "ssh"),
    [
        ("ssh://git@h/x.git", True),
        ("git@h:x.git", True),
        ("h:x.git", True),
        ("https://h/x.git", False),
        ("file:///srv/x", False),
        ("/srv/x:y", False),
    ],
)
def test_is_ssh(build: ModuleType, url: str, ssh: bool) -> None:
    assert build.is_ssh(url) is ssh


def test_secrets_of_git_are_in_files_alone(build: ModuleType, tmp_path: Path) -> None:
    request: dict[str, Any] = {
        "cache": str(tmp_path / "cache"),
        "known_hosts": "h ssh-ed25519 AAAA",
        "environment": {"GIT_SSL_CAINFO": "/ca.pem"},
    }
    source = {"git": "https://me:secret@h/shop.git", "key": "KEY\r\nKEY"}
    work = tmp_path / "work"
    work.mkdir()
    environment = build.git_settings(request, source, ME, str(work), remember=True)
    assert build.without_password(source["git"])[0] == "https://h/shop.git"
    assert (work / "credentials").read_text() == source["git"] + "\n"
    assert (work / "key").read_bytes() == b"KEY\nKEY\n"
    for path in work.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    assert "me:secret" not in json.dumps(environment)
    assert "KEY" not in environment["GIT_SSH_COMMAND"]
    assert "StrictHostKeyChecking=yes" in environment["GIT_SSH_COMMAND"]
    assert environment["GIT_SSL_CAINFO"] == "/ca.pem"


def test_remote_is_asked(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "r"
    git = ["git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", repository], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "one"], check=True)
    subprocess.run([*git, "tag", "-a", "v1", "-m", "one"], check=True)
    commit = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    monkeypatch.setattr(build, "RUN", str(tmp_path))
    monkeypatch.setattr(build, "drop", lambda account: None)
    sources = [
        {"name": name, "git": url, "version": version, "key": ""}
        for name, url, version in (
            ("tag", f"file://{repository}", "v1"),
            ("head", str(repository), ""),
            ("none", f"file://{repository}", "v2"),
            ("commit", "https://nowhere.invalid/x.git", A),
            ("gone", str(tmp_path / "gone"), "main"),
            ("option", f"file://{repository}", "--upload-pack=touch /tmp/owned"),
        )
    ]
    answer = build.resolve(
        {
            "check": True,
            "builder": ME.pw_name,
            "cache": str(tmp_path / "cache"),
            "known_hosts": "",
            "environment": {},
            "sources": sources,
        }
    )
    found = answer["found"]
    assert answer["missing"] == []
    assert found["tag"] == found["head"] == {"commit": commit}
    assert found["commit"] == {"commit": A}
    assert "'v2' is no branch" in found["none"]["problem"]
    assert "cannot be read" in found["gone"]["problem"]
    assert "is no branch" in found["option"]["problem"]
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


# ---- Archives ----


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
def test_tar_is_unpacked(build: ModuleType, tmp_path: Path, mode: str) -> None:
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
    build.unpack(archive, str(tmp_path), strip=False)
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
        [("link", symlink("..")), ("link/out", FILE)],
        [("link", symlink("/tmp")), ("link/deep/out", FILE)],
        [("link", symlink("../secret")), ("hard", {"type": tarfile.LNKTYPE, "linkname": "link"})],
        [("hard", {"type": tarfile.LNKTYPE, "linkname": "../secret"})],
    ],
)
def test_nothing_is_written_outside(
    build: ModuleType, tmp_path: Path, members: list[tuple[str, dict[str, Any]]]
) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "src").mkdir()
    with pytest.raises(build.Problem, match="outside|behind a link"):
        build.unpack(tar(*members), str(tmp_path / "src"), strip=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret", "src"]


def test_file_takes_the_place_of_a_link(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "src").mkdir()
    archive = tar(("a", symlink("../secret")), ("a", FILE))
    build.unpack(archive, str(tmp_path / "src"), strip=False)
    assert (tmp_path / "secret").read_text() == "secret"
    assert (tmp_path / "src/a").read_bytes() == b"x"


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


def test_zip_is_unpacked(build: ModuleType, tmp_path: Path) -> None:
    archive = zipped(("top/", b""), ("top/run", b"x"), mode=0o100755)
    build.unpack(archive, str(tmp_path), strip=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "run").stat().st_mtime == 1_700_000_000
    build.unpack(zipped(("link", b"/opt"), mode=0o120777), str(tmp_path), strip=False)
    assert os.readlink(tmp_path / "link") == "/opt"
    with pytest.raises(build.Problem, match="outside"):
        build.unpack(zipped(("../out", b"x")), str(tmp_path), strip=False)


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
    build: ModuleType, tmp_path: Path, names: list[str], expected: list[str]
) -> None:
    build.unpack(tar(*((name, FILE) for name in names)), str(tmp_path), strip=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == expected


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 no zip", b"\x1f\x8b"])
def test_what_is_no_archive_is_said_to_be_none(
    build: ModuleType, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(build.Problem, match="cannot be read"):
        build.unpack(io.BytesIO(content), str(tmp_path), strip=True)


def test_cut_archive(build: ModuleType, tmp_path: Path) -> None:
    whole = tar(("a", {"content": os.urandom(100_000)})).getvalue()
    with pytest.raises(build.Problem, match="cannot be read"):
        build.unpack(io.BytesIO(whole[:50_000]), str(tmp_path), strip=True)


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


def test_download(build: ModuleType, tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_address[1]}"
    target = tmp_path / "x"
    try:
        build.download(f"http://me:p%40ss@{address}/x", str(target), {})
        assert target.read_text() == "/x Basic bWU6cEBzcw=="
        # The other host does not get it.
        build.download(f"http://me:p%40ss@{address}/moved", str(target), {})
        assert target.read_text() == "/Basic None"
        with pytest.raises(build.Problem, match="cannot be fetched: Not Found") as caught:
            build.download(f"http://me:p%40ss@{address}/gone", str(target), {})
        assert "p%40ss" not in str(caught.value)
    finally:
        server.shutdown()
        server.server_close()


# ---- Requirements ----


@pytest.mark.parametrize(
    ("there", "wanted", "expected"),
    [
        (["requirements.txt", "uv.lock", "pyproject.toml"], "", "requirements.txt"),
        (["uv.lock", "pyproject.toml"], "", "uv.lock"),
        (["pyproject.toml"], "", "pyproject.toml"),
        ([], "", ""),
        (["requirements.txt"], "none", ""),
        (["requirements.txt", "uv.lock"], "uv.lock", "uv.lock"),
        (["none"], "none", ""),
    ],
)
def test_choose_requirements(
    build: ModuleType, tmp_path: Path, there: list[str], wanted: str, expected: str
) -> None:
    for name in there:
        (tmp_path / name).write_text("")
    assert build.choose_requirements(str(tmp_path), wanted) == expected


def test_requirements_that_are_not_there(build: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        build.choose_requirements(str(tmp_path), "dev.txt")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[project]\nname = "x"\n', False),
        ('[build-system]\nrequires = ["x"]\n', True),
        ('[build-system] # ours\nrequires = ["x"]\n', True),
        ("# [build-system]\n", False),
        ("[build-system]\n[tool.uv]\npackage = false\n", False),
        ("[tool.uv]\ndev = []\npackage = true\n", True),
        ("[build-system]\n[tool.uv]\n[tool.other]\npackage = false\n", True),
    ],
)
def test_is_package(build: ModuleType, text: str, expected: bool) -> None:
    assert build.is_package(text) is expected


# ---- Static files ----


def test_compress(build: ModuleType, tmp_path: Path) -> None:
    big = b"body { color: red }\n" * 200
    (tmp_path / "deep").mkdir()
    for name in ("a.css", "deep/b.JS", "photo.jpg", "shipped.css"):
        (tmp_path / name).write_bytes(big)
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    (tmp_path / "small.css").write_bytes(big[:1000])
    (tmp_path / "random.css").write_bytes(os.urandom(4000))
    (tmp_path / "shipped.css.gz").write_bytes(b"theirs")
    (tmp_path / "outside.css").symlink_to(ROOT / "README.md")
    (tmp_path / "outside").symlink_to(ROOT)
    made = build.compress(os.fsencode(tmp_path), "")
    assert sorted(made) == [os.fsencode(tmp_path / name) for name in ("a.css.gz", "deep/b.JS.gz")]
    copy = tmp_path / "a.css.gz"
    assert gzip.decompress(copy.read_bytes()) == big
    assert copy.stat().st_mtime == 1_700_000_000
    assert copy.stat().st_mode & 0o777 == 0o644
    assert copy.read_bytes() == (tmp_path / "deep/b.JS.gz").read_bytes()
    assert (tmp_path / "shipped.css.gz").read_bytes() == b"theirs"
    assert not [*tmp_path.rglob("*random.css.gz")]
    # Nothing is left to do.
    assert build.compress(os.fsencode(tmp_path), "") == []


def test_brotli(build: ModuleType, tmp_path: Path) -> None:
    command = tmp_path / "brotli"
    command.write_text(
        '#!/bin/sh\nfor o in "$@"; do case $o in --output=*) echo x > "${o#*=}";; esac; done\n'
    )
    command.chmod(0o755)
    (tmp_path / "a.css").write_bytes(b"x" * 2000)
    made = build.compress(os.fsencode(tmp_path / "a.css"), str(command))
    assert [os.path.basename(path) for path in made] == [b"a.css.gz", b"a.css.br"]


def test_find_static(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "shop/static").mkdir(parents=True)
    (tmp_path / "uploads").symlink_to("/nowhere/shared/uploads")
    (tmp_path / "assets").symlink_to("shop/static")
    top = os.fsencode(tmp_path)

    def find(path: bytes) -> Any:
        return build.find_static(top, path)

    assert find(b"shop/static/") == top + b"/shop/static"
    assert find(b"shop/gone") is None
    # On trust, and not touched.
    assert find(b"uploads") == b""
    assert find(b"uploads/2026") == b""
    assert find(b"assets") == os.path.realpath(top) + b"/shop/static"
    assert find(b".") == top


# ---- Processes, locks, states ----


def test_output_is_kept_from_the_end(build: ModuleType) -> None:
    command = ["sh", "-c", "seq 100000; echo last; exit 3"]
    with pytest.raises(build.Failed) as caught:
        build.run(command, ME, dict(os.environ))
    assert str(caught.value).endswith("last\n")
    assert len(str(caught.value)) <= build.KEEP


def test_background_does_not_hold_a_command_up(build: ModuleType, tmp_path: Path) -> None:
    begin = time.monotonic()
    build.run(["sh", "-c", "sleep 60 & echo $! > pid"], ME, dict(os.environ), str(tmp_path))
    assert time.monotonic() - begin < 10
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("it is still running")


def test_command_without_an_answer(build: ModuleType) -> None:
    process = build.start(["sleep", "60"], ME, dict(os.environ), "/")
    status, output = build.finish(process, 0.3)
    assert status != 0
    assert "no answer" in output


def raise_(error: BaseException) -> None:
    """Raise, in an expression."""
    raise error


def test_child_hands_its_answer_over(build: ModuleType) -> None:
    assert build.in_child(lambda: {"a": 1}, ME) == {"a": 1}
    with pytest.raises(build.Problem, match="words"):
        build.in_child(lambda: raise_(build.Problem("words")), ME)
    with pytest.raises(OSError, match="full") as caught:
        build.in_child(lambda: raise_(OSError(28, "full", b"/x")), ME)
    assert (caught.value.errno, caught.value.filename) == (28, "/x")
    with pytest.raises(build.Failed, match="ZeroDivisionError"):
        build.in_child(lambda: 1 // 0, ME)


def test_lock_has_one_holder(build: ModuleType, tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    held = build.lock(path, wait=False)
    assert build.lock(path, wait=False) is None
    os.close(held)
    assert build.lock(path, wait=False) is not None


def order(tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Make a request for a build."""
    path = str(tmp_path / "shop/builds/abc")
    return {
        "token": "1",
        "patience": 5,
        "timeout": 60,
        "builder": ME.pw_name,
        "environment": {},
        "cache": str(tmp_path),
        "inbox": str(tmp_path),
        "uv": "uv",
        "source": {},
        "build": {"name": "shop", "build": "abc", "path": path, "python": "3.11"},
    } | more


@pytest.fixture
def detached(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Any], None]], None]:
    """Give a function that sets what the building process does."""
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(build, "RUN", str(tmp_path / "run"))

    def install(work: Callable[[Any], None]) -> None:
        monkeypatch.setattr(build.Build, "make", work)

    return install


def complete(one: Any) -> None:
    """Do what a build that works ends with."""
    os.makedirs(one.path)
    Path(one.path, "build.json").write_text("{}")


def begin(one: Any) -> None:
    """Do the half of it."""
    one.enter("install the requirements")
    os.makedirs(one.path)


def test_build_is_made_once(build: ModuleType, tmp_path: Path, detached: Any) -> None:
    detached(complete)
    assert build.make(order(tmp_path)) == {"state": "made"}
    assert build.make(order(tmp_path)) == {"state": "made"}
    assert build.make(order(tmp_path, token="2")) == {"state": "there"}


def test_failed_build_leaves_nothing(build: ModuleType, tmp_path: Path, detached: Any) -> None:
    def fail(one: Any) -> None:
        begin(one)
        raise build.Failed("first\nat https://me:secret@h/\nlast")

    detached(fail)
    answer = build.make(order(tmp_path))
    assert answer == {
        "state": "failed",
        "problem": "application 'shop': build abc failed at \"install the requirements\": first\n"
        "at https://***@h/\nlast",
    }
    assert not (tmp_path / "shop/builds/abc").exists()
    # The same caller hears it again, the next one has another try.
    assert build.make(order(tmp_path)) == answer
    detached(complete)
    assert build.make(order(tmp_path, token="2")) == {"state": "made"}


def test_full_disk_is_named(build: ModuleType, tmp_path: Path, detached: Any) -> None:
    def fail(one: Any) -> None:
        begin(one)
        raise OSError(28, "No space left on device", "/opt/shop/x")

    detached(fail)
    problem = build.make(order(tmp_path))["problem"]
    assert 'failed at "install the requirements": the disk is full: /' in problem
    assert "MB left" in problem


def test_long_build_is_asked_for_again(build: ModuleType, tmp_path: Path, detached: Any) -> None:
    def slow(one: Any) -> None:
        begin(one)
        while not (tmp_path / "go").exists():
            time.sleep(0.02)
        Path(one.path, "build.json").write_text("{}")

    detached(slow)
    running = {"state": "running", "step": "install the requirements"}
    assert build.make(order(tmp_path, patience=0.5)) == running
    # Another one waits for the same build.
    assert build.make(order(tmp_path, token="2", patience=0.2)) == running
    (tmp_path / "go").touch()
    assert build.make(order(tmp_path, token="2")) == {"state": "there"}
    assert build.make(order(tmp_path)) == {"state": "made"}


def building(build: ModuleType, tmp_path: Path) -> int:
    """Give the process that builds."""
    return build.read_state(build.state_base(order(tmp_path)["build"]))["pid"]


@pytest.mark.parametrize(
    ("number", "says"), [(15, "stopped by a signal (SIGTERM)"), (9, "its process was killed")]
)
def test_stopped_build_leaves_nothing(
    build: ModuleType, tmp_path: Path, detached: Any, number: int, says: str
) -> None:
    def endless(one: Any) -> None:
        begin(one)
        time.sleep(60)

    detached(endless)
    assert build.make(order(tmp_path, patience=0.5))["state"] == "running"
    os.kill(building(build, tmp_path), number)
    problem = build.make(order(tmp_path))["problem"]
    assert says in problem
    assert 'failed at "install the requirements"' in problem
    assert not (tmp_path / "shop/builds/abc").exists()


def test_build_that_takes_too_long(build: ModuleType, tmp_path: Path, detached: Any) -> None:
    detached(lambda one: time.sleep(60))
    problem = build.make(order(tmp_path, timeout=1))["problem"]
    assert "it took longer than 1 seconds (flask_app_build_timeout)" in problem


def test_what_a_killed_process_left_is_swept(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "RUN", str(tmp_path))
    for name in ("resolve.999999999", f"resolve.{os.getpid()}", "shop-a.work", "shop-b.work"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").touch()
    held = build.lock(str(tmp_path / "shop-b.lock"), wait=False)
    build.sweep()
    os.close(held)
    left = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert left == [f"resolve.{os.getpid()}", "shop-b.work"]


def test_compiled_files_that_are_cut_off(build: ModuleType, tmp_path: Path) -> None:
    cache = tmp_path / "shop/__pycache__"
    cache.mkdir(parents=True)
    for name in ("whole", "cut", "empty", "orphan"):
        source = tmp_path / f"shop/{name}.py"
        source.write_text("x = [1, 2, 3]\n")
        compiled = Path(py_compile.compile(str(source), doraise=True))
        if name != "whole":
            compiled.write_bytes(compiled.read_bytes()[: 0 if name == "empty" else -5])
    (tmp_path / "shop/orphan.py").unlink()
    before = sorted(path.name for path in cache.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", build.CHECK_COMPILED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    after = sorted(path.name for path in cache.iterdir())
    assert after == [name for name in before if not name.startswith("orphan")]
    for path in cache.iterdir():
        marshal.loads(path.read_bytes()[16:])


def test_inspect(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/build.json").touch()
    (tmp_path / "wheelhouse-1").mkdir()
    request = {
        "builds": [{"name": name, "path": str(tmp_path / name)} for name in "abc"],
        "builder": "nobody-of-that-name",
        "inbox": str(tmp_path),
        "wheelhouse": "",
    }
    assert build.inspect(request) == {
        "complete": ["a"],
        "builder": False,
        "inbox": True,
        "wheelhouse": False,
    }
    assert build.inspect(request | {"wheelhouse": "1"})["wheelhouse"] is True
    assert build.inspect(request | {"wheelhouse": "2"})["wheelhouse"] is False
