"""Whose the sites' files on a host are, and what they need of the file that is one for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_change import Change
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_info import describe_owned
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER, Tree
from nginx_texts import files

ONE_LINE = "server { listen 8096; server_name a; return 200; } # listen 9;\n"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Give a tree with files of two owners, of an earlier version, and of somebody else."""
    directory = tmp_path / "nginx/conf.d"
    directory.mkdir(parents=True)
    ours = files("balancer_in_front")["conf.d/shop.conf"]["text"]
    (directory / "shop.conf").write_text(ours, encoding="utf-8")
    for name, second in (("other", "# Owner: 另一个, Serve\n"), ("earlier", "")):
        text = f"# {HEADER}\n{second}# listen 7;\n{ONE_LINE}"
        (directory / f"{name}.conf").write_text(text, encoding="utf-8")
    (directory / "php-fpm.conf").write_text(ONE_LINE, encoding="utf-8")
    return Tree(str(tmp_path / "nginx"), str(tmp_path / "backup"))


def test_whose_files_are_and_what_they_need(tree: Tree) -> None:
    earlier, other, shop = describe_owned(tree, HEADER)
    assert earlier == {
        "file": "conf.d/earlier.conf",
        "owner": "",
        "listens": ["8096"],
        "variables": [],
        "parts": [],
    }
    assert other["owner"] == "另一个, Serve"
    assert shop["owner"] == "inventory, Serve"
    assert shop["listens"] == ["80", "[::]:80"]
    assert shop["variables"] == [
        "$flaskstack_blocked",
        "$flaskstack_forwarded_host",
        "$flaskstack_name",
        "$flaskstack_retry_after",
    ]


def test_which_sites_share_a_server(tree: Tree) -> None:
    for name in ("main", "shop.admin"):
        text = files("shared")[f"conf.d/{name}.conf"]["text"]
        Path(tree.root, f"conf.d/{name}.conf").write_text(text, encoding="utf-8")
    parts = {found["file"]: found["parts"] for found in describe_owned(tree, HEADER)}
    assert parts["conf.d/main.conf"] == ["docs", "shop", "shop.admin"]
    assert parts["conf.d/shop.admin.conf"] == parts["conf.d/shop.conf"] == []


def test_certificates_are_handed_to_the_sites_of_all_owners(tree: Tree) -> None:
    # The program of the timer is one for the host, and has no owner.
    wanted = {"tls/other.crt": (b"", 0o644)}
    Change(wanted).check(tree)
    with pytest.raises(Problem, match="另一个"):
        Change(wanted, owner="inventory, Serve").check(tree)
