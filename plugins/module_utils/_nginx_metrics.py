"""Figures of nginx and its sites for Prometheus, as a file for node_exporter's textfile collector.

A timer runs main() as a program of its own.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import re
import sys
from typing import Dict, List, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, describe
from ansible_collections.flaskstack.centos.plugins.module_utils._files import write
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_sites import list_sites
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import Tree
from ansible_collections.flaskstack.centos.plugins.module_utils._sockets import NoAnswer, get

#: Seconds for nginx's status page.
PATIENCE = 5.0
#: Name, type and help of the metrics; those of connections and requests are called as in the
#: exporter that the makers of nginx maintain, so that its dashboards show them.
METRICS = (
    ("nginx_up", "gauge", "Whether nginx answers on its status port."),
    ("nginx_connections_active", "gauge", "Open connections, idle ones among them."),
    ("nginx_connections_reading", "gauge", "Connections where a request is being read."),
    ("nginx_connections_writing", "gauge", "Connections where an answer is being written."),
    ("nginx_connections_waiting", "gauge", "Idle connections."),
    ("nginx_connections_accepted", "counter", "Connections accepted."),
    ("nginx_connections_handled", "counter", "Connections handled; the others were dropped."),
    ("nginx_http_requests_total", "counter", "Requests."),
    ("nginx_site_maintenance", "gauge", "Whether a site is closed for maintenance."),
    ("nginx_site_certificate_expiry_timestamp_seconds", "gauge", "When its certificate ends."),
)
#: What nginx's status page says (ngx_http_stub_status_module).
STATUS_PAGE = re.compile(
    r"Active connections: (?P<active>\d+) \n"
    r"server accepts handled requests\n"
    r" (?P<accepted>\d+) (?P<handled>\d+) (?P<requests>\d+) \n"
    r"Reading: (?P<reading>\d+) Writing: (?P<writing>\d+) Waiting: (?P<waiting>\d+)"
)


def read_status_page(port: int) -> Dict[str, str]:
    """Return the figures of nginx's status page by their names; empty if it does not answer."""
    try:
        page = get(("127.0.0.1", port), "/stub_status", {"Host": "localhost"}, PATIENCE, most=4096)
    except NoAnswer:
        return {}
    found = STATUS_PAGE.match(page.body.decode("ascii", "replace"))
    return found.groupdict() if found else {}


def collect(tree: Tree, port: int) -> str:
    """Return the metrics of nginx, as its status port tells them, and of the sites in a tree.

    A certificate's end is that of the one that is served, where nginx answers, not of a file that
    it may not have read.
    """
    page = read_status_page(port)
    values: Dict[str, List[Tuple[str, str]]] = {"nginx_up": [("", "1" if page else "0")]}
    # What nginx does not say is left out: a nought would be taken for a figure.
    for key, value in page.items():
        name = "nginx_http_requests_total" if key == "requests" else f"nginx_connections_{key}"
        values[name] = [("", value)]
    for site in list_sites(tree):
        of = '{site="' + site["site"] + '"}'
        values.setdefault("nginx_site_maintenance", []).append((of, str(int(site["maintenance"]))))
        ends = site["served_expires"] or site["expires"]
        if ends is not None:
            name = "nginx_site_certificate_expiry_timestamp_seconds"
            values.setdefault(name, []).append((of, f"{ends:.0f}"))
    lines = []
    for name, kind, about in METRICS:
        if name in values:
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{of} {value}" for of, value in values[name]]
    return "\n".join(lines + [""])


def main(arguments: List[str]) -> int:
    """Write the metrics.

    Args:
        arguments: nginx's status port, and the file to write them to.
    """
    try:
        port, path = arguments
        write(path, collect(Tree(), int(port)).encode("utf-8"), 0o644)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as error:
        print(describe(error), file=sys.stderr)
        return 1
    return 0
