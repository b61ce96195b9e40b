"""What is not on a host as the nginx role wants it: the plan held against the host's answer.

A converged host has nothing of it, and its role ends with the one question.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    floating,
    names,
    nginx_files,
    nginx_plan,
    nginx_selinux,
    nginx_versions,
    sites,
    streams,
    templates,
    units,
)

Keys = dict[str, Any]

#: Days for which a certificate is made that no authority signs, and one that stands in.
SELF_SIGNED_DAYS, STAND_IN_DAYS, DEFAULT_DAYS = 397, 30, 3650
DEFAULT_CERTIFICATE = "/etc/nginx/tls/_default"
#: States of a certificate that nginx cannot use at all.
UNUSABLE = ("missing", "unreadable", "mismatch")

#: A rule of firewalld as names.firewall_rule writes it.
ALLOWING = re.compile(
    r'rule family="ipv[46]" source address="[^"]+" port port="\d+" protocol="\w+" accept'
)

DEPLOY_PROGRAM = f"{nginx_plan.ACME_HOME}/deploy.pyz"
METRICS_TIMER = "nginx-metrics.timer"


def changes(plan: Keys, host: Keys, texts: dict[str, str] | None = None) -> Keys:
    """Return what there is to do on a host.

    Args:
        plan: see nginx_plan.plan.
        host: the answer of the module nginx_info.
        texts: site -> what Ansible made of the user's own template.

    Returns:
        problems: a sentence for each thing that the sites want and the host does not have.
        files, secret_files, remove: below /etc/nginx what differs (path -> text) and what goes.
        pairs: certificates and keys that are given as text, to be compared.
        cache_directories: where nginx keeps answers.
        unsigned: certificates to make.
        configure: whether there is anything to do about any of these.
        limits: ``path``, ``text`` and whether it ``differs``; whether to ``restart`` nginx for it,
            because nobody notices, else a sentence that a restart is ``needed``.
        sysctls: settings of the kernel to change; old_sysctls: whether earlier ones are there.
        selinux: see nginx_selinux.changes.
        start: whether nginx has to be started or enabled.
        firewall: ports to open, as firewalld has them; empty where it does not run.
        peers: see firewall_peers.
        floating: see floating_changes.
        stream_package: the package of the module that streams need; empty if none is lacking.
        acme, metrics: see acme_changes and metrics_changes.
    """
    limits = text_of(plan, nginx_plan.LIMITS_PATH, "limits.conf.j2", open_files=host["open_files"])
    limits_differ = differs({"text": limits, "mode": "0644"}, host["paths"], nginx_plan.LIMITS_PATH)
    selinux = nginx_selinux.changes(plan, host, limits_differ)
    if nginx_selinux.LIMIT in selinux["wanted"].get("booleans", []) and host.get("running"):
        # It may before it reads what is written here: else the next run would write it anew.
        host = host | {"running": host["running"] | {"may_raise": True}}
    files = nginx_files.rendered(plan, host, texts or {})
    differing = {path: file for path, file in files.items() if differs(file, host["files"], path)}
    remove = dropped(plan, host, files)
    unmade = unsigned(plan, host)
    return {
        "problems": problems(plan, host),
        "files": {path: file["text"] for path, file in differing.items() if is_open(file)},
        "secret_files": {
            path: file["text"] for path, file in differing.items() if not is_open(file)
        },
        "remove": remove,
        "pairs": pairs(plan),
        "cache_directories": [cache["path"] for site in plan["sites"] for cache in site["caches"]],
        "unsigned": unmade,
        "configure": bool(differing or remove or unmade or host["pending"]),
        "limits": {
            "path": nginx_plan.LIMITS_PATH,
            "text": limits,
            "differs": limits_differ,
            "restart": nginx_files.restart_of(host) == "now",
            "needed": restart_needed(host),
        },
        "sysctls": sysctls(plan, host),
        "old_sysctls": nginx_plan.OLD_SYSCTL_FILE in host["paths"],
        "selinux": selinux,
        "start": not runs(host, "nginx.service"),
        "firewall": firewall(plan, host),
        "peers": firewall_peers(plan, host),
        "floating": floating_changes(plan, host),
        "stream_package": stream_package(plan, host),
        "acme": acme_changes(plan, host),
        "metrics": metrics_changes(plan, host),
    }


def text_of(plan: Keys, path: str, template: str, **variables: Any) -> str:
    """Return the text of a file; of a unit without what the host's systemd does not know."""
    text = templates.render("nginx", template, **variables)
    return units.known(text, plan["systemd"]) if path.startswith("/etc/systemd/") else text


