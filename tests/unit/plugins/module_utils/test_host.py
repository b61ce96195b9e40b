"""What a host is: the facts that the roles need, as Ansible's own setup says them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _host


def host(root: Path, release: str, redhat: str = "") -> Path:
    """Make the files of a host."""
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text(release)
    if redhat:
        (root / "etc/redhat-release").write_text(redhat + "\n")
    return root


STREAM = 'NAME="CentOS Stream"\nVERSION="9"\nID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="9"\n'


@pytest.mark.parametrize(
    ("release", "redhat", "expected"),
    [
        (STREAM, "CentOS Stream release 9", ("RedHat", "CentOS", "9", "9")),
        (
            'NAME="CentOS Linux"\nID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="8"\n',
            "CentOS Linux release 8.5.2111",
            ("RedHat", "CentOS", "8.5", "8"),
        ),
        (
            'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n',
            "Rocky Linux release 9.4 (Blue Onyx)",
            ("RedHat", "Rocky", "9.4", "9"),
        ),
        (
            'NAME="AlmaLinux"\nID="almalinux"\nVERSION_ID="10.0"\n',
            "AlmaLinux release 10.0 (Purple Lion)",
            ("RedHat", "AlmaLinux", "10.0", "10"),
        ),
        (
            'NAME="Red Hat Enterprise Linux"\nID="rhel"\nID_LIKE="fedora"\nVERSION_ID="8.10"\n',
            "Red Hat Enterprise Linux release 8.10 (Ootpa)",
            ("RedHat", "RedHat", "8.10", "8"),
        ),
        (
            'NAME="Oracle Linux Server"\nID="ol"\nID_LIKE="fedora"\nVERSION_ID="9.3"\n',
            "Red Hat Enterprise Linux release 9.3 (Plow)",
            ("RedHat", "OracleLinux", "9.3", "9"),
        ),
        (
            "NAME='Debian GNU/Linux'\nID=debian\nVERSION_ID='12'\n",
            "",
            ("Debian", "Debian", "12", "12"),
        ),
        ("# nothing\n\n", "", ("NA", "NA", "NA", "NA")),
    ],
)
def test_facts(tmp_path: Path, release: str, redhat: str, expected: tuple[str, ...]) -> None:
    found = _host.facts(str(host(tmp_path, release, redhat)))
    assert expected == tuple(
        found[key]
        for key in (
            "os_family",
            "distribution",
            "distribution_version",
            "distribution_major_version",
        )
    )


def test_selinux_is_enabled_where_the_kernel_has_a_policy(tmp_path: Path) -> None:
    root = host(tmp_path, STREAM)
    assert _host.facts(str(root))["selinux"] == {"status": "disabled"}
    (root / "sys/fs/selinux").mkdir(parents=True)
    (root / "sys/fs/selinux/enforce").write_text("0")
    (root / "etc/selinux").mkdir()
    (root / "etc/selinux/config").write_text("# SELINUX= modes\nSELINUX=enforcing\n")
    # Whoever gathered facts before has not less of them then.
    assert _host.facts(str(root))["selinux"] == {
        "status": "enabled",
        "policyvers": "unknown",
        "config_mode": "enforcing",
        "mode": "permissive",
        "type": "unknown",
    }
    (root / "etc/selinux/config").write_text("SELINUX=permissive\nSELINUXTYPE=targeted\n")
    (root / "sys/fs/selinux/policyvers").write_text("33")
    found = _host.facts(str(root))["selinux"]
    assert (found["policyvers"], found["type"]) == (33, "targeted")


def tool(path: Path, text: str) -> str:
    """Write a program."""
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def test_versions_of_programs_that_run(tmp_path: Path) -> None:
    good = tool(tmp_path / "good", 'echo; echo "uv 0.13.9 (x86_64)"; echo more\n')
    shy = tool(tmp_path / "shy", "echo nginx version: nginx/1.26 >&2\n")
    broken = tool(tmp_path / "broken", "echo uv 0.13.9; exit 139\n")
    cut = tmp_path / "cut"
    cut.write_bytes(b"\x7fELF")
    cut.chmod(0o755)
    assert [_host.version(one) for one in (good, shy, broken, str(cut), "/nowhere/uv")] == [
        "uv 0.13.9 (x86_64)",
        "nginx version: nginx/1.26",
        "",
        "",
        "",
    ]


def test_packages_are_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = tmp_path / "said"
    tool(tmp_path / "rpm", f'echo "$@" >> {said}\nprintf "python3.11\\npython3\\npython3.11\\n"\n')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert _host.packages(["python3*"]) == ["python3", "python3.11"]
    assert said.read_text().split() == ["--query", "--all", "--queryformat", "%{NAME}", "python3*"]
    assert _host.packages([]) == []


def test_no_packages_where_there_is_no_rpm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _host, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError("rpm"))
    )
    assert _host.packages(["python3*"]) == []


CENTOS = {"distribution": "CentOS", "distribution_major_version": "9"}


@pytest.mark.parametrize(
    ("name", "release", "noted"),
    [("CentOS", "8", True), ("CentOS", "9", False), ("Rocky", "8", False), ("RedHat", "8", False)],
)
def test_release_without_repositories_is_noted(name: str, release: str, noted: bool) -> None:
    found = _host.notes({"distribution": name, "distribution_major_version": release})
    assert bool(found) is noted
    assert not noted or "Rocky Linux 8, AlmaLinux 8 or RHEL 8" in found[0]


def test_facts_have_the_names_that_setup_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_host, "facts", lambda: CENTOS)
    monkeypatch.setattr(_host, "systemd", lambda: 252)
    monkeypatch.setattr(_host._hardening, "ca_bundle", lambda: "/etc/ca.crt")
    monkeypatch.setattr(_host._hardening, "describe", lambda *asked: {"asked": asked})
    assert _host.info([], ["/nowhere/uv"], ["/opt"], ["/opt/"]) == {
        "changed": False,
        "warnings": [],
        "ansible_facts": {
            "ansible_distribution": "CentOS",
            "ansible_distribution_major_version": "9",
        },
        "packages": [],
        "versions": {"/nowhere/uv": ""},
        "systemd": 252,
        "ca_bundle": "/etc/ca.crt",
        "asked": (["/opt"], ["/opt/"]),
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("systemd 239 (239-82.el8)\n+PAM +AUDIT\n", 239),
        ("systemd 252 (252-55.el9)\n+PAM +AUDIT\n", 252),
        ("systemd 257 (257-13.el10-gabcdef)\n+PAM\n", 257),
        ("nothing of the kind\n", 0),
    ],
)
def test_version_of_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, expected: int
) -> None:
    tool(tmp_path / "systemctl", f"cat <<'EOF'\n{said}EOF\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert _host.systemd() == expected
