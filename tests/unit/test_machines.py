"""What lab/vm does around qemu: which process is a host's, what is made anew, what is published."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

LAB = Path(__file__).parents[2] / "lab"

# Goes on in the background, as -daemonize has it, and is known by its disk.
QEMU = r"""#!/bin/bash
printf '%s\n' "$@" >"${0%/*}/arguments"
while [ "$1" != -pidfile ]; do shift; done
(exec -a "qemu $(grep file=.*disk, "${0%/*}/arguments")" sleep 60) </dev/null >/dev/null 2>&1 &
echo $! >"$2"
"""


class Machines:
    """A checkout with nothing but the lab, and a qemu that only sleeps."""

    def __init__(self, root: Path) -> None:
        """Make it."""
        shutil.copytree(LAB, root / "lab")
        self.lab = root / "lab" / "vm"
        self.state = root / ".lab" / "vm"
        self.hosts = self.state / "hosts"
        self.bin = root / "bin"
        self.bin.mkdir()
        (self.bin / "qemu-system-x86_64").write_text(QEMU)
        (self.bin / "qemu-system-x86_64").chmod(0o755)
        self.disk = root / "one.raw"
        self.disk.write_text("the disk\n")

    def run(self, script: str, *arguments: str, **environment: str) -> str:
        """Run a script of the lab, and return what it prints; it must not fail."""
        path = f"{self.bin}:{os.environ['PATH']}"
        settings = {"LAB_KIND": "vm", "LAB_VM_ACCEL": "tcg", "PATH": path, **environment}
        done = subprocess.run(
            [self.lab / script, *arguments],
            env=settings,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return done.stdout

    def start(self, *arguments: str) -> str:
        """Start a host as lab/create.yml does."""
        return self.run("start.sh", *arguments, DISK=str(self.disk))

    def pid(self, name: str) -> int:
        """Return the process of a host."""
        return int((self.hosts / name / "pid").read_text())


def runs(pid: int) -> bool:
    """Return whether there is such a process, and it is no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """Lend a checkout, and leave none of its hosts."""
    made = Machines(tmp_path)
    yield made
    made.run("cut.sh", "--clean")


def test_a_host_stays(machines: Machines) -> None:
    assert machines.start("one") == "changed\n"
    pid = machines.pid("one")
    (machines.hosts / "one" / "disk").write_text("what it has written\n")
    assert machines.start("one") == ""
    assert machines.pid("one") == pid


def test_a_power_cut_leaves_the_disk(machines: Machines) -> None:
    machines.start("one")
    pid, port = machines.pid("one"), (machines.hosts / "one" / "ssh_port").read_text()
    (machines.hosts / "one" / "disk").write_text("what it has written\n")
    machines.run("cut.sh", "one")
    assert not runs(pid)
    assert machines.run("start.sh", "one") == "changed\n"
    assert (machines.hosts / "one" / "disk").read_text() == "what it has written\n"
    assert (machines.hosts / "one" / "ssh_port").read_text() == port


def test_another_disk_makes_it_anew(machines: Machines, tmp_path: Path) -> None:
    machines.start("one")
    pid = machines.pid("one")
    machines.disk = tmp_path / "two.raw"
    machines.disk.write_text("another\n")
    assert machines.start("one") == "changed\n"
    assert not runs(pid)
    assert (machines.hosts / "one" / "disk").read_text() == "another\n"


def test_what_is_published(machines: Machines) -> None:
    machines.start("one", "127.0.0.1:28432:80", "28433:443")
    network = next(
        line
        for line in (machines.bin / "arguments").read_text().splitlines()
        if line.startswith("user,")
    )
    assert "hostfwd=tcp:127.0.0.1:28432-:80" in network
    assert "hostfwd=tcp:0.0.0.0:28433-:443" in network


def test_somebody_elses_process_is_left_alone(machines: Machines) -> None:
    machines.start("one")
    machines.run("cut.sh", "one")
    with subprocess.Popen(["sleep", "60"]) as other:
        # This machine was booted since, and has given the number to somebody else.
        (machines.hosts / "one" / "pid").write_text(f"{other.pid}\n")
        machines.run("cut.sh", "--remove")
        assert runs(other.pid)
        other.kill()
    assert not (machines.hosts / "one").exists()


def test_only_named_hosts_are_removed(machines: Machines) -> None:
    machines.start("one")
    machines.start("two")
    assert machines.run("cut.sh", "--remove", "one") == "changed\n"
    assert not (machines.hosts / "one").exists()
    assert runs(machines.pid("two"))
