"""What the uwsgi role cannot run: one sentence for each thing, with what to write instead."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator

from ansible_collections.flaskstack.centos.plugins.plugin_utils import callables, units
from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    NAME,
    PATH_HINT,
    PYTHON,
    RELEASES,
    RESERVED,
    URL_PATH,
    network,
    shared_problems,
    unknown_system,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import (
    Keys,
    nearest,
    no_option,
    no_text,
)

ADDRESS = r"[0-9.]+|\[[0-9a-fA-F:]+\]"
#: Variables of the environment that are the role's.
OWN_VARIABLES = (
    "APP_NAME",
    "APP_RELEASE",
    "APP_SHARED",
    "APP_PATH",
    "APP_SOCKET",
    "APP_PROCESSES",
)

#: Key of a service -> why it has no socket then.
WITHOUT_SOCKET = {
    "exclusive": (
        ", because a release goes live when its service listens, and one that is exclusive begins"
        " after that."
    ),
    "host": ", because the web server of each host asks its own; leave one of the two out.",
}
#: Key -> least and most.
RANGES = {
    "processes": (1, 4096),
    "threads": (1, 4096),
    "listen": (1, 65535),
    "buffer_size": (1024, 65535),
    "post_buffering": (0, 1 << 30),
    "cheaper": (0, 4095),
    "max_requests": (0, 2147483647),
    "max_worker_lifetime": (0, 2147483647),
    "reload_on_rss": (0, 1048576),
    "harakiri": (0, 86400),
    "log_slow": (0, 86400000),
    "graceful_timeout": (1, 86400),
}
#: Key of limits -> what it looks like, and an example. A number of bytes alone is a slip.
LIMITS = {
    "cpu_quota": (r"[1-9][0-9]*%", "150%"),
    "memory_high": (r"[1-9][0-9]*[KMGT]|[1-9][0-9]?%", "800M"),
    "memory_max": (r"[1-9][0-9]*[KMGT]|[1-9][0-9]?%", "1G"),
    "tasks_max": (r"[1-9][0-9]*", "200"),
}
#: Key of sandbox -> what one in its list looks like, and an example.
SANDBOX = {
    "devices": (r"/dev/[A-Za-z0-9][\w./:-]*", "/dev/ttyUSB0"),
    "groups": (r"[A-Za-z_][\w-]*", "dialout"),
    "capabilities": (r"CAP_[A-Z_]+", "CAP_NET_BIND_SERVICE"),
    "address_families": (r"AF_[A-Z0-9]+", "AF_PACKET"),
    "system_calls": (r"@?[a-z][a-z0-9_-]*", "@mount"),
    "write_paths": (r"/[^\s%:\"'\\/][^\s%:\"'\\]*", "/var/lib/shop"),
}


def check_settings(settings: Keys, system: Keys, defaults: Keys, allowed: list[str]) -> list[str]:
    """Return what is wrong with the role's own variables, and with the host.

    Args:
        settings: the role's variables without their prefix; what cannot be read is not in it.
        system: the facts os_family, distribution and distribution_major_version.
        defaults: the user's defaults for all items.
        allowed: the keys that can have one.
    """
    problems = []
    release = system["distribution_major_version"]
    if system["os_family"] != "RedHat" or release not in RELEASES:
        problems.append(unknown_system("uwsgi", system))
    version = settings["version"]
    if not re.fullmatch(r"[0-9]+[.][0-9]+[.][0-9]+([.][0-9]+)?", version):
        problems.append(
            f'uwsgi_version: {version} is no version of uWSGI; write it quoted, as "2.0.31".'
        )
    wheelhouse = settings["wheelhouse"]
    if wheelhouse and not (wheelhouse.startswith("/") and os.path.isdir(wheelhouse)):
        problems.append(
            f"uwsgi_wheelhouse: {wheelhouse} is not a directory on the controller; write its"
            " absolute path."
        )
    if settings["fetch"] and not wheelhouse:
        problems.append(
            "uwsgi_fetch: there is no place to fetch the wheel to; write the path of a directory"
            " on the controller in uwsgi_wheelhouse."
        )
    problems += [
        f"uwsgi_defaults: '{key}' is no key that can have a default.{nearest(key, allowed)} These"
        f" can: {', '.join(sorted(allowed))}."
        for key in defaults
        if key not in allowed
    ]
    directory = settings["metrics_directory"]
    if directory and not re.fullmatch(r"/[^\s%]+", directory):
        problems.append(
            f"uwsgi_metrics_directory: '{directory}' must be an absolute path without spaces and %."
        )
    if settings["metrics_interval"] < 1:
        problems.append(
            f"uwsgi_metrics_interval: {settings['metrics_interval']} is too short; write 1 or more"
            " seconds."
        )
    return problems


def check_apps(items: list[Keys]) -> list[str]:
    """Return a sentence for each name that several applications have."""
    return [
        f"uwsgi_apps: application '{name}' is there {times} times; give each application a name of"
        " its own."
        for name, times in Counter(str(item["name"]) for item in items if item.get("name")).items()
        if times > 1
    ]


def check_app(app: Keys, name: str, root: str) -> list[str]:
    """Return what is wrong with an application.

    Args:
        app: the application; keys that cannot be read are not in it.
        name: the beginning of a sentence about it.
        root: the directory that applications' own are in.
    """
    where = f"{name}, "
    checks = (
        check_what,
        check_environment,
        check_files,
        check_shared,
        check_sandbox,
        check_sizes,
        check_commands,
        check_static,
        check_options,
    )
    problems = [where + wrong for check in checks for wrong in check(app)]
    problems += [where + wrong for wrong in check_build(app, root)]
    if app.get("http"):
        problems += [where + wrong for wrong in check_http(app["http"])]
    if app.get("tcp"):
        problems += [where + wrong for wrong in check_tcp(app["tcp"])]
    return problems


def check_what(app: Keys) -> Iterator[str]:
    """Yield what is wrong with what an application is."""
    name = app.get("name", "unnamed")
    if not NAME.fullmatch(name):
        yield (
            "name must be lower-case letters, digits, - and _, begin with a letter and have at most"
            " 31 characters, because units, users and directories are called by it."
        )
    elif name in RESERVED:
        yield "name is taken by the system; choose another."
    elif name.endswith("-release"):
        yield ("name must not end in -release, because the unit of a release command is called so.")
    if "python" in app and not PYTHON.fullmatch(app["python"]):
        yield f'python: {app["python"]} is not a Python version; write it quoted, as "3.11".'
    module = app.get("module", "unknown")
    for key, text in (
        ("module", module),
        ("options: 'callable'", callables.named(module, app["options"])),
    ):
        try:
            callables.parse(text)
        except ValueError as wrong:
            yield f"{key}: {wrong}"
            break
    if not URL_PATH.fullmatch(app["path"]):
        yield f"path: '{app['path']}' {PATH_HINT}"
    if app["keep_releases"] < 1:
        yield (
            f"keep_releases: {app['keep_releases']} would not even keep the current one; write 1 or"
            " more."
        )
    if not re.fullmatch(r"/\S*", app["health"]["path"]):
        yield f"health.path: '{app['health']['path']}' must begin with / and have no spaces."


def check_environment(app: Keys) -> Iterator[str]:
    """Yield what is wrong with an application's environment; never a value."""
    for key in dict.fromkeys([*app["env"], *app["secret_env"]]):
        if not isinstance(key, str):
            yield f"env: the name '{key}' is no text to YAML; write it in quotes."
        elif not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", key):
            yield f"env: '{key}' is no name for an environment variable."
        elif key.startswith("UWSGI_"):
            yield (
                f"env: '{key}': uWSGI takes variables that begin with UWSGI_ for options of its"
                " own; use the options key."
            )
        elif key in OWN_VARIABLES:
            yield f"env: '{key}' is set by the role; choose another name."
        elif key in app["env"] and key in app["secret_env"]:
            yield f"env: '{key}' is in secret_env too; keep one of them."
    for group in ("env", "secret_env"):
        for key, value in app[group].items():
            wrong = no_text(value, truth=True)
            if wrong:
                yield f"{group}: '{key}' {wrong}"


