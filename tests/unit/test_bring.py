"""What the pages "Bring your application" show is what scenario ``applications`` deploys."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from templar import ROOT

PAGES = ("bring-your-application.md", "bring-your-application.zh-CN.md")
PROJECTS = ROOT / "molecule/applications/projects"


def read(path: str) -> str:
    """Return the text of a file of this repository."""
    return (ROOT / path).read_text("utf-8")


def blocks(page: str, kind: str) -> list[str]:
    """Return the fenced blocks of one kind that a page has."""
    text = read(f"docs/{page}")
    found = re.findall(rf"^```{kind}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(found) == text.count(f"```{kind}"), "a block that no test would look at"
    return found


def part_of(part: Any, whole: Any) -> bool:
    """Tell whether something is shown as it is, if not all of it."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and part_of(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return all(any(part_of(one, other) for other in whole) for one in part)
    return bool(part == whole)


#: The scenario's applications, with the projects where a reader may have them.
APPLICATIONS: dict[str, dict[str, Any]] = {
    app["name"]: app
    for app in yaml.safe_load(
        read("molecule/inventory/host_vars/applications.yml").replace("{{ projects }}", "/home/me")
    )["flask_apps"]
}


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_what_is_deployed(page: str) -> None:
    shown = [app for block in blocks(page, "yaml") for app in yaml.safe_load(block)]
    for app in shown:
        assert part_of(app, APPLICATIONS[app["name"]]), f"{app} is deployed in another way"
    assert {app["name"] for app in shown} == set(APPLICATIONS)


@pytest.mark.parametrize(
    "page", [*(f"docs/{page}" for page in PAGES), "README.md", "README.zh-CN.md"]
)
def test_data_are_removed_by_the_word_that_the_playbook_knows(page: str) -> None:
    assert "in ['keep', 'remove']" in read("playbooks/remove.yml")
    said = set(re.findall(r"\bdata=([a-z]+)", read(page)))
    assert said == {"remove"}


def test_pages_show_the_same() -> None:
    for kind in ("yaml", "sh"):
        first, second = (blocks(page, kind) for page in PAGES)
        assert first == second
    first, second = (
        [line.count("|") for line in read(f"docs/{page}").splitlines() if line.startswith("|")]
        for page in PAGES
    )
    assert first == second
    first, second = (re.findall(r"^#+ ", read(f"docs/{page}"), re.MULTILINE) for page in PAGES)
    assert first == second


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = read(f"docs/{page}")
    headings = {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert not path or (ROOT / "docs" / path).exists(), target
        assert not anchor or path or anchor in headings, target


def test_front_pages_lead_here() -> None:
    assert "(docs/bring-your-application.md)" in read("README.md")
    assert "(docs/bring-your-application.zh-CN.md)" in read("README.zh-CN.md")


def asked() -> dict[str, tuple[Any, str, int]]:
    """Return the applications that the scenario's client asks."""
    spec = importlib.util.spec_from_file_location(
        "ask", ROOT / "molecule/applications/files/ask.py"
    )
    assert spec and spec.loader
    client = importlib.util.module_from_spec(spec)
    sys.modules["ask"] = client
    spec.loader.exec_module(client)
    return client.APPLICATIONS


def test_each_application_is_asked_where_it_is() -> None:
    where = {name: (host, port) for name, (_, host, port) in asked().items()}
    assert where == {name: place_of(app) for name, app in APPLICATIONS.items()}


def place_of(app: dict[str, Any]) -> tuple[str, int]:
    """Return the name and port at which an application is to be asked."""
    domains = app["domains"]
    alone = app.get("uwsgi", {}).get("http", {}).get("port")
    return (
        domains if isinstance(domains, str) else domains[0],
        alone or app.get("nginx", {}).get("port", 80),
    )


def test_each_project_is_deployed() -> None:
    broken = yaml.safe_load(read("molecule/applications/vars.yml"))["broken"]
    apps = [*APPLICATIONS.values(), *broken]
    used = {Path(app["source"]["path"]).name for app in apps if "path" in app["source"]}
    assert {path.name for path in PROJECTS.iterdir()} == used
