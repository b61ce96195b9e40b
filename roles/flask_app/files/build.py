"""Make builds on the host: ask git remotes, look what is complete, build what is missing.

By hand, and not as a row of modules, for two reasons. A build is one round trip to the host
instead of fifteen. And it is one process that finishes or takes away what it began, where a
row of tasks can be cut between any two, with the disk full or the deploy key still there.

It is fed to the standard input of the platform's own Python, 3.6 on EL8, followed by a call of
main() with the request; nothing of the role has to be on the host before. So: Python 3.6, the
standard library alone, ASCII, and no double braces, which Ansible would take for its own.

The request is one JSON object. Its ``action`` says what is wanted, and so what is answered:

    resolve   ``sources`` -> ``missing`` (packages without which it cannot be asked) and
              ``found`` (name -> ``commit`` or ``problem``)
    inspect   ``builds`` -> ``complete`` (the names) and whether these are there: ``builder``,
              the user; ``inbox``, where sources are sent to; ``wheelhouse``, the one asked for
    build     ``build``, ``source`` -> ``state`` (made, there, running, failed), with
              ``problem`` if it failed and ``step`` if it is still running
"""

import base64
import calendar
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pwd
import re
import select
import shlex
import shutil
import signal
import stat
import subprocess
import tarfile
import time
import traceback
import zipfile
import zlib
from typing import IO, Any, Callable, Dict, Iterator, List, NoReturn, Optional, Tuple

#: Locks, states and keys; gone after a boot, as the processes that they are about.
RUN = "/run/flask_app"

#: How much of a tool's output is kept (bytes), and how much of that is shown (lines).
KEEP = 65536
SHOW = 20

#: An interrupted build that nobody asks for again is removed after this time, an unpacked
#: wheelhouse after that time without use (seconds).
DAY = 86400
MONTH = 30 * DAY

#: Answers to ls-remote take longer only when nobody will ever answer (seconds).
REMOTE_TIMEOUT = 120

#: What is worth compressing: by the ending of the name, and from this size on (bytes).
COMPRESSIBLE = (
    b".css", b".csv", b".eot", b".htm", b".html", b".ico", b".js", b".json", b".map", b".md",
    b".mjs", b".otf", b".rss", b".svg", b".ttf", b".txt", b".wasm", b".webmanifest", b".xml",
)  # fmt: skip
WORTHWHILE = 1024

#: Finds compiled files that are cut off, and compiles them anew. On a disk that fills up, Python
#: writes of them what there is room for and says nothing: nobody could import that, ever.
CHECK_COMPILED = """
import marshal, os, py_compile, sys

def whole(path):
    try:
        with open(path, "rb") as file:
            marshal.loads(file.read()[16:])
        return True
    except (EOFError, ValueError, TypeError):
        return False

for top in sys.argv[1:]:
    for directory, _, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            if not name.endswith(".pyc") or whole(path):
                continue
            os.unlink(path)
            source = os.path.join(os.path.dirname(directory), name.split(".")[0] + ".py")
            if os.path.basename(directory) == "__pycache__" and os.path.exists(source):
                py_compile.compile(source, cfile=path, doraise=True)
                if not whole(path):
                    sys.exit("No space left on device: " + path)
"""

#: Marks the processes of a build, so that what is left of them can be found.
MARK = "FLASK_APP_BUILD"


class Problem(Exception):
    """What the user has to know, in a sentence."""


class Failed(Exception):
    """A tool has failed; the text is its output."""


class Stopped(BaseException):
    """A signal asks to stop. No Exception, so that nothing on the way catches it."""


# ---- Words ----


def scrub(text: str) -> str:
    """Take user and password out of every URL in a text."""
    return re.sub(r"\b([A-Za-z][A-Za-z0-9+.-]*://)[^/\s'\"<>]*@", r"\1***@", text)


def last_lines(output: str) -> str:
    """Give the end of a tool's output, without credentials and without empty lines."""
    lines = [line.rstrip() for line in scrub(output).splitlines() if line.strip()]
    return "\n".join(lines[-SHOW:])


def tells_of_full_disk(output: str) -> bool:
    """Tell whether a tool has failed because there was no room."""
    return (
        re.search(r"No space left on device|Disk quota exceeded|\(os error 28\)", output)
        is not None
    )


def fullest(paths: List[str]) -> str:
    """Describe the file system that has the least room of those that some paths are on."""
    found = []  # type: List[Tuple[int, str]]
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


# ---- Processes without rights ----


def account_of(name: str) -> Optional[pwd.struct_passwd]:
    """Look up a user; None if there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def drop(account: pwd.struct_passwd) -> None:
    """Leave root's rights for those of a user, in a process of its own."""
    if os.geteuid() == 0:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.umask(0o022)


