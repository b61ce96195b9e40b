"""Whether a host has to be rebooted to run what is installed on it.

As `dnf needs-restarting --reboothint` has it, a plugin that a minimal host lacks: a package of
which everything is made was installed since the boot. And the kernel that the next boot takes is
another than the one that runs.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
from typing import Any, Dict, List, Optional

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import CommandFailed

PROC = "/proc"
#: Packages whose updates have no effect until a boot: what all processes have loaded, the first
#: process, the bus, and what the kernel and the firmware are.
PACKAGES = frozenset(
    {
        "dbus",
        "dbus-broker",
        "dbus-daemon",
        "glibc",
        "gnutls",
        "kernel",
        "kernel-64k",
        "kernel-core",
        "kernel-rt",
        "kernel-rt-core",
        "kernel-uek-core",
        "linux-firmware",
        "microcode_ctl",
        "openssl-libs",
        "systemd",
    }
)
#: How rpm is to tell of a package.
FORMAT = "%{NAME} %{INSTALLTIME} %{VERSION}-%{RELEASE}.%{ARCH}\\n"


def boot_time() -> float:
    """Return when the first process was started, in seconds since the epoch.

    Not only when the kernel was: a container has that of its machine.

    Raises:
        OSError: the kernel does not tell.
    """
    with open(f"{PROC}/stat", encoding="ascii") as file:
        kernel = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    with open(f"{PROC}/1/stat", encoding="utf-8", errors="replace") as file:
        # Behind the name, which may have any character; started is field 22, in clock ticks.
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return kernel + ticks / os.sysconf("SC_CLK_TCK")


def next_kernel() -> Optional[str]:
    """Return the release of the kernel that the next boot takes; None where nobody can tell."""
    with contextlib.suppress(OSError, CommandFailed):
        path = run(["grubby", "--default-kernel"], timeout=20).stdout.strip()
        name = os.path.basename(path)
        if name.startswith("vmlinuz-"):
            return name[len("vmlinuz-") :]
    return None


def running_kernel() -> str:
    """Return the release of the kernel that runs."""
    with open(f"{PROC}/sys/kernel/osrelease", encoding="ascii") as file:
        return file.read().strip()


def reasons(booted: float, running: str, coming: Optional[str], packages: str) -> List[str]:
    """Return why a host has to be rebooted, a line for each reason.

    Args:
        booted: when it was booted, in seconds since the epoch.
        running: the release of the kernel that runs.
        coming: that of the next boot, if anybody can tell.
        packages: what rpm says of those that are installed, in FORMAT.
    """
    out = []
    if coming is not None and coming != running:
        out.append(f"the next boot takes kernel {coming}, and {running} runs")
    for line in sorted(packages.splitlines()):
        fields = line.split()
        known = len(fields) == 3 and fields[0] in PACKAGES and fields[1].isdigit()
        if known and int(fields[1]) > booted:
            out.append(f"{fields[0]} {fields[2]} was installed since the boot")
    return out


def info() -> Dict[str, Any]:
    """Return whether the host has to be rebooted, and why.

    Raises:
        CommandFailed: rpm does not tell what is installed.
        OSError: the kernel does not tell when it was booted.
    """
    booted, running = boot_time(), running_kernel()
    packages = run(["rpm", "--query", "--all", "--queryformat", FORMAT]).stdout
    found = reasons(booted, running, next_kernel(), packages)
    return {
        "changed": False,
        "needed": bool(found),
        "reasons": found,
        "booted": booted,
        "kernel": running,
    }
