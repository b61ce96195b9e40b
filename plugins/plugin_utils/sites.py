"""The sites of the nginx role: each with all its keys, and what follows from them alone.

An item's own keys go before ``nginx_defaults``, and these before the role's own defaults, which
``argument_specs.yml`` says. What is added is for the templates, which only print it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    names,
    site_servers,
    specs,
)

Keys = dict[str, Any]

#: What answers: exactly one of these at each place.
KINDS = ("uwsgi", "http", "fastcgi", "directory", "redirect", "answer")
#: Those that pass requests on, and what their directives begin with.
PREFIXES = {"uwsgi": "uwsgi", "http": "proxy", "fastcgi": "fastcgi"}
#: Keys that all sites may have from nginx_defaults, besides those with a default.
MORE_DEFAULTS = ("tls", "limit")
#: Keys with a default of the role's that cannot have another for all sites.
NO_DEFAULTS = ("path",)

#: What may be given as text, for HTTPS to servers, and how its file ends.
OWN_TEXTS = {"ca_bundle": "-ca.crt", "certificate": ".crt", "key": ".key"}

CACHE_ROOT = "/var/lib/nginx/cache"
#: What nginx's units of time are in seconds; without one, it is seconds.
SECONDS = {
    "": 1,
    "ms": 0,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86400,
    "w": 604800,
    "M": 2592000,
    "y": 31536000,
}
#: Seconds for which any answer is kept at least.
SHORTEST = 60
SIZE = re.compile(r"(\d+)([kKmMgG]?)")
BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def item_options() -> Keys:
    """Return the keys of a site, as described."""
    return specs.item_options("nginx", "nginx_sites")


def keys_with_defaults(options: Keys) -> list[str]:
    """Return the keys that may stand in nginx_defaults."""
    usual = [key for key, spec in options.items() if "default" in spec and key not in NO_DEFAULTS]
    return usual + list(MORE_DEFAULTS)


def complete(item: Keys, defaults: Keys, say: Callable[[str, str], None]) -> Keys | None:
    """Return a site with every key there is; None if it cannot be read, which is then said.

    What is added to the described keys: ``id`` (for names of nginx's variables), ``prefix`` (the
    path, empty at /), ``says_port`` (whether the port is anybody's wish), ``places`` (the site
    itself, then its locations, see complete_place), ``caches``, ``shared_times``, and ``files`` in
    ``tls``.

    Args:
        item: as the user wrote it.
        defaults: nginx_defaults, of which only keys count that can have a default.
        say: called with a key and a sentence for each thing that cannot be read.
    """
    options = item_options()
    known = keys_with_defaults(options)
    # A header that is not mentioned stays: these are put together key by key, as all of it is.
    usual = specs.merge(
        {"headers": options["headers"]["default"]},
        {key: value for key, value in defaults.items() if key in known and value is not None},
    )
    wrong = []

    def hear(key: str, sentence: str) -> None:
        wrong.append(key)
        say(key, sentence)

    together = specs.options_of("nginx")["nginx_sites"]
    site = specs.read(options, item, hear, usual, together)
    if wrong:
        return None
    site["id"] = identifier(site["name"])
    site["headers"] = {
        name: value for name, value in site["headers"].items() if value not in (None, "")
    }
    site["path"] = names.without_slash(site["path"])
    site["prefix"] = site_servers.prefix_of(site["path"])
    site["says_port"] = any(given.get("port") is not None for given in (item, usual))
    site["static"] = [
        complete_static(static, number, site) for number, static in enumerate(site["static"], 1)
    ]
    site["directives"] = directives(site["options"])
    site["places"] = [
        complete_place(place, number, site)
        for number, place in enumerate([site | {"path": "/"}, *site["locations"]])
    ]
    if "tls" in site:
        name = f"tls/{site['name']}"
        files = {"certificate": f"{name}.crt", "key": f"{name}.key"}
        if "certificate" in site["tls"]:
            files = {"certificate": site["tls"]["certificate"], "key": site["tls"].get("key", "")}
        site["tls"]["files"] = files
        own = f"tls/{site['name']}@clients.crt" if "client_ca_text" in site["tls"] else ""
        site["tls"]["clients"] = own or site["tls"].get("client_ca", "")
    site["caches"] = caches(site)
    times = [
        place["cache"]["shared_time"]
        for place in site["places"]
        if "upstream" in place and place.get("cache", {}).get("shared_time")
    ]
    site["shared_times"] = list(dict.fromkeys(times))
    return site


def identifier(name: str) -> str:
    """Return what a site is called in names of nginx's variables, other than any other site."""
    if re.fullmatch(r"[a-z0-9_]+", name):
        return name
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    return re.sub(r"[^a-z0-9_]", "_", name) + "_" + digest[:6]


