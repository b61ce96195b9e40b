"""The uwsgi role: what it refuses, what it renders, what makes a release another release."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
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
    "max_requests": {"uwsgi_apps": [app(max_requests=1000)]},
    "harakiri": {"uwsgi_apps": [app(harakiri=30, threads=1)]},
    "request_log": {"uwsgi_apps": [app(request_log="json")]},
    "service": {"uwsgi_apps": [app(services=[{"name": "worker", "command": "rq worker"}])]},
    "timer": {"uwsgi_apps": [app(timers=[{"name": "job", "command": "a", "schedule": "hourly"}])]},
    "static": {"uwsgi_apps": [app(static=[{"url": "/static/", "path": "src/static"}])]},
    # It decides how many workers there are.
    "memory": {"uwsgi_apps": [app(limits={"memory_max": "1G"})]},
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
    # The slice is the application's, a router too: what they are holds at once.
    "tasks": {"uwsgi_apps": [app(limits={"tasks_max": 100, "memory_high": "800M"})]},
    "http": {"uwsgi_apps": [app(http={"port": 8000})]},
    "no_services": {"uwsgi_apps": [app(services=[], timers=None, http=None, limits=None)]},
}

SERVICES: list[dict[str, Any]] = [
    {"name": "worker", "command": "celery -A shop worker", "stop_signal": "QUIT"},
    {"name": "beat", "command": "celery -A shop beat", "exclusive": True, "host": "other"},
]
TIMERS: list[dict[str, Any]] = [
    {"name": "clean", "command": "flask clean\nflask vacuum", "schedule": "*-*-* 03:00:00"}
]
TLS = {"certificate": "/etc/pki/shop.crt", "key": "/etc/pki/shop.key"}

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
    "sizes": {
        "uwsgi_apps": [
            app(
                "shop-admin",
                processes=8,
                threads=1,
                cheaper=2,
                max_requests=5000,
                max_worker_lifetime=3600,
                reload_on_rss=400,
                harakiri=30,
                log_slow=0,
                statsd={"address": "127.0.0.1:8125"},
                limits={"cpu_quota": "150%", "memory_max": "1G", "tasks_max": 200},
            )
        ]
    },
    "limited": {"uwsgi_apps": [app(limits={"cpu_quota": "150%", "memory_max": "512M"})]},
    "json": {"uwsgi_apps": [app(request_log="json")]},
    "text": {"uwsgi_apps": [app(request_log="text")]},
    "commands": {"uwsgi_apps": [app(services=SERVICES, timers=TIMERS)]},
    "static": {
        "uwsgi_apps": [
            app(
                static=[
                    {"url": "/static/", "path": "src/shop/static", "expires": 3600},
                    {"url": "/media/", "path": "/opt/shop/shared/media"},
                ]
            )
        ]
    },
    "http": {"uwsgi_apps": [app(http={"port": 8000})]},
    "https": {"uwsgi_apps": [app(http=TLS | {"https_port": 8443, "addresses": ["[::]"]})]},
    "https_only": {
        "uwsgi_apps": [app(http=TLS | {"port": 0, "options": {"http-websockets": True}})]
    },
    "plain_and_https": {"uwsgi_apps": [app(http=TLS | {"redirect": False})]},
    "tcp": {"uwsgi_apps": [app(tcp={"allow": ["10.0.0.5", "2001:db8::/64"]})]},
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
        ["uwsgi_defaults", "'build'", "buffer_size, cheaper, env, graceful_timeout"],
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
    "processes_none": ({"uwsgi_apps": [app(processes=0)]}, ["'shop'", "processes: 0", "from 1"]),
    "buffer": ({"uwsgi_apps": [app(buffer_size=70000)]}, ["buffer_size: 70000", "to 65535"]),
    "cheaper": (
        {"uwsgi_apps": [app(processes=2, cheaper=2)]},
        ["'shop'", "cheaper: 2", "not less than processes: 2"],
    ),
    "lifetime": (
        {"uwsgi_apps": [app(max_worker_lifetime=10)]},
        ["'shop'", "max_worker_lifetime: 10", "more than 10"],
    ),
    "harakiri": (
        {"uwsgi_apps": [app(harakiri=30)]},
        ["'shop'", "harakiri: 30", "needs threads: 1 (it is 16)"],
    ),
    "quota": ({"uwsgi_apps": [app(limits={"cpu_quota": "2"})]}, ["limits.cpu_quota: '2'", "150%"]),
    "memory": ({"uwsgi_apps": [app(limits={"memory_max": "1Q"})]}, ["limits.memory_max: '1Q'"]),
    "service_name": (
        {"uwsgi_apps": [app(services=[{"name": "Mail.er", "command": "x"}])]},
        ["services, 'Mail.er'", "lower-case"],
    ),
    "service_twice": (
        {
            "uwsgi_apps": [
                app(
                    services=[{"name": "job", "command": "x"}],
                    timers=[{"name": "job", "command": "x", "schedule": "daily"}],
                )
            ]
        },
        ["'job'", "several of this name"],
    ),
    "service_empty": (
        {"uwsgi_apps": [app(services=[{"name": "job", "command": " "}])]},
        ["'job'", "the command is empty"],
    ),
    "service_lines": (
        {"uwsgi_apps": [app(services=[{"name": "job", "command": "a\nb"}])]},
        ["'job'", "several lines"],
    ),
    "service_signal": (
        {"uwsgi_apps": [app(services=[{"name": "job", "command": "a", "stop_signal": "15 x"}])]},
        ["'job'", "stop_signal: '15 x'"],
    ),
    "schedule": (
        {"uwsgi_apps": [app(timers=[{"name": "job", "command": "a", "schedule": ""}])]},
        ["timers, 'job'", "schedule"],
    ),
    "static_url": (
        {"uwsgi_apps": [app(static=[{"url": "/static", "path": "src"}])]},
        ["static.url: '/static'", "end with /"],
    ),
    "static_path": (
        {"uwsgi_apps": [app(static=[{"url": "/static/", "path": "src/../../x"}])]},
        ["static.path", "without .."],
    ),
    "statsd": ({"uwsgi_apps": [app(statsd={"address": "localhost"})]}, ["statsd.address"]),
    "key_alone": ({"uwsgi_apps": [app(http={"key": "/k"})]}, ["http:", "go together"]),
    "nothing": ({"uwsgi_apps": [app(http={"port": 0})]}, ["http:", "nothing to listen on"]),
    "certificate_path": (
        {"uwsgi_apps": [app(http=TLS | {"key": "shop.key"})]},
        ["http:", "'shop.key'", "absolute path"],
    ),
    "http_address": (
        {"uwsgi_apps": [app(http={"addresses": ["localhost"]})]},
        ["http.addresses: 'localhost'", "0.0.0.0"],
    ),
    "port": ({"uwsgi_apps": [app(http={"port": 80000})]}, ["http.port: 80000", "to 65535"]),
    "port_twice": (
        {
            "uwsgi_apps": [
                app(http={"port": 8000}),
                app("blog", tcp={"port": 8000, "allow": ["::1"]}),
            ]
        },
        ["'blog', tcp.port: 8000", "http.port of application 'shop' already"],
    ),
    "everybody": ({"uwsgi_apps": [app(tcp={"allow": []})]}, ["tcp.allow", "can run code"]),
    "any_network": ({"uwsgi_apps": [app(tcp={"allow": ["0.0.0.0/0"]})]}, ["'0.0.0.0/0'"]),
    "processes_env": ({"uwsgi_apps": [app(env={"APP_PROCESSES": 1})]}, ["'APP_PROCESSES'"]),
    "metrics": ({"uwsgi_metrics_directory": "figures"}, ["uwsgi_metrics_directory", "absolute"]),
    "interval": ({"uwsgi_metrics_interval": 0}, ["uwsgi_metrics_interval: 0", "1 or more"]),
    "version_path": ({"uwsgi_version": "../2.0.31"}, ["uwsgi_version", "../2.0.31", '"2.0.31"']),
    "version_number": ({"uwsgi_version": 2.0}, ["uwsgi_version", "2.0", "quoted"]),
    "version_range": ({"uwsgi_version": "2.0.31; true"}, ["uwsgi_version", "2.0.31; true"]),
    "fetch_nowhere": ({"uwsgi_fetch": True}, ["uwsgi_fetch", "uwsgi_wheelhouse"]),
    "no_wheelhouse": (
        {"flaskstack_wheelhouse": "/nowhere"},
        ["uwsgi_wheelhouse", "/nowhere", "not a directory"],
    ),
    "relative_wheelhouse": ({"flaskstack_wheelhouse": "tests"}, ["uwsgi_wheelhouse", "absolute"]),
}

FILES: dict[str, Any] = {"wanted": ["problems", "rendered"]}
#: Cases that are asked for their routers too.
ROUTED = ("http", "https", "https_only", "plain_and_https", "tcp", "plain")
PLAN: dict[str, Any] = {"wanted": ["problems", "rendered", "routers"]}
CASES = (
    {name: (PLAN if name in ROUTED else FILES) | case for name, case in GOOD.items()}
    | {f"other_{name}": FILES | case for name, case in OTHER.items()}
    | {f"same_{name}": FILES | case for name, case in SAME.items()}
    | {f"refused_{name}": {"wanted": ["problems"]} | case for name, (case, _) in REFUSED.items()}
)
EXPRESSIONS = {
    "problems": "__uwsgi_problems",
    "rendered": "__uwsgi_rendered",
    "routers": "__uwsgi_routers",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Evaluate all cases in one run."""
    directory = tmp_path_factory.mktemp("uwsgi")
    # What the role keeps as a fact.
    fact = directory / "fact.yml"
    fact.write_text('__uwsgi_plan: "{{ __uwsgi_rendered }}"\n', encoding="utf-8")
    return evaluate_role("uwsgi", directory, EXPRESSIONS, CASES, fact)


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


