"""What of a host's hardening stands in the way of programs that its packages do not bring."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _hardening

#: As the kernel of a host with the partitions of CIS says it, and a few traps.
MOUNTS = r"""
22 1 253:0 / / rw,relatime shared:1 - xfs /dev/mapper/rl-root rw,attr2
23 22 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
25 22 0:23 / /run rw,nosuid,nodev shared:13 - tmpfs tmpfs rw,mode=755
40 22 253:2 / /opt rw,nodev,noexec,relatime shared:20 - xfs /dev/mapper/rl-opt rw
41 40 253:3 / /opt/apps rw,nodev,relatime shared:21 - xfs /dev/mapper/rl-apps rw,noexec_is_no_flag
42 22 253:4 / /var rw,nosuid,nodev,relatime shared:22 - xfs /dev/mapper/rl-var rw
43 42 253:5 / /var/cache rw,nosuid,nodev,noexec shared:23 - xfs /dev/mapper/rl-cache rw
44 22 253:6 / /srv/web\040sites rw,noexec shared:24 - xfs /dev/mapper/rl-srv rw
45 22 253:7 / /data rw,noexec shared:25 - xfs /dev/mapper/rl-data rw
46 45 253:8 / /data rw shared:26 - xfs /dev/mapper/rl-data2 rw
"""


def host(root: Path, **files: str) -> str:
    """Make files of a host by their paths, with __ for a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


@pytest.mark.parametrize(
    ("directory", "mount"),
    [
        ("/opt", "/opt"),
        ("/opt/uv", "/opt"),
        ("/opt/apps/shop", ""),
        # Not below /opt, though it begins with it.
        ("/optional", ""),
        ("/var/lib", ""),
        ("/var/cache/flask_app", "/var/cache"),
        ("/run", ""),
        ("/usr/local/sbin", ""),
        ("/srv/web sites/shop", "/srv/web sites"),
        # The second mount hides the first.
        ("/data/shop", ""),
    ],
)
def test_directory_is_on_its_nearest_mount(tmp_path: Path, directory: str, mount: str) -> None:
    root = host(tmp_path, proc__self__mountinfo=MOUNTS)
    assert _hardening.noexec([directory], root) == ({directory: mount} if mount else {})


def test_link_is_followed_to_where_programs_really_are(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "opt").symlink_to("there")
    line = f"40 22 253:2 / {tmp_path}/there rw,noexec - xfs /dev/x rw\n"
    root = host(tmp_path, proc__self__mountinfo=line)
    directory = f"{tmp_path}/opt/uv"
    assert _hardening.noexec([directory], root) == {directory: f"{tmp_path}/there"}


def test_nothing_is_made_up_where_the_kernel_does_not_say(tmp_path: Path) -> None:
    assert _hardening.noexec(["/opt"], str(tmp_path)) == {}
    assert _hardening.noexec(["/opt"], host(tmp_path, proc__self__mountinfo="odd\n")) == {}


@pytest.mark.parametrize(("text", "expected"), [("1\n", True), ("0\n", False), ("", False)])
def test_fips_is_what_the_kernel_says(tmp_path: Path, text: str, expected: bool) -> None:
    root = host(tmp_path, proc__sys__crypto__fips_enabled=text)
    assert _hardening.describe([], root=root)["fips"] is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [("active", True), ("activating", True), ("inactive", False), ("failed", False)],
)
def test_fapolicyd_is_asked_for_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, expected: bool
) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\necho {said}\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert not _hardening.has_fapolicyd(str(tmp_path))
    assert not (tmp_path / "asked").exists()
    host(tmp_path, etc__fapolicyd__fapolicyd__conf="permissive = 0\n")
    assert _hardening.has_fapolicyd(str(tmp_path)) is expected
    assert (tmp_path / "asked").read_text() == "is-active fapolicyd.service\n"


def test_certificate_authorities_are_found_where_the_release_has_them(tmp_path: Path) -> None:
    assert not _hardening.ca_bundle(str(tmp_path))
    paths = [tmp_path / path.lstrip("/") for path in _hardening.CA_BUNDLES]
    for path in reversed(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("-----BEGIN CERTIFICATE-----\n")
        assert _hardening.ca_bundle(str(tmp_path)) == f"/{path.relative_to(tmp_path)}"
    # A bundle that was emptied, as an interrupted update leaves it, is none.
    paths[0].write_text("")
    assert _hardening.ca_bundle(str(tmp_path)) == _hardening.CA_BUNDLES[1]