def complete_static(static: Keys, number: int, site: Keys) -> Keys:
    """Return a static location as the template wants it.

    Its URL is the whole one, ``said`` what the user wrote; ``directories`` end without a slash,
    ``pattern`` is the URL for a regular expression, and ``fallback`` the name of what answers where
    the first directory has no such file.
    """
    url = site["prefix"] + static["url"]
    return static | {
        "url": url,
        "said": static["url"],
        "directories": [path.rstrip("/") for path in static["paths"]],
        "pattern": re.escape(url),
        "fallback": f"@static_{site['id']}_{number}" if site["prefix"] else f"@static_{number}",
    }


def complete_place(given: Keys, number: int, site: Keys) -> Keys:
    """Return the site itself (number 0) or one of its locations, as something that answers.

    What is added: ``kind``, ``said`` (the path as the user wrote it; ``path`` is the whole one),
    ``zone`` (for limits), ``upstream`` where requests are passed on, lines of directives
    (``directives`` of its options, ``limit_lines``, ``handed_on`` of buffering), and where files
    are served ``files`` or ``root``.
    """
    kind = next((kind for kind in KINDS if kind in given), "none")
    zone = f"{site['id']}_{number}" if number else site["id"]
    place = given | {
        "kind": kind,
        "said": given["path"],
        "path": site_servers.below(site["prefix"], given["path"]),
        "zone": zone,
        "directives": directives(given["options"]),
        "limit_lines": limit_lines(given["limit"], zone) if "limit" in given else [],
        "handed_on": [],
        "sticky": None,
    }
    if kind in PREFIXES:
        name = site["name"]
        if not place["buffering"]:
            place["handed_on"] = [f"{PREFIXES[kind]}_buffering off"]
        place["upstream"] = f"location_{number}_{name}" if number else f"site_{name}"
        place |= passing(place, kind, number, site)
        if "cache" in place:
            place["cache"] = place["cache"] | {"zone": zone_of(PREFIXES[kind], site)}
    path = place["path"]
    if kind == "directory":
        place["prefix"] = site["prefix"]
        place["exact"] = path.startswith("= ")
        place["files"] = where_files_are(place)
    elif kind == "fastcgi":
        place["root"] = place["fastcgi"]["root"].rstrip("/") or "/"
    elif kind == "redirect":
        to = place["redirect"]["to"]
        keeps = place["redirect"]["keep_path"]
        place["to"] = to.rstrip("/") + "$request_uri" if keeps else to
    elif kind == "answer" and place["answer"]["text"]:
        # nginx takes $ for a variable, and cannot escape it. The block may be indented: no line of
        # the text may end in it.
        text = quoted(place["answer"]["text"].replace("$", "${flaskstack_dollar}"))
        place["body"] = text.replace("\n", "\\n")
    return place


def passing(place: Keys, kind: str, number: int, site: Keys) -> Keys:
    """Return how a place passes requests on to its servers.

    Returns:
        servers: as the lines of an upstream have them; balance: the line before them, or empty.
        keepalive: how many idle connections are kept.
        For ``http`` also, if it is wanted, ``sticky``, a dictionary of ``cookie``, ``key`` (the
        variable that the server goes by) and ``sent`` (the one of the cookie); and ``secure``, of
        HTTPS to them the ``name`` on their certificate and the files of what is shown and checked.
    """
    backend = place[kind]
    out = {"servers": backend["servers"], "balance": backend["balance"], "keepalive": 0}
    if kind != "http":
        return out
    out["keepalive"] = backend["keepalive"]
    out["servers"] = [with_fails(server, backend) for server in backend["servers"]]
    if "sticky" in backend:
        variable = f"sticky_{number}_{site['id']}" if number else f"sticky_{site['id']}"
        out["sticky"] = {
            "cookie": backend["sticky"]["cookie"],
            "key": f"${variable}",
            "sent": f"$set_{variable}",
        }
        if len(backend["servers"]) > 1:
            out["balance"] = f"hash ${variable} consistent"
    files = {key: f"tls/{own_file(site['name'], number, key)}" for key in OWN_TEXTS}
    secure = {key: backend.get(key, "") for key in OWN_TEXTS}
    secure |= {key: files[key] for key in OWN_TEXTS if f"{key}_text" in backend}
    # Without its port, which is none of a certificate's.
    out["secure"] = secure | {"name": re.sub(r":\d+$", "", backend["host"])}
    several = len(site["domains"]) > 1 or re.search(r"[*_]", "".join(site["domains"]))
    if secure["certificate"] and backend["host"] == "$host" and several:
        # A connection is kept for its server, whatever name it was made with; and a server that
        # asked for a certificate answers another name on it with 421.
        out["keepalive"] = 0
    return out


