"""The plan of role python: which interpreters a host gets, by which packages, and what it lacks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    PYTHON,
    unknown_system,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import besides, settings

#: Where environments of uv are, each called by its version.
UV = "/opt/uv"


@dataclass
class Plan:
    """What the role does on a host, and tells later roles."""

    #: One sentence for each thing that cannot be done; empty when all is well.
    problems: list[str] = field(default_factory=list)
    #: The version for applications that name none.
    default_version: str = ""
    #: Version -> path, in the order asked for.
    interpreters: dict[str, str] = field(default_factory=dict)
    #: All that are to be there.
    packages: list[str] = field(default_factory=list)
    #: Of those, the ones that are not.
    missing_packages: list[str] = field(default_factory=list)
    #: The environment of uv, and the program in it.
    uv_home: str = ""
    uv: str = ""
    #: uv does not run, or is of another version.
    uv_is_missing: bool = False
    #: uv's wheels in the wheelhouse, on the controller.
    uv_wheels: list[str] = field(default_factory=list)


def packages(versions: list[str], platform: str, headers: bool) -> list[str]:
    """Return the packages of interpreters.

    The platform's own version is packaged as python3, every other as python3.N.
    """
    out = []
    for version in versions:
        base = "python3" if version == platform else f"python{version}"
        out += [base, f"{base}-devel"] if headers else [base]
    return out


def asked_versions(variables: dict[str, Any]) -> list[str]:
    """Return the versions that are asked for; an empty one is the default."""
    return [*variables["python_versions"], *variables["python_dependent_versions"]]


def problems(given: dict[str, Any], variables: dict[str, Any]) -> list[str]:
    """Return a sentence for each thing that cannot be done.

    Args:
        given: as for plan().
        variables: the role's variables, of the described types.
    """
    out = []
    if not given["default_version"]:
        out.append(unknown_system("python", given["facts"]))
    for version in filter(None, asked_versions(variables)):
        if not PYTHON.fullmatch(version):
            out.append(
                f'python_versions: {version} is not a Python version; write it quoted, as "3.11".'
            )
    uv = variables["python_uv_version"]
    if not re.fullmatch(r"[0-9]+[.][0-9]+[.][0-9]+", uv):
        out.append(f'python_uv_version: {uv} is no version of uv; write it quoted, as "0.13.9".')
    wheelhouse = variables["python_wheelhouse"]
    if wheelhouse and not (wheelhouse.startswith("/") and Path(wheelhouse).is_dir()):
        out.append(
            f"python_wheelhouse: {wheelhouse} is not a directory on the controller; write its"
            " absolute path."
        )
    return out


def plan(given: dict[str, Any]) -> Plan:
    """Return what role python does on a host.

    Args:
        given: the role's ``variables`` by their names; platform_version and default_version of the
            host's release, empty if it is unknown; facts (distribution and
            distribution_major_version), and the answer of ``host_info``: packages and versions.
    """
    wrong: list[str] = []
    variables = settings("python", given["variables"], wrong)
    wrong += besides(wrong, problems(given, variables))
    if wrong:
        return Plan(problems=wrong)
    default = given["default_version"]
    asked = asked_versions(variables)
    # Each once, in the order asked for; an empty entry stands for the default.
    versions = list(dict.fromkeys(version or default for version in asked or [""]))
    wanted = packages(versions, given["platform_version"], variables["python_headers"])
    uv_version, wheelhouse = variables["python_uv_version"], variables["python_wheelhouse"]
    home = f"{UV}/{uv_version}"
    uv = f"{home}/bin/uv"
    # "uv 0.13.9 (x86_64-unknown-linux-gnu)"
    said = given["answer"].get("versions", {}).get(uv, "").split(" (")[0]
    wheels = []
    if wheelhouse:
        wheels = sorted(Path(wheelhouse).glob(f"uv-{uv_version}-*.whl"))
    return Plan(
        default_version=default,
        interpreters={version: f"/usr/bin/python{version}" for version in versions},
        packages=wanted,
        missing_packages=[
            name for name in wanted if name not in given["answer"].get("packages", [])
        ],
        uv_home=home,
        uv=uv,
        uv_is_missing=said != f"uv {uv_version}",
        uv_wheels=[str(path) for path in wheels],
    )
