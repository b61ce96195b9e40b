"""The uwsgi role's plan: the releases that there are to be, with the text of all their files.

A release is named by its build and by a hash of everything that makes its configuration, so all
texts are made here, before the host is asked anything.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os.path
import re
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    callables,
    request_headers,
    specs,
    units,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    called,
    firewall_rule,
    without_slash,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.release_checks import (
    check_app,
    check_apps,
    check_calls,
    check_settings,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import Keys
from ansible_collections.flaskstack.centos.plugins.plugin_utils.templates import render

UNITS = "/etc/systemd/system"
#: Where the sockets are.
SOCKETS = "/run/wsgi"
#: Where uWSGI is, one for each version and interpreter; on each host the same, whatever the root.
HOMES = "/opt/uwsgi"

#: How many workers there are by default, and what one is reckoned at, in MB: docs/tuning.md has the
#: measurements.
PROCESSES_PER_CORE = 2
WORKER_MEMORY = 64

#: The role's lists of applications.
LISTS = ("uwsgi_dependent_apps", "uwsgi_apps")
#: What loads an application; a release has its text.
LOADER = specs.COLLECTION / "plugins" / "module_utils" / "_wsgi.py"
#: What a secret text begins with; the host cuts it off (module_utils/_wanted_files.py).
SECRET = "# secret, from here on:\n"
#: Keys that are as good as not there when they are empty: no router, no figures for StatsD.
OPTIONAL = ("http", "tcp", "statsd")


@dataclasses.dataclass
class Plan:
    """What the role does, as the modules take it. With problems, there is nothing else in it."""

    problems: list[str]
    #: The releases, as app_releases takes them.
    apps: list[Keys] = dataclasses.field(default_factory=list)
    #: The routers in front of `current`, as app_releases and app_router take them.
    routers: list[Keys] = dataclasses.field(default_factory=list)
    #: The units that collect metrics; none where none are wanted.
    metrics: list[Keys] = dataclasses.field(default_factory=list)
    #: The release commands: name, release, once, and a key that is the same on all hosts that
    #: deploy the same.
    commands: list[Keys] = dataclasses.field(default_factory=list)
    #: What later roles may know of a release: nothing secret.
    exports: list[Keys] = dataclasses.field(default_factory=list)
    #: The directories of uWSGI that the releases run.
    homes: list[str] = dataclasses.field(default_factory=list)
    #: Name and Python version of each application.
    pythons: list[Keys] = dataclasses.field(default_factory=list)
    #: The role's variables without their prefix, of the described types.
    settings: Keys = dataclasses.field(default_factory=dict)
    #: The longest queue of a socket.
    listen: int = 0
    #: Ports for everybody, and rules of firewalld for the ports that only some may reach.
    open_ports: list[str] = dataclasses.field(default_factory=list)
    open_rules: list[str] = dataclasses.field(default_factory=list)
    worker_memory: int = WORKER_MEMORY


def plan(given: Keys) -> Plan:
    """Return what the role is to do, or why it cannot.

    Args:
        given: the role's ``variables`` by their names, ``host`` (its name in the inventory) and
            ``os`` (the facts os_family, distribution and distribution_major_version).
    """
    problems: list[str] = []
    settings = specs.unprefixed("uwsgi", specs.settings("uwsgi", given["variables"], problems))
    defaults = settings["defaults"]
    problems += specs.besides(
        problems, check_settings(settings, given["os"], defaults, default_keys())
    )
    items = specs.items(given["variables"], LISTS, problems)
    problems += check_apps(items)
    systemd = units.system_of(given["os"])
    apps = []
    for number, item in enumerate(items, 1):
        app = complete(item, number, defaults, problems)
        wrong = check_app(app, called("application", item, number), settings.get("root", ""))
        problems += specs.besides(problems, wrong)
        problems += check_calls(app, called("application", item, number), given["os"])
        apps.append(app)
    problems += check_ports(apps)
    if problems:
        return Plan(problems=list(dict.fromkeys(problems)), settings=settings)
    apps = [derive(app, settings) for app in apps]
    releases = [release_of(app, settings, given["host"], systemd) for app in apps]
    routers = [router for app in apps for router in routers_of(app, settings, systemd)]
    public = [one["ports"] for one in routers if one["kind"] == "http"]
    return Plan(
        problems=[],
        apps=releases,
        routers=routers,
        open_ports=[f"{port}/tcp" for ports in public for port in ports],
        open_rules=[rule for app in apps if app.get("tcp") for rule in rules_of(app["tcp"])],
        metrics=metrics_of(settings, systemd),
        commands=[
            command_of(app, release)
            for app, release in zip(apps, releases, strict=True)
            if app["release_command"]
        ],
        exports=[export_of(app, release) for app, release in zip(apps, releases, strict=True)],
        homes=list(dict.fromkeys(app["home"] for app in apps)),
        pythons=[{"name": app["name"], "python": app["python"]} for app in apps],
        settings=settings,
        listen=max((app["listen"] for app in apps), default=0),
    )


# ---- Completing what was given -------------------------------------------------------------


def default_keys() -> list[str]:
    """Return the keys of an application that can have a default for all items."""
    options = specs.item_options("uwsgi", "uwsgi_apps")
    return [key for key, spec in options.items() if "default" in spec] + ["processes"]


def complete(item: Keys, number: int, defaults: Keys, problems: list[str]) -> Keys:
    """Return an application with each key that has a default, all of the described types.

    Args:
        item: as the user wrote it.
        number: its place in the list, from 1, for one without a name.
        defaults: what the user wants in all items.
        problems: a sentence is added for each value that cannot be read.
    """
    options = specs.item_options("uwsgi", "uwsgi_apps")
    own = specs.without_nulls(options, item)
    own = {key: value for key, value in own.items() if key not in OPTIONAL or value != {}}
    name = called("application", item, number)
    wanted = {key: value for key, value in defaults.items() if key in options}
    return specs.read(
        options,
        own,
        lambda key, wrong: problems.append(specs.about(name, key, wrong)),
        wanted,
        specs.options_of("uwsgi")["uwsgi_apps"],
    )


def derive(app: Keys, settings: Keys) -> Keys:
    """Return an application with all that the templates need to know of it."""
    name, build = app["name"], app["build"]
    venv = app.get("virtualenv") or build + "/venv"
    root = f"{settings['root']}/{name}"
    commands = [one | {"is_timer": False} for one in app["services"]]
    commands += [one | {"is_timer": True, "socket": False} for one in app["timers"]]
    path = without_slash(app["path"])
    out = app | {
        "path": path,
        # What the user says of the application is asked at its place.
        "health": app["health"] | {"path": path.rstrip("/") + app["health"]["path"]},
        "processes": app.get("processes", 0),
        "virtualenv": "" if venv == "none" else venv,
        "interpreter": f"/usr/bin/python{app['python']}"
        if venv == "none"
        else f"{venv}/bin/python",
        "loads": loads(callables.named(app["module"], app["options"])),
        "root": root,
        "home": f"{HOMES}/{settings['version']}-python{app['python']}",
        # A dash would make it a part of another application's slice.
        "slice": "uwsgi-{}.slice".format(name.replace("-", "\\x2d")),
        "commands": [one | {"directory": f"{SOCKETS}/{name}/%i.{one['name']}"} for one in commands],
        "environment": [
            (key, quoted(value))
            for key, value in sorted((app["env"] | app["secret_env"]).items(), key=by_name)
        ],
        "static": [static_of(static, path, build, root) for static in app["static"]],
        "loosened": loosened(name, app["sandbox"]),
        "option_lines": option_lines(
            {key: value for key, value in app["options"].items() if key != "callable"}
        ),
        "statsd": app.get("statsd"),
    }
    if app.get("statsd"):
        out["statsd"] = {"prefix": name} | app["statsd"]
    if app.get("http"):
        out["http"] = app["http"] | {"option_lines": option_lines(app["http"]["options"])}
    return out


def loads(module: str) -> dict[str, str]:
    """Return what a release's loader is told, as Python has it.

    Raises:
        ValueError: see callables.parse().
    """
    found = callables.parse(module)
    return {
        "said": ascii(module),
        "module": ascii(found.module),
        "name": ascii(found.name),
        "is_called": str(found.is_called),
        "arguments": ascii(found.arguments),
        "keywords": ascii(found.keywords),
    }


def by_name(pair: tuple[Any, Any]) -> str:
    """Return what pairs are sorted by."""
    return str(pair[0])


def shown(value: Any) -> str:
    """Return a value of YAML as a configuration file has it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def quoted(value: Any) -> str:
    r"""Return what stands between the double quotes of an environment file.

    systemd.exec(5) takes the backslash from ``\\``, ``\"``, ``\$`` and ``\```.
    """
    return re.sub(r'([\\"$`])', r"\\\1", shown(value))


