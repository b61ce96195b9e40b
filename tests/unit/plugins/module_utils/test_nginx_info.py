"""What there is on a host, and what is wrong with what sites refer to."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _nginx_info
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_info import (
    describe_machine,
    describe_nginx,
    describe_running,
    examine,
    fingerprints,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER
from ansible_collections.flaskstack.centos.plugins.module_utils._systemd import show_all
from nginx_host import SHOW, Host


def test_units_in_one_question(nginx: Host) -> None:
    more = SHOW.format("failed").replace("nginx.service", "other.service")
    (nginx.fake / "show").write_text(SHOW.format("active") + "\n" + more)
    answer = show_all(["nginx.service", "alias.service"])
    assert answer["nginx.service"] == {
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "UnitFileState": "enabled",
        "MainPID": "100",
        "NeedDaemonReload": "no",
    }
    assert answer["alias.service"]["ActiveState"] == "failed"
    assert len(nginx.calls("systemctl")) == 1


def test_a_unit_that_systemd_does_not_speak_of_is_not_there(nginx: Host) -> None:
    answer = show_all(["a@.service", "nginx.service"])
    assert answer["a@.service"]["LoadState"] == "not-found"
    assert answer["nginx.service"]["LoadState"] == "loaded"
    assert show_all([]) == {}


def test_nginx_describes_itself(nginx: Host) -> None:
    modules = nginx.directory / "lib modules"
    for path in (modules / "ngx_mail.so", nginx.directory / "share/mod-http-brotli.conf"):
        path.parent.mkdir()
        path.touch()
    (nginx.fake / "version").write_text(
        "nginx version: nginx/1.22.1 (Ubuntu)\nbuilt with OpenSSL 3.0.2\nTLS SNI support enabled\n"
        f"configure arguments: --prefix=/usr --modules-path='{modules}' --with-cc-opt='-O2 -g'\n"
    )
    assert describe_nginx() == {
        "version": "1.22.1",
        "arguments": ["--prefix=/usr", f"--modules-path={modules}", "--with-cc-opt=-O2 -g"],
        "modules": ["mod-http-brotli.conf", "ngx_mail.so"],
    }
    (nginx.fake / "version").write_text(
        "nginx version: openresty/1.25.3.1\nconfigure arguments: 'a"
    )
    answer = describe_nginx()
    assert answer
    assert (answer["version"], answer["arguments"]) == ("1.25.3.1", ["'a"])


def test_a_host_without_nginx(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whether or not the machine that tests has one.
    monkeypatch.setenv("PATH", str(nginx.fake))
    (nginx.fake / "nginx").unlink()
    assert describe_nginx() is None


def test_the_machine(nginx: Host) -> None:
    answer = describe_machine(["net.core.somaxconn", "net.none"])
    assert (answer["ipv6"], answer["memory"]) == (False, 0)
    assert answer["cores"] == os.cpu_count()
    assert 0 < answer["open_files"] <= 524288
    for name, text in (
        ("net/if_inet6", "00 lo\n"),
        ("net/dev", "Inter-| Receive\n face |bytes\n    lo: 1 2\n ens3:9 8\n"),
        ("meminfo", "MemFree: 1 kB\nMemTotal:    2048 kB\n"),
        ("sys/net/core/somaxconn", "4096\t5\n"),
    ):
        (nginx.proc / name).parent.mkdir(parents=True, exist_ok=True)
        (nginx.proc / name).write_text(text)
    answer = describe_machine(["net.core.somaxconn", "net.none"])
    assert (answer["ipv6"], answer["memory"]) == (True, 2048 * 1024)
    assert answer["interfaces"] == ["ens3", "lo"]
    assert answer["sysctls"] == {"net.core.somaxconn": "4096 5", "net.none": None}
    (nginx.proc / "net/if_inet6").write_text("")
    assert not describe_machine([])["ipv6"]


def test_the_files_that_are_there(nginx: Host) -> None:
    nginx.put("tls/shop.key", "key", 0o600)
    nginx.put("conf.d/other.conf", f"# mine\n# {HEADER}")
    nginx.put("conf.d/notes.txt", HEADER)
    nginx.put("conf.d/.x.conf.flaskstack-new", HEADER)
    (nginx.root / "conf.d/link.conf").symlink_to("shop.conf")
    (nginx.root / "pages").mkdir()
    files = fingerprints(nginx.tree.files())
    names = {"nginx.conf", "conf.d/shop.conf", "conf.d/other.conf", "tls/shop.key"}
    assert set(files) == names
    assert files["tls/shop.key"] == {"sha256": hashlib.sha256(b"key").hexdigest(), "mode": "0600"}
    assert list(nginx.tree.owned()) == ["conf.d/shop.conf"]
    assert not nginx.tree.journal()
    paths = {path: path for path in (str(nginx.root / "nginx.conf"), "/no/such", "/etc/passwd/x")}
    assert list(fingerprints(paths)) == [str(nginx.root / "nginx.conf")]


def test_a_bare_host(nginx: Host) -> None:
    nginx.root = nginx.directory / "none"
    assert (nginx.tree.files(), nginx.tree.owned(), examine(nginx.tree)) == ({}, {}, ([], {}))


def test_whose_a_site_is(nginx: Host) -> None:
    nginx.put("conf.d/a.conf", f"# {HEADER}\n# Owner: the shop's playbook\n")
    nginx.put("conf.d/b.conf", f"# {HEADER}\n# Ownership: x\n")
    nginx.put("conf.d/c.conf", f"# {HEADER}\nserver {{}}\n# Owner: not here\n")
    nginx.put("conf.d/d.conf", f"# {HEADER}")
    nginx.put("conf.d/e.conf", "# mine\n# Owner: me\n")
    nginx.put("conf.d/f.conf", "")
    assert nginx.tree.owned() == {
        "conf.d/a.conf": "the shop's playbook",
        "conf.d/b.conf": "",
        "conf.d/c.conf": "",
        "conf.d/d.conf": "",
        "conf.d/shop.conf": "",
    }


def test_directories_and_host_names(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(name: str, _: None) -> list[Any]:
        if name == "slow":
            time.sleep(1)
        if name != "app-1":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return []

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    monkeypatch.setattr(_nginx_info, "LOOKUP", 0.2)
    began = time.monotonic()
    problems, _ = examine(
        nginx.tree,
        directories=[
            {"site": "a", "key": "directory", "path": str(nginx.root)},
            {"site": "a", "key": "directory", "path": "/no/such"},
            {"site": "b", "key": "directory", "path": str(nginx.root / "nginx.conf")},
        ],
        hosts=[
            {"site": "x", "key": "http.servers", "name": name}
            for name in ("app-1", "app-9", "slow")
        ],
    )
    assert time.monotonic() - began < 0.9
    assert problems[0] == {
        "site": "a",
        "key": "directory",
        "text": "site 'a', directory: /no/such does not exist on the host; create it or correct"
        " the path.",
    }
    assert problems[1]["text"].endswith("nginx.conf is a file, not a directory; correct the path.")
    assert problems[2]["text"] == (
        "site 'x', http.servers: the host name 'app-9' does not resolve on this host; correct it,"
        " or make it known in DNS or /etc/hosts (Name or service not known)."
    )
    assert "'slow'" in problems[3]["text"] and "no answer within" in problems[3]["text"]
    assert len(problems) == 4


def test_a_name_that_is_none_does_not_resolve(nginx: Host) -> None:
    hosts = [{"site": "x", "key": "k", "name": "a" * 70 + ".example"}]
    (problem,) = examine(nginx.tree, hosts=hosts)[0]
    assert "does not resolve" in problem["text"]


# ---- the nginx that runs ----


def test_rules_of_firewalld(nginx: Host) -> None:
    nginx.command(
        "firewall-cmd",
        """#!/bin/sh
