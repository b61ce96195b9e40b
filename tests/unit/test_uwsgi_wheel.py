"""The uwsgi role: where the binary comes from, and which wheels it refuses."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from templar import ROOT, evaluate_role, has

HOME = "/opt/uwsgi/2.0.31-python3.11"

#: Case -> the files of the wheelhouse (None: there is none), the wheels on the host, uwsgi_fetch.
CASES: dict[str, tuple[list[str] | None, list[str], bool]] = {
    "index": (None, [], False),
    "kept": (None, ["uwsgi-2.0.31-cp311-cp311-linux_x86_64.whl"], False),
    "other_kept": (None, ["uwsgi-2.0.31-cp39-cp39-x.whl", "uwsgi-2.0.3-cp311-cp311-x.whl"], False),
    "platform": (
        [
            "el9-x86_64/uwsgi-2.0.31-cp311-cp311-linux_x86_64.whl",
            "uwsgi-2.0.31-cp311-cp311-manylinux_2_34_x86_64.whl",
            "uwsgi-2.0.31.tar.gz",
        ],
        ["uwsgi-2.0.31-cp311-cp311-linux_x86_64.whl"],
        False,
    ),
    "plain": (
        ["uWSGI-2.0.31-cp311-cp311-manylinux_2_34_x86_64.whl", "uwsgi-2.0.31.tar.gz"],
        [],
        False,
    ),
    "unfit": (
        [
            "el8-x86_64/uwsgi-2.0.31-cp311-cp311-linux_x86_64.whl",
            "el9-aarch64/uwsgi-2.0.31-cp311-cp311-linux_aarch64.whl",
            "uwsgi-2.0.31-cp311-cp311-linux_aarch64.whl",
            "uwsgi-2.0.31-cp39-cp39-linux_x86_64.whl",
            "uwsgi-2.0.30-cp311-cp311-linux_x86_64.whl",
            "uwsgi-2.0.30.tar.gz",
        ],
        [],
        False,
    ),
    "archive": (["uwsgi-2.0.31.tar.gz"], [], False),
    "fetch": ([], [], True),
    "fetch_kept": ([], ["uwsgi-2.0.31-cp311-cp311-linux_x86_64.whl"], True),
}
EXPRESSIONS = {
    "homes": "__uwsgi_missing_homes",
    "lacking": "__uwsgi_missing_wheels",
    "archive": "__uwsgi_archive",
    "problems": "__uwsgi_install_problems",
    "removable": "__uwsgi_removable_packages",
}


@pytest.fixture(scope="module")
def wheelhouses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a wheelhouse for each case."""
    root = tmp_path_factory.mktemp("wheelhouses")
    for name, (files, _, _) in CASES.items():
        for file in files or []:
            path = root / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (root / name).mkdir(exist_ok=True)
    return root


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory, wheelhouses: Path
) -> dict[str, dict[str, Any]]:
    """Evaluate all cases in one run."""
    cases = {}
    for name, (files, wheels, fetch) in CASES.items():
        found = {"missing_uwsgi": [HOME], "wheels": wheels, "architecture": "x86_64"}
        cases[name] = {
            "uwsgi_wheelhouse": "" if files is None else str(wheelhouses / name),
            "uwsgi_fetch": fetch,
            # As text: what is evaluated may be taken for JSON.
            "__uwsgi_inspection": {"stdout": json.dumps(found) + "\n"},
            "__uwsgi_interpreters": {
                "results": [{"item": {"python": "3.11"}, "stat": {"exists": True}}]
            },
            "__uwsgi_build_dependencies": {
                "results": [
                    "Installed: gcc-11.5.0-5.el9.x86_64",
                    "Installed: openssl-devel-1:3.2.2-6.el9.x86_64",
                    "Installed: glibc-2.34-168.el9.x86_64",
                    "Removed: glibc-2.34-160.el9.x86_64",
                ]
            },
        }
    return evaluate_role("uwsgi", tmp_path_factory.mktemp("wheels"), EXPRESSIONS, cases)


@pytest.mark.parametrize(
    ("case", "given"),
    [
        ("index", ""),
        ("platform", "el9-x86_64/uwsgi-2.0.31-cp311-cp311-linux_x86_64.whl"),
        ("plain", "uWSGI-2.0.31-cp311-cp311-manylinux_2_34_x86_64.whl"),
        ("unfit", ""),
        ("archive", ""),
        ("fetch", ""),
    ],
)
def test_wheel_of_the_controller(
    results: dict[str, Any], wheelhouses: Path, case: str, given: str
) -> None:
    (home,) = results[case]["homes"]
    assert home["given"] == (str(wheelhouses / case / given) if given else "")


def test_wheel_that_the_host_has_kept(results: dict[str, Any]) -> None:
    kept = "/opt/uwsgi/wheels/uwsgi-2.0.31-cp311-cp311-linux_x86_64.whl"
    assert results["kept"]["homes"][0]["kept"] == kept
    assert results["other_kept"]["homes"][0]["kept"] == ""


def test_what_is_compiled(results: dict[str, Any]) -> None:
    compiled = {case for case in CASES if results[case]["lacking"]}
    # What a host has kept is fetched from it too; where nothing fits, the problem comes first.
    assert compiled == {"index", "other_kept", "archive", "fetch", "fetch_kept", "unfit"}


def test_archive(results: dict[str, Any], wheelhouses: Path) -> None:
    assert results["archive"]["archive"] == str(wheelhouses / "archive/uwsgi-2.0.31.tar.gz")
    assert results["unfit"]["archive"] == ""


