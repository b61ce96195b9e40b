"""Read what a project says it requires: requirements files, and the locks of other tools.

What cannot be converted exactly is refused, with the command that writes what can be installed.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import json
import os
import re
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

#: The files that say what a project requires; the first there is counts.
FILES = (
    "requirements.txt",
    "uv.lock",
    "poetry.lock",
    "pyproject.toml",
    "Pipfile.lock",
    "Pipfile",
    "setup.py",
    "setup.cfg",
)
#: How Poetry and Pipenv write what every installer reads.
POETRY_EXPORT = "poetry export -f requirements.txt -o requirements.txt"
PIPENV_EXPORT = "pipenv requirements > requirements.txt"
#: A lock of Poetry says from this version on which groups need a package, and when.
POETRY_MARKERS = (2, 1)

#: Parsed TOML or JSON.
Table = Dict[str, Any]


class Locked(NamedTuple):
    """What a lock comes to: lines of a requirements file, and of a constraints file."""

    requirements: List[str]
    constraints: List[str]
    #: The packages that may be there and no others, normalised; none where that is sure anyway.
    names: List[str]


def section(text: str, name: str) -> Optional[str]:
    """Return the lines of a table of a TOML file; None if it has no such table."""
    head = r"^\[" + re.escape(name) + r"\][ \t]*(?:#.*)?$(.*?)(?=^\[|\Z)"
    found = re.search(head, text, re.M | re.S)
    return found.group(1) if found else None


def load_toml(text: str, name: str) -> Optional[Table]:
    """Parse TOML; None on Python 3.10 and older, which cannot.

    Raises:
        Problem: it cannot be read.
    """
    try:
        import tomllib
    except ImportError:
        return None
    try:
        return dict(tomllib.loads(text))
    except ValueError as error:
        raise Problem(f"{name} cannot be read: {error}") from error


def is_package(text: str) -> bool:
    """Tell from a pyproject.toml whether the project itself is to be installed.

    Raises:
        Problem: it cannot be read.
    """
    project = load_toml(text, "pyproject.toml")
    if project is None:
        # Four lines are all that is looked for.
        for table, key in (("tool.uv", "package"), ("tool.poetry", "package-mode")):
            lines = section(text, table) or ""
            said = re.search(rf"^\s*{key}\s*=\s*(true|false)", lines, re.M)
            if said:
                return said.group(1) == "true"
        return section(text, "build-system") is not None
    tool = project.get("tool", {})
    for package in (tool.get("uv", {}).get("package"), tool.get("poetry", {}).get("package-mode")):
        if package is not None:
            return bool(package)
    return "build-system" in project


def says_something(path: str) -> bool:
    """Tell whether a file describes a project, or is only there for the settings of tools."""
    name = os.path.basename(path)
    if name == "pyproject.toml":
        heads = r"project|build-system|tool\.poetry"
    elif name == "setup.cfg":
        heads = r"metadata|options"
    else:
        return True
    return re.search(rf"^\[({heads})[\].]", read(path), re.M) is not None


def read(path: str) -> str:
    """Return the text of a file; what is no UTF-8 in it is replaced."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def choose(source: str, wanted: str, top: str = "") -> str:
    """Return the path, from the source, of the file with the requirements; empty for none.

    Args:
        source: the directory.
        wanted: what the user has written: a path, ``none``, or empty for the first there is.
        top: the directory that the source is part of: what is not in one is looked for above.

    Raises:
        FileNotFoundError: the file that the user has named is not there.
    """
    if wanted == "none":
        return ""
    if wanted:
        if not os.path.isfile(os.path.join(source, wanted)):
            raise FileNotFoundError(wanted)
        return wanted
    for directory in above(source, top or source):
        for name in FILES:
            path = os.path.join(directory, name)
            if os.path.isfile(path) and says_something(path):
                if name == "pyproject.toml":
                    path = workspace_lock(directory, top or source) or path
                return os.path.relpath(path, source)
    return ""


