"""Connection recorded: answer modules with what a real host once answered them.

Nothing is reached: there is no ssh process, no network and no host. All else of Ansible is real:
the module is packed and handed over, its answer read, its result sent to the main process.
"""

from __future__ import annotations

import json
import os
import re
import time
from functools import cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: recorded
short_description: Answer modules with what a real host once answered them
description:
  - For C(benchmarks/controller.yml). The answers are files that C(record_ssh.py) wrote.
author: The flaskstack authors (@flaskstack)
extends_documentation_fragment:
  - connection_pipelining
options:
  directory:
    description: Where the recorded answers are.
    type: path
    required: true
    vars:
      - name: recorded_directory
  state:
    description: A directory of this run alone, where it is noted which answers each host has given.
    type: path
    required: true
    vars:
      - name: recorded_state
  slowness:
    description: How long an answer takes, as a multiple of the seconds that the real one took.
    type: float
    default: 0
    vars:
      - name: recorded_slowness
"""


def module_of(sent: str) -> str:
    """Return the name of the module that a payload carries.

    Raises:
        AnsibleConnectionFailure: it carries none.
    """
    # As ansible-core packs it: the first from 2.19 on, the second before.
    found = re.search(r"(?:module_fqn|mod_name)='([\w.]+)'", sent)
    if not found:
        raise AnsibleConnectionFailure(f"What is sent carries no module: {sent[:200]}")
    return found[1].rpartition(".")[2]


@cache
def answers(directory: str) -> dict[str, list[dict[str, Any]]]:
    """Return the recorded answers by module, in the order in which they were given."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(Path(directory).glob("*.json")):
        record = json.loads(path.read_text("utf-8"))
        found.setdefault(record["module"], []).append(record)
    return found


class Connection(ConnectionBase):
    """Answers as a host did once."""

    transport = "recorded"
    has_pipelining = True

    def _connect(self) -> Connection:
        """Do nothing."""
        self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Return what the host answered to the same module, the same number of times asked."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        if in_data is None:
            # Not a module: a directory for files that are sent is asked for, and removed.
            if "echo ~ " in cmd:
                return 0, b"/root", b""
            made = re.search(r"echo (ansible-tmp-[\d.-]+)=", cmd)
            return 0, f"{made[1]}=/root/.ansible/tmp/{made[1]}".encode() if made else b"", b""
        name = module_of(in_data.decode("utf-8", "replace"))
        host = self._play_context.remote_addr
        there = answers(self.get_option("directory")).get(name, [])
        note = f"{self.get_option('state')}/{host}.{name}"
        given = os.open(note, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        try:
            asked = os.fstat(given).st_size
            os.write(given, b"1")
        finally:
            os.close(given)
        if asked >= len(there):
            raise AnsibleConnectionFailure(
                f"{name}: asked {asked + 1} times, and {len(there)} answers were recorded."
            )
        record = there[asked]
        time.sleep(record["seconds"] * self.get_option("slowness"))
        return record["status"], record["said"].encode(), record["errors"].encode()

    def put_file(self, in_path: str, out_path: str) -> None:
        """Read a file as if it were sent."""
        super().put_file(in_path, out_path)
        Path(in_path).read_bytes()

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Fail: nothing was recorded of this."""
        raise AnsibleConnectionFailure(f"{in_path}: files of the host were not recorded.")

    def close(self) -> None:
        """Do nothing."""
        self._connected = False
