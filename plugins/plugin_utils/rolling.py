"""A release over many hosts: all are prepared, then they switch in batches.

What the hosts have said so far goes in, what is decided for all of them comes out. A playbook keeps
it in one fact, and each host reads there what concerns it: nobody is elected, and a host that is
lost on the way keeps no other from going on.
"""

from __future__ import annotations

import math
import re
from typing import Any, NotRequired, TypedDict

from ansible_collections.flaskstack.centos.plugins.plugin_utils.cluster import Cluster, hosts_of
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import Keys

#: How many hosts are switched at once: a number, a part of all, or one of both for each batch.
SIZE = re.compile(r"[0-9]+%?\Z")
PERCENT = 100


class Said(TypedDict):
    """What is known of a host that is still there.

    Attributes:
        due: the applications that do not run there as they should, before anything is activated.
        failures: ``name`` and ``msg`` of each application that failed there.
        serving: the applications that had a release there before.
        activated: ``name``, ``release`` and ``from`` of what was activated there in this run.
        done: the applications that its batch is through with; None before it is.
        broken: why its batch broke off there, if it did.
        back: application -> the release that it has gone back to.
    """

    due: list[str]
    failures: list[Keys]
    serving: NotRequired[list[str]]
    activated: NotRequired[list[Keys]]
    done: NotRequired[list[str] | None]
    broken: NotRequired[str]
    back: NotRequired[dict[str, str]]


class Rolling(TypedDict):
    """What is decided for all hosts.

    Attributes:
        due: by host, the applications that it is to switch.
        batches: the hosts that switch at the same time, in their order.
        first: whether nothing serves yet of what is due: nobody would notice.
        held: application -> why no further host switches to what it is to have.
        tried: those of them that some host may have switched: these may go back.
        stopped: why all of it was stopped, though no host has failed; or empty.
    """

    due: dict[str, list[str]]
    batches: list[list[str]]
    first: bool
    held: dict[str, str]
    tried: list[str]
    stopped: str


def problems_of_serial(serial: Any) -> list[str]:
    """Return what is wrong with the sizes of batches, as the user wrote them."""
    sizes = serial if isinstance(serial, list) else [serial]
    return [
        f"flaskstack_serial: '{size}' is no number of hosts; write a number (2), a part of all"
        " (25%), or a list of them ([1, 25%, 100%]), one for each batch."
        for size in sizes
        if isinstance(size, bool) or not SIZE.match(str(size))
    ]


def size_of(size: Any, hosts: int) -> int:
    """Return how many hosts are in a batch, as Ansible counts for ``serial``: one at least."""
    text = str(size)
    if text.endswith("%"):
        return max(1, math.floor(int(text[:-1]) / PERCENT * hosts))
    return int(text) or max(1, hosts)


def batches_of(waiting: list[str], serial: Any, hosts: int) -> list[list[str]]:
    """Return hosts in batches.

    Args:
        waiting: the hosts that have something to switch, in the inventory's order.
        serial: the size of each batch; the last is that of all further ones. Empty: all at once.
        hosts: how many hosts there are, of which a part is meant.
    """
    sizes = serial if isinstance(serial, list) else [serial]
    sizes = [size for size in sizes if size not in ("", None)] or ["100%"]
    out: list[list[str]] = []
    while waiting:
        size = size_of(sizes[min(len(out), len(sizes) - 1)], hosts)
        out.append(waiting[:size])
        waiting = waiting[size:]
    return out


def plan(
    said: dict[str, Said],
    hosts: list[str],
    serial: Any,
    apps: list[Keys],
    cluster: Cluster | None = None,
) -> Rolling:
    """Decide what is switched where and in which order, when all hosts have been prepared.

    Args:
        said: by host, those that are still there.
        hosts: all that there were, in the inventory's order.
        serial: see batches_of().
        apps: all applications; their ``hosts`` say what a host that is lost was to have.
        cluster: which hosts do what.
    """
    failed: dict[str, list[str]] = {}
    for host, one in said.items():
        for failure in one["failures"]:
            failed.setdefault(failure["name"], []).append(host)
    held = {name: f"it failed on {listed(where)}" for name, where in failed.items()}
    lost: dict[str, list[str]] = {}
    for host in hosts:
        for app in apps if host not in said else []:
            if cluster is None or host in hosts_of(app, cluster):
                lost.setdefault(app["name"], []).append(host)
    for name, where in lost.items():
        held.setdefault(
            name,
            f"{listed(where)} could not be prepared for it; deploy again when this is mended, or"
            f" without: --limit '!{':!'.join(where)}'",
        )
    due = {host: open_of(said[host], held) for host in hosts if host in said}
    first = not any(name in said[host].get("serving", []) for host in due for name in due[host])
    waiting = [host for host in due if due[host]]
    return {
        "due": due,
        "batches": batches_of(waiting, "" if first else serial, len(hosts)),
        "first": first,
        "held": held,
        "tried": [],
        "stopped": "",
    }


