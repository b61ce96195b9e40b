"""A policy module of SELinux: whether it is there, and putting it there."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _selinux_module
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import Result
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._selinux_local import Host

TEXT = "; Managed.\n(allow a b (file (read)))\n"
STORE = "var/lib/selinux/targeted/active/modules"


class Modules(Host):
    """A host whose semodule keeps modules as libsemanage does."""

    def __init__(self, directory: Path) -> None:
        super().__init__(str(directory))
        self.store = directory / STORE
        self.calls: list[list[str]] = []
        (directory / "sys/fs/selinux").mkdir(parents=True)
        (directory / "sys/fs/selinux/enforce").touch()

    def put(self, text: str, priority: int = 400, compressed: bool = True) -> None:
        """Have a module."""
        directory = self.store / str(priority) / "shop"
        directory.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        (directory / "cil").write_bytes(bz2.compress(data) if compressed else data)

    def disable(self) -> None:
        """Have it disabled."""
        (self.store / "disabled").mkdir(parents=True)
        (self.store / "disabled/shop").touch()

    def run(self, arguments: list[str], timeout: float) -> Result:
        """Note what semodule is told, and what is in the file."""
        words = arguments[1:]
        if words[0] == "--install":
            assert words[1].endswith("/shop.cil")
            words[1] = Path(words[1]).read_text(encoding="utf-8")
        self.calls.append(words)
        return Result(0, "", "")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Modules:
    """Give such a host."""
    found = Modules(tmp_path)
    monkeypatch.setattr(_selinux_module, "run", found.run)
    monkeypatch.setattr(_selinux_module.shutil, "which", lambda name, **_: name)
    return found


def change(host: Modules, wanted: bool = True, check: bool = False) -> bool:
    """Run the module; tell whether it changed something."""
    return bool(_selinux_module.change(host, "shop", TEXT, wanted, check)["changed"])


def test_it_is_installed_once(host: Modules) -> None:
    assert change(host)
    assert host.calls == [["--install", TEXT, "--enable", "shop"]]
    host.calls.clear()
    for compressed in (True, False):
        host.put(TEXT, compressed=compressed)
        assert not change(host) and host.calls == []


def test_another_text_is_replaced(host: Modules) -> None:
    host.put("(allow a b (file (write)))")
    answer = _selinux_module.change(host, "shop", TEXT, True, True)
    assert answer["diff"][0]["before"] == "(allow a b (file (write)))"
    assert answer["diff"][0]["after"] == TEXT
    assert host.calls == []
    assert change(host) and host.calls


def test_the_highest_priority_counts(host: Modules) -> None:
    host.put(TEXT, 100)
    host.put("(other)", 400)
    assert change(host, check=True)


def test_a_disabled_one_is_brought_into_force(host: Modules) -> None:
    host.put(TEXT)
    host.disable()
    assert change(host) and host.calls[0][-2:] == ["--enable", "shop"]


def test_it_is_removed(host: Modules) -> None:
    assert not change(host, wanted=False)
    host.put(TEXT)
    assert change(host, wanted=False, check=True) and host.calls == []
    assert change(host, wanted=False) and host.calls == [["--remove", "shop"]]


def test_nothing_is_done_where_it_is_disabled(host: Modules, tmp_path: Path) -> None:
    (tmp_path / "sys/fs/selinux/enforce").unlink()
    assert not change(host) and host.calls == []


def test_a_name_is_no_path(host: Modules) -> None:
    with pytest.raises(Problem, match="no name of a policy module"):
        _selinux_module.change(host, "../shop", TEXT, True, False)


def test_without_semodule(host: Modules, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_selinux_module.shutil, "which", lambda *_, **__: None)
    with pytest.raises(Problem, match="install policycoreutils"):
        change(host)
