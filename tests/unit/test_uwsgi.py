"""The uwsgi role: what it refuses, what it renders, what makes a release another release."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from templar import Unsafe, evaluate_role, has


def app(name: str = "shop", **keys: Any) -> dict[str, Any]:
    """Describe an application with what is required and a little more."""
    return {
        "name": name,
        "build": f"/opt/{name}/builds/abc123",
        "python": "3.11",
        "module": "shop.wsgi:app",
        "env": {"B": "2", "A": "1"},
        "secret_env": {"KEY": "secret"},
    } | keys


ENVIRONMENT: dict[str, Any] = {
    "QUOTES": """say "it's" """,
    "BACKSLASH": r"C:\temp\new",
    "DOLLAR": "$HOME ${HOME} %h",
    "BACKTICK": "`id`",
    "LINES": "one\ntwo\n",
    "UNICODE": "商店 🛒",
    "TEMPLATE": Unsafe("{{ not a template }} {% if %}"),
    "YES": True,
    "NO": False,
    "NUMBER": 5,
    "FRACTION": 0.5,
    "EMPTY": "",
    "TEXT_TRUE": "True",
}

#: One thing changed: another release of the same build.
OTHER: dict[str, dict[str, Any]] = {
    "env": {"uwsgi_apps": [app(env={"B": "2", "A": "other"})]},
    "env_name": {"uwsgi_apps": [app(env={"B": "2", "C": "1"})]},
    "secret_env": {"uwsgi_apps": [app(secret_env={"KEY": "other"})]},
    "moved_to_secret": {"uwsgi_apps": [app(env={"B": "2"}, secret_env={"KEY": "x", "A": "1"})]},
    "uwsgi_version": {"uwsgi_apps": [app()], "uwsgi_version": "2.0.30"},
    "socket_group": {"uwsgi_apps": [app()], "uwsgi_socket_group": "apache"},
    "processes": {"uwsgi_apps": [app(processes=4)]},
    "threads": {"uwsgi_apps": [app(threads=2)]},
    "default_threads": {"uwsgi_apps": [app()], "uwsgi_defaults": {"threads": 4}},
    "listen": {"uwsgi_apps": [app(listen=100)]},
    "options": {"uwsgi_apps": [app(options={"harakiri": 30})]},
    "raw": {"uwsgi_apps": [app(raw="cron = -1 -1 -1 -1 -1 true")]},
    "release_command": {"uwsgi_apps": [app(release_command="flask db upgrade")]},
    "module": {"uwsgi_apps": [app(module="shop.wsgi:create()")]},
    "python": {"uwsgi_apps": [app(python="3.12")]},
    "virtualenv": {"uwsgi_apps": [app(virtualenv="/opt/venv")]},
    "no_virtualenv": {"uwsgi_apps": [app(virtualenv="none")]},
    "lazy": {"uwsgi_apps": [app(lazy_apps=True)]},
    "graceful": {"uwsgi_apps": [app(graceful_timeout=5)]},
    "build": {"uwsgi_apps": [app(build="/opt/shop/builds/def456")]},
    "build_elsewhere": {"uwsgi_apps": [app(build="/srv/abc123")]},
}

#: Written otherwise, or of no consequence for what runs: the same release.
SAME: dict[str, dict[str, Any]] = {
    "again": {"uwsgi_apps": [app()]},
    "env_order": {"uwsgi_apps": [app(env={"A": "1", "B": "2"})]},
    "key_order": {"uwsgi_apps": [dict(reversed(app().items()))]},
    "explicit_defaults": {"uwsgi_apps": [app(threads=16, options={}, raw="", health={})]},
    "nulls": {"uwsgi_apps": [app(processes=None, release_command=None, options=None)]},
    "dependent": {"uwsgi_apps": [], "uwsgi_dependent_apps": [app()]},
    "overridden_default": {"uwsgi_apps": [app(threads=16)], "uwsgi_defaults": {"threads": 4}},
    "other_health": {"uwsgi_apps": [app(health={"path": "/healthz", "timeout": 5})]},
    "label": {"uwsgi_apps": [app(version="v2", keep_releases=9)]},
    "index": {"uwsgi_apps": [app()], "uwsgi_index_url": "https://pypi.example.com/simple"},
}

GOOD: dict[str, dict[str, Any]] = {
    "plain": {"uwsgi_apps": [app()]},
    "environment": {"uwsgi_apps": [app(env=ENVIRONMENT)]},
    "ini": {
        "uwsgi_apps": [
            app(
                processes=3,
                options={
                    "attach-daemon": ["one", "two"],
                    "thunder-lock": True,
                    "log-4xx": False,
                    "harakiri": 30,
                },
                raw="[uwsgi]\nvacuum = true",
            )
        ]
    },
    "command": {"uwsgi_apps": [app(release_command="cd x && flask db upgrade\necho done")]},
    "health": {
        "uwsgi_apps": [app(health={"path": "/healthz"})],
        "uwsgi_defaults": {"health": {"timeout": 5, "path": "/"}},
    },
    "none": {"uwsgi_apps": []},
    "two": {"uwsgi_apps": [app()], "uwsgi_dependent_apps": [app("shop-admin")]},
}

#: Case -> variables, and what one sentence must have.
REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "debian": (
        {"facts": {"os_family": "Debian", "distribution": "Ubuntu"}},
        ["releases 8 to 10", "Ubuntu"],
    ),
    "el7": ({"facts": {"distribution_major_version": "7"}}, ["releases 8 to 10", "CentOS 7"]),
    "defaults_key": (
        {"uwsgi_defaults": {"build": "/opt"}},
        ["uwsgi_defaults", "'build'", "buffer_size, env, graceful_timeout"],
    ),
    "twice": (
        {"uwsgi_apps": [app()], "uwsgi_dependent_apps": [app(), app()]},
        ["'shop'", "3 times"],
    ),
    "name": ({"uwsgi_apps": [app("Shop", module="a:b")]}, ["'Shop'", "name", "lower-case"]),
    "long": ({"uwsgi_apps": [app("s" * 32)]}, ["name", "at most 31"]),
    "reserved": ({"uwsgi_apps": [app("nginx")]}, ["'nginx'", "name", "taken"]),
    "release_unit": (
        {"uwsgi_apps": [app("shop-release", module="a:b")]},
        ["'shop-release'", "name", "-release"],
    ),
    "python": ({"uwsgi_apps": [app(python="3.1x")]}, ["'shop'", "python", "3.1x", "quoted"]),
    "python_unquoted": ({"uwsgi_apps": [app(python=3.10)]}, ["'shop'", "python", "3.1 "]),
    "module": (
        {"uwsgi_apps": [app(module="shop/wsgi.py")]},
        ["'shop'", "module", "'shop/wsgi.py'", "package.module:callable"],
    ),
    "health_path": (
        {"uwsgi_apps": [app(health={"path": "healthz"})]},
        ["'shop'", "health.path", "'healthz'", "begin with /"],
    ),
    "health_space": ({"uwsgi_apps": [app(health={"path": "/a b"})]}, ["health.path", "'/a b'"]),
    "env_name": ({"uwsgi_apps": [app(env={"A-B": "x"})]}, ["'shop'", "env", "'A-B'", "no name"]),
    "env_name_secret": ({"uwsgi_apps": [app(secret_env={"1A": "x"})]}, ["env", "'1A'", "no name"]),
    "env_uwsgi": (
        {"uwsgi_apps": [app(env={"UWSGI_HTTP": ":80"})]},
        ["'shop'", "env", "'UWSGI_HTTP'", "options"],
    ),
    "env_own": (
        {"uwsgi_apps": [app(env={"APP_RELEASE": "x"})]},
        ["'shop'", "env", "'APP_RELEASE'", "set by the role"],
    ),
    "env_both": (
        {"uwsgi_apps": [app(env={"KEY": "x"})]},
        ["'shop'", "env", "'KEY'", "secret_env too"],
    ),
    "env_list": ({"uwsgi_apps": [app(env={"A": [1]})]}, ["'shop'", "env", "'A'", "not a list"]),
    "env_dict": ({"uwsgi_apps": [app(env={"A": {"b": 1}})]}, ["env", "'A'", "a dictionary"]),
    "env_null": ({"uwsgi_apps": [app(env={"A": None})]}, ["'shop'", "env", "'A'", "null"]),
    "secret_list": (
        {"uwsgi_apps": [app(secret_env={"K": ["hidden"]})]},
        ["'shop'", "secret_env", "'K'", "not a list"],
    ),
}

FILES: dict[str, Any] = {"wanted": ["problems", "rendered"]}
CASES = (
    {name: FILES | case for name, case in GOOD.items()}
    | {f"other_{name}": FILES | case for name, case in OTHER.items()}
    | {f"same_{name}": FILES | case for name, case in SAME.items()}
    | {f"refused_{name}": {"wanted": ["problems"]} | case for name, (case, _) in REFUSED.items()}
)
EXPRESSIONS = {
    "problems": "__uwsgi_problems",
    "rendered": "__uwsgi_rendered",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Evaluate all cases in one run."""
    return evaluate_role("uwsgi", tmp_path_factory.mktemp("uwsgi"), EXPRESSIONS, CASES)


