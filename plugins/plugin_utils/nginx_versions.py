"""Which nginx the configuration needs, and by which module stream a host of release 8 gets one."""

from __future__ import annotations

import re
from typing import Any

Keys = dict[str, Any]

#: The oldest that does what the configuration says. Every directive is there since 1.13.0, and
#: `nginx -t` of 1.14.1 takes all configurations of tests/unit/nginx_cases.py. But by nginx's
#: CHANGES a header that is too large gets another status than error_page says, and a second
#: Transfer-Encoding is overlooked, before 1.17.9; the body of a request whose error is a redirect
#: is taken for the next request before 1.17.7; and old workers outlive worker_shutdown_timeout with
#: HTTP/2 before 1.17.4. 1.18 is the next one that is packaged.
REQUIRED = "1.18.0"
#: Release of the system -> the version of its package, where no stream is asked for. The others
#: have no older one than 1.20.
DEFAULTS = {"8": "1.14.1"}


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers, to compare it."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def is_old(version: str) -> bool:
    """Tell whether an nginx is older than what is needed; what is no version is not."""
    found = numbers(version)
    return bool(found) and found < numbers(REQUIRED)[: max(2, len(found))]


def asks_for_stream(settings: Keys, release: str) -> bool:
    """Tell whether installing takes a module stream, and none is named.

    Args:
        settings: the role's variables.
        release: of the operating system.
    """
    if settings["nginx_source"] != "distribution" or settings["nginx_module_stream"]:
        return False
    return is_old(DEFAULTS.get(release, ""))


def old_problem(version: str, release: str) -> str:
    """Return the sentence about an nginx of the host that is too old; empty if it is not.

    Args:
        version: what is installed.
        release: of the operating system.
    """
    if not is_old(version):
        return ""
    way = (
        "dnf module reset nginx, dnf module enable nginx:1.24 and dnf distro-sync nginx bring a"
        " newer one"
        if release in DEFAULTS
        else "install a newer one"
    )
    return (
        f"nginx {version} of this host is older than {REQUIRED}, which the sites need; {way}. Then"
        " run this again."
    )


def stream_problem(stream: str) -> str:
    """Return the sentence about a stream that the user names and that is too old."""
    if not is_old(stream):
        return ""
    return (
        f"nginx_module_stream: nginx {stream} is older than {REQUIRED}, which the sites need; name"
        " a newer stream, or leave it empty for the newest that the host has."
    )


def stream(answer: Keys, named: str = "") -> Keys:
    """Return which module stream nginx is installed from.

    Args:
        answer: of the module dnf_info; without streams, if it was not asked.
        named: the stream that the user names.

    Returns:
        stream: the one that the user names, the one that is enabled on the host, or the newest;
            empty where the package is taken as it is.
        problem: a sentence, if there is none that will do.
    """
    if named or "streams" not in answer:
        return {"stream": named, "problem": ""}
    if answer["failed_because"]:
        return {
            "stream": "",
            "problem": "The streams of nginx cannot be found out on this host:"
            f" {answer['failed_because']}",
        }
    found = [one for one in answer["streams"].get("nginx", []) if not one["disabled"]]
    if not found:
        # No module, or a disabled one: its package is from somewhere else. Once it is there, its
        # version is looked at.
        return {"stream": "", "problem": ""}
    enabled = next((one["stream"] for one in found if one["enabled"]), "")
    if enabled and is_old(enabled):
        # dnf would not change it by itself.
        return {
            "stream": "",
            "problem": f"nginx:{enabled} is enabled on this host and older than {REQUIRED}, which"
            " the sites need; run dnf module reset nginx on it, then this again.",
        }
    new = [one["stream"] for one in found if numbers(one["stream"]) and not is_old(one["stream"])]
    best = enabled or max(new, key=numbers, default="")
    if best:
        return {"stream": best, "problem": ""}
    there = ", ".join(one["stream"] for one in found)
    return {
        "stream": "",
        "problem": f"No stream of nginx in this host's repositories is as new as {REQUIRED}, which"
        f" the sites need (there are: {there}); enable a repository that has one, or take"
        " nginx_source: nginx.org.",
    }