def above(source: str, top: str) -> List[str]:
    """Return a directory and those above it, up to another; it alone if that is not above it."""
    source, top = os.path.normpath(source), os.path.normpath(top)
    out = [source]
    while (out[-1] + "/").startswith(top + "/") and out[-1] != top:
        out.append(os.path.dirname(out[-1]))
    return out


def workspace_lock(directory: str, top: str) -> str:
    """Return the uv.lock of the workspace that a project is a member of; empty if of none."""
    for place in above(directory, top)[1:]:
        lock, project = os.path.join(place, "uv.lock"), os.path.join(place, "pyproject.toml")
        if os.path.isfile(lock) and os.path.isfile(project):
            return lock if section(read(project), "tool.uv.workspace") is not None else ""
    return ""


def others(source: str) -> List[str]:
    """Return files that may have requirements too, but are not taken unless they are named."""
    found = []
    for directory in ("", "requirements"):
        place = os.path.join(source, directory)
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
            path = os.path.join(directory, name)
            lists = name.endswith(".txt") and (directory or "requirement" in name)
            if lists or path in ("environment.yml", "environment.yaml", "pdm.lock", "pylock.toml"):
                found.append(path)
    return [name for name in found if name != "requirements.txt"]


# ---- Requirements files ----


def lines_of(path: str, base: str, seen: Optional[List[str]] = None) -> Iterator[Tuple[str, str]]:
    """Yield (file, line) of a requirements file and of those that it names by -r and -c.

    Args:
        path: the file; one that is not there has no lines: uv says so.
        base: what the paths of the answer are relative to.
        seen: those that were read already.
    """
    seen = [] if seen is None else seen
    path = os.path.normpath(path)
    if path in seen or not os.path.isfile(path):
        return
    seen.append(path)
    for line in read(path).replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        if not line:
            continue
        yield os.path.relpath(path, base), line
        named = re.match(r"(?:-r|-c|--requirement|--constraint)[ =]*(\S+)$", line)
        if named and "://" not in named.group(1):
            yield from lines_of(os.path.join(os.path.dirname(path), named.group(1)), base, seen)


def local_path(line: str) -> str:
    """Return the path of the directory or file that a requirement is; empty if it is none."""
    found = re.match(r"(?:-e|--editable)[ =]*(\S+)", line)
    path = found.group(1) if found else ""
    if not path and re.match(r"\.{1,2}(/|\[|\s|$)", line):
        path = line.split()[0]
    path = re.sub(r"\[[^\]]*\]$", "", path)
    return "" if "://" in path or path.startswith("/") else path


def check_lines(path: str, source: str) -> None:
    """See that a requirements file asks for nothing that cannot be had.

    Raises:
        Problem: it does.
    """
    for name, line in lines_of(path, source):
        if re.match(r"(-e|--editable)[ =]*(git|hg|svn|bzr)\+", line):
            raise Problem(
                f"{name} has '{line}', which cannot be installed editable; write it without -e, as"
                " name @ git+https://host/repository@commit. (Is it the project itself, as pip"
                " freeze writes it? Then write . instead.)"
            )


def directory_of(path: str, source: str) -> str:
    """Return where a requirements file is installed from: its relative paths are from there.

    From the source, as pip is run, or where that has not what they name, from the file's own
    directory.
    """
    own = os.path.dirname(path)
    paths = [local_path(line) for _, line in lines_of(path, source)]
    there = [is_project(os.path.join(source, one)) for one in paths if one]
    return source if there and all(there) else own


def is_project(path: str) -> bool:
    """Tell whether something can be installed from a path."""
    names = ("pyproject.toml", "setup.py", "setup.cfg")
    return os.path.isfile(path) or any(os.path.isfile(os.path.join(path, one)) for one in names)


