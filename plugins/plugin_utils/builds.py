"""The plan of role flask_app: what applications are built from, complete and checked."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import pack, release_checks
from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    NAME,
    PYTHON,
    RESERVED,
    called,
    is_plain,
    shared_problems,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.releases import shown
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import (
    about,
    besides,
    item_options,
    items,
    nearest,
    options_of,
    read,
    settings,
    unprefixed,
)

#: An application, complete: all keys of its description, and what is known of its source.
App = dict[str, Any]

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._ -]+\])?==[A-Za-z0-9.!+_-]+")
CHECKSUM = re.compile(r"sha256:[0-9a-fA-F]{64}")
#: A limit of memory, with its unit: a number alone would be bytes.
MEMORY = re.compile(r"[1-9][0-9]*[KMGT]|[1-9][0-9]?%|100%")
SOURCES = (
    "path",
    "exclude",
    "git",
    "key",
    "archive",
    "checksum",
    "version",
    "package",
    "directory",
)
#: A package of the distribution, or what one provides: nothing that dnf takes for an option, a
#: group, a file or an address.
SYSTEM_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(\([A-Za-z0-9._+:-]+\))?")
#: What of a source directory is often left out without anybody thinking of it -> what to do.
MISSED = {
    ".env": "set the application's variables by env and secret_env",
    "instance": "write shared_paths: [instance], to have such a directory that releases share",
}


@dataclass
class Plan:
    """What the role builds."""

    #: One sentence for each thing that cannot be built; empty when all is well.
    problems: list[str] = field(default_factory=list)
    #: The applications, complete.
    apps: list[App] = field(default_factory=list)
    #: The role's variables without their prefix, of the described types: what tasks use.
    settings: dict[str, Any] = field(default_factory=dict)


def plan(given: dict[str, Any]) -> Plan:
    """Return what role flask_app builds.

    Args:
        given: the role's ``variables`` by their names.
    """
    problems: list[str] = []
    variables = settings("flask_app", given["variables"], problems)
    problems += besides(problems, check_settings(variables))
    apps = items(given["variables"], ("flask_app_apps",), problems)
    problems += repeated([str(one["name"]) for one in apps if one.get("name")])
    completed = []
    for number, one in enumerate(apps, 1):
        app, wrong = complete(one, number, variables)
        problems += wrong or check(app)
        completed.append(app)
    apps = [] if problems else [with_texts(app) for app in completed]
    return Plan(problems, apps, unprefixed("flask_app", variables))


def with_texts(app: App) -> App:
    """Return an application whose variables have the texts that the uwsgi role writes for them."""
    keys = ("env", "secret_env")
    return app | {key: {name: shown(value) for name, value in app[key].items()} for key in keys}


def check_settings(variables: dict[str, Any]) -> list[str]:
    """Return a sentence for each of the role's own variables that is of no use."""
    out = []
    wheelhouse = variables["flask_app_wheelhouse"]
    if wheelhouse and not (wheelhouse.startswith("/") and Path(wheelhouse).is_dir()):
        out.append(
            f"flask_app_wheelhouse: {wheelhouse} is not a directory on the controller; write its"
            " absolute path."
        )
    python = variables["flask_app_default_python"]
    if python and not PYTHON.fullmatch(python):
        out.append(
            f"flask_app_default_python: {python} is not a Python version; write it quoted, as"
            ' "3.11".'
        )
    memory = variables["flask_app_build_memory_max"]
    if memory and not MEMORY.fullmatch(memory):
        out.append(
            f"flask_app_build_memory_max: '{memory}' is no such limit; write it like \"2G\"."
        )
    timeout = variables["flask_app_build_timeout"]
    if timeout < 1:
        out.append(f"flask_app_build_timeout: {timeout} is too short; write 1 or more seconds.")
    weight = variables["flask_app_build_cpu_weight"]
    if not 1 <= weight <= 10000:
        out.append(
            f"flask_app_build_cpu_weight: {weight} is out of range; write a number from 1 to 10000."
        )
    return out


def repeated(names: list[str]) -> list[str]:
    """Return a sentence for each name that several applications have."""
    return [
        f"flask_app_apps: application '{name}' is there {names.count(name)} times; give each"
        " application a name of its own."
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]