def check_files(app: Keys) -> Iterator[str]:
    """Yield what is wrong with an application's own files; nothing of their contents."""
    names = Counter(one.get("name") for one in app["files"])
    variables = Counter(one["env"] for one in app["files"] if one.get("env"))
    for one in app["files"]:
        name, variable = one.get("name", "unnamed"), one.get("env", "")
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name):
            yield (
                f"files: '{name}' is no name of a file; write letters, digits, '.', '-' and '_',"
                " without a directory (the variable that env names has the whole path)."
            )
        elif names[name] > 1:
            yield f"files: there are several called '{name}'; give each a name of its own."
        if not variable:
            continue
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", variable) or variable.startswith("UWSGI_"):
            yield f"files, '{name}': env: '{variable}' is no name for an environment variable."
        elif variable in (*OWN_VARIABLES, "HOME", "PATH", "VIRTUAL_ENV"):
            yield f"files, '{name}': env: '{variable}' is set by the role; choose another name."
        elif variable in app["env"] or variable in app["secret_env"]:
            where = "env" if variable in app["env"] else "secret_env"
            yield (
                f"files, '{name}': env: '{variable}' is in {where} too; leave it out there, because"
                " it is to have the file's path."
            )
        elif variables[variable] > 1:
            yield f"files: several have env: '{variable}'; a variable has one path."


