"""The configuration that the nginx role renders."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import request_headers
from ansible_collections.flaskstack.centos.plugins.plugin_utils.nginx_files import (
    HEADER,
    HIDDEN,
    SCANNERS,
    Files,
    connections,
    others,
    own_templates,
    owned,
    rendered,
    worker_count,
)
from ansible_collections.flaskstack.centos.plugins.plugin_utils.sites import item_options
from nginx_cases import CA, GOOD, HOST, KEY, OWNER, SIGNED, case, host, planned, site
from nginx_texts import block, blocks, files, lines, listens, main_lines, stripped

PEM = {
    "certificate_text": "-----BEGIN CERTIFICATE-----\nx",
    "key_text": "-----BEGIN PRIVATE KEY-----\nx",
}

# ---- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", GOOD)
def test_every_file_is_marked_and_balanced(case: str) -> None:
    for path, file in files(case).items():
        text = file["text"]
        assert text.endswith("\n"), path
        assert "None" not in text, path
        if path.endswith(".conf"):
            assert HEADER in text.splitlines()[0] or path == "blocked-now.conf", path
            assert text.count("{") == text.count("}"), path


def test_each_site_has_a_file() -> None:
    assert set(files("dependent")) == {
        "nginx.conf",
        "blocked.conf",
        "blocked-now.conf",
        "pages/unavailable.html",
        "parameters/uwsgi.conf",
        "parameters/fastcgi.conf",
        "parameters/proxy.conf",
        "conf.d/shop.conf",
        "conf.d/blog.conf",
    }
    assert "conf.d/default.conf" in files("nginx_org")


def test_keys_are_for_root_alone() -> None:
    made = files("tls_kinds")
    assert made["tls/text.key"] == {"text": PEM["key_text"] + "\n", "mode": "0600"}
    assert made["tls/text.crt"] == {"text": PEM["certificate_text"] + "\n", "mode": "0644"}
    assert {path for path in made if path.startswith("tls/")} == {"tls/text.key", "tls/text.crt"}
    assert {file["mode"] for path, file in made.items() if path != "tls/text.key"} == {"0644"}


def test_what_was_blocked_at_once_is_kept() -> None:
    assert files("plain")["blocked-now.conf"]["text"].startswith("# Addresses")


def test_options_of_every_kind() -> None:
    found = lines("options")
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


def test_raw_text_is_the_end_of_the_server_block() -> None:
    text = files("options")["conf.d/shop.conf"]["text"]
    assert text.endswith("    location = /ping {\n        return 204;\n    }\n}\n")


# ---- upstreams --------------------------------------------------------------------------------


def test_single_server_is_its_own_backup() -> None:
    server = "server unix:/opt/shop/current/uwsgi.sock max_fails=0"
    found = lines("plain")
    assert block(found, "upstream site_shop {") == [f"{server};", f"{server} backup;"]
    answered = block(found, "location / {")
    assert "uwsgi_pass site_shop;" in answered
    # A request that may have been acted upon is never sent again.
    assert "uwsgi_next_upstream error timeout invalid_header http_503;" in answered


def test_several_servers_back_each_other() -> None:
    assert block(lines("several_servers"), "upstream site_shop {") == [
        "zone site_shop 128k;",
        "server 10.0.0.1:3031 weight=2;",
        "server 10.0.0.2:3031;",
        "server [fd00::1]:3031;",
    ]


def test_balance() -> None:
    assert block(lines("http"), "upstream site_shop {") == [
        "least_conn;",
        "zone site_shop 128k;",
        "server 10.0.0.3:8080;",
        "server 10.0.0.4:8080 max_fails=3 fail_timeout=30s;",
        # After the method, or nginx would replace it.
        "keepalive 32;",
    ]
    first = [lines("hashed", name)[1] for name in ("shop", "b", "c")]
    assert first == ["hash $request_uri consistent;", "ip_hash;", "zone site_c 128k;"]
    assert "server 10.0.0.4:80 backup;" in lines("hashed", "c")
    assert not [line for line in lines("hashed") if line.startswith("keepalive ")]


def test_what_counts_as_a_failure_of_a_server() -> None:
    # Of those that say nothing themselves.
    assert block(lines("balancer"), "upstream site_shop {") == [
        "hash $sticky_shop consistent;",
        "zone site_shop 128k;",
        "server 10.0.0.11:8443 max_fails=3 fail_timeout=5s;",
        "server 10.0.0.12:8443 max_fails=1 fail_timeout=5s;",
        "server 10.0.0.13:8443 max_fails=3 fail_timeout=5s;",
        "keepalive 32;",
    ]


def test_a_visitor_comes_to_the_same_server() -> None:
    found = lines("balancer")
    assert block(found, "map $cookie_srv_shop $sticky_shop {") == [
        "default $cookie_srv_shop;",
        '"" $request_id;',
    ]
    assert block(found, "map $flaskstack_https:$cookie_srv_shop $set_sticky_shop {") == [
        'default "";',
        '"on:" "srv_shop=$request_id; Path=/; HttpOnly; SameSite=Lax; Secure";',
        '":" "srv_shop=$request_id; Path=/; HttpOnly; SameSite=Lax";',
    ]
    # Only with what servers answer, and beside all other headers.
    usual = [line for line in block(found, "server {") if line.startswith("add_header ")]
    shared = [line for line in usual if "Set-Cookie" not in line]
    for opening, variable in (("location / {", "shop"), ("location /own/ {", "1_shop")):
        kept = [line for line in block(found, opening) if line.startswith("add_header ")]
        assert kept[-1] == f"add_header Set-Cookie $set_sticky_{variable} always;"
        assert kept[:-1] == shared[: len(kept) - 1] and len(kept) > 3
    assert not [line for line in block(found, "location ^~ /static/ {") if "Set-Cookie" in line]
    # One server is tried twice, as ever.
    assert block(found, "upstream location_1_shop {")[:2] == [
        "server 10.0.0.14:443 max_fails=0;",
        "server 10.0.0.14:443 max_fails=0 backup;",
    ]
    part = lines("balancer", "names")
    for opening in ("location = /part {", "location /part/ {"):
        kept = [line for line in block(part, opening) if line.startswith("add_header ")]
        assert kept.count("add_header Set-Cookie $set_sticky_part always;") == 1
        assert len(kept) == len(set(kept)) > 3
    paths = [line for line in lines("balancer", "part") if "Path=/part;" in line]
    assert len(paths) == 2


def test_only_http_keeps_connections() -> None:
    found = lines("every_kind")
    kept = [
        line
        for line in found
        if line.startswith("upstream ") and "keepalive 32;" in block(found, line)
    ]
    assert kept == ["upstream location_1_shop {"]


def test_each_place_has_an_upstream_of_its_own() -> None:
    names = [line for line in lines("every_kind") if line.startswith("upstream ")]
    # Numbered by place, so that two sites never share one.
    assert names == [
        "upstream site_shop {",
        "upstream location_1_shop {",
        "upstream location_2_shop {",
        "upstream location_7_shop {",
    ]


def test_names_that_look_alike_are_told_apart() -> None:
    texts = [lines("alike", name) for name in ("a-b", "a.b", "a_b")]
    assert len({text[0] for text in texts}) == 3
    variables = [
        set(re.findall(r"\$(?:access|refused|header)_\w+", "\n".join(text))) for text in texts
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not variables[one] & variables[other]
    # A name that is a variable's already stays readable.
    assert "$access_a_b" in variables[2]


# ---- what answers -----------------------------------------------------------------------------


def parameters(kind: str, case: str = "plain") -> list[str]:
    """Give the lines of what one kind of server is told."""
    return stripped(files(case)[f"parameters/{kind}.conf"]["text"])


def test_uwsgi() -> None:
    answered = block(lines("plain"), "location / {")
    for line in (
        "include parameters/uwsgi.conf;",
        "uwsgi_connect_timeout 5s;",
        "uwsgi_read_timeout 60s;",
    ):
        assert line in answered
    told = parameters("uwsgi")
    for line in (
        'uwsgi_param HTTP_PROXY "" if_not_empty;',
        "uwsgi_param HTTP_X_REQUEST_ID $request_id;",
        # Not with what the client says that it passed on before.
        "uwsgi_param HTTP_X_FORWARDED_FOR $remote_addr;",
        "uwsgi_param HTTP_X_FORWARDED_PROTO $flaskstack_scheme;",
        "uwsgi_param HTTP_X_FORWARDED_HOST $flaskstack_host;",
        "uwsgi_param HTTP_X_FORWARDED_PORT $flaskstack_port;",
        "uwsgi_param HTTP_HOST $flaskstack_host;",
        "uwsgi_param SERVER_PORT $flaskstack_port;",
        "uwsgi_param REQUEST_SCHEME $flaskstack_scheme;",
        "uwsgi_param HTTPS $flaskstack_https if_not_empty;",
        "uwsgi_param PATH_INFO $document_uri;",
        "uwsgi_param CONTENT_LENGTH $content_length;",
    ):
        assert line in told
    # What comes last holds, and this is the first: a site may say more below it.
    assert answered[0] == "include parameters/uwsgi.conf;"


@pytest.mark.parametrize("kind", ["uwsgi", "fastcgi", "proxy"])
def test_no_server_hears_what_a_client_says_of_itself(kind: str) -> None:
    told = parameters(kind)
    for header in (*request_headers.SAID, *request_headers.left_out()):
        if kind == "proxy":
            found = [line for line in told if line.startswith(f"proxy_set_header {header} ")]
            # nginx says itself how it sends a body.
            assert len(found) == (header != "Transfer-Encoding"), header
        else:
            name = request_headers.variable(header)
            found = [line for line in told if line.startswith(f"{kind}_param {name} ")]
            assert len(found) == 1, header
        assert not [line for line in found if "$http_" in line], header
    # And none twice, or one that is not meant would go before.
    names = [line.split()[1] for line in told if not line.startswith("#")]
    assert len(names) == len(set(names))


def test_whom_a_site_asks_for() -> None:
    found = main_lines("plain")
    # Without a balancer nobody is believed.
    assert block(found, "geo $realip_remote_addr $flaskstack_proxied {") == ["default 0;"]
    assert not [line for line in found if line.startswith(("set_real_ip_from", "real_ip_header"))]
    assert block(found, "map $flaskstack_scheme:$flaskstack_port $flaskstack_host {") == [
        "default $flaskstack_name:$flaskstack_port;",
        '"http:80" $flaskstack_name;',
        '"https:443" $flaskstack_name;',
    ]
    assert "underscores_in_headers off;" in found
    assert not [line for line in lines("plain") if "flaskstack_forwarded" in line]


@pytest.mark.parametrize(
    ("size", "buffers"),
    [
        ("16k", ("32k", "9 8k")),
        ("64k", ("128k", "9 32k")),
        ("1k", ("16k", "9 4k")),
        ("20000", ("40k", "9 10k")),
        ("1m", ("2048k", "9 512k")),
    ],
)
def test_answers_may_have_large_headers(size: str, buffers: tuple[str, str]) -> None:
    plan = planned(case(site(), nginx_header_size=size))
    found = stripped(rendered(plan, HOST, {})["nginx.conf"]["text"])
    for kind in ("uwsgi", "fastcgi", "proxy"):
        assert f"{kind}_buffer_size {buffers[0]};" in found
        assert f"{kind}_buffers {buffers[1]};" in found


def test_timeouts() -> None:
    found = block(lines("timeouts"), "location / {")
    assert "uwsgi_connect_timeout 500ms;" in found
    assert "uwsgi_read_timeout 5m;" in found
    found = lines("every_kind")
    assert "uwsgi_read_timeout 5m;" in block(found, "location /other/ {")
    assert "uwsgi_read_timeout 60s;" in block(found, "location / {")


def test_retry() -> None:
    """A request that crashes a server is asked twice at most, or once; never of all servers."""
    found = lines("retry")
    for line in block(found, "location /live/ {"), block(lines("http"), "location / {"):
        assert "proxy_next_upstream error timeout invalid_header http_503;" in line
        assert "proxy_next_upstream_tries 2;" in line
    assert "uwsgi_next_upstream off;" in block(found, "location / {")
    assert "fastcgi_next_upstream off;" in block(found, "location /php/ {")
    assert len([line for line in found if "next_upstream" in line]) == 4


def test_http() -> None:
    answered = block(lines("http"), "location / {")
    assert answered[0] == "proxy_pass http://site_shop;"
    for line in (
        "proxy_http_version 1.1;",
        "include parameters/proxy.conf;",
        # With its port.
        "proxy_set_header Host $flaskstack_host;",
        "proxy_connect_timeout 5s;",
        "proxy_read_timeout 60s;",
        "proxy_next_upstream error timeout invalid_header http_503;",
    ):
        assert line in answered
    assert not [line for line in answered if "proxy_ssl" in line]
    told = parameters("proxy")
    for line in (
        "proxy_set_header Upgrade $flaskstack_upgrade;",
        "proxy_set_header Connection $flaskstack_connection;",
        'proxy_set_header Proxy "";',
        "proxy_set_header X-Real-IP $remote_addr;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Forwarded-Proto $flaskstack_scheme;",
        "proxy_set_header X-Forwarded-Host $flaskstack_host;",
        "proxy_set_header X-Request-ID $request_id;",
    ):
        assert line in told
    # A connection is kept unless the client asks for a WebSocket; nothing else is handed through.
    assert block(main_lines("http"), "map $http_upgrade $flaskstack_upgrade {") == [
        'default "";',
        "websocket websocket;",
    ]
    assert block(main_lines("http"), "map $flaskstack_upgrade $flaskstack_connection {") == [
        "default upgrade;",
        '"" "";',
    ]


def test_https_to_upstreams() -> None:
    answered = block(lines("https_upstream"), "location / {")
    for line in (
        "proxy_pass https://site_shop;",
        "proxy_set_header Host inner.example;",
        "proxy_ssl_server_name on;",
        "proxy_ssl_name inner.example;",
        "proxy_ssl_verify on;",
        "proxy_ssl_trusted_certificate /etc/pki/tls/certs/ca-bundle.crt;",
    ):
        assert line in answered
    # Before nginx 1.23.4 its own would be without 1.3.
    assert "proxy_ssl_protocols TLSv1.2 TLSv1.3;" in answered
    unverified = block(lines("https_upstream", "b"), "location / {")
    assert "proxy_ssl_name $host;" in unverified
    assert not [line for line in unverified if "verify" in line or "trusted" in line]


def test_https_with_an_authority_of_ones_own() -> None:
    answered = block(lines("balancer"), "location / {")
    for line in (
        "proxy_set_header Host shop.inner:8443;",
        # A certificate has no port.
        "proxy_ssl_name shop.inner;",
        "proxy_ssl_certificate /etc/pki/lb.crt;",
        "proxy_ssl_certificate_key /etc/pki/lb.key;",
        "proxy_ssl_verify on;",
        "proxy_ssl_trusted_certificate /etc/pki/inner.crt;",
    ):
        assert line in answered
    own = block(lines("balancer"), "location /own/ {")
    for key, name in (
        ("certificate", "shop@servers-1.crt"),
        ("certificate_key", "shop@servers-1.key"),
        ("trusted_certificate", "shop@servers-1-ca.crt"),
    ):
        assert f"proxy_ssl_{key} tls/{name};" in own
    written = files("balancer")
    assert written["tls/shop@servers-1.key"] == {"text": KEY + "\n", "mode": "0600"}
    assert written["tls/shop@servers-1.crt"] == {"text": CA + "\n", "mode": "0644"}
    assert written["tls/shop@servers-1-ca.crt"]["text"] == CA + "\n"


def test_connection_with_a_certificate_is_for_one_name() -> None:
    # nginx answers another name on it with 421; one that is always the same may be kept.
    assert "keepalive 32;" in block(lines("balancer"), "upstream site_shop {")
    assert "keepalive 32;" in block(lines("balancer"), "upstream location_1_shop {")
    assert "keepalive 32;" not in block(lines("balancer", "names"), "upstream site_names {")
    assert "keepalive 32;" in block(lines("balancer", "part"), "upstream site_part {")


def test_fastcgi() -> None:
    answered = block(lines("php"), "location / {")
    assert "root /srv/php;" in answered
    assert "try_files $uri $uri/ /index.php$is_args$args;" in answered
    script = block(answered, "location ~ [^/]\\.php$ {")
    # Nothing that is no file is run.
    assert script[0] == "try_files $uri =404;"
    assert "fastcgi_param SCRIPT_FILENAME $realpath_root$fastcgi_script_name;" in script
    assert "fastcgi_pass site_shop;" in script
    assert script.index("include parameters/fastcgi.conf;") == 1
    told = parameters("fastcgi", "php")
    assert 'fastcgi_param HTTP_PROXY "" if_not_empty;' in told
    assert "fastcgi_param REDIRECT_STATUS 200;" in told
    plain = block(lines("php", "plain"), "location / {")
    assert "try_files $uri $uri/ =404;" in plain
    below = block(lines("every_kind"), "location /blog/ {")
    assert "try_files $uri $uri/ /blog/index.php$is_args$args;" in below


def test_directory() -> None:
    found = lines("directory", "d")
    answered = block(found, "location / {")
    assert answered[:2] == ["root /srv/d;", "index index.html;"]
    assert "gzip_static on;" in answered
    assert not [line for line in found if "uwsgi" in line or line.startswith("upstream ")]
    below = block(lines("every_kind"), "location /files/ {")
    # With a / at both ends, or neighbours of the directory could be had.
    assert below[0] == "alias /srv/files/;"
    found = lines("directories")
    assert block(found, "location ^~ /files/ {")[0] == "alias /srv/files/;"
    assert block(found, "location ~ [.]pdf$ {")[0] == "root /srv/papers;"
    # One file has nothing hidden in it, and nginx wants no location there.
    exact = block(found, "location = /robots.txt {")
    assert exact[0] == "root /srv/about;"
    assert not [line for line in exact if line.startswith("location ")]


HIDDEN_LOCATION = r"location ~ /\.(?!well-known/) {"


def test_hidden_files_are_not_served() -> None:
    for name, found, opening in (
        ("directory", lines("directory", "d"), "location / {"),
        ("alias", lines("every_kind"), "location /files/ {"),
        ("fastcgi", lines("php"), "location / {"),
        ("static", lines("fallback"), "location ^~ /s.v1/ {"),
    ):
        assert block(block(found, opening), HIDDEN_LOCATION) == ["return 404;"], name
    hidden = re.compile(HIDDEN)
    for path in ("/.git/config", "/a/.env", "/.well-known"):
        assert hidden.search(path), path
    for path in ("/.well-known/security.txt", "/a.b/c", "/a/b.c"):
        assert not hidden.search(path), path


def test_redirect() -> None:
    answered = block(lines("redirect"), "location / {")
    assert answered == ["return 301 https://www.example.com$request_uri;"]
    below = block(lines("every_kind"), "location = /old {")
    assert below == ["return 308 /new;"]


def test_answer() -> None:
    assert block(lines("answer"), "location / {") == [
        "default_type application/json;",
        'return 200 "{}";',
    ]
    found = lines("every_kind")
    assert block(found, "location ~ [.]secret$ {") == ["default_type text/plain;", "return 404;"]
    # What nginx would take for a variable, a quote or an escape is none.
    text = files("every_kind")["conf.d/shop.conf"]["text"]
    assert 'return 200 "a \\"quoted\\" ${flaskstack_dollar}5 \\\\ text\\n";' in text
    assert block(main_lines("plain"), "geo $flaskstack_dollar {") == ['default "$";']


def test_location_has_options_and_text() -> None:
    text = files("every_kind")["conf.d/shop.conf"]["text"]
    assert re.search(r"        client_max_body_size 1g;\n        # the end\n    }\n", text)
    # Those of the site are its server's, not its location's.
    assert "gzip on;" not in block(lines("options"), "location / {")


# ---- static -----------------------------------------------------------------------------------


def test_one_static_directory() -> None:
    assert block(lines("one_static"), "location ^~ /static/ {") == [
        "alias /opt/a/;",
        "gzip_static on;",
        "gzip_vary on;",
        HIDDEN_LOCATION,
        "return 404;",
        "}",
    ]


def test_static_falls_back_to_the_second_directory() -> None:
    found = lines("fallback")
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


def test_each_fallback_has_a_location_of_its_own() -> None:
    found = lines("two_fallbacks")
    assert "root /opt/b;" in block(found, "location @static_1 {")
    assert "root /opt/d;" in block(found, "location @static_2 {")
    assert "error_page 404 = @static_2;" in block(found, "location ^~ /media/ {")


def test_how_long_browsers_keep_files() -> None:
    found = lines("immutable")
    for opening in ("location ^~ /static/ {", "location @static_1 {"):
        kept = block(found, opening)
        assert "expires 1y;" in kept
        assert 'set $immutable "public, immutable";' in kept
    assert "expires 1h;" in block(found, "location ^~ /media/ {")
    assert found.count('set $immutable "public, immutable";') == 2
    assert "add_header Cache-Control $immutable;" in found
    assert not [line for line in lines("one_static") if "expires" in line]


def test_no_location_takes_headers_away() -> None:
    # One that adds a header has none of the server's any more: it has to say all of them.
    for name in GOOD:
        for path in files(name):
            if not path.startswith("conf.d/") or path == "conf.d/default.conf":
                continue
            for inner in inner_blocks(lines(name, path)):
                added = [line for line in inner if line.startswith("add_header ")]
                if name in SEVERAL_LEVELS and added:
                    assert "add_header Retry-After $flaskstack_retry_after always;" in added
                    own = [line for line in added if "$header_" in line]
                    assert len(own) % 3 == 0 and own, (name, path)
                else:
                    assert not added, (name, path)


#: Cases with headers below the server.
SEVERAL_LEVELS = ("shared", "shared_tls", "alone_below", "uploads", "peers", "balancer")


def inner_blocks(found: list[str]) -> list[list[str]]:
    """Give all locations."""
    openings = [line for line in found if line.startswith("location ")]
    return [one for opening in openings for one in blocks(found, opening)]


def test_uploads_do_nothing_in_a_browser() -> None:
    found = lines("uploads")
    served = block(found, "location ^~ /media/ {")
    assert "add_header Content-Security-Policy $uploads_shop always;" in served
    assert "add_header X-Content-Type-Options $header_shop_1 always;" in served
    kinds = block(found, "map $sent_http_content_type $uploads_shop {")
    assert kinds[0] == 'default "";'
    for kind in ("text/html", "image/svg", "xml"):
        assert kind in kinds[1]
    assert kinds[1].endswith('sandbox";')
    # Neither somebody's x.gz for x, nor what a link leads to, nor what begins with a dot.
    assert "gzip_static on;" not in served
    assert "disable_symlinks if_not_owner from=/opt/shop/shared/media;" in served
    assert block(served, f"location ~ {HIDDEN} {{") == ["return 404;"]
    assert not [line for line in lines("one_static") if "Content-Security" in line]


# ---- sites that share a host name -------------------------------------------------------------


def test_sites_that_share_a_name_are_one_server() -> None:
    found = lines("shared", "main")
    assert found.count("server {") == 1
    for name in ("shop", "shop.admin", "docs"):
        own = lines("shared", name)
        assert "server {" not in own and not [line for line in own if line.startswith("location")]
    assert "upstream site_shop {" in lines("shared", "shop")
    # The port of the one at / is everybody's.
    assert listens(found) == ["listen 8080;", "listen [::]:8080;"]


def test_order_of_sites_does_not_matter() -> None:
    given = GOOD["shared"]["nginx_sites"]
    texts = rendered(planned(case(*reversed(given))), HOST, {})
    assert texts == files("shared")


def test_what_begins_alike_is_another_url() -> None:
    found = lines("shared", "main")
    # Before regular expressions of the site at /.
    assert "location ^~ /shop/ {" in found and "location = /shop {" in found
    assert "location /shop/ {" in block(found, "location ^~ /shop/ {")
    assert "uwsgi_pass site_shop;" in block(found, "location = /shop {")
    assert block(found, "location = /docs {")[-1] == "return 301 /docs/$is_args$args;"
    assert block(found, "map $uri $site_main {") == [
        'default "main";',
        '"~^/shop/admin(/|$)" "shop.admin";',
        '"~^/docs(/|$)" "docs";',
        '"~^/shop(/|$)" "shop";',
    ]


def test_urls_of_a_site_below_a_path_are_relative() -> None:
    part = block(lines("shared", "main"), "location ^~ /shop/admin/ {")
    assert "alias /opt/c/;" in block(part, "location ^~ /shop/admin/static/ {")
    assert "alias /srv/old/;" in block(part, "location /shop/admin/old/ {")
    assert block(part, "location = /shop/admin/ping {")[-1] == 'return 200 "two\\nlines\\n";'
    # The file is called as behind the path, and its URL is one with it.
    exact = block(part, "location = /shop/admin/robots.txt {")
    assert exact[0] == "alias /srv/about/robots.txt;"
    assert "location ~ ^/shop/admin/v[0-9]/ {" in part
    assert "location ~ [.]png$ {" in part
    # As the user wrote it.
    assert block(part, "location = /shop/admin/raw {") == ["return 204;"]


def test_a_site_below_a_path_has_its_own_rules() -> None:
    found = lines("shared", "main")
    id_ = "shop_admin_3646f6"
    for opening in ("location = /shop/admin {", "location ^~ /shop/admin/ {"):
        rules = block(found, opening)
        for line in (
            "client_max_body_size 1g;",
            "client_body_timeout 5m;",
            f"limit_req zone=requests_{id_} burst=20 nodelay;",
            f"limit_conn connections_{id_} 2;",
            f"add_header X-Frame-Options $header_{id_}_2 always;",
            "add_header X-Cache-Status $upstream_cache_status always;",
            f"add_header Cache-Control $shared_{id_};",
            # Or it had the page of the site at / for 502.
            "error_page 494 =431 @header_too_large;",
        ):
            assert line in rules, (opening, line)
        assert "error_page 502 504 /.nginx/unavailable.html;" not in rules
    assert "error_page 502 504 /.nginx/unavailable.html;" in block(found, "location ^~ /shop/ {")
    fallback = block(found, f"location @static_{id_}_1 {{")
    assert f"add_header X-Frame-Options $header_{id_}_2 always;" in fallback


def test_rules_of_the_site_at_the_root_are_its_own() -> None:
    found = lines("shared", "main")
    # The server's limit is inherited below: an empty key is not counted.
    assert "limit_req_zone $client_main zone=requests_main:10m rate=5r/s;" in found
    assert block(found, "map $site_main $client_main {") == [
        'default "";',
        '"main" $binary_remote_addr;',
    ]
    assert block(found, "map $access_main:$site_main:$uri $refused_main {") == [
        "default 0;",
        '"~^0:main:" 1;',
    ]
    own = lines("shared", "shop.admin")
    refused = "map $access_shop_admin_3646f6:$site_main:$uri $refused_shop_admin_3646f6 {"
    assert block(own, refused) == ["default 0;", '"~^0:shop\\.admin:" 1;']
    scanned = block(found, "map $flaskstack_scanner:$site_main $scanner_main {")
    assert scanned == ["default 0;", '"1:main" 1;']
    assert block(found, "if ($scanner_main) {") == ["return 404;"]


def test_maintenance_is_of_one_site() -> None:
    found = lines("shared", "main")
    assert "if (-f /etc/nginx/maintenance/${site_main}.html) {" in found
    page = block(found, "location = /.nginx/maintenance.html {")
    assert page == ["internal;", "alias /etc/nginx/maintenance/${site_main}.html;"]


def test_without_a_site_at_the_root_the_rest_is_404() -> None:
    assert block(lines("alone_below"), "location / {") == ["return 404;"]
    found = lines("shared_tls", "a")
    assert block(found, "location / {") == ["return 404;"]
    # What says tls leads; its certificate is the others' too.
    assert "ssl_certificate tls/a.crt;" in found
    hsts = 'add_header Strict-Transport-Security "max-age=60" always;'
    for opening in ("location ^~ /a/ {", "location ^~ /b/ {", "location ^~ /c/ {"):
        assert hsts in block(found, opening)
    assert "server {" not in lines("shared_tls", "b")
    php = block(block(found, "location ^~ /c/ {"), "location /c/ {")
    assert "try_files $uri $uri/ /c/index.php$is_args$args;" in php
    # A certificate is renewed whoever may see the site.
    assert '"~^0:a:/\\.well-known/acme-challenge/" 0;' in found


def test_other_ports_are_other_servers() -> None:
    one = case(
        site("main", domains=["x.test"]),
        site("b", domains=["x.test"], path="/b", port=8080),
        site("c", domains=["x.test"], path="/c"),
    )
    made = rendered(planned(one), HOST, {})
    assert "location ^~ /c/ {" in stripped(made["conf.d/main.conf"]["text"])
    assert "listen 8080;" in stripped(made["conf.d/b.conf"]["text"])
    assert "location ^~ /b/ {" in stripped(made["conf.d/b.conf"]["text"])


def test_the_same_certificate_may_be_said_by_all() -> None:
    one = case(
        site("main", domains=["x.test"]),
        site("b", domains=["x.test"], path="/b"),
        nginx_defaults={"tls": SIGNED},
    )
    plan = planned(one)
    assert plan["problems"] == []
    assert [about["site"] for about in plan["questions"]["certificates"]] == ["main"]


def test_answers_that_are_handed_on_at_once() -> None:
    found = lines("unbuffered")
    assert "uwsgi_buffering off;" in block(found, "location / {")
    assert "proxy_buffering off;" in block(found, "location /a/ {")
    assert "fastcgi_buffering off;" in block(found, "location /b/ {")
    assert not [line for line in block(found, "location /c/ {") if "buffering" in line]
    part = block(lines("shared", "main"), "location ^~ /shop/admin/ {")
    assert "proxy_buffering off;" in block(part, "location /shop/admin/live/ {")


# ---- cache ------------------------------------------------------------------------------------


def test_cache() -> None:
    found = lines("cache")
    kept = [line for line in block(found, "location / {") if line.startswith("uwsgi_")]
    assert [line for line in kept if "cache" in line] == [
        "uwsgi_cache uwsgi_shop;",
        "uwsgi_cache_key $scheme$request_method$flaskstack_host$request_uri;",
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
    without = lines("plain")
    assert not [line for line in without if "cache_" in line or "X-Cache" in line]


def test_each_kind_of_a_site_has_one_cache() -> None:
    found = lines("caches")
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


def test_what_is_kept_of_whom() -> None:
    found = lines("caches")
    slow = block(found, "location /slow/ {")
    assert "uwsgi_cache_valid 200 301 302 308 10m;" in slow
    assert "uwsgi_cache_valid 404 410 1m;" in slow
    assert "uwsgi_ignore_headers Cache-Control Expires X-Accel-Expires;" in slow
    assert not [line for line in slow if "bypass" in line or "no_cache" in line]
    # Whatever is said, an answer that sets a cookie is nobody else's.
    for name in GOOD:
        for path in files(name):
            assert "ignore_headers Set-Cookie" not in files(name)[path]["text"]
    api = block(found, "location /api/ {")
    assert "proxy_cache_bypass $http_authorization;" in api
    assert "proxy_no_cache $http_authorization;" in api
    assert not [line for line in api if "404 410" in line or "ignore_headers" in line]
    script = block(block(found, "location /php/ {"), "location ~ [^/]\\.php$ {")
    assert "fastcgi_cache_bypass $http_cookie $http_authorization;" in script


def test_cdn_is_told() -> None:
    found = lines("caches")
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
    assert not [line for line in lines("cache") if "shared" in line]


# ---- who may, and how much ----------------------------------------------------------------------


def test_access() -> None:
    found = lines("access")
    assert block(found, "geo $access_shop {") == [
        "default 0;",
        "10.0.0.0/8 1;",
        "2001:db8::/32 1;",
        "10.1.0.0/16 0;",
    ]
    assert block(found, "map $access_shop:$uri $refused_shop {") == ["default 0;", '"~^0:" 1;']
    assert block(found, "if ($refused_shop) {") == ["return 403;"]
    most = lines("access", "most")
    assert block(most, "geo $access_most {") == ["default 1;", "192.0.2.1 0;"]
    # The authority comes from anywhere.
    inner = block(lines("access", "inner"), "map $access_inner:$uri $refused_inner {")
    assert inner == ["default 0;", r'"~^0:/\.well-known/acme-challenge/" 0;', '"~^0:" 1;']
    assert not [line for line in lines("plain") if "refused" in line]


def test_peers() -> None:
    found = lines("peers")
    assert block(found, "geo $realip_remote_addr $peer_shop {") == [
        "default 0;",
        "10.0.0.1 1;",
        "2001:db8::/32 1;",
    ]
    # Also where HTTP leads to HTTPS, and before anything else is answered.
    servers = blocks(found, "server {")
    assert len(servers) == 2
    for server in servers:
        inner = [line for line in server if not line.startswith(("listen", "server_name", "ssl_"))]
        start = inner.index("if ($peer_shop = 0) {")
        assert inner[start + 1] == "return 444;"
        assert not [line for line in inner[:start] if "return" in line or "location" in line]
    # Who has no certificate is refused before that, so by a page that it comes before.
    assert "error_page 400 495 496 497 =400 /.nginx/refused;" in servers[1]
    assert block(servers[1], "location = /.nginx/refused {") == ["internal;", "return 400;"]
    # What is below a path is in the same server.
    assert "geo $realip_remote_addr $peer_text {" in lines("peers", "text")
    assert not [line for line in lines("peers", "below") if "peer_" in line]
    assert not [line for line in lines("plain") if "peer_" in line]


def test_what_broke_off_behind_a_server_is_asked_of_another() -> None:
    found = {}
    for said in (False, True):
        http = {"servers": ["10.0.0.11:80", "10.0.0.12:80"], "retry_bad_gateway": said}
        given = case(site(http=http, uwsgi=None))
        text = rendered(planned(given), HOST, {})["conf.d/shop.conf"]["text"]
        found[said] = [line for line in stripped(text) if line.startswith("proxy_next_upstream ")]
    assert found == {
        False: ["proxy_next_upstream error timeout invalid_header http_503;"],
        True: ["proxy_next_upstream error timeout invalid_header http_502 http_503;"],
    }


def test_peers_of_a_site_that_stays_are_believed() -> None:
    # It is the only one, its application has failed, and nginx.conf is written anew.
    plan = planned(case(site(peers=["10.0.0.1"]), nginx_keep_sites=["shop"]))
    assert plan["sites"] == []
    main = rendered(plan, HOST, {})["nginx.conf"]["text"]
    assert "set_real_ip_from 10.0.0.1;" in main


def test_peers_are_believed() -> None:
    main = files("peers")["nginx.conf"]["text"]
    for network in ("192.0.2.0/24", "10.0.0.1", "2001:db8::/32"):
        assert f"set_real_ip_from {network};" in main
        assert f"        {network} 1;\n" in main
    assert "real_ip_header X-Real-IP;" in main
    assert "real_ip_header X-Forwarded-For;" in blocks(lines("peers"), "server {")[1]
    assert "real_ip_header" not in "".join(lines("plain"))
    # Its host too, if it is one of the site's.
    assert "set $flaskstack_name $name_shop;" in lines("peers")


def test_certificates_of_clients() -> None:
    for name, file in (("shop", "/etc/pki/ca.crt"), ("text", "tls/text@clients.crt")):
        server = blocks(lines("peers", name), "server {")[1]
        assert f"ssl_client_certificate {file};" in server and "ssl_verify_client on;" in server
    assert files("peers")["tls/text@clients.crt"] == {"text": CA + "\n", "mode": "0644"}
    assert not [line for line in lines("tls") if "client" in line and "verify" in line]
    assert "ssl_verify_client optional;" in lines("client_optional")


def test_limits() -> None:
    found = lines("limits")
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
    assert "limit_req_status 429;" in main_lines("limits")
    assert "limit_conn_status 429;" in main_lines("limits")


def test_blocked_addresses() -> None:
    blocked = stripped(files("blocked")["blocked.conf"]["text"])
    assert blocked == ["192.0.2.1 1;", "198.51.100.0/24 1;", "2001:db8::/32 1;"]
    assert block(main_lines("blocked"), "geo $flaskstack_blocked {") == [
        "default 0;",
        "include blocked.conf;",
        "include blocked-now.conf;",
    ]
    assert block(lines("blocked"), "if ($flaskstack_blocked) {") == ["return 444;"]
    # At once, or there would be nothing to switch on: also where nothing is blocked yet.
    for found in blocks(lines("tls"), "server {"):
        assert block(found, "if ($flaskstack_blocked) {") == ["return 403;"]


def test_scanners() -> None:
    patterns = block(main_lines("blocked"), "map $uri $flaskstack_scanner {")
    assert patterns[0] == "default 0;"
    assert len(patterns) == len(SCANNERS) + 1
    assert block(lines("blocked"), "if ($flaskstack_scanner) {") == ["return 404;"]
    assert "flaskstack_scanner" not in files("plain")["nginx.conf"]["text"]
    assert "if ($flaskstack_scanner) {" not in lines("plain")
    known = [re.compile(pattern, re.I) for pattern in SCANNERS]
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


def test_balancer_in_front() -> None:
    found = main_lines("balancer_in_front")
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
    port = "map $flaskstack_proxied:$http_x_forwarded_port $flaskstack_port {"
    assert block(found, port)[0] == "default $flaskstack_named_port;"
    # What it says of a host counts where it is one of the site's.
    for name in ("shop", "php", "api"):
        site_lines = lines("balancer_in_front", name)
        assert f"set $flaskstack_name $name_{name};" in site_lines
        known = block(site_lines, f"map $flaskstack_forwarded_host $name_{name} {{")
        assert known[:2] == ["hostnames;", "default $host;"]
        assert known[2].endswith(" $flaskstack_forwarded_host;")
    without = files("plain")
    assert "set_real_ip_from" not in without["nginx.conf"]["text"]
    assert "flaskstack_name" not in without["conf.d/shop.conf"]["text"]


def test_any_host_is_believed_where_any_is_served() -> None:
    given = case(site(domains=["_"]), nginx_real_ip_from=["10.0.0.1"])
    found = stripped(rendered(planned(given), HOST, {})["conf.d/shop.conf"]["text"])
    assert block(found, "map $flaskstack_forwarded_host $name_shop {") == [
        '"" $host;',
        "default $flaskstack_forwarded_host;",
    ]


# ---- ports ------------------------------------------------------------------------------------


def everything(case: str) -> list[str]:
    """Give what all servers of a configuration listen on, the status page aside."""
    paths = [path for path in files(case) if path.endswith(".conf")]
    found = [line for path in paths for line in listens(lines(case, path))]
    return [line for line in found if "127.0.0.1:" not in line]


@pytest.mark.parametrize("case", GOOD)
def test_sockets_are_described_once(case: str) -> None:
    found = [line.rstrip(";").split()[1:] for line in everything(case)]
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
def test_every_server_says_where_it_listens(case: str) -> None:
    # One that does not would have nginx's own default, port 80.
    for path in files(case):
        if path.endswith(".conf"):
            for server in blocks(lines(case, path), "server {"):
                assert listens(server), path


def test_ipv6_only_where_the_host_has_it() -> None:
    assert "listen [::]:80;" in lines("plain")
    assert "listen [::]:80 default_server backlog=4096;" in main_lines("plain")
    for file in files("no_ipv6").values():
        assert "[::]" not in file["text"]
    assert "listen 80;" in lines("no_ipv6")


def test_hosts_that_no_site_has() -> None:
    closed = blocks(main_lines("plain"), "server {")[-1]
    assert "listen 80 default_server backlog=4096;" in closed
    assert "return 444;" in closed
    assert 'server_name "";' in closed
    assert "default_server" not in "".join(lines("plain"))
    assert "default_server" not in files("open")["nginx.conf"]["text"]
    assert "listen 80 default_server backlog=4096;" in lines("open")


def test_site_for_all_names_owns_its_port_alone() -> None:
    assert "listen 8080 default_server backlog=4096;" in lines("open_beside")
    closed = blocks(main_lines("open_beside"), "server {")[-1]
    assert listens(closed) == [
        "listen 80 default_server backlog=4096;",
        "listen [::]:80 default_server backlog=4096;",
    ]
    assert listens(lines("tls_open")) == [
        "listen 80 default_server backlog=4096;",
        "listen [::]:80 default_server backlog=4096;",
        "listen 443 ssl http2 default_server backlog=4096;",
        "listen [::]:443 ssl http2 default_server backlog=4096;",
    ]
    assert "ssl_reject_handshake on;" not in main_lines("tls_open")


def test_without_a_default_server_the_first_site_owns_the_port() -> None:
    assert "default_server" not in "".join(everything("nobody"))
    assert "listen 80 backlog=4096;" in lines("nobody")
    assert "listen 8080 backlog=4096;" in lines("nobody", "blog")


def test_nothing_to_serve_still_closes() -> None:
    assert everything("nothing") == [
        "listen 80 default_server backlog=4096;",
        "listen [::]:80 default_server backlog=4096;",
    ]


# ---- TLS --------------------------------------------------------------------------------------


def test_tls() -> None:
    found = main_lines("tls")
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in found
    (ciphers,) = [line for line in found if line.startswith("ssl_ciphers ")]
    assert all(one.startswith("ECDHE-") for one in ciphers[12:-1].split(":"))
    assert "ssl_session_tickets off;" in found
    modern = main_lines("tls_modern")
    assert "ssl_protocols TLSv1.3;" in modern
    assert not [line for line in modern if line.startswith("ssl_ciphers")]
    # Nothing of it without a site that has it.
    assert not [line for line in main_lines("plain") if line.startswith("ssl_")]


def test_http2_in_the_words_of_each_version() -> None:
    for name in ("tls", "tls_old"):
        assert "listen 443 ssl http2;" in lines(name)
        assert "listen 443 ssl http2 default_server backlog=4096;" in main_lines(name)
        assert "http2 on;" not in main_lines(name)
    assert "listen 443 ssl;" in lines("tls_new")
    assert "http2 on;" in main_lines("tls_new")
    off = "\n".join(file["text"] for file in files("tls_modern").values())
    assert "http2" not in off


def test_unknown_names_get_no_certificate() -> None:
    for name in ("tls", "tls_new"):
        closed = blocks(main_lines(name), "server {")[-1]
        assert "ssl_reject_handshake on;" in closed
        assert not [line for line in closed if line.startswith("ssl_certificate")]
    # Before 1.19.4, nginx cannot do without one.
    closed = blocks(main_lines("tls_old"), "server {")[-1]
    assert "ssl_certificate tls/_default.crt;" in closed
    assert "ssl_certificate_key tls/_default.key;" in closed
    assert "ssl_reject_handshake on;" not in closed


def test_http_leads_to_https() -> None:
    redirect, serving = blocks(lines("tls"), "server {")
    assert listens(redirect) == ["listen 80;", "listen [::]:80;"]
    assert block(redirect, "location / {") == ["return 301 https://$host$request_uri;"]
    assert listens(serving) == ["listen 443 ssl http2;", "listen [::]:443 ssl http2;"]
    assert "ssl_certificate tls/shop.crt;" in serving
    assert "ssl_certificate_key tls/shop.key;" in serving
    redirect, _ = blocks(lines("tls_kinds", "signed"), "server {")
    assert block(redirect, "location / {") == ["return 301 https://$host:8443$request_uri;"]
    (both,) = blocks(lines("tls_both"), "server {")
    assert [line for line in listens(both) if "[::]" not in line] == [
        "listen 80;",
        "listen 443 ssl http2;",
    ]


def test_certificates_of_each_kind() -> None:
    for name in ("files", "text", "acme", "signed"):
        serving = blocks(lines("tls_kinds", name), "server {")[-1]
        assert f"ssl_certificate tls/{name}.crt;" in serving
        assert f"ssl_certificate_key tls/{name}.key;" in serving


CHALLENGE = "location ^~ /.well-known/acme-challenge/ {"


def test_acme_challenge() -> None:
    redirect, serving = blocks(lines("tls_kinds", "acme"), "server {")
    assert block(redirect, CHALLENGE) == [
        "root /var/lib/nginx/acme;",
        "default_type text/plain;",
    ]
    assert CHALLENGE not in serving
    (both,) = blocks(lines("access", "inner"), "server {")
    assert "root /var/lib/nginx/acme;" in block(both, CHALLENGE)
    assert CHALLENGE not in lines("tls")


def test_challenges_of_other_hosts() -> None:
    for name, number in (("a.b", 0), ("both", 0)):
        found = lines("acme_peers", name)
        assert block(found, f"upstream acme_{name} {{") == [
            "server 10.0.0.1:80 max_fails=0;",
            "server [2001:db8::2]:80 max_fails=0;",
        ]
        server = blocks(found, "server {")[number]
        own = block(server, "location ^~ /.well-known/acme-challenge/ {")
        assert "error_page 404 = @acme_peers;" in own
        asked = block(server, "location @acme_peers {")
        # No host is asked for what another one asks of it: two would do so for ever.
        assert block(asked, "if ($http_x_flaskstack_challenge) {") == ["return 404;"]
        assert "proxy_set_header X-Flaskstack-Challenge 1;" in asked
        assert f"proxy_pass http://acme_{name};" in asked
    assert "acme" not in "\n".join(lines("acme_peers", "plain") + lines("plain"))
    assert "@acme_peers" not in "\n".join(lines("tls_kinds", "acme"))


def test_streams() -> None:
    found = lines("streams", "stream.d/flaskstack.conf")
    assert block(found, "upstream stream_shop {") == [
        "least_conn;",
        "zone stream_shop 64k;",
        "server 10.0.0.11:8443;",
        "server 10.0.0.12:8443 weight=2;",
    ]
    assert block(found, "map $ssl_preread_server_name $flaskstack_name_443 {") == [
        "hostnames;",
        'default "stream_rest";',
        "shop.test stream_shop;",
        "*.shop.test stream_shop;",
    ]
    # Whoever is blocked is led nowhere.
    for port, where in ((443, "$flaskstack_name_443"), (993, "stream_mail")):
        opening = f"map $flaskstack_blocked $flaskstack_stream_{port} {{"
        assert block(found, opening) == ['default "";', f"0 {where};"]
    first, second = blocks(found, "server {")
    assert first == [
        "listen 443 backlog=4096;",
        "listen [::]:443 backlog=4096;",
        "ssl_preread on;",
        "proxy_protocol on;",
        "proxy_connect_timeout 5s;",
        "proxy_timeout 10m;",
        "proxy_pass $flaskstack_stream_443;",
    ]
    assert "proxy_timeout 1h;" in second
    assert not {"ssl_preread on;", "proxy_protocol on;"} & set(second)
    main = block(main_lines("streams"), "stream {")
    assert "include stream.d/*.conf;" in main
    assert "include blocked-now.conf;" in block(main, "geo $flaskstack_blocked {")
    assert "stream {" not in main_lines("plain")
    # Another owner's stay.
    plan = planned(case(site()))
    for owner, there in (("else", True), (OWNER, False), ("", False), (None, False)):
        text = rendered(plan, HOST | {"streams": owner}, {})["nginx.conf"]["text"]
        assert ("stream {" in text) == there


def test_what_is_handed_on_is_the_clients_own() -> None:
    found = lines("handed_on")
    http, https = blocks(found, "server {")
    assert [line for line in listens(https) if "proxy_protocol" in line] == listens(https)
    assert not [line for line in listens(http) if "proxy_protocol" in line]
    assert "real_ip_header proxy_protocol;" in https
    main = main_lines("handed_on")
    for line in main:
        if line.startswith("listen 8443"):
            assert "ssl http2 proxy_protocol default_server" in line
    # What it says in its headers is no balancer's word.
    assert block(main, "map $proxy_protocol_addr $flaskstack_teller {") == [
        'default "";',
        '"" $realip_remote_addr;',
    ]
    assert "geo $flaskstack_teller $flaskstack_proxied {" in main
    assert "geo $realip_remote_addr $flaskstack_proxied {" in main_lines("peers")


def test_hsts() -> None:
    redirect, serving = blocks(lines("tls"), "server {")
    line = 'add_header Strict-Transport-Security "max-age=3600" always;'
    assert line in serving
    assert line not in redirect
    assert "Strict-Transport-Security" not in "".join(lines("tls_both"))


def test_stapling() -> None:
    found = lines("stapling")
    for line in (
        "ssl_stapling on;",
        "ssl_stapling_verify on;",
        "ssl_trusted_certificate tls/shop.crt;",
    ):
        assert line in found
    assert "resolver 127.0.0.1;" in main_lines("stapling")
    assert "stapling" not in "".join(lines("tls"))


def test_http3() -> None:
    found = lines("http3")
    assert [line for line in listens(found) if "quic" in line] == [
        "listen 443 quic;",
        "listen [::]:443 quic;",
    ]
    assert "add_header Alt-Svc 'h3=\":443\"; ma=86400' always;" in found
    closed = blocks(main_lines("http3"), "server {")[-1]
    assert "listen 443 quic default_server reuseport;" in closed
    assert "quic" not in "".join(lines("http3", "b"))
    assert "Alt-Svc" not in "".join(lines("http3", "b"))


# ---- headers, errors, compression, logs ----------------------------------------------------------


def test_headers_only_where_the_application_sends_none() -> None:
    found = lines("plain")
    for number, (name, value) in enumerate(item_options()["headers"]["default"].items(), 1):
        sent = name.lower().replace("-", "_")
        opening = f"map $upstream_http_{sent} $header_shop_{number} {{"
        assert block(found, opening) == ['default "";', f'"" "{value}";']
        assert f"add_header {name} $header_shop_{number} always;" in found


def test_headers_of_the_users_own() -> None:
    found = lines("headers")
    text = "".join(found)
    # An empty one is taken out.
    assert "X-Frame-Options" not in text
    assert "X-Content-Type-Options" in text
    assert "Content-Security-Policy" in text
    assert '"" "default-src \'self\'; img-src \\"x\\"";' in found


def test_maintenance() -> None:
    for one, name in (("plain", "shop"), ("raw_errors", "shop"), ("directory", "d")):
        found = lines(one, name)
        page = f"/etc/nginx/maintenance/{name}.html"
        assert block(found, f"if (-f {page}) {{") == ["set $closed 1;"]
        assert block(found, "if ($closed) {") == ["return 503;"]
        assert "error_page 503 /.nginx/maintenance.html;" in found
        opening = "location = /.nginx/maintenance.html {"
        assert block(found, opening) == ["internal;", f"alias {page};"]
        # The page itself is not closed.
        assert block(found, "if ($uri = /.nginx/maintenance.html) {") == ['set $closed "";']
    assert "map $status:$upstream_http_retry_after $flaskstack_retry_after {" in main_lines("plain")


def test_friendly_errors() -> None:
    found = lines("plain")
    assert "error_page 502 504 /.nginx/unavailable.html;" in found
    assert block(found, "location = /.nginx/unavailable.html {") == [
        "internal;",
        "alias /etc/nginx/pages/unavailable.html;",
    ]
    assert "unavailable" not in "".join(lines("raw_errors"))
    page = files("plain")["pages/unavailable.html"]["text"]
    assert page.startswith("<!doctype html>\n")
    assert "Please try again" in page
    assert "请稍后再试" in page


def test_too_large_a_header_is_said_to_be() -> None:
    assert "error_page 494 =431 @header_too_large;" in lines("plain")
    assert "large_client_header_buffers 4 16k;" in main_lines("plain")


def test_compression() -> None:
    found = main_lines("plain")
    assert "gzip on;" in found
    assert "brotli" not in "".join(found)
    both = main_lines("brotli")
    assert "gzip on;" in both
    assert "brotli on;" in both
    types = [line.split(" ", 1)[1] for line in both if "_types " in line and "charset" not in line]
    assert len(types) == 2
    assert types[0] == types[1]
    kept = block(lines("brotli"), "location ^~ /static/ {")
    assert "gzip_static on;" in kept
    assert "brotli_static on;" in kept
    none = main_lines("no_compression")
    assert not [line for line in none if line.startswith(("gzip", "brotli"))]


def test_log_formats() -> None:
    text = files("plain")["nginx.conf"]["text"]
    assert "access_log /var/log/nginx/access.log main;" in text
    assert "access_log /var/log/nginx/access.log json;" in main_lines("json_log")
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


def test_figures_only_for_this_host() -> None:
    server = blocks(main_lines("plain"), "server {")[0]
    assert listens(server) == ["listen 127.0.0.1:8008;"]
    assert block(server, "location = /stub_status {") == ["stub_status;"]
    assert "stub_status" not in "".join(main_lines("json_log"))


# ---- the host's size --------------------------------------------------------------------------


def test_workers() -> None:
    found = main_lines("workers")
    assert "worker_processes 4;" in found
    assert "worker_connections 4096;" in found
    found = main_lines("plain")
    assert "worker_processes auto;" in found
    assert "worker_connections 32768;" in found
    assert "worker_rlimit_nofile 524288;" in found


@pytest.mark.parametrize(
    ("of_host", "variables", "workers", "files", "links"),
    [
        ({"memory": 512 << 20}, {}, 2, 524288, 4096),
        # Never fewer than nginx itself would have, nor more than anybody has use for.
        ({"memory": 64 << 20, "cores": 4}, {}, 4, 524288, 1024),
        ({"memory": 256 << 30, "cores": 16}, {}, 16, 524288, 65536),
        # Files are for what is served, too.
        ({"open_files": 10000}, {}, 2, 10000, 9000),
        ({}, {"nginx_worker_processes": 3, "nginx_worker_connections": 99}, 3, 524288, 99),
    ],
    ids=["small", "tiny", "large", "limited", "by_hand"],
)
def test_size(
    of_host: dict[str, Any], variables: dict[str, Any], workers: int, files: int, links: int
) -> None:
    plan, found = planned(case(site(), **variables)), host(**of_host)
    assert worker_count(plan["settings"], found) == workers
    assert int(connections(plan["settings"], found)) == links
    text = rendered(plan, found, {})["nginx.conf"]["text"]
    assert f"worker_rlimit_nofile {files};" in text
    assert f"worker_connections {links};" in text


# ---- whose a file is ----------------------------------------------------------------------------


@pytest.mark.parametrize("case", GOOD)
def test_every_site_says_whose_it_is(case: str) -> None:
    for path, file in files(case).items():
        said = file["text"].splitlines()[1:2] == [f"# Owner: {OWNER}"]
        assert said == path.startswith(("conf.d/", "stream.d/")), path


def test_owner_is_said_once_and_only_below_the_header() -> None:
    text = owned(f"# {HEADER}\nserver {{}}\n", "a, b")
    assert text == f"# {HEADER}\n# Owner: a, b\nserver {{}}\n"
    assert owned(text, "a, b") == text
    # A template of the user's own without the header: such a file is not the role's to remove.
    assert owned("server {}\n", "a, b") == "server {}\n"


def foreign(name: str, *listens: str, owner: str = "another", **keys: Any) -> dict[str, Any]:
    """Describe a site's file of another owner, as the host has it."""
    return {"file": f"conf.d/{name}.conf", "owner": owner, "listens": list(listens)} | keys


