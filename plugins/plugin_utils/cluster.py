"""Which hosts do what, where load balancers stand before the hosts that run applications.

Without load balancers each host serves by itself. With them an application has two sites: on the
load balancers the one that people ask, called like the application, and on each host that runs it
one that load balancers alone may ask, at a port of its own, so that a host can be both.
"""

from __future__ import annotations

import copy
import re
from typing import Any, TypedDict

from ansible_collections.flaskstack.centos.plugins.plugin_utils.hosts import no_load_balancers
from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    bracketed,
    is_ip,
    plain_address,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import (
    Keys,
    nearest,
    only,
    to_bool,
    to_number,
    without,
)

#: What the name of a site that only load balancers ask ends with; no application's name has a dot.
BACKEND = ".backend"
#: Keys of ``nginx`` that belong where people ask: their limits, their addresses, their HTTPS.
EDGE_KEYS = ("port", "tls", "allow", "deny", "limit", "cache", "block_scanners", "retry")
#: Keys of ``nginx`` that count at both: what is as long on the way in is as long behind it.
BOTH_KEYS = (
    "client_max_body_size",
    "read_timeout",
    "buffering",
    "headers",
    "friendly_errors",
)
#: Keys of ``load_balancer`` that say how to choose among hosts; the others are the site's own.
HTTP_KEYS = ("balance", "sticky", "max_fails", "fail_timeout", "keepalive")
#: Those that still mean something where TLS is handed on as it is.
STREAM_KEYS = ("balance", "connect_timeout", "passthrough")
#: A host that does not answer so often is left out for so long; where all are, nobody gets an
#: answer. One request that ends an application is no reason.
MAX_FAILS = 3
FAIL_TIMEOUT = "5s"
#: A name that a request can be for, not a pattern of them.
HOST_NAME = re.compile(r"[A-Za-z0-9.-]+\Z")

#: Where load balancers ask application hosts: ports that SELinux lets nginx have.
PORT = 8080
TLS_PORT = 8443
#: Where people ask.
HTTPS = 443
#: A host of the same network answers at once, or is not there.
CONNECT_TIMEOUT = "2s"


class Cluster(TypedDict):
    """Who does what.

    Attributes:
        problems: a sentence for each thing that is wrong; if there is one, the rest is empty.
        application_hosts: the hosts that run applications, in the inventory's order.
        load_balancers: the hosts that people ask; empty where each host serves by itself.
        addresses: of all of them, where they reach one another; empty without load balancers.
        groups: the inventory's groups, each with its application hosts.
        port: where load balancers ask application hosts.
        stream_port: where they hand TLS on to them.
        ports: both.
        servers: of each application host, its address with that port.
    """

    problems: list[str]
    application_hosts: list[str]
    load_balancers: list[str]
    addresses: dict[str, str]
    groups: dict[str, list[str]]
    port: int
    stream_port: int
    ports: list[int]
    servers: dict[str, str]


def plan(  # noqa: PLR0913 - what an inventory says of its hosts
    application_hosts: list[str],
    load_balancers: list[str],
    groups: dict[str, list[str]],
    addresses: list[dict[str, str]],
    wanted: str = "",
    settings: Keys | None = None,
    said: dict[str, dict[str, Any]] | None = None,
) -> Cluster:
    """Check who does what.

    Args:
        application_hosts: the hosts that run applications.
        load_balancers: the hosts in front of them.
        groups: the inventory's groups with their hosts.
        addresses: what the inventory says of where hosts reach one another, by their names; what
            comes first counts.
        wanted: the pattern of load balancers, if there are to be any.
        settings: how they ask, see ``port``.
        said: what hosts say of it each by itself, by the variables' names.
    """
    problems = []
    at, handed_on = port(settings or {}), stream_port(settings or {})
    if wanted and not load_balancers:
        problems.append(no_load_balancers(wanted))
    if load_balancers and not application_hosts:
        problems.append(
            f"load_balancers: there is no application host behind {', '.join(load_balancers)}; put"
            " the hosts that run the applications into the group 'app_servers'."
        )
    used = dict.fromkeys(application_hosts + load_balancers) if load_balancers else {}
    found = {
        host: next((str(one[host]) for one in addresses if one.get(host)), host) for host in used
    }
    for host, address in found.items():
        if not is_ip(address):
            problems.append(
                f"flaskstack_address: '{address}' of host {host} is no IP address; write"
                " flaskstack_address at the host, the address by which load balancers and"
                " application hosts reach it."
            )
    for host, other in doubles(found):
        problems.append(
            f"flaskstack_address: {host} and {other} have the same address, {found[host]}; write at"
            " each the address by which the others reach it."
        )
    problems += problems_of_differences(list(used), said or {})
    if problems:
        return {
            "problems": problems,
            "application_hosts": [],
            "load_balancers": [],
            "addresses": {},
            "groups": {},
            "port": at,
            "stream_port": handed_on,
            "ports": [],
            "servers": {},
        }
    # In the way in which hosts compare them.
    found = {host: plain_address(address) for host, address in found.items()}
    there = frozenset(application_hosts)
    return {
        "problems": [],
        "application_hosts": application_hosts,
        "load_balancers": load_balancers,
        "addresses": found,
        "groups": {
            name: [host for host in hosts if host in there] for name, hosts in groups.items()
        },
        "port": at,
        "stream_port": handed_on,
        "ports": [at, handed_on],
        "servers": {
            host: f"{bracketed(address)}:{at}" for host, address in found.items() if host in there
        },
    }