def check_shared(app: Keys) -> Iterator[str]:
    """Yield what is wrong with what outlives releases."""
    for key in ("shared_paths", "public_paths"):
        yield from shared_problems(key, app[key])


def check_build(app: Keys, root: str) -> Iterator[str]:
    """Yield what is wrong with where the build is: links in it lead to what outlives releases."""
    home, kind = os.path.split(os.path.dirname(app.get("build", "")))
    own = os.path.normpath(f"{root}/{app.get('name')}")
    if app["shared_paths"] and kind == "builds" and os.path.normpath(home) != own:
        yield (
            f"shared_paths: the build is in {home}, whose links lead to {home}/shared, and"
            f" uwsgi_root has that in {own}/shared; let both be in one directory."
        )


def check_sandbox(app: Keys) -> Iterator[str]:
    """Yield what is wrong with what an application may do beyond its sandbox."""
    for key, (pattern, example) in SANDBOX.items():
        for value in app["sandbox"][key]:
            if not re.fullmatch(pattern, value) or {".", ".."} & set(value.split("/")):
                yield f"sandbox.{key}: '{value}' is none; write it like {example}."


def check_calls(app: Keys, name: str, system: Keys) -> list[str]:
    """Return a sentence for each set of system calls that the host's systemd would leave out.

    Args:
        app: the application; keys that cannot be read are not in it.
        name: the beginning of a sentence about it.
        system: the facts of the host.
    """
    calls = app.get("sandbox", {}).get("system_calls", [])
    return [
        f"{name}, sandbox.system_calls: systemd of release {system['distribution_major_version']}"
        f" knows no set {call}; write the calls themselves."
        for call in units.unknown_calls(calls, units.system_of(system))
    ]


def check_sizes(app: Keys) -> Iterator[str]:
    """Yield what is wrong with sizes and limits."""
    for key, (least, most) in RANGES.items():
        if key in app and not least <= app[key] <= most:
            yield f"{key}: {app[key]} is out of range; write a number from {least} to {most}."
    if 0 < app["max_worker_lifetime"] <= 10:
        yield (
            f"max_worker_lifetime: {app['max_worker_lifetime']} is too short: uWSGI lets a worker"
            " live for ten seconds at least; write more than 10."
        )
    if app["cheaper"] > 0 and "processes" in app and app["processes"] <= app["cheaper"]:
        yield (
            f"cheaper: {app['cheaper']} is not less than processes: {app['processes']}; it is the"
            " number of workers that stay when there is little to do."
        )
    if app["harakiri"] > 0 and app["threads"] > 1:
        yield (
            f"harakiri: {app['harakiri']} needs threads: 1 (it is {app['threads']}), because uWSGI"
            " keeps one clock for all threads of a worker: the end of any request would stop it,"
            " and all requests of the worker would be killed."
        )
    for key, value in app["limits"].items():
        pattern, example = LIMITS.get(key, ("", ""))
        if pattern and not re.fullmatch(pattern, str(value)):
            yield f"limits.{key}: '{value}' is no such limit; write it like \"{example}\"."


