"""The nginx role: what it refuses, and the configuration that it renders."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from nginx_cases import GOOD, HOST, SERVERS, SIGNED, case, host, site, static
from templar import ROOT, evaluate_role, has, load

INTERNAL = load(ROOT / "roles/nginx/vars/main.yml")
HEADER = INTERNAL["__nginx_header"]

#: Templates of a user's own, beside the playbook: one block in another's place, and one around it.
OWN_TEMPLATES = {
    "own.conf.j2": """{% extends 'site.conf.j2' %}
{% block server_end %}
    location = /own {
        return 204;
    }
{% endblock %}
""",
    "around.conf.j2": """{% extends 'site.conf.j2' %}
{% block http %}
# {{ __nginx_site.name }} begins
{{ super() }}
{% endblock %}
{% block locations %}
{{ super() }}
    location = /own {
        return 204;
    }
{% endblock %}
""",
}


def place(path: str = "/api/", **keys: Any) -> dict[str, Any]:
    """Describe a site with one location."""
    backend = {} if {"directory", "fastcgi", "redirect", "answer", "http"} & keys.keys() else None
    return site(locations=[{"path": path} | ({"uwsgi": SERVERS} if backend is None else {}) | keys])


def cached(**keys: Any) -> dict[str, Any]:
    """Describe a site with a cache."""
    return site(cache={"time": "1s"} | keys)


PEM = {
    "certificate_text": "-----BEGIN CERTIFICATE-----\nx",
    "key_text": "-----BEGIN PRIVATE KEY-----\nx",
}

#: Case -> variables, and what the one sentence must have.
REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    # ---- the role ----
    "debian": (
        {"facts": {"os_family": "Debian", "distribution": "Ubuntu"}},
        ["releases 8 to 10", "Ubuntu"],
    ),
    "el7": ({"facts": {"distribution_major_version": "7"}}, ["releases 8 to 10", "CentOS 7"]),
    "defaults_key": (
        {"nginx_defaults": {"domains": ["x"]}},
        ["nginx_defaults", "'domains'", "allow, block_scanners, client_max_body_size", "tls"],
    ),
    "processes": ({"nginx_worker_processes": "all"}, ["nginx_worker_processes", "'all'", "auto"]),
    "connections": ({"nginx_worker_connections": "0"}, ["nginx_worker_connections", "'0'"]),
    "client_timeout": ({"nginx_client_timeout": "soon"}, ["nginx_client_timeout", "'soon'", "15s"]),
    "shutdown_timeout": (
        {"nginx_shutdown_timeout": "1 hour"},
        ["nginx_shutdown_timeout", "'1 hour'", "no time"],
    ),
    "header_size": ({"nginx_header_size": "16 KB"}, ["nginx_header_size", "'16 KB'", "16k"]),
    "port_range": (
        {"nginx_port_range": "1024-65535"},
        ["nginx_port_range", "'1024-65535'", "1024 65535"],
    ),
    "metrics": ({"nginx_metrics_directory": "figures"}, ["nginx_metrics_directory", "absolute"]),
    "metrics_of_nothing": (
        {"nginx_metrics_directory": "/srv/figures", "nginx_status_port": 0},
        ["nginx_metrics_directory", "nginx_status_port", "is 0"],
    ),
    "interval": ({"nginx_metrics_interval": 0}, ["nginx_metrics_interval: 0", "1 or more"]),
    "stream_el10": (
        {"nginx_module_stream": "1.24", "facts": {"distribution_major_version": "10"}},
        ["nginx_module_stream", "EL 8 and 9", "leave it empty."],
    ),
    "stream_elsewhere": (
        {"nginx_module_stream": "1.24", "nginx_source": "nginx.org"},
        ["nginx_module_stream", "or take nginx_source: distribution"],
    ),
    "blocked": (
        {"nginx_blocked_addresses": ["192.0.2.1", "192.0.2.256"]},
        ["nginx_blocked_addresses", "'192.0.2.256'", "192.0.2.0/24"],
    ),
    "real_ip": ({"nginx_real_ip_from": ["proxy"]}, ["nginx_real_ip_from", "'proxy'"]),
    # ---- a site, and sites with one another ----
    "twice": (
        case(site(), nginx_dependent_sites=[site(domains=["other.test"])]),
        ["'shop'", "2 times"],
    ),
    "name": (case(site("../shop", domains=["x.test"])), ["'../shop'", "name", "lower-case"]),
    "no_domain": (case(site(domains=[])), ["'shop'", "domains", "empty"]),
    "url_domain": (
        case(site(domains=["http://shop.test/"], tls=SIGNED)),
        ["'shop'", "domains", "'http://shop.test/'", "no host name"],
    ),
    "space_domain": (case(site(domains=["a b"])), ["'shop'", "domains", "'a b'"]),
    "port": (case(site(port=0)), ["'shop', port: 0", "1 to 65535"]),
    "tls_port": (case(site(tls=SIGNED | {"port": 65536})), ["'shop', tls.port: 65536"]),
    "status_port": (case(site(port=8008)), ["'shop', port: 8008", "nginx_status_port"]),
    "http_and_https": (
        case(site("a"), site("b", tls=SIGNED | {"port": 80}, port=81)),
        ["site 'b', tls.port: 80", "HTTP at site 'a'"],
    ),
    "https_and_http": (
        case(site("a", tls=SIGNED), site("b", port=443)),
        ["site 'b', port: 443", "HTTPS at site 'a'"],
    ),
    "claimed": (
        case(site("a", domains=["x.test"]), site("b", domains=["X.test"])),
        ["site 'b'", "domains", "'X.test' on port 80", "site 'a' already"],
    ),
    "claimed_default_port": (
        case(
            site("a", domains=["x.test"]),
            site("b", domains=["x.test"], port=81),
            nginx_defaults={"port": 81},
        ),
        ["site 'b'", "'x.test' on port 81", "site 'a' already"],
    ),
    "open_twice": (
        case(site("a", domains=["_"]), site("b", domains=["_"])),
        ["site 'b'", "'_' on port 80", "site 'a' already"],
    ),
    # ---- TLS ----
    "tls_nothing": (case(site(tls={})), ["'shop', tls", "says no certificate", "acme: true"]),
    "tls_two": (
        case(site(tls=SIGNED | {"acme": True})),
        ["'shop', tls", "says self_signed and acme"],
    ),
    "tls_no_pem": (
        case(site(tls=PEM | {"certificate_text": "/etc/pki/shop.crt"})),
        ["tls.certificate_text", "PEM", "-----BEGIN CERTIFICATE-----"],
    ),
    "tls_no_pem_key": (
        case(site(tls=PEM | {"key_text": "secret"})),
        ["tls.key_text", "PEM", "PRIVATE KEY-----"],
    ),
    "acme_wildcard": (
        case(site(domains=["a.test", "*.a.test"], tls={"acme": True})),
        ["tls.acme", "'*.a.test'", "http-01"],
    ),
    "acme_address": (
        case(site(domains=["192.0.2.1"], tls={"acme": True})),
        ["tls.acme", "'192.0.2.1'"],
    ),
    "acme_port": (case(site(port=8080, tls={"acme": True})), ["tls.acme", "port 80, not on 8080"]),
    "stapling": (
        case(site(tls={"certificate": "/a", "key": "/b", "stapling": True})),
        ["tls.stapling", "nginx_resolvers"],
    ),
    "stapling_self_signed": (
        case(site(tls=SIGNED | {"stapling": True}), nginx_resolvers=["127.0.0.1"]),
        ["tls.stapling", "no authority"],
    ),
    # ---- other keys of a site ----
    "allow": (case(site(allow=["10.0.0.0/33"])), ["'shop', allow", "'10.0.0.0/33'", "2001:db8::"]),
    "deny": (case(site(deny=["localhost"])), ["'shop', deny", "'localhost'"]),
    "allow_and_deny": (
        case(site(allow=["10.0.0.1", "10.0.0.2"], deny=["10.0.0.1"])),
        ["'shop', deny", "'10.0.0.1'", "in allow too"],
    ),
    "body_size": (case(site(client_max_body_size="10 MB")), ["client_max_body_size", "'10 MB'"]),
    "header": (case(site(headers={"X Y": "1"})), ["headers", "'X Y'", "one line"]),
    "header_lines": (
        case(site(headers={"X-Y": "1\r\nSet-Cookie: a"})),
        ["headers", "'X-Y'", "one line"],
    ),
    "static_url": (
        case(site(static=static("/opt/a", url="/static"))),
        ["'shop'", "static.url", "'/static'", "begin and end with /"],
    ),
    "static_url_space": (
        case(site(static=static("/opt/a", url="/a b/"))),
        ["static.url", "'/a b/'", "no spaces"],
    ),
    "static_none": (case(site(static=static())), ["'shop'", "static.paths", "one"]),
    "static_three": (
        case(site(static=static("/a", "/b", "/c"))),
        ["'shop'", "static.paths", "'/static/'", "two"],
    ),
    "static_relative": (
        case(site(static=static("opt/a"))),
        ["static.paths of '/static/'", "'opt/a'", "absolute"],
    ),
    "static_expires": (
        case(site(static=static("/a", expires="a while"))),
        ["static.expires of '/static/'", "'a while'", "30d"],
    ),
    # ---- what answers, at the site itself and in a location ----
    "path": (case(place("api/")), ["locations.path", "'api/'", "= /ping"]),
    "path_braces": (case(place("~ ^/x{2}$")), ["locations.path", "'~ ^/x{2}$'"]),
    "path_of_site": (case(place("/")), ["locations.path", "'/'", "the site itself"]),
    "path_of_static": (
        case(place("/static/") | {"static": static("/a")}),
        ["locations.path", "'/static/' is there already;"],
    ),
    "server": (
        case(site(uwsgi={"servers": ["/run/shop.sock"]})),
        ["'shop'", "uwsgi.servers", "'/run/shop.sock'", "unix:/path or host:port"],
    ),
    "server_portless": (
        case(site(uwsgi={"servers": ["app-1"]})),
        ["'shop'", "uwsgi.servers", "'app-1'"],
    ),
    "server_parameter": (
        case(place(http={"servers": ["app-1:80 weight=2; include /x"]})),
        ["location '/api/', http.servers", "'app-1:80 weight=2; include /x'", "at most weight"],
    ),
    "no_server": (case(site(uwsgi={"servers": []})), ["uwsgi.servers", "is empty"]),
    "balance": (
        case(site(uwsgi=SERVERS | {"balance": "fastest"})),
        ["'shop', uwsgi.balance", "'fastest'", "least_conn"],
    ),
    "balance_backup": (
        case(place(http={"servers": ["a:80", "b:80 backup"], "balance": "ip_hash"})),
        ["location '/api/', http.balance", "ip_hash", "no backup"],
    ),
    "fastcgi_path": (
        case(place("~ [.]php$", fastcgi=SERVERS | {"root": "/srv"})),
        ["location '~ [.]php$', fastcgi", "begin and end with /"],
    ),
    "directory": (case(site(directory="srv/d")), ["'shop', directory", "'srv/d'", "absolute"]),
    "directory_path": (
        case(place("/files", directory="/srv/files")),
        ["location '/files', directory", "end with /"],
    ),
    "fastcgi_root": (
        case(place("/b/", fastcgi=SERVERS | {"root": "/srv/a b"})),
        ["location '/b/', fastcgi.root", "'/srv/a b'", "absolute"],
    ),
    "redirect": (
        case(site(redirect={"to": "www.example.com"})),
        ["'shop', redirect.to", "'www.example.com'", "https://"],
    ),
    "answer_status": (case(site(answer={"status": 600})), ["answer.status", "600", "444"]),
    "answer_type": (case(site(answer={"type": "html"})), ["answer.type", "'html'", "text/html"]),
    "connect_timeout": (
        case(place(connect_timeout="5 s")),
        ["location '/api/', connect_timeout", "'5 s'", "30s"],
    ),
    "read_timeout": (case(site(read_timeout="")), ["'shop', read_timeout", "''"]),
    "cache_of_nobody": (
        case(site(directory="/srv/d", cache={"time": "1s"})),
        ["'shop', cache", "uwsgi, http, fastcgi", "directory needs none"],
    ),
    "cache_time": (case(cached(time="short")), ["cache.time", "'short'", "10m"]),
    "cache_not_found": (case(cached(not_found_time="no")), ["cache.not_found_time", "'no'"]),
    "cache_inactive": (case(cached(inactive="long")), ["cache.inactive", "'long'"]),
    "cache_size": (case(cached(size="10 MB")), ["cache.size", "'10 MB'", "256m"]),
    "cache_shared": (case(cached(shared_time="1m")), ["cache.shared_time", "'1m'", "60"]),
    "all_backup": (
        case(site(uwsgi={"servers": ["10.0.0.1:1 backup"]})),
        ["'shop', uwsgi.servers", "backup or down"],
    ),
    "static_twice": (
        case(site(static=static("/a") + static("/b"))),
        ["'shop', static.url", "'/static/'", "twice"],
    ),
    "one_port_both": (
        case(site(port=443, tls=SIGNED)),
        ["'shop', tls.port: 443", "one port cannot be both"],
    ),
    "limit": (
        case(place(limit={"requests": "10/s"})),
        ["location '/api/', limit.requests", "'10/s'", "10r/s"],
    ),
    "limit_burst": (case(site(limit={"burst": -1})), ["'shop', limit.burst", "negative"]),
    "limit_connections": (
        case(site(limit={"connections": -1})),
        ["'shop', limit.connections", "negative"],
    ),
}

# ---- addresses ------------------------------------------------------------------------------


def addresses() -> list[str]:
    """Give addresses and networks of both kinds, in each way to write them."""
    chosen = random.Random(1)
    out = ["0.0.0.0/0", "::/0", "::", "::1", "1::", "::ffff:192.0.2.1", "2001:DB8::A/128"]
    for _ in range(60):
        four = ipaddress.IPv4Address(chosen.getrandbits(32))
        six = ipaddress.IPv6Address(chosen.getrandbits(128))
        # Zeros, in one row or more, make it short.
        holes = ipaddress.IPv6Address(
            sum(chosen.choice((0, 0, chosen.getrandbits(16))) << 16 * n for n in range(8))
        )
        length = chosen.randrange(33)
        out += [str(four), f"{four}/{length}", f"64:ff9b::{four}"]
        out += [text for one in (six, holes) for text in (str(one), one.exploded)]
        out += [f"{holes}/{chosen.randrange(129)}", f"{six}/{96 + length}"]
    return out


NO_ADDRESSES = [
    *("256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1"),
    *("2001:db8::/129", "2001:db8::/", ":::", "1::2::3", "1:2:3", "::g", "[::1]", "1:2:3:4:5:6:7:"),
    *("abc", "", " ", "/", "/8", "1.2.3.4 5", "1.2.3.4;", "localhost", "www.example.com", "*"),
    *(
        "10.0.0.1-10.0.0.9",
        "all",
        "1.2.3.4:80",
        "::1/64/64",
        "unix:",
        "::ffff:1.2.3.256",
        "::1.2.3",
    ),
]
#: What Python takes and nginx does not.
NO_ADDRESSES_FOR_NGINX = ["10.0.0.0/255.0.0.0", "10.0.0.0/0.255.255.255", "fe80::1%eth0"]

# ---- what is on the host, against what should be ----------------------------------------------

MINE = {"sha256": hashlib.sha256(b"mine\n").hexdigest(), "mode": "0644"}
OTHER = MINE | {"sha256": "0" * 64}
SECRET = MINE | {"mode": "0600"}

THREE = [
    site("kept", tls={"acme": True}),
    site("signed", tls=SIGNED),
    site("text", tls=PEM),
    site("files", tls={"certificate": "/etc/pki/f.crt", "key": "/etc/pki/f.key"}),
]


def certificates(**states: str) -> dict[str, Any]:
    """Describe what the host said of certificates."""
    return {name: {"state": state} for name, state in states.items()}


def sysctls(somaxconn: str = "4096", ports: str = "32768 60999", reserved: str = "") -> Any:
    """Describe a host with settings of the kernel."""
    names = ("core.somaxconn", "ipv4.ip_local_port_range", "ipv4.ip_local_reserved_ports")
    values = (somaxconn, ports, reserved)
    return host(sysctls={f"net.{name}": value for name, value in zip(names, values, strict=True)})


RANGE = {"nginx_port_range": "1024 65535", "nginx_reserved_ports": [3306]}

#: Case -> variables; `wanted` says what is looked at.
STATES: dict[str, dict[str, Any]] = {
    "files": case(
        site(),
        wanted=["stale", "dropped"],
        __nginx_files={
            "nginx.conf": {"text": "mine\n", "mode": "0644"},
            "blocked.conf": {"text": "mine\n", "mode": "0644"},
            "conf.d/shop.conf": {"text": "mine\n", "mode": "0644"},
            "conf.d/new.conf": {"text": "new\n", "mode": "0644"},
            "tls/shop.key": {"text": "mine\n", "mode": "0600"},
        },
        __nginx_host=host(
            files={
                "nginx.conf": MINE,
                "blocked.conf": MINE | {"mode": "0600"},
                "blocked-now.conf": MINE,
                "conf.d/shop.conf": OTHER,
                "conf.d/gone.conf": MINE,
                "conf.d/php-fpm.conf": OTHER,
                "tls/shop.key": MINE,
                "tls/shop.crt": MINE,
                "tls/gone.crt": MINE,
                "tls/gone.key": SECRET,
                "tls/_default.crt": MINE,
                "tls/_default.key": SECRET,
                "maintenance/shop.html": MINE,
                "maintenance/gone.html": MINE,
                "pages/unavailable.html": MINE,
            },
            owned=["conf.d/shop.conf", "conf.d/gone.conf"],
        ),
    ),
    # The user's own certificates may be beside the role's.
    "own_certificates": case(
        site(tls={"certificate": "/etc/nginx/tls/wild.crt", "key": "tls/wild.key"}),
        wanted=["dropped"],
        __nginx_host=host(
            files={"tls/wild.crt": MINE, "tls/wild.key": SECRET, "tls/dhparam.pem": MINE},
            owned=["conf.d/shop.conf"],
        ),
        __nginx_files={"conf.d/shop.conf": {"text": "", "mode": "0644"}},
    ),
    "bare": case(
        site(),
        wanted=["needs", "version"],
        __nginx_host=HOST | {"nginx": None},
    ),
    "unsigned": case(
        *THREE,
        wanted=["unsigned", "wanting", "acme_dropped", "acme_unready", "certificates"],
        __nginx_host=host(
            certificates=certificates(kept="missing", signed="expiring", files="ok"),
            lineages=["gone", "kept", "signed"],
            certbot="4.2.0",
        ),
    ),
    "signed": case(
        *THREE,
        wanted=["unsigned", "wanting", "acme_dropped"],
        __nginx_host=host(
            certificates=certificates(kept="ok", signed="ok", files="missing"), lineages=["kept"]
        ),
    ),
    "renewing": case(
        *THREE,
        wanted=["unsigned", "wanting"],
        __nginx_host=host(certificates=certificates(kept="names", signed="names", files="ok")),
    ),
    "unsigned_old": case(
        wanted=["unsigned", "needs"],
        nginx_sites=[site(tls=SIGNED)],
        __nginx_host=host("1.18.0", certificates=certificates(shop="ok")),
    ),
    "signed_old": case(
        wanted=["unsigned"],
        nginx_sites=[site(tls=SIGNED)],
        __nginx_host=host(
            "1.18.0", certificates=certificates(shop="ok"), files={"tls/_default.crt": MINE}
        ),
    ),
    "no_acme": case(
        site(), wanted=["acme_unready", "wanting", "unsigned"], __nginx_host=host(lineages=[])
    ),
    "sysctl_right": case(site(), wanted=["sysctls"], __nginx_host=sysctls()),
    "sysctl_more": case(site(), wanted=["sysctls"], __nginx_host=sysctls(somaxconn="65535")),
    "sysctl_low": case(site(), wanted=["sysctls"], __nginx_host=sysctls(somaxconn="128")),
    "sysctl_none": case(
        site(), wanted=["sysctls"], __nginx_host=host(sysctls={"net.core.somaxconn": None})
    ),
    "sysctl_ports": case(
        site(),
        site("b", port=8080),
        site("c", port=8081),
        wanted=["sysctls"],
        __nginx_host=sysctls(reserved="9000-9002,9100"),
        **RANGE,
    ),
    "sysctl_ports_right": case(
        site(),
        site("b", port=8080),
        site("c", port=8081),
        wanted=["sysctls"],
        __nginx_host=sysctls(ports="1024 65535", reserved="80,3306,8008,8080-8082"),
        **RANGE,
    ),
    "selinux": case(
        site(uwsgi={"servers": ["10.0.0.1:3031", "unix:/a"]}),
        site("b", port=5001, tls=SIGNED | {"port": 8443}),
        site("c", port=10005),
        wanted=["unlabelled", "tcp"],
        nginx_status_port=7000,
    ),
    "selinux_usual": case(site(tls=SIGNED), wanted=["unlabelled", "tcp"], nginx_status_port=0),
    "questions": case(
        site(
            uwsgi={"servers": ["app-1:3031 weight=2", "10.0.0.1:3031", "[fd00::1]:1", "unix:/a"]},
            locations=[
                {"path": "/api/", "http": {"servers": ["api.internal:80"]}},
                {"path": "/f/", "directory": "/srv/f"},
                {"path": "/p/", "fastcgi": {"servers": ["unix:/p"], "root": "/srv/p"}},
            ],
        ),
        site("d", directory="/srv/d"),
        *THREE,
        wanted=["hosts", "directories", "certificates"],
    ),
    "sized_small": case(
        site(), wanted=["workers", "files", "links"], __nginx_host=host(memory=512 << 20)
    ),
    "sized_tiny": case(
        site(), wanted=["workers", "files", "links"], __nginx_host=host(memory=64 << 20, cores=4)
    ),
    "sized_large": case(
        site(), wanted=["workers", "files", "links"], __nginx_host=host(memory=256 << 30, cores=16)
    ),
    "sized_limited": case(
        site(), wanted=["workers", "files", "links"], __nginx_host=host(open_files=10000)
    ),
    "sized_by_hand": case(
        site(),
        wanted=["workers", "files", "links"],
        nginx_worker_processes=3,
        nginx_worker_connections=99,
    ),
    "refused_by_nginx": case(
        wanted=["refusal"],
        __nginx_written={
            "rc": 1,
            "stdout": json.dumps({"problem": 'unknown directive "x"', "site": "shop"}),
            "stderr": 'unknown directive "x"',
        },
    ),
    "refused_without_site": case(
        wanted=["refusal"],
        __nginx_written={"rc": 1, "stdout": json.dumps({"problem": "bad", "site": None})},
    ),
    "refused_by_disk": case(
        wanted=["refusal"],
        __nginx_written={"rc": 1, "stdout": "", "stderr": "/etc/nginx: the disk is full."},
    ),
    "refused_silently": case(wanted=["refusal"], __nginx_written={"rc": 1}),
    "addresses": case(
        wanted=["addresses"],
        tried=addresses() + NO_ADDRESSES + NO_ADDRESSES_FOR_NGINX,
    ),
    "many_addresses": case(
        wanted=["problems"], nginx_blocked_addresses=[f"host{n}" for n in range(13)]
    ),
    "own_template": case(
        site(template="own.conf.j2", raw="# what is replaced"), wanted=["rendered"]
    ),
}

#: What each case has unless it says otherwise; the last is no variable of the role.
BARE: dict[str, Any] = {
    "__nginx_host": HOST,
    "__nginx_files": {},
    "__nginx_written": {},
    "tried": [],
}
CASES = {name: BARE | {"wanted": ["problems", "rendered"]} | one for name, one in GOOD.items()} | {
    f"state_{name}": BARE | one for name, one in STATES.items()
}
CASES |= {
    f"refused_{name}": BARE | {"wanted": ["problems"]} | one for name, (one, _) in REFUSED.items()
}


def variable(name: str) -> str:
    """Give an expression for a variable that is worked out only where it is wanted.

    Jinja looks a name up before it comes to the condition around it.
    """
    return f"lookup('ansible.builtin.vars', '{name}')"


EXPRESSIONS = {
    "problems": variable("__nginx_problems"),
    "rendered": variable("__nginx_rendered"),
    # As a whole, as when a fact is made of it.
    "sites": variable("__nginx_complete_sites") + " | to_json",
    "stale": variable("__nginx_stale"),
    "dropped": variable("__nginx_dropped"),
    "needs": variable("__nginx_needs_reject"),
    "version": variable("__nginx_version"),
    "unsigned": variable("__nginx_unsigned"),
    "wanting": variable("__nginx_acme_wanting") + " | map(attribute='name') | list",
    "acme_dropped": variable("__nginx_acme_dropped"),
    "acme_unready": variable("__nginx_acme_unready"),
    "sysctls": variable("__nginx_sysctls"),
    "unlabelled": variable("__nginx_selinux_unlabelled"),
    "tcp": variable("__nginx_tcp_upstreams"),
    "hosts": variable("__nginx_questions_hosts"),
    "directories": variable("__nginx_questions_directories"),
    "certificates": variable("__nginx_questions_certificates"),
    "workers": variable("__nginx_workers"),
    "files": variable("__nginx_open_files"),
    "links": variable("__nginx_connections"),
    "refusal": variable("__nginx_refusal"),
    "addresses": f"tried | select('match', {variable('__nginx_address_pattern')}) | list",
}


#: Cases that would end the run of all others if they went wrong, so that they have their own.
AROUND = ("caches", "limits")
APART = {
    "nonsense": BARE | case(cached(size="big"), wanted=["problems", "sites"]),
    "numbers": BARE
    | case(
        site(
            cache={"time": 1, "not_found_time": 1, "inactive": 60, "size": 1000, "shared_time": 60},
            static=static("/a", expires=3600),
            headers={"X-Number": 1},
            connect_timeout=5,
            client_max_body_size=1000,
            locations=[{"path": "= /number", "answer": {"text": 5}}],
        ),
        wanted=["problems", "rendered"],
        nginx_client_timeout=15,
        nginx_header_size=16384,
        nginx_module_stream=1.24,
        facts={"distribution_major_version": "10"},
    ),
} | {
    name: BARE
    | GOOD[name]
    | {"wanted": ["rendered"], "nginx_defaults": {"template": "around.conf.j2"}}
    for name in AROUND
}


def run(directory: Path, cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Evaluate cases, with the user's own templates beside the playbook."""
    for name, text in OWN_TEMPLATES.items():
        (directory / name).write_text(text, encoding="utf-8")
    return evaluate_role("nginx", directory, EXPRESSIONS, cases)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Evaluate all cases in one run."""
    return run(tmp_path_factory.mktemp("nginx"), CASES)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Evaluate the cases that are evaluated by themselves."""
    return run(tmp_path_factory.mktemp("apart"), APART)


