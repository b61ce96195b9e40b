"""Addresses that move from host to host."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    floating,
    nginx_changes,
    nginx_plan,
)
from nginx_cases import GOOD, HOST, OWNER, case, host, planned, site
from nginx_texts import block, stripped
from templar import has

ONE = {
    "address": "192.0.2.10/24",
    "interface": "eth0",
    "peers": ["192.0.2.1", "192.0.2.2"],
    "source": "192.0.2.1",
}


def case_of(*items: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """Describe a host with such addresses."""
    return case(site(), nginx_floating_addresses=list(items), **variables)


def changes(*items: dict[str, Any], **about: Any) -> dict[str, Any]:
    """Return what there is to do about them on a host."""
    found: dict[str, Any] = nginx_changes.floating_changes(planned(case_of(*items)), host(**about))
    return found


def unit(state: str, enabled: str = "enabled", **more: dict[str, str]) -> dict[str, Any]:
    """Describe keepalived's unit as a host has it."""
    about = {"ActiveState": state, "UnitFileState": enabled, "LoadState": "loaded"}
    return {"keepalived.service": about} | more


def test_configuration() -> None:
    plan = planned(GOOD["floating"])
    text = floating.text_of(plan["floating"], plan["settings"])
    assert text.splitlines()[1] == f"# Owner: {OWNER}"
    first, second = (
        block(stripped(text), f"vrrp_instance floating_{number} {{") for number in (1, 2)
    )
    assert first == [
        "state BACKUP",
        "interface eth0",
        "virtual_router_id 51",
        "priority 150",
        "advert_int 1",
        "unicast_src_ip 192.0.2.1",
        "unicast_peer {",
        # The host itself is left out.
        "192.0.2.2",
        "}",
        "authentication {",
        "auth_type PASS",
        "auth_pass not.much",
        "}",
        "virtual_ipaddress {",
        "192.0.2.10/24",
        "}",
        "track_script {",
        "nginx",
        "}",
    ]
    assert "nopreempt" in second and "virtual_router_id 52" in second
    assert block(second, "unicast_peer {") == ["2001:db8::2"]
    assert "authentication {" not in second and "unicast_src_ip" not in " ".join(second)
    asked = "http://127.0.0.1:8008/stub_status"
    assert f'{asked}"' in text


def test_the_host_itself_is_no_peer_however_it_is_written() -> None:
    (six,) = planned(
        case_of(
            {
                "address": "2001:db8::10/64",
                "interface": "eth0",
                "peers": ["2001:db8::1", "2001:db8::2"],
                "source": "2001:DB8:0::1",
            }
        )
    )["floating"]
    assert six["others"] == ["2001:db8::2"]


def test_who_lets_the_others_in() -> None:
    plan = planned(GOOD["floating"])
    assert floating.rules_of(plan["floating"]) == [
        'rule family="ipv4" source address="192.0.2.2" protocol value="vrrp" accept',
        'rule family="ipv6" source address="2001:db8::2" protocol value="vrrp" accept',
    ]
    quiet = changes(ONE, units=unit("active"))
    assert quiet["rules"] == []
    running = unit("active", **{"firewalld.service": {"ActiveState": "active"}})
    assert len(changes(ONE, units=running)["rules"]) == 1


def test_what_there_is_to_do() -> None:
    bare = changes(ONE)
    assert bare["due"] and bare["install"] and bare["differs"] and bare["start"]
    assert not bare["remove"] and not bare["secret"]
    assert changes(ONE | {"password": "x"})["secret"]
    there = {floating.PATH: nginx_fingerprint(bare["text"])}
    done = changes(ONE, units=unit("active"), paths=there, keepalived=OWNER)
    assert not done["due"] and not done["differs"] and not done["install"]
    for units in (unit("failed"), unit("active", "disabled")):
        found = changes(ONE, units=units, paths=there, keepalived=OWNER)
        assert found["start"] and found["due"] and not found["differs"]
    assert changes(ONE, units=unit("active"), paths={floating.PATH: {"mode": "0644"}})["differs"]


