"""How the program that collects metrics comes to a host, and goes."""

from __future__ import annotations

import grp
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _metrics_timer
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import CommandFailed
from app_host import STEADY, Host

TIMER = "uwsgi-metrics.timer"


def files(host: Host) -> list[dict[str, Any]]:
    """Describe the units."""
    group = grp.getgrgid(os.getgid()).gr_name
    return [
        {
            "path": str(host.units_directory / unit),
            "text": f"[{unit}]\n",
            "mode": "0644",
            "group": group,
        }
        for unit in ("uwsgi-metrics.service", TIMER)
    ]


def test_it_comes_and_stays(host: Host, tmp_path: Path) -> None:
    directory = tmp_path / "node/exporter"
    former = Path(_metrics_timer.FORMER)
    former.parent.mkdir()
    former.touch()
    answer = _metrics_timer.present(files(host), str(directory), True)
    assert answer["changed"]
    assert len(answer["written"]) == 3 and answer["removed"] == [str(former)]
    assert [entry["after"] for entry in answer["diff"]] == [
        "[uwsgi-metrics.service]\n",
        f"[{TIMER}]\n",
    ]
    assert not directory.exists()
    assert _metrics_timer.present(files(host), str(directory), False)["changed"]
    assert directory.is_dir() and not former.exists()
    assert Path(_metrics_timer.PROGRAM).read_bytes() == _metrics_timer.program()
    calls = host.calls()
    assert calls.index("daemon-reload") < calls.index(f"restart {TIMER}")
    host.units(boots=(TIMER,))
    host.show(f"{STEADY}\n{STEADY}")
    answer = _metrics_timer.present(files(host), str(directory), False)
    assert (answer["changed"], answer["written"], answer["diff"]) == (False, [], [])
    assert host.calls().count(f"restart {TIMER}") == 1


def test_when_metrics_are_collected(host: Host, tmp_path: Path) -> None:
    wanted = files(host)
    assert not _metrics_timer.is_converged(wanted)
    assert _metrics_timer.is_converged([])
    _metrics_timer.present(wanted, str(tmp_path / "metrics"), False)
    assert not _metrics_timer.is_converged(wanted)
    host.show(f"{STEADY}\n{STEADY}")
    host.units(boots=(TIMER,))
    assert _metrics_timer.is_converged(wanted)
    # Not wanted any more, but there.
    assert not _metrics_timer.is_converged([])
    Path(wanted[0]["path"]).write_text("y")
    assert not _metrics_timer.is_converged(wanted)
    Path(wanted[0]["path"]).write_text(wanted[0]["text"])
    assert _metrics_timer.is_converged(wanted)
    Path(_metrics_timer.PROGRAM).write_text("another version")
    assert not _metrics_timer.is_converged(wanted)


def test_it_goes(host: Host, tmp_path: Path) -> None:
    _metrics_timer.present(files(host), str(tmp_path / "metrics"), False)
    answer = _metrics_timer.absent(True)
    assert (answer["changed"], len(answer["removed"])) == (True, 3)
    assert Path(_metrics_timer.PROGRAM).exists()
    assert _metrics_timer.absent(False)["changed"]
    assert not Path(_metrics_timer.PROGRAM).exists()
    assert not list(host.units_directory.iterdir())
    assert f"disable --now {TIMER}" in host.calls()
    assert not _metrics_timer.absent(False)["changed"]


def test_a_timer_that_does_not_start_fails(host: Host, tmp_path: Path) -> None:
    host.fail("restart")
    with pytest.raises(CommandFailed):
        _metrics_timer.present(files(host), str(tmp_path / "metrics"), False)


def test_units_that_systemd_has_not_read_are_not_in_order(host: Host, tmp_path: Path) -> None:
    """Those of a run that was killed before it said so."""
    _metrics_timer.present(files(host), str(tmp_path / "metrics"), False)
    host.units(boots=(TIMER,))
    host.show("NeedDaemonReload=yes\n" + STEADY + "\nNeedDaemonReload=no\n" + STEADY)
    assert not _metrics_timer.is_converged(files(host))
