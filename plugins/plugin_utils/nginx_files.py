"""The files of nginx's configuration: what is printed in them, and which there are.

Paths are those below /etc/nginx. Templates get complete data, see templates.py; only a template of
the user's own is rendered by Ansible, with the same variables, and its text is handed in.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_servers import mark
from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    nginx_versions,
    request_headers,
    site_servers,
    sites,
    streams,
    templates,
)

Keys = dict[str, Any]
#: Path below /etc/nginx -> text and mode.
Files = dict[str, dict[str, str]]

HEADER = "Managed by Ansible (flaskstack.centos, role nginx): changes made here are lost."
#: blocked-now.conf is changed by playbooks/block.yml alone.
NOW_HEADER = (
    "Addresses blocked at once (flaskstack.centos, playbook block): change it by that playbook."
)
OWNER = "# Owner: "
#: Stands for a site of another owner; no site of ours can be called so.
ELSEWHERE = "*"
#: The role's own template of a site.
SITE = "site.conf.j2"
#: What the package of nginx.org brings.
DEFAULT_SITE = "conf.d/default.conf"

#: What a host without nginx, which is only being asked, would get at least.
OLDEST = "1.20.0"
ACME_WEBROOT = "/var/lib/nginx/acme"
#: Files whose name begins with a dot, but for what well-known URLs have (RFC 8615).
HIDDEN = r"/\.(?!well-known/)"

SCANNERS = [
    r"^/\.(env|git|svn|hg|aws|ssh|vscode|idea|DS_Store|htaccess|htpasswd)(/|\.|$)",
    r"/(wp-login|wp-config|xmlrpc)\.php",
    r"/wp-(admin|content|includes|json)(/|$)",
    r"^/(phpmyadmin|phppgadmin|pma|adminer|mysqladmin)(/|\.php|$)",
    r"^/(cgi-bin|vendor/phpunit|boaform|hnap1|solr|actuator|owa|ecp|autodiscover|manager/html)(/|$)",
    r"\.(sql|bak|old|swp)(\.gz|\.zip)?$",
]
COMPRESSED = [
    *("text/plain", "text/css", "text/xml", "text/javascript", "application/javascript"),
    *("application/json", "application/manifest+json", "application/xml", "application/rss+xml"),
    *("application/atom+xml", "application/wasm", "image/svg+xml", "font/ttf", "font/otf"),
]
#: What browsers of the last ten years speak, and the newest alone; both without key exchanges that
#: cannot keep a secret.
TLS_PROFILES = {
    "modern": {"protocols": "TLSv1.3", "ciphers": ""},
    "intermediate": {
        "protocols": "TLSv1.2 TLSv1.3",
        "ciphers": ":".join(
            f"ECDHE-{key}-{cipher}"
            for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
            for key in ("ECDSA", "RSA")
        ),
    },
}

#: nginx's variables that are there only when a site needs them, and so may be missing for others'.
SCANNER_VARIABLE = "$flaskstack_scanner"
SCHEME_VARIABLE = "$flaskstack_scheme"
#: What a site's file has only behind a balancer; the second one earlier versions had alone.
BALANCER_VARIABLES = ("$flaskstack_forwarded_host", SCHEME_VARIABLE)

#: CGI's own variables, for each protocol that has them; of the packages' files, which differ.
PARAMETERS = {
    "QUERY_STRING": "$query_string",
    "REQUEST_METHOD": "$request_method",
    "CONTENT_TYPE": "$content_type",
    "CONTENT_LENGTH": "$content_length",
    "REQUEST_URI": "$request_uri",
    "SERVER_PROTOCOL": "$server_protocol",
    "REQUEST_SCHEME": "$flaskstack_scheme",
    "HTTPS": "$flaskstack_https if_not_empty",
    "REMOTE_ADDR": "$remote_addr",
    "REMOTE_PORT": "$remote_port",
    "SERVER_NAME": "$flaskstack_name",
    "SERVER_PORT": "$flaskstack_port",
}
MORE_PARAMETERS = {
    "uwsgi": {"PATH_INFO": "$document_uri", "DOCUMENT_ROOT": "$document_root"},
    "fastcgi": {
        "SCRIPT_NAME": "$fastcgi_script_name",
        "DOCUMENT_URI": "$document_uri",
        "SERVER_ADDR": "$server_addr",
        "SERVER_SOFTWARE": "nginx/$nginx_version",
        "GATEWAY_INTERFACE": "CGI/1.1",
        # PHP runs nothing without it, if it was built so.
        "REDIRECT_STATUS": "200",
    },
    "proxy": {},
}


def version_of(host: Keys) -> tuple[int, ...]:
    """Return the version of the host's nginx as numbers, to compare it."""
    text = (host["nginx"] or {"version": OLDEST})["version"]
    return nginx_versions.numbers(text)


