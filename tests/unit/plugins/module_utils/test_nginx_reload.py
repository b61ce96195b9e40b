"""Reloads that are watched, and what is put back when nginx does not take it over."""

from __future__ import annotations

import os
import signal

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _nginx_reload
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_reload import (
    emergencies,
    mark_of,
)
from nginx_host import SHOW, TAKES_OVER, Host, failure, sites

TAKEN = "2026/01/02 03:04:05 [emerg] 100#100: bind() to 0.0.0.0:81 failed ({}: {})"
DONE = {"changed": True, "reloaded": True}


def test_a_reload(nginx: Host) -> None:
    nginx.write(shop="new")
    assert nginx.reload() == DONE
    assert nginx.contents()["conf.d/shop.conf"][1] == "new"
    assert nginx.left() == set()
    assert not nginx.tree.journal()
    assert nginx.calls("systemctl")[-1] == "reload nginx.service"
    assert nginx.calls("nginx")[1] == f"-t -q -c {nginx.root}/nginx.conf"


def test_a_host_where_nginx_does_not_run(nginx: Host) -> None:
    nginx.write(shop="new")
    (nginx.fake / "show").write_text(SHOW.format("inactive"))
    assert nginx.reload() == {"changed": False, "reloaded": False}
    assert nginx.left() == set()
    assert nginx.contents()["conf.d/shop.conf"][1] == "new"
    assert not any(call.startswith("reload") for call in nginx.calls("systemctl"))


CHANGED = {
    "files": sites(shop="new", fresh="fresh") | {"tls/k": (b"new", 0o644)},
    "remove": ["mime.types"],
}

#: Case -> what a reload does, what the sentence says of it, and how often nginx was asked.
FAILURES = {
    "address": (f"echo '{TAKEN.format(13, 'Permission denied')}' >> $LOG", "Permission denied", 1),
    "taken": (
        f"for n in 1 2; do echo '{TAKEN.format(98, 'Address already in use')}' >> $LOG; done\n"
        "echo '2026/01/02 03:04:07 [emerg] 100#100: still could not bind()' >> $LOG",
        "bind() to 0.0.0.0:81 failed (98: Address already in use); still could not bind()",
        1,
    ),
    "time_over": (
        f"echo '{TAKEN.format(98, 'Address already in use')}' >> $LOG",
        "(in its words: bind() to 0.0.0.0:81 failed (98: Address already in use))",
        2,
    ),
    "silence": ("true", "nothing within 0.1 s, and no new worker", 2),
    "systemctl": ("echo 'Job failed.' >&2; exit 1", "(in its words: Job failed.)", 2),
    "rotated": (
        f"mv $LOG $LOG.1; echo '{TAKEN.format(13, 'Permission denied')}' > $LOG",
        "Permission denied",
        1,
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_nginx_does_not_take_over_goes_back(nginx: Host, case: str) -> None:
    script, words, asked = FAILURES[case]
    nginx.put("tls/k", "old\r\n", 0o640)
    old = "2026/01/01 [emerg] 100#100: long ago\n"
    nginx.log.write_text(old + (old * 20 if case == "rotated" else ""))
    before = nginx.contents()
    nginx.change(**CHANGED)
    assert nginx.contents() != before
    nginx.on_reload(script)
    said = str(failure(nginx.reload, 0.1))
    assert said.startswith("nginx did not take over the new configuration (in its words: ")
    assert said.endswith("; the old files are back and the old processes go on serving.")
    assert words in said
    assert "long ago" not in said
    assert nginx.contents() == before
    assert nginx.left() == set()
    # One that may still come to it is asked once more, for the old files.
    assert sum(call.startswith("reload") for call in nginx.calls("systemctl")) == asked


def test_a_systemctl_that_does_not_end(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    before = nginx.contents()
    nginx.write(shop="new")
    monkeypatch.setattr(_nginx_reload, "PATIENCE", 0.2)
    nginx.on_reload("exec sleep 3")
    assert "systemctl reload took too long" in str(failure(nginx.reload, 0.1))
    assert nginx.contents() == before
    assert sum(call.startswith("reload") for call in nginx.calls("systemctl")) == 2


def test_an_address_that_is_free_after_all(nginx: Host) -> None:
    nginx.write(shop="new")
    line = TAKEN.format(98, "Address already in use")
    later = TAKES_OVER.replace("\n", "; ").strip("; ")
    nginx.on_reload(f"echo '{line}' >> $LOG\n(sleep 0.2; {later}) >&- 2>&- &")
    assert nginx.reload() == DONE
    assert nginx.contents()["conf.d/shop.conf"][1] == "new"


def test_words_of_others_are_not_nginx_s(nginx: Host) -> None:
    nginx.write(shop="new")
    line = TAKEN.format(13, "no").replace("100#100", "1100#1100")
    later = TAKES_OVER.replace("\n", "; ").strip("; ")
    nginx.on_reload(f"echo '{line}' >> $LOG\n(sleep 0.1; {later}) >&- 2>&- &")
    assert nginx.reload() == DONE


def test_a_log_that_grows_without_end_is_read_from_its_end(
    nginx: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_nginx_reload, "MOST_LOG", 100)
    nginx.log.write_bytes(b"old\n")
    mark = mark_of(str(nginx.log))
    with nginx.log.open("ab") as file:
        file.write(b"\xff\n" * 1000 + b"[emerg] 100#1: no\xff\n")
    assert emergencies(str(nginx.log), mark, 100) == ["no\N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize(
    "made",
    [
        "mkdir $PROC/300; echo '300 (nginx) S 99 1' > $PROC/300/stat;"
        "printf 'nginx: worker process' > $PROC/300/cmdline",
        "mkdir $PROC/300; echo '300 (nginx) S 100 1' > $PROC/300/stat;"
        "printf 'nginx: worker process is shutting down' > $PROC/300/cmdline",
        "mkdir $PROC/300; echo '300 (nginx) S 100 1' > $PROC/300/stat;"
        "printf 'nginx: cache loader process' > $PROC/300/cmdline",
        "mkdir $PROC/300",
    ],
)
def test_what_is_no_new_worker(nginx: Host, made: str) -> None:
    nginx.write(shop="new")
    nginx.on_reload(made)
    assert "no new worker" in str(failure(nginx.reload, 0.05))


def test_a_tree_that_somebody_broke_meanwhile_is_not_given_to_nginx(nginx: Host) -> None:
    nginx.write(shop="new")
    nginx.put("conf.d/mine.conf", "bad")
    said = str(failure(nginx.reload))
    assert f'unknown directive "bad" in {nginx.root}/conf.d/mine.conf:1' in said
    assert nginx.contents()["conf.d/shop.conf"][1] != "new"
    assert not any(call.startswith("reload") for call in nginx.calls("systemctl"))


def test_a_failure_with_nothing_to_go_back_to(nginx: Host) -> None:
    nginx.on_reload("exit 1")
    said = str(failure(nginx.reload, 0))
    assert "; there are no older files to go back to and the old processes go on" in said


def test_a_reload_is_seen_through(nginx: Host) -> None:
    nginx.write(shop="new")
    nginx.on_reload("kill -TERM $PPID; kill -HUP $PPID\n" + TAKES_OVER)
    before = signal.getsignal(signal.SIGTERM)
    assert nginx.reload() == DONE
    assert signal.getsignal(signal.SIGTERM) is before
    assert os.getpid()
