"""Where uWSGI comes from: a wheel on the controller, one that the host has kept, or a compiler."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import re
from collections.abc import Iterator

from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import python_package
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import Keys, to_bool

#: Where a host keeps its wheels.
DIRECTORY = "/opt/uwsgi/wheels"
#: What compiling takes: PCRE for internal routing, OpenSSL for https, zlib for compressing answers.
BUILD_PACKAGES = ["gcc", "pcre2-devel", "openssl-devel", "zlib-devel"]
#: What its binary is linked to, and the package of each. The interpreter's own library comes with
#: the interpreter.
LIBRARY_PACKAGES = {
    "libpcre2-8": "pcre2",
    "libssl": "openssl-libs",
    "libcrypto": "openssl-libs",
    "libz": "zlib",
    "libcrypt": "libxcrypt",
    "libcap": "libcap",
    "libuuid": "libuuid",
}


@dataclasses.dataclass
class Wheels:
    """What a host needs of wheels."""

    #: The directories of uWSGI that are to be made: home, python, tag, key (of the wheel, for all
    #: hosts), given (a wheel on the controller), and wheel (its path on the host; empty if there
    #: is none yet).
    homes: list[Keys]
    #: What is to be compiled or fetched, as once.compilers() takes it.
    lacking: list[Keys]
    #: Those of them that this host compiles.
    own: list[Keys]
    #: The packages that this takes; none where the host has kept all the wheels.
    packages: list[str]
    #: Those that were installed for it, once they are.
    removable: list[str]
    #: uWSGI's source on the controller.
    archive: str
    #: The host's kind, as the wheelhouse calls its directory.
    platform: str
    #: That directory.
    directory: str
    #: Sentences for the user.
    problems: list[str]


def plan(given: Keys) -> Wheels:
    """Return what a host needs of wheels, and why it cannot have it.

    It looks at the controller's wheelhouse: another host may have brought a wheel there since.

    Args:
        given: ``missing`` (directories of uWSGI that are not there, or do not run), ``kept`` (names
            of wheels on the host), ``architecture``, ``release`` (of the operating system),
            ``version``, ``wheelhouse``, ``fetch``, ``apps`` (items, for the names of applications),
            ``absent`` (Python versions that the host has no interpreter of), ``host`` (its name),
            ``compilers`` (what once.compilers() said), ``transaction`` (what dnf said) and
            ``compiled`` (results of a loop of uwsgi_wheel over ``own``).
    """
    wheelhouse, version = given["wheelhouse"], given["version"]
    fetch = to_bool(given["fetch"])[0]
    platform = f"el{given['release']}-{given['architecture']}"
    directory = f"{wheelhouse}/{platform}"
    archive = next(look(wheelhouse, f"uwsgi-{version}.tar.gz"), "")
    compiled = {one["item"]["key"]: one["wheel"] for one in given["compiled"] if "wheel" in one}
    homes, lacking, problems = [], [], []
    for home in given["missing"]:
        python = home.rsplit("-python", 1)[1]
        tag = "cp" + python.replace(".", "")
        key = f"{directory}/{version}-{tag}"
        name = f"uwsgi-{version}-{tag}-*"
        found = [*look(directory, f"{name}.whl"), *look(wheelhouse, name_for(name, given))]
        kept = next((one for one in given["kept"] if matches(one, f"{name}.whl")), "")
        there = f"{DIRECTORY}/{kept}" if kept else ""
        wheel = f"{DIRECTORY}/{os.path.basename(found[0])}" if found else there
        homes.append(
            {
                "home": home,
                "python": python,
                "tag": tag,
                "key": key,
                "given": found[0] if found else "",
                "wheel": wheel or compiled.get(key, ""),
            }
        )
        if not found and (not there or fetch):
            lacking.append({"python": python, "key": key, "kept": there, "fetch": fetch})
        if python in given["absent"]:
            names = [app["name"] for app in given["apps"] if str(app["python"]) == python]
            problems.append(
                f"Python {python} of application {', '.join(names)} is not on this host"
                f" (/usr/bin/python{python}); let the python role install it, or install it before."
            )
        if wheelhouse and not (fetch or archive or wheel):
            problems.append(
                f"uwsgi_wheelhouse: {wheelhouse} has neither {platform}/uwsgi-{version}-{tag}-*.whl"
                f" nor {name_for(name, given)} nor uwsgi-{version}.tar.gz; put one of them there,"
                " or have the wheel made and fetched with uwsgi_fetch: true."
            )
    own = [one for one in lacking if given["compilers"].get(one["key"]) == given["host"]]
    return Wheels(
        homes=homes,
        lacking=lacking,
        own=own,
        packages=packages_to_compile(own, given["release"]),
        removable=removable(given["transaction"]),
        archive=archive,
        platform=platform,
        directory=directory,
        problems=problems,
    )


def name_for(name: str, given: Keys) -> str:
    """Return the pattern of a wheel that is not in a directory for its platform."""
    return f"{name}{given['architecture']}.whl"


def matches(name: str, pattern: str) -> bool:
    """Tell whether a file is called so. Older tools write uWSGI's name with capitals."""
    return fnmatch.fnmatchcase(name.lower(), pattern.lower())


def look(directory: str, pattern: str) -> Iterator[str]:
    """Yield the paths of the files of a directory on the controller that are called so, sorted."""
    if directory.startswith("/") and os.path.isdir(directory):
        for name in sorted(os.listdir(directory)):
            path = os.path.join(directory, name)
            if matches(name, pattern) and os.path.isfile(path):
                yield path


def packages_to_compile(wheels: list[Keys], release: str) -> list[str]:
    """Return what compiling takes; nothing where the host has kept all the wheels.

    Args:
        wheels: what this host is to compile, of Wheels.lacking.
        release: of the operating system.
    """
    pythons = [one["python"] for one in wheels if not one["kept"]]
    headers = [f"{python_package(one, str(release))}-devel" for one in pythons]
    return [*BUILD_PACKAGES, *headers] if pythons else []


def packages_of(libraries: list[str]) -> list[str]:
    """Return the packages of shared libraries (``libssl.so.3``) that a binary wants."""
    stems = (library.split(".so", 1)[0] for library in libraries)
    return list(dict.fromkeys(LIBRARY_PACKAGES[one] for one in stems if one in LIBRARY_PACKAGES))


def removable(results: list[str]) -> list[str]:
    """Return what dnf said it installed, without what it replaced: an upgrade is both."""
    before = {
        name_of(line.removeprefix("Removed: ")) for line in results if line.startswith("Removed: ")
    }
    brought = [
        line.removeprefix("Installed: ") for line in results if line.startswith("Installed: ")
    ]
    return [package for package in brought if name_of(package) not in before]


def name_of(package: str) -> str:
    """Return a package's name: without version, release and architecture."""
    return re.sub(r"-[^-]+-[^-]+$", "", package)