def test_who_is_another_owner() -> None:
    found = host(owned=[foreign("a"), foreign("b", owner=""), foreign("c", owner=OWNER)])
    assert [one["file"] for one in others(planned(case()), found)] == ["conf.d/a.conf"]


def test_main_file_is_for_the_sites_of_all_owners() -> None:
    # Or a play would take the port, TLS and the variables of the others' sites away from them.
    one, other = planned(case(site(port=81))), planned(case(site("b", tls=SIGNED)))
    theirs = foreign("b", "80", "[::]:80", "443 ssl http2", "[::]:443 ssl http2")
    ours = foreign("shop", "81", "[::]:81")
    texts = [
        rendered(plan, host(owned=[found]), {})["nginx.conf"]["text"]
        for plan, found in ((one, theirs), (other, ours))
    ]
    # Two plays whose role has the same variables write the same, so that neither changes it.
    assert texts[0] == texts[1]
    closed = blocks(stripped(texts[0]), "server {")[-1]
    assert [line for line in listens(closed) if "[::]" not in line] == [
        "listen 80 default_server backlog=4096;",
        "listen 81 default_server backlog=4096;",
        "listen 443 ssl http2 default_server backlog=4096;",
    ]
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in stripped(texts[0])


def test_what_another_owners_site_says_of_a_socket_is_not_repeated() -> None:
    theirs = foreign("b", "80 default_server backlog=4096", "443 quic", "443 ssl", "unix:/run/x")
    made = rendered(planned(case(site())), host("1.26.0", owned=[theirs], ipv6=False), {})
    closed = blocks(stripped(made["nginx.conf"]["text"]), "server {")[-1]
    assert listens(closed) == [
        "listen 443 ssl default_server backlog=4096;",
        "listen 443 quic default_server reuseport;",
    ]
    assert "listen 80;" in stripped(made["conf.d/shop.conf"]["text"])
    alone = planned(case(site(), nginx_default_server=False))
    made = rendered(alone, host(owned=[foreign("b", "80 backlog=4096")]), {})
    assert "backlog" not in made["conf.d/shop.conf"]["text"]