def stripped(text: str) -> list[str]:
    """Give the lines of a text, without indentation and comments."""
    found = (line.strip() for line in text.splitlines())
    return [line for line in found if line and not line.startswith("#")]


def lines(results: dict[str, Any], case: str, name: str = "shop") -> list[str]:
    """Give the lines of a site's file, or of another one."""
    path = name if name.endswith((".conf", ".html")) else f"conf.d/{name}.conf"
    return stripped(results[case]["rendered"][path]["text"])


def main_lines(results: dict[str, Any], case: str) -> list[str]:
    """Give the lines of nginx.conf."""
    return lines(results, case, "nginx.conf")


def block(found: list[str], opening: str) -> list[str]:
    """Give the lines of the first block that begins with a line, blocks in it included."""
    start = found.index(opening) + 1
    depth = 1
    for end, line in enumerate(found[start:], start):
        depth += line.endswith("{") - (line == "}")
        if depth == 0:
            return found[start:end]
    raise AssertionError(f"{opening} has no end")


def blocks(found: list[str], opening: str) -> list[list[str]]:
    """Give all blocks that begin with a line."""
    starts = [number for number, line in enumerate(found) if line == opening]
    return [block(found[start:], opening) for start in starts]


def listens(found: list[str]) -> list[str]:
    """Give what is listened on."""
    return [line for line in found if line.startswith("listen ")]