def is_open(file: Keys) -> bool:
    """Tell whether a file holds nothing that has to stay secret."""
    return bool(file["mode"] != "0600")


def differs(file: Keys, found: Keys, path: str) -> bool:
    """Tell whether a file is not on the host with this text and mode."""
    digest = hashlib.sha256(file["text"].encode()).hexdigest()
    return bool(found.get(path) != {"sha256": digest, "mode": file["mode"]})


def runs(host: Keys, unit: str) -> bool:
    """Tell whether a unit is active, and enabled for the next start of the host."""
    state = host["units"].get(unit, {})
    found = state.get("ActiveState"), state.get("UnitFileState")
    return found == ("active", "enabled")


def restart_needed(host: Keys) -> str:
    """Return a sentence if nginx needs a restart that somebody would notice; empty if not."""
    if nginx_files.restart_of(host) != "once":
        return ""
    return (
        f"nginx needs one restart: it was started with at most {host['running']['open_files']} open"
        f" files, which SELinux does not let it raise, and goes on with these instead of"
        f" {host['open_files']}. Restart it when a moment without it does no harm: systemctl"
        " restart nginx. A restart of the host does as well."
    )


def problems(plan: Keys, host: Keys) -> list[str]:
    """Return a sentence for each thing that the sites want and the host does not have."""
    refused = (host.get("selinux") or {"problems": []})["problems"]
    out = [found["text"] for found in [*host["problems"], *refused]]
    others = nginx_files.others(plan, host)
    theirs = {found["file"]: found["owner"] for found in others}
    nginx = host["nginx"]
    old = nginx_versions.old_problem((nginx or {}).get("version", ""), plan["release"])
    if old:
        out.append(old)
    for site in plan["sites"]:
        wants_http3 = "tls" in site and site["tls"]["http3"]
        if wants_http3 and nginx and "--with-http_v3_module" not in nginx["arguments"]:
            out.append(
                f"site '{site['name']}', tls.http3: nginx {nginx['version']} of this host has no"
                " HTTP/3; take the key out, or install a newer one (nginx_source,"
                " nginx_module_stream)."
            )
        backends = [place["http"] for place in site["places"] if place["kind"] == "http"]
        verifies = any(
            backend["https"]
            and backend["verify"]
            and not {"ca_bundle", "ca_bundle_text"} & {*backend}
            for backend in backends
        )
        if verifies and not host["ca_bundle"]:
            out.append(
                f"site '{site['name']}', http.verify: this host has no list of certificate"
                " authorities; install the package ca-certificates."
            )
        file = f"conf.d/{site['name']}.conf"
        if file in theirs:
            out.append(
                f"site '{site['name']}', name: {file} of this host belongs to '{theirs[file]}', and"
                f" this play is '{plan['settings']['nginx_owner']}'; give the site another name,"
                " or say the same nginx_owner in both."
            )
    theirs_too = host.get("streams")
    if plan["streams"] and theirs_too and theirs_too != plan["settings"]["nginx_owner"]:
        out.append(
            f"{streams.VARIABLE}: {streams.FILE} of this host belongs to '{theirs_too}', and this"
            f" play is '{plan['settings']['nginx_owner']}'; name all of them in one of the two."
        )
    known = host.get("interfaces", [])
    out += [
        f"{floating.VARIABLE}: this host has no interface '{item['interface']}' for"
        f" {item['address']}; name one of {', '.join(known)}."
        for item in plan["floating"]
        if known and item["interface"] not in known
    ]
    other = host.get("keepalived")
    if plan["floating"] and other and other != plan["settings"]["nginx_owner"]:
        out.append(
            f"{floating.VARIABLE}: {floating.PATH} of this host belongs to '{other}', and this play"
            f" is '{plan['settings']['nginx_owner']}'; name all of them in one of the two."
        )
    if not nginx_files.proxies(plan):
        for found in others:
            if set(nginx_files.BALANCER_VARIABLES) & set(found.get("variables", [])):
                out.append(
                    f"nginx_real_ip_from: {found['file']} of '{found['owner']}' needs it, and"
                    " nginx.conf is one for all sites of the host; say the same here as there."
                )
    return out


