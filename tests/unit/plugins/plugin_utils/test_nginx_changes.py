"""What is on a host, held against what should be there."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
import yaml

from ansible_collections.flaskstack.centos.plugins.plugin_utils import (
    nginx_changes,
    nginx_files,
    nginx_plan,
    sites,
    specs,
    templates,
)
from nginx_cases import CA, HOST, OWNER, ROOT, SIGNED, case, host, planned, site
from templar import has, load

MINE = {"sha256": hashlib.sha256(b"mine\n").hexdigest(), "mode": "0644"}
OTHER = MINE | {"sha256": "0" * 64}
SECRET = MINE | {"mode": "0600"}
PEM = {
    "certificate_text": "-----BEGIN CERTIFICATE-----\nx",
    "key_text": "-----BEGIN PRIVATE KEY-----\nx",
}

THREE = [
    site("kept", tls={"acme": True}),
    site("signed", tls=SIGNED),
    site("text", tls=PEM),
    site("files", tls={"certificate": "/etc/pki/f.crt", "key": "/etc/pki/f.key"}),
]


def certificates(**states: str) -> dict[str, Any]:
    """Describe what the host said of certificates."""
    return {name: {"state": state} for name, state in states.items()}


def owned(*names: str, owner: str = "") -> list[dict[str, Any]]:
    """Describe files of sites that have the role's header."""
    return [{"file": f"conf.d/{name}.conf", "owner": owner} for name in names]


def sysctls(somaxconn: str = "4096", ports: str = "32768 60999", reserved: str = "") -> Any:
    """Describe a host with settings of the kernel."""
    names = ("core.somaxconn", "ipv4.ip_local_port_range", "ipv4.ip_local_reserved_ports")
    values = (somaxconn, ports, reserved)
    return host(sysctls={f"net.{name}": value for name, value in zip(names, values, strict=True)})


RANGE = {"nginx_port_range": "1024 65535", "nginx_reserved_ports": [3306]}


def fingerprints(files: nginx_files.Files) -> dict[str, Any]:
    """Describe files as a host has them."""
    return {
        path: {
            "sha256": hashlib.sha256(file["text"].encode()).hexdigest(),
            "mode": file["mode"],
        }
        for path, file in files.items()
    }


# ---- files ------------------------------------------------------------------------------------


def files_of(*paths: str) -> nginx_files.Files:
    """Describe files that should be there."""
    return {path: {"text": "mine\n", "mode": "0644"} for path in paths}


def test_only_what_differs_is_written() -> None:
    # By content and by mode.
    wanted = files_of("nginx.conf", "blocked.conf", "conf.d/shop.conf")
    wanted["conf.d/new.conf"] = {"text": "new\n", "mode": "0644"}
    wanted["tls/shop.key"] = {"text": "mine\n", "mode": "0600"}
    found = {
        "nginx.conf": MINE,
        "blocked.conf": MINE | {"mode": "0600"},
        "conf.d/shop.conf": OTHER,
        "conf.d/gone.conf": MINE,
        "tls/shop.key": MINE,
        "tls/shop.crt": MINE,
    }
    stale = [path for path, file in wanted.items() if nginx_changes.differs(file, found, path)]
    assert sorted(stale) == ["blocked.conf", "conf.d/new.conf", "conf.d/shop.conf", "tls/shop.key"]