def state(results: dict[str, Any], case: str) -> dict[str, Any]:
    """Give what was made of what is on a host."""
    return results[f"state_{case}"]


# ---- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("case", GOOD)
def test_good_input_has_no_problems(results: dict[str, Any], case: str) -> None:
    assert results[case]["problems"] == []


@pytest.mark.parametrize("case", REFUSED)
def test_refused(results: dict[str, Any], case: str) -> None:
    problems = results[f"refused_{case}"]["problems"]
    assert has(problems, *REFUSED[case][1]), problems
    assert len(problems) == 1, problems


def test_every_sentence_has_a_case(results: dict[str, Any]) -> None:
    # The longest piece of each sentence that is the same whatever it is about.
    said = "\n".join(
        sentence
        for name, result in results.items()
        if result["problems"] and name.startswith(("refused_", "state_"))
        for sentence in result["problems"]
    )
    text = INTERNAL["__nginx_role_problems"] + INTERNAL["__nginx_site_problems"]
    sentences = re.findall(r"out\.append\((.*?)\) -%\}", text, re.S)
    assert len(sentences) > 40
    for sentence in sentences:
        pieces = re.findall(r"'([^']*)'|\"([^\"]*)\"", sentence)
        longest = max(("".join(piece) for piece in pieces), key=len)
        assert longest in said, sentence


def test_a_long_list_of_nonsense_is_cut_short(results: dict[str, Any]) -> None:
    problems = state(results, "many_addresses")["problems"]
    assert len(problems) == 11
    assert problems[-1] == "nginx_blocked_addresses: 3 more are none."