def with_fails(server: str, backend: Keys) -> str:
    """Return a server with what counts as its failure, where it does not say so itself."""
    given = {key: backend.get(key) for key in ("max_fails", "fail_timeout")}
    more = [
        f" {key}={value}"
        for key, value in given.items()
        if value not in (None, "") and f" {key}=" not in server
    ]
    return server + "".join(more)


def own_file(site: str, number: int, key: str) -> str:
    """Return the file of a text that one place of a site needs for its servers.

    No site can be called so.
    """
    place = f"servers-{number}" if number else "servers"
    return f"{site}@{place}{OWN_TEXTS[key]}"


def own_texts(site: Keys) -> dict[str, str]:
    """Return the files of a site that are given as texts, besides its own certificate and key."""
    out = {}
    for place in site["places"]:
        for key in OWN_TEXTS if place["kind"] == "http" else ():
            if f"{key}_text" in place["http"]:
                out[place["secure"][key]] = place["http"][f"{key}_text"].strip() + "\n"
    if "client_ca_text" in site.get("tls", {}):
        out[site["tls"]["clients"]] = site["tls"]["client_ca_text"].strip() + "\n"
    return out


def named_files(site: Keys) -> list[tuple[str, str]]:
    """Return the files on the host, by key, that a site names besides its own certificate."""
    out = []
    for number, place in enumerate(site["places"]):
        for key in OWN_TEXTS if place["kind"] == "http" else ():
            if key in place["http"]:
                out.append((f"{where_of(place, number)}http.{key}", place["http"][key]))
    if "client_ca" in site.get("tls", {}):
        out.append(("tls.client_ca", site["tls"]["client_ca"]))
    return out


def where_files_are(place: Keys) -> str:
    """Return nginx's directive of where it looks for the files of a place.

    With an alias the path in the URL is none on the disk. What is exactly one URL is one file,
    called as behind the site's own path.
    """
    directory, path = place["directory"].rstrip("/"), place["path"]
    if place["exact"] and place["prefix"]:
        return f"alias {directory}{place['said'].removeprefix('= ')}"
    if re.match(r"(\^~ )?/.", path):
        return f"alias {directory}/"
    return f"root {directory or '/'}"


def quoted(text: Any) -> str:
    """Return a text as an argument of nginx's."""
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def directives(options: Keys) -> list[str]:
    """Return options as nginx's directives; a list repeats one."""
    out = []
    for key, value in options.items():
        for single in value if isinstance(value, list) else [value]:
            text = ("on" if single else "off") if isinstance(single, bool) else single
            out.append(f"{key} {'' if text is None else text}")
    return out


def limit_lines(limit: Keys, zone: str) -> list[str]:
    """Return the directives of a limit."""
    burst = f" burst={limit['burst']} nodelay" if limit["burst"] > 0 else ""
    requests = [f"limit_req zone=requests_{zone}{burst}"] if limit["requests"] else []
    of_connections = f"limit_conn connections_{zone} {limit['connections']}"
    return requests + [of_connections] * (limit["connections"] > 0)


def zone_lines(site: Keys, client: str) -> list[str]:
    """Return the directives of the zones that limits count in.

    Args:
        site: the site, complete.
        client: the variable that the site's own limit counts by; its locations' go by the address.
    """
    out = []
    for number, place in enumerate(site["places"]):
        if "limit" not in place:
            continue
        limit, zone = place["limit"], place["zone"]
        by = "$binary_remote_addr" if number else client
        if limit["requests"]:
            rate = limit["requests"]
            out.append(f"limit_req_zone {by} zone=requests_{zone}:10m rate={rate}")
        if limit["connections"] > 0:
            out.append(f"limit_conn_zone {by} zone=connections_{zone}:10m")
    return out


def kept_lines(place: Keys, scheme: str) -> list[str]:
    """Return the directives of what is kept of a place's answers.

    Args:
        place: complete.
        scheme: the variable of the scheme that was asked for.
    """
    if "upstream" not in place or "cache" not in place:
        return []
    cache = place["cache"]
    carries = ["$http_cookie"] * (not cache["with_cookies"])
    carries += ["$http_authorization"] * (not cache["with_authorization"])
    out = [
        f"cache {cache['zone']}",
        f"cache_key {scheme}$request_method$flaskstack_host$request_uri",
        f"cache_valid 200 301 302 308 {cache['time']}",
    ]
    if cache["not_found_time"]:
        out.append(f"cache_valid 404 410 {cache['not_found_time']}")
    out += ["cache_lock on", "cache_background_update on"]
    out.append("cache_use_stale error timeout invalid_header updating http_500 http_503")
    if cache["always"]:
        out.append("ignore_headers Cache-Control Expires X-Accel-Expires")
    if carries:
        out += [f"{name} {' '.join(carries)}" for name in ("cache_bypass", "no_cache")]
    return [f"{PREFIXES[place['kind']]}_{line}" for line in out]