def test_a_host_with_all_of_it_has_nothing_to_do() -> None:
    plan = planned(case(site(), site("text", tls=PEM), nginx_metrics_directory="/srv/figures"))
    there = host(
        units={
            name: {"ActiveState": "active", "UnitFileState": "enabled"}
            for name in ("nginx.service", "nginx-metrics.timer")
        },
        programs={nginx_plan.METRICS_PROGRAM: True},
        owned=owned("shop", "text", owner=OWNER),
        sysctls=sysctls()["sysctls"],
    )
    files = nginx_files.rendered(plan, there, {})
    limits = templates.render("nginx", "limits.conf.j2", open_files=there["open_files"])
    units = {
        path: {"text": templates.render("nginx", name, **plan["settings"]), "mode": "0644"}
        for path, name in nginx_plan.METRICS_FILES.items()
    }
    paths = units | {nginx_plan.LIMITS_PATH: {"text": limits, "mode": "0644"}}
    there |= {"files": fingerprints(files), "paths": fingerprints(paths)}
    found = nginx_changes.changes(plan, there)
    assert found["problems"] == found["remove"] == found["unsigned"] == found["firewall"] == []
    assert found["files"] == found["secret_files"] == found["sysctls"] == {}
    assert not found["configure"] and not found["limits"]["differs"] and not found["start"]
    assert not found["old_sysctls"] and not found["acme"]["due"] and not found["metrics"]["due"]
    # And any one difference is seen.
    bare = nginx_changes.changes(plan, host(sysctls=sysctls("128")["sysctls"]))
    assert bare["configure"] and bare["limits"]["differs"] and bare["start"]
    assert bare["metrics"]["due"] and bare["sysctls"]
    assert set(bare["secret_files"]) == {"tls/text.key"}
    assert bare["pairs"] == [
        {
            "site": "text",
            "certificate": "/etc/nginx/tls/text.crt",
            "key": "/etc/nginx/tls/text.key",
            "key_names": ["tls.certificate_text", "tls.key_text"],
        }
    ]
    assert "conf.d/shop.conf" in bare["files"] and "tls/text.key" not in bare["files"]
    pending = nginx_changes.changes(plan, there | {"pending": True})
    assert pending["configure"]


def test_a_drained_server_is_no_difference() -> None:
    plan = planned(case(site(http={"servers": ["10.0.0.1:80", "10.0.0.2:80"]})))
    there = host(sysctls=sysctls()["sysctls"], drained=["10.0.0.2"])
    files = nginx_files.rendered(plan, there, {})
    assert "    server 10.0.0.2:80 down; # drained\n" in files["conf.d/shop.conf"]["text"]
    there |= {"files": fingerprints(files)}
    assert nginx_changes.changes(plan, there)["files"] == {}
    # Until it is put back.
    back = nginx_changes.changes(plan, there | {"drained": []})["files"]
    assert set(back) == {"conf.d/shop.conf"} and "down" not in back["conf.d/shop.conf"]


LEFT = {
    "nginx.conf": MINE,
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
}
GONE = ["conf.d/gone.conf", "maintenance/gone.html", "tls/gone.crt", "tls/gone.key"]


@pytest.mark.parametrize("owner", ["", OWNER])
def test_only_own_files_are_dropped(owner: str) -> None:
    # With a site go its certificates and its page; php-fpm.conf is somebody else's.
    found = host(files=LEFT, owned=owned("shop", "gone", owner=owner))
    dropped = nginx_changes.dropped(planned(case(site())), found, files_of("conf.d/shop.conf"))
    assert sorted(dropped) == GONE


def test_sites_of_another_owner_stay() -> None:
    # A second play or inventory on a host used to delete the sites of the first.
    found = host(
        files=LEFT,
        owned=owned("shop", owner=OWNER) + owned("gone", owner="other, Serve"),
        lineages=["gone", "left"],
    )
    plan = planned(case(site()))
    assert nginx_changes.dropped(plan, found, files_of("conf.d/shop.conf")) == []
    assert nginx_changes.acme_changes(plan, found)["dropped"] == ["left"]
    units = dict.fromkeys(nginx_plan.METRICS_FILES, MINE)
    assert not nginx_changes.metrics_changes(plan, found | {"paths": units})["due"]
    assert nginx_changes.metrics_changes(plan, host(paths=units))["due"]


def test_site_of_another_owner_is_not_taken_over() -> None:
    found = host(owned=owned("shop", owner="other, Serve") + owned("b", owner=""))
    problems = nginx_changes.problems(planned(case(site(), site("b"))), found)
    assert len(problems) == 1
    assert has(problems, "site 'shop', name", "'other, Serve'", f"'{OWNER}'", "nginx_owner")


def test_settings_that_another_owners_site_needs_are_asked_for() -> None:
    theirs = {
        "file": "conf.d/b.conf",
        "owner": "other",
        "listens": ["80"],
        "variables": ["$flaskstack_scheme"],
    }
    found = host(owned=[theirs])
    problems = nginx_changes.problems(planned(case(site())), found)
    assert has(problems, "nginx_real_ip_from", "conf.d/b.conf", "'other'")
    same = planned(case(site(), nginx_real_ip_from=["10.0.0.1"]))
    assert nginx_changes.problems(same, found) == []


