"""Virtual environments of tools: complete or not there, and no password where others can read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _lock, _venv
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

#: Stands in for an interpreter: makes an "environment" whose python notes what it is asked.
INTERPRETER = """#!/bin/sh
for last; do :; done
mkdir -p "$last/bin"
cat > "$last/bin/python" <<'EOF'
#!/bin/sh
[ "$1" = --version ] && exit 0
here=$(dirname "$0")
printf '%s\\n' "$*" >> "$here/../asked"
env > "$here/../environment"
for last; do :; done
cp "$last" "$here/../lines"
[ -e {tmp}/fail ] && echo "cannot reach https://me:secret@h/simple" && exit 1
printf '#!/bin/sh\\necho tool 1\\n' > "$here/tool"
chmod 755 "$here/tool"
EOF
chmod 755 "$last/bin/python"
"""


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the locks in the test's directory."""
    monkeypatch.setattr(
        _venv, "locked", lambda *args: _lock.locked(*args, directory=str(tmp_path / "locks"))
    )


@pytest.fixture
def python(tmp_path: Path) -> str:
    """Give an interpreter."""
    path = tmp_path / "python"
    path.write_text(INTERPRETER.replace("{tmp}", str(tmp_path)))
    path.chmod(0o755)
    return str(path)


def ensure(tmp_path: Path, python: str, requirement: str = "tool==1", check: bool = False) -> bool:
    """Ask for an environment with a tool."""
    home = tmp_path / "opt/tool"
    env = _venv.pip_environment(
        index_url="https://me:secret@h/simple", proxy="http://you:hidden@p:3128"
    )
    creates = str(home / "bin/tool")
    return _venv.ensure(str(home), python, [requirement], env, creates=creates, check=check)


def test_made_once(tmp_path: Path, python: str) -> None:
    assert ensure(tmp_path, python, check=True) is True
    assert not (tmp_path / "opt").exists()
    assert ensure(tmp_path, python) is True
    assert ensure(tmp_path, python) is False
    assert (tmp_path / "opt").stat().st_mode & 0o777 == 0o755
    assert len((tmp_path / "opt/tool/asked").read_text().splitlines()) == 1


def test_passwords_are_in_the_environment_alone(tmp_path: Path, python: str) -> None:
    ensure(tmp_path, python, "tool @ https://they:token@h/tool.whl")
    home = tmp_path / "opt/tool"
    asked = (home / "asked").read_text()
    assert not {"secret", "hidden", "token"} & set(asked.replace("@", ":").split(":"))
    assert (home / "lines").read_text() == "tool @ https://they:token@h/tool.whl\n"
    environment = (home / "environment").read_text()
    assert "PIP_INDEX_URL=https://me:secret@h/simple" in environment
    assert "HTTPS_PROXY=http://you:hidden@p:3128" in environment
    # Nothing of the file with the requirements is left.
    assert not os.path.exists(asked.split()[-1])


@pytest.mark.parametrize("damage", ["program", "stamp", "nonsense"])
def test_what_was_cut_off_is_made_anew(tmp_path: Path, python: str, damage: str) -> None:
    ensure(tmp_path, python)
    home = tmp_path / "opt/tool"
    if damage == "program":
        (home / "bin/tool").write_bytes(b"\x7fELF")
    elif damage == "stamp":
        (home / _venv.STAMP).unlink()
    else:
        (home / _venv.STAMP).write_text("[1]")
    (home / "left").touch()
    assert ensure(tmp_path, python, check=True) is True
    assert ensure(tmp_path, python) is True
    assert not (home / "left").exists()
    assert ensure(tmp_path, python) is False


def test_other_requirements_are_another_environment(tmp_path: Path, python: str) -> None:
    ensure(tmp_path, python)
    assert ensure(tmp_path, python, "tool==2") is True
    # A wheel is known by its name, wherever it is.
    assert ensure(tmp_path, python, "/a/tool-3-py3-none-any.whl") is True
    assert ensure(tmp_path, python, "/b/tool-3-py3-none-any.whl") is False


def test_failure_leaves_nothing_and_shows_no_password(tmp_path: Path, python: str) -> None:
    (tmp_path / "fail").touch()
    with pytest.raises(Problem) as caught:
        ensure(tmp_path, python)
    assert str(caught.value).startswith(f"{tmp_path}/opt/tool: installing tool==1 failed:\n")
    assert "cannot reach https://***@h/simple" in str(caught.value)
    assert not (tmp_path / "opt/tool").exists()


def test_interpreter_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="there is no /nowhere/python3.99 on this host"):
        ensure(tmp_path, "/nowhere/python3.99")


def test_program_that_does_not_run_after_all(tmp_path: Path, python: str) -> None:
    home = tmp_path / "opt/tool"
    with pytest.raises(Problem, match="bin/other does not run after tool==1 was installed"):
        _venv.ensure(str(home), python, ["tool==1"], {}, creates=str(home / "bin/other"))
    assert not home.exists()


def test_pip_is_told_only_what_is_set() -> None:
    always = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_NO_CACHE_DIR": "1"}
    assert _venv.pip_environment() == always
    assert _venv.pip_environment(
        "https://i/simple", ["https://a", "https://b"], "http://p", "/ca.pem", "/w", True, True
    ) == always | {
        "PIP_INDEX_URL": "https://i/simple",
        "PIP_EXTRA_INDEX_URL": "https://a https://b",
        "HTTPS_PROXY": "http://p",
        "HTTP_PROXY": "http://p",
        "PIP_CERT": "/ca.pem",
        "PIP_FIND_LINKS": "/w",
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_DEPS": "1",
    }
    assert _venv.pip_environment(environment={"PIP_CERT": "/x"})["PIP_CERT"] == "/x"


def test_real_environment(tmp_path: Path) -> None:
    home = tmp_path / "home"
    old = os.umask(0o022)
    try:
        assert _venv.ensure(str(home), sys.executable, [], {}) is True
    finally:
        os.umask(old)
    assert _venv.ensure(str(home), sys.executable, [], {}) is False
    said = subprocess.run([home / "bin/pip", "--version"], check=True, capture_output=True)
    assert str(home).encode() in said.stdout


def test_what_a_killed_run_has_started_keeps_the_lock(
    tmp_path: Path, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pip goes on writing where the next run would begin anew."""
    (tmp_path / "python").write_text(
        INTERPRETER.replace("{tmp}", str(tmp_path)).replace(
            "for last; do :; done\ncp", "sleep 2 >&- 2>&- &\nfor last; do :; done\ncp"
        )
    )
    ensure(tmp_path, python)
    (name,) = (path.name for path in (tmp_path / "locks").iterdir())
    monkeypatch.setattr(_venv, "PATIENCE", 0)
    with (
        pytest.raises(Problem, match="has it"),
        _lock.locked(name[: -len(".lock")], "somebody has it", 0, str(tmp_path / "locks")),
    ):
        pass


def test_the_environment_that_was_made_holds_no_lock(tmp_path: Path, python: str) -> None:
    ensure(tmp_path, python)
    (name,) = (path.name for path in (tmp_path / "locks").iterdir())
    with _lock.locked(name[: -len(".lock")], "somebody has it", 0, str(tmp_path / "locks")):
        pass