def only(results: dict[str, Any], case: str) -> dict[str, Any]:
    """Give what was rendered for the one application of a case."""
    (app,) = results[case]["rendered"]
    return app


def text(results: dict[str, Any], case: str, name: str) -> str:
    """Give the text of the one file whose path ends so."""
    (found,) = [one for one in files(only(results, case)) if one["path"].endswith(name)]
    return found["text"]


def files(app: dict[str, Any]) -> list[dict[str, str]]:
    """Give the units and the files of a release."""
    return app["units"] + app["files"]


def unquote(environment: str) -> dict[str, str]:
    r"""Read an environment file as systemd does.

    systemd.exec(5): inside of double quotes a backslash followed by one of "\`$ gives that
    character, and line breaks stay.
    """
    pairs = re.findall(r'^(\w+)="((?:[^"\\]|\\.)*)"\n', environment, flags=re.M | re.S)
    return {key: re.sub(r'\\(["\\`$])', r"\1", value) for key, value in pairs}


@pytest.mark.parametrize(
    "case", [*GOOD, *(f"other_{name}" for name in OTHER), *(f"same_{name}" for name in SAME)]
)
def test_good_input_has_no_problems(results: dict[str, Any], case: str) -> None:
    assert results[case]["problems"] == []


@pytest.mark.parametrize("case", REFUSED)
def test_refused(results: dict[str, Any], case: str) -> None:
    problems = results[f"refused_{case}"]["problems"]
    assert has(problems, *REFUSED[case][1]), problems
    assert len(problems) == 1


