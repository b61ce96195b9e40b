"""Tell how the applications of a host are.

It runs on Python 3.6 and imports nothing of Ansible.
"""

from typing import Any, Dict, List, Sequence

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _app_prove,
    _app_router,
    _systemd,
    _uwsgi_stats,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._application import (
    Application,
    Units,
    at_work,
    list_instances,
    names_in,
    nearest_name,
)

#: Events of the history that are told.
LATEST_EVENTS = 10


def figures(app: Application, units: Units) -> Dict[str, Any]:
    """Return what systemd and uWSGI say of the release that an application runs.

    memory and sent are in bytes, running in seconds; all that uWSGI counts began with the start of
    the release.
    """
    current = app.linked("current")
    stats = _uwsgi_stats.read(app.runtime(current, "stats.sock")) if current else None
    workers = stats.awake if stats else []
    cores = [core for worker in workers for core in worker.cores]
    restarts = _systemd.show(app.unit(current), "NRestarts").get("NRestarts") if current else ""
    down = [
        unit
        for unit in app.services(current) + app.timers(current)
        if units.get(unit, ("",))[0] != "active"
    ]

    def total(figure: str) -> int:
        return sum(worker.figures[figure] for worker in workers)

    return {
        "release": current,
        "version": app.about(current).get("version", ""),
        "state": units.get(app.unit(current), ("inactive", "dead"))[0],
        "restarts": int(restarts or 0),
        "answers": stats is not None,
        "workers": len(workers),
        "busy": sum(1 for worker in workers if worker.status == "busy"),
        "idle": sum(1 for worker in workers if worker.status == "idle"),
        "threads": len(cores),
        "threads_busy": sum(cores),
        "requests": total("requests"),
        "exceptions": total("exceptions"),
        "harakiri": total("harakiri_count"),
        "respawns": sum(max(worker.figures["respawn_count"] - 1, 0) for worker in workers),
        "sent": total("tx"),
        "running": total("running_time") / 1e6,
        "memory": stats.memory() if stats else 0,
        # By the names that they have in the inventory.
        "down": [unit.split("@")[0].split(".", 1)[1] for unit in down],
        "others": [found for found in app.releases_in(at_work(units)) if found != current],
    }


def describe(app: Application, units: Units) -> Dict[str, Any]:
    """Return what serves of an application, how it is, and where it could go back to."""
    answer = figures(app, units)
    good = app.good()
    answer.update(
        name=app.name,
        since=app.activated_at(answer["release"]),
        routers=_app_router.states(app.name),
        previous=good[0] if good else "",
        previous_version=app.about(good[0]).get("version", "") if good else "",
        history=app.history()[-LATEST_EVENTS:],
    )
    return answer


def health_of(app: Application) -> Dict[str, Any]:
    """Return what an application answers to its health check, and what it should.

    It is asked past nginx and past its queue. The status is 0 where it does not answer.
    """
    release = app.linked("current")
    wanted = app.about(release).get("health")
    if not wanted:
        return {"healthy": False, "answered": 0, "path": "", "host": "", "status": []}
    answered, _ = _app_prove.ask_health(app, release, wanted, _app_prove.LONGEST_ANSWER)
    told = {key: wanted[key] for key in ("path", "host", "status")}
    return dict(told, healthy=answered in wanted["status"], answered=answered)


def info(root: str, names: Sequence[str], health: bool = False) -> Dict[str, Any]:
    """Return, for each application or for those that are named, what serves and how it is.

    Args:
        root: the directory that the applications' own are in.
        names: of the applications; all if there is none.
        health: ask each for its health, too.

    Raises:
        CommandFailed: systemd does not answer.
    """
    there = names_in(root)
    units = list_instances()
    unknown: List[Dict[str, str]] = [
        {"name": name, "nearest": nearest_name(name, there)} for name in names if name not in there
    ]
    wanted = [name for name in there if not names or name in names]
    apps = [describe(Application(name, root), units) for name in wanted]
    if health:
        for app in apps:
            app["health"] = health_of(Application(app["name"], root))
    return {
        "apps": apps,
        "unknown": unknown,
    }