def test_certificates_of_the_users_own_stay() -> None:
    # The user's own certificates may be beside the role's.
    plan = planned(
        case(site(tls={"certificate": "/etc/nginx/tls/wild.crt", "key": "tls/wild.key"}))
    )
    found = host(
        files={"tls/wild.crt": MINE, "tls/wild.key": SECRET, "tls/dhparam.pem": MINE},
        owned=owned("shop", "wild"),
    )
    dropped = nginx_changes.dropped(plan, found, files_of("conf.d/shop.conf", "conf.d/wild.conf"))
    assert dropped == []
    assert nginx_changes.dropped(plan, found, files_of("conf.d/shop.conf")) == ["conf.d/wild.conf"]


def test_what_the_host_says_is_passed_on() -> None:
    found = host(problems=[{"site": "shop", "key": "directory", "text": "site 'shop', no."}])
    wanted = planned(case(site(tls=SIGNED | {"http3": True})))
    problems = nginx_changes.problems(wanted, found)
    assert problems[0] == "site 'shop', no."
    assert has(problems, "site 'shop', tls.http3: nginx 1.22.1", "no HTTP/3")
    newer = host("1.26.0") | {"nginx": {"version": "1.26.0", "modules": []}}
    newer["nginx"]["arguments"] = ["--with-http_v3_module"]
    assert nginx_changes.problems(wanted, newer) == []
    assert nginx_changes.problems(wanted, HOST | {"nginx": None}) == []


# ---- certificates -----------------------------------------------------------------------------


def sockets(plan: dict[str, Any], found: dict[str, Any]) -> dict[int, Any]:
    """Give what the server for unknown names is about."""
    return nginx_files.with_others(nginx_files.ports_of(plan, found), plan, found)


def test_bare_host_is_asked_as_if_it_had_nginx() -> None:
    bare = HOST | {"nginx": None}
    assert nginx_files.version_of(bare) == (1, 20, 0)
    assert not nginx_files.needs_reject(sockets(planned(case(site())), bare))