def judge(rolling: Rolling, said: dict[str, Said], batch: list[str], wrong: str = "") -> Rolling:
    """Decide how to go on after a batch: what failed in it goes no further.

    Args:
        rolling: what was decided before.
        said: by host, those that are still there.
        batch: the hosts of the batch.
        wrong: what else is wrong, of which no host is known to be the cause; it stops everything.
    """
    failed: dict[str, list[str]] = {}
    lost: dict[str, list[str]] = {}
    for host in batch:
        if host in said:
            for name in failed_of(said[host], rolling["due"][host], rolling["held"]):
                failed.setdefault(name, []).append(host)
        else:
            for name in rolling["due"][host]:
                lost.setdefault(name, []).append(host)
    every = {name for names in rolling["due"].values() for name in names} if wrong else set()
    gone = "was lost while it was switched; deploy again, or roll back, when it is there"
    new = {
        **dict.fromkeys(sorted(every), wrong),
        **{name: f"{listed(where)} {gone}" for name, where in lost.items()},
        **{name: f"it failed on {listed(where)}" for name, where in failed.items()},
    }
    return {
        **rolling,
        "held": {**new, **rolling["held"]},
        "tried": [*rolling["tried"], *(name for name in new if name not in rolling["held"])],
        "stopped": rolling["stopped"] or wrong,
    }


def open_of(one: Said, held: dict[str, str]) -> list[str]:
    """Return the applications that are still to be switched on a host."""
    failures = [failure["name"] for failure in one["failures"]]
    through = one.get("done") or []
    return [name for name in one["due"] if name not in {*failures, *held, *through}]


def failed_of(one: Said, due: list[str], held: dict[str, str]) -> list[str]:
    """Return the applications with which a host's batch has failed.

    Args:
        one: what is known of the host.
        due: what it was to switch.
        held: what was held by then.
    """
    failures = [failure["name"] for failure in one["failures"]]
    broken = one.get("done") is None or one.get("broken")
    return [name for name in due if name not in held and (broken or name in failures)]


def going_back(rolling: Rolling, said: Said) -> list[Keys]:
    """Return ``name`` and ``release`` of what a host brings back, because others have failed.

    Args:
        rolling: what was decided.
        said: what is known of the host.
    """
    return [
        {"name": one["name"], "release": one["from"]}
        for one in said.get("activated", [])
        if one["name"] in rolling["tried"] and one["from"] not in ("", one["release"])
    ]


def failures(rolling: Rolling | None, said: Said) -> list[Keys]:
    """Return ``name`` and ``msg`` of what is not as it should be on a host because of all hosts.

    Args:
        rolling: what was decided; None, or empty, before anything is.
        said: what is known of the host.
    """
    if not rolling:
        return []
    own = [failure["name"] for failure in said["failures"]]
    problems = {name: problem_of(name, rolling, said) for name in said["due"] if name not in own}
    return [{"name": name, "msg": msg} for name, msg in problems.items() if msg]


def problem_of(name: str, rolling: Rolling, said: Said) -> str:
    """Return what is not as it should be with an application on a host; empty if nothing is.

    Args:
        name: the application.
        rolling: what was decided.
        said: what is known of the host.
    """
    why = rolling["held"].get(name, "")
    if said.get("broken"):
        return said["broken"]
    if name in said.get("back", {}):
        back = said["back"][name]
        return f"application '{name}' is back at release {back} on this host, because {why}."
    if name not in (said.get("done") or []):
        return why and (
            f"application '{name}': nothing is activated on this host, because {why}. What served"
            " before goes on."
        )
    if rolling["stopped"] and why == rolling["stopped"]:
        return f"application '{name}' serves its new release on this host, but {why}."
    return ""


def common_target(choices: dict[str, Keys]) -> str:
    """Return the release that all hosts go back to, so that they serve the same one.

    Where a release was stopped half-way, some hosts go back to what the others still serve; that
    comes first. Of the rest, what most of them would go to by their own history.

    Args:
        choices: by host, ``release``, which it would go to by itself (empty if there is none), and
            ``current``, which it serves.
    """
    wanted = [one["release"] for one in choices.values() if one["release"]]
    served = {one["current"] for one in choices.values()}
    return max(
        dict.fromkeys(wanted),
        key=lambda release: (release in served, wanted.count(release)),
        default="",
    )


def listed(names: list[str]) -> str:
    """Return names as a sentence has them."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
