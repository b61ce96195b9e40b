"""The plan of role python: which interpreters a host gets, by which packages, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    PYTHON,
    unknown_system,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import listed, to_bool

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


def asked_versions(given: dict[str, Any]) -> list[Any]:
    """Return the versions that are asked for; an empty one is the default."""
    return [*listed(given["versions"]), *listed(given["dependent_versions"])]


def problems(given: dict[str, Any]) -> list[str]:
    """Return a sentence for each thing that cannot be done."""
    out = []
    if not given["default_version"]:
        out.append(unknown_system("python", given["facts"]))
    for version in filter(None, asked_versions(given)):
        if not isinstance(version, str) or not PYTHON.fullmatch(version):
            out.append(
                f'python_versions: {version} is not a Python version; write it quoted, as "3.11".'
            )
    wheelhouse = given["wheelhouse"]
    if wheelhouse and not (wheelhouse.startswith("/") and Path(wheelhouse).is_dir()):
        out.append(
            f"python_wheelhouse: {wheelhouse} is not a directory on the controller; write its"
            " absolute path."
        )
    return out


def plan(given: dict[str, Any]) -> Plan:
    """Return what role python does on a host.

    Args:
        given: versions, dependent_versions, headers, uv_version, wheelhouse of the role's
            variables; platform_version and default_version of the host's release, empty if it is
            unknown; facts (distribution and distribution_major_version), and the answer of
            ``host_info``: packages and versions.
    """
    wrong = problems(given)
    if wrong:
        return Plan(problems=wrong)
    default = given["default_version"]
    asked = asked_versions(given)
    # Each once, in the order asked for; an empty entry stands for the default.
    versions = list(dict.fromkeys(version or default for version in asked or [""]))
    wanted = packages(versions, given["platform_version"], to_bool(given["headers"])[0])
    home = f"{UV}/{given['uv_version']}"
    uv = f"{home}/bin/uv"
    # "uv 0.13.9 (x86_64-unknown-linux-gnu)"
    said = given["answer"].get("versions", {}).get(uv, "").split(" (")[0]
    wheels = []
    if given["wheelhouse"]:
        wheels = sorted(Path(given["wheelhouse"]).glob(f"uv-{given['uv_version']}-*.whl"))
    return Plan(
        default_version=default,
        interpreters={version: f"/usr/bin/python{version}" for version in versions},
        packages=wanted,
        missing_packages=[
            name for name in wanted if name not in given["answer"].get("packages", [])
        ],
        uv_home=home,
        uv=uv,
        uv_is_missing=said != f"uv {given['uv_version']}",
        uv_wheels=[str(path) for path in wheels],
    )
