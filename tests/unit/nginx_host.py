"""A directory that stands for a host of nginx, with an nginx and a systemctl that pretend.

What is done with the real ones is for the scenario nginx. openssl is the machine's own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_change import (
    Change,
    configure,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_reload import reload
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER, Tree

DAY = 86400

#: Refuses a file of the tree with the word `bad`, and warns of one with the word `warned`.
NGINX = """#!/bin/sh
echo "$*" >> "$FAKE/nginx.calls"
if [ "$1" = -V ]; then cat "$FAKE/version" >&2; exit 0; fi
[ "$1 $2 $3" = "-t -q -c" ] || exit 9
directory=${4%/*}
echo "$directory" > "$FAKE/stage"
cp "$directory/nginx.conf" "$FAKE/stage.nginx.conf"
find "$directory" -printf '%m ./%P\\n' > "$FAKE/stage.files"
[ ! -e "$FAKE/sleep" ] || sleep "$(cat "$FAKE/sleep")"
grep -rlwE 'warned|bad' "$directory" | sort | while read -r found; do
    if grep -qw warned "$found"; then
        echo "nginx: [warn] something in $found:1" >&2
    else
        echo "nginx: [emerg] unknown directive \\"bad\\" in $found:1" >&2
        echo "nginx: configuration file $4 test failed" >&2
        exit 1
    fi
done
"""

#: Shows canned properties; a reload does what the file `reload` says.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$FAKE/systemctl.calls"
case "$1" in
show) cat "$FAKE/show" ;;
reload) . "$FAKE/reload" ;;
esac
"""

SHOW = """Id=nginx.service
LoadState=loaded
ActiveState={}
SubState=running
UnitFileState=enabled
MainPID=100
NeedDaemonReload=no
"""

#: What a reload does: the old worker goes on with what it has, a new one comes.
TAKES_OVER = """
mkdir -p "$PROC/202"
echo "202 (nginx) S 100 1 1" > "$PROC/202/stat"
printf 'nginx: worker process' > "$PROC/202/cmdline"
printf 'nginx: worker process is shutting down' > "$PROC/201/cmdline"
"""


class Host:
    """The directory, and what its tests ask of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "etc/nginx"
        self.backup = directory / "run/flaskstack-nginx"
        self.fake = directory / "fake"
        self.proc = directory / "proc"
        self.log = directory / "error.log"
        self.cache = directory / "cache"

    @property
    def tree(self) -> Tree:
        """Return the tree that nginx reads here."""
        tree = Tree(str(self.root), str(self.backup))
        tree.selinux = str(self.directory / "enforce")
        return tree

    def put(self, relative: str, text: str, mode: int = 0o644) -> Path:
        """Put a file in the tree."""
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def command(self, name: str, text: str) -> None:
        """Have a command pretend."""
        (self.fake / name).write_text(text, encoding="utf-8")
        (self.fake / name).chmod(0o755)

    def write(self, *remove: str, **texts: str) -> dict[str, Any]:
        """Write sites by name, remove others by path."""
        return self.change(files=sites(**texts), remove=list(remove))

    def change(self, check: bool = False, **about: Any) -> dict[str, Any]:
        """Change the tree."""
        return configure(self.tree, Change(**about), check)

    def reload(self, wait: float = 5) -> dict[str, Any]:
        """Have nginx take over what was written."""
        return reload(self.tree, wait)

    def contents(self) -> dict[str, tuple[str, str]]:
        """Return path -> mode and content of all that is in the tree but directories."""
        return {
            str(path.relative_to(self.root)): (
                ("link", os.readlink(path))
                if path.is_symlink()
                else (f"{path.stat().st_mode & 0o7777:o}", path.read_text(encoding="utf-8"))
            )
            for path in sorted(self.root.rglob("*"))
            if path.is_symlink() or not path.is_dir()
        }

    def calls(self, program: str) -> list[str]:
        """Return what a program was called with."""
        path = self.fake / f"{program}.calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def state(self) -> str:
        """Return the state of the backup."""
        path = self.backup / "journal"
        return json.loads(path.read_text())["state"] if path.exists() else ""

    def left(self) -> set[str]:
        """Return what lies beside the backup."""
        return set(os.listdir(self.backup.parent)) - {"flaskstack-nginx.lock"}

    def worker(self, pid: int, title: str, parent: int = 100) -> None:
        """Have a process of nginx run."""
        (self.proc / str(pid)).mkdir(parents=True, exist_ok=True)
        (self.proc / str(pid) / "stat").write_text(f"{pid} (a ) b) S {parent} 1 1\n")
        (self.proc / str(pid) / "cmdline").write_text(title)

    def on_reload(self, script: str) -> None:
        """Say what a reload does."""
        (self.fake / "reload").write_text(script + "\n")


def sites(**texts: str) -> dict[str, tuple[bytes, int]]:
    """Return the files of sites by name."""
    return {f"conf.d/{name}.conf": (text.encode("utf-8"), 0o644) for name, text in texts.items()}


def failure(work: Callable[..., Any], *arguments: Any, **keywords: Any) -> Problem:
    """Return the problem that a call ends with."""
    with pytest.raises(Problem) as found:
        work(*arguments, **keywords)
    return found.value


def lay_out(host: Host) -> None:
    """Make the host of a directory: one site, and what nginx brings itself."""
    host.fake.mkdir()
    host.command("nginx", NGINX)
    host.command("systemctl", SYSTEMCTL)
    (host.fake / "show").write_text(SHOW.format("active"))
    host.on_reload(TAKES_OVER)
    host.worker(201, "nginx: worker process")
    host.worker(203, "nginx: cache manager process")
    host.put("nginx.conf", "old main")
    host.put("conf.d/shop.conf", f"# {HEADER}\nold shop")
    host.put("mime.types", "types")