def test_addresses(results: dict[str, Any]) -> None:
    good, taken = addresses(), state(results, "addresses")["addresses"]
    assert len(good) > 300
    for address in good:
        ipaddress.ip_network(address, strict=False)
    for address in NO_ADDRESSES:
        with pytest.raises(ValueError):
            ipaddress.ip_network(address, strict=False)
    assert [address for address in good if address not in taken] == []
    assert [address for address in taken if address not in good] == []


def test_nonsense_is_told_before_it_is_worked_with(apart: dict[str, dict[str, Any]]) -> None:
    # The sites are completed before they are looked at: that must not fail by itself.
    assert len(json.loads(apart["nonsense"]["sites"])) == 1
    assert has(apart["nonsense"]["problems"], "cache.size", "'big'")


def test_numbers_are_as_good_as_text(apart: dict[str, dict[str, Any]]) -> None:
    # The specification lets a number stand for a text, and YAML makes one of what has no quotes.
    assert has(apart["numbers"]["problems"], "nginx_module_stream")
    assert len(apart["numbers"]["problems"]) == 1
    found = lines(apart, "numbers")
    assert '"60:" "public, s-maxage=60";' in found
    assert "expires 3600;" in found
    assert 'return 200 "5";' in found


# ---- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", GOOD)
def test_every_file_is_marked_and_balanced(results: dict[str, Any], case: str) -> None:
    for path, file in results[case]["rendered"].items():
        text = file["text"]
        assert text.endswith("\n"), path
        assert "None" not in text, path
        if path.endswith(".conf"):
            assert HEADER in text.splitlines()[0] or path == "blocked-now.conf", path
            assert text.count("{") == text.count("}"), path


def test_each_site_has_a_file(results: dict[str, Any]) -> None:
    assert set(results["dependent"]["rendered"]) == {
        "nginx.conf",
        "blocked.conf",
        "blocked-now.conf",
        "pages/unavailable.html",
        "conf.d/shop.conf",
        "conf.d/blog.conf",
    }
    assert "conf.d/default.conf" in results["nginx_org"]["rendered"]


def test_keys_are_for_root_alone(results: dict[str, Any]) -> None:
    files = results["tls_kinds"]["rendered"]
    assert files["tls/text.key"] == {"text": PEM["key_text"] + "\n", "mode": "0600"}
    assert files["tls/text.crt"] == {"text": PEM["certificate_text"] + "\n", "mode": "0644"}
    assert {path for path in files if path.startswith("tls/")} == {"tls/text.key", "tls/text.crt"}
    assert {file["mode"] for path, file in files.items() if path != "tls/text.key"} == {"0644"}


def test_what_was_blocked_at_once_is_kept(results: dict[str, Any]) -> None:
    assert results["plain"]["rendered"]["blocked-now.conf"]["text"].startswith("# Addresses")


def test_only_what_differs_is_written(results: dict[str, Any]) -> None:
    # By content and by mode.
    assert sorted(state(results, "files")["stale"]) == [
        "blocked.conf",
        "conf.d/new.conf",
        "conf.d/shop.conf",
        "tls/shop.key",
    ]


def test_only_own_files_are_dropped(results: dict[str, Any]) -> None:
    # With a site go its certificates and its page; php-fpm.conf is somebody else's.
    assert sorted(state(results, "files")["dropped"]) == [
        "conf.d/gone.conf",
        "maintenance/gone.html",
        "tls/gone.crt",
        "tls/gone.key",
    ]


def test_certificates_of_the_users_own_stay(results: dict[str, Any]) -> None:
    assert state(results, "own_certificates")["dropped"] == []


