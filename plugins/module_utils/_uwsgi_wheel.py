"""Compile uWSGI into a wheel, and try a wheel before anything is installed from it.

uWSGI's own build script compiles: unlike ``pip wheel``, it takes neither setuptools nor wheel,
which a host without an index does not have.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import base64
import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import _files
from ansible_collections.flaskstack.centos.plugins.module_utils._archive import unpack
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import text_of
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, last_lines
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import scrub

#: What it is compiled with, whatever else the host has headers of. With "true" instead of "auto",
#: missing headers stop it.
PROFILE = "ssl=true;pcre=true;routing=true;yaml=true;json=false;xml=false"
PLUGINS = "stats_pusher_statsd"
#: Define -> what an application misses without it.
FEATURES = {"UWSGI_SSL": "SSL", "UWSGI_PCRE": "PCRE", "UWSGI_ROUTING": "routing"}
#: Lines of a failed command that are worth reading.
LAST_LINES = 15
#: What a wheel's name says of an interpreter, asked of itself.
TAGS = (
    "import json, sys, sysconfig; print(json.dumps([list(sys.version_info[:2]),"
    " str(sysconfig.get_config_var('SOABI')), sysconfig.get_platform()]))"
)


# ---- Compiling -----------------------------------------------------------------------------


def compiled(
    python: str,
    version: str,
    directory: str,
    archive: str,
    environment: Dict[str, str],
    check: bool,
) -> Dict[str, Any]:
    """Make the wheel in a private directory; it appears under its name when it is whole.

    Args:
        python: path of the interpreter that it is for.
        version: of uWSGI.
        directory: where the wheel is to be.
        archive: path of the source; empty for the index's.
        environment: variables that pip needs to reach the index.
        check: only say whether it would be made.

    Raises:
        Problem: it cannot be compiled.
        OSError: there is no such interpreter, or no room.
    """
    if check and not os.path.exists(python):
        # A bare host that is only being asked: what comes before would have installed it.
        return {"changed": True, "wheel": ""}
    with without_passwords():
        target = os.path.join(directory, wheel_name(python, version))
        changed = not os.path.exists(target)
        if changed and not check:
            _files.make_directories(directory)
            make(python, version, target, archive, environment)
    return {"changed": changed, "wheel": target}


def make(python: str, version: str, target: str, archive: str, environment: Dict[str, str]) -> None:
    """Compile the wheel that is to be at a path; see compiled()."""
    directory = os.path.dirname(target)
    with private_directory(os.path.dirname(directory)) as (work, held):
        source = os.path.join(work, "source")
        os.mkdir(source)
        archive = archive or download(python, version, work, held, environment)
        try:
            # A minimal host has no tar.
            with open(archive, "rb") as content:
                unpack(content, source, strip=True)
        except Problem as problem:
            raise Problem(f"{archive}: {problem}") from None
        script = os.path.join(source, "uwsgiconfig.py")
        if not os.path.exists(script):
            raise Problem(f"{archive} is no source of uWSGI: it has no uwsgiconfig.py.")
        settings = {
            "UWSGI_PROFILE_OVERRIDE": PROFILE,
            "UWSGI_EMBED_PLUGINS": PLUGINS,
            # The date that is compiled in is the archive's.
            "SOURCE_DATE_EPOCH": str(int(os.stat(script).st_mtime)),
        }
        command([python, script, "--build", "default"], source, held, settings)
        binary = os.path.join(source, "uwsgi")
        found = command([binary, "--version"], source, held).strip()
        if found != version:
            raise Problem(f"{archive} is uWSGI {found}, not {version}.")
        fresh = os.path.join(work, "wheel")
        decorators = os.path.join(source, "uwsgidecorators.py")
        pack(fresh, os.path.basename(target), binary, decorators)
        os.rename(fresh, target)
        _files.sync_directory(directory)


@contextlib.contextmanager
def private_directory(parent: str) -> Iterator[Tuple[str, int]]:
    """Give a directory and its lock; remove it afterwards, and those that killed processes left.

    The compilers have the lock too: a directory is left alone as long as one of them goes on.
    """
    for path in glob.glob(os.path.join(parent, ".compile-*")):
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
        except BlockingIOError:
            pass
        finally:
            os.close(handle)
    path = tempfile.mkdtemp(prefix=".compile-", dir=parent)
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield path, handle
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def index_environment(index_url: str, proxy: str, ca_bundle: str) -> Dict[str, str]:
    """Return the variables with which pip reaches the index; only what is set.

    They may hold passwords: they go into the environment of the process, in no list of processes.
    """
    environment = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
    if index_url:
        environment["PIP_INDEX_URL"] = index_url
    if proxy:
        environment.update(HTTPS_PROXY=proxy, HTTP_PROXY=proxy)
    if ca_bundle:
        environment["PIP_CERT"] = ca_bundle
    return environment


def download(python: str, version: str, work: str, held: int, environment: Dict[str, str]) -> str:
    """Take the archive from the index; return its path."""
    command([python, "-m", "venv", os.path.join(work, "venv")], work, held)
    pip = [os.path.join(work, "venv/bin/python"), "-m", "pip", "download", "--dest", work]
    # What the host itself has set for pip and proxies, then what the role was told.
    pattern = re.compile("PIP_|https?_proxy$|no_proxy$|HOME$", re.IGNORECASE)
    index = {key: value for key, value in os.environ.items() if pattern.match(key)}
    index.update(environment)
    command(pip + ["--no-deps", "--no-binary=uwsgi", "uwsgi==" + version], work, held, index)
    (archive,) = glob.glob(os.path.join(work, "*.tar.gz"))
    return archive


def command(
    arguments: List[str],
    directory: str,
    held: Optional[int],
    more: Optional[Dict[str, str]] = None,
) -> str:
    """Run a command with nothing in its environment but what is given; return its output.

    Args:
        arguments: the command.
        directory: to run in.
        held: the descriptor of a lock that it holds too.
        more: variables.

    Raises:
        Problem: it failed, with the last lines of its output.
    """
    environment = {"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin", "LC_ALL": "C"}
    environment.update(more or {})
    done = subprocess.run(
        arguments,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=() if held is None else (held,),
        check=False,
    )
    text = text_of(done.stdout)
    if done.returncode != 0:
        last = last_lines(text, LAST_LINES)
        raise Problem("{} ended with {}:\n{}".format(" ".join(arguments), done.returncode, last))
    return text


@contextlib.contextmanager
def without_passwords() -> Iterator[None]:
    """Take passwords out of addresses in a sentence: the index may be named with one."""
    try:
        yield
    except Problem as problem:
        raise Problem(scrub(str(problem))) from None


# ---- Packing -------------------------------------------------------------------------------


def wheel_name(python: str, version: str) -> str:
    """Name the wheel for an interpreter as PEP 427 has it: cp36-cp36m, later cp38-cp38."""
    numbers, soabi, platform = json.loads(command([python, "-c", TAGS], "/", None))
    tag = "cp{}{}".format(*numbers)
    abi = "cp" + soabi.split("-")[1]
    return "uwsgi-{}-{}-{}-{}.whl".format(
        version, tag, abi, platform.replace("-", "_").replace(".", "_")
    )


def pack(path: str, name: str, binary: str, decorators: str) -> None:
    """Write a wheel of the binary and its module; the same files give the same bytes.

    Args:
        path: of the wheel until it is whole.
        name: of its file, which says version and interpreter.
        binary: path of the program.
        decorators: path of the module.
    """
    version, tag = name[: -len(".whl")].split("-", 2)[1:]
    about = f"uwsgi-{version}.dist-info/"
    contents = []
    for inside, source, mode in (
        ("uwsgidecorators.py", decorators, 0o644),
        (f"uwsgi-{version}.data/scripts/uwsgi", binary, 0o755),
    ):
        with open(source, "rb") as file:
            contents.append((inside, file.read(), mode))
    metadata = f"Metadata-Version: 2.1\nName: uWSGI\nVersion: {version}\n"
    wheel = f"Wheel-Version: 1.0\nGenerator: flaskstack\nRoot-Is-Purelib: false\nTag: {tag}\n"
    contents.append((about + "METADATA", metadata.encode(), 0o644))
    contents.append((about + "WHEEL", wheel.encode(), 0o644))
    record = ""
    for inside, data, _ in contents:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{inside},sha256={digest},{len(data)}\n"
    record += about + "RECORD,,\n"
    contents.append((about + "RECORD", record.encode(), 0o644))
    with open(path, "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for inside, data, mode in contents:
                entry = zipfile.ZipInfo(inside)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (0o100000 | mode) << 16
                archive.writestr(entry, data)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(path, 0o644)


# ---- Trying --------------------------------------------------------------------------------


def tested(wheel: str, version: str, final: bool) -> Dict[str, Any]:
    """Try the binary of a wheel; remove a wheel that fails, lest a later run take it up.

    Args:
        wheel: its path.
        version: what it must be.
        final: a library that the host does not have is a failure.

    Returns:
        ``missing``, the libraries that it wants and the host does not have.

    Raises:
        Problem: it does not run here, is another version, or lacks what applications are promised.
    """
    try:
        # Not in /tmp, which may forbid execution.
        with private_directory(os.path.dirname(os.path.dirname(wheel))) as (work, _):
            binary = os.path.join(work, "uwsgi")
            _files.write(binary, binary_of(wheel), 0o700, (os.geteuid(), os.getegid()))
            missing = re.findall(r"^\s*(\S+) => not found", loader(binary, work), flags=re.M)
            if not missing:
                inspect_binary(binary, work, version)
            elif final:
                raise Problem(
                    "it wants {} of the host, which this release does not have: it was compiled on"
                    " another. Put one of this release into the wheelhouse, or have it made"
                    " (uwsgi_fetch: true).".format(", ".join(missing))
                )
    except Problem as problem:
        os.unlink(wheel)
        raise Problem(f"{os.path.basename(wheel)} is refused: {problem}") from None
    return {"changed": False, "missing": missing}


def binary_of(wheel: str) -> bytes:
    """Return the program in a wheel.

    Raises:
        Problem: it has none.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            (name,) = [one for one in names if one.endswith(".data/scripts/uwsgi")]
            return archive.read(name)
    except (ValueError, zipfile.BadZipFile):
        raise Problem("it is no whole wheel of uWSGI.") from None


def loader(binary: str, work: str) -> str:
    """Tell which libraries a binary wants and where they are."""
    try:
        return command(["ldd", binary], work, None)
    except Problem:
        raise Problem("its binary is none for this host.") from None


def inspect_binary(binary: str, work: str, version: str) -> None:
    """Ask a binary what it is.

    Raises:
        Problem: not what applications are promised.
    """
    try:
        found = command([binary, "--version"], work, None).strip()
        defines = re.findall(r"-D(\w+)", command([binary, "--cflags"], work, None))
    except Problem as problem:
        raise Problem(f"it does not run here. {problem}") from None
    if found != version:
        raise Problem(f"it is uWSGI {found}, not {version}.")
    lacks = [name for one, name in FEATURES.items() if not {one, one + "2"} & set(defines)]
    if lacks:
        what = " and ".join(lacks)
        raise Problem(f"it lacks {what}; compile it with the headers of openssl and pcre2.")