echo "$*" >> "$FAKE/firewall-cmd.calls"
echo 'rule b'
[ "$1" = --permanent ] && echo 'rule a'
exit 0
""",
    )
    assert _nginx_info.list_rules({"firewalld.service": {"ActiveState": "inactive"}}) == []
    assert _nginx_info.list_rules({}) == [] and not nginx.calls("firewall-cmd")
    found = _nginx_info.list_rules({"firewalld.service": {"ActiveState": "active"}})
    assert found == ["rule a", "rule b"]


def test_whose_a_file_of_another_program_is(nginx: Host) -> None:
    path = nginx.directory / "keepalived.conf"
    assert _nginx_info.owner_of(str(path), HEADER) is None
    for text, owner in (
        ("", None),
        (f"x\n# {HEADER}\n", None),
        (f"# {HEADER}\n", ""),
        (f"# {HEADER}\n# Owner: ours\nglobal_defs\n", "ours"),
    ):
        path.write_text(text)
        assert _nginx_info.owner_of(str(path), HEADER) == owner


def row(state: str, inode: int) -> str:
    """Give a socket as /proc/net/tcp has it."""
    unread = "00000000:00000000 00:00000000 00000000"
    return f"   1: 0100007F:0050 0100007F:C350 {state} {unread}   995        0 {inode} 1\n"


#: nginx listens, and has one connection that is closing. Somebody else has another one.
TCP = "  sl  local_address rem_address   st\n" + row("0A", 71) + row("08", 72) + row("01", 99)


@pytest.fixture
def started(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Give a host under SELinux whose nginx was started with few files, and serves nothing."""
    monkeypatch.setattr(_nginx_info, "SELINUX", str(nginx.directory / "selinux"))
    monkeypatch.setattr(_nginx_info, "most_files", lambda: 524288)
    (nginx.directory / "selinux/booleans").mkdir(parents=True)
    (nginx.directory / "selinux/enforce").write_text("1")
    (nginx.directory / "selinux/booleans/httpd_setrlimit").write_text("0 0")
    limits(nginx, "1024                 262144               files")
    for number in (71, 72, 73):
        (nginx.proc / "201/fd").mkdir(exist_ok=True)
        (nginx.proc / f"201/fd/{number}").symlink_to(f"socket:[{number}]")
    (nginx.proc / "net").mkdir()
    (nginx.proc / "net/tcp").write_text(TCP)
    rpm(nginx, "")
    return nginx


