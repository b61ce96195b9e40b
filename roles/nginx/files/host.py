"""What the nginx role asks of the host and does on it, one process for each question.

By hand for what a sequence of Ansible modules cannot give: a configuration that is tested as a
whole before a file is touched, that is put back as it was when nginx does not take it over, and
that is whole again after a process that was killed half-way. The role sends this text to the
host's Python on standard input, with a call of main() as its last line: nothing is installed.

Between the first file written and the worker that shows that nginx took them over, a backup beside
holds the files as they were. It and the live tree together always give the tree that nginx runs
with. Its journal says how far things are:

    none     the backup was not complete, nothing was written: it is worth nothing
    writing  some files may be new and some old: whoever comes next puts back all of the old ones
    written  all are new, nginx has not taken them over: what comes on top only adds old files to it

It runs on the oldest Python that a managed host may have, 3.6.
"""

import contextlib
import errno
import fcntl
import glob
import hashlib
import http.client
import ipaddress
import json
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

#: Seconds that all host names together are given to resolve.
LOOKUP = 10.0
#: Seconds that a program may take. nginx -t asks for the names of other hosts, and may wait long.
PATIENCE = 60.0
#: Seconds between two looks at whether nginx took over what it was given.
POLL = 0.05
#: Where programs are that a user's PATH may lack.
SBIN = ":/usr/sbin:/sbin"

#: What systemd lets a service have by default; more connections than that no host of ours holds.
OPEN_FILES = 524288

#: In seconds.
DAY = 86400
#: Kind of certificate -> how long before its end it is "expiring", in seconds.
RENEWAL = {"self_signed": 30 * DAY, "acme": 7 * DAY}

UNIT = "nginx.service"
#: The files that inspect tells of. A name that begins with a dot is none: such are half-written.
PATTERNS = ("*.conf", "conf.d/*.conf", "tls/*", "pages/*", "maintenance/*")
BLOCKED = "blocked-now.conf"
#: What systemd says of a unit that it does not know.
UNKNOWN = {
    "LoadState": "not-found",
    "ActiveState": "inactive",
    "UnitFileState": "",
    "MainPID": "0",
    "NeedDaemonReload": "no",
}
#: The two files of a certificate: what they are, and what each holds.
PARTS = (("certificate", b"CERTIFICATE-----"), ("private key", b"PRIVATE KEY-----"))


class Refused(Exception):
    """Something that cannot be had; the text is for the user, the answer for the role."""

    def __init__(self, text: str, answer: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(text)
        self.answer = answer


class Unfit(Exception):
    """A certificate (part 0) or key (part 1) that nginx could not use."""

    def __init__(self, state: str, part: int, text: str) -> None:
        super().__init__(text)
        self.state, self.part = state, part


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command and return what it said; a failure is for the caller to see.

    Raises:
        subprocess.TimeoutExpired: it took longer than PATIENCE.
    """
    # In English, whatever the host speaks, and decoded as what configurations are written in.
    path = os.environ.get("PATH", os.defpath) + SBIN
    return subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=dict(os.environ, LC_ALL="C", PATH=path),
        timeout=PATIENCE,
        check=False,
    )


# ---- Files ---------------------------------------------------------------------------------


def fresh_name(path: str) -> str:
    """Return what a file is called until it is whole; no pattern of an include matches it."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.flaskstack-new")


def prepare(path: str, data: bytes, mode: int, owner: Tuple[int, int] = (0, 0)) -> str:
    """Write a file beside its place, never readable by more than it will be; return its name."""
    fresh = fresh_name(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        if os.geteuid() == 0:
            os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    return fresh


def put(path: str, data: bytes, mode: int, owner: Tuple[int, int] = (0, 0)) -> None:
    """Write a file that is never seen half-written."""
    os.rename(prepare(path, data, mode, owner), path)


def read(path: str) -> bytes:
    """Return what is in a file."""
    with open(path, "rb") as file:
        return file.read()


def lines_of(path: str) -> List[str]:
    """Return the lines of a text file; none if it is not there."""
    try:
        return read(path).decode("utf-8", "replace").splitlines()
    except OSError:
        return []


def copy(source: str, target: str) -> None:
    """Copy a file, a link as a link, or a directory with what is in it. What vanishes is left out.

    Modes and owners stay. What is none of these, as a socket, is left out too.
    """
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(source)
        if stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(source), target)
        elif stat.S_ISDIR(found.st_mode):
            os.mkdir(target, 0o700)
            for name in os.listdir(source):
                copy(os.path.join(source, name), os.path.join(target, name))
        elif stat.S_ISREG(found.st_mode):
            shutil.copyfile(source, target)
        else:
            return
        if os.geteuid() == 0:
            os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
        if not stat.S_ISLNK(found.st_mode):
            os.chmod(target, stat.S_IMODE(found.st_mode))


def make_parents(top: str, relative: str) -> None:
    """Make the directories of a path below another one: those of keys for root alone."""
    os.makedirs(top, exist_ok=True)
    path = top
    for part in relative.split("/")[:-1]:
        path = os.path.join(path, part)
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            os.chmod(path, 0o700 if part == "tls" else 0o755)


