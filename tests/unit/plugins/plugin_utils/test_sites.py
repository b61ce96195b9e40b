"""The sites of the nginx role, complete."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import sites, specs
from nginx_cases import GOOD, case, planned, site
from nginx_texts import files, lines


def defaults(of: dict[str, Any]) -> dict[str, Any]:
    """Give the defaults that a specification names."""
    return {name: spec["default"] for name, spec in of.items() if "default" in spec}


def test_a_location_has_the_same_keys_and_no_others_with_keys_of_their_own() -> None:
    options = sites.item_options()
    nested = {
        name: defaults(spec["options"])
        for name, spec in options.items()
        if spec["type"] == "dict" and "options" in spec
    }
    inner = options["locations"]["options"]
    assert all(inner[name] == options[name] for name in nested.keys() & inner.keys())
    assert {"uwsgi", "http", "fastcgi", "redirect", "answer", "cache", "limit"} <= nested.keys()


def test_kinds_are_those_of_the_specs() -> None:
    main = specs.options_of("nginx")
    locations = sites.item_options()["locations"]
    for spec in (main["nginx_sites"], main["nginx_dependent_sites"], locations):
        assert spec["mutually_exclusive"] == spec["required_one_of"] == [list(sites.KINDS)]


@pytest.mark.parametrize("case", GOOD)
def test_every_key_with_a_default_is_there(case: str) -> None:
    # So that a template needs none.
    options = sites.item_options()
    for one in planned(GOOD[case])["sites"]:
        assert defaults(options).keys() <= one.keys()
        for static in one["static"]:
            assert defaults(options["static"]["options"]).keys() <= static.keys()
        for number, place in enumerate(one["places"]):
            spec = options["locations"]["options"] if number else options
            assert defaults(spec).keys() <= place.keys()
            for key, value in place.items():
                inner = spec.get(key, {}).get("options")
                if inner and isinstance(value, dict):
                    assert defaults(inner).keys() <= value.keys(), key


def test_own_keys_before_defaults() -> None:
    assert "listen 81;" in lines("defaults")
    assert "listen 8080;" in lines("defaults", "blog")
    assert "client_max_body_size 1m;" in lines("defaults")
    assert "gzip on;" in lines("defaults", "blog")


def test_defaults_are_put_together_in_depth() -> None:
    (found,) = planned(
        case(
            site(tls={"acme": False, "certificate": "/a", "key": "/b"}, headers={"X-Own": "1"}),
            nginx_defaults={"tls": {"acme": True, "hsts": 60}, "headers": {"X-Frame-Options": ""}},
        )
    )["sites"]
    assert found["tls"]["acme"] is False
    assert found["tls"]["hsts"] == 60
    assert set(found["headers"]) == {"X-Content-Type-Options", "Referrer-Policy", "X-Own"}


def test_null_is_as_good_as_nothing() -> None:
    assert files("nulls") == files("plain")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1m", 60), ("1h30m", 5400), ("500ms", 0), ("1d", 86400)]
)
def test_seconds(text: str, seconds: int) -> None:
    assert sites.seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("512", 512), ("1k", 1024), ("256m", 256 << 20), ("1G", 1 << 30), ("x", 0)]
)
def test_sizes(text: str, size: int) -> None:
    assert sites.size_in_bytes(text) == size