def test_refused_where_nothing_fits(results: dict[str, Any]) -> None:
    for case in CASES:
        problems = results[case]["problems"]
        assert len(problems) == (1 if case == "unfit" else 0), problems
    problems = results["unfit"]["problems"]
    assert has(problems, "uwsgi_wheelhouse", "el9-x86_64/uwsgi-2.0.31-cp311-*.whl", "uwsgi_fetch")
    assert has(problems, "uwsgi-2.0.31.tar.gz")


def test_only_what_was_not_there_is_removed(results: dict[str, Any]) -> None:
    assert results["index"]["removable"] == [
        "gcc-11.5.0-5.el9.x86_64",
        "openssl-devel-1:3.2.2-6.el9.x86_64",
    ]


# ---- The script on the host ----------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel() -> ModuleType:
    """Load files/wheel.py as a module."""
    spec = importlib.util.spec_from_file_location("wheel", ROOT / "roles/uwsgi/files/wheel.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GOOD = "-O2 -DUWSGI_SSL -DUWSGI_PCRE2 -DUWSGI_ROUTING"


def make(wheel: ModuleType, home: Path, cflags: str = GOOD, version: str = "2.0.31") -> Path:
    """Pack a wheel whose binary is a script that says what uWSGI would say."""
    (home / "wheels").mkdir()
    binary = home / "uwsgi"
    binary.write_text(
        f'#!/bin/sh\ncase $1 in --version) echo {version};; --cflags) echo "{cflags}";; esac\n'
    )
    decorators = home / "uwsgidecorators.py"
    decorators.write_text("NAME = 'decorators'\n")
    path = home / "wheels" / wheel.wheel_name("2.0.31")
    wheel.pack(str(path), "2.0.31", str(binary), str(decorators))
    return path


@pytest.fixture(autouse=True)
def no_loader(wheel: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Say that no library is missing: a script has none."""
    monkeypatch.setattr(wheel, "loader", lambda binary, work: "libz.so.1 => /lib64/libz.so.1")


def ask(wheel: ModuleType, path: Path, capsys: Any, **more: Any) -> tuple[int, str, str]:
    """Check a wheel; return the exit code, what was answered and what was refused."""
    request = {"action": "check", "wheel": str(path), "version": "2.0.31", "final": False} | more
    code = wheel.main(json.dumps(request))
    answer = capsys.readouterr()
    return code, answer.out, answer.err


def test_good_wheel(wheel: ModuleType, tmp_path: Path, capsys: Any) -> None:
    path = make(wheel, tmp_path)
    assert ask(wheel, path, capsys) == (0, '{"missing": []}\n', "")
    assert path.exists()
    assert not list(tmp_path.glob(".compile-*"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"cflags": "-DUWSGI_PCRE2 -DUWSGI_ROUTING"}, "lacks SSL;"),
        ({"cflags": "-DUWSGI_SSL"}, "lacks PCRE and routing;"),
        ({"version": "2.0.30"}, "is uWSGI 2.0.30, not 2.0.31"),
    ],
)
def test_poor_wheel_is_refused_and_removed(
    wheel: ModuleType, tmp_path: Path, capsys: Any, more: dict[str, str], says: str
) -> None:
    path = make(wheel, tmp_path, **more)
    code, _, error = ask(wheel, path, capsys)
    assert code == 1
    assert path.name in error and says in error
    assert not path.exists()


def test_half_a_wheel_is_refused(wheel: ModuleType, tmp_path: Path, capsys: Any) -> None:
    path = make(wheel, tmp_path)
    path.write_bytes(path.read_bytes()[:500])
    code, _, error = ask(wheel, path, capsys)
    assert (code, "no whole wheel" in error) == (1, True)


def test_missing_libraries(
    wheel: ModuleType, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(wheel, tmp_path)
    said = "\tlibssl.so.3 => not found\n\tlibz.so.1 => /lib64/libz.so.1\n"
    monkeypatch.setattr(wheel, "loader", lambda binary, work: said)
    assert ask(wheel, path, capsys)[:2] == (0, '{"missing": ["libssl.so.3"]}\n')
    code, _, error = ask(wheel, path, capsys, final=True)
    assert (code, "it wants libssl.so.3" in error) == (1, True)


def test_pip_installs_what_is_packed(wheel: ModuleType, tmp_path: Path) -> None:
    path = make(wheel, tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run(
        [venv / "bin/pip", "--quiet", "--disable-pip-version-check", "install", "--no-index", path],
        check=True,
    )
    found = subprocess.check_output([venv / "bin/uwsgi", "--version"], text=True)
    assert found == "2.0.31\n"
    subprocess.run([venv / "bin/python", "-c", "import uwsgidecorators"], check=True)


def test_the_same_files_give_the_same_bytes(wheel: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert make(wheel, tmp_path / "a").read_bytes() == make(wheel, tmp_path / "b").read_bytes()


def test_directories_of_killed_compilations_go(wheel: ModuleType, tmp_path: Path) -> None:
    (tmp_path / ".compile-dead").mkdir()
    with wheel.private_directory(str(tmp_path)) as (work, _):
        # Another one, while the first is at work, leaves it alone.
        with wheel.private_directory(str(tmp_path)):
            assert Path(work).exists()
        assert [path.name for path in tmp_path.iterdir()] == [Path(work).name]
    assert not list(tmp_path.iterdir())


def test_a_failure_shows_no_password(
    wheel: ModuleType, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> str:
        raise wheel.Refused("no https://user:hidden@pypi.example.com/simple")

    monkeypatch.setattr(wheel, "download", fail)
    request = {"action": "compile", "version": "2.0.31", "archive": ""}
    assert wheel.main(json.dumps(request | {"directory": str(tmp_path / "wheels")})) == 1
    error = capsys.readouterr().err
    assert "hidden" not in error and "pypi.example.com" in error
