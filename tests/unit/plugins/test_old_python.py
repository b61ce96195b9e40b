"""What runs on a managed host, runs on its Python, which may be 3.6."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from templar import ROOT

FILES = [
    path for name in ("modules", "module_utils") for path in (ROOT / "plugins" / name).glob("*.py")
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_runs_on_python_3_6(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))):
        # Grammar is not all: these are evaluated when the text is read, and 3.6 refuses them.
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in {"list", "dict", "tuple", "set", "type"}, node.lineno
        if isinstance(node, ast.ImportFrom):
            assert node.module not in {"__future__", "collections.abc", "dataclasses"}, node.lineno
        if isinstance(node, ast.keyword):
            assert node.arg not in {"capture_output", "text", "missing_ok"}, node.lineno
