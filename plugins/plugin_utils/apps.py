"""From the one list that a user writes, ``flask_apps``, to what the four roles are given.

``flask_apps`` belongs to no role: its keys are those of the roles' items, described in their
``argument_specs.yml``. Which of them an application has at its top level, and which are reached
through its keys ``uwsgi`` and ``nginx``, is said here. Data flows one way: what a role is given is
made of the applications and of what the roles before it have said.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable, Iterable
from typing import Any, TypedDict

from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import (
    Keys,
    item_options,
    nearest,
    read,
    related,
)

#: Keys of an application that the role ``flask_app`` is given as they are.
BUILD_KEYS = (
    "name",
    "source",
    "python",
    "requirements",
    "extra_requirements",
    "build_commands",
)
#: Keys of an application that the role ``uwsgi`` is given as they are.
RUN_KEYS = (
    "keep_releases",
    "module",
    "env",
    "secret_env",
    "release_command",
    "release_command_once",
    "health",
)
#: Keys of a role's items that an application's key of that name must not have: they are the
#: application's own, or made here. What answers is the application; other things can answer at
#: ``locations``.
WIRED_KEYS = {
    "uwsgi": (
        "name",
        "build",
        "version",
        "python",
        "virtualenv",
        "static",
        *RUN_KEYS,
    ),
    "nginx": (
        "name",
        "domains",
        "static",
        "uwsgi",
        "http",
        "fastcgi",
        "directory",
        "redirect",
        "answer",
    ),
}
#: Keys of an application that are dictionaries with keys of their own.
GROUPS = ("source", "health", "uwsgi", "nginx")

#: nginx's units of time that are one number, in seconds.
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
#: For how long a browser may keep what never changes, in seconds: a year, as everybody says it.
FOREVER = 31536000
#: A name that a request can be for; the others are patterns.
HOST_NAME = re.compile(r"[A-Za-z0-9.-]+\Z")

#: Where a build or a release is that is not known yet, while everything is only being checked.
UNKNOWN = "unknown"


class Plan(TypedDict):
    """What is known of the applications before any host is asked.

    Attributes:
        problems: a sentence for each thing that is wrong; if there is one, the rest is empty.
        apps: all applications, with the keys that they have.
        chosen: those to deploy, in the version to deploy.
        names: the names of the chosen ones.
        overridden: whether what is deployed is something else than the inventory says.
        versions: Python versions that the chosen ones ask for; empty for the default.
        builds: what the role ``flask_app`` is to build.
        served: whether a web server serves any of the applications.
    """

    problems: list[str]
    apps: list[Keys]
    chosen: list[Keys]
    names: list[str]
    overridden: bool
    versions: list[str]
    builds: list[Keys]
    served: bool


@functools.cache
def options() -> Keys:
    """Return the keys of an application, described as the roles describe them."""
    flask_app = item_options("flask_app", "flask_app_apps")
    uwsgi = item_options("uwsgi", "uwsgi_apps")
    nginx = item_options("nginx", "nginx_sites")
    static = nginx["static"]["options"]
    return {
        **{key: flask_app[key] for key in BUILD_KEYS},
        **{key: uwsgi[key] for key in RUN_KEYS},
        "domains": {"type": "list", "elements": "str", "required": True},
        "static": {
            "type": "list",
            "elements": "dict",
            "options": {
                "url": {"type": "str", "required": True},
                "path": {"type": "str", "required": True},
                "package": {"type": "str"},
                "expires": static["expires"],
                "immutable": static["immutable"],
            },
        },
        "uwsgi": {"type": "dict", "options": without(uwsgi, WIRED_KEYS["uwsgi"])},
        "nginx": {"type": "dict", "options": without(nginx, WIRED_KEYS["nginx"])},
    }


def only(keys: Keys, wanted: Iterable[str]) -> Keys:
    """Return those of some keys that are wanted, in the order in which they are."""
    chosen = frozenset(wanted)
    return {key: value for key, value in keys.items() if key in chosen}


def without(keys: Keys, unwanted: Iterable[str]) -> Keys:
    """Return those of some keys that are not unwanted."""
    return only(keys, keys.keys() - frozenset(unwanted))


# ---- the applications themselves ----------------------------------------------------------------


def plan(flask_apps: Any, app: str = "", version: str = "") -> Plan:
    """Check the applications; return which are to be deployed, and in which version.

    Args:
        flask_apps: the list as the user wrote it; None if there is none.
        app: the application to deploy; empty for all.
        version: the version to deploy it in; empty for what the inventory says.
    """
    problems: list[str] = []
    apps: list[Keys] = []
    if not isinstance(flask_apps, list):
        problems.append(
            "flask_apps: must be a list of applications; see inventory/example/group_vars/app.yml."
        )
        flask_apps = []
    for number, given in enumerate(flask_apps, 1):
        if not isinstance(given, dict) or not isinstance(given.get("name"), str):
            problems.append(
                f"flask_apps: application number {number} has no name; give it the key name."
            )
        else:
            apps.append(read_app(given, problems.append))
    if not problems:
        problems += problems_of_choice(apps, app, version)
    if problems:
        return {
            "problems": problems,
            "apps": [],
            "chosen": [],
            "names": [],
            "overridden": False,
            "versions": [],
            "builds": [],
            "served": False,
        }
    inventory = [one for one in apps if app in ("", one["name"])]
    chosen = [in_version(one, version) for one in inventory]
    return {
        "problems": [],
        "apps": apps,
        "chosen": chosen,
        "names": [one["name"] for one in chosen],
        "overridden": chosen != inventory,
        "versions": list(dict.fromkeys(one.get("python", "") for one in chosen)),
        "builds": builds(chosen),
        "served": not all(serves_alone(one) for one in apps) or not apps,
    }


def read_app(given: Keys, say: Callable[[str], None]) -> Keys:
    """Return an application with the keys that it has, in their described types.

    Keys that are null are as good as not there. Defaults are not put in: those of the inventory
    (``uwsgi_defaults``, ``nginx_defaults``) come before those of the roles' descriptions, and the
    roles know both.

    Args:
        given: the application as the user wrote it.
        say: called with a sentence for each thing that is wrong.
    """
    known = options()
    where = f"flask_apps: application '{given['name']}'"
    names: list[str] = [
        f"{where} lacks the key '{key}'."
        for key, spec in known.items()
        if spec.get("required") and given.get(key) is None
    ]
    names += unknown_keys(given, known, where, "")
    for group in GROUPS:
        if isinstance(given.get(group), dict):
            names += unknown_keys(given[group], known[group]["options"], where, f" in '{group}'")
    for static in given["static"] if isinstance(given.get("static"), list) else []:
        if isinstance(static, dict):
            names += unknown_keys(static, known["static"]["options"], where, " in 'static'")
    for sentence in names:
        say(sentence)
    if names:
        # A key that is misspelt is missing too; one sentence is enough.
        return given
    app = read(bare_options(), given, lambda key, text: say(f"{where}, {key}: {text}"))
    if isinstance(app.get("source"), dict):
        for sentence in related(known["source"], app["source"]):
            say(f"{where}, source: {sentence}")
    return app


@functools.cache
def bare_options() -> Keys:
    """Return the keys of an application without defaults; that one is missing is said already."""
    out = without_defaults(options())
    return {key: without(spec, ["required"]) for key, spec in out.items()}


def without_defaults(known: Keys) -> Keys:
    """Return described keys, and the keys in them, without their defaults."""
    out = {}
    for key, spec in known.items():
        out[key] = without(spec, ["default"])
        if spec.get("options"):
            out[key]["options"] = without_defaults(spec["options"])
    return out


def unknown_keys(given: Keys, known: Keys, where: str, inside: str) -> list[str]:
    """Return a sentence for each key that there is not, and what it may have meant."""
    there = ", ".join(sorted(known))
    return [
        f"{where} has an unknown key '{key}'{inside}; the keys are {there}."
        + (misplaced(str(key), inside) or nearest(key, known))
        for key in given
        if key not in known
    ]


def misplaced(key: str, inside: str) -> str:
    """Return the end of a sentence about a key that is known elsewhere in an application."""
    known = options()
    if inside:
        return f" '{key}' is a key of the application itself." if key in known else ""
    for group in ("uwsgi", "nginx"):
        if key in known[group]["options"]:
            return f" '{key}' is a key of '{group}'."
    return ""


def problems_of_choice(apps: list[Keys], app: str, version: str) -> list[str]:
    """Return a sentence if there is no such application, or if it has no versions to choose."""
    if not app:
        return []
    chosen = next((one for one in apps if one["name"] == app), None)
    if chosen is None:
        names = [one["name"] for one in apps]
        return [
            f"app: '{app}' is no application of flask_apps; there are {', '.join(names)}."
            f"{nearest(app, names)}"
        ]
    source = chosen["source"]
    if version and not (source.get("git") or source.get("package")):
        return [
            f"version: the source of application '{app}' has no versions to choose from, only git"
            " and package have; leave version out, to deploy what the source is now."
        ]
    return []


def in_version(app: Keys, version: str) -> Keys:
    """Return an application in another version of its source; empty for the one that it has."""
    if not version:
        return app
    source = app["source"]
    if source.get("package"):
        return {**app, "source": {"package": f"{source['package'].split('==')[0]}=={version}"}}
    return {**app, "source": {**source, "version": version}}


def serves_alone(app: Keys) -> bool:
    """Tell whether an application serves without a web server: no site is made of it."""
    return bool(app.get("uwsgi", {}).get("http"))


# ---- what the roles are given -------------------------------------------------------------------


def builds(apps: list[Keys]) -> list[Keys]:
    """Return what the role ``flask_app`` is to build: static files are compressed beforehand."""
    out = []
    for app in apps:
        item = only(app, BUILD_KEYS)
        if app.get("static"):
            item["precompress"] = [only(static, ["path", "package"]) for static in app["static"]]
        out.append(item)
    return out


def releases(
    chosen: list[Keys], python: str, flask_app_builds: list[Keys], root: str = "/opt"
) -> list[Keys]:
    """Return what the role ``uwsgi`` is to run.

    Args:
        chosen: the applications to deploy.
        python: the Python version of those that name none.
        flask_app_builds: what the role ``flask_app`` says of its builds; empty before it has run.
        root: where builds will be, for those that are not known yet.
    """
    made = {build["name"]: build for build in flask_app_builds}
    out = []
    for app in chosen:
        name = app["name"]
        build = made.get(name, {"path": f"{root}/{name}/builds/{UNKNOWN}"})
        version = app.get("python") or python
        item = copy.deepcopy(app.get("uwsgi", {}))
        if serves_alone(app) and app.get("static"):
            item["static"] = [static_of_uwsgi(static, version) for static in app["static"]]
        item |= only(app, RUN_KEYS)
        # Asked by the name that it will be served under, unless all of them are patterns.
        named = [domain for domain in app["domains"] if HOST_NAME.match(domain)]
        item |= {
            "name": name,
            "build": build["path"],
            "version": build.get("source_version", ""),
            "python": version,
            "health": ({"host": named[0]} if named else {}) | app.get("health", {}),
        }
        out.append(item)
    return out


def sites(
    apps: list[Keys], python: str, uwsgi_releases: list[Keys], root: str = "/opt"
) -> list[Keys]:
    """Return the sites that the role ``nginx`` is to serve applications at.

    They lead to each application's ``current`` link, which nginx looks up at each connection and
    each file: a switch needs no reload.

    Args:
        apps: all applications, whether they are deployed in this run or not.
        python: the Python version of those that name none.
        uwsgi_releases: what the role ``uwsgi`` says of its releases: where they are.
        root: where releases are that it says nothing of.
    """
    known = {release["name"]: release for release in uwsgi_releases}
    out = []
    for app in apps:
        if serves_alone(app):
            continue
        name = app["name"]
        home = f"{root}/{name}"
        release = known.get(name) or {
            "current": f"{home}/current",
            "previous": f"{home}/previous",
            "socket": f"{home}/current/uwsgi.sock",
        }
        version = app.get("python") or python
        item = copy.deepcopy(app.get("nginx", {}))
        item |= {
            "name": name,
            "domains": app["domains"],
            "uwsgi": {"servers": [f"unix:{release['socket']}"]},
            "static": [
                static_of_nginx(static, version, release) for static in app.get("static", [])
            ],
        }
        out.append(item)
    return out


def static_of_nginx(static: Keys, version: str, release: Keys) -> Keys:
    """Return static files as a site has them: a page may ask for those of the release before."""
    inside = f"{packages(version)}{static['package']}" if static.get("package") else "build/src"
    return only(static, ["url", "expires", "immutable"]) | {
        "paths": [f"{release[link]}/{inside}/{static['path']}" for link in ("current", "previous")]
    }


def static_of_uwsgi(static: Keys, version: str) -> Keys:
    """Return static files as uWSGI serves them, where there is no web server."""
    inside = f"{packages(version)}{static['package']}" if static.get("package") else "src"
    lasts = FOREVER if static.get("immutable") else seconds(static.get("expires", ""))
    return {"url": static["url"], "path": f"{inside}/{static['path']}", "expires": lasts}


def packages(version: str) -> str:
    """Return where packages are, below a build or a release."""
    return f"venv/lib/python{version}/site-packages/"


def seconds(time: str) -> int:
    """Return a time as nginx writes it in seconds; 0 for what is not one number and a unit."""
    found = re.match(r"([0-9]+)(.*)\Z", time, re.DOTALL)
    if not found:
        return 0
    return int(found[1]) * SECONDS.get(found[2] or "s", 0)
