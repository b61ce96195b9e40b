"""The dashboard and the alert rules ask for figures that hosts publish, and fit together."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest
import yaml

from ansible_collections.flaskstack.centos.plugins.module_utils import _app_metrics, _nginx_metrics
from templar import ROOT

#: What hosts publish of ours. node_exporter and Prometheus add the rest.
OURS = {f"uwsgi_{name}" for name, _, _ in _app_metrics.METRICS} | {
    name for name, _, _ in _nginx_metrics.METRICS
}
THEIRS = {"up", "node_textfile_mtime_seconds", "node_textfile_scrape_error"}
COUNTERS = {f"uwsgi_{name}" for name, kind, _ in _app_metrics.METRICS if kind == "counter"} | {
    name for name, kind, _ in _nginx_metrics.METRICS if kind == "counter"
}
#: The sum of three that are shown.
NOT_SHOWN = {"nginx_connections_active"}
#: The operators of PromQL that are words.
WORDS = {"and", "or", "unless", "bool", "offset", "by", "on"}

DASHBOARD: dict[str, Any] = json.loads((ROOT / "monitoring/dashboard.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ALERTS = [
    rule
    for group in yaml.safe_load((ROOT / "monitoring/alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
TESTS = yaml.safe_load((ROOT / "monitoring/alerts.test.yml").read_text("utf-8"))["tests"]


def names_in(expression: str) -> set[str]:
    """Return the metrics that an expression of PromQL asks for."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]", " ", text)
    grouping = r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)"
    text = re.sub(grouping, " ", text)
    return set(re.findall(r"\b[a-z_:][a-z0-9_:]*\b(?!\s*\()", text)) - WORDS


def asked() -> list[tuple[str, str]]:
    """Return where each expression is, and the expression."""
    found = [(rule["alert"], rule["expr"]) for rule in ALERTS]
    found += [(panel["title"], one["expr"]) for panel in PANELS for one in panel["targets"]]
    found += [(one["name"], one["expr"]) for one in DASHBOARD["annotations"]["list"]]
    found += [(test["name"], one["series"]) for test in TESTS for one in test["input_series"]]
    return found


def test_names_are_found_in_expressions() -> None:
    expression = (
        'sum by (job, app) (rate(a_total{x="b_total"}[5m])) / c and on (x) up{} > 2 or vector(0)'
    )
    assert names_in(expression) == {"a_total", "c", "up"}
    assert names_in('label_replace(a_info, "build", "$1", "release", "(.+)-.+")') == {"a_info"}
    assert names_in("a * on (x) group_left (y) b_info - time()") == {"a", "b_info"}


@pytest.mark.parametrize(("where", "expression"), asked())
def test_what_is_asked_for_is_published(where: str, expression: str) -> None:
    names = names_in(expression)
    assert names, where
    assert names <= OURS | THEIRS


@pytest.mark.parametrize(("where", "expression"), asked())
def test_a_counter_is_only_looked_at_as_a_rate(where: str, expression: str) -> None:
    for name in names_in(expression) & COUNTERS:
        if expression.startswith(name):
            continue  # a series of a test
        every = len(re.findall(rf"\b{name}\b", expression))
        rated = len(re.findall(rf"\b(?:rate|increase)\({name}\b", expression))
        assert every == rated, where


def test_everything_published_is_shown() -> None:
    shown = {name for panel in PANELS for one in panel["targets"] for name in names_in(one["expr"])}
    assert shown >= OURS - NOT_SHOWN
    assert NOT_SHOWN <= OURS


# ---- Alert rules ---------------------------------------------------------------------------


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_an_alert_is_tried_both_ways(rule: dict[str, Any]) -> None:
    # What is said to fire has its labels; several series of the same test are left out there.
    tried = [
        one
        for test in TESTS
        for one in test["alert_rule_test"]
        if one["alertname"] == rule["alert"] and one["exp_alerts"]
    ]
    assert tried
    for one in tried:
        for alert in one["exp_alerts"]:
            assert alert["exp_labels"]["severity"] == rule["labels"]["severity"]
            assert set(alert["exp_annotations"]) == set(rule["annotations"])
    if "for" in rule:
        waits = [
            one
            for test in TESTS
            for one in test["alert_rule_test"]
            if one["alertname"] == rule["alert"] and not one["exp_alerts"]
        ]
        assert waits, "nothing shows that it waits"


def test_severities_are_the_three_of_the_readme() -> None:
    text = (ROOT / "monitoring/README.md").read_text("utf-8")
    for severity in {rule["labels"]["severity"] for rule in ALERTS}:
        assert f"`{severity}`" in text


def test_the_readme_has_each_alert() -> None:
    text = (ROOT / "monitoring/README.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE)
    assert listed == [(rule["alert"], rule["labels"]["severity"]) for rule in ALERTS]


# ---- Dashboard -----------------------------------------------------------------------------


def test_panels_have_ids_of_their_own() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert sorted(ids) == sorted(set(ids))


def test_panels_lie_beside_one_another() -> None:
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24, panel["title"]
        assert place["w"] > 0 and place["h"] > 0, panel["title"]
    for one, other in combinations(DASHBOARD["panels"], 2):
        a, b = one["gridPos"], other["gridPos"]
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, (one["title"], other["title"])


def test_whoever_imports_it_chooses_the_data_source() -> None:
    variables = DASHBOARD["templating"]["list"]
    assert variables[0]["name"] == "datasource" and variables[0]["type"] == "datasource"
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for holder in [
        *variables[1:],
        *PANELS,
        *(one for panel in PANELS for one in panel["targets"]),
        *DASHBOARD["annotations"]["list"],
    ]:
        assert holder["datasource"] == chosen
    # Nothing of the Grafana that it was tried on.
    assert not {"id", "__inputs", "__requires"} & set(DASHBOARD)


def test_every_panel_says_what_it_shows() -> None:
    for panel in PANELS:
        assert panel["title"] and panel["description"], panel["id"]
        assert len({one["refId"] for one in panel["targets"]}) == len(panel["targets"])


def test_every_query_follows_what_is_chosen() -> None:
    known = {one["name"] for one in DASHBOARD["templating"]["list"]} | {"__rate_interval"}
    for panel in PANELS:
        for one in panel["targets"]:
            used = set(re.findall(r"\$\{?([A-Za-z_]\w*)", one["expr"]))
            assert used <= known, panel["title"]
            assert {"job", "instance"} <= used, panel["title"]
            for selector in re.findall(r"\buwsgi_\w+(\{[^}]*\})", one["expr"]):
                assert "$app" in selector or panel["title"] == "Hosts", panel["title"]
