"""From the one list that a user writes, ``flask_apps``, to what the four roles are given.

``flask_apps`` belongs to no role: its keys are those of the roles' items, described in their
``argument_specs.yml``. Which of them an application has at its top level, and which are reached
through its keys ``uwsgi`` and ``nginx``, is said here. Data flows one way: what a role is given is
made of the applications and of what the roles before it have said.
"""

from __future__ import annotations

import copy
import functools
import posixpath
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, TypedDict

from ansible_collections.flaskstack.centos.plugins.plugin_utils import cluster as clusters
from ansible_collections.flaskstack.centos.plugins.plugin_utils.cluster import Cluster
from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    NAME,
    PYTHON,
    RESERVED,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import (
    Keys,
    item_options,
    nearest,
    only,
    read,
    without,
)

#: Keys of an application that the role ``flask_app`` is given as they are.
BUILD_KEYS = (
    "name",
    "source",
    "python",
    "requirements",
    "extra_requirements",
    "packages",
    "build_commands",
    "shared_paths",
    "module",
)
#: Keys of an application that the role ``uwsgi`` is given as they are.
RUN_KEYS = (
    "keep_releases",
    "module",
    "path",
    "env",
    "secret_env",
    "files",
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
        "shared_paths",
        "public_paths",
        *RUN_KEYS,
    ),
    "nginx": (
        "name",
        "domains",
        "path",
        "static",
        "peers",
        "uwsgi",
        "http",
        "fastcgi",
        "directory",
        "redirect",
        "answer",
    ),
}
#: Keys of an application that are dictionaries with keys of their own.
GROUPS = ("source", "health", "uwsgi", "nginx", "load_balancer")

#: nginx's units of time that are one number, in seconds.
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
#: For how long a browser may keep what never changes, in seconds: a year, as everybody says it.
FOREVER = 31536000

#: How a role begins a sentence about one of its items, and the key that it names.
ITEM = re.compile(r"(?:application|site) '([^']*)', ([a-z_]+)")
#: A path below a directory.
INSIDE = re.compile(r"(?:(?!\.\.?(?:/|\Z))[^\s/;{}\"']+(?:/|\Z))+")

#: Where a build or a release is that is not known yet, while everything is only being checked.
UNKNOWN = "unknown"


class Plan(TypedDict):
    """What is known of the applications before any host is asked.

    Attributes:
        problems: a sentence for each thing that is wrong; if there is one, the rest is empty.
        apps: all applications, with the keys that they have.
        here: the names of those that the host is to have: on an application host what runs there.
        chosen: those to deploy to the host, in the version to deploy.
        names: the names of the chosen ones.
        overridden: whether what is deployed is something else than the inventory says.
        versions: Python versions that the chosen ones ask for; empty for the default.
        builds: what the role ``flask_app`` is to build.
        served: whether a web server serves any of the applications.
    """

    problems: list[str]
    apps: list[Keys]
    here: list[str]
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
        "hosts": {"type": "list", "elements": "str"},
        "build_secret_env": {"type": "list", "elements": "str"},
        "static": {
            "type": "list",
            "elements": "dict",
            "options": {
                "url": {"type": "str", "required": True},
                "path": {"type": "str"},
                "package": {"type": "str"},
                "shared": {"type": "str"},
                "expires": static["expires"],
                "immutable": static["immutable"],
            },
        },
        "uwsgi": {"type": "dict", "options": without(uwsgi, WIRED_KEYS["uwsgi"])},
        "nginx": {
            "type": "dict",
            "options": without(nginx, WIRED_KEYS["nginx"])
            | {"locations": with_services(nginx["locations"])},
        },
        "load_balancer": {
            "type": "dict",
            "options": only(nginx["http"]["options"], clusters.HTTP_KEYS)
            | only(nginx, ("options", "raw", "template", "connect_timeout"))
            | {"cache_static": {"type": "bool"}, "passthrough": {"type": "bool"}},
        },
    }