def doubles(addresses: dict[str, str]) -> list[tuple[str, str]]:
    """Return pairs of hosts that have the same address, however it is written."""
    first: dict[str, str] = {}
    out = []
    for host, address in addresses.items():
        same = plain_address(address)
        if same and first.setdefault(same, host) != host:
            out.append((first[same], host))
    return out


def problems_of_differences(hosts: list[str], said: dict[str, dict[str, Any]]) -> list[str]:
    """Return a sentence for each setting that application hosts and load balancers have not alike.

    Args:
        hosts: all of them; none without load balancers.
        said: by the variables' names, what hosts say; an empty one is as good as not there.
    """
    if not hosts:
        return []
    first = hosts[0]
    of = {key: said.get(f"flaskstack_backend_{key}", {}) for key in ("tls", "port", "plain")}
    # What cannot be read stays as it is.
    tls = {host: to_bool(of["tls"].get(host) or False)[0] for host in hosts}
    usual = TLS_PORT if tls[first] is True else PORT
    found = {
        "tls": tls,
        "port": {host: to_number(of["port"].get(host) or usual)[0] for host in hosts},
        "plain": {host: to_bool(of["plain"].get(host) or False)[0] for host in hosts},
    }
    out: list[str] = []
    for key, values in found.items():
        other = next((host for host in hosts if values[host] != values[first]), "")
        # The usual port follows from whether they ask by HTTPS.
        if other and not (key == "port" and out):
            mine, its = (str(values[host]) for host in (first, other))
            if isinstance(values[first], bool):
                mine, its = mine.lower(), its.lower()
            out.append(
                f"flaskstack_backend_{key}: it is {mine} on {first} and {its} on {other}; load"
                " balancers and application hosts must have the same: write it once for all of"
                " them, in group_vars/all.yml."
            )
    return out


def hosts_of(app: Keys, cluster: Cluster) -> list[str]:
    """Return the application hosts that are to run an application, in the inventory's order."""
    if "hosts" not in app:
        return cluster["application_hosts"]
    named = {host for name in app["hosts"] for host in cluster["groups"].get(name, [name])}
    return [host for host in cluster["application_hosts"] if host in named]


def problems_of_hosts(app: Keys, cluster: Cluster) -> list[str]:
    """Return what is wrong with where an application is to run."""
    known = [*cluster["groups"], *cluster["application_hosts"]]
    out = [
        f"hosts: the inventory has no application host and no group '{name}'.{nearest(name, known)}"
        for name in app.get("hosts", [])
        if name not in known
    ]
    if not out and cluster["application_hosts"] and not hosts_of(app, cluster):
        out.append(
            f"hosts: no application host is in {', '.join(app['hosts']) or 'an empty list'}; name"
            " groups or hosts of those, or leave the key out, and all run it."
        )
    return out


def runs_here(app: Keys, host: str, cluster: Cluster) -> bool:
    """Tell whether a host is to run an application; on a load balancer, whether it has its site."""
    if host not in cluster["application_hosts"]:
        return host in cluster["load_balancers"]
    return host in hosts_of(app, cluster)


