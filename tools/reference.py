#!/usr/bin/env python3
"""Write the reference: each role's README.md, and docs/reference.md of modules and filters.

From argument_specs, tags and examples, and from what ansible-doc shows of plugins. By hand, because
antsibull-docs 2.28, which checks the same sources (tools/sanity.sh), writes for Sphinx alone: its
tables of options are raw HTML in reStructuredText, which forges leave out. It repeats what several
lists share (426 KB for role nginx, 22 KB here), and knows neither tags nor examples.

Usage:
    reference.py            write it
    reference.py --check    compare only; exit 1 when a page is out of date
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
ROLES = ("python", "flask_app", "uwsgi", "nginx")

#: A value that a user would not write, because None may be a default.
MISSING = object()


def load(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        OSError: it cannot be read.
        yaml.YAMLError: it is no YAML.
    """
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def markdown(text: str) -> str:
    r"""Turn Ansible's markup into Markdown.

    C(), which knows no escapes, ends at the first parenthesis; V(), O(), E() and RV() take
    ``\)`` for one.
    """
    text = re.sub(r"\bC\(([^)]+)\)", r"`\1`", text)
    text = re.sub(
        r"\b(?:V|O|E|RV)\(((?:[^\\)]|\\.)+)\)",
        lambda found: "`" + re.sub(r"\\(.)", r"\1", found[1]) + "`",
        text,
    )
    text = re.sub(r"\bM\(([^)]+)\)", r"`\1`", text)
    text = re.sub(r"\bP\(([^)#]+)#\w+\)", r"`\1`", text)
    text = re.sub(r"\bI\(([^)]+)\)", r"*\1*", text)
    text = re.sub(r"\bB\(([^)]+)\)", r"**\1**", text)
    text = re.sub(r"\bU\(([^)]+)\)", r"<\1>", text)
    return re.sub(r"\bL\(([^,]+), *([^)]+)\)", r"[\1](\2)", text)


def sentences(text: str | list[str]) -> list[str]:
    """Give the paragraphs of a description, which may be one string or a list of them."""
    return [markdown(part) for part in ([text] if isinstance(text, str) else text)]


def cell(text: str) -> str:
    """Make a text fit for a table: no line breaks, no bare |."""
    return " ".join(text.split()).replace("|", "\\|")


def code(value: object) -> str:
    """Show a value as a user would write it in YAML."""
    shown = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return f"`{shown}`"


def type_of(spec: dict[str, Any]) -> str:
    """Say an option's type, with that of its elements."""
    kind = spec.get("type", "str")
    return f"{kind} of {spec['elements']}" if "elements" in spec else kind


def default_of(spec: dict[str, Any]) -> str:
    """Say an option's default, or that it must be given."""
    if spec.get("required"):
        return "**required**"
    default = spec.get("default", MISSING)
    return "" if default is MISSING else code(default)


def anchor(heading: str) -> str:
    """Give the fragment that a Markdown renderer makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def rules(spec: dict[str, Any]) -> list[str]:
    """Say which keys exclude or require each other."""

    def names(keys: list[str]) -> str:
        return ", ".join(f"`{key}`" for key in keys)

    out = []
    exclusive = spec.get("mutually_exclusive", [])
    one_of = spec.get("required_one_of", [])
    for keys in exclusive:
        out.append(f"{'Exactly' if keys in one_of else 'At most'} one of {names(keys)}.")
    out += [f"At least one of {names(keys)}." for keys in one_of if keys not in exclusive]
    for key, needed in spec.get("required_by", {}).items():
        wanted = [needed] if isinstance(needed, str) else needed
        out.append(f"`{key}` only with {names(wanted)}.")
    return out


def tables(parent: dict[str, Any], title: str, path: str, seen: dict[int, str]) -> list[str]:
    """Write the table of an option's options and what binds them, then the tables of theirs.

    Args:
        parent: the specification of a role or of an option that has options.
        title: heading of the first column.
        path: what stands in front of the names, as ``uwsgi_apps[].``.
        seen: identity of options that have a table -> its path. Options that are shared by
            a YAML anchor are the same object, and get one table.
    """
    lines = [f"| {title} | Type | Default | Description |", "|---|---|---|---|"]
    below: list[tuple[str, dict[str, Any]]] = []
    for name, spec in parent["options"].items():
        text = " ".join(sentences(spec["description"]))
        if spec.get("choices"):
            text += f" One of {', '.join(code(choice) for choice in spec['choices'])}."
        if spec.get("options"):
            inner = path + name + ("[]" if spec.get("elements") == "dict" else "")
            known = seen.setdefault(id(spec["options"]), inner)
            if known == inner:
                below.append((inner, spec))
            text += f" Keys: [`{known}`](#{anchor(known)})."
        row = [f"`{name}`", type_of(spec), default_of(spec), text]
        lines.append("| " + " | ".join(cell(part) for part in row) + " |")
    lines += ["", *(line for rule in rules(parent) for line in (rule, ""))]
    for inner, spec in below:
        lines += [f"### `{inner}`", "", *tables(spec, "Key", f"{inner}.", seen)]
    return lines


def tags(role: Path) -> list[str]:
    """List the tags of tasks/main.yml with the tasks that they select."""
    tasks: dict[str, list[str]] = {}
    count = 0
    for task in load(role / "tasks/main.yml"):
        count += 1
        for tag in task["tags"]:
            if tag != "always":
                tasks.setdefault(tag, []).append(task["name"])
    lines = ["| Tag | Selects |", "|---|---|"]
    for tag, names in tasks.items():
        text = "the whole role" if len(names) == count else "; ".join(names)
        lines.append(f"| `{tag}` | {cell(text)} |")
    return [*lines, "", "The variables are checked with every tag."]


def other_point(name: str, point: dict[str, Any]) -> list[str]:
    """Describe an entry point that has another job than the role's own; for others, nothing."""
    if name in ("main", "validate"):
        return []
    paragraphs = [line for text in sentences(point["description"]) for line in (text, "")]
    return ["", f"### `{name}`", "", *paragraphs, *tables(point, "Variable", "", {})][:-1]


