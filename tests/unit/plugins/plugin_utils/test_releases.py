"""The plan of role uwsgi: what it cannot run, what it renders, what makes another release."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    releases,
    request_headers,
    specs,
    units,
)
from templar import has, unsaid
from unit_texts import check


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
    "TEMPLATE": "{{ not a template }} {% if %}",
    "YES": True,
    "NO": False,
    "NUMBER": 5,
    "EMPTY": "",
    "TEXT_TRUE": "True",
}

#: Configuration files of an application's own.
FILES: list[dict[str, Any]] = [
    {"name": "shop.cfg", "content": "DEBUG = False\n", "env": "SHOP_SETTINGS", "secret": False},
    {"name": "token", "content": "shop", "env": "TOKEN_FILE"},
    {"name": "empty", "content": ""},
]

#: One thing changed: another release of the same build.
OTHER: dict[str, dict[str, Any]] = {
    "env": {"apps": [app(env={"B": "2", "A": "other"})]},
    "env_name": {"apps": [app(env={"B": "2", "C": "1"})]},
    "secret_env": {"apps": [app(secret_env={"KEY": "other"})]},
    "moved_to_secret": {"apps": [app(env={"B": "2"}, secret_env={"KEY": "x", "A": "1"})]},
    "version": {"apps": [app()], "version": "2.0.30"},
    "socket_group": {"apps": [app()], "socket_group": "apache"},
    "processes": {"apps": [app(processes=4)]},
    "threads": {"apps": [app(threads=2)]},
    "default_threads": {"apps": [app()], "defaults": {"threads": 4}},
    "listen": {"apps": [app(listen=100)]},
    "options": {"apps": [app(options={"harakiri": 30})]},
    "raw": {"apps": [app(raw="cron = -1 -1 -1 -1 -1 true")]},
    "release_command": {"apps": [app(release_command="flask db upgrade")]},
    "module": {"apps": [app(module="shop.wsgi:create()")]},
    "python": {"apps": [app(python="3.12")]},
    "virtualenv": {"apps": [app(virtualenv="/opt/venv")]},
    "no_virtualenv": {"apps": [app(virtualenv="none")]},
    "lazy": {"apps": [app(lazy_apps=True)]},
    "max_requests": {"apps": [app(max_requests=1000)]},
    "harakiri": {"apps": [app(harakiri=30, threads=1)]},
    "request_log": {"apps": [app(request_log="json")]},
    "path": {"apps": [app(path="/shop")]},
    "service_socket": {
        "apps": [app(services=[{"name": "worker", "command": "rq worker", "socket": True}])]
    },
    "service": {"apps": [app(services=[{"name": "worker", "command": "rq worker"}])]},
    "timer": {"apps": [app(timers=[{"name": "job", "command": "a", "schedule": "hourly"}])]},
    "static": {"apps": [app(static=[{"url": "/static/", "path": "src/static"}])]},
    "sandbox": {"apps": [app(sandbox={"jit": True})]},
    "files": {"apps": [app(files=FILES)]},
    "file_content": {"apps": [app(files=[FILES[0] | {"content": "DEBUG = True\n"}])]},
    "file_secret": {"apps": [app(files=[FILES[1] | {"content": "other"}])]},
    "file_name": {"apps": [app(files=[FILES[0] | {"name": "other.cfg"}])]},
    "file_env": {"apps": [app(files=[FILES[0] | {"env": "OTHER"}])]},
    # It decides how many workers there are.
    "memory": {"apps": [app(limits={"memory_max": "1G"})]},
    "graceful": {"apps": [app(graceful_timeout=5)]},
    "build": {"apps": [app(build="/opt/shop/builds/def456")]},
    "build_elsewhere": {"apps": [app(build="/srv/abc123")]},
}

#: Written otherwise, or of no consequence for what runs: the same release.
SAME: dict[str, dict[str, Any]] = {
    "again": {"apps": [app()]},
    "env_order": {"apps": [app(env={"A": "1", "B": "2"})]},
    "key_order": {"apps": [dict(reversed(app().items()))]},
    "root": {"apps": [app(path="/")]},
    "explicit_defaults": {"apps": [app(threads=16, options={}, raw="", health={})]},
    "nulls": {"apps": [app(processes=None, release_command=None, options=None)]},
    "dependent": {"apps": [], "dependent_apps": [app()]},
    "overridden_default": {"apps": [app(threads=16)], "defaults": {"threads": 4}},
    "other_health": {"apps": [app(health={"path": "/healthz", "timeout": 5})]},
    "label": {"apps": [app(version="v2", keep_releases=9)]},
    "index": {"apps": [app()], "root": "/opt"},
    # The slice is the application's, a router too: what they are holds at once.
    "tasks": {"apps": [app(limits={"tasks_max": 100, "memory_high": "800M"})]},
    "http": {"apps": [app(http={"port": 8000})]},
    "no_sandbox": {"apps": [app(sandbox={"jit": False, "devices": []})]},
    "no_files": {"apps": [app(files=[])]},
    "no_services": {"apps": [app(services=[], timers=None, http=None, limits=None)]},
}

SERVICES: list[dict[str, Any]] = [
    {"name": "worker", "command": "celery -A shop worker", "stop_signal": "QUIT"},
    {"name": "beat", "command": "celery -A shop beat", "exclusive": True, "host": "other"},
]
TIMERS: list[dict[str, Any]] = [
    {"name": "clean", "command": "flask clean\nflask vacuum", "schedule": "*-*-* 03:00:00"}
]
LIVE = {"name": "live", "command": "serve", "socket": True}
TLS = {"certificate": "/etc/pki/shop.crt", "key": "/etc/pki/shop.key"}

GOOD: dict[str, dict[str, Any]] = {
    "plain": {"apps": [app()]},
    "environment": {"apps": [app(env=ENVIRONMENT)]},
    "ini": {
        "apps": [
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
    "command": {"apps": [app(release_command="cd x && flask db upgrade\necho done")]},
    "health": {
        "apps": [app(health={"path": "/healthz"})],
        "defaults": {"health": {"timeout": 5, "path": "/"}},
    },
    "sizes": {
        "apps": [
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
                post_buffering=0,
                statsd={"address": "127.0.0.1:8125"},
                limits={"cpu_quota": "150%", "memory_max": "1G", "tasks_max": 200},
            )
        ]
    },
    "limited": {"apps": [app(limits={"cpu_quota": "150%", "memory_max": "512M"})]},
    "json": {"apps": [app(request_log="json")]},
    "text": {"apps": [app(request_log="text")]},
    "commands": {"apps": [app(services=SERVICES, timers=TIMERS)]},
    "static": {
        "apps": [
            app(
                static=[
                    {"url": "/static/", "path": "src/shop/static", "expires": 3600},
                    {"url": "/media/", "path": "/opt/shop/shared/media"},
                ]
            )
        ]
    },
    "path": {
        "apps": [
            app(
                path="/shop/",
                health={"path": "/healthz"},
                services=[{"name": "live", "command": "serve", "socket": True}],
                static=[{"url": "/static/", "path": "src/static", "expires": 60}],
                http={"port": 8000},
                request_log="json",
            )
        ]
    },
    "socket": {
        "apps": [app(services=[*SERVICES, {"name": "live", "command": "serve", "socket": True}])]
    },
    "files": {"apps": [app(files=FILES)]},
    "http": {"apps": [app(http={"port": 8000})]},
    "https": {"apps": [app(http=TLS | {"https_port": 8443, "addresses": ["[::]"]})]},
    "https_only": {"apps": [app(http=TLS | {"port": 0, "options": {"http-websockets": True}})]},
    "plain_and_https": {"apps": [app(http=TLS | {"redirect": False})]},
    "tcp": {"apps": [app(tcp={"allow": ["10.0.0.5", "2001:db8::/64"]})]},
    "none": {"apps": []},
    "two": {"apps": [app()], "dependent_apps": [app("shop-admin")]},
}

#: Case -> variables, and what one sentence must have.
REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "debian": (
        {"facts": {"os_family": "Debian", "distribution": "Ubuntu"}},
        ["releases 8 to 10", "Ubuntu"],
    ),
    "el7": ({"facts": {"distribution_major_version": "7"}}, ["releases 8 to 10", "CentOS 7"]),
    "defaults_key": (
        {"defaults": {"build": "/opt"}},
        ["uwsgi_defaults", "'build'", "buffer_size, cheaper, env, files, graceful_timeout"],
    ),
    "twice": (
        {"apps": [app()], "dependent_apps": [app(), app()]},
        ["'shop'", "3 times"],
    ),
    "name": ({"apps": [app("Shop", module="a:b")]}, ["'Shop'", "name", "lower-case"]),
    "long": ({"apps": [app("s" * 32)]}, ["name", "at most 31"]),
    "reserved": ({"apps": [app("nginx")]}, ["'nginx'", "name", "taken"]),
    "release_unit": (
        {"apps": [app("shop-release", module="a:b")]},
        ["'shop-release'", "name", "-release"],
    ),
    "python": ({"apps": [app(python="3.1x")]}, ["'shop'", "python", "3.1x", "quoted"]),
    "python_unquoted": ({"apps": [app(python=3.10)]}, ["'shop'", "python", "3.1 "]),
    "module": (
        {"apps": [app(module="shop/wsgi.py")]},
        ["'shop'", "module", "'shop/wsgi.py'", "package.module:callable"],
    ),
    "module_arguments": (
        {"apps": [app(module="shop:create_app(os.environ)")]},
        ["'shop'", "module", "only plain values can be given to create_app()"],
    ),
    "shared_elsewhere": (
        {"apps": [app(build="/srv/shop/builds/b", shared_paths=["instance"])]},
        [
            "'shop', shared_paths: the build is in /srv/shop, whose links lead to /srv/shop/shared,"
            " and uwsgi_root has that in /opt/shop/shared; let both be in one directory."
        ],
    ),
    "file_path": (
        {"apps": [app(files=[FILES[0] | {"name": "etc/shop.cfg", "content": "hidden"}])]},
        ["'shop'", "files", "'etc/shop.cfg' is no name of a file"],
    ),
    "file_parent": ({"apps": [app(files=[FILES[0] | {"name": ".."}])]}, ["files", "'..' is no"]),
    "file_twice": (
        {"apps": [app(files=[FILES[0], FILES[0] | {"env": "OTHER"}])]},
        ["files", "several called 'shop.cfg'"],
    ),
    "file_variable": (
        {"apps": [app(files=[FILES[0] | {"env": "A-B"}])]},
        ["files, 'shop.cfg'", "env", "'A-B' is no name"],
    ),
    "file_variable_own": (
        {"apps": [app(files=[FILES[0] | {"env": "APP_SHARED"}])]},
        ["files, 'shop.cfg'", "'APP_SHARED' is set by the role"],
    ),
    "file_variable_in_env": (
        {"apps": [app(files=[FILES[0] | {"env": "KEY"}])]},
        ["files, 'shop.cfg'", "'KEY' is in secret_env too"],
    ),
    "file_variable_twice": (
        {"apps": [app(files=[FILES[0], FILES[1] | {"env": "SHOP_SETTINGS"}])]},
        ["files", "several have env: 'SHOP_SETTINGS'"],
    ),
    "shared_absolute": (
        {"apps": [app(shared_paths=["/var/lib/shop"])]},
        ["'shop'", "shared_paths", "'/var/lib/shop' is not written as a path from the source"],
    ),
    "shared_parent": (
        {"apps": [app(shared_paths=["a/../../b"])]},
        ["shared_paths", "without . and"],
    ),
    "shared_itself": ({"apps": [app(public_paths=["."])]}, ["public_paths", "'.' is not written"]),
    "shared_inside": (
        {"apps": [app(shared_paths=["static/uploads", "static"])]},
        ["shared_paths", "'static/uploads' is part of 'static'"],
    ),
    "shared_twice": ({"apps": [app(public_paths=["a", "a"])]}, ["public_paths", "'a' is part of"]),
    "sandbox_key": (
        {"apps": [app(sandbox={"jitt": True})]},
        ["'shop'", "sandbox.jitt", "is no key there is. Did you mean 'jit'?"],
    ),
    "sandbox_device": (
        {"apps": [app(sandbox={"devices": ["ttyUSB0"]})]},
        ["'shop'", "sandbox.devices: 'ttyUSB0' is none; write it like /dev/ttyUSB0."],
    ),
    "sandbox_capability": (
        {"apps": [app(sandbox={"capabilities": ["NET_ADMIN"]})]},
        ["sandbox.capabilities: 'NET_ADMIN' is none"],
    ),
    "sandbox_group": ({"apps": [app(sandbox={"groups": ["a b"]})]}, ["sandbox.groups: 'a b'"]),
    "sandbox_family": (
        {"apps": [app(sandbox={"address_families": ["packet"]})]},
        ["sandbox.address_families: 'packet'"],
    ),
    "sandbox_call": (
        {"apps": [app(sandbox={"system_calls": ["~mount"]})]},
        ["sandbox.system_calls: '~mount'"],
    ),
    "sandbox_all": ({"apps": [app(sandbox={"write_paths": ["/"]})]}, ["write_paths: '/' is none"]),
    "sandbox_up": (
        {"apps": [app(sandbox={"write_paths": ["/var/../etc"]})]},
        ["sandbox.write_paths: '/var/../etc' is none"],
    ),
    "health_path": (
        {"apps": [app(health={"path": "healthz"})]},
        ["'shop'", "health.path", "'healthz'", "begin with /"],
    ),
    "health_space": ({"apps": [app(health={"path": "/a b"})]}, ["health.path", "'/a b'"]),
    "env_name": ({"apps": [app(env={"A-B": "x"})]}, ["'shop'", "env", "'A-B'", "no name"]),
    "env_name_secret": ({"apps": [app(secret_env={"1A": "x"})]}, ["env", "'1A'", "no name"]),
    # NO, to YAML.
    "env_truth": ({"apps": [app(env={False: "x"})]}, ["'shop'", "env", "'False'", "quotes"]),
    "env_uwsgi": (
        {"apps": [app(env={"UWSGI_HTTP": ":80"})]},
        ["'shop'", "env", "'UWSGI_HTTP'", "options"],
    ),
    "env_own": (
        {"apps": [app(env={"APP_RELEASE": "x"})]},
        ["'shop'", "env", "'APP_RELEASE'", "set by the role"],
    ),
    "env_both": (
        {"apps": [app(env={"KEY": "x"})]},
        ["'shop'", "env", "'KEY'", "secret_env too"],
    ),
    "env_list": ({"apps": [app(env={"A": [1]})]}, ["'shop'", "env", "'A'", "not a list"]),
    "env_dict": ({"apps": [app(env={"A": {"b": 1}})]}, ["env", "'A'", "a dictionary"]),
    # 3.10 is the same to YAML.
    "env_fraction": (
        {"apps": [app(env={"A": 3.1})]},
        ["'shop'", "env: 'A' is a number to YAML", "in quotes"],
    ),
    "secret_fraction": (
        {"apps": [app(secret_env={"S": 3.1})]},
        ["'shop'", "secret_env: 'S' is a number to YAML"],
    ),
    "options_dictionary": (
        {"apps": [app(options={"route": {"a": "b"}})]},
        ["'shop'", "options: 'route' must be", "not a dictionary"],
    ),
    "http_options_dictionary": (
        {"apps": [app(http={"options": {"route": [{"a": "b"}]}})]},
        ["'shop'", "http.options: 'route' must be", "not a dictionary"],
    ),
    "memory_bytes": ({"apps": [app(limits={"memory_max": 512})]}, ["limits.memory_max: '512'"]),
    "list_text": (
        {"apps": [app(http={"addresses": "0.0.0.0,[::]"})]},
        ["'shop', http.addresses: is a text with commas"],
    ),
    "apps_text": ({"apps": "shop"}, ["uwsgi_apps: must be a list of dictionaries, not a text"]),
    "app_text": ({"apps": ["shop"]}, ["uwsgi_apps: item number 1 must be a dictionary"]),
    "defaults_text": ({"apps": [], "defaults": "x"}, ["uwsgi_defaults: must be a dictionary"]),
    "env_null": ({"apps": [app(env={"A": None})]}, ["'shop'", "env", "'A'", "null"]),
    "secret_list": (
        {"apps": [app(secret_env={"K": ["hidden"]})]},
        ["'shop'", "secret_env", "'K'", "not a list"],
    ),
    "processes_none": ({"apps": [app(processes=0)]}, ["'shop'", "processes: 0", "from 1"]),
    "sandbox_root": (
        {"apps": [app(sandbox={"write_paths": ["/."]})]},
        ["sandbox.write_paths: '/.' is none"],
    ),
    "callable": (
        {"apps": [app(module="shop", options={"callable": "make app"})]},
        ["'shop', options: 'callable'", "'shop:make app' is no WSGI callable"],
    ),
    "post_buffering": ({"apps": [app(post_buffering=-1)]}, ["post_buffering: -1", "from 0"]),
    "buffer": ({"apps": [app(buffer_size=70000)]}, ["buffer_size: 70000", "to 65535"]),
    "cheaper": (
        {"apps": [app(processes=2, cheaper=2)]},
        ["'shop'", "cheaper: 2", "not less than processes: 2"],
    ),
    "lifetime": (
        {"apps": [app(max_worker_lifetime=10)]},
        ["'shop'", "max_worker_lifetime: 10", "more than 10"],
    ),
    "harakiri": (
        {"apps": [app(harakiri=30)]},
        ["'shop'", "harakiri: 30", "needs threads: 1 (it is 16)"],
    ),
    "quota": ({"apps": [app(limits={"cpu_quota": "2"})]}, ["limits.cpu_quota: '2'", "150%"]),
    "memory": ({"apps": [app(limits={"memory_max": "1Q"})]}, ["limits.memory_max: '1Q'"]),
    "service_name": (
        {"apps": [app(services=[{"name": "Mail.er", "command": "x"}])]},
        ["services, 'Mail.er'", "lower-case"],
    ),
    "service_twice": (
        {
            "apps": [
                app(
                    services=[{"name": "job", "command": "x"}],
                    timers=[{"name": "job", "command": "x", "schedule": "daily"}],
                )
            ]
        },
        ["'job'", "several of this name"],
    ),
    "service_empty": (
        {"apps": [app(services=[{"name": "job", "command": " "}])]},
        ["'job'", "the command is empty"],
    ),
    "service_lines": (
        {"apps": [app(services=[{"name": "job", "command": "a\nb"}])]},
        ["'job'", "several lines"],
    ),
    "service_signal": (
        {"apps": [app(services=[{"name": "job", "command": "a", "stop_signal": "15 x"}])]},
        ["'job'", "stop_signal: '15 x'"],
    ),
    "path": ({"apps": [app(path="shop")]}, ["path: 'shop' is no beginning of a URL", "/shop"]),
    "path_above": ({"apps": [app(path="/../shop")]}, ["path: '/../shop'"]),
    "socket_exclusive": (
        {"apps": [app(services=[LIVE | {"exclusive": True}])]},
        ["'live'", "socket: does not go with exclusive", "begins after that"],
    ),
    "socket_host": (
        {"apps": [app(services=[LIVE | {"host": "a"}])]},
        ["'live'", "socket: does not go with host", "asks its own"],
    ),
    "socket_name": (
        {"apps": [app(services=[LIVE | {"name": "uwsgi"}])]},
        ["'uwsgi'", "the socket of this name is the application's own"],
    ),
    "path_env": ({"apps": [app(env={"APP_PATH": "/x"})]}, ["'APP_PATH'", "set by the role"]),
    "schedule": (
        {"apps": [app(timers=[{"name": "job", "command": "a", "schedule": ""}])]},
        ["timers, 'job'", "schedule"],
    ),
    "static_url": (
        {"apps": [app(static=[{"url": "/static", "path": "src"}])]},
        ["static.url: '/static'", "end with /"],
    ),
    "static_path": (
        {"apps": [app(static=[{"url": "/static/", "path": "src/../../x"}])]},
        ["static.path", "without .."],
    ),
    "statsd": ({"apps": [app(statsd={"address": "localhost"})]}, ["statsd.address"]),
    "key_alone": ({"apps": [app(http={"key": "/k"})]}, ["http:", "go together"]),
    "nothing": ({"apps": [app(http={"port": 0})]}, ["http:", "nothing to listen on"]),
    "certificate_path": (
        {"apps": [app(http=TLS | {"key": "shop.key"})]},
        ["http:", "'shop.key'", "absolute path"],
    ),
    "http_address": (
        {"apps": [app(http={"addresses": ["localhost"]})]},
        ["http.addresses: 'localhost'", "0.0.0.0"],
    ),
    "port": ({"apps": [app(http={"port": 80000})]}, ["http.port: 80000", "to 65535"]),
    "port_twice": (
        {
            "apps": [
                app(http={"port": 8000}),
                app("blog", tcp={"port": 8000, "allow": ["::1"]}),
            ]
        },
        ["'blog', tcp.port: 8000", "http.port of application 'shop' already"],
    ),
    "everybody": ({"apps": [app(tcp={"allow": []})]}, ["tcp.allow", "can run code"]),
    "any_network": ({"apps": [app(tcp={"allow": ["0.0.0.0/0"]})]}, ["'0.0.0.0/0'"]),
    "any_network_6": ({"apps": [app(tcp={"allow": ["::/0"]})]}, ["'::/0'"]),
    "any_network_by_zeros": ({"apps": [app(tcp={"allow": ["0.0.0.0/00"]})]}, ["'0.0.0.0/00'"]),
    "no_address": ({"apps": [app(tcp={"allow": ["999.0.0.1"]})]}, ["'999.0.0.1'"]),
    "processes_env": ({"apps": [app(env={"APP_PROCESSES": 1})]}, ["'APP_PROCESSES'"]),
    "metrics": ({"metrics_directory": "figures"}, ["uwsgi_metrics_directory", "absolute"]),
    "interval": ({"metrics_interval": 0}, ["uwsgi_metrics_interval: 0", "1 or more"]),
    "version_path": ({"version": "../2.0.31"}, ["uwsgi_version", "../2.0.31", '"2.0.31"']),
    "version_number": ({"version": 2.0}, ["uwsgi_version", "2.0", "quotes"]),
    "version_range": ({"version": "2.0.31; true"}, ["uwsgi_version", "2.0.31; true"]),
    "fetch_nowhere": ({"fetch": True}, ["uwsgi_fetch", "uwsgi_wheelhouse"]),
    "no_wheelhouse": (
        {"wheelhouse": "/nowhere"},
        ["uwsgi_wheelhouse", "/nowhere", "not a directory"],
    ),
    "relative_wheelhouse": ({"wheelhouse": "tests"}, ["uwsgi_wheelhouse", "absolute"]),
}

CASES = (
    GOOD
    | {f"other_{name}": case for name, case in OTHER.items()}
    | {f"same_{name}": case for name, case in SAME.items()}
)
Plans = dict[str, releases.Plan]


def plan(**variables: Any) -> releases.Plan:
    """Plan for some variables of the role, without their prefix, and the defaults of the others.

    ``facts`` replace some of those of the host.
    """
    # Templates are empty, where an inventory says nothing.
    given = {name: unsaid(spec["default"]) for name, spec in specs.options_of("uwsgi").items()}
    system = {
        "os_family": "RedHat",
        "distribution": "CentOS",
        "distribution_major_version": "9",
    }
    system |= variables.pop("facts", {})
    host = variables.pop("host", "localhost")
    given |= {f"uwsgi_{name}": value for name, value in variables.items()}
    return releases.plan({"variables": given, "os": system, "host": host})


@pytest.fixture(scope="module")
def results() -> Plans:
    """Plan for all cases that can be run."""
    return {name: plan(**case) for name, case in CASES.items()}


def only(results: Plans, case: str) -> dict[str, Any]:
    """Give the one release of a case."""
    (app,) = results[case].apps
    return app


def text(results: Plans, case: str, name: str) -> str:
    """Give the text of the one file whose path ends so."""
    (found,) = [one for one in files(only(results, case)) if one["path"].endswith(name)]
    return text_of(found)


def text_of(file: dict[str, str]) -> str:
    """Give the text of a file, secret or not."""
    return file["secret_text"] if "secret_text" in file else file["text"]


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
def test_good_input_has_no_problems(results: Plans, case: str) -> None:
    assert results[case].problems == []


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    problems = plan(**REFUSED[case][0]).problems
    assert has(problems, *REFUSED[case][1]), problems
    assert len(problems) == 1


def test_refusals_show_no_secret() -> None:
    for case in REFUSED:
        assert "hidden" not in "".join(plan(**REFUSED[case][0]).problems)


def test_environment_comes_out_as_it_went_in(results: Plans) -> None:
    expected = {key: value for key, value in ENVIRONMENT.items() if isinstance(value, str)}
    expected |= {"YES": "true", "NO": "false", "NUMBER": "5", "KEY": "secret"}
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
def test_environment_is_quoted(results: Plans, line: str) -> None:
    assert line in text(results, "environment", "/environment").split("\n")


def test_secrets_are_in_one_file_only(results: Plans) -> None:
    for one in files(only(results, "plain")):
        assert ("secret" in text_of(one)) == one["path"].endswith("/environment")
        assert ("secret_text" in one) == one["path"].endswith("/environment")
        if one["path"].endswith("/environment"):
            assert (one["mode"], one["group"]) == ("0640", "shop")


def test_files_of_the_application(results: Plans) -> None:
    own = [one for one in files(only(results, "files")) if "/files/" in one["path"]]
    path = only(results, "files")["release"]
    assert [(one["path"], one["mode"], one["group"]) for one in own] == [
        (f"/opt/shop/releases/{path}/files/{name}", "0640", "shop")
        for name in ("shop.cfg", "token", "empty")
    ]
    assert own[0]["text"] == "DEBUG = False\n"
    # As it is, it would be taken out of all that the module says: the application's name, too.
    assert own[1]["secret_text"] == "# secret, from here on:\nshop"
    assert "text" not in own[1]
    assert own[2]["text"] == ""
    # For the diff of a later release that has it open.
    assert "token" in json.loads(text(results, "files", "/release.json"))["secret_files"]
    assert "secret_files" not in json.loads(text(results, "plain", "/release.json"))


def test_the_variables_of_files(results: Plans) -> None:
    """In the release: its units are those of all releases, also of one that is gone back to."""
    release = only(results, "files")
    path = f"/opt/shop/releases/{release['release']}/files"
    variables = unquote(text(results, "files", "/environment"))
    assert variables["SHOP_SETTINGS"] == path + "/shop.cfg"
    assert variables["TOKEN_FILE"] == path + "/token"
    assert not any("SHOP_SETTINGS" in one["text"] for one in release["units"])


def test_files_are_marked_and_have_no_leftovers(results: Plans) -> None:
    for case in GOOD:
        for app in results[case].apps:
            for one in files(app):
                if one["path"].endswith("/release.json") or "/files/" in one["path"]:
                    continue
                assert (
                    text_of(one)
                    .removeprefix("#!/bin/sh\n")
                    .startswith("# Managed by Ansible (flaskstack.centos, role uwsgi)")
                )
                assert text_of(one).endswith("\n")
                assert "{%" not in text_of(one) or case == "environment"


def test_options_of_every_kind(results: Plans) -> None:
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


@pytest.mark.parametrize(
    ("module", "name"), [("shop", "'server'"), ("shop:app", "'app'"), ("shop:make()", "'make'")]
)
def test_uwsgis_own_option_names_the_callable_that_module_does_not(module: str, name: str) -> None:
    found = plan(apps=[app(module=module, options={"callable": "server"})])
    (release,) = found.apps
    texts = {file["path"].rpartition("/")[2]: text_of(file) for file in files(release)}
    assert f"        name={name}," in texts["wsgi.py"].splitlines()
    assert "callable" not in texts["uwsgi.ini"]


def lines(results: Plans, case: str, name: str = "uwsgi.ini") -> list[str]:
    """Give the lines of the one file whose path ends so."""
    return text(results, case, name).splitlines()


def start(directory: Path, script: str, cores: int, megabytes: int) -> tuple[str, str]:
    """Run what starts uWSGI, on a host of some size; return its workers and its arguments."""
    release = directory / "release"
    release.mkdir()
    for path, what in (
        (directory / "nproc", f"echo ${{OMP_NUM_THREADS:-{cores}}}"),
        (release / "start", script),
        (release / "uwsgi", 'echo "${APP_PROCESSES-none} $*"'),
        # What the application may put first in its own PATH.
        (directory / "venv/nproc", f"touch {directory}/fooled"),
        (directory / "venv/sh", f"touch {directory}/fooled"),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(what if what.startswith("#!") else f"#!/bin/sh\n{what}\n")
        path.chmod(0o755)
    (directory / "meminfo").write_text(f"MemTotal:  {megabytes * 1024} kB\nMemFree: 1 kB\n")
    text = script.replace("/proc/meminfo", f"{directory}/meminfo")
    (release / "start").write_text(text.replace("/usr/bin/nproc", f"{directory}/nproc"))
    environment = {"PATH": f"{directory}/venv:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [release / "start"], stdout=subprocess.PIPE, text=True, env=environment, check=True
    )
    workers, arguments = done.stdout.strip().split(" ", 1)
    assert not (directory / "fooled").exists()
    return workers, arguments


@pytest.mark.parametrize(
    ("case", "cores", "megabytes", "expected"),
    [
        ("plain", 4, 16000, "8"),
        ("plain", 1, 16000, "2"),
        # As far as half of the memory goes, at 64 MB each.
        ("plain", 64, 2048, "16"),
        ("plain", 8, 100, "2"),
        ("limited", 8, 16000, "4"),
        ("limited", 1, 16000, "2"),
        ("sizes", 8, 16000, "none"),
    ],
)
def test_processes_follow_the_host(
    results: Plans, tmp_path: Path, case: str, cores: int, megabytes: int, expected: str
) -> None:
    found, arguments = start(tmp_path, text(results, case, "/start"), cores, megabytes)
    assert found == expected
    assert arguments == f"--ini {tmp_path}/release/uwsgi.ini"
    number = "8" if expected == "none" else "$(APP_PROCESSES)"
    assert f"processes = {number}" in lines(results, case)


def test_nothing_that_root_reads_or_runs_is_the_applications(results: Plans) -> None:
    app = only(results, "plain")
    unit = lines(results, "plain", "shop@.service")
    assert "ExecStart=/opt/shop/releases/%i/start" in unit
    assert not any(line.startswith("ExecStartPre=") for line in unit)
    read = [line for line in unit if line.startswith("EnvironmentFile=")]
    assert read == ["EnvironmentFile=/opt/shop/releases/%i/environment"]
    (found,) = [one for one in app["files"] if one["path"].endswith("/start")]
    assert (found["mode"], found["group"]) == ("0755", "root")


def test_sizes(results: Plans) -> None:
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
    for key in (
        "cheaper",
        "max-requests",
        "max-worker",
        "reload-on",
        "harakiri",
        "stats-push",
        "static-",
    ):
        assert f"\n{key}" not in plain
    assert "LOG_" not in plain
    assert "\nlog-slow = 5000" in plain


def test_a_request_may_have_as_many_headers_as_there_is_room_for(results: Plans) -> None:
    # Two places for each variable; one that finds none ends the request without an answer.
    (said,) = [line for line in lines(results, "plain") if line.startswith("max-vars = ")]
    variables = 2 * int(said.removeprefix("max-vars = "))
    assert variables - len(request_headers.silenced_by_router()) > 400


def test_bodies_are_taken_in_first(results: Plans) -> None:
    # Or a body that the application does not read ends the connection before its answer.
    assert "post-buffering = 65536" in lines(results, "plain")
    assert not any("post-buffering" in line for line in lines(results, "sizes"))


def test_the_router_tells_nothing_that_a_client_says_of_itself(results: Plans) -> None:
    _, router_ini, _ = router(results, "http")
    ini = lines(results, "http")
    begin, end = (
        ini.index("route-if-not = equal:${UWSGI_ROUTER};http goto:told"),
        ini.index("route-label = told"),
    )
    routed = "\n".join(ini[begin:end])
    for header in (*request_headers.SAID, *request_headers.left_out()):
        name = request_headers.variable(header)
        emptied = f"http-var = {name}=" in router_ini
        # uWSGI takes the scheme from these when it reads them, so they are said later.
        assert emptied or f"addvar:{name}=" in routed or header == "Transfer-Encoding", header
    assert "http-var = HTTP_X_FORWARDED_SSL=" not in router_ini
    assert "setscheme:https" in routed
    assert "return:411" in routed
    # The release is the same with a router and without.
    assert lines(results, "plain") == ini
    # Or what is read with the headers, and what is said above, are more than a packet takes.
    assert "http-buffer-size = 32768" in router_ini


def test_limits(results: Plans) -> None:
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


def test_logs(results: Plans) -> None:
    assert "disable-logging = true" in lines(results, "plain")
    assert "disable-logging = true" not in lines(results, "text")
    found = lines(results, "json")
    assert "disable-logging = true" not in found
    (line,) = [line for line in found if line.startswith("log-format = ")]
    for value in re.findall(r"%\(\S+?\)", line):
        line = line.replace(value, "1")
    assert json.loads(line.removeprefix("log-format = "))["app"] == "shop"


def test_commands(results: Plans) -> None:
    app = only(results, "commands")
    release = app["release"]
    # The other service is of another host.
    assert (app["services"], app["timers"]) == (["worker"], ["clean"])
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


def test_below_a_path(results: Plans) -> None:
    found = lines(results, "path")
    assert "mount = /shop=/opt/shop/releases/$(APP_RELEASE)/wsgi.py" in found
    assert "manage-script-name = true" in found
    assert not any(line.startswith("wsgi-file =") for line in found)
    # After what names a request for the log.
    other = found.index("route-if-not = equal:${SCRIPT_NAME};/shop break:404 Not Found")
    assert other > found.index("route-label = log-end")
    # uWSGI looks files up by what is behind the path, and says how long they last by the whole.
    assert "static-map = /static=/opt/shop/builds/abc123/src/static" in found
    assert "static-expires-uri = ^/shop/static/ 60" in found
    health = json.loads(text(results, "path", "/release.json"))["health"]
    assert health["path"] == "/shop/healthz"
    assert results["path"].routers[0]["health"]["path"] == "/shop/healthz"
    unit = lines(results, "path", "uwsgi-shop@.service")
    assert any(line.endswith(" APP_PATH=/shop") for line in unit)
    service = "uwsgi-shop.live@" + only(results, "path")["release"] + ".service"
    assert "Environment=SCRIPT_NAME=/shop" in lines(results, "path", service)
    plain = lines(results, "plain")
    assert "wsgi-file = /opt/shop/releases/$(APP_RELEASE)/wsgi.py" in plain
    assert not [line for line in plain if line.startswith(("mount", "manage"))]
    assert not [line for line in plain if "SCRIPT_NAME" in line]


def test_a_service_with_a_socket(results: Plans) -> None:
    app = only(results, "socket")
    release = app["release"]
    directory = "/run/wsgi/shop/%i.live"
    unit = lines(results, "socket", f"uwsgi-shop.live@{release}.service")
    for line in (
        f"Environment=APP_SOCKET={directory}/web/sock",
        "RuntimeDirectory=wsgi/shop/%i.live",
        f"ExecStartPre=+/usr/bin/install -d -m 2750 -o shop -g nginx {directory}/web",
    ):
        assert line in unit
    # What comes last holds.
    assert [line for line in unit if line.startswith("UMask=")] == ["UMask=0027", "UMask=0007"]
    assert not any("SCRIPT_NAME" in line for line in unit)
    links = {link["path"]: link["target"] for link in app["links"]}
    path = f"/opt/shop/releases/{release}/live.sock"
    assert links[path] == f"/run/wsgi/shop/{release}.live/web/sock"
    assert not [link for link in links if "worker" in link]
    about = json.loads(text(results, "socket", "/release.json"))
    assert (about["sockets"], about["services"]) == (["live"], ["worker", "live"])
    worker = lines(results, "socket", f"uwsgi-shop.worker@{release}.service")
    assert not any("APP_SOCKET" in line for line in worker)


def test_static_files_of_two_releases(results: Plans) -> None:
    assert [line for line in lines(results, "static") if line.startswith("static-")] == [
        "static-map = /static=/opt/shop/builds/abc123/src/shop/static",
        "static-map = /static=/opt/shop/releases/$(APP_RELEASE)/before/build/src/shop/static",
        "static-expires-uri = ^/static/ 3600",
        "static-map = /media=/opt/shop/shared/media",
    ]


def router(results: Plans, case: str) -> tuple[dict[str, Any], list[str], list[str]]:
    """Give the one router of a case, and the lines of its configuration and of its unit."""
    (found,) = results[case].routers
    ini, unit = (file["text"].splitlines() for file in found["files"])
    return found, ini, unit


def test_http(results: Plans) -> None:
    found, ini, unit = router(results, "http")
    assert found["ports"] == [8000]
    assert found["files"][1]["path"] == "/etc/systemd/system/uwsgi-shop-http.service"
    assert "http = 0.0.0.0:8000" in ini
    assert "http-to = /opt/shop/current/uwsgi.sock" in ini
    assert "SupplementaryGroups=nginx" in unit
    assert "User=shop" in unit
    assert not any(line.startswith(("https", "http-to-https", "ssl")) for line in ini)
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" not in unit
    assert results["plain"].routers == []


def test_https(results: Plans) -> None:
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


def test_tcp(results: Plans) -> None:
    found, ini, unit = router(results, "tcp")
    assert found["ports"] == [3031]
    assert "fastrouter = 0.0.0.0:3031" in ini
    assert "fastrouter-to = /opt/shop/current/uwsgi.sock" in ini
    assert "IPAddressAllow=localhost 10.0.0.5 2001:db8::/64" in unit
    assert "IPAddressDeny=any" in unit


def test_virtual_environment(results: Plans) -> None:
    assert "virtualenv = /opt/shop/builds/abc123/venv\n" in text(results, "plain", "uwsgi.ini")
    assert "virtualenv = /opt/venv\n" in text(results, "other_virtualenv", "uwsgi.ini")
    assert "virtualenv" not in text(results, "other_no_virtualenv", "uwsgi.ini")


def test_lazy_only_when_asked_for(results: Plans) -> None:
    assert "lazy-apps" not in text(results, "plain", "uwsgi.ini")
    assert "lazy-apps = true\n" in text(results, "other_lazy", "uwsgi.ini")


def test_units_follow_the_application(results: Plans) -> None:
    assert "Backlog=100\n" in text(results, "other_listen", "@.socket")
    assert "SocketGroup=apache\n" in text(results, "other_socket_group", "@.socket")
    assert "TimeoutStopSec=10\n" in text(results, "other_graceful", "shop@.service")
    service = text(results, "plain", "shop@.service")
    assert "ReadWritePaths=/opt/shop/shared\n" in service
    assert "User=shop\n" in service


def test_release_command(results: Plans) -> None:
    lines = text(results, "command", "/release_command").splitlines()
    assert lines[1:] == ["cd x && flask db upgrade", "echo done"]
    assert text(results, "plain", "/release_command").splitlines()[1:] == [":"]


def test_a_release_knows_what_going_back_to_it_takes(results: Plans) -> None:
    one = only(results, "health")
    about = json.loads(text(results, "health", "/release.json"))
    assert about["health"]["path"] == "/healthz"
    assert (about["release"], about["keep_releases"]) == (one["release"], 5)
    # A directory without it is no release, so it is written last.
    assert one["files"][-1]["path"].endswith("/release.json")


def test_health_defaults_merge(results: Plans) -> None:
    health = json.loads(text(results, "health", "/release.json"))["health"]
    assert (health["path"], health["timeout"], health["host"]) == ("/healthz", 5, "localhost")


def test_release_is_named_by_its_build(results: Plans) -> None:
    one = only(results, "plain")
    assert re.fullmatch(r"abc123-[0-9a-f]{8}", one["release"])
    assert results["plain"].exports[0]["path"] == f"/opt/shop/releases/{one['release']}"
    assert only(results, "other_build")["release"].startswith("def456-")


#: Key of the sandbox -> value, and lines of each unit that runs code of the application.
LOOSENED: dict[str, tuple[Any, list[str]]] = {
    "jit": (True, ["MemoryDenyWriteExecute=no"]),
    "home": (True, ["ProtectHome=read-only"]),
    "shared_tmp": (
        True,
        [
            "PrivateTmp=no",
            "CacheDirectory=wsgi/shop/tmp",
            "CacheDirectoryMode=0700",
            "BindPaths=/var/cache/wsgi/shop/tmp:/tmp /var/cache/wsgi/shop/tmp:/var/tmp",
        ],
    ),
    "processes": (True, ["ProtectProc=default"]),
    "namespaces": (True, ["RestrictNamespaces=no", "SystemCallFilter=@mount"]),
    "devices": (
        ["/dev/ttyUSB0", "/dev/dri/card0"],
        ["PrivateDevices=no", "DevicePolicy=closed", "DeviceAllow=/dev/ttyUSB0 rw"],
    ),
    "groups": (["dialout", "video"], ["SupplementaryGroups=dialout video"]),
    "capabilities": (
        ["CAP_NET_RAW"],
        ["CapabilityBoundingSet=CAP_NET_RAW", "AmbientCapabilities=CAP_NET_RAW"],
    ),
    "address_families": (["AF_PACKET"], ["RestrictAddressFamilies=AF_PACKET"]),
    "system_calls": (["@mount", "bpf"], ["SystemCallFilter=@mount bpf"]),
    "write_paths": (["/var/lib/shop"], ["ReadWritePaths=/var/lib/shop"]),
}


@pytest.mark.parametrize("key", LOOSENED)
def test_the_sandbox_is_loosened_by_one_directive(key: str) -> None:
    value, lines = LOOSENED[key]
    keys = {"services": SERVICES, "timers": TIMERS, "http": {"port": 80}}
    units = [
        {
            one["path"].rsplit("/", 1)[1].replace(apps.apps[0]["release"], "R"): one["text"]
            for one in files(apps.apps[0]) + apps.routers[0]["files"]
            if one["path"].endswith(".service")
        }
        for apps in (plan(apps=[app(**keys)]), plan(apps=[app(sandbox={key: value}, **keys)]))
    ]
    strict, loose = units
    assert strict.keys() == loose.keys()
    for unit, text in strict.items():
        added = [line for line in loose[unit].split("\n") if line not in text.split("\n")]
        if unit == "uwsgi-shop-http.service":
            assert not added
        else:
            assert not set(lines) - set(added), unit
            # A later line is what counts, and a list is added to.
            assert loose[unit].index(lines[0]) > loose[unit].index(
                "SystemCallFilter=@system-service"
            )
    assert set(LOOSENED) == set(specs.item_options("uwsgi", "uwsgi_apps")["sandbox"]["options"])


@pytest.mark.parametrize("case", OTHER)
def test_other_input_is_another_release(results: Plans, case: str) -> None:
    assert only(results, f"other_{case}")["release"] != only(results, "plain")["release"]


def test_all_differ_from_each_other(results: Plans) -> None:
    releases = [only(results, f"other_{case}")["release"] for case in OTHER]
    assert len(set(releases)) == len(releases)


@pytest.mark.parametrize("case", SAME)
def test_same_input_is_the_same_release(results: Plans, case: str) -> None:
    assert only(results, f"same_{case}")["release"] == only(results, "plain")["release"]


@pytest.mark.parametrize("case", GOOD)
def test_everything_is_below_the_root(case: str) -> None:
    found = plan(**GOOD[case] | {"root": "/srv/apps"})
    for app, export in zip(found.apps, found.exports, strict=True):
        own = f"/srv/apps/{app['name']}/"
        for link in app["links"]:
            assert link["path"].startswith(own)
        for one in files(app):
            assert one["path"].startswith((own, "/etc/systemd/system/"))
            lines = [line for line in text_of(one).splitlines() if "/opt/" in line]
            # The build is where the user said; uWSGI is the host's.
            assert all(
                re.search("/opt/(uwsgi|[^/]+/builds|shop/shared/media)", line) for line in lines
            )
        for key in ("path", "current", "previous", "socket"):
            assert export[key].startswith(own)
    for router in found.routers:
        assert not any("/opt/shop" in one["text"] for one in router["files"])


def test_what_ansible_2_16_hands_over_as_text(results: Plans) -> None:
    (one,) = plan(apps=[app(threads="16", lazy_apps="False")], metrics_interval="15").apps
    assert one["release"] == only(results, "plain")["release"]


def test_all_problems_are_said_at_once() -> None:
    problems = plan(
        apps=[app(threds=4, harakiri="soon"), {"name": "blog", "health": {"pth": "/"}}]
    ).problems
    assert has(problems, "application 'shop', threds:", "Did you mean 'threads'?")
    assert has(problems, "application 'shop', harakiri: 'soon' is no whole number.")
    assert has(problems, "application 'blog', health.pth:", "Did you mean 'path'?")
    assert has(problems, "application 'blog', module: is missing")


def test_an_application_without_a_name_is_told_by_its_number() -> None:
    for item in (app(name=None, module="?"), {"module": "?"}):
        problems = plan(apps=[app("blog"), item]).problems
        assert problems[0] == "application number 2, name: is missing; it has no default."
        assert all(one.startswith("application number 2, ") for one in problems)


def test_near_miss_of_a_default() -> None:
    (problem,) = plan(defaults={"proceses": 3}).problems
    assert "'proceses'" in problem and "Did you mean 'processes'?" in problem


def test_empty_routers_are_none() -> None:
    found = plan(apps=[app(http={}, tcp={"allow": None}, statsd={})])
    assert (found.problems, found.routers) == ([], [])


def test_last_newline_of_a_users_text() -> None:
    # As YAML's block style has them.
    (one,) = plan(apps=[app(release_command="true\n")]).apps
    (found,) = [one for one in one["files"] if one["path"].endswith("/release_command")]
    assert found["text"].splitlines()[1:] == ["true"]


def test_the_modules_get_what_they_take(results: Plans) -> None:
    for found in results.values():
        for one in found.apps:
            assert set(one) == {
                *("name", "release", "services", "timers", "schedules", "listen", "processes"),
                *("units", "files", "links", "shared_paths", "public_paths"),
            }
        for router in found.routers:
            assert set(router) == {
                *("name", "kind", "ports", "addresses", "https", "redirect", "reads", "health"),
                "files",
            }


def test_release_commands_are_told_apart_by_what_they_are(results: Plans) -> None:
    assert results["plain"].commands == []
    (command,) = results["command"].commands
    assert command["release"] == only(results, "command")["release"]
    assert command["once"] is True
    assert command["key"].startswith("shop /opt/shop/builds/abc123 ")
    (other,) = results["other_release_command"].commands
    assert other["key"] != command["key"]
    # Other hosts may have other settings: what is run once is the same.
    (same,) = plan(apps=[app(release_command="flask db upgrade", threads=3)]).commands
    assert (same["key"], same["release"] != other["release"]) == (other["key"], True)


def test_firewall(results: Plans) -> None:
    assert results["https"].open_ports == ["80/tcp", "8443/tcp"]
    assert results["tcp"].open_ports == []
    assert results["tcp"].open_rules == [
        'rule family="ipv4" source address="10.0.0.5" port port="3031" protocol="tcp" accept',
        'rule family="ipv6" source address="2001:db8::/64" port port="3031" protocol="tcp" accept',
    ]


def test_metrics(results: Plans) -> None:
    assert results["plain"].metrics == []
    service, timer = plan(metrics_directory="/srv/figures", metrics_interval=5).metrics
    assert service["path"] == "/etc/systemd/system/uwsgi-metrics.service"
    assert "/opt/uwsgi/metrics.pyz /opt /srv/figures/uwsgi.prom'" in service["text"]
    assert "ReadWritePaths=/srv/figures\n" in service["text"]
    assert "OnUnitActiveSec=5\n" in timer["text"]


# ---- What the host's systemd knows -----------------------------------------------------------


def units_of(release: str, case: str, **variables: Any) -> dict[str, str]:
    """Give the units that are written on hosts of a release, by case and path."""
    done = plan(facts={"distribution_major_version": release}, **variables)
    assert done.problems == []
    written = [one for app in done.apps for one in files(app)] + done.metrics
    written += [one for router in done.routers for one in router["files"]]
    return {
        f"{case}: {one['path']}": one["text"]
        for one in written
        if one["path"].startswith(releases.UNITS)
    }


@pytest.mark.parametrize("release", units.VERSIONS)
def test_no_release_gets_what_its_systemd_does_not_know(release: str) -> None:
    limits = {"cpu_quota": "50%", "memory_high": "1G", "memory_max": "2G", "tasks_max": 9}
    cases: dict[str, dict[str, Any]] = {
        **GOOD,
        **{f"other {name}": variables for name, variables in OTHER.items()},
        **{
            f"sandbox {key}": {"apps": [app(sandbox={key: value})]}
            for key, (value, _) in LOOSENED.items()
        },
        "limits": {"apps": [app(limits=limits)]},
        "metrics": {"apps": [], "metrics_directory": "/srv/figures"},
    }
    every: dict[str, str] = {}
    for name, variables in cases.items():
        every |= units_of(release, name, **variables)
    # Nothing is looked at that is not there.
    kinds = {re.sub(r"@.+\.", "@.", path.rsplit("/", 1)[-1]) for path in every}
    assert {"uwsgi-shop@.service", "uwsgi-shop@.socket", "uwsgi-shop.slice"} <= kinds
    assert {"uwsgi-shop-http.service", "uwsgi-shop-tcp.service", "uwsgi-metrics.timer"} <= kinds
    assert {"uwsgi-shop.worker@.service", "uwsgi-shop.clean@.timer"} <= kinds
    assert {"uwsgi-shop-release@.service", "uwsgi-metrics.service"} <= kinds
    check(every, release)


def test_a_newer_systemd_gets_more() -> None:
    old, new, newest = (
        units_of(release, "", apps=[app()])[": /etc/systemd/system/uwsgi-shop@.service"]
        for release in ("8", "9", "10")
    )
    left_out = set(new.splitlines()) - set(old.splitlines())
    names = {line.partition("=")[0] for line in left_out if not line.startswith("#")}
    assert names == set(units.NEWER)
    assert "\nRestrictSUIDSGID=yes\n" in old
    assert newest == new


def test_a_release_has_one_name_on_hosts_of_all_releases() -> None:
    systems = [{"distribution_major_version": release} for release in units.VERSIONS]
    assert len({plan(apps=[app()], facts=facts).apps[0]["release"] for facts in systems}) == 1


@pytest.mark.parametrize(("release", "wrong"), [("8", True), ("9", False), ("10", False)])
def test_a_set_of_system_calls_that_the_release_does_not_know(release: str, wrong: bool) -> None:
    done = plan(
        apps=[app(sandbox={"system_calls": ["@mount", "bpf", "@pkey"]})],
        facts={"distribution_major_version": release},
    )
    sentence = (
        "application 'shop', sandbox.system_calls: systemd of release 8 knows no set @pkey; write"
        " the calls themselves."
    )
    assert done.problems == ([sentence] if wrong else [])


def test_who_goes_on_when_a_process_was_killed_for_its_memory() -> None:
    """Whoever has processes to replace it by; a job or a release command has failed."""
    services = [{"name": "worker", "command": "rq worker"}]
    timers = [{"name": "job", "command": "flask job", "schedule": "hourly"}]
    one = app(
        services=services,
        timers=timers,
        release_command="flask db upgrade",
        http={"port": 8000},
        tcp={"allow": ["10.0.0.5"]},
    )
    found = units_of("9", "", apps=[one], metrics_directory="/srv/figures")
    going_on = {
        re.sub(r"@[^.]*", "@", path.rsplit("/", 1)[1])
        for path, text in found.items()
        if "\nOOMPolicy=continue\n" in text
    }
    assert going_on == {
        "uwsgi-shop@.service",
        "uwsgi-shop.worker@.service",
        "uwsgi-shop-http.service",
        "uwsgi-shop-tcp.service",
    }
