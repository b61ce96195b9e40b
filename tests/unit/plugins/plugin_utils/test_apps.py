"""From the list flask_apps to what the four roles are given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import apps
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import item_options

ROOT = Path(__file__).parents[4]
GIT = {"git": "https://git.example.com/shop.git"}


def app(name: str = "shop", **keys: Any) -> dict[str, Any]:
    """Describe an application with what is required."""
    return {
        "name": name,
        "source": GIT,
        "module": "shop.wsgi:app",
        "domains": [f"{name}.example.com", f"www.{name}.example.com"],
    } | keys


def without(key: str) -> dict[str, Any]:
    """Describe an application that lacks a key."""
    return {name: value for name, value in app().items() if name != key}


FULL = app(
    source=GIT | {"version": "v1"},
    python="3.12",
    requirements="requirements.txt",
    env={"A": "1"},
    secret_env={"KEY": "x"},
    release_command="flask db upgrade",
    release_command_once=False,
    health={"path": "/healthz"},
    static=[
        {"url": "/static/", "path": "shop/static"},
        {"url": "/docs/", "path": "ui/static", "package": "flasgger"},
    ],
    uwsgi={"processes": 4, "threads": 2, "options": {"harakiri": 30}},
    nginx={"client_max_body_size": "20m", "port": 8080},
)

GOOD: dict[str, list[Any]] = {
    "least": [app()],
    "full": [FULL],
    "nulls": [app(python=None, static=None, uwsgi=None, nginx=None, health=None)],
    "own_host": [app(health={"host": "inside.example.com"})],
    "none": [],
    "alone": [
        app(
            static=[
                {"url": "/static/", "path": "shop/static", "expires": "2h"},
                {"url": "/docs/", "path": "ui/static", "package": "flasgger", "immutable": True},
                {"url": "/raw/", "path": "raw"},
            ],
            uwsgi={"http": {"port": 8000}},
        )
    ],
    "below": [
        app(
            path="/shop",
            env={"A": "1"},
            secret_env={"KEY": "x", "TOKEN": "y"},
            build_secret_env=["TOKEN"],
            build_commands=["make"],
            packages=["libpq-devel"],
            shared_paths=["instance", "media"],
            files=[{"name": "shop.py", "content": "A = 1", "env": "SHOP_CONFIG"}],
            source=GIT | {"directory": "backend"},
            static=[
                {"url": "/static/", "path": "static"},
                {"url": "/media/", "shared": "media", "expires": "1h"},
                {"url": "/thumbs/", "shared": "media/thumbs/"},
            ],
            uwsgi={"services": [{"name": "live", "command": "x", "socket": True}]},
            nginx={
                "buffering": False,
                "locations": [
                    {"path": "/socket.io/", "service": "live", "read_timeout": "1h"},
                    {"path": "/old/", "redirect": {"to": "/"}},
                ],
            },
        )
    ],
    "alone_with_uploads": [
        app(static=[{"url": "/media/", "shared": "media"}], uwsgi={"http": {"port": 8000}})
    ],
    "alone_beside_another": [app(uwsgi={"http": {"port": 8000}}), app("blog")],
    # What is in them is for the roles to check.
    "bad_for_roles": [app(module="a b", source={"package": "x"}, domains=["http://x"])],
}

#: Case -> flask_apps, and what the one sentence must have.
REFUSED: dict[str, tuple[Any, list[str]]] = {
    "undefined": (None, ["flask_apps", "must be a list"]),
    "dict": ({"shop": app()}, ["flask_apps", "must be a list"]),
    "text": ("shop", ["flask_apps", "must be a list"]),
    "no_name": ([app(), without("name")], ["application number 2 has no name"]),
    "number_name": ([app() | {"name": 5}], ["application number 1 has no name"]),
    "not_even": (["shop"], ["application number 1 has no name"]),
    "no_module": ([without("module")], ["'shop'", "lacks the key 'module'"]),
    "no_source": ([without("source")], ["'shop'", "lacks the key 'source'"]),
    "no_domains": ([without("domains")], ["'shop'", "lacks the key 'domains'"]),
    "null_domains": ([app(domains=None)], ["'shop'", "lacks the key 'domains'"]),
    "unknown": (
        [app(modul="x")],
        ["'shop'", "unknown key 'modul'", "module, name, nginx", "Did you mean 'module'?"],
    ),
    # Reached through uwsgi only.
    "misplaced": (
        [app(processes=4)],
        ["'shop'", "unknown key 'processes'", "'processes' is a key of 'uwsgi'"],
    ),
    # Given by the wiring, not by the user.
    "build": ([app(build="/opt")], ["'shop'", "unknown key 'build'"]),
    "uwsgi": (
        [app(uwsgi={"proceses": 4})],
        ["'shop'", "unknown key 'proceses' in 'uwsgi'", "Did you mean 'processes'?"],
    ),
    "uwsgi_wired": ([app(uwsgi={"module": "x"})], ["unknown key 'module' in 'uwsgi'"]),
    "nginx": (
        [app(nginx={"max_body": "1m"})],
        ["'shop'", "unknown key 'max_body' in 'nginx'", "client_max_body_size"],
    ),
    "nginx_wired": (
        [app(nginx={"domains": ["x"]})],
        ["unknown key 'domains' in 'nginx'", "'domains' is a key of the application itself"],
    ),
    "source": (
        [app(source={"url": "x"})],
        ["'shop'", "unknown key 'url' in 'source'", "git, key, package, path, version"],
    ),
    "health": (
        [app(health={"pth": "/"})],
        ["'shop'", "unknown key 'pth' in 'health'", "host, path, status, timeout", "'path'?"],
    ),
    "static": (
        [app(static=[{"url": "/s/", "path": "s"}, {"url": "/t/", "pathh": "t"}])],
        ["'shop'", "unknown key 'pathh' in 'static'", "package, path, shared, url", "'path'?"],
    ),
    "deep": (
        [app(uwsgi={"http": {"prot": 8000}})],
        ["'shop', uwsgi.http.prot", "Did you mean 'port'?"],
    ),
    "type": ([app(uwsgi={"processes": "many"})], ["'shop', uwsgi.processes", "no whole number"]),
    "fraction": ([app(source=GIT | {"version": 1.10})], ["'shop', source.version", "in quotes"]),
    "static_type": ([app(static=["/static/"])], ["'shop', static", "must be a dictionary"]),
    "two_sources": (
        [app(source=GIT | {"path": "/srv"})],
        ["'shop', source: needs exactly one of path, git", "it has path and git."],
    ),
    "no_sources": ([app(source={})], ["'shop', source: needs exactly one of path, git"]),
    # Letter by letter it would be w, e, b and 1.
    "domains_text": ([app(domains="a.com,b.com")], ["'shop', domains: is a text with commas"]),
    "requirements_text": (
        [app(extra_requirements="foo>=1,<2")],
        ["'shop', extra_requirements: is a text with commas"],
    ),
    "version_number": (
        [app(source=GIT | {"version": 1.10})],
        ["'shop', source.version: 1.1 is a number to YAML"],
    ),
    "twice": ([app(), app(), app("blog")], ["'shop' is there 2 times"]),
    "name": ([app("Shop")], ["application 'Shop', name: must be lower-case letters"]),
    "name_taken": ([app("nginx")], ["application 'nginx', name: is taken by the system"]),
    "python": ([app(python="3.x")], ["application 'shop', python: 3.x is not a Python version"]),
    "places": (
        [app(nginx={"locations": [{"path": "/api/"}]})],
        ["'shop', nginx.locations[0]: needs exactly one of uwsgi, http"],
    ),
    "static_neither": (
        [app(static=[{"url": "/s/"}])],
        ["'shop', static '/s/': write one of path", "and shared"],
    ),
    "static_both": (
        [app(static=[{"url": "/s/", "path": "s", "shared": "media"}])],
        ["static '/s/': write one of path"],
    ),
    "static_package": (
        [app(static=[{"url": "/s/", "package": "ui", "shared": "media"}])],
        ["static '/s/': package goes with path only"],
    ),
    "static_above": (
        [app(static=[{"url": "/s/", "shared": "../builds"}])],
        ["static '/s/': shared: '../builds' must be a path in the shared directory"],
    ),
    "static_everything": (
        [app(static=[{"url": "/s/", "shared": "."}])],
        ["static '/s/': shared: '.' must be a path"],
    ),
    "static_space": (
        [app(static=[{"url": "/s/", "shared": "my media"}])],
        ["shared: 'my media' must be a path"],
    ),
    "build_secret_env": (
        [app(secret_env={"TOKEN": "x"}, build_secret_env=["TOKEN", "TOKN"])],
        ["build_secret_env: 'TOKN' is not in secret_env", "'TOKEN'?"],
    ),
    "service": (
        [app(nginx={"locations": [{"path": "/live/", "service": "live"}]})],
        ["nginx.locations '/live/', service: 'live' is no service with socket: true"],
    ),
    "service_name": (
        [
            app(
                uwsgi={"services": [{"name": "live", "command": "x", "socket": True}]},
                nginx={"locations": [{"path": "/live/", "service": "life"}]},
            )
        ],
        ["service: 'life' is no service", "Did you mean 'live'?"],
    ),
    "service_without_socket": (
        [
            app(
                uwsgi={"services": [{"name": "live", "command": "x"}]},
                nginx={"locations": [{"path": "/live/", "service": "live"}]},
            )
        ],
        ["service: 'live' does not listen; write socket: true"],
    ),
    "service_and_http": (
        [
            app(
                uwsgi={"services": [{"name": "live", "command": "x", "socket": True}]},
                nginx={"locations": [{"path": "/l/", "service": "live", "http": {"servers": []}}]},
            )
        ],
        ["nginx.locations[0]: needs exactly one of", "it has http and service"],
    ),
    "key_without_git": (
        [app(source={"path": "/srv", "key": "x"})],
        ["'shop', source: key goes with git only"],
    ),
}

BUILDS = [
    {"name": "shop-admin", "path": "/opt/shop-admin/builds/b"},
    {"name": "shop", "path": "/opt/shop/builds/a", "source_version": "v1 1234567"},
]


def planned(case: str) -> apps.Plan:
    """Plan the applications of a case."""
    return apps.plan(GOOD[case])


def release(case: str, **settings: Any) -> dict[str, Any]:
    """Give what uwsgi gets of the one application of a case."""
    builds = settings.pop("builds", [])
    (item,) = apps.releases(planned(case)["chosen"], "3.11", builds, **settings)
    return item


def site(case: str, **settings: Any) -> dict[str, Any]:
    """Give what nginx gets of the one application of a case."""
    releases = settings.pop("releases", [])
    (item,) = apps.sites(planned(case)["apps"], "3.11", releases, **settings)
    return item


@pytest.mark.parametrize("case", GOOD)
def test_good_input_has_no_problems(case: str) -> None:
    assert planned(case)["problems"] == []


@pytest.mark.parametrize("case", REFUSED)
def test_failed(case: str) -> None:
    given, parts = REFUSED[case]
    plan = apps.plan(given)
    (sentence,) = plan["problems"]
    assert [part for part in parts if part not in sentence] == []
    assert plan["chosen"] == plan["apps"] == plan["builds"] == []


# ---- which application, in which version --------------------------------------------------------

THREE = [
    app(source=GIT | {"version": "v1"}),
    app("tool", source={"package": "httpbin[main]==0.10.4"}),
    app("here", source={"path": "/srv/here"}),
]


def test_all_as_the_inventory_says() -> None:
    plan = apps.plan(THREE)
    assert plan["names"] == ["shop", "tool", "here"]
    assert not plan["overridden"]
    assert plan["chosen"] == plan["apps"]


@pytest.mark.parametrize(
    ("name", "version", "source", "overridden"),
    [
        ("tool", "", {"package": "httpbin[main]==0.10.4"}, False),
        ("shop", "v1", GIT | {"version": "v1"}, False),
        ("shop", "v2", GIT | {"version": "v2"}, True),
        ("tool", "0.10.5", {"package": "httpbin[main]==0.10.5"}, True),
    ],
)
def test_one_application(name: str, version: str, source: dict[str, str], overridden: bool) -> None:
    plan = apps.plan(THREE, name, version)
    assert plan["names"] == [name]
    assert plan["builds"][0]["source"] == source
    assert plan["overridden"] == overridden
    assert [one["name"] for one in plan["apps"]] == ["shop", "tool", "here"]


def test_an_unknown_application() -> None:
    (sentence,) = apps.plan(THREE, "shpo")["problems"]
    assert "'shpo' is no application of flask_apps; there are shop, tool, here." in sentence
    assert "Did you mean 'shop'?" in sentence
    (sentence,) = apps.plan(THREE, "x")["problems"]
    assert "Did you mean" not in sentence


def test_a_source_without_versions() -> None:
    (sentence,) = apps.plan(THREE, "here", "v2")["problems"]
    assert "application 'here' has no versions to choose from" in sentence


# ---- what the roles are given -------------------------------------------------------------------


def test_python_versions_asked_for() -> None:
    assert planned("least")["versions"] == [""]
    assert planned("full")["versions"] == ["3.12"]
    assert planned("nulls")["versions"] == [""]
    assert apps.plan([app(), FULL | {"name": "b"}, app("c")])["versions"] == ["", "3.12"]


def test_builds_are_asked_for() -> None:
    assert planned("least")["builds"] == [
        {"name": "shop", "source": GIT, "module": "shop.wsgi:app"}
    ]
    assert planned("full")["builds"] == [
        {key: FULL[key] for key in ("name", "source", "python", "requirements", "module")}
        | {"precompress": [{"path": "shop/static"}, {"path": "ui/static", "package": "flasgger"}]}
    ]


def test_before_the_builds_are_known() -> None:
    assert release("least") == {
        "name": "shop",
        "build": "/opt/shop/builds/unknown",
        "version": "",
        "python": "3.11",
        "module": "shop.wsgi:app",
        "health": {"host": "shop.example.com"},
    }
    assert release("least", root="/srv/apps")["build"] == "/srv/apps/shop/builds/unknown"


def test_builds_are_found_by_name() -> None:
    plan = apps.plan([app(), app("shop-admin")])
    items = apps.releases(plan["chosen"], "3.11", BUILDS)
    found = {one["name"]: (one["build"], one["version"]) for one in items}
    assert found == {
        "shop": ("/opt/shop/builds/a", "v1 1234567"),
        "shop-admin": ("/opt/shop-admin/builds/b", ""),
    }


def test_what_is_run() -> None:
    found = release("full")
    for key in ("module", "env", "secret_env", "release_command", "release_command_once"):
        assert found[key] == FULL[key], key
    assert found["python"] == "3.12"
    assert found["health"] == {"host": "shop.example.com", "path": "/healthz"}
    assert (found["processes"], found["threads"]) == (4, 2)
    assert found["options"] == {"harakiri": 30}


def test_values_are_used_as_they_were_checked() -> None:
    plan = apps.plan(
        [
            app(
                uwsgi={"processes": "4", "lazy_apps": "yes"},
                domains="web1",
                extra_requirements="six",
            )
        ]
    )
    assert plan["builds"][0]["extra_requirements"] == ["six"]
    (item,) = apps.releases(plan["chosen"], "3.11", [])
    assert (item["processes"], item["lazy_apps"]) == (4, True)
    (item,) = apps.sites(plan["apps"], "3.11", [])
    assert item["domains"] == ["web1"]


def test_defaults_are_left_to_the_roles() -> None:
    # Those of the inventory (uwsgi_defaults) come before those of the descriptions.
    assert "processes" not in release("least")
    assert "client_max_body_size" not in site("least")


def test_own_health_host_wins() -> None:
    assert release("own_host")["health"] == {"host": "inside.example.com"}


def test_a_pattern_is_no_host_to_ask_for() -> None:
    plan = apps.plan(
        [app(domains=["*.example.com", "~^x", "a.example.com"]), app("b", domains=["_"])]
    )
    items = apps.releases(plan["chosen"], "3.11", [])
    assert [item["health"] for item in items] == [{"host": "a.example.com"}, {}]


def test_site() -> None:
    assert site("least") == {
        "name": "shop",
        "domains": ["shop.example.com", "www.shop.example.com"],
        "uwsgi": {"servers": ["unix:/opt/shop/current/uwsgi.sock"]},
        "static": [],
    }
    found = site("full")
    assert (found["client_max_body_size"], found["port"]) == ("20m", 8080)


def test_static_of_the_source_and_of_a_package() -> None:
    site_packages = "venv/lib/python3.12/site-packages/flasgger/ui/static"
    assert site("full")["static"] == [
        {
            "url": "/static/",
            "paths": [
                "/opt/shop/current/build/src/shop/static",
                "/opt/shop/previous/build/src/shop/static",
            ],
        },
        {
            "url": "/docs/",
            "paths": [f"/opt/shop/current/{site_packages}", f"/opt/shop/previous/{site_packages}"],
        },
    ]


def test_sites_are_where_the_role_before_says() -> None:
    said = [
        {
            "name": "shop",
            "current": "/srv/apps/shop/current",
            "previous": "/srv/apps/shop/previous",
            "socket": "/srv/apps/shop/current/uwsgi.sock",
        }
    ]
    for found in (site("full", releases=said), site("full", root="/srv/apps")):
        assert found["uwsgi"]["servers"] == ["unix:/srv/apps/shop/current/uwsgi.sock"]
        assert found["static"][0]["paths"] == [
            "/srv/apps/shop/current/build/src/shop/static",
            "/srv/apps/shop/previous/build/src/shop/static",
        ]


def test_an_application_that_serves_by_itself_has_no_site() -> None:
    assert apps.sites(planned("alone")["apps"], "3.11", []) == []
    assert not planned("alone")["served"]
    both = planned("alone_beside_another")
    assert [item["name"] for item in apps.sites(both["apps"], "3.11", [])] == ["blog"]
    assert both["served"]
    assert planned("none")["served"]


def test_files_are_nginxs_unless_there_is_none() -> None:
    assert release("alone")["static"] == [
        {"url": "/static/", "path": "src/shop/static", "expires": 7200},
        {
            "url": "/docs/",
            "path": "venv/lib/python3.11/site-packages/flasgger/ui/static",
            "expires": 31536000,
        },
        {"url": "/raw/", "path": "src/raw", "expires": 0},
    ]
    assert "static" not in release("full")


def test_uploads_are_shared_by_all_releases() -> None:
    found = site("below", root="/srv/apps")["static"]
    assert found[1:] == [
        {
            "url": "/media/",
            "expires": "1h",
            "paths": ["/srv/apps/shop/shared/media"],
            "uploads": True,
        },
        {"url": "/thumbs/", "paths": ["/srv/apps/shop/shared/media/thumbs"], "uploads": True},
    ]
    said = [{"name": "shop", "current": "/a/shop/current", "previous": "", "socket": ""}]
    assert site("below", releases=said)["static"][1]["paths"] == ["/a/shop/shared/media"]
    assert release("below")["public_paths"] == ["media", "media/thumbs"]
    assert "public_paths" not in release("full")
    # They are no part of the build.
    assert planned("below")["builds"][0]["precompress"] == [{"path": "static"}]
    alone = release("alone_with_uploads", root="/srv/apps")
    assert alone["static"] == [
        {"url": "/media/", "path": "/srv/apps/shop/shared/media", "expires": 0}
    ]
    assert alone["public_paths"] == ["media"]
    assert "precompress" not in planned("alone_with_uploads")["builds"][0]


def test_keys_of_several_roles() -> None:
    build, run, served = planned("below")["builds"][0], release("below"), site("below")
    assert build["env"] == {"A": "1"}
    assert build["secret_env"] == {"TOKEN": "y"}
    assert build["packages"] == ["libpq-devel"]
    assert build["source"]["directory"] == "backend"
    assert build["shared_paths"] == run["shared_paths"] == ["instance", "media"]
    assert run["files"] == [{"name": "shop.py", "content": "A = 1", "env": "SHOP_CONFIG"}]
    assert run["secret_env"] == {"KEY": "x", "TOKEN": "y"}
    assert run["path"] == served["path"] == "/shop"
    assert served["buffering"] is False
    # Where nothing is run in the build, its environment is none of it.
    assert "env" not in planned("full")["builds"][0]


def test_a_service_answers_at_a_location() -> None:
    live, old = site("below", root="/srv/apps")["locations"]
    assert live == {
        "path": "/socket.io/",
        "read_timeout": "1h",
        "http": {"servers": ["unix:/srv/apps/shop/current/live.sock"], "keepalive": 0},
    }
    assert old == {"path": "/old/", "redirect": {"to": "/"}}


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("30d", 2592000), ("1w", 604800), ("90", 90), ("5m", 300), ("max", 0), ("off", 0), ("", 0)],
)
def test_times_of_nginx(time: str, seconds: int) -> None:
    assert apps.seconds(time) == seconds


# ---- the keys -----------------------------------------------------------------------------------

LISTS = {"flask_app": "flask_app_apps", "uwsgi": "uwsgi_apps", "nginx": "nginx_sites"}


def test_every_key_is_some_roles() -> None:
    flask_app, uwsgi, nginx = (item_options(role, name) for role, name in LISTS.items())
    spec = apps.options()
    own = {"nginx", "build_secret_env", "hosts", "load_balancer"}
    assert spec.keys() <= flask_app.keys() | uwsgi.keys() | nginx.keys() | own
    assert spec["uwsgi"]["options"].keys() <= uwsgi.keys()
    assert spec["nginx"]["options"].keys() <= nginx.keys()
    assert spec["source"] == flask_app["source"]
    assert spec["health"] == uwsgi["health"]


def test_every_key_of_the_roles_can_be_reached() -> None:
    spec = apps.options()
    assert item_options("flask_app", "flask_app_apps").keys() <= spec.keys() | {"precompress"}
    for role in ("uwsgi", "nginx"):
        wired = set(apps.WIRED_KEYS[role])
        given = spec.keys() | spec[role]["options"].keys() | wired
        assert item_options(role, LISTS[role]).keys() <= given
        assert not spec[role]["options"].keys() & wired


def test_items_have_no_key_that_their_role_does_not_know() -> None:
    for role, item in (
        ("flask_app", planned("full")["builds"][0]),
        ("uwsgi", release("full")),
        ("nginx", site("full")),
        ("flask_app", planned("below")["builds"][0]),
        ("uwsgi", release("below")),
        ("nginx", site("below")),
    ):
        assert item.keys() <= item_options(role, LISTS[role]).keys()


def test_site_playbook_wires_all_roles_in_order() -> None:
    text = (ROOT / "playbooks/site.yml").read_text(encoding="utf-8")
    roles = re.findall(r"import_role:\n\s+name: flaskstack[.]centos[.](\w+)\n", text)
    # Application hosts, then the load balancers before them.
    assert roles == ["python", "flask_app", "uwsgi", "nginx", "nginx"]


@pytest.mark.parametrize(
    "keys",
    [
        {"secret_env": "PASSWORD=hunter2"},
        {"secret_env": ["hunter2"]},
        {"source": "https://user:hunter2@git.example.com/shop.git"},
        {"nginx": {"tls": {"key_text": ["hunter2"]}}},
    ],
)
def test_no_secret_is_in_a_sentence(keys: dict[str, Any]) -> None:
    problems = apps.plan([app(**keys)])["problems"]
    assert len(problems) == 1
    assert "hunter2" not in problems[0]


def test_what_roles_say_is_said_of_the_keys_that_were_written() -> None:
    said = [
        "application 'shop', processes: 0 is out of range; write a number from 1 to 4096.",
        "application 'shop', processes: 0 is out of range; write a number from 1 to 4096.",
        "application 'shop', module: '?' is no WSGI callable.",
        "application 'other', processes: 0 is out of range.",
        "uwsgi_version: x is no version of uWSGI.",
    ]
    assert apps.as_written(said, "uwsgi", ["shop"]) == [
        "flask_apps: application 'shop', uwsgi.processes: 0 is out of range; write a number from 1"
        " to 4096.",
        "flask_apps: application 'shop', module: '?' is no WSGI callable.",
        "application 'other', processes: 0 is out of range.",
        "uwsgi_version: x is no version of uWSGI.",
    ]
    said = [
        "site 'shop', domains: 'a b' is no host name.",
        "site 'shop', client_max_body_size: '20' would be bytes.",
        "site 'shop', static.paths of '/s/': '/x y' is no absolute path.",
        "site 'shop', location '/api/', read_timeout: 'x' is no time.",
        "site 'shop', locations.path: 'x' is nothing.",
    ]
    assert apps.as_written(said, "nginx", ["shop"]) == [
        "flask_apps: application 'shop', domains: 'a b' is no host name.",
        "flask_apps: application 'shop', nginx.client_max_body_size: '20' would be bytes.",
        "flask_apps: application 'shop', static.path of '/s/': '/x y' is no absolute path.",
        "flask_apps: application 'shop', nginx.locations: location '/api/', read_timeout: 'x' is no"
        " time.",
        "flask_apps: application 'shop', nginx.locations.path: 'x' is nothing.",
    ]


@pytest.mark.parametrize(
    ("keys", "looked_for"),
    [
        ({}, True),
        ({"uwsgi": {"options": {"harakiri": 30}}}, True),
        ({"uwsgi": {"options": {"pythonpath": "lib"}}}, False),
        ({"env": {"PYTHONPATH": "lib"}}, False),
        ({"uwsgi": {"raw": "pp = lib"}}, False),
    ],
)
def test_module_is_looked_for_where_python_looks(keys: dict[str, Any], looked_for: bool) -> None:
    (one,) = apps.plan([app(**keys)])["builds"]
    assert ("module" in one) is looked_for


@pytest.mark.parametrize(
    ("defaults", "looked_for"),
    [
        ({}, True),
        (None, True),
        ({"threads": 4, "options": {"harakiri": 30}}, True),
        ({"options": {"pythonpath": "/srv/lib"}}, False),
        ({"env": {"PYTHONPATH": "/srv/lib"}}, False),
        # The role says what is wrong with them.
        ("threads: 4", True),
        ({"options": "x", "env": 5}, True),
    ],
)
def test_module_is_looked_for_where_python_looks_by_default(
    defaults: Any, looked_for: bool
) -> None:
    (one,) = apps.plan([app()], "", "", defaults)["builds"]
    assert ("module" in one) is looked_for
