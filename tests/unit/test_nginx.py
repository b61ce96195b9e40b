"""The nginx role: what it refuses, and the configuration that it renders."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from templar import ROOT, evaluate_role, has, load

SERVERS = {"servers": ["unix:/opt/shop/current/uwsgi.sock"]}


def site(name: str = "shop", **keys: Any) -> dict[str, Any]:
    """Describe a site in front of one uWSGI."""
    return {"name": name, "domains": [f"{name}.example.com"], "uwsgi": SERVERS} | keys


def static(*paths: str, url: str = "/static/") -> list[dict[str, Any]]:
    """Describe one static location."""
    return [{"url": url, "paths": list(paths)}]


#: Case -> variables of the role.
GOOD: dict[str, dict[str, Any]] = {
    "plain": {"nginx_sites": [site()]},
    "dependent": {"nginx_dependent_sites": [site()], "nginx_sites": [site("blog")]},
    "directory": {"nginx_sites": [{"name": "d", "domains": ["d.test"], "directory": "/opt/d"}]},
    "several_servers": {
        "nginx_sites": [site(uwsgi={"servers": ["10.0.0.1:3031", "app-2:3031", "[fd00::1]:3031"]})]
    },
    "one_static": {"nginx_sites": [site(static=static("/opt/a/"))]},
    "fallback": {"nginx_sites": [site(static=static("/opt/a", "/opt/b/", url="/s.v1/"))]},
    "two_fallbacks": {
        "nginx_sites": [
            site(static=static("/opt/a", "/opt/b") + static("/opt/c", "/opt/d", url="/media/"))
        ]
    },
    "no_ipv6": {"nginx_sites": [site()], "__nginx_search": {"files": []}},
    "open": {"nginx_sites": [site(domains=["_"])], "nginx_default_server": False},
    "open_elsewhere": {"nginx_sites": [site(domains=["_"], port=8080)]},
    "options": {
        "nginx_sites": [
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
        ]
    },
    "defaults": {
        "nginx_sites": [site(), site("blog", port=8080)],
        "nginx_defaults": {"port": 81, "client_max_body_size": "1m", "options": {"gzip": True}},
    },
    "nulls": {"nginx_sites": [site(static=None, options=None, raw=None, port=None)]},
    "timeouts": {"nginx_sites": [site(read_timeout="5m")]},
    "same_name_other_port": {
        "nginx_sites": [site("a", domains=["x.test"]), site("b", domains=["x.test"], port=8080)]
    },
    "alike": {"nginx_sites": [site("a-b"), site("a.b"), site("a_b", domains=["c.test"])]},
    "workers": {"nginx_worker_processes": "4", "nginx_worker_connections": 4096},
}

#: Case -> variables, and what one sentence must have.
REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
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
            "client_max_body_size, options, port, raw, read_timeout, static",
        ],
    ),
    "twice": (
        {"nginx_sites": [site()], "nginx_dependent_sites": [site(domains=["other.test"])]},
        ["'shop'", "2 times"],
    ),
    "name": (
        {"nginx_sites": [site("../shop", domains=["x.test"])]},
        ["'../shop'", "name", "lower-case"],
    ),
    "no_domain": ({"nginx_sites": [site(domains=[])]}, ["'shop'", "domains", "empty"]),
    "url_domain": (
        {"nginx_sites": [site(domains=["http://shop.test/"])]},
        ["'shop'", "domains", "'http://shop.test/'", "no host name"],
    ),
    "space_domain": ({"nginx_sites": [site(domains=["a b"])]}, ["'shop'", "domains", "'a b'"]),
    "claimed": (
        {"nginx_sites": [site("a", domains=["x.test"]), site("b", domains=["X.test"])]},
        ["site 'b'", "domains", "'X.test' on port 80", "site 'a' already"],
    ),
    "claimed_default_port": (
        {
            "nginx_sites": [site("a", domains=["x.test"]), site("b", domains=["x.test"], port=81)],
            "nginx_defaults": {"port": 81},
        },
        ["site 'b'", "'x.test' on port 81", "site 'a' already"],
    ),
    "never_reached": (
        {"nginx_sites": [site(domains=["_"])]},
        ["'shop'", "domains", "'_'", "nginx_default_server to false"],
    ),
    "static_url": (
        {"nginx_sites": [site(static=static("/opt/a", url="/static"))]},
        ["'shop'", "static.url", "'/static'", "begin and end with /"],
    ),
    "static_none": ({"nginx_sites": [site(static=static())]}, ["'shop'", "static.paths", "one"]),
    "static_three": (
        {"nginx_sites": [site(static=static("/a", "/b", "/c"))]},
        ["'shop'", "static.paths", "'/static/'", "two"],
    ),
    "server": (
        {"nginx_sites": [site(uwsgi={"servers": ["/run/shop.sock"]})]},
        ["'shop'", "uwsgi.servers", "'/run/shop.sock'", "unix:/path or host:port"],
    ),
    "server_portless": (
        {"nginx_sites": [site(uwsgi={"servers": ["app-1"]})]},
        ["'shop'", "uwsgi.servers", "'app-1'"],
    ),
}

HEADER = load(ROOT / "roles/nginx/vars/main.yml")["__nginx_header"]
MINE = hashlib.sha1(b"mine\n").hexdigest()

#: What the host has, against what it should have.
FILES: dict[str, Any] = {
    "__nginx_files": {"nginx.conf": "mine\n", "conf.d/shop.conf": "mine\n", "conf.d/b.conf": "new"},
    "__nginx_search": {
        "files": [
            {"path": "/etc/nginx/nginx.conf", "checksum": MINE},
            {"path": "/etc/nginx/conf.d/shop.conf", "checksum": "0" * 40},
            {"path": "/etc/nginx/conf.d/gone.conf", "checksum": MINE},
            {"path": "/etc/nginx/conf.d/php-fpm.conf", "checksum": "1" * 40},
        ]
    },
    "__nginx_owned": {
        "files": [
            {"path": "/etc/nginx/conf.d/shop.conf"},
            {"path": "/etc/nginx/conf.d/gone.conf"},
        ]
    },
}

BARE = {"__nginx_search": {"files": [{"path": "/proc/net/if_inet6"}]}, "__nginx_owned": {}}
CASES = {
    name: BARE | {"__nginx_files": {"nginx.conf": ""}} | case
    for name, case in (GOOD | {"files": FILES}).items()
} | {f"refused_{name}": {"wanted": ["problems"]} | case for name, (case, _) in REFUSED.items()}
EXPRESSIONS = {
    "problems": "__nginx_problems",
    "rendered": "__nginx_rendered",
    "ports": "__nginx_complete_sites | map(attribute='port') | list",
    "stale": "__nginx_stale",
    "dropped": "__nginx_dropped",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Evaluate all cases in one run."""
    return evaluate_role("nginx", tmp_path_factory.mktemp("nginx"), EXPRESSIONS, CASES)


