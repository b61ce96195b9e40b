"""Ask systemd: what it says is read, and what it does not do raises."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _systemd
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import CommandFailed


class Fake:
    """Programs that are found in the place of systemd's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def put(self, name: str, script: str) -> None:
        """Make a program of a shell script; its arguments are noted."""
        path = self.directory / name
        path.write_bytes(f'#!/bin/sh\necho "$0 $@" >> {self.directory}/asked\n'.encode())
        with path.open("a", encoding="utf-8") as file:
            file.write(script)
        path.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        """Return the command lines of all calls."""
        text = (self.directory / "asked").read_text(encoding="utf-8")
        return [line.removeprefix(f"{self.directory}/") for line in text.splitlines()]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Have programs of the test's own come first."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Fake(tmp_path)


def test_what_systemd_does_not_do_raises_with_its_words(fake: Fake) -> None:
    fake.put("systemctl", "echo 'Failed to enable unit: Access denied' >&2; exit 1")
    with pytest.raises(CommandFailed, match="systemctl enable ended .*\n.*Access denied"):
        _systemd.systemctl("enable", "uwsgi-shop@a.service")
    assert fake.asked == ["systemctl enable uwsgi-shop@a.service"]


def test_systemd_that_does_not_answer_raises_after_the_timeout(fake: Fake) -> None:
    fake.put("systemctl", "sleep 60")
    with pytest.raises(CommandFailed, match="took too long"):
        _systemd.systemctl("stop", "uwsgi-shop@a.service", timeout=0.2)


def test_units_are_read_anew(fake: Fake) -> None:
    fake.put("systemctl", "")
    _systemd.reload_units()
    assert fake.asked == ["systemctl daemon-reload"]


def test_properties_may_have_equals_signs_and_spaces(fake: Fake) -> None:
    fake.put("systemctl", "printf 'ExecStart={ path=/bin/x ; argv[]=a=b }\nResult=\nnoise\n'")
    said = _systemd.show("shop.service", "ExecStart", "Result")
    assert said == {"ExecStart": "{ path=/bin/x ; argv[]=a=b }", "Result": ""}
    assert fake.asked == ["systemctl show shop.service --property=ExecStart,Result"]


BLOCKS = """
cat <<'END'
Id=a.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
MainPID=4

Id=real.service
LoadState=loaded
ActiveState=failed
Other=x
END
"""


def test_states_of_several_units_are_one_question(fake: Fake) -> None:
    fake.put("systemctl", BLOCKS)
    states = _systemd.show_all(["a.service", "alias.service"])
    assert states["a.service"] == {
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "UnitFileState": "enabled",
        "MainPID": "4",
        "NeedDaemonReload": "no",
    }
    # The second one answered by another name, at the second's place.
    assert states["alias.service"]["ActiveState"] == "failed"
    assert "Other" not in states["alias.service"]
    assert len(fake.asked) == 1
    assert fake.asked[0].endswith(" a.service alias.service")


def test_unit_that_is_not_told_of_is_unknown(fake: Fake) -> None:
    fake.put("systemctl", BLOCKS)
    states = _systemd.show_all(["c.service", "a.service", "b.service"])
    assert states["c.service"] == states["b.service"] == _systemd.UNKNOWN
    assert states["a.service"]["ActiveState"] == "active"
    states["c.service"]["ActiveState"] = "active"
    assert _systemd.UNKNOWN["ActiveState"] == "inactive"


def test_no_units_are_no_question() -> None:
    assert _systemd.show_all([]) == {}


def test_failure_to_list_units_is_not_taken_for_none(fake: Fake) -> None:
    fake.put("systemctl", "exit 1")
    with pytest.raises(CommandFailed):
        _systemd.list_units("uwsgi-shop*")
    with pytest.raises(CommandFailed):
        _systemd.show_all(["a.service"])
    with pytest.raises(CommandFailed):
        _systemd.show("a.service", "MainPID")


def test_units_in_memory_are_listed_with_their_states(fake: Fake) -> None:
    fake.put(
        "systemctl",
        r"""printf '%s\n' 'a@1.service loaded active running uWSGI of shop' \
        'a@2.service loaded failed failed uWSGI' '' 'c.timer not-found inactive dead c.timer'""",
    )
    assert _systemd.list_units("a@*", "c*") == {
        "a@1.service": ("active", "running"),
        "a@2.service": ("failed", "failed"),
        "c.timer": ("inactive", "dead"),
    }
    assert fake.asked[0].endswith(" a@* c*")


