"""The variables of the playbooks themselves, which a person writes behind ``-e``."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import Keys, read

TEXT: Keys = {"type": "str"}
#: What they are. None has a default here: a playbook knows best what it does without one.
VARIABLES: Keys = {
    "app": TEXT,
    "version": TEXT,
    "release": TEXT,
    "lock": {"type": "str", "choices": ["break"]},
    "address": TEXT,
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
    "flaskstack_backend_ca": TEXT,
    "flaskstack_backend_ca_text": TEXT,
    "flaskstack_backend_certificate": TEXT,
    "flaskstack_backend_certificate_text": TEXT,
    "flaskstack_backend_key": TEXT,
    "flaskstack_backend_key_text": TEXT,
    "flaskstack_play": TEXT,
    "flaskstack_lock_lease": {"type": "int"},
    "flaskstack_lock_directory": TEXT,
    "flaskstack_wheelhouse": TEXT,
    "flaskstack_index_url": TEXT,
    "flaskstack_proxy": TEXT,
    "flaskstack_ca_bundle": TEXT,
    "flaskstack_metrics_directory": TEXT,
    "flaskstack_fapolicyd": {"type": "str", "choices": ["fail", "allow"]},
}


def problems(given: Keys) -> list[str]:
    """Return a sentence for each variable of a playbook that cannot be read.

    Args:
        given: the variables by their names; an empty one is as good as not there.
    """
    out: list[str] = []
    own = {key: value for key, value in given.items() if value != "" and key in VARIABLES}
    found = read(VARIABLES, own, lambda key, wrong: out.append(f"{key}: {wrong}"))
    wheelhouse = found.get("flaskstack_wheelhouse", "")
    if wheelhouse and not (wheelhouse.startswith("/") and Path(wheelhouse).is_dir()):
        out.append(
            f"flaskstack_wheelhouse: {wheelhouse} is not a directory on the controller; write its"
            " absolute path."
        )
    return out
