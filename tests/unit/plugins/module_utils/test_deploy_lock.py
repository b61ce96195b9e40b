"""The lock of deploys: notes on a host, renewed by each step."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _deploy_lock
from ansible_collections.flaskstack.centos.plugins.module_utils._deploy_lock import (
    VARIABLE,
    DeployLock,
    keep,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, run_module
from templar import ROOT

Make = Callable[..., DeployLock]


@pytest.fixture
def lock(tmp_path: Path) -> Make:
    def make(token: str, *names: str, lease: int = 60) -> DeployLock:
        return DeployLock(
            list(names) or ["shop"], token, f"{token}@here", lease, str(tmp_path / "lock")
        )

    return make


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in a time zone far from UTC."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def is_held(lock: DeployLock) -> bool:
    """Tell whether another deploy has it."""
    try:
        lock.take()
    except Problem:
        return True
    return False


def test_the_second_is_told_of_the_first(lock: Make) -> None:
    lock("a").take()
    with pytest.raises(Problem) as error:
        lock("b").take()
    (holder,) = error.value.details["holders"]
    assert (holder["name"], holder["by"]) == ("shop", "a@here")
    assert holder["until"] - holder["since"] == pytest.approx(60, abs=1)
    assert "token" not in holder
    sentence = str(error.value)
    assert "application 'shop' is being deployed by a@here since " in sentence
    assert "-e lock=break" in sentence


def test_whoever_has_it_may_take_it_again(lock: Make) -> None:
    lock("a").take()
    lock("a").take()


def test_all_or_none(lock: Make) -> None:
    lock("a").take()
    with pytest.raises(Problem) as error:
        lock("b", "admin", "shop").take()
    assert [holder["name"] for holder in error.value.details["holders"]] == ["shop"]
    lock("c", "admin").take()


def test_it_ends_with_its_lease(lock: Make) -> None:
    lock("a", lease=-1).take()
    lock("b").take()


def test_it_can_be_taken_over(lock: Make) -> None:
    lock("a").take()
    holders = lock("b").take(force=True)
    assert holders["shop"]["by"] == "a@here"
    assert is_held(lock("a"))


def test_only_the_owner_gives_it_back(lock: Make) -> None:
    lock("a").take()
    assert lock("b").give_back() == []
    assert is_held(lock("b"))
    assert lock("a", "shop", "never-taken").give_back() == ["shop"]
    lock("b").take()


@pytest.mark.parametrize(
    "text", ['{"tok', "[]", "5", "{}", '{"token": "a"}', '{"token": "a", "until": "x"}', "\udcff"]
)
def test_a_note_that_cannot_be_read_is_none(lock: Make, text: str) -> None:
    lock("a").take()
    Path(lock("a").path("shop")).write_bytes(text.encode("utf-8", "surrogateescape"))
    lock("b").take()


def test_a_note_of_the_former_version_counts(lock: Make) -> None:
    lock("a").take()
    now = time.time()
    former = {"token": "x", "by": "x@old", "controller": "old", "pid": 7, "started": "Thu Nov 26"}
    Path(lock("a").path("shop")).write_text(json.dumps(former | {"since": now, "until": now + 9}))
    assert is_held(lock("b"))


def test_a_live_deploy_is_alive_in_every_time_zone(
    lock: Make, monkeypatch: pytest.MonkeyPatch, elsewhere: None
) -> None:
    lock("a").take()
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    with pytest.raises(Problem) as error:
        lock("b").take()
    hour = time.strftime("%Y-%m-%d %H:", time.gmtime())
    assert f"since {hour}" in str(error.value)


def test_everybody_may_read_who_has_it(lock: Make) -> None:
    lock("a").take()
    assert stat.S_IMODE(os.stat(lock("a").path("shop")).st_mode) == 0o644


# ---- steps ------------------------------------------------------------------------------------


def test_a_step_renews_the_lease(lock: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    lock("a").take()
    note = lock("a").note("shop")
    now = time.time()
    monkeypatch.setattr(_deploy_lock.time, "time", lambda: now + 50)
    monkeypatch.setenv(VARIABLE, lock("a").variable())
    keep()
    renewed = lock("a").note("shop")
    assert renewed["since"] == note["since"]
    assert renewed["until"] == int(now) + 50 + 60
    monkeypatch.setattr(_deploy_lock.time, "time", lambda: now + 100)
    assert is_held(lock("b"))


def test_a_step_begins_a_lease_that_ended_anew(lock: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    lock("a", lease=-1).take()
    monkeypatch.setenv(VARIABLE, lock("a").variable())
    keep()
    assert is_held(lock("b"))


def test_a_step_stops_when_another_deploy_has_the_lock(
    lock: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock("a").take()
    lock("b").take(force=True)
    monkeypatch.setenv(VARIABLE, lock("a").variable())
    with pytest.raises(Problem, match="by b@here since .* was taken over"):
        keep()
    assert lock("b").note("shop")["by"] == "b@here"


@pytest.mark.parametrize("text", [None, "", "x", "a b c d e"])
def test_without_a_deploy_there_is_nothing_to_keep(
    monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(VARIABLE, text)
    keep()


def test_who_deploys_may_have_blanks(lock: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = lock("a", "shop", "admin")
    mine.by = "a b@here"
    monkeypatch.setenv(VARIABLE, mine.variable())
    keep()
    assert lock("a").note("admin")["by"] == "a b@here"
    assert VARIABLE not in os.environ


#: Keeps the lock that the environment tells of, and says in which encoding Python reads that.
SCRIPT = """
import sys
from ansible_collections.flaskstack.centos.plugins.module_utils._deploy_lock import keep
keep()
sys.stdout.write(sys.getfilesystemencoding())
"""


def test_who_deploys_may_be_called_anything(lock: Make) -> None:
    """Under Python 3.6 and LANG=C the environment is read as ASCII."""
    mine = lock("a")
    mine.by = "小王@here"
    environment = {"PYTHONPATH": str(ROOT / "collections"), VARIABLE: mine.variable()}
    environment |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    said = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.lower().replace("-", "") in ("ascii", "usascii", "iso88591")
    assert lock("b").note("shop")["by"] == "小王@here"


class Module:
    """As much of an AnsibleModule as run_module uses."""

    def __init__(self) -> None:
        self.answer: dict[str, object] = {}

    def exit_json(self, **answer: object) -> None:
        """Keep the answer."""
        self.answer = answer

    fail_json = exit_json


def test_modules_are_steps(lock: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    work: list[str] = []
    lock("a").take()
    for step, done in ((True, []), (False, ["done"])):
        monkeypatch.setenv(VARIABLE, lock("b").variable())
        module = Module()
        run_module(module, lambda: {"changed": bool(work.append("done"))}, step=step)
        assert work == done
        assert ("msg" in module.answer) == step


def test_a_long_step_keeps_the_lock(lock: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """One module may take longer than a lease: a compiler, an authority that is slow."""
    # Notes are in whole seconds, so a lease of one may be over at once.
    mine = lock("a", lease=2)
    mine.take()
    monkeypatch.setenv(VARIABLE, mine.variable())

    def work() -> dict[str, object]:
        time.sleep(4.2)
        return {"changed": is_held(lock("b"))}

    module = Module()
    run_module(module, work)
    assert module.answer == {"changed": True}
    # And no longer than the step itself.
    time.sleep(2.2)
    assert not is_held(lock("b"))
