"""Give files the labels that the SELinux policy has for where they are.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
import shutil

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import SBIN, run

#: Seconds for a large tree on a slow disk.
PATIENCE = 900


def label(path: str) -> None:
    """Label a tree; nothing is done where there is no policy.

    Raises:
        CommandFailed: restorecon cannot.
    """
    restorecon = shutil.which("restorecon", path=SBIN)
    if restorecon and os.path.exists("/sys/fs/selinux/enforce"):
        run([restorecon, "-R", path], timeout=PATIENCE)
