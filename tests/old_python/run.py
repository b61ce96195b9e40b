#!/usr/bin/env python3
"""Run the unit tests of what runs on hosts with a Python that hosts have, as EL 8's 3.6.

The code is taken as it is. Its tests are written for the control node's Python and translated
here: their annotations are left away, and what old releases have by another name is called by
that. Tests that need the control node's plans as well stay out.

Usage:
    run.py 3.6 [ARGUMENT OF PYTEST...]    exit 77 if there is no such interpreter
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests/unit"
#: As other test suites have it for what was skipped.
SKIPPED = 77

#: What the translation calls. Python 3.6 reads it.
HELPERS = '''
import socket as _socket, subprocess as _subprocess
from collections.abc import Mapping as _Mapping

def _either(one, other):
    """Join two mappings, sets or numbers: one | other."""
    if isinstance(one, _Mapping):
        return dict(list(one.items()) + list(other.items()))
    return one | other

def _add(one, other):
    """Take other into one: one |= other."""
    if isinstance(one, dict):
        one.update(other)
        return one
    one |= other
    return one

def _unlink(path, missing_ok=False):
    """Remove a file, which need not be there."""
    try:
        path.unlink()
    except FileNotFoundError:
        if not missing_ok:
            raise

def _without_prefix(text, prefix):
    return text[len(prefix):] if text.startswith(prefix) else text

def _without_suffix(text, suffix):
    return text[:len(text) - len(suffix)] if text.endswith(suffix) else text

def _create_server(address):
    """Listen at an address."""
    listener = _socket.socket()
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen()
    return listener
'''
#: Methods and functions that old releases do not have.
CALLS = {
    "removeprefix": "_without_prefix",
    "removesuffix": "_without_suffix",
    "create_server": "_create_server",
}
#: What cannot be subscripted before 3.9, nor need be.
GENERIC = {"dict", "list", "set", "tuple", "type", "Callable", "Iterator"}
PIPE = ast.parse("_subprocess.PIPE", mode="eval").body


def umask_of(mask: ast.expr) -> ast.expr:
    """Give what a process does to have a umask."""
    return ast.parse(f"lambda: __import__('os').umask({ast.unparse(mask)})", mode="eval").body


def is_strict_zip(call: ast.Call, keyword: ast.keyword) -> bool:
    """Tell whether an argument is that of zip which 3.10 brought."""
    called = call.func.id if isinstance(call.func, ast.Name) else ""
    return (called, keyword.arg) == ("zip", "strict")


class Translation(ast.NodeTransformer):
    """Says the same in Python 3.6."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """Leave the future away."""
        return None if node.module == "__future__" else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave away what a function returns."""
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Leave away what an argument is."""
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Leave away what a variable is."""
        self.generic_visit(node)
        return ast.Assign([node.target], node.value) if node.value else ast.Pass()

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Leave away what a list or the like is of."""
        self.generic_visit(node)
        generic = isinstance(node.value, ast.Name) and node.value.id in GENERIC
        return node.value if generic else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Join dictionaries as it was done before 3.9."""
        self.generic_visit(node)
        if isinstance(node.op, ast.BitOr):
            return ast.Call(ast.Name("_either"), [node.left, node.right], [])
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Add to dictionaries as it was done before 3.9."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.BitOr):
            return node
        return ast.Assign([node.target], ast.Call(ast.Name("_add"), [node.target, node.value], []))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Call what there is, with the arguments that it takes."""
        self.generic_visit(node)
        keywords = []
        for keyword in node.keywords:
            if keyword.arg == "capture_output":
                keywords += [ast.keyword(stream, PIPE) for stream in ("stdout", "stderr")]
            elif keyword.arg == "text":
                keywords.append(ast.keyword("universal_newlines", keyword.value))
            elif keyword.arg == "umask":
                keywords.append(ast.keyword("preexec_fn", umask_of(keyword.value)))
            elif keyword.arg == "missing_ok":
                return ast.Call(ast.Name("_unlink"), [node.func.value, keyword.value], [])
            elif keyword.arg != "feature_version" and not is_strict_zip(node, keyword):
                keywords.append(keyword)
        node.keywords = keywords
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name == "create_server":
            node.func = ast.Name(CALLS[name])
        elif name in CALLS:
            return ast.Call(ast.Name(CALLS[name]), [node.func.value, *node.args], [])
        return node


def translated(text: str) -> str:
    """Translate one file."""
    tree = Translation().visit(ast.parse(text))
    has_docstring = ast.get_docstring(tree) is not None
    tree.body[has_docstring:has_docstring] = ast.parse(HELPERS).body
    return ast.unparse(ast.fix_missing_locations(tree))


def tests() -> list[Path]:
    """List what is run: tests of what hosts get, and what those import."""
    helpers = {path.stem: path for path in UNIT.glob("*.py") if not path.stem.startswith("test_")}
    # What imports the control node's plans, itself or by another.
    away = {"plugin_utils"}
    for _ in helpers:
        away |= {name for name, path in helpers.items() if imported(path) & away}
    there = [*helpers.values(), *(UNIT / "plugins/module_utils").glob("*.py")]
    return [UNIT / "plugins/conftest.py", *(path for path in there if not imported(path) & away)]


def imported(path: Path) -> set[str]:
    """Give all names in what a file imports."""
    lines = re.findall(r"^(?:from|import) .*", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {name for line in lines for name in re.findall(r"\w+", line)}


def lay_out(top: Path) -> None:
    """Make a checkout that has the translated tests, and links to the rest."""
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    for path in tests():
        copy = top / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(translated(path.read_text(encoding="utf-8")), encoding="utf-8")
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path.name not in ("tests", "build", "pyproject.toml"):
            (top / path.name).symlink_to(path)
    (top / "pytest.ini").write_text(
        "[pytest]\n"
        "pythonpath = collections tests/unit\n"
        "addopts = --strict-markers --import-mode=importlib -p no:cacheprovider\n"
        "filterwarnings = error\n"
    )


def find_python(version: str) -> str | None:
    """Find the interpreter; where pyenv manages them, one in PATH may only say that it is not."""
    name = f"python{version}"
    places = [shutil.which(name), *Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}")]
    for place in filter(None, places):
        if subprocess.run([place, "-c", ""], capture_output=True, check=False).returncode == 0:
            return str(place)
    return None


def install(version: str, packages: Path) -> None:
    """Install the last pytest that Python 3.6 has; uv does it from outside, by any Python.

    Raises:
        subprocess.CalledProcessError: the index does not have it.
    """
    lock = Path(__file__).with_name("requirements.txt")
    stamp = packages / ".complete"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return
    shutil.rmtree(packages, ignore_errors=True)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    command = [uv or "uv", "pip", "install", "--quiet", "--python-version", version]
    command += ["--only-binary", ":all:", "--target", packages, "--require-hashes", "-r", lock]
    environment = {**os.environ, "UV_CACHE_DIR": str(ROOT / ".cache/uv")}
    subprocess.run(command, check=True, env=environment)
    stamp.write_bytes(lock.read_bytes())


def main() -> int:
    """Run what the command line says; return pytest's exit status."""
    if len(sys.argv) < 2 or not re.fullmatch(r"3\.\d+", sys.argv[1]):
        print(__doc__, file=sys.stderr)
        return 2
    version = sys.argv[1]
    python = find_python(version)
    if python is None:
        print(f"There is no python{version} on this machine.", file=sys.stderr)
        return SKIPPED
    packages = ROOT / f".cache/old_python/{version}/packages"
    top = ROOT / f".cache/old_python/{version}/checkout"
    install(version, packages)
    lay_out(top)
    environment = {**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-m", "pytest", "--quiet", *(sys.argv[2:] or ["tests/unit/plugins"])]
    return subprocess.run(command, cwd=top, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
