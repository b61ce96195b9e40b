"""The plan of role python: which interpreters a host gets, by which packages, and what it lacks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import cores, hardening
from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    PYTHON,
    PYTHON_PACKAGES,
    python_package,
    unknown_system,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import besides, settings

#: Where environments of uv are, each called by its version.
UV = "/opt/uv"
#: The oldest Python that uv can be installed with; it makes environments for older ones too.
OLDEST_FOR_UV = "3.8"
#: Packages of interpreters, as dnf is asked for them: what else there is, is said in an error.
PATTERNS = ["python3.??", "python3?"]


@dataclass
class Plan:
    """What the role does on a host, and tells later roles."""

    #: One sentence for each thing that cannot be done; empty when all is well.
    problems: list[str] = field(default_factory=list)
    #: What dnf is to be asked for before there is a plan; empty where all is installed.
    questions: list[str] = field(default_factory=list)
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
    #: The interpreter that it is installed with.
    uv_python: str = ""
    #: uv does not run, or is of another version.
    uv_is_missing: bool = False
    #: uv's wheels in the wheelhouse, on the controller.
    uv_wheels: list[str] = field(default_factory=list)
    #: What fapolicyd has to be told to let run.
    fapolicyd_allow: list[str] = field(default_factory=list)


@dataclass
class Host:
    """What a host has of Python, and could have."""

    #: Its release, as the names of packages go by it.
    release: str
    #: Names of the packages that are installed.
    installed: frozenset[str]
    #: Names of those that dnf offers; None as long as it has not said so.
    offered: frozenset[str] | None

    def has(self, version: str) -> bool:
        """Tell whether an interpreter is there."""
        return python_package(version, self.release) in self.installed

    def can_have(self, version: str) -> bool:
        """Tell whether an interpreter is there, or dnf has said that it can be."""
        package = python_package(version, self.release)
        return self.has(version) or package in (self.offered or ())

    def lacks(self, version: str) -> bool:
        """Tell whether an interpreter is not there, and dnf has said that it cannot be."""
        return self.offered is not None and not self.can_have(version)

    def versions(self) -> list[str]:
        """Return those that are there or offered, the newest first."""
        named = {name: version for version, name in PYTHON_PACKAGES.get(self.release, {}).items()}
        names = self.installed | (self.offered or frozenset())
        found = {named.get(name, name.removeprefix("python")) for name in names}
        known = (version for version in found if PYTHON.fullmatch(version))
        return sorted(known, key=minor, reverse=True)


def minor(version: str) -> int:
    """Return what tells versions apart, to compare them: 12 of 3.12."""
    return int(version.partition(".")[2])


def packages(versions: list[str], release: str, headers: bool) -> list[str]:
    """Return the packages of interpreters, as a release of the system calls them."""
    out = []
    for version in versions:
        base = python_package(version, release)
        out += [base, f"{base}-devel"] if headers else [base]
    return out


def asked_versions(variables: dict[str, Any]) -> list[str]:
    """Return the versions that are asked for, each once; an empty one is the default."""
    asked = [*variables["python_versions"], *variables["python_dependent_versions"]]
    return list(dict.fromkeys(asked or [""]))


def problems(given: dict[str, Any], variables: dict[str, Any]) -> list[str]:
    """Return a sentence for each thing that cannot be done, whatever the host has.

    Args:
        given: as for plan().
        variables: the role's variables, of the described types.
    """
    out = []
    if not given["release_versions"]:
        out.append(unknown_system("python", given["facts"]))
    asked = [("python_versions", version) for version in filter(None, asked_versions(variables))]
    preferred = [
        ("python_preferred_versions", version) for version in variables["python_preferred_versions"]
    ]
    for name, version in asked + preferred:
        if not PYTHON.fullmatch(version):
            out.append(f'{name}: {version} is not a Python version; write it quoted, as "3.11".')
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


def default_of(preferred: list[str], host: Host) -> str:
    """Return the version for applications that name none.

    The first that is there or offered; where dnf has not said what it offers, the first that is
    there.
    """
    able = [version for version in preferred if host.can_have(version)]
    return (able or preferred)[0]


def questions(asked: list[str], preferred: list[str], host: Host) -> list[str]:
    """Return what dnf is to be asked for: nothing where the first choice is installed."""
    unknown = [version for version in asked if version and not host.has(version)]
    if "" in asked:
        for version in preferred:
            if host.has(version):
                break
            unknown.append(version)
    names = [python_package(version, host.release) for version in unknown]
    return [*dict.fromkeys(names), *PATTERNS] if names else []


def not_offered(asked: list[str], preferred: list[str], host: Host) -> list[str]:
    """Return a sentence for each interpreter that can be had nowhere."""
    others = host.versions()
    there = f"there are {', '.join(others)}" if others else "there is none at all"
    out = [
        f"python_versions, or python of an application: Python {version} is neither installed on"
        f" this host nor in its repositories (package {python_package(version, host.release)});"
        f" {there}. Take one of these, or add the repository that has it."
        for version in asked
        if version and host.lacks(version)
    ]
    if "" in asked and all(map(host.lacks, preferred)):
        out.append(
            f"python_preferred_versions: none of {', '.join(preferred)} is installed on this host"
            f" or in its repositories; {there}. Name one that is to be had, or add the repository"
            " that has one of those."
        )
    return out


def plan(given: dict[str, Any]) -> Plan:
    """Return what role python does on a host.

    Args:
        given: the role's ``variables`` by their names; ``release_versions``, those that the host's
            release has for applications, best first, empty if it is unknown; ``facts``
            (distribution and distribution_major_version); ``core``, the version of ansible-core;
            ``answer``, of ``host_info``: packages, versions and what hardening.plan() takes; and
            ``offers``, of ``dnf_info``, empty as long as it was not asked.
    """
    wrong: list[str] = []
    variables = settings("python", given["variables"], wrong)
    wrong += besides(wrong, problems(given, variables))
    hardened = hardening.plan(given["answer"], "python", variables["python_fapolicyd"])
    wrong += hardened.problems
    told = given["answer"].get("versions", {})
    wrong += filter(None, [cores.problem_of(given["core"], told)])
    if wrong:
        return Plan(problems=wrong)
    offers = given["offers"]
    host = Host(
        release=str(given["facts"]["distribution_major_version"]),
        installed=frozenset(given["answer"].get("packages", [])),
        # Where dnf could not say it, installing says why.
        offered=None if offers.get("failed_because", True) else frozenset(offers["offered"]),
    )
    preferred = variables["python_preferred_versions"] or given["release_versions"]
    asked = asked_versions(variables)
    default = default_of(preferred, host)
    versions = list(dict.fromkeys(version or default for version in asked))
    wanted = packages(versions, host.release, variables["python_headers"])
    uv_version, wheelhouse = variables["python_uv_version"], variables["python_wheelhouse"]
    home = f"{UV}/{uv_version}"
    uv = f"{home}/bin/uv"
    # "uv 0.13.9 (x86_64-unknown-linux-gnu)"
    uv_is_missing = told.get(uv, "").split(" (")[0] != f"uv {uv_version}"
    newest = max(versions, key=minor)
    wrong = not_offered(asked, preferred, host)
    if not wrong and uv_is_missing and minor(newest) < minor(OLDEST_FOR_UV):
        wrong = [
            f"python_versions: uv is installed with Python {OLDEST_FOR_UV} or newer, and {newest}"
            " is the newest that is asked for; name a newer one beside it. Applications may have"
            " the older."
        ]
    wheels = []
    if wheelhouse:
        wheels = sorted(Path(wheelhouse).glob(f"uv-{uv_version}-*.whl"))
    return Plan(
        problems=wrong,
        questions=questions(asked, preferred, host),
        default_version=default,
        interpreters={version: f"/usr/bin/python{version}" for version in versions},
        packages=wanted,
        missing_packages=[name for name in wanted if name not in host.installed],
        uv_home=home,
        uv=uv,
        uv_python=f"/usr/bin/python{newest}",
        uv_is_missing=uv_is_missing,
        uv_wheels=[str(path) for path in wheels],
        fapolicyd_allow=hardened.allow,
    )
