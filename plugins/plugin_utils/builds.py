"""The plan of role flask_app: what applications are built from, complete and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import pack
from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    NAME,
    PYTHON,
    RESERVED,
    called,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import (
    item_options,
    listed,
    read,
)

#: An application, complete: all keys of its description, and what is known of its source.
App = dict[str, Any]

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._ -]+\])?==[A-Za-z0-9.!+_-]+")
CHECKSUM = re.compile(r"sha256:[0-9a-fA-F]{64}")
SOURCES = ("path", "exclude", "git", "key", "archive", "checksum", "version", "package")


@dataclass
class Plan:
    """What the role builds."""

    #: One sentence for each thing that cannot be built; empty when all is well.
    problems: list[str] = field(default_factory=list)
    #: The applications, complete.
    apps: list[App] = field(default_factory=list)


def plan(given: dict[str, Any]) -> Plan:
    """Return what role flask_app builds.

    Args:
        given: apps, default_python, exclude and wheelhouse of the role's variables.
    """
    problems: list[str] = []
    apps = [one for one in given["apps"] if isinstance(one, dict)]
    if len(apps) < len(given["apps"]):
        problems.append("flask_app_apps: each application is a dictionary with name and source.")
    problems += repeated([str(one["name"]) for one in apps if one.get("name")])
    completed = []
    for number, one in enumerate(apps, 1):
        app, wrong = complete(one, number, given)
        problems += wrong or check(app)
        completed.append(app)
    wheelhouse = given["wheelhouse"]
    if wheelhouse and not (wheelhouse.startswith("/") and Path(wheelhouse).is_dir()):
        problems.append(
            f"flask_app_wheelhouse: {wheelhouse} is not a directory on the controller; write its"
            " absolute path."
        )
    return Plan(problems, completed if not problems else [])


def repeated(names: list[str]) -> list[str]:
    """Return a sentence for each name that several applications have."""
    return [
        f"flask_app_apps: application '{name}' is there {names.count(name)} times; give each"
        " application a name of its own."
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]


def complete(app: App, number: int, given: dict[str, Any]) -> tuple[App, list[str]]:
    """Return an application with every key there is, and what of it cannot be read.

    Args:
        app: as the user wrote it.
        number: its place in the list, from 1.
        given: as for plan().
    """
    problems: list[str] = []
    where = called("application", app, number) + ", "

    def say(key: str, sentence: str) -> None:
        if key == "python":
            version = app["python"]
            sentence = f'{version} is not a Python version; write it quoted, as "3.11".'
        problems.append(f"{where}{key}: {sentence}")

    out = read(item_options("flask_app", "flask_app_apps"), app, say)
    source = {key: (out.get("source") or {}).get(key) or "" for key in SOURCES}
    source["exclude"] = [*listed(given["exclude"]), *(source["exclude"] or [])]
    out["source"] = source
    out["python"] = out.get("python") or given["default_python"]
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
    if not PYTHON.fullmatch(app["python"]):
        out.append(f'python: {app["python"]} is not a Python version; write it quoted, as "3.11".')
    if not is_below(app["requirements"]):
        out.append(
            f"requirements: {app['requirements']} is not below the source; write the path from"
            " there."
        )
    source = app["source"]
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
    return not path.startswith("/") and ".." not in path.split("/")


def without_password(address: str) -> str:
    """Return an address as a sentence may show it."""
    return re.sub(r"(://|^)[^/]*@", r"\1***@", address)


def check_path(app: App) -> list[str]:
    """Return what is wrong with a source directory."""
    path, requirements = app["source"]["path"], app["requirements"]
    if not path.startswith("/"):
        return [
            f"source.path: {path} is not absolute; begin it with {{{{ inventory_dir }}}}/ to say"
            " where it is on the controller."
        ]
    if not Path(path).is_dir():
        return [f"source.path: {path} is not a directory on the controller."]
    if requirements not in ("", "none") and not Path(path, requirements).is_file():
        return [f"requirements: {requirements} is not in {path}."]
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
            app = app | {"known": known}
        out.append(app)
    return out
