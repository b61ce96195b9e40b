"""Read certificates and their keys, tell what keeps nginx from using them, make self-signed ones.

By openssl's command, the one library for it that each host has.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import ipaddress
import os
import re
import ssl
import time
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._files import read, write

#: In seconds.
DAY = 86400
#: Kind of certificate -> how long before its end it is "expiring", in seconds.
RENEWAL = {"self_signed": 30 * DAY, "acme": 7 * DAY}
#: The two files of a certificate: what they are, and what each holds.
PARTS = (("certificate", b"CERTIFICATE-----"), ("private key", b"PRIVATE KEY-----"))
#: What is known of a certificate that cannot be read.
NOTHING: Dict[str, Any] = {"expires": None, "names": [], "self_signed": False}


class Unfit(Exception):
    """A certificate (part 0) or key (part 1) that nginx could not use."""

    def __init__(self, state: str, part: int, text: str) -> None:
        super().__init__(text)
        self.state, self.part = state, part


def read_pem(path: str, part: int) -> str:
    """Return what is in the file of a certificate (part 0) or key (part 1).

    Raises:
        Unfit: it is not there, or cannot be read, or holds something else.
    """
    what, mark = PARTS[part]
    try:
        text = read(path)
    except OSError as error:
        raise Unfit("unreadable", part, f"{path} cannot be read ({error.strerror}).") from None
    if text is None:
        sentence = f"{path} does not exist on the host; put the {what} there or correct the path."
        raise Unfit("missing", part, sentence)
    if mark not in text:
        raise Unfit("unreadable", part, f"{path} holds no {what} in PEM format.")
    return text.decode("utf-8", "replace")


def parse(pem: str) -> Optional[Tuple[Dict[str, Any], str]]:
    """Return what a certificate says, with its end in seconds of Unix time, and its public key.

    None if openssl cannot read it.
    """
    wanted = ["-enddate", "-subject", "-issuer", "-pubkey", "-ext", "subjectAltName"]
    said = run(["openssl", "x509", "-noout"] + wanted, check=False, stdin=pem).stdout
    fields = dict(re.findall(r"^(notAfter|subject|issuer)=(.*)$", said, re.M))
    public = re.search(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", said, re.S)
    try:
        expires = ssl.cert_time_to_seconds(fields["notAfter"])
    except (KeyError, ValueError):
        return None
    if not public:
        return None
    alternatives = said.partition("X509v3 Subject Alternative Name:")[2].partition("\n-----")[0]
    about = {
        "expires": expires,
        "names": re.findall(r"(?:DNS|IP Address):([^,\s]+)", alternatives),
        "self_signed": fields.get("subject") == fields.get("issuer"),
    }
    return about, public.group()


def read_certificate(path: str) -> Tuple[Dict[str, Any], str]:
    """Return what the first certificate of a file says, and its public key; see parse.

    Raises:
        Unfit: it cannot be read.
    """
    found = parse(read_pem(path, 0))
    if not found:
        raise Unfit("unreadable", 0, f"{path} holds no certificate that openssl can read.")
    return found


def public_part(path: str) -> str:
    """Return the public key of a private one.

    Raises:
        Unfit: it cannot be read, or only by somebody who types its passphrase.
    """
    if "ENCRYPTED" in read_pem(path, 1):
        raise Unfit(
            "unreadable",
            1,
            f"{path} is encrypted, and nobody types its passphrase when nginx starts; store it"
            " without one.",
        )
    said = run(["openssl", "pkey", "-in", path, "-pubout", "-passin", "pass:"], check=False)
    if said.status != 0:
        raise Unfit("unreadable", 1, f"{path} holds no private key that openssl can read.")
    return said.stdout.strip()


def read_pair(certificate: str, key: str) -> Tuple[Dict[str, Any], List[Unfit]]:
    """Return what a certificate says, and what keeps nginx from using it with its key."""
    about: Dict[str, Any] = dict(NOTHING)
    faults, ours, theirs = [], "", ""
    try:
        about, ours = read_certificate(certificate)
    except Unfit as fault:
        faults.append(fault)
    try:
        theirs = public_part(key)
    except Unfit as fault:
        faults.append(fault)
    if not faults and ours != theirs:
        text = f"{key} does not belong to the certificate {certificate}; give the two that do."
        faults.append(Unfit("mismatch", 1, text))
    return about, faults


def plain(name: str) -> str:
    """Return a host name or address in the one way that it can be compared in."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower()


def covers(names: List[str], wanted: str) -> bool:
    """Tell whether a certificate is good for a name: its star stands for one label."""
    name = plain(wanted)
    known = [plain(found) for found in names]
    return name in known or "*." + name.partition(".")[2] in known


def state_of(wanted: Dict[str, Any], about: Dict[str, Any], faults: List[Unfit]) -> str:
    """Return in a word how it is with a certificate; wanted has its kind and its names."""
    if faults:
        return faults[0].state
    left = about["expires"] - time.time()
    if wanted["kind"] == "acme" and about["self_signed"]:
        return "placeholder"
    if left <= 0:
        return "expired"
    if not all(covers(about["names"], name) for name in wanted["names"]):
        return "wrong_names"
    return "expiring" if left < RENEWAL.get(wanted["kind"], 0) else "ok"


def sentence(item: Dict[str, Any], fault: Unfit) -> Dict[str, str]:
    """Return a problem with a certificate, under the name that its file has in the inventory."""
    key = item["key_names"][fault.part]
    return {"site": item["site"], "key": key, "text": f"site '{item['site']}', {key}: {fault}"}


def make_pair(names: List[str], days: int, directory: str) -> Tuple[bytes, bytes]:
    """Return a new self-signed certificate and its key.

    Args:
        names: what it is for: host names and addresses.
        days: how long it is good.
        directory: for root alone; openssl writes them there.

    Raises:
        Problem: a name is none, or openssl says no.
    """
    alternatives = []
    for name in names:
        try:
            alternatives.append(f"IP:{ipaddress.ip_address(name)}")
        except ValueError:
            # Anything else could be read as more of the configuration.
            if not re.match(r"(\*\.)?[A-Za-z0-9._-]+\Z", name):
                raise Problem(f"'{name}' is no host name that a certificate can have.") from None
            alternatives.append(f"DNS:{name}")
    path = os.path.join(directory, "request")
    lines = (
        "[req]",
        "distinguished_name = subject",
        "x509_extensions = extensions",
        "prompt = no",
        "[subject]",
        f"CN = {names[0][:64]}",
        "[extensions]",
        "basicConstraints = critical, CA:FALSE",
        "keyUsage = critical, digitalSignature",
        "extendedKeyUsage = serverAuth",
        "subjectAltName = " + ", ".join(alternatives),
    )
    write(path, ("\n".join(lines) + "\n").encode("ascii"), 0o600)
    certificate, key = os.path.join(directory, "certificate"), os.path.join(directory, "key")
    curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    for arguments in (
        ["genpkey"] + curve + ["-out", key],
        ["req", "-x509", "-new", "-sha256", "-key", key, "-config", path]
        + ["-days", str(days), "-out", certificate],
    ):
        said = run(["openssl"] + arguments, check=False)
        if said.status != 0:
            raise Problem(f"openssl {arguments[0]} for '{names[0]}': {said.stderr.strip()}")
    made = read(certificate) or b"", read(key) or b""
    for name in (path, certificate, key):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    return made