def complete(app: App, number: int, variables: dict[str, Any]) -> tuple[App, list[str]]:
    """Return an application with every key there is, and what of it cannot be read.

    Args:
        app: as the user wrote it.
        number: its place in the list, from 1.
        variables: the role's variables, of the described types.
    """
    problems: list[str] = []
    where = called("application", app, number)

    def say(key: str, sentence: str) -> None:
        if key == "python":
            version = app["python"]
            sentence = f'{version} is not a Python version; write it quoted, as "3.11".'
        problems.append(about(where, key, sentence))

    out = read(
        item_options("flask_app", "flask_app_apps"),
        app,
        say,
        together=options_of("flask_app")["flask_app_apps"],
    )
    source = {key: (out.get("source") or {}).get(key) or "" for key in SOURCES}
    directory = source["directory"].strip("/") if source["directory"] != "/" else "/"
    source["directory"] = directory
    excluded = variables["flask_app_exclude"]
    if directory:
        # What is anchored to the source is to be left out of the project too.
        excluded = [*excluded, *(f"/{directory}{one}" for one in excluded if one.startswith("/"))]
    out["own_exclude"] = source["exclude"] or []
    source["exclude"] = [*excluded, *out["own_exclude"]]
    out["source"] = source
    # Empty where nobody says one: the host knows which it has.
    out["python"] = out.get("python") or variables["flask_app_default_python"]
    out["known"] = known(source)
    return out, problems


def known(source: dict[str, Any]) -> dict[str, str]:
    """Return what a source is, where that is known without looking at it; else nothing."""
    if source["package"]:
        version = source["package"].partition("==")[2]
        return {"identity": source["package"], "version": version, "source": source["package"]}
    if source["archive"]:
        checksum = source["checksum"].lower()
        address = re.sub(r"://[^/]*@", "://", source["archive"])
        return {"identity": checksum, "version": checksum[:19], "source": address}
    return {}


def check(app: App) -> list[str]:
    """Return a sentence for each thing of an application that cannot be built."""
    out = []
    if not NAME.fullmatch(app["name"]):
        out.append(
            "name must be lower-case letters, digits, - and _, begin with a letter and have at"
            " most 31 characters, because units, users and directories are called by it."
        )
    elif app["name"] in RESERVED:
        out.append("name is taken by the system; choose another.")
    if app["python"] and not PYTHON.fullmatch(app["python"]):
        out.append(f'python: {app["python"]} is not a Python version; write it quoted, as "3.11".')
    source = app["source"]
    wrong = check_directory(source) if source["directory"] else []
    requirements = app["requirements"]
    # Of a directory that is somewhere else, nothing more is known.
    if requirements.startswith("/") or not (
        wrong or is_below(posixpath.join(source["directory"], requirements))
    ):
        out.append(
            f"requirements: {requirements} is not below the source; write the path from there."
        )
    out += wrong
    out += check_packages(app["packages"])
    out += shared_problems("shared_paths", app["shared_paths"])
    # Of the build commands, in the uwsgi role's words.
    out += release_checks.check_environment(app)
    kinds = [key for key in ("path", "git", "archive", "package") if source[key]]
    if len(kinds) != 1:
        out.append("source: needs exactly one of path, git, archive and package.")
    for key, looks in (
        ("path", check_path),
        ("archive", check_archive),
        ("key", check_key),
        ("package", check_package),
    ):
        if source[key]:
            out += looks(app)
    out += [
        f"static.path: {static['path']} is not below the source; write the path from there."
        for static in app["precompress"]
        if not is_below(static["path"])
    ]
    return [f"application '{app['name']}', {sentence}" for sentence in out]


def is_below(path: str) -> bool:
    """Tell whether a path stays in the directory that it is relative to."""
    return not path.startswith("/") and not posixpath.normpath(path).startswith("..")


def check_directory(source: dict[str, Any]) -> list[str]:
    """Return what is wrong with the directory of the source that the project is in."""
    directory, path = source["directory"], source["path"]
    if source["package"]:
        return ["source.directory: a package has none; leave the key out."]
    if not is_plain(directory):
        return [
            f"source.directory: '{directory}' is not below the source; write the path from there,"
            " as backend."
        ]
    if path.startswith("/") and Path(path).is_dir() and not Path(path, directory).is_dir():
        there = sorted(one.name for one in Path(path).iterdir() if one.is_dir())
        there = [name for name in there if not name.startswith(".")]
        said = f"there are {', '.join(there)}." if there else "it has no directories."
        return [
            f"source.directory: '{directory}' is no directory of {path}; {said}"
            f"{nearest(directory, there)}"
        ]
    return []