def test_refusals_show_no_secret(results: dict[str, Any]) -> None:
    for case in REFUSED:
        assert "hidden" not in "".join(results[f"refused_{case}"]["problems"])


def test_environment_comes_out_as_it_went_in(results: dict[str, Any]) -> None:
    expected = {key: value for key, value in ENVIRONMENT.items() if isinstance(value, str)}
    expected |= {"YES": "true", "NO": "false", "NUMBER": "5", "FRACTION": "0.5", "KEY": "secret"}
    assert unquote(text(results, "environment", "/environment")) == expected


@pytest.mark.parametrize(
    "line",
    [
        """QUOTES="say \\"it's\\" \"""",
        r'BACKSLASH="C:\\temp\\new"',
        r'DOLLAR="\$HOME \${HOME} %h"',
        r'BACKTICK="\`id\`"',
        'UNICODE="商店 🛒"',
        'TEMPLATE="{{ not a template }} {% if %}"',
        'YES="true"',
        'TEXT_TRUE="True"',
        'NUMBER="5"',
        'EMPTY=""',
    ],
)
def test_environment_is_quoted(results: dict[str, Any], line: str) -> None:
    assert line in text(results, "environment", "/environment").split("\n")


def test_secrets_are_in_one_file_only(results: dict[str, Any]) -> None:
    for one in files(only(results, "plain")):
        assert ("secret" in one["text"]) == one["path"].endswith("/environment")
        if one["path"].endswith("/environment"):
            assert (one["mode"], one["group"]) == ("0640", "shop")


