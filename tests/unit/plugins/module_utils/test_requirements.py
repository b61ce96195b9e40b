"""What projects say they require, of all kinds, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _requirements
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

NEW_ENOUGH = pytest.mark.skipif(sys.version_info < (3, 11), reason="no TOML")

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
def test_choose(tmp_path: Path, there: list[str], wanted: str, expected: str) -> None:
    for name in there:
        (tmp_path / name).write_text("[project]\n")
    assert _requirements.choose(str(tmp_path), wanted) == expected


def test_requirements_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _requirements.choose(str(tmp_path), "dev.txt")


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
    assert _requirements.is_package(text) is expected


@NEW_ENOUGH
def test_project_that_is_no_toml() -> None:
    with pytest.raises(Problem, match="pyproject.toml cannot be read"):
        _requirements.is_package("[project\n")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # Settings of tools alone are no project.
        ({"pyproject.toml": "[tool.black]\n", "setup.py": ""}, "setup.py"),
        ({"setup.cfg": "[flake8]\nmax-line-length = 100\n"}, ""),
        ({"setup.cfg": "[metadata]\nname = shop\n"}, "setup.cfg"),
        ({"poetry.lock": "", "pyproject.toml": "[tool.poetry]\n"}, "poetry.lock"),
        ({"Pipfile": "", "Pipfile.lock": "{}"}, "Pipfile.lock"),
        ({"Pipfile": ""}, "Pipfile"),
        ({"requirements.txt": "", "Pipfile.lock": "{}", "setup.py": ""}, "requirements.txt"),
    ],
)
def test_choose_among_the_files_of_other_tools(
    tmp_path: Path, files: dict[str, str], expected: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert _requirements.choose(str(tmp_path), "") == expected


def test_choose_looks_above_a_directory_of_the_source(tmp_path: Path) -> None:
    source = tmp_path / "backend"
    source.mkdir()
    (tmp_path / "requirements.txt").write_text("flask\n")
    assert _requirements.choose(str(source), "") == ""
    assert _requirements.choose(str(source), "", str(tmp_path)) == "../requirements.txt"
    (source / "setup.py").write_text("")
    assert _requirements.choose(str(source), "", str(tmp_path)) == "setup.py"


def test_member_of_a_workspace_has_its_lock_above(tmp_path: Path) -> None:
    source = tmp_path / "backend"
    source.mkdir()
    (source / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "uv.lock").write_text("")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert _requirements.choose(str(source), "", str(tmp_path)) == "pyproject.toml"
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["backend"]\n')
    assert _requirements.choose(str(source), "", str(tmp_path)) == "../uv.lock"


def test_poetry_says_whether_the_project_is_a_package() -> None:
    text = "[tool.poetry]\npackage-mode = false\n[build-system]\n"
    assert _requirements.is_package(text) is False


# ---- Requirements files ----


def project(directory: Path) -> None:
    """Make a directory that can be installed."""
    directory.mkdir(parents=True)
    (directory / "setup.py").write_text("")


def test_paths_are_from_where_pip_is_run(tmp_path: Path) -> None:
    project(tmp_path / "packages/foo")
    (tmp_path / "requirements").mkdir()
    own = tmp_path / "requirements/prod.txt"
    (tmp_path / "requirements/base.txt").write_text("flask\n-e ./packages/foo[fast]\n")
    own.write_text("-r base.txt\n")
    assert _requirements.directory_of(str(own), str(tmp_path)) == str(tmp_path)
    # As it was before: from the file's own directory, where nothing says otherwise.
    own.write_text("flask\n")
    assert _requirements.directory_of(str(own), str(tmp_path)) == str(own.parent)
    project(own.parent / "bar")
    own.write_text("./bar\n")
    assert _requirements.directory_of(str(own), str(tmp_path)) == str(own.parent)


def test_chain_of_files_ends(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r b.txt\nflask # the framework\n")
    (tmp_path / "b.txt").write_text("-c a.txt\n-r gone.txt\nclick \\\n  >=8\n")
    lines = list(_requirements.lines_of(str(tmp_path / "a.txt"), str(tmp_path)))
    assert [line for _, line in lines] == [
        "-r b.txt",
        "-c a.txt",
        "-r gone.txt",
        "click    >=8",
        "flask",
    ]


def test_editable_repository_is_refused_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r more.txt\n")
    (tmp_path / "more.txt").write_text("-e git+https://h/shop.git@abc#egg=shop\n")
    with pytest.raises(Problem, match=r"^more.txt has '-e git\+https.*write it without -e"):
        _requirements.check_lines(str(tmp_path / "requirements.txt"), str(tmp_path))


# ---- Pipenv ----

PIPFILE_LOCK: dict[str, Any] = {
    "default": {
        "flask": {
            "version": "==3.1.3",
            "extras": ["async"],
            "markers": "python_version >= '3.9'",
            "hashes": ["sha256:aa", "sha256:bb"],
        },
        "foo": {"editable": True, "path": "./libs/foo"},
        "bar": {"git": "https://h/bar.git", "ref": "abc", "subdirectory": "py"},
        "baz": {"file": "https://h/baz.zip"},
    },
    "develop": {"pytest": {"version": "==8"}},
}


def test_pipfile_lock_is_converted_whole() -> None:
    locked = _requirements.from_pipfile_lock(json.dumps(PIPFILE_LOCK), "/src")
    assert locked.requirements == [
        "bar @ git+https://h/bar.git@abc#subdirectory=py",
        "baz @ https://h/baz.zip",
        "flask[async]==3.1.3 ; python_version >= '3.9' --hash=sha256:aa --hash=sha256:bb",
        "-e /src/libs/foo",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"default": {"flask": {"version": "*"}}}',
        '{"default": {"flask": {"git": "https://h/x"}}}',
        '{"default": {"flask": {"version": "==3.*"}}}',
    ],
)
def test_pipfile_lock_that_is_not_exact_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="pipenv requirements > requirements.txt"):
        _requirements.from_pipfile_lock(text, "/src")


# ---- Poetry ----

POETRY = """
[tool.poetry]
name = "shop"
[tool.poetry.dependencies]
python = "^3.11"
flask = {version = "^3.0", extras = ["async"]}
colorama = {version = "*", markers = "sys_platform == 'win32'"}
tomli = {version = "*", python = ">=3.8,<3.11"}
foo = {path = "libs/foo", develop = true}
redis = {version = "*", optional = true}
"""

LOCK = """
[[package]]
name = "flask"
version = "3.1.3"
groups = ["main"]
files = [{file = "f.whl", hash = "sha256:bb"}, {file = "f.tar.gz", hash = "sha256:aa"}]
[package.source]
type = "legacy"
url = "https://index.example.com/simple"
[[package]]
name = "numpy"
version = "1.26.0"
groups = ["main"]
markers = "python_version < '3.12'"
files = []
[[package]]
name = "numpy"
version = "2.0.0"
groups = ["main", "dev"]
markers = {main = "python_version >= '3.12'", dev = "python_version >= '3.9'"}
files = []
[[package]]
name = "foo"
version = "1"
groups = ["main"]
files = []
[package.source]
type = "directory"
url = "libs/foo"
[[package]]
name = "Bar.Baz"
version = "1"
groups = ["main"]
files = []
[package.source]
type = "git"
url = "https://h/bar.git"
reference = "main"
resolved_reference = "abc"
[[package]]
name = "pytest"
version = "8"
groups = ["dev"]
files = []
[metadata]
lock-version = "2.1"
"""


@NEW_ENOUGH
def test_poetry_lock_pins_what_the_project_requires() -> None:
    locked = _requirements.from_poetry_lock(LOCK, POETRY, "/src")
    assert locked.requirements == [
        "flask[async]",
        "colorama ; (sys_platform == 'win32')",
        "tomli ; (python_full_version >= '3.8') and (python_full_version < '3.11')",
        "foo",
    ]
    assert locked.constraints == [
        "flask==3.1.3 --hash=sha256:aa --hash=sha256:bb",
        "numpy==1.26.0 ; python_version < '3.12'",
        "numpy==2.0.0 ; python_version >= '3.12'",
        "foo @ file:///src/libs/foo",
        "Bar.Baz @ git+https://h/bar.git@abc",
    ]
    assert locked.names == ["bar-baz", "flask", "foo", "numpy"]


@NEW_ENOUGH
def test_poetry_project_in_the_standard_form() -> None:
    text = """
