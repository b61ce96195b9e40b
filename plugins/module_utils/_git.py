"""Ask git remotes for commits, and check a commit out, all of it.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shlex
from typing import Dict, Iterator, List, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._files import remove
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import (
    scrub,
    shown,
    without_password,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._tools import (
    ToolFailed,
    finish,
    run,
    start,
)

#: A repository on the host itself may belong to someone else: the builder only reads.
SETTINGS = """[safe]
	directory = *
[gc]
	autoDetach = false
[maintenance]
	autoDetach = false
"""


def is_ssh(url: str) -> bool:
    """Tell whether git reaches an address by ssh: ssh://host/path or user@host:path."""
    return re.match(r"(git\+)?ssh(\+git)?://", url) is not None or (
        "://" not in url and re.match(r"[^/:]+:", url) is not None
    )


def is_commit(version: str) -> bool:
    """Tell whether a version is a full commit, which needs no asking."""
    return re.match(r"[0-9a-f]{40}$", version) is not None


def settings(
    source: Dict[str, str],
    directory: str,
    known_hosts: str = "",
    noted_hosts: str = "",
    remember: bool = False,
) -> Tuple[Dict[str, str], Dict[str, str]]:
    """Return what git needs to reach a remote: private files (name -> text), and variables.

    The key and the password are in files, because everybody can read the arguments of a process.

    Args:
        source: its ``git``, the address, and perhaps its ``key``.
        directory: a private directory of whoever runs git, where the files will be.
        known_hosts: lines of known_hosts; with them, no other host is believed.
        noted_hosts: the file with hosts that were believed the first time.
        remember: note new ones there.
    """
    url, secret = without_password(source["git"])
    config, files = SETTINGS, {}
    if url.startswith(("/", "file://")):
        config += '[protocol "file"]\n\tallow = always\n'
    if secret:
        files["credentials"] = secret + "\n"
        config += f'[credential]\n\thelper = store --file="{directory}/credentials"\n'
    files[".gitconfig"] = config
    ssh = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20"]
    own = directory + "/known_hosts"
    if known_hosts:
        files["known_hosts"] = known_hosts.rstrip() + "\n"
        ssh += ["-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + own]
    else:
        # ssh itself reads both, with the builder's rights, and notes new hosts in the first.
        hosts = noted_hosts if remember else f"{own} {noted_hosts}"
        ssh += ["-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + hosts]
    if source.get("key"):
        files["key"] = source["key"].replace("\r\n", "\n").rstrip("\n") + "\n"
        ssh += ["-i", directory + "/key", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
    variables = {
        "HOME": directory,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": " ".join(shlex.quote(word) for word in ssh),
    }
    return files, variables


def write_private(directory: str, files: Dict[str, str], uid: int = -1, gid: int = -1) -> None:
    """Make a directory that one account, and root, can look into, with files in it.

    It is given away last: while it is filled, nobody else can put a link there.

    Args:
        directory: it must not be there yet.
        files: name -> text.
        uid: whose it will be; the caller's, if -1.
        gid: of which group.

    Raises:
        OSError: it cannot be written.
    """
    os.mkdir(directory, 0o700)
    for name, text in files.items():
        path = os.path.join(directory, name)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            os.fchown(file.fileno(), uid, gid)
    os.chown(directory, uid, gid)


def question(url: str, version: str) -> List[str]:
    """Return the command that asks a remote for a version."""
    arguments = ["git", "ls-remote", "--", without_password(url)[0]]
    if not version:
        return arguments + ["HEAD"]
    names = ["refs/heads/" + version, "refs/tags/" + version, "refs/tags/" + version + "^{}"]
    return arguments + names + ([version] if version.startswith("refs/") else [])


def choose_commit(answer: str, version: str) -> str:
    """Find the commit of a version in the answer of ls-remote; empty if it is not there.

    A branch before a tag of the same name, as git itself; of a tag with a message, what it points
    to.
    """
    found = re.findall(r"^([0-9a-f]{40,64})\t(\S+)$", answer, flags=re.M)
    refs = {name: commit for commit, name in found}
    if not version:
        return str(refs.get("HEAD", ""))
    names = ["refs/heads/" + version, "refs/tags/" + version + "^{}", "refs/tags/" + version]
    if version.startswith("refs/"):
        names.append(version)
    return next((str(refs[name]) for name in names if name in refs), "")


#: How a file begins that stands for one in git LFS, and how large one can be (bytes).
LFS_POINTER, LFS_SIZE = b"version https://git-lfs.github.com/spec/", 1024


def lfs_pointers(top: str) -> List[str]:
    """Return the files below a directory, from there, that stand for files in git LFS.

    Where no ``.gitattributes`` says that there are any, such a text is one.
    """
    found, asked = [], False
    for directory, directories, names in os.walk(top):
        directories[:] = sorted(name for name in directories if name != ".git")
        for name in sorted(names):
            path = os.path.join(directory, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            if name == ".gitattributes":
                with open(path, "rb") as file:
                    asked = asked or b"filter=lfs" in file.read()
            elif os.path.getsize(path) <= LFS_SIZE:
                with open(path, "rb") as file:
                    if file.read(len(LFS_POINTER)) == LFS_POINTER:
                        found.append(os.path.relpath(path, top))
    return found if asked else []


def judge(name: str, url: str, version: str, status: int, output: str) -> Tuple[str, str]:
    """Make of a remote's answer a commit, or a sentence why there is none: (commit, problem)."""
    where = f"application '{name}', source."
    if status != 0:
        return "", f"{where}git: {scrub(url)} cannot be read:\n{shown(output)}"
    commit = choose_commit(output, version)
    if commit:
        return commit, ""
    if not version:
        return "", f"{where}git: {scrub(url)} has no commit yet."
    problem = f"{where}version: '{version}' is no branch, tag or full commit of {scrub(url)}."
    if re.match(r"[0-9a-f]{4,39}$", version, re.I):
        problem += f" Is it the beginning of a commit? Write all 40 digits; git rev-parse {version}"
        problem += " prints them."
    return "", problem


class Repository:
    """A copy of a remote repository that is kept, and what is checked out of it.

    The copy makes the next build ask for what is new only, and gives tools that read tags the
    whole history.

    Args:
        url: the remote's address, without a password.
        directory: where copies are; one is called by its remote.
        env: all the variables that git gets.
    """

    def __init__(self, url: str, directory: str, env: Dict[str, str]) -> None:
        self.url = url
        self.env = env
        name = hashlib.sha256(url.encode("utf-8")).hexdigest()[:20]
        self.path = os.path.join(directory, name)

    def git(self, *words: str) -> str:
        """Run git; return what it said.

        Raises:
            ToolFailed: it failed, or says that it left something out. (Of a file that it cannot
                write, or that its object is missing of, checkout says so and ends with status 0.)
        """
        said = run(["git"] + list(words), self.env)
        if re.search(r"^(error|fatal): ", said, re.M):
            raise ToolFailed(said)
        return said

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let one build at a time write to the copy."""
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        handle = os.open(self.path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def has(self, commit: str) -> bool:
        """Tell whether a commit is there with all its directories and files.

        A fetch that was cut off leaves a commit without them.
        """
        words = ["git", "-C", self.path, "rev-list", "--objects", "--no-walk", "--quiet", commit]
        return finish(start(words, self.env))[0] == 0

    def fetch(self, commit: str) -> None:
        """Bring all branches and tags of the remote into the copy, and a commit of neither.

        Raises:
            ToolFailed: the remote cannot be read.
            Problem: what it gives is not complete.
        """
        if not os.path.isdir(self.path + "/objects"):
            self.git("init", "--quiet", "--bare", self.path)
        remove_rests(self.path)
        words = ["-C", self.path, "fetch", "--quiet"]
        options = ["--prune", "--no-tags", "--update-head-ok", "--", self.url]
        self.git(*(words + options + ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]))
        if not self.has(commit):
            # Of no branch and no tag: a merge request, for one.
            self.git(*(words + ["--", self.url, commit]))
        if not self.has(commit):
            raise Problem(f"{self.url} does not give all that belongs to commit {commit}")

    def renew(self, commit: str) -> None:
        """Make the copy anew; the old one stays until the new one is whole.

        What is broken in a copy, the remote does not send again: it is told that it is there.

        Raises:
            ToolFailed, Problem: as fetch().
        """
        fresh = Repository(self.url, os.path.dirname(self.path), self.env)
        fresh.path = self.path + ".fresh"
        remove(fresh.path)
        fresh.fetch(commit)
        remove(self.path)
        os.rename(fresh.path, self.path)

    def update(self, commit: str) -> None:
        """See to it that a commit is in the copy, with all that belongs to it.

        Raises:
            ToolFailed, Problem: as fetch().
        """
        if self.has(commit):
            return
        used = os.path.isdir(self.path + "/objects")
        try:
            self.fetch(commit)
        except (ToolFailed, Problem):
            if not used:
                raise
            self.renew(commit)

    def check_out(self, commit: str, target: str) -> int:
        """Check a commit out into a directory that is not there yet; return the commit's time.

        Raises:
            ToolFailed: git cannot.
            Problem: files are missing all the same.
        """
        with self.locked():
            self.update(commit)
            try:
                self.write_files(commit, target)
            except ToolFailed:
                # An object is there and cannot be read: a power cut leaves such. A full disk fails
                # again.
                remove(target)
                self.renew(commit)
                self.write_files(commit, target)
        here = ["-C", target]
        self.git(*(here + ["remote", "set-url", "origin", self.url]))
        deleted = self.git(*(here + ["ls-files", "--deleted"]))
        if os.path.isfile(target + "/.gitmodules"):
            update = here + ["submodule", "--quiet", "update", "--init", "--recursive"]
            try:
                self.git(*(update + ["--depth", "1"]))
            except ToolFailed:
                # Not every server gives out a single commit.
                self.git(*update)
            each = ["submodule", "--quiet", "foreach", "--recursive", "git ls-files --deleted"]
            deleted += self.git(*(here + each))
        if deleted.strip():
            name = deleted.split("\n")[0]
            raise Problem(f"git did not write all files of commit {commit}: {name} is missing")
        return int(self.git(*(here + ["log", "-1", "--format=%ct"])).split()[-1])

    def write_files(self, commit: str, target: str) -> None:
        """Clone the copy without its objects, and write the files of a commit.

        Raises:
            ToolFailed: git cannot.
        """
        self.git("clone", "--quiet", "--shared", "--no-checkout", self.path, target)
        words = ["-C", target, "-c", "advice.detachedHead=false"]
        # What is in git LFS the copy does not have: see pull_large_files().
        for part in ("smudge", "process"):
            words += ["-c", f"filter.lfs.{part}="]
        words += ["-c", "filter.lfs.required=false"]
        self.git(*(words + ["checkout", "--quiet", "--detach", commit]))

    def pull_large_files(self, target: str) -> None:
        """Bring what is in git LFS into a directory that was checked out, and its submodules.

        Each build fetches it anew: a storage that is kept, git-lfs would take for the remote's too
        where that is a directory.

        Raises:
            ToolFailed: the remote does not give it.
        """
        here = ["-C", target]
        self.git(*(here + ["lfs", "install", "--local", "--skip-repo"]))
        self.git(*(here + ["lfs", "pull"]))
        if os.path.isfile(target + "/.gitmodules"):
            command = "git lfs install --local --skip-repo && git lfs pull"
            self.git(*(here + ["submodule", "--quiet", "foreach", "--recursive", command]))


def remove_rests(mirror: str) -> None:
    """Remove what a git that was killed has left in a repository; the caller has its lock."""
    for directory, _, names in os.walk(os.fsencode(mirror)):
        for name in names:
            if name.endswith(b".lock") or name.startswith(b"tmp_"):
                os.unlink(os.path.join(directory, name))
