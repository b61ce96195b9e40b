"""The flask_app role's plan: what it refuses, and what makes a build another build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _builds
from ansible_collections.flaskstack.centos.plugins.plugin_utils import builds
from templar import ROOT, has, load, unsaid

SOURCE = str(ROOT / "app")
#: Templates are empty, where an inventory says nothing.
DEFAULTS = {
    name: unsaid(value) for name, value in load(ROOT / "roles/flask_app/defaults/main.yml").items()
}

REPOSITORY = "https://git.example.com/shop.git"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"
#: Any file will do where it is not looked into.
FILE = str(ROOT / "plugins/plugin_utils/builds.py")
ADDRESS = "https://user:secret@files.example.com/shop-1.0.tar.gz?raw=1"
COMMIT = "a" * 40


def app(name: str = "shop", **keys: Any) -> dict[str, Any]:
    """Describe an application whose source is the sample application's directory."""
    return {"name": name, "source": {"path": SOURCE}} | keys


def archived(archive: str, checksum: str | None = "sha256:" + "c" * 64) -> dict[str, Any]:
    """Describe an application that is in an archive."""
    return app(source={"archive": archive} | ({"checksum": checksum} if checksum else {}))


def plan(*apps: Any, **given: Any) -> builds.Plan:
    """Plan applications with the role's defaults."""
    variables = {f"flask_app_{name}": value for name, value in given.items()}
    return builds.plan({"variables": DEFAULTS | {"flask_app_apps": list(apps)} | variables})


def build(
    one: dict[str, Any],
    digest: str = "d" * 64,
    commit: str = COMMIT,
    root: str = "/opt",
    compress: bool = True,
    **given: Any,
) -> dict[str, str]:
    """Name the build of one application, whose directory is digested or repository asked."""
    found = plan(one, **{"default_python": "3.11"} | given)
    assert found.problems == []
    (complete,) = found.apps
    if complete["source"]["path"]:
        known = {"identity": digest, "version": f"sha256:{digest[:12]}"}
        complete["known"] = known | {"source": complete["source"]["path"]}
    return _builds.build_of(complete, commit, root, compress)


PACKAGE = app("httpbin", source={"package": "httpbin[main]==0.10.4"})
FIRST = app(python="3.12", requirements="requirements.txt")


def from_git(version: str | None = "v1", **source: Any) -> dict[str, Any]:
    """Describe an application that is in a repository."""
    return app(source={"git": REPOSITORY} | ({"version": version} if version else {}) | source)


@pytest.mark.parametrize(
    "one",
    [
        FIRST,
        PACKAGE,
        from_git(),
        from_git(version=None),
        archived(ADDRESS),
        app(
            python="3.12",
            requirements="requirements.txt",
            extra_requirements=["gunicorn==23.0"],
            build_commands=["make assets"],
            precompress=[{"path": "static"}, {"path": "ui", "package": "flasgger"}],
        ),
        app(requirements="none"),
        app(python=None, requirements=None, source={"path": SOURCE, "git": None}),
    ],
)
def test_good_input_has_no_problems(one: dict[str, Any]) -> None:
    assert plan(one).problems == []
    assert plan(one, wheelhouse=SOURCE).problems == []


