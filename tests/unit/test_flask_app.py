"""The flask_app role: what it refuses, and what makes a build another build."""

from __future__ import annotations

import json
from typing import Any

import pytest

from templar import ROOT, evaluate_role, has

SOURCE = str(ROOT / "app")


def app(name: str = "shop", **keys: Any) -> dict[str, Any]:
    """Describe an application whose source is the sample application's directory."""
    return {"name": name, "source": {"path": SOURCE}} | keys


def digested(digest: str, *apps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Make a case of applications whose directories have been digested."""
    found = json.dumps([{"digest": digest} for _ in apps])
    return {"flask_app_apps": list(apps), "__flask_app_digests": {"stdout": found}} | more


def asked(
    answer: dict[str, str] | None, version: str | None = "v1", **source: Any
) -> dict[str, Any]:
    """Make a case of one application whose repository has been asked, or could not be."""
    item = app(source={"git": REPOSITORY} | ({"version": version} if version else {}) | source)
    said = {"missing": ["git-core"], "found": {}}
    if answer is not None:
        said = {"missing": [], "found": {"shop": answer}}
    return {"flask_app_apps": [item], "__flask_app_first_answer": {"stdout": json.dumps(said)}}


def archived(archive: str, checksum: str | None = "sha256:" + "c" * 64) -> dict[str, Any]:
    """Describe an application that is in an archive."""
    return app(source={"archive": archive} | ({"checksum": checksum} if checksum else {}))


REPOSITORY = "https://git.example.com/shop.git"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"
#: Any file will do where it is not looked into.
FILE = str(ROOT / "roles/flask_app/files/build.py")
ADDRESS = "https://user:secret@files.example.com/shop-1.0.tar.gz?raw=1"
PACKAGE = app("httpbin", source={"package": "httpbin[main]==0.10.4"})
COMMIT = "a" * 40

GOOD: dict[str, dict[str, Any]] = {
    "path": digested("d" * 64, app(python="3.12", requirements="requirements.txt")),
    "package": {"flask_app_apps": [PACKAGE]},
    "git": asked({"commit": COMMIT}),
    "git_head": asked({"commit": COMMIT}, version=None),
    "archive": {"flask_app_apps": [archived(ADDRESS)]},
    "everything": digested(
        "d" * 64,
        app(
            python="3.12",
            requirements="requirements.txt",
            extra_requirements=["gunicorn==23.0"],
            build_commands=["make assets"],
            precompress=[{"path": "static"}, {"path": "ui", "package": "flasgger"}],
        ),
    ),
    "none": digested("d" * 64, app(requirements="none")),
    "wheelhouse": digested("d" * 64, app(), flaskstack_wheelhouse=SOURCE),
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
    "requirements_outside": (
        [app(source={"git": REPOSITORY}, requirements="../x.txt")],
        ["'shop'", "requirements: ../x.txt", "below the source"],
    ),
    "archive_relative": ([archived("shop.zip")], ["'shop'", "source.archive", "absolute"]),
    "archive_gone": ([archived("/nowhere/shop.zip")], ["'shop'", "source.archive", "not a file"]),
    "archive_kind": (
        [archived("https://user:secret@files.example.com/shop.rar")],
        ["'shop'", "source.archive", "//***@files", ".zip"],
    ),
    "archive_no_checksum": ([archived(ADDRESS, None)], ["'shop'", "source.checksum", "sha256sum"]),
    "archive_md5": ([archived(ADDRESS, "md5:" + "c" * 32)], ["'shop'", "source.checksum"]),
    "key_path": (
        [app(source={"git": REPOSITORY, "key": "/root/.ssh/id"})],
        ["'shop'", "source.key", "text"],
    ),
    "static_outside": (
        [app(precompress=[{"path": "../x"}])],
        ["'shop'", "static.path: ../x", "below the source"],
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
    "extra": digested(
        "d" * 64,
        app(python="3.12", requirements="requirements.txt", extra_requirements=["gunicorn==23.0"]),
    ),
    "commands": digested(
        "d" * 64,
        app(python="3.12", requirements="requirements.txt", build_commands=["make assets"]),
    ),
    "statics": digested(
        "d" * 64,
        app(python="3.12", requirements="requirements.txt", precompress=[{"path": "static"}]),
    ),
    "statics_plain": digested(
        "d" * 64,
        app(python="3.12", requirements="requirements.txt", precompress=[{"path": "static"}]),
        flask_app_precompress=False,
    ),
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
    # What is empty or not used does not count.
    "nothing_more": digested(
        "d" * 64,
        app(
            python="3.12",
            requirements="requirements.txt",
            extra_requirements=[],
            build_commands=None,
            precompress=None,
        ),
        flask_app_precompress=False,
        flask_app_wheelhouse=SOURCE,
    ),
    "other_name": digested("d" * 64, app("links", python="3.12", requirements="requirements.txt")),
    "other_root": digested(
        "d" * 64, app(python="3.12", requirements="requirements.txt"), flask_app_root="/opt/web"
    ),
}

SPECIAL: dict[str, dict[str, Any]] = {
    "empty": {"flask_app_apps": []},
    "check_mode": asked(None),
    "other_commit": asked({"commit": "b" * 40}),
    "other_token": asked({"commit": COMMIT}, git=REPOSITORY.replace("//", "//x:token@"), key=KEY),
    "second_answer": asked(None)
    | {
        "__flask_app_second_answer": {"stdout": json.dumps({"found": {"shop": {"commit": COMMIT}}})}
    },
    "no_version": asked({"problem": "application 'shop', source.version: no."}),
    "no_answer": asked(None) | {"__flask_app_first_answer": {"rc": 1, "msg": "no python"}},
    "excludes": digested("d" * 64, app(source={"path": SOURCE, "exclude": ["/docs/", "!.env"]})),
    "proxied": {
        "flaskstack_index_url": "https://i.example.com",
        "flaskstack_proxy": "http://p",
        "flask_app_extra_index_urls": ["https://a.example.com", "https://b.example.com"],
    },
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
    | {
        "archive_file": {
            "flask_app_apps": [archived(FILE, "sha256:" + "C" * 64)],
            "wanted": ["builds"],
        }
    }
)
EXPRESSIONS = {
    "problems": "__flask_app_problems",
    "builds": "__flask_app_builds",
    "from_path": "__flask_app_from_path | map(attribute='name') | list",
    "from_git": "__flask_app_from_git | map(attribute='name') | list",
    "environment": "__flask_app_environment",
    "directories": "__flask_app_directories",
    "remotes": "__flask_app_remotes",
    "unknown": "__flask_app_unknown_versions",
    "stdin": "__flask_app_stdin",
}
#: Where the role is, which it asks Ansible, and what a task asks the host.
SURROUNDINGS = {
    "role_path": str(ROOT / "roles/flask_app"),
    "ansible_check_mode": False,
    "__flask_app_ask": {"action": "inspect", "builds": [], "wheelhouse": "", "text": '"é\\n'},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Evaluate all cases in one run."""
    cases = {name: SURROUNDINGS | case for name, case in CASES.items()}
    cases["path"]["wanted"] = [*EXPRESSIONS]
    for name, case in cases.items():
        if name != "path":
            case.setdefault("wanted", [one for one in EXPRESSIONS if one != "stdin"])
    return evaluate_role("flask_app", tmp_path_factory.mktemp("flask_app"), EXPRESSIONS, cases)


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

    assert proxied["UV_INDEX"] == "https://a.example.com https://b.example.com"


def test_excludes_of_an_application_come_after_those_of_all(results: dict[str, Any]) -> None:
    (only,) = results["excludes"]["directories"]
    assert only["directory"] == SOURCE
    assert only["exclude"][0] == ".git/"
    assert only["exclude"][-2:] == ["/docs/", "!.env"]


def test_archive_is_its_checksum(results: dict[str, Any]) -> None:
    (only,) = results["archive"]["builds"]
    assert only["source_version"] == "sha256:" + "c" * 12
    # Wherever it is, and however the checksum is written.
    assert build(results, "archive") == build(results, "archive_file")


def test_what_is_told_to_others_has_no_secret(results: dict[str, Any]) -> None:
    assert results["archive"]["builds"][0]["source"] == ADDRESS.replace("user:secret@", "")
    (only,) = results["other_token"]["builds"]
    assert only["source"] == REPOSITORY
    assert "token" not in json.dumps(only)
    assert "PRIVATE" not in json.dumps(only)


def test_another_token_is_the_same_repository(results: dict[str, Any]) -> None:
    assert build(results, "other_token") == build(results, "git")
    (asked_for,) = results["other_token"]["remotes"]
    assert (asked_for["key"], asked_for["version"]) == (KEY, "v1")


def test_the_second_answer_counts(results: dict[str, Any]) -> None:
    assert build(results, "second_answer") == build(results, "git")


def test_what_a_remote_has_not_is_said(results: dict[str, Any]) -> None:
    assert results["git"]["unknown"] == results["check_mode"]["unknown"] == []
    assert results["no_version"]["unknown"] == ["application 'shop', source.version: no."]
    assert has(results["no_answer"]["unknown"], "could not be asked", "no python")


def test_builder_is_sent_with_the_request(results: dict[str, Any]) -> None:
    """The text is a whole script, and its last line calls main() with what was asked."""
    text = results["path"]["stdin"]
    script = (ROOT / "roles/flask_app/files/build.py").read_text(encoding="utf-8")
    assert text.startswith(script.rstrip("\n") + "\n")
    call = text.rstrip().rsplit("\n", 1)[1]
    request = json.loads(eval(call[len("raise SystemExit(main(") : -2]))
    assert request["text"] == '"é\\n'
    assert (request["action"], request["builder"]) == ("inspect", "flaskbuild")