def lines(results: dict[str, Any], case: str, name: str = "uwsgi.ini") -> list[str]:
    """Give the lines of the one file whose path ends so."""
    return text(results, case, name).splitlines()


@pytest.mark.parametrize(
    ("case", "cores", "megabytes", "expected"),
    [
        ("plain", 4, 16000, 8),
        ("plain", 1, 16000, 2),
        # As far as half of the memory goes, at 64 MB each.
        ("plain", 64, 2048, 16),
        ("plain", 8, 100, 2),
        ("limited", 8, 16000, 4),
        ("limited", 1, 16000, 2),
        ("sizes", 8, 16000, None),
    ],
)
def test_processes_follow_the_host(
    results: dict[str, Any],
    tmp_path: Path,
    case: str,
    cores: int,
    megabytes: int,
    expected: int | None,
) -> None:
    (tmp_path / "nproc").write_text(f"#!/bin/sh\necho {cores}\n")
    (tmp_path / "nproc").chmod(0o755)
    (tmp_path / "meminfo").write_text(f"MemTotal:       {megabytes * 1024} kB\nMemFree: 1 kB\n")
    script = text(results, case, "/sizes").replace("/proc/meminfo", f"{tmp_path}/meminfo")
    script = script.replace("/run/wsgi/shop/$APP_RELEASE/sizes", f"{tmp_path}/out")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-e"], input=script, text=True, env=environment, check=True)
    if expected is None:
        assert not (tmp_path / "out").exists()
        assert "processes = 8" in lines(results, case)
    else:
        assert (tmp_path / "out").read_text() == f"APP_PROCESSES={expected}\n"
        assert "processes = $(APP_PROCESSES)" in lines(results, case)


