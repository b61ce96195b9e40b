"""The script that acts on a host for the nginx role, with an nginx and a systemctl that pretend.

What it does with the real ones is for the scenario nginx. openssl is the machine's own.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from templar import ROOT

SCRIPT = ROOT / "roles/nginx/files/host.py"
HEADER = "Managed by Ansible (flaskstack.centos, role nginx): changes made here are lost."
DAY = 86400

#: Refuses a file of the tree with the word `bad`, and warns of one with the word `warned`.
NGINX = """#!/bin/sh
echo "$*" >> "$FAKE/nginx.calls"
if [ "$1" = -V ]; then cat "$FAKE/version" >&2; exit 0; fi
[ "$1 $2 $3" = "-t -q -c" ] || exit 9
directory=${4%/*}
echo "$directory" > "$FAKE/stage"
find "$directory" -printf '%m ./%P\\n' > "$FAKE/stage.files"
[ ! -e "$FAKE/sleep" ] || sleep "$(cat "$FAKE/sleep")"
grep -rlwE 'warned|bad' "$directory" | sort | while read -r found; do
    if grep -qw warned "$found"; then
        echo "nginx: [warn] something in $found:1" >&2
    else
        echo "nginx: [emerg] unknown directive \\"bad\\" in $found:1" >&2
        echo "nginx: configuration file $4 test failed" >&2
        exit 1
    fi
done
"""

#: Shows canned properties; a reload does what the file `reload` says.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$FAKE/systemctl.calls"
case "$1" in
show) cat "$FAKE/show" ;;
reload) . "$FAKE/reload" ;;
esac
"""

SHOW = """Id=nginx.service
LoadState=loaded
ActiveState={}
UnitFileState=enabled
MainPID=100
NeedDaemonReload=no
"""

#: What a reload does: the old worker goes on with what it has, a new one comes.
TAKES_OVER = """
mkdir -p "$PROC/202"
echo "202 (nginx) S 100 1 1" > "$PROC/202/stat"
printf 'nginx: worker process' > "$PROC/202/cmdline"
printf 'nginx: worker process is shutting down' > "$PROC/201/cmdline"
"""
TAKEN = "2026/01/02 03:04:05 [emerg] 100#100: bind() to 0.0.0.0:81 failed ({}: {})"


class Host:
    """A directory that stands for a host, and the script that acts on it."""

    def __init__(
        self, script: ModuleType, directory: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.script, self.directory, self.capsys = script, directory, capsys
        self.root = directory / "etc/nginx"
        self.backup = directory / "run/flaskstack-nginx"
        self.fake = directory / "fake"
        self.proc = directory / "proc"
        self.log = directory / "error.log"
        self.cache = directory / "cache"

    def put(self, relative: str, text: str, mode: int = 0o644) -> Path:
        """Put a file in the tree."""
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def request(self, action: str, **request: Any) -> dict[str, Any]:
        """Return a request with the places of this host."""
        return {
            "action": action,
            "root": str(self.root),
            "backup": str(self.backup),
            "proc": str(self.proc),
            "error_log": str(self.log),
            "cache_root": str(self.cache),
            "modules": str(self.directory / "share"),
            "selinux": str(self.directory / "enforce"),
            "header": HEADER,
        } | request

    def ask(self, action: str, **request: Any) -> dict[str, Any]:
        """Run an action that has to succeed."""
        code = self.script.main(json.dumps(self.request(action, **request)))
        said = self.capsys.readouterr()
        assert code == 0, said.err
        return json.loads(said.out)

    def fail(self, action: str, **request: Any) -> tuple[str, dict[str, Any]]:
        """Run an action that has to fail; return its sentence, and its answer if any."""
        code = self.script.main(json.dumps(self.request(action, **request)))
        said = self.capsys.readouterr()
        assert code == 1
        assert "Traceback" not in said.err
        return said.err.strip(), json.loads(said.out or "{}")

    def write(self, *remove: str, **texts: str) -> dict[str, Any]:
        """Write sites by name, remove others by path."""
        return self.ask("write", files=sites(**texts), remove=list(remove))

    def tree(self) -> dict[str, tuple[str, str]]:
        """Return path -> mode and content of all that is in the tree but directories."""
        return {
            str(path.relative_to(self.root)): (
                ("link", os.readlink(path))
                if path.is_symlink()
                else (f"{path.stat().st_mode & 0o7777:o}", path.read_text(encoding="utf-8"))
            )
            for path in sorted(self.root.rglob("*"))
            if path.is_symlink() or not path.is_dir()
        }

    def calls(self, program: str) -> list[str]:
        """Return what a program was called with."""
        path = self.fake / f"{program}.calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def state(self) -> str:
        """Return the state of the backup."""
        path = self.backup / "journal"
        return json.loads(path.read_text())["state"] if path.exists() else ""

    def left(self) -> set[str]:
        """Return what lies beside the backup."""
        return set(os.listdir(self.backup.parent)) - {"flaskstack-nginx.lock"}


def sites(**texts: str) -> dict[str, dict[str, str]]:
    return {f"conf.d/{name}.conf": {"text": text, "mode": "0644"} for name, text in texts.items()}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nginx_host", SCRIPT)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


@pytest.fixture
def host(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Host:
    monkeypatch.setattr(script, "POLL", 0.005)
    monkeypatch.setattr(script, "PATIENCE", 5.0)
    monkeypatch.setattr(script, "SBIN", "")
    host = Host(script, tmp_path, capsys)
    host.fake.mkdir()
    for name, text in (("nginx", NGINX), ("systemctl", SYSTEMCTL)):
        (host.fake / name).write_text(text, encoding="utf-8")
        (host.fake / name).chmod(0o755)
    (host.fake / "show").write_text(SHOW.format("active"))
    (host.fake / "reload").write_text(TAKES_OVER)
    monkeypatch.setenv("PATH", f"{host.fake}:/usr/bin:/bin")
    for name, path in (("FAKE", host.fake), ("PROC", host.proc), ("LOG", host.log)):
        monkeypatch.setenv(name, str(path))
    worker(host, 201, "nginx: worker process")
    worker(host, 203, "nginx: cache manager process")
    host.put("nginx.conf", "old main")
    host.put("conf.d/shop.conf", f"# {HEADER}\nold shop")
    host.put("mime.types", "types")
    return host


def worker(host: Host, pid: int, title: str, parent: int = 100) -> None:
    (host.proc / str(pid)).mkdir(parents=True, exist_ok=True)
    (host.proc / str(pid) / "stat").write_text(f"{pid} (a ) b) S {parent} 1 1\n")
    (host.proc / str(pid) / "cmdline").write_text(title)


# ---- What is there -------------------------------------------------------------------------


def test_units_in_one_question(host: Host) -> None:
    more = SHOW.format("failed").replace("nginx.service", "other.service")
    (host.fake / "show").write_text(SHOW.format("active") + "\n" + more)
    answer = host.ask("inspect", units=["nginx.service", "alias.service"])["units"]
    assert answer["nginx.service"] == {
        "LoadState": "loaded",
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "MainPID": "100",
        "NeedDaemonReload": "no",
    }
    assert answer["alias.service"]["ActiveState"] == "failed"
    assert len(host.calls("systemctl")) == 1


def test_a_unit_that_systemd_does_not_speak_of_is_not_there(host: Host) -> None:
    answer = host.ask("inspect", units=["a@.service", "nginx.service"])["units"]
    assert answer["a@.service"]["LoadState"] == "not-found"
    assert answer["nginx.service"]["LoadState"] == "loaded"
    assert host.ask("inspect")["units"] == {}


def test_nginx_describes_itself(host: Host) -> None:
    modules = host.directory / "lib modules"
    for path in (modules / "ngx_mail.so", host.directory / "share/mod-http-brotli.conf"):
        path.parent.mkdir()
        path.touch()
    (host.fake / "version").write_text(
        "nginx version: nginx/1.22.1 (Ubuntu)\nbuilt with OpenSSL 3.0.2\nTLS SNI support enabled\n"
        f"configure arguments: --prefix=/usr --modules-path='{modules}' --with-cc-opt='-O2 -g'\n"
    )
    assert host.ask("inspect")["nginx"] == {
        "version": "1.22.1",
        "arguments": ["--prefix=/usr", f"--modules-path={modules}", "--with-cc-opt=-O2 -g"],
        "modules": ["mod-http-brotli.conf", "ngx_mail.so"],
    }
    (host.fake / "version").write_text("nginx version: openresty/1.25.3.1\nconfigure arguments: 'a")
    answer = host.ask("inspect")["nginx"]
    assert (answer["version"], answer["arguments"]) == ("1.25.3.1", ["'a"])
    (host.fake / "nginx").unlink()
    assert host.ask("inspect")["nginx"] is None


def test_the_machine(host: Host) -> None:
    answer = host.ask("inspect", sysctls=["net.core.somaxconn", "net.none"])
    assert (answer["ipv6"], answer["memory"]) == (False, 0)
    assert answer["cores"] == os.cpu_count()
    for name, text in (
        ("net/if_inet6", "00 lo\n"),
        ("meminfo", "MemFree: 1 kB\nMemTotal:    2048 kB\n"),
        ("sys/net/core/somaxconn", "4096\t5\n"),
    ):
        (host.proc / name).parent.mkdir(parents=True, exist_ok=True)
        (host.proc / name).write_text(text)
    answer = host.ask("inspect", sysctls=["net.core.somaxconn", "net.none"])
    assert (answer["ipv6"], answer["memory"]) == (True, 2048 * 1024)
    assert answer["sysctls"] == {"net.core.somaxconn": "4096 5", "net.none": None}
    (host.proc / "net/if_inet6").write_text("")
    assert not host.ask("inspect")["ipv6"]


def test_the_files_that_are_there(host: Host) -> None:
    host.put("tls/shop.key", "key", 0o600)
    host.put("conf.d/other.conf", f"# mine\n# {HEADER}")
    host.put("conf.d/notes.txt", HEADER)
    host.put("conf.d/.x.conf.flaskstack-new", HEADER)
    (host.root / "conf.d/link.conf").symlink_to("shop.conf")
    (host.root / "pages").mkdir()
    answer = host.ask("inspect")
    names = {"nginx.conf", "conf.d/shop.conf", "conf.d/other.conf", "tls/shop.key"}
    assert set(answer["files"]) == names
    assert answer["files"]["tls/shop.key"] == {
        "sha256": hashlib.sha256(b"key").hexdigest(),
        "mode": "0600",
    }
    assert answer["owned"] == ["conf.d/shop.conf"]
    assert not answer["pending"]


def test_a_bare_host(host: Host) -> None:
    host.root = host.directory / "none"
    answer = host.ask("inspect")
    assert (answer["files"], answer["owned"], answer["problems"]) == ({}, [], [])


# ---- Checks --------------------------------------------------------------------------------


def test_directories_and_host_names(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(name: str, _: None) -> list[Any]:
        if name == "slow":
            time.sleep(1)
        if name != "app-1":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return []

    monkeypatch.setattr(host.script.socket, "getaddrinfo", answer)
    monkeypatch.setattr(host.script, "LOOKUP", 0.2)
    began = time.monotonic()
    problems = host.ask(
        "check",
        directories=[
            {"site": "a", "key": "directory", "path": str(host.root)},
            {"site": "a", "key": "directory", "path": "/no/such"},
            {"site": "b", "key": "directory", "path": str(host.root / "nginx.conf")},
        ],
        hosts=[
            {"site": "x", "key": "http.servers", "name": name}
            for name in ("app-1", "app-9", "slow")
        ],
    )["problems"]
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


def test_a_name_that_is_none_does_not_resolve(host: Host) -> None:
    hosts = [{"site": "x", "key": "k", "name": "a" * 70 + ".example"}]
    (problem,) = host.ask("check", hosts=hosts)["problems"]
    assert "does not resolve" in problem["text"]


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates that somebody else made, of an authority of its own."""
    directory = tmp_path_factory.mktemp("pem")

    def openssl(arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments.split()], cwd=directory, check=True, capture_output=True
        )

    for name in ("ca", "leaf", "other"):
        openssl(f"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.k")
    openssl("req -x509 -new -key ca.k -subj /CN=ca -days 9 -out ca.c")
    openssl("req -new -key leaf.k -subj /CN=DNS:no.example -out leaf.r")
    (directory / "names").write_text("subjectAltName=DNS:Shop.example,DNS:*.shop.example,IP:::1\n")
    for days in (60, 20, 3):
        sign = f"x509 -req -in leaf.r -CA ca.c -CAkey ca.k -set_serial 1 -days {days}"
        openssl(f"{sign} -extfile names -out leaf{days}.c")
    openssl("pkey -in leaf.k -aes128 -passout pass:x -out locked.k")
    openssl("x509 -in leaf60.c -outform DER -out der.c")
    (directory / "garbage.c").write_text("-----BEGIN CERTIFICATE-----\nx\n")
    (directory / "garbage.k").write_text("-----BEGIN PRIVATE KEY-----\nx\n")
    return directory


def item(pem: Path, kind: str, certificate: str, key: str, *names: str) -> dict[str, Any]:
    return {
        "site": "shop",
        "kind": kind,
        "certificate": str(pem / certificate),
        "key": str(pem / key),
        "names": list(names),
        "key_names": ["tls.certificate", "tls.key"],
    }


@pytest.mark.parametrize(
    ("certificate", "key", "name", "text"),
    [
        ("leaf60.c", "leaf.k", "", ""),
        ("no.c", "leaf.k", "certificate", "no.c does not exist on the host; put the certificate"),
        ("leaf60.c", "no.k", "key", "no.k does not exist on the host; put the private key"),
        ("leaf60.c/x", "leaf.k", "certificate", "leaf60.c/x does not exist"),
        ("", "leaf.k", "certificate", "cannot be read (Is a directory)."),
        ("leaf.k", "leaf.k", "certificate", "leaf.k holds no certificate in PEM format."),
        ("der.c", "leaf.k", "certificate", "der.c holds no certificate in PEM format."),
        ("garbage.c", "leaf.k", "certificate", "holds no certificate that openssl can read."),
        ("leaf60.c", "garbage.k", "key", "holds no private key that openssl can read."),
        ("leaf60.c", "leaf60.c", "key", "holds no private key in PEM format."),
        ("leaf60.c", "locked.k", "key", "locked.k is encrypted, and nobody types its passphrase"),
        ("leaf60.c", "other.k", "key", "other.k does not belong to the certificate "),
    ],
)
def test_what_is_wrong_with_a_certificate(
    host: Host, pem: Path, certificate: str, key: str, name: str, text: str
) -> None:
    problems = host.ask("check", certificates=[item(pem, "files", certificate, key)])["problems"]
    if not name:
        assert problems == []
        return
    (problem,) = problems
    assert (problem["site"], problem["key"]) == ("shop", f"tls.{name}")
    assert problem["text"].startswith(f"site 'shop', tls.{name}: ")
    assert text in problem["text"]


def test_both_files_of_a_certificate_are_missing(host: Host, pem: Path) -> None:
    wanted = item(pem, "files", "no.c", "no.k")
    keys = [found["key"] for found in host.ask("check", certificates=[wanted])["problems"]]
    assert keys == ["tls.certificate", "tls.key"]
    wanted["kind"] = "acme"
    answer = host.ask("inspect", certificates=[wanted])
    assert answer["problems"] == []
    assert answer["certificates"]["shop"] == {
        "state": "missing",
        "expires": None,
        "names": [],
        "self_signed": False,
    }


@pytest.mark.parametrize(
    ("kind", "certificate", "key", "names", "state"),
    [
        ("acme", "leaf60.c", "leaf.k", ["shop.example", "www.SHOP.example", "0:0::1"], "ok"),
        ("acme", "leaf60.c", "leaf.k", ["*.shop.example"], "ok"),
        ("acme", "leaf60.c", "leaf.k", ["a.b.shop.example"], "wrong_names"),
        ("acme", "leaf60.c", "leaf.k", ["no.example"], "wrong_names"),
        ("acme", "leaf60.c", "leaf.k", ["shop.example", "other.example"], "wrong_names"),
        ("acme", "leaf60.c", "other.k", ["shop.example"], "mismatch"),
        ("acme", "garbage.c", "leaf.k", [], "unreadable"),
        ("acme", "ca.c", "ca.k", [], "placeholder"),
        ("self_signed", "ca.c", "ca.k", [], "expiring"),
        ("self_signed", "leaf20.c", "leaf.k", [], "expiring"),
        ("self_signed", "leaf60.c", "leaf.k", [], "ok"),
        ("acme", "leaf20.c", "leaf.k", [], "ok"),
        ("acme", "leaf3.c", "leaf.k", [], "expiring"),
        ("files", "leaf3.c", "leaf.k", [], "ok"),
        ("files", "leaf60.c", "other.k", [], "mismatch"),
    ],
)
def test_the_state_of_a_certificate(
    host: Host, pem: Path, kind: str, certificate: str, key: str, names: list[str], state: str
) -> None:
    wanted = item(pem, kind, certificate, key, *names)
    assert host.ask("inspect", certificates=[wanted])["certificates"]["shop"]["state"] == state


def test_what_a_certificate_says(host: Host, pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = host.ask("inspect", certificates=[item(pem, "files", "leaf60.c", "leaf.k")])
    about = answer["certificates"]["shop"]
    assert abs(about["expires"] - time.time() - 60 * DAY) < 600
    assert about["names"] == ["Shop.example", "*.shop.example", "0:0:0:0:0:0:0:1"]
    assert not about["self_signed"]
    now = time.time()
    monkeypatch.setattr(host.script.time, "time", lambda: now + 61 * DAY)
    answer = host.ask("inspect", certificates=[item(pem, "files", "leaf60.c", "leaf.k", "no")])
    assert answer["certificates"]["shop"]["state"] == "expired"
    assert answer["problems"] == []


# ---- Writing -------------------------------------------------------------------------------


def test_a_change(host: Host) -> None:
    host.put("conf.d/gone.conf", "gone")
    (host.root / "modules").symlink_to("../../usr/lib")
    files = sites(shop="new", same="same") | {
        "tls/deep/x.key": {"text": "é", "mode": "0600"},
        "pages/x.html": {"text": "page", "mode": "0644"},
    }
    host.put("conf.d/same.conf", "same")
    before = (host.root / "conf.d/same.conf").stat().st_ino
    answer = host.ask("write", files=files, remove=["conf.d/gone.conf", "conf.d/never.conf"])
    assert answer == {
        "written": ["conf.d/shop.conf", "tls/deep/x.key", "pages/x.html"],
        "removed": ["conf.d/gone.conf"],
        "warnings": [],
    }
    assert host.tree() == {
        "conf.d/same.conf": ("644", "same"),
        "conf.d/shop.conf": ("644", "new"),
        "mime.types": ("644", "types"),
        "modules": ("link", "../../usr/lib"),
        "nginx.conf": ("644", "old main"),
        "pages/x.html": ("644", "page"),
        "tls/deep/x.key": ("600", "é"),
    }
    assert (host.root / "conf.d/same.conf").stat().st_ino == before
    modes = [(host.root / name).stat().st_mode & 0o777 for name in ("tls", "pages")]
    assert modes == [0o700, 0o755]
    # It was tested where only root can look, as deep as the real one, and nothing is left of that.
    stage = Path((host.fake / "stage").read_text().strip())
    assert stage.parent == host.backup.parent
    tested = (host.fake / "stage.files").read_text().split()
    assert tested[:2] == ["700", "./"]
    assert {"./mime.types", "./modules", "./tls/deep/x.key"} <= set(tested)
    assert "./conf.d/gone.conf" not in tested
    assert host.left() == {"flaskstack-nginx"}
    assert host.backup.stat().st_mode & 0o777 == 0o700
    answer = host.ask("inspect")
    assert answer["pending"]
    assert answer["files"]["conf.d/shop.conf"]["sha256"] == hashlib.sha256(b"new").hexdigest()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_owner_alone_is_a_difference(host: Host) -> None:
    path = host.put("conf.d/shop.conf", "new")
    os.chown(path, 1, 2)
    assert host.write(shop="new")["written"] == ["conf.d/shop.conf"]
    assert (path.stat().st_uid, path.stat().st_gid) == (0, 0)
    (host.fake / "reload").write_text("exit 1\n")
    host.fail("reload", wait=0)
    assert (path.stat().st_uid, path.stat().st_gid) == (1, 2)


def test_a_mode_alone_is_a_difference(host: Host) -> None:
    host.put("conf.d/shop.conf", "new", 0o600)
    assert host.write(shop="new")["written"] == ["conf.d/shop.conf"]
    assert host.tree()["conf.d/shop.conf"] == ("644", "new")


def test_nothing_to_write_is_tested_and_no_change(host: Host) -> None:
    answer = host.ask("write", files={"nginx.conf": {"text": "old main", "mode": "0644"}})
    assert answer == {"written": [], "removed": [], "warnings": []}
    assert len(host.calls("nginx")) == 1
    assert not host.ask("inspect")["pending"]


def test_a_refusal_touches_nothing(host: Host) -> None:
    host.put("conf.d/other.conf", "warned")
    before = host.tree()
    files = sites(shop="new", wiki="bad")
    said, answer = host.fail("write", files=files, remove=["mime.types"])
    assert answer["site"] == "wiki"
    assert answer["problem"].splitlines() == [
        f"nginx: [warn] something in {host.root}/conf.d/other.conf:1",
        f'nginx: [emerg] unknown directive "bad" in {host.root}/conf.d/wiki.conf:1',
    ]
    assert said == answer["problem"]
    assert host.tree() == before
    assert host.left() == set()


def test_a_refusal_of_what_is_no_site(host: Host) -> None:
    files = {"nginx.conf": {"text": "bad", "mode": "0644"}}
    assert host.fail("write", files=files)[1]["site"] is None


def test_warnings_are_told(host: Host) -> None:
    (warning,) = host.write(shop="warned")["warnings"]
    assert warning == f"nginx: [warn] something in {host.root}/conf.d/shop.conf:1"


def test_a_linked_directory_is_not_written_through_by_the_test(host: Host) -> None:
    elsewhere = host.directory / "elsewhere"
    (host.root / "conf.d").rename(elsewhere)
    (host.root / "conf.d").symlink_to(elsewhere)
    host.fail("write", files=sites(shop="bad"))
    assert "old shop" in (elsewhere / "shop.conf").read_text()
    host.write(shop="new")
    assert (elsewhere / "shop.conf").read_text() == "new"
    assert (host.root / "conf.d").is_symlink()


def test_a_linked_file_is_replaced_and_comes_back_as_a_link(host: Host) -> None:
    target = host.put("real", "real")
    (host.root / "conf.d/shop.conf").unlink()
    (host.root / "conf.d/shop.conf").symlink_to("../real")
    before = host.tree()
    host.write(shop="new")
    assert target.read_text() == "real"
    (host.fake / "reload").write_text("exit 1\n")
    host.fail("reload", wait=0)
    assert host.tree() == before


def test_what_is_no_file_is_left_out_of_the_test(host: Host) -> None:
    os.mkfifo(host.root / "pipe")
    host.write(shop="new")
    assert "./pipe" not in (host.fake / "stage.files").read_text().split()


@pytest.mark.parametrize("path", ["/etc/x", "../x", "conf.d/../../x", "conf.d//x", ".", ".x", ""])
def test_a_path_that_leads_elsewhere_is_refused(host: Host, path: str) -> None:
    said, _ = host.fail("write", files={path: {"text": "", "mode": "0644"}})
    assert said == f"'{path}' is no path below {host.root}."
    said, _ = host.fail("write", remove=[path])
    assert said == f"'{path}' is no path below {host.root}."


def test_a_directory_in_the_way_is_refused(host: Host) -> None:
    said, _ = host.fail("write", files={"conf.d": {"text": "", "mode": "0644"}})
    assert said == f"{host.root}/conf.d is a directory, where a file is to be; move it away."
    assert "is a directory" in host.fail("write", remove=["conf.d"])[0]


def test_a_key_is_tried_with_its_certificate(host: Host, pem: Path) -> None:
    def pair(key: str) -> dict[str, Any]:
        text = {"c": (pem / "leaf60.c").read_text(), "k": (pem / key).read_text()}
        return {
            "files": {
                "tls/shop.crt": {"text": text["c"], "mode": "0644"},
                "tls/shop.key": {"text": text["k"], "mode": "0600"},
            },
            "pairs": [
                {
                    "site": "shop",
                    "certificate": "tls/shop.crt",
                    "key": f"{host.root}/tls/shop.key",
                    "key_names": ["tls.certificate_text", "tls.key_text"],
                }
            ],
        }

    before = host.tree()
    said, answer = host.fail("write", **pair("other.k"))
    assert answer["problem"] == said
    assert said == (
        f"site 'shop', tls.key_text: {host.root}/tls/shop.key does not belong to the"
        f" certificate {host.root}/tls/shop.crt; give the two that do."
    )
    assert answer["site"] == "shop"
    assert host.tree() == before
    assert host.ask("write", **pair("leaf.k"))["written"] == ["tls/shop.crt", "tls/shop.key"]


def test_labels_where_selinux_is(host: Host) -> None:
    (host.fake / "restorecon").write_text('#!/bin/sh\necho "$*" >> "$FAKE/restorecon.calls"\n')
    (host.fake / "restorecon").chmod(0o755)
    host.write(shop="new")
    assert host.calls("restorecon") == []
    (host.directory / "enforce").touch()
    host.write("mime.types", shop="newer")
    assert host.calls("restorecon") == [f"{host.root}/conf.d/shop.conf"]
    (host.fake / "restorecon").unlink()
    host.write(shop="newest")


# ---- Death at any moment -------------------------------------------------------------------


class Killed(BaseException):
    """What nothing catches."""


def kill(
    host: Host, monkeypatch: pytest.MonkeyPatch, place: str, calls: int, **request: Any
) -> None:
    """Write, and die at the nth call of a function without a chance to clear up."""
    with monkeypatch.context() as patch:
        module, name = (os, place) if hasattr(os, place) else (host.script, place)
        original, counter = getattr(module, name), iter(range(1, 99))

        def dies(*arguments: Any, **keywords: Any) -> Any:
            if next(counter) == calls:
                raise Killed
            return original(*arguments, **keywords)

        # The one that puts back is dead too.
        def restore(_: Any) -> None:
            raise Killed

        patch.setattr(module, name, dies)
        patch.setattr(host.script.Tree, "restore", restore)
        patch.setattr(host.script.Tree, "settle", lambda *_: None)
        with pytest.raises(Killed):
            host.script.main(json.dumps(host.request("write", **request)))
    host.capsys.readouterr()


CHANGE = {
    "files": sites(a="new a", shop="new shop") | {"tls/k": {"text": "k", "mode": "0600"}},
    "remove": ["mime.types"],
}


def places() -> list[tuple[str, int, str]]:
    """Each place of a write where a process may die: function, its nth call, state after it."""
    # Renames and preparations: first of the test (3), then of the journal (1), then of the tree.
    return [
        ("ask_nginx", 1, ""),
        ("make_parents", 4, ""),
        ("make_parents", 7, ""),
        ("prepare", 4, ""),
        ("rename", 4, ""),
        ("prepare", 5, "writing"),
        ("prepare", 6, "writing"),
        ("prepare", 7, "writing"),
        ("rename", 5, "writing"),
        ("rename", 6, "writing"),
        ("rename", 7, "writing"),
        ("rename", 8, "writing"),
    ]


@pytest.mark.parametrize(("place", "calls", "state"), places())
@pytest.mark.parametrize("action", ["reload", "write"])
def test_a_write_that_was_killed_is_undone(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    calls: int,
    state: str,
    action: str,
) -> None:
    before = host.tree()
    kill(host, monkeypatch, place, calls, **CHANGE)
    assert host.state() == state
    answer = host.ask("inspect")
    # Of what is to come next: all of it, whichever of the files are new already.
    assert answer["pending"] == bool(state)
    assert set(answer["files"]) == {"nginx.conf", "conf.d/shop.conf"}
    old = f"# {HEADER}\nold shop".encode()
    assert answer["files"]["conf.d/shop.conf"]["sha256"] == hashlib.sha256(old).hexdigest()
    assert answer["owned"] == ["conf.d/shop.conf"]
    if action == "reload":
        assert host.ask("reload", wait=5) == {"reloaded": True}
        assert host.tree() == before
        assert host.left() == set()
    else:
        assert host.ask("write", **CHANGE)["written"] == list(CHANGE["files"])
        assert "mime.types" not in host.tree()
        assert host.state() == "written"
        (host.fake / "reload").write_text("exit 1\n")
        host.fail("reload", wait=0)
        assert host.tree() == before


@pytest.mark.parametrize(
    ("place", "calls", "state"),
    [("make_parents", 3, "written"), ("rename", 3, "written"), ("rename", 4, "writing")],
)
def test_a_second_write_that_was_killed(
    host: Host, monkeypatch: pytest.MonkeyPatch, place: str, calls: int, state: str
) -> None:
    before = host.tree()
    host.write(shop="second", a="a")
    second = host.tree()
    files = sites(shop="third", b="b")
    kill(host, monkeypatch, place, calls, files=files)
    assert host.state() == state
    if state == "written":
        assert host.tree() == second
    else:
        # Back to what nginx runs with, not to what it never took over.
        assert set(host.ask("inspect")["files"]) == {"nginx.conf", "conf.d/shop.conf"}
        host.ask("write")
        assert host.tree() == before
        assert host.state() == ""
    host.write(shop="third", b="b")
    (host.fake / "reload").write_text("exit 1\n")
    host.fail("reload", wait=0)
    assert host.tree() == before


def test_the_backup_is_of_what_nginx_runs_with(host: Host) -> None:
    before = host.tree()
    host.write(shop="second", a="a")
    host.put("conf.d/mine.conf", "mine")
    host.write("conf.d/a.conf", "mime.types", shop="third", b="b")
    (host.fake / "reload").write_text("exit 1\n")
    host.fail("reload", wait=0)
    # What others changed meanwhile is theirs.
    assert host.tree() == before | {"conf.d/mine.conf": ("644", "mine")}
    assert not host.ask("inspect")["pending"]


def test_going_back_that_was_killed_is_gone_on_with(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = host.tree()
    host.ask("write", **CHANGE)
    (host.fake / "reload").write_text("exit 1\n")
    original = os.rename

    def rename(source: str, target: str) -> None:
        if target.endswith("shop.conf"):
            raise Killed
        original(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        with pytest.raises(Killed):
            host.script.main(json.dumps(host.request("reload", wait=0)))
    assert host.tree() != before
    assert host.state() == "writing"
    (host.fake / "reload").write_text(TAKES_OVER)
    host.ask("reload", wait=5)
    assert host.tree() == before


def test_a_copy_of_a_process_that_was_killed_is_none(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.write(shop="second")
    # Dies after the copy, before the journal knows of it: then the file changes once more.
    kill(host, monkeypatch, "rename", 2, files={"mime.types": {"text": "x", "mode": "0644"}})
    (host.root / "mime.types").unlink()
    host.ask("write", files={"mime.types": {"text": "x", "mode": "0644"}})
    (host.fake / "reload").write_text("exit 1\n")
    host.fail("reload", wait=0)
    assert "mime.types" not in host.tree()


def test_a_backup_that_is_not_complete_goes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    kill(host, monkeypatch, "rename", 4, **CHANGE)
    assert host.left() == {"flaskstack-nginx"}
    host.ask("write")
    assert host.left() == set()


@pytest.mark.parametrize(("place", "calls"), [("prepare", 6), ("rename", 6), ("unlink", 0)])
def test_a_failure_half_way_puts_everything_back(
    host: Host, monkeypatch: pytest.MonkeyPatch, place: str, calls: int
) -> None:
    before = host.tree()
    module = os if hasattr(os, place) else host.script
    original, counter = getattr(module, place), iter(range(1, 999))

    def fails(*arguments: Any, **keywords: Any) -> Any:
        if calls == next(counter) or (not calls and arguments[0] == f"{host.root}/mime.types"):
            raise OSError(28, "No space left on device", "/etc/x")
        return original(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(module, place, fails)
        said, _ = host.fail("write", **CHANGE)
    assert said == "/etc/x: the disk is full."
    assert host.tree() == before
    assert host.left() == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(host: Host, number: int) -> None:
    (host.fake / "sleep").write_text("0.4")
    before = host.tree()
    request = json.dumps(json.dumps(host.request("write", files=sites(shop="new"))))
    process = subprocess.Popen(
        [sys.executable, "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin
    process.stdin.write(f"{SCRIPT.read_text()}\nsys.exit(main({request}))\n")
    process.stdin.close()
    while not (host.fake / "stage.files").exists():
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(5) == 128 + number
    assert process.stderr and process.stderr.read() == ""
    process.stderr.close()
    assert host.tree() == before
    assert host.left() == set()


def test_what_a_killed_test_left_goes(host: Host) -> None:
    stage = host.backup.parent / "nginx-test.abc"
    (stage / "tls").mkdir(parents=True)
    host.write(shop="new")
    assert not stage.exists()


def test_one_at_a_time(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.script, "PATIENCE", 0.05)
    with host.script.alone(host.request("write")):
        said, _ = host.fail("write")
    assert said.startswith("another process is changing nginx's configuration on this host; wait")


def test_a_program_that_does_not_end(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.fake / "sleep").write_text("2")
    monkeypatch.setattr(host.script, "PATIENCE", 0.3)
    before = host.tree()
    assert host.fail("write", files=sites(shop="new"))[0] == "nginx did not end within 0 s."
    assert host.tree() == before


# ---- Taking over ---------------------------------------------------------------------------


def test_a_reload(host: Host) -> None:
    host.write(shop="new")
    assert host.ask("reload", wait=5) == {"reloaded": True}
    assert host.tree()["conf.d/shop.conf"][1] == "new"
    assert host.left() == set()
    assert not host.ask("inspect")["pending"]
    assert host.calls("systemctl")[-1] == "reload nginx.service"
    assert host.calls("nginx")[1] == f"-t -q -c {host.root}/nginx.conf"


def test_a_host_where_nginx_does_not_run(host: Host) -> None:
    host.write(shop="new")
    (host.fake / "show").write_text(SHOW.format("inactive"))
    assert host.ask("reload", wait=5) == {"reloaded": False}
    assert host.left() == set()
    assert host.tree()["conf.d/shop.conf"][1] == "new"
    assert not any(call.startswith("reload") for call in host.calls("systemctl"))


CHANGED = {
    "files": sites(shop="new", fresh="fresh") | {"tls/k": {"text": "new", "mode": "0644"}},
    "remove": ["mime.types"],
}

#: Case -> what a reload does, what the sentence says of it, and how often nginx was asked.
FAILURES = {
    "address": (f"echo '{TAKEN.format(13, 'Permission denied')}' >> $LOG", "Permission denied", 1),
    "taken": (
        f"for n in 1 2; do echo '{TAKEN.format(98, 'Address already in use')}' >> $LOG; done\n"
        "echo '2026/01/02 03:04:07 [emerg] 100#100: still could not bind()' >> $LOG",
        "bind() to 0.0.0.0:81 failed (98: Address already in use); still could not bind()",
        1,
    ),
    "time_over": (
        f"echo '{TAKEN.format(98, 'Address already in use')}' >> $LOG",
        "(in its words: bind() to 0.0.0.0:81 failed (98: Address already in use))",
        2,
    ),
    "silence": ("true", "nothing within 0.1 s, and no new worker", 2),
    "systemctl": ("echo 'Job failed.' >&2; exit 1", "(in its words: Job failed.)", 2),
    "rotated": (
        f"mv $LOG $LOG.1; echo '{TAKEN.format(13, 'Permission denied')}' > $LOG",
        "Permission denied",
        1,
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_nginx_does_not_take_over_goes_back(host: Host, case: str) -> None:
    script, words, asked = FAILURES[case]
    host.put("tls/k", "old\r\n", 0o640)
    old = "2026/01/01 [emerg] 100#100: long ago\n"
    host.log.write_text(old + (old * 20 if case == "rotated" else ""))
    before = host.tree()
    host.ask("write", **CHANGED)
    assert host.tree() != before
    (host.fake / "reload").write_text(script + "\n")
    said, _ = host.fail("reload", wait=0.1)
    assert said.startswith("nginx did not take over the new configuration (in its words: ")
    assert said.endswith("; the old files are back and the old processes go on serving.")
    assert words in said
    assert "long ago" not in said
    assert host.tree() == before
    assert host.left() == set()
    # One that may still come to it is asked once more, for the old files.
    assert sum(call.startswith("reload") for call in host.calls("systemctl")) == asked


def test_an_address_that_is_free_after_all(host: Host) -> None:
    host.write(shop="new")
    line = TAKEN.format(98, "Address already in use")
    later = TAKES_OVER.replace("\n", "; ").strip("; ")
    (host.fake / "reload").write_text(f"echo '{line}' >> $LOG\n(sleep 0.2; {later}) >&- 2>&- &\n")
    assert host.ask("reload", wait=5) == {"reloaded": True}
    assert host.tree()["conf.d/shop.conf"][1] == "new"


def test_words_of_others_are_not_nginx_s(host: Host) -> None:
    host.write(shop="new")
    line = TAKEN.format(13, "no").replace("100#100", "1100#1100")
    later = TAKES_OVER.replace("\n", "; ").strip("; ")
    (host.fake / "reload").write_text(f"echo '{line}' >> $LOG\n(sleep 0.1; {later}) >&- 2>&- &\n")
    assert host.ask("reload", wait=5) == {"reloaded": True}


@pytest.mark.parametrize(
    "made",
    [
        "mkdir $PROC/300; echo '300 (nginx) S 99 1' > $PROC/300/stat;"
        "printf 'nginx: worker process' > $PROC/300/cmdline",
        "mkdir $PROC/300; echo '300 (nginx) S 100 1' > $PROC/300/stat;"
        "printf 'nginx: worker process is shutting down' > $PROC/300/cmdline",
        "mkdir $PROC/300; echo '300 (nginx) S 100 1' > $PROC/300/stat;"
        "printf 'nginx: cache loader process' > $PROC/300/cmdline",
        "mkdir $PROC/300",
    ],
)
def test_what_is_no_new_worker(host: Host, made: str) -> None:
    host.write(shop="new")
    (host.fake / "reload").write_text(made + "\n")
    assert "no new worker" in host.fail("reload", wait=0.05)[0]


def test_a_tree_that_somebody_broke_meanwhile_is_not_given_to_nginx(host: Host) -> None:
    host.write(shop="new")
    host.put("conf.d/mine.conf", "bad")
    said, _ = host.fail("reload", wait=5)
    assert f'unknown directive "bad" in {host.root}/conf.d/mine.conf:1' in said
    assert host.tree()["conf.d/shop.conf"][1] != "new"
    assert not any(call.startswith("reload") for call in host.calls("systemctl"))


def test_a_failure_with_nothing_to_go_back_to(host: Host) -> None:
    (host.fake / "reload").write_text("exit 1\n")
    said, _ = host.fail("reload", wait=0)
    assert "; there are no older files to go back to and the old processes go on" in said


def test_a_reload_is_seen_through(host: Host) -> None:
    host.write(shop="new")
    (host.fake / "reload").write_text("kill -TERM $PPID; kill -HUP $PPID\n" + TAKES_OVER)
    before = signal.getsignal(signal.SIGTERM)
    assert host.ask("reload", wait=5) == {"reloaded": True}
    assert signal.getsignal(signal.SIGTERM) is before


# ---- Certificates of its own ---------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for(host: Host) -> None:
    wanted = {
        "certificate": "tls/shop.crt",
        "key": "tls/shop.key",
        "names": ["a" * 60 + ".example", "*.shop.example", "2001:db8::1", "192.0.2.1"],
        "days": 90,
    }
    assert host.ask("self_sign", certificates=[wanted]) == {"signed": ["tls/shop.crt"]}
    key, certificate = host.root / "tls/shop.key", host.root / "tls/shop.crt"
    assert key.stat().st_mode & 0o777 == 0o600
    assert certificate.stat().st_mode & 0o777 == 0o644
    assert (host.root / "tls").stat().st_mode & 0o777 == 0o700
    asked = wanted | {"site": "shop", "kind": "self_signed", "key_names": ["a", "b"]}
    about = host.ask("inspect", certificates=[asked])["certificates"]["shop"]
    assert (about["state"], about["self_signed"]) == ("ok", True)
    assert abs(about["expires"] - time.time() - 90 * DAY) < 600
    text = subprocess.run(
        ["openssl", "x509", "-in", str(certificate), "-noout", "-text"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"CN = {'a' * 60}.exa\n" in text
    for part in ("prime256v1", "CA:FALSE", "TLS Web Server Authentication"):
        assert part in text
    assert host.left() == set()
    # A second one has a key of its own.
    first = key.read_text()
    host.ask("self_sign", certificates=[wanted])
    assert key.read_text() != first


@pytest.mark.parametrize("name", ["a b", "a\nCN = b", "$x", "*.*.x", ""])
def test_a_name_that_no_certificate_has(host: Host, name: str) -> None:
    wanted = {"certificate": "tls/c", "key": "tls/k", "names": [name], "days": 1}
    said, _ = host.fail("self_sign", certificates=[wanted])
    assert said == f"'{name}' is no host name that a certificate can have."
    assert not (host.root / "tls/k").exists()


def test_openssl_says_no(host: Host) -> None:
    (host.fake / "openssl").write_text("#!/bin/sh\necho broken >&2; exit 1\n")
    (host.fake / "openssl").chmod(0o755)
    wanted = {"certificate": "tls/c", "key": "tls/k", "names": ["a"], "days": 1}
    assert "openssl genpkey for 'a': broken" in host.fail("self_sign", certificates=[wanted])[0]


# ---- Blocking ------------------------------------------------------------------------------


def test_blocking(host: Host) -> None:
    path = host.root / "blocked-now.conf"
    dry = host.ask("block", address="192.0.2.9/24", state="present", check=True)
    assert dry == {"changed": True, "addresses": ["192.0.2.0/24"]}
    assert not path.exists() and host.calls("nginx") == []
    assert host.ask("block", address="192.0.2.9/24", state="present") == dry
    (host.fake / "reload").write_text(TAKES_OVER.replace("202", "204"))
    host.ask("block", address="2001:DB8::", state="present")
    (host.fake / "reload").write_text(TAKES_OVER.replace("202", "205"))
    answer = host.ask("block", address="10.0.0.1", state="present")
    assert answer["addresses"] == ["10.0.0.1/32", "192.0.2.0/24", "2001:db8::/128"]
    lines = [f"# {HEADER}", "10.0.0.1/32 1;", "192.0.2.0/24 1;", "2001:db8::/128 1;"]
    assert path.read_text().splitlines() == lines
    asked = len(host.calls("nginx"))
    assert not host.ask("block", address="10.0.0.1/32", state="present")["changed"]
    assert not host.ask("block", address="10.0.0.2", state="absent")["changed"]
    assert len(host.calls("nginx")) == asked
    (host.fake / "reload").write_text(TAKES_OVER.replace("202", "206"))
    answer = host.ask("block", address="192.0.2.0/24", state="absent")
    assert answer == {"changed": True, "addresses": ["10.0.0.1/32", "2001:db8::/128"]}
    assert host.left() == set()


def test_a_block_that_nginx_does_not_take_is_undone(host: Host) -> None:
    before = host.tree()
    (host.fake / "reload").write_text("exit 1\n")
    said, _ = host.fail("block", address="10.0.0.1", state="present", wait=0)
    assert "the old files are back" in said
    assert host.tree() == before
    host.put("nginx.conf", "bad")
    assert "nginx.conf:1" in host.fail("block", address="10.0.0.1", state="present")[1]["problem"]
    assert not (host.root / "blocked-now.conf").exists()


@pytest.mark.parametrize("address", ["shop.example", "1.2.3", "1.2.3.4/33", "", "1.2.3.4; deny"])
def test_what_is_no_address(host: Host, address: str) -> None:
    said, _ = host.fail("block", address=address, state="present")
    assert said.startswith(f"'{address}' is neither an address nor a network; write it as ")


def test_a_file_of_blocks_with_something_else_in_it(host: Host) -> None:
    host.put("blocked-now.conf", "# x\n\nshop.example 1;\n")
    said, _ = host.fail("block", address="10.0.0.1", state="present", check=True)
    assert said.startswith(f"{host.root}/blocked-now.conf: 'shop.example' is neither")


# ---- Other things --------------------------------------------------------------------------


def test_purging(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = host.directory / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep/precious").write_text("x")
    for name in ("shop/a/1", "shop/a/b/2", "wiki/3", "shop/gone"):
        (host.cache / name).parent.mkdir(parents=True, exist_ok=True)
        (host.cache / name).write_text("123")
    (host.cache / "shop/link").symlink_to(outside)
    (host.cache / "shop/a/link").symlink_to(outside / "deep/precious")
    original = os.unlink

    def unlink(name: str, dir_fd: int | None = None) -> None:
        original(name, dir_fd=dir_fd)
        if name == "gone":
            raise FileNotFoundError

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", unlink)
        answer = host.ask("purge", sites=["shop", "none"])
    assert answer == {
        "purged": {"shop": {"files": 2, "bytes": 6}, "none": {"files": 0, "bytes": 0}}
    }
    assert (host.cache / "shop/a/b").is_dir()
    assert (host.cache / "wiki/3").exists()
    assert (outside / "deep/precious").exists()
    for name in ("..", ".", "", "a/b", "/etc"):
        said, _ = host.fail("purge", sites=["wiki", name])
        assert said == f"'{name}' is no name of a site."
    (host.cache / "linked").symlink_to(outside)
    assert "is a link" in host.fail("purge", sites=["wiki", "linked"])[0]
    assert (host.cache / "wiki/3").exists()


def test_status(host: Host) -> None:
    wanted = {"certificate": "tls/s.crt", "key": "tls/s.key", "names": ["s.example"], "days": 10}
    host.ask("self_sign", certificates=[wanted])
    for name, line in (
        ("safe", "    ssl_certificate_key tls/s.key;\n  ssl_certificate 'tls/s.crt' ;"),
        ("broken", "ssl_certificate tls/none.crt;"),
        ("plain", "# ssl_certificate tls/s.crt;"),
    ):
        host.put(f"conf.d/{name}.conf", f"# {HEADER}\n{line}\n")
    host.put("conf.d/mine.conf", "ssl_certificate tls/s.crt;")
    host.put("maintenance/plain.html", "closed")
    answer = {found.pop("site"): found for found in host.ask("status")["sites"]}
    nothing = {"expires": None, "days": None, "names": [], "self_signed": False}
    assert abs(answer["safe"].pop("expires") - time.time() - 10 * DAY) < 600
    assert answer == {
        "safe": {
            "certificate": "tls/s.crt",
            "days": 9,
            "names": ["s.example"],
            "self_signed": True,
            "maintenance": False,
        },
        "broken": nothing | {"certificate": "tls/none.crt", "maintenance": False},
        "plain": nothing | {"certificate": None, "maintenance": True},
        "shop": nothing | {"certificate": None, "maintenance": False},
    }


STATUS_PAGE = b"""Active connections: 7 \nserver accepts handled requests\n 20 19 35 \n\
Reading: 1 Writing: 2 Waiting: 4 \n"""


def test_metrics(host: Host, tmp_path: Path) -> None:
    class Status(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(STATUS_PAGE)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Status)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wanted = {"certificate": "tls/s.crt", "key": "tls/s.key", "names": ["s.example"], "days": 10}
    host.ask("self_sign", certificates=[wanted])
    host.put("conf.d/safe.conf", f"# {HEADER}\nssl_certificate tls/s.crt;\n")
    host.put("maintenance/safe.html", "closed")
    path = tmp_path / "nginx.prom"
    host.ask("metrics", to=str(path), port=server.server_port)
    server.shutdown()
    lines = path.read_text(encoding="ascii").splitlines()
    for line in (
        "nginx_up 1",
        "nginx_connections_active 7",
        "nginx_connections_accepted 20",
        "nginx_connections_handled 19",
        "nginx_http_requests_total 35",
        "nginx_connections_reading 1",
        "nginx_connections_writing 2",
        "nginx_connections_waiting 4",
        'nginx_site_maintenance{site="safe"} 1',
        "# TYPE nginx_http_requests_total counter",
    ):
        assert line in lines
    (end,) = [line for line in lines if line.startswith("nginx_site_certificate_expiry")]
    assert end.split()[0].endswith('_seconds{site="safe"}')
    assert abs(int(end.split()[1]) - time.time() - 10 * DAY) < 600
    assert path.stat().st_mode & 0o777 == 0o644
    # One that does not answer has no figures, but it is said that it does not.
    server.server_close()
    host.ask("metrics", to=str(path), port=server.server_port)
    lines = path.read_text(encoding="ascii").splitlines()
    assert "nginx_up 0" in lines
    assert not any(line.startswith("nginx_connections") for line in lines)


def test_what_nobody_thought_of_shows_no_request(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    assert host.script.main(json.dumps({"action": "no-such", "secret": "x"})) == 1
    assert "KeyError: 'no-such'" in capsys.readouterr().err


def test_it_runs_on_python_3_6() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text, feature_version=(3, 6))):
        # Grammar is not all: these are evaluated when the text is read, and 3.6 refuses them.
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in {"list", "dict", "tuple", "set", "type"}, node.lineno
        if isinstance(node, ast.ImportFrom):
            assert node.module not in {"__future__", "collections.abc", "dataclasses"}, node.lineno
        if isinstance(node, ast.keyword):
            assert node.arg not in {"capture_output", "text", "missing_ok"}, node.lineno
    # Ansible would take them for its own.
    assert not {"{{", "{%", "{#"} & {text[n : n + 2] for n in range(len(text))}