def dropped(plan: Keys, host: Keys, files: nginx_files.Files) -> list[str]:
    """Return what sites that left the list had: their files in conf.d, and what is called alike.

    Nothing of another owner's, nothing that another site names, and nothing else in these
    directories, which a user may have put there.
    """
    gone = [path for path in nginx_files.own(plan, host) if path not in files]
    mine = host.get("streams") in ("", plan["settings"]["nginx_owner"])
    handed_on = [streams.FILE] * (mine and streams.FILE not in files)
    named = {
        path.removeprefix("/etc/nginx/")
        for site in plan["sites"]
        if "tls" in site
        for path in site["tls"]["files"].values()
    }
    left = []
    for path in gone:
        name = path.removeprefix("conf.d/").removesuffix(".conf")
        left += [f"tls/{name}.crt", f"tls/{name}.key", f"maintenance/{name}.html"]
    left += [path for path in host["files"] if is_own_text(plan, path, gone) and path not in files]
    left = [path for path in left if path in host["files"] and path not in named]
    return gone + handed_on + left


def is_own_text(plan: Keys, path: str, gone: list[str]) -> bool:
    """Tell whether a file is what a site that is ours needs for its servers or clients.

    Args:
        plan: see nginx_plan.plan.
        path: below /etc/nginx.
        gone: files of the sites that left the list.
    """
    found = re.fullmatch(r"tls/([^/@]+)@[^/]+", path)
    ours = [site["name"] for site in plan["sites"]]
    return found is not None and (found[1] in ours or f"conf.d/{found[1]}.conf" in gone)


def pairs(plan: Keys) -> list[Keys]:
    """Return the certificates and keys that are given as text, to be compared before they count."""
    keys = ("site", "certificate", "key", "key_names")
    own = [
        {key: about[key] for key in keys}
        for about in sites.certificates(plan["sites"])
        if about["kind"] == "text"
    ]
    return own + [
        {
            "site": site["name"],
            "certificate": f"/etc/nginx/{place['secure']['certificate']}",
            "key": f"/etc/nginx/{place['secure']['key']}",
            "key_names": [
                f"{sites.where_of(place, number)}http.{key}"
                for key in ("certificate_text", "key_text")
            ],
        }
        for site in plan["sites"]
        for number, place in enumerate(site["places"])
        if place["kind"] == "http" and "certificate_text" in place["http"]
    ]


def unsigned(plan: Keys, host: Keys) -> list[Keys]:
    """Return the certificates that the role makes itself and that are not there as they should be.

    These are the self-signed ones, what stands in until the authority has given one, and what a
    nginx that cannot end a handshake shows for unknown names.
    """
    out = []
    for about in sites.certificates(plan["sites"]):
        if about["kind"] not in ("self_signed", "acme"):
            continue
        state = host["certificates"][about["site"]]["state"]
        self_signed = about["kind"] == "self_signed"
        if state in UNUSABLE or (self_signed and state != "ok"):
            days = SELF_SIGNED_DAYS if self_signed else STAND_IN_DAYS
            names = {key: about[key] for key in ("certificate", "key", "names")}
            out.append(names | {"days": days})
    sockets = nginx_files.with_others(nginx_files.ports_of(plan, host), plan, host)
    wanted = nginx_files.needs_reject(sockets) and not nginx_files.can_reject(host)
    if wanted and "tls/_default.crt" not in host["files"]:
        paths = {
            "certificate": f"{DEFAULT_CERTIFICATE}.crt",
            "key": f"{DEFAULT_CERTIFICATE}.key",
        }
        out.append(paths | {"names": ["localhost"], "days": DEFAULT_DAYS})
    return out


# ---- the kernel, the firewall ------------------------------------------------------------------


def sysctls(plan: Keys, host: Keys) -> dict[str, str]:
    """Return the settings of the kernel that have to change; none is ever lowered.

    The queue's limit is wanted by others too, in the same file: it gets the larger of what is in
    effect and what is wanted. What an earlier version wrote elsewhere is written anew.
    """
    settings, found = plan["settings"], host["sysctls"]
    moves = nginx_plan.OLD_SYSCTL_FILE in host["paths"]
    out = {}
    queue = found.get("net.core.somaxconn")
    if queue is not None and (int(queue) < settings["nginx_backlog"] or moves):
        out["net.core.somaxconn"] = str(max(int(queue), settings["nginx_backlog"]))
    if settings["nginx_port_range"]:
        first, last = settings["nginx_port_range"].split()
        if moves or (found["net.ipv4.ip_local_port_range"] or "").split() != [first, last]:
            out["net.ipv4.ip_local_port_range"] = f"{first} {last}"
        reserved = set(numbers(found["net.ipv4.ip_local_reserved_ports"] or ""))
        wanted = {
            port
            for port in [
                *nginx_files.ports_of(plan, host),
                *streams.ports_of(plan["streams"]),
                *settings["nginx_reserved_ports"],
                settings["nginx_status_port"],
            ]
            if port >= int(first)
        }
        if wanted - reserved or moves:
            ports = ",".join(map(str, sorted(reserved | wanted)))
            out["net.ipv4.ip_local_reserved_ports"] = ports
    return out