def problems_of_pythons(apps: list[Keys], versions: dict[str, str], cluster: Cluster) -> list[str]:
    """Return a sentence for each application that would have another Python on another host.

    Args:
        apps: the applications that are to be deployed.
        versions: by host, the Python version of applications that name none.
        cluster: who does what.
    """
    out = []
    for app in apps:
        found: dict[str, list[str]] = {}
        for host in hosts_of(app, cluster):
            if versions.get(host):
                found.setdefault(versions[host], []).append(host)
        if len(found) > 1 and not app.get("python"):
            differ = ", ".join(
                f"{version} on {' and '.join(hosts[:3])}{' and others' if len(hosts) > 3 else ''}"
                for version, hosts in sorted(found.items())
            )
            out.append(
                f"flask_apps: application '{app['name']}' would run on Python {differ}; write"
                " python, a version that all of them have."
            )
    return out


# ---- sites --------------------------------------------------------------------------------------


def backend_name(name: str) -> str:
    """Return the name of the site that only load balancers ask of an application."""
    return name + BACKEND


def backend(site: Keys, cluster: Cluster, settings: Keys, passthrough: bool = False) -> Keys:
    """Return the site of an application as its host has it behind load balancers.

    A request is not asked twice here: that is the load balancers', which have other hosts. Where
    they hand TLS on as it is, it ends here, and so does all that counts where people ask.

    Args:
        site: as it would be without load balancers.
        cluster: who does what.
        settings: see ``port`` and ``transport``; ``plain``, whether HTTP is answered beside HTTPS.
        passthrough: whether load balancers hand TLS on to it as it is.
    """
    given = site if passthrough else without(site, EDGE_KEYS)
    out = given | {
        "name": backend_name(site["name"]),
        "port": PORT if settings.get("tls") else port(settings),
        "peers": [cluster["addresses"][host] for host in cluster["load_balancers"]],
        "retry": False,
    }
    if passthrough:
        out["tls"] = {**site.get("tls", {}), "port": stream_port(settings), "proxy_protocol": True}
    elif settings.get("tls"):
        out["tls"] = {
            "port": port(settings),
            **pem(settings, "certificate"),
            **pem(settings, "key"),
            **pem(settings, "ca", "client_ca"),
            # While load balancers are about to ask by HTTPS, some still ask by HTTP. Asked for from
            # the first, or their sessions would have no certificate when it has to be there.
            **({"redirect": False, "client_optional": True} if settings.get("plain") else {}),
        }
    return out


def balanced(app: Keys, cluster: Cluster, settings: Keys) -> Keys:
    """Return the site of an application as load balancers have it.

    Args:
        app: the application.
        cluster: who does what.
        settings: see ``port`` and ``transport``.
    """
    own = copy.deepcopy(app.get("load_balancer", {}))
    given = app.get("nginx", {})
    if own.get("passthrough"):
        return to_https(app)
    http = {
        "servers": servers(app, cluster, port(settings)),
        # Whoever has the least to do: requests of an application differ a thousandfold.
        "balance": "" if own.get("sticky") else "least_conn",
        # An application that broke off is asked again on another host; not here and there, too.
        "retry_bad_gateway": True,
        "max_fails": MAX_FAILS,
        "fail_timeout": FAIL_TIMEOUT,
        **only(own, HTTP_KEYS),
        **transport(settings, app),
    }
    out: Keys = {"connect_timeout": CONNECT_TIMEOUT}
    out |= copy.deepcopy(only(given, (*EDGE_KEYS, *BOTH_KEYS)))
    out |= without(own, (*HTTP_KEYS, "cache_static"))
    out |= only(app, ("name", "domains", "path")) | {"http": http}
    if own.get("cache_static"):
        # The same for everybody, whoever has a cookie and wherever it leads.
        plain = without(http, ["sticky"])
        out["locations"] = [
            {
                "path": f"^~ {static['url']}",
                "http": plain,
                "cache": {"time": lasts, "with_cookies": True},
                "connect_timeout": out["connect_timeout"],
            }
            for static in app.get("static", [])
            if (lasts := "1y" if static.get("immutable") else static.get("expires", ""))
        ]
    return out


def to_https(app: Keys) -> Keys:
    """Return the site that sends people to where TLS is handed on."""
    https = asked_at(app)
    return {
        **only(app, ("name", "domains")),
        **only(app.get("nginx", {}), ["port"]),
        "redirect": {"to": "https://$host" + ("" if https == HTTPS else f":{https}")},
    }


def asked_at(app: Keys) -> int:
    """Return the port where people ask for an application by HTTPS."""
    return int(app.get("nginx", {}).get("tls", {}).get("port", HTTPS))