def option_lines(options: Keys) -> list[tuple[str, str]]:
    """Return the lines of options of the user's own: a list repeats its key."""
    return [
        (key, shown(one))
        for key, value in options.items()
        for one in (value if isinstance(value, list | dict) else [value])
    ]


def loosened(name: str, sandbox: Keys) -> list[str]:
    """Return the directives that take something out of an application's sandbox.

    They come after those of the sandbox: one that has a list adds to it.
    """
    tmp = f"/var/cache/wsgi/{name}/tmp"
    lines = {
        "jit": ["MemoryDenyWriteExecute=no"],
        "home": ["ProtectHome=read-only"],
        "shared_tmp": [
            "PrivateTmp=no",
            f"CacheDirectory=wsgi/{name}/tmp",
            "CacheDirectoryMode=0700",
            f"BindPaths={tmp}:/tmp {tmp}:/var/tmp",
        ],
        "processes": ["ProtectProc=default"],
        # Whoever has one mounts things in it, which @system-service does not have.
        "namespaces": ["RestrictNamespaces=no", "SystemCallFilter=@mount"],
        "devices": ["PrivateDevices=no", "DevicePolicy=closed"]
        + [f"DeviceAllow={device} rw" for device in sandbox["devices"]],
    }
    lists = {
        "groups": ["SupplementaryGroups"],
        "capabilities": ["CapabilityBoundingSet", "AmbientCapabilities"],
        "address_families": ["RestrictAddressFamilies"],
        "system_calls": ["SystemCallFilter"],
        "write_paths": ["ReadWritePaths"],
    }
    for key, directives in lists.items():
        lines[key] = [f"{directive}={' '.join(sandbox[key])}" for directive in directives]
    return [line for key, wanted in lines.items() if sandbox[key] for line in wanted]


