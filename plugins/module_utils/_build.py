"""Have builds made in systemd units, and take over what they have made.

A build is made by :mod:`_build_program` in a transient unit, as an account that may write to the
build and its own cache alone. When it is done, the unit is stopped: its cgroup ends whatever the
build has left behind. Only then does root take the files over. What is killed in between, at any
line, is finished or begun anew by whoever asks next.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import json
import os
import pwd
import shutil
import stat
import time
from typing import Any, Dict, List, Optional

from ansible_collections.flaskstack.centos.plugins.module_utils import _build_program, _lacking
from ansible_collections.flaskstack.centos.plugins.module_utils._archive import unpack
from ansible_collections.flaskstack.centos.plugins.module_utils._builds import (
    CACHE,
    INBOX,
    RUN,
    account_name,
    cache_of,
    digest,
    is_complete,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    SHOWN_LINES,
    CommandFailed,
    Problem,
    last_lines,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._files import (
    make_directories,
    make_directory,
    read_text,
    remove,
    sync_directory,
    sync_filesystem,
    write,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._lock import locked
from ansible_collections.flaskstack.centos.plugins.module_utils._program import program
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import scrub, shown
from ansible_collections.flaskstack.centos.plugins.module_utils._selinux import label
from ansible_collections.flaskstack.centos.plugins.module_utils._sources import wrong_account
from ansible_collections.flaskstack.centos.plugins.module_utils._systemd import (
    journal,
    show,
    show_all,
    systemctl,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._tools import PATH, account_of

#: All builds together; it stands beside system.slice, so that its weight counts against services.
SLICE = "flaskbuild.slice"
#: Seconds between two looks at it.
POLL = 0.2
#: Seconds that a killed process may need to be gone.
DYING = 5.0
#: Seconds that another process may hold a build's lock: it hands a large tree over.
LOCK_PATIENCE = 300.0
#: Seconds after which what nobody has asked for again is removed: a file that was sent, an
#: unfinished build, a wheelhouse.
HOUR = 3600
DAY = 24 * HOUR
MONTH = 30 * DAY
#: How much of a note of the builder's is read (bytes).
NOTE = 65536
#: How many lines of it are shown: what a tool has said, and what there is to say of that.
NOTE_LINES = SHOWN_LINES + 10

#: What of the request the program gets as it is.
HANDED_ON = (
    "record",
    "extra_requirements",
    "build_commands",
    "env",
    "secret_env",
    "shared_paths",
    "module",
    "precompress",
    "compress",
    "uv",
    "index_url",
    "extra_index_urls",
    "proxy",
    "ca_bundle",
    "known_hosts",
)
#: What the module is asked; :mod:`app_build` describes it.
Request = Dict[str, Any]


def owner() -> "tuple[int, int]":
    """Return whose a finished build is: root's, and in a test whoever runs it."""
    return os.geteuid(), os.getegid()


def unit_of(record: Dict[str, str]) -> str:
    """Return the unit of a build; builds below another root have a mark of it in theirs."""
    unit = "flask-build-{}-{}".format(record["name"], record["build"])
    builds = os.path.dirname(record["path"])
    if builds != "/opt/{}/builds".format(record["name"]):
        unit += "-" + digest(builds, 8)
    return unit + ".service"


# ---- What systemd says of it ----


def state_of(unit: str) -> Dict[str, str]:
    """Return what systemd knows of a build."""
    return show(unit, "ActiveState", "SubState", "Result", "ExecMainStatus", "ControlGroup")


def processes_in(group: str) -> List[str]:
    """Return the numbers of the processes in a control group and those below it."""
    found: List[str] = []
    for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"):
        for directory, _, names in os.walk(top + group) if group not in ("", "/") else ():
            if "cgroup.procs" in names:
                found += read_text(os.path.join(directory, "cgroup.procs")).split()
    return sorted(set(found))


def end(unit: str, group: str) -> None:
    """Stop a unit, and see that nothing of it runs.

    Args:
        unit: its name; systemd need not know it.
        group: its control group, as systemd called it before.

    Raises:
        Problem: something cannot be ended.
    """
    systemctl("stop", unit)
    deadline = time.monotonic() + DYING
    left = processes_in(group)
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = processes_in(group)
    if left:
        raise Problem(
            f"{unit} has left processes that cannot be ended: {', '.join(left)}. Its files stay"
            " unfinished."
        )
    run(["systemctl", "reset-failed", unit], check=False)


