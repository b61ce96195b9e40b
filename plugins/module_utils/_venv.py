"""Make virtual environments for tools, each complete or not there.

By ``python -m venv`` and that environment's own pip, so that the interpreter that Ansible runs on
needs neither pip nor setuptools. An environment cannot be moved, so one that is not complete is
removed and made anew; a file in it, written last, says what it is complete for.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import json
import os
import tempfile
from typing import Dict, List, Optional

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import (
    CommandFailed,
    Problem,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._files import (
    digest_of,
    make_directories,
    read_text,
    remove,
    sync_filesystem,
    write,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._lock import locked
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import shown
from ansible_collections.flaskstack.centos.plugins.module_utils._selinux import label

#: Written last.
STAMP = ".flaskstack-venv.json"
#: Seconds that one of the two steps may take: a slow index, a slow disk.
PATIENCE = 900
#: Seconds in which a program says its version: a cold disk takes some.
QUICK = 60


def wanted(python: str, requirements: List[str]) -> str:
    """Return what the stamp of a complete environment says.

    A wheel counts by its file's name, which has its version in it.
    """
    names = [os.path.basename(one) if one.startswith("/") else one for one in requirements]
    return digest_of(json.dumps([python, names], sort_keys=True).encode("utf-8"))


def runs(program: str) -> bool:
    """Tell whether a program says its version; one that was cut off half-way does not."""
    try:
        run([program, "--version"], timeout=QUICK)
    except (OSError, CommandFailed):
        return False
    return True


def is_complete(path: str, python: str, requirements: List[str], creates: str = "") -> bool:
    """Tell whether an environment is there, for these requirements, and its program runs.

    Args:
        path: the environment.
        python: the interpreter that it is to be of.
        requirements: what is to be in it.
        creates: the program that must run; any, if there is none.
    """
    try:
        found = json.loads(read_text(os.path.join(path, STAMP)) or "{}")
    except ValueError:
        return False
    if not isinstance(found, dict) or found.get("made_of") != wanted(python, requirements):
        return False
    return runs(creates or os.path.join(path, "bin/python"))


def pip_environment(
    index_url: str = "",
    extra_index_urls: Optional[List[str]] = None,
    proxy: str = "",
    ca_bundle: str = "",
    find_links: str = "",
    no_index: bool = False,
    no_deps: bool = False,
    environment: Optional[Dict[str, str]] = None,
) -> Dict[str, str]:
    """Return what pip is told, as variables: everybody can read the arguments of a process.

    Only what is set, so that pip's own defaults and the host's settings hold for the rest.
    """
    out = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_NO_CACHE_DIR": "1"}
    if index_url:
        out["PIP_INDEX_URL"] = index_url
    if extra_index_urls:
        out["PIP_EXTRA_INDEX_URL"] = " ".join(extra_index_urls)
    if proxy:
        out.update(HTTPS_PROXY=proxy, HTTP_PROXY=proxy)
    if ca_bundle:
        out["PIP_CERT"] = ca_bundle
    if find_links:
        out["PIP_FIND_LINKS"] = find_links
    if no_index:
        # The host's own settings may name an index; none is asked.
        out.update(PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull)
    if no_deps:
        out["PIP_NO_DEPS"] = "1"
    out.update(environment or {})
    return out


def make(path: str, python: str, requirements: List[str], env: Dict[str, str], held: int) -> None:
    """Make an environment anew, complete or not at all.

    Args:
        path: where; what is there is removed.
        python: the interpreter.
        requirements: what to install, each as pip takes it, or a wheel's path.
        env: what pip is told.
        held: the descriptor of the lock, which what is started holds too.

    Raises:
        Problem: it cannot be made; nothing is left of it.
    """
    remove(path)
    make_directories(os.path.dirname(path))
    try:
        try:
            # -I: what is in the caller's directory and in PYTHON… variables is not meant.
            run([python, "-I", "-m", "venv", path], timeout=PATIENCE, held=held)
        except FileNotFoundError:
            raise Problem(f"{path}: there is no {python} on this host to make it with.") from None
        except CommandFailed as failure:
            raise Problem(
                f"{path} cannot be made with {python}:\n{shown(failure.output)}"
            ) from failure
        install(path, requirements, env, held)
        label(path)
        sync_filesystem(path)
        about = {"made_of": wanted(python, requirements), "python": python}
        stamp = json.dumps(about, indent=4, sort_keys=True) + "\n"
        write(os.path.join(path, STAMP), stamp.encode("utf-8"), 0o644, (os.geteuid(), os.getegid()))
    except BaseException:
        # The first failure is what the user has to know.
        with contextlib.suppress(OSError):
            remove(path)
        raise


def install(path: str, requirements: List[str], env: Dict[str, str], held: int) -> None:
    """Install requirements into an environment, in one resolution.

    Raises:
        Problem: pip cannot, with its words.
    """
    if not requirements:
        return
    # In a file that only root reads: an address among them may have a password.
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lines:
        lines.write("\n".join(requirements) + "\n")
        lines.flush()
        pip = [os.path.join(path, "bin/python"), "-I", "-m", "pip", "install", "--quiet"]
        try:
            run(pip + ["--requirement", lines.name], timeout=PATIENCE, env=env, held=held)
        except CommandFailed as failure:
            how = "took too long" if failure.status is None else "failed"
            raise Problem(
                f"{path}: installing {shown(', '.join(requirements))} {how}:\n"
                f"{shown(failure.output)}"
            ) from failure


def ensure(
    path: str,
    python: str,
    requirements: List[str],
    env: Dict[str, str],
    creates: str = "",
    check: bool = False,
) -> bool:
    """Make an environment unless it is complete; tell whether it was not.

    Args:
        path: where.
        python: the interpreter.
        requirements: what is to be in it.
        env: what pip is told.
        creates: the program that must run.
        check: only tell.

    Raises:
        Problem: it cannot be made, or another process has been making it for too long.
    """
    if is_complete(path, python, requirements, creates):
        return False
    if check:
        return True
    name = "venv-" + digest_of(path.encode("utf-8", "surrogateescape"))[:12]
    with locked(name, f"{path}: another process is making it; run again later.", PATIENCE) as held:
        # Whoever had the lock before may have made it.
        if is_complete(path, python, requirements, creates):
            return False
        make(path, python, requirements, env, held)
        if creates and not runs(creates):
            remove(path)
            raise Problem(
                f"{path}: {creates} does not run after {shown(', '.join(requirements))}"
                " was installed."
            )
    return True