[project]
dependencies = [
    "flask[async] (>=3.0,<4.0)", "foo @ file:///x ; python_version > '3.8'",
    "numpy>=1; python_version<'4'",
]
"""
    locked = _requirements.from_poetry_lock(LOCK, text, "/src")
    assert locked.requirements == [
        "flask[async]",
        "foo ; python_version > '3.8'",
        "numpy ; python_version<'4'",
    ]


@NEW_ENOUGH
@pytest.mark.parametrize(
    ("lock", "text", "says"),
    [
        (LOCK.replace('"2.1"', '"2.0"'), POETRY, "old format and has numpy more than once"),
        (LOCK, POETRY.replace(">=3.8,<3.11", "~3.8 || 3.9.*"), "tomli asks for Python"),
        (LOCK, POETRY.replace("redis", "python-dotenv").replace("optional", "x"), "no python-dot"),
        (LOCK.replace('"git"', '"svn"'), POETRY, "Bar.Baz is from a source of the kind svn"),
        ("[", POETRY, "poetry.lock cannot be read"),
    ],
)
def test_poetry_lock_that_is_not_exact_is_refused(lock: str, text: str, says: str) -> None:
    with pytest.raises(Problem, match=says):
        _requirements.from_poetry_lock(lock, text, "/src")


def test_old_python_reads_no_poetry_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomllib", None)
    with pytest.raises(Problem, match="poetry export -f requirements.txt -o requirements.txt"):
        _requirements.from_poetry_lock(LOCK, POETRY, "/src")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("^3.8", ["python_full_version >= '3.8' and python_full_version < '4'"]),
        ("~3.8", ["python_full_version >= '3.8' and python_full_version < '3.9'"]),
        ("<=3.11", ["python_version <= '3.11'"]),
        ("*", []),
    ],
)
def test_poetrys_way_to_name_pythons(wanted: str, expected: list[str]) -> None:
    assert list(_requirements.markers_of("x", {"python": wanted})) == expected


def test_poetry_package_that_is_not_there(tmp_path: Path) -> None:
    about = {"tool": {"poetry": {"name": "Shop-Front"}}}
    assert not _requirements.poetry_package_is_there(about, str(tmp_path))
    (tmp_path / "src/shop_front").mkdir(parents=True)
    assert _requirements.poetry_package_is_there(about, str(tmp_path))
