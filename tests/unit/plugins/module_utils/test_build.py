"""Builds from root's side: units that are begun, joined, taken over and cleaned up."""

from __future__ import annotations

import errno
import json
import os
import pwd
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _build, _lock, _sources
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import Result
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils import units

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
UNIT = "flask-build-shop-abc.service"


class Systemd:
    """Knows units and what becomes of them; runs nothing."""

    def __init__(self) -> None:
        self.units: dict[str, dict[str, str]] = {}
        self.begun: list[list[str]] = []
        self.stopped: list[str] = []
        #: What a program that begins leaves as its unit's state, at once.
        self.work: Any = None

    def run(self, command: list[str], **options: Any) -> Result:
        """Stand in for systemd-run and systemctl."""
        if command[0] == "systemd-run":
            unit = next(word[7:] for word in command if word.startswith("--unit="))
            if unit in self.units:
                raise CommandFailed(command, 1, f"Unit {unit} was already loaded.")
            self.begun.append(command)
            self.units[unit] = {"ActiveState": "active", "SubState": "running"}
            if self.work:
                self.units[unit] |= self.work(Path(command[-1]))
        return Result(0, "", "")

    def systemctl(self, *words: str) -> str:
        """Stop a unit."""
        assert words[0] == "stop", words
        self.stopped.append(words[1])
        self.units.pop(words[1], None)
        return ""

    def show(self, unit: str, *_: str) -> dict[str, str]:
        """Tell a unit's state."""
        return {"ActiveState": "inactive", "SubState": "dead"} | self.units.get(unit, {})

    def show_all(self, units: list[str]) -> dict[str, dict[str, str]]:
        """Tell the states of several."""
        return {unit: self.show(unit) for unit in units}


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """Give a systemd, and keep all directories in the test's own."""
    fake = Systemd()
    for name in ("run", "systemctl", "show", "show_all"):
        monkeypatch.setattr(_build, name, getattr(fake, name))
    monkeypatch.setattr(_build, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(_build, "CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_build, "INBOX", str(tmp_path / "inbox"))
    monkeypatch.setattr(_build, "journal", lambda *_, **__: "the journal's words")
    monkeypatch.setattr(_build, "POLL", 0.01)
    locked = _lock.locked
    monkeypatch.setattr(
        _build,
        "locked",
        lambda *given, **more: locked(*given, directory=str(tmp_path / "locks"), **more),
    )
    me = pwd.getpwuid(os.geteuid())
    home = str(tmp_path / "cache/shop")
    account = pwd.struct_passwd(
        ("flaskbuild-shop", "x", me.pw_uid or 4711, me.pw_gid or 4711, "", home, "/sbin/nologin")
    )
    for module in (_build, _sources):
        monkeypatch.setattr(module, "cache_of", lambda app: str(tmp_path / "cache" / app))
        monkeypatch.setattr(module, "account_of", {"flaskbuild-shop": account}.get)
    monkeypatch.setattr(_build.shutil, "which", lambda tool, path=None: tool)
    return fake


def order(tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Make a request for a build."""
    return {
        "token": "1",
        "patience": 0.4,
        "record": {
            "name": "shop",
            "build": "abc",
            "path": str(tmp_path / "opt/shop/builds/abc"),
            "python": PYTHON,
            "source": "shop==1",
            "source_version": "1",
            "commit": "",
            "requirements": "",
        },
        "source": {"package": "shop==1"},
        "file": None,
        "extra_requirements": [],
        "build_commands": [],
        "env": {},
        "secret_env": {},
        "shared_paths": [],
        "module": "",
        "precompress": [],
        "compress": True,
        "builder": "flaskbuild",
        "uv": "uv",
        "wheelhouse": "",
        "timeout": 60,
        "memory_max": "",
        "cpu_weight": 50,
        "index_url": "https://me:secret@h/simple",
        "extra_index_urls": [],
        "proxy": "",
        "ca_bundle": "/ca.pem",
        "known_hosts": "",
    } | more


@pytest.fixture(autouse=True)
def same_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call the unit as below /opt."""
    monkeypatch.setattr(
        _build, "unit_of", lambda record: f"flask-build-shop-{record['build']}.service"
    )


def succeed(work: Path) -> dict[str, str]:
    """Do what a program that works does."""
    request = json.loads((work / "request.json").read_text())
    (work / "request.json").unlink()
    path = Path(request["record"]["path"])
    (path / "src").mkdir()
    (path / "src/run").write_text("x")
    (path / "src/run").chmod(0o700)
    (path / "src/private.py").write_text("x")
    (path / "src/private.py").chmod(0o600)
    (path / "src").chmod(0o700)
    return {"SubState": "exited", "Result": "success"}


def fail(work: Path) -> dict[str, str]:
    """Do what one that fails does."""
    (work / "step").write_text("install the requirements")
    (work / "problem").write_text("application 'shop': build abc failed at https://me:pw@h/\n")
    return {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "1"}


def make(tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Ask for a build, with little patience."""
    return _build.make(order(tmp_path, **more))


def left(tmp_path: Path) -> list[str]:
    """List what is left besides builds."""
    return [path.name for name in ("run", "inbox") for path in (tmp_path / name).glob("*")]


# ---- A build ----


def test_build_is_made_once(tmp_path: Path, systemd: Systemd) -> None:
    systemd.work = succeed
    path = tmp_path / "opt/shop/builds/abc"
    assert make(tmp_path) == {"changed": True, "path": str(path)}
    assert make(tmp_path) == {"changed": False, "path": str(path)}
    assert make(tmp_path, token="2") == {"changed": False, "path": str(path)}
    assert len(systemd.begun) == 1
    # Stopped before root took the files.
    assert systemd.stopped == [UNIT]
    record = json.loads((path / "build.json").read_text())
    assert record == {
        key: value for key, value in order(tmp_path)["record"].items() if key != "path"
    }
    assert left(tmp_path) == []


def test_what_is_to_be_told_of_a_build(tmp_path: Path, systemd: Systemd) -> None:
    def work(directory: Path) -> dict[str, str]:
        (directory / "told").write_text("requirements: poetry.lock\n")
        return succeed(directory)

    systemd.work = work
    assert make(tmp_path)["told"] == ["requirements: poetry.lock"]


def test_what_was_lacking_is_told_with_the_failure(
    tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(directory: Path) -> dict[str, str]:
        (directory / "lacking").write_text("c\nevil")
        return fail(directory)

    def absent(packages: list[str]) -> list[str]:
        return [name for name in packages if name == "gcc"]

    monkeypatch.setattr(_build._lacking, "absent", absent)
    systemd.work = work
    with pytest.raises(Problem) as caught:
        make(tmp_path)
    assert caught.value.details == {"missing_packages": ["gcc"]}


def test_application_can_read_what_was_built(tmp_path: Path, systemd: Systemd) -> None:
    """Installers and commands leave files for their owner alone; the application is another."""
    systemd.work = succeed
    make(tmp_path)
    path = tmp_path / "opt/shop/builds/abc"
    modes = {name: (path / name).stat().st_mode & 0o7777 for name in ("src", "src/run")}
    assert modes == {"src": 0o755, "src/run": 0o755}
    assert (path / "src/private.py").stat().st_mode & 0o7777 == 0o644
    for found in (path, *path.rglob("*")):
        assert found.stat().st_uid == os.geteuid()


def test_rights_of_their_own_are_taken(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "d").mkdir(parents=True)
    for name, mode in (("setuid", 0o4711), ("writable", 0o666), ("odd", 0o020)):
        (tree / name).touch()
        (tree / name).chmod(mode)
    (tree / "d").chmod(0o3777)
    (tmp_path / "outside").touch(0o600)
    (tree / "link").symlink_to(tmp_path / "outside")
    _build.hand_over(os.fsencode(tree), os.geteuid(), os.getegid())
    found = {path.name: path.lstat().st_mode & 0o7777 for path in tree.iterdir()}
    assert (found["setuid"], found["writable"], found["odd"]) == (0o755, 0o644, 0o444)
    assert found["d"] == 0o755
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o600


def test_failed_build_leaves_nothing(tmp_path: Path, systemd: Systemd) -> None:
    systemd.work = fail
    with pytest.raises(Problem) as caught:
        make(tmp_path)
    assert str(caught.value) == "application 'shop': build abc failed at https://***@h/"
    # Not even the directories that it has made.
    assert not (tmp_path / "opt/shop").exists()
    assert left(tmp_path) == []
    # The next one has another try.
    systemd.work = succeed
    assert make(tmp_path, token="2")["changed"] is True


def test_directories_that_were_there_stay(tmp_path: Path, systemd: Systemd) -> None:
    (tmp_path / "opt/shop").mkdir(parents=True)
    systemd.work = fail
    with pytest.raises(Problem):
        make(tmp_path)
    assert [*(tmp_path / "opt").iterdir()] == [tmp_path / "opt/shop"]
    assert [*(tmp_path / "opt/shop").iterdir()] == []


def test_failure_of_another_run_is_no_answer(tmp_path: Path, systemd: Systemd) -> None:
    """Its connection broke, its build failed since: who comes next tries anew."""
    assert make(tmp_path)["pending"] is True
    systemd.units[UNIT] |= {"ActiveState": "failed", "Result": "exit-code"}
    systemd.work = succeed
    assert make(tmp_path, token="2")["changed"] is True


def test_long_build_is_asked_for_again(tmp_path: Path, systemd: Systemd) -> None:
    systemd.work = lambda work: (work / "step").write_text("run 'make'") and {}
    running = {
        "changed": True,
        "path": str(tmp_path / "opt/shop/builds/abc"),
        "pending": True,
        "progress": "shop abc: run 'make'",
    }
    assert make(tmp_path) == running
    # Another one waits for the same build.
    assert make(tmp_path, token="2") == running | {"changed": False}
    assert len(systemd.begun) == 1
    succeed_late(tmp_path, systemd)
    assert make(tmp_path, token="2")["changed"] is True
    assert make(tmp_path) == {"changed": False, "path": running["path"]}


def succeed_late(tmp_path: Path, systemd: Systemd) -> None:
    """Let the program that runs come to its end."""
    systemd.units[UNIT] |= succeed(tmp_path / "run" / UNIT)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ("timeout", "it took longer than 60 seconds (flask_app_build_timeout)"),
        ("oom-kill", "more memory than there is (flask_app_build_memory_max is '1G')"),
        ("signal", "its process was killed"),
        ("exit-code", "it ended with status 226 (exit-code):\nthe journal's words"),
    ],
)
def test_what_systemd_has_ended(tmp_path: Path, systemd: Systemd, result: str, says: str) -> None:
    make(tmp_path, memory_max="1G")
    (tmp_path / "run" / UNIT / "step").write_text("run 'make'")
    state = {"ActiveState": "failed", "Result": result, "ExecMainStatus": "226"}
    systemd.units[UNIT] |= state
    with pytest.raises(Problem) as caught:
        make(tmp_path, memory_max="1G")
    assert str(caught.value).startswith(
        "application 'shop': build abc failed at \"run 'make'\": it"
    )
    assert says in str(caught.value)
    assert not (tmp_path / "opt/shop").exists()


def test_unit_that_systemd_does_not_start(
    tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(command: list[str], **_: Any) -> Result:
        if command[0] == "systemd-run":
            raise CommandFailed(command, 1, "Failed to connect to bus")
        return Result(0, "", "")

    monkeypatch.setattr(_build, "run", refuse)
    with pytest.raises(Problem, match="Failed to connect to bus"):
        _build.ensure(order(tmp_path), check_mode=False)
    assert not (tmp_path / "opt/shop").exists()
    assert left(tmp_path) == []


def test_every_systemd_knows_what_a_build_is_started_with(tmp_path: Path, systemd: Systemd) -> None:
    _build.ensure(order(tmp_path), check_mode=False)
    (command,) = systemd.begun
    properties = {word[11:].split("=")[0] for word in command if word.startswith("--property=")}
    assert properties and properties <= units.EVERYWHERE
    options = {word.split("=")[0] for word in command[: command.index("--")] if word[:2] == "--"}
    # Of systemd 239: setenv and description are older, collect is of 236.
    known = {"--quiet", "--unit", "--slice", "--description", "--setenv", "--property"}
    assert options == known


# ---- Killed in between ----


@pytest.mark.parametrize("moment", ["begun", "stopped", "handed over"])
def test_whoever_was_killed_is_followed_by_another(
    tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    class Killed(BaseException):
        """What kill -9 does, as far as a test can."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    systemd.work = succeed
    with monkeypatch.context() as patch:
        name = {"begun": "start_unit", "stopped": "hand_over", "handed over": "sync_filesystem"}
        patch.setattr(_build, name[moment], die)
        with pytest.raises(Killed):
            make(tmp_path)
    path = tmp_path / "opt/shop/builds/abc"
    assert path.exists()
    assert not (path / "build.json").exists()
    assert make(tmp_path, token="2")["changed"] is True
    assert (path / "src/run").exists()
    assert left(tmp_path) == []


def test_unit_that_is_done_is_taken_over_by_whoever_comes(tmp_path: Path, systemd: Systemd) -> None:
    make(tmp_path)
    succeed_late(tmp_path, systemd)
    assert make(tmp_path, token="2")["changed"] is True
    assert len(systemd.begun) == 1


# ---- What a build may reach ----


def test_sandbox(tmp_path: Path, systemd: Systemd) -> None:
    make(tmp_path, memory_max="2G")
    (command,) = systemd.begun
    properties = dict(
        word[len("--property=") :].split("=", 1) for word in command if "--property=" in word
    )
    path, cache, work = (
        f"{tmp_path}/{name}" for name in ("opt/shop/builds/abc", "cache/shop", f"run/{UNIT}")
    )
    assert properties == {
        "User": "flaskbuild-shop",
        "RemainAfterExit": "yes",
        "ProtectSystem": "strict",
        "ReadWritePaths": f'"{path}" "{cache}" "{work}"',
        "PrivateTmp": "yes",
        "NoNewPrivileges": "yes",
        "RuntimeMaxSec": "60",
        "KillMode": "control-group",
        "TimeoutStopSec": "10",
        "UMask": "0022",
        "MemoryMax": "2G",
    }
    assert "--slice=flaskbuild.slice" in command
    assert command[-4:] == [f"/usr/bin/python{PYTHON}", "-I", f"{work}/build.pyz", work]


def test_passwords_are_in_the_request_alone(tmp_path: Path, systemd: Systemd) -> None:
    make(tmp_path, source={"git": "https://me:token@h/x", "key": "PRIVATE KEY"})
    text = json.dumps(systemd.begun)
    assert not [word for word in ("secret", "token", "PRIVATE") if word in text]
    work = tmp_path / "run" / UNIT
    assert work.stat().st_mode & 0o777 == 0o700
    assert (work / "request.json").stat().st_mode & 0o777 == 0o400
    told = json.loads((work / "request.json").read_text())
    assert told["source"]["key"] == "PRIVATE KEY"
    assert told["cache"] == str(tmp_path / "cache/shop")
    assert "secret" not in (tmp_path / "run" / f"{UNIT}.json").read_text()
    if os.geteuid() == 0:
        assert {(work / name).stat().st_uid for name in (".", "request.json")} == {4711}


def test_note_of_the_builder_is_never_a_link(tmp_path: Path) -> None:
    """Root reads it: a link in its place would show what it leads to."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "step").symlink_to(tmp_path / "secret")
    assert _build.read_note(str(tmp_path / "step")) == ""
    os.mkfifo(tmp_path / "problem")
    assert _build.read_note(str(tmp_path / "problem")) == ""
    (tmp_path / "large").write_bytes(b"x\xff" * 100_000)
    assert len(_build.read_note(str(tmp_path / "large"))) <= _build.NOTE


def test_processes_that_a_build_left_are_gone_before_root_owns_its_files(
    tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that keeps a file open for writing could change code that is root's by then."""
    systemd.work = succeed
    group = ["4711"]
    monkeypatch.setattr(_build, "processes_in", lambda name: list(group))
    monkeypatch.setattr(_build, "DYING", 0.1)
    handed: list[int] = []
    monkeypatch.setattr(_build, "hand_over", lambda *_: handed.append(len(group)))
    with pytest.raises(Problem, match="processes that cannot be ended: 4711"):
        make(tmp_path)
    assert handed == []
    assert not (tmp_path / "opt/shop/builds/abc/build.json").exists()
    group.clear()
    # As long as a busy machine takes.
    make(tmp_path, token="2", patience=20)
    assert handed == [0]


def test_processes_of_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.walk
    monkeypatch.setattr(
        _build.os, "walk", lambda path: real(path.replace("/sys/fs/cgroup", str(tmp_path)))
    )
    (tmp_path / "flask.slice/x.service/sub").mkdir(parents=True)
    (tmp_path / "flask.slice/x.service/cgroup.procs").write_text("1\n2\n")
    (tmp_path / "flask.slice/x.service/sub/cgroup.procs").write_text("3\n")
    assert _build.processes_in("/flask.slice/x.service") == ["1", "2", "3"]
    # Of a unit that has none any more, not those of the whole host.
    assert _build.processes_in("") == _build.processes_in("/") == []


# ---- What is sent, and what is left of others ----


def test_source_that_was_sent_becomes_the_builders(tmp_path: Path, systemd: Systemd) -> None:
    (tmp_path / "inbox").mkdir()
    sent = tmp_path / "inbox/shop-abc"
    sent.write_text("tar")
    given = {"source": {"path": "/srv/shop"}, "file": str(sent)}
    make(tmp_path, **given)
    taken = tmp_path / "inbox" / f"{UNIT}.source"
    assert not sent.exists()
    assert taken.stat().st_mode & 0o777 == 0o400
    told = json.loads((tmp_path / "run" / UNIT / "request.json").read_text())
    assert told["source"]["file"] == str(taken)
    # Whoever sends the same again, and joins, does not take it away.
    sent.write_text("tar")
    make(tmp_path, token="2", **given)
    assert taken.exists()
    succeed_late(tmp_path, systemd)
    make(tmp_path, **given)
    assert left(tmp_path) == []


def test_failed_build_does_not_keep_its_source(tmp_path: Path, systemd: Systemd) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/shop-abc").write_text("tar")
    systemd.work = fail
    with pytest.raises(Problem):
        make(tmp_path, source={"path": "/srv"}, file=str(tmp_path / "inbox/shop-abc"))
    assert left(tmp_path) == []


def age(path: Path, seconds: float) -> None:
    """Make a path older."""
    os.utime(path, (time.time() - seconds,) * 2)


def test_what_was_cut_off_is_removed_by_a_later_run(tmp_path: Path, systemd: Systemd) -> None:
    inbox, run, builds = tmp_path / "inbox", tmp_path / "run", tmp_path / "opt/shop/builds"
    for path in (inbox, run, builds / "old", builds / "new", builds / "whole"):
        path.mkdir(parents=True)
    (builds / "whole/build.json").touch()
    for name in ("links-123", ".ansible_tmpx", "other-456", "flask-build-x.service.source"):
        (inbox / name).touch()
        age(inbox / name, 2 * _build.HOUR)
    (inbox / "fresh-789").touch()
    for name in ("wheelhouse-used", "wheelhouse-unused"):
        (inbox / name).mkdir()
        age(inbox / name, _build.DAY if name.endswith("-used") else 2 * _build.MONTH)
    # One that was killed before systemd knew of it, with its secrets; and one that runs.
    for name in ("flask-build-dead.service", "flask-build-x.service"):
        (run / name).mkdir()
        (run / f"{name}.json").write_text("{}")
    systemd.units["flask-build-x.service"] = {"ActiveState": "active", "SubState": "running"}
    age(builds / "old", 2 * _build.DAY)
    age(builds / "whole", 2 * _build.DAY)
    make(tmp_path)
    assert sorted(path.name for path in inbox.iterdir()) == [
        "flask-build-x.service.source",
        "fresh-789",
        "wheelhouse-used",
    ]
    assert sorted(path.name for path in builds.iterdir()) == ["abc", "new", "whole"]
    assert sorted(path.name for path in run.iterdir() if path.is_dir()) == [
        UNIT,
        "flask-build-x.service",
    ]


def test_cache_of_one_builder_for_all_is_emptied(tmp_path: Path, systemd: Systemd) -> None:
    """Any application's build may have written what is in it."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    (tmp_path / "cache/uv").mkdir(parents=True)
    (tmp_path / "cache/known_hosts").touch()
    shutil.chown(tmp_path / "cache", 4242, 4242)
    make(tmp_path)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["shop"]
    assert (tmp_path / "cache").stat().st_uid == 0
    found = (tmp_path / "cache/shop").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (4711, 0o700)
    (tmp_path / "cache/shop/uv").mkdir()
    systemd.units.clear()
    make(tmp_path)
    assert (tmp_path / "cache/shop/uv").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"uv": "/nowhere/uv"}, "flask_app_uv: '/nowhere/uv' does not run on this host"),
        (
            {"python": "3.99"},
            "application 'shop', python: /usr/bin/python3.99 does not run on this",
        ),
        ({"name": "other"}, "there is no account 'flaskbuild-other'"),
    ],
)
def test_tools_and_account_that_are_missing(
    tmp_path: Path,
    systemd: Systemd,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, str],
    says: str,
) -> None:
    monkeypatch.setattr(
        _build.shutil,
        "which",
        lambda tool, path=None: None if "nowhere" in tool or "3.99" in tool else tool,
    )
    request = order(tmp_path)
    if "uv" in more:
        request |= more
    else:
        request["record"] |= more
    with pytest.raises(Problem) as caught:
        _build.make(request)
    assert says in str(caught.value)
    assert systemd.begun == []
    assert not (tmp_path / "opt").exists()


def test_check_mode_asks_and_changes_nothing(tmp_path: Path, systemd: Systemd) -> None:
    path = tmp_path / "opt/shop/builds/abc"
    assert _build.ensure(order(tmp_path), check_mode=True) == {
        "changed": True,
        "path": str(path),
        "diff": {"before": "", "after": f"{path}: 1\n"},
    }
    assert [*tmp_path.iterdir()] == []
    path.mkdir(parents=True)
    (path / "build.json").touch()
    assert _build.ensure(order(tmp_path), check_mode=True)["changed"] is False
    assert systemd.begun == []


def test_units_of_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    record = {"name": "shop", "build": "abc", "path": "/opt/shop/builds/abc"}
    assert _build.unit_of(record) == UNIT
    other = _build.unit_of(record | {"path": "/srv/shop/builds/abc"})
    assert other.startswith("flask-build-shop-abc-")
    assert other != UNIT


@pytest.mark.parametrize("step", ["sync_filesystem", "write"])
def test_full_disk_at_the_end_leaves_nothing(
    tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """What was built would keep it full."""
    real = getattr(_build, step)

    def full(path: str, *rest: Any) -> None:
        if "/builds/" in path:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        real(path, *rest)

    systemd.work = succeed
    monkeypatch.setattr(_build, step, full)
    with pytest.raises(OSError, match="No space left"):
        make(tmp_path)
    assert not (tmp_path / "opt/shop").exists()
    assert left(tmp_path) == []


@pytest.mark.parametrize("state", [{"SubState": "exited"}, {"ActiveState": "failed"}])
def test_build_that_nobody_has_asked_for_again_goes_after_a_day(
    tmp_path: Path, systemd: Systemd, state: dict[str, str]
) -> None:
    """Its unit, and all that it has made, stayed until the next boot."""
    assert make(tmp_path)["pending"] is True
    systemd.units[UNIT] |= state
    record = order(tmp_path)["record"]
    other = record | {"build": "def", "path": str(tmp_path / "opt/shop/builds/def")}
    systemd.work = succeed
    for age, there in ((0, True), (2 * _build.DAY, False)):
        then = time.time() - age
        for path in (tmp_path / "run" / f"{UNIT}.json", tmp_path / "opt/shop/builds/abc"):
            os.utime(path, (then, then))
        assert make(tmp_path, record=other, token="2")["changed"] is True
        assert (UNIT in systemd.units) == there
        assert (tmp_path / "opt/shop/builds/abc").exists() == there
        shutil.rmtree(tmp_path / "opt/shop/builds/def")
    assert left(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="files have to be another's")
def test_cache_of_an_account_that_was_made_anew_is_emptied(
    tmp_path: Path, systemd: Systemd
) -> None:
    """It has another number by now: what the former one wrote, it may neither read nor replace."""
    cache = tmp_path / "cache/shop"
    for uid, kept in ((4712, False), (4711, True)):
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        (cache / "uv").mkdir()
        os.chown(cache, uid, uid)
        _build.make_cache(_build.account_of("flaskbuild-shop"))
        assert (cache / "uv").exists() is kept
        if kept:
            assert cache.stat().st_uid == (os.getuid() or 4711)