def start(
    argv: List[str], account: pwd.struct_passwd, environment: Dict[str, str], directory: str
) -> "subprocess.Popen[bytes]":
    """Start a command as a user, its output in one pipe.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.Popen(
        argv,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: drop(account),
    )


def finish(process: "subprocess.Popen[bytes]", timeout: float = 0) -> Tuple[int, str]:
    """Wait for a command; return its status and the end of its output.

    What it leaves running in the background is ended: it might write into the build.

    Args:
        process: what start() gave.
        timeout: seconds after which it is killed; 0 is never.
    """
    assert process.stdout is not None
    output = b""
    end = time.monotonic() + timeout
    try:
        while True:
            if select.select([process.stdout], [], [], 0.2)[0]:
                chunk = os.read(process.stdout.fileno(), KEEP)
                if not chunk:
                    break
                output = (output + chunk)[-KEEP:]
            # The pipe may be held open by something in the background.
            elif process.poll() is not None:
                break
            if timeout and time.monotonic() > end:
                output += b"\nno answer in %d seconds" % timeout
                break
        if not timeout:
            process.wait()
    finally:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    return process.returncode, output.decode("utf-8", "replace")


def run(
    argv: List[str], account: pwd.struct_passwd, environment: Dict[str, str], directory: str = "/"
) -> str:
    """Run a command as a user; return the end of its output.

    Raises:
        Failed: it did not end with status 0.
        OSError: it cannot be started.
    """
    status, output = finish(start(argv, account, environment, directory))
    if status != 0:
        raise Failed(output if output.strip() else f"it ended with status {status}")
    return output


def in_child(work: Callable[[], Any], account: pwd.struct_passwd) -> Any:
    """Do some work in a process of a user; return its answer, which must fit into JSON.

    Raises:
        Problem, OSError: what the work has raised.
        Failed: anything else that it has raised.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        answer = {}  # type: Dict[str, Any]
        try:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.close(reader)
            drop(account)
            answer["answer"] = work()
        except Problem as problem:
            answer["problem"] = str(problem)
        except OSError as error:
            name = error.filename
            answer["error"] = [
                error.errno,
                error.strerror or str(error),
                os.fsdecode(name) if isinstance(name, bytes) else name,
            ]
        except BaseException:
            answer["failed"] = traceback.format_exc()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            text = pipe.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.waitpid(child, 0)
    answer = json.loads(text.decode()) if text else {"failed": "its process was killed"}
    if "problem" in answer:
        raise Problem(answer["problem"])
    if "error" in answer:
        raise OSError(*answer["error"])
    if "failed" in answer:
        raise Failed(answer["failed"])
    return answer["answer"]


def end_left_processes(account: pwd.struct_passwd, path: str) -> None:
    """Kill what still runs of a build: of one whose maker was killed, or gone astray from one."""
    mark = f"{MARK}={path}".encode()
    for pid in os.listdir("/proc"):
        try:
            if pid.isdigit() and os.stat("/proc/" + pid).st_uid == account.pw_uid:
                with open(f"/proc/{pid}/environ", "rb") as environment:
                    if mark in environment.read().split(b"\0"):
                        os.kill(int(pid), signal.SIGKILL)
        except OSError:
            # It has ended in the meantime.
            pass


def command_environment(request: Dict[str, Any], account: pwd.struct_passwd) -> Dict[str, str]:
    """Give the environment of the commands: the caller's, and what the request says."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("XDG_", "SUDO_", "SSH_", "GIT_"))
    }
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment.update(
        PATH=os.pathsep.join([environment["PATH"], path]) if "PATH" in environment else path,
        LANG="C.UTF-8",
        LC_ALL="C.UTF-8",
        USER=account.pw_name,
        LOGNAME=account.pw_name,
    )
    environment.update(request["environment"])
    return environment


# ---- Files ----


def in_bytes(path: str) -> bytes:
    """Encode a path; Python 3.6 would do it by the locale, which may know ASCII only."""
    return path.encode("utf-8", "surrogateescape")


def walk(top: bytes) -> Iterator["os.DirEntry[bytes]"]:
    """Yield everything below a directory, a directory before its content; follow no link."""
    with os.scandir(top) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from walk(entry.path)


def remove(path: str) -> None:
    """Remove a directory with all that is in it, or a file, or nothing.

    Raises:
        OSError: it is still there.
    """
    for attempt in range(5):
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)
            return
        except OSError:
            # Something that is being killed may have written a last file.
            if attempt == 4:
                raise
            time.sleep(0.1)


def write_whole(
    path: str, text: str, mode: int, account: Optional[pwd.struct_passwd] = None
) -> None:
    """Write a file that is there completely or not at all, also after a power cut.

    Raises:
        OSError: it cannot be written.
    """
    partial = f"{path}.{os.getpid()}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as target:
            target.write(text.encode())
            if account is not None and os.geteuid() == 0:
                os.fchown(target.fileno(), account.pw_uid, account.pw_gid)
            os.fchmod(target.fileno(), mode)
            target.flush()
            os.fsync(target.fileno())
        os.rename(partial, path)
    except OSError:
        remove(partial)
        raise
    parent = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def private_directory(path: str, account: pwd.struct_passwd) -> str:
    """Make an empty directory that only a user, and root, can look into; return its path."""
    remove(path)
    os.mkdir(path, 0o700)
    if os.geteuid() == 0:
        os.chown(path, account.pw_uid, account.pw_gid)
    return path


def lock(path: str, wait: bool) -> Optional[int]:
    """Take the lock of a file; return its descriptor, or None if another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def sweep() -> None:
    """Remove the private directories, with keys in them, of processes that were killed."""
    for name in os.listdir(RUN):
        path = os.path.join(RUN, name)
        if name.startswith("resolve."):
            if not os.path.exists("/proc/" + name.split(".")[1]):
                remove(path)
        elif name.endswith(".work"):
            descriptor = lock(path[: -len(".work")] + ".lock", wait=False)
            if descriptor is not None:
                remove(path)
                os.close(descriptor)


# ---- git ----


def is_ssh(url: str) -> bool:
    """Tell whether git reaches an address by ssh: ssh://host/path or user@host:path."""
    return re.match(r"(git\+)?ssh(\+git)?://", url) is not None or (
        "://" not in url and re.match(r"[^/:]+:", url) is not None
    )


def without_password(url: str) -> Tuple[str, str]:
    """Split an address into what may be seen in the list of processes, and what it was."""
    found = re.match(r"(https?://)([^/]*)@(.*)$", url)
    return (found.group(1) + found.group(3), url) if found else (url, "")


