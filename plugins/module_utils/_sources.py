"""Find out what the sources of applications are now, and which builds of them are there.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import os
import pwd
import shutil
from typing import Any, Dict, List

from ansible_collections.flaskstack.centos.plugins.module_utils import (
    _fips,
    _git,
    _hardening,
    _host,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._builds import (
    CACHE,
    RUN,
    UNKNOWN,
    account_name,
    build_of,
    cache_of,
    is_complete,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._files import (
    make_directory,
    remove,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._lacking import absent
from ansible_collections.flaskstack.centos.plugins.module_utils._secrets import without_password
from ansible_collections.flaskstack.centos.plugins.module_utils._tools import (
    PATH,
    account_of,
    base_environment,
    finish,
    start,
)

#: Answers of a remote take longer only when nobody will ever answer (seconds).
PATIENCE = 120
#: The directory of one question to remotes; the rest of the name is the process's number.
PRIVATE = "resolve."

#: What the path of an interpreter begins with, before its version.
INTERPRETER = "/usr/bin/python"
#: The versions for applications that name none, best first, as in the python role.
PREFERRED = ("3.12", "3.11")

#: An application, complete.
App = Dict[str, Any]


def wrong_account(builder: str, app: str) -> str:
    """Return what is wrong with the account that is to build an application; empty if nothing.

    One that is there and was not made by the role would give its files and rights to the build.
    """
    name = account_name(builder, app)
    account = account_of(name)
    if account is None or (account.pw_dir == cache_of(app) and account.pw_uid != 0):
        return ""
    return (
        f"application '{app}': the account '{name}' is there already and was not made by the"
        f" flask_app role (its home is {account.pw_dir}, not {cache_of(app)}); give"
        " flask_app_builder another name, or remove that account."
    )


def default_python() -> str:
    """Return the version for applications that name none: the best that the host has.

    On one that has none of them, the best of all, so that the build says what is missing.
    """
    there = [one for one in PREFERRED if os.path.exists(INTERPRETER + one)]
    return (there or PREFERRED)[0]


def missing_tools(apps: List[App]) -> Dict[str, List[str]]:
    """Return package -> the applications whose repositories cannot be asked without it."""
    out: Dict[str, List[str]] = {}
    ssh = [app["name"] for app in apps if _git.is_ssh(app["source"]["git"])]
    if apps and shutil.which("git", path=PATH) is None:
        out["git-core"] = [app["name"] for app in apps]
    if ssh and shutil.which("ssh", path=PATH) is None:
        out["openssh-clients"] = ssh
    return out


def is_secret(app: App) -> bool:
    """Tell whether a repository is read with a key or a password."""
    source = app["source"]
    return bool(source.get("key")) or without_password(source["git"])[1] != ""


def sweep() -> None:
    """Remove the private directories, with keys in them, of questions that were killed."""
    for name in os.listdir(RUN):
        if name.startswith(PRIVATE) and not os.path.exists("/proc/" + name[len(PRIVATE) :]):
            remove(os.path.join(RUN, name))


def ask(apps: List[App], settings: Dict[str, Any]) -> Dict[str, Any]:
    """Ask remotes for the commits of versions, all at once: name -> (commit, problem)."""
    make_directory(RUN, 0o711, (os.geteuid(), os.getegid()))
    sweep()
    work = f"{RUN}/{PRIVATE}{os.getpid()}"
    make_directory(work, 0o711, (os.geteuid(), os.getegid()))
    asked, found = [], {}
    try:
        for number, app in enumerate(apps):
            source, name = app["source"], account_name(settings["builder"], app["name"])
            builder = account_of(name)
            # On a bare host there is none yet. What needs no secret, anybody may ask.
            account = builder or pwd.getpwnam("nobody")
            private = f"{work}/{number}"
            noted = cache_of(app["name"]) + "/known_hosts"
            remember = builder is not None and not settings["check"]
            remember = remember and os.path.isdir(cache_of(app["name"]))
            files, variables = _git.settings(
                source, private, settings["known_hosts"], noted, remember
            )
            _git.write_private(private, files, account.pw_uid, account.pw_gid)
            env = base_environment(account.pw_name, private)
            if settings["ca_bundle"]:
                env["GIT_SSL_CAINFO"] = settings["ca_bundle"]
            if settings["proxy"]:
                env.update(HTTPS_PROXY=settings["proxy"], HTTP_PROXY=settings["proxy"])
            env.update(variables)
            question = _git.question(source["git"], source["version"])
            asked.append((app, start(question, env, "/", account)))
        for app, running in asked:
            status, output = finish(running, PATIENCE)
            source = app["source"]
            commit, problem = _git.judge(
                app["name"], source["git"], source["version"], status, output
            )
            if status != 0:
                hint = _fips.key_hint(source.get("key") or "")
                problem = f"{problem}\n{hint}" if hint else problem
            found[app["name"]] = commit, problem
    finally:
        remove(work)
    return found


def lacking(apps: List[App]) -> List[Dict[str, Any]]:
    """Return the applications that need packages which are not installed, and which these are."""
    missing = absent([name for app in apps for name in app.get("packages") or []])
    needed = {
        app["name"]: [one for one in app.get("packages") or [] if one in missing] for app in apps
    }
    return [{"name": name, "packages": packages} for name, packages in needed.items() if packages]


def hardening(builds: List[Dict[str, str]]) -> Dict[str, Any]:
    """Return what of the host's hardening keeps builds from being made and used.

    Args:
        builds: all that there are to be.
    """
    if not builds:
        return {}
    homes = [os.path.dirname(build["path"]) for build in builds]
    # Of a build's sandbox: what it is made by, and the environments in which uv builds packages.
    found = _hardening.describe(homes + [CACHE], [home + "/" for home in homes + [CACHE, RUN]])
    return dict(found, system=_host.facts())


def info(apps: List[App], settings: Dict[str, Any]) -> Dict[str, Any]:
    """Return the answer of the module ``source_info``.

    Args:
        apps: complete but for the version of Python, in the order of the user's list.
        settings: builder, root, compress, known_hosts, proxy, ca_bundle, check.
    """
    builder = settings["builder"]
    python = default_python()
    apps = [dict(app, python=app["python"] or python) for app in apps]
    wrong = {app["name"]: wrong_account(builder, app["name"]) for app in apps}
    failed = {name: problem for name, problem in wrong.items() if problem}
    # What is wrong with one application is no reason not to ask for another.
    apps = [app for app in apps if app["name"] not in failed]
    repositories = [app for app in apps if app["source"].get("git")]
    tools = missing_tools(repositories)
    commits, asking, unasked = {}, [], []
    for app in repositories:
        name = app["name"]
        if _git.is_commit(app["source"]["version"]):
            commits[name] = app["source"]["version"]
        elif any(name in names for names in tools.values()) or (
            # Its key is for the eyes of its own builder.
            is_secret(app) and account_of(account_name(builder, name)) is None
        ):
            unasked.append(name)
        else:
            asking.append(app)
    for name, (commit, problem) in (ask(asking, settings) if asking else {}).items():
        if problem:
            failed[name] = problem
        commits[name] = commit
    apps = [app for app in apps if app["name"] not in failed]
    builds = [
        build_of(app, commits.get(app["name"]) or UNKNOWN, settings["root"], settings["compress"])
        for app in apps
    ]
    missing = [build["name"] for build in builds if not is_complete(build["path"])]
    accounts = [
        {"name": account_name(builder, name), "home": cache_of(name), "app": name}
        for name in [app["name"] for app in apps]
        if name in missing + unasked and account_of(account_name(builder, name)) is None
    ]
    return {
        "changed": False,
        "builds": builds,
        "missing": missing,
        "missing_builders": accounts,
        "missing_packages": sorted(tools),
        "missing_app_packages": lacking(apps),
        "unasked": unasked,
        "failures": [{"name": name, "msg": problem} for name, problem in failed.items()],
        "hardening": hardening(builds),
    }