def test_sizes(results: dict[str, Any]) -> None:
    found = lines(results, "sizes")
    for line in (
        "cheaper = 2",
        "max-requests = 5000",
        "max-requests-delta = 500",
        "max-worker-lifetime = 3600",
        "max-worker-lifetime-delta = 360",
        "reload-on-rss = 400",
        "harakiri = 30",
        "stats-push = statsd:127.0.0.1:8125,shop-admin",
    ):
        assert line in found
    assert not any(line.startswith("log-slow") for line in found)
    plain = "\n".join(lines(results, "plain"))
    for key in ("cheaper", "max-", "reload-on", "harakiri", "stats-push", "static-", "route"):
        assert f"\n{key}" not in plain
    assert "\nlog-slow = 5000" in plain


def test_limits(results: dict[str, Any]) -> None:
    (unit,) = [one for one in only(results, "sizes")["units"] if one["path"].endswith(".slice")]
    # A dash would make it a part of the slice of an application called shop.
    assert unit["path"] == "/etc/systemd/system/uwsgi-shop\\x2dadmin.slice"
    assert unit["text"].splitlines()[-4:] == [
        "[Slice]",
        "CPUQuota=150%",
        "MemoryMax=1G",
        "TasksMax=200",
    ]
    slice_line = "Slice=uwsgi-shop\\x2dadmin.slice"
    assert slice_line in lines(results, "sizes", "uwsgi-shop-admin@.service")


def test_logs(results: dict[str, Any]) -> None:
    assert "disable-logging = true" in lines(results, "plain")
    assert "disable-logging = true" not in lines(results, "text")
    found = lines(results, "json")
    assert "disable-logging = true" not in found
    (line,) = [line for line in found if line.startswith("log-format = ")]
    for value in re.findall(r"%\(\S+?\)", line):
        line = line.replace(value, "1")
    assert json.loads(line.removeprefix("log-format = "))["app"] == "shop"


