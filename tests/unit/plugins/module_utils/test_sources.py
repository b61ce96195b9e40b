"""What sources are now: remotes that are asked, builds that are there, what a host lacks."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _builds, _sources
from templar import ROOT, load

A = "a" * 40
ME = pwd.getpwuid(os.geteuid())
SETTINGS = {
    "builder": "flaskbuild",
    "root": "/nowhere",
    "compress": True,
    "known_hosts": "",
    "proxy": "",
    "ca_bundle": "/ca.pem",
    "check": True,
}


@pytest.fixture(autouse=True)
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, pwd.struct_passwd]:
    """Give the accounts that there are; what is asked of one runs as whoever runs the tests."""
    there: dict[str, pwd.struct_passwd] = {}
    monkeypatch.setattr(_sources, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(_sources, "account_of", there.get)
    monkeypatch.setattr(_sources.pwd, "getpwnam", lambda name: ME)
    return there


def account(app: str, home: str = "") -> pwd.struct_passwd:
    """Make an application's builder, who is whoever runs the tests."""
    return pwd.struct_passwd(
        (
            f"flaskbuild-{app}",
            "x",
            ME.pw_uid or 4711,
            ME.pw_gid,
            "",
            home or _builds.cache_of(app),
            "/sbin/nologin",
        )
    )


def app(name: str, git: str = "", version: str = "", **source: str) -> dict[str, Any]:
    """Describe an application, complete."""
    known = {} if git else {"identity": f"{name}==1", "version": "1", "source": f"{name}==1"}
    return {
        "name": name,
        "source": {"git": git, "version": version, "key": ""} | source,
        "known": known,
        "python": "3.11",
        "requirements": "",
        "extra_requirements": [],
        "build_commands": [],
        "precompress": [],
    }


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    """Make a repository with a tag; give it and its commit."""
    path = tmp_path / "r"
    git = ["git", "-C", str(path), "-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", path], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "one"], check=True)
    subprocess.run([*git, "tag", "-a", "v1", "-m", "one"], check=True)
    said = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return path, said.stdout.strip()


def test_remote_is_asked(tmp_path: Path, repository: tuple[Path, str]) -> None:
    path, commit = repository
    apps = [
        app("tag", f"file://{path}", "v1"),
        app("head", str(path)),
        app("none", f"file://{path}", "v2"),
        app("commit", "https://nowhere.invalid/x.git", A),
        app("gone", str(tmp_path / "gone"), "main"),
        app("option", f"file://{path}", "--upload-pack=touch /tmp/owned"),
        app("package"),
    ]
    answer = _sources.info(apps, SETTINGS)
    found = {build["name"]: build["commit"] for build in answer["builds"]}
    assert answer["missing_packages"] == answer["unasked"] == []
    assert found["tag"] == found["head"] == commit
    assert found["commit"] == A
    assert found["package"] == ""
    assert [failure["name"] for failure in answer["failures"]] == ["none", "gone", "option"]
    none, gone, option = (failure["msg"] for failure in answer["failures"])
    # What has no commit has no build, by whatever name.
    assert [build["name"] for build in answer["builds"]] == ["tag", "head", "commit", "package"]
    assert answer["missing"] == ["tag", "head", "commit", "package"]
    assert "'v2' is no branch" in none
    assert "cannot be read" in gone
    assert "is no branch" in option
    assert [*(tmp_path / "run").iterdir()] == []


def test_builds_that_are_there(tmp_path: Path, accounts: dict[str, Any]) -> None:
    accounts["flaskbuild-c"] = account("c")
    settings = SETTINGS | {"root": str(tmp_path)}
    first = _sources.info([app("a"), app("b"), app("c")], settings)
    assert first["missing"] == ["a", "b", "c"]
    path = Path(first["builds"][0]["path"])
    path.mkdir(parents=True)
    # Interrupted: it has no build.json.
    Path(first["builds"][1]["path"]).mkdir(parents=True)
    (path / "build.json").touch()
    second = _sources.info([app("a"), app("b"), app("c")], settings)
    assert second["missing"] == ["b", "c"]
    assert second["missing_builders"] == [
        {"name": "flaskbuild-b", "home": "/var/cache/flask_app/b", "app": "b"}
    ]
    assert second["changed"] is False


def test_python_of_those_that_name_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sources, "INTERPRETER", str(tmp_path / "python"))
    apps = [app("a") | {"python": ""}, app("b") | {"python": "3.9"}]

    def found() -> list[str]:
        return [build["python"] for build in _sources.info(apps, SETTINGS)["builds"]]

    # On a host that has none, the build says which is missing.
    assert found() == ["3.12", "3.9"]
    for version, chosen in (("3.9", "3.12"), ("3.11", "3.11"), ("3.12", "3.12")):
        (tmp_path / f"python{version}").touch()
        assert found() == [chosen, "3.9"]
    named = [app("a") | {"python": "3.12"}]
    assert _sources.info(named, SETTINGS)["builds"] == _sources.info(apps, SETTINGS)["builds"][:1]


