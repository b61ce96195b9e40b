"""What an application has said, as the journal has it."""

from __future__ import annotations

import json
import time
from threading import Timer
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_logs
from ansible_collections.flaskstack.centos.plugins.module_utils._app_logs import logs, told
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from app_host import Host

#: Gives the entries of a file after the cursor that is asked for; all of them, the last first, or
#: the last one, as journalctl does.
JOURNALCTL = """#!/bin/sh
echo "journalctl $*" >> "$FAKE/calls"
case "$*" in *APP_NAME*) test ! -e "$FAKE/refuses" || { cat "$FAKE/refuses" >&2; exit 1; } ;; esac
for argument; do case "$argument" in
--after-cursor=*) exec sed "1,/\\"__CURSOR\\": \\"${argument#*=}\\"/d" "$FAKE/entries" ;;
--reverse) exec tac "$FAKE/entries" ;;
--lines=1) exec tail -n 1 "$FAKE/entries" ;;
esac; done
cat "$FAKE/entries"
"""


def entry(number: int, message: Any, **fields: str) -> dict[str, Any]:
    """Return an entry of the journal of a second."""
    return {
        "__CURSOR": f"c{number}",
        "__REALTIME_TIMESTAMP": str(number * 1000000),
        "MESSAGE": message,
        "APP_RELEASE": "a-1",
        "_SYSTEMD_UNIT": "uwsgi-shop@a-1.service",
        **fields,
    }


def say(host: Host, *entries: dict[str, Any]) -> None:
    """Let the journal have some entries, in addition to those that it has."""
    with (host.fake / "entries").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in entries)


def ask(host: Host, **more: Any) -> dict[str, Any]:
    """Gather what shop has said."""
    given = {"name": "shop", "lines": 10, "since": "", "after": "", "wait": 0} | more
    return logs(root=str(host.root), **given)


def texts(answer: dict[str, Any]) -> list[str]:
    """Return the lines themselves."""
    return [line["text"] for line in answer["lines"]]


@pytest.fixture
def talking(host: Host) -> Host:
    """Give a host on which the application has said three things."""
    (host.fake / "journalctl").write_text(JOURNALCTL)
    host.make("a-1")
    say(host, entry(1, "one"), entry(2, "two\n\nand a half"), entry(3, "three"))
    return host


def test_the_last_lines_in_their_order(talking: Host) -> None:
    answer = ask(talking)
    assert texts(answer) == ["one", "two", "and a half", "three"]
    assert [line["time"] for line in answer["lines"]] == [1, 2, 2, 3]
    assert (answer["position"], answer["here"], answer["changed"]) == ("c3", True, False)
    assert texts(ask(talking, lines=2)) == ["and a half", "three"]
    # Not --lines: with --since, that is the first ones to some journalctl.
    assert all("--lines=2" not in call for call in talking.calls())
    assert ask(talking, name="shpo")["nearest"] == "shop"


def test_what_came_after(talking: Host) -> None:
    answer = ask(talking, after="c2")
    assert (texts(answer), answer["position"]) == (["three"], "c3")
    answer = ask(talking, after="c3")
    assert (texts(answer), answer["position"]) == ([], "c3")
    later = Timer(0.7, say, (talking, entry(4, "four")))
    later.start()
    began = time.monotonic()
    assert texts(ask(talking, after="c3", wait=20)) == ["four"]
    assert time.monotonic() - began < 10
    later.join()


def test_an_application_that_has_said_nothing_yet_has_a_place(host: Host) -> None:
    (host.fake / "journalctl").write_text(JOURNALCTL)
    (host.fake / "entries").touch()
    position = ask(host)["position"]
    assert abs(float(position[1:]) - time.time()) < 60
    ask(host, after=position)
    assert host.calls()[-1].endswith(f"APP_NAME=shop --since={position}")


def test_a_time_that_is_none(talking: Host) -> None:
    (talking.fake / "refuses").write_text("Failed to parse timestamp: soon\n")
    with pytest.raises(Problem, match="since: 'soon' is no time that journalctl reads; write"):
        ask(talking, since="soon")
    (talking.fake / "refuses").write_text("Failed to open journal\n")
    with pytest.raises(Problem, match="journalctl failed: Failed to open journal"):
        ask(talking)


def test_a_journal_that_hangs_ends(talking: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_app_logs, "PATIENCE", 1.0)
    (talking.fake / "journalctl").write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(Problem, match="journalctl took longer than 1 s"):
        ask(talking)


def test_more_than_one_wants_is_not_read(talking: Host) -> None:
    """A journal of a year: what is not taken is not waited for."""
    endless = f"while :; do echo '{json.dumps(entry(7, 'seven'))}'; done"
    (talking.fake / "journalctl").write_text(f"#!/bin/sh\n{endless}\n")
    assert texts(ask(talking, lines=3)) == ["seven"] * 3


@pytest.mark.parametrize(
    ("unit", "source"),
    [
        ("uwsgi-shop@a-1.service", ""),
        ("uwsgi-shop.mailer@a-1.service", "mailer"),
        ("uwsgi-shop-release@a-1.service", "release"),
        ("uwsgi-shop-http.service", "http"),
        ("uwsgi-shop.exec.1a2b@a-1.service", "exec.1a2b"),
        ("something-else.service", ""),
    ],
)
def test_who_said_it(unit: str, source: str) -> None:
    (line,) = told("shop", entry(1, "one", _SYSTEMD_UNIT=unit))
    assert line == {"time": 1, "release": "a-1", "source": source, "text": "one"}


def test_odd_messages() -> None:
    # What is no UTF-8 comes as a list of bytes; what is too large, as null.
    assert told("shop", entry(1, [104, 105, 255]))[0]["text"] == "hi\ufffd"
    assert told("shop", entry(1, None)) == []
    (line,) = told("shop", entry(1, "x" * 9000))
    assert line["text"] == "x" * _app_logs.LONGEST + " …"
