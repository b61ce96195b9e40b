"""What names, versions and addresses look like, for all roles."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

#: An application: units, users and directories are called by it.
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
#: Directories of other things in /opt and in /run/wsgi, and users that exist on every host.
RESERVED = frozenset(
    {
        "adm", "apache", "bin", "builds", "daemon", "dbus", "ftp", "games", "halt", "lp", "mail",
        "nginx", "nobody", "operator", "root", "shutdown", "sshd", "sync", "systemd-network", "tss",
        "uv", "uwsgi",
    }
)  # fmt: skip
#: The major releases that the roles know.
RELEASES = ("8", "9", "10")
#: How systems are called whose release 7 has ended, where nobody could ask for the family.
OLD_HOST = re.compile(r"CentOS|Red ?Hat|Oracle|Scientific")
#: What to do about them.
OLD_WAY = (
    " Release 7 ended in June 2024, and nothing of this collection runs on it (its systemd 219,"
    " Python 2.7 and OpenSSL 1.0.2 are too old, its repositories are gone; docs/hosts.md has the"
    " list): move the applications to a new host of release 9 or 10, or upgrade this one in place"
    " with ELevate, to AlmaLinux or Rocky Linux 8 and on to 9."
)
#: A version of Python as packages are called by it, without its patch level.
PYTHON = re.compile(r"3\.(\d|[1-9]\d)")
#: Release -> version -> package of an interpreter, where it is not called python3.N: the platform's
#: own, and the modules of release 8, where the platform's is for the system alone.
PYTHON_PACKAGES = {
    "8": {"3.6": "python36", "3.8": "python38", "3.9": "python39"},
    "9": {"3.9": "python3"},
    "10": {"3.12": "python3"},
}
#: Where an application or a site begins, below its domains.
URL_PATH = re.compile(r"/|(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+)+/?")
PATH_HINT = "is no beginning of a URL; write it like /shop, of letters, digits and . _ ~ -."
#: Letters that browsers write otherwise than Python's own codec, which is older.
NEWER_LETTERS = frozenset("\u00df\u03c2\u200c\u200d")


def called(kind: str, item: dict[str, Any], number: int) -> str:
    """Return the beginning of a sentence about an item of a list, which may lack its name.

    Args:
        kind: what it is.
        item: as the user wrote it.
        number: its place in the list, from 1.
    """
    name = item.get("name")
    return f"{kind} number {number}" if name in (None, "") else f"{kind} '{name}'"


def unknown_system(role: str, facts: dict[str, Any]) -> str:
    """Return the sentence about a host of a system that a role does not know."""
    name = facts.get("distribution", "unknown")
    release = facts.get("distribution_major_version", "")
    out = (
        f"The {role} role knows CentOS Stream 9 and 10, and RHEL, Rocky Linux, AlmaLinux and other"
        f" rebuilds of releases 8 to 10; this host is {f'{name} {release}'.rstrip()}."
    )
    if release == "7" and (facts.get("os_family") == "RedHat" or OLD_HOST.match(name)):
        out += OLD_WAY
    return out


def python_package(version: str, release: str) -> str:
    """Return the package of an interpreter; that of its headers ends in -devel.

    Args:
        version: as 3.12.
        release: of the operating system, its major version.
    """
    return PYTHON_PACKAGES.get(release, {}).get(version, f"python{version}")


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return what an address or network is; None for what is neither: no mask, no zone."""
    _, slash, length = text.partition("/")
    if "%" in text or (slash and not re.fullmatch(r"0|[1-9]\d*", length)):
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def is_ip(text: str) -> bool:
    """Tell whether a text is the address of one host, without a zone."""
    return "/" not in text and network(text) is not None


def plain_address(text: str) -> str:
    """Return an address in the one way to write it, without its network; other texts as they are.

    2001:DB8:0::1 and 2001:db8::1/64 are the same address.
    """
    return str(ipaddress.ip_interface(text).ip) if network(text) is not None else text


def bracketed(address: str) -> str:
    """Return an address as it is written before a port."""
    return f"[{address}]" if ":" in address else address


def rich_rule(address: str, what: str) -> str:
    """Return firewalld's rule that lets something of an address or network in, as it prints it."""
    family = "ipv6" if ":" in address else "ipv4"
    return f'rule family="{family}" source address="{address}" {what} accept'


def firewall_rule(address: str, port: int, protocol: str = "tcp") -> str:
    """Return firewalld's rule that lets an address or network use a port, as it prints it."""
    return rich_rule(address, f'port port="{port}" protocol="{protocol}"')


def is_plain(path: str) -> bool:
    """Tell whether a path is relative, stays below, and is written in the one shortest way."""
    return all(part not in ("", ".", "..") for part in path.split("/"))


def shared_problems(key: str, paths: list[str]) -> list[str]:
    """Return what is wrong with paths that outlive releases, for the roles that link and make them.

    Args:
        key: what has the paths, for the sentences.
        paths: below the source, and below the directory that is shared.
    """
    out = [
        f"{key}: '{path}' is not written as a path from the source, as static/uploads: without /"
        " at its ends, without . and .."
        for path in paths
        if not is_plain(path) or not path.isprintable()
    ]
    for place, path in enumerate(paths):
        for number, other in enumerate(paths):
            if path.startswith(other + "/") or (path == other and number < place):
                out.append(f"{key}: '{path}' is part of '{other}'; write one of them.")
    return out


def without_slash(path: str) -> str:
    """Return the beginning of URLs without a slash at its end, but / itself."""
    return path.rstrip("/") or "/"


def ascii_domain(domain: str) -> str:
    """Return a domain as it stands in DNS; empty if it cannot."""
    try:
        return ".".join(map(ascii_label, domain.split(".")))
    except UnicodeError:
        return ""


def ascii_label(label: str) -> str:
    """Return a part of a domain as it stands in DNS.

    Raises:
        UnicodeError: there is no such name.
    """
    if not label or label.isascii():
        return label
    if NEWER_LETTERS & set(label):
        return "xn--" + label.lower().encode("punycode").decode("ascii")
    return label.encode("idna").decode("ascii")


def domain_hint(domain: str, key: str) -> str:
    """Return what to write instead of what is no domain; empty if nobody knows.

    Args:
        domain: as the user wrote it.
        key: where the port goes.
    """
    name, colon, port = domain.rpartition(":")
    if "://" in domain:
        return "write the name alone, without https:// and path."
    if colon and port.isdecimal() and ":" not in name and "/" not in name:
        host, number = ascii_domain(name) or name, int(port)
        return f"write {host} here, and the port as {key}: {number} (an application's nginx.{key})."
    name, slash, path = domain.partition("/")
    if name and slash:
        rest = f", and path: /{path.rstrip('/')}" if path.strip("/") else ""
        return f"write {ascii_domain(name) or name} here{rest}."
    found = "" if domain.isascii() else ascii_domain(domain)
    return f"write it as it stands in DNS, {found}." if found else ""