# ---- Making one ----


def make(request: Request) -> Dict[str, Any]:
    """Make a build, or wait for the one who does; come back after a while in any case.

    Args:
        request: which, and of what; after ``patience`` seconds the answer is ``pending``, for a
            connection should not be silent for long.

    Raises:
        Problem: there is no build, and nothing is left of it.
    """
    record = request["record"]
    unit = unit_of(record)
    deadline = time.monotonic() + float(request["patience"])
    while True:
        with locked(unit, f"{unit} is locked by another process; run again.", LOCK_PATIENCE):
            answer = advance(request, unit)
        if answer is not None:
            return dict(answer, path=record["path"])
        if time.monotonic() > deadline:
            return {
                "changed": is_ours(request, unit),
                "path": record["path"],
                "pending": True,
                "progress": "{} {}: {}".format(record["name"], record["build"], step_of(unit)),
            }
        time.sleep(POLL)


def advance(request: Request, unit: str) -> Optional[Dict[str, Any]]:
    """Bring a build one step further; return the answer when there is one, None to wait.

    Raises:
        Problem: there is no build, and nothing is left of it.
    """
    record = request["record"]
    if is_complete(record["path"]):
        tidy(request, unit)
        return {"changed": False}
    state = state_of(unit)
    active = state.get("ActiveState", "inactive")
    if active == "active" and state.get("SubState") == "exited":
        told = read_note(f"{RUN}/{unit}/{_build_program.TOLD}").splitlines()
        take_over(request, unit, state)
        return dict({"changed": True}, **({"told": told} if told else {}))
    if active in ("active", "activating", "deactivating", "reloading"):
        return None
    if active == "failed":
        problem = explain(request, unit, state)
        kinds = read_note(f"{RUN}/{unit}/{_build_program.LACKING}").split()
        ours = is_ours(request, unit)
        clean(request, unit, state, keep_sent=not ours)
        if ours:
            lacking = _lacking.absent(_lacking.packages_of(kinds, record["python"]))
            raise Problem(problem, missing_packages=lacking)
        # Somebody else's try, perhaps long ago: this is another.
    begin(request, unit)
    return None


def is_ours(request: Request, unit: str) -> bool:
    """Tell whether this task has begun a build, or another one has."""
    return bool(request["token"]) and notes_of(unit).get("token") == request["token"]


