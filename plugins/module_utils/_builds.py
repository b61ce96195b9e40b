"""What builds are called and made of, and where they and their builders are.

The controller and the host share it, so it runs on Python 3.6 and imports nothing of Ansible.
"""

import hashlib
import json
import os
import re
from typing import Any, Dict

#: Part of every build's name: raise it when the same inputs are to be built differently.
RECIPE = 2
#: The builders' homes, one for each application, with what is kept between builds.
CACHE = "/var/cache/flask_app"
#: Where sources are sent to: root's, so that nothing in it can become a link.
INBOX = "/var/cache/flask_app_sources"
#: What a build in progress needs besides; gone after a boot, as the builds are.
RUN = "/run/flask_app"
#: The longest name that the tools of EL make an account with.
ACCOUNT_LENGTH = 32
#: Stands for a commit that could not be asked for: check mode on a host that has no git.
UNKNOWN = "unknown"


def digest(text: str, length: int) -> str:
    """Return the first hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:length]


def account_name(builder: str, app: str) -> str:
    """Return what the account is called that builds an application.

    One for each, so that an application's build reads neither the keys nor the cache of others.
    """
    name = f"{builder}-{app}"
    if len(name) <= ACCOUNT_LENGTH:
        return name
    return "{}-{}".format(name[: ACCOUNT_LENGTH - 9].rstrip("-_"), digest(name, 8))


def cache_of(app: str) -> str:
    """Return the directory in which an application's builder keeps things; its home."""
    return f"{CACHE}/{app}"


def address_of(git: str) -> str:
    """Return a repository's address: whoever it is that may read it, it is the same repository."""
    return re.sub(r"^(https?://)[^/]*@", r"\1", git)


def resolved(app: Dict[str, Any], commit: str) -> Dict[str, str]:
    """Return what an application's source is: never a branch or a directory, always content.

    Args:
        app: the application, complete.
        commit: of its repository, where it is one.
    """
    source = app["source"]
    if not source.get("git"):
        return dict(app["known"], commit="")
    address = address_of(source["git"])
    return {
        "identity": f"{address}@{commit}",
        "version": "{} {}".format(source.get("version") or "", commit[:12]).strip(),
        "source": address,
        "commit": commit,
    }


def made_of(app: Dict[str, Any], identity: str, compress: bool) -> Dict[str, Any]:
    """Return all that makes a build what it is.

    Only what is used, so that what an application does not use does not rename its builds.
    """
    out = {
        "recipe": RECIPE,
        "source": identity,
        "python": app["python"],
        "requirements": app["requirements"],
    }
    if app["source"].get("directory"):
        out["directory"] = app["source"]["directory"]
    for key in ("extra_requirements", "build_commands", "shared_paths"):
        if app.get(key):
            out[key] = app[key]
    if app["build_commands"]:
        if app.get("env"):
            out["env"] = app["env"]
        # By name: whoever has a build's name must not be able to try values.
        if app.get("secret_env"):
            out["secret_env"] = sorted(app["secret_env"])
    if app["precompress"]:
        keys = ("path", "package")
        out["static"] = [{key: one.get(key) or "" for key in keys} for one in app["precompress"]]
        out["precompress"] = compress
    return out


def build_of(app: Dict[str, Any], commit: str, root: str, compress: bool) -> Dict[str, str]:
    """Return an application's build, as later roles know it; nothing secret.

    Args:
        app: the application, complete.
        commit: of its repository; empty where it is none.
        root: the directory under which each application has its own.
        compress: compressed copies are made of static files.
    """
    about = resolved(app, commit)
    parts = made_of(app, about["identity"], compress)
    build = digest(json.dumps(parts, sort_keys=True), 12)
    return {
        "name": app["name"],
        "build": build,
        "python": app["python"],
        "path": f"{root}/{app['name']}/builds/{build}",
        "source": about["source"],
        "source_version": about["version"],
        "commit": about["commit"],
        "requirements": app["requirements"],
    }


def is_complete(path: str) -> bool:
    """Tell whether a build is complete: that file is written last."""
    return os.path.isfile(path + "/build.json")
