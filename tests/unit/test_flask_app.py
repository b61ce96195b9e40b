"""The flask_app role: what it refuses, and what makes a build another build."""

from __future__ import annotations

from typing import Any

import pytest

from templar import ROOT, evaluate_role, has

SOURCE = str(ROOT / "app")


def app(name: str = "shop", **keys: Any) -> dict[str, Any]:
    """Describe an application whose source is the sample application's directory."""
    return {"name": name, "source": {"path": SOURCE}} | keys


def digested(digest: str, *apps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Make a case of applications whose directories have been digested."""
    found = [{"item": one, "stdout": f'{{"digest": "{digest}"}}'} for one in apps]
    return {"flask_app_apps": list(apps), "__flask_app_digests": {"results": found}} | more


def asked(answer: dict[str, Any], version: str | None = "v1") -> dict[str, Any]:
    """Make a case of one application whose repository has been asked for its commit."""
    source = {"git": "https://git.example.com/shop.git"}
    item = app(source=source | ({"version": version} if version else {}))
    return {"flask_app_apps": [item], "__flask_app_heads": {"results": [{"item": item} | answer]}}


PACKAGE = app("httpbin", source={"package": "httpbin[main]==0.10.4"})
COMMIT = "a" * 40

GOOD: dict[str, dict[str, Any]] = {
    "path": digested("d" * 64, app(python="3.12", requirements="requirements.txt")),
    "package": {"flask_app_apps": [PACKAGE]},
    "git": asked({"after": COMMIT}),
    "git_head": asked({"after": COMMIT}, version=None),
    "three": digested("d" * 64, app(), app("shop-admin"))
    | {"flask_app_apps": [app(), app("shop-admin"), PACKAGE]},
}

#: Case -> the application, or several, and what one sentence must have.
REFUSED: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "twice": ([app(), app(), app("other")], ["'shop'", "2 times"]),
    "capital": ([app("Shop")], ["'Shop'", "name", "lower-case"]),
    "digit_first": ([app("1shop")], ["'1shop'", "name", "lower-case"]),
    "long": ([app("s" * 32)], ["name", "at most 31"]),
    "dots": ([app("../etc")], ["'../etc'", "name"]),
    "reserved": ([app("nginx")], ["'nginx'", "name", "taken"]),
    "python": ([app(python="3.1x")], ["'shop'", "python", "3.1x", "quoted"]),
    "python_unquoted": ([app(python=3.10)], ["'shop'", "python", "3.1 ", "quoted"]),
    "relative": ([app(source={"path": "app"})], ["'shop'", "source.path", "{{ inventory_dir }}/"]),
    "no_directory": (
        [app(source={"path": "/nowhere"})],
        ["'shop'", "source.path", "/nowhere", "not a directory"],
    ),
    "no_requirements": (
        [app(requirements="dev.txt")],
        ["'shop'", "requirements", "dev.txt", SOURCE],
    ),
    "unpinned": (
        [app(source={"package": "httpbin>=0.10"})],
        ["'shop'", "source.package", "httpbin>=0.10", "name==version"],
    ),
    "package_requirements": (
        [app(source={"package": "httpbin==0.10.4"}, requirements="requirements.txt")],
        ["'shop'", "requirements", "leave the key out"],
    ),
}

#: One thing changed against the first: another build.
OTHER: dict[str, dict[str, Any]] = {
    "other_digest": digested("e" * 64, app(python="3.12", requirements="requirements.txt")),
    "other_python": digested("d" * 64, app(python="3.11", requirements="requirements.txt")),
    "other_requirements": digested("d" * 64, app(python="3.12", requirements="requirements.in")),
    "no_requirements_named": digested("d" * 64, app(python="3.12")),
}

#: Written otherwise, the same build.
SAME: dict[str, dict[str, Any]] = {
    "default_python": digested(
        "d" * 64, app(requirements="requirements.txt"), flask_app_default_python="3.12"
    ),
    "key_order": digested(
        "d" * 64,
        {
            "requirements": "requirements.txt",
            "python": "3.12",
            "source": {"path": SOURCE},
            "name": "shop",
        },
    ),
    "other_name": digested("d" * 64, app("links", python="3.12", requirements="requirements.txt")),
    "other_root": digested(
        "d" * 64, app(python="3.12", requirements="requirements.txt"), flask_app_root="/opt/web"
    ),
}

SPECIAL: dict[str, dict[str, Any]] = {
    "empty": {"flask_app_apps": []},
    "check_mode": asked({"skipped": True}),
    "other_commit": asked({"after": "b" * 40}),
    "proxied": {"flaskstack_index_url": "https://i.example.com", "flaskstack_proxy": "http://p"},
    "nulls": digested("d" * 64, app(python=None, requirements=None)),
}

CASES = (
    GOOD
    | {
        f"refused_{name}": {"flask_app_apps": apps, "wanted": ["problems"]}
        for name, (apps, _) in REFUSED.items()
    }
    | {f"other_{name}": case for name, case in OTHER.items()}
    | {f"same_{name}": case for name, case in SAME.items()}
    | SPECIAL
)
EXPRESSIONS = {
    "problems": "__flask_app_problems",
    "builds": "__flask_app_builds",
    "from_path": "__flask_app_from_path | map(attribute='name') | list",
    "from_git": "__flask_app_from_git | map(attribute='name') | list",
    "environment": "__flask_app_environment",
    "excludes": "__flask_app_exclude_arguments",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Evaluate all cases in one run."""
    return evaluate_role("flask_app", tmp_path_factory.mktemp("flask_app"), EXPRESSIONS, CASES)


def build(results: dict[str, Any], case: str) -> str:
    """Give the build's id of a case with one application."""
    (only,) = results[case]["builds"]
    return only["build"]


@pytest.mark.parametrize("case", [*GOOD, *SPECIAL])
def test_good_input_has_no_problems(results: dict[str, Any], case: str) -> None:
    assert results[case]["problems"] == []


@pytest.mark.parametrize("case", REFUSED)
def test_refused(results: dict[str, Any], case: str) -> None:
    problems = results[f"refused_{case}"]["problems"]
    assert has(problems, *REFUSED[case][1]), problems
    assert len(problems) == 1


def test_build_says_where_it_is_and_what_is_in_it(results: dict[str, Any]) -> None:
    (only,) = results["path"]["builds"]
    assert len(only["build"]) == 12
    assert only["path"] == f"/opt/shop/builds/{only['build']}"
    assert only["python"] == "3.12"
    assert only["source_version"] == "sha256:" + "d" * 12
    assert only["commit"] == ""
    assert results["package"]["builds"][0]["source_version"] == "0.10.4"
    assert results["git"]["builds"][0]["source_version"] == "v1 " + "a" * 12
    assert results["git"]["builds"][0]["commit"] == COMMIT
    assert results["git_head"]["builds"][0]["source_version"] == "a" * 12


@pytest.mark.parametrize("case", OTHER)
def test_other_input_is_another_build(results: dict[str, Any], case: str) -> None:
    assert build(results, f"other_{case}") != build(results, "path")


def test_all_differ_from_each_other(results: dict[str, Any]) -> None:
    ids = [build(results, f"other_{case}") for case in OTHER]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("case", SAME)
def test_same_input_is_the_same_build(results: dict[str, Any], case: str) -> None:
    assert build(results, f"same_{case}") == build(results, "path")


def test_root_is_followed(results: dict[str, Any]) -> None:
    assert results["same_other_root"]["builds"][0]["path"].startswith("/opt/web/shop/builds/")


def test_build_follows_the_commit_not_the_branch_name(results: dict[str, Any]) -> None:
    assert build(results, "git") == build(results, "git_head")
    assert build(results, "git") != build(results, "other_commit")


def test_unknown_commit_in_check_mode(results: dict[str, Any]) -> None:
    (only,) = results["check_mode"]["builds"]
    assert only["commit"] == "unknown"
    assert only["source_version"] == "v1 unknown"
    assert build(results, "check_mode") != build(results, "git")


def test_null_is_as_good_as_nothing(results: dict[str, Any]) -> None:
    (only,) = results["nulls"]["builds"]
    assert only["python"] == "3.11"
    assert only["requirements"] == ""


def test_builds_keep_the_order_of_the_list(results: dict[str, Any]) -> None:
    assert [one["name"] for one in results["three"]["builds"]] == ["shop", "shop-admin", "httpbin"]
    assert results["three"]["from_path"] == ["shop", "shop-admin"]
    assert results["three"]["from_git"] == []
    assert results["git"]["from_git"] == ["shop"]
    assert results["empty"]["builds"] == []


def test_index_and_proxy_reach_uv_only_when_set(results: dict[str, Any]) -> None:
    plain = results["empty"]["environment"]
    assert plain["SSL_CERT_FILE"] == "/etc/pki/tls/certs/ca-bundle.crt"
    assert not {"UV_DEFAULT_INDEX", "HTTPS_PROXY"} & plain.keys()
    proxied = results["proxied"]["environment"]
    assert proxied["UV_DEFAULT_INDEX"] == "https://i.example.com"
    assert proxied["HTTPS_PROXY"] == "http://p"


def test_excludes_become_arguments(results: dict[str, Any]) -> None:
    arguments = results["empty"]["excludes"]
    assert arguments[:2] == ["--exclude", ".git/"]
    assert arguments[0::2] == ["--exclude"] * (len(arguments) // 2)