def test_units_that_start_at_boot_are_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_systemd, "UNITS", str(tmp_path))
    assert _systemd.list_enabled("uwsgi-shop") == []
    for target in ("multi-user.target.wants", "timers.target.wants", "other.target.wants"):
        (tmp_path / target).mkdir()
    (tmp_path / "multi-user.target.wants/uwsgi-shop@a.service").symlink_to("../gone")
    (tmp_path / "multi-user.target.wants/uwsgi-other@a.service").symlink_to("../gone")
    (tmp_path / "timers.target.wants/uwsgi-shop.mail@a.timer").symlink_to("../gone")
    found = _systemd.list_enabled("uwsgi-shop")
    assert sorted(found) == ["uwsgi-shop.mail@a.timer", "uwsgi-shop@a.service"]


def test_journal_that_is_no_utf_8_is_read(fake: Fake) -> None:
    fake.put("journalctl", r"""[ "$1" = --sync ] || printf 'gr\374n\ngr\303\274n\n'""")
    assert _systemd.journal("--unit=a.service", lines=5) == "gr\ufffdn\ngrün"
    assert fake.asked[0] == "journalctl --sync"
    assert "--lines=5" in fake.asked[1]
    assert fake.asked[1].endswith(" --unit=a.service")


def test_last_lines_before_a_time_are_counted_here(fake: Fake) -> None:
    # journalctl before 254 takes the last lines of all, and then shows none after a time.
    fake.put("journalctl", "[ \"$1\" = --sync ] || printf '1\\n2\\n\\n3\\n'")
    assert _systemd.journal("--unit=a.service", lines=2, until=5000.25) == "2\n3"
    assert "--since=@1400.000000 --until=@5000.250000" in fake.asked[1]
    _systemd.journal("--unit=a.service", since=4999.5, until=5000.25)
    assert "--since=@4999.500000 --until=@5000.250000" in fake.asked[-1]
    assert "--lines" not in fake.asked[1]


def test_what_must_not_keep_the_rest_from_being_done_is_told(fake: Fake) -> None:
    fake.put("systemctl", "[ $1 = stop ] || { echo 'No such unit.' >&2; exit 5; }")
    assert _systemd.attempt("stop", "a.service") == ""
    assert _systemd.attempt("disable", "a.service").endswith("No such unit.")


def test_empty_journal_is_none(fake: Fake) -> None:
    fake.put("journalctl", "exit 1")
    assert _systemd.journal("--unit=a.service") == "(none)"


def test_journal_that_hangs_or_is_not_there_hides_no_other_error(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_systemd, "JOURNAL_PATIENCE", 0.2)
    fake.put("journalctl", "sleep 60")
    assert _systemd.journal("--unit=a.service") == "(journalctl --no-pager took too long.)"
    # Only what is on the disk already, where it cannot be had to write.
    fake.put("journalctl", '[ "$1" != --sync ] || sleep 60; echo written')
    assert _systemd.journal("--unit=a.service") == "written"
    (fake.directory / "journalctl").unlink()
    monkeypatch.setenv("PATH", str(fake.directory))
    monkeypatch.setattr(
        "ansible_collections.flaskstack.centos.plugins.module_utils._commands.SBIN", ""
    )
    assert _systemd.journal("--unit=a.service") == "(journalctl: No such file or directory.)"


def test_failures_of_what_has_ended_are_forgotten_at_once(fake: Fake) -> None:
    fake.put("systemctl", "test $1 != show || echo ActiveState=inactive")
    fake.put("systemd-run", "")
    _systemd.forget_failures(["uwsgi-shop@a.service", "uwsgi-shop@a.socket"])
    assert fake.asked[0] == "systemctl reset-failed uwsgi-shop@a.service uwsgi-shop@a.socket"
    assert not any(call.startswith("systemd-run") for call in fake.asked)


def test_failures_of_what_still_ends_are_forgotten_when_it_has(fake: Fake) -> None:
    """A service that ends with 143, as a shell does: failed until it is started anew."""
    fake.put("systemctl", "test $1 != show || echo ActiveState=deactivating")
    fake.put("systemd-run", "")
    _systemd.forget_failures(["uwsgi-shop.mail@a.service"])
    call = fake.asked[-1]
    assert call.startswith("systemd-run --quiet --collect --no-block /bin/sh -c while systemctl")
    assert "reset-failed uwsgi-shop.mail@a.service" in call


def test_a_systemd_that_does_not_answer_keeps_nobody(fake: Fake) -> None:
    fake.put("systemctl", "exit 1")
    _systemd.forget_failures(["uwsgi-shop@a.service"])
    _systemd.forget_failures([])
    assert len(fake.asked) == 2