def has_brotli(settings: Keys, host: Keys) -> bool:
    """Tell whether Brotli is wanted, and there is a module for it."""
    modules = (host["nginx"] or {"modules": []})["modules"]
    return settings["nginx_brotli"] and any("brotli" in module for module in modules)


def others(plan: Keys, host: Keys) -> list[Keys]:
    """Return the files of sites that are left alone.

    They are another owner's, of another play or inventory, or stay as they are.
    """
    mine = ("", plan["settings"]["nginx_owner"])
    kept = [f"conf.d/{name}.conf" for name in plan["settings"]["nginx_keep_sites"]]
    return [found for found in host["owned"] if found["owner"] not in mine or found["file"] in kept]


def own(plan: Keys, host: Keys) -> list[str]:
    """Return the files of sites that are there and ours, earlier versions' without a name too."""
    foreign = [found["file"] for found in others(plan, host)]
    return [found["file"] for found in host["owned"] if found["file"] not in foreign]


# ---- ports -----------------------------------------------------------------------------------


def ports_of(plan: Keys, host: Keys) -> dict[int, Keys]:
    """Return port -> how the sites listen there.

    nginx wants the settings of a socket itself said once. ``owner`` is the site whose file says
    them, or '' if it is the server that closes connections for unknown names; ``quic_owner`` the
    first site with HTTP/3. ``flags`` are for all that listen there.
    """
    settings = plan["settings"]
    in_line = settings["nginx_http2"] and version_of(host) < (1, 25, 1)
    nobody = {"owner": "", "quic_owner": "", "http3": False}
    out: dict[int, Keys] = {}
    for site in plan["sites"]:
        if site["leader"] != site["name"]:
            continue
        first = nobody | {"owner": "" if settings["nginx_default_server"] else site["name"]}
        uses = [(site["port"], False, False, False)]
        if "tls" in site:
            about = site["tls"]
            uses.append((about["port"], True, about["http3"], about["proxy_protocol"]))
        for port, tls, http3, proxied in uses:
            known = out.get(port, first)
            out[port] = {
                "tls": tls,
                "http3": known["http3"] or http3,
                "flags": flags(tls, in_line, proxied),
                "quic_owner": known["quic_owner"] or (site["name"] if http3 else ""),
                "owner": site["name"] if "_" in site["domains"] else known["owner"],
            }
    return out or {80: nobody | {"tls": False, "flags": ""}}


def flags(tls: bool, http2: bool, proxied: bool = False) -> str:
    """Return what a listening socket has behind its port."""
    return (" ssl" + " http2" * http2 + " proxy_protocol" * proxied) if tls else ""


def with_others(ports: dict[int, Keys], plan: Keys, host: Keys) -> dict[int, Keys]:
    """Return the ports with those of other owners' sites: nginx.conf is for all of them.

    Sorted then, so that two owners write the same.
    """
    in_line = plan["settings"]["nginx_http2"] and version_of(host) < (1, 25, 1)
    foreign = others(plan, host)
    if not foreign:
        return ports
    out = dict(ports)
    for listen in [line for found in foreign for line in found.get("listens", [])]:
        port_text, *words = listen.replace("[::]:", "").split()
        if not port_text.isdigit():
            continue
        port, quic = int(port_text), "quic" in words
        tls = quic or "ssl" in words
        fresh = {"tls": tls, "http3": False, "quic_owner": "", "owner": ""}
        known = out.get(port, fresh | {"flags": flags(tls, in_line, "proxy_protocol" in words)})
        # Who says the socket's settings in its own file is not to be repeated here.
        theirs = not quic and any(word.startswith(("default_server", "backlog")) for word in words)
        out[port] = known | {
            "http3": known["http3"] or quic,
            "owner": ELSEWHERE if theirs else known["owner"],
        }
    return dict(sorted(out.items()))


def needs_reject(sockets: dict[int, Keys]) -> bool:
    """Tell whether the server for unknown names has a port with TLS."""
    return any(about["tls"] and about["owner"] == "" for about in sockets.values())


