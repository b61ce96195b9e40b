"""The program that makes a build: its parts, and all of it with an uv that only pretends."""

from __future__ import annotations

import ast
import json
import marshal
import os
import py_compile
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _build_program,
    _program,
    _tools,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from templar import ROOT

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.parametrize(
    ("output", "full"),
    [
        ("error: failed to write: No space left on device (os error 28)", True),
        ("OSError: [Errno 122] Disk quota exceeded", True),
        ("error: no such package", False),
    ],
)
def test_full_disk_is_seen_in_the_words_of_tools(output: str, full: bool) -> None:
    assert _build_program.tells_of_full_disk(output) is full


def test_fullest_names_a_mount_point(tmp_path: Path) -> None:
    found = _build_program.fullest([str(tmp_path / "not" / "there"), "/proc"])
    assert found == "the disk is full: /proc has 0.0 MB left"


# ---- Requirements ----


@pytest.mark.parametrize(
    ("there", "wanted", "expected"),
    [
        (["requirements.txt", "uv.lock", "pyproject.toml"], "", "requirements.txt"),
        (["uv.lock", "pyproject.toml"], "", "uv.lock"),
        (["pyproject.toml"], "", "pyproject.toml"),
        ([], "", ""),
        (["requirements.txt"], "none", ""),
        (["requirements.txt", "uv.lock"], "uv.lock", "uv.lock"),
        (["none"], "none", ""),
    ],
)
def test_choose_requirements(tmp_path: Path, there: list[str], wanted: str, expected: str) -> None:
    for name in there:
        (tmp_path / name).write_text("")
    assert _build_program.choose_requirements(str(tmp_path), wanted) == expected


def test_requirements_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _build_program.choose_requirements(str(tmp_path), "dev.txt")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[project]\nname = "x"\n', False),
        ('[build-system]\nrequires = ["x"]\n', True),
        ('[build-system] # ours\nrequires = ["x"]\n', True),
        ("# [build-system]\n", False),
        ("[build-system]\n[tool.uv]\npackage = false\n", False),
        ("[tool.uv]\ndev = []\npackage = true\n", True),
        ("[build-system]\n[tool.uv]\n[tool.other]\npackage = false\n", True),
    ],
)
@pytest.mark.parametrize("reader", ["tomllib", "ours"])
def test_is_package(
    monkeypatch: pytest.MonkeyPatch, reader: str, text: str, expected: bool
) -> None:
    if reader == "ours":
        monkeypatch.setitem(sys.modules, "tomllib", None)
    assert _build_program.is_package(text) is expected


def test_project_that_is_no_toml() -> None:
    with pytest.raises(Problem, match="pyproject.toml cannot be read"):
        _build_program.is_package("[project\n")


def test_compiled_files_that_are_cut_off(tmp_path: Path) -> None:
    cache = tmp_path / "shop/__pycache__"
    cache.mkdir(parents=True)
    for name in ("whole", "cut", "empty", "orphan"):
        source = tmp_path / f"shop/{name}.py"
        source.write_text("x = [1, 2, 3]\n")
        compiled = Path(py_compile.compile(str(source), doraise=True))
        if name != "whole":
            compiled.write_bytes(compiled.read_bytes()[: 0 if name == "empty" else -5])
    (tmp_path / "shop/orphan.py").unlink()
    before = sorted(path.name for path in cache.iterdir())
    _build_program.check_compiled(str(tmp_path))
    after = sorted(path.name for path in cache.iterdir())
    assert after == [name for name in before if not name.startswith("orphan")]
    for path in cache.iterdir():
        marshal.loads(path.read_bytes()[16:])


# ---- The whole of it ----

#: Stands in for uv: notes what it is asked and what it is told, and makes what a venv has.
UV = """#!/bin/sh
printf '%s\\n' "$*" >> "$HOME/asked"
env > "$HOME/environment"
case "$1 $2" in
    --version*) echo uv 0 ;;
    venv*)
        for last; do :; done
        mkdir -p "$last/bin" "$last/lib/pythonN/site-packages/shop"
        touch "$last/.lock" ;;
    "pip install")
        [ -e "$HOME/fail" ] && cat "$HOME/fail" && exit 2
        for word; do
            [ "$before" = --requirements ] && cat "$word" >> "$HOME/required"
            before=$word
        done
        exit 0 ;;
esac
"""


