"""What the nginx role does not serve, each with one sentence that says what to write instead."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    nginx_versions,
    sites,
    specs,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import (
    PATH_HINT,
    RELEASES,
    URL_PATH,
    domain_hint,
    is_ip,
    network,
    unknown_system,
)

Keys = dict[str, Any]
#: Called with a sentence, or the end of one.
Say = Callable[[str], None]

#: How many wrong addresses of a list are named one by one.
NAMED = 10

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
DOMAIN = re.compile(r"_|(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(\.\*)?")
SERVER = re.compile(
    r"""(unix:/[^\s;{}"']+|[A-Za-z0-9._-]+:\d+|\[[0-9A-Fa-f:]+\]:\d+)"""
    r"( (weight=\d+|backup|down|max_fails=\d+|fail_timeout=\d+m?s?|max_conns=\d+))*"
)
#: nginx has a variable for a cookie of such a name.
COOKIE = re.compile(r"[A-Za-z0-9_]+")
#: A file that nginx's directives can name, below /etc/nginx if it is relative.
FILE = re.compile(r"""[^\s;{}"'$]+""")
#: What a text in PEM must have.
CERTIFICATE_MARK, KEY_MARK = "-----BEGIN CERTIFICATE-----", "PRIVATE KEY-----"
BALANCE = re.compile(r"least_conn|ip_hash|random( two( least_conn)?)?|hash \S+( consistent)?")
TIME = re.compile(r"(\d+(ms|[smhdwMy])?)+")
PATH = re.compile(r"""/[^\s;{}"']*""")
LOCATION = re.compile(r"""/[^\s;{}"']*|(=|\^~) /[^\s;{}"']*|~\*? \S[^{}";]*""")
URL = re.compile(r"""(https?://|/)[^\s;{}"']*""")
RATE = re.compile(r"[1-9]\d*r/[sm]")
CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
COUNT = re.compile(r"auto|[1-9]\d*")
#: What nginx has for a time besides one.
EXPIRES = ("off", "max", "epoch", "-1")

ADDRESS_HINT = "is no IP address or network; write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32."


def is_address(text: str) -> bool:
    """Tell whether a text is an address or network, as nginx has it."""
    return network(text) is not None


def of_role(settings: Keys, defaults: Keys, facts: Keys) -> list[str]:
    """Return what is wrong with the role's own variables.

    Args:
        settings: the variables, of the described types.
        defaults: nginx_defaults.
        facts: os_family, distribution and distribution_major_version of the host.
    """
    out: list[str] = []
    say = out.append
    if facts["os_family"] != "RedHat" or facts["distribution_major_version"] not in RELEASES:
        say(unknown_system("nginx", facts))
    allowed = sites.keys_with_defaults(sites.item_options())
    for key in defaults:
        if key not in allowed:
            say(
                f"nginx_defaults: '{key}' is no key that can have a default; these can:"
                f" {', '.join(sorted(allowed))}.{specs.nearest(key, allowed)}"
            )
    for name in ("nginx_worker_processes", "nginx_worker_connections"):
        if not COUNT.fullmatch(settings[name]):
            say(f"{name}: '{settings[name]}' is neither auto nor a number.")
    for name in ("nginx_client_timeout", "nginx_shutdown_timeout"):
        if not TIME.fullmatch(settings[name]):
            say(f"{name}: '{settings[name]}' is no time; write 15s or 10m.")
    of_size("nginx_header_size", settings["nginx_header_size"], "16k", say)
    ports = settings["nginx_port_range"]
    if ports and not re.fullmatch(r"\d{4,5}[ \t]+\d{4,5}", ports):
        say(
            f"nginx_port_range: '{ports}' is no range; write the first and the last port, as"
            " 1024 65535."
        )
    of_metrics(settings, say)
    stream, source = settings["nginx_module_stream"], settings["nginx_source"]
    if stream and (source != "distribution" or facts["distribution_major_version"] == "10"):
        other = " or take nginx_source: distribution" if source != "distribution" else ""
        say(
            "nginx_module_stream: only the package of EL 8 and 9 has module streams; leave it"
            f" empty{other}."
        )
    elif nginx_versions.is_old(stream):
        say(nginx_versions.stream_problem(stream))
    for name in ("nginx_blocked_addresses", "nginx_real_ip_from"):
        wrong = [address for address in settings[name] if not is_address(address)]
        for address in wrong[:NAMED]:
            say(f"{name}: '{address}' {ADDRESS_HINT}")
        if len(wrong) > NAMED:
            say(f"{name}: {len(wrong) - NAMED} more are none.")
    for peer in settings["nginx_acme_peers"]:
        if not is_ip(peer):
            say(f"nginx_acme_peers: '{peer}' is no IP address; write 192.0.2.1 or 2001:db8::1.")
    owner = settings["nginx_owner"]
    if not owner.strip() or not owner.isprintable():
        say(f"nginx_owner: '{owner}' must be a name of one line, because it stands in each file.")
    return out


def of_metrics(settings: Keys, say: Say) -> None:
    """Say what is wrong with where the metrics are to be."""
    directory, port = settings["nginx_metrics_directory"], settings["nginx_status_port"]
    if directory and not re.fullmatch(r"/[^\s%]+", directory):
        say(
            f"nginx_metrics_directory: '{directory}' must be an absolute path without spaces and %."
        )
    elif directory and port == 0:
        say(
            "nginx_metrics_directory: the figures come from nginx_status_port, and that is 0; give"
            " it a port, or leave the directory empty."
        )
    interval = settings["nginx_metrics_interval"]
    if interval < 1:
        say(f"nginx_metrics_interval: {interval} is too short; write 1 or more seconds.")


def of_size(key: str, size: str, example: str, say: Say) -> None:
    """Say what is wrong with a size: without a unit, nginx takes it for bytes. 0 is none."""
    if not sites.SIZE.fullmatch(size):
        say(f"{key}: '{size}' is no size; write {example}.")
    elif size.isdigit() and int(size) > 0:
        say(f"{key}: '{size}' would be bytes; write it with its unit, as {example}.")


def of_names(names: list[str]) -> list[str]:
    """Return which names of sites are there more than once."""
    return [
        f"nginx_sites: site '{name}' is there {count} times; give each site a name of its own."
        for name, count in Counter(names).items()
        if count > 1
    ]


def of_sites(complete: Iterable[Keys], settings: Keys) -> list[str]:
    """Return what is wrong with sites, and between them.

    Args:
        complete: the sites, see sites.complete.
        settings: the role's variables.
    """
    out: list[str] = []
    # Port -> who had it first, and domain with port -> whose it is.
    users: dict[int, Keys] = {}
    claims: dict[tuple[str, int], Keys] = {}
    for site in complete:

        def say(text: str, name: str = site["name"]) -> None:
            out.append(f"site '{name}', {text}")

        if not NAME.fullmatch(site["name"]):
            say(
                "name must be lower-case letters, digits, dots, - and _, because a file is called"
                " by it."
            )
        if not site["domains"]:
            say("domains: is empty; name at least one host name.")
        if not URL_PATH.fullmatch(site["path"]):
            say(f"path: '{site['path']}' {PATH_HINT}")
        of_ports(site, settings["nginx_status_port"], users, claims, say)
        if "tls" in site:
            of_tls(site, settings["nginx_resolvers"], say)
        of_keys(site, say)
        paths: list[str] = []
        for static in site["static"]:
            of_static(static, paths, say)
        for number, place in enumerate(site["places"]):
            of_place(place, sites.where_of(place, number), paths, say)
    return out


def is_same(domains: list[str], others: list[str]) -> bool:
    """Tell whether two sites have the same domains."""
    return {domain.lower() for domain in domains} == {domain.lower() for domain in others}


def of_ports(
    site: Keys,
    status_port: int,
    users: dict[int, Keys],
    claims: dict[tuple[str, int], Keys],
    say: Say,
) -> None:
    """Say which ports and domains of a site are none, or somebody's already."""
    name = site["name"]
    for use in sites.uses_of(site):
        key, port, tls = use["key"], use["port"], use["tls"]
        if not 1 <= port <= 65535:
            say(f"{key}: {port} is no port; choose one from 1 to 65535.")
        elif port == status_port:
            say(f"{key}: {port} is nginx_status_port; choose another for one of them.")
        elif port in users and users[port]["tls"] != tls:
            protocol = "HTTP" if tls else "HTTPS"
            say(
                f"{key}: {port} is for {protocol} at site '{users[port]['site']}'; one port cannot"
                " be both."
            )
        elif port in users and users[port]["proxied"] != use["proxied"]:
            say(
                f"tls.proxy_protocol: site '{users[port]['site']}' on port {port} says another; it"
                " is for all connections of a port: say the same in both."
            )
        else:
            users[port] = {"tls": tls, "site": name, "proxied": use["proxied"]}
        if port not in users or users[port]["tls"] != tls:
            continue
        for domain in site["domains"]:
            if not DOMAIN.fullmatch(domain):
                if not tls:
                    hint = domain_hint(domain, "port")
                    say(f"domains: '{domain}' is no host name{'; ' + hint if hint else '.'}")
                continue
            claim = domain.lower(), port
            other = claims.setdefault(claim, site)
            if other is site:
                continue
            if is_same(site["domains"], other["domains"]) and site["port"] != other["port"]:
                say(
                    f"tls.port: {port} of these domains is site '{other['name']}' already, whose"
                    f" port is {other['port']}, not {site['port']}; say the same port in both, or"
                    " another tls.port."
                )
                break
            if site["path"] != "/" or other["path"] != "/" or site["guests"] or other["guests"]:
                say(
                    f"domains: '{domain}' on port {port} is one of those of site '{other['name']}'"
                    f" too ({', '.join(other['domains'])}); sites share all of their domains or"
                    " none: write the same ones in both."
                )
                break
            say(
                f"domains: '{domain}' on port {port} is site '{other['name']}' already; a name on a"
                " port can be one site's only, unless each site has a path of its own."
            )


def of_tls(site: Keys, resolvers: list[str], say: Say) -> None:
    """Say what is wrong with the certificate of a site."""
    tls = site["tls"]
    kinds = [key for key in ("certificate", "certificate_text") if key in tls]
    kinds += [key for key in ("self_signed", "acme") if tls[key]]
    if len(kinds) != 1:
        said = f"says {' and '.join(kinds)}" if kinds else "says no certificate"
        say(
            f"tls: {said}; choose one of certificate and key, certificate_text and key_text,"
            " self_signed: true, acme: true."
        )
    of_pem(tls, "tls", say)
    if tls["clients"] and not tls["redirect"] and not tls["client_optional"]:
        say(
            "tls.client_ca: by HTTP nobody is asked for a certificate, and with redirect: false the"
            " site is served by it; take redirect: false out."
        )
    if tls["acme"]:
        for domain in site["domains"]:
            if re.search(r"[*_]", domain) or is_address(domain):
                say(
                    f"tls.acme: the authority cannot check '{domain}' by http-01; name each host"
                    " name, or use a certificate of another kind."
                )
        if site["port"] != 80:
            say(
                f"tls.acme: the authority asks on port 80, not on {site['port']}; leave port at 80."
            )
    if tls["proxy_protocol"] and not site["peers"]:
        say(
            "tls.proxy_protocol: whoever connects could say that he is somebody else; name those"
            " who hand connections on in peers."
        )
    if tls["proxy_protocol"] and (tls["http3"] or not tls["redirect"]):
        say(
            "tls.proxy_protocol: is for HTTPS by TCP alone; take http3: true and redirect: false"
            " out."
        )
    if tls["acme"] and site["peers"]:
        say(
            "peers: the authority of tls.acme is none of them, and could not look whether the names"
            " lead to this host; use a certificate of another kind."
        )
    if tls["stapling"] and (not resolvers or "self_signed" in kinds):
        why = (
            "a self-signed certificate has no authority to ask."
            if "self_signed" in kinds
            else "name a server in nginx_resolvers, to find the authority by."
        )
        say(f"tls.stapling: {why}")


def of_pem(given: Keys, where: str, say: Say) -> None:
    """Say which certificates and keys, of a site or for its servers, are none.

    Args:
        given: the keys as described.
        where: what has them.
        say: called with each sentence.
    """
    for name in ("certificate", "key", "ca_bundle", "client_ca"):
        text, mark = given.get(f"{name}_text"), KEY_MARK if name == "key" else CERTIFICATE_MARK
        if text is not None and mark not in text:
            say(f"{where}.{name}_text: is no PEM text; it must have the line with {mark}.")
        if name in given and not FILE.fullmatch(given[name]):
            say(
                f"{where}.{name}: '{given[name]}' is no path of a file without spaces, quotes,"
                " braces, $ and ;."
            )


def of_keys(site: Keys, say: Say) -> None:
    """Say what is wrong with the keys of a site that are nobody else's."""
    for key in ("allow", "deny", "peers"):
        for address in site[key]:
            if not is_address(address):
                say(f"{key}: '{address}' {ADDRESS_HINT}")
    for address in dict.fromkeys(site["allow"]):
        if address in site["deny"]:
            say(f"deny: '{address}' is in allow too; take it out of one.")
    of_size("client_max_body_size", site["client_max_body_size"], "20m", say)
    for name, value in site["headers"].items():
        wrong = specs.no_text(value)
        if wrong:
            say(f"headers: '{name}' {wrong}")
        elif not re.fullmatch(r"[A-Za-z0-9-]+", str(name)) or re.search(r"[\r\n]", str(value)):
            say(f"headers: '{name}' is no header of one line.")


def of_static(static: Keys, paths: list[str], say: Say) -> None:
    """Say what is wrong with a static location; add its URL to the site's paths."""
    url = static["said"]
    if static["url"] in paths:
        say(
            f"static.url: '{url}' is there twice; each once, with two directories in paths if need"
            " be."
        )
    paths.append(static["url"])
    if not (url.startswith("/") and url.endswith("/") and PATH.fullmatch(url)):
        say(
            f"static.url: '{url}' must begin and end with / and have no spaces, quotes, braces or"
            " ;."
        )
    if len(static["paths"]) not in (1, 2):
        say(f"static.paths of '{url}': name one directory or two.")
    for path in static["paths"]:
        if not PATH.fullmatch(path):
            say(
                f"static.paths of '{url}': '{path}' is no absolute path without spaces, quotes,"
                " braces and ;."
            )
    expires = static["expires"]
    if expires and not TIME.fullmatch(expires) and expires not in EXPIRES:
        say(f"static.expires of '{url}': '{expires}' is no time; write 1h or 30d.")


def of_place(place: Keys, at: str, paths: list[str], say_of_site: Say) -> None:
    """Say what is wrong with a site itself, or one of its locations; add its path to the site's."""

    def say(text: str) -> None:
        say_of_site(at + text)

    path, kind = place["said"], place["kind"]
    if not LOCATION.fullmatch(path):
        say_of_site(
            f"locations.path: '{path}' is nothing that nginx's location can have; write /api/,"
            " = /ping or ~ [.]png$."
        )
    elif place["path"] in paths:
        itself = " (it is what the site itself answers)" if path == "/" else ""
        say_of_site(f"locations.path: '{path}' is there already{itself}; each path once.")
    paths.append(place["path"])
    if "upstream" in place:
        of_servers(place[kind], kind, say)
    if kind == "http":
        of_http(place["http"], say)
    of_kind(place, say)
    for key in ("connect_timeout", "read_timeout"):
        if not TIME.fullmatch(place[key]):
            say(f"{key}: '{place[key]}' is no time; write 30s or 5m.")
    for name, value in place["options"].items():
        wrong = specs.no_option(value)
        if wrong:
            say(f"options: '{name}' {wrong}")
    if "cache" in place:
        of_cache(place, say)
    if "limit" in place:
        limit = place["limit"]
        if limit["requests"] and not RATE.fullmatch(limit["requests"]):
            say(f"limit.requests: '{limit['requests']}' is no rate; write 10r/s or 100r/m.")
        for key in ("burst", "connections"):
            if limit[key] < 0:
                say(f"limit.{key}: must not be negative.")


def of_servers(backend: Keys, kind: str, say_of_place: Say) -> None:
    """Say what is wrong with the servers that requests are passed on to.

    Args:
        backend: what has ``servers`` and ``balance``.
        kind: the key that it stands in; empty for none.
        say_of_place: called with each sentence.
    """

    def say(text: str) -> None:
        say_of_place(text if kind else text.removeprefix("."))

    servers, balance = backend["servers"], backend["balance"]
    for server in servers:
        if not SERVER.fullmatch(server):
            say(
                f"{kind}.servers: '{server}' is no address; write unix:/path or host:port, and"
                " behind it at most weight, backup, down, max_fails, fail_timeout or max_conns."
            )
    if not servers:
        say(f"{kind}.servers: is empty; name at least one.")
    elif all(re.search(r" (backup|down)( |$)", server) for server in servers):
        say(f"{kind}.servers: all are backup or down; leave one without.")
    if balance and not BALANCE.fullmatch(balance):
        say(
            f"{kind}.balance: '{balance}' is unknown; there are least_conn, ip_hash, random and"
            " hash with a variable, as hash $request_uri consistent."
        )
    elif balance.startswith(("ip_hash", "hash", "random")) and any(
        re.search(r" backup( |$)", server) for server in servers
    ):
        say(f"{kind}.balance: {balance} knows no backup servers; leave one of the two out.")


def of_http(backend: Keys, say: Say) -> None:
    """Say what is wrong with how requests are passed on by HTTP."""
    own = [key for key in ("ca_bundle", "certificate", "key") if {key, f"{key}_text"} & {*backend}]
    if own and not backend["https"]:
        say(f"http.{own[0]}: is for HTTPS to the servers; say https: true, or take it out.")
    if "ca_bundle" in own and not backend["verify"]:
        say("http.ca_bundle: is not looked at with verify: false; take one of the two out.")
    of_pem(backend, "http", say)
    if backend.get("max_fails", 0) < 0:
        say("http.max_fails: must not be negative.")
    if backend["fail_timeout"] and not TIME.fullmatch(backend["fail_timeout"]):
        say(f"http.fail_timeout: '{backend['fail_timeout']}' is no time; write 10s.")
    if "sticky" not in backend:
        return
    cookie = backend["sticky"]["cookie"]
    if not COOKIE.fullmatch(cookie):
        say(
            f"http.sticky.cookie: '{cookie}' is no name of a cookie that nginx can look for; write"
            " it of letters, digits and _."
        )
    if backend["balance"]:
        say(
            f"http.sticky: the cookie says which server it is, and balance: {backend['balance']}"
            " another; leave one of the two out."
        )
    if any(re.search(r" backup( |$)", server) for server in backend["servers"]):
        say("http.sticky: knows no backup servers; leave one of the two out.")


def of_stream(stream: Keys, say: Say) -> None:
    """Say what is wrong with what is handed on by TCP, by itself."""
    if not NAME.fullmatch(stream["name"]):
        say(f"name: '{stream['name']}' must be lower-case letters, digits, dots, - and _.")
    if not 1 <= stream["port"] <= 65535:
        say(f"port: {stream['port']} is no port; choose one from 1 to 65535 for the stream.")
    for domain in stream["domains"]:
        if domain == "_" or not DOMAIN.fullmatch(domain):
            say(
                f"domains: '{domain}' is no host name of a stream; leave domains out for all names."
            )
    of_servers(stream, "", say)
    for key in ("connect_timeout", "timeout"):
        if not TIME.fullmatch(stream[key]):
            say(f"{key}: '{stream[key]}' is no time; write 5s or 10m for the stream.")
    if any(server.startswith("unix:") for server in stream["servers"]):
        say("servers: a stream leads to other hosts; write host:port.")


def of_kind(place: Keys, say: Say) -> None:
    """Say what is wrong with what answers at a place."""
    path, kind = place["said"], place["kind"]
    if kind == "fastcgi" and not (path.startswith("/") and path.endswith("/")):
        say("fastcgi: the path must begin and end with /.")
    if kind == "directory" and re.match(r"(\^~ )?/", path) and not path.endswith("/"):
        say(
            "directory: the path must end with /, or neighbours of the directory could be asked"
            " for."
        )
    if kind == "directory" and path.startswith("~") and place["prefix"]:
        say(
            "directory: nginx would look for the whole URL in it, the site's own path too; name the"
            " beginning of the URLs instead of a regular expression, as /files/."
        )
    of_disk = {
        "directory": place.get("directory"),
        "fastcgi.root": place.get("fastcgi", {}).get("root"),
    }
    for key, directory in of_disk.items():
        if directory and not PATH.fullmatch(directory):
            say(f"{key}: '{directory}' is no absolute path without spaces, quotes, braces and ;.")
    if kind == "redirect" and not URL.fullmatch(place["redirect"]["to"]):
        say(
            f"redirect.to: '{place['redirect']['to']}' is no URL; begin it with https://, http://"
            " or /."
        )
    if kind == "answer":
        answer = place["answer"]
        if answer["status"] != 444 and not 200 <= answer["status"] <= 599:
            say(
                f"answer.status: {answer['status']} is none; choose one from 200 to 599, or 444 to"
                " close."
            )
        if not CONTENT_TYPE.fullmatch(answer["type"]):
            say(f"answer.type: '{answer['type']}' is no content type; write text/html.")


def of_cache(place: Keys, say: Say) -> None:
    """Say what is wrong with what is kept of a place's answers."""
    cache = place["cache"]
    if "upstream" not in place:
        say(
            f"cache: is for what servers answer ({', '.join(sites.PREFIXES)}); {place['kind']}"
            " needs none."
        )
    if not place["buffering"]:
        say("cache: only answers that are buffered can be kept; take out buffering: false.")
    for key in ("time", "not_found_time", "inactive"):
        if not TIME.fullmatch(cache[key]) and (key == "time" or cache[key]):
            say(f"cache.{key}: '{cache[key]}' is no time; write 1s or 10m.")
    of_size("cache.size", cache["size"], "256m", say)
    if not re.fullmatch(r"\d*", cache["shared_time"]):
        say(f"cache.shared_time: '{cache['shared_time']}' is no number of seconds; write 60.")
