"""playbooks/vars/wiring.yml: from the list flask_apps to the inputs of the four roles."""

from __future__ import annotations

import re
from typing import Any

import pytest

from templar import ROLES, ROOT, evaluate, has, load

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

GOOD: dict[str, Any] = {
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
    "alone_beside_another": [app(uwsgi={"http": {"port": 8000}}), app("blog")],
}

#: Case -> flask_apps, and what one sentence must have. The only one, but for the last.
REFUSED: dict[str, tuple[Any, list[str]]] = {
    "dict": ({"shop": app()}, ["flask_apps", "must be a list"]),
    "text": ("shop", ["flask_apps", "must be a list"]),
    "no_name": ([app(), without("name")], ["application number 2 has no name"]),
    "number_name": ([app() | {"name": 5}], ["application number 1 has no name"]),
    "not_even": (["shop"], ["application number 1 has no name"]),
    "no_module": ([without("module")], ["'shop'", "lacks the key 'module'"]),
    "no_source": ([without("source")], ["'shop'", "lacks the key 'source'"]),
    "no_domains": ([without("domains")], ["'shop'", "lacks the key 'domains'"]),
    "unknown": ([app(modul="x")], ["'shop'", "unknown key 'modul'", "module, name, nginx"]),
    # Reached through uwsgi only.
    "misplaced": ([app(processes=4)], ["'shop'", "unknown key 'processes'"]),
    # Given by the wiring, not by the user.
    "build": ([app(build="/opt")], ["'shop'", "unknown key 'build'"]),
    "uwsgi": (
        [app(uwsgi={"proceses": 4})],
        ["'shop'", "unknown key 'proceses' in 'uwsgi'", "processes"],
    ),
    "uwsgi_wired": ([app(uwsgi={"module": "x"})], ["unknown key 'module' in 'uwsgi'"]),
    "nginx": (
        [app(nginx={"max_body": "1m"})],
        ["'shop'", "unknown key 'max_body' in 'nginx'", "client_max_body_size"],
    ),
    "nginx_wired": ([app(nginx={"domains": ["x"]})], ["unknown key 'domains' in 'nginx'"]),
    "source": (
        [app(source={"url": "x"})],
        ["'shop'", "unknown key 'url' in 'source'", "git, key, package, path, version"],
    ),
    "health": (
        [app(health={"pth": "/"})],
        ["'shop'", "unknown key 'pth' in 'health'", "host, path, status, timeout"],
    ),
    "static": (
        [app(static=[{"url": "/s/", "path": "s"}, {"url": "/t/", "pathh": "t"}])],
        ["'shop'", "unknown key 'pathh' in 'static'", "package, path, url"],
    ),
}

FACTS = {
    "python_default_version": "3.11",
    "python_uv": "/opt/uv/0.13.9/bin/uv",
    # The roles' internal variables, as on a host that is only being asked.
    "__python_default_version": "3.11",
    "__python_platform_version": "3.9",
}
BUILDS = [
    {"name": "shop-admin", "path": "/opt/shop-admin/builds/b"},
    {"name": "shop", "path": "/opt/shop/builds/a"},
]

CASES: dict[str, dict[str, Any]] = (
    {name: FACTS | {"flask_apps": apps} for name, apps in GOOD.items()}
    | {
        f"refused_{name}": FACTS | {"flask_apps": apps, "wanted": ["problems"]}
        for name, (apps, _) in REFUSED.items()
    }
    | {
        "undefined": FACTS | {"wanted": ["problems"]},
        "built": FACTS | {"flask_apps": [app(), app("shop-admin")], "flask_app_builds": BUILDS},
        "twice": FACTS | {"flask_apps": [app(), app()]},
        "bad_for_roles": FACTS
        | {
            "flask_apps": [
                app(python="3.x", module="a b", source={"package": "x"}, domains=["http://x"])
            ]
        },
    }
)

