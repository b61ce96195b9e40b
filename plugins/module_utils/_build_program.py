"""Make a build, as an account that may write to that build and its own cache alone.

The program that runs in a build's systemd unit: by the application's own interpreter, from a
directory of its own with the request, which it removes as soon as it has read it. It says what it
is doing in the file ``step`` there, and in ``problem`` why there is no build.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import difflib
import errno
import json
import marshal
import os
import py_compile
import re
import shutil
import sys
import traceback
from typing import Any, Dict, List

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _fips,
    _git,
    _imports,
    _lacking,
    _requirements,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._archive import (
    checksum_of,
    download,
    unpack,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    Problem,
    last_lines,
    reason,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._files import remove
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import (
    scrub,
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

#: What the path of a host's interpreter begins with, before its version.
INTERPRETER = "/usr/bin/python"
#: What is in the program's directory: what is asked, what is being done, why there is no build,
#: which tools were lacking for it, and what is to be told of one that was made.
REQUEST, STEP, PROBLEM, LACKING, TOLD = "request.json", "step", "problem", "lacking", "told"
#: Where what a source has at its shared paths is kept.
SEED = "seed"
#: The number that compiled files begin with since their header has four more bytes.
PEP_552 = 3392
#: What is this short is no secret, and would hide half of a message (characters).
SHORT = 4
#: This file and what it imports.
MODULES = (
    "_archive",
    "_build_program",
    "_commands",
    "_errors",
    "_files",
    "_fips",
    "_git",
    "_imports",
    "_lacking",
    "_requirements",
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
        npm_config_cache=cache + "/npm",
    )
    if bundle:
        out.update(SSL_CERT_FILE=bundle, GIT_SSL_CAINFO=bundle, PIP_CERT=bundle)
        # For commands that make assets.
        out["NODE_EXTRA_CA_CERTS"] = bundle
    if request["proxy"]:
        for name in ("HTTPS_PROXY", "HTTP_PROXY"):
            # curl and wget read the one, the others the other.
            out.update({name: request["proxy"], name.lower(): request["proxy"]})
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
            content = file.read()
        # What is before the code has been longer since 3.7 (PEP 552).
        header = 16 if int.from_bytes(content[:2], "little") >= PEP_552 else 12
        marshal.loads(content[header:])
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
        #: Where the project is in the source; the source itself, if empty.
        self.directory: str = self.source.get("directory", "")
        #: The whole source.
        self.tree = self.path + "/source" if self.directory else self.src
        #: What src leads to: paths with .. are from there.
        self.project = os.path.join(self.tree, self.directory) if self.directory else self.src
        self.venv = self.path + "/venv"
        self.python = INTERPRETER + self.about["python"]
        self.uv: str = request["uv"]
        self.step = "begin"
        self.environment = environment(request)
        self.hidden = secrets_of(request.get("secret_env", {}))
        #: What is to be told of the build when it is made.
        self.told: List[str] = []
        #: The packages that a lock allows; empty where that is sure without a look.
        self.locked_names: List[str] = []
        #: What the requirements are, for a sentence.
        self.required = "there is no requirements file"

    def hide(self, text: str) -> str:
        """Take passwords of addresses, and the values of secret variables, out of a text."""
        for value in self.hidden:
            text = text.replace(value, "***")
        return scrub(text)

    def enter(self, step: str) -> None:
        """Note what is being done, for the error message and for whoever waits."""
        self.step = self.hide(step)
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
        self.enter_directory()
        self.enter("make the virtual environment")
        run([self.uv, "venv", "--quiet", "--python", self.python, self.venv], self.environment)
        self.enter("install the requirements")
        self.install()
        self.run_commands(stamp)
        self.enter("look for what the application imports")
        self.check_module()
        self.enter("link the shared paths")
        self.link_shared_paths()
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
        os.mkdir(self.tree, 0o755)
        if self.source.get("file"):
            self.open_archive(self.source["file"])
        elif self.source.get("url"):
            target = self.path + "/source.archive"
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
            unpack(archive, self.tree, strip=bool(expected))
        pointers = _git.lfs_pointers(self.tree)
        if pointers:
            raise Problem(
                f"application '{self.about['name']}', source: {pointers[0]} is a pointer of git"
                " LFS, not the file itself; run `git lfs pull` where the source is from."
            )

    def enter_directory(self) -> None:
        """Let src be the part of the source that the project is in.

        Raises:
            Problem: it is not there.
        """
        if not self.directory:
            return
        found = os.path.realpath(os.path.join(self.tree, self.directory))
        inside = (found + "/").startswith(os.path.realpath(self.tree) + "/")
        if not inside or not os.path.isdir(found):
            raise Problem(self.no_directory())
        os.symlink("source/" + self.directory, self.src)

    def no_directory(self) -> str:
        """Return the sentence about a directory that the source has not."""
        parent, wanted = os.path.split(self.directory)
        place = os.path.join(self.tree, parent)
        if not os.path.isdir(place):
            parent, wanted, place = "", self.directory.split("/")[0], self.tree
        there = sorted(
            os.path.join(parent, name)
            for name in os.listdir(place)
            if not name.startswith(".") and os.path.isdir(os.path.join(place, name))
        )
        close = difflib.get_close_matches(os.path.join(parent, wanted), there, n=1)
        said = f"there are {', '.join(there)}" if there else "it has no directories"
        return (
            f"application '{self.about['name']}', source.directory: '{self.directory}' is no"
            f" directory of {self.about['source_version']} of the source; {said}."
            + (f" Did you mean '{close[0]}'?" if close else "")
        )

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
            env = dict(self.environment, GIT_LFS_SKIP_SMUDGE="1", **variables)
            repository = _git.Repository(url, self.request["cache"] + "/git", env)
            stamp = repository.check_out(self.about["commit"], self.tree)
            self.fetch_large_files(repository)
        finally:
            remove(private)
        set_times(os.fsencode(self.tree), stamp, all_files=True)
        return stamp

    def fetch_large_files(self, repository: _git.Repository) -> None:
        """Fetch what a repository keeps in git LFS.

        Raises:
            Problem: the host has no git-lfs, or a file is still not there.
        """
        pointers = _git.lfs_pointers(self.tree)
        where = f"application '{self.about['name']}', source.git: "
        if pointers and shutil.which("git-lfs", path=self.environment["PATH"]) is None:
            raise Problem(
                f"{where}{pointers[0]} is in git LFS, and this host has no git-lfs; write packages:"
                " [git-lfs] in the application."
            )
        if pointers:
            self.enter("fetch what is in git LFS")
            repository.pull_large_files(self.tree)
            pointers = _git.lfs_pointers(self.tree)
        if pointers:
            raise Problem(f"{where}git LFS did not give {pointers[0]}.")

    def install(self) -> None:
        """Install the requirements, what is required besides, and the project if it is one.

        Raises:
            Problem: the file that the user has named is not in the source, or cannot be honoured.
            ToolFailed: uv cannot.
        """
        wanted = self.about["requirements"]
        try:
            name = _requirements.choose(self.project, wanted, self.tree)
        except FileNotFoundError as error:
            raise Problem(
                f"application '{self.about['name']}', requirements: {self.about['requirements']}"
                f" is not in {self.about['source_version']} of the source."
            ) from error
        if name:
            self.told.append(f"requirements: {name}")
            self.required = f"the requirements are those of {name}"
            self.enter(f"install the requirements of {name}")
        elif not wanted and _requirements.others(self.project):
            others = ", ".join(_requirements.others(self.project))
            self.required += f" called as usual; name one of {others} by the key requirements"
        what, constraints, alone, directory = self.read_requirements(name)
        extra = list(self.request["extra_requirements"])
        if self.source.get("package"):
            extra.append(self.source["package"])
        if extra:
            # In a file, because an address in it may have a password.
            what += ["--requirements", self.note("extra.txt", extra)]
        pip = [self.uv, "pip", "install", "--quiet", "--python", self.venv]
        if what:
            run(pip + what + constraints, self.environment, directory)
        if self.locked_names and not extra:
            self.check_locked()
        if alone:
            run(pip + ["--no-deps", alone], self.environment, directory)

    def check_locked(self) -> None:
        """See that nothing was installed that the lock does not have.

        Raises:
            Problem: something was: the lock is older than what the project requires.
        """
        packages = f"{self.venv}/lib/python{self.about['python']}/site-packages"
        names = (name for name in os.listdir(packages) if name.endswith(".dist-info"))
        found = {_requirements.normal(name.split("-")[0]) for name in names}
        more = sorted(found - set(self.locked_names))
        if more:
            raise Problem(
                f"poetry.lock does not have {', '.join(more)}, which what it has requires; run"
                " `poetry lock` and commit it."
            )

    def read_requirements(self, name: str) -> "tuple[List[str], List[str], str, str]":
        """Make of a file with requirements what uv is to be told.

        Args:
            name: the file, from src; empty for none.

        Returns:
            What to install, the constraints, the project if it is installed afterwards alone, and
            the directory to do it in.

        Raises:
            Problem: it cannot be honoured.
            ToolFailed: uv cannot export its lock.
        """
        path = os.path.normpath(os.path.join(self.project, name))
        project = os.path.dirname(path) if name else self.project
        base = os.path.basename(path) if name else ""
        if base == "uv.lock":
            # Exported, because uv sync asks the index that the lock was made with, not the mirror.
            # Of a workspace, the member that the project is.
            member = self.project if self.directory else project
            lines = self.work + "/locked.txt"
            argv = [self.uv, "export", "--frozen", "--no-dev", "--no-editable", "--no-emit-project"]
            argv += ["--no-header", "--no-annotate", "--python", self.python]
            argv += ["--format", "requirements-txt", "--output-file", lines]
            run(argv, self.environment, member)
            alone = member if self.project_is_package(member) else ""
            return ["--requirements", lines], [], alone, project
        if base == "poetry.lock":
            return self.read_poetry_lock(path, project)
        if base == "Pipfile.lock":
            locked = _requirements.from_pipfile_lock(_requirements.read(path), project)
            lines = self.note("locked.txt", locked.requirements)
            return ["--requirements", lines], [], "", project
        if base == "Pipfile":
            raise Problem(
                f"application '{self.about['name']}', requirements: there is {name} without a"
                " Pipfile.lock; run `pipenv lock` and commit that file."
            )
        if base in ("setup.py", "setup.cfg"):
            return [project], [], "", project
        if base == "pyproject.toml":
            if self.project_is_package(project):
                return [project], [], "", project
            text = _requirements.read(path)
            if "[tool.poetry.dependencies]" in text and "[project]" not in text:
                # uv would find no dependencies, and not say so.
                raise Problem(
                    f"application '{self.about['name']}', requirements: {name} is Poetry's, and"
                    " there is no poetry.lock; run `poetry lock` and commit that file."
                )
        elif name:
            _requirements.check_lines(path, self.project)
            project = _requirements.directory_of(path, self.project)
        return ["--requirements", path] if name else [], [], "", project

    def read_poetry_lock(self, path: str, project: str) -> "tuple[List[str], List[str], str, str]":
        """Make of a poetry.lock what uv is to be told, as read_requirements() does.

        Raises:
            Problem: it cannot be converted exactly.
        """
        about = os.path.join(project, "pyproject.toml")
        if not os.path.isfile(about):
            raise Problem(f"there is a poetry.lock without a pyproject.toml in {project}")
        text = _requirements.read(about)
        locked = _requirements.from_poetry_lock(_requirements.read(path), text, project)
        alone = ""
        if self.project_is_package(project):
            toml = _requirements.load_toml(text, "pyproject.toml") or {}
            if _requirements.poetry_package_is_there(toml, project):
                alone = project
            else:
                self.told.append(
                    "the project itself is not installed: it has no package of its name (Poetry"
                    " calls that package-mode = false)"
                )
        self.locked_names = locked.names
        return (
            ["--requirements", self.note("locked.txt", locked.requirements)],
            ["--constraints", self.note("constraints.txt", locked.constraints)],
            alone,
            project,
        )

    def note(self, name: str, lines: List[str]) -> str:
        """Write lines into a file of the program's directory; return its path."""
        path = os.path.join(self.work, name)
        write_note(path, "\n".join(lines) + "\n")
        return path

    def project_is_package(self, directory: str) -> bool:
        """Tell whether a directory has a project that can be installed."""
        path = os.path.join(directory, "pyproject.toml")
        if not os.path.isfile(path):
            return False
        with open(path, encoding="utf-8", errors="replace") as text:
            return _requirements.is_package(text.read())

    def run_commands(self, stamp: int) -> None:
        """Run the build commands, with the virtual environment in front of the path."""
        env = dict(self.environment)
        for variables in (self.request.get("env", {}), self.request.get("secret_env", {})):
            env.update(variables)
        home = os.path.dirname(os.path.dirname(self.path))
        env.update(VIRTUAL_ENV=self.venv, APP_NAME=self.about["name"], APP_SHARED=home + "/shared")
        if stamp:
            # Not for uv and compileall: with it, Python would hash each module at each start.
            env["SOURCE_DATE_EPOCH"] = str(stamp)
        env["PATH"] = os.pathsep.join([self.venv + "/bin", env["PATH"]])
        for command in self.request["build_commands"]:
            self.enter(f"run '{command}'")
            run(["/bin/sh", "-c", command], env, self.src)

    def check_module(self) -> None:
        """See that what the application imports is installed.

        Raises:
            Problem: its module, or something that it imports, is not there.
        """
        key = self.request.get("module", "")
        module = _imports.module_of(key)
        if not module:
            return
        where = f"application '{self.about['name']}', "
        needed = _imports.needed(self.src, module)
        parent = module.rpartition(".")[0]
        if (
            ":" in key
            and _imports.file_of(self.src, parent).endswith("__init__.py")
            and not _imports.file_of(self.src, module)
            and module.split(".")[0] not in needed
        ):
            raise Problem(where + _imports.missing_file(self.src, module, key, self.directory))
        if not needed:
            return
        command = _imports.find_command(self.venv + "/bin/python", self.src, list(needed))
        missing = _imports.not_found(run(command, self.environment, self.src))
        if any(not needed[name] for name in missing):
            raise Problem(where + _imports.missing_file(self.src, module, key, self.directory))
        if missing:
            found = [(name, needed[name]) for name in missing]
            raise Problem(where + _imports.missing_packages(found, self.required))

    def link_shared_paths(self) -> None:
        """Let paths of the source be links to what outlives releases; keep what is there as seed.

        Raises:
            Problem: a path leads through a link or a file of the source.
        """
        shared = os.path.dirname(os.path.dirname(self.path)) + "/shared"
        for path in self.request.get("shared_paths", []):
            here = self.src
            for part in path.split("/")[:-1]:
                here = os.path.join(here, part)
                if os.path.islink(here) or (os.path.lexists(here) and not os.path.isdir(here)):
                    kind = "a link" if os.path.islink(here) else "a file"
                    raise Problem(
                        f"application '{self.about['name']}', shared_paths: '{path}': "
                        f"{os.path.relpath(here, self.src)} is {kind} in the source; write a path"
                        " that leads through directories."
                    )
            target = os.path.join(self.src, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.lexists(target):
                kept = os.path.join(self.path, SEED, path)
                os.makedirs(os.path.dirname(kept), exist_ok=True)
                os.rename(target, kept)
            os.symlink(os.path.join(shared, path), target)

    def finish_files(self, stamp: int) -> None:
        """Remove the repositories, give what the commands have made the commit's time, compile.

        A web server makes ETag and Last-Modified of it, which should be those of other hosts.
        """
        if self.source.get("git"):
            for entry in list(walk(os.fsencode(self.tree))):
                if entry.name == b".git" and os.path.lexists(entry.path):
                    remove(os.fsdecode(entry.path))
            set_times(os.fsencode(self.tree), stamp, all_files=False)
        # A file that does not compile need not be one that is imported (a template, a test). The
        # application cannot write next to its code, so this is done now or at every start.
        compiling = [self.python, "-m", "compileall", "-q", "."]
        finish(start(compiling, self.environment, self.tree))
        for top in (self.tree, self.venv):
            check_compiled(top)

    def handle_statics(self) -> None:
        """Compress the static files.

        Raises:
            Problem: the web server would look for them where nothing is.
        """
        brotli = shutil.which("brotli") or ""
        for one in self.request["precompress"]:
            top, where = self.src, "the source, after the build commands"
            within = self.tree
            if one["package"]:
                where = "the package " + one["package"]
                top = f"{self.venv}/lib/python{self.about['python']}/site-packages/{one['package']}"
                within = top
            path = find_static(os.fsencode(top), os.fsencode(one["path"]), os.fsencode(within))
            if path is None:
                raise Problem(
                    f"application '{self.about['name']}', static.path: '{one['path']}' is not in"
                    f" {where}."
                )
            if path and self.request["compress"]:
                compress(path, brotli)

    def explain(self, error: BaseException) -> str:
        """Make a sentence of what has ended the build."""
        text = self.hide(str(error))
        if isinstance(error, Problem) and text.startswith(("application '", "flask_app_")):
            return text
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if isinstance(error, ToolFailed):
            full = tells_of_full_disk(text)
            text = said_by_tool(text)
            if self.step.startswith("fetch "):
                hint = _fips.key_hint(self.source.get("key", ""))
                text = f"{text}\n{hint}" if hint else text
        elif isinstance(error, OSError):
            name = error.filename
            name = os.fsdecode(name) if isinstance(name, bytes) else name
            text = f"{name}: {reason(error)}" if name else text
        elif not isinstance(error, Problem):
            lines = traceback.format_exception(type(error), error, error.__traceback__)
            text = last_lines(self.hide("".join(lines)))
        if full:
            places = [self.path, self.request["cache"], "/tmp", "/var/tmp"]
            text = f"{fullest(places)}\n{text}"
        return failure(self.about, self.step, text)


def secrets_of(variables: Dict[str, str]) -> List[str]:
    """Return what is not to be seen of secret variables, the longest first.

    Of a value of several lines (a key), each line too: a tool may show one of them.
    """
    found = set(variables.values())
    for value in variables.values():
        lines = value.splitlines()
        found.update(line for line in lines if len(lines) > 1 and len(line) >= 2 * SHORT)
    return sorted((one for one in found if len(one) >= SHORT), key=len, reverse=True)


def said_by_tool(output: str) -> str:
    """Return what to show of a tool's output: its end, what it is about, and what would help.

    Args:
        output: without secrets.
    """
    text = last_lines(output)
    first = re.search(r"^error: .*$", output, re.M)
    if first and first.group() not in text:
        # uv begins with which requirement it is; what its build has said may be long.
        text = f"{first.group()}\n…\n{text}"
    help_ = _lacking.libraries(output) or _lacking.variable(output)
    return f"{text}\n{help_}" if help_ else text


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
        lacking = _lacking.tools(str(error)) if isinstance(error, ToolFailed) else []
        with contextlib.suppress(OSError):
            write_note(os.path.join(work, PROBLEM), problem)
            write_note(os.path.join(work, LACKING), "\n".join(lacking))
        return 1
    write_note(os.path.join(work, TOLD), "\n".join(build.told))
    return 0
