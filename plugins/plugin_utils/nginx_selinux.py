"""What nginx needs to be allowed under SELinux, as far as the sites say.

Whether a host allows it already, the host tells (module_utils/_nginx_selinux.py).
"""

from __future__ import annotations

from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import sites, streams

Keys = dict[str, Any]

#: To whatever port, also on this host.
CONNECT = "httpd_can_network_connect"
#: To ports of web servers, as those are that answer whether a certificate is revoked.
RELAY = "httpd_can_network_relay"
#: To have another limit of open files than it is started with.
LIMIT = "httpd_setrlimit"


def wanted(complete: list[Keys], settings: Keys, handed_on: list[Keys]) -> Keys:
    """Return what the sites need, as options of the module nginx_selinux.

    Args:
        complete: all of the sites, those too that stay as they are.
        settings: the role's variables.
        handed_on: see streams.py.
    """
    return {
        "owner": settings["nginx_owner"],
        "ports": ports(complete, settings)
        + [{"site": "", "port": port, "protocol": "tcp"} for port in streams.ports_of(handed_on)],
        "paths": paths(complete),
        "booleans": [CONNECT] if handed_on else booleans(complete, settings),
    }


def ports(complete: list[Keys], settings: Keys) -> list[Keys]:
    """Return the ports that nginx listens on; that of its own figures is no site's."""
    out = []
    for site in complete:
        for use in sites.uses_of(site):
            about = {"site": site["name"], "port": use["port"]}
            out += [about | {"protocol": "tcp"}] + [about | {"protocol": "udp"}] * use["http3"]
    if settings["nginx_status_port"]:
        out.append({"site": "", "port": settings["nginx_status_port"], "protocol": "tcp"})
    return out


def paths(complete: list[Keys]) -> list[Keys]:
    """Return what nginx reads on the host that the role does not put there."""
    out = [asked | {"kind": "content"} for asked in sites.asked_directories(complete)]
    for site in complete:
        for static in site["static"]:
            out += [
                {
                    "site": site["name"],
                    "key": f"static '{static['said']}'",
                    "path": path,
                    "kind": "content",
                }
                for path in static["directories"]
            ]
        out += [
            {
                "site": site["name"],
                "key": key,
                "path": path if path.startswith("/") else f"/etc/nginx/{path}",
                "kind": "certificate",
            }
            for key, path in sites.named_files(site)
        ]
    for about in sites.certificates(complete):
        if about["kind"] != "files":
            continue
        for key in ("certificate", "key"):
            path = about[key] if about[key].startswith("/") else f"/etc/nginx/{about[key]}"
            out.append(
                {"site": about["site"], "key": f"tls.{key}", "path": path, "kind": "certificate"}
            )
    return out


def tcp_servers(complete: list[Keys]) -> list[str]:
    """Return the servers that nginx connects to by TCP."""
    return [
        server
        for site in complete
        for place in site["places"]
        if "upstream" in place
        for server in place[place["kind"]]["servers"]
        if not server.startswith("unix:")
    ]


def booleans(complete: list[Keys], settings: Keys) -> list[str]:
    """Return the booleans that are to be on."""
    if tcp_servers(complete):
        return [CONNECT]
    tls = [site["tls"] for site in complete if "tls" in site]
    asks_peers = bool(settings["nginx_acme_peers"]) and any(about["acme"] for about in tls)
    return [RELAY] if asks_peers or any(about["stapling"] for about in tls) else []


def changes(plan: Keys, host: Keys, limits_differ: bool) -> Keys:
    """Return what there is to do.

    Args:
        plan: see nginx_plan.plan.
        host: the answer of the module nginx_info.
        limits_differ: the unit's limit of open files is going to be written.

    Returns:
        due: whether there is anything to do.
        tools: whether the host has semanage, which it is done with.
        wanted: options of the module nginx_selinux.
    """
    asked, found = plan["questions"]["selinux"], host.get("selinux")
    if not asked or not found:
        return {"due": False, "tools": True, "wanted": {}}
    # Somebody else's drop-in has the last word about the limit.
    other = found["nofile"] is not None and found["nofile"] != host["open_files"]
    limited = other and not limits_differ and found["booleans"].get(LIMIT) is False
    asked = asked | {"booleans": asked["booleans"] + [LIMIT] * limited}
    return {"due": found["differs"] or limited, "tools": found["tools"], "wanted": asked}
