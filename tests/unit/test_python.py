"""The python role: versions to packages and paths, what it refuses, how pip reaches the index."""

from __future__ import annotations

from typing import Any

import pytest

from templar import ROOT, evaluate_role, has

#: What vars/<family>_<release>.yml set; a case may have others.
EL9 = {"__python_platform_version": "3.9", "__python_default_version": "3.11"}

CASES: dict[str, dict[str, Any]] = {
    "default": EL9,
    "several": EL9
    | {"python_versions": ["3.12", "3.9"], "python_dependent_versions": ["", "3.12", "3.11"]},
    "headless": EL9 | {"python_versions": ["3.12"], "python_headers": False},
    "el10": {
        "__python_platform_version": "3.12",
        "__python_default_version": "3.12",
        "python_versions": ["3.13"],
        "python_dependent_versions": [""],
    },
    "proxied": EL9
    | {
        "flaskstack_index_url": "https://pypi.example.com/simple",
        "flaskstack_proxy": "http://proxy.example.com:3128",
        "flaskstack_ca_bundle": "/etc/pki/private.pem",
    },
    "asked": EL9
    | {
        "__python_answer": {
            "stdout_lines": [
                "uv 0.13.9 (x86_64)",
                "python3.11",
                "package python3.11-devel is not installed",
            ]
        }
    },
    "asked_long": EL9 | {"__python_answer": {"stdout_lines": ["uv 0.13.90"]}},
    "asked_broken": EL9 | {"__python_answer": {"stdout_lines": []}},
    "no_wheelhouse": EL9 | {"flaskstack_wheelhouse": "/nowhere"},
    "wheelhouse": EL9 | {"flaskstack_wheelhouse": str(ROOT)},
    "unknown_release": {
        "wanted": ["problems"],
        "facts": {"distribution": "Debian", "distribution_major_version": "12"},
    },
    "python2": EL9 | {"python_versions": ["2.7"]},
    "typo": EL9 | {"python_dependent_versions": ["3.1x"]},
    "patch": EL9 | {"python_versions": ["3.11.4"]},
    # YAML makes 3.1 of it.
    "unquoted": EL9 | {"python_versions": [3.10]},
}
EXPRESSIONS = {
    "problems": "__python_problems",
    "packages": "__python_package_names",
    "interpreters": "__python_interpreters",
    "environment": "__python_environment",
    "uv": "__python_uv_home",
    "uv_is_missing": "__python_uv_is_missing if __python_answer is defined else none",
    "missing": "__python_missing_packages if __python_answer is defined else none",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Evaluate all cases in one run."""
    return evaluate_role("python", tmp_path_factory.mktemp("python"), EXPRESSIONS, CASES)


@pytest.mark.parametrize(
    "case", ["default", "several", "headless", "el10", "proxied", "wheelhouse"]
)
def test_good_input_has_no_problems(results: dict[str, Any], case: str) -> None:
    assert results[case]["problems"] == []


@pytest.mark.parametrize(
    ("case", "parts"),
    [
        ("unknown_release", ["releases 8 to 10", "Debian 12"]),
        ("python2", ["python_versions", "2.7", "quoted"]),
        ("typo", ["python_versions", "3.1x", "quoted"]),
        ("patch", ["python_versions", "3.11.4", "quoted"]),
        ("unquoted", ["python_versions", "3.1 ", "quoted"]),
        ("no_wheelhouse", ["python_wheelhouse", "/nowhere", "not a directory"]),
    ],
)
def test_refused(results: dict[str, Any], case: str, parts: list[str]) -> None:
    assert has(results[case]["problems"], *parts), results[case]["problems"]
    assert len(results[case]["problems"]) == 1


def test_default_version_when_none_is_asked_for(results: dict[str, Any]) -> None:
    assert results["default"]["packages"] == ["python3.11", "python3.11-devel"]
    assert results["default"]["interpreters"] == {"3.11": "/usr/bin/python3.11"}


def test_versions_once_each_in_the_order_asked_for(results: dict[str, Any]) -> None:
    assert results["several"]["packages"][0::2] == ["python3.12", "python3", "python3.11"]
    assert results["several"]["interpreters"]["3.9"] == "/usr/bin/python3.9"


def test_platform_version_has_the_short_package_name(results: dict[str, Any]) -> None:
    assert results["several"]["packages"][2:4] == ["python3", "python3-devel"]
    assert results["el10"]["packages"] == [
        "python3.13",
        "python3.13-devel",
        "python3",
        "python3-devel",
    ]


def test_one_question_says_what_is_missing(results: dict[str, Any]) -> None:
    assert results["asked"]["uv_is_missing"] is False
    assert results["asked"]["missing"] == ["python3.11-devel"]
    assert results["asked_long"]["uv_is_missing"] is True
    assert results["asked_broken"]["uv_is_missing"] is True
    assert results["asked_broken"]["missing"] == ["python3.11", "python3.11-devel"]


def test_no_headers(results: dict[str, Any]) -> None:
    assert results["headless"]["packages"] == ["python3.12"]


def test_index_and_proxy_reach_pip_only_when_set(results: dict[str, Any]) -> None:
    assert results["default"]["environment"] == {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CERT": "/etc/pki/tls/certs/ca-bundle.crt",
    }
    assert results["proxied"]["environment"] == {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CERT": "/etc/pki/private.pem",
        "PIP_INDEX_URL": "https://pypi.example.com/simple",
        "HTTPS_PROXY": "http://proxy.example.com:3128",
        "HTTP_PROXY": "http://proxy.example.com:3128",
    }


@pytest.mark.parametrize("release", ["8", "9", "10"])
def test_each_supported_release_has_its_variables(release: str) -> None:
    names = (ROOT / f"roles/python/vars/RedHat_{release}.yml").read_text(encoding="utf-8")
    assert "__python_platform_version:" in names
    assert "__python_default_version:" in names
