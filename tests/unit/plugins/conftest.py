"""What several tests of the host's side share."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _commands,
    _nginx_change,
    _nginx_info,
    _nginx_reload,
    _nginx_tree,
)
from nginx_host import Host, lay_out


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return a host of nginx, see nginx_host."""
    nginx = Host(tmp_path)
    monkeypatch.setattr(_commands, "SBIN", "")
    for module in (_nginx_change, _nginx_reload, _nginx_tree):
        monkeypatch.setattr(module, "PATIENCE", 5.0)
    for module in (_nginx_info, _nginx_reload):
        monkeypatch.setattr(module, "PROC", str(nginx.proc))
    monkeypatch.setattr(_nginx_reload, "POLL", 0.005)
    monkeypatch.setattr(_nginx_reload, "ERROR_LOG", str(nginx.log))
    monkeypatch.setattr(_nginx_info, "MODULES", str(tmp_path / "share"))
    monkeypatch.setenv("PATH", f"{nginx.fake}:/usr/bin:/bin")
    for name, path in (("FAKE", nginx.fake), ("PROC", nginx.proc), ("LOG", nginx.log)):
        monkeypatch.setenv(name, str(path))
    lay_out(nginx)
    return nginx


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory of certificates that somebody else made, of an authority of its own."""
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