def notes_of(unit: str) -> Dict[str, Any]:
    """Return what was noted when a build was begun; nothing if none was."""
    try:
        found = json.loads(read_text(f"{RUN}/{unit}.json") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def begin(request: Request, unit: str) -> None:
    """Start the unit of a build.

    Raises:
        Problem: it cannot be started; nothing is left of it.
    """
    try:
        account = check(request)
        prepare(request, unit, account)
        start_unit(request, unit)
    except (Problem, OSError):
        clean(request, unit, {})
        raise


def check(request: Request) -> pwd.struct_passwd:
    """Return the account of the builder.

    Raises:
        Problem: it, uv or the interpreter is not there.
    """
    record = request["record"]
    wrong = [wrong_account(request["builder"], record["name"])]
    name = account_name(request["builder"], record["name"])
    account = account_of(name)
    if account is None:
        wrong.append(f"application '{record['name']}': there is no account '{name}' to build it.")
    python = "/usr/bin/python" + record["python"]
    for tool, where in (
        (request["uv"], f"flask_app_uv: '{request['uv']}'"),
        (python, f"application '{record['name']}', python: {python}"),
    ):
        if shutil.which(tool, path=PATH) is None:
            wrong.append(
                where + " does not run on this host; let the python role install it first."
            )
    if any(wrong) or account is None:
        raise Problem("\n".join(filter(None, wrong)))
    return account


def prepare(request: Request, unit: str, account: pwd.struct_passwd) -> None:
    """Make the directories of a build and what its program needs; remove what is left of others.

    Everything that root writes is in directories of root's, or is given away when it is done.
    """
    record, ids = request["record"], (account.pw_uid, account.pw_gid)
    make_directory(RUN, 0o711, owner())
    make_cache(account)
    make_directories(INBOX)
    sweep(record, unit)
    path, work = record["path"], f"{RUN}/{unit}"
    made = []
    for parent in (os.path.dirname(os.path.dirname(path)), os.path.dirname(path)):
        if not os.path.isdir(parent):
            make_directories(parent)
            made.append(parent)
    notes = {"token": request["token"], "made": made, "path": path}
    write(f"{RUN}/{unit}.json", json.dumps(notes).encode("utf-8"), 0o600, owner())
    source = source_of(request, unit, ids)
    wheelhouse = open_wheelhouse(request["wheelhouse"]) if request["wheelhouse"] else ""
    remove(path)
    make_directory(path, 0o755, ids)
    asked = {key: request[key] for key in HANDED_ON}
    asked.update(
        account=account.pw_name,
        cache=cache_of(record["name"]),
        source=source,
        wheelhouse=wheelhouse,
    )
    text = json.dumps(asked).encode("utf-8")
    remove(work)
    os.mkdir(work, 0o700)
    write(f"{work}/{_build_program.REQUEST}", text, 0o400, ids)
    archive = program("_build_program", _build_program.MODULES)
    write(f"{work}/build.pyz", archive, 0o444, owner())
    make_directory(work, 0o700, ids)


def make_cache(account: pwd.struct_passwd) -> None:
    """Make an application's cache: its builder's alone, in a directory of root's."""
    found = os.path.isdir(CACHE) and os.lstat(CACHE).st_uid != os.geteuid()
    make_directories(CACHE)
    make_directory(CACHE, 0o755, owner())
    if found:
        # It was the home of one builder for all: what is in it, any application's build may have
        # written.
        for name in os.listdir(CACHE):
            remove(os.path.join(CACHE, name))
    with contextlib.suppress(FileNotFoundError):
        # An account that was made anew can neither read nor replace what its namesake wrote.
        if os.lstat(account.pw_dir).st_uid != account.pw_uid and os.geteuid() == 0:
            remove(account.pw_dir)
    make_directory(account.pw_dir, 0o700, (account.pw_uid, account.pw_gid))


def source_of(request: Request, unit: str, ids: "tuple[int, int]") -> Dict[str, str]:
    """Return where the program finds the source; a file that was sent becomes the builder's.

    Under a name of this build's, so that whoever sends the same again does not take it away.
    """
    source = request["source"]
    keys = ("git", "key", "package", "checksum", "directory")
    out = {key: source.get(key) or "" for key in keys}
    archive = source.get("archive") or ""
    out["label"] = archive
    if archive and not archive.startswith("/"):
        out["url"] = archive
    elif archive or source.get("path"):
        out["file"] = f"{INBOX}/{unit}.source"
        os.rename(request["file"], out["file"])
        handle = os.open(out["file"], os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fchmod(handle, 0o400)
            os.fchown(handle, *ids)
        finally:
            os.close(handle)
    return out


def open_wheelhouse(found: str) -> str:
    """Unpack a wheelhouse that was sent, unless it is there; return its directory.

    Args:
        found: the digest of its content.

    Raises:
        Problem: it was not sent, or cannot be unpacked.
    """
    home = f"{INBOX}/wheelhouse-{found}"
    with locked(f"flask-wheelhouse-{found[:12]}", "The wheelhouse is locked.", LOCK_PATIENCE):
        if not os.path.isdir(home):
            partial = home + ".partial"
            remove(partial)
            os.mkdir(partial, 0o755)
            try:
                with open(home + ".tar", "rb") as archive:
                    unpack(archive, partial, strip=False)
                sync_filesystem(partial)
                os.rename(partial, home)
            finally:
                remove(partial)
                remove(home + ".tar")
        os.utime(home)
    return home


def sweep(record: Dict[str, str], unit: str) -> None:
    """Remove what nobody will ask for again: of builds that were cut off, and files sent for them.

    Args:
        record: the build that is about to be made.
        unit: its unit.
    """
    noted = [name[: -len(".json")] for name in os.listdir(RUN) if name.endswith(".service.json")]
    known = ("active", "activating", "deactivating", "failed")
    states = show_all(noted)
    running = {name for name in noted if states[name]["ActiveState"] in known} | {unit}
    for name in noted:
        forgotten = is_over(states[name]) and age_of(f"{RUN}/{name}.json") > DAY
        if name == unit or (name in running and not forgotten):
            continue
        # Whoever has the lock is about to start it.
        with contextlib.suppress(Problem), locked(name, "", patience=0):
            running -= {name} if forget(name) else set()
    for name in os.listdir(INBOX):
        path = os.path.join(INBOX, name)
        kept = name.endswith(".source") and name[: -len(".source")] in running
        if age_of(path) > (MONTH if name.startswith("wheelhouse-") else HOUR) and not kept:
            remove(path)
    builds = os.path.dirname(record["path"])
    for name in os.listdir(builds) if os.path.isdir(builds) else ():
        path = os.path.join(builds, name)
        if os.path.islink(path) or not os.path.isdir(path) or is_complete(path):
            continue
        other = unit_of(dict(record, build=name, path=path))
        if other not in running and age_of(path) > DAY:
            remove(path)


def is_over(state: Dict[str, str]) -> bool:
    """Tell whether a build's program has ended, and nobody has taken its build over."""
    return state.get("ActiveState") == "failed" or state.get("SubState") == "exited"


def age_of(path: str) -> float:
    """Return how old a file or directory is, in seconds; 0 if another process has removed it."""
    try:
        return time.time() - os.lstat(path).st_mtime
    except FileNotFoundError:
        return 0.0


def forget(unit: str) -> bool:
    """Remove what is left of a build that nobody asks for, unless it runs.

    The caller has its lock.

    Returns:
        Whether it is removed.

    Raises:
        Problem: something of it cannot be ended.
    """
    # Anew: somebody may have asked for it before the lock was had.
    state = state_of(unit)
    if is_over(state):
        end(unit, state.get("ControlGroup", ""))
        path = notes_of(unit).get("path", "")
        if path and not is_complete(path):
            remove(path)
    elif state.get("ActiveState", "inactive") != "inactive":
        return False
    remove(f"{RUN}/{unit}")
    remove(f"{RUN}/{unit}.json")
    return True


def start_unit(request: Request, unit: str) -> None:
    """Start a build's program in its sandbox. No secret is on its command line.

    Raises:
        CommandFailed: systemd does not start it.
    """
    record = request["record"]
    work = f"{RUN}/{unit}"
    writable = [record["path"], cache_of(record["name"]), work]
    properties = {
        "User": account_name(request["builder"], record["name"]),
        # What it was is to be seen until its files are taken over.
        "RemainAfterExit": "yes",
        "ProtectSystem": "strict",
        "ReadWritePaths": " ".join(f'"{path}"' for path in writable),
        "PrivateTmp": "yes",
        "NoNewPrivileges": "yes",
        "RuntimeMaxSec": str(request["timeout"]),
        "KillMode": "control-group",
        "TimeoutStopSec": "10",
        "UMask": "0022",
    }
    if request["memory_max"]:
        properties["MemoryMax"] = request["memory_max"]
    weight = f"CPUWeight={request['cpu_weight']}"
    run(["systemctl", "set-property", "--runtime", SLICE, weight], check=False)
    command = ["systemd-run", "--quiet", f"--unit={unit}", f"--slice={SLICE}"]
    command.append(f"--description=Build {record['build']} of application {record['name']}")
    command.append("--setenv=LC_ALL=C.UTF-8")
    command += [f"--property={key}={value}" for key, value in properties.items()]
    python = "/usr/bin/python" + record["python"]
    run(command + ["--", python, "-I", f"{work}/build.pyz", work])


# ---- Afterwards ----


def take_over(request: Request, unit: str, state: Dict[str, str]) -> None:
    """Give root what a build's program has made, and say last that it is complete.

    Raises:
        Problem: a process that the build has left cannot be ended.
        OSError: the disk did not take all.
    """
    record = request["record"]
    path = record["path"]
    end(unit, state.get("ControlGroup", ""))
    about = {key: value for key, value in record.items() if key != "path"}
    text = json.dumps(about, indent=4, sort_keys=True) + "\n"
    try:
        hand_over(os.fsencode(path), *owner())
        label(path)
        sync_filesystem(path)
        write(path + "/build.json", text.encode("utf-8"), 0o644, owner())
    except (Problem, OSError):
        # What was built would keep a full disk full.
        clean(request, unit, {})
        raise
    sync_directory(os.path.dirname(path))
    tidy(request, unit)


def hand_over(path: bytes, uid: int, gid: int) -> None:
    """Give a tree to root, from the top down: readable for all, writable for nobody else.

    A directory is root's before it is listed, so that nothing in it can become a link between the
    look at it and the change of it. Links themselves are changed, never their targets.
    """
    os.chown(path, uid, gid, follow_symlinks=False)
    os.chmod(path, (stat.S_IMODE(os.lstat(path).st_mode) & 0o755) | 0o555)
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                hand_over(entry.path, uid, gid)
                continue
            mode = entry.stat(follow_symlinks=False).st_mode
            os.chown(entry.path, uid, gid, follow_symlinks=False)
            if stat.S_ISREG(mode):
                # The application runs what the builder could run.
                run_by_all = 0o111 if mode & 0o100 else 0
                os.chmod(entry.path, (stat.S_IMODE(mode) & 0o755) | 0o444 | run_by_all)


def tidy(request: Request, unit: str) -> None:
    """Remove what a build needed besides."""
    for path in (f"{RUN}/{unit}", f"{INBOX}/{unit}.source", request["file"], f"{RUN}/{unit}.json"):
        if path:
            remove(path)


def clean(request: Request, unit: str, state: Dict[str, str], keep_sent: bool = False) -> None:
    """Remove all that was begun, and what was sent for it.

    Args:
        request: of the build.
        unit: its unit.
        state: what systemd has said of it.
        keep_sent: this request's own file stays: it is about to be used.
    """
    end(unit, state.get("ControlGroup", "")) if state else None
    made = notes_of(unit).get("made", [])
    remove(request["record"]["path"])
    tidy(dict(request, file="") if keep_sent else request, unit)
    for path in reversed(made):
        # Unless another build of the application is in it by now.
        with contextlib.suppress(OSError):
            os.rmdir(path)


def read_note(path: str) -> str:
    """Return what the builder has noted. It may have put anything there instead."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return ""
        return last_lines(scrub(file.read(NOTE).decode("utf-8", "replace")), NOTE_LINES)


def step_of(unit: str) -> str:
    """Return what a build is doing."""
    return read_note(f"{RUN}/{unit}/{_build_program.STEP}") or "begin"


def explain(request: Request, unit: str, state: Dict[str, str]) -> str:
    """Return the sentence about a build that failed."""
    result, status = state.get("Result", ""), state.get("ExecMainStatus", "")
    words = {
        "timeout": f"it took longer than {request['timeout']} seconds (flask_app_build_timeout)",
        "oom-kill": "it needed more memory than there is (flask_app_build_memory_max"
        f" is '{request['memory_max']}')",
        "signal": "its process was killed",
        "core-dump": "its process was killed",
    }
    if result not in words:
        problem = read_note(f"{RUN}/{unit}/{_build_program.PROBLEM}")
        if problem:
            return problem
    log = shown(journal("--unit=" + unit, lines=5))
    said = words.get(result) or f"it ended with status {status} ({result}):\n{log}"
    return _build_program.failure(request["record"], step_of(unit), said)


def ensure(request: Request, check_mode: bool) -> Dict[str, Any]:
    """Return the answer of the module ``app_build``.

    Raises:
        Problem: there is no build.
    """
    path = request["record"]["path"]
    if check_mode:
        missing = not is_complete(path)
        after = f"{path}: {request['record']['source_version']}\n" if missing else ""
        return {"changed": missing, "path": path, "diff": {"before": "", "after": after}}
    try:
        return make(request)
    except CommandFailed as failure:
        raise Problem(shown(str(failure))) from failure
