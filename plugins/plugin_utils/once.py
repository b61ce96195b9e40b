"""Who does what is done once for all hosts of a play: run a release command, compile uWSGI.

Nobody is elected: each host decides for itself by what all of them have said before, and the same
data gives the same answer everywhere.
"""

from __future__ import annotations

from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import Keys

#: Host -> what it has said, in the order of the batch. A host that has said nothing has no list.
Said = dict[str, list[Keys]]


def commands_of(host: str, due: Said, runs: Said) -> list[Keys]:
    """Return the release commands that fall to a host.

    All that are not for once, and of the others what no host has run and no host before it in the
    batch is going to run.

    Args:
        host: its name.
        due: what each host of the batch has to run: dictionaries with ``once`` and ``key``, which
            is the same on all hosts that deploy the same.
        runs: what each host of the play has run: see problem_of().
    """
    done = {run["item"]["key"] for said in runs.values() for run in said if not problem_of(run)}
    for other, said in due.items():
        if other == host:
            break
        done |= {command["key"] for command in said}
    return [
        command
        for command in due.get(host, [])
        if not command["once"] or command["key"] not in done
    ]


def problem_of(run: Keys) -> str:
    """Return why the run of a command failed; empty if it did not.

    Args:
        run: what Ansible registers of one turn of a loop over commands.
    """
    return str(run.get("msg") or "")


def failed_items(registered: Keys) -> list[Keys]:
    """Return name and message of the items of a loop that failed.

    Args:
        registered: what Ansible registers of a loop over dictionaries with ``name``.
    """
    return [
        {"name": run["item"]["name"], "msg": problem_of(run)}
        for run in registered.get("results", [])
        if problem_of(run)
    ]


def switched_items(registered: Keys) -> list[Keys]:
    """Return name, release and the release before of the items of a loop that serve now.

    Args:
        registered: what Ansible registers of a loop of ``app_activate``.
    """
    return [
        {"name": run["item"]["name"], "release": run["release"], "from": run["from"]}
        for run in registered.get("results", [])
        if not problem_of(run) and run.get("release")
    ]


def failed_commands(host: str, due: list[Keys], runs: Said) -> dict[str, str]:
    """Return application -> why this host must not activate its release: its command failed.

    Args:
        host: its name.
        due: what it had to run before it may activate something.
        runs: as for commands_of().
    """
    failed = {}
    for command in due:
        name = command["name"]
        came_to = {
            other: problem_of(run)
            for other, said in runs.items()
            for run in said
            if run["item"]["key"] == command["key"]
        }
        if came_to.get(host):
            failed[name] = came_to[host]
        elif not command["once"] and host not in came_to:
            failed[name] = f"application '{name}': its release command was not run."
        elif "" not in came_to.values():
            failed[name] = (
                f"application '{name}': release {command['release']} is not activated, because its"
                f" release command did not succeed on {', '.join(came_to) or 'any host'}."
            )
    return failed


def compilers(host: str, lacking: Said) -> dict[str, str]:
    """Return wheel -> the host that compiles it.

    Where wheels are fetched to the controller, that is the first of the batch that lacks it, and
    before that one that has kept it, from which it only has to be fetched. Otherwise each host
    compiles what it lacks.

    Args:
        host: its name.
        lacking: what each host of the batch lacks: dictionaries with ``key``, the wheel's name for
            all hosts, ``kept`` (its path on that host, or empty) and ``fetch``.
    """
    chosen = {}
    for wheel in lacking.get(host, []):
        others = [
            (not other["kept"], name)
            for name, said in lacking.items()
            for other in said
            if wheel["fetch"] and other["fetch"] and other["key"] == wheel["key"]
        ]
        # Sorted by the first alone: among equals, the order of the batch.
        chosen[wheel["key"]] = min(others, key=lambda one: one[0])[1] if others else host
    return chosen