def seconds(text: str) -> int:
    """Return how many seconds an nginx time is, its milliseconds left out."""
    parts = re.findall(r"(\d+)(ms|[smhdwMy]?)", text)
    return sum(int(number) * SECONDS[unit] for number, unit in parts)


def size_in_bytes(text: str) -> int:
    """Return how many bytes an nginx size is; 0 if it is none."""
    found = SIZE.fullmatch(text)
    return int(found[1]) * BYTES[found[2].upper()] if found else 0


def caches(site: Keys) -> list[Keys]:
    """Return the caches of a site: one for each kind of server, for all its places together.

    An answer is kept as long as it is good, or nobody would ever get it; and not longer, because
    the first who asks after a quiet time gets what was kept then. Of the sizes the largest counts.
    """
    out: dict[str, Keys] = {}
    largest: dict[str, int] = {}
    for place in site["places"]:
        if "upstream" not in place or "cache" not in place:
            continue
        prefix, cache = PREFIXES[place["kind"]], place["cache"]
        known = out.setdefault(
            prefix,
            {
                "prefix": prefix,
                "zone": zone_of(prefix, site),
                "seconds": SHORTEST,
                "size": cache["size"],
                "path": f"{CACHE_ROOT}/{site['name']}/{prefix}",
            },
        )
        known["seconds"] = max(known["seconds"], seconds(cache["inactive"] or cache["time"]))
        size = size_in_bytes(cache["size"])
        if size > largest.get(prefix, -1):
            known["size"], largest[prefix] = cache["size"], size
    return list(out.values())


def zone_of(prefix: str, site: Keys) -> str:
    """Return what nginx calls a site's cache of a kind of server."""
    return f"{prefix}_{site['id']}"


def uses_of(site: Keys) -> list[Keys]:
    """Return the ports that a site listens on, each with the key that says so.

    None for one that is a part of another's server.
    """
    if site["leader"] != site["name"]:
        return []
    plain = {"key": "port", "port": site["port"], "tls": False, "http3": False, "proxied": False}
    uses = [plain]
    if "tls" in site:
        tls = site["tls"]
        uses.append(
            {
                "key": "tls.port",
                "port": tls["port"],
                "tls": True,
                "http3": tls["http3"],
                "proxied": tls["proxy_protocol"],
            }
        )
    return uses


def certificate_kind(site: Keys) -> str:
    """Return where the certificate of a site with TLS comes from."""
    tls = site["tls"]
    if "certificate_text" in tls:
        return "text"
    return "acme" if tls["acme"] else "self_signed" if tls["self_signed"] else "files"


def where_of(place: Keys, number: int) -> str:
    """Return the beginning of a sentence about a place of a site."""
    return f"location '{place['said']}', " if number else ""


# ---- what there is to ask the host -----------------------------------------------------------


def asked_hosts(sites: list[Keys]) -> list[Keys]:
    """Return the host names of servers: nginx does not start with one that does not resolve."""
    return [
        {
            "site": site["name"],
            "key": f"{where_of(place, number)}{place['kind']}.servers",
            "name": server.split(":")[0],
        }
        for site in sites
        for number, place in enumerate(site["places"])
        if "upstream" in place
        for server in place[place["kind"]]["servers"]
        if not re.match(r"unix:|\[|[0-9.]+:", server)
    ]


def asked_directories(sites: list[Keys]) -> list[Keys]:
    """Return the directories that must be there to be served."""
    out = []
    for site in sites:
        for number, place in enumerate(site["places"]):
            at = where_of(place, number)
            if place["kind"] == "directory":
                key, path = "directory", place["directory"]
            elif place["kind"] == "fastcgi":
                key, path = "fastcgi.root", place["fastcgi"]["root"]
            else:
                continue
            out.append({"site": site["name"], "key": at + key, "path": path})
    return out


def certificates(sites: list[Keys]) -> list[Keys]:
    """Return the certificates of the sites, each with its kind and where its files are."""
    out = []
    for site in sites:
        if "tls" not in site:
            continue
        kind, tls = certificate_kind(site), site["tls"]
        about = {
            "site": site["name"],
            "kind": kind,
            "key_names": ["tls.certificate", "tls.key"],
            "names": [domain for domain in site["domains"] if domain != "_"] or ["localhost"],
        }
        if kind == "files":
            about |= {"certificate": tls.get("certificate", ""), "key": tls.get("key", "")}
        else:
            about |= {
                "certificate": f"/etc/nginx/{tls['files']['certificate']}",
                "key": f"/etc/nginx/{tls['files']['key']}",
                "key_names": ["tls.certificate_text", "tls.key_text"],
            }
        out.append(about)
    return out
