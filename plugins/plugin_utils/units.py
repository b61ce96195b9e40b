"""What a host's systemd knows: units leave out what is newer, instead of a warning at each start.

Directives were looked up in the pages of section 5 of systemd 257, which say since when each is
there, and in the parser of the systemd that release 8 has, to which newer ones were added.
"""

from __future__ import annotations

import re

from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import Keys

#: Release -> the version of its systemd. A release keeps it for its life, but for 9.0 and 9.1,
#: whose 249 and 250 know all that is in NEWER.
VERSIONS = {"8": 239, "9": 252, "10": 257}
OLDEST = min(VERSIONS.values())

#: Directive -> the first systemd that knows it, of those that not every release has.
NEWER = {
    "OOMPolicy": 243,
    "ProtectClock": 245,
    "ProtectHostname": 242,
    "ProtectKernelLogs": 244,
    "ProtectProc": 247,
}
#: Directives that every release has; what a template uses is in one of the two. RestrictSUIDSGID is
#: of 242, and release 8 has got it by an update.
_EVERYWHERE = """
AccuracySec After AmbientCapabilities Backlog BindPaths CPUQuota CPUWeight CacheDirectory
CacheDirectoryMode CapabilityBoundingSet ConditionPathExists Description DeviceAllow DevicePolicy
DirectoryMode Environment EnvironmentFile ExecStart ExecStartPre ExecStopPost Group IPAddressAllow
IPAddressDeny KillMode KillSignal LimitNOFILE ListenStream LockPersonality LogExtraFields
LogLevelMax MemoryDenyWriteExecute MemoryHigh MemoryMax NoNewPrivileges OnActiveSec OnCalendar
OnUnitActiveSec Persistent PrivateDevices PrivateNetwork PrivateTmp ProtectControlGroups ProtectHome
ProtectKernelModules ProtectKernelTunables ProtectSystem RandomizedDelaySec ReadWritePaths
RemainAfterExit RemoveIPC RemoveOnStop Requires Restart RestartSec RestrictAddressFamilies
RestrictNamespaces RestrictRealtime RestrictSUIDSGID RuntimeDirectory RuntimeDirectoryMode
RuntimeMaxSec Slice SocketGroup SocketMode SocketUser StandardOutput StartLimitIntervalSec
StateDirectory SupplementaryGroups SyslogIdentifier SystemCallArchitectures SystemCallErrorNumber
SystemCallFilter TasksMax TimeoutStartSec TimeoutStopSec Type UMask User WantedBy Wants
WorkingDirectory
"""
EVERYWHERE = frozenset(_EVERYWHERE.split())

#: Sets of system calls that every release has.
_CALL_SETS = """
@aio @basic-io @chown @clock @cpu-emulation @debug @default @file-system @io-event @ipc @keyring
@known @memlock @module @mount @network-io @obsolete @privileged @process @raw-io @reboot @resources
@setuid @signal @swap @sync @system-service @timer
"""
CALL_SETS = frozenset(_CALL_SETS.split())
#: Others -> the first systemd of a release that knows them.
NEWER_CALL_SETS = {"@pkey": 252, "@sandbox": 257}

DIRECTIVE = re.compile(r"([A-Za-z]+)=")


def version_on(release: str) -> int:
    """Return the version of systemd of a release; of one that the roles refuse, the oldest.

    Args:
        release: the fact distribution_major_version.
    """
    return VERSIONS.get(release, OLDEST)


def known(text: str, systemd: int) -> str:
    """Return a unit without the directives that a systemd does not know.

    A comment directly above one goes with it.

    Args:
        text: of the unit; each directive is on a line of its own.
        systemd: its version.
    """
    out: list[str] = []
    for line in text.splitlines(keepends=True):
        found = DIRECTIVE.match(line)
        if not found or NEWER.get(found[1], 0) <= systemd:
            out.append(line)
            continue
        while out and out[-1].startswith("#"):
            out.pop()
    return "".join(out)


def unknown_calls(calls: list[str], systemd: int) -> list[str]:
    """Return those of an application's system calls that are sets which a systemd does not know.

    It would leave them out with a warning, and what they were written for would fail.
    """
    return [
        call
        for call in calls
        if call.startswith("@")
        and call not in CALL_SETS
        and not NEWER_CALL_SETS.get(call, systemd + 1) <= systemd
    ]


def system_of(facts: Keys) -> int:
    """Return the version of systemd of a host by its facts."""
    return version_on(str(facts["distribution_major_version"]))
