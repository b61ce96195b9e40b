"""A release over many hosts: who switches when, and what keeps it from going further."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import rolling
from ansible_collections.flaskstack.centos.plugins.plugin_utils.cluster import Cluster
from ansible_collections.flaskstack.centos.plugins.plugin_utils.rolling import Rolling, Said

HOSTS = ["web1", "web2", "web3"]
APPS = [{"name": "shop"}, {"name": "blog", "hosts": ["web1"]}]
CLUSTER: Cluster = {
    "problems": [],
    "application_hosts": HOSTS,
    "load_balancers": [],
    "addresses": {},
    "groups": {},
}


def host(*due: str, **more: Any) -> Said:
    """Describe what a host has said that serves something already."""
    said = {"due": list(due), "failures": [], "serving": ["shop", "blog"], "done": None} | more
    return said  # type: ignore[return-value]


def failure(name: str = "shop") -> list[dict[str, str]]:
    """Describe what an application failed with."""
    return [{"name": name, "msg": f"application '{name}': no."}]


def plan(said: dict[str, Said], serial: Any = "", hosts: list[str] | None = None) -> Rolling:
    """Plan a release of what the hosts have said."""
    return rolling.plan(said, hosts or HOSTS, serial, APPS, CLUSTER)


def sentences(found: Rolling, said: Said) -> list[str]:
    """Return what a host is told."""
    return [one["msg"] for one in rolling.failures(found, said)]


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("", [4]),
        (None, [4]),
        ([], [4]),
        (0, [4]),
        (1, [1, 1, 1, 1]),
        ("3", [3, 1]),
        ("50%", [2, 2]),
        # One at least, as Ansible's.
        ("1%", [1, 1, 1, 1]),
        ([1, "100%"], [1, 3]),
        ([1, "50%"], [1, 2, 1]),
        (9, [4]),
        ("100%", [4]),
        ("70%", [2, 2]),
        ([1, 2, 100], [1, 2, 1]),
    ],
)
def test_sizes_of_batches(serial: Any, expected: list[int]) -> None:
    waiting = ["a", "b", "c", "d"]
    found = rolling.batches_of(waiting, serial, 4)
    assert [len(batch) for batch in found] == expected
    assert [name for batch in found for name in batch] == waiting


def test_a_part_is_one_of_all_hosts_not_of_those_that_switch() -> None:
    assert rolling.batches_of(["a", "b"], "50%", 4) == [["a", "b"]]


@pytest.mark.parametrize("size", ["one", "50 %", -1, 1.5, True, {"a": 1}, ["1", "x"]])
def test_sizes_that_are_none(size: Any) -> None:
    (sentence,) = rolling.problems_of_serial(size)
    assert sentence.startswith("flaskstack_serial: '")


@pytest.mark.parametrize("size", [0, 1, "1", "25%", [1, "25%", "100%"]])
def test_sizes_that_are_good(size: Any) -> None:
    assert rolling.problems_of_serial(size) == []


def test_only_hosts_with_something_to_switch_are_in_a_batch() -> None:
    found = plan({"web1": host("shop"), "web2": host(), "web3": host("shop")}, 1)
    assert found["batches"] == [["web1"], ["web3"]]
    assert found["held"] == {}


def test_nothing_due_is_no_batch() -> None:
    assert plan({name: host() for name in HOSTS}, 1)["batches"] == []


def test_where_nothing_serves_yet_all_go_at_once() -> None:
    fresh = {name: host("shop", serving=[]) for name in HOSTS}
    found = plan(fresh, 1)
    assert found["batches"] == [HOSTS]
    assert found["first"] is True
    # One that is added takes its turn among those that serve.
    added = plan(fresh | {"web1": host("shop")}, 1)
    assert added["batches"] == [["web1"], ["web2"], ["web3"]]
    assert added["first"] is False


def test_what_failed_on_one_host_is_activated_on_none() -> None:
    said = {"web1": host("shop", "blog"), "web2": host(failures=failure()), "web3": host("shop")}
    found = plan(said)
    assert found["batches"] == [["web1"]]
    assert found["due"]["web1"] == ["blog"]
    (told,) = sentences(found, said["web3"])
    assert told == (
        "application 'shop': nothing is activated on this host, because it failed on web2. What"
        " served before goes on."
    )
    # It was told itself what failed there.
    assert sentences(found, said["web2"]) == []


def test_a_host_that_was_lost_holds_what_it_was_to_have() -> None:
    found = plan({"web1": host("shop", "blog"), "web3": host("shop")})
    assert list(found["held"]) == ["shop"]
    assert "web2 could not be prepared" in found["held"]["shop"]
    assert "--limit '!web2'" in found["held"]["shop"]
    # blog is not to run there.
    assert found["due"] == {"web1": ["blog"], "web3": []}


def test_a_lost_host_keeps_nobody_that_has_nothing_to_do() -> None:
    said = {"web1": host(), "web3": host()}
    assert sentences(plan(said), said["web1"]) == []


def test_a_good_batch_goes_on() -> None:
    said = {name: host("shop") for name in HOSTS}
    found = plan(said, 1)
    said["web1"] = host("shop", done=["shop"])
    after = rolling.judge(found, said, ["web1"])
    assert after == found
    assert [sentences(after, one) for one in said.values()] == [[], [], []]


def test_what_fails_in_a_batch_goes_no_further_and_the_rest_does() -> None:
    said = {name: host("shop", "news") for name in HOSTS}
    found = plan(said, 1)
    said["web1"] = host("shop", "news", done=["shop", "news"], failures=failure())
    after = rolling.judge(found, said, ["web1"])
    assert after["held"] == {"shop": "it failed on web1"}
    assert after["tried"] == ["shop"]
    assert rolling.open_of(said["web2"], after["held"]) == ["news"]
    assert "because it failed on web1" in sentences(after, said["web2"])[0]


def test_a_batch_that_broke_off_goes_no_further() -> None:
    said = {name: host("shop") for name in HOSTS}
    found = plan(said, 2)
    said["web1"] = host("shop", done=["shop"])
    said["web2"] = host("shop", done=["shop"], broken="nginx refuses its configuration.")
    after = rolling.judge(found, said, ["web1", "web2"])
    assert after["held"] == {"shop": "it failed on web2"}
    assert sentences(after, said["web2"]) == ["nginx refuses its configuration."]
    assert sentences(after, said["web1"]) == []


def test_a_host_that_is_lost_in_a_batch_stops_what_it_was_to_switch() -> None:
    said = {name: host("shop") for name in HOSTS}
    found = plan(said, 1)
    del said["web1"]
    after = rolling.judge(found, said, ["web1"])
    assert after["held"] == {
        "shop": "web1 was lost while it was switched; deploy again, or roll back, when it is there"
    }
    assert sentences(after, said["web2"]) != []


def test_what_is_wrong_with_the_whole_stops_everything() -> None:
    said = {name: host("shop") for name in HOSTS}
    found = plan(said, 1)
    said["web1"] = host("shop", done=["shop"])
    after = rolling.judge(found, said, ["web1"], "https://shop.example answered 500")
    assert rolling.open_of(said["web2"], after["held"]) == []
    assert sentences(after, said["web1"]) == [
        "application 'shop' serves its new release on this host, but https://shop.example answered"
        " 500."
    ]
    assert "because https://shop.example answered 500." in sentences(after, said["web2"])[0]


def test_those_that_had_switched_go_back() -> None:
    switched = [{"name": "shop", "release": "b-2", "from": "a-1"}]
    said = {
        "web1": host("shop", done=["shop"], activated=switched),
        "web2": host("shop", done=["shop"], failures=failure()),
        "web3": host("shop"),
    }
    found = plan({name: host("shop") for name in HOSTS}, 2)
    after = rolling.judge(found, said, ["web1", "web2"])
    assert rolling.going_back(after, said["web1"]) == [{"name": "shop", "release": "a-1"}]
    assert rolling.going_back(after, said["web2"]) == []
    back = host("shop", done=["shop"], activated=switched, back={"shop": "a-1"})
    assert sentences(after, back) == [
        "application 'shop' is back at release a-1 on this host, because it failed on web2."
    ]


def test_what_went_well_everywhere_stays() -> None:
    names = ["shop", "blog"]
    switched = [{"name": name, "release": "b-2", "from": "a-1"} for name in names]
    said = {
        "web1": host(*names, done=names, activated=switched),
        "web2": host(*names, done=names, activated=switched[1:], failures=failure()),
    }
    found = plan({name: host(*names) for name in ("web1", "web2")}, 2, ["web1", "web2"])
    after = rolling.judge(found, said, ["web1", "web2"])
    assert rolling.going_back(after, said["web1"]) == [{"name": "shop", "release": "a-1"}]
    assert rolling.going_back(after, said["web2"]) == []


@pytest.mark.parametrize("before", ["", "b-2"])
def test_what_had_nothing_before_or_only_restarted_stays(before: str) -> None:
    found = plan({"web1": host("shop")}, hosts=["web1"])
    one = host(
        "shop",
        done=["shop"],
        activated=[{"name": "shop", "release": "b-2", "from": before}],
    )
    after = rolling.judge(found, {"web1": one}, ["web1"], "no")
    assert rolling.going_back(after, one) == []


def test_what_was_held_from_the_start_never_goes_back() -> None:
    said = {"web1": host("shop"), "web2": host(failures=failure())}
    found = plan(said, hosts=["web1", "web2"])
    assert rolling.judge(found, said, [])["tried"] == []


def test_before_anything_is_decided_nothing_is_wrong() -> None:
    assert rolling.failures(None, host("shop")) == []


def choice(release: str, current: str) -> dict[str, str]:
    """Describe where a host would go by itself."""
    return {"release": release, "current": current}


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([choice("a", "b"), choice("a", "b")], "a"),
        # Most of them, and the first of as many.
        ([choice("x", "c"), choice("a", "c"), choice("a", "c")], "a"),
        ([choice("x", "c"), choice("a", "c")], "x"),
        # Stopped after the first: it goes back to what the others still serve, and not all of them
        # to what was before that.
        ([choice("b", "c"), choice("a", "b"), choice("a", "b")], "b"),
        # One that has nothing before is where the others go.
        ([choice("b", "c"), choice("", "b")], "b"),
        ([choice("", "b")], ""),
        ([], ""),
    ],
)
def test_all_go_back_to_one_release(choices: list[dict[str, str]], expected: str) -> None:
    given = {f"web{number}": one for number, one in enumerate(choices)}
    assert rolling.common_target(given) == expected
