"""Whether a host has to be rebooted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _reboot
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import Result
from ansible_collections.flaskstack.centos.plugins.module_utils._reboot import (
    boot_time,
    next_kernel,
    reasons,
)

OLD, NEW = "5.14.0-1.el9.x86_64", "5.14.0-2.el9.x86_64"


@pytest.mark.parametrize(
    ("coming", "packages", "expected"),
    [
        (OLD, "bash 900 5.1-1.x86_64\nglibc 900 2.34-1.x86_64\n", []),
        # What was updated since the boot, and needs none.
        (OLD, "bash 2000 5.1-2.x86_64\nnginx 2000 1.20-2.x86_64\n", []),
        (OLD, "glibc 1001 2.34-2.x86_64", ["glibc 2.34-2.x86_64 was installed since the boot"]),
        (
            NEW,
            "kernel-core 900 5.14.0-2.el9.x86_64\n",
            [f"the next boot takes kernel {NEW}, and {OLD} runs"],
        ),
        # Nobody can tell what the next boot takes: not a container, not a host without grubby.
        (None, "kernel-core 900 5.14.0-2.el9.x86_64\n", []),
        (
            None,
            "systemd 1500 252-2.x86_64\nkernel-core 1400 5.14.0-2.x86_64\n",
            [
                "kernel-core 5.14.0-2.x86_64 was installed since the boot",
                "systemd 252-2.x86_64 was installed since the boot",
            ],
        ),
        # What rpm cannot say of a key.
        (None, "gpg-pubkey 1500 (none) x\nopenssl-libs (none) 3.0\n\n", []),
    ],
)
def test_reasons(coming: str | None, packages: str, expected: list[str]) -> None:
    assert reasons(1000.0, OLD, coming, packages) == expected


def test_the_boot_is_that_of_the_first_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's kernel was booted with its machine."""
    monkeypatch.setattr(_reboot, "PROC", str(tmp_path))
    (tmp_path / "1").mkdir()
    (tmp_path / "stat").write_text("cpu 1 2 3\nbtime 1000\nprocesses 5\n")
    fields = " ".join(str(number) for number in range(3, 22))
    (tmp_path / "1/stat").write_text(f"1 (odd) name) {fields.replace('3', 'S', 1)} 50000 7 8\n")
    assert boot_time() == 1500.0


def test_this_host_was_booted_before_now() -> None:
    assert 0 < boot_time() < time.time()


@pytest.mark.parametrize(
    ("said", "kernel"), [(f"/boot/vmlinuz-{NEW}\n", NEW), ("", None), ("/boot/other\n", None)]
)
def test_the_kernel_of_the_next_boot(
    monkeypatch: pytest.MonkeyPatch, said: str, kernel: str | None
) -> None:
    monkeypatch.setattr(_reboot, "run", lambda *_, **__: Result(0, said, ""))
    assert next_kernel() == kernel


def test_without_grubby_nobody_knows_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(
        "ansible_collections.flaskstack.centos.plugins.module_utils._commands.SBIN", ""
    )
    assert next_kernel() is None
