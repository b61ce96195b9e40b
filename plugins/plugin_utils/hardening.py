"""What of a host's hardening keeps a role from its work, and what there is to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    RELEASES,
    unknown_system,
)

#: The role -> what of its own cannot run where it is not allowed to.
PROGRAMS = {
    "python": "uv",
    "flask_app": "the applications' environments",
    "uwsgi": "uWSGI and the applications",
    "nginx": "certbot and the collector of metrics",
}


@dataclass
class Plan:
    """What follows from a host's hardening for a role."""

    #: One sentence for each thing that keeps programs from running; empty when all is well.
    problems: list[str] = field(default_factory=list)
    #: What fapolicyd has to be told to let run.
    allow: list[str] = field(default_factory=list)


def plan(answer: dict[str, Any], role: str, mode: str) -> Plan:
    """Return what follows for a role.

    Args:
        answer: what the host said: noexec, fapolicyd and fapolicyd_lacking; and system, what it is,
            where no other question has asked. Empty where it could not answer for another reason.
        role: without its collection.
        mode: of the role's variable for fapolicyd: fail or allow.
    """
    system = answer.get("system")
    if system and (
        system["os_family"] != "RedHat" or system["distribution_major_version"] not in RELEASES
    ):
        return Plan(problems=[unknown_system(role, system)])
    out = Plan(problems=noexec(answer.get("noexec") or {}))
    lacking = answer.get("fapolicyd_lacking") or []
    if answer.get("fapolicyd") and lacking:
        if mode == "allow":
            out.allow = list(lacking)
        else:
            out.problems.append(
                f"{role}_fapolicyd: fapolicyd on this host lets nothing run that no package has"
                f" brought, so {PROGRAMS[role]} could not run; write {role}_fapolicyd: allow (or,"
                f" for all roles, flaskstack_fapolicyd: allow), and the role allows"
                f" {', '.join(lacking)} in /etc/fapolicyd/rules.d/25-flaskstack-{role}.rules."
            )
    return out


def noexec(found: dict[str, str]) -> list[str]:
    """Return a sentence for each mount point that no program can be run from.

    Args:
        found: directory -> the mount point that it is on.
    """
    out = []
    for mount in dict.fromkeys(found.values()):
        directories = [one for one, point in found.items() if point == mount]
        out.append(
            f"{mount} is mounted with noexec, so nothing can be run in {', '.join(directories)}:"
            f" take noexec out of its options in /etc/fstab and run mount -o remount,exec {mount},"
            " or mount a file system without it there."
        )
    return out