def readme(role: Path) -> str:
    """Write the README of a role.

    Raises:
        OSError: one of the role's files is not there.
        KeyError: a description is missing.
    """
    points = load(role / "meta/argument_specs.yml")["argument_specs"]
    meta = load(role / "meta/main.yml")["galaxy_info"]
    main = points["main"]
    paragraphs = sentences(main["description"])
    facts = [text for text in paragraphs if text.startswith("Sets ")]
    example = (role / "examples/alone.yml").read_text(encoding="utf-8").removeprefix("---\n")
    releases = ", ".join(meta["platforms"][0]["versions"])
    lines = [
        "<!-- Written by tools/reference.py from meta/argument_specs.yml, tasks/main.yml and "
        "examples/alone.yml. Change those, then: make docs -->",
        f"# flaskstack.centos.{role.name}",
        "",
        f"{main['short_description']}.",
        "",
        *(line for text in paragraphs if text not in facts for line in (text, "")),
        f"For CentOS Stream, RHEL and their rebuilds, releases {releases}; with ansible-core "
        f"{meta['min_ansible_version']} or newer.",
        "",
        "## Example",
        "",
        "The role alone. In a playbook outside of this repository its name is "
        f"`flaskstack.centos.{role.name}`.",
        "",
        "```yaml",
        *example.rstrip("\n").split("\n"),
        "```",
        "",
        "## Variables",
        "",
        *tables(main, "Variable", "", {}),
        "## Facts",
        "",
        *(line for text in facts or ["Sets none."] for line in (text, "")),
        "## Tags",
        "",
        *tags(role),
        "",
        "## Entry points",
        "",
        "| `tasks_from` | Does |",
        "|---|---|",
        *(
            f"| `{name}` | {cell(markdown(point['short_description']))} |"
            for name, point in points.items()
        ),
        *(line for name in points for line in other_point(name, points[name])),
    ]
    return "\n".join(lines) + "\n"


def documents(path: Path) -> dict[str, str]:
    """Give the texts that a plugin is documented with."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = node.value.value
    return found


def as_role(spec: dict[str, Any]) -> dict[str, Any]:
    """Give an option of a plugin as a role would describe it: its own in options."""
    inner = spec.get("suboptions") or spec.get("options")
    named = {name: as_role(one) for name, one in inner.items()} if inner else {}
    out = {key: value for key, value in spec.items() if key != "suboptions"}
    return out | {"options": named} if named else out


def values(contains: dict[str, Any], path: str = "") -> list[str]:
    """Write the rows of a table of return values, with those in them by their paths."""
    rows = []
    for name, spec in contains.items():
        # What is there always, or whenever that is around it, needs no word.
        when = spec.get("returned", "always")
        parts = sentences(spec["description"])
        if when not in ("always", "success"):
            parts.append(f"Returned: {markdown(when)}.")
        row = [f"`{path}{name}`", type_of(spec), " ".join(parts)]
        rows.append("| " + " | ".join(cell(part) for part in row) + " |")
        inner = f"{path}{name}" + ("[]" if spec.get("elements") == "dict" else "") + "."
        rows += values(spec.get("contains", {}), inner)
    return rows


def plugin(path: Path) -> list[str]:
    """Describe a module or a filter.

    Raises:
        KeyError: a description is missing.
    """
    found = documents(path)
    about = as_role(yaml.safe_load(found["DOCUMENTATION"]))
    lines = [f"## `{path.stem}`", "", f"{about['short_description']}.", ""]
    lines += [line for text in sentences(about["description"]) for line in (text, "")]
    if about.get("options"):
        lines += tables(about, "Option", f"{path.stem}.", {})
    lines += ["```yaml", *found["EXAMPLES"].strip().splitlines(), "```", ""]
    answer = values(yaml.safe_load(found["RETURN"]) or {})
    lines += ["| Returns | Type | Description |", "|---|---|---|", *answer, ""]
    return lines + [line for text in about.get("notes", []) for line in (markdown(text), "")]


def reference() -> str:
    """Write the page of all modules and filters.

    Raises:
        KeyError: a description is missing.
    """
    lines = [
        "<!-- Written by tools/reference.py from plugins/. Change those, then: make docs -->",
        "# Modules and filters",
        "",
        "What the roles are made of. In a playbook each has its full name, "
        "`flaskstack.centos.app_info`; `ansible-doc flaskstack.centos.app_info` shows the same as "
        "this page. Every module has check mode. Filters compute on the control node, and are of "
        "use to those who write playbooks of their own around the roles.",
        "",
    ]
    for directory in ("modules", "filter"):
        for path in sorted((ROOT / "plugins" / directory).glob("*.py")):
            lines += plugin(path)
    return "\n".join(lines).rstrip("\n") + "\n"


def main() -> int:
    """Write or compare all pages."""
    parser = argparse.ArgumentParser(description="Write the reference.")
    parser.add_argument("--check", action="store_true", help="compare only")
    check: bool = parser.parse_args().check
    pages = {f"roles/{name}/README.md": readme(ROOT / "roles" / name) for name in ROLES}
    pages["docs/reference.md"] = reference()
    stale = []
    for name, text in pages.items():
        path = ROOT / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{name} is out of date; run: make docs" if check else f"wrote {name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