def static_of(static: Keys, prefix: str, build: str, root: str) -> Keys:
    """Return where files are looked for, and how uWSGI matches their addresses.

    A file is looked for by what is behind the application's own path; how long it lasts is said by
    the whole address.
    """
    path = static["path"]
    inside = [f"{build}/{path}", f"{root}/releases/$(APP_RELEASE)/before/build/{path}"]
    return {
        "prefix": static["url"].removesuffix("/"),
        "pattern": re.escape(prefix.rstrip("/") + static["url"]),
        "paths": [path] if path.startswith("/") else inside,
        "expires": static["expires"],
    }


# ---- Releases ------------------------------------------------------------------------------


def file(path: str, text: str, mode: str = "0644", group: str = "root") -> Keys:
    """Return a file as the modules take it."""
    return {"path": path, "text": text, "mode": mode, "group": group}


def sizes_of(app: Keys) -> Keys:
    """Return what the number of workers is found out with; 0 cores or kilobytes are no limit."""
    quota = app["limits"].get("cpu_quota", "")
    return {
        "cores": (int(quota.rstrip("%")) + 99) // 100 if quota else 0,
        "kilobytes": bytes_of(app["limits"].get("memory_max", "")) // 1024,
        "per_core": PROCESSES_PER_CORE,
        "worker_memory": WORKER_MEMORY,
        "least": max(2, app["cheaper"] + 1),
    }


def bytes_of(memory: str) -> int:
    """Return a limit of memory in bytes; 0 for none, and for one in percent of the host's."""
    found = re.fullmatch(r"(\d+)([KMGT]?)", memory)
    return int(found[1]) << 10 * " KMGT".index(found[2] or " ") if found else 0


def unit(name: str, text: str, systemd: int) -> Keys:
    """Return a unit as the modules take it, without what the host's systemd does not know.

    A release is named by all that its units have, so it has one name on hosts of every release.
    """
    return file(f"{UNITS}/{name}", units.known(text, systemd))


def texts_of(app: Keys, socket_group: str) -> dict[str, str]:
    """Return template (and command) -> text of what a release, and its units, are made of.

    Those of commands of other hosts too: a release has the same name on all hosts.
    """
    known = {
        "app": app,
        "socket_group": socket_group,
        "sizes": sizes_of(app),
        # It is named by the texts, so none of them has its name; %i is what systemd takes for it.
        "release": "%i",
        "said": request_headers.SAID_BY_UWSGI,
        "loader": LOADER.read_text(encoding="utf-8"),
    }
    names = ("slice", "socket", "service", "release-service", "uwsgi.ini", "wsgi.py", "environment")
    texts = {
        name: render("uwsgi", f"{name}.j2", **known)
        for name in (*names, "release_command", "start")
    }
    texts |= {f"files/{one['name']}": one["content"] for one in app["files"]}
    for command in app["commands"]:
        for name in ("command", "command-service", "timer"):
            if name != "timer" or command["is_timer"]:
                texts[f"{name}.{command['name']}"] = render(
                    "uwsgi", f"{name}.j2", command=command, **known
                )
    return texts