def test_preferred_versions_are_those_of_the_python_role() -> None:
    preferred = load(ROOT / "roles/python/vars/RedHat_9.yml")["__python_preferred"]
    assert list(_sources.PREFERRED) == preferred


def test_tools_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sources.shutil, "which", lambda name, path: None)
    apps = [app("a", "https://h/a.git"), app("b", "git@h:b.git", A), app("c")]
    answer = _sources.info(apps, SETTINGS)
    assert answer["missing_packages"] == ["git-core", "openssh-clients"]
    # The commit of b is known; the build will need git all the same.
    assert answer["unasked"] == ["a"]
    assert [build["commit"] for build in answer["builds"]] == ["unknown", A, ""]
    assert answer["failures"] == []
    assert _sources.info([app("c")], SETTINGS)["missing_packages"] == []


@pytest.mark.parametrize(
    "source",
    [
        {"git": "git@h:b.git", "key": "PRIVATE KEY"},
        {"git": "https://me:token@h/b.git"},
    ],
)
def test_key_is_for_the_eyes_of_its_own_builder(
    accounts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, source: dict[str, str]
) -> None:
    """Without that account, nobody would have it; and another application's may run as nobody."""
    asked: list[str] = []
    monkeypatch.setattr(
        _sources, "ask", lambda apps, settings: asked.extend(one["name"] for one in apps) or {}
    )
    monkeypatch.setattr(_sources.shutil, "which", lambda name, path: name)
    answer = _sources.info([app("b", **source)], SETTINGS)
    assert (answer["unasked"], asked) == (["b"], [])
    assert answer["missing_builders"][0]["name"] == "flaskbuild-b"
    accounts["flaskbuild-b"] = account("b")
    answer = _sources.info([app("b", **source)], SETTINGS)
    assert (answer["unasked"], asked) == ([], ["b"])


@pytest.mark.parametrize("uid", [4711, 0])
def test_account_that_the_role_did_not_make(accounts: dict[str, Any], uid: int) -> None:
    """It would give its files and its rights to whatever the application requires."""
    home = "/home/shop" if uid else _builds.cache_of("shop")
    accounts["flaskbuild-shop"] = pwd.struct_passwd(
        ("flaskbuild-shop", "x", uid, uid, "", home, "/bin/bash")
    )
    answer = _sources.info([app("shop"), app("other")], SETTINGS)
    ((_, problem),) = map(dict.values, answer["failures"])
    assert "application 'shop': the account 'flaskbuild-shop' is there already" in problem
    assert home in problem
    assert "flask_app_builder" in problem


def test_packages_that_applications_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each application's own, so that a name that is none is the failure of one."""
    asked = []

    def absent(names: list[str]) -> list[str]:
        asked.append(names)
        return ["libpq-devel", "no-such"]

    monkeypatch.setattr(_sources, "absent", absent)
    apps = [
        app("shop") | {"packages": ["make", "libpq-devel"]},
        app("blog") | {"packages": ["no-such", "libpq-devel"]},
        app("well") | {"packages": ["make"]},
        app("none"),
    ]
    assert _sources.info(apps, SETTINGS)["missing_app_packages"] == [
        {"name": "shop", "packages": ["libpq-devel"]},
        {"name": "blog", "packages": ["no-such", "libpq-devel"]},
    ]
    assert len(asked) == 1


def test_what_a_killed_question_left_is_swept(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for name in ("resolve.999999999", f"resolve.{os.getpid()}", "other"):
        (run / name).mkdir(parents=True)
        (run / name / "key").touch()
    _sources.sweep()
    assert sorted(path.name for path in run.iterdir()) == ["other", f"resolve.{os.getpid()}"]


def test_secrets_are_in_no_argument(
    tmp_path: Path, accounts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts["flaskbuild-shop"] = account("shop")
    monkeypatch.setattr(_sources._git, "write_private", lambda *_: None)
    seen: list[Any] = []

    def start(argv: list[str], env: dict[str, str], *_: Any) -> None:
        seen.extend([argv, env])
        raise OSError("enough")

    monkeypatch.setattr(_sources, "start", start)
    settings = SETTINGS | {"proxy": "http://p:3128"}
    with pytest.raises(OSError, match="enough"):
        _sources.ask([app("shop", "https://me:token@h/b.git")], settings)
    argv, env = seen
    assert argv == ["git", "ls-remote", "--", "https://h/b.git", "HEAD"]
    assert "token" not in str(env)
    assert env["HTTPS_PROXY"] == "http://p:3128"
    assert [*(tmp_path / "run").iterdir()] == []
