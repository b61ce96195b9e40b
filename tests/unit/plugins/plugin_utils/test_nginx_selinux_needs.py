"""What sites need under SELinux, as far as they say, and when the role does something about it."""

from __future__ import annotations

import hashlib
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import nginx_changes, nginx_plan
from nginx_cases import SIGNED, case, host, planned, site, static

ENABLED = {"facts": {"selinux": True}}
#: What a host says that allows all that is wanted.
RIGHT = {"differs": False, "problems": [], "tools": True, "booleans": {}, "nofile": 524288}


def needs(*some: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """Return what there is to ask the host about SELinux."""
    found: dict[str, Any] = planned(case(*some, **(ENABLED | variables)))["questions"]["selinux"]
    return found


def due(answer: dict[str, Any] | None, **about: Any) -> dict[str, Any]:
    """Return what there is to do where a host says that."""
    plan = planned(case(site(), **ENABLED))
    found: dict[str, Any] = nginx_changes.changes(plan, host(selinux=answer, **about))["selinux"]
    return found


def test_ports() -> None:
    found = needs(site(tls=SIGNED | {"http3": True}), site("b", port=5001), nginx_status_port=7000)[
        "ports"
    ]
    assert [(one["site"], one["port"], one["protocol"]) for one in found] == [
        ("shop", 80, "tcp"),
        ("shop", 443, "tcp"),
        ("shop", 443, "udp"),
        ("b", 5001, "tcp"),
        ("", 7000, "tcp"),
    ]
    assert needs(nginx_status_port=0)["ports"] == []


def test_streams() -> None:
    one = {"name": "s", "port": 993, "servers": ["10.0.0.1:993"]}
    found = needs(nginx_streams=[one], nginx_status_port=0)
    assert found["booleans"] == ["httpd_can_network_connect"]
    assert found["ports"] == [{"site": "", "port": 993, "protocol": "tcp"}]


def test_challenges_are_asked_of_other_hosts() -> None:
    acme = site(tls={"acme": True})
    assert needs(acme, nginx_acme_peers=["10.0.0.1"])["booleans"] == ["httpd_can_network_relay"]
    assert needs(acme)["booleans"] == []
    assert needs(site(), nginx_acme_peers=["10.0.0.1"])["booleans"] == []


def test_what_is_read() -> None:
    files = {"certificate": "/srv/tls/a.crt", "key": "tls/a.key"}
    found = needs(
        site(static=static("/opt/shop/static", "/srv/more/"), tls=files),
        site(
            "b",
            directory="/srv/b",
            locations=[{"path": "/php/", "fastcgi": {"servers": ["unix:/a"], "root": "/srv/php"}}],
        ),
    )["paths"]
    assert [(one["site"], one["key"], one["path"], one["kind"]) for one in found] == [
        ("b", "directory", "/srv/b", "content"),
        ("b", "location '/php/', fastcgi.root", "/srv/php", "content"),
        ("shop", "static '/static/'", "/opt/shop/static", "content"),
        ("shop", "static '/static/'", "/srv/more", "content"),
        ("shop", "tls.certificate", "/srv/tls/a.crt", "certificate"),
        ("shop", "tls.key", "/etc/nginx/tls/a.key", "certificate"),
    ]


def test_booleans() -> None:
    assert needs(site())["booleans"] == []
    tcp = site(uwsgi={"servers": ["127.0.0.1:3031", "unix:/a"]})
    assert needs(tcp)["booleans"] == ["httpd_can_network_connect"]
    stapling = site(tls=SIGNED | {"stapling": True})
    assert needs(stapling, nginx_resolvers=["127.0.0.1"])["booleans"] == ["httpd_can_network_relay"]


def test_sites_that_stay_as_they_are_need_what_they_have() -> None:
    found = needs(site(port=5001), site("b"), nginx_keep_sites=["shop"])
    assert ("shop", 5001) in [(one["site"], one["port"]) for one in found["ports"]]


def test_nothing_is_asked_where_it_is_not_the_roles() -> None:
    assert needs(site(), nginx_selinux=False) == {}
    assert needs(site(), facts={"selinux": False}) == {}
    plan = planned(case(site(), nginx_selinux=False, **ENABLED))
    assert nginx_changes.changes(plan, host())["selinux"]["due"] is False


def test_when_there_is_something_to_do() -> None:
    assert due(None) == {"due": False, "tools": True, "wanted": {}}
    assert not due(RIGHT)["due"]
    found = due(RIGHT | {"differs": True, "tools": False})
    assert found["due"] and not found["tools"] and found["wanted"]["owner"]
    plan = planned(case(site(), **ENABLED))
    refused = RIGHT | {"problems": [{"site": "shop", "key": "directory", "text": "It is not."}]}
    assert nginx_changes.changes(plan, host(selinux=refused))["problems"] == ["It is not."]


def test_a_limit_of_files_that_somebody_else_sets() -> None:
    answer = RIGHT | {"nofile": 1024, "booleans": {"httpd_setrlimit": False}}
    # The role's own drop-in is about to change that.
    assert not due(answer)["due"]
    plan = planned(case(site(), **ENABLED))
    limits = nginx_changes.changes(plan, host())["limits"]
    digest = hashlib.sha256(limits["text"].encode()).hexdigest()
    written = {"paths": {nginx_plan.LIMITS_PATH: {"sha256": digest, "mode": "0644"}}}
    found = due(answer, **written)
    assert found["due"] and found["wanted"]["booleans"] == ["httpd_setrlimit"]
    # It is allowed in this run: nginx is told, and restarted, as in the next one.
    for serves, nofile in ((True, 1024), (False, 1024), (True, 1 << 20)):
        running = {"open_files": nofile, "may_raise": False, "serves": serves}
        after = {"open_files": nofile, "may_raise": True, "serves": True}
        asked = answer | {"nofile": nofile}
        first = nginx_changes.changes(plan, host(selinux=asked, running=running, **written))
        second = nginx_changes.changes(plan, host(selinux=asked, running=after, **written))
        assert (first["files"], first["limits"]) == (second["files"], second["limits"])
    assert not due(answer | {"booleans": {"httpd_setrlimit": True}}, **written)["due"]
    assert not due(RIGHT, **written)["due"]