def name_of(app: Keys, texts: dict[str, str]) -> str:
    """Return a release's name."""
    # The slice is the application's, not the release's: other limits hold at once.
    made_of = {
        "texts": {name: text for name, text in texts.items() if name != "slice"},
        "home": app["home"],
        "build": app["build"],
    }
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return f"{os.path.basename(app['build'])}-{digest[:8]}"


def release_of(app: Keys, settings: Keys, host: str, systemd: int) -> Keys:
    """Return a release as app_releases takes it: names, files and links."""
    texts = texts_of(app, settings["socket_group"])
    name, release = app["name"], name_of(app, texts)
    path = f"{app['root']}/releases/{release}"
    here = [one for one in app["commands"] if one["host"] in ("", host)]
    services = [one["name"] for one in here if not one["is_timer"]]
    timers = [one["name"] for one in here if one["is_timer"]]
    sockets = [one["name"] for one in here if one["socket"]]
    commands = []
    for one in services + timers:
        called_so = f"uwsgi-{name}.{one}@{release}.service"
        commands.append(file(f"{path}/command.{one}", texts[f"command.{one}"]))
        commands.append(unit(called_so, texts[f"command-service.{one}"], systemd))
    for one in timers:
        commands.append(unit(f"uwsgi-{name}.{one}@{release}.timer", texts[f"timer.{one}"], systemd))
    # What a later switch to it needs to know, when the inventory says something else already.
    about = {
        "name": name,
        "release": release,
        "build": app["build"],
        "version": app["version"],
        "health": app["health"],
        "keep_releases": app["keep_releases"],
        "services": services,
        "sockets": sockets,
        "timers": timers,
        "owner": settings["owner"].strip(),
    }
    secret_files = [one["name"] for one in app["files"] if one["secret"]]
    if secret_files:
        # A later one may have them open, and its diff is not to show what was secret.
        about["secret_files"] = secret_files
    return {
        "name": name,
        "release": release,
        "services": services,
        "timers": timers,
        "schedules": [one["schedule"] for one in here if one["is_timer"]],
        "shared_paths": app["shared_paths"],
        "public_paths": app["public_paths"],
        "listen": app["listen"],
        "processes": app["processes"],
        "units": [
            unit(app["slice"], texts["slice"], systemd),
            unit(f"uwsgi-{name}@.socket", texts["socket"], systemd),
            unit(f"uwsgi-{name}@.service", texts["service"], systemd),
            unit(f"uwsgi-{name}-release@.service", texts["release-service"], systemd),
        ],
        "files": [
            file(f"{path}/uwsgi.ini", texts["uwsgi.ini"]),
            file(f"{path}/wsgi.py", texts["wsgi.py"]),
            file(f"{path}/release_command", texts["release_command"], "0755"),
            file(f"{path}/start", texts["start"], "0755"),
            environment_of(app, path, render("uwsgi", "environment.j2", app=app, release=release)),
            *(file_of(app, path, one) for one in app["files"]),
            *commands,
            # A directory without it is no release, so it is written last.
            file(f"{path}/release.json", json.dumps(about, indent=4, sort_keys=True) + "\n"),
        ],
        "links": links_of(app, release, path),
    }


def environment_of(app: Keys, path: str, text: str) -> Keys:
    """Return the file of a release's environment: its text is secret, if there is any in it."""
    found = file(f"{path}/environment", text, "0640", app["name"])
    if app["environment"]:
        found["secret_text"] = found.pop("text")
    return found


def file_of(app: Keys, path: str, own: Keys) -> Keys:
    """Return a configuration file of an application's own."""
    found = file(f"{path}/files/{own['name']}", own["content"], "0640", app["name"])
    # What is secret is taken out of all that a module says, and a short text is part of much.
    if own["secret"] and own["content"]:
        found["secret_text"] = SECRET + found.pop("text")
    return found


