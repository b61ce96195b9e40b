"""Which sites of the nginx role are one server of nginx's: they share a host name.

Each of them answers below a path of its own. The one at ``/`` leads: its file has the server, with
its port and its certificate. The others' parts are in it too; the files called by them have what
nginx wants outside of a server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import without_slash

Keys = dict[str, Any]
#: Called with a site and the end of a sentence about it.
Say = Callable[[Keys, str], None]

#: Where a site listens that says nothing.
PORT = 80


def share(complete: list[Keys], say: Say) -> None:
    """Put the sites that share a host name together; say what does not go together.

    What is added to each: ``leader``, the site whose file has the server; ``guests``, of a leader
    the names of the others, in the order of their paths. A guest has its leader's port, and no
    ``tls``: that is its leader's.

    Args:
        complete: the sites, see sites.complete.
        say: called for each thing that is wrong.
    """
    by_domains: dict[frozenset[str], list[Keys]] = {}
    for site in complete:
        domains = frozenset(domain.lower() for domain in site["domains"])
        by_domains.setdefault(domains, []).append(site)
    for group in by_domains.values():
        choose_ports(group)
        for port in dict.fromkeys(site["port"] for site in group):
            gather([site for site in group if site["port"] == port], say)


def choose_ports(group: list[Keys]) -> None:
    """Give the sites of some domains that say no port the one of those that they belong to."""
    roots = [site["port"] for site in group if not site["prefix"]]
    said = [site["port"] for site in group if site["says_port"]]
    known = list(dict.fromkeys(roots or said))
    for site in group:
        if site["prefix"] and not site["says_port"]:
            site["port"] = known[0] if len(known) == 1 else PORT


def gather(group: list[Keys], say: Say) -> None:
    """Make the sites of one server leader and guests."""
    below = sorted((site for site in group if site["prefix"]), key=lambda site: site["path"])
    roots = [site for site in group if not site["prefix"]]
    # A second one at / is said where domains are compared.
    for root in roots:
        root |= {"leader": root["name"], "guests": []}
    if not below:
        return
    leader = roots[0] if roots else next((site for site in below if "tls" in site), below[0])
    leader["leader"] = leader["name"]
    leader["guests"] = [site["name"] for site in below if site is not leader]
    taken: dict[str, str] = {}
    for site in below:
        if site["path"] in taken:
            say(
                site,
                f"path: '{site['path']}' of these domains is site '{taken[site['path']]}' already;"
                " give each a path of its own.",
            )
        taken[site["path"]] = site["name"]
        if site["template"] != "site.conf.j2":
            say(
                site,
                "template: only a site at / has a template of its own; what is below a path is a"
                " part of the server. Use options, raw or locations.",
            )
        if site is not leader:
            join(site, leader, say)
    for site in [leader, *below] if roots else below:
        compare_paths(site, [other for other in below if other is not site], say)


def join(site: Keys, leader: Keys, say: Say) -> None:
    """Make a site a guest of another's server."""
    site |= {"leader": leader["name"], "guests": []}
    if site["peers"] and set(site["peers"]) != set(leader["peers"]):
        said = "others" if leader["peers"] else "none"
        say(
            site,
            f"peers: site '{leader['name']}' has the same domains and says {said}; one server takes"
            " connections from the same addresses for all of it: say it there, and leave it out"
            " here.",
        )
    tls = site.pop("tls", None)
    if tls is not None and certificate(tls) != certificate(leader.get("tls")):
        said = "something else" if "tls" in leader else "none"
        say(
            site,
            f"tls: site '{leader['name']}' has the same domains and says {said}; one server has one"
            " certificate: say it there, and leave it out here.",
        )


def certificate(tls: Keys | None) -> Keys | None:
    """Return what is said about TLS, without what is made of it."""
    made = ("files", "clients")
    return None if tls is None else {key: tls[key] for key in tls if key not in made}


