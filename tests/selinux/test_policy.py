"""What the roles take for granted of SELinux, held against a compiled policy.

LAB_SELINUX_POLICY is the root of its files, with etc/selinux/targeted (contexts, policy) and
var/lib/selinux/targeted. It takes the tools of SELinux, and for changes root: they are made in
copies, which are mounted over the machine's own directories for one process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _nginx_selinux
from ansible_collections.flaskstack.centos.plugins.plugin_utils import nginx_selinux

HERE = Path(__file__).resolve().parent
#: The directories of a policy, and one for a site.
PLACES = ("etc/selinux", "var/lib/selinux")
SITES = "srv"
TOOLS = ("semanage", "semodule", "setfiles", "matchpathcon", "unshare")
#: The Python that setools is installed for.
PYTHON = "/usr/bin/python3"
PATIENCE = 900
SBIN = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
ROOT = os.environ.get("LAB_SELINUX_POLICY", "")


def why_not() -> str:
    """Return why nothing can be tested here; empty if it can."""
    if not ROOT:
        return "LAB_SELINUX_POLICY names no policy"
    lacking = [place for place in PLACES if not Path(ROOT, place, "targeted").is_dir()]
    lacking += [f"/{place}" for place in PLACES if not Path("/", place).is_dir()]
    lacking += [tool for tool in TOOLS if not shutil.which(tool, path=SBIN)]
    asked = subprocess.run([PYTHON, "-c", "import setools"], check=False, capture_output=True)
    lacking += ["setools"] * (asked.returncode != 0) + ["root"] * (os.geteuid() != 0)
    return f"there is no {', '.join(lacking)}" if lacking else ""


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


def ask(policy: Path) -> dict[str, Any]:
    """Ask a compiled policy."""
    command = [PYTHON, str(HERE / "ask.py"), str(policy)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=PATIENCE)
    return dict(json.loads(done.stdout))


def inside(copy: Path, *command: str) -> str:
    """Run a command where a copy of the policy is that of the machine; return what it says."""
    mounts = [f'mount --bind "{copy / place}" "/{place}"' for place in (*PLACES, SITES)]
    script = " && ".join([*mounts, 'exec "$@"'])
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PATH": SBIN, "LC_ALL": "C"},
    )
    return done.stdout


@pytest.fixture(scope="module")
def policy() -> dict[str, Any]:
    """Give what the policy says, as it comes."""
    (compiled,) = Path(ROOT, "etc/selinux/targeted/policy").glob("policy.*")
    return ask(compiled)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the policy."""
    directory = tmp_path_factory.mktemp("policy")
    for place in PLACES:
        shutil.copytree(Path(ROOT, place), directory / place, symlinks=True)
    (directory / SITES).mkdir()
    return directory


@pytest.fixture(scope="module")
def steps(copy: Path) -> dict[str, dict[str, Any]]:
    """Do what the roles do; give how things are after each step."""
    said = inside(copy, PYTHON, str(HERE / "act.py"))
    return {step["name"]: step for step in map(json.loads, said.splitlines())}


@pytest.fixture(scope="module")
def changed(steps: dict[str, dict[str, Any]], copy: Path) -> dict[str, Any]:
    """Give what the policy says when the roles have done what they do."""
    assert steps["second"]
    return ask(copy / SITES / "policy")


@pytest.fixture(scope="module")
def types_of(copy: Path) -> dict[str, str]:
    """Give path -> its type, of all that the roles put somewhere or say something about."""
    said = inside(copy, "matchpathcon", "-n", *PATHS)
    found = [line.split(":")[2] if ":" in line else line for line in said.splitlines()]
    return dict(zip(PATHS, found, strict=True))


#: Path -> whether nginx may read what is there; None if it is not about reading.
PATHS = {
    "/opt/shop/builds/1/venv/lib/python3.12/site-packages/shop/static/a.css": True,
    "/opt/shop/builds/1/src/static/a.css": True,
    "/opt/shop/shared/uploads/a.jpg": True,
    "/opt/shop/current": True,
    "/var/www/shop/index.html": True,
    "/var/lib/nginx/cache/shop/uwsgi/a": True,
    "/var/lib/nginx/acme/.well-known/acme-challenge/a": True,
    "/usr/share/nginx/html/index.html": True,
    "/etc/nginx/nginx.conf": True,
    "/etc/nginx/tls/shop.key": True,
    "/etc/nginx/maintenance/shop.html": True,
    "/etc/pki/tls/private/shop.key": True,
    "/etc/letsencrypt/live/shop/privkey.pem": True,
    "/srv/shop/index.html": False,
    "/home/ann/site/index.html": False,
    "/data/www/index.html": False,
    "/mnt/disk/index.html": False,
    "/var/cache/shop/index.html": False,
    "/run/wsgi/shop/1/uwsgi.sock": None,
    "/opt/uwsgi/2.0.31-py3.12/bin/uwsgi": None,
    "/opt/shop/builds/1/venv/bin/python": None,
    "/opt/uv/0.9.0/bin/uv": None,
    "/usr/sbin/nginx": None,
}


