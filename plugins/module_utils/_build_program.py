"""Make a build, as an account that may write to that build and its own cache alone.

The program that runs in a build's systemd unit: by the application's own interpreter, from a
directory of its own with the request, which it removes as soon as it has read it. It says what it
is doing in the file ``step`` there, and in ``problem`` why there is no build.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import errno
import json
import marshal
import os
import py_compile
import re
import shutil
import sys
import traceback
from typing import Any, Dict, List, Optional

from ansible_collections.flaskstack.centos.plugins.module_utils import _git
from ansible_collections.flaskstack.centos.plugins.module_utils._archive import (
    checksum_of,
    download,
    unpack,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._files import remove
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import (
    scrub,
    shown,
    without_password,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._static import (
    compress,
    find_static,
    walk,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._tools import (
    ToolFailed,
    base_environment,
    finish,
    run,
    start,
)

#: What is in the program's directory.
REQUEST, STEP, PROBLEM = "request.json", "step", "problem"
#: This file and what it imports.
MODULES = (
    "_archive",
    "_build_program",
    "_commands",
    "_errors",
    "_files",
    "_git",
    "_secrets",
    "_static",
    "_tools",
)


def tells_of_full_disk(output: str) -> bool:
    """Tell whether a tool has failed because there was no room."""
    words = r"No space left on device|Disk quota exceeded|\(os error 28\)"
    return re.search(words, output) is not None


def fullest(paths: List[str]) -> str:
    """Describe the file system that has the least room of those that some paths are on."""
    found = []
    for path in paths:
        while not os.path.lexists(path):
            path = os.path.dirname(path)
        while not os.path.ismount(path):
            path = os.path.dirname(os.path.realpath(path))
        room = os.statvfs(path)
        # A file system without inodes is as full as one without blocks.
        free = 0 if room.f_files and not room.f_favail else room.f_bavail * room.f_frsize
        found.append((free, path))
    free, mount = min(found)
    return f"the disk is full: {mount} has {free / 1e6:.1f} MB left"


def environment(request: Dict[str, Any]) -> Dict[str, str]:
    """Return what the tools of a build know; of indexes and proxies only what is set."""
    cache, bundle = request["cache"], request["ca_bundle"]
    out = base_environment(request["account"], cache)
    out.update(
        UV_CACHE_DIR=cache + "/uv",
        UV_LINK_MODE="copy",
        UV_COMPILE_BYTECODE="1",
        UV_NO_PROGRESS="1",
        UV_NO_CONFIG="1",
        UV_PYTHON_DOWNLOADS="never",
        SSL_CERT_FILE=bundle,
        GIT_SSL_CAINFO=bundle,
        PIP_CERT=bundle,
    )
    if request["proxy"]:
        out.update(HTTPS_PROXY=request["proxy"], HTTP_PROXY=request["proxy"])
    if request["wheelhouse"]:
        home = request["wheelhouse"]
        out.update(UV_OFFLINE="1", UV_NO_INDEX="1", UV_FIND_LINKS=home)
        out.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=home)
        return out
    if request["index_url"]:
        out.update(UV_DEFAULT_INDEX=request["index_url"], PIP_INDEX_URL=request["index_url"])
    if request["extra_index_urls"]:
        extra = " ".join(request["extra_index_urls"])
        out.update(UV_INDEX=extra, PIP_EXTRA_INDEX_URL=extra)
    return out


# ---- Requirements ----


def section(text: str, name: str) -> Optional[str]:
    """Return the lines of a table of a TOML file; None if it has no such table."""
    head = r"^\[" + re.escape(name) + r"\][ \t]*(?:#.*)?$(.*?)(?=^\[|\Z)"
    found = re.search(head, text, re.M | re.S)
    return found.group(1) if found else None


def is_package(text: str) -> bool:
    """Tell from a pyproject.toml whether the project itself is to be installed.

    Raises:
        Problem: it cannot be read.
    """
    try:
        import tomllib
    except ImportError:
        # Python 3.10 and older read no TOML: two tables are all that is looked for.
        said = re.search(r"^\s*package\s*=\s*(true|false)", section(text, "tool.uv") or "", re.M)
        return said.group(1) == "true" if said else section(text, "build-system") is not None
    try:
        project = tomllib.loads(text)
    except ValueError as error:
        raise Problem(f"pyproject.toml cannot be read: {error}") from error
    package = project.get("tool", {}).get("uv", {}).get("package")
    return bool("build-system" in project if package is None else package)


def choose_requirements(source: str, wanted: str) -> str:
    """Return the path, in the source, of the file with the requirements; empty for none.

    Args:
        source: the directory.
        wanted: what the user has written: a path, ``none``, or empty for the first there is.

    Raises:
        FileNotFoundError: the file that the user has named is not there.
    """
    if wanted == "none":
        return ""
    if wanted:
        if not os.path.isfile(os.path.join(source, wanted)):
            raise FileNotFoundError(wanted)
        return wanted
    for name in ("requirements.txt", "uv.lock", "pyproject.toml"):
        if os.path.isfile(os.path.join(source, name)):
            return name
    return ""


# ---- Files ----


def set_times(top: bytes, when: int, all_files: bool) -> None:
    """Give everything below a directory a time, or only what is younger."""
    for entry in list(walk(top)):
        if all_files or entry.stat(follow_symlinks=False).st_mtime > when:
            os.utime(entry.path, (when, when), follow_symlinks=False)


def is_whole(path: str) -> bool:
    """Tell whether a compiled file is not cut off."""
    try:
        with open(path, "rb") as file:
            marshal.loads(file.read()[16:])
    except (EOFError, ValueError, TypeError):
        return False
    return True


def check_compiled(top: str) -> None:
    """Find compiled files that are cut off, and compile them anew.

    On a disk that fills up, Python writes of them what there is room for and says nothing: nobody
    could import that, ever.

    Raises:
        OSError: there is still no room.
    """
    for directory, _, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            if not name.endswith(".pyc") or is_whole(path):
                continue
            os.unlink(path)
            source = os.path.join(os.path.dirname(directory), name.split(".")[0] + ".py")
            if os.path.basename(directory) == "__pycache__" and os.path.exists(source):
                py_compile.compile(source, cfile=path, doraise=True)
                if not is_whole(path):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


# ---- A build ----


class Build:
    """One build, from an empty directory to all that is in it.

    Args:
        request: what to build.
        work: the program's own directory.
    """

    def __init__(self, request: Dict[str, Any], work: str) -> None:
        self.request = request
        self.work = work
        self.about: Dict[str, str] = request["record"]
        self.source: Dict[str, str] = request["source"]
        self.path = self.about["path"]
        self.src = self.path + "/src"
        self.venv = self.path + "/venv"
        self.python = "/usr/bin/python" + self.about["python"]
        self.uv: str = request["uv"]
        self.step = "begin"
        self.environment = environment(request)

    def enter(self, step: str) -> None:
        """Note what is being done, for the error message and for whoever waits."""
        self.step = scrub(step)
        # The journal has it too.
        print(self.step, flush=True)
        write_note(os.path.join(self.work, STEP), self.step)

    def make(self) -> None:
        """Make the build.

        Raises:
            Problem, ToolFailed, OSError: it cannot be made.
        """
        self.enter("look for the tools")
        self.check_tools()
        self.enter("fetch the source")
        stamp = self.fetch()
        self.enter("make the virtual environment")
        run([self.uv, "venv", "--quiet", "--python", self.python, self.venv], self.environment)
        self.enter("install the requirements")
        self.install()
        self.run_commands(stamp)
        self.enter("finish the files")
        self.finish_files(stamp)
        self.enter("compress the static files")
        self.handle_statics()
        # A lock that anyone may write.
        remove(self.venv + "/.lock")

    def check_tools(self) -> None:
        """See that uv runs.

        Raises:
            Problem: it does not.
        """
        try:
            run([self.uv, "--version"], self.environment)
        except (OSError, ToolFailed):
            raise Problem(
                f"flask_app_uv: '{self.uv}' does not run on this host; let the python role install"
                " it first."
            ) from None

    def fetch(self) -> int:
        """Bring the source into src; return its time (seconds since 1970), or 0."""
        if self.source.get("git"):
            return self.fetch_git()
        os.mkdir(self.src, 0o755)
        if self.source.get("file"):
            self.open_archive(self.source["file"])
        elif self.source.get("url"):
            target = self.path + "/source"
            download(self.source["url"], target, self.environment)
            self.open_archive(target)
            os.unlink(target)
        return 0

    def open_archive(self, path: str) -> None:
        """Check an archive's checksum, if one is known, and unpack it.

        Raises:
            Problem: it is another.
        """
        expected = self.source.get("checksum", "")
        with open(path, "rb") as archive:
            if expected:
                found = checksum_of(archive)
                if found != expected.lower():
                    name = scrub(self.source.get("url") or self.source["label"])
                    raise Problem(
                        f"application '{self.about['name']}', source.checksum: {name} has {found};"
                        " write that if it is what you want."
                    )
                archive.seek(0)
            unpack(archive, self.src, strip=bool(expected))

    def fetch_git(self) -> int:
        """Check the commit out, by way of a copy of the repository that is kept."""
        url = without_password(self.source["git"])[0]
        private = os.path.join(self.work, "git")
        files, variables = _git.settings(
            self.source,
            private,
            self.request["known_hosts"],
            self.request["cache"] + "/known_hosts",
            remember=True,
        )
        _git.write_private(private, files)
        try:
            env = dict(self.environment, **variables)
            repository = _git.Repository(url, self.request["cache"] + "/git", env)
            stamp = repository.check_out(self.about["commit"], self.src)
        finally:
            remove(private)
        set_times(os.fsencode(self.src), stamp, all_files=True)
        return stamp

    def install(self) -> None:
        """Install the requirements, what is required besides, and the project if it is one.

        Raises:
            Problem: the file that the user has named is not in the source.
            ToolFailed: uv cannot.
        """
        what: List[str] = []
        project = alone = ""
        try:
            name = choose_requirements(self.src, self.about["requirements"])
        except FileNotFoundError as error:
            raise Problem(
                f"application '{self.about['name']}', requirements: {self.about['requirements']}"
                f" is not in {self.about['source_version']} of the source."
            ) from error
        project = os.path.dirname(os.path.join(self.src, name)) if name else self.src
        if os.path.basename(name) == "uv.lock":
            # Exported, because uv sync asks the index that the lock was made with, not the mirror.
            lines = self.work + "/locked.txt"
            argv = [self.uv, "export", "--frozen", "--no-dev", "--no-editable", "--no-emit-project"]
            argv += ["--no-header", "--no-annotate", "--python", self.python]
            argv += ["--format", "requirements-txt", "--output-file", lines]
            run(argv, self.environment, project)
            what += ["--requirements", lines]
            alone = project if self.project_is_package(project) else ""
        elif os.path.basename(name) == "pyproject.toml" and self.project_is_package(project):
            what.append(project)
        elif name:
            what += ["--requirements", os.path.join(self.src, name)]
        extra = list(self.request["extra_requirements"])
        if self.source.get("package"):
            extra.append(self.source["package"])
        if extra:
            # In a file, because an address in it may have a password.
            lines = self.work + "/extra.txt"
            write_note(lines, "\n".join(extra) + "\n")
            what += ["--requirements", lines]
        pip = [self.uv, "pip", "install", "--quiet", "--python", self.venv]
        if what:
            run(pip + what, self.environment, project)
        if alone:
            run(pip + ["--no-deps", alone], self.environment, project)

    def project_is_package(self, directory: str) -> bool:
        """Tell whether a directory has a project that can be installed."""
        path = os.path.join(directory, "pyproject.toml")
        if not os.path.isfile(path):
            return False
        with open(path, encoding="utf-8", errors="replace") as text:
            return is_package(text.read())

    def run_commands(self, stamp: int) -> None:
        """Run the build commands, with the virtual environment in front of the path."""
        env = dict(self.environment, VIRTUAL_ENV=self.venv)
        if stamp:
            # Not for uv and compileall: with it, Python would hash each module at each start.
            env["SOURCE_DATE_EPOCH"] = str(stamp)
        env["PATH"] = os.pathsep.join([self.venv + "/bin", env["PATH"]])
        for command in self.request["build_commands"]:
            self.enter(f"run '{command}'")
            run(["/bin/sh", "-c", command], env, self.src)

    def finish_files(self, stamp: int) -> None:
        """Remove the repositories, give what the commands have made the commit's time, compile.

        A web server makes ETag and Last-Modified of it, which should be those of other hosts.
        """
        if self.source.get("git"):
            for entry in list(walk(os.fsencode(self.src))):
                if entry.name == b".git" and os.path.lexists(entry.path):
                    remove(os.fsdecode(entry.path))
            set_times(os.fsencode(self.src), stamp, all_files=False)
        # A file that does not compile need not be one that is imported (a template, a test). The
        # application cannot write next to its code, so this is done now or at every start.
        compiling = [self.python, "-m", "compileall", "-q", "."]
        finish(start(compiling, self.environment, self.src))
        for top in (self.src, self.venv):
            check_compiled(top)

    def handle_statics(self) -> None:
        """Compress the static files.

        Raises:
            Problem: the web server would look for them where nothing is.
        """
        brotli = shutil.which("brotli") or ""
        for one in self.request["precompress"]:
            top, where = self.src, "the source, after the build commands"
            if one["package"]:
                where = "the package " + one["package"]
                top = f"{self.venv}/lib/python{self.about['python']}/site-packages/{one['package']}"
            path = find_static(os.fsencode(top), os.fsencode(one["path"]))
            if path is None:
                raise Problem(
                    f"application '{self.about['name']}', static.path: '{one['path']}' is not in"
                    f" {where}."
                )
            if path and self.request["compress"]:
                compress(path, brotli)

    def explain(self, error: BaseException) -> str:
        """Make a sentence of what has ended the build."""
        text = str(error)
        if isinstance(error, Problem) and text.startswith(("application '", "flask_app_")):
            return text
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if isinstance(error, ToolFailed):
            full = tells_of_full_disk(text)
            text = shown(text)
        elif isinstance(error, OSError):
            name = error.filename
            name = os.fsdecode(name) if isinstance(name, bytes) else name
            text = f"{name}: {error.strerror}" if name else text
        elif not isinstance(error, Problem):
            lines = traceback.format_exception(type(error), error, error.__traceback__)
            text = shown("".join(lines))
        if full:
            places = [self.path, self.request["cache"], "/tmp", "/var/tmp"]
            text = f"{fullest(places)}\n{text}"
        return failure(self.about, self.step, text)


def failure(about: Dict[str, str], step: str, text: str) -> str:
    """Return the sentence about a build that failed."""
    where = f"application '{about['name']}': build {about['build']} failed at \"{step}\""
    return scrub(f"{where}: {text}")


def write_note(path: str, text: str) -> None:
    """Write a small file, for its owner and root alone, whole."""
    handle = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    os.rename(path + ".new", path)


def main(arguments: List[str]) -> int:
    """Make the build that the request in a directory asks for; return the exit status.

    Args:
        arguments: the directory.
    """
    (work,) = arguments
    os.umask(0o022)
    path = os.path.join(work, REQUEST)
    with open(path, encoding="utf-8") as text:
        request = json.load(text)
    # The application's own commands run as the same account.
    os.unlink(path)
    build = Build(request, work)
    try:
        build.make()
    except Exception as error:
        problem = build.explain(error)
        print(problem, file=sys.stderr, flush=True)
        with contextlib.suppress(OSError):
            write_note(os.path.join(work, PROBLEM), problem)
        return 1
    return 0