@pytest.fixture
def request_(tmp_path: Path) -> dict[str, Any]:
    """Give a request for a build of a directory that was sent."""
    for name in ("cache", "work", "build", "source"):
        (tmp_path / name).mkdir()
    uv = tmp_path / "uv"
    uv.write_text(UV.replace("pythonN", f"python{PYTHON}"))
    uv.chmod(0o755)
    (tmp_path / "source/shop.py").write_text("x = 1\n")
    (tmp_path / "source/requirements.txt").write_text("flask==3.1\n")
    with tarfile.open(tmp_path / "sent", "w:gz") as tar:
        for name in ("shop.py", "requirements.txt"):
            tar.add(tmp_path / "source" / name, name)
    return {
        "account": "flaskbuild-shop",
        "cache": str(tmp_path / "cache"),
        "record": {
            "name": "shop",
            "build": "abc",
            "path": str(tmp_path / "build"),
            "python": PYTHON,
            "source": "/srv/shop",
            "source_version": "sha256:1",
            "commit": "",
            "requirements": "",
        },
        "source": {"file": str(tmp_path / "sent"), "label": "", "checksum": ""},
        "extra_requirements": [],
        "build_commands": [],
        "precompress": [],
        "compress": True,
        "uv": str(uv),
        "wheelhouse": "",
        "index_url": "",
        "extra_index_urls": [],
        "proxy": "",
        "ca_bundle": "/ca.pem",
        "known_hosts": "",
    }


def make(tmp_path: Path, request: dict[str, Any]) -> tuple[int, str]:
    """Run the program as the unit does; return its status and what it noted as the problem."""
    work = tmp_path / "work"
    (work / "request.json").write_text(json.dumps(request))
    status = _build_program.main([str(work)])
    assert not (work / "request.json").exists()
    note = work / "problem"
    return status, note.read_text() if note.exists() else ""


def test_build_is_made(tmp_path: Path, request_: dict[str, Any]) -> None:
    request_["build_commands"] = ["echo $VIRTUAL_ENV > made.txt"]
    request_["extra_requirements"] = ["gunicorn==23"]
    assert make(tmp_path, request_) == (0, "")
    build = tmp_path / "build"
    assert (build / "src/shop.py").exists()
    assert [*build.glob("src/__pycache__/shop.*.pyc")]
    assert (build / "src/made.txt").read_text() == f"{build}/venv\n"
    assert (tmp_path / "cache/required").read_text() == "flask==3.1\ngunicorn==23\n"
    assert not (build / "venv/.lock").exists()
    assert (tmp_path / "work/step").read_text() == "compress the static files"


