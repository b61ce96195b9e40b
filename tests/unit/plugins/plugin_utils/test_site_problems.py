"""What the nginx role does not serve, and says so."""

from __future__ import annotations

import ast
import ipaddress
import random
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import site_problems, site_servers
from ansible_collections.flaskstack.centos.plugins.plugin_utils.nginx_files import rendered
from nginx_cases import GOOD, HOST, SERVERS, SIGNED, case, planned, site, static
from nginx_texts import stripped
from templar import has


def place(path: str = "/api/", **keys: Any) -> dict[str, Any]:
    """Describe a site with one location."""
    backend = {} if {"directory", "fastcgi", "redirect", "answer", "http"} & keys.keys() else None
    return site(locations=[{"path": path} | ({"uwsgi": SERVERS} if backend is None else {}) | keys])


def cached(**keys: Any) -> dict[str, Any]:
    """Describe a site with a cache."""
    return site(cache={"time": "1s"} | keys)


def streamed(**keys: Any) -> dict[str, Any]:
    """Describe one stream."""
    return {"nginx_streams": [{"name": "s", "servers": ["10.0.0.1:443"]} | keys]}


def below(name: str, path: str, **keys: Any) -> dict[str, Any]:
    """Describe one of several sites of a host name."""
    return site(name, domains=["x.test"], path=path, **keys)


