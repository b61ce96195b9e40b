"""Wheels of uWSGI: how they are packed, and which fail."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _uwsgi_wheel as wheel
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

GOOD = "-O2 -DUWSGI_SSL -DUWSGI_PCRE2 -DUWSGI_ROUTING"


def make(home: Path, cflags: str = GOOD, version: str = "2.0.31") -> Path:
    """Pack a wheel whose binary is a script that says what uWSGI would say."""
    (home / "wheels").mkdir()
    binary = home / "uwsgi"
    binary.write_text(
        f'#!/bin/sh\ncase $1 in --version) echo {version};; --cflags) echo "{cflags}";; esac\n'
    )
    decorators = home / "uwsgidecorators.py"
    decorators.write_text("NAME = 'decorators'\n")
    path = home / "wheels" / wheel.wheel_name(sys.executable, "2.0.31")
    wheel.pack(str(path), path.name, str(binary), str(decorators))
    return path


@pytest.fixture(autouse=True)
def no_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say that no library is missing: a script has none."""
    monkeypatch.setattr(wheel, "loader", lambda binary, work: "libz.so.1 => /lib64/libz.so.1")


def test_good_wheel(tmp_path: Path) -> None:
    path = make(tmp_path)
    assert wheel.tested(str(path), "2.0.31", False) == {"changed": False, "missing": []}
    assert path.exists()
    assert not list(tmp_path.glob(".compile-*"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"cflags": "-DUWSGI_PCRE2 -DUWSGI_ROUTING"}, "lacks SSL;"),
        ({"cflags": "-DUWSGI_SSL"}, "lacks PCRE and routing;"),
        ({"version": "2.0.30"}, "is uWSGI 2.0.30, not 2.0.31"),
    ],
)
def test_poor_wheel_fails_and_is_removed(tmp_path: Path, more: dict[str, str], says: str) -> None:
    path = make(tmp_path, **more)
    with pytest.raises(Problem) as failure:
        wheel.tested(str(path), "2.0.31", False)
    assert path.name in str(failure.value) and says in str(failure.value)
    assert not path.exists()


def test_half_a_wheel_fails(tmp_path: Path) -> None:
    path = make(tmp_path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(Problem, match="no whole wheel"):
        wheel.tested(str(path), "2.0.31", False)


def test_missing_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path)
    said = "\tlibssl.so.3 => not found\n\tlibz.so.1 => /lib64/libz.so.1\n"
    monkeypatch.setattr(wheel, "loader", lambda binary, work: said)
    assert wheel.tested(str(path), "2.0.31", False)["missing"] == ["libssl.so.3"]
    with pytest.raises(Problem, match=r"it wants libssl\.so\.3 .* compiled on another"):
        wheel.tested(str(path), "2.0.31", True)


def test_the_name_is_of_the_interpreter_that_it_is_for(tmp_path: Path) -> None:
    python = tmp_path / "python3.6"
    python.write_text(
        '#!/bin/sh\necho \'[[3, 6], "cpython-36m-x86_64-linux-gnu", "linux-x86_64"]\'\n'
    )
    python.chmod(0o755)
    name = "uwsgi-2.0.31-cp36-cp36m-linux_x86_64.whl"
    assert wheel.wheel_name(str(python), "2.0.31") == name
    # And as packaging tools name one for this interpreter; Python 3.7 was the last to say m.
    own = "cp{}{}".format(*sys.version_info[:2])
    assert re.fullmatch(
        rf"uwsgi-2\.0\.31-{own}-{own}m?-linux_\w+\.whl",
        wheel.wheel_name(sys.executable, "2.0.31"),
    )


