"""What nginx keeps of sites' answers.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
import stat
from typing import Any, Dict, List

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

ROOT = "/var/lib/nginx/cache"


def purge(sites: List[str], root: str = ROOT, check: bool = False) -> Dict[str, Any]:
    """Delete what nginx keeps of sites' answers; say how many files and bytes that is.

    Args:
        sites: their names.
        root: the directory that has one for each.
        check: delete nothing.

    Raises:
        Problem: a name leads elsewhere.
    """
    for site in sites:
        if not site or "/" in site or ".." in site or site == ".":
            raise Problem(f"'{site}' is no name of a site.")
        if os.path.islink(os.path.join(root, site)):
            raise Problem(f"{os.path.join(root, site)} is a link; remove what it leads to by hand.")
    purged = {site: empty(os.path.join(root, site), check) for site in sites}
    gone = {site: found for site, found in purged.items() if found["files"]}
    diff = {
        "before_header": "kept answers",
        "after_header": "kept answers",
        "before": "".join(
            f"{site}: {found['files']} files, {found['bytes']} bytes\n"
            for site, found in gone.items()
        ),
        "after": "",
    }
    return {"changed": bool(gone), "purged": purged, "diff": [diff] if gone else []}


def empty(directory: str, check: bool) -> Dict[str, int]:
    """Delete the files below a directory, or only count them; return how many, and their bytes."""
    files, size = 0, 0
    # nginx removes files at the same time.
    with contextlib.suppress(FileNotFoundError):
        # By the handles of the directories: a link that takes the place of one leads nowhere.
        for _, _, names, handle in os.fwalk(directory):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    found = os.lstat(name, dir_fd=handle)
                    if stat.S_ISREG(found.st_mode):
                        if not check:
                            os.unlink(name, dir_fd=handle)
                        files, size = files + 1, size + found.st_size
    return {"files": files, "bytes": size}