def numbers(text: str) -> list[int]:
    """Return the ports of a list with ranges, as the kernel has it."""
    out: list[int] = []
    for part in filter(None, map(str.strip, text.split(","))):
        first, _, last = part.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


def firewall(plan: Keys, host: Keys) -> list[str]:
    """Return the ports to open in firewalld, as 443/tcp; none where it does not run."""
    if not has_firewall(plan, host):
        return []
    few = ports_of_peers(plan)
    ports = {
        port: about for port, about in nginx_files.ports_of(plan, host).items() if port not in few
    }
    quic = [f"{port}/udp" for port, about in ports.items() if about["http3"]]
    handed_on = streams.ports_of(plan["streams"])
    return [f"{port}/tcp" for port in [*ports, *handed_on]] + quic


def stream_package(plan: Keys, host: Keys) -> str:
    """Return the package of nginx's module for streams; empty if it is there, or not wanted."""
    return streams.PACKAGE if plan["streams"] and not streams.is_known(host) else ""


def has_firewall(plan: Keys, host: Keys) -> bool:
    """Tell whether firewalld runs, and is the role's business."""
    state = host["units"].get("firewalld.service", {}).get("ActiveState")
    return bool(plan["settings"]["nginx_firewalld"] and state == "active")


def ports_of_peers(plan: Keys) -> dict[int, Keys]:
    """Return the ports where every site takes connections from some addresses alone.

    Returns:
        Port -> ``peers``, those of all sites there, and the ``protocols``.
    """
    out: dict[int, Keys] = {}
    open_ports = set()
    for site in plan["sites"]:
        for use in sites.uses_of(site):
            if not site["peers"]:
                open_ports.add(use["port"])
            about = out.setdefault(use["port"], {"peers": [], "protocols": ["tcp"]})
            about["peers"] += [peer for peer in site["peers"] if peer not in about["peers"]]
            if use["http3"]:
                about["protocols"] = ["tcp", "udp"]
    return {port: about for port, about in out.items() if port not in open_ports}


def firewall_peers(plan: Keys, host: Keys) -> Keys:
    """Return what firewalld is to have of ports that are for some addresses alone.

    Returns:
        closed: ports that may have been open to everybody, as firewalld has them; none where
            another owner's site listens.
        rules: those that let the addresses in.
        gone: those of addresses that are none of them any more.
    """
    if not has_firewall(plan, host):
        return {"closed": [], "rules": [], "gone": []}
    foreign = nginx_files.with_others({}, plan, host)
    closed, rules, gone = [], [], []
    for port, about in ports_of_peers(plan).items():
        for protocol in about["protocols"]:
            mine = [names.firewall_rule(peer, port, protocol) for peer in about["peers"]]
            rules += mine
            end = f' port port="{port}" protocol="{protocol}" accept'
            if port in foreign:
                continue
            closed.append(f"{port}/{protocol}")
            gone += [
                rule
                for rule in host.get("rules", [])
                if rule not in mine and ALLOWING.fullmatch(rule) and rule.endswith(end)
            ]
    return {"closed": closed, "rules": rules, "gone": gone}


def floating_changes(plan: Keys, host: Keys) -> Keys:
    """Return what there is to do about addresses that move from host to host.

    Returns:
        due: whether there is anything to do.
        install: whether keepalived is not there.
        path, text, secret, differs: its configuration, whether there is a password in it, and
            whether it is another one.
        start: whether it has to be started, enabled, or given another configuration.
        rules: of firewalld, where it runs.
        remove: whether there is no address of ours any more.
    """
    items, settings = plan["floating"], plan["settings"]
    ours = host.get("keepalived") in ("", settings["nginx_owner"])
    if not items:
        nothing = {"install": False, "differs": False, "start": False, "rules": []}
        return nothing | {"path": floating.PATH, "remove": ours, "due": ours}
    text = floating.text_of(items, settings)
    differing = differs({"text": text, "mode": "0600"}, host["paths"], floating.PATH)
    start = differing or not runs(host, floating.UNIT)
    rules = floating.rules_of(items) if has_firewall(plan, host) else []
    loaded = host["units"].get(floating.UNIT, {}).get("LoadState", "not-found")
    return {
        "due": bool(start or rules),
        "install": loaded == "not-found",
        "path": floating.PATH,
        "text": text,
        "secret": any(item["password"] for item in items),
        "differs": differing,
        "start": start,
        "rules": rules,
        "remove": False,
    }