def test_pip_installs_what_is_packed(tmp_path: Path) -> None:
    path = make(tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run(
        [venv / "bin/pip", "--quiet", "--disable-pip-version-check", "install", "--no-index", path],
        check=True,
    )
    found = subprocess.check_output([venv / "bin/uwsgi", "--version"], text=True)
    assert found == "2.0.31\n"
    subprocess.run([venv / "bin/python", "-c", "import uwsgidecorators"], check=True)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert make(tmp_path / "a").read_bytes() == make(tmp_path / "b").read_bytes()


def test_directories_of_killed_compilations_go(tmp_path: Path) -> None:
    (tmp_path / ".compile-dead").mkdir()
    with wheel.private_directory(str(tmp_path)) as (work, _):
        # Another one, while the first is at work, leaves it alone.
        with wheel.private_directory(str(tmp_path)):
            assert Path(work).exists()
        assert [path.name for path in tmp_path.iterdir()] == [Path(work).name]
    assert not list(tmp_path.iterdir())


# ---- Compiling ---------------------------------------------------------------------------------


def source(tmp_path: Path, version: str = "2.0.31") -> Path:
    """Make an archive whose build script writes a program that says its version."""
    directory = tmp_path / "uwsgi-2.0.31"
    directory.mkdir()
    (directory / "uwsgidecorators.py").touch()
    (directory / "uwsgiconfig.py").write_text(
        "import os\n"
        "assert os.environ['UWSGI_PROFILE_OVERRIDE'].startswith('ssl=true')\n"
        "assert 'PIP_INDEX_URL' not in os.environ\n"
        f"open('uwsgi', 'w').write('#!/bin/sh\\necho {version}\\n')\n"
        "os.chmod('uwsgi', 0o755)\n"
    )
    path = tmp_path / "uwsgi.tar.gz"
    subprocess.run(["tar", "-czf", path, "-C", tmp_path, directory.name], check=True)
    return path


def compiled(tmp_path: Path, archive: str, check: bool = False) -> dict[str, Any]:
    """Compile the wheel."""
    environment = {"PIP_INDEX_URL": "https://user:hidden@pypi.example.com/simple"}
    wheels = str(tmp_path / "uwsgi/wheels")
    return wheel.compiled(sys.executable, "2.0.31", wheels, archive, environment, check)


def test_it_is_compiled_once(tmp_path: Path) -> None:
    archive = str(source(tmp_path))
    answer = compiled(tmp_path, archive, check=True)
    assert answer["changed"] and not (tmp_path / "uwsgi").exists()
    answer = compiled(tmp_path, archive)
    path = Path(answer["wheel"])
    assert answer["changed"] and path.exists()
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o755
    # Nothing is left beside it.
    assert [entry.name for entry in (tmp_path / "uwsgi").iterdir()] == ["wheels"]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert compiled(tmp_path, "/none") == {"changed": False, "wheel": str(path)}


def test_it_runs_nothing_that_a_minimal_host_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No tar, and no gzip either.
    programs, command = [], wheel.command

    def noted(arguments: list[str], *rest: Any) -> str:
        programs.append(Path(arguments[0]).name)
        return command(arguments, *rest)

    monkeypatch.setattr(wheel, "command", noted)
    assert Path(compiled(tmp_path, str(source(tmp_path)))["wheel"]).exists()
    assert set(programs) == {Path(sys.executable).name, "uwsgi"}


def test_an_archive_that_is_cut_off(tmp_path: Path) -> None:
    archive = source(tmp_path)
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(Problem, match=f"{archive}: the archive cannot be read"):
        compiled(tmp_path, str(archive))


def test_an_archive_of_another_version(tmp_path: Path) -> None:
    archive = str(source(tmp_path, version="2.0.30"))
    with pytest.raises(Problem, match=r"is uWSGI 2\.0\.30, not 2\.0\.31"):
        compiled(tmp_path, archive)
    assert not list((tmp_path / "uwsgi/wheels").iterdir())


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").touch()
    subprocess.run(["tar", "-czf", tmp_path / "o.tgz", "-C", tmp_path, "other"], check=True)
    with pytest.raises(Problem, match="is no source of uWSGI"):
        compiled(tmp_path, str(tmp_path / "o.tgz"))


def test_an_interpreter_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="python3.0"):
        wheel.compiled("/usr/bin/python3.0", "2.0.31", str(tmp_path), "", {}, False)


def test_a_bare_host_that_is_only_asked_has_no_interpreter(tmp_path: Path) -> None:
    answer = wheel.compiled("/usr/bin/python3.0", "2.0.31", str(tmp_path), "", {}, True)
    assert answer["changed"]


def test_a_failure_shows_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> str:
        raise Problem("no https://user:hidden@pypi.example.com/simple")

    monkeypatch.setattr(wheel, "download", fail)
    with pytest.raises(Problem) as failure:
        compiled(tmp_path, "")
    assert "hidden" not in str(failure.value) and "pypi.example.com" in str(failure.value)


def test_passwords_go_into_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def command(arguments: list[str], _: str, __: int, more: Any = None) -> str:
        seen.append((arguments, more or {}))
        (tmp_path / "uwsgi.tar.gz").touch()
        return ""

    monkeypatch.setattr(wheel, "command", command)
    monkeypatch.setenv("no_proxy", "intern.example")
    url = "https://user:hidden@pypi.example.com/simple"
    environment = wheel.index_environment(url, "http://p:hidden@proxy:3128", "/ca.pem")
    assert wheel.download("python3", "2.0.31", str(tmp_path), 0, environment)
    assert not any("hidden" in word for arguments, _ in seen for word in arguments)
    given = seen[-1][1]
    assert (given["PIP_INDEX_URL"], given["PIP_CERT"]) == (url, "/ca.pem")
    assert given["HTTPS_PROXY"] == given["HTTP_PROXY"] == "http://p:hidden@proxy:3128"
    assert given["no_proxy"] == "intern.example"


def test_what_is_not_set_is_left_to_the_host() -> None:
    assert set(wheel.index_environment("", "", "")) == {
        "PIP_DISABLE_PIP_VERSION_CHECK",
        "PIP_NO_CACHE_DIR",
    }


def test_no_part_of_a_password_is_in_a_sentence() -> None:
    with pytest.raises(Problem) as failure, wheel.without_passwords():
        raise Problem("pip: https://me:ge@heim@index.example/simple cannot be read.")
    assert str(failure.value) == "pip: https://***@index.example/simple cannot be read."