def addresses(host: Keys) -> list[str]:
    """Return what stands before a port: nothing for IPv4, and for IPv6 where the host has it."""
    return ["", "[::]:"] if host["ipv6"] else [""]


def closed(sockets: dict[int, Keys], plan: Keys, host: Keys) -> list[str]:
    """Return where the server for unknown names listens."""
    backlog = plan["settings"]["nginx_backlog"]
    out = []
    for port, about in sockets.items():
        if about["owner"] != "" or not plan["settings"]["nginx_default_server"]:
            continue
        for address in addresses(host):
            out.append(f"{address}{port}{about['flags']} default_server backlog={backlog}")
            if about["http3"]:
                out.append(f"{address}{port} quic default_server reuseport")
    return out


def listens(site: Keys, port: int, about: Keys, host: Keys, backlog: int) -> list[str]:
    """Return how a site listens on a port."""
    default = " default_server" * ("_" in site["domains"])
    first = f" backlog={backlog}" * (about["owner"] == site["name"])
    reuse = " reuseport" * (about["owner"] != "" and about["quic_owner"] == site["name"])
    out = []
    for address in addresses(host):
        out.append(f"{address}{port}{about['flags']}{default}{first}")
        if about["tls"] and site["tls"]["http3"]:
            out.append(f"{address}{port} quic{default}{reuse}")
    return out


# ---- the host's size -------------------------------------------------------------------------


def restart_of(host: Keys) -> str:
    """Return whether nginx needs a restart to open as many files as the host lets it.

    A reload does not do where it may not raise its limit itself, as under SELinux.

    Returns:
        Empty if it needs none, ``now`` if nobody notices one, else ``once``.
    """
    running = host.get("running")
    if not running or running["may_raise"] or running["open_files"] >= host["open_files"]:
        return ""
    return "once" if running["serves"] else "now"


def open_files(host: Keys) -> int:
    """Return how many files a worker can open, as nginx runs or is going to be started."""
    running = host.get("running")
    if not running or running["may_raise"] or restart_of(host) == "now":
        return int(host["open_files"])
    # Not fewer either: that too would be another limit than the one it has.
    return int(running["open_files"])