def always(found: dict[str, list[str]]) -> set[str]:
    """Return the types of which nginx has something without a boolean."""
    return {name for name, conditions in found.items() if "" in conditions}


def test_types_of_ports_that_nginx_may_listen_on(policy: dict[str, Any]) -> None:
    for protocol, types in _nginx_selinux.PORT_TYPES.items():
        assert always(policy[f"listen_{protocol}"]) == types


def test_ports_that_need_no_label(policy: dict[str, Any]) -> None:
    for protocol, types in _nginx_selinux.PORT_TYPES.items():
        found = {
            port
            for kind, first, last, name in policy["ports"]
            if kind == protocol and name in types
            for port in range(first, last + 1)
        }
        assert found == _nginx_selinux.PORTS[protocol]


def test_files_that_nginx_may_read(policy: dict[str, Any]) -> None:
    assert always(policy["read"]) >= _nginx_selinux.READABLE
    assert not always(policy["read"]) & _nginx_selinux.UNSPECIFIC
    assert set(_nginx_selinux.LABELS.values()) <= _nginx_selinux.READABLE


def test_links_that_nginx_may_follow(policy: dict[str, Any]) -> None:
    on = {name for name, state in policy["booleans"].items() if state}
    found = {name for name, conditions in policy["follow"].items() if set(conditions) & (on | {""})}
    assert found >= _nginx_selinux.READABLE | _nginx_selinux.FOLLOWED


def test_nginx_may_pass_through_all_directories(policy: dict[str, Any]) -> None:
    assert always(policy["pass"]) >= set(policy["files"])


def test_file_systems_without_labels(policy: dict[str, Any]) -> None:
    for name, boolean in _nginx_selinux.FILE_SYSTEMS.items():
        assert boolean in policy["read"][name] and name not in always(policy["read"])
        assert policy["booleans"][boolean] is False


def test_what_booleans_are_needed_for(policy: dict[str, Any]) -> None:
    connect = policy["connect_tcp"]
    for port in ("unreserved_port_t", "http_port_t", "ephemeral_port_t"):
        assert port not in always(connect)
        assert nginx_selinux.CONNECT in connect[port]
    assert nginx_selinux.RELAY in connect["http_port_t"]
    for deed in ("limit", "capability"):
        assert nginx_selinux.LIMIT in policy[deed]["httpd_t"]
        assert "httpd_t" not in always(policy[deed])


@pytest.mark.parametrize("path", PATHS)
def test_what_is_where(path: str, policy: dict[str, Any], types_of: dict[str, str]) -> None:
    if PATHS[path] is not None:
        assert (types_of[path] in _nginx_selinux.READABLE) is PATHS[path], types_of[path]
        # What is mounted below /mnt has the labels that it brings.
        assert PATHS[path] or types_of[path] in _nginx_selinux.UNSPECIFIC | {"<<none>>"}


def test_programs_and_sockets(policy: dict[str, Any], types_of: dict[str, str]) -> None:
    assert types_of["/run/wsgi/shop/1/uwsgi.sock"] in always(policy["write_socket"])
    assert types_of["/usr/sbin/nginx"] == "httpd_exec_t"
    for path in PATHS:
        if "/bin/" in path:
            assert types_of[path] == "bin_t", path
    # What systemd starts from there runs as.
    assert policy["services"]["bin_t"] == "unconfined_service_t"
    assert policy["services"]["httpd_exec_t"] == "httpd_t"


def test_the_policy_module_is_needed_and_enough(
    policy: dict[str, Any], steps: dict[str, dict[str, Any]], changed: dict[str, Any]
) -> None:
    assert "unconfined_service_t" not in policy["connect_socket"]
    assert steps["first"]["module"] and not steps["back"]["module"]
    gained = set(changed["connect_socket"]) - set(policy["connect_socket"])
    assert gained == {"unconfined_service_t"}
    for deed in ("read", "follow", "write_socket", "listen_tcp", "listen_udp"):
        assert changed[deed] == policy[deed], deed


def test_what_is_changed_and_given_back(steps: dict[str, dict[str, Any]]) -> None:
    assert [name for name, step in steps.items() if step["changed"]] == ["first", "back"]
    added = {(kind, first, name) for kind, first, _, name in steps["second"]["ports"]}
    assert added == {
        ("tcp", 5000, "http_port_t"),
        ("tcp", 8000, "http_port_t"),
        ("tcp", 8085, "http_port_t"),
        ("udp", 443, "http_port_t"),
    }
    assert steps["second"]["labels"] == ["httpd_sys_content_t"] * 2
    assert steps["back"]["ports"] == []
    assert steps["back"]["labels"] == steps["before"]["labels"]


def test_ports_in_the_policy_that_the_kernel_gets(changed: dict[str, Any]) -> None:
    # The first that fits counts.
    for port in (5000, 8000, 8085):
        found = [
            name
            for kind, first, last, name in changed["ports"]
            if kind == "tcp" and first <= port <= last
        ]
        assert found[0] == "http_port_t"
