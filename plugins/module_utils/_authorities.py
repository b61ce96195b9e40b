"""Choose the certificate authorities that tools are to trust.

Where a host has its list differs between releases: 10 does not have that of 8 and 9 any more.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._hardening import ca_bundle


def trusted(path: str, check: bool = False) -> str:
    """Return the file with the authorities: the one that is named, or the host's own.

    Args:
        path: as the user named it; empty for the host's own.
        check: nothing is done with it, and what comes before may not have put it there.

    Returns:
        the path; empty where none is named and the host has none, so that tools take what they
        bring.

    Raises:
        Problem: what is named is not there.
    """
    if not path:
        return ca_bundle()
    if check or os.path.isfile(path):
        return path
    own = ca_bundle()
    hint = f"leave the variable empty for the host's own, {own}." if own else "correct it."
    raise Problem(
        f"The file of certificate authorities {path} is not on this host (flaskstack_ca_bundle, or"
        f" ca_bundle of a role): {hint}"
    )
