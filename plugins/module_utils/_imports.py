"""See, without running it, whether what a module imports is there.

A framework that no requirement installs is to be an error of the build, not of the first start.
Only what is certainly imported counts: statements of the module itself and of the modules of the
source that it imports, none inside of functions, conditions or ``try``.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import ast
import glob
import os
import re
from typing import Dict, Iterator, List, Tuple

#: Modules that are there only when uWSGI runs.
OF_UWSGI = ("uwsgi", "uwsgidecorators", "__main__")
#: What makes modules importable that are neither in the source nor installed.
PATH_CHANGES = re.compile(r"sys\.(path|modules|meta_path)|addsitedir|activate_this|\bpyximport\b")
#: Python files of a source that are read, at most.
MOST = 1000
#: Run by the virtual environment's interpreter: prints which modules it does not find.
FIND = """
import importlib.util, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        found = None
    if found is None:
        print("missing " + name)
"""
#: Module -> the package that has it, where these have different names.
PACKAGES = {
    "PIL": "Pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jwt": "PyJWT",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "rest_framework": "djangorestframework",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}


def module_of(wanted: str) -> str:
    """Return the module of what uWSGI is to run, ``shop.wsgi`` of ``shop.wsgi:create_app()``."""
    return wanted.partition(":")[0].strip()


def file_of(source: str, module: str) -> str:
    """Return the file of a module of the source, from there; empty if it is none of it."""
    path = module.replace(".", "/")
    for name in (path + ".py", path + "/__init__.py"):
        if os.path.isfile(os.path.join(source, name)):
            return name
    return ""


def imported(text: str, module: str, is_directory: bool) -> Iterator[str]:
    """Yield the modules that a module imports for certain, dotted.

    Args:
        text: its source; nothing is yielded of what cannot be read.
        module: its name, for relative imports.
        is_directory: it is a package.
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError):
        # Python says so, in its own words, when it is started.
        return
    for one in statements:
        if isinstance(one, ast.Import):
            for alias in one.names:
                yield alias.name
        elif isinstance(one, ast.ImportFrom):
            base = one.module or ""
            if one.level:
                parts = module.split(".")
                parts = parts[: len(parts) - one.level + is_directory]
                base = ".".join(parts + [base] if base else parts)
            if base:
                yield base
                for alias in one.names:
                    yield f"{base}.{alias.name}"


def needed(source: str, module: str) -> Dict[str, str]:
    """Return what is imported when a module of the source is: name -> the file that does it first.

    Names are those before the first dot, of what is not in the source. Nothing is returned where a
    file changes the search path: what can be imported then, only running it would tell.
    """
    out: Dict[str, str] = {}
    waiting, seen = [(module, "")], {module}
    while waiting and len(seen) < MOST:
        name, by = waiting.pop(0)
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            part = ".".join(parts[:length])
            path = file_of(source, part)
            if not path and length == 1 and not os.path.isdir(os.path.join(source, part)):
                out.setdefault(part, by)
                break
            if not path or (part != name and part in seen):
                continue
            seen.add(part)
            with open(os.path.join(source, path), encoding="utf-8", errors="replace") as file:
                text = file.read()
            if PATH_CHANGES.search(text):
                return {}
            for other in imported(text, part, path.endswith("__init__.py")):
                if other not in seen:
                    seen.add(other)
                    waiting.append((other, path))
    return {name: by for name, by in out.items() if name not in OF_UWSGI}


def find_command(python: str, source: str, names: List[str]) -> List[str]:
    """Return the command that prints which modules an interpreter does not find."""
    return [python, "-I", "-B", "-c", FIND, source] + sorted(names)


def not_found(output: str) -> List[str]:
    """Return the modules that the output of that command names."""
    return re.findall(r"^missing (\S+)$", output, re.M)


def missing_file(source: str, module: str, key: str, directory: str = "") -> str:
    """Return the sentence about a module that is neither in the source nor installed.

    Args:
        source: where it was looked for.
        module: what was looked for.
        key: what the user wrote.
        directory: which part of the user's source that is; empty for all of it.
    """
    path = module.replace(".", "/")
    there = sorted(candidates(source))
    said = f"module: '{key}': there is no {path}.py in the source, and no package has {module}"
    inner = directory_of(source, path)
    if inner:
        inner = os.path.join(directory, inner)
        return f"{said}; it is in {inner}, so write directory: {inner} at source."
    if there:
        return f"{said}; there are {', '.join(there[:8])}."
    return said + "."


def directory_of(source: str, path: str) -> str:
    """Return the directory of a source, at most two deep, that has a module; empty if none has."""
    for depth in ("*", "*/*"):
        for ending in (".py", "/__init__.py"):
            pattern = os.path.join(glob.escape(source), depth, path + ending)
            for found in sorted(glob.glob(pattern)):
                return os.path.relpath(found, source)[: -len("/" + path + ending)]
    return ""


def candidates(source: str) -> Iterator[str]:
    """Yield Python files that an application may be in: those on top, and those called like one."""
    for name in os.listdir(source):
        path = os.path.join(source, name)
        if name.endswith(".py") and name != "setup.py":
            yield name
        elif os.path.isfile(os.path.join(path, "__init__.py")):
            for inner in ("wsgi.py", "app.py", "main.py"):
                if os.path.isfile(os.path.join(path, inner)):
                    yield f"{name}/{inner}"
            yield name + "/__init__.py"


def missing_packages(missing: List[Tuple[str, str]], told: str) -> str:
    """Return the sentence about modules that nothing installs.

    Args:
        missing: (module, the file that imports it).
        told: what the requirements were.
    """
    by = missing[0][1]
    names = [name for name, file in missing if file == by]
    packages = [PACKAGES.get(name, name) for name in names]
    return (
        f"module: {by} imports {' and '.join(names)}, which no requirement installs ({told}); add"
        f" {'it' if len(names) == 1 else 'them'} there, or to extra_requirements"
        f" ({', '.join(packages)})."
    )
