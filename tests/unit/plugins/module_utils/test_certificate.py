"""Certificates: what nginx could not use, and how it is with each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils._certificate import covers
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_info import examine
from nginx_host import DAY, Host


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
    nginx: Host, pem: Path, certificate: str, key: str, name: str, text: str
) -> None:
    wanted = item(pem, "files", certificate, key)
    problems, _ = examine(nginx.tree, certificates=[wanted])
    if not name:
        assert problems == []
        return
    (problem,) = problems
    assert (problem["site"], problem["key"]) == ("shop", f"tls.{name}")
    assert problem["text"].startswith(f"site 'shop', tls.{name}: ")
    assert text in problem["text"]


def test_both_files_of_a_certificate_are_missing(nginx: Host, pem: Path) -> None:
    wanted = item(pem, "files", "no.c", "no.k")
    problems, _ = examine(nginx.tree, certificates=[wanted])
    assert [found["key"] for found in problems] == ["tls.certificate", "tls.key"]
    wanted["kind"] = "acme"
    problems, certificates = examine(nginx.tree, certificates=[wanted])
    assert problems == []
    assert certificates["shop"] == {
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
    nginx: Host, pem: Path, kind: str, certificate: str, key: str, names: list[str], state: str
) -> None:
    wanted = item(pem, kind, certificate, key, *names)
    assert examine(nginx.tree, certificates=[wanted])[1]["shop"]["state"] == state


def test_what_a_certificate_says(nginx: Host, pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = item(pem, "files", "leaf60.c", "leaf.k")
    about = examine(nginx.tree, certificates=[wanted])[1]["shop"]
    assert abs(about["expires"] - time.time() - 60 * DAY) < 600
    assert about["names"] == ["Shop.example", "*.shop.example", "0:0:0:0:0:0:0:1"]
    assert not about["self_signed"]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61 * DAY)
    wanted = item(pem, "files", "leaf60.c", "leaf.k", "no")
    problems, certificates = examine(nginx.tree, certificates=[wanted])
    assert certificates["shop"]["state"] == "expired"
    assert problems == []


def test_a_star_stands_for_one_label() -> None:
    assert covers(["*.shop.example"], "www.shop.example")
    assert not covers(["*.shop.example"], "shop.example")
    assert not covers(["*.shop.example"], "a.www.shop.example")
