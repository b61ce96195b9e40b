"""Where the uWSGI of a host comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import wheels
from templar import has

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


#: What dnf says.
TRANSACTION = [
    "Installed: gcc-11.5.0-5.el9.x86_64",
    "Installed: openssl-devel-1:3.2.2-6.el9.x86_64",
    "Installed: glibc-2.34-168.el9.x86_64",
    "Removed: glibc-2.34-160.el9.x86_64",
]


def plan(**given: Any) -> wheels.Wheels:
    """Plan for a host of release 9 that lacks uWSGI for Python 3.11."""
    return wheels.plan(
        {
            "missing": [HOME],
            "kept": [],
            "architecture": "x86_64",
            "release": "9",
            "version": "2.0.31",
            "wheelhouse": "",
            "fetch": False,
            "apps": [{"name": "shop", "python": "3.11"}, {"name": "blog", "python": "3.12"}],
            "absent": [],
            "host": "one",
            "compilers": {},
            "transaction": [],
            "compiled": [],
        }
        | given
    )


@pytest.fixture(scope="module")
def results(wheelhouses: Path) -> dict[str, wheels.Wheels]:
    """Plan for all cases."""
    return {
        name: plan(
            wheelhouse="" if files is None else str(wheelhouses / name), kept=kept, fetch=fetch
        )
        for name, (files, kept, fetch) in CASES.items()
    }


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
    results: dict[str, wheels.Wheels], wheelhouses: Path, case: str, given: str
) -> None:
    (home,) = results[case].homes
    assert home["given"] == (str(wheelhouses / case / given) if given else "")


def test_wheel_that_the_host_has_kept(results: dict[str, wheels.Wheels]) -> None:
    kept = "/opt/uwsgi/wheels/uwsgi-2.0.31-cp311-cp311-linux_x86_64.whl"
    assert results["kept"].homes[0]["wheel"] == kept
    assert results["other_kept"].homes[0]["wheel"] == ""


def test_what_is_compiled(results: dict[str, wheels.Wheels]) -> None:
    compiled = {case for case in CASES if results[case].lacking}
    # What a host has kept is fetched from it too; where nothing fits, the problem comes first.
    assert compiled == {"index", "other_kept", "archive", "fetch", "fetch_kept", "unfit"}


def test_archive(results: dict[str, wheels.Wheels], wheelhouses: Path) -> None:
    assert results["archive"].archive == str(wheelhouses / "archive/uwsgi-2.0.31.tar.gz")
    assert results["unfit"].archive == ""


def test_refused_where_nothing_fits(results: dict[str, wheels.Wheels]) -> None:
    for case in CASES:
        problems = results[case].problems
        assert len(problems) == (1 if case == "unfit" else 0), problems
    problems = results["unfit"].problems
    assert has(problems, "uwsgi_wheelhouse", "el9-x86_64/uwsgi-2.0.31-cp311-*.whl", "uwsgi_fetch")
    assert has(problems, "uwsgi-2.0.31.tar.gz")


def test_only_what_was_not_there_is_removed() -> None:
    assert plan(transaction=TRANSACTION).removable == [
        "gcc-11.5.0-5.el9.x86_64",
        "openssl-devel-1:3.2.2-6.el9.x86_64",
    ]


def test_missing_interpreter_is_told_with_its_applications() -> None:
    (problem,) = plan(absent=["3.11"]).problems
    assert "Python 3.11 of application shop is not on this host (/usr/bin/python3.11)" in problem


def test_chosen_host_compiles() -> None:
    key = plan().lacking[0]["key"]
    assert plan().own == []
    found = plan(compilers={key: "one"})
    assert found.own == found.lacking
    assert found.packages == [*wheels.BUILD_PACKAGES, "python3.11-devel"]
    assert plan(compilers={key: "two"}).own == []


@pytest.mark.parametrize(
    ("release", "python", "headers"),
    [
        ("8", "3.6", "python36-devel"),
        ("8", "3.9", "python39-devel"),
        ("8", "3.11", "python3.11-devel"),
        ("9", "3.9", "python3-devel"),
        ("9", "3.12", "python3.12-devel"),
        ("10", "3.12", "python3-devel"),
    ],
)
def test_headers_as_each_release_calls_them(release: str, python: str, headers: str) -> None:
    found = wheels.packages_to_compile([{"python": python, "kept": ""}], release)
    assert found[-1] == headers


def test_what_is_kept_is_not_compiled(results: dict[str, wheels.Wheels]) -> None:
    assert wheels.packages_to_compile(results["fetch_kept"].lacking, "9") == []


def test_compiled_wheel_is_installed() -> None:
    key = plan().lacking[0]["key"]
    path = "/opt/uwsgi/wheels/uwsgi-2.0.31-cp311-cp311-linux_x86_64.whl"
    done = [{"item": {"key": key}, "wheel": path}]
    assert plan(compiled=done).homes[0]["wheel"] == path
    # In check mode there is none.
    assert plan(compiled=[{"item": {"key": key}}]).homes[0]["wheel"] == ""


def test_given_wheel_comes_before_others(results: dict[str, wheels.Wheels]) -> None:
    name = "/opt/uwsgi/wheels/uWSGI-2.0.31-cp311-cp311-manylinux_2_34_x86_64.whl"
    assert results["plain"].homes[0]["wheel"] == name


def test_libraries() -> None:
    wanted = ["libssl.so.3", "libcrypto.so.3", "libpcre2-8.so.0", "libpython3.11.so.1.0"]
    assert wheels.packages_of(wanted) == ["openssl-libs", "pcre2"]
