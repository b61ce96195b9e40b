"""Compile uWSGI into a wheel, and try a wheel before anything is installed from it.

The role sends this text to the interpreter that uWSGI is for, on standard input, with a call of
main() as its last line. uWSGI's own build script compiles: unlike ``pip wheel``, it takes neither
setuptools nor wheel, which a host without an index does not have.

Requests, by ``action``:

compile       make a wheel in ``directory``, unless it is there: out of ``archive``, or, where that
              is empty, of what the index has of ``version``. Answers with ``wheel``, its path.
check         try the binary in ``wheel``. Answers with ``missing``, the libraries that it wants
              and the host does not have; with ``final``, such a wheel is refused.

It runs on the oldest Python that a managed host may have, 3.6.
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
import sys
import sysconfig
import tempfile
import zipfile
from typing import Any, Dict, Iterator, List, Optional, Tuple

#: What it is compiled with, whatever else the host has headers of. With "true" instead of "auto",
#: missing headers stop it.
PROFILE = "ssl=true;pcre=true;routing=true;yaml=true;json=false;xml=false"
PLUGINS = "stats_pusher_statsd"
#: Define -> what an application misses without it.
FEATURES = {"UWSGI_SSL": "SSL", "UWSGI_PCRE": "PCRE", "UWSGI_ROUTING": "routing"}
#: Lines of a failed command that are worth reading.
LAST_LINES = 15


class Refused(Exception):
    """What cannot be done; the text is for the user."""


# ---- Compiling -----------------------------------------------------------------------------


def compile_wheel(request: Dict[str, Any]) -> Dict[str, Any]:
    """Make the wheel in a private directory; it appears under its name when it is whole.

    Raises:
        Refused: it cannot be compiled.
    """
    os.makedirs(request["directory"], mode=0o755, exist_ok=True)
    target = os.path.join(request["directory"], wheel_name(request["version"]))
    if not os.path.exists(target):
        with private_directory(os.path.dirname(request["directory"])) as (work, held):
            source = os.path.join(work, "source")
            os.mkdir(source)
            archive = request["archive"] or download(request["version"], work, held)
            unpack = ["tar", "-xzf", archive, "-C", source, "--strip-components=1"]
            command([*unpack, "--no-same-owner"], work, held)
            script = os.path.join(source, "uwsgiconfig.py")
            if not os.path.exists(script):
                raise Refused(f"{archive} is no source of uWSGI: it has no uwsgiconfig.py.")
            environment = {
                "UWSGI_PROFILE_OVERRIDE": PROFILE,
                "UWSGI_EMBED_PLUGINS": PLUGINS,
                # The date that is compiled in is the archive's.
                "SOURCE_DATE_EPOCH": str(int(os.stat(script).st_mtime)),
            }
            command([sys.executable, script, "--build", "default"], source, held, environment)
            binary = os.path.join(source, "uwsgi")
            found = command([binary, "--version"], source, held).strip()
            if found != request["version"]:
                raise Refused("{} is uWSGI {}, not {}.".format(archive, found, request["version"]))
            fresh = os.path.join(work, "wheel")
            pack(fresh, request["version"], binary, os.path.join(source, "uwsgidecorators.py"))
            os.rename(fresh, target)
    return {"wheel": target}


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


def download(version: str, work: str, held: int) -> str:
    """Take the archive from the index; return its path."""
    command([sys.executable, "-m", "venv", os.path.join(work, "venv")], work, held)
    pip = [os.path.join(work, "venv/bin/python"), "-m", "pip", "download", "--dest", work]
    pattern = re.compile("PIP_|https?_proxy$|HOME$", re.IGNORECASE)
    index = {key: value for key, value in os.environ.items() if pattern.match(key)}
    command([*pip, "--no-deps", "--no-binary=uwsgi", "uwsgi==" + version], work, held, index)
    (archive,) = glob.glob(os.path.join(work, "*.tar.gz"))
    return archive


def command(
    argv: List[str], directory: str, held: Optional[int], more: Optional[Dict[str, str]] = None
) -> str:
    """Run a command with nothing in its environment but what is given; return its output.

    Raises:
        Refused: it failed, with the last lines of its output.
    """
    environment = {"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin", "LC_ALL": "C"}
    environment.update(more or {})
    done = subprocess.run(
        argv,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=() if held is None else (held,),
        check=False,
    )
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        last = "\n".join(text.splitlines()[-LAST_LINES:])
        raise Refused("{} ended with {}:\n{}".format(" ".join(argv), done.returncode, last))
    return text


def wheel_name(version: str) -> str:
    """Name the wheel for this interpreter as PEP 427 has it: cp36-cp36m, later cp38-cp38."""
    python = "cp{}{}".format(*sys.version_info[:2])
    abi = "cp" + str(sysconfig.get_config_var("SOABI")).split("-")[1]
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"uwsgi-{version}-{python}-{abi}-{platform}.whl"


def pack(path: str, version: str, binary: str, decorators: str) -> None:
    """Write a wheel of the binary and its module; the same files give the same bytes."""
    about = f"uwsgi-{version}.dist-info/"
    tag = "-".join(wheel_name(version)[: -len(".whl")].split("-")[2:])
    contents = []
    for name, source, mode in (
        ("uwsgidecorators.py", decorators, 0o644),
        (f"uwsgi-{version}.data/scripts/uwsgi", binary, 0o755),
    ):
        with open(source, "rb") as file:
            contents.append((name, file.read(), mode))
    metadata = f"Metadata-Version: 2.1\nName: uWSGI\nVersion: {version}\n"
    wheel = f"Wheel-Version: 1.0\nGenerator: flaskstack\nRoot-Is-Purelib: false\nTag: {tag}\n"
    contents.append((about + "METADATA", metadata.encode(), 0o644))
    contents.append((about + "WHEEL", wheel.encode(), 0o644))
    record = ""
    for name, data, _ in contents:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(data)}\n"
    record += about + "RECORD,,\n"
    contents.append((about + "RECORD", record.encode(), 0o644))
    with open(path, "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data, mode in contents:
                entry = zipfile.ZipInfo(name)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (0o100000 | mode) << 16
                archive.writestr(entry, data)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(path, 0o644)


# ---- Checking ------------------------------------------------------------------------------


def check(request: Dict[str, Any]) -> Dict[str, Any]:
    """Try the binary of a wheel; remove a wheel that is refused, lest a later run take it up.

    Raises:
        Refused: it does not run here, is another version, or lacks what applications are promised.
    """
    wheel = request["wheel"]
    try:
        # Not in /tmp, which may forbid execution.
        with private_directory(os.path.dirname(os.path.dirname(wheel))) as (work, _):
            binary = os.path.join(work, "uwsgi")
            try:
                with zipfile.ZipFile(wheel) as archive:
                    names = archive.namelist()
                    (name,) = [one for one in names if one.endswith(".data/scripts/uwsgi")]
                    data = archive.read(name)
            except (ValueError, zipfile.BadZipFile):
                raise Refused("it is no whole wheel of uWSGI.") from None
            with open(binary, "wb") as file:
                file.write(data)
            os.chmod(binary, 0o700)
            missing = re.findall(r"^\s*(\S+) => not found", loader(binary, work), flags=re.M)
            if not missing:
                inspect_binary(binary, work, request["version"])
            elif request["final"]:
                raise Refused("it wants {} of the host.".format(", ".join(missing)))
    except Refused as problem:
        os.unlink(wheel)
        raise Refused(f"{os.path.basename(wheel)} is refused: {problem}") from None
    return {"missing": missing}


def loader(binary: str, work: str) -> str:
    """Tell which libraries a binary wants and where they are."""
    try:
        return command(["ldd", binary], work, None)
    except Refused:
        raise Refused("its binary is none for this host.") from None


def inspect_binary(binary: str, work: str, version: str) -> None:
    """Ask a binary what it is.

    Raises:
        Refused: not what applications are promised.
    """
    try:
        found = command([binary, "--version"], work, None).strip()
        defines = re.findall(r"-D(\w+)", command([binary, "--cflags"], work, None))
    except Refused as problem:
        raise Refused(f"it does not run here. {problem}") from None
    if found != version:
        raise Refused(f"it is uWSGI {found}, not {version}.")
    lacks = [name for one, name in FEATURES.items() if not {one, one + "2"} & set(defines)]
    if lacks:
        what = " and ".join(lacks)
        raise Refused(f"it lacks {what}; compile it with the headers of openssl and pcre2.")


# ---- Requests ------------------------------------------------------------------------------

ACTIONS = {"compile": compile_wheel, "check": check}


def main(text: str) -> int:
    """Do what a request, as JSON, asks for; print the answer as JSON, or say on stderr why not."""
    request = json.loads(text)
    try:
        print(json.dumps(ACTIONS[request["action"]](request)))
    except (Refused, OSError) as problem:
        # The index may be named with a password.
        print(re.sub(r"://[^/@\s]*@", "://****@", str(problem)), file=sys.stderr)
        return 1
    return 0
