"""Templates of sites, rendered by Ansible: the user's own, and the role's beneath them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import nginx_files, templates
from nginx_cases import GOOD, HOST, OWNER, ROOT, case, planned, site
from nginx_texts import block, files, lines, stripped
from templar import evaluate

#: Templates of a user's own, beside the playbook: one block in another's place, and one around it.
OWN_TEMPLATES = {
    "own.conf.j2": """{% extends 'site.conf.j2' %}
{% block server_end %}
    location = /own {
        return 204;
    }
{% endblock %}
""",
    "around.conf.j2": """{% extends 'site.conf.j2' %}
{% block http %}
# {{ __nginx_site.name }} begins
{{ super() }}
{% endblock %}
{% block locations %}
{{ super() }}
    location = /own {
        return 204;
    }
{% endblock %}
""",
    # Any filter and variable of Ansible's.
    "alone.conf.j2": """# {{ __nginx_header }}
# {{ __nginx_site.domains | map('regex_replace', '[.].*', '') | first }}
# {{ playbook_dir | basename | length > 0 }}
""",
}
AROUND = ("caches", "limits")
#: Together they come through each line of the role's template.
SAME = (
    *("every_kind", "directories", "https_upstream", "hashed", "php", "options", "headers"),
    *("caches", "access", "limits", "blocked", "balancer_in_front", "tls_kinds", "tls_both"),
    *("http3", "stapling", "immutable", "brotli", "raw_errors", "open", "no_ipv6"),
    *("shared", "shared_tls", "alone_below", "unbuffered", "uploads"),
)
PAGES = ("unavailable", "maintenance")


def own(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Give what Ansible gets for the one site of a case that has the user's own template."""
    found = nginx_files.own_templates(planned(given), given.get("host", HOST))
    return {found[0]["name"]: found[0]}[name]


def cases() -> dict[str, dict[str, Any]]:
    """Give sites with the role's template and with the user's own, and the pages."""
    out = {}
    for name in SAME:
        given = GOOD[name]
        # As if its template were the user's own.
        plan = planned(given)
        for one in plan["sites"]:
            one["template"] = "a copy"
        for found in nginx_files.own_templates(plan, given.get("host", HOST)):
            out[f"{name} {found['name']}"] = found | {"template": "site.conf.j2"}
    out["own"] = own("shop", case(site(template="own.conf.j2", raw="# what is replaced")))
    out["alone"] = own("shop", case(site(template="alone.conf.j2")))
    for name in AROUND:
        around = GOOD[name] | {"nginx_defaults": {"template": "around.conf.j2"}}
        out[f"around {name}"] = own("shop", around)
    for page in PAGES:
        out[page] = {"template": "page.html.j2", "variables": {"__nginx_page": page}}
    return {name: {k: v for k, v in found.items() if k != "name"} for name, found in out.items()}


CASES = cases()


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Have Ansible render all of them, as tasks/inspect.yml does."""
    directory = tmp_path_factory.mktemp("nginx")
    for name, text in OWN_TEMPLATES.items():
        (directory / name).write_text(text, encoding="utf-8")
    lookup = "lookup('ansible.builtin.template', template, template_vars=variables)"
    results = evaluate(
        directory,
        {"text": lookup},
        CASES,
        defaults=[],
        variables=[],
        templates=ROOT / "roles/nginx/templates",
    )
    return {name: result["text"] for name, result in results.items()}


@pytest.mark.parametrize("name", [name for name in CASES if name.split()[0] in SAME])
def test_role_template_is_the_same_with_and_without_ansible(
    texts: dict[str, str], name: str
) -> None:
    # Or a user's own that begins with `extends` would get another site than everybody else.
    assert texts[name] == templates.render("nginx", "site.conf.j2", **CASES[name]["variables"])


def test_template_of_the_users_own(texts: dict[str, str]) -> None:
    end = "    location = /own {\n        return 204;\n    }\n}\n"
    # All the rest is the role's.
    plain = files("plain")["conf.d/shop.conf"]["text"]
    assert stripped(texts["own"]) == stripped(plain.removesuffix("}\n") + end)
    assert texts["own"].startswith(f"# {nginx_files.HEADER}\n")


def test_template_around_a_block(texts: dict[str, str]) -> None:
    for name in AROUND:
        found = stripped(texts[f"around {name}"])
        assert block(found, "location = /own {") == ["return 204;"]
        start = found.index("location = /own {")
        assert found[:start] + found[start + 3 :] == lines(name)


def test_template_that_is_all_the_users_own(texts: dict[str, str]) -> None:
    assert texts["alone"].splitlines() == [f"# {nginx_files.HEADER}", "# shop", "# True"]
    plan = planned(case(site(template="alone.conf.j2")))
    file = nginx_files.rendered(plan, HOST, {"shop": texts["alone"]})["conf.d/shop.conf"]
    assert file["text"].splitlines()[1] == f"# Owner: {OWNER}"


def test_page_is_the_same_with_and_without_ansible(texts: dict[str, str]) -> None:
    # playbooks/maintenance.yml has Ansible render it.
    for page in PAGES:
        assert texts[page] == templates.render("nginx", "page.html.j2", __nginx_page=page)
        assert texts[page].startswith("<!doctype html>\n")
    assert "网站正在维护" in texts["maintenance"]
