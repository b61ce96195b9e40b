"""Changes of the tree that nginx reads: tested before, and all or nothing."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _files,
    _nginx_change,
    _nginx_tree,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_info import fingerprints
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import (
    HEADER,
    Tree,
    alone,
)
from nginx_host import Host, failure, sites

UNTOUCHED = "The configuration cannot be written, and nothing was changed:\n"
REFUSED = "; the old one is untouched and goes on serving. In nginx's words:\n"


def test_a_change(nginx: Host) -> None:
    nginx.put("conf.d/gone.conf", "gone")
    (nginx.root / "modules").symlink_to("../../usr/lib")
    files = sites(shop="new", same="same") | {
        "tls/deep/x.key": ("é".encode(), 0o600),
        "pages/x.html": (b"page", 0o644),
    }
    nginx.put("conf.d/same.conf", "same")
    before = (nginx.root / "conf.d/same.conf").stat().st_ino
    answer = nginx.change(files=files, remove=["conf.d/gone.conf", "conf.d/never.conf"])
    answer.pop("diff")
    assert answer == {
        "changed": True,
        "written": ["conf.d/shop.conf", "tls/deep/x.key", "pages/x.html"],
        "removed": ["conf.d/gone.conf"],
        "warnings": [],
    }
    assert nginx.contents() == {
        "conf.d/same.conf": ("644", "same"),
        "conf.d/shop.conf": ("644", "new"),
        "mime.types": ("644", "types"),
        "modules": ("link", "../../usr/lib"),
        "nginx.conf": ("644", "old main"),
        "pages/x.html": ("644", "page"),
        "tls/deep/x.key": ("600", "é"),
    }
    assert (nginx.root / "conf.d/same.conf").stat().st_ino == before
    modes = [(nginx.root / name).stat().st_mode & 0o777 for name in ("tls", "pages")]
    assert modes == [0o700, 0o755]
    # It was tested where only root can look, as deep as the real one, and nothing is left of that.
    stage = Path((nginx.fake / "stage").read_text().strip())
    assert stage.parent == nginx.backup.parent
    tested = (nginx.fake / "stage.files").read_text().split()
    assert tested[:2] == ["700", "./"]
    assert {"./mime.types", "./modules", "./tls/deep/x.key"} <= set(tested)
    assert "./conf.d/gone.conf" not in tested
    assert nginx.left() == {"flaskstack-nginx"}
    assert nginx.backup.stat().st_mode & 0o777 == 0o700
    assert nginx.tree.journal()
    found = fingerprints(nginx.tree.files())["conf.d/shop.conf"]
    assert found["sha256"] == hashlib.sha256(b"new").hexdigest()


@pytest.mark.parametrize(
    ("text", "tested"),
    [
        ("user nginx;\npid /run/nginx.pid;\n", "user nginx;\npid {}/nginx.pid;\n"),
        ("#pid a;\n  pid  /run/a.pid ; # why\n", "#pid a;\npid {}/nginx.pid; # why\n"),
        ("user nginx;\npcre_jit on;\n", "user nginx;\npcre_jit on;\n"),
    ],
)
def test_a_test_leaves_the_file_of_the_process_alone(nginx: Host, text: str, tested: str) -> None:
    """A test makes it, and one that root made is not for nginx to write under SELinux."""
    nginx.put("nginx.conf", text)
    nginx.write(shop="new")
    stage = (nginx.fake / "stage").read_text().strip()
    assert (nginx.fake / "stage.nginx.conf").read_text() == tested.format(stage)
    assert nginx.contents()["nginx.conf"] == ("644", text)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_owner_alone_is_a_difference(nginx: Host) -> None:
    path = nginx.put("conf.d/shop.conf", "new")
    os.chown(path, 1, 2)
    assert nginx.write(shop="new")["written"] == ["conf.d/shop.conf"]
    assert (path.stat().st_uid, path.stat().st_gid) == (0, 0)
    nginx.on_reload("exit 1")
    failure(nginx.reload, 0)
    assert (path.stat().st_uid, path.stat().st_gid) == (1, 2)


def test_a_mode_alone_is_a_difference(nginx: Host) -> None:
    nginx.put("conf.d/shop.conf", "new", 0o600)
    assert nginx.write(shop="new")["written"] == ["conf.d/shop.conf"]
    assert nginx.contents()["conf.d/shop.conf"] == ("644", "new")


def test_nothing_to_write_is_tested_and_no_change(nginx: Host) -> None:
    answer = nginx.change(files={"nginx.conf": (b"old main", 0o644)})
    assert answer == {"changed": False, "written": [], "removed": [], "warnings": [], "diff": []}
    assert len(nginx.calls("nginx")) == 1
    assert not nginx.tree.journal()


def test_what_nginx_refuses_touches_nothing(nginx: Host) -> None:
    nginx.put("conf.d/other.conf", "warned")
    before = nginx.contents()
    files = sites(shop="new", wiki="bad")
    for check in (True, False):
        problem = failure(nginx.change, check, files=files, remove=["mime.types"])
        assert problem.details["site"] == "wiki"
        assert problem.details["problem"].splitlines() == [
            f"nginx: [warn] something in {nginx.root}/conf.d/other.conf:1",
            f'nginx: [emerg] unknown directive "bad" in {nginx.root}/conf.d/wiki.conf:1',
        ]
        said = "nginx refuses the new configuration (site 'wiki')" + REFUSED
        assert str(problem) == said + problem.details["problem"]
        assert nginx.contents() == before
        assert nginx.left() == set()


def test_what_is_no_site_is_no_site_s_fault(nginx: Host) -> None:
    problem = failure(nginx.change, files={"nginx.conf": (b"bad", 0o644)})
    assert problem.details["site"] is None
    assert str(problem).startswith("nginx refuses the new configuration" + REFUSED)


def test_warnings_are_told(nginx: Host) -> None:
    (warning,) = nginx.write(shop="warned")["warnings"]
    assert warning == f"nginx: [warn] something in {nginx.root}/conf.d/shop.conf:1"


def test_a_linked_directory_is_not_written_through_by_the_test(nginx: Host) -> None:
    elsewhere = nginx.directory / "elsewhere"
    (nginx.root / "conf.d").rename(elsewhere)
    (nginx.root / "conf.d").symlink_to(elsewhere)
    failure(nginx.write, shop="bad")
    assert "old shop" in (elsewhere / "shop.conf").read_text()
    nginx.write(shop="new")
    assert (elsewhere / "shop.conf").read_text() == "new"
    assert (nginx.root / "conf.d").is_symlink()


def test_a_linked_file_is_replaced_and_comes_back_as_a_link(nginx: Host) -> None:
    target = nginx.put("real", "real")
    (nginx.root / "conf.d/shop.conf").unlink()
    (nginx.root / "conf.d/shop.conf").symlink_to("../real")
    before = nginx.contents()
    nginx.write(shop="new")
    assert target.read_text() == "real"
    nginx.on_reload("exit 1")
    failure(nginx.reload, 0)
    assert nginx.contents() == before


def test_includes_by_whole_paths_are_those_of_the_copy(nginx: Host) -> None:
    # As EL's own nginx.conf has them: the test would read what is there, not what is to be.
    main = nginx.put("nginx.conf", f"include {nginx.root}/conf.d/*.conf;\n")
    nginx.command(
        "nginx",
        "#!/bin/sh\n"
        """found=$(sed -n 's/include \\(.*\\);/\\1/p' "$4")\n"""
        """grep -lw bad $found | sed 's/^/[emerg] bad in /' >&2; ! grep -qw bad $found\n""",
    )
    problem = failure(nginx.write, wiki="bad")
    assert problem.details["problem"] == f"[emerg] bad in {nginx.root}/conf.d/wiki.conf"
    assert problem.details["site"] == "wiki"
    nginx.write(wiki="good")
    assert main.read_text() == f"include {nginx.root}/conf.d/*.conf;\n"


def test_what_is_no_file_is_left_out_of_the_test(nginx: Host) -> None:
    os.mkfifo(nginx.root / "pipe")
    nginx.write(shop="new")
    assert "./pipe" not in (nginx.fake / "stage.files").read_text().split()


@pytest.mark.parametrize("path", ["/etc/x", "../x", "conf.d/../../x", "conf.d//x", ".", ".x", ""])
def test_a_path_that_leads_elsewhere(nginx: Host, path: str) -> None:
    said = f"{UNTOUCHED}'{path}' is no path below {nginx.root}."
    assert str(failure(nginx.change, files={path: (b"", 0o644)})) == said
    assert str(failure(nginx.change, remove=[path])) == said


def test_a_directory_in_the_way(nginx: Host) -> None:
    problem = failure(nginx.change, files={"conf.d": (b"", 0o644)})
    said = f"{nginx.root}/conf.d is a directory, where a file is to be; move it away."
    assert str(problem) == UNTOUCHED + said
    assert "is a directory" in str(failure(nginx.change, remove=["conf.d"]))


def test_a_key_is_tried_with_its_certificate(nginx: Host, pem: Path) -> None:
    def pair(key: str) -> dict[str, Any]:
        return {
            "files": {
                "tls/shop.crt": ((pem / "leaf60.c").read_bytes(), 0o644),
                "tls/shop.key": ((pem / key).read_bytes(), 0o600),
            },
            "pairs": [
                {
                    "site": "shop",
                    "certificate": "tls/shop.crt",
                    "key": f"{nginx.root}/tls/shop.key",
                    "key_names": ["tls.certificate_text", "tls.key_text"],
                }
            ],
        }

    before = nginx.contents()
    problem = failure(nginx.change, **pair("other.k"))
    assert problem.details["problem"] == (
        f"site 'shop', tls.key_text: {nginx.root}/tls/shop.key does not belong to the"
        f" certificate {nginx.root}/tls/shop.crt; give the two that do."
    )
    assert problem.details["problem"] in str(problem)
    assert problem.details["site"] == "shop"
    assert nginx.contents() == before
    assert nginx.change(**pair("leaf.k"))["written"] == ["tls/shop.crt", "tls/shop.key"]


def test_labels_where_selinux_is(nginx: Host) -> None:
    nginx.command("restorecon", '#!/bin/sh\necho "$*" >> "$FAKE/restorecon.calls"\n')
    nginx.write(shop="new")
    assert nginx.calls("restorecon") == []
    (nginx.directory / "enforce").touch()
    nginx.write("mime.types", shop="newer")
    assert nginx.calls("restorecon") == [f"{nginx.root}/conf.d/shop.conf"]
    (nginx.fake / "restorecon").unlink()
    nginx.write(shop="newest")


# ---- Whose it is ---------------------------------------------------------------------------


def test_a_site_of_another_owner_is_neither_written_nor_removed(nginx: Host) -> None:
    theirs = nginx.put("conf.d/wiki.conf", f"# {HEADER}\n# Owner: theirs\nold wiki")
    key = nginx.put("tls/wiki.key", "their key", 0o600)
    page = nginx.put("maintenance/wiki.html", "closed")
    before = nginx.contents()
    text = f"# {HEADER}\n# Owner: ours\nnew wiki"
    said = (
        f"{UNTOUCHED}site 'wiki': {theirs} belongs to 'theirs', another playbook or inventory that"
        " serves this host; give the site another name, or let it go there first."
    )
    for check in (True, False):
        for owner in ("ours", ""):
            problem = failure(nginx.change, check, files=sites(wiki=text), owner=owner)
            assert (str(problem), problem.details) == (said, {"site": "wiki"})
        assert str(failure(nginx.change, check, remove=["conf.d/wiki.conf"], owner="ours")) == said
        for path in (key, page):
            name = str(path.relative_to(nginx.root))
            problem = failure(nginx.change, check, remove=[name], owner="ours")
            assert f"{path} belongs to 'theirs'" in str(problem)
    assert nginx.contents() == before
    nginx.change(files=sites(wiki=text), owner="theirs")
    nginx.change(files=sites(wiki="x"), owner="ours")


def test_a_site_of_an_earlier_version_is_ours(nginx: Host) -> None:
    nginx.put("conf.d/other.conf", "# mine\n# Owner: not the role's to say\n")
    text = f"# {HEADER}\n# Owner: ours\nnew shop"
    answer = nginx.change(files=sites(shop=text, other="x"), owner="ours")
    assert answer["written"] == ["conf.d/shop.conf", "conf.d/other.conf"]
    assert nginx.change(remove=["conf.d/shop.conf"], owner="ours")["removed"] == [
        "conf.d/shop.conf"
    ]


# ---- Check mode and diff -------------------------------------------------------------------


def test_check_mode_says_the_same_and_changes_nothing(nginx: Host) -> None:
    about = {
        "files": sites(shop="new warned", a="a"),
        "remove": ["mime.types"],
        "caches": [str(nginx.cache / "shop/0")],
    }
    before, left = nginx.contents(), set(os.listdir(nginx.directory))
    announced = nginx.change(True, **about)
    assert nginx.contents() == before
    assert nginx.left() == set()
    assert set(os.listdir(nginx.directory)) - {"run"} == left
    assert len(nginx.calls("nginx")) == 1
    assert nginx.change(**about) == announced
    assert (nginx.cache / "shop").is_dir()
    again = nginx.change(True, **about)
    assert (again["changed"], again["diff"]) == (False, [])
    assert (nginx.cache / "shop").is_dir()


def test_the_caches_of_a_test_go_with_what_nginx_made_there(nginx: Host) -> None:
    wanted = nginx.cache / "shop/0"
    nginx.command("nginx", f"#!/bin/sh\n[ -d {nginx.cache}/shop ] && mkdir {wanted}\n")
    nginx.cache.mkdir()
    nginx.change(True, caches=[str(wanted), str(nginx.cache / "shop/1")])
    assert nginx.cache.is_dir() and not (nginx.cache / "shop").exists()


def test_a_host_without_nginx_is_told_what_would_be_written(
    nginx: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(nginx.fake))
    (nginx.fake / "nginx").unlink()
    nginx.root = nginx.directory / "none"
    assert nginx.change(True, files=sites(a="a"))["written"] == ["conf.d/a.conf"]
    assert not nginx.root.exists()
    problem = failure(nginx.change, files=sites(a="a"))
    assert str(problem) == UNTOUCHED + "nginx: No such file or directory."


def test_certificates_that_are_made_before_are_there_for_the_test(nginx: Host) -> None:
    wanted = {"certificate": "tls/a.crt", "key": f"{nginx.root}/tls/a.key", "names": ["a.example"]}
    nginx.change(True, files=sites(a="a"), placeholders=[dict(wanted, days=9)])
    tested = (nginx.fake / "stage.files").read_text().split()
    assert {"./tls/a.crt", "./tls/a.key"} <= set(tested)
    assert not (nginx.root / "tls").exists()
    assert nginx.left() == set()


def test_a_test_in_check_mode_after_a_write_that_was_killed(
    nginx: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(nginx, monkeypatch, "rename", 8, **CHANGE)
    now = nginx.contents()
    (difference,) = nginx.change(True, files=sites(shop="new shop"))["diff"]
    assert difference["before"] == f"# {HEADER}\nold shop"
    # What is tested is what the next process makes of it.
    tested = (nginx.fake / "stage.files").read_text().split()
    assert "./mime.types" in tested and "./conf.d/a.conf" not in tested
    assert (nginx.contents(), nginx.state()) == (now, "writing")


def test_the_diff_shows_no_secret(nginx: Host) -> None:
    nginx.put("tls/old.key", "old hush", 0o600)
    nginx.put("tls/wider.key", "narrow hush", 0o600)
    files = sites(shop="new") | {
        "tls/new.key": (b"new hush", 0o600),
        "tls/wider.key": (b"public", 0o644),
    }
    answer = nginx.change(True, files=files, remove=["tls/old.key", "mime.types"])
    assert answer["removed"] == ["tls/old.key", "mime.types"]
    assert "hush" not in str(answer["diff"])
    assert [each["after_header"] for each in answer["diff"]] == [
        f"{nginx.root}/{name}" for name in ("conf.d/shop.conf", "tls/wider.key", "mime.types")
    ]
    assert answer["diff"][0] == {
        "before_header": f"{nginx.root}/conf.d/shop.conf",
        "after_header": f"{nginx.root}/conf.d/shop.conf",
        "before": f"# {HEADER}\nold shop",
        "after": "new",
    }
    assert (answer["diff"][2]["before"], answer["diff"][2]["after"]) == ("types", "")


# ---- Death at any moment -------------------------------------------------------------------


class Killed(BaseException):
    """What nothing catches."""


def nth(original: Callable[..., Any], calls: int, error: BaseException) -> Callable[..., Any]:
    """Return a function that ends with an error at its nth call."""
    counter = iter(range(1, 999))

    def dies(*arguments: Any, **keywords: Any) -> Any:
        if next(counter) == calls:
            raise error
        return original(*arguments, **keywords)

    return dies


def patch_all(patch: pytest.MonkeyPatch, place: str, function: Callable[..., Any]) -> None:
    """Put a function in the place of another, wherever that was imported."""
    modules: tuple[Any, ...] = (os,) if hasattr(os, place) else (_files, _nginx_tree, _nginx_change)
    for module in modules:
        if hasattr(module, place):
            patch.setattr(module, place, function)


def original_of(place: str) -> Callable[..., Any]:
    """Return a function of os or of the files that change the tree."""
    modules = (os, _files, _nginx_tree, _nginx_change)
    return next(getattr(module, place) for module in modules if hasattr(module, place))


def dead(patch: pytest.MonkeyPatch) -> None:
    """Have what puts back be dead too."""

    def restore(_: Any) -> None:
        raise Killed

    patch.setattr(Tree, "restore", restore)


def kill(
    nginx: Host, monkeypatch: pytest.MonkeyPatch, place: str, calls: int, **about: Any
) -> None:
    """Write, and die at the nth call of a function without a chance to clear up."""
    with monkeypatch.context() as patch:
        patch_all(patch, place, nth(original_of(place), calls, Killed()))
        dead(patch)
        patch.setattr(Tree, "finish", lambda *_: None)
        with pytest.raises(Killed):
            nginx.change(**about)


CHANGE: dict[str, Any] = {
    "files": sites(a="new a", shop="new shop") | {"tls/k": (b"k", 0o600)},
    "remove": ["mime.types"],
}


def places() -> list[tuple[str, int, str]]:
    """Each place of a write where a process may die: function, its nth call, state after it."""
    # Renames and preparations: first of the test (3), then of the journal (1), then of the tree.
    return [
        ("ask_nginx", 1, ""),
        ("make_parents", 4, ""),
        ("make_parents", 7, ""),
        ("prepare", 4, ""),
        ("rename", 4, ""),
        ("prepare", 5, "writing"),
        ("prepare", 6, "writing"),
        ("prepare", 7, "writing"),
        ("rename", 5, "writing"),
        ("rename", 6, "writing"),
        ("rename", 7, "writing"),
        ("rename", 8, "writing"),
    ]


@pytest.mark.parametrize(("place", "calls", "state"), places())
@pytest.mark.parametrize("action", ["reload", "write"])
def test_a_write_that_was_killed_is_undone(
    nginx: Host,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    calls: int,
    state: str,
    action: str,
) -> None:
    before = nginx.contents()
    kill(nginx, monkeypatch, place, calls, **CHANGE)
    assert nginx.state() == state
    # Of what is to come next: all of it, whichever of the files are new already.
    assert bool(nginx.tree.journal()) == bool(state)
    files = fingerprints(nginx.tree.files())
    assert set(files) == {"nginx.conf", "conf.d/shop.conf"}
    old = f"# {HEADER}\nold shop".encode()
    assert files["conf.d/shop.conf"]["sha256"] == hashlib.sha256(old).hexdigest()
    assert list(nginx.tree.owned()) == ["conf.d/shop.conf"]
    if action == "reload":
        assert nginx.reload() == {"changed": True, "reloaded": True}
        assert nginx.contents() == before
        assert nginx.left() == set()
    else:
        assert nginx.change(**CHANGE)["written"] == list(CHANGE["files"])
        assert "mime.types" not in nginx.contents()
        assert nginx.state() == "written"
        nginx.on_reload("exit 1")
        failure(nginx.reload, 0)
        assert nginx.contents() == before


#: What changes a file system.
SYSTEM_CALLS = ("open", "rename", "unlink", "mkdir", "chmod", "chown", "fchmod", "symlink", "fsync")


def test_death_at_each_system_call(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    before = nginx.contents()
    states = set()
    for number in range(1, 999):
        with monkeypatch.context() as patch:
            dies = nth(lambda: None, number, Killed())

            def counted(original: Callable[..., Any], dies: Any = dies) -> Callable[..., Any]:
                def call(*arguments: Any, **keywords: Any) -> Any:
                    dies()
                    return original(*arguments, **keywords)

                return call

            for name in SYSTEM_CALLS:
                patch.setattr(os, name, counted(getattr(os, name)))
            dead(patch)
            patch.setattr(_nginx_change, "ask_nginx", lambda *_: [])
            try:
                nginx.change(**CHANGE)
            except Killed:
                pass
            else:
                break
        states.add(nginx.state())
        with alone(nginx.tree):
            pass
        if nginx.state() == "written":
            nginx.tree.restore()
        assert nginx.contents() == before, f"killed at call {number}"
        assert nginx.left() <= {"flaskstack-nginx"}
    assert number > 60
    assert states == {"", "writing", "written"}
    assert "new shop" in nginx.contents()["conf.d/shop.conf"]


@pytest.mark.parametrize(
    ("place", "calls", "state"),
    [("make_parents", 3, "written"), ("rename", 3, "written"), ("rename", 4, "writing")],
)
def test_a_second_write_that_was_killed(
    nginx: Host, monkeypatch: pytest.MonkeyPatch, place: str, calls: int, state: str
) -> None:
    before = nginx.contents()
    nginx.write(shop="second", a="a")
    second = nginx.contents()
    files = sites(shop="third", b="b")
    kill(nginx, monkeypatch, place, calls, files=files)
    assert nginx.state() == state
    if state == "written":
        assert nginx.contents() == second
    else:
        # Back to what nginx runs with, not to what it never took over.
        assert set(nginx.tree.files()) == {"nginx.conf", "conf.d/shop.conf"}
        nginx.change()
        assert nginx.contents() == before
        assert nginx.state() == ""
    nginx.write(shop="third", b="b")
    nginx.on_reload("exit 1")
    failure(nginx.reload, 0)
    assert nginx.contents() == before


def test_the_backup_is_of_what_nginx_runs_with(nginx: Host) -> None:
    before = nginx.contents()
    nginx.write(shop="second", a="a")
    nginx.put("conf.d/mine.conf", "mine")
    nginx.write("conf.d/a.conf", "mime.types", shop="third", b="b")
    nginx.on_reload("exit 1")
    failure(nginx.reload, 0)
    # What others changed meanwhile is theirs.
    assert nginx.contents() == before | {"conf.d/mine.conf": ("644", "mine")}
    assert not nginx.tree.journal()


def test_going_back_that_was_killed_is_gone_on_with(
    nginx: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, takes_over = nginx.contents(), (nginx.fake / "reload").read_text()
    nginx.change(**CHANGE)
    nginx.on_reload("exit 1")
    original = os.rename

    def rename(source: str, target: str) -> None:
        if target.endswith("shop.conf"):
            raise Killed
        original(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        with pytest.raises(Killed):
            nginx.reload(0)
    assert nginx.contents() != before
    assert nginx.state() == "writing"
    nginx.on_reload(takes_over)
    nginx.reload()
    assert nginx.contents() == before


def test_a_copy_of_a_process_that_was_killed_is_none(
    nginx: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    nginx.write(shop="second")
    # Dies after the copy, before the journal knows of it: then the file changes once more.
    kill(nginx, monkeypatch, "rename", 2, files={"mime.types": (b"x", 0o644)})
    (nginx.root / "mime.types").unlink()
    nginx.change(files={"mime.types": (b"x", 0o644)})
    nginx.on_reload("exit 1")
    failure(nginx.reload, 0)
    assert "mime.types" not in nginx.contents()


def test_a_backup_that_is_not_complete_goes(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    kill(nginx, monkeypatch, "rename", 4, **CHANGE)
    assert nginx.left() == {"flaskstack-nginx"}
    nginx.change()
    assert nginx.left() == set()


@pytest.mark.parametrize(("place", "calls"), [("prepare", 6), ("rename", 6), ("unlink", 0)])
def test_a_failure_half_way_puts_everything_back(
    nginx: Host, monkeypatch: pytest.MonkeyPatch, place: str, calls: int
) -> None:
    before = nginx.contents()
    original, counter = original_of(place), iter(range(1, 999))

    def fails(*arguments: Any, **keywords: Any) -> Any:
        if calls == next(counter) or (not calls and arguments[0] == f"{nginx.root}/mime.types"):
            raise OSError(28, "No space left on device", "/etc/x")
        return original(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch_all(patch, place, fails)
        problem = failure(nginx.change, **CHANGE)
    assert str(problem) == UNTOUCHED + "/etc/x: the disk is full."
    assert nginx.contents() == before
    assert nginx.left() == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(nginx: Host, number: int) -> None:
    (nginx.fake / "sleep").write_text("0.4")
    before = nginx.contents()
    text = (
        "from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_change import *\n"
        f"tree = Tree({str(nginx.root)!r}, {str(nginx.backup)!r})\n"
        f"configure(tree, Change({sites(shop='new')!r}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    while not (nginx.fake / "stage.files").exists():
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(5) == 128 + number
    assert process.stderr and process.stderr.read() == b""
    process.stderr.close()
    assert nginx.contents() == before
    assert nginx.left() == set()


def test_what_a_killed_test_left_goes(nginx: Host) -> None:
    stage = nginx.backup.parent / "nginx-test.abc"
    (stage / "tls").mkdir(parents=True)
    nginx.write(shop="new")
    assert not stage.exists()


def test_one_at_a_time(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nginx_tree, "PATIENCE", 0.05)
    with alone(nginx.tree):
        problem = failure(nginx.change)
    said = "another process is changing nginx's configuration on this host; wait"
    assert str(problem).startswith(UNTOUCHED + said)


def test_a_program_that_does_not_end(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its child has the output open for longer still.
    (nginx.fake / "sleep").write_text("4")
    monkeypatch.setattr(_nginx_change, "PATIENCE", 0.3)
    before, began = nginx.contents(), time.monotonic()
    problem = failure(nginx.write, shop="new")
    assert str(problem) == UNTOUCHED + "nginx -t took too long."
    assert time.monotonic() - began < 3
    assert nginx.contents() == before


def test_words_that_are_no_utf_8(nginx: Host) -> None:
    nginx.command(
        "nginx", "#!/bin/sh\nprintf 'nginx: [emerg] \\377 in conf.d/a.conf:1' >&2; exit 1\n"
    )
    assert failure(nginx.write, a="a").details["site"] == "a"
