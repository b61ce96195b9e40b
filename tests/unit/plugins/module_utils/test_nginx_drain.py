"""Servers that get no requests for a while."""

from __future__ import annotations

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _nginx_drain
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_drain import drain
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_servers import (
    FIRST,
    drained_of,
    mark,
    servers_of,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER
from nginx_host import TAKES_OVER, Host, failure

SHOP = f"""# {HEADER}
# server 10.0.0.11:80;
upstream site_shop {{
    hash $sticky_shop consistent;
    server 10.0.0.11:8080 max_fails=3 fail_timeout=10s;
    server 10.0.0.12:8080;
    server [FD00::1]:8080 weight=2;
    server app-1:8080;
    server 10.0.0.13:8080 down;
    server unix:/run/x.sock;
    keepalive 32;
}}
upstream location_1_shop {{
    server 10.0.0.11:80 max_fails=0;
    server 10.0.0.11:80 max_fails=0 backup;
}}
upstream acme_shop {{
    server 10.0.0.11:80;
}}
server {{
    server_name 10.0.0.11;
}}
"""
WIKI = f"""# {HEADER}
upstream site_wiki {{
    server 10.0.0.11:8080;
    server 10.0.0.12:8080;
}}
"""


@pytest.fixture
def balancer(nginx: Host) -> Host:
    """Give a host with two sites, and a file of somebody else's."""
    nginx.put("conf.d/shop.conf", SHOP)
    nginx.put("conf.d/wiki.conf", WIKI)
    nginx.put("conf.d/other.conf", WIKI.replace(HEADER, "mine").replace("site_", "my_"))
    return nginx


def come(host: Host, worker: int) -> None:
    """Have the next reload start another worker."""
    host.on_reload(TAKES_OVER.replace("202", str(worker)))


def test_the_only_one_left_is_asked_again() -> None:
    marked = mark(WIKI, ["10.0.0.12"])
    # A kept connection that it has closed is no reason for a 502.
    assert marked.splitlines()[1:5] == [
        "upstream site_wiki {",
        "    server 10.0.0.11:8080;",
        "    server 10.0.0.11:8080 max_fails=0 backup; # the others are drained",
        "    server 10.0.0.12:8080 down; # drained",
    ]
    assert mark(marked, ["10.0.0.12"]) == marked
    assert mark(marked, []) == WIKI
    assert len(servers_of(marked)["site_wiki"]) == 2
    assert "backup" not in mark(marked, ["10.0.0.11", "10.0.0.12"])
    # By a hash, nginx takes no backup.
    hashed = WIKI.replace("{\n", "{\n    ip_hash;\n", 1)
    assert "backup" not in mark(hashed, ["10.0.0.12"])


def test_marks() -> None:
    marked = mark(SHOP, ["10.0.0.11", "fd00::1", "app-1", "10.0.0.13"])
    changed = set(marked.splitlines()) - set(SHOP.splitlines())
    assert changed == {
        "    server 10.0.0.11:8080 max_fails=3 fail_timeout=10s down; # drained",
        "    server [FD00::1]:8080 weight=2 down; # drained",
        "    server app-1:8080 down; # drained",
        "    server 10.0.0.11:80 max_fails=0 down; # drained",
        "    server 10.0.0.11:80 max_fails=0 backup down; # drained",
    }
    # What the owner has down himself is not put back with the others.
    assert mark(marked, []) == SHOP == mark(SHOP, []) == mark(SHOP, ["10.0.0.1", "10.0.0.110"])
    assert mark(marked, ["10.0.0.11", "fd00::1", "app-1"]) == marked
    assert [server.host for server in servers_of(marked)["site_shop"] if not server.down] == [
        "10.0.0.12",
        "",
    ]
    assert set(servers_of(SHOP)) == {"site_shop", "location_1_shop"}


def test_draining(balancer: Host) -> None:
    before = balancer.contents()
    dry = drain(balancer.tree, " 10.0.0.12 ", True, 5, check=True)
    assert (dry["changed"], dry["drained"]) == (True, ["10.0.0.12"])
    assert dry["upstreams"] == ["site_shop", "site_wiki"]
    assert [diff["after_header"].rpartition("/")[2] for diff in dry["diff"]] == [
        "drained-now",
        "shop.conf",
        "wiki.conf",
    ]
    assert balancer.contents() == before and not balancer.calls("systemctl")
    assert drain(balancer.tree, "10.0.0.12", True, 5) == dry
    assert (balancer.root / "drained-now").read_text() == f"# {FIRST}\n10.0.0.12\n"
    assert "10.0.0.12:8080 down;" in (balancer.root / "conf.d/shop.conf").read_text()
    after = balancer.contents()
    assert after["conf.d/other.conf"] == before["conf.d/other.conf"]
    assert drained_of(balancer.tree) == ["10.0.0.12"] and balancer.state() == ""
    calls = len(balancer.calls("nginx")), len(balancer.calls("systemctl"))
    again = drain(balancer.tree, "10.0.0.12", True, 5)
    assert not again["changed"] and again["diff"] == [] and again["drained"] == ["10.0.0.12"]
    assert (len(balancer.calls("nginx")), len(balancer.calls("systemctl"))) == calls
    come(balancer, 204)
    back = drain(balancer.tree, "10.0.0.12", False, 5)
    assert back["changed"] and back["drained"] == [] and back["upstreams"] == dry["upstreams"]
    assert balancer.contents() == before | {"drained-now": ("644", f"# {FIRST}\n")}
    assert not drain(balancer.tree, "10.0.0.12", False, 5)["changed"]


def test_what_is_handed_on_by_tcp_too(balancer: Host) -> None:
    streams = WIKI.replace("site_wiki", "stream_shop").replace(":8080", ":8443")
    balancer.put("stream.d/flaskstack.conf", streams)
    found = drain(balancer.tree, "10.0.0.12", True, 5)
    assert found["upstreams"] == ["site_shop", "site_wiki", "stream_shop"]
    text = (balancer.root / "stream.d/flaskstack.conf").read_text()
    assert "10.0.0.12:8443 down; # drained" in text
    again = balancer.change(files={"stream.d/flaskstack.conf": (streams.encode(), 0o644)})
    assert not again["changed"]
    said = str(failure(drain, balancer.tree, "10.0.0.11", True, 5))
    assert "'stream_shop' that gets" in said


def test_an_address_that_no_site_has(balancer: Host) -> None:
    # A site that comes later may have it.
    found = drain(balancer.tree, "10.9.9.9", True, 5)
    assert found["changed"] and found["upstreams"] == []


def test_last_server_is_drained_by_force_only(balancer: Host) -> None:
    before = balancer.contents()
    for check in (True, False):
        problem = failure(drain, balancer.tree, "10.0.0.11", True, 5, check=check)
        assert str(problem).startswith(
            "10.0.0.11 is the last server of upstream 'location_1_shop' (site 'shop') that gets"
        )
        assert "nginx_drain_force: true" in str(problem)
    assert balancer.contents() == before and balancer.left() == set()
    drain(balancer.tree, "10.0.0.12", True, 5)
    problem = failure(drain, balancer.tree, "10.0.0.11", True, 5)
    assert "'location_1_shop' (site 'shop'), 'site_wiki' (site 'wiki')" in str(problem)
    come(balancer, 204)
    found = drain(balancer.tree, "10.0.0.11", True, 5, force=True)
    assert found["drained"] == ["10.0.0.11", "10.0.0.12"]
    # And who is drained already is none that would be.
    assert not drain(balancer.tree, "10.0.0.11", True, 5)["changed"]


def test_a_drain_that_nginx_does_not_take_is_undone(balancer: Host) -> None:
    before = balancer.contents()
    balancer.on_reload("exit 1")
    assert "the old files are back" in str(failure(drain, balancer.tree, "10.0.0.12", True, 0))
    assert balancer.contents() == before


def test_a_drain_that_was_killed_before_nginx_took_it_over(
    balancer: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files say it the next time, and nginx does not know of it."""

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_nginx_drain, "take_over", kill)
        with pytest.raises(KeyboardInterrupt):
            drain(balancer.tree, "10.0.0.12", True, 5)
    assert not balancer.calls("systemctl")
    assert drain(balancer.tree, "10.0.0.12", True, 5, check=True)["changed"]
    assert drain(balancer.tree, "10.0.0.12", True, 5)["changed"]
    assert balancer.calls("systemctl")[-1] == "reload nginx.service"
    assert not drain(balancer.tree, "10.0.0.12", True, 5)["changed"]


@pytest.mark.parametrize("address", ["10.0.0.1:80", "", "10.0.0.0/24", "a b", "unix:/x", "a;"])
def test_what_is_no_address_of_a_server(balancer: Host, address: str) -> None:
    said = str(failure(drain, balancer.tree, address, True, 5))
    assert said.startswith(f"'{address}' is no address of a server; write it as 192.0.2.7")


def test_who_writes_a_site_respects_it(balancer: Host) -> None:
    drain(balancer.tree, "10.0.0.12", True, 5)
    there = (balancer.root / "conf.d/wiki.conf").read_text()
    for check in (True, False):
        assert not balancer.change(check, files={"conf.d/wiki.conf": (WIKI.encode(), 0o644)})[
            "changed"
        ]
    new = WIKI.replace("wiki", "new")
    balancer.change(files={"conf.d/new.conf": (new.encode(), 0o644)})
    assert "10.0.0.12:8080 down; # drained" in (balancer.root / "conf.d/new.conf").read_text()
    assert (balancer.root / "conf.d/wiki.conf").read_text() == there
    # Of files that are not the role's nothing is known.
    foreign = new.replace(HEADER, "mine")
    balancer.change(files={"conf.d/mine.conf": (foreign.encode(), 0o644)})
    assert (balancer.root / "conf.d/mine.conf").read_text() == foreign


def test_a_server_that_no_site_has_any_more_is_forgotten(balancer: Host) -> None:
    for worker, address in enumerate(("10.0.0.12", "app-1", "192.0.2.9"), 301):
        come(balancer, worker)
        drain(balancer.tree, address, True, 5)
    without = SHOP.replace("    server app-1:8080;\n", "")
    files = {"conf.d/shop.conf": (without.encode(), 0o644)}
    assert "drained-now" in balancer.change(True, files=files)["written"]
    balancer.change(files=files)
    # One of them has never been anywhere; it may be there before its server is.
    assert drained_of(balancer.tree) == ["10.0.0.12", "192.0.2.9"]
    balancer.change(remove=["conf.d/shop.conf"])
    # Another site has it.
    assert drained_of(balancer.tree) == ["10.0.0.12", "192.0.2.9"]
    balancer.change(remove=["conf.d/wiki.conf"])
    assert drained_of(balancer.tree) == ["192.0.2.9"]
