"""What lab/network.sh does around ip: whose namespace it makes and removes, whom it joins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

LAB = Path(__file__).parents[2] / "lab"

# Hosts are lines of a file: id, name, address, process.
PODMAN = r"""#!/bin/bash
echo "podman $*" >>"$STATE/calls"
case $1 in
  ps) cut -d ' ' -f 1 "$STATE/hosts" ;;
  inspect) cat "$STATE/hosts" ;;
  exec) cat >"$STATE/known.$3" ;;
esac
"""
# Namespaces are files, and so are hosts' interfaces.
IP = r"""#!/bin/bash
echo "ip $*" >>"$STATE/calls"
case "$*" in
  'netns list') ls "$STATE/netns" | sed 's/$/ (id: 1)/' ;;
  'netns add '*) touch "$STATE/netns/$3" ;;
  'netns delete '*) rm "$STATE/netns/$3" ;;
  *' link show lab') [ -s "$STATE/netns/$2" ] ;;
  *' type bridge') echo bridge >"$STATE/netns/$2" ;;
  *' netns '*) touch "$STATE/lab0.${*: -1}" ;;
esac
"""
NSENTER = r"""#!/bin/bash
echo "nsenter $*" >>"$STATE/calls"
pid=${1#--net=/proc/}
case "$*" in *' link show lab0') [ -e "$STATE/lab0.${pid%%/*}" ] ;; esac
"""
ID = '#!/bin/bash\n[ "$1" = -u ] || exit 1\necho ${UID_SAID:-0}\n'


class Network:
    """A checkout with nothing but the lab, and commands that note how they are called."""

    def __init__(self, root: Path) -> None:
        """Make it."""
        shutil.copytree(LAB, root / "lab")
        self.state = root / "state"
        (self.state / "netns").mkdir(parents=True)
        self.bin = root / "bin"
        self.bin.mkdir()
        for name, text in {"podman": PODMAN, "ip": IP, "nsenter": NSENTER, "id": ID}.items():
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        self.script = root / "lab" / "network.sh"
        self.hosts()

    def hosts(self, *lines: str) -> None:
        """Have these hosts, each with its id, name, address and process."""
        (self.state / "hosts").write_text("".join(f"{line}\n" for line in lines))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        settings = {
            **os.environ,
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "STATE": str(self.state),
            "CONTAINERS_CONF": "/none",
            **environment,
        }
        settings.pop("LAB_KIND", None)
        (self.state / "calls").write_text("")
        return subprocess.run(
            [self.script, *arguments],
            env=settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def namespaces(self) -> list[str]:
        """Return the namespaces that there are."""
        return sorted(path.name for path in (self.state / "netns").iterdir())

    def calls(self, pattern: str) -> list[str]:
        """Return the calls of the last run that match."""
        return [
            line
            for line in (self.state / "calls").read_text().splitlines()
            if re.search(pattern, line)
        ]


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    """Give a lab without hosts."""
    monkeypatch.delenv("LAB_PLATFORM", raising=False)
    return Network(tmp_path)


ONE = "aaaaaaaaaaaaaaaa app1 10.89.0.21/24 100"
TWO = "bbbbbbbbbbbbbbbb lb1 10.89.0.11/24 200"


def test_hosts_are_joined_once(network: Network) -> None:
    network.hosts(ONE, TWO)
    first = network.run()
    assert (first.returncode, first.stderr) == (0, "")
    assert "changed" in first.stdout
    assert len(network.namespaces()) == 1
    cables = network.calls("type veth")
    assert [line.split()[-1] for line in cables] == ["100", "200"]
    # Nothing without a namespace: this machine's own is left alone.
    assert all(line.startswith(("ip -n ", "ip netns ")) for line in network.calls("^ip "))
    assert network.run().stdout == ""
    assert network.calls("type veth") == []


def test_hardware_address_is_the_same_after_a_restart(network: Network) -> None:
    network.hosts(ONE)
    network.run()
    (before,) = re.findall(r"address (02(?::[0-9a-f]{2}){5}) ", network.calls("type veth")[0])
    network.hosts(ONE.replace("100", "101"))
    assert "changed" in network.run().stdout
    assert before in network.calls("type veth")[0]
    network.hosts(TWO)
    network.run()
    assert before not in network.calls("type veth")[0]


def test_hosts_that_are_off_are_known_and_not_joined(network: Network) -> None:
    network.hosts(ONE, "cccccccccccccccc app2 10.89.0.22/24 0", "dddddddddddddddd spare none 300")
    network.run()
    assert len(network.calls("type veth")) == 2
    known = (network.state / "known.aaaaaaaaaaaaaaaa").read_text()
    assert known == "10.89.0.21 app1 # lab\n10.89.0.22 app2 # lab\n"
    assert network.calls("address replace none") == []


def test_namespaces_of_others_stay(network: Network) -> None:
    network.hosts(ONE)
    network.run()
    network.run(LAB_PLATFORM="standin10")
    (own, other) = network.namespaces()
    assert other == f"{own}.standin10"
    for name in ("flaskstack-000000", f"{own}0", "netns-1"):
        (network.state / "netns" / name).touch()
    network.hosts()
    assert network.run().stdout == "changed\n"
    assert own not in network.namespaces()
    assert other in network.namespaces()
    assert network.run("--clean").stdout == "changed\n"
    assert network.namespaces() == sorted(("flaskstack-000000", f"{own}0", "netns-1"))
    assert network.run("--clean").stdout == network.run().stdout == ""


def test_only_root_makes_it(network: Network) -> None:
    assert network.run(UID_SAID="1000").returncode == 0
    network.hosts(ONE)
    refused = network.run(UID_SAID="1000")
    assert refused.returncode == 1
    assert refused.stderr.startswith("lab: the network between lab hosts is made by root only")
    assert refused.stderr.count("\n") == 1
    assert network.namespaces() == []


def test_a_host_is_cut_off_and_comes_back(network: Network) -> None:
    network.hosts(ONE, TWO)
    network.run()
    assert network.run("cut", "lb1").returncode == 0
    assert network.calls(" link set to-bbbbbbbbbbbb nomaster$")
    assert network.run("mend", "lb1").returncode == 0
    assert network.calls(" link set to-bbbbbbbbbbbb master lab$")
    assert "there is no host lb2" in network.run("cut", "lb2").stderr