def nginx_fingerprint(text: str) -> dict[str, str]:
    """Describe a file as a host has it."""
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "mode": "0600"}


@pytest.mark.parametrize(
    ("owner", "goes"), [(None, False), ("", True), (OWNER, True), ("somebody else", False)]
)
def test_only_what_is_ours_goes(owner: str | None, goes: bool) -> None:
    found = changes(units=unit("active"), keepalived=owner)
    assert found["remove"] == found["due"] == goes and not found["start"]


def test_another_owners_addresses() -> None:
    plan = planned(case_of(ONE))
    sysctls = {name: "65535" for name in nginx_plan.SYSCTLS}
    there = HOST | {"sysctls": sysctls, "keepalived": "else"}
    assert has(nginx_changes.changes(plan, there)["problems"], "belongs to 'else'", OWNER)
    for owner in (None, "", OWNER):
        assert nginx_changes.changes(plan, there | {"keepalived": owner})["problems"] == []


def test_an_interface_that_the_host_does_not_have() -> None:
    plan = planned(case_of(ONE))
    sysctls = {name: "65535" for name in nginx_plan.SYSCTLS}
    for known, problems in ((["ens3", "lo"], 1), (["eth0", "lo"], 0)):
        found = nginx_changes.changes(plan, HOST | {"sysctls": sysctls, "interfaces": known})
        assert len(found["problems"]) == problems
        assert not problems or has(found["problems"], "no interface 'eth0'", "ens3, lo")


@pytest.mark.parametrize(
    ("wrong", "parts"),
    [
        ({"address": "192.0.2.10"}, ["number 1, address", "'192.0.2.10'", "/24"]),
        ({"address": "lb/24"}, ["address", "'lb/24'"]),
        ({"interface": "the first"}, ["interface", "'the first'", "eth0"]),
        ({"router_id": 0}, ["router_id: 0", "1 to 255"]),
        ({"priority": 255}, ["priority: 255", "1 to 254"]),
        ({"peers": ["lb2"]}, ["peers: 'lb2'", "no IP address"]),
        ({"peers": ["10.0.0.0/8"]}, ["peers: '10.0.0.0/8'", "no IP address"]),
        ({"source": "lb1"}, ["source: 'lb1'", "no IP address"]),
        ({"peers": ["192.0.2.1"]}, ["peers: names no other host"]),
        ({"peers": []}, ["peers: names no other host"]),
        ({"peers": ["2001:db8::2"]}, ["peers: the address is IPv4"]),
        ({"password": "far too long"}, ["password", "8 letters"]),
        ({"adress": "192.0.2.10/24"}, ["adress"]),
        ({"peers": None}, ["peers: is missing"]),
    ],
)
def test_refused(wrong: dict[str, Any], parts: list[str]) -> None:
    problems = planned(case_of(ONE | wrong))["problems"]
    assert len(problems) == 1 and has(problems, "nginx_floating_addresses", *parts), problems


def test_refused_together() -> None:
    six = {"address": "2001:db8::10/64", "interface": "eth0", "peers": ["2001:db8::2"]}
    assert has(planned(case_of(six | {"password": "x"}))["problems"], "password: VRRP has none")
    twice = planned(case_of(ONE, ONE | {"address": "192.0.2.11/24"}))["problems"]
    assert len(twice) == 1 and has(twice, "router_id 51", "twice on eth0")
    again = planned(case_of(ONE, ONE | {"router_id": 52}))["problems"]
    assert len(again) == 1 and has(again, "address 192.0.2.10/24", "twice on eth0")
    # However they are written, and whatever their networks' lengths.
    for other in (
        six,
        six | {"address": "2001:DB8:0::10/64"},
        six | {"address": "2001:db8::10/48"},
    ):
        again = planned(case_of(six, other | {"router_id": 52}))["problems"]
        assert len(again) == 1 and has(again, f"address {other['address']}", "twice on eth0")
    silent = planned(case_of(ONE, nginx_status_port=0))["problems"]
    assert len(silent) == 1 and has(silent, "nginx_status_port", "is 0")
    assert planned(case_of(ONE, six | {"router_id": 52}))["problems"] == []
