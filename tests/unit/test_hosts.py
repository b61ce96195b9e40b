"""What the pages "Hosts" say: the same in both languages, and what the code does."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.flaskstack.centos.plugins.module_utils import _fapolicyd
from ansible_collections.flaskstack.centos.plugins.plugin_utils import names, nginx_plan
from nginx_cases import DEFAULTS, FACTS
from templar import ROOT

PAGES = ("hosts.md", "hosts.zh-CN.md")


def read(path: str) -> str:
    """Return the text of a file of this repository."""
    return (ROOT / path).read_text("utf-8")


def blocks(page: str, kind: str) -> list[str]:
    """Return the fenced blocks of one kind that a page has."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", read(f"docs/{page}"), re.DOTALL | re.MULTILINE)


def test_pages_say_the_same() -> None:
    for kind in ("yaml", "sh", "text"):
        first, second = (blocks(page, kind) for page in PAGES)
        assert first == second
        assert first
    for pattern in (r"^#+ ", r"^- ", r"^\d\. "):
        first, second = (re.findall(pattern, read(f"docs/{page}"), re.M) for page in PAGES)
        assert len(first) == len(second)
    first, second = (
        [line.count("|") for line in read(f"docs/{page}").splitlines() if line.startswith("|")]
        for page in PAGES
    )
    assert first == second


@pytest.mark.parametrize("page", PAGES)
def test_rules_are_those_that_are_written(page: str) -> None:
    (shown,) = blocks(page, "text")
    for line in shown.splitlines():
        assert _fapolicyd.rule(line.partition("dir=")[2]) == line
    for role in ("python", "flask_app", "uwsgi", "nginx"):
        assert f"`{role}_fapolicyd`" in read(f"docs/{page}")
        assert _fapolicyd.FILE.format("<role>") in read(f"docs/{page}")


@pytest.mark.parametrize("page", PAGES)
def test_site_in_front_of_an_old_host_is_served(page: str) -> None:
    (given,) = [yaml.safe_load(block) for block in blocks(page, "yaml") if "nginx_sites" in block]
    assert nginx_plan.plan({"variables": DEFAULTS | given, "facts": FACTS})["problems"] == []


def test_sentence_about_release_7_names_a_page_that_is_there() -> None:
    (page,) = re.findall(r"docs/\S+[.]md", names.OLD_WAY)
    assert (ROOT / page).is_file()


@pytest.mark.parametrize("name", ["CentOS", "CentOS Linux", "Red Hat Enterprise Linux Server"])
def test_release_7_is_told_the_way_by_any_of_its_names(name: str) -> None:
    facts = {"distribution": name, "distribution_major_version": "7"}
    assert names.unknown_system("python", facts).endswith(names.OLD_WAY)
    assert not names.unknown_system("python", facts | {"distribution": "Debian"}).endswith("to 9.")


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_front_pages_lead_there(page: str) -> None:
    own = "docs/hosts.zh-CN.md" if "zh" in page else "docs/hosts.md"
    assert f"]({own})" in read(page)