def test_commands(results: dict[str, Any]) -> None:
    app = only(results, "commands")
    release = app["release"]
    # The other service is of another host.
    assert app["here"] == {"services": ["worker"], "timers": ["clean"]}
    assert app["schedules"] == ["*-*-* 03:00:00"]
    names = [one["path"].rsplit("/", 1)[1] for one in app["files"]]
    assert [name for name in names if "worker" in name or "clean" in name or "beat" in name] == [
        "command.worker",
        f"uwsgi-shop.worker@{release}.service",
        "command.clean",
        f"uwsgi-shop.clean@{release}.service",
        f"uwsgi-shop.clean@{release}.timer",
    ]
    assert names[-1] == "release.json"
    assert "exec celery -A shop worker" in lines(results, "commands", "command.worker")
    assert lines(results, "commands", "command.clean")[-2:] == ["flask clean", "flask vacuum"]
    unit = lines(results, "commands", f"uwsgi-shop.worker@{release}.service")
    for line in (
        "Type=simple",
        "Restart=always",
        "KillSignal=QUIT",
        "User=shop",
        "EnvironmentFile=/opt/shop/releases/%i/environment",
        "ProtectSystem=strict",
        "WantedBy=multi-user.target",
    ):
        assert line in unit
    job = lines(results, "commands", f"uwsgi-shop.clean@{release}.service")
    assert "Type=oneshot" in job
    assert not any(line.startswith(("Restart=", "WantedBy=")) for line in job)
    assert "OnCalendar=*-*-* 03:00:00" in lines(results, "commands", ".timer")
    assert json.loads(text(results, "commands", "release.json"))["services"] == ["worker"]


def test_static_files_of_two_releases(results: dict[str, Any]) -> None:
    assert [line for line in lines(results, "static") if line.startswith("static-")] == [
        "static-map = /static=/opt/shop/builds/abc123/src/shop/static",
        "static-map = /static=/opt/shop/releases/$(APP_RELEASE)/before/build/src/shop/static",
        "static-expires-uri = ^/static/ 3600",
        "static-map = /media=/opt/shop/shared/media",
    ]


def router(results: dict[str, Any], case: str) -> tuple[dict[str, Any], list[str], list[str]]:
    """Give the one router of a case, and the lines of its configuration and of its unit."""
    (found,) = results[case]["routers"]
    ini, unit = (file["text"].splitlines() for file in found["files"])
    return found, ini, unit


def test_http(results: dict[str, Any]) -> None:
    found, ini, unit = router(results, "http")
    assert found["ports"] == [8000]
    assert found["files"][1]["path"] == "/etc/systemd/system/uwsgi-shop-http.service"
    assert "http = 0.0.0.0:8000" in ini
    assert "http-to = /opt/shop/current/uwsgi.sock" in ini
    assert "SupplementaryGroups=nginx" in unit
    assert "User=shop" in unit
    assert not any(line.startswith(("https", "http-to-https", "ssl")) for line in ini)
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" not in unit
    assert results["plain"]["routers"] == []


def test_https(results: dict[str, Any]) -> None:
    pair = "/run/wsgi/shop/http/certificate.pem,/run/wsgi/shop/http/key.pem"
    found, ini, unit = router(results, "https")
    assert (found["ports"], found["https"], found["redirect"]) == ([80, 8443], 8443, True)
    assert found["reads"] == [TLS["certificate"], TLS["key"]]
    assert "http-to-https = [::]:80,8443" in ini
    assert f"https = [::]:8443,{pair}" in ini
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in unit
    assert any(line.startswith("ExecStartPre=+/usr/bin/install -m 0400 -o shop") for line in unit)
    _, ini, _ = router(results, "plain_and_https")
    assert "http = 0.0.0.0:80" in ini
    assert f"https = 0.0.0.0:443,{pair}" in ini
    found, ini, _ = router(results, "https_only")
    assert found["ports"] == [443]
    assert not any(line.startswith(("http = ", "http-to-https")) for line in ini)
    assert "http-websockets = true" in ini


def test_tcp(results: dict[str, Any]) -> None:
    found, ini, unit = router(results, "tcp")
    assert found["ports"] == [3031]
    assert "fastrouter = 0.0.0.0:3031" in ini
    assert "fastrouter-to = /opt/shop/current/uwsgi.sock" in ini
    assert "IPAddressAllow=localhost 10.0.0.5 2001:db8::/64" in unit
    assert "IPAddressDeny=any" in unit


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
