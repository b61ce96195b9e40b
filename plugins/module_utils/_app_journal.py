"""What an application said before it failed, and which key of it helps.

The journal of a release has the start of uWSGI and the words of systemd around what the
application itself said. An error shows the last, and ends with the key that lets the application do
what it could not, where its words tell.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import posixpath
import re
from typing import List, Optional, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import _systemd
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import last_lines

#: How many lines of the journal are looked through: a start and a stop of uWSGI with 100 workers
#: are as many, and a long traceback.
READ_LINES = 400

#: Beginnings of what uWSGI says at each start and each stop (2.0.31: core/uwsgi.c, master.c,
#: socket.c, plugins/python/python_plugin.c), whatever it says of the application.
BEGINNINGS = (
    "[uWSGI] getting ",
    "*** Starting uWSGI ",
    "*** Operational MODE: ",
    "*** Stats server enabled ",
    "*** Python threads support is disabled",
    "*** no app loaded. ",
    "*** dumping internal ",
    "*** end of the internal ",
    "*** uWSGI is running in multiple interpreter mode",
    "*** RAGNAROK",
    "compiled with version: ",
    "os: ",
    "nodename: ",
    "machine: ",
    "clock source: ",
    "pcre jit ",
    "detected number of CPU cores: ",
    "detected binary path: ",
    "detected max file descriptor number: ",
    "current working directory: ",
    "chdir() to ",
    "your processes number limit is ",
    "your memory page size is ",
    "your server socket listen backlog is limited to ",
    "your mercy for graceful operations on workers is ",
    "your request buffer size is ",
    "lock engine: ",
    "thunder lock: ",
    "- SystemD socket activation detected -",
    "uwsgi socket ",
    "Python version: ",
    "PEP 405 virtualenv detected: ",
    "Set PythonHome to ",
    "Python main interpreter initialized at ",
    "python threads support enabled",
    "python tracebacker for worker ",
    "setting request body buffering size to ",
    "mapped ",
    "mounting ",
    "WSGI app ",
    "unable to load app ",
    "OOPS ! failed loading app in worker ",
    "need-app requested, destroying the instance...",
    'running "',
    "spawned ",
    "!!! no internal routing support",
    "VACUUM: ",
    "goodbye to uWSGI.",
    "graceful shutdown triggered",
    "Gracefully killing worker ",
    "...gracefully killing workers",
    "SIGINT/SIGTERM received",
    "SIGTERM received",
)
#: In front of some of them uWSGI has the time.
UWSGI = re.compile(
    r"(?:[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4} - )?(?:"
    + "|".join(map(re.escape, BEGINNINGS))
    + r"|\[rule: \d+\] |initialized \d+ metrics|worker \d+ (?:killed successfully|buried after))"
)
#: A unit's service begins anew with this line, and all before it is of another time.
ANEW = re.compile(r"Starting uwsgi-\S+@\S+\.service")
#: What systemd says of a unit that starts, ends or is started again. That one was killed, and by
#: which signal, is worth reading.
SYSTEMD = re.compile(
    r"(?:Starting|Started|Stopping|Stopped|Finished|Listening on|Closed|Failed to start|Reload\w+) "
    r"uwsgi-\S+@"
    r"|uwsgi-\S+\.(?:service|socket|timer): (?:Main process exited, code=exited"
    r"|Failed with result|Deactivated successfully|Scheduled restart job|Succeeded\."
    r"|Consumed .* CPU time|Service (?:RestartSec|hold-off)|Control process exited, code=exited)"
)

#: A path in quotes, or at the end of what a command says: touch: cannot touch 'x': Read-only …
QUOTED = r"""['"\u2018`](?P<path>[^'"\u2019`]+)['"\u2019]"""
#: Words of the system about a file that cannot be written, with its path before or behind.
DENIED = re.compile(
    rf"(?:Read-only file system|Permission denied|No such file or directory): {QUOTED}"
    rf"|{QUOTED.replace('path', 'before')}: (?:Read-only file system|Permission denied)"
    r"|(?:(?<!\S)(?=/)|cannot create )(?P<bare>[^\s:'\"]+): Read-only file system"
)
#: A source's directory: of a build, of a release's link to it, of a build that is not ours.
SOURCE = re.compile(r"/(?!usr/).*?/src/(.+)")
READ_ONLY = re.compile(r"Read-only file system|attempt to write a readonly database")
NO_DATABASE = re.compile(r"unable to open database file|attempt to write a readonly database")

#: What a directive of the sandbox breaks, in the words of those that it has broken; what to write.
SANDBOX: List[Tuple[str, str]] = [
    (
        r"[Cc]annot allocate (?:write\+execute|executable) memory|Unable to allocate section memory"
        r"|\bmmap\.mmap\([\s\S]{0,2000}?\[Errno 1\] Operation not permitted"
        r"|Check failed: 12 == \(\*__errno_location|cannot enable executable stack"
        r"|SetPermissions|memory for CodeRange"
        r"|failed to map segment from shared object: Operation not permitted"
        r"|Failed to create CoreCLR|commit_memory\(.*Operation not permitted",
        "it makes code while it runs: write uwsgi: {sandbox: {jit: true}}.",
    ),
    (
        r"No usable sandbox!|Failed to move to new namespace|unshare.*Operation not permitted"
        r"|bwrap: .*Operation not permitted|clone3?\(?.*CLONE_NEW|Creating new namespace failed",
        "it makes namespaces of its own: write uwsgi: {sandbox: {namespaces: true}}.",
    ),
    (
        r"Address family not supported by protocol",
        "it uses a kind of socket that the sandbox keeps from it: name it in uwsgi: {sandbox:"
        " {address_families: [AF_…]}}.",
    ),
    (
        r"code=(?:killed|dumped), status=31/SYS|Bad system call",
        "it makes a system call that the sandbox keeps from it: name it in uwsgi: {sandbox:"
        " {system_calls: […]}}.",
    ),
    (
        r"Failed to set up mount namespacing: .*No such file or directory",
        "a path of uwsgi: {sandbox: {write_paths: […]}} is not there on this host; make it, or"
        " leave it out.",
    ),
    (
        r"\.bind\(\([\s\S]{0,600}?\[Errno 13\] Permission denied$"
        r"|attempting to bind on address \(.*[Pp]ermission denied",
        "it listens on a port below 1024: write uwsgi: {sandbox: {capabilities:"
        " [CAP_NET_BIND_SERVICE]}}.",
    ),
]


def is_banner(line: str) -> bool:
    """Tell whether a line of the journal is what each start and each stop says."""
    return bool(UWSGI.match(line) or SYSTEMD.match(line))


def last_try(said: str) -> List[str]:
    """Return the lines of the last start of a unit in which the application said anything."""
    lines = said.splitlines()
    end = len(lines)
    for number in range(len(lines) - 1, -1, -1):
        if ANEW.match(lines[number]):
            if not all(map(is_banner, lines[number:end])):
                return lines[number:end]
            end = number
    return lines[:end]


def last_words(lines: List[str]) -> str:
    """Return the last lines that the application itself said; if there are none, the last ones."""
    own = [line for line in lines if not is_banner(line)]
    return last_lines("\n".join(own)) or last_lines("\n".join(lines))


def explain(home: str, *selection: str, **options: float) -> str:
    """Return the end of an error: the last words in a journal, and what they tell to write.

    Args:
        home: the application's directory, as /opt/shop.
        *selection: as _systemd.journal takes it.
        **options: likewise, without lines.
    """
    said = _systemd.journal(*selection, lines=READ_LINES, **options)
    lines = last_try(said)
    words = last_words(lines) or last_lines(said) or said
    return f"The last lines of its journal:\n{words}{hints(lines, home)}"


# ---- Which key helps -------------------------------------------------------------------------


def hints(lines: List[str], home: str) -> str:
    """Return a line for each thing that the application's words explain; each with its newline.

    Args:
        lines: what it said.
        home: its directory, as /opt/shop.
    """
    found = []
    for line in lines:
        helps = about_file(line, home)
        if helps:
            found.append(helps)
    text = "\n".join(lines)
    found += [helps for pattern, helps in SANDBOX if re.search(pattern, text, re.MULTILINE)]
    told = any("shared_paths" in sentence for sentence in found)
    if not told and any(map(NO_DATABASE.search, lines)):
        found.append(
            "the database's file cannot be opened or written: write shared_paths with its path in"
            f" the source, as shared_paths: [data.db], or have it in {home}/shared (APP_SHARED)."
        )
    return "".join("\n" + sentence for sentence in list(dict.fromkeys(found))[-5:])


def about_file(line: str, home: str) -> str:
    """Return the sentence about a file that could not be written or read; empty if there is none.

    Args:
        line: what the application said.
        home: its directory.
    """
    found = DENIED.search(line)
    if not found:
        if READ_ONLY.search(line) and not NO_DATABASE.search(line):
            return (
                "it writes to a read-only place: write shared_paths with the place's path in the"
                f" source, or write to {home}/shared (APP_SHARED)."
            )
        return ""
    path = found.group("path") or found.group("before") or found.group("bare")
    missing = "No such file or directory" in line
    if re.match(r"/(home|root|run/user)(/|\Z)", path):
        return (
            f"{path} is in a home, which the sandbox hides: write uwsgi: {{sandbox: {{home:"
            " true}}, or have it elsewhere."
        )
    if re.match(r"/dev/", path) and not re.match(r"/dev/(shm|fd|std)", path):
        return (
            f"{path} is a device, which the sandbox hides: write uwsgi: {{sandbox: {{devices:"
            f" [{path}]}}}}."
        )
    if missing or is_inside(path, home + "/shared"):
        return ""
    inside = in_source(path)
    if inside is None:
        # What is in its directory is a release's or a build's, and stays as it was made.
        otherwise = (
            ""
            if is_inside(path, home)
            else (f", or write uwsgi: {{sandbox: {{write_paths: [{place_of(path)}]}}}}")
        )
        return (
            f"{path} is not the application's to write: have it in {home}/shared (APP_SHARED)"
            f"{otherwise}."
        )
    return (
        f"{inside} cannot be written, because the source is read-only: write shared_paths:"
        f" [{place_of(inside)}] so that it is kept in {home}/shared, where the application may"
        " write."
    )


def in_source(path: str) -> Optional[str]:
    """Return a path in an application's source, relative to that; None for one elsewhere.

    A relative one is in it: that is where commands run.
    """
    if path.startswith("/"):
        found = SOURCE.match(path)
        return posixpath.normpath(found.group(1)) if found else None
    inside = posixpath.normpath(path)
    return None if inside.startswith("..") or inside == "." else inside


def is_inside(path: str, home: str) -> bool:
    """Tell whether a path is in an application's directory."""
    return (posixpath.normpath(path) + "/").startswith(home + "/")


def place_of(path: str) -> str:
    """Return what is to be writable for a path: its directory, if it is a file in one."""
    directory, name = posixpath.split(path.rstrip("/"))
    return directory if directory not in ("", "/") and "." in name[1:] else path.rstrip("/")