def check_packages(packages: list[str]) -> list[str]:
    """Return a sentence for each name that no package of the distribution has."""
    return [
        f"packages: '{name}' is no name of a package; write it as dnf lists it, as libpq-devel."
        for name in packages
        if not SYSTEM_PACKAGE.fullmatch(name)
    ]


def without_password(address: str) -> str:
    """Return an address as a sentence may show it."""
    return re.sub(r"(://|^)[^/]*@", r"\1***@", address)


def check_path(app: App) -> list[str]:
    """Return what is wrong with a source directory."""
    path, requirements = app["source"]["path"], app["requirements"]
    directory = app["source"]["directory"]
    if not path.startswith("/"):
        return [
            f"source.path: {path} is not absolute; begin it with {{{{ inventory_dir }}}}/ to say"
            " where it is on the controller."
        ]
    if not Path(path).is_dir():
        return [f"source.path: {path} is not a directory on the controller."]
    project = Path(path, directory)
    known = requirements not in ("", "none") and is_below(posixpath.join(directory, requirements))
    if known and not Path(project, requirements).is_file():
        return [f"requirements: {requirements} is not in {project}."]
    return []


def check_archive(app: App) -> list[str]:
    """Return what is wrong with an archive and its checksum."""
    out = []
    archive, checksum = app["source"]["archive"], app["source"]["checksum"]
    shown = without_password(archive)
    if not re.match(r"/|https?://", archive):
        out.append(
            f"source.archive: {shown} is neither an absolute path on the controller nor an http"
            " or https address."
        )
    elif archive.startswith("/") and not Path(archive).is_file():
        out.append(f"source.archive: {archive} is not a file on the controller.")
    elif not re.sub(r"[?#].*$", "", archive).endswith(ARCHIVES):
        out.append(f"source.archive: {shown} is no {', '.join(ARCHIVES)}.")
    if not CHECKSUM.fullmatch(checksum):
        out.append(
            f"source.checksum: '{checksum}' is no checksum; write sha256: and the 64 digits that"
            " sha256sum prints."
        )
    return out


def check_key(app: App) -> list[str]:
    """Return what is wrong with a deploy key."""
    if "PRIVATE KEY" in app["source"]["key"]:
        return []
    return ["source.key: is no private key; write its text, with all its lines, not its path."]


def check_package(app: App) -> list[str]:
    """Return what is wrong with a package of the index."""
    out = []
    package = app["source"]["package"]
    if not PACKAGE.fullmatch(package):
        shown = without_password(package)
        out.append(f"source.package: {shown} is not pinned; write it as name==version.")
    if app["requirements"] not in ("", "none"):
        out.append("requirements: a package brings its own; leave the key out.")
    return out


def digest_sources(apps: list[App]) -> list[App]:
    """Return applications with what their source directories are now: digests of their content.

    Raises:
        ValueError: one is no directory.
        OSError: something in it cannot be read.
    """
    out = []
    for app in apps:
        path = app["source"]["path"]
        if path:
            found = str(pack.answer(Path(path), app["source"]["exclude"])["digest"])
            known = {"identity": found, "version": f"sha256:{found[:12]}", "source": path}
            app = app | {"known": known, "left_out": left_out(app)}
        # The host is told the names; the values, only the build.
        out.append(app | {"secret_env": sorted(app["secret_env"])})
    return out


def left_out(app: App) -> list[str]:
    """Return a sentence for each thing of a source directory that somebody may miss in the build.

    What is left out because the application itself says so is not among it.
    """
    source = app["source"]
    out = []
    for name, instead in MISSED.items():
        path = "/".join(filter(None, [source["directory"], name]))
        place = Path(source["path"], path)
        left = place.exists() and pack.is_excluded(path, place.is_dir(), source["exclude"])
        if left and name not in app["shared_paths"] and not own_rule(app, path, place.is_dir()):
            out.append(
                f"{path} of {source['path']} is left out of the build, as flask_app_exclude says;"
                f" {instead}, or source.exclude: ['!{path}'] to take it in."
            )
    return out


def own_rule(app: App, path: str, is_directory: bool) -> bool:
    """Tell whether the application's own source.exclude leaves a path out."""
    return pack.is_excluded(path, is_directory, app["own_exclude"])
