"""The python role's plan: versions to packages and paths, what a host lacks, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import pythons
from templar import ROOT, has, load, unsaid

#: What vars/<family>_<release>.yml has.
PREFERRED = {
    release: load(ROOT / f"roles/python/vars/RedHat_{release}.yml")["__python_preferred"]
    for release in ("8", "9", "10")
}
#: Templates are empty, where an inventory says nothing.
DEFAULTS = {
    name: unsaid(value) for name, value in load(ROOT / "roles/python/defaults/main.yml").items()
}
UV = "/opt/uv/0.13.9/bin/uv"


def plan(release: str = "9", **given: Any) -> pythons.Plan:
    """Plan with what the role's defaults are."""
    about = {
        "facts": {"distribution": "CentOS", "distribution_major_version": release},
        "release_versions": PREFERRED[release],
        "answer": {},
        "offers": {},
        "core": "2.19.4",
    }
    variables = DEFAULTS | {
        f"python_{name}": value for name, value in given.items() if name not in about
    }
    return pythons.plan(
        {"variables": variables}
        | about
        | {name: value for name, value in given.items() if name in about}
    )


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        (
            {
                "release_versions": [],
                "facts": {"distribution": "Debian", "distribution_major_version": "12"},
            },
            ["releases 8 to 10", "Debian 12."],
        ),
        ({"versions": ["2.7"]}, ["python_versions", "2.7", "quoted"]),
        ({"dependent_versions": ["3.1x"]}, ["python_versions", "3.1x", "quoted"]),
        ({"versions": ["3.11.4"]}, ["python_versions", "3.11.4", "quoted"]),
        # YAML makes 3.1 of it.
        ({"versions": [3.10]}, ["python_versions", "3.1 ", "quotes"]),
        ({"versions": "3.11,3.12"}, ["python_versions", "a text with commas"]),
        ({"uv_version": 0.13}, ["python_uv_version", "0.13 ", "quotes"]),
        ({"uv_version": "0.13"}, ["python_uv_version", "0.13 ", "quoted"]),
        ({"headers": "maybe"}, ["python_headers", "'maybe'"]),
        ({"versions": ["3.11\n"]}, ["python_versions", "quoted"]),
        ({"preferred_versions": ["3.11", "3"]}, ["python_preferred_versions: 3 ", "quoted"]),
        ({"wheelhouse": "/nowhere"}, ["python_wheelhouse", "/nowhere", "not a directory"]),
        ({"wheelhouse": "app"}, ["python_wheelhouse", "app", "not a directory"]),
    ],
)
def test_refused(given: dict[str, Any], parts: list[str]) -> None:
    problems = plan(**given).problems
    assert has(problems, *parts), problems
    assert len(problems) == 1


def offers(*names: str, failed_because: str = "") -> dict[str, Any]:
    """Answer as dnf_info does."""
    return {"failed_because": failed_because, "offered": list(names), "streams": {}}


def test_default_version_when_none_is_asked_for() -> None:
    found = plan(answer={"packages": ["python3.12", "python3.12-devel"]})
    assert found.problems == []
    assert found.default_version == "3.12"
    assert found.packages == ["python3.12", "python3.12-devel"]
    assert found.interpreters == {"3.12": "/usr/bin/python3.12"}
    assert (found.uv_home, found.uv) == ("/opt/uv/0.13.9", UV)


@pytest.mark.parametrize(
    ("release", "installed", "offered", "default"),
    [
        # The first that is installed or offered: also where a later one is installed.
        ("9", [], ["python3.11", "python3.12"], "3.12"),
        ("9", ["python3.11"], ["python3.11", "python3.12"], "3.12"),
        ("9", ["python3.12", "python3.11"], [], "3.12"),
        # Before 9.4, and a stand-in.
        ("9", [], ["python3.11"], "3.11"),
        ("9", ["python3.11"], [], "3.11"),
        ("8", [], ["python36", "python39", "python3.11"], "3.11"),
        ("8", [], ["python36", "python3.11", "python3.12"], "3.12"),
        # Its own, which is called python3 there.
        ("10", ["python3"], [], "3.12"),
    ],
)
def test_preferred_version_that_the_host_can_have(
    release: str, installed: list[str], offered: list[str], default: str
) -> None:
    found = plan(release, answer={"packages": installed}, offers=offers(*offered))
    assert found.problems == []
    assert found.default_version == default
    assert list(found.interpreters) == [default]


