"""Which certificate authorities are trusted: those that are named, or the host's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _authorities
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from templar import ROOT

OWN = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"


@pytest.fixture(autouse=True)
def release_10(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the host its own list."""
    monkeypatch.setattr(_authorities, "ca_bundle", lambda: OWN)


def test_the_hosts_own_where_none_is_named() -> None:
    assert _authorities.trusted("") == OWN


def test_what_is_named(tmp_path: Path) -> None:
    named = tmp_path / "ca.pem"
    named.touch()
    assert _authorities.trusted(str(named)) == str(named)


def test_what_is_named_and_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    old = "/nowhere/pki/tls/certs/ca-bundle.crt"
    with pytest.raises(Problem, match=f"{old} is not on this host .*host's own, {OWN}"):
        _authorities.trusted(old)
    # It may be put there by what comes before.
    assert _authorities.trusted(old, check=True) == old
    monkeypatch.setattr(_authorities, "ca_bundle", lambda: "")
    with pytest.raises(Problem, match="correct it"):
        _authorities.trusted(old)


@pytest.mark.parametrize("kind", ["roles/**/*.yml", "roles/**/*.j2", "plugins/**/*.py"])
def test_no_release_has_its_list_written_down_elsewhere(kind: str) -> None:
    # Documentation has it as a sample.
    found = [
        (str(path), line)
        for path in ROOT.glob(kind)
        for line in path.read_text(encoding="utf-8").splitlines()
        if "ca-bundle.crt" in line and "sample:" not in line
    ]
    assert [path for path, _ in found if not path.endswith("_hardening.py")] == []
