#!/usr/bin/env python3
"""Configurations of the nginx role, every key in at least one: for the unit tests and for nginx.

The unit tests read what is rendered; a real `nginx -t` on a lab host is asked whether it loads
(molecule/nginx), and gixy whether it is safe.

    nginx_cases.py DIRECTORY [VERSION [MODULE...]]

writes them as DIRECTORY/<case>/nginx.conf, conf.d/... as for that version of nginx (default:
1.22.1) with those modules (mod-brotli.conf; default: none).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    # pytest has it from pyproject.toml.
    sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (  # noqa: E402
    nginx_files,
    nginx_plan,
)
from templar import unsaid  # noqa: E402

SERVERS = {"servers": ["unix:/opt/shop/current/uwsgi.sock"]}

#: What the role asks of a host, for a host that is not there.
FACTS: dict[str, Any] = {
    "os_family": "RedHat",
    "distribution": "CentOS",
    "distribution_major_version": "9",
    "selinux": False,
}

#: What a host says of itself (module nginx_info).
HOST: dict[str, Any] = {
    "nginx": {"version": "1.22.1", "arguments": [], "modules": []},
    "ca_bundle": "/etc/pki/tls/certs/ca-bundle.crt",
    "units": {},
    "ipv6": True,
    "cores": 2,
    "memory": 4 << 30,
    "open_files": 524288,
    "files": {},
    "owned": [],
    "drained": [],
    "keepalived": None,
    "streams": None,
    "certificates": {},
    "sysctls": {},
    "paths": {},
    "problems": [],
    "pending": False,
    "certbot": None,
    "lineages": [],
}


def host(version: str = "1.22.1", **changes: Any) -> dict[str, Any]:
    """Describe a host with a version of nginx and some other differences."""
    modules = changes.pop("modules", [])
    return HOST | {"nginx": {"version": version, "arguments": [], "modules": modules}} | changes


def site(name: str = "shop", **keys: Any) -> dict[str, Any]:
    """Describe a site, in front of one uWSGI unless it says something else."""
    kinds = {"uwsgi", "http", "fastcgi", "directory", "redirect", "answer"}
    backend = {} if kinds & keys.keys() else {"uwsgi": SERVERS}
    return {"name": name, "domains": [f"{name}.example.com"]} | backend | keys


def static(*paths: str, url: str = "/static/", **keys: Any) -> list[dict[str, Any]]:
    """Describe one static location."""
    return [{"url": url, "paths": list(paths)} | keys]


def case(*sites: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """Describe the role's variables.

    Two are not the role's: `host` is the host's answer, and `facts` replace some of FACTS.
    """
    return {"nginx_sites": list(sites)} | variables


SIGNED = {"self_signed": True}
CA = "-----BEGIN CERTIFICATE-----\nx"
KEY = "-----BEGIN PRIVATE KEY-----\nx"

#: Case -> variables of the role.
GOOD: dict[str, dict[str, Any]] = {
    "nothing": case(),
    "plain": case(site()),
    "dependent": case(site("blog"), nginx_dependent_sites=[site()]),
    "directory": case(site("d", directory="/srv/d/")),
    "several_servers": case(
        site(uwsgi={"servers": ["10.0.0.1:3031 weight=2", "10.0.0.2:3031", "[fd00::1]:3031"]})
    ),
    "one_static": case(site(static=static("/opt/a/"))),
    "fallback": case(site(static=static("/opt/a", "/opt/b/", url="/s.v1/"))),
    "two_fallbacks": case(
        site(static=static("/opt/a", "/opt/b") + static("/opt/c", "/opt/d", url="/media/"))
    ),
    "immutable": case(
        site(
            static=static("/opt/a", "/opt/b", immutable=True)
            + static("/opt/c", url="/media/", expires="1h")
        )
    ),
    "no_ipv6": case(site(tls=SIGNED), host=host(ipv6=False)),
    "open": case(site(domains=["_"]), nginx_default_server=False),
    "open_beside": case(site(domains=["_"], port=8080), site("blog")),
    "nobody": case(site(), site("blog", port=8080), nginx_default_server=False),
    "options": case(
        site(
            options={
                "gzip": True,
                "etag": False,
                "keepalive_timeout": 30,
                "add_header": ["X-One 1", "X-Two 2"],
            },
            raw="location = /ping {\n    return 204;\n}",
            client_max_body_size="20m",
        )
    ),
    "defaults": case(
        site(),
        site("blog", port=8080),
        nginx_defaults={"port": 81, "client_max_body_size": "1m", "options": {"gzip": True}},
    ),
    "nulls": case(site(static=None, options=None, raw=None, port=None, tls=None, cache=None)),
    "timeouts": case(site(read_timeout="5m", connect_timeout="500ms")),
    "retry": case(
        site(
            retry=False,
            locations=[
                {"path": "/live/", "http": SERVERS, "retry": True},
                {"path": "/php/", "fastcgi": {"root": "/srv", **SERVERS}, "retry": False},
            ],
        )
    ),
    "same_name_other_port": case(
        site("a", domains=["x.test"]), site("b", domains=["x.test"], port=8080)
    ),
    "alike": case(
        site("a-b", allow=["10.0.0.0/8"]),
        site("a.b", allow=["10.0.0.0/8"]),
        site("a_b", domains=["c.test"], allow=["10.0.0.0/8"]),
    ),
    "workers": case(site(), nginx_worker_processes="4", nginx_worker_connections="4096"),
    # ---- sites that share a host name ----
    "shared": case(
        site("shop", domains=["x.test", "www.x.test"], path="/shop"),
        site(
            "main",
            domains=["WWW.x.test", "x.test"],
            directory="/srv/www",
            port=8080,
            limit={"requests": "5r/s"},
            block_scanners=True,
            allow=["10.0.0.0/8"],
            static=static("/opt/a", "/opt/b"),
        ),
        site(
            "shop.admin",
            domains=["x.test", "www.x.test"],
            path="/shop/admin/",
            deny=["10.1.0.0/16"],
            cache={"time": "1s", "shared_time": "5"},
            limit={"requests": "1r/s", "connections": 2},
            client_max_body_size="1g",
            friendly_errors=False,
            options={"client_body_timeout": "5m"},
            raw="location = /shop/admin/raw {\n    return 204;\n}",
            static=static("/opt/c", "/opt/d", immutable=True)
            + static("/opt/shop/shared/media", url="/media/", uploads=True),
            locations=[
                {"path": "/live/", "http": SERVERS, "buffering": False},
                {"path": "= /ping", "answer": {"text": "two\nlines\n"}},
                {"path": "~ ^/v[0-9]/", "redirect": {"to": "/new"}},
                {"path": "~ [.]png$", "answer": {"status": 404}},
                {"path": "/old/", "directory": "/srv/old"},
                {"path": "= /robots.txt", "directory": "/srv/about"},
            ],
        ),
        site("docs", domains=["x.test", "www.x.test"], path="/docs", directory="/srv/docs"),
    ),
    "shared_tls": case(
        site("b", domains=["x.test"], path="/b", port=None),
        site(
            "a",
            domains=["x.test"],
            path="/a",
            tls={"acme": True, "hsts": 60, "redirect": False},
            deny=["10.0.0.0/8"],
        ),
        site(
            "c",
            domains=["x.test"],
            path="/c",
            fastcgi={"servers": ["unix:/php.sock"], "root": "/srv/www"},
        ),
    ),
    "alone_below": case(site(path="/shop", block_scanners=True)),
    "unbuffered": case(
        site(
            buffering=False,
            locations=[
                {"path": "/a/", "http": {"servers": ["10.0.0.3:80"]}, "buffering": False},
                {
                    "path": "/b/",
                    "fastcgi": {"servers": ["unix:/php.sock"], "root": "/srv/www"},
                    "buffering": False,
                },
                {"path": "/c/", "http": {"servers": ["10.0.0.3:80"]}},
            ],
        )
    ),
    "uploads": case(site(static=static("/opt/shop/shared/media", url="/media/", uploads=True))),
    # ---- what answers ----
    "every_kind": case(
        site(
            locations=[
                {"path": "/api/", "http": {"servers": ["10.0.0.3:8080"]}},
                {"path": "/blog/", "fastcgi": {"servers": ["unix:/php.sock"], "root": "/srv/www"}},
                {"path": "/files/", "directory": "/srv/files"},
                {"path": "= /old", "redirect": {"to": "/new", "status": 308, "keep_path": False}},
                {"path": "~ [.]secret$", "answer": {"status": 404}},
                {"path": "= /ping", "answer": {"text": 'a "quoted" $5 \\ text\n'}},
                {
                    "path": "/other/",
                    "uwsgi": {"servers": ["127.0.0.1:3031"]},
                    "read_timeout": "5m",
                    "options": {"client_max_body_size": "1g"},
                    "raw": "# the end",
                },
            ]
        )
    ),
    "directories": case(
        site(
            locations=[
                {"path": "^~ /files/", "directory": "/srv/files"},
                {"path": "= /robots.txt", "directory": "/srv/about"},
                {"path": "~ [.]pdf$", "directory": "/srv/papers"},
            ]
        )
    ),
    "http": case(
        site(
            http={
                "servers": ["10.0.0.3:8080", "10.0.0.4:8080 max_fails=3 fail_timeout=30s"],
                "balance": "least_conn",
            }
        )
    ),
    "https_upstream": case(
        site(http={"servers": ["10.0.0.3:443"], "https": True, "host": "inner.example"}),
        site("b", http={"servers": ["10.0.0.3:443"], "https": True, "verify": False}),
    ),
    "hashed": case(
        site(
            http={
                "servers": ["10.0.0.3:80", "10.0.0.4:80"],
                "balance": "hash $request_uri consistent",
                "keepalive": 0,
            }
        ),
        site("b", uwsgi={"servers": ["10.0.0.3:80", "10.0.0.4:80"], "balance": "ip_hash"}),
        site("c", uwsgi={"servers": ["10.0.0.3:80", "10.0.0.4:80 backup"]}),
    ),
    "php": case(
        site(fastcgi={"servers": ["unix:/php.sock"], "root": "/srv/php"}),
        site(
            "plain",
            fastcgi={"servers": ["unix:/p.sock"], "root": "/srv/p", "front_controller": False},
        ),
    ),
    "redirect": case(site(redirect={"to": "https://www.example.com/"})),
    "answer": case(site(answer={"status": 200, "text": "{}", "type": "application/json"})),
    # ---- cache ----
    "cache": case(site(cache={"time": "1s"})),
    "caches": case(
        site(
            cache={"time": "1s", "size": "10m"},
            locations=[
                {
                    "path": "/slow/",
                    "uwsgi": SERVERS,
                    "cache": {
                        "time": "10m",
                        "not_found_time": "1m",
                        "always": True,
                        "with_cookies": True,
                        "with_authorization": True,
                        "inactive": "1d",
                        "size": "1g",
                        "shared_time": "60",
                    },
                },
                {
                    "path": "/api/",
                    "http": {"servers": ["10.0.0.3:80"]},
                    "cache": {"time": "5s", "with_cookies": True, "shared_time": "5"},
                },
                {
                    "path": "/php/",
                    "fastcgi": {"servers": ["unix:/php.sock"], "root": "/srv"},
                    "cache": {"time": "5s"},
                },
            ],
        )
    ),
    # ---- who may, and how much ----
    "access": case(
        site(allow=["10.0.0.0/8", "2001:db8::/32"], deny=["10.1.0.0/16"]),
        site("most", deny=["192.0.2.1"]),
        site("inner", allow=["127.0.0.1"], tls={"acme": True, "redirect": False}),
    ),
    "limits": case(
        site(
            limit={"requests": "10r/s", "connections": 20},
            locations=[
                {
                    "path": "/login",
                    "uwsgi": SERVERS,
                    "limit": {"requests": "5r/m", "burst": 0},
                }
            ],
        )
    ),
    "blocked": case(
        site(block_scanners=True),
        nginx_blocked_addresses=["192.0.2.1", "198.51.100.0/24", "2001:db8::/32", "192.0.2.1"],
        nginx_blocked_status=444,
    ),
    "balancer_in_front": case(
        site(),
        site("php", fastcgi={"servers": ["unix:/php.sock"], "root": "/srv/php"}),
        site("api", http={"servers": ["10.0.0.1:80"]}),
        nginx_real_ip_from=["10.0.0.0/8", "2001:db8::/32"],
        nginx_real_ip_header="X-Real-IP",
    ),
    # ---- behind balancers, and as one ----
    "client_optional": case(
        site(tls=SIGNED | {"client_ca": "/a.crt", "client_optional": True, "redirect": False})
    ),
    "peers": case(
        site(peers=["10.0.0.1", "2001:db8::/32"], tls=SIGNED | {"client_ca": "/etc/pki/ca.crt"}),
        site(
            "text", peers=["10.0.0.1"], port=8080, tls=SIGNED | {"client_ca_text": CA, "port": 8443}
        ),
        site("below", domains=["text.example.com"], path="/below", port=8080),
        # Theirs go by another header; the peers by their own.
        nginx_real_ip_from=["192.0.2.0/24"],
        nginx_real_ip_header="X-Real-IP",
    ),
    "balancer": case(
        site(
            http={
                "servers": ["10.0.0.11:8443", "10.0.0.12:8443 max_fails=1", "10.0.0.13:8443"],
                "https": True,
                "host": "shop.inner:8443",
                "ca_bundle": "/etc/pki/inner.crt",
                "certificate": "/etc/pki/lb.crt",
                "key": "/etc/pki/lb.key",
                "max_fails": 3,
                "fail_timeout": "5s",
                "sticky": {"cookie": "srv_shop"},
            },
            static=static("/opt/a"),
            locations=[
                {
                    "path": "/own/",
                    "http": {
                        "servers": ["10.0.0.14:443"],
                        "https": True,
                        "ca_bundle_text": CA,
                        "certificate_text": CA,
                        "key_text": KEY,
                        "sticky": {"cookie": "other"},
                    },
                    "options": {"expires": "off"},
                }
            ],
        ),
        site(
            "names",
            domains=["a.test", "b.test"],
            http={
                "servers": ["10.0.0.11:443", "10.0.0.12:443"],
                "https": True,
                "certificate": "/etc/pki/lb.crt",
                "key": "/etc/pki/lb.key",
            },
        ),
        site(
            "part",
            domains=["a.test", "b.test"],
            path="/part",
            http={"servers": ["10.0.0.11:80", "10.0.0.12:80"], "sticky": {"cookie": "part"}},
        ),
    ),
    "streams": case(
        site(),
        nginx_streams=[
            {
                "name": "shop",
                "domains": ["shop.test", "*.shop.test"],
                "servers": ["10.0.0.11:8443", "10.0.0.12:8443 weight=2"],
                "balance": "least_conn",
                "proxy_protocol": True,
            },
            {"name": "rest", "servers": ["10.0.0.13:443"], "proxy_protocol": True},
            {"name": "mail", "port": 993, "servers": ["10.0.0.14:993"], "timeout": "1h"},
        ],
        host=host(modules=["mod-stream.conf"]),
    ),
    "handed_on": case(
        site(
            peers=["10.0.0.1"],
            port=8080,
            tls=SIGNED | {"port": 8443, "proxy_protocol": True},
        ),
        site("plain"),
    ),
    "floating": case(
        site(),
        nginx_floating_addresses=[
            {
                "address": "192.0.2.10/24",
                "interface": "eth0",
                "peers": ["192.0.2.1", "192.0.2.2"],
                "source": "192.0.2.1",
                "password": "not.much",
                "priority": 150,
                "preempt": True,
            },
            {
                "address": "2001:db8::10/64",
                "interface": "eth0",
                "router_id": 52,
                "peers": ["2001:db8::2"],
            },
        ],
    ),
    "acme_peers": case(
        site("a.b", tls={"acme": True}),
        site("both", tls={"acme": True, "redirect": False}),
        site("plain"),
        nginx_acme_peers=["10.0.0.1", "2001:db8::2", "10.0.0.1"],
    ),
    # ---- TLS ----
    "tls": case(site(tls=SIGNED | {"hsts": 3600})),
    "tls_kinds": case(
        site("files", tls={"certificate": "tls/files.crt", "key": "tls/files.key"}),
        site(
            "text",
            tls={
                "certificate_text": "-----BEGIN CERTIFICATE-----\nx",
                "key_text": "-----BEGIN PRIVATE KEY-----\nx",
            },
        ),
        site("acme", tls={"acme": True}),
        site("signed", tls=SIGNED | {"port": 8443}),
    ),
    "tls_both": case(site(tls=SIGNED | {"redirect": False})),
    "tls_open": case(site(domains=["_"], tls=SIGNED)),
    "tls_modern": case(site(tls=SIGNED), nginx_tls_profile="modern", nginx_http2=False),
    "tls_new": case(site(tls=SIGNED), host=host("1.26.0")),
    "tls_old": case(site(tls=SIGNED), host=host("1.18.0")),
    "http3": case(
        site(tls=SIGNED | {"http3": True}),
        site("b", tls=SIGNED),
        host=host("1.26.0"),
    ),
    "stapling": case(
        site(tls={"certificate": "tls/shop.crt", "key": "tls/shop.key", "stapling": True}),
        nginx_resolvers=["127.0.0.1"],
    ),
    # ---- the rest ----
    "headers": case(
        site(
            headers={
                "X-Frame-Options": "",
                "Referrer-Policy": None,
                "Content-Security-Policy": "default-src 'self'; img-src \"x\"",
            }
        )
    ),
    "raw_errors": case(site(friendly_errors=False)),
    "brotli": case(site(static=static("/opt/a")), host=host(modules=["mod-brotli.conf"])),
    "no_compression": case(
        site(),
        nginx_gzip=False,
        nginx_brotli=False,
        host=host(modules=["mod-brotli.conf"]),
    ),
    "long_name": case(
        site("a" * 60, allow=["10.0.0.0/8"], cache={"time": "1s", "shared_time": "60"})
    ),
    "json_log": case(site(), nginx_log_format="json", nginx_status_port=0),
    "nginx_org": case(site(), nginx_source="nginx.org"),
}

#: The first version that says http2 in a line of its own, and knows HTTP/3.
NEW = (1, 25, 1)
#: What an older one cannot load.
NEEDS_NEW = {"http3"}

#: The owner in the cases' files.
OWNER = "inventory, Serve"


def role_defaults() -> dict[str, Any]:
    """Give the role's variables as they are when nobody says anything, in no inventory."""
    text = (ROOT / "roles/nginx/defaults/main.yml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    # What an inventory may hand to several roles is not there.
    plain = {name: unsaid(value) for name, value in found.items()}
    return plain | {"nginx_owner": OWNER}


DEFAULTS = role_defaults()


def planned(one: dict[str, Any]) -> dict[str, Any]:
    """Plan a case."""
    variables = {name: value for name, value in one.items() if name.startswith("nginx_")}
    facts = FACTS | one.get("facts", {})
    return nginx_plan.plan({"variables": DEFAULTS | variables, "facts": facts})


def render(cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Give case -> path below /etc/nginx -> text."""
    return {
        name: {
            path: file["text"]
            for path, file in nginx_files.rendered(planned(one), one.get("host", HOST), {}).items()
        }
        for name, one in cases.items()
    }


def number(version: str) -> tuple[int, ...]:
    """Give a version as numbers, to compare it."""
    return tuple(int(part) for part in version.split("."))


def main(arguments: list[str]) -> int:
    """Write the cases that nginx of a version can load."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    directory, version, *modules = [*arguments, "1.22.1"] if len(arguments) == 1 else arguments
    cases = {}
    for name, one in GOOD.items():
        own = one.get("host", HOST)
        # What is written for an older one loads too, until the syntax changes.
        older = number(own["nginx"]["version"]) < number(version) < NEW
        nginx = host(own["nginx"]["version"] if older else version, modules=modules)["nginx"]
        if name not in NEEDS_NEW or number(version) >= NEW:
            cases[name] = one | {"host": own | {"nginx": nginx}}
    for name, files in render(cases).items():
        for path, text in files.items():
            target = Path(directory) / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
