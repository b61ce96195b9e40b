"""What nginx is allowed under SELinux for its sites, and what is given back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import selinux_host
from ansible_collections.flaskstack.centos.plugins.module_utils import _nginx_selinux
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER, Tree
from selinux_host import SelinuxHost

NOTHING = {"changed": False, "added": [], "removed": [], "diff": []}
MANAGED = f"# {HEADER}\n# Owner: "


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SelinuxHost:
    """Give a host on which two owners have sites."""
    found = selinux_host.make(tmp_path, monkeypatch)
    for owner in ("ours", "theirs"):
        found.put(f"etc/nginx/conf.d/{owner}.conf", f"{MANAGED}{owner}\n")
    return found


def change(host: SelinuxHost, check: bool = False, **about: Any) -> dict[str, Any]:
    """Run the module."""
    tree = Tree(host.path("etc/nginx"), host.path("run/backup"))
    return _nginx_selinux.change(host, tree, selinux_host.asked(**about), check)


def differs(host: SelinuxHost, **about: Any) -> bool:
    """Ask as nginx_info does."""
    tree = Tree(host.path("etc/nginx"), host.path("run/backup"))
    found = _nginx_selinux.compare(host, tree, selinux_host.asked(**about))
    return found.differs


def ports(*numbers: int, site: str = "shop", udp: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """Give ports of a site."""
    return [{"site": site, "port": port, "protocol": "tcp"} for port in numbers] + [
        {"site": site, "port": port, "protocol": "udp"} for port in udp
    ]


def paths(*some: str, site: str = "shop", kind: str = "content") -> list[dict[str, Any]]:
    """Give directories of a site."""
    return [{"site": site, "key": "directory", "path": path, "kind": kind} for path in some]


def notes(host: SelinuxHost) -> dict[str, Any]:
    """Return what is noted."""
    found = Path(host.path(_nginx_selinux.NOTES))
    return dict(json.loads(found.read_text())) if found.exists() else {}


# ---- Ports ---------------------------------------------------------------------------------


def test_ports_that_nginx_may_bind_anyway_need_nothing(host: SelinuxHost) -> None:
    usual = ports(80, 443, 8008, 8080, 8443, 9000, 10005, 3000, 8140)
    assert change(host, ports=usual) == NOTHING
    assert host.calls == [] and notes(host) == {}


def test_listed_ports_are_modified_and_others_added(host: SelinuxHost) -> None:
    wanted = ports(5000, 8085, 8000, udp=(443,))
    assert differs(host, ports=wanted)
    done = change(host, ports=wanted)
    assert done["changed"]
    # All in one: the policy is compiled once.
    assert host.calls == [
        [
            "import",
            "port -m -t http_port_t -p tcp 5000",
            "port -a -t http_port_t -p tcp 8085",
            "port -m -t http_port_t -p tcp 8000",
            "port -a -t http_port_t -p udp 443",
        ]
    ]
    assert done["diff"][0]["after"].splitlines() == [
        "port tcp/5000 http_port_t",
        "port tcp/8000 http_port_t",
        "port tcp/8085 http_port_t",
        "port udp/443 http_port_t",
    ]


def test_the_second_run_has_nothing_to_do(host: SelinuxHost) -> None:
    wanted = {"ports": ports(5000, 8085), "booleans": ["httpd_can_network_connect"]}
    wanted["paths"] = paths("/srv/shop")
    host.directory("/srv/shop")
    change(host, **wanted)
    host.calls.clear()
    assert not differs(host, **wanted)
    assert change(host, **wanted) == NOTHING
    assert host.calls == []


def test_check_mode_changes_nothing(host: SelinuxHost) -> None:
    host.directory("/srv/shop")
    told = change(host, True, ports=ports(5000), paths=paths("/srv/shop"))
    assert told["changed"] and host.calls == [] and notes(host) == {}
    assert told["diff"] == change(host, ports=ports(5000), paths=paths("/srv/shop"))["diff"]


@pytest.mark.parametrize(
    ("lines", "needed"),
    [
        (["portcon tcp 5050-5060 system_u:object_r:http_port_t:s0"], False),
        (["portcon tcp 5055 system_u:object_r:http_cache_port_t:s0"], False),
        (["portcon udp 5055 system_u:object_r:http_port_t:s0"], True),
        (["portcon tcp 5055 system_u:object_r:ssh_port_t:s0"], True),
        # Which of the two the kernel takes depends on their order.
        (
            [
                "portcon tcp 5050-5060 system_u:object_r:http_port_t:s0",
                "portcon tcp 5040-5060 system_u:object_r:ssh_port_t:s0",
            ],
            True,
        ),
        # A port whose number begins with that of another.
        (["portcon tcp 505 system_u:object_r:http_port_t:s0"], True),
    ],
)
def test_what_administrators_have_labelled(
    host: SelinuxHost, lines: list[str], needed: bool
) -> None:
    host.local("ports", *lines)
    assert differs(host, ports=ports(5055)) is needed
    change(host, ports=ports(5055))
    assert not differs(host, ports=ports(5055))
    change(host)
    assert host.lines("ports.local") == lines


def test_a_usual_port_that_an_administrator_has_given_away(host: SelinuxHost) -> None:
    mine = "portcon tcp 8080 system_u:object_r:ssh_port_t:s0"
    host.local("ports", mine)
    change(host, ports=ports(8080))
    assert host.imported() == ["port -m -t http_port_t -p tcp 8080"]
    change(host)
    assert host.lines("ports.local") == [mine]


def test_ports_are_given_back_when_nobody_uses_them(host: SelinuxHost) -> None:
    change(host, ports=ports(5000, 8085))
    change(host, owner="theirs", ports=ports(8085, site="wiki"))
    assert [use[0] for use in notes(host)["ports"]["tcp/8085"]["uses"]] == ["ours", "theirs"]
    change(host)
    assert host.imported()[-1] == "port -d -p tcp 5000"
    assert [port.first for port in host.ports()] == [8085]
    change(host, owner="theirs")
    assert host.ports() == [] and notes(host) == {}
    assert not differs(host)


def test_what_a_site_that_is_taken_away_needed(host: SelinuxHost) -> None:
    change(host, ports=[*ports(5000), *ports(8085, site="blog"), *ports(8085)])
    change(host, state="absent", site="shop")
    assert [port.first for port in host.ports()] == [8085]
    change(host, state="absent", site="blog")
    assert host.ports() == []
    assert change(host, state="absent", site="blog")["changed"] is False


def test_an_owner_without_sites_needs_nothing(host: SelinuxHost) -> None:
    change(host, owner="theirs", ports=ports(8085))
    # Called otherwise now: its sites are ours.
    Path(host.path("etc/nginx/conf.d/theirs.conf")).unlink()
    assert differs(host)
    change(host)
    assert host.ports() == []


def test_what_an_administrator_took_back_is_added_again(host: SelinuxHost) -> None:
    change(host, ports=ports(5000))
    host.local("ports")
    assert differs(host, ports=ports(5000))
    change(host, ports=ports(5000))
    assert [port.first for port in host.ports()] == [5000]


# ---- Files ---------------------------------------------------------------------------------


def test_a_directory_that_nginx_may_not_read_is_labelled(host: SelinuxHost) -> None:
    host.directory("/srv/shop.v1/a")
    host.directory("/srv/shop.v1")
    change(host, paths=paths("/srv/shop.v1/", "/opt/shop/static", "/var/www/x"))
    assert host.calls == [
        ["import", r"fcontext -a -f a -t httpd_sys_content_t /srv/shop\.v1(/.*)?"],
        ["restorecon", "-R", "/srv/shop.v1"],
    ]
    assert host.labels["/srv/shop.v1/a"] == "httpd_sys_content_t"


def test_labels_go_with_the_site(host: SelinuxHost) -> None:
    host.directory("/srv/shop")
    change(host, paths=paths("/srv/shop"))
    host.calls.clear()
    change(host)
    # restorecon alone leaves httpd_sys_content_t, which people set by hand.
    assert host.calls == [
        ["import", "fcontext -d -f a /srv/shop(/.*)?"],
        ["restorecon", "-R", "-F", "/srv/shop"],
    ]
    assert host.labels["/srv/shop"] == "var_t" and notes(host) == {}


def test_what_is_inside_a_labelled_directory_keeps_it(host: SelinuxHost) -> None:
    for path in ("/srv/shop", "/srv/shop/static"):
        host.directory(path)
    change(host, paths=paths("/srv/shop/static", site="a") + paths("/srv/shop", site="b"))
    assert len(host.imported()) == 1
    change(host, state="absent", site="b")
    assert len(host.rules()) == 1
    change(host, state="absent", site="a")
    assert host.rules() == []


def test_homes_and_directories_that_the_policy_does_not_know(host: SelinuxHost) -> None:
    for path in ("/home/ann/site", "/data/www", "/mnt/disk/www"):
        host.directory(path)
    change(host, paths=paths("/home/ann/site", "/data/www", "/mnt/disk/www"))
    assert [rule.pattern for rule in host.rules()] == [
        "/data/www(/.*)?",
        "/home/ann/site(/.*)?",
        "/mnt/disk/www(/.*)?",
    ]


@pytest.mark.parametrize(
    "path", ["/", "/srv", "/data", "/home", "/home/ann", "/root/site", "/tmp/site", "/var"]
)
def test_directories_that_are_not_the_roles_to_label(host: SelinuxHost, path: str) -> None:
    host.directory(path)
    with pytest.raises(Problem, match="does not change the labels of such a directory") as caught:
        change(host, paths=paths(path))
    assert str(caught.value).startswith("site 'shop', directory: SELinux does not let nginx read")
    assert host.calls == [] and notes(host) == {}


def test_labels_of_others_stay(host: SelinuxHost) -> None:
    host.directory("/var/lib/mysql/export")
    with pytest.raises(Problem, match=r"\(type mysqld_db_t\).*takes nothing away"):
        change(host, paths=paths("/var/lib/mysql/export"))
    host.directory("/srv/share")
    host.local("file_contexts", "/srv/share(/.*)?    system_u:object_r:samba_share_t:s0")
    with pytest.raises(Problem, match=r"\(type samba_share_t\)"):
        change(host, paths=paths("/srv/share"))
    # Somebody has labelled it as it has to be: it is theirs.
    host.local("file_contexts", "/srv/share(/.*)?    system_u:object_r:public_content_t:s0")
    host.labels["/srv/share"] = "public_content_t"
    assert not differs(host, paths=paths("/srv/share"))


def test_a_name_that_cannot_be_told(host: SelinuxHost) -> None:
    host.directory("/srv/my shop")
    with pytest.raises(Problem, match="signs that the tools of SELinux cannot be handed"):
        change(host, paths=paths("/srv/my shop"))


def test_files_that_were_moved_are_labelled_anew(host: SelinuxHost) -> None:
    host.directory("/var/www/shop", "user_home_t")
    change(host, paths=paths("/var/www/shop"))
    assert host.calls == [["restorecon", "-R", "/var/www/shop"]]
    assert not differs(host, paths=paths("/var/www/shop"))
    host.directory("/var/www/shop", "samba_share_t")
    with pytest.raises(Problem, match="label away that was set by hand") as caught:
        change(host, paths=paths("/var/www/shop"))
    # A rule is there already.
    assert "or restorecon -RF /var/www/shop gives it" in str(caught.value)


@pytest.mark.parametrize("top", ["/var/www/shop", "/srv/shop"])
@pytest.mark.parametrize("label", ["tmp_t", "user_tmp_t", "admin_home_t"])
def test_a_directory_that_was_unpacked_elsewhere(host: SelinuxHost, top: str, label: str) -> None:
    change(host, paths=paths(top))
    host.directory(top, label)
    host.calls.clear()
    change(host, paths=paths(top))
    assert host.calls == [["restorecon", "-R", top]]
    assert host.labels[top] == "httpd_sys_content_t"
    assert not differs(host, paths=paths(top))


def test_links_on_the_way(host: SelinuxHost) -> None:
    host.directory("/data/releases/7")
    host.link("/data/current", "releases/7")
    host.link("/srv/site", "/data/current")
    change(host, paths=paths("/srv/site"))
    # Links in /srv can be read.
    assert host.imported() == [
        "fcontext -a -f l -t httpd_sys_content_t /data/current",
        "fcontext -a -f a -t httpd_sys_content_t /data/releases/7(/.*)?",
    ]
    host.directory("/data/releases/8")
    Path(host.path("/data/current")).unlink()
    host.link("/data/current", "releases/8", "httpd_sys_content_t")
    change(host, paths=paths("/srv/site"))
    assert [rule.pattern for rule in host.rules()] == ["/data/current", "/data/releases/8(/.*)?"]


def test_links_that_go_round(host: SelinuxHost) -> None:
    host.link("/srv/a", "b")
    host.link("/srv/b", "a")
    change(host, paths=paths("/srv/a/c"))
    assert host.rules()


def test_a_key_is_no_content(host: SelinuxHost) -> None:
    host.put("/srv/tls/shop.key")
    change(host, paths=paths("/srv/tls/shop.key", "/etc/pki/tls/x.crt", kind="certificate"))
    assert host.imported() == [r"fcontext -a -f f -t cert_t /srv/tls/shop\.key"]


def test_what_has_no_labels_needs_a_boolean(host: SelinuxHost) -> None:
    host.directory("/mnt/nfs/www", "nfs_t")
    change(host, paths=paths("/mnt/nfs/www"))
    assert host.imported() == ["boolean -m --on httpd_use_nfs"]
    assert not differs(host, paths=paths("/mnt/nfs/www"))


# ---- Booleans ------------------------------------------------------------------------------


def test_booleans_are_on_now_and_later(host: SelinuxHost) -> None:
    wanted = {"booleans": ["httpd_can_network_connect", "no_such_boolean"]}
    # setsebool without -P: gone after the next start.
    host.put("sys/fs/selinux/booleans/httpd_can_network_connect", "1 1")
    assert differs(host, **wanted)
    change(host, **wanted)
    assert host.imported() == ["boolean -m --on httpd_can_network_connect"]
    assert not differs(host, **wanted)
    # Others may rely on it.
    assert not differs(host)


# ---- Killed half-way -----------------------------------------------------------------------


@pytest.mark.parametrize("where", ["semanage", "restorecon"])
def test_whatever_is_cut_off_is_finished(host: SelinuxHost, where: str) -> None:
    host.directory("/srv/shop/deep")
    host.directory("/srv/shop")
    wanted = {"paths": paths("/srv/shop")}
    host.stops_at = where
    with pytest.raises(KeyboardInterrupt):
        change(host, **wanted)
    # restorecon had come to the top alone.
    host.labels["/srv/shop"] = "httpd_sys_content_t"
    host.stops_at = ""
    assert differs(host, **wanted)
    change(host, **wanted)
    assert host.labels["/srv/shop/deep"] == "httpd_sys_content_t" and not differs(host, **wanted)
    host.stops_at = where
    with pytest.raises(KeyboardInterrupt):
        change(host)
    host.stops_at = ""
    assert differs(host)
    change(host)
    assert host.labels["/srv/shop/deep"] == "var_t" and host.rules() == [] and notes(host) == {}


def test_nothing_is_done_where_it_is_disabled(host: SelinuxHost) -> None:
    Path(host.path("sys/fs/selinux/enforce")).unlink()
    assert change(host, ports=ports(5000)) == NOTHING


def test_the_notes_are_for_root(host: SelinuxHost) -> None:
    change(host, ports=ports(5000))
    path = Path(host.path(_nginx_selinux.NOTES))
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    with pytest.raises(Problem, match="cannot be read; remove it"):
        change(host)
