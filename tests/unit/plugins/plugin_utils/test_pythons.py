"""The python role's plan: versions to packages and paths, what a host lacks, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import pythons
from templar import ROOT, has, load

#: What vars/<family>_<release>.yml set; a case may have others.
EL9 = {"platform_version": "3.9", "default_version": "3.11"}
#: Templates are empty, where an inventory says nothing.
DEFAULTS = {
    name: "" if "{{" in str(value) else value
    for name, value in load(ROOT / "roles/python/defaults/main.yml").items()
}
UV = "/opt/uv/0.13.9/bin/uv"


def plan(**given: Any) -> pythons.Plan:
    """Plan with what the role's defaults are, on a release 9."""
    about = {
        "facts": {"distribution": "CentOS", "distribution_major_version": "9"},
        "answer": {},
    } | EL9
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
                "default_version": "",
                "platform_version": "",
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
        ({"wheelhouse": "/nowhere"}, ["python_wheelhouse", "/nowhere", "not a directory"]),
        ({"wheelhouse": "app"}, ["python_wheelhouse", "app", "not a directory"]),
    ],
)
def test_refused(given: dict[str, Any], parts: list[str]) -> None:
    problems = plan(**given).problems
    assert has(problems, *parts), problems
    assert len(problems) == 1


def test_default_version_when_none_is_asked_for() -> None:
    found = plan()
    assert found.problems == []
    assert found.default_version == "3.11"
    assert found.packages == ["python3.11", "python3.11-devel"]
    assert found.interpreters == {"3.11": "/usr/bin/python3.11"}
    assert (found.uv_home, found.uv) == ("/opt/uv/0.13.9", UV)


def test_versions_once_each_in_the_order_asked_for() -> None:
    found = plan(versions=["3.12", "3.9"], dependent_versions=["", "3.12", "3.11"])
    assert found.packages[0::2] == ["python3.12", "python3", "python3.11"]
    # The platform's version has the short package name.
    assert found.packages[2:4] == ["python3", "python3-devel"]
    assert found.interpreters["3.9"] == "/usr/bin/python3.9"
    assert list(found.interpreters) == ["3.12", "3.9", "3.11"]


def test_platform_version_of_release_10() -> None:
    found = plan(
        platform_version="3.12",
        default_version="3.12",
        versions=["3.13"],
        dependent_versions=[""],
    )
    assert found.packages == ["python3.13", "python3.13-devel", "python3", "python3-devel"]


@pytest.mark.parametrize("no", [False, "no", "false"])
def test_no_headers(no: Any) -> None:
    assert plan(versions=["3.12"], headers=no).packages == ["python3.12"]


def test_one_answer_says_what_is_missing() -> None:
    asked = {"packages": ["python3.11"], "versions": {UV: "uv 0.13.9 (x86_64)"}}
    found = plan(answer=asked)
    assert found.uv_is_missing is False
    assert found.missing_packages == ["python3.11-devel"]
    assert plan(answer={"versions": {UV: "uv 0.13.9"}}).uv_is_missing is False
    assert plan(answer={"versions": {UV: "uv 0.13.90"}}).uv_is_missing is True
    broken = plan(answer={"packages": [], "versions": {UV: ""}})
    assert broken.uv_is_missing is True
    assert broken.missing_packages == ["python3.11", "python3.11-devel"]
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


@pytest.mark.parametrize("release", ["8", "9", "10"])
def test_each_supported_release_has_its_variables(release: str) -> None:
    names = (ROOT / f"roles/python/vars/RedHat_{release}.yml").read_text(encoding="utf-8")
    assert "__python_platform_version:" in names
    assert "__python_default_version:" in names


def test_a_text_is_a_list_of_one() -> None:
    assert list(plan(versions="3.12").interpreters) == ["3.12"]
    # Written without quotes, it may have been 3.120.
    assert has(plan(versions=3.12).problems, "python_versions: 3.12", "quotes")