def cut_links(top: str, relative: str) -> None:
    """Make copies of those directories of a path that are links, before it is written.

    They may lead out of a copy of the tree, to the files that nginx reads.
    """
    path = top
    for part in relative.split("/")[:-1]:
        path = os.path.join(path, part)
        if os.path.islink(path):
            target = os.path.realpath(path)
            os.unlink(path)
            if os.path.isdir(target):
                copy(target, path)


def is_regular(path: str) -> bool:
    """Tell whether a path is a file, and no link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def differs(path: str, data: bytes, mode: int) -> bool:
    """Tell whether a file is missing, or has another content, mode or owner than it should."""
    if not is_regular(path):
        return True
    found = os.lstat(path)
    if stat.S_IMODE(found.st_mode) != mode:
        return True
    if os.geteuid() == 0 and (found.st_uid, found.st_gid) != (0, 0):
        return True
    return read(path) != data


class Tree:
    """The directory that nginx reads its configuration from, and the backup beside it."""

    def __init__(self, request: Dict[str, Any]) -> None:
        self.root = request.get("root", "/etc/nginx").rstrip("/")
        self.backup = request.get("backup", "/run/flaskstack-nginx").rstrip("/")
        self.proc = request.get("proc", "/proc")
        self.error_log = request.get("error_log", "/var/log/nginx/error.log")
        self.selinux = request.get("selinux", "/sys/fs/selinux/enforce")

    def path(self, relative: str) -> str:
        """Return the path of a file in the tree; of an absolute one, itself."""
        return os.path.join(self.root, relative)

    def saved(self, relative: str) -> str:
        """Return the path of a file's copy in the backup."""
        return os.path.join(self.backup, "tree", relative)

    def journal(self) -> Dict[str, Any]:
        """Return the backup's state, and path -> whether it was there; empty if there is none."""
        try:
            return json.loads(read(os.path.join(self.backup, "journal")).decode("utf-8"))
        except (OSError, ValueError):
            return {}

    def note(self, state: str, files: Dict[str, bool]) -> None:
        """Write the journal."""
        text = json.dumps({"state": state, "files": files})
        put(os.path.join(self.backup, "journal"), text.encode("utf-8"), 0o600)

    def save(self, changed: List[str]) -> Dict[str, bool]:
        """Copy what is about to change to the backup, unless an older copy is there already."""
        files = self.journal().get("files", {})
        if not files:
            os.makedirs(self.backup, 0o700, exist_ok=True)
            os.chmod(self.backup, 0o700)
        for relative in changed:
            if relative not in files:
                # A copy that is in no journal is of a process that was killed, or is not whole.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.saved(relative))
                make_parents(os.path.join(self.backup, "tree"), relative)
                copy(self.path(relative), self.saved(relative))
                files[relative] = os.path.lexists(self.saved(relative))
        return files

    def drop(self) -> None:
        """Forget the backup. The journal goes first: what is half removed must not be used."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.backup, "journal"))
        shutil.rmtree(self.backup, ignore_errors=True)

    def restore(self) -> None:
        """Put back every file of the backup, and remove those that were not there."""
        files = self.journal()["files"]
        # Killed from here on, some files are new and some old: the next process goes on.
        self.note("writing", files)
        for relative, was_there in files.items():
            path, saved = self.path(relative), self.saved(relative)
            for name in [fresh_name(path)] + ([] if was_there else [path]):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    os.unlink(name)
            if not was_there:
                continue
            make_parents(self.root, relative)
            found = os.lstat(saved)
            if stat.S_ISLNK(found.st_mode):
                os.symlink(os.readlink(saved), fresh_name(path))
                os.rename(fresh_name(path), path)
            else:
                owner = found.st_uid, found.st_gid
                put(path, read(saved), stat.S_IMODE(found.st_mode), owner)
        self.settle(list(files))
        self.drop()

    def recover(self) -> None:
        """Bring the tree of a process that was killed to one that is whole."""
        state = self.journal().get("state")
        if state == "writing":
            self.restore()
        elif state != "written":
            self.drop()

    def settle(self, changed: List[str]) -> None:
        """Give changed files their labels, and make their names survive a power cut."""
        paths = [self.path(relative) for relative in changed]
        there = [path for path in paths if os.path.lexists(path)]
        if there and os.path.exists(self.selinux):
            with contextlib.suppress(FileNotFoundError):
                run("restorecon", *there)
        for directory in {os.path.dirname(path) for path in paths}:
            with contextlib.suppress(FileNotFoundError):
                handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
                os.fsync(handle)
                os.close(handle)

    def files(self) -> Dict[str, str]:
        """Return relative path -> where its content is, of the files that PATTERNS name.

        After a write that was killed, as they are going to be, not as they are.
        """
        journal = self.journal()
        undone = journal["files"] if journal.get("state") == "writing" else {}
        found = {}
        for top in (self.root, self.saved("")):
            for pattern in PATTERNS:
                for path in glob.glob(os.path.join(glob.escape(top), pattern)):
                    name = os.path.relpath(path, top)
                    if undone.get(name, False) if top != self.root else name not in undone:
                        found[name] = path
        return {name: found[name] for name in sorted(found) if is_regular(found[name])}

    def owned(self, header: str) -> List[str]:
        """Return those of the sites' files whose first line has a text."""
        return [
            name
            for name, path in self.files().items()
            if name.startswith("conf.d/")
            and name.endswith(".conf")
            and header in "".join(lines_of(path)[:1])
        ]

    @contextlib.contextmanager
    def workplace(self) -> Iterator[str]:
        """Give a directory for root alone, as deep as the tree because of relative links in it.

        Beside the backup, that is in memory: there are private keys in it.
        """
        path = tempfile.mkdtemp(prefix="nginx-test.", dir=os.path.dirname(self.backup))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def alone(request: Dict[str, Any]) -> Iterator[Tree]:
    """Give the tree, whole, to one process at a time.

    Raises:
        Refused: another process has it for longer than PATIENCE.
    """
    tree = Tree(request)
    os.makedirs(os.path.dirname(tree.backup), exist_ok=True)
    handle = os.open(tree.backup + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Refused(
                        "another process is changing nginx's configuration on this host; wait for"
                        " it, then run again."
                    ) from None
                time.sleep(POLL)
        for left in glob.glob(os.path.join(os.path.dirname(tree.backup), "nginx-test.*")):
            shutil.rmtree(left, ignore_errors=True)
        tree.recover()
        yield tree
    finally:
        os.close(handle)


# ---- Certificates --------------------------------------------------------------------------


def read_pem(path: str, part: int) -> bytes:
    """Return what is in the file of a certificate (part 0) or key (part 1).

    Raises:
        Unfit: it is not there, or cannot be read, or holds something else.
    """
    what, mark = PARTS[part]
    try:
        text = read(path)
    except (FileNotFoundError, NotADirectoryError):
        sentence = f"{path} does not exist on the host; put the {what} there or correct the path."
        raise Unfit("missing", part, sentence) from None
    except OSError as error:
        sentence = f"{path} cannot be read ({error.strerror})."
        raise Unfit("unreadable", part, sentence) from None
    if mark not in text:
        raise Unfit("unreadable", part, f"{path} holds no {what} in PEM format.")
    return text


def read_certificate(path: str) -> Tuple[Dict[str, Any], str]:
    """Return what a certificate says, with its end in seconds of Unix time, and its public key.

    Raises:
        Unfit: it cannot be read.
    """
    read_pem(path, 0)
    wanted = ("-enddate", "-subject", "-issuer", "-pubkey", "-ext", "subjectAltName")
    said = run("openssl", "x509", "-in", path, "-noout", *wanted).stdout
    fields = dict(re.findall(r"^(notAfter|subject|issuer)=(.*)$", said, re.M))
    public = re.search(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", said, re.S)
    try:
        expires = ssl.cert_time_to_seconds(fields["notAfter"])
    except (KeyError, ValueError):
        public = None
    if not public:
        raise Unfit("unreadable", 0, f"{path} holds no certificate that openssl can read.")
    alternatives = said.partition("X509v3 Subject Alternative Name:")[2].partition("\n-----")[0]
    about = {
        "expires": expires,
        "names": re.findall(r"(?:DNS|IP Address):([^,\s]+)", alternatives),
        "self_signed": fields.get("subject") == fields.get("issuer"),
    }
    return about, public.group()


def public_part(path: str) -> str:
    """Return the public key of a private one.

    Raises:
        Unfit: it cannot be read, or only by somebody who types its passphrase.
    """
    if b"ENCRYPTED" in read_pem(path, 1):
        raise Unfit(
            "unreadable",
            1,
            f"{path} is encrypted, and nobody types its passphrase when nginx starts; store it"
            " without one.",
        )
    said = run("openssl", "pkey", "-in", path, "-pubout", "-passin", "pass:")
    if said.returncode != 0:
        raise Unfit("unreadable", 1, f"{path} holds no private key that openssl can read.")
    return said.stdout.strip()


def read_pair(certificate: str, key: str) -> Tuple[Dict[str, Any], List[Unfit]]:
    """Return what a certificate says, and what keeps nginx from using it with its key."""
    about: Dict[str, Any] = {"expires": None, "names": [], "self_signed": False}
    faults, ours, theirs = [], "", ""
    try:
        about, ours = read_certificate(certificate)
    except Unfit as fault:
        faults.append(fault)
    try:
        theirs = public_part(key)
    except Unfit as fault:
        faults.append(fault)
    if not faults and ours != theirs:
        text = f"{key} does not belong to the certificate {certificate}; give the two that do."
        faults.append(Unfit("mismatch", 1, text))
    return about, faults


def plain(name: str) -> str:
    """Return a host name or address in the one way that it can be compared in."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower()


def covers(names: List[str], wanted: str) -> bool:
    """Tell whether a certificate is good for a name: its star stands for one label."""
    name = plain(wanted)
    known = [plain(found) for found in names]
    return name in known or "*." + name.partition(".")[2] in known


def state_of(wanted: Dict[str, Any], about: Dict[str, Any], faults: List[Unfit]) -> str:
    """Return in a word how it is with a certificate."""
    if faults:
        return faults[0].state
    left = about["expires"] - time.time()
    if wanted["kind"] == "acme" and about["self_signed"]:
        return "placeholder"
    if left <= 0:
        return "expired"
    if not all(covers(about["names"], name) for name in wanted["names"]):
        return "wrong_names"
    return "expiring" if left < RENEWAL.get(wanted["kind"], 0) else "ok"


def sentence(item: Dict[str, Any], fault: Unfit) -> Dict[str, str]:
    """Return a problem with a certificate, under the name that its file has in the inventory."""
    key = item["key_names"][fault.part]
    return {"site": item["site"], "key": key, "text": f"site '{item['site']}', {key}: {fault}"}


def self_sign(request: Dict[str, Any]) -> Dict[str, Any]:
    """Make certificates that nobody vouches for, each with a key of its own.

    Raises:
        Refused: a name is none, or openssl says no.
    """
    signed = []
    with alone(request) as tree:
        for wanted in request["certificates"]:
            with tree.workplace() as directory:
                certificate, key = make_pair(wanted["names"], int(wanted["days"]), directory)
            for name in ("certificate", "key"):
                make_parents(tree.root, os.path.relpath(tree.path(wanted[name]), tree.root))
            put(tree.path(wanted["key"]), key, 0o600)
            put(tree.path(wanted["certificate"]), certificate, 0o644)
            tree.settle([wanted["key"], wanted["certificate"]])
            signed.append(wanted["certificate"])
    return {"signed": signed}


def make_pair(names: List[str], days: int, directory: str) -> Tuple[bytes, bytes]:
    """Return a new certificate and its key; the directory is for openssl to write them to.

    Raises:
        Refused: a name is none, or openssl says no.
    """
    alternatives = []
    for name in names:
        try:
            alternatives.append(f"IP:{ipaddress.ip_address(name)}")
        except ValueError:
            # Anything else could be read as more of the configuration.
            if not re.match(r"(\*\.)?[A-Za-z0-9._-]+\Z", name):
                raise Refused(f"'{name}' is no host name that a certificate can have.") from None
            alternatives.append(f"DNS:{name}")
    path = os.path.join(directory, "request")
    lines = (
        "[req]",
        "distinguished_name = subject",
        "x509_extensions = extensions",
        "prompt = no",
        "[subject]",
        f"CN = {names[0][:64]}",
        "[extensions]",
        "basicConstraints = critical, CA:FALSE",
        "keyUsage = critical, digitalSignature",
        "extendedKeyUsage = serverAuth",
        "subjectAltName = " + ", ".join(alternatives),
    )
    put(path, ("\n".join(lines) + "\n").encode("ascii"), 0o600)
    certificate, key = os.path.join(directory, "certificate"), os.path.join(directory, "key")
    curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    for arguments in (
        ("genpkey", *curve, "-out", key),
        ("req", "-x509", "-new", "-sha256", "-key", key, "-config", path)
        + ("-days", str(days), "-out", certificate),
    ):
        said = run("openssl", *arguments)
        if said.returncode != 0:
            raise Refused(f"openssl {arguments[0]} for '{names[0]}': {said.stderr.strip()}")
    return read(certificate), read(key)


# ---- What is there -------------------------------------------------------------------------


def list_units(units: List[str]) -> Dict[str, Dict[str, str]]:
    """Return what systemd says of units, in its own words."""
    states = {unit: dict(UNKNOWN) for unit in units}
    if not units:
        return states
    said = run("systemctl", "show", "--property=" + ",".join(["Id"] + list(UNKNOWN)), *units)
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in said.stdout.strip().split("\n\n")
    ]
    for number, block in enumerate(blocks):
        # A unit that was asked for by another name is told only by its place.
        unit = units[number] if len(blocks) == len(units) else block.get("Id")
        if unit in states:
            states[unit].update((key, block[key]) for key in UNKNOWN if key in block)
    return states


def describe_nginx(modules: str) -> Optional[Dict[str, Any]]:
    """Return version, configure arguments and modules of the nginx that is there, None if none."""
    try:
        said = run("nginx", "-V").stderr
    except (FileNotFoundError, PermissionError):
        return None
    version = re.search(r"version: *[^\s/]+/([0-9.]*[0-9])", said)
    line = re.search(r"^configure arguments:(.*)$", said, re.M)
    try:
        arguments = shlex.split(line.group(1)) if line else []
    except ValueError:
        arguments = line.group(1).split() if line else []
    options = dict(found.split("=", 1) for found in arguments if "=" in found)
    path = options.get("--modules-path") or os.path.join(options.get("--prefix", ""), "modules")
    files = glob.glob(os.path.join(glob.escape(path), "*.so"))
    files += glob.glob(os.path.join(glob.escape(modules), "*.conf"))
    return {
        "version": version.group(1) if version else "",
        "arguments": arguments,
        "modules": sorted(os.path.basename(found) for found in files),
    }


def read_sysctl(proc: str, name: str) -> Optional[str]:
    """Return a kernel setting as text, its fields one blank apart; None if there is no such."""
    try:
        text = read(os.path.join(proc, "sys", *name.split("."))).decode("ascii", "replace")
    except OSError:
        return None
    return " ".join(text.split())


def fingerprint(path: str) -> Dict[str, str]:
    """Return the checksum and the mode of a file.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    mode = f"0{stat.S_IMODE(os.lstat(path).st_mode):o}"
    return {"sha256": hashlib.sha256(read(path)).hexdigest(), "mode": mode}


def most_files() -> int:
    """Return how many files a process of this host can have open at most.

    Root may raise its own limit, but not everywhere: a container's may be final.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= OPEN_FILES:
        return OPEN_FILES
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, OPEN_FILES))
    except (OSError, ValueError):
        return hard
    return OPEN_FILES


def describe_acme(home: str) -> Dict[str, Any]:
    """Return the version of certbot in an environment, and the certificates that it renews."""
    found = glob.glob(os.path.join(home, "lib/python3*/site-packages/certbot-*.dist-info"))
    version = os.path.basename(found[0])[len("certbot-") : -len(".dist-info")] if found else None
    renewed = glob.glob(os.path.join(home, "config/renewal/*.conf"))
    names = sorted(os.path.basename(path)[: -len(".conf")] for path in renewed)
    return {"certbot": version, "lineages": names}


def inspect(request: Dict[str, Any]) -> Dict[str, Any]:
    """Say what there is on the host; change nothing. Memory is in bytes."""
    tree = Tree(request)
    files = {}
    for name, path in tree.files().items():
        with contextlib.suppress(FileNotFoundError):
            files[name] = fingerprint(path)
    paths = {}
    for path in request.get("paths", []):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            paths[path] = fingerprint(path)
    memory = re.search(r"^MemTotal: *(\d+) kB", "\n".join(lines_of(f"{tree.proc}/meminfo")), re.M)
    problems, certificates = examine(tree, request)
    return {
        "units": list_units(request.get("units", [])),
        "nginx": describe_nginx(request.get("modules", "/usr/share/nginx/modules")),
        "ipv6": bool(lines_of(f"{tree.proc}/net/if_inet6")),
        # Those that are online, as nginx counts them, not those that this process may use.
        "cores": os.cpu_count() or 1,
        "memory": int(memory.group(1)) * 1024 if memory else 0,
        "open_files": most_files(),
        "files": files,
        "paths": paths,
        **describe_acme(request.get("acme_home", "/opt/certbot")),
        "owned": tree.owned(request["header"]),
        "pending": bool(tree.journal()),
        "sysctls": {name: read_sysctl(tree.proc, name) for name in request.get("sysctls", [])},
        "problems": problems,
        "certificates": certificates,
    }


def resolve(names: Set[str]) -> Dict[str, str]:
    """Return name -> why not, of the host names that do not resolve."""
    answers: Dict[str, str] = {}

    def ask(name: str) -> None:
        try:
            socket.getaddrinfo(name, None)
            answers[name] = ""
        except socket.gaierror as error:
            answers[name] = error.strerror or str(error)
        except (OSError, UnicodeError) as error:
            answers[name] = str(error)

    # A resolver that hangs cannot be stopped: it is left behind, and ends with the process.
    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names]
    deadline = time.monotonic() + LOOKUP
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    told = {name: answers.get(name, f"no answer within {LOOKUP:.0f} s") for name in names}
    return {name: reason for name, reason in told.items() if reason}


def examine(
    tree: Tree, request: Dict[str, Any]
) -> Tuple[List[Dict[str, str]], Dict[str, Dict[str, Any]]]:
    """Return what is wrong with what the sites refer to, and site -> its certificate."""
    problems, certificates = [], {}
    for item in request.get("directories", []):
        if not os.path.isdir(item["path"]):
            reason = (
                "is a file, not a directory; correct the path."
                if os.path.lexists(item["path"])
                else "does not exist on the host; create it or correct the path."
            )
            text = f"site '{item['site']}', {item['key']}: {item['path']} {reason}"
            problems.append({"site": item["site"], "key": item["key"], "text": text})
    unknown = resolve({item["name"] for item in request.get("hosts", [])})
    for item in request.get("hosts", []):
        if item["name"] in unknown:
            text = (
                f"site '{item['site']}', {item['key']}: the host name '{item['name']}' does not"
                f" resolve on this host; correct it, or make it known in DNS or /etc/hosts"
                f" ({unknown[item['name']]})."
            )
            problems.append({"site": item["site"], "key": item["key"], "text": text})
    for item in request.get("certificates", []):
        about, faults = read_pair(tree.path(item["certificate"]), tree.path(item["key"]))
        certificates[item["site"]] = dict(about, state=state_of(item, about, faults))
        if item["kind"] == "files":
            problems += [sentence(item, fault) for fault in faults]
    return problems, certificates


def check(request: Dict[str, Any]) -> Dict[str, Any]:
    """Say what is wrong with what the sites refer to; change nothing."""
    return {"problems": examine(Tree(request), request)[0]}


# ---- Writing -------------------------------------------------------------------------------


def ask_nginx(directory: str, called: str) -> List[str]:
    """Have nginx test the tree in a directory, and return its warnings.

    Raises:
        Refused: it would not run with it. Its words name the directory as it is called.
    """
    said = run("nginx", "-t", "-q", "-c", os.path.join(directory, "nginx.conf"))
    lines = [
        line
        for line in said.stderr.replace(directory, called).splitlines()
        if line.strip() and not re.search(r"configuration file \S+ test failed$", line)
    ]
    if said.returncode != 0:
        problem = "\n".join(lines) or f"nginx -t ended with {said.returncode} and said nothing."
        # Warnings name files too, and come first.
        guilty = re.search(r"conf\.d/([^/\s:]+)\.conf\b", problem.partition("[emerg]")[2])
        raise Refused(problem, {"problem": problem, "site": guilty.group(1) if guilty else None})
    return [line for line in lines if "[warn]" in line]


def try_out(
    tree: Tree, fresh: Dict[str, Tuple[bytes, int]], gone: List[str], pairs: List[Dict[str, Any]]
) -> List[str]:
    """Test what the tree is going to be in a copy, other people's files included.

    Returns:
        nginx's warnings.

    Raises:
        Refused: a key is not its certificate's, or nginx would not run with it.
    """
    with tree.workplace() as stage:
        for name in os.listdir(tree.root) if os.path.isdir(tree.root) else []:
            copy(tree.path(name), os.path.join(stage, name))
        for relative in list(fresh) + gone:
            cut_links(stage, relative)
        for relative, (data, mode) in fresh.items():
            make_parents(stage, relative)
            put(os.path.join(stage, relative), data, mode)
        for relative in gone:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(stage, relative))
        for pair in pairs:
            paths = [tree.path(pair[name]) for name in ("certificate", "key")]
            for number, path in enumerate(paths):
                if path.startswith(tree.root + "/"):
                    paths[number] = stage + path[len(tree.root) :]
            for fault in read_pair(*paths)[1]:
                text = sentence(pair, fault)["text"].replace(stage, tree.root)
                raise Refused(text, {"problem": text, "site": pair["site"]})
        return ask_nginx(stage, tree.root)


def change(
    tree: Tree, files: Dict[str, Dict[str, str]], remove: List[str], pairs: List[Dict[str, Any]]
) -> Dict[str, Any]:
    """Write and remove files of the tree: all of them, or after a refusal or failure none.

    Raises:
        Refused: see try_out, or a path leads elsewhere.
    """
    for relative in list(files) + remove:
        if relative.startswith("/") or os.path.normpath(relative) != relative or relative[0] == ".":
            raise Refused(f"'{relative}' is no path below {tree.root}.")
        path = tree.path(relative)
        if os.path.isdir(path) and not os.path.islink(path):
            raise Refused(f"{path} is a directory, where a file is to be; move it away.")
    fresh = {}
    for relative, file in files.items():
        data, mode = file["text"].encode("utf-8"), int(file["mode"], 8)
        if differs(tree.path(relative), data, mode):
            fresh[relative] = data, mode
    gone = [name for name in remove if name not in files and os.path.lexists(tree.path(name))]
    warnings = try_out(tree, fresh, gone, pairs)
    changed = list(fresh) + gone
    if changed:
        saved = tree.save(changed)
        tree.note("writing", saved)
        try:
            # All are on the disk, which may be full, before the first takes its place.
            for relative, (data, mode) in fresh.items():
                make_parents(tree.root, relative)
                prepare(tree.path(relative), data, mode)
            for path in map(tree.path, fresh):
                os.rename(fresh_name(path), path)
            for relative in gone:
                os.unlink(tree.path(relative))
            tree.settle(changed)
            tree.note("written", saved)
        except BaseException:
            tree.restore()
            raise
    return {"written": list(fresh), "removed": gone, "warnings": warnings}


def write(request: Dict[str, Any]) -> Dict[str, Any]:
    """Bring the tree to what is wanted, once nginx has said that it would run with it.

    Raises:
        Refused: see change.
    """
    for path in request.get("cache_directories", []):
        # nginx makes the last directory of a cache, when it only tests too, but not those above.
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    with alone(request) as tree:
        return change(
            tree, request.get("files", {}), request.get("remove", []), request.get("pairs", [])
        )


# ---- Taking over ---------------------------------------------------------------------------


def list_workers(proc: str, main_pid: int) -> Set[int]:
    """Return the workers of a main process that take connections."""
    found = set()
    for name in os.listdir(proc):
        if not name.isdigit():
            continue
        try:
            about = read(os.path.join(proc, name, "stat"))
            title = read(os.path.join(proc, name, "cmdline"))
        except OSError:  # it has ended
            continue
        # The name of the program, in brackets, may have anything in it.
        parent = int(about.rpartition(b")")[2].split()[1])
        worker = title.startswith(b"nginx: worker process") and b"shutting down" not in title
        if worker and parent == main_pid:
            found.add(int(name))
    return found


def mark_of(log: str) -> Tuple[int, int]:
    """Return which file a log is at present, and its size in bytes."""
    try:
        found = os.stat(log)
    except OSError:
        return 0, 0
    return found.st_ino, found.st_size


def emergencies(log: str, mark: Tuple[int, int], main_pid: int) -> List[str]:
    """Return what a main process gave up at since a mark, each in nginx's words, once."""
    now = mark_of(log)
    # A log that was rotated meanwhile is a new one.
    start = mark[1] if now[0] == mark[0] and now[1] >= mark[1] else 0
    try:
        with open(log, "rb") as file:
            file.seek(start)
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    # Others test configurations meanwhile: theirs are other processes.
    words = re.findall(rf"\[emerg\] {main_pid}#\d+: (.*)\n", text)
    return sorted(set(words), key=words.index)


def hand_over(tree: Tree, main_pid: int, wait: float) -> Optional[str]:
    """Have nginx read its tree again; return why it did not take it over within wait seconds.

    Raises:
        Refused: nginx said that it does not, so that it never will.
    """
    mark, before = mark_of(tree.error_log), list_workers(tree.proc, main_pid)
    said = run("systemctl", "reload", UNIT)
    deadline = time.monotonic() + wait
    if said.returncode != 0:
        return said.stderr.strip() or f"systemctl reload ended with {said.returncode}"
    # This was only a signal: what becomes of it is seen in the processes and the log.
    while True:
        over = time.monotonic() > deadline
        if list_workers(tree.proc, main_pid) - before:
            return None
        words = emergencies(tree.error_log, mark, main_pid)
        # An address that is taken is asked for again, five times within 2.5 s.
        final = [found for found in words if f"({errno.EADDRINUSE}: " not in found]
        if final:
            raise Refused("; ".join(words))
        if over:
            return "; ".join(words) or f"nothing within {wait:g} s, and no new worker"
        time.sleep(POLL)


def take_over(tree: Tree, wait: float) -> bool:
    """Have nginx take over what was written; return whether it runs at all.

    Raises:
        Refused: it did not, and the tree is again what it runs with.
    """
    state = list_units([UNIT])[UNIT]
    if state["ActiveState"] not in ("active", "reloading"):
        tree.drop()
        return False
    reason: Optional[str]
    undecided = False
    try:
        ask_nginx(tree.root, tree.root)
        reason = hand_over(tree, int(state["MainPID"]), wait)
        undecided = True
    except Refused as refused:
        reason = str(refused)
    except subprocess.TimeoutExpired as error:
        reason = f"no end of {error.cmd[0]} within {error.timeout:.0f} s"
        undecided = error.cmd[0] == "systemctl"
    if reason is None:
        tree.drop()
        return True
    back = "there are no older files to go back to"
    if tree.journal():
        tree.restore()
        back = "the old files are back"
        if undecided:
            # It may still come to what it was asked for: let it find the old files after that.
            with contextlib.suppress(subprocess.TimeoutExpired):
                run("systemctl", "reload", UNIT)
    raise Refused(
        f"nginx did not take over the new configuration (in its words: {reason}); {back}"
        " and the old processes go on serving."
    )


def see_it_through() -> None:
    """Let nothing stop this process until nginx took over the files or the old ones are back."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def reload(request: Dict[str, Any]) -> Dict[str, Any]:
    """Have nginx, if it runs, take over what was written. wait is in seconds.

    Raises:
        Refused: see take_over.
    """
    with alone(request) as tree:
        see_it_through()
        return {"reloaded": take_over(tree, request.get("wait", 10))}


def block(request: Dict[str, Any]) -> Dict[str, Any]:
    """Add an address or network to those that nginx refuses, or take it away, at once.

    Raises:
        Refused: it is none, or see change and take_over.
    """
    if request.get("check"):
        return turn(Tree(request), request)[0]
    with alone(request) as tree:
        answer, text = turn(tree, request)
        if answer["changed"]:
            see_it_through()
            change(tree, {BLOCKED: {"text": text, "mode": "0644"}}, [], [])
            take_over(tree, request.get("wait", 10))
        return answer


def turn(tree: Tree, request: Dict[str, Any]) -> Tuple[Dict[str, Any], str]:
    """Return what block is going to answer, and the text of its file.

    Raises:
        Refused: the address is none, or the file holds what is none.
    """
    found = set()
    for line in lines_of(tree.files().get(BLOCKED, "")):
        words = line.partition("#")[0].split()
        if words:
            found.add(network_of(words[0], f"{tree.path(BLOCKED)}: "))
    wanted = network_of(request["address"], "")
    after = found | {wanted} if request["state"] == "present" else found - {wanted}
    addresses = [str(each) for each in sorted(after, key=lambda each: (each.version, each))]
    text = "".join([f"# {request['header']}\n"] + [f"{each} 1;\n" for each in addresses])
    return {"changed": after != found, "addresses": addresses}, text


def network_of(text: str, where: str) -> Any:
    """Return an address or network as the network that it is, its bits after the prefix cleared.

    Raises:
        Refused: it is none.
    """
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise Refused(
            f"{where}'{text}' is neither an address nor a network; write it as 192.0.2.7,"
            " 192.0.2.0/24 or 2001:db8::/32."
        ) from None


# ---- Other things --------------------------------------------------------------------------


def purge(request: Dict[str, Any]) -> Dict[str, Any]:
    """Delete what nginx keeps of sites' answers; say how many files and bytes that was.

    Raises:
        Refused: a name leads elsewhere.
    """
    root = request.get("cache_root", "/var/lib/nginx/cache")
    for site in request["sites"]:
        if not site or "/" in site or ".." in site or site == ".":
            raise Refused(f"'{site}' is no name of a site.")
        if os.path.islink(os.path.join(root, site)):
            raise Refused(f"{os.path.join(root, site)} is a link; remove what it leads to by hand.")
    purged = {}
    for site in request["sites"]:
        files, size = 0, 0
        # nginx removes files at the same time.
        with contextlib.suppress(FileNotFoundError):
            # By the handles of the directories: a link that takes the place of one leads nowhere.
            for _, _, names, handle in os.fwalk(os.path.join(root, site)):
                for name in names:
                    with contextlib.suppress(FileNotFoundError):
                        found = os.lstat(name, dir_fd=handle)
                        if stat.S_ISREG(found.st_mode):
                            os.unlink(name, dir_fd=handle)
                            files, size = files + 1, size + found.st_size
        purged[site] = {"files": files, "bytes": size}
    return {"purged": purged}


def status(request: Dict[str, Any]) -> Dict[str, Any]:
    """Return, for each site of the role, how it is with its certificate, and if it is closed."""
    tree = Tree(request)
    files, sites = tree.files(), []
    for name in tree.owned(request["header"]):
        site = os.path.basename(name)[: -len(".conf")]
        text = "\n".join(lines_of(files[name]))
        found = re.search(r"^\s*ssl_certificate\s+[\"']?([^\"';\s]+)[\"']?\s*;", text, re.M)
        about: Dict[str, Any] = {"expires": None, "names": [], "self_signed": False}
        if found:
            with contextlib.suppress(Unfit):
                about, _ = read_certificate(tree.path(found.group(1)))
        ends = about["expires"]
        days = None if ends is None else int((ends - time.time()) // DAY)
        certificate = found.group(1) if found else None
        closed = f"maintenance/{site}.html" in files
        sites.append(dict(about, site=site, certificate=certificate, days=days, maintenance=closed))
    return {"sites": sites}


# ---- Prometheus ----------------------------------------------------------------------------

#: Name, type and help of the metrics; those of connections and requests are called as in the
#: exporter that the makers of nginx maintain, so that its dashboards show them.
METRICS = (
    ("nginx_up", "gauge", "Whether nginx answers on its status port."),
    ("nginx_connections_active", "gauge", "Open connections, idle ones among them."),
    ("nginx_connections_reading", "gauge", "Connections where a request is being read."),
    ("nginx_connections_writing", "gauge", "Connections where an answer is being written."),
    ("nginx_connections_waiting", "gauge", "Idle connections."),
    ("nginx_connections_accepted", "counter", "Connections accepted."),
    ("nginx_connections_handled", "counter", "Connections handled; the others were dropped."),
    ("nginx_http_requests_total", "counter", "Requests."),
    ("nginx_site_maintenance", "gauge", "Whether a site is closed for maintenance."),
    ("nginx_site_certificate_expiry_timestamp_seconds", "gauge", "When its certificate ends."),
)
#: What nginx's status page says (ngx_http_stub_status_module).
STATUS_PAGE = re.compile(
    r"Active connections: (?P<active>\d+) \n"
    r"server accepts handled requests\n"
    r" (?P<accepted>\d+) (?P<handled>\d+) (?P<requests>\d+) \n"
    r"Reading: (?P<reading>\d+) Writing: (?P<writing>\d+) Waiting: (?P<waiting>\d+)"
)


def read_status_page(port: int) -> Dict[str, str]:
    """Return the figures of nginx's status page by their names; empty if it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
        connection.request("GET", "/stub_status")
        found = STATUS_PAGE.match(connection.getresponse().read().decode("ascii", "replace"))
        return found.groupdict() if found else {}
    return {}


def metrics(request: Dict[str, Any]) -> Dict[str, Any]:
    """Write the figures of nginx and its sites for node_exporter's textfile collector."""
    page = read_status_page(request["port"])
    values: Dict[str, List[Tuple[str, str]]] = {"nginx_up": [("", "1" if page else "0")]}
    # What nginx does not say is left out: a nought would be taken for a figure.
    for key, value in page.items():
        name = "nginx_http_requests_total" if key == "requests" else f"nginx_connections_{key}"
        values[name] = [("", value)]
    for site in status(request)["sites"]:
        of = '{site="' + site["site"] + '"}'
        values.setdefault("nginx_site_maintenance", []).append((of, str(int(site["maintenance"]))))
        if site["expires"] is not None:
            end = ("nginx_site_certificate_expiry_timestamp_seconds", f"{site['expires']:.0f}")
            values.setdefault(end[0], []).append((of, end[1]))
    lines = []
    for name, kind, about in METRICS:
        if name in values:
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{of} {value}" for of, value in values[name]]
    put(request["to"], "\n".join(lines + [""]).encode("ascii"), 0o644)
    return {"metrics": len(values)}


ACTIONS = {
    "inspect": inspect,
    "check": check,
    "write": write,
    "reload": reload,
    "self_sign": self_sign,
    "purge": purge,
    "block": block,
    "status": status,
    "metrics": metrics,
}


def main(text: str) -> int:
    """Do what a request, as JSON, asks for; print the answer as JSON, or say on stderr why not.

    A signal to stop ends it with 128 and its number, after what is half done was undone.
    """
    request = json.loads(text)
    stops = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: sys.exit(128 + number)) for number in stops]
    try:
        print(json.dumps(ACTIONS[request["action"]](request)))
    except Refused as refused:
        if refused.answer is not None:
            print(json.dumps(refused.answer))
        print(refused, file=sys.stderr)
        return 1
    except subprocess.TimeoutExpired as error:
        print(f"{error.cmd[0]} did not end within {error.timeout:.0f} s.", file=sys.stderr)
        return 1
    except OSError as error:
        what = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
        print("{}: {}.".format(error.filename or request["action"], what), file=sys.stderr)
        return 1
    except Exception:
        # Caught here, because Python may show the line that calls this, with the request in it.
        traceback.print_exc()
        return 1
    finally:
        for number, handler in zip(stops, before):
            signal.signal(number, handler or signal.SIG_DFL)
    return 0
