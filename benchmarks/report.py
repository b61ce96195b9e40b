#!/usr/bin/env python3
"""Say what the benchmarks compare, and show what they have measured, on the control node.

Usage:
    report.py candidates CORES [PROCESSESxTHREADS,...]   what sizes.yml compares, as JSON
    report.py values [BYTES,...]                         what bodies.yml compares, as JSON
    report.py connections|blocked|sizes|bodies FIGURES   the tables of a file that measure.py wrote
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: What most articles about uWSGI have, on a host of whatever size.
BASE = "4x2"
#: Processes for each core, and threads.
USUAL = ((1, 1), (1, 8), (2, 1), (2, 2), (2, 4), (2, 8), (2, 16), (2, 32), (4, 8))
#: Values of post_buffering, and the uwsgi role's default.
VALUES = (0, 8192, 65536, 1048576)
DEFAULT_VALUE = 65536
#: Processes and threads of each application of bodies.yml.
BODIES_SIZE = (2, 4)
#: A client that does not read is left waiting for longer than it takes to look at the memory.
PATIENT = {"send_timeout": "2m"}
MIB = 1048576

Rows = list[list[str]]


def table(rows: Rows) -> str:
    """Return rows as lines of text: each column as wide as its widest entry."""
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def candidates(cores: int, named: str = "") -> dict[str, Any]:
    """Return what sizes.yml compares: an application and a site for each of the sizes.

    The names are known to measure.py.

    Args:
        cores: of the host.
        named: the sizes, with commas between them; empty for the usual ones.

    Raises:
        ValueError: one of them is no size.
    """
    sizes = [one.strip() for one in named.split(",")] if named else []
    sizes = sizes or [f"{times * cores}x{threads}" for times, threads in USUAL]
    apps, sites = [], []
    for size in dict.fromkeys([*sizes, BASE]):
        processes, _, threads = size.partition("x")
        if not (processes.isdigit() and threads.isdigit() and int(processes) and int(threads)):
            raise ValueError(
                "candidates: write processes and threads as 4x8, with commas between several;"
                f" '{size}' is none."
            )
        name = f"bench-{size}"
        apps.append(
            {
                "name": name,
                "module": "sizes:app",
                "processes": int(processes),
                "threads": int(threads),
                "health": {"path": "/plain"},
            }
        )
        socket = f"unix:/opt/{name}/current/uwsgi.sock"
        sites.append({"name": name, "domains": [f"{name}.example"], "uwsgi": {"servers": [socket]}})
    names = list(dict.fromkeys([*sizes, BASE]))
    return {"candidates": names, "base": BASE, "apps": apps, "sites": sites}


def values(named: str = "") -> dict[str, Any]:
    """Return what bodies.yml compares: an application and a site for each value of post_buffering.

    One more site, `bench-buffers.example`, has nginx's own buffers for an answer. The names are
    known to measure.py.

    Args:
        named: the values in bytes, with commas between them; empty for the usual ones.

    Raises:
        ValueError: one of them is no number.
    """
    words = [one.strip() for one in named.split(",")] if named else [str(one) for one in VALUES]
    for word in words:
        if not (word.isascii() and word.isdigit()):
            raise ValueError(f"values: write bytes, with commas between several; '{word}' is none.")
    numbers = list(dict.fromkeys([*map(int, words), DEFAULT_VALUE]))
    processes, threads = BODIES_SIZE
    apps, sites = [], []
    for number in numbers:
        name = f"bench-body-{number}"
        apps.append(
            {
                "name": name,
                "module": "bodies:application",
                "processes": processes,
                "threads": threads,
                "post_buffering": number,
            }
        )
        socket = f"unix:/opt/{name}/current/uwsgi.sock"
        sites.append(
            {
                "name": name,
                "domains": [f"{name}.example"],
                "uwsgi": {"servers": [socket]},
                "client_max_body_size": "2g",
                "options": PATIENT,
            }
        )
    default = f"unix:/opt/bench-body-{DEFAULT_VALUE}/current/uwsgi.sock"
    sites.append(
        {
            "name": "bench-buffers",
            "domains": ["bench-buffers.example"],
            "uwsgi": {"servers": [default]},
            "options": {**PATIENT, "uwsgi_buffer_size": "4k", "uwsgi_buffers": "8 4k"},
        }
    )
    return {
        "values": numbers,
        "base": DEFAULT_VALUE,
        "processes": processes,
        "apps": apps,
        "sites": sites,
    }


def connections(bench: dict[str, Any]) -> list[Rows]:
    """Return the table of connections.yml."""
    client, spread, each = bench["client"], bench["spread"], bench["bytes_per_connection"]
    times, before, full = client["latency_ms"], bench["before"], bench["full"]
    needed = spread["descriptors_at_most"] >= spread["usable_connections"]
    return [
        [
            ["nginx", f"{bench['nginx']}, {len(spread['connections'])} workers"],
            ["connections opened", f"{client['opened']:,} of {client['connections']:,}"],
            ["seconds to open them", str(client["seconds_to_open"])],
            ["held to the end", f"{client['held']:,}"],
            ["closed by nginx", f"{bench['closed_in_all']:,}"],
            ["requests failed", f"{bench['failed_in_all']:,}"],
            [
                "requests",
                f"{client['requests']:,} in {client['seconds']:.0f} s,"
                f" {client['requests_per_second']:.0f}/s",
            ],
            ["latency, ms", f"p50 {times['p50']}, p99 {times['p99']}, max {times['max']}"],
            [
                "the client",
                f"{client['behind_ms']} ms late at most, {client['client_cpus']:.2f} processors",
            ],
            [
                "processors",
                "nginx {nginx}, all of the machine {machine}, stolen from it {stolen}".format(
                    **bench["processors"]
                ),
            ],
            [
                "memory of nginx, MiB",
                f"{before['all_pss'] / MIB:.1f} before, {full['all_pss'] / MIB:.1f} with all",
            ],
            ["  a connection, bytes", str(each["nginx"])],
            [
                "kernel, both ends, a connection, bytes",
                f"{each['tcp_buffers_of_both_ends']} buffers, {each['slab_of_both_ends']} slabs",
            ],
            ["connections of a worker", f"{spread['least']:,} to {spread['most']:,}"],
            [
                "  worker_connections",
                f"{spread['worker_connections']:,}, of which {spread['usable_connections']:,}"
                f" before nginx closes idle ones, {spread['descriptors_at_most']:,} used",
            ],
            ["reuseport", "needed" if needed else "not needed"],
            ["room if shared out like this", f"{spread['fit_with_this_spread']:,}"],
            ["room if shared out evenly", f"{spread['fit_with_an_even_spread']:,}"],
        ]
    ]


def blocked(bench: dict[str, Any]) -> list[Rows]:
    """Return the table of blocked.yml."""
    empty, full, role = bench["without"], bench["with"], bench["seconds_of_the_role"]
    least, medians = bench["least_microseconds"], bench["medians"]
    entries = f"{bench['entries']:,} entries"
    rows = [["what", "empty list", entries, "long : empty (range)", "empty : empty (range)"]]
    for name, text in (
        ("per_second", "requests a second"),
        ("microseconds_of_nginx", "processor time a request, us"),
    ):
        ratios = [
            "{:.3f} ({:.3f} to {:.3f})".format(*bench["ratios"][arm][name].values())
            for arm in ("with", "control")
        ]
        values = [f"{medians[arm][name]:.1f}" for arm in ("without", "with")]
        rows.append([text, *values, *ratios])
    rows.append(
        [
            "  the least of all runs, us",
            f"{least['without']:.1f}",
            f"{least['with']:.1f}",
            f"{least['with'] / least['without']:.3f}",
            f"{least['control'] / least['without']:.3f}",
        ]
    )
    for when, name, text in (
        ("started", "worker_pss", "a worker, Pss, MiB"),
        ("started", "worker_rss", "a worker, Rss, MiB"),
        ("started", "all_pss", "all of nginx, Pss, MiB"),
        ("reloaded", "all_pss", "  after a reload"),
    ):
        sizes = [f"{arm[f'memory_when_{when}'][name] / MIB:.1f}" for arm in (empty, full)]
        rows.append([text, *sizes, "", ""])
    tests = [f"{arm['seconds_of_nginx_t']:.3f}" for arm in (empty, full)]
    rows += [
        ["nginx -t, s", *tests, "", ""],
        [
            "the role, nothing changed, s",
            str(role["empty_unchanged"]),
            str(role["long_unchanged"]),
            "",
            "",
        ],
        ["the role, list changed to this, s", str(role["emptied"]), str(role["changed"]), "", ""],
    ]
    for of in ("client", "blocked"):
        statuses = [str(arm[f"status_of_{of}"]) for arm in (empty, full)]
        rows.append([f"status for {bench['addresses'][of]}", *statuses, "", ""])
    return [rows]


def sizes(bench: dict[str, Any]) -> list[Rows]:
    """Return the tables of sizes.yml: speed, latency, memory."""
    kinds = list(bench["alone_ms"])
    speed = [["requests a second (ratio)", *kinds, "all, MiB", "failed"]]
    latency = [["p50, p99, ms", *kinds]]
    memory = [
        ["what else", "figure"],
        [
            "the base of the ratios",
            f"{bench['base']}, {bench['cores']} cores, {bench['connections']} connections",
        ],
        ["requests", f"{bench['requests']:,}"],
        [
            "processors that others had",
            "median {median:.2f}, most {most:.2f}".format(**bench["processors_of_others"]),
        ],
    ]
    for threads, size in bench["bytes_per_worker"].items():
        memory.append([f"a worker with {threads} threads, bytes", f"{size:,.0f}"])
    for workers, size in bench["bytes_per_thread"].items():
        memory.append([f"a thread, of {workers} workers, bytes", f"{size:,.0f}"])
    for name, about in bench["sizes"].items():
        label = f"{bench['base']} again" if name == "again" else name
        figures, used = about["endpoints"].values(), about["memory"]
        rates = [
            f"{one['per_second']:,.0f} ({one['per_second_to_base']['median']:.2f})"
            for one in figures
        ]
        failed = sum(one["failed"] for one in figures)
        speed.append([label, *rates, f"{used['all_pss'] / MIB:.1f}", str(failed)])
        times = [f"{one['p50_ms']:,.0f}, {one['p99_ms']:,.0f}" for one in figures]
        latency.append([label, *times])
        if name != "again":
            master, worker, together = (
                used[key] / MIB for key in ("master_pss", "worker_pss", "all_pss")
            )
            text = f"master {master:.1f}, a worker {worker:.1f}, all {together:.1f}"
            memory.append([f"{name}, Pss, MiB", text])
    latency.append(["one request alone", *(f"{one:.1f}" for one in bench["alone_ms"].values())])
    return [speed, latency, memory]


def ranged(figure: dict[str, float], digits: int = 2, unit: float = 1) -> str:
    """Return a median and, in brackets, the least and the greatest, in another unit."""
    median, least, most = (figure[key] / unit for key in ("median", "least", "most"))
    return f"{median:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


def gone(each: dict[str, Any]) -> str:
    """Return how many answers were 502: in all, and the least and the greatest part of a round."""
    bad, requests = each["bad_gateway"], each["requests"]
    parts = [100 * one / of for one, of in zip(bad, requests, strict=True) if of]
    percent = f" ({min(parts):.0f} to {max(parts):.0f} %)" if any(bad) else ""
    return f"{sum(bad):,} of {sum(requests):,}{percent}"


def bodies(bench: dict[str, Any]) -> list[Rows]:
    """Return the tables of bodies.yml: bodies, memory of connections, parameters, what else."""
    found = [one["bodies"] for one in bench["values"].values()]
    used = [one["memory"] for one in bench["values"].values()]
    rows = [["post_buffering", *bench["values"]]]
    for name in found[0]:
        if name in ("upload", "unread"):
            continue
        rows += [
            [f"{name}: requests/s", *(ranged(one[name]["per_second"], 0) for one in found)],
            [
                "  processor time, ms",
                *(ranged(one[name]["milliseconds_of_application"]) for one in found),
            ],
        ]
    uploads = [one["upload"] for one in found]
    times = [one["milliseconds_of_application"] for one in uploads]
    rows += [
        [f"{bench['megabytes']} MB: s", *(ranged(one["p50_ms"], 2, 1000) for one in uploads)],
        ["  processor time, s", *(ranged(one, 2, 1000) for one in times)],
    ]
    for of, label in (("uwsgi", "uWSGI"), ("nginx", "nginx")):
        disk = [f"{one['disk'][of] / 1e6:.0f}" for one in uploads]
        memory = [f"{one['most_memory'][of] / MIB:.1f}" for one in uploads]
        rows += [
            [f"  disk meanwhile, {label}, MB", *disk],
            [f"  memory meanwhile, {label}, MiB", *memory],
        ]
    for name, label in (("started", "at first"), ("after_bodies", "after bodies up to 1 MB")):
        sizes = [f"{one[name] / MIB:.1f}" for one in used]
        rows.append([f"memory of uWSGI {label}, MiB", *sizes])
    rows.append(["70 kB that nobody reads: 502", *(gone(one["unread"]) for one in found)])
    arms = {"nginx": "nginx's own, 4 kB", "role": "the role's"}
    held = [["memory of nginx a connection, KiB", *arms.values()]]
    for name, label in (("kept", "kept, asked once"), ("waiting", "answers that are not read")):
        sizes = [ranged(bench["bytes_per_connection"][arm][name], 2, 1024) for arm in arms]
        held.append([f"{bench['connections'][name]:,} {label}", *sizes])
    told = bench["parameters"]
    times = [ranged(told[arm]["microseconds_of_nginx"], 1) for arm in arms]
    parameters = [
        ["what an application is told", *(f"{told[arm]['lines']} parameters" for arm in arms)],
        ["processor time of nginx a request, us", *times],
        ["  the least", *(f"{told[arm]['microseconds_of_nginx']['least']:.1f}" for arm in arms)],
    ]
    rest = [
        ["what else", "figure"],
        ["requests with a body", f"{bench['requests']:,}, failed {bench['failed']:,}"],
        ["clients", f"{bench['clients']}, on {bench['cores']} cores, nginx {bench['nginx']}"],
        ["processors that others had", ranged(bench["processors_of_others"])],
        ["seconds in all", f"{bench['seconds_in_all']:.0f}"],
    ]
    return [rows, held, parameters, rest]


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands; errors go to stderr as one sentence."""
    shows = {"connections": connections, "blocked": blocked, "sizes": sizes, "bodies": bodies}
    try:
        if arguments[:1] == ["candidates"] and len(arguments) in (2, 3):
            print(json.dumps(candidates(int(arguments[1]), *arguments[2:])))
        elif arguments[:1] == ["values"] and len(arguments) in (1, 2):
            print(json.dumps(values(*arguments[1:])))
        elif len(arguments) == 2 and arguments[0] in shows:
            bench = json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
            print("\n\n".join(table(rows) for rows in shows[arguments[0]](bench)))
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