def lines(results: dict[str, Any], case: str, name: str = "shop") -> list[str]:
    """Give the lines of a site's file, without indentation and comments."""
    text = results[case]["rendered"][f"conf.d/{name}.conf"]
    stripped = (line.strip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def block(results: dict[str, Any], case: str, opening: str) -> list[str]:
    """Give the lines of the block that begins with a line."""
    found = lines(results, case)
    start = found.index(opening) + 1
    return found[start : found.index("}", start)]


@pytest.mark.parametrize("case", GOOD)
def test_good_input_has_no_problems(results: dict[str, Any], case: str) -> None:
    assert results[case]["problems"] == []


@pytest.mark.parametrize("case", REFUSED)
def test_refused(results: dict[str, Any], case: str) -> None:
    problems = results[f"refused_{case}"]["problems"]
    assert has(problems, *REFUSED[case][1]), problems
    assert len(problems) == 1


@pytest.mark.parametrize("case", GOOD)
def test_every_file_is_marked_and_balanced(results: dict[str, Any], case: str) -> None:
    for text in results[case]["rendered"].values():
        assert text.startswith(f"# {HEADER}\n")
        assert text.endswith("}\n")
        assert text.count("{") == text.count("}")
        assert "None" not in text


def test_each_site_has_a_file(results: dict[str, Any]) -> None:
    assert set(results["dependent"]["rendered"]) == {
        "nginx.conf",
        "conf.d/shop.conf",
        "conf.d/blog.conf",
    }


def test_single_server_is_its_own_backup(results: dict[str, Any]) -> None:
    server = "server unix:/opt/shop/current/uwsgi.sock max_fails=0"
    assert block(results, "plain", "upstream site_shop {") == [f"{server};", f"{server} backup;"]
    assert "uwsgi_pass site_shop;" in lines(results, "plain")
    tries = "uwsgi_next_upstream error timeout invalid_header http_503;"
    assert tries in lines(results, "plain")


def test_several_servers_back_each_other(results: dict[str, Any]) -> None:
    assert block(results, "several_servers", "upstream site_shop {") == [
        "server 10.0.0.1:3031;",
        "server app-2:3031;",
        "server [fd00::1]:3031;",
    ]


def test_names_that_look_alike_have_upstreams_of_their_own(results: dict[str, Any]) -> None:
    first = [lines(results, "alike", name)[0] for name in ("a-b", "a.b", "a_b")]
    assert len(set(first)) == 3


def test_directory_has_no_upstream(results: dict[str, Any]) -> None:
    found = lines(results, "directory", "d")
    assert "root /opt/d;" in found
    assert not [line for line in found if "uwsgi" in line or "upstream" in line]


def test_one_static_directory(results: dict[str, Any]) -> None:
    assert block(results, "one_static", "location ^~ /static/ {") == [
        "alias /opt/a/;",
        "gzip_static on;",
        "gzip_vary on;",
    ]


def test_static_falls_back_to_the_second_directory(results: dict[str, Any]) -> None:
    assert block(results, "fallback", "location ^~ /s.v1/ {") == [
        "alias /opt/a/;",
        "gzip_static on;",
        "gzip_vary on;",
        "error_page 404 = @static_1;",
        "log_not_found off;",
    ]
    assert block(results, "fallback", "location @static_1 {") == [
        r"rewrite ^/s\.v1/(.*)$ /$1 break;",
        "root /opt/b;",
        "gzip_static on;",
        "gzip_vary on;",
    ]


def test_each_fallback_has_a_location_of_its_own(results: dict[str, Any]) -> None:
    assert "root /opt/b;" in block(results, "two_fallbacks", "location @static_1 {")
    assert "root /opt/d;" in block(results, "two_fallbacks", "location @static_2 {")
    assert "error_page 404 = @static_2;" in block(results, "two_fallbacks", "location ^~ /media/ {")


def test_ipv6_only_where_the_host_has_it(results: dict[str, Any]) -> None:
    assert "listen [::]:80;" in lines(results, "plain")
    assert "listen [::]:80 default_server;" in results["plain"]["rendered"]["nginx.conf"]
    for text in results["no_ipv6"]["rendered"].values():
        assert "[::]" not in text
    assert "listen 80;" in lines(results, "no_ipv6")


def test_hosts_that_no_site_has(results: dict[str, Any]) -> None:
    closed = results["plain"]["rendered"]["nginx.conf"]
    assert "listen 80 default_server;" in closed
    assert "return 444;" in closed
    assert "default_server" not in "".join(lines(results, "plain"))
    assert "default_server" not in results["open"]["rendered"]["nginx.conf"]
    assert "listen 80 default_server;" in lines(results, "open")
    assert "listen [::]:8080 default_server;" in lines(results, "open_elsewhere")


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
    text = results["options"]["rendered"]["conf.d/shop.conf"]
    assert text.endswith("    location = /ping {\n        return 204;\n    }\n}\n")


def test_own_keys_before_defaults(results: dict[str, Any]) -> None:
    assert results["defaults"]["ports"] == [81, 8080]
    assert "client_max_body_size 1m;" in lines(results, "defaults")
    assert "gzip on;" in lines(results, "defaults", "blog")


def test_null_is_as_good_as_nothing(results: dict[str, Any]) -> None:
    assert results["nulls"]["rendered"] == results["plain"]["rendered"]


def test_read_timeout(results: dict[str, Any]) -> None:
    assert "uwsgi_read_timeout 60s;" in lines(results, "plain")
    assert "uwsgi_read_timeout 5m;" in lines(results, "timeouts")


def test_workers(results: dict[str, Any]) -> None:
    text = results["workers"]["rendered"]["nginx.conf"]
    assert "worker_processes 4;" in text
    assert "worker_connections 4096;" in text


def test_only_what_differs_is_written(results: dict[str, Any]) -> None:
    assert sorted(results["files"]["stale"]) == ["conf.d/b.conf", "conf.d/shop.conf"]
    assert results["plain"]["stale"] == ["nginx.conf"]


def test_only_own_files_are_dropped(results: dict[str, Any]) -> None:
    assert results["files"]["dropped"] == ["conf.d/gone.conf"]
    assert results["plain"]["dropped"] == []