def test_nobody_is_moved_by_a_dnf_that_cannot_tell() -> None:
    said = offers(failed_because="Error: Failed to download metadata for repo 'appstream'")
    assert plan(answer={"packages": ["python3.11"]}, offers=said).default_version == "3.11"
    # Then installing says why.
    found = plan(offers=said)
    assert (found.problems, found.default_version) == ([], "3.12")


def test_own_preference() -> None:
    there = {"packages": ["python3", "python3.11", "python3.11-devel", "python3.12"]}
    found = plan(preferred_versions=["3.11"], answer=there)
    assert (found.default_version, found.questions, found.missing_packages) == ("3.11", [], [])
    assert plan(preferred_versions=["3.13", "3.9"], answer=there).default_version == "3.9"


@pytest.mark.parametrize(
    ("release", "given", "installed", "asked"),
    [
        ("9", {}, [], ["python3.12", "python3.11"]),
        ("9", {}, ["python3.11"], ["python3.12"]),
        ("9", {}, ["python3.12"], []),
        ("10", {}, ["python3"], []),
        ("9", {"versions": ["3.13", "3.9"]}, ["python3"], ["python3.13"]),
        ("8", {"versions": ["3.6", "3.8"]}, [], ["python36", "python38"]),
        # Nobody needs the default.
        ("9", {"dependent_versions": ["3.11"]}, ["python3.11"], []),
        ("9", {"dependent_versions": ["3.11", ""]}, ["python3.11"], ["python3.12"]),
    ],
)
def test_dnf_is_asked_for_what_is_not_there(
    release: str, given: dict[str, Any], installed: list[str], asked: list[str]
) -> None:
    found = plan(release, answer={"packages": installed}, **given)
    assert found.questions == [*asked, *(pythons.PATTERNS if asked else [])]


@pytest.mark.parametrize(
    ("release", "given", "offered", "parts"),
    [
        (
            "9",
            {"dependent_versions": ["3.13"]},
            ["python3.11", "python3.12"],
            ["Python 3.13", "package python3.13", "there are 3.12, 3.11, 3.9.", "repository"],
        ),
        ("8", {"versions": ["3.7", "3.9"]}, ["python36", "python39"], ["python3.7", "3.9, 3.6."]),
        # Not on release 10.
        ("10", {"versions": ["3.11"]}, ["python3.14"], ["Python 3.11", "3.14, 3.12."]),
        ("9", {}, [], ["python_preferred_versions", "3.12, 3.11", "there are 3.9."]),
        ("8", {}, [], ["python_preferred_versions", "there is none at all"]),
    ],
)
def test_what_can_be_had_nowhere(
    release: str, given: dict[str, Any], offered: list[str], parts: list[str]
) -> None:
    there = {"packages": [] if release == "8" else ["python3", "python3-libs"]}
    assert plan(release, answer=there, **given).problems == []
    (problem,) = plan(release, answer=there, offers=offers(*offered), **given).problems
    assert has([problem], *parts), problem


def test_versions_once_each_in_the_order_asked_for() -> None:
    found = plan(versions=["3.12", "3.9"], dependent_versions=["", "3.12", "3.11"])
    assert found.packages[0::2] == ["python3.12", "python3", "python3.11"]
    # The platform's version has the short package name.
    assert found.packages[2:4] == ["python3", "python3-devel"]
    assert found.interpreters["3.9"] == "/usr/bin/python3.9"
    assert list(found.interpreters) == ["3.12", "3.9", "3.11"]


