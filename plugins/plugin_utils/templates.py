"""Render the roles' templates.

With Jinja itself and not with the template module, for three reasons: a release is named by a hash
of its texts, so they are needed before there is anything to compare the host with; all texts of a
role are made in one step, whatever the number of applications; and a test can render one without a
playbook. The templates get complete data, so they need none of Ansible's filters. Syntax and white
space are as in the template module.
"""

from __future__ import annotations

import functools
from typing import Any

import jinja2

from ansible_collections.flaskstack.centos.plugins.plugin_utils.specs import COLLECTION


def shown(value: Any) -> Any:
    """Return what stands in the text for a value: nothing for none."""
    return "" if value is None else value


@functools.cache
def environment(role: str) -> jinja2.Environment:
    """Return what renders the templates of a role; a variable that is not there is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(COLLECTION / "roles" / role / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=shown,
        # Configuration files, not HTML: the texts of a page are escaped where they are put in.
        autoescape=False,  # noqa: S701
    )


def render(role: str, template: str, **variables: Any) -> str:
    """Return the text of one of a role's templates.

    Args:
        role: whose template.
        template: its name in the role's directory of templates.
        **variables: what it knows; nothing else.

    Raises:
        jinja2.UndefinedError: it needs something that is not among the variables.
    """
    text = environment(role).get_template(template).render(variables)
    # As the template module does: an included template ends without its last newline, and the whole
    # has as many at its end as the file, or more.
    missing = newlines_at_end(source_of(role, template)) - newlines_at_end(text)
    return text + "\n" * missing


@functools.cache
def source_of(role: str, template: str) -> str:
    """Return the text of a template's file."""
    return (COLLECTION / "roles" / role / "templates" / template).read_text(encoding="utf-8")


def newlines_at_end(text: str) -> int:
    """Return how many newlines a text ends with."""
    return len(text) - len(text.rstrip("\n"))