# ---- ACME --------------------------------------------------------------------------------------


def acme_environment(settings: Keys) -> dict[str, str]:
    """Return the environment of certbot, where it is installed and where it runs."""
    proxy = settings["nginx_acme_proxy"]
    proxies = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy} if proxy else {}
    more = {str(name): str(value) for name, value in settings["nginx_acme_environment"].items()}
    return proxies | more


def acme_files(plan: Keys) -> nginx_files.Files:
    """Return the files of what renews certificates, by their full paths."""
    settings = plan["settings"]
    bundle = settings["nginx_acme_ca_bundle"]
    environment = {"REQUESTS_CA_BUNDLE": bundle} if bundle else {}
    environment |= acme_environment(settings)
    variables = settings | {
        "acme_home": nginx_plan.ACME_HOME,
        "acme_webroot": nginx_files.ACME_WEBROOT,
        # Without regard to capitals, as people sort names.
        "environment": [
            (name, sites.quoted(value))
            for name, value in sorted(environment.items(), key=lambda pair: pair[0].lower())
        ],
    }
    return {
        path: {"text": text_of(plan, path, template, **variables), "mode": mode}
        for path, (template, mode) in nginx_plan.ACME_FILES.items()
    }


def acme_changes(plan: Keys, host: Keys) -> Keys:
    """Return what there is to do about certificates by ACME.

    Returns:
        wanted: whether any site has its certificate from an authority.
        due: whether there is anything to do.
        files: path, text and mode of each that differs.
        sites: names and domains of those whose certificate is not there, not for its names, or not
            yet taken over by nginx.
        dropped: certificates that are renewed for sites that are no more, or have another kind now;
            not those of another owner's sites.
        environment: of certbot.
    """
    settings = plan["settings"]
    users = [site for site in plan["sites"] if "tls" in site and site["tls"]["acme"]]
    names = [site["name"] for site in users]
    theirs = [found["file"] for found in nginx_files.others(plan, host)]
    wanting = [
        {"name": site["name"], "domains": site["domains"]}
        for site in users
        if host["certificates"][site["name"]]["state"] != "ok"
        or site["name"] in host.get("acme_due", [])
    ]
    gone = [
        name
        for name in host["lineages"]
        if name not in names and f"conf.d/{name}.conf" not in theirs
    ]
    files = [
        file | {"path": path}
        for path, file in (acme_files(plan) if users else {}).items()
        if differs(file, host["paths"], path)
    ]
    version, certbot = settings["nginx_acme_certbot_version"], host["certbot"]
    incomplete = bool(users) and (
        certbot is None
        or version not in ("", certbot)
        or not host.get("programs", {}).get(DEPLOY_PROGRAM, False)
    )
    return {
        "wanted": bool(users),
        "due": bool(files or wanting or gone or incomplete),
        "files": files,
        "sites": wanting,
        "dropped": gone,
        "environment": acme_environment(settings),
    }


# ---- metrics -----------------------------------------------------------------------------------


def metrics_changes(plan: Keys, host: Keys) -> Keys:
    """Return what there is to do about the metrics.

    They are of all sites of the host: whoever wants none takes away none that another owner has.

    Returns:
        state: present or absent.
        due: whether there is anything to do.
        files: path and text of the units; empty when none are wanted.
    """
    settings = plan["settings"]
    old = [path for path in nginx_plan.OLD_PROGRAMS if path in host["paths"]]
    program = host.get("programs", {}).get(nginx_plan.METRICS_PROGRAM, False)
    if not settings["nginx_metrics_directory"]:
        there = old or program or any(path in host["paths"] for path in nginx_plan.METRICS_FILES)
        foreign = nginx_files.others(plan, host)
        return {"state": "absent", "due": bool(there and not foreign), "files": []}
    files = [
        {"path": path, "text": text_of(plan, path, template, **settings)}
        for path, template in nginx_plan.METRICS_FILES.items()
    ]
    stale = [
        file["path"]
        for file in files
        if differs(file | {"mode": "0644"}, host["paths"], file["path"])
    ]
    due = stale or old or not program or not runs(host, METRICS_TIMER)
    return {"state": "present", "due": bool(due), "files": files}
