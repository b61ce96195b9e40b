"""Which interpreter certbot is installed with, and which version that takes."""

from __future__ import annotations

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import certbots
from templar import has

#: Paths below /usr/bin and what they say, on hosts as they are found.
HOSTS = {
    "8": {"python3.12": "Python 3.12.11"},
    "8_with_its_alternative": {
        "python3": "Python 3.6.8",
        "python3.9": "Python 3.9.25",
        "python3.11": "Python 3.11.13",
    },
    "9": {"python3": "Python 3.9.23", "python3.12": "Python 3.12.11"},
    "10": {"python3": "Python 3.12.11", "python3.14": "Python 3.14.0"},
}


def answer(host: dict[str, str], named: str = "") -> dict[str, dict[str, str]]:
    """Answer as host_info does, of all that it is asked for."""
    there = {f"/usr/bin/{name}": said for name, said in host.items()}
    return {"versions": {path: there.get(path, "") for path in certbots.candidates(named)}}


@pytest.mark.parametrize(
    ("host", "python", "certbot"),
    [
        # /usr/bin/python3 is not there.
        ("8", "python3.12", certbots.NEWEST),
        ("8_with_its_alternative", "python3.11", certbots.NEWEST),
        # What earlier versions took: nothing is made anew.
        ("9", "python3", "4.2.0"),
        ("10", "python3", certbots.NEWEST),
    ],
)
def test_interpreter_of_each_release(host: str, python: str, certbot: str) -> None:
    assert certbots.choice(answer(HOSTS[host])) == {
        "python": f"/usr/bin/{python}",
        "certbot": certbot,
        "problem": "",
    }


def test_what_the_user_names() -> None:
    named = "/usr/bin/python3.12"
    found = certbots.choice(answer(HOSTS["9"], named), named, "5.0.0")
    assert found == {"python": named, "certbot": "5.0.0", "problem": ""}
    old = "/usr/bin/python3"
    found = certbots.choice(answer(HOSTS["8_with_its_alternative"], old), old)
    assert (found["python"], found["certbot"]) == (old, "1.23.0")


def test_no_interpreter() -> None:
    named = "/opt/python/bin/python3"
    problem = certbots.choice(answer(HOSTS["9"], named), named)["problem"]
    assert has([problem], "nginx_acme_python", named, "does not run")
    problem = certbots.choice(answer({"python3": "Python 3.6.8"}))["problem"]
    assert has([problem], "Python 3.8 or newer", "nginx_acme_python")
