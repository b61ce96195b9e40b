"""Routers: whose port it is, when one is restarted, and that the former one comes back."""

from __future__ import annotations

import grp
import os
import pwd
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_router,
    _application,
    _files,
    _ports,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from app_host import STEADY, Host

UNIT = "uwsgi-shop-http.service"


def wanted_router(host: Host, port: int, text: str = "new") -> dict[str, Any]:
    """Describe a router."""
    group = grp.getgrgid(os.getgid()).gr_name
    files = [
        {"path": str(path), "text": text, "mode": "0644", "group": group}
        for path in (host.root / "shop/http.ini", host.units_directory / UNIT)
    ]
    health = {"path": "/", "host": "shop.example", "status": [200], "timeout": 1}
    return {
        "name": "shop",
        "kind": "http",
        "ports": [port],
        "files": files,
        "health": health,
        "addresses": ["0.0.0.0"],
        "https": 0,
        "redirect": False,
        "reads": [],
    }


def present(host: Host, wanted: dict[str, Any], check: bool = False) -> dict[str, Any]:
    """Bring a router to what it should be."""
    return _app_router.present(wanted, str(host.root), check)


@pytest.fixture
def web() -> Iterator[int]:
    """Answer HTTP on a port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["Host"] == "shop.example" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the host the account of the application, which is that of the tests."""
    mine = pwd.getpwuid(os.getuid())
    fields = ["shop", "x", mine.pw_uid, mine.pw_gid, "uWSGI application shop", "/", "/"]
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd(fields))


# ---- Comparing ---------------------------------------------------------------------------------


def test_a_port_that_somebody_else_has(host: Host, web: int, account: None) -> None:
    ((_, problem),) = map(dict.values, host.compare(routers=[wanted_router(host, web)])["failures"])
    assert f"application 'shop', http: port {web} is taken on this host by" in problem
    assert f"(process {os.getpid()})" in problem
    # What has it is the router itself.
    host.show(f"MainPID={os.getpid()}\n")
    assert host.compare(routers=[wanted_router(host, web)])["failures"] == []