def test_variables_of_another_owners_sites_are_there() -> None:
    theirs = foreign("b", "80", variables=["$flaskstack_blocked", "$flaskstack_scanner"])
    made = rendered(planned(case(site())), host(owned=[theirs]), {})["nginx.conf"]["text"]
    assert "map $uri $flaskstack_scanner {" in made


def test_file_of_the_package_is_left_to_its_owner() -> None:
    theirs = {"file": "conf.d/default.conf", "owner": "another"}
    org = planned(case(site(), nginx_source="nginx.org"))
    assert "conf.d/default.conf" not in rendered(org, host(owned=[theirs]), {})
    ours = {"file": "conf.d/default.conf", "owner": ""}
    assert "conf.d/default.conf" in rendered(planned(case(site())), host(owned=[ours]), {})


# ---- templates of the user's own ----------------------------------------------------------------


def test_only_a_template_of_the_users_own_needs_ansible() -> None:
    assert own_templates(planned(case(site())), HOST) == []
    plan = planned(case(site(), site("b", template="own.conf.j2")))
    (found,) = own_templates(plan, HOST)
    assert (found["name"], found["template"]) == ("b", "own.conf.j2")
    assert found["variables"]["__nginx_site"]["domains"] == ["b.example.com"]
    made = rendered(plan, HOST, {"b": f"# {HEADER}\nmine\n"})
    assert made["conf.d/b.conf"]["text"] == f"# {HEADER}\n# Owner: {OWNER}\nmine\n"


