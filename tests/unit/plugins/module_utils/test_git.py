"""Commits of git remotes, and checking one out, all of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _git, _tools
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

A, B, C = "a" * 40, "b" * 40, "c" * 40

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
def test_choose_commit(version: str, commit: str) -> None:
    assert _git.choose_commit(ANSWER, version) == commit


def test_judge_says_what_is_wrong() -> None:
    url = "https://me:secret@h/shop.git"
    assert _git.judge("shop", url, "v9", 0, ANSWER) == (
        "",
        "application 'shop', source.version: 'v9' is no branch, tag or full commit of"
        " https://***@h/shop.git.",
    )
    said = "fatal: unable to access 'https://me:secret@h/'"
    found = _git.judge("shop", url, "v9", 128, said)[1]
    assert found.startswith("application 'shop', source.git: https://***@h/shop.git cannot be read")
    assert "secret" not in found
    assert "no commit yet" in _git.judge("shop", url, "", 0, "")[1]
    assert _git.judge("shop", url, "v1", 0, ANSWER) == (A, "")


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
def test_is_ssh(url: str, ssh: bool) -> None:
    assert _git.is_ssh(url) is ssh


def test_secrets_of_git_are_in_files_alone(tmp_path: Path) -> None:
    source = {"git": "https://me:secret@h/shop.git", "key": "KEY\r\nKEY"}
    work = tmp_path / "work"
    files, variables = _git.settings(source, str(work), "h ssh-ed25519 AAAA", "/cache/known_hosts")
    _git.write_private(str(work), files)
    assert (work / "credentials").read_text() == source["git"] + "\n"
    assert (work / "key").read_bytes() == b"KEY\nKEY\n"
    assert work.stat().st_mode & 0o077 == 0
    for path in work.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    assert "me:secret" not in json.dumps(variables)
    assert "KEY" not in variables["GIT_SSH_COMMAND"]
    assert "StrictHostKeyChecking=yes" in variables["GIT_SSH_COMMAND"]
    assert _git.question(source["git"], "")[-2:] == ["https://h/shop.git", "HEAD"]


@pytest.mark.parametrize("remember", [True, False])
def test_hosts_that_were_met_are_read_by_ssh_itself(tmp_path: Path, remember: bool) -> None:
    """Never by root: in the builder's directory the file may be a link to anything."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (tmp_path / "secret").write_text("secret")
    (cache / "known_hosts").symlink_to(tmp_path / "secret")
    work = tmp_path / "work"
    noted = str(cache / "known_hosts")
    files, variables = _git.settings({"git": "git@h:x"}, str(work), "", noted, remember)
    assert "secret" not in json.dumps(files)
    ssh = variables["GIT_SSH_COMMAND"]
    assert "StrictHostKeyChecking=accept-new" in ssh
    first = noted if remember else f"{work}/known_hosts {noted}"
    assert f"UserKnownHostsFile={first}" in ssh


# ---- Repositories ----


