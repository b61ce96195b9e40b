"""What nginx hands on by TCP without looking into it, as TLS that ends at the servers behind.

The connections of one port are told apart by the host name that a client asks for when it begins
TLS; nothing of them is decrypted here.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    site_problems,
    sites,
    specs,
    templates,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import called

Keys = dict[str, Any]

VARIABLE = "nginx_streams"
LISTS = ("nginx_dependent_streams", VARIABLE)
#: Below /etc/nginx.
FILE = "stream.d/flaskstack.conf"
PACKAGE = "nginx-mod-stream"
#: What nginx has once for all that listen on a port.
SHARED = ("proxy_protocol", "connect_timeout", "timeout")


def read(variables: Keys, complete: list[Keys], settings: Keys, problems: list[str]) -> list[Keys]:
    """Return the streams, complete; add a sentence for each thing that is wrong.

    Args:
        variables: the role's, as they were given.
        complete: the sites, whose ports are taken.
        settings: the role's variables.
        problems: is added to.
    """
    options = specs.item_options("nginx", VARIABLE)
    out = []
    for number, item in enumerate(specs.items(variables, LISTS, problems), 1):
        wrong: list[str] = []
        where = called("stream", item, number)

        def say(key: str, sentence: str, where: str = where, wrong: list[str] = wrong) -> None:
            wrong.append(specs.about(where, key, sentence))

        found = specs.read(options, item, say)
        if not wrong:

            def hear(text: str, where: str = where, wrong: list[str] = wrong) -> None:
                wrong.append(f"{where}, {text}")

            site_problems.of_stream(found, hear)
        problems += wrong
        if not wrong:
            out.append(found | {"upstream": f"stream_{found['name']}"})
    problems += between(out, complete, settings)
    return out


def between(streams: list[Keys], complete: list[Keys], settings: Keys) -> list[str]:
    """Return what is wrong with streams together, and with the ports of sites."""
    out = []
    taken = {
        use["port"]: f"site '{site['name']}'" for site in complete for use in sites.uses_of(site)
    }
    taken[settings["nginx_status_port"]] = "nginx_status_port"
    names: set[str] = set()
    claims: dict[tuple[int, str], str] = {}
    first: dict[int, Keys] = {}
    for stream in streams:
        where, port = f"stream '{stream['name']}'", stream["port"]
        if stream["name"] in names:
            out.append(f"{where} is there twice; give each a name of its own.")
        names.add(stream["name"])
        if port in taken:
            out.append(f"{where}, port: {port} is {taken[port]}'s; choose another for one of them.")
        for domain in stream["domains"] or [""]:
            other = claims.setdefault((port, domain.lower()), stream["name"])
            if other != stream["name"]:
                said = f"'{domain}'" if domain else "every other name"
                out.append(
                    f"{where}, domains: {said} on port {port} is stream '{other}' already; a name"
                    " on a port can be one's only."
                )
        leader = first.setdefault(port, stream)
        differing = [key for key in SHARED if stream[key] != leader[key]]
        if differing:
            out.append(
                f"{where}, {differing[0]}: stream '{leader['name']}' says something else, and nginx"
                f" has it once for port {port}; say the same in both."
            )
    return out


def ports_of(streams: list[Keys]) -> list[int]:
    """Return where they listen."""
    return list(dict.fromkeys(stream["port"] for stream in streams))


def is_known(host: Keys) -> bool:
    """Tell whether the host's nginx can do it, by itself or by a module."""
    nginx = host["nginx"] or {"arguments": [], "modules": []}
    modules = {"ngx_stream_module.so", "mod-stream.conf"}
    return "--with-stream" in nginx["arguments"] or bool(modules & set(nginx["modules"]))


def text_of(streams: list[Keys], settings: Keys, addresses: list[str]) -> str:
    """Return the text of the file of all streams.

    Args:
        streams: complete.
        settings: the role's variables.
        addresses: what stands before a port, see nginx_files.addresses.
    """
    ports = []
    for port in ports_of(streams):
        here = [stream for stream in streams if stream["port"] == port]
        rest = [stream["upstream"] for stream in here if not stream["domains"]]
        ports.append(
            {
                "port": port,
                "listen": [
                    f"{address}{port} backlog={settings['nginx_backlog']}" for address in addresses
                ],
                "names": [
                    (domain, stream["upstream"]) for stream in here for domain in stream["domains"]
                ],
                "rest": rest[0] if rest else "",
                "shared": here[0],
            }
        )
    return templates.render(
        "nginx", "stream.conf.j2", streams=streams, ports=ports, owner=settings["nginx_owner"]
    )
