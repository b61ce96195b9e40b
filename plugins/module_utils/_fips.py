"""Say what a kernel in FIPS mode keeps from working.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import base64
import binascii

from ansible_collections.flaskstack.centos.plugins.module_utils._files import read_text

ENABLED = "/proc/sys/crypto/fips_enabled"
KEY_HINT = (
    "This host is in FIPS mode, in which its ssh may take no ed25519 keys: make the deploy key"
    " with ssh-keygen -t ecdsa -b 384 or -t rsa -b 4096, and write the server's ecdsa or rsa key"
    " into flask_app_known_hosts."
)


def is_fips(path: str = ENABLED) -> bool:
    """Tell whether the kernel, and with it OpenSSL and OpenSSH, keep to what FIPS 140 approves."""
    return read_text(path).strip() == "1"


def is_ed25519(key: str) -> bool:
    """Tell whether a private key is one of ed25519; its kind stands in it unencrypted.

    Args:
        key: its text, in the format of OpenSSH; of another, nobody knows.
    """
    lines = [line.strip() for line in key.splitlines()]
    body = "".join(line for line in lines if line and not line.startswith("-----"))
    try:
        return b"ssh-ed25519" in base64.b64decode(body)
    except (binascii.Error, ValueError):
        return False


def key_hint(key: str, path: str = ENABLED) -> str:
    """Return what to do about a deploy key after git failed with it; empty if it is not the key.

    Not before: releases differ in what their FIPS mode takes.
    """
    return KEY_HINT if is_ed25519(key) and is_fips(path) else ""