def with_services(locations: Keys) -> Keys:
    """Return the locations of a site, described, of which a service can answer some."""
    service = {"service": {"type": "str"}}
    one_of = [[*keys, "service"] for keys in locations["required_one_of"]]
    return {
        **locations,
        "options": locations["options"] | service,
        "mutually_exclusive": one_of,
        "required_one_of": one_of,
    }


# ---- the applications themselves ----------------------------------------------------------------


def plan(  # noqa: PLR0913 - what a playbook is told, and where
    flask_apps: Any,
    app: str = "",
    version: str = "",
    defaults: Any = None,
    cluster: Cluster | None = None,
    host: str = "",
) -> Plan:
    """Check the applications; return which are to be deployed to a host, and in which version.

    Args:
        flask_apps: the list as the user wrote it; None if there is none.
        app: the application to deploy; empty for all.
        version: the version to deploy it in; empty for what the inventory says.
        defaults: uwsgi_defaults as the user wrote it, if there is any; its role checks it.
        cluster: which hosts do what; None for a host that has all applications.
        host: the host.
    """
    problems: list[str] = []
    apps: list[Keys] = []
    if flask_apps is None and cluster and host in cluster["load_balancers"]:
        problems.append(
            f"flask_apps: load balancer {host} does not have the list; write it where all hosts"
            " have it, into group_vars/all.yml."
        )
        flask_apps = []
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
        problems = problems_of_names(apps) or problems_of_choice(apps, app, version)
        if cluster:
            problems += [
                f"flask_apps: application '{one['name']}', {sentence}"
                for one in apps
                for sentence in clusters.problems_of_hosts(one, cluster)
            ]
    if problems:
        return {
            "problems": problems,
            "apps": [],
            "here": [],
            "chosen": [],
            "names": [],
            "overridden": False,
            "versions": [],
            "builds": [],
            "served": False,
        }
    here = [one for one in apps if not cluster or clusters.runs_here(one, host, cluster)]
    runs = not cluster or host in cluster["application_hosts"]
    inventory = [one for one in here if runs and app in ("", one["name"])]
    chosen = [in_version(one, version) for one in inventory]
    return {
        "problems": [],
        "apps": apps,
        "here": [one["name"] for one in here],
        "chosen": chosen,
        "names": [one["name"] for one in chosen],
        "overridden": chosen != inventory,
        "versions": list(dict.fromkeys(one.get("python", "") for one in chosen)),
        "builds": builds(chosen, defaults if isinstance(defaults, dict) else {}),
        "served": not all(serves_alone(one) for one in here) or not here,
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
    wrong = []

    def hear(key: str, text: str) -> None:
        wrong.append(key)
        say(f"{where}, {key}: {text}")

    app = read(bare_options(), given, hear)
    for sentence in [] if wrong else problems_of(app):
        say(f"{where}, {sentence}")
    return app


def problems_of(app: Keys) -> list[str]:
    """Return what is wrong with keys that no role sees as the user wrote them."""
    out = []
    for static in app.get("static", []):
        kinds = [key for key in ("path", "shared") if static.get(key) is not None]
        where = f"static '{static.get('url', '')}': "
        if len(kinds) != 1:
            out.append(
                f"{where}write one of path (in the source or a package) and shared (in the"
                " application's shared directory)."
            )
        elif kinds == ["shared"]:
            shared = static["shared"]
            if static.get("package") is not None:
                out.append(f"{where}package goes with path only.")
            if not INSIDE.fullmatch(shared):
                out.append(
                    f"{where}shared: '{shared}' must be a path in the shared directory, like media,"
                    " without .. and spaces."
                )
    known = [str(name) for name in app.get("secret_env", {})]
    out += [
        f"build_secret_env: '{name}' is not in secret_env; write it there, or leave it"
        f" out.{nearest(name, known)}"
        for name in app.get("build_secret_env", [])
        if name not in known
    ]
    return out + problems_of_services(app) + clusters.problems_of_passthrough(app)


def problems_of_services(app: Keys) -> list[str]:
    """Return what is wrong with the locations that services are to answer."""
    out = []
    services = app.get("uwsgi", {}).get("services", [])
    listening = [one["name"] for one in services if one.get("socket") and "name" in one]
    for location in app.get("nginx", {}).get("locations", []):
        if "service" not in location:
            continue
        name = location["service"]
        where = f"nginx.locations '{location.get('path', '')}', service: "
        if name in listening:
            continue
        if name in [one.get("name") for one in services]:
            out.append(f"{where}'{name}' does not listen; write socket: true at the service.")
        else:
            out.append(
                f"{where}'{name}' is no service with socket: true in uwsgi.services."
                f"{nearest(name, listening)}"
            )
    return out


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
    for group in ("uwsgi", "nginx", "load_balancer"):
        if key in known[group]["options"]:
            return f" '{key}' is a key of '{group}'."
    return ""


def problems_of_names(apps: list[Keys]) -> list[str]:
    """Return a sentence for each name and Python version that is none, or a name's second use."""
    out = []
    for name, times in Counter(app["name"] for app in apps).items():
        where = f"flask_apps: application '{name}'"
        if times > 1:
            out.append(f"{where} is there {times} times; give each a name of its own.")
        elif not NAME.fullmatch(name):
            out.append(
                f"{where}, name: must be lower-case letters, digits, - and _, begin with a letter"
                " and have at most 31 characters, because units, users and directories are called"
                " by it."
            )
        elif name in RESERVED:
            out.append(f"{where}, name: is taken by the system; choose another.")
    for app in apps:
        if app.get("python") and not PYTHON.fullmatch(app["python"]):
            out.append(
                f"flask_apps: application '{app['name']}', python: {app['python']} is not a Python"
                ' version; write it quoted, as "3.11".'
            )
    return out


def as_written(problems: list[str], role: str, names: list[str]) -> list[str]:
    """Return what a role says of its items with the keys that they have in the applications.

    Args:
        problems: the role's sentences; what begins with something else than an item stays.
        role: the role.
        names: the names of the applications.
    """
    out = []
    for sentence in problems:
        found = ITEM.match(sentence)
        name = found[1].removesuffix(clusters.BACKEND) if found else ""
        if found and name in names:
            key, rest = found[2], sentence[found.end() :]
            if role == "nginx" and key == "static" and rest.startswith(".paths"):
                rest = rest.replace(".paths", ".path", 1)
            elif role in GROUPS and key in options()[role]["options"]:
                key = f"{role}.{key}"
            elif key == "location":
                key = "nginx.locations: location"
            sentence = f"flask_apps: application '{name}', {key}{rest}"
        out.append(sentence)
    return list(dict.fromkeys(out))


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


def builds(apps: list[Keys], defaults: Keys) -> list[Keys]:
    """Return what the role ``flask_app`` is to build: static files are compressed beforehand.

    Args:
        apps: the applications.
        defaults: what the role ``uwsgi`` runs each with.
    """
    out = []
    for app in apps:
        item = only(app, BUILD_KEYS)
        ours = [static for static in app.get("static", []) if "shared" not in static]
        if ours:
            item["precompress"] = [only(static, ["path", "package"]) for static in ours]
        if app.get("build_commands") and app.get("env"):
            item["env"] = app["env"]
        if app.get("build_secret_env"):
            item["secret_env"] = only(app["secret_env"], app["build_secret_env"])
        if changes_path(app, app.get("uwsgi", {})) or changes_path(defaults, defaults):
            # What it imports need not be where the role would look for it.
            item.pop("module", None)
        out.append(item)
    return out


def changes_path(app: Keys, given: Keys) -> bool:
    """Tell whether an application says itself where Python looks for what it imports.

    Args:
        app: with its variables.
        given: with its options of uWSGI.
    """
    names = {str(name) for name in plain(given.get("options"))}
    variables = [*plain(app.get("env")), *plain(app.get("secret_env"))]
    return (
        bool(names & {"pythonpath", "python-path", "pp", "chdir", "chdir2", "home", "venv"})
        or bool(given.get("raw"))
        or "PYTHONPATH" in variables
    )


def plain(value: Any) -> Keys:
    """Return a dictionary; an empty one for what is none."""
    return value if isinstance(value, dict) else {}


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
            item["static"] = [
                static_of_uwsgi(static, version, f"{root}/{name}") for static in app["static"]
            ]
        item |= only(app, (*RUN_KEYS, "shared_paths"))
        public = [
            static["shared"].strip("/") for static in app.get("static", []) if "shared" in static
        ]
        if public:
            item["public_paths"] = list(dict.fromkeys(public))
        # Asked by the name that it will be served under, unless all of them are patterns.
        named = clusters.plain_domain(app)
        item |= {
            "name": name,
            "build": build["path"],
            "version": build.get("source_version", ""),
            "python": version,
            "health": ({"host": named} if named else {}) | app.get("health", {}),
        }
        out.append(item)
    return out


def sites(  # noqa: PLR0913 - what a host has, and what it is among others
    apps: list[Keys],
    python: str,
    uwsgi_releases: list[Keys],
    root: str = "/opt",
    cluster: Cluster | None = None,
    host: str = "",
    settings: Keys | None = None,
) -> list[Keys]:
    """Return the sites that the role ``nginx`` is to serve applications at.

    Args:
        apps: all applications, whether they are deployed in this run or not.
        python: the Python version of those that name none.
        uwsgi_releases: what the role ``uwsgi`` says of its releases: where they are.
        root: where releases are that it says nothing of.
        cluster: which hosts do what; None for a host that has all applications.
        host: the host.
        settings: how load balancers ask, see ``cluster.transport``.
    """
    if cluster is None:
        return local_sites(apps, python, uwsgi_releases, root)
    runs = host in cluster["application_hosts"]
    here = [app for app in apps if runs and host in clusters.hosts_of(app, cluster)]
    out = local_sites(here, python, uwsgi_releases, root)
    if cluster["load_balancers"]:
        handed_on = {app["name"] for app in here if passes_through(app)}
        out = [
            clusters.backend(site, cluster, settings or {}, site["name"] in handed_on)
            for site in out
        ]
    if host in cluster["load_balancers"]:
        out += [
            clusters.balanced(app, cluster, settings or {}) for app in apps if not serves_alone(app)
        ]
    return out


def streams(
    apps: list[Keys], cluster: Cluster, host: str, settings: Keys | None = None
) -> list[Keys]:
    """Return what a load balancer hands on to application hosts without looking into it.

    Args:
        apps: all applications.
        cluster: which hosts do what.
        host: the host.
        settings: see ``sites``.
    """
    return [
        clusters.stream(app, cluster, settings or {})
        for app in apps
        if host in cluster["load_balancers"] and passes_through(app) and not serves_alone(app)
    ]


def passes_through(app: Keys) -> bool:
    """Tell whether TLS of an application ends at its own hosts, behind load balancers."""
    return bool(app.get("load_balancer", {}).get("passthrough"))


def health_host(app: Keys) -> str:
    """Return for which of its names an application is asked for its health; empty if for none."""
    host: str = app.get("health", {}).get("host", "")
    return host or clusters.plain_domain({"domains": app.get("domains", [])})


class Here(TypedDict):
    """What an inventory's applications have to do with a host, by their names.

    Attributes:
        run: those that run there.
        asked: those of them that load balancers ask by HTTP.
        checked: those of these whose health check is for one of their domains, as a request is.
        handed_on: those of them whose TLS load balancers hand on as it is.
        stay: those that have something there: on a load balancer, a site.
    """

    run: list[str]
    asked: list[str]
    checked: list[str]
    handed_on: list[str]
    stay: list[str]


def described(apps: list[Keys]) -> list[Keys]:
    """Return applications with a name, as ``plan`` reads them; what is wrong stays out.

    Args:
        apps: as the user wrote them, checked or not.
    """
    known = bare_options()
    return [
        read(known, app, lambda _key, _wrong: None)
        for app in apps
        if isinstance(app, dict) and isinstance(app.get("name"), str)
    ]


def here(apps: list[Keys], cluster: Cluster, host: str) -> Here:
    """Return what applications have to do with a host.

    Args:
        apps: as the user wrote them, checked or not.
        cluster: which hosts do what.
        host: the host.
    """
    known = described(apps)
    run = [app for app in known if host in clusters.hosts_of(app, cluster)]
    served = [app for app in run if cluster["load_balancers"] and not serves_alone(app)]
    asked = [app for app in served if not passes_through(app)]
    return {
        "run": [app["name"] for app in run],
        "asked": [app["name"] for app in asked],
        "checked": [app["name"] for app in asked if health_host(app) in app.get("domains", [])],
        "handed_on": [app["name"] for app in served if passes_through(app)],
        "stay": [app["name"] for app in known if clusters.runs_here(app, host, cluster)],
    }


class Asked(TypedDict):
    """Under which names a host has the site where people ask for an application.

    Attributes:
        sites: those that answer.
        redirects: those that lead from HTTP to HTTPS, which is handed on.
    """

    sites: list[str]
    redirects: list[str]


def asked_for(apps: list[Keys], name: str, cluster: Cluster, host: str) -> Asked:
    """Return what a host has of the site where people ask for an application; nothing, if others.

    Where load balancers hand TLS on as it is, the application hosts answer.

    Args:
        apps: as the user wrote them, checked or not.
        name: of an application, or of a site that is none's.
        cluster: which hosts do what.
        host: the host.
    """
    outside = [name] if host in (cluster["load_balancers"] or cluster["application_hosts"]) else []
    found = [app for app in described(apps) if app["name"] == name]
    if not (cluster["load_balancers"] and any(passes_through(app) for app in found)):
        return {"sites": outside, "redirects": []}
    behind = name in here(apps, cluster, host)["handed_on"]
    return {"sites": [clusters.backend_name(name)] if behind else [], "redirects": outside}


def local_sites(apps: list[Keys], python: str, uwsgi_releases: list[Keys], root: str) -> list[Keys]:
    """Return sites of applications that are on the same host.

    They lead to each application's ``current`` link, which nginx looks up at each connection and
    each file: a switch needs no reload.

    Args:
        apps: those of the host.
        python: see ``sites``.
        uwsgi_releases: see ``sites``.
        root: see ``sites``.
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
        if item.get("locations"):
            item["locations"] = [
                location_of(location, release["current"]) for location in item["locations"]
            ]
        item |= only(app, ["path"])
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


def location_of(location: Keys, current: str) -> Keys:
    """Return a location of a site, and of one that a service answers, where that listens.

    No connection is kept: it would lead to the release before for as long as that goes on.
    """
    if "service" not in location:
        return location
    servers = [f"unix:{current}/{location['service']}.sock"]
    return without(location, ["service"]) | {"http": {"servers": servers, "keepalive": 0}}


def static_of_nginx(static: Keys, version: str, release: Keys) -> Keys:
    """Return static files as a site has them: a page may ask for those of the release before.

    What is shared by all releases is what people have uploaded.
    """
    if "shared" in static:
        directory = f"{posixpath.dirname(release['current'])}/shared/{static['shared'].strip('/')}"
        return only(static, ["url", "expires", "immutable"]) | {
            "paths": [directory],
            "uploads": True,
        }
    inside = f"{packages(version)}{static['package']}" if static.get("package") else "build/src"
    return only(static, ["url", "expires", "immutable"]) | {
        "paths": [f"{release[link]}/{inside}/{static['path']}" for link in ("current", "previous")]
    }


def static_of_uwsgi(static: Keys, version: str, home: str) -> Keys:
    """Return static files as uWSGI serves them, where there is no web server.

    Args:
        static: as the user has them.
        version: the application's Python.
        home: the application's directory.
    """
    inside = f"{packages(version)}{static['package']}" if static.get("package") else "src"
    lasts = FOREVER if static.get("immutable") else seconds(static.get("expires", ""))
    if "shared" in static:
        path = f"{home}/shared/{static['shared'].strip('/')}"
        return {"url": static["url"], "path": path, "expires": lasts}
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
