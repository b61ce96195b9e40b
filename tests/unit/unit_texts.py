"""Look at the units that are written: whether a release's systemd knows all that is in them."""

from __future__ import annotations

import re

from ansible_collections.flaskstack.centos.plugins.plugin_utils import units

#: Directive -> what its value may be: a systemd before 240 does not take every prefix of a command,
#: kind of service and level of a protection.
VALUES = {
    "ExecStart": r"/.*",
    "ExecStartPre": r"\+?/.*",
    "ExecStopPost": r"/.*",
    "Type": r"simple|oneshot|notify",
    "ProtectHome": r"yes|true|read-only",
    "ProtectSystem": r"strict",
    "DevicePolicy": r"closed",
    "KillMode": r"mixed",
    "Restart": r"always|on-failure",
    "OOMPolicy": r"continue",
    "StandardOutput": r"null",
    "LogLevelMax": r"notice",
    "TimeoutStartSec": r"\d+|infinity",
    # Without another one in it.
    "Environment": r"[^%]*(%i[^%]*)?",
}


def directives(text: str) -> list[tuple[str, str]]:
    """Give the directives of a unit with their values."""
    return re.findall(r"^([A-Za-z]+)=(.*)$", text, re.M)


def check(texts: dict[str, str], release: str) -> None:
    """Look at units, by what a failure is to call them, as a release gets them."""
    for path, text in texts.items():
        for name, value in directives(text):
            where = f"{path}: {name}={value}"
            known = name in units.EVERYWHERE or units.NEWER[name] <= units.VERSIONS[release]
            assert known, where
            assert re.fullmatch(VALUES.get(name, ".*"), value), where
            assert set(re.findall(r"%(.)", value)) <= {"i"}, where
            if name == "SystemCallFilter":
                assert not units.unknown_calls(value.split(), units.OLDEST), where