def stream(app: Keys, cluster: Cluster, settings: Keys) -> Keys:
    """Return what hands an application's TLS on to its hosts: an item of ``nginx_streams``."""
    own = app["load_balancer"]
    return {
        **only(app, ("name", "domains")),
        "port": asked_at(app),
        "servers": [
            f"{server} max_fails={MAX_FAILS} fail_timeout={FAIL_TIMEOUT}"
            for server in servers(app, cluster, stream_port(settings))
        ],
        "balance": own.get("balance", "least_conn"),
        "proxy_protocol": True,
        "connect_timeout": own.get("connect_timeout", CONNECT_TIMEOUT),
    }


def stream_port(settings: Keys) -> int:
    """Return where application hosts end TLS that is handed on to them."""
    # A port has the PROXY protocol for all its connections, or for none.
    return TLS_PORT if port(settings) != TLS_PORT else TLS_PORT + 1


def servers(app: Keys, cluster: Cluster, at: int) -> list[str]:
    """Return the addresses of an application's hosts with a port."""
    return [f"{bracketed(cluster['addresses'][host])}:{at}" for host in hosts_of(app, cluster)]


def plain_domain(app: Keys) -> str:
    """Return the first domain that a request can be for; empty if all of them are patterns."""
    return next((domain for domain in app["domains"] if HOST_NAME.match(domain)), "")


def problems_of_passthrough(app: Keys) -> list[str]:
    """Return what is wrong with an application whose TLS is to be handed on as it is."""
    own, tls = app.get("load_balancer", {}), app.get("nginx", {}).get("tls")
    if not own.get("passthrough"):
        return []
    out = []
    if not tls:
        out.append(
            "load_balancer.passthrough: write nginx.tls, the certificate that the application"
            " hosts have."
        )
    elif tls.get("acme"):
        out.append(
            "load_balancer.passthrough: the authority reaches the load balancers, and the"
            " certificate would be on the application hosts; give all of them one by"
            " nginx.tls.certificate_text, or leave passthrough out."
        )
    if app.get("path", "/") != "/":
        out.append("load_balancer.passthrough: TLS has no path; leave path out, or passthrough.")
    unknown = [key for key in own if key not in STREAM_KEYS]
    if unknown:
        out.append(
            f"load_balancer.{unknown[0]}: nothing of what is handed on by passthrough is looked"
            " into; leave one of the two out."
        )
    return out


def port(settings: Keys) -> int:
    """Return where application hosts listen for load balancers.

    Args:
        settings: ``port``, or 0 for the usual one; ``tls``, whether load balancers speak HTTPS.
    """
    return int(settings.get("port") or 0) or (TLS_PORT if settings.get("tls") else PORT)


def transport(settings: Keys, app: Keys) -> Keys:
    """Return how load balancers speak to an application's hosts: keys of ``http``.

    Args:
        settings: ``tls``, whether by HTTPS; then ``ca``, ``certificate`` and ``key``, files on the
            host, or the same with ``_text``; the certificates have the application's domains.
        app: the application.
    """
    if not settings.get("tls"):
        return {}
    named = plain_domain(app)
    return {
        # One for all connections, so that they can be kept. Who was asked for is said beside it.
        **({"host": named} if named else {}),
        "https": True,
        "verify": True,
        **pem(settings, "ca", "ca_bundle"),
        **pem(settings, "certificate"),
        **pem(settings, "key"),
    }


def pem(settings: Keys, name: str, key: str = "") -> Keys:
    """Return a PEM file or text of the settings under the key that a site has for it."""
    out: dict[str, Any] = {}
    for kind in ("", "_text"):
        if settings.get(name + kind):
            out[(key or name) + kind] = settings[name + kind]
    return out


def problems_of_settings(settings: Keys) -> list[str]:
    """Return what is wrong with how load balancers are to ask application hosts."""
    if not settings.get("tls"):
        return []
    out = []
    if port(settings) == PORT:
        out.append(
            f"flaskstack_backend_port: {PORT} is where HTTP goes; choose another for HTTPS, or"
            f" leave it out for {TLS_PORT}."
        )
    for name in ("ca", "certificate", "key"):
        given = pem(settings, name)
        if len(given) != 1:
            out.append(
                f"flaskstack_backend_tls: write one of flaskstack_backend_{name}, a PEM file on the"
                f" host, and flaskstack_backend_{name}_text, the same as text."
            )
    return out
