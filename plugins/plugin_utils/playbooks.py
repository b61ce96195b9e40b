"""The variables of the playbooks themselves, which a person writes behind ``-e``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ansible_collections.flaskstack.centos.plugins.plugin_utils.rolling import problems_of_serial
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import Keys, read

TEXT: Keys = {"type": "str"}
#: What they are. None has a default here: a playbook knows best what it does without one.
VARIABLES: Keys = {
    "app": TEXT,
    "version": TEXT,
    "release": TEXT,
    "lock": {"type": "str", "choices": ["break"]},
    "address": TEXT,
    # YAML takes a bare on and off for true and false.
    "state": {"type": "raw"},
    "data": TEXT,
    "page": TEXT,
    "format": {"type": "str", "choices": ["table", "json"]},
    "to": TEXT,
    "command": TEXT,
    "stdin": TEXT,
    "all": {"type": "bool"},
    "lines": {"type": "int"},
    "since": TEXT,
    "follow": {"type": "bool"},
    "force": {"type": "bool"},
    "host": TEXT,
    "wait": {"type": "int"},
    "flaskstack_hosts": TEXT,
    "flaskstack_load_balancers": TEXT,
    "flaskstack_backend_port": {"type": "int"},
    "flaskstack_backend_tls": {"type": "bool"},
    "flaskstack_backend_plain": {"type": "bool"},
    "flaskstack_backend_ca": TEXT,
    "flaskstack_backend_ca_text": TEXT,
    "flaskstack_backend_certificate": TEXT,
    "flaskstack_backend_certificate_text": TEXT,
    "flaskstack_backend_key": TEXT,
    "flaskstack_backend_key_text": TEXT,
    "flaskstack_play": TEXT,
    "flaskstack_reboot_timeout": {"type": "int"},
    "flaskstack_reboot_command": TEXT,
    "flaskstack_boot_time_command": TEXT,
    "flaskstack_lock_lease": {"type": "int"},
    "flaskstack_lock_directory": TEXT,
    "flaskstack_wheelhouse": TEXT,
    "flaskstack_index_url": TEXT,
    "flaskstack_proxy": TEXT,
    "flaskstack_ca_bundle": TEXT,
    "flaskstack_metrics_directory": TEXT,
    "flaskstack_fapolicyd": {"type": "str", "choices": ["fail", "allow"]},
    "flaskstack_on_failure": {"type": "str", "choices": ["hold", "rollback"]},
    "flaskstack_canary_pause": TEXT,
    "flaskstack_check_url": TEXT,
    # A number, a text, or a list of both: see rolling.py.
    "flaskstack_serial": {"type": "raw"},
}


def problems(given: Keys, inventory: Iterable[str] = ()) -> list[str]:
    """Return a sentence for each variable of a playbook that cannot be read.

    Args:
        given: the variables by their names; an empty one is as good as not there.
        inventory: the names of variables that are not there by ``-e``.
    """
    known = set(inventory)
    # Names that somebody else's role or an address list may have, too.
    out = [
        f"{key}: the inventory has a variable of that name, which may mean something else; say"
        f" behind -e what this playbook is to take for it, or -e {key}= for nothing."
        for key in given
        if key in VARIABLES and key in known and not key.startswith("flaskstack_")
    ]
    if out:
        return out
    own = {key: value for key, value in given.items() if value != "" and key in VARIABLES}
    found = read(VARIABLES, own, lambda key, wrong: out.append(f"{key}: {wrong}"))
    out += problems_of_serial(given.get("flaskstack_serial", "") or 0)
    pause, url = found.get("flaskstack_canary_pause", ""), found.get("flaskstack_check_url", "")
    if pause and not (pause.isdecimal() or pause == "prompt"):
        out.append(
            f"flaskstack_canary_pause: '{pause}' is no whole number of seconds; write one, or"
            " prompt, to be asked."
        )
    if url and not url.startswith(("http://", "https://")):
        out.append(
            f"flaskstack_check_url: '{url}' is no address; write https://shop.example.com/healthz,"
            " what is asked after each batch."
        )
    wheelhouse = found.get("flaskstack_wheelhouse", "")
    if wheelhouse and not (wheelhouse.startswith("/") and Path(wheelhouse).is_dir()):
        out.append(
            f"flaskstack_wheelhouse: {wheelhouse} is not a directory on the controller; write its"
            " absolute path."
        )
    return out