def test_registered_results_overwrite_no_variable() -> None:
    # A result has the precedence of a fact: the same name would take a variable's place for good.
    taken = set(INTERNAL)
    tasks = [
        task
        for path in (ROOT / "roles/nginx/tasks").glob("*.yml")
        for task in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
    for task in tasks:
        assert task.get("register") not in taken, task["name"]


# ---- sites by default -------------------------------------------------------------------------


def options() -> dict[str, Any]:
    """Give the specification of a site's keys."""
    main = load(ROOT / "roles/nginx/meta/argument_specs.yml")["argument_specs"]["main"]
    return main["options"]["nginx_sites"]["options"]


def defaults(of: dict[str, Any]) -> dict[str, Any]:
    """Give the defaults that a specification names."""
    return {name: spec["default"] for name, spec in of.items() if "default" in spec}


def test_nested_defaults_are_those_of_the_specs() -> None:
    nested = {
        name: defaults(spec["options"])
        for name, spec in options().items()
        if spec["type"] == "dict" and "options" in spec
    }
    assert {name: one for name, one in nested.items() if one} == INTERNAL["__nginx_key_defaults"]
    # A location has the same keys, and no others with keys of their own.
    inner = options()["locations"]["options"]
    assert all(
        inner[name] == options()[name]
        for name in INTERNAL["__nginx_key_defaults"].keys() & inner.keys()
    )
    assert defaults(inner) == INTERNAL["__nginx_location_defaults"]
    assert defaults(options()["static"]["options"]) == INTERNAL["__nginx_static_defaults"]


def test_kinds_are_those_of_the_specs() -> None:
    main = load(ROOT / "roles/nginx/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    for spec in (main["nginx_sites"], main["nginx_dependent_sites"], options()["locations"]):
        assert spec["mutually_exclusive"] == spec["required_one_of"] == [INTERNAL["__nginx_kinds"]]


def test_own_keys_before_defaults(results: dict[str, Any]) -> None:
    assert "listen 81;" in lines(results, "defaults")
    assert "listen 8080;" in lines(results, "defaults", "blog")
    assert "client_max_body_size 1m;" in lines(results, "defaults")
    assert "gzip on;" in lines(results, "defaults", "blog")


def test_null_is_as_good_as_nothing(results: dict[str, Any]) -> None:
    assert results["nulls"]["rendered"] == results["plain"]["rendered"]


def test_options_of_every_kind(results: dict[str, Any]) -> None:
    found = lines(results, "options")
    for line in (
        "gzip on;",
        "etag off;",
        "keepalive_timeout 30;",
        "add_header X-One 1;",
        "add_header X-Two 2;",
        "client_max_body_size 20m;",
        "return 204;",
    ):
        assert line in found


def test_raw_text_is_the_end_of_the_server_block(results: dict[str, Any]) -> None:
    text = results["options"]["rendered"]["conf.d/shop.conf"]["text"]
    assert text.endswith("    location = /ping {\n        return 204;\n    }\n}\n")


def test_template_of_the_users_own(results: dict[str, Any]) -> None:
    own = state(results, "own_template")["rendered"]["conf.d/shop.conf"]["text"]
    end = "    location = /own {\n        return 204;\n    }\n}\n"
    # All the rest is the role's.
    plain = results["plain"]["rendered"]["conf.d/shop.conf"]["text"]
    assert stripped(own) == stripped(plain.removesuffix("}\n") + end)
    assert own.startswith(f"# {HEADER}\n")


def test_template_around_a_block(results: dict[str, Any], apart: dict[str, dict[str, Any]]) -> None:
    for name in AROUND:
        found = lines(apart, name)
        assert block(found, "location = /own {") == ["return 204;"]
        start = found.index("location = /own {")
        assert found[:start] + found[start + 3 :] == lines(results, name)


# ---- upstreams --------------------------------------------------------------------------------


def test_single_server_is_its_own_backup(results: dict[str, Any]) -> None:
    server = "server unix:/opt/shop/current/uwsgi.sock max_fails=0"
    found = lines(results, "plain")
    assert block(found, "upstream site_shop {") == [f"{server};", f"{server} backup;"]
    answered = block(found, "location / {")
    assert "uwsgi_pass site_shop;" in answered
    # A request that may have been acted upon is never sent again.
    assert "uwsgi_next_upstream error timeout invalid_header http_503;" in answered


def test_several_servers_back_each_other(results: dict[str, Any]) -> None:
    assert block(lines(results, "several_servers"), "upstream site_shop {") == [
        "zone site_shop 128k;",
        "server 10.0.0.1:3031 weight=2;",
        "server 10.0.0.2:3031;",
        "server [fd00::1]:3031;",
    ]


def test_balance(results: dict[str, Any]) -> None:
    assert block(lines(results, "http"), "upstream site_shop {") == [
        "least_conn;",
        "zone site_shop 128k;",
        "server 10.0.0.3:8080;",
        "server 10.0.0.4:8080 max_fails=3 fail_timeout=30s;",
        # After the method, or nginx would replace it.
        "keepalive 32;",
    ]
    first = [lines(results, "hashed", name)[1] for name in ("shop", "b", "c")]
    assert first == ["hash $request_uri consistent;", "ip_hash;", "zone site_c 128k;"]
    assert "server 10.0.0.4:80 backup;" in lines(results, "hashed", "c")
    assert not [line for line in lines(results, "hashed") if line.startswith("keepalive ")]


def test_only_http_keeps_connections(results: dict[str, Any]) -> None:
    found = lines(results, "every_kind")
    kept = [
        line
        for line in found
        if line.startswith("upstream ") and "keepalive 32;" in block(found, line)
    ]
    assert kept == ["upstream location_1_shop {"]


def test_each_place_has_an_upstream_of_its_own(results: dict[str, Any]) -> None:
    names = [line for line in lines(results, "every_kind") if line.startswith("upstream ")]
    # Numbered by place, so that two sites never share one.
    assert names == [
        "upstream site_shop {",
        "upstream location_1_shop {",
        "upstream location_2_shop {",
        "upstream location_7_shop {",
    ]


def test_names_that_look_alike_are_told_apart(results: dict[str, Any]) -> None:
    texts = [lines(results, "alike", name) for name in ("a-b", "a.b", "a_b")]
    assert len({text[0] for text in texts}) == 3
    variables = [
        set(re.findall(r"\$(?:access|refused|header)_\w+", "\n".join(text))) for text in texts
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not variables[one] & variables[other]
    # A name that is a variable's already stays readable.
    assert "$access_a_b" in variables[2]


# ---- what answers -----------------------------------------------------------------------------


def test_uwsgi(results: dict[str, Any]) -> None:
    answered = block(lines(results, "plain"), "location / {")
    for line in (
        "include uwsgi_params;",
        'uwsgi_param HTTP_PROXY "";',
        "uwsgi_param HTTP_X_REQUEST_ID $request_id;",
        "uwsgi_param HTTP_X_FORWARDED_FOR $proxy_add_x_forwarded_for;",
        "uwsgi_param HTTP_X_FORWARDED_PROTO $scheme;",
        "uwsgi_param HTTP_X_FORWARDED_HOST $host;",
        "uwsgi_connect_timeout 5s;",
        "uwsgi_read_timeout 60s;",
    ):
        assert line in answered
    # What comes last holds: the client's own headers are in the parameters too.
    assert answered[0] == "include uwsgi_params;"


def test_timeouts(results: dict[str, Any]) -> None:
    found = block(lines(results, "timeouts"), "location / {")
    assert "uwsgi_connect_timeout 500ms;" in found
    assert "uwsgi_read_timeout 5m;" in found
    found = lines(results, "every_kind")
    assert "uwsgi_read_timeout 5m;" in block(found, "location /other/ {")
    assert "uwsgi_read_timeout 60s;" in block(found, "location / {")


def test_http(results: dict[str, Any]) -> None:
    answered = block(lines(results, "http"), "location / {")
    assert answered[0] == "proxy_pass http://site_shop;"
    for line in (
        "proxy_http_version 1.1;",
        "proxy_set_header Host $host;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection $flaskstack_connection;",
        'proxy_set_header Proxy "";',
        "proxy_set_header X-Real-IP $remote_addr;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header X-Forwarded-Host $host;",
        "proxy_set_header X-Request-ID $request_id;",
        "proxy_connect_timeout 5s;",
        "proxy_read_timeout 60s;",
        "proxy_next_upstream error timeout invalid_header http_503;",
    ):
        assert line in answered
    assert not [line for line in answered if "proxy_ssl" in line]
    # A connection is kept unless the client asks for another protocol.
    assert block(main_lines(results, "http"), "map $http_upgrade $flaskstack_connection {") == [
        "default upgrade;",
        '"" "";',
    ]


def test_https_to_upstreams(results: dict[str, Any]) -> None:
    answered = block(lines(results, "https_upstream"), "location / {")
    for line in (
        "proxy_pass https://site_shop;",
        "proxy_set_header Host inner.example;",
        "proxy_ssl_server_name on;",
        "proxy_ssl_name inner.example;",
        "proxy_ssl_verify on;",
        "proxy_ssl_trusted_certificate /etc/pki/tls/certs/ca-bundle.crt;",
    ):
        assert line in answered
    unverified = block(lines(results, "https_upstream", "b"), "location / {")
    assert "proxy_ssl_name $host;" in unverified
    assert not [line for line in unverified if "verify" in line or "trusted" in line]


def test_fastcgi(results: dict[str, Any]) -> None:
    answered = block(lines(results, "php"), "location / {")
    assert "root /srv/php;" in answered
    assert "try_files $uri $uri/ /index.php$is_args$args;" in answered
    script = block(answered, "location ~ [^/]\\.php$ {")
    # Nothing that is no file is run.
    assert script[0] == "try_files $uri =404;"
    assert "fastcgi_param SCRIPT_FILENAME $realpath_root$fastcgi_script_name;" in script
    assert "fastcgi_pass site_shop;" in script
    assert 'fastcgi_param HTTP_PROXY "";' in script
    assert script.index("include fastcgi_params;") < script.index('fastcgi_param HTTP_PROXY "";')
    plain = block(lines(results, "php", "plain"), "location / {")
    assert "try_files $uri $uri/ =404;" in plain
    below = block(lines(results, "every_kind"), "location /blog/ {")
    assert "try_files $uri $uri/ /blog/index.php$is_args$args;" in below


def test_directory(results: dict[str, Any]) -> None:
    found = lines(results, "directory", "d")
    answered = block(found, "location / {")
    assert answered[:2] == ["root /srv/d;", "index index.html;"]
    assert "gzip_static on;" in answered
    assert not [line for line in found if "uwsgi" in line or line.startswith("upstream ")]
    below = block(lines(results, "every_kind"), "location /files/ {")
    # With a / at both ends, or neighbours of the directory could be had.
    assert below[0] == "alias /srv/files/;"
    found = lines(results, "directories")
    assert block(found, "location ^~ /files/ {")[0] == "alias /srv/files/;"
    assert block(found, "location ~ [.]pdf$ {")[0] == "root /srv/papers;"
    # One file has nothing hidden in it, and nginx wants no location there.
    exact = block(found, "location = /robots.txt {")
    assert exact[0] == "root /srv/about;"
    assert not [line for line in exact if line.startswith("location ")]


HIDDEN = r"location ~ /\.(?!well-known/) {"


def test_hidden_files_are_not_served(results: dict[str, Any]) -> None:
    for name, found, opening in (
        ("directory", lines(results, "directory", "d"), "location / {"),
        ("alias", lines(results, "every_kind"), "location /files/ {"),
        ("fastcgi", lines(results, "php"), "location / {"),
        ("static", lines(results, "fallback"), "location ^~ /s.v1/ {"),
    ):
        assert block(block(found, opening), HIDDEN) == ["return 404;"], name
    hidden = re.compile(INTERNAL["__nginx_hidden_pattern"])
    for path in ("/.git/config", "/a/.env", "/.well-known"):
        assert hidden.search(path), path
    for path in ("/.well-known/security.txt", "/a.b/c", "/a/b.c"):
        assert not hidden.search(path), path


def test_redirect(results: dict[str, Any]) -> None:
    answered = block(lines(results, "redirect"), "location / {")
    assert answered == ["return 301 https://www.example.com$request_uri;"]
    below = block(lines(results, "every_kind"), "location = /old {")
    assert below == ["return 308 /new;"]


def test_answer(results: dict[str, Any]) -> None:
    assert block(lines(results, "answer"), "location / {") == [
        "default_type application/json;",
        'return 200 "{}";',
    ]
    found = lines(results, "every_kind")
    assert block(found, "location ~ [.]secret$ {") == ["default_type text/plain;", "return 404;"]
    # What nginx would take for a variable, a quote or an escape is none.
    text = results["every_kind"]["rendered"]["conf.d/shop.conf"]["text"]
    assert 'return 200 "a \\"quoted\\" ${flaskstack_dollar}5 \\\\ text\n";' in text
    assert block(main_lines(results, "plain"), "geo $flaskstack_dollar {") == ['default "$";']


def test_location_has_options_and_text(results: dict[str, Any]) -> None:
    text = results["every_kind"]["rendered"]["conf.d/shop.conf"]["text"]
    assert re.search(r"        client_max_body_size 1g;\n        # the end\n    }\n", text)
    # Those of the site are its server's, not its location's.
    assert "gzip on;" not in block(lines(results, "options"), "location / {")


# ---- static -----------------------------------------------------------------------------------


def test_one_static_directory(results: dict[str, Any]) -> None:
    assert block(lines(results, "one_static"), "location ^~ /static/ {") == [
        "alias /opt/a/;",
        "gzip_static on;",
        "gzip_vary on;",
        HIDDEN,
        "return 404;",
        "}",
    ]


def test_static_falls_back_to_the_second_directory(results: dict[str, Any]) -> None:
    found = lines(results, "fallback")
    first = block(found, "location ^~ /s.v1/ {")
    assert first[0] == "alias /opt/a/;"
    assert "error_page 404 = @static_1;" in first
    assert "log_not_found off;" in first
    assert block(found, "location @static_1 {") == [
        r"if ($uri ~ /\.(?!well-known/)) {",
        "return 404;",
        "}",
        r"rewrite ^/s\.v1/(.*)$ /$1 break;",
        "root /opt/b;",
        "gzip_static on;",
        "gzip_vary on;",
    ]


def test_each_fallback_has_a_location_of_its_own(results: dict[str, Any]) -> None:
    found = lines(results, "two_fallbacks")
    assert "root /opt/b;" in block(found, "location @static_1 {")
    assert "root /opt/d;" in block(found, "location @static_2 {")
    assert "error_page 404 = @static_2;" in block(found, "location ^~ /media/ {")


def test_how_long_browsers_keep_files(results: dict[str, Any]) -> None:
    found = lines(results, "immutable")
    for opening in ("location ^~ /static/ {", "location @static_1 {"):
        kept = block(found, opening)
        assert "expires 1y;" in kept
        assert 'set $immutable "public, immutable";' in kept
    assert "expires 1h;" in block(found, "location ^~ /media/ {")
    assert found.count('set $immutable "public, immutable";') == 2
    assert "add_header Cache-Control $immutable;" in found
    # A header in a location would take those of the server away.
    for name in GOOD:
        for path in results[name]["rendered"]:
            if path.startswith("conf.d/") and path != "conf.d/default.conf":
                inner = [line for one in inner_blocks(lines(results, name, path)) for line in one]
                assert not [line for line in inner if line.startswith("add_header ")], (name, path)
    assert not [line for line in lines(results, "one_static") if "expires" in line]


def inner_blocks(found: list[str]) -> list[list[str]]:
    """Give all locations."""
    openings = [line for line in found if line.startswith("location ")]
    return [one for opening in openings for one in blocks(found, opening)]


# ---- cache ------------------------------------------------------------------------------------


def test_cache(results: dict[str, Any]) -> None:
    found = lines(results, "cache")
    kept = [line for line in block(found, "location / {") if line.startswith("uwsgi_")]
    assert [line for line in kept if "cache" in line] == [
        "uwsgi_cache uwsgi_shop;",
        "uwsgi_cache_key $scheme$request_method$host$request_uri;",
        "uwsgi_cache_valid 200 301 302 308 1s;",
        "uwsgi_cache_lock on;",
        "uwsgi_cache_background_update on;",
        "uwsgi_cache_use_stale error timeout invalid_header updating http_500 http_503;",
        "uwsgi_cache_bypass $http_cookie $http_authorization;",
        "uwsgi_no_cache $http_cookie $http_authorization;",
    ]
    assert (
        "uwsgi_cache_path /var/lib/nginx/cache/shop/uwsgi levels=1:2 keys_zone=uwsgi_shop:10m"
        in found
    )
    # As long as it is good, a minute at least.
    assert "max_size=256m inactive=60s use_temp_path=off;" in found
    assert "add_header X-Cache-Status $upstream_cache_status always;" in found
    without = lines(results, "plain")
    assert not [line for line in without if "cache_" in line or "X-Cache" in line]


def test_each_kind_of_a_site_has_one_cache(results: dict[str, Any]) -> None:
    found = lines(results, "caches")
    paths = [line.split() for line in found if "_cache_path " in line]
    assert [path[:2] + path[3:] for path in paths] == [
        ["uwsgi_cache_path", "/var/lib/nginx/cache/shop/uwsgi", "keys_zone=uwsgi_shop:10m"],
        ["proxy_cache_path", "/var/lib/nginx/cache/shop/proxy", "keys_zone=proxy_shop:10m"],
        ["fastcgi_cache_path", "/var/lib/nginx/cache/shop/fastcgi", "keys_zone=fastcgi_shop:10m"],
    ]
    # The largest of two of a kind, whichever comes first.
    sizes = [line for line in found if line.startswith("max_size=")]
    assert sizes == [
        "max_size=1g inactive=86400s use_temp_path=off;",
        "max_size=256m inactive=60s use_temp_path=off;",
        "max_size=256m inactive=60s use_temp_path=off;",
    ]


def test_what_is_kept_of_whom(results: dict[str, Any]) -> None:
    found = lines(results, "caches")
    slow = block(found, "location /slow/ {")
    assert "uwsgi_cache_valid 200 301 302 308 10m;" in slow
    assert "uwsgi_cache_valid 404 410 1m;" in slow
    assert "uwsgi_ignore_headers Cache-Control Expires X-Accel-Expires;" in slow
    assert not [line for line in slow if "bypass" in line or "no_cache" in line]
    # Whatever is said, an answer that sets a cookie is nobody else's.
    for name in GOOD:
        for path in results[name]["rendered"]:
            assert "ignore_headers Set-Cookie" not in results[name]["rendered"][path]["text"]
    api = block(found, "location /api/ {")
    assert "proxy_cache_bypass $http_authorization;" in api
    assert "proxy_no_cache $http_authorization;" in api
    assert not [line for line in api if "404 410" in line or "ignore_headers" in line]
    script = block(block(found, "location /php/ {"), "location ~ [^/]\\.php$ {")
    assert "fastcgi_cache_bypass $http_cookie $http_authorization;" in script


def test_cdn_is_told(results: dict[str, Any]) -> None:
    found = lines(results, "caches")
    start = found.index(
        "map $shared_time_shop:$http_cookie$http_authorization"
        "$upstream_http_cache_control$upstream_http_set_cookie"
    )
    assert block(found[start:], "$shared_shop {") == [
        'default "";',
        '"60:" "public, s-maxage=60";',
        '"5:" "public, s-maxage=5";',
    ]
    assert 'set $shared_time_shop "";' in found
    assert "add_header Cache-Control $shared_shop;" in found
    assert "set $shared_time_shop 60;" in block(found, "location /slow/ {")
    assert "set $shared_time_shop 5;" in block(found, "location /api/ {")
    assert not [line for line in block(found, "location / {") if "shared" in line]
    assert not [line for line in lines(results, "cache") if "shared" in line]


# ---- who may, and how much ----------------------------------------------------------------------


def test_access(results: dict[str, Any]) -> None:
    found = lines(results, "access")
    assert block(found, "geo $access_shop {") == [
        "default 0;",
        "10.0.0.0/8 1;",
        "2001:db8::/32 1;",
        "10.1.0.0/16 0;",
    ]
    assert block(found, "map $access_shop:$uri $refused_shop {") == ["default 0;", '"~^0:" 1;']
    assert block(found, "if ($refused_shop) {") == ["return 403;"]
    most = lines(results, "access", "most")
    assert block(most, "geo $access_most {") == ["default 1;", "192.0.2.1 0;"]
    # The authority comes from anywhere.
    inner = block(lines(results, "access", "inner"), "map $access_inner:$uri $refused_inner {")
    assert inner == ["default 0;", r'"~^0:/\.well-known/acme-challenge/" 0;', '"~^0:" 1;']
    assert not [line for line in lines(results, "plain") if "refused" in line]


def test_limits(results: dict[str, Any]) -> None:
    found = lines(results, "limits")
    for line in (
        "limit_req_zone $binary_remote_addr zone=requests_shop:10m rate=10r/s;",
        "limit_conn_zone $binary_remote_addr zone=connections_shop:10m;",
        "limit_req_zone $binary_remote_addr zone=requests_shop_1:10m rate=5r/m;",
        "limit_req zone=requests_shop burst=20 nodelay;",
        "limit_conn connections_shop 20;",
    ):
        assert found.count(line) == 1, line
    assert "limit_req zone=requests_shop_1;" in block(found, "location /login {")
    # That of the site holds in all its locations, once.
    assert not [line for line in block(found, "location / {") if "limit" in line]
    assert "limit_req_status 429;" in main_lines(results, "limits")
    assert "limit_conn_status 429;" in main_lines(results, "limits")


def test_blocked_addresses(results: dict[str, Any]) -> None:
    blocked = stripped(results["blocked"]["rendered"]["blocked.conf"]["text"])
    assert blocked == ["192.0.2.1 1;", "198.51.100.0/24 1;", "2001:db8::/32 1;"]
    assert block(main_lines(results, "blocked"), "geo $flaskstack_blocked {") == [
        "default 0;",
        "include blocked.conf;",
        "include blocked-now.conf;",
    ]
    assert block(lines(results, "blocked"), "if ($flaskstack_blocked) {") == ["return 444;"]
    # At once, or there would be nothing to switch on: also where nothing is blocked yet.
    for found in blocks(lines(results, "tls"), "server {"):
        assert block(found, "if ($flaskstack_blocked) {") == ["return 403;"]


def test_scanners(results: dict[str, Any]) -> None:
    patterns = block(main_lines(results, "blocked"), "map $uri $flaskstack_scanner {")
    assert patterns[0] == "default 0;"
    assert len(patterns) == len(INTERNAL["__nginx_scanner_patterns"]) + 1
    assert block(lines(results, "blocked"), "if ($flaskstack_scanner) {") == ["return 404;"]
    assert "flaskstack_scanner" not in results["plain"]["rendered"]["nginx.conf"]["text"]
    assert "if ($flaskstack_scanner) {" not in lines(results, "plain")
    known = [re.compile(pattern, re.I) for pattern in INTERNAL["__nginx_scanner_patterns"]]
    for path in (
        "/.env",
        "/.git/config",
        "/wp-login.php",
        "/x/wp-admin/",
        "/PHPMyAdmin/",
        "/a.sql",
    ):
        assert any(pattern.search(path) for pattern in known), path
    for path in ("/", "/environment", "/.well-known/x", "/manager/", "/sql", "/a.sqlite", "/solar"):
        assert not any(pattern.search(path) for pattern in known), path


def test_balancer_in_front(results: dict[str, Any]) -> None:
    found = main_lines(results, "balancer_in_front")
    for line in (
        "set_real_ip_from 10.0.0.0/8;",
        "set_real_ip_from 2001:db8::/32;",
        "real_ip_header X-Real-IP;",
        "real_ip_recursive on;",
    ):
        assert line in found
    # Believed by where the connection came from, not by whom it says to be for.
    assert block(found, "geo $realip_remote_addr $flaskstack_proxied {") == [
        "default 0;",
        "10.0.0.0/8 1;",
        "2001:db8::/32 1;",
    ]
    scheme = "map $flaskstack_proxied:$http_x_forwarded_proto $flaskstack_scheme {"
    assert block(found, scheme) == ["default $scheme;", '"1:http" http;', '"1:https" https;']
    for name, kind in (("shop", "uwsgi"), ("php", "fastcgi")):
        site_lines = lines(results, "balancer_in_front", name)
        assert f"{kind}_param HTTP_X_FORWARDED_PROTO $flaskstack_scheme;" in site_lines
        assert f"{kind}_param REQUEST_SCHEME $flaskstack_scheme;" in site_lines
        assert f"{kind}_param HTTPS $flaskstack_https if_not_empty;" in site_lines
    api = lines(results, "balancer_in_front", "api")
    assert "proxy_set_header X-Forwarded-Proto $flaskstack_scheme;" in api
    without = results["plain"]["rendered"]
    assert "real_ip" not in without["nginx.conf"]["text"]
    assert "flaskstack_scheme" not in without["conf.d/shop.conf"]["text"]


# ---- ports ------------------------------------------------------------------------------------


def everything(results: dict[str, Any], case: str) -> list[str]:
    """Give what all servers of a configuration listen on, the status page aside."""
    paths = [path for path in results[case]["rendered"] if path.endswith(".conf")]
    found = [line for path in paths for line in listens(lines(results, case, path))]
    return [line for line in found if "127.0.0.1:" not in line]


@pytest.mark.parametrize("case", GOOD)
def test_sockets_are_described_once(results: dict[str, Any], case: str) -> None:
    found = [line.rstrip(";").split()[1:] for line in everything(results, case)]
    for protocol in (True, False):
        some = [words for words in found if ("quic" in words) == protocol]
        for address in {words[0] for words in some}:
            of_it = [words[1:] for words in some if words[0] == address]
            once = "reuseport" if protocol else "backlog=4096"
            assert sum(once in words for words in of_it) == 1, address
            assert sum("default_server" in words for words in of_it) <= 1, address
            # nginx takes TLS from any of them for all.
            assert len({"ssl" in words for words in of_it}) == 1, address


@pytest.mark.parametrize("case", GOOD)
def test_every_server_says_where_it_listens(results: dict[str, Any], case: str) -> None:
    # One that does not would have nginx's own default, port 80.
    for path in results[case]["rendered"]:
        if path.endswith(".conf"):
            for server in blocks(lines(results, case, path), "server {"):
                assert listens(server), path


def test_ipv6_only_where_the_host_has_it(results: dict[str, Any]) -> None:
    assert "listen [::]:80;" in lines(results, "plain")
    assert "listen [::]:80 default_server backlog=4096;" in main_lines(results, "plain")
    for file in results["no_ipv6"]["rendered"].values():
        assert "[::]" not in file["text"]
    assert "listen 80;" in lines(results, "no_ipv6")


def test_hosts_that_no_site_has(results: dict[str, Any]) -> None:
    closed = blocks(main_lines(results, "plain"), "server {")[-1]
    assert "listen 80 default_server backlog=4096;" in closed
    assert "return 444;" in closed
    assert 'server_name "";' in closed
    assert "default_server" not in "".join(lines(results, "plain"))
    assert "default_server" not in results["open"]["rendered"]["nginx.conf"]["text"]
    assert "listen 80 default_server backlog=4096;" in lines(results, "open")


def test_site_for_all_names_owns_its_port_alone(results: dict[str, Any]) -> None:
    assert "listen 8080 default_server backlog=4096;" in lines(results, "open_beside")
    closed = blocks(main_lines(results, "open_beside"), "server {")[-1]
    assert listens(closed) == [
        "listen 80 default_server backlog=4096;",
        "listen [::]:80 default_server backlog=4096;",
    ]
    assert listens(lines(results, "tls_open")) == [
        "listen 80 default_server backlog=4096;",
        "listen [::]:80 default_server backlog=4096;",
        "listen 443 ssl http2 default_server backlog=4096;",
        "listen [::]:443 ssl http2 default_server backlog=4096;",
    ]
    assert "ssl_reject_handshake on;" not in main_lines(results, "tls_open")


def test_without_a_default_server_the_first_site_owns_the_port(results: dict[str, Any]) -> None:
    assert "default_server" not in "".join(everything(results, "nobody"))
    assert "listen 80 backlog=4096;" in lines(results, "nobody")
    assert "listen 8080 backlog=4096;" in lines(results, "nobody", "blog")


def test_nothing_to_serve_still_closes(results: dict[str, Any]) -> None:
    assert everything(results, "nothing") == [
        "listen 80 default_server backlog=4096;",
        "listen [::]:80 default_server backlog=4096;",
    ]


# ---- TLS --------------------------------------------------------------------------------------


def test_tls(results: dict[str, Any]) -> None:
    found = main_lines(results, "tls")
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in found
    (ciphers,) = [line for line in found if line.startswith("ssl_ciphers ")]
    assert all(one.startswith("ECDHE-") for one in ciphers[12:-1].split(":"))
    assert "ssl_session_tickets off;" in found
    modern = main_lines(results, "tls_modern")
    assert "ssl_protocols TLSv1.3;" in modern
    assert not [line for line in modern if line.startswith("ssl_ciphers")]
    # Nothing of it without a site that has it.
    assert not [line for line in main_lines(results, "plain") if line.startswith("ssl_")]


def test_http2_in_the_words_of_each_version(results: dict[str, Any]) -> None:
    for name in ("tls", "tls_old"):
        assert "listen 443 ssl http2;" in lines(results, name)
        assert "listen 443 ssl http2 default_server backlog=4096;" in main_lines(results, name)
        assert "http2 on;" not in main_lines(results, name)
    assert "listen 443 ssl;" in lines(results, "tls_new")
    assert "http2 on;" in main_lines(results, "tls_new")
    off = "\n".join(file["text"] for file in results["tls_modern"]["rendered"].values())
    assert "http2" not in off


def test_unknown_names_get_no_certificate(results: dict[str, Any]) -> None:
    for name in ("tls", "tls_new"):
        closed = blocks(main_lines(results, name), "server {")[-1]
        assert "ssl_reject_handshake on;" in closed
        assert not [line for line in closed if line.startswith("ssl_certificate")]
    # Before 1.19.4, nginx cannot do without one.
    closed = blocks(main_lines(results, "tls_old"), "server {")[-1]
    assert "ssl_certificate tls/_default.crt;" in closed
    assert "ssl_certificate_key tls/_default.key;" in closed
    assert "ssl_reject_handshake on;" not in closed


def test_http_leads_to_https(results: dict[str, Any]) -> None:
    redirect, serving = blocks(lines(results, "tls"), "server {")
    assert listens(redirect) == ["listen 80;", "listen [::]:80;"]
    assert block(redirect, "location / {") == ["return 301 https://$host$request_uri;"]
    assert listens(serving) == ["listen 443 ssl http2;", "listen [::]:443 ssl http2;"]
    assert "ssl_certificate tls/shop.crt;" in serving
    assert "ssl_certificate_key tls/shop.key;" in serving
    redirect, _ = blocks(lines(results, "tls_kinds", "signed"), "server {")
    assert block(redirect, "location / {") == ["return 301 https://$host:8443$request_uri;"]
    (both,) = blocks(lines(results, "tls_both"), "server {")
    assert [line for line in listens(both) if "[::]" not in line] == [
        "listen 80;",
        "listen 443 ssl http2;",
    ]


def test_certificates_of_each_kind(results: dict[str, Any]) -> None:
    for name in ("files", "text", "acme", "signed"):
        serving = blocks(lines(results, "tls_kinds", name), "server {")[-1]
        assert f"ssl_certificate tls/{name}.crt;" in serving
        assert f"ssl_certificate_key tls/{name}.key;" in serving


CHALLENGE = "location ^~ /.well-known/acme-challenge/ {"


def test_acme_challenge(results: dict[str, Any]) -> None:
    redirect, serving = blocks(lines(results, "tls_kinds", "acme"), "server {")
    assert block(redirect, CHALLENGE) == [
        "root /var/lib/nginx/acme;",
        "default_type text/plain;",
    ]
    assert CHALLENGE not in serving
    (both,) = blocks(lines(results, "access", "inner"), "server {")
    assert "root /var/lib/nginx/acme;" in block(both, CHALLENGE)
    assert CHALLENGE not in lines(results, "tls")


def test_hsts(results: dict[str, Any]) -> None:
    redirect, serving = blocks(lines(results, "tls"), "server {")
    line = 'add_header Strict-Transport-Security "max-age=3600" always;'
    assert line in serving
    assert line not in redirect
    assert "Strict-Transport-Security" not in "".join(lines(results, "tls_both"))


def test_stapling(results: dict[str, Any]) -> None:
    found = lines(results, "stapling")
    for line in (
        "ssl_stapling on;",
        "ssl_stapling_verify on;",
        "ssl_trusted_certificate tls/shop.crt;",
    ):
        assert line in found
    assert "resolver 127.0.0.1;" in main_lines(results, "stapling")
    assert "stapling" not in "".join(lines(results, "tls"))


def test_http3(results: dict[str, Any]) -> None:
    found = lines(results, "http3")
    assert [line for line in listens(found) if "quic" in line] == [
        "listen 443 quic;",
        "listen [::]:443 quic;",
    ]
    assert "add_header Alt-Svc 'h3=\":443\"; ma=86400' always;" in found
    closed = blocks(main_lines(results, "http3"), "server {")[-1]
    assert "listen 443 quic default_server reuseport;" in closed
    assert "quic" not in "".join(lines(results, "http3", "b"))
    assert "Alt-Svc" not in "".join(lines(results, "http3", "b"))


# ---- headers, errors, compression, logs ----------------------------------------------------------


def test_headers_only_where_the_application_sends_none(results: dict[str, Any]) -> None:
    found = lines(results, "plain")
    for number, (name, value) in enumerate(INTERNAL["__nginx_item_defaults"]["headers"].items(), 1):
        sent = name.lower().replace("-", "_")
        opening = f"map $upstream_http_{sent} $header_shop_{number} {{"
        assert block(found, opening) == ['default "";', f'"" "{value}";']
        assert f"add_header {name} $header_shop_{number} always;" in found


def test_headers_of_the_users_own(results: dict[str, Any]) -> None:
    found = lines(results, "headers")
    text = "".join(found)
    # An empty one is taken out.
    assert "X-Frame-Options" not in text
    assert "X-Content-Type-Options" in text
    assert "Content-Security-Policy" in text
    assert '"" "default-src \'self\'; img-src \\"x\\"";' in found


def test_maintenance(results: dict[str, Any]) -> None:
    for rendered, name in (("plain", "shop"), ("raw_errors", "shop"), ("directory", "d")):
        found = lines(results, rendered, name)
        page = f"/etc/nginx/maintenance/{name}.html"
        assert block(found, f"if (-f {page}) {{") == ["set $closed 1;"]
        assert block(found, "if ($closed) {") == ["return 503;"]
        assert "error_page 503 /.nginx/maintenance.html;" in found
        opening = "location = /.nginx/maintenance.html {"
        assert block(found, opening) == ["internal;", f"alias {page};"]
        # The page itself is not closed.
        assert block(found, "if ($uri = /.nginx/maintenance.html) {") == ['set $closed "";']
    assert "map $status:$upstream_http_retry_after $flaskstack_retry_after {" in main_lines(
        results, "plain"
    )


def test_friendly_errors(results: dict[str, Any]) -> None:
    found = lines(results, "plain")
    assert "error_page 502 504 /.nginx/unavailable.html;" in found
    assert block(found, "location = /.nginx/unavailable.html {") == [
        "internal;",
        "alias /etc/nginx/pages/unavailable.html;",
    ]
    assert "unavailable" not in "".join(lines(results, "raw_errors"))
    page = results["plain"]["rendered"]["pages/unavailable.html"]["text"]
    assert page.startswith("<!doctype html>\n")
    assert "Please try again" in page
    assert "请稍后再试" in page


def test_too_large_a_header_is_said_to_be(results: dict[str, Any]) -> None:
    assert "error_page 494 =431 @header_too_large;" in lines(results, "plain")
    assert "large_client_header_buffers 4 16k;" in main_lines(results, "plain")


def test_compression(results: dict[str, Any]) -> None:
    found = main_lines(results, "plain")
    assert "gzip on;" in found
    assert "brotli" not in "".join(found)
    both = main_lines(results, "brotli")
    assert "gzip on;" in both
    assert "brotli on;" in both
    types = [line.split(" ", 1)[1] for line in both if "_types " in line and "charset" not in line]
    assert len(types) == 2
    assert types[0] == types[1]
    kept = block(lines(results, "brotli"), "location ^~ /static/ {")
    assert "gzip_static on;" in kept
    assert "brotli_static on;" in kept
    none = main_lines(results, "no_compression")
    assert not [line for line in none if line.startswith(("gzip", "brotli"))]


def test_log_formats(results: dict[str, Any]) -> None:
    text = results["plain"]["rendered"]["nginx.conf"]["text"]
    assert "access_log /var/log/nginx/access.log main;" in text
    assert "access_log /var/log/nginx/access.log json;" in main_lines(results, "json_log")
    declared = re.search(r"log_format json escape=json (.*?);\n", text, re.S)
    assert declared is not None
    row = "".join(re.findall(r"'([^']*)'", declared[1]))
    # Numbers are bare: nginx says 0 where there is nothing to tell.
    values = {"status": "200", "body_bytes_sent": "0", "request_time": "0.001"}
    filled = re.sub(r"\$(\w+)", lambda found: values.get(found[1], found[1]), row)
    logged = json.loads(filled)
    assert logged["status"] == 200
    assert logged["request_id"] == "request_id"
    plain = re.search(r"log_format main (.*?);\n", text, re.S)
    assert plain is not None
    for variable in (
        "$request_time",
        "$upstream_response_time",
        "$upstream_cache_status",
        "$request_id",
    ):
        assert variable in plain[1]


def test_figures_only_for_this_host(results: dict[str, Any]) -> None:
    server = blocks(main_lines(results, "plain"), "server {")[0]
    assert listens(server) == ["listen 127.0.0.1:8008;"]
    assert block(server, "location = /stub_status {") == ["stub_status;"]
    assert "stub_status" not in "".join(main_lines(results, "json_log"))


# ---- the host's size --------------------------------------------------------------------------


def test_workers(results: dict[str, Any]) -> None:
    found = main_lines(results, "workers")
    assert "worker_processes 4;" in found
    assert "worker_connections 4096;" in found
    found = main_lines(results, "plain")
    assert "worker_processes auto;" in found
    assert "worker_connections 32768;" in found
    assert "worker_rlimit_nofile 524288;" in found


@pytest.mark.parametrize(
    ("case", "workers", "files", "connections"),
    [
        ("small", 2, 524288, 4096),
        # Never fewer than nginx itself would have, nor more than anybody has use for.
        ("tiny", 4, 524288, 1024),
        ("large", 16, 524288, 65536),
        # Files are for what is served, too.
        ("limited", 2, 10000, 9000),
        ("by_hand", 3, 524288, 99),
    ],
)
def test_size(
    results: dict[str, Any], case: str, workers: int, files: int, connections: int
) -> None:
    found = state(results, f"sized_{case}")
    assert [int(found[key]) for key in ("workers", "files", "links")] == [
        workers,
        files,
        connections,
    ]


# ---- what is not as it should be --------------------------------------------------------------


def test_bare_host_is_asked_as_if_it_had_nginx(results: dict[str, Any]) -> None:
    assert state(results, "bare") | {"version": "1.20.0", "needs": False} == state(results, "bare")


def test_certificates_that_the_role_makes(results: dict[str, Any]) -> None:
    assert state(results, "unsigned")["unsigned"] == [
        {
            "certificate": "/etc/nginx/tls/kept.crt",
            "key": "/etc/nginx/tls/kept.key",
            "names": ["kept.example.com"],
            "days": 30,
        },
        {
            "certificate": "/etc/nginx/tls/signed.crt",
            "key": "/etc/nginx/tls/signed.key",
            "names": ["signed.example.com"],
            "days": 397,
        },
    ]
    assert state(results, "signed")["unsigned"] == []
    # What the authority gave stays until it gives another.
    renewing = state(results, "renewing")["unsigned"]
    assert [one["key"] for one in renewing] == ["/etc/nginx/tls/signed.key"]


def test_certificate_for_unknown_names(results: dict[str, Any]) -> None:
    (made,) = state(results, "unsigned_old")["unsigned"]
    assert made["certificate"] == "/etc/nginx/tls/_default.crt"
    assert made["names"] == ["localhost"]
    assert state(results, "signed_old")["unsigned"] == []


def test_certificates_by_acme(results: dict[str, Any]) -> None:
    assert state(results, "unsigned")["wanting"] == ["kept"]
    assert state(results, "renewing")["wanting"] == ["kept"]
    assert state(results, "signed")["wanting"] == []
    # Those that are renewed for sites that have none any more.
    assert sorted(state(results, "unsigned")["acme_dropped"]) == ["gone", "signed"]
    assert state(results, "signed")["acme_dropped"] == []
    assert state(results, "unsigned")["acme_unready"] is True
    assert state(results, "no_acme") | {
        "acme_unready": False,
        "wanting": [],
        "unsigned": [],
    } == state(results, "no_acme")


def test_kernel_settings(results: dict[str, Any]) -> None:
    for name in ("right", "more", "none", "ports_right"):
        assert state(results, f"sysctl_{name}")["sysctls"] == {}, name
    assert state(results, "sysctl_low")["sysctls"] == {"net.core.somaxconn": "4096"}
    # What others reserved stays so; ports below the range are not in danger.
    assert state(results, "sysctl_ports")["sysctls"] == {
        "net.ipv4.ip_local_port_range": "1024 65535",
        "net.ipv4.ip_local_reserved_ports": "3306,8008,8080,8081,9000,9001,9002,9100",
    }


def test_selinux(results: dict[str, Any]) -> None:
    found = state(results, "selinux")
    assert sorted(found["unlabelled"]) == [5001, 7000]
    assert found["tcp"] == ["10.0.0.1:3031"]
    assert state(results, "selinux_usual")["unlabelled"] == []
    assert state(results, "selinux_usual")["tcp"] == []


def test_questions(results: dict[str, Any]) -> None:
    found = state(results, "questions")
    assert found["hosts"] == [
        {"site": "shop", "key": "uwsgi.servers", "name": "app-1"},
        {"site": "shop", "key": "location '/api/', http.servers", "name": "api.internal"},
    ]
    assert found["directories"] == [
        {"site": "shop", "key": "location '/f/', directory", "path": "/srv/f"},
        {"site": "shop", "key": "location '/p/', fastcgi.root", "path": "/srv/p"},
        {"site": "d", "key": "directory", "path": "/srv/d"},
    ]
    kinds = {one["site"]: one["kind"] for one in found["certificates"]}
    assert kinds == {"kept": "acme", "signed": "self_signed", "text": "text", "files": "files"}
    of_files = found["certificates"][-1]
    assert of_files == {
        "site": "files",
        "kind": "files",
        "names": ["files.example.com"],
        "certificate": "/etc/pki/f.crt",
        "key": "/etc/pki/f.key",
        "key_names": ["tls.certificate", "tls.key"],
    }
    assert found["certificates"][2]["key_names"] == ["tls.certificate_text", "tls.key_text"]


def test_refusal(results: dict[str, Any]) -> None:
    said = state(results, "refused_by_nginx")["refusal"]
    assert said.startswith("nginx refuses the new configuration (site 'shop'); the old one")
    assert said.rstrip().endswith('unknown directive "x"')
    said = state(results, "refused_without_site")["refusal"]
    assert said.startswith("nginx refuses the new configuration; the old one")
    said = state(results, "refused_by_disk")["refusal"]
    assert said.startswith("The configuration cannot be written")
    assert said.rstrip().endswith("/etc/nginx: the disk is full.")
    assert state(results, "refused_silently")["refusal"].rstrip().endswith("no reason given")


# ---- what another program says of it ------------------------------------------------------------

#: What gixy finds and is meant so, by its plugin and summary, with the files where.
MEANT = {
    # It listens on 127.0.0.1 alone, see test_figures_only_for_this_host.
    ("status_page_exposed", "stub_status is publicly accessible without IP restrictions."): (
        ("nginx.conf",)
    ),
    # It cannot be taken back before its time: whoever wants it says so, by tls.hsts.
    ("hsts_header", "Missing HSTS header"): ("nginx.conf", "conf.d/"),
}


def gixy(configurations: list[Path]) -> list[dict[str, Any]]:
    """Give what gixy finds, above what it finds hardly worth mentioning."""
    done = subprocess.run(
        [Path(sys.executable).with_name("gixy"), "--format", "json", *configurations],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    # It says there what it could not read.
    assert done.stderr == ""
    return [found for found in json.loads(done.stdout) if found["severity"] != "LOW"]


def write(directory: Path, files: dict[str, Any]) -> Path:
    """Write a configuration, with what it includes; return its first file."""
    for path, file in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file["text"], encoding="utf-8")
    (directory / "mime.types").write_text("types {\n    text/html html;\n}\n", encoding="utf-8")
    for kind in ("uwsgi", "fastcgi"):
        text = f"{kind}_param REQUEST_SCHEME $scheme;\n"
        (directory / f"{kind}_params").write_text(text, encoding="utf-8")
    return directory / "nginx.conf"


def test_no_configuration_is_unsafe(results: dict[str, Any], tmp_path: Path) -> None:
    written = [write(tmp_path / name, results[name]["rendered"]) for name in GOOD]
    wrong = []
    for found in gixy(written):
        file = Path(found["file"]).relative_to(tmp_path)
        where = MEANT.get((found["plugin"], found["summary"]), ())
        if not str(Path(*file.parts[1:])).startswith(where):
            wrong.append(f"{file}:{found['line']}: {found['plugin']}: {found['reason']}")
    assert wrong == []


def test_unsafe_configuration_would_be_found(results: dict[str, Any], tmp_path: Path) -> None:
    files = {path: dict(file) for path, file in results["every_kind"]["rendered"].items()}
    site_file = files["conf.d/shop.conf"]
    site_file["text"] = site_file["text"].replace("location /files/ {", "location /files {")
    found = {one["plugin"] for one in gixy([write(tmp_path, files)])}
    assert "alias_traversal" in found