def check_commands(app: Keys) -> Iterator[str]:
    """Yield what is wrong with services and timers."""
    names = Counter(one.get("name") for one in app["services"] + app["timers"])
    for group in ("services", "timers"):
        for one in app[group]:
            name, command = one.get("name", "unnamed"), one.get("command", "unknown").strip()
            what = f"{group}, '{name}': "
            if not NAME.fullmatch(name):
                yield (
                    f"{what}the name must be lower-case letters, digits, - and _, begin with a"
                    " letter and have at most 31 characters, because a unit is called by it."
                )
            elif names[name] > 1:
                yield (
                    f"services and timers, '{name}': there are several of this name; give each one"
                    " of its own."
                )
            if not command:
                yield f"{what}the command is empty."
            elif group == "services" and "\n" in command:
                yield (
                    f"{what}the command has several lines; a service is one process, so put them in"
                    " a script of the source."
                )
            schedule = one.get("schedule", "unknown")
            if not schedule.strip() or "\n" in schedule:
                yield (
                    f'{what}the schedule is not one line; write it like "*-*-* 03:00:00" or'
                    ' "hourly".'
                )
            if one.get("socket") and name == "uwsgi":
                yield f"{what}the socket of this name is the application's own; choose another."
            for key in ("exclusive", "host"):
                if one.get("socket") and one[key]:
                    yield f"{what}socket: does not go with {key}{WITHOUT_SOCKET[key]}"
            signal = one.get("stop_signal", "TERM")
            if not re.fullmatch("[A-Z][A-Z0-9]*", signal):
                yield f"{what}stop_signal: '{signal}' is no signal; write it like TERM or QUIT."


def check_static(app: Keys) -> Iterator[str]:
    """Yield what is wrong with static files, and with the server for figures."""
    for static in app["static"]:
        url, path = static.get("url", "/"), static.get("path", "")
        if not re.fullmatch(r"/([^\s=]*/)?", url):
            yield f"static.url: '{url}' must begin and end with /, without spaces and =."
        if ".." in path.split("/") or re.search(r"\s", path):
            yield f"static.path: '{path}' must be a path in the build, without .. and spaces."
    address = app.get("statsd", {}).get("address", "localhost:8125")
    if not re.fullmatch(r"[^\s,:]+:[1-9][0-9]{0,4}", address):
        yield (
            f"statsd.address: '{address}' is no address with a port; write it like 127.0.0.1:8125."
        )


def check_options(app: Keys) -> Iterator[str]:
    """Yield what is wrong with options that are handed on as they are."""
    http = app.get("http") or {}
    for where, options in (("options", app["options"]), ("http.options", http.get("options", {}))):
        for key, value in options.items():
            wrong = no_option(value)
            if wrong:
                yield f"{where}: '{key}' {wrong}"


def check_http(http: Keys) -> Iterator[str]:
    """Yield what is wrong with serving HTTP without a web server."""
    certificate, key = http["certificate"], http["key"]
    if bool(certificate) != bool(key):
        yield "http: certificate and key go together; give both or neither."
    if http["port"] == 0 and not certificate:
        yield "http: with port: 0 and without a certificate there is nothing to listen on."
    for path in filter(None, (certificate, key)):
        if not re.fullmatch(r"/[^\s,]+", path):
            yield (
                f"http: '{path}' must be an absolute path on the host, without spaces and commas."
            )
    for address in http["addresses"]:
        if not re.fullmatch(ADDRESS, address):
            yield f"http.addresses: '{address}' is no address; write it like 0.0.0.0 or [::]."
    if not http["addresses"]:
        yield "http.addresses: is empty; leave it out to listen on all IPv4 addresses."


def check_tcp(tcp: Keys) -> Iterator[str]:
    """Yield what is wrong with serving the uwsgi protocol on a port."""
    if not re.fullmatch(ADDRESS, tcp["address"]):
        yield f"tcp.address: '{tcp['address']}' is no address; write it like 0.0.0.0 or [::]."
    if not tcp.get("allow"):
        yield (
            "tcp.allow: name the addresses of the web servers, because who can connect to a uwsgi"
            " port can run code as the application."
        )
    for address in tcp.get("allow", []):
        found = network(address)
        # A network of everybody is none of web servers.
        if found is None or found.prefixlen == 0:
            yield (
                f"tcp.allow: '{address}' is no address of a web server; write it like 10.0.0.5 or"
                " 10.0.0.0/28."
            )