def connections(settings: Keys, host: Keys) -> str:
    """Return how many connections a worker may have.

    By default 16 for each MiB of memory: at 10 KiB for a busy one they take a sixth of it. The rest
    of the files that a process may open is for what is served.
    """
    if settings["nginx_worker_connections"] != "auto":
        return str(settings["nginx_worker_connections"])
    workers = worker_count(settings, host)
    by_memory = host["memory"] // (1 << 20) * 16 // workers
    return str(max(1024, min(65536, by_memory, open_files(host) * 9 // 10)))


def worker_count(settings: Keys, host: Keys) -> int:
    """Return how many workers there are going to be."""
    wanted = settings["nginx_worker_processes"]
    return int(host["cores"] if wanted == "auto" else wanted)


# ---- texts -----------------------------------------------------------------------------------


def site_variables(site: Keys, plan: Keys, host: Keys, sockets: dict[int, Keys]) -> Keys:
    """Return what the template of a site knows; a template of the user's own knows it too."""
    settings = plan["settings"]
    backlog = settings["nginx_backlog"]
    ports = {key: site["port"] for key in ["http"] if site["leader"] == site["name"]}
    if "tls" in site:
        ports["https"] = site["tls"]["port"]
    known = {one["name"]: one for one in plan["sites"]}
    server = site_servers.of_server(site, plan["sites"])
    scheme = SCHEME_VARIABLE if proxies(plan) else "$scheme"
    own = part_of(site, server, scheme)
    # Those below a path: the leader among them, if there is none at /.
    below = [own] * bool(site["prefix"])
    below += [part_of(known[name], server, scheme) for name in site["guests"]]
    counted = site_servers.counted(site, server)
    return {
        "__nginx_header": HEADER,
        "__nginx_site": own
        | {
            "listen": {
                key: listens(site, port, sockets[port], host, backlog)
                for key, port in ports.items()
            },
            "server": server,
            "parts": below,
            "members": [own] * server["root"] + below,
            "refused": site_servers.refused(site, server),
            "sticky": [place["sticky"] for place in own["places"] if place["sticky"]],
            "counted": counted,
            "zones": sites.zone_lines(site, counted or "$binary_remote_addr"),
        },
        "__nginx": {
            "acme_peers": [
                f"[{peer}]" if ":" in peer else peer
                for peer in dict.fromkeys(settings["nginx_acme_peers"])
            ],
            "acme_webroot": ACME_WEBROOT,
            "blocked_status": settings["nginx_blocked_status"],
            "brotli": has_brotli(settings, host),
            "ca_bundle": host["ca_bundle"],
            "hidden_pattern": HIDDEN,
            "proxied": bool(proxies(plan)),
        },
    }


def part_of(site: Keys, server: Keys, scheme: str) -> Keys:
    """Return a site as the template has it, whatever server it is in.

    Args:
        site: the site, complete.
        server: what it is in, see site_servers.of_server.
        scheme: the variable of the scheme that was asked for.
    """
    headers = [
        {
            "sent": name.lower().replace("-", "_"),
            "name": name,
            "variable": f"$header_{site['id']}_{number}",
            "value": sites.quoted(value),
        }
        for number, (name, value) in enumerate(site["headers"].items(), 1)
    ]
    places = [place | {"kept": sites.kept_lines(place, scheme)} for place in site["places"]]
    return site | {
        "networks": dict.fromkeys(site["allow"], 1) | dict.fromkeys(site["deny"], 0),
        "own_headers": headers,
        "header_lines": header_lines(site, headers, server["tls"]),
        "places": places,
    }


def header_lines(site: Keys, headers: list[Keys], tls: Keys | None) -> list[str]:
    """Return the directives of the headers that answers of a site get.

    Args:
        site: the site, complete.
        headers: its own ones.
        tls: of its server; None without.
    """
    out = [f"{header['name']} {header['variable']} always" for header in headers]
    out.append("Retry-After $flaskstack_retry_after always")
    if tls and tls["hsts"] > 0:
        out.append(f'Strict-Transport-Security "max-age={tls["hsts"]}" always')
    if tls and tls["http3"]:
        out.append(f"Alt-Svc 'h3=\":{tls['port']}\"; ma=86400' always")
    if site["caches"]:
        out.append("X-Cache-Status $upstream_cache_status always")
    if site["shared_times"]:
        out.append(f"Cache-Control $shared_{site['id']}")
    if any(static["immutable"] for static in site["static"]):
        out.append("Cache-Control $immutable")
    return [f"add_header {line}" for line in out]


def own_templates(plan: Keys, host: Keys) -> list[Keys]:
    """Return the sites with a template of the user's own, for Ansible to render.

    Returns:
        For each ``name``, ``template``, and the ``variables`` that the template is to know.
    """
    wanted = [site for site in plan["sites"] if site["template"] != SITE]
    if not wanted:
        return []
    sockets = with_others(ports_of(plan, host), plan, host)
    return [
        {
            "name": site["name"],
            "template": site["template"],
            "variables": site_variables(site, plan, host, sockets),
        }
        for site in wanted
    ]


def owned(text: str, owner: str) -> str:
    """Return the text of a site's file with its owner in the second line, below the header.

    Only where the role's header is: a file without it is never taken for the role's.
    """
    first, newline, rest = text.partition("\n")
    if HEADER not in first or rest.startswith(OWNER):
        return text
    return f"{first}{newline}{OWNER}{owner}\n{rest}"


def respecting(text: str, host: Keys) -> str:
    """Return the text of a site's file as the host is going to write it: some servers are drained.

    As with the owner, only where the role's header is.
    """
    return mark(text, host.get("drained", [])) if HEADER in text.partition("\n")[0] else text


def parameters_text(kind: str) -> str:
    """Return what a server is told of each request.

    Args:
        kind: what the directives begin with, see sites.PREFIXES.
    """
    return templates.render(
        "nginx",
        "parameters.conf.j2",
        kind=kind,
        parameters=PARAMETERS | MORE_PARAMETERS[kind],
        left_out=request_headers.left_out(),
        doubled=request_headers.DOUBLED,
        variable=request_headers.variable,
    )


def answer_buffers(settings: Keys) -> dict[str, int]:
    """Return what an answer is taken in by: KiB of the buffer for its headers, and of the others.

    Twice the longest header of a request: all cookies of a site come back in one, and there are
    others. nginx wants the others to be more than twice that, with one to spare.
    """
    longest = sites.size_in_bytes(settings["nginx_header_size"])
    size = max(16, -(-2 * longest // 4096) * 4)
    return {"size": size, "number": 9, "each": size // 4}


def main_text(plan: Keys, host: Keys, sockets: dict[int, Keys]) -> str:
    """Return the text of nginx.conf."""
    settings, version = plan["settings"], version_of(host)
    used = {name for found in others(plan, host) for name in found.get("variables", [])}
    scanned = any(site["block_scanners"] for site in plan["sites"]) or SCANNER_VARIABLE in used
    brotli = has_brotli(settings, host)
    tls = any(about["tls"] for about in sockets.values())
    return templates.render(
        "nginx",
        "nginx.conf.j2",
        **settings,
        open_files=open_files(host),
        connections=connections(settings, host),
        # Without it, before 1.21.6, one worker gets several times as many connections as another.
        accept_mutex=version < (1, 21, 6),
        answer_buffers=answer_buffers(settings),
        compressions=["gzip"] * settings["nginx_gzip"] + ["brotli"] * brotli,
        compressed_types=COMPRESSED,
        proxies=proxies(plan),
        # A client that is handed on as it is may say in its headers what it likes.
        told=any("proxy_protocol" in about["flags"] for about in sockets.values()),
        streams=has_streams(plan, host),
        scanner_patterns=SCANNERS if scanned else [],
        tls=TLS_PROFILES[settings["nginx_tls_profile"]] if tls else None,
        http2_line=settings["nginx_http2"] and version >= (1, 25, 1),
        closed=closed(sockets, plan, host),
        needs_reject=needs_reject(sockets),
        can_reject=can_reject(host),
    )


def has_streams(plan: Keys, host: Keys) -> bool:
    """Tell whether there is a file of streams: ours, or another owner's that stays."""
    mine = (None, "", plan["settings"]["nginx_owner"])
    return bool(plan["streams"]) or host.get("streams") not in mine


def proxies(plan: Keys) -> list[str]:
    """Return who is believed when it says for whom it asks: those named, and each site's peers."""
    return list(dict.fromkeys(plan["settings"]["nginx_real_ip_from"] + plan["peers"]))


def can_reject(host: Keys) -> bool:
    """Tell whether the host's nginx can end a handshake without a certificate."""
    return version_of(host) >= (1, 19, 4)


def rendered(plan: Keys, host: Keys, texts: dict[str, str]) -> Files:
    """Return each file that is the role's.

    Args:
        plan: see nginx_plan.plan.
        host: the answer of the module nginx_info.
        texts: site -> what Ansible made of the user's own template.
    """
    settings = plan["settings"]
    sockets = with_others(ports_of(plan, host), plan, host)
    blocked = list(dict.fromkeys(settings["nginx_blocked_addresses"]))
    out = {
        "nginx.conf": main_text(plan, host, sockets),
        "blocked.conf": templates.render("nginx", "blocked.conf.j2", blocked=blocked),
        "pages/unavailable.html": templates.render(
            "nginx", "page.html.j2", __nginx_page="unavailable"
        ),
    }
    out |= {f"parameters/{kind}.conf": parameters_text(kind) for kind in sites.PREFIXES.values()}
    if "blocked-now.conf" not in host["files"]:
        out["blocked-now.conf"] = f"# {NOW_HEADER}\n"
    theirs = [found["file"] for found in others(plan, host)]
    here = settings["nginx_source"] == "nginx.org" or DEFAULT_SITE in own(plan, host)
    if here and DEFAULT_SITE not in theirs:
        text = f"# {HEADER}\n# Here because the package brings it again.\n"
        out[DEFAULT_SITE] = owned(text, settings["nginx_owner"])
    if plan["streams"]:
        text = streams.text_of(plan["streams"], settings, addresses(host))
        out[streams.FILE] = respecting(text, host)
    secret: dict[str, str] = {}
    for site in plan["sites"]:
        name = site["name"]
        for path, own_text in sites.own_texts(site).items():
            (secret if path.endswith(".key") else out)[path] = own_text
        text = texts.get(name, "")
        if site["template"] == SITE:
            text = templates.render("nginx", SITE, **site_variables(site, plan, host, sockets))
        out[f"conf.d/{name}.conf"] = respecting(owned(text, settings["nginx_owner"]), host)
        if "tls" in site and "certificate_text" in site["tls"]:
            tls = site["tls"]
            out[tls["files"]["certificate"]] = tls["certificate_text"].strip() + "\n"
            secret[tls["files"]["key"]] = tls["key_text"].strip() + "\n"
    files = {path: {"text": text, "mode": "0644"} for path, text in out.items()}
    return files | {path: {"text": text, "mode": "0600"} for path, text in secret.items()}
