"""Certificates that nobody vouches for."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_info import examine
from ansible_collections.flaskstack.centos.plugins.module_utils._self_signed import self_sign
from nginx_host import DAY, Host, failure

WANTED: dict[str, Any] = {
    "certificate": "tls/shop.crt",
    "key": "tls/shop.key",
    "names": ["a" * 60 + ".example", "*.shop.example", "2001:db8::1", "192.0.2.1"],
    "days": 90,
}


def test_a_certificate_that_nobody_vouches_for(nginx: Host) -> None:
    answer = {"changed": True, "signed": ["tls/shop.crt"]}
    assert self_sign(nginx.tree, [WANTED], check=True) == answer
    key, certificate = nginx.root / "tls/shop.key", nginx.root / "tls/shop.crt"
    assert not key.exists()
    assert self_sign(nginx.tree, [WANTED]) == answer
    assert key.stat().st_mode & 0o777 == 0o600
    assert certificate.stat().st_mode & 0o777 == 0o644
    assert (nginx.root / "tls").stat().st_mode & 0o777 == 0o700
    asked = WANTED | {"site": "shop", "kind": "self_signed", "key_names": ["a", "b"]}
    about = examine(nginx.tree, certificates=[asked])[1]["shop"]
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
    # It is for nginx to take over, and nothing else is left.
    assert nginx.left() == {"flaskstack-nginx"}
    nginx.reload()
    assert nginx.left() == set()


def test_one_that_is_good_stays(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    key = nginx.root / "tls/shop.key"
    placeholder = WANTED | {
        "certificate": "tls/a.crt",
        "key": f"{nginx.root}/tls/a.key",
        "days": 30,
    }
    self_sign(nginx.tree, [WANTED, placeholder])
    first = key.read_text()
    assert self_sign(nginx.tree, [WANTED, placeholder]) == {"changed": False, "signed": []}
    assert key.read_text() == first
    # A second one has a key of its own.
    other = WANTED | {"names": ["other.example"]}
    assert self_sign(nginx.tree, [other, placeholder])["signed"] == ["tls/shop.crt"]
    assert key.read_text() != first
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 16 * DAY)
    assert self_sign(nginx.tree, [other, placeholder])["signed"] == ["tls/a.crt"]
    monkeypatch.setattr(time, "time", lambda: now + 61 * DAY)
    assert self_sign(nginx.tree, [other], check=True)["signed"] == ["tls/shop.crt"]
    key.write_text("no key")
    monkeypatch.setattr(time, "time", lambda: now)
    assert self_sign(nginx.tree, [other])["signed"] == ["tls/shop.crt"]


def test_what_nginx_does_not_take_over_goes_back(nginx: Host) -> None:
    self_sign(nginx.tree, [WANTED])
    nginx.reload()
    before = nginx.contents()
    self_sign(nginx.tree, [WANTED | {"names": ["other.example"]}])
    assert nginx.contents() != before
    nginx.on_reload("exit 1")
    failure(nginx.reload, 0)
    assert nginx.contents() == before


@pytest.mark.parametrize("name", ["a b", "a\nCN = b", "$x", "*.*.x", ""])
def test_a_name_that_no_certificate_has(nginx: Host, name: str) -> None:
    wanted = {"certificate": "tls/c", "key": "tls/k", "names": [name], "days": 1}
    said = str(failure(self_sign, nginx.tree, [wanted]))
    assert said == f"'{name}' is no host name that a certificate can have."
    assert not (nginx.root / "tls/k").exists()


def test_openssl_says_no(nginx: Host) -> None:
    nginx.command("openssl", "#!/bin/sh\necho broken >&2; exit 1\n")
    wanted = {"certificate": "tls/c", "key": "tls/k", "names": ["a"], "days": 1}
    assert str(failure(self_sign, nginx.tree, [wanted])) == "openssl genpkey for 'a': broken"


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "tls/../../x"])
def test_a_path_that_leads_elsewhere(nginx: Host, path: str) -> None:
    wanted = {"certificate": path, "key": "tls/k", "names": ["a"], "days": 1}
    assert "is no path below" in str(failure(self_sign, nginx.tree, [wanted]))
