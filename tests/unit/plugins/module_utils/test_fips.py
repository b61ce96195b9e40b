"""A kernel in FIPS mode: its word, keys that ssh does not take, and digests that are refused."""

from __future__ import annotations

import ast
import base64
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_metrics,
    _build_program,
    _fips,
    _nginx_programs,
    _program,
    _sources,
)
from templar import ROOT


def key_of(tmp_path: Path, kind: str, *options: str) -> str:
    """Make a key."""
    path = tmp_path / kind
    command = ["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-f", str(path)]
    subprocess.run(command, check=True)
    return path.read_text()


@pytest.fixture
def enabled(tmp_path: Path) -> str:
    """Make what the kernel says in FIPS mode."""
    (tmp_path / "fips_enabled").write_text("1\n")
    return str(tmp_path / "fips_enabled")


@pytest.mark.parametrize(("kind", "hinted"), [("ed25519", True), ("ecdsa", False), ("rsa", False)])
def test_key_that_may_not_be_taken_is_told_from_others(
    tmp_path: Path, enabled: str, kind: str, hinted: bool
) -> None:
    key = key_of(tmp_path, kind)
    assert bool(_fips.key_hint(key, enabled)) is hinted
    assert _fips.key_hint(key, "/nowhere") == ""


@pytest.mark.parametrize(
    "key", ["", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAb==\n", "no key"]
)
def test_what_is_no_key_of_openssh_has_no_hint(enabled: str, key: str) -> None:
    assert _fips.key_hint(key, enabled) == ""


def test_git_that_fails_with_such_a_key_says_what_to_do(
    tmp_path: Path, enabled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_fips.key_hint, "__defaults__", (enabled,))
    body = base64.b64encode(b"openssh-key-v1\0....ssh-ed25519....").decode()
    key = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"
    source = {"git": f"file://{tmp_path}/nothing", "version": "", "key": key}
    monkeypatch.setattr(_sources, "RUN", str(tmp_path / "run"))
    settings = {
        "builder": "nobody-",
        "known_hosts": "",
        "check": True,
        "ca_bundle": "",
        "proxy": "",
    }
    monkeypatch.setattr(_sources.pwd, "getpwnam", lambda _: _sources.pwd.getpwuid(0))
    monkeypatch.setattr(_sources, "start", lambda *_: None)
    monkeypatch.setattr(_sources, "finish", lambda *_: (128, "Permission denied (publickey)."))
    monkeypatch.setattr(_sources._git, "write_private", lambda *_: None)
    (found,) = _sources.ask([{"name": "shop", "source": source}], settings).values()
    assert "Permission denied (publickey)." in found[1]
    assert found[1].endswith(_fips.KEY_HINT)


def digests(path: Path) -> list[str]:
    """Return what a file calls of hashlib, unless it says that it is for no security."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            harmless = any(
                one.arg == "usedforsecurity" and not getattr(one.value, "value", True)
                for one in node.keywords
            )
            if isinstance(owner, ast.Name) and owner.id == "hashlib" and not harmless:
                found.append(node.func.attr)
    return found


@pytest.mark.skipif(sys.version_info < (3, 8), reason="cannot read the control node's code")
def test_nothing_needs_a_digest_that_fips_refuses() -> None:
    files = [*ROOT.glob("plugins/**/*.py"), *ROOT.glob("roles/*/files/**/*.py")]
    used = {name for path in files for name in digests(path)}
    assert used == {"sha256"}
    # By a command, or a filter of Ansible's whose default is another.
    texts = ["roles/**/*.yml", "roles/**/*.j2", "playbooks/**/*.yml"]
    for path in (path for pattern in texts for path in ROOT.glob(pattern)):
        text = path.read_text(encoding="utf-8").lower()
        assert "md5" not in text, path
        assert "checksum_algorithm" not in text, path


@pytest.mark.parametrize(
    ("main", "modules"),
    [
        ("_build_program", _build_program.MODULES),
        ("_app_metrics", _app_metrics.MODULES),
        *((parts[0], parts) for parts in _nginx_programs.PARTS.values()),
    ],
)
def test_programs_load_where_md5_is_refused(
    tmp_path: Path, main: str, modules: tuple[str, ...]
) -> None:
    (tmp_path / "program.pyz").write_bytes(_program.program(main, modules))
    code = (
        "import hashlib, runpy, sys\n"
        "def refused(*_, **__):\n"
        "    raise ValueError('[digital envelope routines] unsupported')\n"
        "hashlib.md5 = refused\n"
        f"sys.path.insert(0, {str(tmp_path / 'program.pyz')!r})\n"
        f"import {_program.PACKAGE}.{main}\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
