"""What a module imports for certain, found without running it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _imports


def write(top: Path, files: dict[str, str]) -> str:
    """Write a source; return its path."""
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(top)


SHOP = {
    "wsgi.py": "from shop import create_app\napp = create_app()\n",
    "shop/__init__.py": "import flask\nfrom . import views\nfrom .db import connect\n",
    "shop/views.py": "import click\nfrom shop.deep import thing\n",
    "shop/db.py": "def connect():\n    import psycopg2\n",
    "shop/deep/thing.py": "import yaml\n",
    "shop/other.py": "import never\n",
}


def test_imports_are_followed_through_the_source(tmp_path: Path) -> None:
    assert _imports.needed(write(tmp_path, SHOP), "wsgi") == {
        "flask": "shop/__init__.py",
        "click": "shop/views.py",
        "yaml": "shop/deep/thing.py",
    }


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import ujson as json\nexcept ImportError:\n    import json\n",
        "if False:\n    import gone\n",
        "def f():\n    import gone\n",
        "import uwsgi\nfrom uwsgidecorators import timer\n",
        "import sys\nsys.path.insert(0, 'lib')\nimport gone\n",
        "import gone\nthis is no Python\n",
    ],
)
def test_what_is_not_certain_does_not_count(tmp_path: Path, text: str) -> None:
    found = _imports.needed(write(tmp_path, {"app.py": text}), "app")
    assert not found.keys() - {"sys"}


def test_module_that_is_not_in_the_source(tmp_path: Path) -> None:
    assert _imports.needed(write(tmp_path, SHOP), "httpbin") == {"httpbin": ""}


def test_interpreter_says_what_it_does_not_find(tmp_path: Path) -> None:
    source = write(tmp_path, SHOP)
    command = _imports.find_command(sys.executable, source, ["shop", "json", "no_such_module"])
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert _imports.not_found(said) == ["no_such_module"]


@pytest.mark.parametrize(
    ("wanted", "module"),
    [("shop.wsgi:app", "shop.wsgi"), ("shop:create_app('a:b')", "shop"), ("", "")],
)
def test_module_of(wanted: str, module: str) -> None:
    assert _imports.module_of(wanted) == module


def test_sentences(tmp_path: Path) -> None:
    source = write(tmp_path, SHOP)
    assert _imports.missing_file(source, "app", "app:app") == (
        "module: 'app:app': there is no app.py in the source, and no package has app; there are"
        " shop/__init__.py, wsgi.py."
    )
    missing = [("dotenv", "shop/__init__.py"), ("flask", "shop/__init__.py"), ("x", "shop/y.py")]
    assert _imports.missing_packages(missing, "the requirements are those of r.txt") == (
        "module: shop/__init__.py imports dotenv and flask, which no requirement installs (the"
        " requirements are those of r.txt); add them there, or to extra_requirements"
        " (python-dotenv, flask)."
    )


def test_a_module_of_a_directory_of_the_source(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        {"services/api/wsgi.py": "", "backend/wsgi.py": "", "services/web/site/__init__.py": ""},
    )
    assert _imports.missing_file(source, "wsgi", "wsgi:app").endswith(
        "; it is in backend, so write directory: backend at source."
    )
    assert " in parts/backend, so write directory: parts/backend at source." in (
        _imports.missing_file(source, "wsgi", "wsgi:app", "parts")
    )
    assert _imports.directory_of(source, "site") == "services/web"
    assert _imports.directory_of(source, "app") == ""