def test_files_are_marked_and_have_no_leftovers(results: dict[str, Any]) -> None:
    for case in GOOD:
        for app in results[case]["rendered"]:
            for one in files(app):
                if one["path"].endswith("/release.json"):
                    continue
                assert one["text"].startswith(
                    "# Managed by Ansible (flaskstack.centos, role uwsgi)"
                )
                assert one["text"].endswith("\n")
                assert "{%" not in one["text"] or case == "environment"


def test_options_of_every_kind(results: dict[str, Any]) -> None:
    found = text(results, "ini", "uwsgi.ini").splitlines()
    for line in (
        "attach-daemon = one",
        "attach-daemon = two",
        "thunder-lock = true",
        "log-4xx = false",
        "harakiri = 30",
        "processes = 3",
        "threads = 16",
    ):
        assert line in found
    assert found[-2:] == ["[uwsgi]", "vacuum = true"]


def test_processes_follow_the_cores(results: dict[str, Any]) -> None:
    assert "processes = %(%k * 2)" in text(results, "plain", "uwsgi.ini").splitlines()


def test_virtual_environment(results: dict[str, Any]) -> None:
    assert "virtualenv = /opt/shop/builds/abc123/venv\n" in text(results, "plain", "uwsgi.ini")
    assert "virtualenv = /opt/venv\n" in text(results, "other_virtualenv", "uwsgi.ini")
    assert "virtualenv" not in text(results, "other_no_virtualenv", "uwsgi.ini")


def test_lazy_only_when_asked_for(results: dict[str, Any]) -> None:
    assert "lazy-apps" not in text(results, "plain", "uwsgi.ini")
    assert "lazy-apps = true\n" in text(results, "other_lazy", "uwsgi.ini")


def test_units_follow_the_application(results: dict[str, Any]) -> None:
    assert "Backlog=100\n" in text(results, "other_listen", "@.socket")
    assert "SocketGroup=apache\n" in text(results, "other_socket_group", "@.socket")
    assert "TimeoutStopSec=10\n" in text(results, "other_graceful", "shop@.service")
    service = text(results, "plain", "shop@.service")
    assert "ReadWritePaths=/opt/shop/shared\n" in service
    assert "User=shop\n" in service


def test_release_command(results: dict[str, Any]) -> None:
    lines = text(results, "command", "/release_command").splitlines()
    assert lines[1:] == ["cd x && flask db upgrade", "echo done"]
    assert text(results, "plain", "/release_command").splitlines()[1:] == [":"]


def test_a_release_knows_what_going_back_to_it_takes(results: dict[str, Any]) -> None:
    one = only(results, "health")
    about = json.loads(text(results, "health", "/release.json"))
    assert about["health"] == one["health"]
    assert (about["release"], about["keep_releases"]) == (one["release"], 5)
    # A directory without it is no release, so it is written last.
    assert one["files"][-1]["path"].endswith("/release.json")


def test_health_defaults_merge(results: dict[str, Any]) -> None:
    health = only(results, "health")["health"]
    assert (health["path"], health["timeout"], health["host"]) == ("/healthz", 5, "localhost")


def test_release_is_named_by_its_build(results: dict[str, Any]) -> None:
    one = only(results, "plain")
    assert re.fullmatch(r"abc123-[0-9a-f]{8}", one["release"])
    assert one["path"] == f"/opt/shop/releases/{one['release']}"
    assert only(results, "other_build")["release"].startswith("def456-")


@pytest.mark.parametrize("case", OTHER)
def test_other_input_is_another_release(results: dict[str, Any], case: str) -> None:
    assert only(results, f"other_{case}")["release"] != only(results, "plain")["release"]


def test_all_differ_from_each_other(results: dict[str, Any]) -> None:
    releases = [only(results, f"other_{case}")["release"] for case in OTHER]
    assert len(set(releases)) == len(releases)


@pytest.mark.parametrize("case", SAME)
def test_same_input_is_the_same_release(results: dict[str, Any], case: str) -> None:
    assert only(results, f"same_{case}")["release"] == only(results, "plain")["release"]
