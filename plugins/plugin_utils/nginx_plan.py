"""What the nginx role is to do, as far as it is known without the host.

Input are the role's variables; all that is wrong with them is said at once. What is known here is
what there is to ask the host; nginx_changes.py goes on with its answer.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    floating,
    nginx_selinux,
    nginx_versions,
    site_problems,
    site_servers,
    sites,
    specs,
    streams,
    units,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.names import called

Keys = dict[str, Any]

#: The role's lists of sites, and what holds for all of them.
LISTS = ("nginx_dependent_sites", "nginx_sites")
DEFAULTS = "nginx_defaults"

#: dnf's variable for the release; $releasever_major is another.
RELEASEVER = re.compile(r"\$(?:releasever\b|\{releasever\})")
UNITS = ["nginx.service", "firewalld.service", "nginx-metrics.timer", floating.UNIT]
SYSCTLS = ["net.core.somaxconn", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"]

#: Kernel settings of earlier versions. The uwsgi role has net.core.somaxconn too, and of two files
#: the later name wins after a restart: both now write the one in tasks/prepare.yml.
OLD_SYSCTL_FILE = "/etc/sysctl.d/60-nginx.conf"
LIMITS_PATH = "/etc/systemd/system/nginx.service.d/flaskstack.conf"
#: Path -> template and mode of what renews certificates.
ACME_FILES = {
    "/opt/certbot/environment": ("acme-environment.j2", "0600"),
    "/opt/certbot/cli.ini": ("acme-cli.ini.j2", "0644"),
    "/etc/systemd/system/nginx-acme.service": ("nginx-acme.service.j2", "0644"),
    "/etc/systemd/system/nginx-acme.timer": ("nginx-acme.timer.j2", "0644"),
}
#: Where certbot is, and the program that collects metrics.
ACME_HOME = "/opt/certbot"
METRICS_PROGRAM = "/usr/local/sbin/nginx-metrics.pyz"
METRICS_FILES = {
    "/etc/systemd/system/nginx-metrics.service": "nginx-metrics.service.j2",
    "/etc/systemd/system/nginx-metrics.timer": "nginx-metrics.timer.j2",
}
#: What earlier versions had in the place of the programs of today.
OLD_PROGRAMS = ["/usr/local/sbin/nginx-metrics.py"]


def plan(given: Keys) -> Keys:
    """Return what the role's variables ask for.

    Args:
        given: ``variables``, those of the role by their names, and ``facts`` (os_family,
            distribution, distribution_major_version, and whether selinux is enabled).

    Returns:
        problems: a sentence for each thing that is wrong.
        settings: the role's variables, complete and of the described types, without the lists.
        peers: addresses from which alone sites take connections, of those to keep too.
        floating: addresses that move from host to host, see floating.py.
        streams: what is handed on by TCP, see streams.py.
        sites: the sites that can be read, complete (see sites.py), without those to keep.
        release: of the operating system.
        asks_for_stream: whether installing nginx takes a module stream that is to be found out.
        systemd: the version of the host's systemd.
        questions: what there is to ask the host, as options of the module nginx_info; about
            ``selinux`` nothing where that is not enabled, or not the role's.
        early: those of the questions that can be answered before anything is done.
    """
    variables, facts = given["variables"], given["facts"]
    problems: list[str] = []
    settings = read_settings(variables, problems, str(facts["distribution_major_version"]))
    defaults = settings.pop(DEFAULTS)
    problems += specs.besides(problems, site_problems.of_role(settings, defaults, facts))
    items = specs.items(variables, LISTS, problems)
    problems += site_problems.of_names([str(item["name"]) for item in items if item.get("name")])
    complete = []
    for number, item in enumerate(items, 1):
        where = called("site", item, number)

        def say(key: str, sentence: str, where: str = where) -> None:
            problems.append(specs.about(where, key, sentence))

        site = sites.complete(item, defaults, say)
        if site is not None:
            complete.append(site)
    site_servers.share(
        complete, lambda site, text: problems.append(f"site '{site['name']}', {text}")
    )
    problems += site_problems.of_sites(complete, settings)
    handed_on = streams.read(variables, complete, settings, problems)
    addresses = floating.read(variables, problems)
    problems += floating.problems_between(addresses, settings)
    ours = facts["selinux"] and settings["nginx_selinux"]
    needs = nginx_selinux.wanted(complete, settings, handed_on) if ours else {}
    peers = list(dict.fromkeys(peer for site in complete for peer in site["peers"]))
    # What is wrong with them is said all the same. A server of several is written as a whole.
    kept = [site for site in complete if is_kept(site, settings)]
    complete = [site for site in complete if site not in kept]
    settings["nginx_keep_sites"] = [site["name"] for site in kept]
    return {
        "problems": problems,
        "settings": settings,
        "peers": peers,
        "floating": addresses,
        "streams": handed_on,
        "sites": complete,
        "release": facts["distribution_major_version"],
        "asks_for_stream": nginx_versions.asks_for_stream(
            settings, facts["distribution_major_version"]
        ),
        "systemd": units.system_of(facts),
        "questions": questions(complete)
        | {"programs": programs(complete, settings), "selinux": needs},
        "early": early_questions(complete),
    }


def is_kept(site: Keys, settings: Keys) -> bool:
    """Tell whether a site stays as it is: it is to, and has its server for itself."""
    alone = site["leader"] == site["name"] and not site["guests"]
    return alone and site["name"] in settings["nginx_keep_sites"]


def read_settings(variables: Keys, problems: list[str], release: str) -> Keys:
    """Return the role's variables in their described types; add what cannot be read.

    Args:
        variables: as they were given.
        problems: a sentence is added for each that cannot be read.
        release: the major release of the host's distribution.
    """
    settings = specs.settings("nginx", variables, problems)
    return settings | {
        # The end of a line in a file, where nobody sees a blank.
        "nginx_owner": settings["nginx_owner"].strip(),
        # nginx.org has one directory for each major release, and on a host that is kept at a minor
        # one, dnf's variable is that.
        "nginx_repository": RELEASEVER.sub(release, settings["nginx_repository"]),
    }


def questions(complete: list[Keys]) -> Keys:
    """Return what there is to ask the host.

    A certificate that is given as text is only ever compared with its key, before it is written.
    """
    return {
        "units": UNITS,
        "directories": sites.asked_directories(complete),
        "hosts": sites.asked_hosts(complete),
        "certificates": [one for one in sites.certificates(complete) if one["kind"] != "text"],
        "sysctls": SYSCTLS,
        "rules": any(site["peers"] for site in complete),
        "paths": [
            *(LIMITS_PATH, OLD_SYSCTL_FILE, floating.PATH),
            *(*ACME_FILES, *METRICS_FILES, *OLD_PROGRAMS),
        ],
    }


def programs(complete: list[Keys], settings: Keys) -> list[str]:
    """Return what of the role's own is run on the host; a directory ends with a slash."""
    acme = any(one["kind"] == "acme" for one in sites.certificates(complete))
    out = [f"{ACME_HOME}/"] if acme else []
    return out + ([METRICS_PROGRAM] if settings["nginx_metrics_directory"] else [])


def early_questions(complete: list[Keys]) -> Keys:
    """Return what may be wrong before anything is done: directories may be made by then."""
    found = sites.certificates(complete)
    return {
        "hosts": sites.asked_hosts(complete),
        "certificates": [one for one in found if one["kind"] == "files"],
    }
