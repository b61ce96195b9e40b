"""What an application's place on a host tells: releases, history, what runs."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _application, _systemd
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
)
from app_host import Host, activated

# ---- Where a rollback goes -------------------------------------------------------------------


def test_rollback_goes_to_the_one_that_served_before(host: Host) -> None:
    for release in ("a-1", "b-1", "c-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"), activated("c-1", "b-1"))
    host.link("current", "c-1")
    assert host.choose() == "b-1"


def test_rollback_skips_what_was_refused_and_what_was_left(host: Host) -> None:
    for release in ("a-1", "b-1", "c-1", "d-1"):
        host.make(release)
    host.note(
        activated("a-1"),
        activated("b-1", "a-1"),
        activated("c-1", "b-1"),
        {"event": "refused", "release": "d-1"},
        {"event": "rolled-back", "release": "b-1", "from": "c-1"},
    )
    host.link("current", "b-1")
    # Not d, which never served, and not c, which somebody went back from.
    assert host.choose() == "a-1"


def test_what_was_activated_again_is_good_again(host: Host) -> None:
    for release in ("a-1", "b-1"):
        host.make(release)
    host.note(
        activated("a-1"),
        activated("b-1", "a-1"),
        {"event": "rolled-back", "release": "a-1", "from": "b-1"},
        activated("b-1", "a-1"),
    )
    host.link("current", "b-1")
    assert host.choose() == "a-1"
    host.link("current", "a-1")
    assert host.choose() == "b-1"


def test_rollback_skips_what_is_not_complete(host: Host) -> None:
    for release in ("a-1", "b-1", "c-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"), activated("c-1", "b-1"))
    host.link("current", "c-1")
    (host.root / "shop/releases/b-1/release.json").unlink()
    assert host.choose() == "a-1"


def test_rollback_fails_with_what_there_is(host: Host) -> None:
    host.make("a-1", version="v1")
    host.make("b-1", version="v2")
    host.note({"event": "refused", "release": "b-1"}, activated("a-1"))
    host.link("current", "a-1")
    with pytest.raises(Problem) as nowhere:
        host.choose()
    assert "none to go back to" in str(nowhere.value)
    assert "b-1 (v2), refused 2026-01-01" in str(nowhere.value)
    with pytest.raises(Problem) as unknown:
        host.choose("z-9")
    assert "no release 'z-9'" in str(unknown.value)
    assert "a-1 (v1), activated 2026-01-02, current" in str(unknown.value)
    # By name, also to one that was refused: it must prove itself again.
    assert host.choose("b-1") == "b-1"


def test_an_application_without_releases(host: Host) -> None:
    with pytest.raises(Problem, match="application 'none' has no release on this host.$"):
        host.choose(name="none")


def test_a_near_name_is_asked_for(host: Host) -> None:
    host.make("1f2e3d4c5b6a-01234567")
    host.link("current", "1f2e3d4c5b6a-01234567")
    with pytest.raises(Problem, match=r"on this host. Did you mean 'shop'\?"):
        host.choose(name="shpo")
    with pytest.raises(Problem, match=r"host\. Did you mean '1f2e3d4c5b6a-01234567'\? There are:"):
        host.choose("1f2e3d4c5b6a-0123456")


# ---- History ---------------------------------------------------------------------------------


def test_the_history_may_have_a_line_that_was_cut_off(host: Host) -> None:
    for release in ("a-1", "b-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"))
    with host.history.open("a") as file:
        file.write('{"time": "2026-01-03", "ev')
    host.link("current", "b-1")
    assert host.choose() == "a-1"


def test_a_line_may_be_cut_off_in_a_character(host: Host) -> None:
    """Fault 4: such a line disabled rollback, status and prune."""
    for release in ("a-1", "b-1"):
        host.make(release)
    host.note(activated("a-1"), activated("b-1", "a-1"))
    line = '{"time": "2026-01-03", "event": "refused", "release": "b-1", "reason": "王'
    with host.history.open("ab") as file:
        file.write(line.encode()[:-1])
    host.link("current", "b-1")
    assert host.choose() == "a-1"
    # And what is noted next is a line of its own.
    host.app.note("activated", "b-1")
    assert [event["release"] for event in host.app.history()] == ["a-1", "b-1", "b-1"]


@pytest.mark.parametrize(
    "line",
    [
        b'"text"',
        b"[" * 100000,
        b'{"release": "b-1"}',
        b'{"time": "2026-01-03", "event": ["activated"], "release": "b-1"}',
        b'{"time": "2026-01-03", "event": "activated", "release": {"b": 1}}',
        b'{"time": "2026-01-03", "event": "activated", "release": "b-1", "from": []}',
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_event_is_none(host: Host, line: bytes) -> None:
    host.make("a-1")
    host.note(activated("a-1"))
    with host.history.open("ab") as file:
        file.write(line + b"\n")
    assert [event["release"] for event in host.app.history()] == ["a-1"]
    assert host.app.good() == ["a-1"]


def test_a_note_has_what_is_not_empty(host: Host) -> None:
    host.app.note("activated", "a-1", by="小王", version="", **{"from": "z-1"})
    (event,) = host.events
    assert event.pop("time").endswith("Z")
    assert event == {"event": "activated", "release": "a-1", "by": "小王", "from": "z-1"}


# ---- Releases --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"health": {}, "keep_releases": 3}',
        '{"health": [], "keep_releases": 3}',
        '{"health": {"path": "/", "host": "h", "status": 200, "timeout": 1}, "keep_releases": 3}',
        '{"health": {"path": "/", "host": "h", "status": [200], "timeout": "x"},'
        ' "keep_releases": 3}',
        '{"health": {"path": "/", "host": "h", "status": [200], "timeout": 1},'
        ' "keep_releases": 3, "services": 5}',
        "\x00",
    ],
)
def test_a_release_that_cannot_be_proved_is_none(host: Host, text: str) -> None:
    path = host.make("a-1")
    assert host.app.complete() == ["a-1"]
    (path / "release.json").write_text(text)
    assert host.app.about("a-1") == {}
    assert host.app.complete() == []
    assert host.app.directories() == ["a-1"]


def test_numbers_may_be_written_as_text(host: Host) -> None:
    """As ansible-core before 2.19 handed them over."""
    health = {"path": "/", "host": "h", "status": ["200"], "timeout": "7"}
    host.make("a-1", health=health, keep_releases="4")
    about = host.app.about("a-1")
    assert (about["health"]["status"], about["health"]["timeout"]) == ([200], 7)
    assert about["keep_releases"] == 4


def test_there_is_no_release_without_a_name(host: Host) -> None:
    host.make("a-1")
    (host.root / "shop/releases/release.json").write_bytes(
        (host.root / "shop/releases/a-1/release.json").read_bytes()
    )
    assert host.app.about("") == {}


# ---- What runs -------------------------------------------------------------------------------


def both(instance: str, state: str = "active running") -> str:
    """Give the lines of systemctl list-units about an instance."""
    return "".join(f"{instance}.{kind} loaded {state} A name\n" for kind in ("socket", "service"))


STEADY = both("uwsgi-shop@b-1") + both("uwsgi-shop-admin@z-1")
#: Case -> what runs, what starts at boot, what is current; whether b-1 is active; who is to go.
STATES: dict[str, tuple[str, list[str], str, bool, list[str]]] = {
    "bare": ("", [], "", False, []),
    "converged": (STEADY, ["shop@b-1", "shop-admin@z-1"], "b-1", True, []),
    "old": (both("uwsgi-shop@a-1"), ["shop@a-1"], "a-1", False, ["a-1"]),
    "not enabled": (STEADY, [], "b-1", False, []),
    "not running": (both("uwsgi-shop@b-1", "failed failed"), ["shop@b-1"], "b-1", False, []),
    "another starts": (
        STEADY + both("uwsgi-shop@c-1", "activating start"),
        ["shop@b-1"],
        "b-1",
        False,
        ["c-1"],
    ),
    "another would boot": (STEADY, ["shop@b-1", "shop@c-1"], "b-1", False, ["c-1"]),
    # What is stopping, stopped or has failed takes no requests: nothing to retire.
    "another leaves": (
        STEADY + both("uwsgi-shop@a-1", "deactivating stop") + both("uwsgi-shop@c-1", "failed x"),
        ["shop@b-1"],
        "b-1",
        True,
        [],
    ),
    # The release command's unit is named like an application's, up to the @.
    "release command": (
        STEADY + both("uwsgi-shop-release@b-1"),
        ["shop@b-1"],
        "b-1",
        True,
        [],
    ),
}


@pytest.mark.parametrize("case", STATES)
def test_when_an_application_is_active(host: Host, case: str) -> None:
    units, boots, current, active, strays = STATES[case]
    host.make("b-1")
    (host.fake / "units").write_text(units)
    for target, kind in (("multi-user", "service"), ("sockets", "socket")):
        wants = host.units_directory / f"{target}.target.wants"
        wants.mkdir(parents=True)
        for instance in boots:
            (wants / f"uwsgi-{instance}.{kind}").touch()
    if current:
        host.link("current", current)
    answer = host.compare()
    (found,) = answer["apps"]
    assert (found["current"], found["active"]) == (current, active)
    listed = _application.list_instances(), _systemd.list_enabled("uwsgi-")
    assert _application.strays_of(host.app, "b-1", *listed) == strays
    # There is no user shop on the machine of the tests, and there is a group root.
    assert answer["missing_users"] == ["shop"]
    assert not answer["missing_group"]


RUNNING = (
    "uwsgi-shop@b-1.socket",
    "uwsgi-shop@b-1.service",
    "uwsgi-shop.mail@b-1.service",
    "uwsgi-shop.clean@b-1.timer",
)


@pytest.mark.parametrize("missing", ["", *RUNNING])
def test_services_and_timers_have_to_run_and_to_boot(host: Host, missing: str) -> None:
    host.make("b-1", services=["mail"], timers=["clean"])
    host.link("current", "b-1")
    there = [unit for unit in RUNNING if unit != missing]
    host.units(*(f"{unit} active" for unit in there), boots=RUNNING)
    (found,) = host.compare(services=["mail"], timers=["clean"])["apps"]
    assert found["active"] == (not missing)


def test_units_are_told_apart_by_name() -> None:
    app = _application.Application("shop", "/opt")
    units = ["uwsgi-shop@a-1.service", "uwsgi-shop@a-1.socket", "uwsgi-shop-admin@b-1.service"]
    assert app.releases_in(units) == ["a-1"]


def test_a_systemd_that_does_not_answer_is_not_taken_for_nothing_runs(host: Host) -> None:
    host.fail("list-units")
    with pytest.raises(CommandFailed):
        host.compare()


def test_links(host: Host) -> None:
    host.make("a-1")
    host.make("b-1")
    assert host.app.linked("current") == ""
    host.app.point("current", "a-1")
    assert os.readlink(host.root / "shop/current") == "releases/a-1"
    host.app.point("releases/b-1/before", "a-1")
    assert os.readlink(host.root / "shop/releases/b-1/before") == "../a-1"


def test_only_directories_with_releases_are_applications(host: Host) -> None:
    host.make("a-1")
    (host.root / "other").mkdir()
    (host.root / "file").touch()
    assert _application.names_in(str(host.root)) == ["shop"]
    assert _application.names_in(str(host.root / "none")) == []


def test_one_switch_at_a_time(host: Host) -> None:
    host.make("a-1")
    with host.app.locked(), pytest.raises(Problem, match="being switched by another process"):
        host.activate("a-1")


def test_the_history_is_json(host: Host) -> None:
    host.app.note("refused", "a-1", reason='"quoted"\nline')
    assert json.loads(host.history.read_text())["reason"] == '"quoted"\nline'