# ---- what another program says of it ------------------------------------------------------------

#: What gixy finds and is meant so, by its plugin and summary, with the files where.
MEANT = {
    # It listens on 127.0.0.1 alone, see test_figures_only_for_this_host.
    ("status_page_exposed", "stub_status is publicly accessible without IP restrictions."): (
        ("nginx.conf",)
    ),
    # What the variable holds is the name of an upstream of the same file, and nothing else.
    ("missing_resolver", "Proxy target uses static DNS resolution (resolved only at startup)."): (
        ("stream.d/",)
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


def write(directory: Path, made: Files) -> Path:
    """Write a configuration, with what it includes; return its first file."""
    for path, file in made.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file["text"], encoding="utf-8")
    (directory / "mime.types").write_text("types {\n    text/html html;\n}\n", encoding="utf-8")
    for kind in ("uwsgi", "fastcgi"):
        text = f"{kind}_param REQUEST_SCHEME $scheme;\n"
        (directory / f"{kind}_params").write_text(text, encoding="utf-8")
    return directory / "nginx.conf"


def test_no_configuration_is_unsafe(tmp_path: Path) -> None:
    written = [write(tmp_path / name, files(name)) for name in GOOD]
    wrong = []
    for found in gixy(written):
        file = Path(found["file"]).relative_to(tmp_path)
        where = MEANT.get((found["plugin"], found["summary"]), ())
        if not str(Path(*file.parts[1:])).startswith(where):
            wrong.append(f"{file}:{found['line']}: {found['plugin']}: {found['reason']}")
    assert wrong == []


def test_unsafe_configuration_would_be_found(tmp_path: Path) -> None:
    made = {path: dict(file) for path, file in files("every_kind").items()}
    site_file = made["conf.d/shop.conf"]
    site_file["text"] = site_file["text"].replace("location /files/ {", "location /files {")
    found = {one["plugin"] for one in gixy([write(tmp_path, made)])}
    assert "alias_traversal" in found


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("", "https://nginx.org/packages/rhel/8/$basearch/"),
        ("https://mirror.example/${releasever}/x", "https://mirror.example/8/x"),
        (
            "https://mirror.example/$releasever_major/x",
            "https://mirror.example/$releasever_major/x",
        ),
        ("file:///srv/el-repo", "file:///srv/el-repo"),
    ],
)
def test_the_repository_is_that_of_the_major_release(given: str, wanted: str) -> None:
    """On a host that is kept at 8.8, dnf would ask for a directory 8.8, and get a 404."""
    variables = {"nginx_repository": given} if given else {}
    plan = planned(case(site(), facts={"distribution_major_version": "8"}, **variables))
    assert plan["settings"]["nginx_repository"] == wanted
