"""The programs that timers run on the host: what collects the metrics, what deploys certificates.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
from typing import Any, Dict, List, Sequence, Tuple

# Imported for Ansible to send them along: the programs are made of them.
from ansible_collections.flaskstack.centos.plugins.module_utils import (  # noqa: F401
    _certificate,
    _commands,
    _errors,
    _files,
    _lock,
    _nginx_acme,
    _nginx_change,
    _nginx_metrics,
    _nginx_reload,
    _nginx_sites,
    _nginx_tree,
    _sockets,
    _systemd,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._files import (
    digest_of,
    is_directory,
    is_stale,
    make_directories,
    make_directory,
    read,
    read_text,
    remove,
    write,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._program import program
from ansible_collections.flaskstack.centos.plugins.module_utils._systemd import (
    reload_units,
    show_all,
    systemctl,
)

METRICS = "/usr/local/sbin/nginx-metrics.pyz"
DEPLOY = "/opt/certbot/deploy.pyz"
#: What earlier versions had in their place.
FORMER = {METRICS: "/usr/local/sbin/nginx-metrics.py", DEPLOY: "/opt/certbot/deploy.sh"}
#: What each is made of: first the file with main().
PARTS = {
    METRICS: (
        "_nginx_metrics",
        "_certificate",
        "_commands",
        "_errors",
        "_files",
        "_lock",
        "_nginx_sites",
        "_nginx_tree",
        "_sockets",
    ),
    DEPLOY: (
        "_nginx_acme",
        "_certificate",
        "_commands",
        "_errors",
        "_files",
        "_lock",
        "_nginx_change",
        "_nginx_reload",
        "_nginx_servers",
        "_nginx_tree",
        "_systemd",
    ),
}
TIMER = "nginx-metrics.timer"
UNITS = ("/etc/systemd/system/nginx-metrics.service", "/etc/systemd/system/nginx-metrics.timer")


def text_of(path: str) -> bytes:
    """Return a program, as it is to be on the host."""
    return program(PARTS[path][0], PARTS[path])


def is_current(path: str) -> bool:
    """Tell whether a program is on the host as it is to be, and not that of an earlier version."""
    return not is_stale(path, text_of(path), 0o644) and not os.path.lexists(FORMER[path])


def put_program(path: str, home: str = "", check: bool = False) -> List[str]:
    """Write a program if it is not there as it is to be; remove that of an earlier version.

    Args:
        path: one of PARTS.
        home: its directory, where that is not the usual one.
        check: change nothing.

    Returns:
        the paths that changed.
    """
    target, former = (
        os.path.join(home or os.path.dirname(name), os.path.basename(name))
        for name in (path, FORMER[path])
    )
    changed = []
    if is_stale(target, text_of(path), 0o644):
        changed.append(target)
        if not check:
            make_directories(os.path.dirname(target))
            write(target, text_of(path), 0o644)
    if os.path.lexists(former):
        changed.append(former)
        if not check:
            remove(former)
    return changed


def is_running() -> bool:
    """Tell whether the timer runs, and will after a reboot, with its units as they are on the disk.

    Raises:
        CommandFailed: systemd does not answer.
    """
    states = show_all([os.path.basename(path) for path in UNITS])
    is_on = states[TIMER]["ActiveState"] == "active", states[TIMER]["UnitFileState"] == "enabled"
    return all(is_on) and not any(state["NeedDaemonReload"] == "yes" for state in states.values())


def install_metrics(
    directory: str, files: Sequence[Tuple[str, str]], check: bool = False
) -> Dict[str, Any]:
    """Write what collects the metrics, and have its timer run.

    Args:
        directory: where the metrics are written to.
        files: path and text of the units.
        check: change nothing.

    Raises:
        CommandFailed: systemd does not start the timer.
        OSError: a file cannot be written.
    """
    directory = os.path.realpath(directory)
    stale = [(path, text) for path, text in files if is_stale(path, text.encode("utf-8"), 0o644)]
    diff = [difference(path, read_text(path), text) for path, text in stale]
    shown = program_difference(METRICS)
    made = [] if is_directory(directory, 0o755) else [directory]
    if made and not check:
        make_directories(os.path.dirname(directory))
        make_directory(directory, 0o755)
    changed = put_program(METRICS, check=check)
    removed = [path for path in changed if path == FORMER[METRICS]]
    written = made + [path for path in changed if path not in removed] + [path for path, _ in stale]
    running = is_running()
    if not check:
        for path, text in stale:
            write(path, text.encode("utf-8"), 0o644)
        if stale:
            reload_units()
        if written or removed or not running:
            # It has systemd read its units anew, too.
            systemctl("enable", TIMER)
            systemctl("restart", TIMER)
    return {
        "changed": bool(written or removed or not running),
        "written": written,
        "removed": removed,
        "diff": shown + diff,
    }


def remove_metrics(check: bool = False) -> Dict[str, Any]:
    """Stop the timer, and remove what collects the metrics.

    Raises:
        CommandFailed: systemd does not stop it.
    """
    paths = [path for path in (METRICS, FORMER[METRICS]) + UNITS if os.path.lexists(path)]
    diff = [difference(path, read_text(path), "") for path in paths if path in UNITS]
    if paths and not check:
        if os.path.lexists(UNITS[1]):
            systemctl("disable", "--now", TIMER)
        for path in paths:
            remove(path)
        reload_units()
    return {"changed": bool(paths), "removed": paths, "written": [], "diff": diff}


def difference(path: str, before: str, after: str) -> Dict[str, str]:
    """Return what --diff shows of a file."""
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def program_difference(path: str) -> List[Dict[str, str]]:
    """Return what --diff shows of a program, an archive, if it is not as it is to be."""
    found, wanted = read(path), text_of(path)
    if found == wanted:
        return []
    before = "" if found is None else f"SHA-256 {digest_of(found)}\n"
    return [difference(path, before, f"SHA-256 {digest_of(wanted)}\n")]
