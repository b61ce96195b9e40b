"""Load balancers before application hosts: who does what, and which sites follow from it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import apps, cluster

ADDRESSES = {
    "lb1": "192.0.2.1",
    "lb2": "192.0.2.2",
    "app1": "192.0.2.11",
    "app2": "192.0.2.12",
    "app3": "2001:db8::13",
}
HOSTS = ["app1", "app2", "app3"]
BALANCERS = ["lb1", "lb2"]
GROUPS = {"app_servers": HOSTS, "load_balancers": BALANCERS, "big": ["app2", "app3"]}

SHOP: dict[str, Any] = {
    "name": "shop",
    "source": {"git": "https://git.example.com/shop.git", "version": "v1"},
    "python": "3.12",
    "module": "shop:app",
    "domains": ["shop.example.com"],
}


def fleet(**changed: Any) -> cluster.Cluster:
    """Return a cluster of three hosts behind two load balancers."""
    given: dict[str, Any] = {
        "application_hosts": HOSTS,
        "load_balancers": BALANCERS,
        "groups": GROUPS,
        "addresses": [{"lb1": "192.0.2.1"}, ADDRESSES],
    }
    return cluster.plan(**{**given, **changed})


def sites(app: dict[str, Any], host: str, **options: Any) -> dict[str, dict[str, Any]]:
    """Return the sites of a host by their names."""
    whole = options.pop("whole", fleet())
    plan = apps.plan([app], cluster=whole, host=host)
    assert plan["problems"] == []
    made = apps.sites(plan["apps"], "3.12", [], "/opt", whole, host, options)
    return {site["name"]: site for site in made}


def test_without_load_balancers_each_host_serves_by_itself() -> None:
    alone = fleet(load_balancers=[], addresses=[])
    assert alone["problems"] == []
    assert sites(SHOP, "app1", whole=alone) == {
        site["name"]: site for site in apps.sites([SHOP], "3.12", [])
    }


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"application_hosts": []}, "there is no application host behind lb1, lb2"),
        ({"load_balancers": [], "wanted": "edge"}, "the inventory has no host in 'edge'"),
        ({"addresses": [{**ADDRESSES, "app2": "app2.lan"}]}, "'app2.lan' of host app2 is no IP"),
        ({"addresses": [{**ADDRESSES, "app2": ""}]}, "'app2' of host app2 is no IP"),
        (
            {"addresses": [{**ADDRESSES, "app2": ADDRESSES["lb1"]}]},
            "app2 and lb1 have the same address, 192.0.2.1",
        ),
        (
            # However it is written.
            {"addresses": [{**ADDRESSES, "app2": "2001:DB8:0::13"}]},
            "app2 and app3 have the same address, 2001:DB8:0::13",
        ),
    ],
)
def test_a_fleet_that_cannot_be(changed: dict[str, Any], sentence: str) -> None:
    problems = fleet(**changed)["problems"]
    assert len(problems) == 1
    assert sentence in problems[0]


ALIKE = (
    "{}; load balancers and application hosts must have the same: write it once for all of them, in"
    " group_vars/all.yml."
)


@pytest.mark.parametrize(
    ("said", "sentences"),
    [
        ({"flaskstack_backend_port": {}, "flaskstack_backend_tls": {}}, []),
        # As good as not there, and as good as the same.
        ({"flaskstack_backend_tls": {"app1": "no", "app2": ""}}, []),
        ({"flaskstack_backend_port": {"app1": "8080", "lb1": 0}}, []),
        (
            {"flaskstack_backend_port": dict.fromkeys(ADDRESSES, 8081)},
            [],
        ),
        (
            {"flaskstack_backend_tls": {"app1": True, "app2": True, "app3": "yes"}},
            ["flaskstack_backend_tls: it is true on app1 and false on lb1"],
        ),
        (
            {"flaskstack_backend_port": {"app2": 8081, "app3": 8082}},
            ["flaskstack_backend_port: it is 8080 on app1 and 8081 on app2"],
        ),
        # The port follows from it, and is no second mistake.
        (
            {"flaskstack_backend_tls": {"lb1": True}, "flaskstack_backend_port": {"app2": 8444}},
            ["flaskstack_backend_tls: it is false on app1 and true on lb1"],
        ),
        (
            {
                "flaskstack_backend_tls": dict.fromkeys(ADDRESSES, True),
                "flaskstack_backend_port": {"lb2": "8443"},
                "flaskstack_backend_plain": {"lb2": True},
            },
            ["flaskstack_backend_plain: it is false on app1 and true on lb2"],
        ),
        # What cannot be read is said where it is checked; here, that it is not the same.
        (
            {"flaskstack_backend_port": {"lb2": "many"}},
            ["flaskstack_backend_port: it is 8080 on app1 and many on lb2"],
        ),
    ],
)
def test_what_all_hosts_must_have_alike(said: dict[str, Any], sentences: list[str]) -> None:
    assert fleet(said=said)["problems"] == [ALIKE.format(sentence) for sentence in sentences]
    # Nobody asks anybody.
    assert fleet(said=said, load_balancers=[])["problems"] == []


def test_a_host_without_load_balancers_needs_no_address() -> None:
    assert fleet(load_balancers=[], addresses=[])["problems"] == []


@pytest.mark.parametrize(
    ("hosts", "where"),
    [(["app2"], ["app2"]), (["big"], ["app2", "app3"]), (["app3", "app1"], ["app1", "app3"])],
)
def test_an_application_runs_where_it_says(hosts: list[str], where: list[str]) -> None:
    app = {**SHOP, "hosts": hosts}
    assert cluster.hosts_of(app, fleet()) == where
    for host in HOSTS:
        plan = apps.plan([app], cluster=fleet(), host=host)
        assert plan["names"] == (["shop"] if host in where else [])
        assert (len(plan["builds"]) > 0) == (host in where)
        assert set(sites(app, host)) == ({"shop.backend"} if host in where else set())
    asked = sites(app, "lb1")["shop"]["http"]["servers"]
    assert len(asked) == len(where)


@pytest.mark.parametrize(
    ("hosts", "sentence"),
    [
        (["app22"], "no application host and no group 'app22'. Did you mean 'app2'?"),
        (["load_balancers"], "no application host is in load_balancers"),
        ([], "no application host is in an empty list"),
    ],
)
def test_an_application_that_would_run_nowhere(hosts: list[str], sentence: str) -> None:
    problems = apps.plan([{**SHOP, "hosts": hosts}], cluster=fleet(), host="app1")["problems"]
    assert len(problems) == 1
    assert "application 'shop', hosts: " in problems[0]
    assert sentence in problems[0]


def test_a_load_balancer_runs_nothing() -> None:
    plan = apps.plan([SHOP], cluster=fleet(), host="lb1")
    assert (plan["names"], plan["builds"], plan["here"]) == ([], [], ["shop"])
    assert plan["served"]


def test_a_load_balancer_has_the_list_too() -> None:
    (said,) = apps.plan(None, cluster=fleet(), host="lb1")["problems"]
    assert "load balancer lb1 does not have the list" in said
    (said,) = apps.plan(None, cluster=fleet(), host="app1")["problems"]
    assert "must be a list" in said


def test_people_ask_the_load_balancers_alone() -> None:
    app = {
        **SHOP,
        "nginx": {
            "tls": {"self_signed": True},
            "limit": {"requests": "10r/s"},
            "client_max_body_size": "20m",
            "options": {"expires": "1h"},
        },
    }
    behind = sites(app, "app1")["shop.backend"]
    assert behind["port"] == cluster.PORT
    assert behind["peers"] == ["192.0.2.1", "192.0.2.2"]
    # The load balancers ask another host instead.
    assert behind["retry"] is False
    assert behind["client_max_body_size"] == "20m"
    assert behind["options"] == {"expires": "1h"}
    assert not behind.keys() & {"tls", "limit"}

    before = sites(app, "lb2")["shop"]
    assert before["http"]["servers"] == [
        "192.0.2.11:8080",
        "192.0.2.12:8080",
        "[2001:db8::13]:8080",
    ]
    assert before["http"]["balance"] == "least_conn"
    assert before["http"]["retry_bad_gateway"]
    assert before["tls"] == {"self_signed": True}
    assert before["limit"] == {"requests": "10r/s"}
    assert before["client_max_body_size"] == "20m"
    assert "options" not in before
    assert "peers" not in before


def test_a_host_may_be_both() -> None:
    both = fleet(load_balancers=["app1"], addresses=[ADDRESSES])
    found = sites(SHOP, "app1", whole=both)
    assert set(found) == {"shop", "shop.backend"}
    assert "192.0.2.11:8080" in found["shop"]["http"]["servers"]
    assert found["shop.backend"]["peers"] == ["192.0.2.11"]
    assert set(sites(SHOP, "app2", whole=both)) == {"shop.backend"}


def test_hosts_are_asked_by_https_with_certificates_of_both_sides() -> None:
    settings = {"tls": True, "ca": "/etc/pki/ca.pem", "certificate_text": "C", "key_text": "K"}
    behind = sites(SHOP, "app1", **settings)["shop.backend"]
    assert behind["tls"] == {
        "port": cluster.TLS_PORT,
        "certificate_text": "C",
        "key_text": "K",
        "client_ca": "/etc/pki/ca.pem",
    }
    http = sites(SHOP, "lb1", **settings)["shop"]["http"]
    # Plain HTTP is answered with where to go.
    assert behind["port"] == cluster.PORT
    assert http["servers"][0] == f"192.0.2.11:{cluster.TLS_PORT}"
    assert http["https"]
    assert http["verify"]
    assert http["ca_bundle"] == "/etc/pki/ca.pem"
    assert http["certificate_text"] == "C"
    # With a certificate shown, a connection is kept for one name only.
    assert http["host"] == "shop.example.com"
    pattern = {**SHOP, "domains": ["*.example.com"]}
    assert "host" not in sites(pattern, "lb1", **settings)["shop"]["http"]


def test_another_port_for_the_load_balancers() -> None:
    # Before ansible-core 2.19, what a template makes of a number is a text.
    assert sites(SHOP, "app1", port="8009")["shop.backend"]["port"] == 8009  # noqa: PLR2004
    assert sites(SHOP, "app1", port=8009)["shop.backend"]["port"] == 8009  # noqa: PLR2004
    assert sites(SHOP, "lb1", port=8009)["shop"]["http"]["servers"][0] == "192.0.2.11:8009"


def test_load_balancers_keep_static_files_for_as_long_as_browsers_may() -> None:
    app = {
        **SHOP,
        "static": [
            {"url": "/assets/", "path": "a", "immutable": True},
            {"url": "/hour/", "path": "b", "expires": "1h"},
            {"url": "/now/", "path": "c"},
        ],
        "load_balancer": {"cache_static": True, "keepalive": 8, "balance": "ip_hash"},
    }
    before = sites(app, "lb1")["shop"]
    assert [(one["path"], one["cache"]) for one in before["locations"]] == [
        ("^~ /assets/", {"time": "1y", "with_cookies": True}),
        ("^~ /hour/", {"time": "1h", "with_cookies": True}),
    ]
    assert before["http"]["balance"] == "ip_hash"
    assert before["locations"][0]["http"] == before["http"]
    assert "static" not in before
    assert len(sites(app, "app1")["shop.backend"]["static"]) == 3  # noqa: PLR2004


def test_what_serves_alone_is_not_behind_load_balancers() -> None:
    app = {**SHOP, "uwsgi": {"http": {"port": 8081}}}
    assert sites(app, "lb1") == {}
    assert sites(app, "app1") == {}


def test_hosts_with_different_pythons() -> None:
    app = {key: value for key, value in SHOP.items() if key != "python"}
    versions = {"app1": "3.12", "app2": "3.11", "app3": "3.12"}
    said = cluster.problems_of_pythons([app], versions, fleet())
    assert said == [
        "flask_apps: application 'shop' would run on Python 3.11 on app2, 3.12 on app1 and app3;"
        " write python, a version that all of them have."
    ]
    assert cluster.problems_of_pythons([SHOP], versions, fleet()) == []
    assert cluster.problems_of_pythons([{**app, "hosts": ["app1"]}], versions, fleet()) == []


def test_what_is_wrong_with_a_backend_is_said_of_the_application() -> None:
    said = apps.as_written(
        ["site 'shop.backend', client_max_body_size: is no size."], "nginx", ["shop"]
    )
    assert said == ["flask_apps: application 'shop', nginx.client_max_body_size: is no size."]


def test_https_to_the_hosts_needs_three_files() -> None:
    assert cluster.problems_of_settings({"tls": False}) == []
    whole = {"tls": True, "ca": "/a", "certificate_text": "C", "key": "/k"}
    assert cluster.problems_of_settings(whole) == []
    (said,) = cluster.problems_of_settings({**whole, "key_text": "K"})
    assert "one of flaskstack_backend_key, a PEM file" in said
    (said,) = cluster.problems_of_settings({**whole, "port": 8080})
    assert "8080 is where HTTP goes" in said
    (said,) = cluster.problems_of_settings({**whole, "ca": ""})
    assert "one of flaskstack_backend_ca, a PEM file" in said


PASSED = {
    **SHOP,
    "nginx": {
        "tls": {"certificate_text": "C", "key_text": "K"},
        "limit": {"requests": "10r/s"},
        "client_max_body_size": "20m",
    },
    "load_balancer": {"passthrough": True},
}


def test_tls_may_end_at_the_application_hosts() -> None:
    behind = sites(PASSED, "app1")["shop.backend"]
    assert behind["tls"] == {
        "certificate_text": "C",
        "key_text": "K",
        "port": cluster.TLS_PORT,
        "proxy_protocol": True,
    }
    # Load balancers see nothing of what they hand on.
    assert behind["limit"] == {"requests": "10r/s"}
    assert behind["peers"] == ["192.0.2.1", "192.0.2.2"]
    before = sites(PASSED, "lb1")["shop"]
    assert before["redirect"] == {"to": "https://$host"}
    assert not before.keys() & {"http", "limit", "tls"}
    (handed_on,) = apps.streams([PASSED], fleet(), "lb1")
    assert handed_on["port"] == cluster.HTTPS
    assert handed_on["domains"] == ["shop.example.com"]
    assert handed_on["proxy_protocol"]
    assert handed_on["servers"][0].startswith("192.0.2.11:8443 ")
    assert handed_on["servers"][2].startswith("[2001:db8::13]:8443 ")
    assert apps.streams([PASSED], fleet(), "app1") == []
    assert apps.streams([SHOP], fleet(), "lb1") == []
    # By the port that people ask, of which the application hosts know nothing.
    moved = {**PASSED, "nginx": {"tls": {"self_signed": True, "port": 4443}}}
    assert apps.streams([moved], fleet(), "lb1")[0]["port"] == 4443  # noqa: PLR2004
    assert sites(moved, "lb1")["shop"]["redirect"] == {"to": "https://$host:4443"}


def test_tls_that_is_handed_on_beside_other_ports() -> None:
    files = {"ca": "/a", "certificate": "/c", "key": "/k"}
    behind = sites(PASSED, "app1", tls=True, **files)["shop.backend"]
    assert (behind["port"], behind["tls"]["port"]) == (cluster.PORT, 8444)
    (handed_on,) = apps.streams([PASSED], fleet(), "lb1", {"tls": True, **files})
    assert handed_on["servers"][0].startswith("192.0.2.11:8444 ")
    behind = sites(PASSED, "app1", port=9000)["shop.backend"]
    assert (behind["port"], behind["tls"]["port"]) == (9000, cluster.TLS_PORT)


def test_http_beside_https_while_load_balancers_change() -> None:
    files = {"ca": "/a", "certificate": "/c", "key": "/k"}
    assert "redirect" not in sites(SHOP, "app1", tls=True, **files)["shop.backend"]["tls"]
    behind = sites(SHOP, "app1", tls=True, plain=True, **files)["shop.backend"]
    assert behind["port"] == cluster.PORT
    assert behind["tls"]["redirect"] is False
    assert (behind["tls"]["client_ca"], behind["tls"]["client_optional"]) == ("/a", True)
    # Who asks, asks by HTTPS already.
    before = sites(SHOP, "lb1", tls=True, plain=True, **files)["shop"]["http"]
    assert before["https"] is True
    assert before["servers"][0] == "192.0.2.11:8443"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"nginx": {}}, "load_balancer.passthrough: write nginx.tls"),
        ({"nginx": {"tls": {"acme": True}}}, "the authority reaches the load balancers"),
        ({"path": "/shop"}, "TLS has no path"),
        (
            {"load_balancer": {"passthrough": True, "sticky": {"cookie": "c"}}},
            "load_balancer.sticky: nothing of what is handed on",
        ),
    ],
)
def test_what_cannot_be_handed_on(changed: dict[str, Any], sentence: str) -> None:
    problems = apps.plan([{**PASSED, **changed}], cluster=fleet(), host="lb1")["problems"]
    assert len(problems) == 1
    assert sentence in problems[0]


def test_where_load_balancers_come() -> None:
    plain = fleet()
    assert plain["port"] == cluster.PORT
    # TLS that is handed on has a port of its own.
    assert plain["ports"] == [cluster.PORT, cluster.TLS_PORT]
    assert plain["servers"] == {
        "app1": "192.0.2.11:8080",
        "app2": "192.0.2.12:8080",
        "app3": "[2001:db8::13]:8080",
    }
    # The PROXY protocol is a port's, not a site's.
    assert fleet(settings={"port": 0, "tls": True})["ports"] == [cluster.TLS_PORT, 8444]
    assert fleet(settings={"port": 9000})["ports"] == [9000, cluster.TLS_PORT]
    assert fleet(settings={"port": "8009"})["servers"]["app1"] == "192.0.2.11:8009"


def test_what_applications_have_to_do_with_a_host() -> None:
    alone = {**SHOP, "name": "alone", "uwsgi": {"http": {"port": 8000}}}
    far = {**SHOP, "name": "far", "hosts": ["app3"]}
    passed = {**PASSED, "name": "passed"}
    # Any name, and one that is none of its own: nginx has no site for what is asked.
    any_name = {**SHOP, "name": "any", "domains": ["*.example.com"]}
    other = {**SHOP, "name": "other", "health": {"host": "localhost"}}
    given = [SHOP, alone, far, passed, any_name, other]
    assert apps.here(given, fleet(), "app1") == {
        "run": ["shop", "alone", "passed", "any", "other"],
        "asked": ["shop", "any", "other"],
        "checked": ["shop"],
        "handed_on": ["passed"],
        "stay": ["shop", "alone", "passed", "any", "other"],
    }
    before = apps.here(given, fleet(), "lb1")
    assert before["run"] == []
    # Their sites, wherever they run.
    assert before["stay"] == [app["name"] for app in given]
    # Nobody stands before it.
    single = fleet(load_balancers=[], addresses=[])
    assert apps.here(given, single, "app1")["handed_on"] == []


@pytest.mark.parametrize(
    "given",
    [{"hosts": "app1"}, {"hosts": ["app1"], "uwsgi": None, "health": None, "load_balancer": None}],
    ids=["text", "null"],
)
def test_what_an_inventory_may_write_is_read_everywhere(given: dict[str, Any]) -> None:
    listed = [{**SHOP, **given}]
    assert apps.plan(listed, cluster=fleet(), host="app1")["names"] == ["shop"]
    assert apps.here(listed, fleet(), "app1")["stay"] == ["shop"]
    assert apps.here(listed, fleet(), "app2")["stay"] == []
    assert apps.asked_for(listed, "shop", fleet(), "lb1")["sites"] == ["shop"]


def test_whether_another_is_asked_is_said_where_there_are_others() -> None:
    app = {**SHOP, "nginx": {"retry": False}}
    assert sites(app, "lb1")["shop"]["retry"] is False
    assert sites(app, "app1")["shop.backend"]["retry"] is False
    assert "retry" not in sites(SHOP, "lb1")["shop"]


def test_addresses_are_written_as_hosts_compare_them() -> None:
    written = fleet(addresses=[ADDRESSES | {"app3": "2001:DB8:0::13"}])
    assert written["addresses"]["app3"] == ADDRESSES["app3"]
    assert written["servers"]["app3"] == "[2001:db8::13]:8080"


def test_where_people_ask_for_an_application() -> None:
    nothing: dict[str, list[str]] = {"sites": [], "redirects": []}
    passed = {**PASSED, "name": "passed", "hosts": ["app1"]}
    given = [SHOP, passed]
    assert apps.asked_for(given, "shop", fleet(), "lb1") == {"sites": ["shop"], "redirects": []}
    assert apps.asked_for(given, "shop", fleet(), "app1") == nothing
    # What is handed on is answered behind the load balancers, where it runs.
    assert apps.asked_for(given, "passed", fleet(), "lb1") == {
        "sites": [],
        "redirects": ["passed"],
    }
    behind = {"sites": ["passed.backend"], "redirects": []}
    assert apps.asked_for(given, "passed", fleet(), "app1") == behind
    assert apps.asked_for(given, "passed", fleet(), "app2") == nothing
    both = fleet(load_balancers=["app1", "lb1"])
    assert apps.asked_for(given, "passed", both, "app1") == {
        "sites": ["passed.backend"],
        "redirects": ["passed"],
    }
    # A site of nginx_sites, and a host that serves by itself.
    assert apps.asked_for(given, "static", fleet(), "lb1")["sites"] == ["static"]
    single = fleet(load_balancers=[], addresses=[])
    assert apps.asked_for(given, "passed", single, "app1") == {
        "sites": ["passed"],
        "redirects": [],
    }
