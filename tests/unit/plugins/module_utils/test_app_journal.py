"""What is shown of a journal when a release fails, and which key the words lead to."""

from __future__ import annotations

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_journal
from app_host import Host

#: A start of uWSGI 2.0.31 under systemd 252, as the journal has it.
START = """\
Starting uwsgi-shop@b-1.service - shop, release b-1...
[uWSGI] getting INI configuration from /opt/shop/releases/b-1/uwsgi.ini
*** Starting uWSGI 2.0.31 (64bit) on [Thu Nov 26 14:45:21 2026] ***
compiled with version: 12.2.0 on 11 October 2025 19:15:54
os: Linux-6.18.44 #1 SMP PREEMPT_DYNAMIC @0
nodename: run
machine: x86_64
clock source: unix
pcre jit disabled
detected number of CPU cores: 2
current working directory: /opt/shop/builds/b/src
detected binary path: /opt/uwsgi/2.0.31-python3.11/bin/uwsgi
chdir() to /opt/shop/builds/b/src
your processes number limit is 32768
your memory page size is 4096 bytes
detected max file descriptor number: 20000
lock engine: pthread robust mutexes
thunder lock: disabled (you can enable it with --thunder-lock)
- SystemD socket activation detected -
uwsgi socket 1 attached to UNIX address /run/wsgi/shop/b-1.sock fd 3
uwsgi socket 0 bound to UNIX address /run/wsgi/shop/b-1/http.sock fd 5
Python version: 3.11.2 (main, Oct  7 2026, 12:35:07) [GCC 12.2.0]
*** dumping internal routing table ***
[rule: 0] subject: ${HTTPS};on func: equal action: setscheme:https
[rule: 1] label: told
*** end of the internal routing table ***
initialized 69 metrics
PEP 405 virtualenv detected: /opt/shop/builds/b/venv
Set PythonHome to /opt/shop/builds/b/venv
Python main interpreter initialized at 0x7f416a1aaaf8
python threads support enabled
your server socket listen backlog is limited to 1024 connections
your mercy for graceful operations on workers is 60 seconds
mapped 6063920 bytes (5921 KB) for 64 cores
*** Operational MODE: preforking+threaded ***
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "/opt/shop/builds/b/src/app.py", line 4, in <module>
    open(os.path.join(os.path.dirname(__file__), "data.db"), "w")
OSError: [Errno 30] Read-only file system: '/opt/shop/builds/b/src/data.db'
"""
END = """\
unable to load app 0 (mountpoint='') (callable not found or import error)
*** no app loaded. GAME OVER ***
OOPS ! failed loading app in worker 1 (pid 1052)
Thu Nov 26 14:53:38 2026 - need-app requested, destroying the instance...
uwsgi-shop@b-1.service: Main process exited, code=exited, status=22/n/a
uwsgi-shop@b-1.service: Failed with result 'exit-code'.
Failed to start uwsgi-shop@b-1.service - shop, release b-1.
"""
#: One that came up, and was stopped.
SERVED = """\
WSGI app 0 (mountpoint='') ready in 1 seconds on interpreter 0x7fe2cfc09af8 pid: 449 (default app)
running "unix_signal:15 gracefully_kill_them_all" (master-start)...
spawned uWSGI master process (pid: 449)
spawned uWSGI worker 1 (pid: 451, cores: 16)
*** Stats server enabled on /run/wsgi/shop/b-1/stats.sock fd: 17 ***
Started uwsgi-shop@b-1.service - shop, release b-1.
python tracebacker for worker 1 available on /run/wsgi/shop/b-1/traceback.1
Stopping uwsgi-shop@b-1.service - shop, release b-1...
Thu Nov 26 14:45:35 2026 - graceful shutdown triggered...
Gracefully killing worker 1 (pid: 451)...
worker 1 buried after 1 seconds
goodbye to uWSGI.
uwsgi-shop@b-1.service: Deactivated successfully.
Stopped uwsgi-shop@b-1.service - shop, release b-1.
"""


def explained(host: Host, said: str) -> str:
    """Return what an error says of a journal."""
    (host.fake / "journal").write_text(said, encoding="utf-8")
    return _app_journal.explain("/opt/shop", "--unit=x")


def test_the_traceback_is_shown_and_no_banner(host: Host) -> None:
    assert explained(host, START + TRACEBACK + END) == (
        f"The last lines of its journal:\n{TRACEBACK}"
        "data.db cannot be written, because the source is read-only: write shared_paths: [data.db]"
        " so that it is kept in /opt/shop/shared, where the application may write."
    )


def test_a_start_and_a_stop_are_banner_all_through() -> None:
    assert [
        line for line in (START + SERVED).splitlines() if not _app_journal.is_banner(line)
    ] == []


def test_words_of_the_application_are_none() -> None:
    for line in (
        "mapping failed",
        "Starting the worker",
        "os.getenv failed",
        "nodename nor servname provided, or not known",
        "worker 1 has nothing to do",
        "uwsgi-shop@b-1.service: Main process exited, code=killed, status=31/SYS",
        "uwsgi-shop@b-1.service: A process of this unit has been killed by the OOM killer.",
        "set -eu: bad option",
        "The -s/--socket option is missing and stdin is not a socket.",
        "[strict-mode] unknown config directive: harakri",
        "Listen queue size is greater than the system max net.core.somaxconn (128).",
    ):
        assert not _app_journal.is_banner(line), line