def normal(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def with_extras(name: str, extras: List[str]) -> str:
    """Return a package's name with the extras that are wanted of it."""
    return f"{name}[{','.join(sorted(extras))}]" if extras else name


# ---- Pipenv ----


def from_pipfile_lock(text: str, project: str) -> Locked:
    """Return what a Pipfile.lock has in its section ``default``: every package, with its hashes.

    Args:
        text: of the lock.
        project: the directory that it is in.

    Raises:
        Problem: it has something that has no exact counterpart.
    """
    try:
        packages = json.loads(text)["default"]
        return Locked(
            [pipfile_line(name, packages[name], project) for name in sorted(packages)], [], []
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(
            f"Pipfile.lock cannot be read ({type(error).__name__}: {error}); run"
            f" `{PIPENV_EXPORT}` and commit that file."
        ) from error


def pipfile_line(name: str, entry: Table, project: str) -> str:
    """Return a package of a Pipfile.lock as a line of a requirements file.

    Raises:
        Problem: it cannot be written as one.
    """
    full = with_extras(name, entry.get("extras", []))
    when = " ; " + entry["markers"] if entry.get("markers") else ""
    if entry.get("path"):
        place = os.path.join(project, entry["path"])
        if entry.get("editable") and not when:
            return "-e " + with_extras(os.path.normpath(place), entry.get("extras", []))
        line = f"{full} @ file://{os.path.normpath(place)}"
    elif entry.get("git"):
        part = entry.get("subdirectory", "")
        line = f"{full} @ git+{entry['git']}@{entry['ref']}"
        line += f"#subdirectory={part}" if part else ""
    elif entry.get("file"):
        line = f"{full} @ {entry['file']}"
    elif re.match(r"==\s*[^*\s]+$", entry.get("version", "")):
        line = full + entry["version"]
    else:
        raise Problem(
            f"Pipfile.lock does not say which {name} to install; run `{PIPENV_EXPORT}` and commit"
            " that file."
        )
    return line + when + "".join(f" --hash={one}" for one in entry.get("hashes", []))


# ---- Poetry ----


def from_poetry_lock(lock_text: str, project_text: str, project: str) -> Locked:
    """Return what the main group of a Poetry project requires, and the versions that are locked.

    What pyproject.toml asks for is resolved once more, with the lock for constraints: only what is
    locked can be chosen, and what this interpreter does not need is left out.

    Args:
        lock_text: of the poetry.lock.
        project_text: of the pyproject.toml beside it.
        project: their directory.

    Raises:
        Problem: that has no exact counterpart.
    """
    lock = load_toml(lock_text, "poetry.lock")
    about = load_toml(project_text, "pyproject.toml")
    if lock is None or about is None:
        raise not_exact("Python 3.10 and older cannot read it")
    version = lock.get("metadata", {}).get("lock-version", "0")
    knows = tuple(int(part) for part in version.split(".")[:2]) >= POETRY_MARKERS
    locked = [one for one in lock.get("package", []) if not knows or "main" in one["groups"]]
    names: Dict[str, int] = {}
    for one in locked:
        names[normal(one["name"])] = names.get(normal(one["name"]), 0) + 1
    twice = sorted(name for name, times in names.items() if times > 1)
    if twice and not knows:
        raise not_exact(f"it is of an old format and has {twice[0]} more than once")
    requirements = direct(about)
    for line in requirements:
        name = normal(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0])
        # What is needed on other systems or Pythons only, Poetry may have left out.
        if name not in names and ";" not in line:
            raise Problem(
                f"poetry.lock has no {name}, which pyproject.toml requires; run `poetry lock` and"
                " commit it."
            )
    return Locked(requirements, [poetry_line(one, project) for one in locked], sorted(names))


def not_exact(why: str) -> Problem:
    """Return the sentence about a poetry.lock that cannot be converted."""
    return Problem(
        f"poetry.lock cannot be installed as it is ({why}); run `{POETRY_EXPORT}` and commit that"
        " file. (The command is in the package poetry-plugin-export.)"
    )


def direct(about: Table) -> List[str]:
    """Return what a project requires itself, without versions: the lock has those.

    Raises:
        Problem: a dependency is written in a way that is not known here.
    """
    poetry = about.get("tool", {}).get("poetry", {})
    project = about.get("project", {})
    if "dependencies" in project:
        return [without_version(line) for line in project["dependencies"]]
    out = []
    for name, wanted in poetry.get("dependencies", {}).items():
        if name == "python":
            continue
        for one in wanted if isinstance(wanted, list) else [wanted]:
            one = one if isinstance(one, dict) else {}
            if not one.get("optional"):
                line = with_extras(name, one.get("extras", []))
                when = " and ".join(f"({part})" for part in markers_of(name, one))
                out.append(f"{line} ; {when}" if when else line)
    return out


def without_version(requirement: str) -> str:
    """Return a requirement (PEP 508) without the version or address that it asks for.

    Raises:
        Problem: it is none.
    """
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?", requirement)
    if not found:
        raise not_exact(f"'{requirement}' of pyproject.toml is no requirement")
    # Of an address, only what a space divides from it is a marker.
    parts = re.split(r"\s;" if "@" in requirement else ";", requirement, maxsplit=1)
    line = found.group(1) + (found.group(2) or "").replace(" ", "")
    return f"{line} ; {parts[1].strip()}" if len(parts) > 1 else line


def markers_of(name: str, wanted: Table) -> Iterator[str]:
    """Yield when a dependency is needed, as Poetry's keys say it.

    Raises:
        Problem: one is written in a way that is not known here.
    """
    if wanted.get("markers"):
        yield wanted["markers"]
    if wanted.get("platform"):
        yield "sys_platform == '{}'".format(wanted["platform"])
    python = wanted.get("python", "*").strip()
    for part in re.split(r"[,\s]+(?=[<>=!~^])", python) if python != "*" else ():
        found = re.match(r"(>=|<=|<|>|==|!=|\^|~)\s*(\d+(?:\.\d+)*)$", part.strip())
        if found is None:
            raise not_exact(f"{name} asks for Python '{wanted['python']}'")
        sign, version = found.groups()
        if sign in ("^", "~"):
            numbers = version.split(".")
            major = sign == "^" or len(numbers) == 1
            end = str(int(numbers[0]) + 1) if major else f"{numbers[0]}.{int(numbers[1]) + 1}"
            yield f"python_full_version >= '{version}' and python_full_version < '{end}'"
        else:
            full = version.count(".") > 1 or sign in (">=", "<")
            variable = "python_full_version" if full else "python_version"
            yield f"{variable} {sign} '{version}'"


def poetry_line(package: Table, project: str) -> str:
    """Return a package of a poetry.lock as a line of a constraints file.

    Raises:
        Problem: it cannot be written as one.
    """
    name, source = package["name"], package.get("source", {})
    kind, url = source.get("type", "legacy"), source.get("url", "")
    part = "#subdirectory=" + source["subdirectory"] if source.get("subdirectory") else ""
    if kind == "legacy":
        line = f"{name}=={package['version']}"
    elif kind == "git":
        line = f"{name} @ git+{url}@{source['resolved_reference']}{part}"
    elif kind == "url":
        line = f"{name} @ {url}{part}"
    elif kind in ("directory", "file"):
        line = f"{name} @ file://{os.path.normpath(os.path.join(project, url))}"
    else:
        raise not_exact(f"{name} is from a source of the kind {kind}")
    when = package.get("markers", "")
    if isinstance(when, dict):
        when = when.get("main", "")
    line += f" ; {when}" if when else ""
    hashes = sorted({one["hash"] for one in package.get("files", [])}) if kind != "git" else []
    return line + "".join(f" --hash={one}" for one in hashes)


def poetry_package_is_there(about: Table, project: str) -> bool:
    """Tell whether a project of Poetry's has the package that it is called by.

    Applications that are run from their source often have none, and Poetry goes on without it.
    """
    poetry = about.get("tool", {}).get("poetry", {})
    name = about.get("project", {}).get("name") or poetry.get("name", "")
    if poetry.get("packages") or not name:
        return True
    module = normal(name).replace("-", "_")
    places = [module, module + ".py", os.path.join("src", module)]
    return any(os.path.exists(os.path.join(project, place)) for place in places)
