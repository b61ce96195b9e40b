#!/usr/bin/env python3
"""Run ssh as it was called, and keep what modules answer.

Ansible calls it instead of ssh (ANSIBLE_SSH_EXECUTABLE) where benchmarks/controller.yml records.
RECORD_DIRECTORY, of the environment, gets a JSON file for each module, named by when it began. What
is no module (a directory that is made for a file) is not kept.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO


def copy(source: BinaryIO, target: BinaryIO, kept: list[bytes], ends: bool) -> None:
    """Hand on what comes, as it comes, and keep it; end the target where it is a process's."""
    while data := os.read(source.fileno(), 65536):
        kept.append(data)
        try:
            target.write(data)
            target.flush()
        except BrokenPipeError:
            break
    if ends:
        target.close()


def main() -> int:
    """Run ssh."""
    ssh = shutil.which("ssh") or "ssh"
    began = time.time()
    process = subprocess.Popen(
        [ssh, *sys.argv[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    sent: list[bytes] = []
    said: list[bytes] = []
    errors: list[bytes] = []
    # Ends with this process: whoever calls may never close it.
    threading.Thread(
        target=copy, args=(sys.stdin.buffer, process.stdin, sent, True), daemon=True
    ).start()
    answers = [
        threading.Thread(target=copy, args=(process.stdout, sys.stdout.buffer, said, False)),
        threading.Thread(target=copy, args=(process.stderr, sys.stderr.buffer, errors, False)),
    ]
    for thread in answers:
        thread.start()
    for thread in answers:
        thread.join()
    status = process.wait()
    # As ansible-core packs it: the first from 2.19 on, the second before.
    payload = b"".join(sent).decode("utf-8", "replace")
    module = re.search(r"(?:module_fqn|mod_name)='([\w.]+)'", payload)
    if module:
        text = b"".join(said).decode("utf-8", "replace")
        record = {
            "module": module[1].rpartition(".")[2],
            # Of sudo's, which the connection takes away.
            "said": re.sub(r"^BECOME-SUCCESS-\w+\r?\n", "", text),
            "errors": b"".join(errors).decode("utf-8", "replace"),
            "status": status,
            "seconds": time.time() - began,
        }
        path = Path(os.environ["RECORD_DIRECTORY"]) / f"{began:.6f}.json"
        path.write_text(json.dumps(record), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