def test_a_port_whose_holder_root_may_not_see(
    host: Host, web: int, account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container: then it is the router's own, if it runs and the socket is its user's."""
    monkeypatch.setattr(_ports, "holder", lambda _: (0, ""))
    ((_, problem),) = map(dict.values, host.compare(routers=[wanted_router(host, web)])["failures"])
    assert f"port {web} is taken on this host by another process" in problem
    host.show(f"MainPID={os.getpid()}\n")
    assert host.compare(routers=[wanted_router(host, web)])["failures"] == []


def test_a_certificate_that_is_not_there(host: Host, tmp_path: Path) -> None:
    wanted = wanted_router(host, 1) | {"reads": [str(tmp_path / "none.crt")]}
    ((_, problem),) = map(dict.values, host.compare(routers=[wanted])["failures"])
    assert f"there is no file {tmp_path}/none.crt" in problem


@pytest.mark.skipif(os.getuid() != 0, reason="files have to be root's")
def test_when_a_router_is_converged(host: Host, tmp_path: Path) -> None:
    wanted = wanted_router(host, 1)
    wanted["reads"] = [str(tmp_path / "s.crt")]

    def converged() -> bool:
        (router,) = host.compare(routers=[wanted])["routers"]
        assert (router["name"], router["kind"]) == ("shop", "http")
        assert present(host, wanted, check=True)["changed"] == (not router["converged"])
        return bool(router["converged"])

    def started(seconds_ago: float) -> None:
        up = time.monotonic() - seconds_ago
        host.show(f"ActiveState=active\nExecMainStartTimestampMonotonic={int(up * 1e6)}\n")

    for file in wanted["files"]:
        Path(file["path"]).write_text(file["text"])
        Path(file["path"]).chmod(0o644)
    (tmp_path / "s.crt").touch()
    started(0)
    assert not converged()
    host.units(boots=(UNIT,))
    assert converged()
    # The certificate is newer than the router that read it.
    started(100)
    assert not converged()
    old = time.time() - 200
    for path in [*(file["path"] for file in wanted["files"]), *wanted["reads"]]:
        os.utime(path, (old, old))
    assert converged()
    assert not present(host, wanted)["changed"]
    assert not any(call.startswith("restart") for call in host.calls())
    (host.root / "shop/http.ini").write_text("other")
    assert not converged()
    (entry,) = host.compare(routers=[wanted])["diff"]
    assert (entry["before"], entry["after"]) == ("other", "new")
    # And without it in the inventory, it is to go.
    answer = host.compare()
    assert answer["unwanted_routers"] == [{"name": "shop", "kind": "http"}]
    assert answer["changed"]


def test_firewalld_is_asked_for_if_there_are_routers(host: Host) -> None:
    host.show("ActiveState=active\n")
    assert host.compare(routers=[wanted_router(host, 1)])["firewalld"]
    assert not host.compare()["firewalld"]


# ---- Changing ----------------------------------------------------------------------------------


def test_a_router_that_serves_stays(host: Host, web: int) -> None:
    host.show(STEADY)
    answer = present(host, wanted_router(host, web))
    assert (answer["changed"], answer["unit"]) == (True, UNIT)
    assert (host.root / "shop/http.ini").read_text() == "new"
    calls = host.calls()
    assert calls.index("daemon-reload") < calls.index(f"restart {UNIT}")
    for check in (True, False):
        answer = _app_router.absent("shop", "http", str(host.root), check)
        assert answer["changed"]
        assert (host.root / "shop/http.ini").exists() == check
    assert f"disable --now {UNIT}" in host.calls()
    assert not _app_router.absent("shop", "http", str(host.root), False)["changed"]


def test_check_mode_shows_the_files(host: Host, web: int) -> None:
    answer = present(host, wanted_router(host, web), check=True)
    assert answer["changed"]
    assert [entry["after"] for entry in answer["diff"]] == ["new", "new"]
    assert not (host.root / "shop/http.ini").exists()
    assert not any(call.startswith("restart") for call in host.calls())


@pytest.mark.parametrize("before", [b"", b"old", b"caf\xe9"])
def test_a_router_that_does_not_serve_goes_back(
    host: Host, web: int, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    """Fault 3: the former files were not put back where they or the journal were no UTF-8."""
    monkeypatch.setattr(_app_router, "ANSWER_WITHIN", 0.3)
    wanted = wanted_router(host, web)
    # It answers, but not with what is well.
    wanted["health"]["host"] = "other.example"
    paths = [Path(file["path"]) for file in wanted["files"]]
    for path in paths:
        if before:
            path.write_bytes(before)
    host.show(STEADY)
    (host.fake / "journal").write_bytes(b"\xff\xfe\n")
    with pytest.raises(Problem, match=f"port {web} answered 404") as failure:
        present(host, wanted)
    calls = [call for call in host.calls() if not call.startswith("journalctl")]
    if before:
        assert [path.read_bytes() for path in paths] == [before, before]
        assert "The former one is back" in str(failure.value)
        assert calls[-1] == f"restart {UNIT}"
    else:
        assert not any(path.exists() for path in paths)
        assert f"disable --now {UNIT}" in calls
        assert "Nothing served there before" in str(failure.value)
    assert "\ufffd" in str(failure.value)


def test_what_a_killed_run_left_is_not_what_one_goes_back_to(
    host: Host, web: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_app_router, "ANSWER_WITHIN", 0.3)
    wanted = wanted_router(host, web)
    wanted["health"]["host"] = "other.example"
    paths = [Path(file["path"]) for file in wanted["files"]]
    for path in paths:
        path.write_text("old")
    host.show(STEADY)
    with monkeypatch.context() as patch:
        # Killed before it is known whether the new files serve.
        patch.setattr(_app_router, "restart", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            present(host, wanted)
    assert [path.read_text() for path in paths] != ["old", "old"]
    with pytest.raises(Problem, match="The former one is back"):
        present(host, wanted)
    assert [path.read_text() for path in paths] == ["old", "old"]
    assert not list(Path(_application.LOCKS).glob("*.former"))


def test_a_router_whose_start_was_cut_off_is_asked_again(
    host: Host, web: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = wanted_router(host, web)
    host.show(STEADY)
    with monkeypatch.context() as patch:
        patch.setattr(_app_router, "restart", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            present(host, wanted)
    monkeypatch.setattr(_app_router, "started_at", lambda _: time.time() + 60)
    assert not _app_router.is_converged(wanted, [UNIT])
    assert present(host, wanted)["changed"]
    assert _app_router.is_converged(wanted, [UNIT])


def test_the_former_one_is_back_before_anybody_asks_why(
    host: Host, web: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_app_router, "ANSWER_WITHIN", 0.3)
    wanted = wanted_router(host, web)
    wanted["health"]["host"] = "other.example"
    for file in wanted["files"]:
        Path(file["path"]).write_text("old")
    host.show(STEADY)
    with pytest.raises(Problem):
        present(host, wanted)
    calls = host.calls()
    back = len(calls) - 1 - calls[::-1].index(f"restart {UNIT}")
    assert back < host.called("journalctl")


def test_a_router_that_does_not_start_at_boot_goes_back(host: Host, web: int) -> None:
    """As fault 6, for routers."""
    host.show(STEADY)
    host.fail("enable")
    with pytest.raises(Problem, match="the router does not serve, because systemctl enable"):
        present(host, wanted_router(host, web))
    assert not (host.root / "shop/http.ini").exists()


def test_a_full_disk_leaves_the_former_files(
    host: Host, web: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = _files.prepare

    def full(path: str, *rest: Any) -> str:
        if path.endswith(".service"):
            raise OSError(28, "No space left on device", path)
        return prepare(path, *rest)

    wanted = wanted_router(host, web)
    for file in wanted["files"]:
        Path(file["path"]).write_text("old")
    monkeypatch.setattr(_files, "prepare", full)
    with pytest.raises(OSError):
        present(host, wanted)
    assert [Path(file["path"]).read_text() for file in wanted["files"]] == ["old", "old"]
    assert not any(call.startswith("restart") for call in host.calls())


def test_what_cannot_be_put_back_is_told_with_the_reason(
    host: Host, web: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = _files.write

    def full(path: str, *rest: Any) -> None:
        # /run has room.
        if not path.endswith(".former"):
            raise OSError(28, "No space left on device", path)
        real(path, *rest)

    monkeypatch.setattr(_app_router, "ANSWER_WITHIN", 0.3)
    wanted = wanted_router(host, web)
    wanted["health"]["host"] = "other.example"
    for file in wanted["files"]:
        Path(file["path"]).write_text("old")
    host.show(STEADY)
    monkeypatch.setattr(_files, "write", full)
    with pytest.raises(Problem, match=r"answered 404\. The former one cannot be put back: .*full"):
        present(host, wanted)


# ---- Asking ------------------------------------------------------------------------------------


def test_what_is_well(host: Host, web: int) -> None:
    wanted = wanted_router(host, web)
    assert _app_router.ask(wanted, web, 1.0) == ""
    assert _app_router.ask(wanted | {"kind": "tcp"}, web, 1.0) == ""
    # The port that redirects must do so.
    redirecting = wanted | {"https": 443, "redirect": True}
    assert _app_router.ask(redirecting, web, 1.0) == f"port {web} answered 200"
    assert _app_router.ask(redirecting | {"redirect": False}, web, 1.0) == ""
    # A path that http.client does not send as it is.
    wanted["health"]["path"] = "/健康"
    assert _app_router.ask(wanted, web, 1.0) == ""


def test_nobody_answers(host: Host, web: int) -> None:
    wanted = wanted_router(host, web)
    for kind in ("http", "tcp"):
        reason = _app_router.ask(wanted | {"kind": kind}, 1, 1.0)
        assert reason.startswith("port 1: ") and "refused" in reason
    # It speaks no TLS.
    assert _app_router.ask(wanted | {"https": web}, web, 1.0).startswith(f"port {web}: ")