#: Case -> the application, or several, and what one sentence must have.
REFUSED: dict[str, tuple[list[Any], list[str]]] = {
    "twice": ([app(), app(), app("other")], ["'shop'", "2 times"]),
    "capital": ([app("Shop")], ["'Shop'", "name", "lower-case"]),
    "digit_first": ([app("1shop")], ["'1shop'", "name", "lower-case"]),
    "long": ([app("s" * 32)], ["name", "at most 31"]),
    "line": ([app("shop\n")], ["name", "lower-case"]),
    "dots": ([app("../etc")], ["'../etc'", "name"]),
    "reserved": ([app("nginx")], ["'nginx'", "name", "taken"]),
    "python": ([app(python="3.1x")], ["'shop'", "python", "3.1x", "quoted"]),
    "python_unquoted": ([app(python=3.10)], ["'shop'", "python", "3.1 ", "quoted"]),
    "relative": ([app(source={"path": "app"})], ["'shop'", "source.path", "{{ inventory_dir }}/"]),
    "no_directory": (
        [app(source={"path": "/nowhere"})],
        ["'shop'", "source.path", "/nowhere", "not a directory"],
    ),
    "no_requirements": (
        [app(requirements="dev.txt")],
        ["'shop'", "requirements", "dev.txt", SOURCE],
    ),
    "unpinned": (
        [app(source={"package": "httpbin>=0.10"})],
        ["'shop'", "source.package", "httpbin>=0.10", "name==version"],
    ),
    "requirements_outside": (
        [app(source={"git": REPOSITORY}, requirements="../x.txt")],
        ["'shop'", "requirements: ../x.txt", "below the source"],
    ),
    "archive_relative": ([archived("shop.zip")], ["'shop'", "source.archive", "absolute"]),
    "archive_gone": ([archived("/nowhere/shop.zip")], ["'shop'", "source.archive", "not a file"]),
    "archive_kind": (
        [archived("https://user:secret@files.example.com/shop.rar")],
        ["'shop'", "source.archive", "//***@files", ".zip"],
    ),
    # Neither http nor pinned, with a password all the same.
    "archive_ftp": (
        [archived("ftp://user:secret@files.example.com/shop.zip")],
        ["'shop'", "source.archive", "ftp://***@files"],
    ),
    "archive_no_checksum": ([archived(ADDRESS, None)], ["'shop'", "source.checksum", "sha256sum"]),
    "archive_md5": ([archived(ADDRESS, "md5:" + "c" * 32)], ["'shop'", "source.checksum"]),
    "key_path": (
        [app(source={"git": REPOSITORY, "key": "/root/.ssh/id"})],
        ["'shop'", "source.key", "text"],
    ),
    "static_outside": (
        [app(precompress=[{"path": "../x"}])],
        ["'shop'", "static.path: ../x", "below the source"],
    ),
    "package_requirements": (
        [app(source={"package": "httpbin==0.10.4"}, requirements="requirements.txt")],
        ["'shop'", "requirements", "leave the key out"],
    ),
    "two_sources": ([app(source={"path": SOURCE, "git": REPOSITORY})], ["exactly one of"]),
    "no_source": ([app(source={})], ["'shop'", "exactly one of"]),
    "no_name": (
        [app(), {"source": {"path": SOURCE}}],
        ["application number 2, name: is missing"],
    ),
    "no_dictionary": (["shop"], ["flask_app_apps", "must be a dictionary, not a text"]),
    "near_miss": ([app(requirement="x.txt")], ["'shop'", "Did you mean 'requirements'?"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    apps, parts = REFUSED[case]
    problems = plan(*apps).problems
    assert has(problems, *parts), problems
    assert len(problems) == 1


def test_wheelhouse_that_is_not_there() -> None:
    for wheelhouse in ("/nowhere", "app"):
        (only,) = plan(wheelhouse=wheelhouse).problems
        assert f"flask_app_wheelhouse: {wheelhouse} is not a directory" in only


def test_nothing_asked_for() -> None:
    found = plan()
    assert (found.problems, found.apps) == ([], [])


# ---- What a build is called, and what is told of it ----


def test_build_says_where_it_is_and_what_is_in_it() -> None:
    only = build(FIRST)
    assert only == {
        # As every release of the role has called it.
        "build": "49108ed2b6ad",
        "name": "shop",
        "path": "/opt/shop/builds/49108ed2b6ad",
        "python": "3.12",
        "source": SOURCE,
        "source_version": "sha256:" + "d" * 12,
        "commit": "",
        "requirements": "requirements.txt",
    }
    assert build(PACKAGE)["source_version"] == "0.10.4"
    assert build(from_git())["source_version"] == "v1 " + "a" * 12
    assert build(from_git())["commit"] == COMMIT
    assert build(from_git(None))["source_version"] == "a" * 12


OTHER: dict[str, dict[str, Any]] = {
    "python": {"one": FIRST | {"python": "3.11"}},
    "digest": {"one": FIRST, "digest": "e" * 64},
    "requirements": {"one": FIRST | {"requirements": "requirements.in"}},
    "no_requirements": {"one": FIRST | {"requirements": None}},
    "extra": {"one": FIRST | {"extra_requirements": ["gunicorn==23.0"]}},
    "commands": {"one": FIRST | {"build_commands": ["make assets"]}},
    "statics": {"one": FIRST | {"precompress": [{"path": "links"}]}},
    "statics_plain": {"one": FIRST | {"precompress": [{"path": "links"}]}, "compress": False},
}


def test_other_input_is_another_build(monkeypatch: pytest.MonkeyPatch) -> None:
    # The files of requirements are not looked at here.
    monkeypatch.setattr(builds, "check_path", lambda app: [])
    names = [build(**case)["build"] for case in OTHER.values()]
    assert len({build(FIRST)["build"], *names}) == len(OTHER) + 1


@pytest.mark.parametrize(
    "case",
    [
        {"one": app(requirements="requirements.txt"), "default_python": "3.12"},
        {"one": dict(reversed(FIRST.items()))},
        # What is empty or not used does not count.
        {
            "one": FIRST | {"extra_requirements": [], "build_commands": None, "precompress": None},
            "compress": False,
            "wheelhouse": SOURCE,
        },
        {"one": FIRST | {"name": "links"}},
        {"one": FIRST, "root": "/opt/web"},
    ],
)
def test_same_input_is_the_same_build(case: dict[str, Any]) -> None:
    assert build(**case)["build"] == build(FIRST)["build"]


def test_root_is_followed() -> None:
    assert build(FIRST, root="/opt/web")["path"].startswith("/opt/web/shop/builds/")


def test_build_follows_the_commit_not_the_branch_name() -> None:
    assert build(from_git())["build"] == build(from_git(None))["build"]
    assert build(from_git())["build"] != build(from_git(), commit="b" * 40)["build"]


def test_unknown_commit_in_check_mode() -> None:
    only = build(from_git(), commit=_builds.UNKNOWN)
    assert (only["commit"], only["source_version"]) == ("unknown", "v1 unknown")
    assert only["build"] == "46ffb17589e0"


def test_null_is_as_good_as_nothing() -> None:
    only = build(app(python=None, requirements=None))
    assert (only["python"], only["requirements"]) == ("3.11", "")


def test_without_a_default_the_host_chooses_the_python() -> None:
    found = plan(app(), app("other", python="3.9"))
    assert [one["python"] for one in found.apps] == ["", "3.9"]
    assert "flask_app_default_python: 3 is not" in plan(app(), default_python="3").problems[0]


def test_a_text_is_a_list_as_ansible_takes_it() -> None:
    one = app(source={"path": SOURCE, "exclude": ["*.md"]})
    found = plan(one, exclude=".git/")
    assert found.settings["exclude"] == [".git/"]
    (found,) = found.apps
    assert found["source"]["exclude"] == [".git/", "*.md"]


def test_apps_keep_the_order_of_the_list() -> None:
    found = plan(app(), app("shop-admin"), PACKAGE)
    assert [one["name"] for one in found.apps] == ["shop", "shop-admin", "httpbin"]


def test_excludes_of_an_application_come_after_those_of_all() -> None:
    (only,) = plan(app(source={"path": SOURCE, "exclude": ["/docs/", "!.env"]})).apps
    assert only["source"]["exclude"][0] == ".git/"
    assert only["source"]["exclude"][-2:] == ["/docs/", "!.env"]


def test_archive_is_its_checksum(tmp_path: Path) -> None:
    only = build(archived(ADDRESS))
    assert only["source_version"] == "sha256:" + "c" * 12
    # Wherever it is, and however the checksum is written.
    (tmp_path / "x.tar.gz").touch()
    other = build(archived(str(tmp_path / "x.tar.gz"), "sha256:" + "C" * 64))
    assert other["build"] == only["build"]


def test_what_is_told_to_others_has_no_secret() -> None:
    assert build(archived(ADDRESS))["source"] == ADDRESS.replace("user:secret@", "")
    only = build(from_git(git=REPOSITORY.replace("//", "//x:token@"), key=KEY))
    assert only["source"] == REPOSITORY
    assert "token" not in json.dumps(only)
    assert "PRIVATE" not in json.dumps(only)
    # And it is the same repository.
    assert only["build"] == build(from_git())["build"]


def test_directories_are_digested(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("x = 1\n")
    (tmp_path / ".git").mkdir()
    other = from_git() | {"name": "other"}
    apps = plan(app(source={"path": str(tmp_path)}), PACKAGE, other).apps
    first, package, repository = builds.digest_sources(apps)
    assert len(first["known"]["identity"]) == 64
    assert first["known"]["version"] == "sha256:" + first["known"]["identity"][:12]
    assert package["known"]["identity"] == "httpbin[main]==0.10.4"
    assert repository["known"] == {}
    (tmp_path / ".git/HEAD").touch()
    assert builds.digest_sources(apps)[0] == first
    (tmp_path / "shop.py").write_text("x = 2\n")
    assert builds.digest_sources(apps)[0] != first


# ---- Who builds ----


def test_each_application_has_a_builder_of_its_own() -> None:
    assert _builds.account_name("flaskbuild", "shop") == "flaskbuild-shop"
    assert _builds.cache_of("shop") == "/var/cache/flask_app/shop"
    names = {_builds.account_name("flaskbuild", "a-long-name-of-an-application" + x) for x in "ab"}
    assert len(names) == 2
    for name in names:
        assert len(name) <= 32
        assert name.startswith("flaskbuild-a-long-name-")


# ---- What projects bring ----


def test_builds_that_use_none_of_the_newer_keys_keep_their_names() -> None:
    """A name that changes is a build that every user has to wait for."""
    package = app(
        "x",
        source={"package": "httpbin==0.10.4"},
        extra_requirements=["a==1"],
        build_commands=["make"],
        precompress=[{"path": "static"}],
    )
    names = [build(one)["build"] for one in (FIRST, from_git(), package)]
    assert names == ["49108ed2b6ad", "cf3453eaf80c", "a832411124c8"]


@pytest.mark.parametrize(
    ("keys", "changes"),
    [
        ({"shared_paths": ["instance"]}, True),
        ({"source": {"path": SOURCE, "directory": "links"}}, True),
        ({"packages": ["libpq-devel"]}, False),
        ({"module": "links.wsgi:app"}, False),
        ({"env": {"A": "1"}, "secret_env": {"B": "2"}}, False),
    ],
)
def test_what_makes_another_build(keys: dict[str, Any], changes: bool) -> None:
    assert (build(app(**keys))["build"] != build(app())["build"]) is changes


def test_variables_count_where_there_are_commands() -> None:
    def named(**keys: Any) -> str:
        (one,) = builds.digest_sources(plan(app(build_commands=["make"], **keys)).apps)
        return _builds.build_of(one, "", "/opt", True)["build"]

    assert named(env={"A": "1"}) != named()
    assert named(env={"A": "1"}) != named(env={"A": "2"})
    assert named(secret_env={"A": "1"}) == named(secret_env={"A": "2"})
    assert named(secret_env={"A": "1"}) != named(secret_env={"B": "1"})


def test_host_is_told_the_names_of_secrets_alone() -> None:
    found = plan(app(env={"DEBUG": True}, secret_env={"TOKEN": "hunter2", "PIN": 4711}))
    (one,) = builds.digest_sources(found.apps)
    assert one["secret_env"] == ["PIN", "TOKEN"]
    # As the uwsgi role writes it.
    assert one["env"] == {"DEBUG": "true"}
    assert "hunter2" not in json.dumps(one)
    # The build looks for them in the output of the commands, as texts.
    assert found.apps[0]["secret_env"] == {"TOKEN": "hunter2", "PIN": "4711"}


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"packages": ["@dev"]}, "packages: '@dev' is no name of a package"),
        ({"packages": ["--nogpgcheck"]}, "packages: '--nogpgcheck' is no name"),
        ({"packages": ["/tmp/x.rpm"]}, "packages: '/tmp/x.rpm' is no name"),
        ({"shared_paths": ["instance/"]}, "shared_paths: 'instance/' is not written as a path"),
        ({"shared_paths": ["../x"]}, "shared_paths: '../x' is not written as a path"),
        ({"shared_paths": [""]}, "shared_paths: '' is not written as a path"),
        ({"shared_paths": ["/srv/x"]}, "shared_paths: '/srv/x' is not written as a path"),
        ({"shared_paths": ["a/b", "a"]}, "shared_paths: 'a/b' is part of 'a'"),
        ({"shared_paths": ["a", "a"]}, "shared_paths: 'a' is part of 'a'"),
        ({"env": {"A-B": "1"}}, "env: 'A-B' is no name for an environment variable."),
        ({"env": {"A": "1"}, "secret_env": {"A": "1"}}, "env: 'A' is in secret_env too"),
        (
            {"source": {"path": SOURCE, "directory": "lnks"}},
            f"source.directory: 'lnks' is no directory of {SOURCE}; there are",
        ),
        ({"source": {"path": SOURCE, "directory": "lnks"}}, "Did you mean 'links'?"),
        ({"source": {"path": SOURCE, "directory": "../app"}}, "'../app' is not below the source"),
        (
            {"source": {"package": "x==1", "directory": "lib"}},
            "source.directory: a package has none",
        ),
        (
            {"source": {"git": REPOSITORY, "directory": "a"}, "requirements": "../../x.txt"},
            "requirements: ../../x.txt is not below the source",
        ),
        ({"requirements": "../x.txt"}, "requirements: ../x.txt is not below the source"),
    ],
)
def test_newer_keys_are_refused(keys: dict[str, Any], says: str) -> None:
    problems = plan(app(**keys)).problems
    assert [one for one in problems if says in one], problems
    assert len(problems) == 1, problems


def test_requirements_beside_a_part_of_the_source() -> None:
    source = {"git": REPOSITORY, "directory": "backend/"}
    found = plan(app(source=source, requirements="../requirements.txt"))
    assert found.problems == []
    assert found.apps[0]["source"]["directory"] == "backend"


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    for name in (".env", "backend/.env", "venv/x", "instance/app.db", "backend/instance/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    def told(**keys: Any) -> list[str]:
        source = {"path": str(tmp_path)} | keys.pop("source", {})
        (one,) = builds.digest_sources(plan(app(source=source, **keys)).apps)
        return [sentence.split()[0] for sentence in one["left_out"]]

    assert told() == [".env", "instance"]
    assert told(shared_paths=["instance"]) == [".env"]
    assert told(source={"exclude": ["!.env"]}) == ["instance"]
    assert told(source={"exclude": [".env", "/instance/"]}) == []
    assert told(source={"directory": "backend"}) == ["backend/.env", "backend/instance"]
