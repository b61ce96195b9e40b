"""The sites of a host: their certificates, what is served of them, and whether they are closed.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
import re
import ssl
import time
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._certificate import (
    DAY,
    NOTHING,
    Unfit,
    parse,
    read_certificate,
    read_pem,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import (
    HEADER,
    Tree,
    lines_of,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._sockets import (
    NoAnswer,
    served_certificate,
)

#: Seconds for one site's handshake: on the host itself it takes milliseconds.
HANDSHAKE = 2.0
#: Seconds for those of all sites. What was not asked by then is not known.
HANDSHAKES = 10.0
#: A first certificate in PEM.
PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.S)


def list_sites(tree: Tree, header: str = HEADER) -> List[Dict[str, Any]]:
    """Return, for each site of the role, how it is with its certificate, and if it is closed.

    expires, names and self_signed are of the file, which nginx may not have read yet; what it
    serves is served_expires, in seconds of Unix time, and served_matches, whether that is the
    file's. Both are None when it does not say.
    """
    files, sites = tree.files(), []
    deadline = time.monotonic() + HANDSHAKES
    for name, owner in tree.owned(header).items():
        site = os.path.basename(name)[: -len(".conf")]
        text = "\n".join(lines_of(files[name]))
        found = re.search(r"^\s*ssl_certificate\s+[\"']?([^\"';\s]+)[\"']?\s*;", text, re.M)
        certificate = found.group(1) if found else None
        about: Dict[str, Any] = dict(NOTHING)
        served: Tuple[Optional[float], Optional[bool]] = (None, None)
        if certificate:
            path = tree.path(certificate)
            with contextlib.suppress(Unfit):
                about, _ = read_certificate(path)
            if time.monotonic() < deadline:
                served = ask_for(text, path, about["expires"])
        ends = about["expires"]
        days = None if ends is None else int((ends - time.time()) // DAY)
        about.update(
            site=site,
            owner=owner,
            certificate=certificate,
            days=days,
            maintenance=f"maintenance/{site}.html" in files,
            served_expires=served[0],
            served_matches=served[1],
        )
        sites.append(about)
    return sites


def ask_for(
    text: str, path: str, expires: Optional[float]
) -> Tuple[Optional[float], Optional[bool]]:
    """Return when the certificate ends that is served for a site, and whether it is a file's.

    Args:
        text: the site's configuration.
        path: the file.
        expires: when the file's ends.
    """
    port = re.search(r"^\s*listen\s+(\d+)\b[^;]*\sssl\b", text, re.M)
    if not port:
        return None, None
    try:
        served = served_certificate(("127.0.0.1", int(port.group(1))), asked_name(text), HANDSHAKE)
    except NoAnswer:
        return None, None
    ours = b""
    with contextlib.suppress(Unfit, ValueError):
        first = PEM.search(read_pem(path, 0))
        ours = ssl.PEM_cert_to_DER_cert(first.group()) if first else b""
    if served == ours:
        return expires, True
    found = parse(ssl.DER_cert_to_PEM_cert(served))
    return (found[0]["expires"] if found else None), False


def asked_name(text: str) -> Optional[str]:
    """Return a host name of a site to ask for; None for the site that has all others."""
    found = re.search(r"^\s*server_name\s+([^;]+);", text, re.M)
    for name in found.group(1).split() if found else []:
        if name.startswith("*."):
            return "any" + name[1:]
        if name.endswith(".*"):
            return name[:-1] + "example"
        if re.match(r"[A-Za-z0-9]", name):
            return name
    return None
