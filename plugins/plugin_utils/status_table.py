"""What ``status.yml`` shows: tables of applications and of certificates, as lines of text."""

from __future__ import annotations

from typing import Any

from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import Keys

#: Host -> its applications and sites; None for one that did not answer.
Status = dict[str, Keys | None]
Row = list[str]

APPLICATIONS = [
    "HOST",
    "APPLICATION",
    "RELEASE",
    "VERSION",
    "SINCE",
    "STATE",
    "BUSY/THREADS",
    "REQUESTS",
    "MEMORY",
    "PREVIOUS",
]
CERTIFICATES = ["HOST", "SITE", "CERTIFICATE", "NAMES"]
#: A certificate that ends in less days than this was not renewed.
RENEWED = 14
MEGABYTE = 1048576
#: From how many hosts on what they serve is summed up; up to how many they are named in it.
MANY = 2
FEW = 3


def tables(status: Status) -> str:
    """Return both tables as one text, the second only if it has a row, what is mixed or drained."""
    certificates = certificate_rows(status)
    lines = table([APPLICATIONS, *application_rows(status)])
    summary = summary_of(status)
    if summary:
        lines += ["", *summary]
    if certificates:
        lines += ["", *table([CERTIFICATES, *certificates])]
    drained = drained_lines(status)
    if drained:
        lines += ["", *drained]
    return "\n".join(lines)


def table(rows: list[Row]) -> list[str]:
    """Return rows as lines, each column as wide as its widest entry, two blanks between them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([*map(str.ljust, row[:-1], widths), row[-1]])  # The last one needs no blanks.
        for row in rows
    ]


def application_rows(status: Status) -> list[Row]:
    """Return a row for each application of each host."""
    out = []
    for host, found in status.items():
        if found is None:
            out.append([host, "-", "-", "-", "-", "no answer", "-", "-", "-", "-"])
            continue
        for app in found["applications"]:
            previous = app["previous"] or "-"
            if app["previous"] and app["previous_version"]:
                previous += f" ({app['previous_version']})"
            out.append(
                [
                    host,
                    app["name"],
                    app["release"] or "-",
                    app["version"] or "-",
                    app["since"] or "-",
                    state_of(app),
                    f"{app['threads_busy']}/{app['threads']}",
                    str(app["requests"]),
                    f"{app['memory'] / MEGABYTE:.0f} MB",
                    previous,
                ]
            )
    return out


def summary_of(status: Status) -> list[str]:
    """Return a line for each application of several hosts: how many serve which release."""
    served: dict[str, dict[str, list[str]]] = {}
    for host, found in status.items():
        for app in found["applications"] if found else []:
            label = app["release"] or "no release"
            if app["release"] and app["version"]:
                label += f" ({app['version']})"
            served.setdefault(app["name"], {}).setdefault(label, []).append(host)
    silent = [host for host, found in status.items() if found is None]
    lines = []
    for name, releases in served.items():
        if sum(map(len, releases.values())) < MANY:
            continue
        parts = [
            f"{release} on {counted(hosts)}"
            for release, hosts in sorted(releases.items(), key=lambda one: -len(one[1]))
        ]
        mixed = "MIXED, " if len(releases) > 1 else ""
        unknown = f"; {counted(silent)} did not answer" if silent else ""
        lines.append(f"{name}: {mixed}{', '.join(parts)}{unknown}")
    return lines


def counted(hosts: list[str]) -> str:
    """Return how many hosts they are, and which, if they are few."""
    number = f"{len(hosts)} host{'s' if len(hosts) > 1 else ''}"
    return f"{number} ({', '.join(hosts)})" if len(hosts) <= FEW else number


def state_of(app: Keys) -> str:
    """Return the state of an application, with all that is not as it should be."""
    notes = []
    if app["others"]:
        notes.append(f"{len(app['others'])} more")
    if app["restarts"] > 0:
        notes.append(f"RESTARTED {app['restarts']} times")
    notes += [f"{name} DOWN" for name in app["down"]]
    notes += [f"{kind} DOWN" for kind, state in app["routers"].items() if state != "active"]
    return f"{app['state']} ({', '.join(notes)})" if notes else str(app["state"])


def certificate_rows(status: Status) -> list[Row]:
    """Return a row for each site that has HTTPS, or is closed."""
    out = []
    for host, found in status.items():
        for site in found["sites"] if found else []:
            notes = []
            if site["certificate"] is not None:
                notes.append(lasts(site["days"]))
            if site["self_signed"]:
                notes.append("self-signed")
            if site["maintenance"]:
                notes.append("CLOSED for maintenance")
            if site["certificate"] is not None or site["maintenance"]:
                out.append([host, site["site"], ", ".join(notes), " ".join(site["names"])])
    return out


def drained_lines(status: Status) -> list[str]:
    """Return a line for each host whose nginx sends no requests to some servers."""
    return [
        f"{host} sends no requests to {', '.join(found['drained'])} (drained)."
        for host, found in status.items()
        if found and found.get("drained")
    ]


def lasts(days: Any) -> str:
    """Return how long a certificate lasts, in words."""
    if days is None:
        return "CANNOT BE READ"
    if int(days) < 0:
        return "HAS ENDED"
    if int(days) < RENEWED:
        return f"ENDS in {days} days"
    return f"{days} days left"