def test_program_is_complete_as_one_file(tmp_path: Path, request_: dict[str, Any]) -> None:
    """As systemd runs it: by an interpreter that knows nothing of Ansible."""
    program = tmp_path / "build.pyz"
    program.write_bytes(_program.program("_build_program", _build_program.MODULES))
    (tmp_path / "work/request.json").write_text(json.dumps(request_))
    done = subprocess.run(
        [sys.executable, "-I", "-S", program, tmp_path / "work"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "look for the tools"
    assert (tmp_path / "build/src/shop.py").exists()


@pytest.mark.parametrize("module", _build_program.MODULES)
def test_oldest_python_can_read_it(module: str) -> None:
    text = (ROOT / f"plugins/module_utils/{module}.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 6))


def test_failure_is_a_sentence_without_passwords(tmp_path: Path, request_: dict[str, Any]) -> None:
    (tmp_path / "cache/fail").write_text("first\nat https://me:secret@h/\nlast\n")
    assert make(tmp_path, request_) == (
        1,
        "application 'shop': build abc failed at \"install the requirements\": first\n"
        "at https://***@h/\nlast",
    )


def test_full_disk_is_named(tmp_path: Path, request_: dict[str, Any]) -> None:
    (tmp_path / "cache/fail").write_text("error: No space left on device (os error 28)\n")
    problem = make(tmp_path, request_)[1]
    assert 'failed at "install the requirements": the disk is full: /' in problem
    assert "MB left" in problem


def test_command_that_fails_is_named_without_its_password(
    tmp_path: Path, request_: dict[str, Any]
) -> None:
    request_["build_commands"] = ["echo http://me:secret@127.0.0.1/; exit 3"]
    problem = make(tmp_path, request_)[1]
    assert (
        "failed at \"run 'echo http://***@127.0.0.1/; exit 3'\": http://***@127.0.0.1/" in problem
    )
    assert "secret" not in problem + (tmp_path / "work/step").read_text()


def test_what_is_not_there_is_said(tmp_path: Path, request_: dict[str, Any]) -> None:
    request_["record"]["requirements"] = "gone.txt"
    assert make(tmp_path, request_)[1] == (
        "application 'shop', requirements: gone.txt is not in sha256:1 of the source."
    )


@pytest.mark.parametrize(
    ("static", "says"),
    [
        ({"path": "gone", "package": ""}, "'gone' is not in the source, after the build commands."),
        ({"path": "gone", "package": "shop"}, "'gone' is not in the package shop."),
    ],
)
def test_static_files_that_are_not_there(
    tmp_path: Path, request_: dict[str, Any], static: dict[str, str], says: str
) -> None:
    request_["precompress"] = [static]
    assert make(tmp_path, request_)[1] == f"application 'shop', static.path: {says}"


def test_tool_that_does_not_run(tmp_path: Path, request_: dict[str, Any]) -> None:
    request_["uv"] = "/nowhere/uv"
    assert "flask_app_uv: '/nowhere/uv' does not run on this host" in make(tmp_path, request_)[1]


def test_other_checksum(tmp_path: Path, request_: dict[str, Any]) -> None:
    request_["source"] |= {"checksum": "sha256:" + "0" * 64, "label": "/srv/shop.tar.gz"}
    problem = make(tmp_path, request_)[1]
    assert "application 'shop', source.checksum: /srv/shop.tar.gz has sha256:" in problem


# ---- What the tools know ----


def test_index_and_proxy_reach_uv_only_when_set(request_: dict[str, Any]) -> None:
    plain = _build_program.environment(request_)
    assert plain["SSL_CERT_FILE"] == "/ca.pem"
    assert not {"UV_DEFAULT_INDEX", "HTTPS_PROXY"} & plain.keys()
    proxied = _build_program.environment(
        request_
        | {
            "index_url": "https://i.example.com",
            "extra_index_urls": ["https://a.example.com", "https://b.example.com"],
            "proxy": "http://p",
        }
    )
    assert proxied["UV_DEFAULT_INDEX"] == "https://i.example.com"
    assert proxied["HTTPS_PROXY"] == "http://p"
    assert proxied["UV_INDEX"] == "https://a.example.com https://b.example.com"


def test_environment_is_by_a_list(
    tmp_path: Path, request_: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    make(tmp_path, request_)
    told = dict(
        line.split("=", 1) for line in (tmp_path / "cache/environment").read_text().splitlines()
    )
    assert "AWS_SECRET_ACCESS_KEY" not in told
    cache = request_["cache"]
    expected = _tools.base_environment("flaskbuild-shop", cache) | {
        "UV_CACHE_DIR": f"{cache}/uv",
        "UV_LINK_MODE": "copy",
        "UV_COMPILE_BYTECODE": "1",
        "UV_NO_PROGRESS": "1",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "SSL_CERT_FILE": "/ca.pem",
        "GIT_SSL_CAINFO": "/ca.pem",
        "PIP_CERT": "/ca.pem",
    }
    assert expected == {key: told[key] for key in expected}
    assert told.keys() - expected.keys() <= {"PWD", "SHLVL", "_"}


def test_wheelhouse_is_all_that_the_installers_know(request_: dict[str, Any]) -> None:
    request_ |= {"wheelhouse": "/wheels", "index_url": "https://i", "extra_index_urls": ["x"]}
    told = _build_program.environment(request_)
    assert told["UV_FIND_LINKS"] == told["PIP_FIND_LINKS"] == "/wheels"
    assert (told["UV_NO_INDEX"], told["PIP_NO_INDEX"], told["UV_OFFLINE"]) == ("1", "1", "1")
    indexes = {"UV_DEFAULT_INDEX", "UV_INDEX", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"}
    assert not indexes & told.keys()
    assert os.path.isabs(told["HOME"])