def git(directory: Path, *words: str) -> str:
    """Run git as a developer does."""
    command = ["git", "-C", str(directory), "-c", "user.name=x", "-c", "user.email=x@x"]
    command += ["-c", "protocol.file.allow=always", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Make a repository of several commits and many files in directories."""
    path = tmp_path / "remote"
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", path], check=True)
    (path / "first.py").write_text("x = 1\n")
    git(path, "add", ".")
    git(path, "commit", "--quiet", "-m", "one")
    for number in range(20):
        (path / f"d{number % 4}").mkdir(exist_ok=True)
        (path / f"d{number % 4}/f{number}.py").write_text(f"x = {number}\n")
    git(path, "add", ".")
    git(path, "commit", "--quiet", "-m", "two")
    return path


def repository(tmp_path: Path, remote: Path) -> _git.Repository:
    """Give a copy of the repository that is to be kept in a cache."""
    private = tmp_path / "private"
    if not private.exists():
        files, variables = _git.settings({"git": f"file://{remote}"}, str(private))
        _git.write_private(str(private), files)
        (tmp_path / "variables").write_text(json.dumps(variables))
    variables = json.loads((tmp_path / "variables").read_text())
    env = _tools.base_environment("x", str(private)) | variables
    return _git.Repository(f"file://{remote}", str(tmp_path / "cache"), env)


def loosen(mirror: Path) -> None:
    """Take objects out of their packs, as a fetch of few of them leaves them."""
    aside = mirror.parent / "packs"
    (mirror / "objects/pack").rename(aside)
    for path in aside.glob("*.pack"):
        with path.open("rb") as pack:
            command = ["git", "-C", mirror, "unpack-objects", "-q"]
            subprocess.run(command, stdin=pack, check=True)


def names(top: Path) -> list[str]:
    """List the files that were checked out."""
    found = (path for path in top.rglob("*") if path.is_file() and ".git" not in path.parts)
    return sorted(str(path.relative_to(top)) for path in found)


def test_commit_is_checked_out(tmp_path: Path, remote: Path) -> None:
    commit = git(remote, "rev-parse", "HEAD")
    stamp = repository(tmp_path, remote).check_out(commit, str(tmp_path / "src"))
    assert stamp == int(git(remote, "log", "-1", "--format=%ct"))
    assert len(names(tmp_path / "src")) == 21
    assert git(tmp_path / "src", "remote", "get-url", "origin") == f"file://{remote}"
    # From the copy, when the remote is gone.
    remote.rename(tmp_path / "gone")
    repository(tmp_path, remote).check_out(commit, str(tmp_path / "again"))
    assert len(names(tmp_path / "again")) == 21


@pytest.mark.parametrize("kind", ["tree", "blob"])
@pytest.mark.parametrize("known", [False, True])
def test_fetch_that_was_cut_off(tmp_path: Path, remote: Path, kind: str, known: bool) -> None:
    """The commit is there, directories or files are not: all of them come, or there is no build.

    Args:
        tmp_path: the test's directory.
        remote: the repository.
        kind: what is lost.
        known: the copy has the branch too, so the remote is told that all of it is there.
    """
    commit = git(remote, "rev-parse", "HEAD")
    copy = repository(tmp_path, remote)
    copy.check_out(commit, str(tmp_path / "whole"))
    mirror = Path(copy.path)
    loosen(mirror)
    lost = [
        line.split()[0]
        for line in git(remote, "rev-list", "--objects", "--no-walk", commit).splitlines()
        if git(remote, "cat-file", "-t", line.split()[0]) == kind
    ][1:]
    assert len(lost) >= 3
    for name in lost:
        (mirror / "objects" / name[:2] / name[2:]).unlink()
    if not known:
        for path in (mirror / "refs/heads/main", mirror / "packed-refs"):
            path.unlink(missing_ok=True)
    assert len(repository(tmp_path, remote).git("-C", str(mirror), "cat-file", "-t", commit)) > 0
    copy.check_out(commit, str(tmp_path / "src"))
    assert names(tmp_path / "src") == names(tmp_path / "whole")


def test_object_that_a_power_cut_has_emptied(tmp_path: Path, remote: Path) -> None:
    commit = git(remote, "rev-parse", "HEAD")
    copy = repository(tmp_path, remote)
    copy.check_out(commit, str(tmp_path / "whole"))
    mirror = Path(copy.path)
    loosen(mirror)
    blob = git(remote, "rev-parse", f"{commit}:d1/f1.py")
    path = mirror / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(b"")
    copy.check_out(commit, str(tmp_path / "src"))
    assert names(tmp_path / "src") == names(tmp_path / "whole")


def test_copy_stays_when_the_remote_cannot_be_read(tmp_path: Path, remote: Path) -> None:
    commit = git(remote, "rev-parse", "HEAD")
    copy = repository(tmp_path, remote)
    copy.check_out(commit, str(tmp_path / "src"))
    remote.rename(tmp_path / "gone")
    with pytest.raises(_tools.ToolFailed):
        copy.check_out("d" * 40, str(tmp_path / "other"))
    assert copy.has(commit)


def test_remote_that_does_not_have_all_itself(tmp_path: Path, remote: Path) -> None:
    commit = git(remote, "rev-parse", "HEAD")
    blob = git(remote, "rev-parse", f"{commit}:d1/f1.py")
    (remote / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises((_tools.ToolFailed, Problem)):
        repository(tmp_path, remote).check_out(commit, str(tmp_path / "src"))


def test_file_that_git_left_out_is_noticed(
    tmp_path: Path, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: checkout may say so, or not, and end with status 0."""
    commit = git(remote, "rev-parse", "HEAD")
    copy = repository(tmp_path, remote)
    write_files = copy.write_files

    def lose(commit: str, target: str) -> None:
        write_files(commit, target)
        os.unlink(target + "/d1/f1.py")

    monkeypatch.setattr(copy, "write_files", lose)
    with pytest.raises(Problem, match="d1/f1.py is missing"):
        copy.check_out(commit, str(tmp_path / "src"))


def test_commit_of_no_branch(tmp_path: Path, remote: Path) -> None:
    commit = git(remote, "rev-parse", "HEAD")
    git(remote, "reset", "--quiet", "--hard", "HEAD~1")
    git(remote, "update-ref", "refs/pull/7/head", commit)
    git(remote, "config", "uploadpack.allowAnySHA1InWant", "true")
    repository(tmp_path, remote).check_out(commit, str(tmp_path / "src"))
    assert len(names(tmp_path / "src")) == 21


def test_submodules_come_too(tmp_path: Path, remote: Path) -> None:
    outer = tmp_path / "outer"
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", outer], check=True)
    git(outer, "submodule", "--quiet", "add", "../remote", "sub")
    git(outer, "commit", "--quiet", "-m", "one")
    commit = git(outer, "rev-parse", "HEAD")
    repository(tmp_path, outer).check_out(commit, str(tmp_path / "src"))
    assert len(names(tmp_path / "src/sub")) == 21


def test_rests_of_a_killed_git_are_removed(tmp_path: Path, remote: Path) -> None:
    commit = git(remote, "rev-parse", "HEAD")
    copy = repository(tmp_path, remote)
    copy.check_out(commit, str(tmp_path / "src"))
    Path(copy.path, "packed-refs.lock").touch()
    Path(copy.path, "objects/pack/tmp_pack_1").touch()
    git(remote, "commit", "--quiet", "--allow-empty", "-m", "three")
    copy.check_out(git(remote, "rev-parse", "HEAD"), str(tmp_path / "other"))
    assert not Path(copy.path, "objects/pack/tmp_pack_1").exists()


@pytest.mark.parametrize(
    ("version", "hint"), [("abc1234", True), ("ABC1234", True), ("v1.2", False), ("abc", False)]
)
def test_beginning_of_a_commit_is_told_to_be_one(version: str, hint: bool) -> None:
    problem = _git.judge("shop", "https://h/shop.git", version, 0, ANSWER)[1]
    assert ("Write all 40 digits" in problem) is hint


def test_pointers_of_git_lfs(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n"
    (tmp_path / "static").mkdir()
    (tmp_path / "static/a.png").write_text(pointer)
    (tmp_path / "link.png").symlink_to("static/a.png")
    (tmp_path / "big.png").write_text(pointer * 20)
    # A text about pointers, in a repository that has none.
    assert _git.lfs_pointers(str(tmp_path)) == []
    (tmp_path / ".gitattributes").write_text("*.png filter=lfs diff=lfs merge=lfs -text\n")
    assert _git.lfs_pointers(str(tmp_path)) == ["static/a.png"]
