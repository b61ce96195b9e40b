"""Compare and write files that a role has described: path, text, mode and group.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils import _files
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

#: What a module is told of one, as Ansible's argument_spec has it.
OPTIONS: Dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "text": {"type": "str", "required": True},
    "mode": {"type": "str", "default": "0644"},
    "group": {"type": "str", "default": "root"},
}
#: A secret text may begin with it. Ansible takes a secret out of all that a module says, and a
#: short one is part of much; with this, it is found nowhere else.
SECRET = "# secret, from here on:\n"
#: path, text or secret_text, mode (in octal digits) and group; its owner is root.
File = Dict[str, Any]


def encoded(file: File) -> Tuple[str, bytes, int, Tuple[int, int]]:
    """Return a described file as the writer takes it.

    Raises:
        Problem: the host does not know the group.
    """
    text = file.get("secret_text") or file.get("text") or ""
    if file.get("secret_text") and text.startswith(SECRET):
        text = text[len(SECRET) :]
    ids = _files.ids_of("root", file["group"])
    return file["path"], text.encode("utf-8"), int(file["mode"], 8), ids


def is_stale(file: File) -> bool:
    """Tell whether a file is missing, or has another content, mode or owner than it should.

    One whose group is not there yet is.
    """
    try:
        return _files.is_stale(*encoded(file))
    except (Problem, OSError):
        return True


def write_all(files: Sequence[File]) -> List[str]:
    """Write the files that are stale: all of them, or, if one cannot be written, none.

    Returns:
        Their paths.

    Raises:
        Problem: the host does not know the group of one.
        OSError: one cannot be written.
    """
    stale = [encoded(file) for file in files if is_stale(file)]
    fresh: List[str] = []
    try:
        for file in stale:
            fresh.append(_files.prepare(*file))
        for path, _, _, _ in stale:
            os.rename(fresh[0], path)
            del fresh[0]
            _files.sync_directory(os.path.dirname(path))
    finally:
        for path in fresh:
            with contextlib.suppress(OSError):
                os.unlink(path)
    return [path for path, _, _, _ in stale]


def difference(path: str, file: File) -> Dict[str, str]:
    """Return the diff between what is at a path and a file that is to take its place."""
    return {
        "before_header": path,
        "after_header": file["path"],
        "before": _files.read_text(path),
        "after": file.get("text") or "",
    }


def differences(files: Sequence[File]) -> List[Dict[str, str]]:
    """Return the diff of files that are not as they should be; nothing of those with secrets."""
    return [
        difference(file["path"], file)
        for file in files
        if file.get("secret_text") is None and is_stale(file)
    ]
