"""The programs that timers run on the host, and the timer of the metrics."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _nginx_programs
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_programs import (
    DEPLOY,
    METRICS,
    install_metrics,
    is_current,
    put_program,
    remove_metrics,
    text_of,
)
from nginx_host import SHOW, Host


@pytest.fixture
def places(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the programs and units in a directory of their own."""
    directory = nginx.directory / "system"
    directory.mkdir()

    def move(path: str) -> str:
        return str(directory / os.path.basename(path))

    former = {move(path): move(old) for path, old in _nginx_programs.FORMER.items()}
    monkeypatch.setattr(_nginx_programs, "FORMER", former)
    parts = {move(path): parts for path, parts in _nginx_programs.PARTS.items()}
    monkeypatch.setattr(_nginx_programs, "PARTS", parts)
    monkeypatch.setattr(_nginx_programs, "METRICS", move(METRICS))
    monkeypatch.setattr(_nginx_programs, "UNITS", tuple(map(move, _nginx_programs.UNITS)))
    on(nginx)
    return directory


def on(nginx: Host, active: str = "active") -> None:
    """Say how it is with the timer."""
    show = SHOW.format(active).replace("nginx.service", "nginx-metrics.timer")
    (nginx.fake / "show").write_text(show)


@pytest.mark.parametrize("path", [METRICS, DEPLOY])
def test_a_program_is_all_that_it_imports(tmp_path: Path, path: str) -> None:
    (tmp_path / "it.pyz").write_bytes(text_of(path))
    environment = {"PATH": "/usr/bin:/bin", "RENEWED_LINEAGE": str(tmp_path / "config/live/none")}
    run = subprocess.run(
        [sys.executable, "-I", "it.pyz", "1", str(tmp_path / "nginx.prom")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_a_program_of_an_earlier_version_goes(places: Path) -> None:
    path = str(places / "deploy.pyz")
    (places / "deploy.sh").touch()
    assert not is_current(path)
    changed = [path, str(places / "deploy.sh")]
    assert put_program(path, check=True) == changed
    assert not os.path.exists(path)
    assert put_program(path) == changed
    assert is_current(path)
    assert put_program(path) == []
    (places / "deploy.pyz").write_text("another version's")
    assert not is_current(path)
    assert put_program(path, home=str(places / "elsewhere")) == [
        str(places / "elsewhere/deploy.pyz")
    ]


def test_metrics_are_collected_by_a_timer(nginx: Host, places: Path) -> None:
    directory = str(nginx.directory / "textfile/deep")
    (places / "nginx-metrics.py").touch()
    names = ("nginx-metrics.service", "nginx-metrics.timer")
    files = [(str(places / name), f"unit {name}\n") for name in names]
    on(nginx, "inactive")
    announced = install_metrics(directory, files, check=True)
    assert os.listdir(places) == ["nginx-metrics.py"]
    assert not os.path.exists(directory)
    answer = install_metrics(directory, files)
    assert answer == announced
    program = str(places / "nginx-metrics.pyz")
    assert answer["written"] == [directory, program] + [path for path, _ in files]
    assert answer["removed"] == [str(places / "nginx-metrics.py")]
    assert [each["after"] for each in answer["diff"][1:]] == [text for _, text in files]
    assert os.stat(directory).st_mode & 0o777 == 0o755
    said = [call for call in nginx.calls("systemctl") if not call.startswith("show")]
    restarted = ["enable nginx-metrics.timer", "restart nginx-metrics.timer"]
    assert said == ["daemon-reload", *restarted]
    on(nginx)
    nothing = {"changed": False, "written": [], "removed": [], "diff": []}
    assert install_metrics(directory, files) == nothing
    assert said == [call for call in nginx.calls("systemctl") if not call.startswith("show")]
    # One that somebody stopped runs again; another program is not a unit to read anew.
    on(nginx, "inactive")
    assert install_metrics(directory, files) == nothing | {"changed": True}
    on(nginx)
    Path(program).write_text("another version's")
    answer = install_metrics(directory, files)
    assert answer["written"] == [program]
    assert answer["diff"][0]["before"].startswith("SHA-256 ")
    said = [call for call in nginx.calls("systemctl") if not call.startswith("show")]
    assert said == ["daemon-reload", *restarted * 3]


def test_a_linked_directory_of_metrics(nginx: Host, places: Path) -> None:
    (nginx.directory / "real").mkdir(mode=0o700)
    (nginx.directory / "link").symlink_to("real")
    install_metrics(str(nginx.directory / "link"), [])
    assert (nginx.directory / "real").stat().st_mode & 0o777 == 0o755


def test_metrics_that_are_not_wanted_any_more(nginx: Host, places: Path) -> None:
    nothing = {"changed": False, "removed": [], "written": [], "diff": []}
    assert remove_metrics() == nothing
    assert nginx.calls("systemctl") == []
    names = (
        "nginx-metrics.pyz",
        "nginx-metrics.py",
        "nginx-metrics.service",
        "nginx-metrics.timer",
    )
    for name in names:
        (places / name).write_text("x\n")
    announced = remove_metrics(check=True)
    assert len(os.listdir(places)) == 4
    assert remove_metrics() == announced
    assert announced["removed"] == [str(places / name) for name in names]
    assert os.listdir(places) == []
    assert nginx.calls("systemctl") == ["disable --now nginx-metrics.timer", "daemon-reload"]
    assert remove_metrics() == nothing


def test_units_that_systemd_has_not_read_are_read(nginx: Host, places: Path) -> None:
    """Those of a run that was killed before it said so."""
    files = [(str(places / "nginx-metrics.timer"), "unit\n")]
    directory = str(nginx.directory / "textfile")
    install_metrics(directory, files)
    assert not install_metrics(directory, files)["changed"]
    show = (nginx.fake / "show").read_text()
    (nginx.fake / "show").write_text(show.replace("Reload=no", "Reload=yes"))
    assert install_metrics(directory, files)["changed"]
    # This one has systemd read them.
    assert nginx.calls("systemctl")[-2] == "enable nginx-metrics.timer"