def compare_paths(site: Keys, others: list[Keys], say: Say) -> None:
    """Say which of a site's own paths belong to other sites of its server."""
    own = [("static.url", static["said"], static["url"]) for static in site["static"]]
    own += [("locations.path", place["said"], place["path"]) for place in site["places"][1:]]
    for key, said, path in own:
        found = re.fullmatch(r"(?:(?:=|\^~) )?(/.*)", path)
        for other in others:
            if not other["path"].startswith(site["prefix"] + "/"):
                continue
            if found and (found[1] + "/").startswith(other["prefix"] + "/"):
                say(
                    site,
                    f"{key}: '{said}' is below the path of site '{other['name']}'"
                    f" ({other['path']}); say it there.",
                )


def of_server(site: Keys, sites: list[Keys]) -> Keys:
    """Return what the template of a site has to know of its server.

    Returns:
        id: of the leader, for names of variables.
        variable: what has the name of the site that a request is for; empty if there is but one.
        root: whether there is a site at /.
        leader: its name.
        names: the sites, those with the longest path first, as the lines of a map: pattern, name.
        tls: as the leader has it; None without.
        closed: the name of the page for maintenance, without .html.
        scanner, scanned: the variable that tells of scanners, and the sites that block them.
        friendly_errors, immutable: whether any of the sites says so.
    """
    known = {one["name"]: one for one in sites}
    leader = known[site["leader"]]
    members = [leader, *(known[name] for name in leader["guests"])]
    below = sorted(
        (one for one in members if one["prefix"]), key=lambda one: len(one["path"]), reverse=True
    )
    name = f"site_{leader['id']}"
    return {
        "id": leader["id"],
        "variable": f"${name}" if below else "",
        "root": not leader["prefix"],
        "leader": leader["name"],
        "names": [(f"^{re.escape(one['prefix'])}(/|$)", one["name"]) for one in below],
        "tls": leader.get("tls"),
        "closed": f"${{{name}}}" if below else leader["name"],
        "scanner": f"$scanner_{leader['id']}" if below else "$flaskstack_scanner",
        "scanned": [one["name"] for one in members if one["block_scanners"]],
        "friendly_errors": any(one["friendly_errors"] for one in members),
        "immutable": any(static["immutable"] for one in members for static in one["static"]),
    }


def refused(site: Keys, server: Keys) -> Keys | None:
    """Return who may not use a site, as a map; None if everybody may.

    Whoever may not is 0 to the site's own variable.

    Returns:
        of: what the map goes by.
        lines: pattern and value.
    """
    if not site["allow"] and not site["deny"]:
        return None
    of, pattern = f"$access_{site['id']}:", "~^0:"
    if server["variable"]:
        of += f"{server['variable']}:"
        pattern += site["name"].replace(".", r"\.") + ":"
    acme = server["tls"] is not None and server["tls"]["acme"]
    renewed = [(rf"{pattern}/\.well-known/acme-challenge/", 0)] * acme
    return {"of": f"{of}$uri", "lines": [*renewed, (pattern, 1)]}


def counted(site: Keys, server: Keys) -> str:
    """Return the variable that the limit of a site at / counts by; empty if it is the address.

    What nginx hands down from the server, the parts of other sites have too: for these it is empty.
    """
    shared = bool(server["variable"]) and not site["prefix"]
    return f"$client_{site['id']}" if "limit" in site and shared else ""


def below(prefix: str, path: str) -> str:
    """Return a path of a site, as nginx's location has it, in its whole length.

    Args:
        prefix: of the site; empty at /.
        path: as the user wrote it. Of a regular expression, only one that begins with ^/ is
            relative to the site.
    """
    found = re.match(r"(~\*? \^|= |\^~ )?(?=/)", path)
    if not prefix or not found:
        return path
    mark = found[0]
    own = re.escape(prefix) if mark.startswith("~") else prefix
    return mark + own + path[len(mark) :]


def prefix_of(path: str) -> str:
    """Return what the URLs of a site begin with; empty for the one at /."""
    return without_slash(path).removesuffix("/")