def git_settings(
    request: Dict[str, Any],
    source: Dict[str, Any],
    account: pwd.struct_passwd,
    directory: str,
    remember: bool,
) -> Dict[str, str]:
    """Write what git needs to reach a remote into a private directory; give the environment.

    The key and the password are in files there, because everybody can read the arguments of
    a process.

    Args:
        request: the whole request.
        source: of it, the source with its ``git`` and perhaps ``key``.
        account: who will run git.
        directory: an existing private directory of this user.
        remember: note the keys of new ssh hosts, for the next time.
    """
    url, secret = without_password(source["git"])
    # A repository on the host itself may belong to someone else: the builder only reads.
    settings = (
        "[safe]\n\tdirectory = *\n[gc]\n\tautoDetach = false\n[maintenance]\n\tautoDetach = false\n"
    )
    if url.startswith(("/", "file://")):
        settings += '[protocol "file"]\n\tallow = always\n'
    if secret:
        write_whole(directory + "/credentials", secret + "\n", 0o600, account)
        settings += f'[credential]\n\thelper = store --file="{directory}/credentials"\n'
    write_whole(directory + "/.gitconfig", settings, 0o600, account)
    ssh = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20"]
    hosts = request["cache"] + "/known_hosts"
    if request["known_hosts"]:
        hosts = directory + "/known_hosts"
        write_whole(hosts, request["known_hosts"].rstrip() + "\n", 0o600, account)
        ssh += ["-o", "StrictHostKeyChecking=yes"]
    else:
        ssh += ["-o", "StrictHostKeyChecking=accept-new"]
        if not remember:
            known = ""
            if os.path.exists(hosts):
                with open(hosts) as text:
                    known = text.read()
            hosts = directory + "/known_hosts"
            write_whole(hosts, known, 0o600, account)
    ssh += ["-o", "UserKnownHostsFile=" + hosts]
    if source.get("key"):
        key = source["key"].replace("\r\n", "\n").rstrip("\n") + "\n"
        write_whole(directory + "/key", key, 0o600, account)
        ssh += ["-i", directory + "/key", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
    environment = command_environment(request, account)
    environment.update(
        HOME=directory,
        GIT_TERMINAL_PROMPT="0",
        GIT_SSH_COMMAND=" ".join(shlex.quote(word) for word in ssh),
    )
    return environment


def choose_commit(answer: str, version: str) -> str:
    """Find the commit of a version in the answer of ls-remote; empty if it is not there.

    A branch before a tag of the same name, as git itself; of a tag with a message, what it
    points to.
    """
    refs = dict(
        (name, commit)
        for commit, name in re.findall(r"^([0-9a-f]{40,64})\t(\S+)$", answer, flags=re.M)
    )
    if not version:
        return refs.get("HEAD", "")
    for name in (
        "refs/heads/" + version,
        "refs/tags/" + version + "^{}",
        "refs/tags/" + version,
        version,
    ):
        if name in refs and (name != version or version.startswith("refs/")):
            return refs[name]
    return ""


def resolve(request: Dict[str, Any]) -> Dict[str, Any]:
    """Ask git remotes for the commits of versions, all at once."""
    sources = [one for one in request["sources"] if not is_commit(one["version"])]
    found = {
        one["name"]: {"commit": one["version"]}
        for one in request["sources"]
        if is_commit(one["version"])
    }  # type: Dict[str, Dict[str, str]]
    missing = []
    # Asked for also where nothing is asked of a remote: the build will need it.
    if shutil.which("git") is None:
        missing.append("git-core")
    if any(is_ssh(one["git"]) for one in request["sources"]) and shutil.which("ssh") is None:
        missing.append("openssh-clients")
    if missing or not sources:
        return {"missing": missing, "found": found}
    builder = account_of(request["builder"])
    # On a bare host the builder does not exist yet.
    account = builder or pwd.getpwnam("nobody")
    work = private_directory(f"{RUN}/resolve.{os.getpid()}", account)
    try:
        asked = []
        for number, one in enumerate(sources):
            directory = private_directory(f"{work}/{number}", account)
            remember = (
                builder is not None and not request["check"] and os.path.isdir(request["cache"])
            )
            environment = git_settings(request, one, account, directory, remember)
            version = one["version"]
            names = [
                "refs/heads/" + version,
                "refs/tags/" + version,
                "refs/tags/" + version + "^{}",
            ]
            if version.startswith("refs/"):
                names.append(version)
            argv = ["git", "ls-remote", "--", without_password(one["git"])[0]]
            argv += names if version else ["HEAD"]
            asked.append((one, start(argv, account, environment, "/")))
        for one, process in asked:
            status, output = finish(process, REMOTE_TIMEOUT)
            found[one["name"]] = judge(one, status, output)
    finally:
        remove(work)
    return {"missing": [], "found": found}


def is_commit(version: str) -> bool:
    """Tell whether a version is a full commit, which needs no asking."""
    return re.match(r"[0-9a-f]{40}$", version) is not None


def judge(source: Dict[str, Any], status: int, output: str) -> Dict[str, str]:
    """Make of a remote's answer a commit, or a sentence why there is none."""
    where = "application '{}', source.".format(source["name"])
    url = scrub(source["git"])
    if status != 0:
        return {"problem": f"{where}git: {url} cannot be read:\n{last_lines(output)}"}
    commit = choose_commit(output, source["version"])
    if commit:
        return {"commit": commit}
    if not source["version"]:
        return {"problem": f"{where}git: {url} has no commit yet."}
    return {
        "problem": "{}version: '{}' is no branch, tag or full commit of {}.".format(
            where, source["version"], url
        )
    }


# ---- Archives ----


def place(root: bytes, name: str) -> bytes:
    """Give the path below a directory at which a member of an archive belongs.

    The same check on all Pythons, instead of tarfile's own filter, which the older ones lack
    and which would refuse a link to shared/ too: links may lead out of a source, but nothing
    is ever written through one.

    Raises:
        Problem: it would lie elsewhere.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise Problem(f"the archive has a member outside of itself: {name}")
    path = root
    for part in parts[:-1]:
        path = os.path.join(path, in_bytes(part))
        if os.path.islink(path):
            raise Problem(f"the archive has a member behind a link: {name}")
        if not os.path.isdir(path):
            os.mkdir(path)
    return os.path.join(path, in_bytes(parts[-1])) if parts else root


def store(content: IO[bytes], target: bytes, executable: bool, when: float) -> None:
    """Write one file of an archive, never through a link."""
    if os.path.lexists(target):
        os.unlink(target)
    with open(target, "xb") as copy:
        shutil.copyfileobj(content, copy, 1 << 20)
    os.chmod(target, 0o755 if executable else 0o644)
    os.utime(target, (when, when))


def link(content: str, target: bytes) -> None:
    """Make one link of an archive."""
    if os.path.lexists(target):
        os.unlink(target)
    os.symlink(in_bytes(content), target)


def unpack_tar(archive: IO[bytes], root: bytes) -> None:
    """Unpack a tar, compressed or not: directories, files and links, with their times.

    Raises:
        Problem: a member lies outside.
        OSError, tarfile.TarError: it cannot be read or written.
    """
    directories = []  # type: List[Tuple[bytes, float]]
    with tarfile.open(fileobj=archive, mode="r:*") as tar:
        for member in tar:
            target = place(root, member.name)
            if member.isdir():
                if not os.path.isdir(target):
                    os.mkdir(target)
                directories.append((target, member.mtime))
            elif member.issym():
                link(member.linkname, target)
            elif member.islnk():
                origin = place(root, member.linkname)
                if os.path.islink(origin):
                    raise Problem(f"the archive has a member behind a link: {member.name}")
                os.link(origin, target)
            elif member.isreg():
                content = tar.extractfile(member)
                assert content is not None
                store(content, target, bool(member.mode & 0o100), member.mtime)
    for path, when in directories:
        os.utime(path, (when, when))


def unpack_zip(archive: IO[bytes], root: bytes) -> None:
    """Unpack a zip: directories, files and links, with their times, taken as UTC.

    Raises:
        Problem: a member lies outside.
        OSError, zipfile.BadZipFile: it cannot be read or written.
    """
    with zipfile.ZipFile(archive) as bundle:
        for member in bundle.infolist():
            target = place(root, member.filename)
            mode = member.external_attr >> 16
            if member.filename.endswith("/"):
                if not os.path.isdir(target):
                    os.mkdir(target)
            elif stat.S_ISLNK(mode):
                link(bundle.read(member).decode("utf-8", "surrogateescape"), target)
            else:
                when = calendar.timegm(member.date_time + (0, 0, 0))
                with bundle.open(member) as content:
                    store(content, target, bool(mode & 0o100), when)


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
    top = in_bytes(root)
    try:
        # zipfile's own test would also take a tar that ends with a wheel for a zip.
        magic = archive.read(4)
        if magic in (b"PK\x03\x04", b"PK\x05\x06"):
            archive.seek(0)
            unpack_zip(archive, top)
        else:
            archive.seek(0)
            unpack_tar(archive, top)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise Problem(f"the archive cannot be read: {error}") from error
    if not strip:
        return
    listed = os.listdir(top)
    if len(listed) == 1 and os.path.isdir(os.path.join(top, listed[0])):
        only = os.path.join(top, listed[0])
        if os.path.islink(only):
            return
        # Under a name that nothing in it can have.
        aside = os.path.join(top, b".unpacked." + listed[0])
        os.rename(only, aside)
        for name in os.listdir(aside):
            os.rename(os.path.join(aside, name), os.path.join(top, name))
        os.rmdir(aside)


def digest_of(content: IO[bytes]) -> str:
    """Give the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    for chunk in iter(lambda: content.read(1 << 20), b""):
        digest.update(chunk)
    return digest.hexdigest()


def download(url: str, target: str, environment: Dict[str, str]) -> None:
    """Fetch a URL, through the proxy and with the authorities that uv would use.

    Raises:
        Problem: it cannot be fetched.
        OSError: it cannot be written.
    """
    # They take longer to load than most requests to be answered.
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
    handlers = [urllib.request.HTTPSHandler(context=context)]  # type: List[Any]
    if proxies:
        handlers.append(urllib.request.ProxyHandler(proxies))
    bare, secret = without_password(url)
    question = urllib.request.Request(bare)
    if secret:
        parts = urllib.parse.urlsplit(secret)
        word = "{}:{}".format(
            urllib.parse.unquote(parts.username or ""), urllib.parse.unquote(parts.password or "")
        )
        # Not for the host that it may be redirected to.
        question.add_unredirected_header(
            "Authorization", "Basic " + base64.b64encode(word.encode()).decode()
        )
    try:
        answer = urllib.request.build_opener(*handlers).open(question, timeout=60)
    except (urllib.error.URLError, OSError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = getattr(error, "reason", error)
        raise Problem(f"{scrub(url)} cannot be fetched: {reason}") from error
    with answer, open(target, "wb") as copy:
        while True:
            try:
                chunk = answer.read(1 << 20)
            except OSError as error:
                raise Problem(f"{scrub(url)} cannot be fetched: {error}") from error
            if not chunk:
                return
            copy.write(chunk)


# ---- Requirements ----


def section(text: str, name: str) -> Optional[str]:
    """Give the lines of a table of a TOML file; None if it has no such table."""
    found = re.search(
        r"^\[" + re.escape(name) + r"\][ \t]*(?:#.*)?$(.*?)(?=^\[|\Z)", text, re.M | re.S
    )
    return found.group(1) if found else None


def is_package(pyproject: str) -> bool:
    """Tell from a pyproject.toml whether the project itself is to be installed.

    By hand, because the platform's Python has no TOML reader before 3.11.
    """
    said = re.search(r"^\s*package\s*=\s*(true|false)", section(pyproject, "tool.uv") or "", re.M)
    if said:
        return said.group(1) == "true"
    return section(pyproject, "build-system") is not None


def choose_requirements(source: str, wanted: str) -> str:
    """Give the path, in the source, of the file with the requirements; empty for none.

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


# ---- Static files ----


def compress(path: bytes, brotli: str) -> List[bytes]:
    """Write compressed copies of a file, or of the files in a directory, beside them.

    Only where the copy is smaller and there is none yet; with the time of the original, as
    nginx has it in its answer. Links are not followed: their targets are others' files.

    Args:
        path: the file or directory.
        brotli: the brotli command; empty if there is none.

    Returns:
        The paths of the copies.
    """
    out = []  # type: List[bytes]
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
                    # Without a time in it: the same on all hosts.
                    small = gzip_bytes(content.read())
                with open(copy, "xb") as target:
                    target.write(small)
            else:
                subprocess.check_call(
                    [brotli, "--best", "--keep", "--output=" + os.fsdecode(copy), os.fsdecode(name)]
                )
            if os.lstat(copy).st_size >= info.st_size:
                os.unlink(copy)
                continue
            os.chmod(copy, 0o644)
            os.utime(copy, ns=(info.st_mtime_ns, info.st_mtime_ns))
            out.append(copy)
    return out


def gzip_bytes(content: bytes) -> bytes:
    """Compress as small as gzip can, with nothing in it but the content."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


# ---- A build ----


class Build:
    """One build, from nothing to complete."""

    def __init__(self, request: Dict[str, Any], account: pwd.struct_passwd) -> None:
        self.request = request
        self.account = account
        self.about = request["build"]  # type: Dict[str, Any]
        self.source = request["source"]  # type: Dict[str, Any]
        self.path = self.about["path"]  # type: str
        self.src = self.path + "/src"
        self.venv = self.path + "/venv"
        self.base = state_base(self.about)
        self.work = self.base + ".work"
        self.python = "/usr/bin/python" + self.about["python"]
        self.uv = request["uv"]  # type: str
        self.step = "begin"
        self.made = []  # type: List[str]
        self.environment = command_environment(request, account)
        self.environment[MARK] = self.path

    def enter(self, step: str) -> None:
        """Note what is being done, for the error message and for whoever waits."""
        self.step = scrub(step)
        state = {"token": self.request["token"], "pid": os.getpid(), "step": self.step}
        write_state(self.base, state)

    def make(self) -> None:
        """Make the build.

        Raises:
            Problem, Failed, OSError, Stopped: it is not complete, and its rest still there.
        """
        self.enter("make the directories")
        self.prepare()
        self.enter("look for the tools")
        self.check_tools()
        if self.request["wheelhouse"]:
            self.enter("unpack the wheelhouse")
            self.open_wheelhouse()
        self.enter("fetch the source")
        stamp = self.fetch()
        self.enter("make the virtual environment")
        argv = [self.uv, "venv", "--quiet", "--python", self.python, self.venv]
        run(argv, self.account, self.environment)
        self.enter("install the requirements")
        self.install()
        self.run_commands(stamp)
        self.enter("finish the files")
        in_child(lambda: self.finish_files(stamp), self.account)
        # A file that does not compile need not be one that is imported (a template, a test).
        # The application cannot write next to its code, so this is done now or at every start.
        argv = [self.python, "-m", "compileall", "-q", "."]
        finish(start(argv, self.account, self.environment, self.src))
        argv = [self.python, "-c", CHECK_COMPILED, self.src, self.venv]
        run(argv, self.account, self.environment)
        self.enter("compress the static files")
        self.handle_statics()
        self.enter("hand the build to root")
        end_left_processes(self.account, self.path)
        # A lock that anyone may write.
        remove(self.venv + "/.lock")
        remove(self.work)
        hand_over(in_bytes(self.path))
        restorecon = shutil.which("restorecon")
        if restorecon and os.path.exists("/sys/fs/selinux/enforce"):
            run([restorecon, "-R", self.path], pwd.getpwuid(os.geteuid()), dict(os.environ))
        flush(self.path)
        write_whole(
            self.path + "/build.json",
            json.dumps(self.request["record"], indent=4, sort_keys=True) + "\n",
            0o644,
        )

    def prepare(self) -> None:
        """Make the directories; remove what was begun before and never finished."""
        end_left_processes(self.account, self.path)
        remove(self.path)
        builds = os.path.dirname(self.path)
        for path in (os.path.dirname(builds), builds):
            if not os.path.isdir(path):
                os.makedirs(path)
                os.chmod(path, 0o755)
                self.made.append(path)
        for name in os.listdir(builds):
            path = os.path.join(builds, name)
            if os.path.islink(path) or not os.path.isdir(path) or is_complete(path):
                continue
            if time.time() - os.lstat(path).st_mtime > DAY:
                other = lock(state_base(dict(self.about, build=name)) + ".lock", wait=False)
                if other is not None:
                    remove(path)
                    os.close(other)
        private_directory(self.work, self.account)
        for path in (self.path, self.src):
            os.mkdir(path)
            os.chmod(path, 0o755)
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def check_tools(self) -> None:
        """See that uv and the interpreter run.

        Raises:
            Problem: one of them does not.
        """
        missing = []
        for tool, where in (
            (self.uv, f"flask_app_uv: '{self.uv}'"),
            (self.python, f"application '{self.about['name']}', python: {self.python}"),
        ):
            try:
                run([tool, "--version"], self.account, self.environment)
            except (OSError, Failed):
                missing.append(
                    where + " does not run on this host; let the python role install it first."
                )
        if missing:
            raise Problem("\n".join(missing))

    def open_wheelhouse(self) -> None:
        """Unpack the wheelhouse, unless it is there; make it all that the installers know."""
        inbox, digest = self.request["inbox"], self.request["wheelhouse"]
        home = os.path.join(inbox, "wheelhouse-" + digest)
        held = lock(f"{RUN}/wheelhouse-{digest}.lock", wait=True)
        try:
            if not os.path.isdir(home):
                partial = home + ".partial"
                remove(partial)
                os.mkdir(partial, 0o755)
                try:
                    with open(home + ".tar", "rb") as archive:
                        unpack(archive, partial, strip=False)
                    flush(partial)
                    os.rename(partial, home)
                finally:
                    remove(partial)
                    remove(home + ".tar")
            os.utime(home)
        finally:
            if held is not None:
                os.close(held)
        for name in os.listdir(inbox):
            path = os.path.join(inbox, name)
            if name.startswith("wheelhouse-") and time.time() - os.lstat(path).st_mtime > MONTH:
                remove(path)
        for key in ("UV_DEFAULT_INDEX", "UV_INDEX", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
            self.environment.pop(key, None)
        self.environment.update(
            UV_OFFLINE="1",
            UV_NO_INDEX="1",
            UV_FIND_LINKS=home,
            PIP_NO_INDEX="1",
            PIP_FIND_LINKS=home,
        )

    def fetch(self) -> int:
        """Bring the source into src; return its time (seconds since 1970), or 0."""
        if self.source.get("git"):
            return self.fetch_git()
        if self.source.get("file"):
            try:
                with open(self.source["file"], "rb") as archive:
                    self.open_archive(archive)
            finally:
                # Sent for this build only.
                remove(self.source["file"])
        elif self.source.get("url"):
            target = self.path + "/source"
            in_child(lambda: download(self.source["url"], target, self.environment), self.account)
            with open(os.open(target, os.O_RDONLY | os.O_NOFOLLOW), "rb") as archive:
                self.open_archive(archive)
            remove(target)
        return 0

    def open_archive(self, archive: IO[bytes]) -> None:
        """Check an archive's checksum, if one is known, and unpack it.

        Raises:
            Problem: it is another.
        """
        expected = self.source.get("checksum", "")
        if expected:
            found = "sha256:" + digest_of(archive)
            if found != expected.lower():
                name = scrub(self.source.get("url") or self.source["label"])
                raise Problem(
                    f"application '{self.about['name']}', source.checksum: {name} has {found};"
                    " write that if it is what you want."
                )
            archive.seek(0)
        in_child(lambda: unpack(archive, self.src, strip=bool(expected)), self.account)

    def fetch_git(self) -> int:
        """Check the commit out, by way of a copy of the repository that is kept.

        The copy makes the next build ask for what is new only, and gives tools that read tags
        the whole history.
        """
        url, commit = without_password(self.source["git"])[0], self.source["commit"]
        private = private_directory(self.work + "/git", self.account)
        environment = git_settings(self.request, self.source, self.account, private, remember=True)
        environment[MARK] = self.path
        name = hashlib.sha256(url.encode()).hexdigest()[:20]
        mirror = "{}/git/{}".format(self.request["cache"], name)

        def git(*words: str) -> str:
            return run(["git"] + list(words), self.account, environment)

        def there() -> bool:
            argv = ["git", "-C", mirror, "cat-file", "-e", commit + "^{commit}"]
            return finish(start(argv, self.account, environment, "/"))[0] == 0

        held = lock(f"{RUN}/git-{name}.lock", wait=True)
        try:
            if not os.path.isdir(mirror + "/objects"):
                git("init", "--quiet", "--bare", mirror)
            if not there():
                in_child(lambda: remove_locks(in_bytes(mirror)), self.account)
                refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
                git(
                    "-C",
                    mirror,
                    "fetch",
                    "--quiet",
                    "--prune",
                    "--no-tags",
                    "--update-head-ok",
                    "--",
                    url,
                    *refs,
                )
                if not there():
                    # Of no branch and no tag: a merge request, for one.
                    git("-C", mirror, "fetch", "--quiet", "--", url, commit)
            os.rmdir(self.src)
            git("clone", "--quiet", "--shared", "--no-checkout", mirror, self.src)
        finally:
            if held is not None:
                os.close(held)
        git("-C", self.src, "remote", "set-url", "origin", url)
        git(
            "-C",
            self.src,
            "-c",
            "advice.detachedHead=false",
            "checkout",
            "--quiet",
            "--detach",
            commit,
        )
        if os.path.isfile(self.src + "/.gitmodules"):
            update = ["-C", self.src, "submodule", "--quiet", "update", "--init", "--recursive"]
            try:
                git(*(update + ["--depth", "1"]))
            except Failed:
                # Not every server gives out a single commit.
                git(*update)
        stamp = int(git("-C", self.src, "log", "-1", "--format=%ct").split()[-1])
        remove(private)
        in_child(lambda: set_times(in_bytes(self.src), stamp, all_files=True), self.account)
        return stamp

    def install(self) -> None:
        """Install the requirements, what is required besides, and the project if it is one.

        Raises:
            Problem: the file that the user has named is not in the source.
            Failed: uv cannot.
        """
        what, project = [], self.src  # type: List[str], str
        alone = ""
        try:
            name = choose_requirements(self.src, self.about["requirements"])
        except FileNotFoundError as error:
            raise Problem(
                "application '{}', requirements: {} is not in {} of the source.".format(
                    self.about["name"], self.about["requirements"], self.about["source_version"]
                )
            ) from error
        if name:
            project = os.path.dirname(os.path.join(self.src, name))
        if os.path.basename(name) == "uv.lock":
            # Exported, because uv sync asks the index that the lock was made with, not the mirror.
            lines = self.work + "/locked.txt"
            argv = [self.uv, "export", "--frozen", "--no-dev", "--no-editable", "--no-emit-project"]
            argv += ["--no-header", "--no-annotate", "--python", self.python]
            argv += ["--format", "requirements-txt", "--output-file", lines]
            run(argv, self.account, self.environment, project)
            what += ["--requirements", lines]
        elif os.path.basename(name) == "pyproject.toml":
            if self.project_is_package(project):
                what.append(project)
            else:
                what += ["--requirements", os.path.join(self.src, name)]
        elif name:
            what += ["--requirements", os.path.join(self.src, name)]
        if os.path.basename(name) == "uv.lock" and self.project_is_package(project):
            alone = project
        extra = list(self.about["extra_requirements"])
        if self.source.get("package"):
            extra.append(self.source["package"])
        if extra:
            # In a file, because an address in it may have a password.
            lines = self.work + "/extra.txt"
            write_whole(lines, "\n".join(extra) + "\n", 0o600, self.account)
            what += ["--requirements", lines]
        pip = [self.uv, "pip", "install", "--quiet", "--python", self.venv]
        if what:
            run(pip + what, self.account, self.environment, project)
        if alone:
            run(pip + ["--no-deps", alone], self.account, self.environment, project)

    def project_is_package(self, directory: str) -> bool:
        """Tell whether a directory has a project that can be installed."""
        path = os.path.join(directory, "pyproject.toml")
        if not os.path.isfile(path):
            return False
        with open(path, encoding="utf-8", errors="replace") as text:
            return is_package(text.read())

    def run_commands(self, stamp: int) -> None:
        """Run the build commands, with the virtual environment in front of the path."""
        environment = dict(self.environment, VIRTUAL_ENV=self.venv)
        if stamp:
            # Not for uv and compileall: with it, Python would hash each module at each start.
            environment["SOURCE_DATE_EPOCH"] = str(stamp)
        environment["PATH"] = os.pathsep.join([self.venv + "/bin", environment["PATH"]])
        for command in self.about["build_commands"]:
            self.enter(f"run '{command}'")
            run(["/bin/sh", "-c", command], self.account, environment, self.src)

    def finish_files(self, stamp: int) -> None:
        """Remove the repositories; give what the commands have made the commit's time.

        A web server makes ETag and Last-Modified of it, which should be those of other hosts.
        """
        if not self.source.get("git"):
            return
        for entry in list(walk(in_bytes(self.src))):
            if entry.name == b".git" and os.path.lexists(entry.path):
                remove_bytes(entry.path)
        set_times(in_bytes(self.src), stamp, all_files=False)

    def handle_statics(self) -> None:
        """Compress the static files.

        Raises:
            Problem: the web server would look for them where nothing is.
        """
        brotli = shutil.which("brotli") or ""
        for one in self.about["precompress"]:
            top = self.src
            if one.get("package"):
                top = "{}/lib/python{}/site-packages/{}".format(
                    self.venv, self.about["python"], one["package"]
                )
            path = find_static(in_bytes(top), in_bytes(one["path"]))
            if path is None:
                raise Problem(
                    "application '{}', static.path: '{}' is not in {}.".format(
                        self.about["name"],
                        one["path"],
                        "the package " + one["package"]
                        if one.get("package")
                        else "the source, after the build commands",
                    )
                )
            if path and self.about["compress"]:
                in_child(lambda path=path: len(compress(path, brotli)), self.account)  # type: ignore[misc]

    def explain(self, error: BaseException) -> str:
        """Make a sentence of what has ended the build."""
        if isinstance(error, Problem) and str(error).startswith(("application '", "flask_app_")):
            return str(error)
        text = str(error)
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if isinstance(error, Failed):
            text = last_lines(text)
            full = tells_of_full_disk(str(error))
        elif isinstance(error, OSError):
            text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        elif isinstance(error, Stopped):
            text = str(error)
        elif not isinstance(error, Problem):
            text = last_lines(
                "".join(traceback.format_exception(type(error), error, error.__traceback__))
            )
        if full:
            places = [self.path, self.request["cache"], self.request["inbox"], "/tmp", "/var/tmp"]
            text = f"{fullest(places)}\n{text}"
        return scrub(
            "application '{}': build {} failed at \"{}\": {}".format(
                self.about["name"], self.about["build"], self.step, text
            )
        )

    def clean(self) -> None:
        """Remove all that was begun."""
        end_left_processes(self.account, self.path)
        for path in (self.path, self.work):
            remove(path)
        if self.source.get("file"):
            remove(self.source["file"])
        for path in reversed(self.made):
            # Unless another build of the application is in it by now.
            with contextlib.suppress(OSError):
                os.rmdir(path)


def remove_bytes(path: bytes) -> None:
    """Remove a file or a directory."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def remove_locks(mirror: bytes) -> None:
    """Remove what a git that was killed has left in a repository; the caller has its lock."""
    for entry in list(walk(mirror)):
        if entry.name.endswith(b".lock") or entry.name.startswith(b"tmp_"):
            remove_bytes(entry.path)


def set_times(top: bytes, when: int, all_files: bool) -> None:
    """Give everything below a directory a time, or only what is younger."""
    for entry in list(walk(top)):
        if all_files or entry.stat(follow_symlinks=False).st_mtime > when:
            os.utime(entry.path, (when, when), follow_symlinks=False)


def find_static(top: bytes, path: bytes) -> Optional[bytes]:
    """Give the path of static files; None if nothing is there, empty if it is not the build's.

    A link that leads out of the build (to uploads in shared/) is taken on trust.
    """
    here = top
    for part in path.split(b"/"):
        if part in (b"", b"."):
            continue
        here = os.path.join(here, part)
        if os.path.islink(here):
            real = os.path.realpath(here)
            if not (real + b"/").startswith(os.path.realpath(top) + b"/"):
                return b""
            here = real
        if not os.path.lexists(here):
            return None
    return here


def hand_over(path: bytes) -> None:
    """Give a tree to root, from the top down, and take the right to write from all others.

    A directory is root's before it is listed, so that nothing in it can become a link between
    the look at it and the change of it. Links themselves are changed, never their targets.
    """
    os.chown(path, 0, 0, follow_symlinks=False)
    os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) & 0o755)
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                hand_over(entry.path)
                continue
            mode = entry.stat(follow_symlinks=False).st_mode
            os.chown(entry.path, 0, 0, follow_symlinks=False)
            if stat.S_ISREG(mode):
                os.chmod(entry.path, stat.S_IMODE(mode) & 0o755)


def flush(path: str) -> None:
    """Write what is in memory of a file system to the disk.

    What says that a build is complete must not reach the disk before the build.
    """
    import ctypes

    descriptor = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    finally:
        os.close(descriptor)


def is_complete(path: str) -> bool:
    """Tell whether a build is complete."""
    return os.path.isfile(path + "/build.json")


# ---- The one that builds, and those that wait ----


def state_base(about: Dict[str, Any]) -> str:
    """Give the path in front of the endings of a build's lock, state and private directory."""
    known = hashlib.sha256(os.path.dirname(about["path"]).encode()).hexdigest()[:8]
    return "{}/{}-{}-{}".format(RUN, about["name"], known, about["build"])


def read_state(base: str) -> Dict[str, Any]:
    """Give what the last one who built has said; nothing if nobody has."""
    try:
        with open(base + ".state") as text:
            return json.load(text)
    except (OSError, ValueError):
        return {}


def write_state(base: str, state: Dict[str, Any]) -> None:
    """Say what is being built, or how it ended."""
    partial = base + ".state.new"
    with open(partial, "w") as text:
        json.dump(state, text)
    os.rename(partial, base + ".state")


def stop(number: int, _: Any) -> NoReturn:
    """Handle a signal."""
    raise Stopped(f"it was stopped by a signal ({signal.Signals(number).name})")


def build_detached(request: Dict[str, Any], held: int) -> None:
    """Build in a process of its own, which goes on when the connection breaks.

    Args:
        request: the request.
        held: the descriptor of the build's lock, which is released when the process ends.
    """
    if os.fork() != 0:
        os.close(held)
        return
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, stop)

        def late(*_: Any) -> NoReturn:
            raise Stopped(
                "it took longer than {} seconds (flask_app_build_timeout)".format(
                    request["timeout"]
                )
            )

        signal.signal(signal.SIGALRM, late)
        account = account_of(request["builder"])
        assert account is not None
        build = Build(request, account)
        state = {"token": request["token"], "done": True}  # type: Dict[str, Any]
        try:
            signal.alarm(int(request["timeout"]))
            build.make()
        except BaseException as error:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
                signal.signal(number, signal.SIG_IGN)
            state["problem"] = build.explain(error)
            try:
                build.clean()
            except OSError as left:
                state["problem"] += f"\nWhat was begun could not be removed: {left}"
        write_state(build.base, state)
    finally:
        os._exit(0)


def make(request: Dict[str, Any]) -> Dict[str, Any]:
    """Make a build, or wait for the one who does; come back after a while in any case.

    The token is the caller's. With it, whoever asks again learns how that build has ended,
    instead of beginning another.
    """
    about = request["build"]
    base = state_base(about)
    end = time.monotonic() + float(request["patience"])
    while True:
        held = lock(base + ".lock", wait=False)
        state = read_state(base)
        ours = state.get("token") == request["token"]
        if held is None:
            if time.monotonic() > end:
                return {"state": "running", "step": state.get("step", "")}
            time.sleep(0.03)
            continue
        if is_complete(about["path"]):
            if request["source"].get("file"):
                remove(request["source"]["file"])
            os.close(held)
            return {"state": "made" if ours else "there"}
        if ours:
            problem = state.get("problem")
            if problem is None:
                account = account_of(request["builder"])
                assert account is not None
                build = Build(request, account)
                build.step = state.get("step", "begin")
                problem = build.explain(Problem("its process was killed"))
                build.clean()
            os.close(held)
            return {"state": "failed", "problem": problem}
        write_state(base, {"token": request["token"], "step": "begin"})
        build_detached(request, held)


def inspect(request: Dict[str, Any]) -> Dict[str, Any]:
    """Look which builds are complete, and what of the tools' own is there."""
    wheelhouse = "{}/wheelhouse-{}".format(request["inbox"], request["wheelhouse"])
    return {
        "complete": [one["name"] for one in request["builds"] if is_complete(one["path"])],
        "builder": account_of(request["builder"]) is not None,
        "inbox": os.path.isdir(request["inbox"]),
        "wheelhouse": bool(request["wheelhouse"]) and os.path.isdir(wheelhouse),
    }


def main(text: str) -> int:
    """Do what a request asks for; print the answer as one JSON object.

    An error is part of the answer: Python would print the line with the request beside it.
    """
    try:
        request = json.loads(text)
        action = request["action"]
        if action != "inspect":
            os.makedirs(RUN, exist_ok=True)
            os.chmod(RUN, 0o711)
            sweep()
        answer = {"resolve": resolve, "inspect": inspect, "build": make}[action](request)
    except Exception:
        answer = {"state": "failed", "problem": last_lines(traceback.format_exc())}
    print(json.dumps(answer))
    return 0 if "problem" not in answer else 1