def links_of(app: Keys, release: str, path: str) -> list[Keys]:
    """Return the links of a release."""
    build, virtualenv = app["build"], app["virtualenv"]
    own = os.path.dirname(build) == app["root"] + "/builds"
    return [
        {
            "path": f"{path}/build",
            "target": "../../builds/" + os.path.basename(build) if own else build,
        },
        {
            "path": f"{path}/venv",
            "target": "build/venv"
            if virtualenv == build + "/venv"
            else virtualenv or "/nonexistent",
        },
        {"path": f"{path}/uwsgi", "target": app["home"] + "/bin/uwsgi"},
        {"path": f"{path}/uwsgi.sock", "target": f"{SOCKETS}/{app['name']}/{release}.sock"},
        *(
            {
                "path": f"{path}/{one['name']}.sock",
                "target": one["directory"].replace("%i", release) + "/web/sock",
            }
            for one in app["commands"]
            if one["socket"]
        ),
    ]


def command_of(app: Keys, release: Keys) -> Keys:
    """Return what is to be known of a release's command."""
    digest = hashlib.sha1(app["release_command"].encode(), usedforsecurity=False).hexdigest()
    return {
        "name": app["name"],
        "release": release["release"],
        "once": app["release_command_once"],
        "key": f"{app['name']} {app['build']} {digest}",
    }


def export_of(app: Keys, release: Keys) -> Keys:
    """Return what later roles may know of a release."""
    return {
        "name": app["name"],
        "release": release["release"],
        "build": app["build"],
        "path": f"{app['root']}/releases/{release['release']}",
        "current": app["root"] + "/current",
        "previous": app["root"] + "/previous",
        "socket": app["root"] + "/current/uwsgi.sock",
    }


# ---- Beside the releases -------------------------------------------------------------------


def ports_of(app: Keys, kind: str) -> list[tuple[str, int]]:
    """Return key and number of the ports that a router listens on."""
    if kind == "tcp":
        return [("tcp.port", app["tcp"]["port"])]
    http = app["http"]
    ports = [("http.port", http["port"])] if http["port"] != 0 else []
    return ports + ([("http.https_port", http["https_port"])] if http["certificate"] else [])


def check_ports(apps: list[Keys]) -> list[str]:
    """Return a sentence for each port of a router that is none, or that another one has."""
    problems, taken = [], dict[int, str]()
    for app in apps:
        for kind in ("http", "tcp"):
            for key, port in ports_of(app, kind) if app.get(kind) else []:
                where = f"application '{app.get('name', '')}', {key}: {port}"
                if not 1 <= port <= 65535:
                    problems.append(f"{where} is no port; write a number from 1 to 65535.")
                elif port in taken:
                    problems.append(
                        f"{where} is {taken[port]} already; give each a port of its own."
                    )
                taken[port] = f"{key} of application '{app.get('name', '')}'"
    return problems


def routers_of(app: Keys, settings: Keys, systemd: int) -> list[Keys]:
    """Return the routers in front of an application's current release, as app_router takes them."""
    routers = []
    for kind in ("http", "tcp"):
        about = app.get(kind)
        if not about:
            continue
        ports = [port for _, port in ports_of(app, kind)]
        known = {
            "app": app,
            "kind": kind,
            "low_port": any(port < 1024 for port in ports),
            "socket_group": settings["socket_group"],
            "silenced": request_headers.silenced_by_router(),
        }
        secure = kind == "http" and bool(about["certificate"])
        routers.append(
            {
                "name": app["name"],
                "kind": kind,
                "ports": ports,
                "addresses": about["addresses"] if kind == "http" else [about["address"]],
                "https": about["https_port"] if secure else 0,
                "redirect": kind == "http" and about["redirect"],
                "reads": [about["certificate"], about["key"]] if secure else [],
                "health": app["health"],
                "files": [
                    file(f"{app['root']}/{kind}.ini", render("uwsgi", f"{kind}.ini.j2", **known)),
                    unit(
                        f"uwsgi-{app['name']}-{kind}.service",
                        render("uwsgi", "router-service.j2", **known),
                        systemd,
                    ),
                ],
            }
        )
    return routers


def rules_of(tcp: Keys) -> list[str]:
    """Return firewalld's rules for the web servers that may reach a uwsgi port."""
    return [firewall_rule(address, tcp["port"]) for address in tcp["allow"]]


def metrics_of(settings: Keys, systemd: int) -> list[Keys]:
    """Return the units that collect metrics, if they are wanted."""
    known = {
        "root": settings["root"],
        "directory": settings["metrics_directory"],
        "interval": settings["metrics_interval"],
    }
    return [
        unit(f"uwsgi-metrics.{kind}", render("uwsgi", f"metrics-{kind}.j2", **known), systemd)
        for kind in ("service", "timer")
        if settings["metrics_directory"]
    ]
