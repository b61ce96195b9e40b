"""What a host's systemd knows. That every unit goes by it, is with the plans of the two roles."""

from __future__ import annotations

import re

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    nginx_changes,
    nginx_plan,
    specs,
    units,
)
from nginx_cases import HOST, case, planned, site
from unit_texts import check, directives


def test_every_directive_of_a_template_was_looked_up() -> None:
    looked_at = set()
    for path in sorted((specs.COLLECTION / "roles").glob("*/templates/*")):
        text = path.read_text(encoding="utf-8")
        section = re.search(r"^\[(Service|Unit|Socket|Timer|Slice)\]$", text, re.M)
        if section or path.name in ("sandbox.j2", "surroundings.j2"):
            looked_at.add(path.name)
            for name, _ in directives(text):
                assert name in units.EVERYWHERE | units.NEWER.keys(), f"{path.name}: {name}"
    assert {"service.j2", "sandbox.j2", "limits.conf.j2", "nginx-acme.timer.j2"} <= looked_at


@pytest.mark.parametrize("release", units.VERSIONS)
def test_units_of_nginx_have_what_the_release_knows(release: str) -> None:
    wanted = planned(
        case(
            site(tls={"acme": True}),
            nginx_acme_email="a@example.com",
            nginx_metrics_directory="/srv/figures",
            facts={"distribution_major_version": release},
        )
    )
    found = {
        path: file["text"]
        for path, file in nginx_changes.acme_files(wanted).items()
        if path.startswith("/etc/systemd/")
    }
    found |= {
        file["path"]: file["text"] for file in nginx_changes.metrics_changes(wanted, HOST)["files"]
    }
    found[nginx_plan.LIMITS_PATH] = nginx_changes.changes(wanted, acme_host())["limits"]["text"]
    assert len(found) == 5
    assert ("OOMPolicy=" in found[nginx_plan.LIMITS_PATH]) == (release != "8")
    check(found, release)


def acme_host() -> dict[str, object]:
    """Describe a host whose site has no certificate yet."""
    return HOST | {"certificates": {"shop": {"state": "missing"}}}


def test_the_drop_in_of_nginx() -> None:
    wanted = planned(case(site()))
    text = nginx_changes.changes(wanted, HOST)["limits"]["text"]
    assert ("ExecStartPre", "/usr/bin/rm -f /run/nginx.pid") in directives(text)
    assert ("OOMPolicy", "continue") in directives(text)


def test_known() -> None:
    text = "[Service]\n# Of User.\nUser=a\n# Why.\n# And more.\nOOMPolicy=continue\nGroup=a\n"
    assert units.known(text, 243) == text
    assert units.known(text, 242) == "[Service]\n# Of User.\nUser=a\nGroup=a\n"
    # What stands in a value is none.
    assert units.known("Environment=A=1 OOMPolicy=b\n", 239) == "Environment=A=1 OOMPolicy=b\n"


def test_a_release_that_the_roles_refuse_has_the_oldest() -> None:
    assert units.version_on("9") == 252
    assert units.version_on("7") == units.version_on("8") == 239