EXPRESSIONS = {
    "problems": "flask_apps_problems",
    "spec": "flask_apps_spec",
    "python": "python_dependent_versions",
    "flask_app": "flask_app_apps",
    "uwsgi": "uwsgi_dependent_apps",
    "nginx": "nginx_dependent_sites",
    "default_python": "flask_app_default_python",
    "uv": "flask_app_uv",
    "with_nginx": "flaskstack_nginx",
    "role_problems": "(__python_problems + __flask_app_problems + __uwsgi_problems"
    " + __nginx_problems)",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Evaluate all cases in one run, in a directory beside one named roles."""
    root = tmp_path_factory.mktemp("wiring")
    (root / "playbooks").mkdir()
    (root / "roles").symlink_to(ROOT / "roles")
    return evaluate(
        root / "playbooks",
        EXPRESSIONS,
        CASES,
        defaults=[ROOT / "roles" / role / "defaults/main.yml" for role in ROLES],
        variables=[
            *(ROOT / "roles" / role / "vars/main.yml" for role in ROLES),
            ROOT / "playbooks/vars/wiring.yml",
        ],
    )


def only(results: dict[str, Any], case: str, role: str) -> dict[str, Any]:
    """Give what a role gets of the one application of a case."""
    (item,) = results[case][role]
    return item


@pytest.mark.parametrize("case", [*GOOD, "built"])
def test_good_input_has_no_problems(results: dict[str, Any], case: str) -> None:
    assert results[case]["problems"] == []
    assert results[case]["role_problems"] == []


@pytest.mark.parametrize("case", REFUSED)
def test_refused(results: dict[str, Any], case: str) -> None:
    problems = results[f"refused_{case}"]["problems"]
    assert has(problems, *REFUSED[case][1]), problems
    assert len(problems) == 1


def test_no_list_at_all(results: dict[str, Any]) -> None:
    assert has(results["undefined"]["problems"], "flask_apps", "must be a list")


def test_two_of_a_name_reach_the_roles(results: dict[str, Any]) -> None:
    assert results["twice"]["problems"] == []
    assert has(results["twice"]["role_problems"], "'shop'", "2 times")


@pytest.mark.parametrize("key", ["python", "module", "source.package", "domains"])
def test_values_reach_the_roles_checks(results: dict[str, Any], key: str) -> None:
    assert results["bad_for_roles"]["problems"] == []
    assert has(results["bad_for_roles"]["role_problems"], "'shop'", f"{key}:")


def test_python_versions_asked_for(results: dict[str, Any]) -> None:
    assert results["least"]["python"] == [""]
    assert results["full"]["python"] == ["3.12"]
    assert results["nulls"]["python"] == [""]


def test_builds_are_asked_for(results: dict[str, Any]) -> None:
    assert only(results, "least", "flask_app") == {"name": "shop", "source": GIT}
    assert only(results, "full", "flask_app") == {
        key: FULL[key] for key in ("name", "source", "python", "requirements")
    } | {"precompress": [{"path": "shop/static"}, {"path": "ui/static", "package": "flasgger"}]}
    assert results["least"]["default_python"] == "3.11"
    assert results["least"]["uv"] == "/opt/uv/0.13.9/bin/uv"


def test_before_the_builds_are_known(results: dict[str, Any]) -> None:
    assert only(results, "least", "uwsgi") == {
        "name": "shop",
        "build": "/opt/shop/builds/unknown",
        "version": "",
        "python": "3.11",
        "module": "shop.wsgi:app",
        "health": {"host": "shop.example.com"},
    }


def test_builds_are_found_by_name(results: dict[str, Any]) -> None:
    found = {one["name"]: one["build"] for one in results["built"]["uwsgi"]}
    assert found == {"shop": "/opt/shop/builds/a", "shop-admin": "/opt/shop-admin/builds/b"}


def test_what_is_run(results: dict[str, Any]) -> None:
    found = only(results, "full", "uwsgi")
    for key in ("module", "env", "secret_env", "release_command", "release_command_once"):
        assert found[key] == FULL[key], key
    assert found["python"] == "3.12"
    assert found["health"] == {"host": "shop.example.com", "path": "/healthz"}
    assert (found["processes"], found["threads"]) == (4, 2)
    assert found["options"] == {"harakiri": 30}


def test_own_health_host_wins(results: dict[str, Any]) -> None:
    assert only(results, "own_host", "uwsgi")["health"] == {"host": "inside.example.com"}


def test_site(results: dict[str, Any]) -> None:
    assert only(results, "least", "nginx") == {
        "name": "shop",
        "domains": ["shop.example.com", "www.shop.example.com"],
        "uwsgi": {"servers": ["unix:/opt/shop/current/uwsgi.sock"]},
        "static": [],
    }
    found = only(results, "full", "nginx")
    assert (found["client_max_body_size"], found["port"]) == ("20m", 8080)


def test_static_of_the_source_and_of_a_package(results: dict[str, Any]) -> None:
    site_packages = "venv/lib/python3.12/site-packages/flasgger/ui/static"
    assert only(results, "full", "nginx")["static"] == [
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


def test_an_application_that_serves_by_itself_has_no_site(results: dict[str, Any]) -> None:
    assert results["alone"]["nginx"] == []
    assert not results["alone"]["with_nginx"]
    assert [site["name"] for site in results["alone_beside_another"]["nginx"]] == ["blog"]
    assert results["alone_beside_another"]["with_nginx"]
    assert results["none"]["with_nginx"]


def test_files_are_nginxs_unless_there_is_none(results: dict[str, Any]) -> None:
    assert only(results, "alone", "uwsgi")["static"] == [
        {"url": "/static/", "path": "src/shop/static", "expires": 7200},
        {
            "url": "/docs/",
            "path": "venv/lib/python3.11/site-packages/flasgger/ui/static",
            "expires": 31536000,
        },
        {"url": "/raw/", "path": "src/raw", "expires": 0},
    ]
    assert "static" not in only(results, "full", "uwsgi")


def options(role: str, variable: str) -> dict[str, Any]:
    """Give the item keys of a role's list from its argument_specs."""
    specs = load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
    return specs["main"]["options"][variable]["options"]


def test_every_key_is_some_roles(results: dict[str, Any]) -> None:
    flask_app = options("flask_app", "flask_app_apps")
    uwsgi = options("uwsgi", "uwsgi_apps")
    nginx = options("nginx", "nginx_sites")
    spec = results["least"]["spec"]
    assert spec.keys() <= flask_app.keys() | uwsgi.keys() | nginx.keys() | {"nginx"}
    assert spec["uwsgi"]["options"].keys() <= uwsgi.keys()
    assert spec["nginx"]["options"].keys() <= nginx.keys()
    assert spec["source"] == flask_app["source"]
    assert spec["health"] == uwsgi["health"]


def test_every_key_of_the_roles_can_be_reached(results: dict[str, Any]) -> None:
    spec = results["least"]["spec"]
    wired = load(ROOT / "playbooks/vars/wiring.yml")["flask_apps_wired_keys"]
    assert options("flask_app", "flask_app_apps").keys() <= spec.keys() | {"precompress"}
    for role, variable in (("uwsgi", "uwsgi_apps"), ("nginx", "nginx_sites")):
        given = spec.keys() | spec[role]["options"].keys() | set(wired[role])
        assert options(role, variable).keys() <= given
        assert not spec[role]["options"].keys() & set(wired[role])


def test_items_have_no_key_that_their_role_does_not_know(results: dict[str, Any]) -> None:
    for role, variable in (
        ("flask_app", "flask_app_apps"),
        ("uwsgi", "uwsgi_apps"),
        ("nginx", "nginx_sites"),
    ):
        assert only(results, "full", role).keys() <= options(role, variable).keys()


def test_site_playbook_wires_all_roles_in_order() -> None:
    text = (ROOT / "playbooks/site.yml").read_text(encoding="utf-8")
    assert tuple(re.findall(r"import_role:\n\s+name: (\w+)\n", text)) == ROLES