STREAM = {"name": "s", "servers": ["10.0.0.1:443"]}
HTTP = {"servers": ["10.0.0.1:80", "10.0.0.2:80"]}
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
        [
            "nginx_defaults",
            "'domains'",
            "allow, block_scanners, buffering",
            "raw, read_timeout",
            "tls",
        ],
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
    "old_stream": (
        {"nginx_module_stream": "1.16"},
        ["nginx_module_stream: nginx 1.16", "older than 1.18.0", "leave it empty"],
    ),
    "blocked": (
        {"nginx_blocked_addresses": ["192.0.2.1", "192.0.2.256"]},
        ["nginx_blocked_addresses", "'192.0.2.256'", "192.0.2.0/24"],
    ),
    "real_ip": ({"nginx_real_ip_from": ["proxy"]}, ["nginx_real_ip_from", "'proxy'"]),
    "owner": ({"nginx_owner": "a\nserver {}"}, ["nginx_owner: 'a", "one line"]),
    "no_owner": ({"nginx_owner": " "}, ["nginx_owner: ''", "one line"]),
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
    "one_tls_port": (
        case(
            site("a", domains=["x.test"], port=8080, tls=SIGNED),
            site("b", domains=["X.test"], path="/b", port=80, tls=SIGNED),
        ),
        ["site 'b', tls.port: 443", "site 'a' already", "8080, not 80"],
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
    # 20 bytes, to nginx.
    "body_bytes": (case(site(client_max_body_size=20)), ["client_max_body_size", "'20'", "20m"]),
    "cache_bytes": (case(cached(size=256)), ["cache.size", "'256' would be bytes"]),
    "header_bytes": ({"nginx_header_size": 16384}, ["nginx_header_size: '16384'", "16k"]),
    # Of 1.20.
    "stream_number": (
        {"nginx_module_stream": 1.2},
        ["nginx_module_stream: 1.2 is a number to YAML; write it in quotes"],
    ),
    "sites_text": ({"nginx_sites": "shop"}, ["nginx_sites: must be a list of dictionaries"]),
    "site_text": ({"nginx_sites": ["shop"]}, ["nginx_sites: item number 1 must be a dictionary"]),
    "addresses_text": (
        {"nginx_blocked_addresses": "192.0.2.1,192.0.2.2"},
        ["nginx_blocked_addresses: is a text with commas"],
    ),
    "header_truth": (
        case(site(headers={"X-Served": True})),
        ["headers: 'X-Served' is true or false to YAML"],
    ),
    "options_dictionary": (
        case(site(options={"gzip": {"a": "b"}})),
        ["options: 'gzip' must be", "not a dictionary"],
    ),
    "body_size": (case(site(client_max_body_size="10 MB")), ["client_max_body_size", "'10 MB'"]),
    "header": (case(site(headers={"X Y": "1"})), ["headers", "'X Y'", "one line"]),
    "header_lines": (
        case(site(headers={"X-Y": "1\r\nSet-Cookie: a"})),
        ["headers", "'X-Y'", "one line"],
    ),
    # ---- sites that share a host name ----
    "path_relative": (
        case(site(path="shop")),
        ["'shop'", "path: 'shop' is no beginning of a URL", "/shop"],
    ),
    "path_above": (case(site(path="/a/../b")), ["path: '/a/../b' is no beginning"]),
    "path_space": (case(site(path="/a b")), ["path: '/a b' is no beginning"]),
    "path_default": (
        {"nginx_defaults": {"path": "/shop"}},
        ["nginx_defaults: 'path' is no key that can have a default"],
    ),
    "path_twice": (
        case(below("a", "/shop"), below("main", "/"), below("b", "/shop/")),
        ["site 'b', path: '/shop' of these domains is site 'a' already"],
    ),
    "root_twice": (
        case(below("main", "/"), below("a", "/shop"), below("b", "/")),
        ["site 'b'", "'x.test' on port 80", "of site 'main' too", "all of their domains or none"],
    ),
    "some_domains": (
        case(below("main", "/"), site("a", domains=["x.test", "y.test"], path="/shop")),
        ["site 'a'", "'x.test' on port 80", "site 'main' too (x.test)", "the same ones in both"],
    ),
    "path_tls": (
        case(below("main", "/"), below("a", "/shop", tls=SIGNED)),
        ["site 'a', tls: site 'main' has the same domains", "say it there"],
    ),
    "path_tls_twice": (
        case(below("a", "/a", tls=SIGNED), below("b", "/b", tls=SIGNED | {"hsts": 60})),
        ["site 'b', tls: site 'a' has the same domains"],
    ),
    "path_template": (
        case(below("main", "/"), below("a", "/shop", template="mine.j2")),
        ["site 'a', template: only a site at / has a template of its own"],
    ),
    "static_of_another": (
        case(below("main", "/", static=static("/opt/a", url="/shop/static/")), below("a", "/shop")),
        ["site 'main', static.url: '/shop/static/'", "site 'a' (/shop); say it there"],
    ),
    "location_of_another": (
        case(
            below("a", "/shop", locations=[{"path": "= /admin", "answer": {}}]),
            below("b", "/shop/admin"),
        ),
        ["site 'a', locations.path: '= /admin' is below the path of site 'b'"],
    ),
    "location_at_path": (
        case(below("a", "/shop", locations=[{"path": "/", "answer": {}}])),
        ["locations.path: '/' is there already (it is what the site itself answers)"],
    ),
    "foreign_letters": (
        case(site(domains=["bücher.example", "x.example"])),
        ["domains: 'bücher.example' is no host name; write it as it stands in DNS, xn--bcher-kva."],
    ),
    "port_in_domain": (
        case(site(domains=["x.example:8080"])),
        [
            "domains: 'x.example:8080' is no host name; write x.example here",
            "port: 8080 (an application's nginx.port).",
        ],
    ),
    "url_as_domain": (
        case(site(domains=["https://x.example/"])),
        ["domains: 'https://x.example/' is no host name; write the name alone"],
    ),
    "domain_with_path": (
        case(site(domains=["x.example/shop/"])),
        ["domains: 'x.example/shop/' is no host name; write x.example here, and path: /shop."],
    ),
    "cache_unbuffered": (
        case(cached(size="1g") | {"buffering": False}),
        ["'shop', cache: only answers that are buffered can be kept", "buffering: false"],
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
    "sticky_balance": (
        case(site(http=HTTP | {"sticky": {"cookie": "a"}, "balance": "least_conn"})),
        ["'shop', http.sticky:", "balance: least_conn", "leave one"],
    ),
    "sticky_backup": (
        case(site(http={"servers": ["a:80", "b:80 backup"], "sticky": {"cookie": "a"}})),
        ["'shop', http.sticky:", "no backup"],
    ),
    "sticky_cookie": (
        case(site(http=HTTP | {"sticky": {"cookie": "my-cookie"}})),
        ["http.sticky.cookie", "'my-cookie'", "letters, digits and _"],
    ),
    "max_fails": (case(site(http=HTTP | {"max_fails": -1})), ["http.max_fails", "negative"]),
    "fail_timeout": (
        case(site(http=HTTP | {"fail_timeout": "soon"})),
        ["http.fail_timeout", "'soon'", "10s"],
    ),
    "certificate_without_https": (
        case(place(http=HTTP | {"certificate": "/a.crt", "key": "/a.key"})),
        ["location '/api/', http.certificate", "https: true"],
    ),
    "bundle_without_verify": (
        case(site(http=HTTP | {"https": True, "verify": False, "ca_bundle": "/a.crt"})),
        ["http.ca_bundle", "verify: false"],
    ),
    "bundle_of_nothing": (
        case(site(http=HTTP | {"https": True, "ca_bundle_text": "x"})),
        ["http.ca_bundle_text", "no PEM text", "BEGIN CERTIFICATE"],
    ),
    "bundle_path": (
        case(site(http=HTTP | {"https": True, "ca_bundle": "/a b.crt"})),
        ["http.ca_bundle:", "'/a b.crt'", "without spaces"],
    ),
    "certificate_without_key": (
        case(site(http=HTTP | {"https": True, "certificate": "/a.crt"})),
        ["http", "certificate", "key"],
    ),
    "client_ca_by_http": (
        case(site(tls=SIGNED | {"client_ca": "/a.crt", "redirect": False})),
        ["tls.client_ca", "redirect: false"],
    ),
    "client_ca_text": (
        case(site(tls=SIGNED | {"client_ca_text": "x"})),
        ["tls.client_ca_text", "no PEM text"],
    ),
    "acme_peers": (
        {"nginx_acme_peers": ["10.0.0.0/24"]},
        ["nginx_acme_peers", "'10.0.0.0/24'", "192.0.2.1"],
    ),
    "stream_name": (streamed(name="Shop"), ["stream 'Shop', name", "lower-case"]),
    "stream_port": (streamed(port=0), ["stream 's', port: 0 is no port"]),
    "stream_domain": (streamed(domains=["_"]), ["stream 's', domains: '_'", "all names"]),
    "stream_servers": (streamed(servers=["a"]), ["stream 's', servers: 'a' is no address"]),
    "stream_no_servers": (streamed(servers=[]), ["stream 's', servers: is empty"]),
    "stream_socket": (streamed(servers=["unix:/x"]), ["stream 's', servers:", "host:port"]),
    "stream_time": (streamed(timeout="soon"), ["stream 's', timeout: 'soon'", "10m"]),
    "stream_balance": (streamed(balance="any"), ["stream 's', balance: 'any' is unknown"]),
    "stream_taken": (
        case(site(), nginx_streams=[STREAM | {"port": 80}]),
        ["stream 's', port: 80 is site 'shop'", "choose another"],
    ),
    "stream_status_port": (streamed(port=8008), ["port: 8008 is nginx_status_port"]),
    "stream_twice": (
        {"nginx_streams": [STREAM, STREAM | {"port": 444}]},
        ["stream 's' is there twice"],
    ),
    "stream_domain_twice": (
        {
            "nginx_streams": [
                STREAM | {"domains": ["a.b"]},
                STREAM | {"name": "t", "domains": ["A.b"]},
            ]
        },
        ["stream 't', domains: 'A.b' on port 443 is stream 's'"],
    ),
    "stream_rest_twice": (
        {"nginx_streams": [STREAM, STREAM | {"name": "t"}]},
        ["stream 't', domains: every other name on port 443"],
    ),
    "stream_of_one_port": (
        {"nginx_streams": [STREAM, STREAM | {"name": "t", "domains": ["a.b"], "timeout": "1s"}]},
        ["stream 't', timeout: stream 's' says something else", "port 443"],
    ),
    "handed_on_by_anybody": (
        case(site(tls=SIGNED | {"proxy_protocol": True})),
        ["'shop', tls.proxy_protocol", "peers"],
    ),
    "handed_on_by_http": (
        case(site(peers=["10.0.0.1"], tls=SIGNED | {"proxy_protocol": True, "redirect": False})),
        ["tls.proxy_protocol", "redirect: false"],
    ),
    "handed_on_beside": (
        case(
            site(peers=["10.0.0.1"], tls=SIGNED | {"proxy_protocol": True}),
            site("other", tls=SIGNED),
        ),
        ["site 'other', tls.proxy_protocol: site 'shop' on port 443", "both"],
    ),
    "peers": (case(site(peers=["lb1"])), ["'shop', peers: 'lb1'", "no IP address"]),
    "peers_acme": (
        case(site(peers=["10.0.0.1"], tls={"acme": True})),
        ["'shop', peers:", "tls.acme", "another kind"],
    ),
    "peers_of_one_server": (
        case(below("a", "/", peers=["10.0.0.1"]), below("b", "/b", peers=["10.0.0.2"])),
        ["site 'b', peers: site 'a'", "says others"],
    ),
    "peers_of_a_part": (
        case(below("a", "/"), below("b", "/b", peers=["10.0.0.2"])),
        ["site 'b', peers: site 'a'", "says none"],
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
    "directory_below": (
        case(
            site(
                path="/shop",
                locations=[{"path": "~ [.]pdf$", "directory": "/srv/papers"}],
            )
        ),
        ["'shop', location '~ [.]pdf$', directory", "as /files/"],
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

MANY = {"nginx_blocked_addresses": [f"host{n}" for n in range(13)]}


def problems(one: dict[str, Any]) -> list[str]:
    """Give what is wrong with a case."""
    return list(planned(one)["problems"])


@pytest.mark.parametrize("case", GOOD)
def test_good_input_has_no_problems(case: str) -> None:
    assert problems(GOOD[case]) == []


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    given, parts = REFUSED[case]
    found = problems(given)
    assert has(found, *parts), found
    assert len(found) == 1, found


def sentences() -> list[str]:
    """Give of each sentence in the file the longest piece that is the same whatever it is about."""
    nodes = []
    for module in (site_problems, site_servers):
        with open(module.__file__, encoding="utf-8") as file:
            nodes += list(ast.walk(ast.parse(file.read())))
    out = []
    for node in nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in ("say", "say_of_site"):
            texts = [
                part.value
                for part in ast.walk(node.args[-1])
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            out.append(max(texts, key=len, default=""))
    return out


def test_every_sentence_has_a_case() -> None:
    said = "\n".join(
        sentence
        for given in [*(given for given, _ in REFUSED.values()), MANY]
        for sentence in problems(given)
    )
    found = sentences()
    assert len(found) > 40
    for sentence in found:
        assert sentence in said, sentence


def test_a_long_list_of_nonsense_is_cut_short() -> None:
    found = problems(MANY)
    assert len(found) == 11
    assert found[-1] == "nginx_blocked_addresses: 3 more are none."


def test_addresses() -> None:
    good = addresses()
    tried = good + NO_ADDRESSES + NO_ADDRESSES_FOR_NGINX
    taken = [address for address in tried if site_problems.is_address(address)]
    assert len(good) > 300
    for address in good:
        ipaddress.ip_network(address, strict=False)
    for address in NO_ADDRESSES:
        with pytest.raises(ValueError):
            ipaddress.ip_network(address, strict=False)
    assert [address for address in good if address not in taken] == []
    assert [address for address in taken if address not in good] == []


def test_nonsense_is_told_before_it_is_worked_with() -> None:
    # The sites are completed before they are looked at: that must not fail by itself.
    plan = planned(case(cached(size="big")))
    assert len(plan["sites"]) == 1
    assert has(plan["problems"], "cache.size", "'big'")


def test_numbers_are_as_good_as_text() -> None:
    # The specification lets a number stand for a text, and YAML makes one of what has no quotes.
    plan = planned(
        case(
            site(
                cache={
                    "time": 1,
                    "not_found_time": 1,
                    "inactive": 60,
                    "size": 0,
                    "shared_time": 60,
                },
                static=static("/a", expires=3600),
                headers={"X-Number": 1},
                connect_timeout=5,
                client_max_body_size=0,
                locations=[{"path": "= /number", "answer": {"text": 5}}],
            ),
            nginx_client_timeout=15,
            nginx_module_stream=1,
            facts={"distribution_major_version": "10"},
        )
    )
    assert has(plan["problems"], "nginx_module_stream", "leave it empty")
    assert len(plan["problems"]) == 1
    found = stripped(rendered(plan, HOST, {})["conf.d/shop.conf"]["text"])
    assert '"60:" "public, s-maxage=60";' in found
    assert "expires 3600;" in found
    assert 'return 200 "5";' in found


def test_what_cannot_be_read_is_said_and_left_out() -> None:
    # Ansible would have refused it; whoever asks the plan alone is told too.
    plan = planned(
        case(
            site(),
            {"name": "b"},
            site("c", prot=81),
            site("d", locations=[{"path": "/x/", "uwsgi": {"server": ["a:1"]}}]),
            site("e", read_timeout=1.5),
        )
    )
    assert [one["name"] for one in plan["sites"]] == ["shop"]
    assert has(plan["problems"], "site 'b', domains: is missing")
    assert has(plan["problems"], "site 'c', prot: is no key there is. Did you mean 'port'?")
    assert has(plan["problems"], "site 'd', locations[0].uwsgi.server", "Did you mean 'servers'?")
    assert has(plan["problems"], "site 'e', read_timeout: 1.5 is a number")


def test_nearest_key_is_named() -> None:
    found = problems({"nginx_defaults": {"read_timeuot": "5s"}})
    assert has(found, "nginx_defaults: 'read_timeuot'", "Did you mean 'read_timeout'?")
