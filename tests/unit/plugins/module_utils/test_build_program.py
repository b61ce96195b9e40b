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


# ---- Files ----


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
        marshal.loads(path.read_bytes()[16 if sys.version_info >= (3, 7) else 12 :])


@pytest.mark.parametrize(("magic", "header"), [(3379, 12), (3394, 16), (3531, 16)])
def test_compiled_files_of_each_python(tmp_path: Path, magic: int, header: int) -> None:
    # 3.6, 3.7 and 3.12: a whole file of 3.6 was taken for one that is cut off.
    path = tmp_path / "shop.pyc"
    code = marshal.dumps([1, 2, 3])
    path.write_bytes(magic.to_bytes(2, "little") + b"\r\n" + bytes(header - 4) + code)
    assert _build_program.is_whole(str(path))
    path.write_bytes(path.read_bytes()[:-1])
    assert not _build_program.is_whole(str(path))


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
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give a request for a build of a directory that was sent, for the Python that runs this."""
    monkeypatch.setattr(_build_program, "INTERPRETER", f"{tmp_path}/python")
    (tmp_path / f"python{PYTHON}").symlink_to(sys.executable)
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
        "env": {},
        "secret_env": {},
        "shared_paths": [],
        "module": "",
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


@pytest.mark.skipif(not Path(f"/usr/bin/python{PYTHON}").exists(), reason="not the system's Python")
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
        "application 'shop': build abc failed at"
        ' "install the requirements of requirements.txt": first\n'
        "at https://***@h/\nlast",
    )


def test_full_disk_is_named(tmp_path: Path, request_: dict[str, Any]) -> None:
    (tmp_path / "cache/fail").write_text("error: No space left on device (os error 28)\n")
    problem = make(tmp_path, request_)[1]
    assert (
        'failed at "install the requirements of requirements.txt": the disk is full: /' in problem
    )
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


def test_tools_trust_what_they_bring_where_the_host_has_no_list(request_: dict[str, Any]) -> None:
    found = _build_program.environment(request_ | {"ca_bundle": ""})
    assert not {"SSL_CERT_FILE", "GIT_SSL_CAINFO", "PIP_CERT", "NODE_EXTRA_CA_CERTS"} & found.keys()


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
        "NODE_EXTRA_CA_CERTS": "/ca.pem",
        "npm_config_cache": f"{cache}/npm",
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


# ---- A part of the source ----


def send(tmp_path: Path, files: dict[str, str]) -> None:
    """Send another source."""
    top = tmp_path / "other"
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with tarfile.open(tmp_path / "sent", "w:gz") as tar:
        for entry in sorted(top.iterdir()):
            tar.add(entry, entry.name)


PARTS = {
    "backend/shop.py": "x = 1\n",
    "backend/static/a.css": "a {}\n" * 1000,
    "common/common.py": "x = 1\n",
    "requirements.txt": "flask\n",
}


def test_part_of_the_source_is_src(tmp_path: Path, request_: dict[str, Any]) -> None:
    send(tmp_path, PARTS)
    request_["source"]["directory"] = "backend"
    request_["build_commands"] = ["cat ../common/common.py > made.txt"]
    request_["precompress"] = [{"path": "static", "package": ""}]
    assert make(tmp_path, request_) == (0, "")
    build = tmp_path / "build"
    assert os.readlink(build / "src") == "source/backend"
    assert (build / "src/made.txt").read_text() == "x = 1\n"
    assert (build / "src/static/a.css.gz").exists()
    # All of it is compiled, and what is above is what it requires.
    assert [*(build / "source/common/__pycache__").glob("common.*.pyc")]
    assert (tmp_path / "cache/required").read_text() == "flask\n"
    assert (tmp_path / "work/told").read_text() == "requirements: ../requirements.txt"


def test_static_files_that_a_link_leads_to_in_the_rest_of_the_source(
    tmp_path: Path, request_: dict[str, Any]
) -> None:
    send(tmp_path, PARTS | {"dist/a.css": "a {}\n" * 1000})
    (tmp_path / "other/backend/assets").symlink_to("../dist")
    send(tmp_path, {})
    request_["source"]["directory"] = "backend"
    request_["precompress"] = [{"path": "assets", "package": ""}]
    assert make(tmp_path, request_) == (0, "")
    assert (tmp_path / "build/source/dist/a.css.gz").exists()


def test_directory_that_is_not_there(tmp_path: Path, request_: dict[str, Any]) -> None:
    send(tmp_path, PARTS)
    request_["source"]["directory"] = "backnd"
    assert make(tmp_path, request_)[1] == (
        "application 'shop', source.directory: 'backnd' is no directory of sha256:1 of the source;"
        " there are backend, common. Did you mean 'backend'?"
    )


def test_directory_that_leads_out(tmp_path: Path, request_: dict[str, Any]) -> None:
    send(tmp_path, PARTS)
    (tmp_path / "other/out").symlink_to("..")
    send(tmp_path, {})
    request_["source"]["directory"] = "out"
    assert "'out' is no directory of" in make(tmp_path, request_)[1]


# ---- Shared paths ----


def test_shared_paths_are_links_and_what_was_there_is_kept(
    tmp_path: Path, request_: dict[str, Any]
) -> None:
    send(
        tmp_path,
        {"shop.py": "", "data.db": "rows", "static/uploads/a.png": "x", "static/b.css": "y"},
    )
    request_["shared_paths"] = ["data.db", "static/uploads", "var/spool"]
    assert make(tmp_path, request_) == (0, "")
    build, shared = tmp_path / "build", str(tmp_path.parent / "shared")
    for path in request_["shared_paths"]:
        assert os.readlink(build / "src" / path) == f"{shared}/{path}"
    assert (build / "seed/data.db").read_text() == "rows"
    assert (build / "seed/static/uploads/a.png").read_text() == "x"
    assert not (build / "seed/var").exists()
    assert (build / "src/static/b.css").read_text() == "y"


@pytest.mark.parametrize(("parent", "kind"), [("link", "a link"), ("shop.py", "a file")])
def test_shared_path_leads_through_directories(
    tmp_path: Path, request_: dict[str, Any], parent: str, kind: str
) -> None:
    send(tmp_path, {"shop.py": "", "real/x": ""})
    (tmp_path / "other/link").symlink_to("real")
    send(tmp_path, {})
    request_["shared_paths"] = [f"{parent}/uploads"]
    assert make(tmp_path, request_)[1] == (
        f"application 'shop', shared_paths: '{parent}/uploads': {parent} is {kind} in the source;"
        " write a path that leads through directories."
    )


# ---- Variables of the commands ----


def test_commands_have_variables_and_nobody_sees_the_secret_ones(
    tmp_path: Path, request_: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    request_["env"] = {"CURRENCY": "CNY"}
    request_["secret_env"] = {"TOKEN": "hunter2", "PEM": "first-line\nsecond-line", "ON": "1"}
    request_["build_commands"] = [
        'echo "$CURRENCY $APP_NAME $APP_SHARED" > told.txt',
        'echo "1 $TOKEN"; echo "$PEM" | tail -n 1; echo hunter2; exit 1',
    ]
    problem = make(tmp_path, request_)[1]
    told = (tmp_path / "build/src/told.txt").read_text()
    assert told == f"CNY shop {tmp_path.parent}/shared\n"
    assert problem.endswith("echo ***; exit 1'\": 1 ***\n***\n***")
    seen = "".join(capfd.readouterr()) + (tmp_path / "work/step").read_text() + problem
    for secret in ("hunter2", "second-line"):
        assert secret not in seen
    # The installers are not told: they run what strangers wrote.
    assert "TOKEN" not in (tmp_path / "cache/environment").read_text()


# ---- What is imported ----


def with_interpreter(tmp_path: Path) -> None:
    """Let the pretended virtual environment have an interpreter."""
    uv = tmp_path / "uv"
    link = f'ln -s {sys.executable} "$last/bin/python"'
    uv.write_text(uv.read_text().replace('touch "$last/.lock"', f'touch "$last/.lock"; {link}'))


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("shop:app", ""),
        (
            "needy:app",
            "module: needy.py imports no_such_module, which no requirement installs (the"
            " requirements are those of requirements.txt); add it there, or to extra_requirements"
            " (no_such_module).",
        ),
        ("wsgy:app", "'wsgy:app': there is no wsgy.py in the source, and no package has wsgy;"),
        ("pack.wsgy:app", "there is no pack/wsgy.py in the source"),
        # A callable with dots, which is no module.
        ("pack.app", ""),
    ],
)
def test_what_the_application_imports_has_to_be_there(
    tmp_path: Path, request_: dict[str, Any], module: str, says: str
) -> None:
    with_interpreter(tmp_path)
    send(
        tmp_path,
        {
            "shop.py": "import json\n",
            "needy.py": "import no_such_module\n",
            "pack/__init__.py": "app = 1\n",
            "requirements.txt": "flask\n",
        },
    )
    request_["module"] = module
    status, problem = make(tmp_path, request_)
    assert (status, says in problem) == (1 if says else 0, True)
    assert bool(problem) is bool(says)


def test_files_that_may_have_the_requirements_are_named(
    tmp_path: Path, request_: dict[str, Any]
) -> None:
    with_interpreter(tmp_path)
    send(tmp_path, {"shop.py": "import no_such_module\n", "requirements/prod.txt": "flask\n"})
    request_["module"] = "shop:app"
    assert (
        "(there is no requirements file called as usual; name one of requirements/prod.txt by the"
        " key requirements)" in make(tmp_path, request_)[1]
    )


# ---- What an installer says ----


def test_requirement_that_has_to_be_compiled_says_what_is_lacking(
    tmp_path: Path, request_: dict[str, Any]
) -> None:
    noise = "".join(f"line {number}\n" for number in range(40))
    said = "error: Failed to build `ujson==5`\n" + noise + "No such file or directory: 'gcc'\n"
    (tmp_path / "cache/fail").write_text(said)
    problem = make(tmp_path, request_)[1]
    # Which one it is, and the end of what was said.
    assert ": error: Failed to build `ujson==5`\n…\nline 21\n" in problem
    assert (tmp_path / "work/lacking").read_text() == "c"


def test_library_that_is_missing_is_named(tmp_path: Path, request_: dict[str, Any]) -> None:
    (tmp_path / "cache/fail").write_text("Error: pg_config executable not found.\n")
    problem = make(tmp_path, request_)[1]
    assert problem.endswith(
        "Write packages: [libpq-devel] in the application, which installs them first."
    )
    assert (tmp_path / "work/lacking").read_text() == ""


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"Pipfile": ""}, "there is Pipfile without a Pipfile.lock; run `pipenv lock`"),
        (
            {"pyproject.toml": '[tool.poetry.dependencies]\nflask = "*"\n'},
            "pyproject.toml is Poetry's, and there is no poetry.lock; run `poetry lock`",
        ),
        ({"requirements.txt": "-e git+https://h/x\n"}, "requirements.txt has '-e git+https://h/x'"),
        ({"poetry.lock": ""}, "a poetry.lock without a pyproject.toml"),
    ],
)
def test_requirements_that_cannot_be_honoured(
    tmp_path: Path, request_: dict[str, Any], files: dict[str, str], says: str
) -> None:
    send(tmp_path, files)
    status, problem = make(tmp_path, request_)
    assert (status, says in problem) == (1, True), problem


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no TOML")
def test_what_the_lock_does_not_have_is_an_error(tmp_path: Path, request_: dict[str, Any]) -> None:
    lock = (
        '[[package]]\nname = "flask"\nversion = "3"\ngroups = ["main"]\n'
        '[metadata]\nlock-version = "2.1"\n'
    )
    project = '[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\nflask = "*"\n'
    send(tmp_path, {"poetry.lock": lock, "pyproject.toml": project})
    uv = tmp_path / "uv"
    uv.write_text(uv.read_text().replace("site-packages/shop", "site-packages/new_one-1.dist-info"))
    assert "poetry.lock does not have new-one" in make(tmp_path, request_)[1]


def test_archive_of_pointers_is_refused(tmp_path: Path, request_: dict[str, Any]) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n"
    send(tmp_path, {".gitattributes": "*.png filter=lfs\n", "static/a.png": pointer})
    assert "source: static/a.png is a pointer of git LFS" in make(tmp_path, request_)[1]