def limits(nginx: Host, files: str) -> None:
    """Say what the main process was started with."""
    (nginx.proc / "100").mkdir(exist_ok=True)
    (nginx.proc / "100/limits").write_text(
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        f"Max open files            {files}     \n"
    )


def rpm(nginx: Host, says: str) -> None:
    """Say what differs from the packages."""
    nginx.command("rpm", f"#!/bin/sh\necho \"$*\" >> $FAKE/rpm.calls\nprintf '{says}'\n")


FEW = {"open_files": 262144, "may_raise": False, "serves": False}


def test_an_nginx_that_nobody_would_miss(started: Host) -> None:
    assert describe_running(started.tree, 100) == FEW
    files = f"{started.root}/conf.d/shop.conf {started.root}/nginx.conf"
    assert started.calls("rpm") == [f"--verify --nomtime --file {files}"]
    assert describe_running(started.tree, 0) is None
    # It has ended since.
    assert describe_running(started.tree, 4242) is None


@pytest.mark.parametrize(
    "says",
    ["S.5....T.  c {}/nginx.conf", "file {}/conf.d/shop.conf is not owned by any package"],
)
def test_an_nginx_with_sites_serves(started: Host, says: str) -> None:
    rpm(started, says.format(started.root))
    assert describe_running(started.tree, 100) == FEW | {"serves": True}


@pytest.mark.parametrize("name", ["tcp", "tcp6"])
def test_an_nginx_with_connections_serves(started: Host, name: str) -> None:
    (started.proc / "net" / name).write_text(TCP + row("01", 73))
    assert describe_running(started.tree, 100) == FEW | {"serves": True}


def test_what_cannot_be_found_out_serves(started: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (started.fake / "rpm").unlink()
    monkeypatch.setenv("PATH", str(started.fake))
    assert describe_running(started.tree, 100) == FEW | {"serves": True}


def test_an_nginx_that_needs_no_restart_is_not_looked_at(started: Host) -> None:
    boolean = started.directory / "selinux/booleans/httpd_setrlimit"
    boolean.write_text("1 1")
    found = describe_running(started.tree, 100)
    assert found == {"open_files": 262144, "may_raise": True, "serves": True}
    boolean.write_text("0 0")
    limits(started, "1024                 524288               files")
    found = describe_running(started.tree, 100)
    assert found == {"open_files": 524288, "may_raise": False, "serves": True}
    limits(started, "unlimited            unlimited            files")
    assert (describe_running(started.tree, 100) or {})["open_files"] == 524288
    (started.directory / "selinux/enforce").unlink()
    assert (describe_running(started.tree, 100) or {})["may_raise"] is True
    assert started.calls("rpm") == []
