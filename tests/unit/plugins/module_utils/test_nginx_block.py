"""Addresses that nginx refuses at once."""

from __future__ import annotations

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _nginx_block
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_block import HEADER, block
from nginx_host import TAKES_OVER, Host, failure


def test_blocking(nginx: Host) -> None:
    path = nginx.root / "blocked-now.conf"
    dry = block(nginx.tree, "192.0.2.9/24", True, 5, check=True)
    assert (dry["changed"], dry["addresses"]) == (True, ["192.0.2.0/24"])
    assert dry["diff"] == [
        {
            "before_header": str(path),
            "after_header": str(path),
            "before": "",
            "after": f"# {HEADER}\n192.0.2.0/24 1;\n",
        }
    ]
    assert not path.exists() and nginx.calls("nginx") == []
    assert block(nginx.tree, "192.0.2.9/24", True, 5) == dry
    nginx.on_reload(TAKES_OVER.replace("202", "204"))
    block(nginx.tree, "2001:DB8::", True, 5)
    nginx.on_reload(TAKES_OVER.replace("202", "205"))
    answer = block(nginx.tree, "10.0.0.1", True, 5)
    assert answer["addresses"] == ["10.0.0.1/32", "192.0.2.0/24", "2001:db8::/128"]
    lines = [f"# {HEADER}", "10.0.0.1/32 1;", "192.0.2.0/24 1;", "2001:db8::/128 1;"]
    assert path.read_text().splitlines() == lines
    asked = len(nginx.calls("nginx"))
    again = block(nginx.tree, "10.0.0.1/32", True, 5)
    assert (again["changed"], again["diff"]) == (False, [])
    assert not block(nginx.tree, "10.0.0.2", False, 5)["changed"]
    assert len(nginx.calls("nginx")) == asked
    nginx.on_reload(TAKES_OVER.replace("202", "206"))
    answer = block(nginx.tree, "192.0.2.0/24", False, 5)
    assert (answer["changed"], answer["addresses"]) == (True, ["10.0.0.1/32", "2001:db8::/128"])
    assert nginx.left() == set()


def test_a_block_that_nginx_does_not_take_is_undone(nginx: Host) -> None:
    before = nginx.contents()
    nginx.on_reload("exit 1")
    assert "the old files are back" in str(failure(block, nginx.tree, "10.0.0.1", True, 0))
    assert nginx.contents() == before
    nginx.put("nginx.conf", "bad")
    problem = failure(block, nginx.tree, "10.0.0.1", True, 5)
    assert "nginx.conf:1" in problem.details["problem"]
    assert not (nginx.root / "blocked-now.conf").exists()


@pytest.mark.parametrize("address", ["shop.example", "1.2.3", "1.2.3.4/33", "", "1.2.3.4; deny"])
def test_what_is_no_address(nginx: Host, address: str) -> None:
    said = str(failure(block, nginx.tree, address, True, 5))
    assert said.startswith(f"'{address}' is neither an address nor a network; write it as ")


def test_a_file_of_blocks_with_something_else_in_it(nginx: Host) -> None:
    nginx.put("blocked-now.conf", "# x\n\nshop.example 1;\n")
    said = str(failure(block, nginx.tree, "10.0.0.1", True, 5, check=True))
    assert said.startswith(f"{nginx.root}/blocked-now.conf: 'shop.example' is neither")


def test_a_block_that_was_killed_before_nginx_took_it_over(
    nginx: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is in the file the next time: that alone keeps nobody out."""

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_nginx_block, "take_over", kill)
        with pytest.raises(KeyboardInterrupt):
            block(nginx.tree, "10.0.0.1", True, 5)
    assert not nginx.calls("systemctl")
    answer = block(nginx.tree, "10.0.0.1", True, 5)
    assert (answer["changed"], answer["addresses"]) == (True, ["10.0.0.1/32"])
    assert nginx.calls("systemctl")[-1] == "reload nginx.service"
    assert nginx.left() == set()
    assert not block(nginx.tree, "10.0.0.1", True, 5)["changed"]
