"""Who does what is done once: release commands and compiling."""

from __future__ import annotations

from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import once

KEY = "shop /opt/shop/builds/abc123 da39a3ee"


def command(key: str = KEY, *, everywhere: bool = False) -> dict[str, Any]:
    """Describe a release command that is due."""
    return {"name": key.split()[0], "release": "abc123-1", "once": not everywhere, "key": key}


def ran(problem: str = "", key: str = KEY) -> dict[str, Any]:
    """Describe what Ansible registers of its run."""
    # A failure that failed_when has taken away, as the role has it, still has its text.
    return {"item": command(key), "failed": False} | ({"msg": problem} if problem else {})


def test_the_first_of_the_batch_runs_it() -> None:
    due = {"one": [command()], "two": [command()]}
    assert once.commands_of("one", due, {}) == [command()]
    assert once.commands_of("two", due, {}) == []


def test_one_that_is_for_every_host_is_run_by_each() -> None:
    due = {host: [command(everywhere=True)] for host in ("one", "two")}
    runs = {"one": [ran()], "two": []}
    assert once.commands_of("two", due, runs) == [command(everywhere=True)]


def test_other_commands_are_not_the_same() -> None:
    due = {"one": [command("shop other build")], "two": [command()]}
    assert once.commands_of("two", due, {}) == [command()]


def test_what_an_earlier_batch_has_run_is_done() -> None:
    due = {"three": [command()]}
    assert once.commands_of("three", due, {"one": [ran()], "two": [], "three": []}) == []
    # Where it failed there, the next batch tries it: the play goes on with it.
    assert once.commands_of("three", due, {"one": [ran("no table")]}) == [command()]


def test_hosts_that_have_nothing_due_run_nothing() -> None:
    assert once.commands_of("one", {"one": [], "two": [command()]}, {}) == []
    assert once.commands_of("gone", {"one": []}, {}) == []


def test_success_on_one_host_is_enough() -> None:
    runs = {"one": [ran()], "two": []}
    assert once.failed_commands("two", [command()], runs) == {}
    assert once.failed_commands("one", [command()], runs) == {}


def test_failure_keeps_all_hosts_from_activating() -> None:
    runs: dict[str, Any] = {"one": [ran("it is there already")], "two": []}
    assert once.failed_commands("one", [command()], runs) == {"shop": "it is there already"}
    said = once.failed_commands("two", [command()], runs)["shop"]
    assert "abc123-1 is not activated" in said and "did not succeed on one." in said


def test_a_host_that_was_lost_has_run_nothing() -> None:
    said = once.failed_commands("two", [command()], {"one": [], "two": []})["shop"]
    assert "did not succeed on any host." in said


def test_of_its_own_command_each_host_needs_its_own_success() -> None:
    due = [command(everywhere=True)]
    assert once.failed_commands("two", due, {"one": [ran("no")], "two": [ran()]}) == {}
    said = once.failed_commands("two", due, {"one": [ran()], "two": []})["shop"]
    assert "was not run" in said


def test_others_are_not_concerned() -> None:
    runs = {"one": [ran("no"), ran("", "blog a b")]}
    failed = once.failed_commands("one", [command(), command("blog a b")], runs)
    assert failed == {"shop": "no"}


def lacking(*, kept: str = "", fetch: bool = True) -> list[dict[str, Any]]:
    """Describe the wheel that a host lacks."""
    return [{"python": "3.11", "key": "el9/2.0.31-cp311", "kept": kept, "fetch": fetch}]


def test_one_host_compiles_for_the_others() -> None:
    said = {"one": [], "two": lacking(), "three": lacking()}
    for host in ("two", "three"):
        assert once.compilers(host, said) == {"el9/2.0.31-cp311": "two"}
    assert once.compilers("one", said) == {}


def test_a_host_that_has_kept_it_comes_first() -> None:
    said = {"one": lacking(), "two": lacking(kept="/opt/uwsgi/wheels/x.whl")}
    assert once.compilers("one", said) == {"el9/2.0.31-cp311": "two"}


def test_where_nothing_is_fetched_each_compiles() -> None:
    said = {"one": lacking(fetch=False), "two": lacking(fetch=False)}
    assert once.compilers("two", said) == {"el9/2.0.31-cp311": "two"}
    # And nobody relies on one that does not fetch.
    mixed = {"one": lacking(fetch=False), "two": lacking()}
    assert once.compilers("two", mixed) == {"el9/2.0.31-cp311": "two"}


def test_items_that_failed() -> None:
    """The others have had their turn; a loop without any has no results."""
    assert once.failed_items({"results": [ran(), ran("no table", "blog x")]}) == [
        {"name": "blog", "msg": "no table"}
    ]
    assert once.failed_items({"skipped": True}) == []


def test_items_that_serve_now() -> None:
    """What was brought back without a switch is among them; what failed is not."""
    done = ran() | {"release": "b-2", "from": "a-1"}
    refused = ran("no", "blog x") | {"release": "b-2", "from": "a-1"}
    skipped = {"item": {"name": "news"}, "skipped": True}
    assert once.switched_items({"results": [done, refused, skipped]}) == [
        {"name": "shop", "release": "b-2", "from": "a-1"}
    ]
    assert once.switched_items({"skipped": True}) == []