def unsigned(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Give what certificates are made on a host."""
    return nginx_changes.unsigned(planned(case(*THREE)), found)


def test_certificates_that_the_role_makes() -> None:
    states = certificates(kept="missing", signed="expiring", files="ok")
    assert unsigned(host(certificates=states)) == [
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
    assert unsigned(host(certificates=certificates(kept="ok", signed="ok", files="missing"))) == []
    # What the authority gave stays until it gives another.
    renewing = unsigned(host(certificates=certificates(kept="names", signed="names", files="ok")))
    assert [one["key"] for one in renewing] == ["/etc/nginx/tls/signed.key"]


def test_certificate_for_unknown_names() -> None:
    plan = planned(case(site(tls=SIGNED)))
    old = host("1.18.0", certificates=certificates(shop="ok"))
    (made,) = nginx_changes.unsigned(plan, old)
    assert nginx_files.needs_reject(sockets(plan, old))
    assert made["certificate"] == "/etc/nginx/tls/_default.crt"
    assert made["names"] == ["localhost"]
    assert nginx_changes.unsigned(plan, old | {"files": {"tls/_default.crt": MINE}}) == []


def acme(found: dict[str, Any], *some: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """Give what there is to do about certificates by ACME."""
    return nginx_changes.acme_changes(planned(case(*(some or THREE), **variables)), found)


def test_certificates_by_acme() -> None:
    missing = host(
        certificates=certificates(kept="missing", signed="expiring", files="ok"),
        lineages=["gone", "kept", "signed"],
        certbot="4.2.0",
    )
    found = acme(missing)
    assert found["sites"] == [{"name": "kept", "domains": ["kept.example.com"]}]
    # Those that are renewed for sites that have none any more.
    assert sorted(found["dropped"]) == ["gone", "signed"]
    assert found["due"] is True
    renewing = host(certificates=certificates(kept="names", signed="names", files="ok"))
    assert [one["name"] for one in acme(renewing)["sites"]] == ["kept"]
    right = host(certificates=certificates(kept="ok", signed="ok", files="ok"), lineages=["kept"])
    assert acme(right)["sites"] == acme(right)["dropped"] == []
    # Got from the authority, and nginx has not taken it over.
    assert [one["name"] for one in acme(right | {"acme_due": ["kept"]})["sites"]] == ["kept"]
    none = acme(host(lineages=[]), site())
    assert (none["due"], none["sites"], none["files"]) == (False, [], [])


def test_acme_is_complete_or_due() -> None:
    right = host(
        certificates=certificates(kept="ok", signed="ok", files="ok"),
        lineages=["kept"],
        certbot="4.2.0",
        programs={nginx_changes.DEPLOY_PROGRAM: True},
    )
    files = nginx_changes.acme_files(planned(case(*THREE)))
    right |= {"paths": fingerprints(files)}
    assert not acme(right)["due"]
    assert not acme(right, nginx_acme_certbot_version="4.2.0")["due"]
    assert acme(right, nginx_acme_certbot_version="4.3.0")["due"]
    assert acme(right | {"certbot": None})["due"]
    assert acme(right | {"programs": {}})["due"]
    changed = acme(right, nginx_acme_email="web@example.com")
    assert [file["path"] for file in changed["files"]] == ["/opt/certbot/cli.ini"]
    assert changed["due"]


def test_environment_of_acme_is_a_secret_file() -> None:
    files = nginx_changes.acme_files(
        planned(
            case(
                *THREE,
                nginx_acme_ca_bundle="/etc/pki/ca.crt",
                nginx_acme_proxy="http://me:secret@p:3128",
                nginx_acme_environment={"no_proxy": "ca.example", "A": 'b "c" $d\\', "N": 1},
            )
        )
    )
    file = files["/opt/certbot/environment"]
    assert file["mode"] == "0600"
    assert file["text"].splitlines()[1:] == [
        'A="b \\"c\\" $d\\\\"',
        'HTTP_PROXY="http://me:secret@p:3128"',
        'HTTPS_PROXY="http://me:secret@p:3128"',
        'N="1"',
        'no_proxy="ca.example"',
        'REQUESTS_CA_BUNDLE="/etc/pki/ca.crt"',
    ]
    others = [file["text"] for path, file in files.items() if not path.endswith("environment")]
    assert not [text for text in others if "secret" in text]


def test_passwords_are_in_no_environment_of_a_task() -> None:
    # environment: becomes part of the command line that sudo runs and logs.
    for path in (ROOT / "roles/nginx").glob("*/*.yml"):
        if path.parent.name in ("tasks", "handlers"):
            for task in yaml.safe_load(path.read_text(encoding="utf-8")):
                assert "environment" not in task, (path.name, task["name"])


# ---- metrics ----------------------------------------------------------------------------------


def metrics(found: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """Give what there is to do about the metrics."""
    given = {"nginx_metrics_directory": "/srv/figures"} | variables
    return nginx_changes.metrics_changes(planned(case(site(), **given)), found)


def test_metrics() -> None:
    bare = metrics(HOST)
    assert (bare["state"], bare["due"]) == ("present", True)
    texts = {file["path"].rpartition("/")[2]: file["text"] for file in bare["files"]}
    assert set(texts) == {"nginx-metrics.service", "nginx-metrics.timer"}
    assert (
        "/usr/local/sbin/nginx-metrics.pyz 8008 /srv/figures/nginx.prom'"
        in (texts["nginx-metrics.service"])
    )
    assert "OnUnitActiveSec=15\n" in texts["nginx-metrics.timer"]
    files = {file["path"]: {"text": file["text"], "mode": "0644"} for file in bare["files"]}
    right = host(
        paths=fingerprints(files),
        programs={nginx_plan.METRICS_PROGRAM: True},
        units={"nginx-metrics.timer": {"ActiveState": "active", "UnitFileState": "enabled"}},
    )
    assert not metrics(right)["due"]
    assert metrics(right, nginx_metrics_interval=30)["due"]
    assert metrics(right | {"programs": {}})["due"]
    assert metrics(right | {"units": {}})["due"]
    old = {"/usr/local/sbin/nginx-metrics.py": MINE}
    assert metrics(right | {"paths": right["paths"] | old})["due"]
    gone = metrics(right, nginx_metrics_directory="")
    assert gone == {"state": "absent", "due": True, "files": []}
    assert not metrics(HOST, nginx_metrics_directory="")["due"]
    assert metrics(host(paths=old), nginx_metrics_directory="")["due"]


# ---- the kernel, the firewall -----------------------------------------------------------------


def kernel(found: dict[str, Any], *some: dict[str, Any], **variables: Any) -> dict[str, str]:
    """Give what settings of the kernel have to change."""
    return nginx_changes.sysctls(planned(case(*(some or [site()]), **variables)), found)


THREE_PORTS = [site(), site("b", port=8080), site("c", port=8081)]


def test_kernel_settings() -> None:
    for name, found in {
        "right": sysctls(),
        "more": sysctls(somaxconn="65535"),
        "none": host(sysctls={"net.core.somaxconn": None}),
    }.items():
        assert kernel(found) == {}, name
    reserved = sysctls(ports="1024 65535", reserved="80,3306,8008,8080-8082")
    assert kernel(reserved, *THREE_PORTS, **RANGE) == {}
    assert kernel(sysctls(somaxconn="128")) == {"net.core.somaxconn": "4096"}
    # What others reserved stays so; ports below the range are not in danger.
    assert kernel(sysctls(reserved="9000-9002,9100"), *THREE_PORTS, **RANGE) == {
        "net.ipv4.ip_local_port_range": "1024 65535",
        "net.ipv4.ip_local_reserved_ports": "3306,8008,8080,8081,9000,9001,9002,9100",
    }


def test_what_an_earlier_version_wrote_elsewhere_is_written_anew() -> None:
    # Of 60-nginx.conf and 60-uwsgi.conf the latter won after a restart, with the smaller queue.
    old = {nginx_plan.OLD_SYSCTL_FILE: MINE}
    assert kernel(sysctls() | {"paths": old}) == {"net.core.somaxconn": "4096"}
    # Never lowered: somebody wants more.
    assert kernel(sysctls(somaxconn="65535") | {"paths": old}) == {"net.core.somaxconn": "65535"}
    moved = kernel(sysctls(ports="1024 65535", reserved="3306,8008") | {"paths": old}, **RANGE)
    assert moved == {
        "net.core.somaxconn": "4096",
        "net.ipv4.ip_local_port_range": "1024 65535",
        "net.ipv4.ip_local_reserved_ports": "3306,8008",
    }
    assert nginx_plan.OLD_SYSCTL_FILE in planned(case(site()))["questions"]["paths"]


def test_all_roles_write_one_file_for_the_kernel() -> None:
    for path in (ROOT / "roles").glob("*/tasks/*.yml"):
        for task in yaml.safe_load(path.read_text(encoding="utf-8")):
            if "ansible.posix.sysctl" in task and "nginx" in path.parts:
                file = task["ansible.posix.sysctl"]["sysctl_file"]
                assert file == "/etc/sysctl.d/70-flaskstack.conf", path


def test_firewall() -> None:
    running = {"units": {"firewalld.service": {"ActiveState": "active"}}}
    plan = planned(case(site(tls=SIGNED | {"http3": True}), site("b", port=81)))
    assert nginx_changes.firewall(plan, host(**running)) == [
        "80/tcp",
        "443/tcp",
        "81/tcp",
        "443/udp",
    ]
    assert nginx_changes.firewall(plan, HOST) == []
    off = planned(case(site(), nginx_firewalld=False))
    assert nginx_changes.firewall(off, host(**running)) == []


def rule(address: str, port: int = 8080, family: str = "ipv4") -> str:
    """Give a rule as firewalld prints it."""
    source = f'rule family="{family}" source address="{address}"'
    return f'{source} port port="{port}" protocol="tcp" accept'


def test_firewall_of_peers() -> None:
    running = {"units": {"firewalld.service": {"ActiveState": "active"}}}
    plan = planned(
        case(
            site(),
            site("few", port=8080, peers=["10.0.0.1", "2001:db8::/32"]),
            site("more", port=8080, peers=["10.0.0.2"]),
            # Open to everybody for the other one's sake.
            site("both", port=80, peers=["10.0.0.3"]),
        )
    )
    assert plan["questions"]["rules"] and not planned(case(site()))["questions"]["rules"]
    mine = [rule("10.0.0.1"), rule("2001:db8::/32", family="ipv6"), rule("10.0.0.2")]
    others = [rule("10.0.0.9", 9090), 'rule service name="ssh" log prefix="x" accept']
    there = host(**running, rules=[*mine, *others, rule("10.0.0.8")])
    assert nginx_changes.firewall(plan, there) == ["80/tcp"]
    assert nginx_changes.firewall_peers(plan, there) == {
        "closed": ["8080/tcp"],
        "rules": mine,
        "gone": [rule("10.0.0.8")],
    }
    # Where somebody else's site is too, nothing is closed.
    foreign = {"file": "conf.d/x.conf", "owner": "else", "listens": ["8080"], "variables": []}
    found = nginx_changes.firewall_peers(plan, there | {"owned": [foreign]})
    assert found == {"closed": [], "rules": mine, "gone": []}
    nothing = {"closed": [], "rules": [], "gone": []}
    assert nginx_changes.firewall_peers(plan, HOST) == nothing
    changes = nginx_changes.changes(plan, there | {"sysctls": sysctls()["sysctls"]})
    assert changes["peers"]["closed"] == ["8080/tcp"]


def test_streams_on_a_host() -> None:
    one = {"name": "s", "port": 993, "servers": ["10.0.0.1:993"]}
    plan = planned(case(nginx_streams=[one]))
    running = {"units": {"firewalld.service": {"ActiveState": "active"}}}
    there = host(**running, sysctls=sysctls()["sysctls"])
    assert nginx_changes.stream_package(plan, there) == "nginx-mod-stream"
    for known in ({"modules": ["mod-stream.conf"]}, {"arguments": ["--with-stream"]}):
        nginx = there["nginx"] | known
        assert nginx_changes.stream_package(plan, there | {"nginx": nginx}) == ""
    assert nginx_changes.stream_package(planned(case(site())), there) == ""
    assert nginx_changes.firewall(plan, there) == ["80/tcp", "993/tcp"]
    found = nginx_changes.changes(plan, there | {"drained": ["10.0.0.1"]})
    assert "10.0.0.1:993 down; # drained" in found["files"]["stream.d/flaskstack.conf"]
    other = nginx_changes.changes(plan, there | {"streams": "else"})["problems"]
    assert len(other) == 1 and has(other, "nginx_streams", "belongs to 'else'")
    for owner, gone in (("", True), (OWNER, True), ("else", False), (None, False)):
        left = nginx_changes.changes(planned(case(site())), there | {"streams": owner})["remove"]
        assert ("stream.d/flaskstack.conf" in left) == gone


def test_what_a_site_needs_for_its_servers_goes_with_it() -> None:
    own = site(http={"servers": ["10.0.0.1:443"], "https": True, "ca_bundle_text": CA})
    left = ("shop@servers-ca.crt", "shop@servers.key", "gone@clients.crt", "other@clients.crt")
    there = host(
        owned=owned("shop", "gone", owner=OWNER),
        files={f"tls/{name}": MINE for name in left} | {"conf.d/gone.conf": MINE},
        sysctls=sysctls()["sysctls"],
    )
    assert nginx_changes.changes(planned(case(own)), there)["remove"] == [
        "conf.d/gone.conf",
        "tls/shop@servers.key",
        "tls/gone@clients.crt",
    ]


def test_what_is_shown_to_servers_is_compared_with_its_key() -> None:
    pair = {"certificate_text": CA, "key_text": PEM["key_text"]}
    own = site(http={"servers": ["10.0.0.1:443"], "https": True} | pair)
    assert nginx_changes.pairs(planned(case(own))) == [
        {
            "site": "shop",
            "certificate": "/etc/nginx/tls/shop@servers.crt",
            "key": "/etc/nginx/tls/shop@servers.key",
            "key_names": ["http.certificate_text", "http.key_text"],
        }
    ]


def test_authorities_of_ones_own_need_none_of_the_hosts() -> None:
    servers = {"servers": ["10.0.0.1:443"], "https": True}
    bare = host(ca_bundle="", sysctls=sysctls()["sysctls"])
    for more, problems in (({}, 1), ({"ca_bundle": "/a.crt"}, 0), ({"ca_bundle_text": CA}, 0)):
        found = nginx_changes.changes(planned(case(site(http=servers | more))), bare)["problems"]
        assert len(found) == problems


# ---- what there is to ask ---------------------------------------------------------------------


def test_questions() -> None:
    complete = planned(
        case(
            site(
                uwsgi={
                    "servers": ["app-1:3031 weight=2", "10.0.0.1:3031", "[fd00::1]:1", "unix:/a"]
                },
                locations=[
                    {"path": "/api/", "http": {"servers": ["api.internal:80"]}},
                    {"path": "/f/", "directory": "/srv/f"},
                    {"path": "/p/", "fastcgi": {"servers": ["unix:/p"], "root": "/srv/p"}},
                ],
            ),
            site("d", directory="/srv/d"),
            *THREE,
        )
    )
    asked = complete["questions"]
    assert asked["hosts"] == [
        {"site": "shop", "key": "uwsgi.servers", "name": "app-1"},
        {"site": "shop", "key": "location '/api/', http.servers", "name": "api.internal"},
    ]
    assert asked["directories"] == [
        {"site": "shop", "key": "location '/f/', directory", "path": "/srv/f"},
        {"site": "shop", "key": "location '/p/', fastcgi.root", "path": "/srv/p"},
        {"site": "d", "key": "directory", "path": "/srv/d"},
    ]
    found = sites.certificates(complete["sites"])
    kinds = {one["site"]: one["kind"] for one in found}
    assert kinds == {"kept": "acme", "signed": "self_signed", "text": "text", "files": "files"}
    of_files = found[-1]
    assert of_files == {
        "site": "files",
        "kind": "files",
        "names": ["files.example.com"],
        "certificate": "/etc/pki/f.crt",
        "key": "/etc/pki/f.key",
        "key_names": ["tls.certificate", "tls.key"],
    }
    assert found[2]["key_names"] == ["tls.certificate_text", "tls.key_text"]
    # A text is compared with its key before it is written, not on the host.
    assert [one["kind"] for one in asked["certificates"]] == ["acme", "self_signed", "files"]
    # Directories may be made by then.
    assert complete["early"] == {"hosts": asked["hosts"], "certificates": [of_files]}


# ---- the role's files -------------------------------------------------------------------------


def test_registered_results_overwrite_no_variable() -> None:
    # A result has the precedence of a fact: the same name would take a variable's place for good.
    taken = set(load(ROOT / "roles/nginx/vars/main.yml"))
    for path in (ROOT / "roles/nginx/tasks").glob("*.yml"):
        for task in yaml.safe_load(path.read_text(encoding="utf-8")):
            assert task.get("register") not in taken, task["name"]


def test_every_variable_that_is_read_is_handed_over() -> None:
    # What the filters are not given would quietly be its default.
    variables = load(ROOT / "roles/nginx/vars/main.yml")
    assert "*__nginx_names" in variables["__nginx_input"]["variables"]
    assert variables["__nginx_names"] == "{{ 'nginx' | flaskstack.centos.role_variables }}"
    handed = set(specs.variables_of("nginx"))
    used = {
        name
        for path in (ROOT / "plugins/plugin_utils").glob("*.py")
        for name in re.findall(r'"(nginx_[a-z_]+)"', path.read_text(encoding="utf-8"))
    }
    used |= {
        name
        for path in (ROOT / "roles/nginx/templates").glob("*.j2")
        for name in re.findall(r"\b(?<!_)nginx_[a-z_]+", path.read_text(encoding="utf-8"))
    }
    described = specs.options_of("nginx").keys()
    assert used & described <= handed <= described


def test_a_site_that_is_kept_is_neither_written_nor_removed() -> None:
    """Its application failed: the new site is not for the release that goes on serving."""
    listed = [site(), site("b", tls={"acme": True}, port=81)]
    plan = planned(case(*listed, nginx_keep_sites=["b"]))
    theirs = {"file": "conf.d/b.conf", "owner": OWNER, "listens": ["81"], "variables": []}
    found = host(
        owned=[theirs, *owned("shop", owner=OWNER)],
        files={"conf.d/b.conf": MINE, "tls/b.crt": MINE, "maintenance/b.html": MINE},
        lineages=["b"],
    )
    assert [one["name"] for one in plan["sites"]] == ["shop"]
    files = nginx_files.rendered(plan, found, {})
    assert "conf.d/b.conf" not in files
    assert nginx_changes.dropped(plan, found, files) == []
    assert nginx_changes.acme_changes(plan, found)["dropped"] == []
    # nginx.conf goes on closing connections for unknown names on its port.
    assert "listen 81 default_server" in files["nginx.conf"]["text"]


def test_a_server_of_several_is_written_as_a_whole() -> None:
    """The one that is well would not get there otherwise."""
    both = [site("shop", domains=["h.example"]), site("b", domains=["h.example"], path="/b")]
    plan = planned(case(*both, nginx_keep_sites=["shop", "b"]))
    assert [one["name"] for one in plan["sites"]] == ["shop", "b"]
    assert plan["settings"]["nginx_keep_sites"] == []
    assert nginx_files.others(plan, host(owned=owned("b", owner=OWNER))) == []


def test_what_is_wrong_with_a_kept_site_is_said() -> None:
    assert planned(case(site(domains=[]), nginx_keep_sites=["shop"]))["problems"]


def test_verifying_takes_the_hosts_own_list() -> None:
    # Where release 10 has it.
    path = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
    plan = planned(case(site(http={"servers": ["10.0.0.1:443"], "https": True})))
    text = nginx_files.rendered(plan, host(ca_bundle=path), {})["conf.d/shop.conf"]["text"]
    assert f"proxy_ssl_trusted_certificate {path};" in text
    assert nginx_changes.problems(plan, host(ca_bundle=path)) == []
    (problem,) = nginx_changes.problems(plan, host(ca_bundle=""))
    assert "site 'shop', http.verify" in problem
    assert "ca-certificates" in problem
    plain = planned(case(site(http={"servers": ["10.0.0.1:80"]})))
    assert nginx_changes.problems(plain, host(ca_bundle="")) == []


# ---- how many files nginx may open -------------------------------------------------------------


def started(hard: int, may_raise: bool = False, serves: bool = True) -> dict[str, Any]:
    """Describe a host whose nginx was started with a limit."""
    return host(running={"open_files": hard, "may_raise": may_raise, "serves": serves})


#: What runs -> worker_rlimit_nofile, whether it is restarted, and whether the user is told.
LIMITS: dict[str, tuple[dict[str, Any], int, bool, bool]] = {
    "nothing": (host(running=None), 524288, False, False),
    "without SELinux": (started(4096, may_raise=True), 524288, False, False),
    "as many": (started(524288), 524288, False, False),
    # To have fewer is another limit too.
    "more": (started(1048576), 1048576, False, False),
    "serving": (started(262144), 262144, False, True),
    "idle": (started(262144, serves=False), 524288, True, False),
}


@pytest.mark.parametrize("case_name", LIMITS)
def test_open_files_of_what_runs(case_name: str) -> None:
    there, files, restarts, told = LIMITS[case_name]
    found = nginx_changes.changes(planned(case(site())), there)
    assert f"worker_rlimit_nofile {files};" in found["files"]["nginx.conf"]
    assert "LimitNOFILE=524288\n" in found["limits"]["text"]
    assert found["limits"]["restart"] == restarts
    assert bool(found["limits"]["needed"]) == told


def test_a_restart_is_told_in_a_sentence() -> None:
    found = nginx_changes.changes(planned(case(site())), started(262144))["limits"]["needed"]
    for part in ("one restart", "at most 262144", "instead of 524288", "systemctl restart nginx."):
        assert part in found


def test_few_files_are_few_connections() -> None:
    found = nginx_changes.changes(planned(case(site())), started(4096))
    assert "    worker_connections 3686;\n" in found["files"]["nginx.conf"]