@pytest.mark.parametrize(
    ("release", "versions", "names"),
    [
        ("8", ["3.6", "3.8", "3.9"], ["python36", "python38", "python39"]),
        ("8", ["3.11", "3.12"], ["python3.11", "python3.12"]),
        ("9", ["3.9", "3.12"], ["python3", "python3.12"]),
        ("10", ["3.13", ""], ["python3.13", "python3"]),
    ],
)
def test_packages_as_each_release_calls_them(
    release: str, versions: list[str], names: list[str]
) -> None:
    found = plan(release, versions=versions)
    assert found.packages[0::2] == names
    assert found.packages[1::2] == [f"{name}-devel" for name in names]


@pytest.mark.parametrize("no", [False, "no", "false"])
def test_no_headers(no: Any) -> None:
    assert plan(versions=["3.12"], headers=no).packages == ["python3.12"]


def test_one_answer_says_what_is_missing() -> None:
    asked = {"packages": ["python3.12"], "versions": {UV: "uv 0.13.9 (x86_64)"}}
    found = plan(answer=asked)
    assert found.uv_is_missing is False
    assert found.missing_packages == ["python3.12-devel"]
    assert plan(answer={"versions": {UV: "uv 0.13.9"}}).uv_is_missing is False
    assert plan(answer={"versions": {UV: "uv 0.13.90"}}).uv_is_missing is True
    broken = plan(answer={"packages": [], "versions": {UV: ""}})
    assert broken.uv_is_missing is True
    assert broken.missing_packages == ["python3.12", "python3.12-devel"]
    # Not asked at all.
    assert plan().uv_is_missing is True


def test_wheels_of_uv_on_the_controller(tmp_path: Path) -> None:
    for name in ("uv-0.13.9-py3-none-b.whl", "uv-0.13.9-py3-none-a.whl", "uv-0.13.90-x.whl"):
        (tmp_path / name).touch()
    found = plan(wheelhouse=str(tmp_path))
    assert found.problems == []
    assert found.uv_wheels == [
        f"{tmp_path}/uv-0.13.9-py3-none-a.whl",
        f"{tmp_path}/uv-0.13.9-py3-none-b.whl",
    ]
    assert plan(wheelhouse=str(ROOT)).uv_wheels == []


def test_a_text_is_a_list_of_one() -> None:
    assert list(plan(versions="3.12").interpreters) == ["3.12"]
    # Written without quotes, it may have been 3.120.
    assert has(plan(versions=3.12).problems, "python_versions: 3.12", "quotes")


def test_uv_is_installed_with_the_newest() -> None:
    found = plan("8", versions=["3.6", "3.12", "3.11"])
    assert (found.problems, found.uv_python) == ([], "/usr/bin/python3.12")
    (problem,) = plan("8", versions=["3.6"]).problems
    assert has([problem], "uv is installed with Python 3.8 or newer", "3.6 is the newest")
    # Where it is there, nobody has to install it.
    there = {"versions": {UV: "uv 0.13.9"}}
    assert plan("8", versions=["3.6"], answer=there).problems == []


@pytest.mark.parametrize(
    ("core", "python", "refused"),
    [
        ("2.16.14", "Python 3.6.8", False),
        ("2.17.0", "Python 3.6.8", True),
        ("2.19.4", "Python 3.6.8", True),
        # The stand-in of a release 8 has another Python.
        ("2.19.4", "Python 3.9.2", False),
        ("2.19.4", "", False),
    ],
)
def test_release_8_by_an_ansible_core_that_cannot_manage_it(
    core: str, python: str, refused: bool
) -> None:
    # It answers by python3.12, which somebody has installed; dnf's bindings are in the platform's.
    there = {"versions": {"/usr/libexec/platform-python": python}}
    problems = plan("8", answer=there, core=core).problems
    assert bool(problems) is refused
    if refused:
        assert has(problems, f"ansible-core {core}", "2.16, no other")