def test_if_all_is_banner_the_last_lines_are_shown(host: Host) -> None:
    said = explained(host, START)
    assert said.endswith("*** Operational MODE: preforking+threaded ***")
    assert len(said.splitlines()) == 21


def test_an_empty_journal(host: Host) -> None:
    assert explained(host, "") == "The last lines of its journal:\n(none)"


def test_only_the_last_start_in_which_it_said_something_counts(host: Host) -> None:
    """What was wrong before has been put right, and a start that is under way says nothing yet."""
    before = START + TRACEBACK + END
    now = START + "ValueError: no SECRET_KEY\n" + END
    for rest in ("", START):
        assert explained(host, before + now + rest) == (
            "The last lines of its journal:\nValueError: no SECRET_KEY"
        )


HOME = "/opt/shop"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("PermissionError: [Errno 13] Permission denied: 'instance'", "shared_paths: [instance] "),
        (
            "OSError: [Errno 30] Read-only file system:"
            " '/opt/shop/releases/b-1/build/src/static/uploads/2026/a.jpg'",
            "shared_paths: [static/uploads/2026] ",
        ),
        ("touch: cannot touch 'notes.txt': Read-only file system", "shared_paths: [notes.txt] "),
        (
            "mkdir: cannot create directory \u2018var\u2019: Read-only file system",
            "shared_paths: [var] ",
        ),
        ("sh: 1: cannot create log/a.log: Read-only file system", "shared_paths: [log] "),
        ("sh: line 1: /opt/shop/builds/b/src/x: Read-only file system", "shared_paths: [x] "),
        ("sqlite3.OperationalError: unable to open database file", "[data.db], or have it in /opt"),
        (
            "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) attempt to write a"
            " readonly database",
            "write shared_paths with its path in the source",
        ),
        (
            "PermissionError: [Errno 13] Permission denied: '/var/lib/shop/cache.json'",
            "(APP_SHARED), or write uwsgi: {sandbox: {write_paths: [/var/lib/shop]}}.",
        ),
        (
            "OSError: [Errno 30] Read-only file system:"
            " '/opt/shop/builds/b/venv/lib/python3.11/site-packages/x/cache'",
            "have it in /opt/shop/shared (APP_SHARED).",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/dev/ttyUSB0'",
            "uwsgi: {sandbox: {devices: [/dev/ttyUSB0]}}.",
        ),
        (
            "PermissionError: [Errno 13] Permission denied: '/home/shop/models'",
            "uwsgi: {sandbox: {home: true}}, or have it elsewhere.",
        ),
        (
            "MemoryError: Cannot allocate write+execute memory for ffi.callback().",
            "uwsgi: {sandbox: {jit: true}}.",
        ),
        (
            "PermissionError: [Errno 1] cannot allocate executable memory. This may be due to"
            " security restrictions on your system, such as SELinux or similar mechanisms.",
            "uwsgi: {sandbox: {jit: true}}.",
        ),
        (
            "    m = mmap.mmap(-1, 4096, prot=7)\n"
            "PermissionError: [Errno 1] Operation not permitted",
            "uwsgi: {sandbox: {jit: true}}.",
        ),
        ("# Check failed: 12 == (*__errno_location ()).", "{sandbox: {jit: true}}."),
        (
            '    s.bind(("127.0.0.1", 81))\nPermissionError: [Errno 13] Permission denied',
            "{sandbox: {capabilities: [CAP_NET_BIND_SERVICE]}}.",
        ),
        (
            "OSError: [Errno 13] error while attempting to bind on address ('0.0.0.0', 80):"
            " permission denied",
            "{sandbox: {capabilities: [CAP_NET_BIND_SERVICE]}}.",
        ),
        ("LLVM ERROR: Unable to allocate section memory!", "{sandbox: {jit: true}}."),
        ("unshare: unshare failed: Operation not permitted", "{sandbox: {namespaces: true}}."),
        (
            "uwsgi-shop@b-1.service: Main process exited, code=killed, status=31/SYS",
            "{sandbox: {system_calls: […]}}.",
        ),
        (
            "OSError: [Errno 97] Address family not supported by protocol",
            "{sandbox: {address_families: [AF_…]}}.",
        ),
    ],
)
def test_the_key_that_helps(line: str, words: str) -> None:
    told = _app_journal.hints(["Traceback (most recent call last):", *line.splitlines()], HOME)
    assert words in told + " "
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        "FileNotFoundError: [Errno 2] No such file or directory: 'settings.toml'",
        "PermissionError: [Errno 13] Permission denied: '/opt/shop/shared/data.db'",
        "KeyError: 'SECRET_KEY'",
        "ModuleNotFoundError: No module named 'flask_login'",
        "GET /dev/null 404",
        # It is to be executed, and is not executable.
        "sh: line 1: /opt/shop/builds/b/src/worker.sh: Permission denied",
    ],
)
def test_nothing_is_said_where_no_key_helps(line: str) -> None:
    assert _app_journal.hints([line], HOME) == ""


def test_a_thing_that_is_said_twice_is_told_once() -> None:
    line = "OSError: [Errno 30] Read-only file system: 'data.db'"
    assert _app_journal.hints([line, line], HOME).count("\n") == 1
