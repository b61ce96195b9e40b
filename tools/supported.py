#!/usr/bin/env python3
"""What is supported, as far as it ran: note results, and write the tables of both READMEs.

docs/supported.json has one entry for each thing that ran, the latest result of it, without a date:
the commit says when. What a table says of design (which Pythons carry a core, which cores manage a
release) is from pyproject.toml and from here.

Usage:
    supported.py            write the tables
    supported.py --check    compare only; exit 1 when a README is out of date
    supported.py record --what unit --core 2.16 --outcome passed [--python 3.11] [--on standin9]
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs/supported.json"

#: A result is known by the first three; the rest say how it went.
KEYS = ("what", "core", "on", "python", "commit", "outcome")
OUTCOMES = ("passed", "failed")
#: What can run: tests of the plugins, Ansible's own, what runs on hosts with a Python of theirs,
#: scenarios on hosts.
WHAT = ("unit", "sanity", "hosts", "default", "scenarios", "installed", "vm")
#: What runs on hosts: not tests of texts.
ON_HOSTS = ("scenarios", "default", "installed", "vm")

#: The core that manages a release whose own Python is 3.6: those after it ask for 3.7 and more.
ONLY_FOR_8 = "2.16"

BEGIN = "<!-- From docs/supported.json, by tools/supported.py: -->"
END = "<!-- End of what is generated. -->"

Result = dict[str, str]

TEXTS = {
    "README.md": {
        "cores": "| ansible-core | Runs on Python | Manages releases | Unit tests |"
        " `ansible-test sanity` | Scenario `default` on |",
        "releases": "| Hosts, x86_64 | By design | What ran there |",
        "release": "release {}",
        "8": "RHEL, Rocky Linux, AlmaLinux; with ansible-core 2.16 only",
        "9": "CentOS Stream, RHEL, Rocky Linux, AlmaLinux",
        "10": "CentOS Stream, RHEL, Rocky Linux, AlmaLinux",
        "hosts": "their own Python",
        "3.6": "3.6 and newer",
        "passed": "passed",
        "failed": "**failed**",
        "python": "{} (Python {})",
        "standin": "stand-in of {}",
        "vm": "virtual machine, {}",
        "scenarios": "all scenarios",
        "default": "scenario `default`",
        "installed": "the installed collection",
        "vm_what": "scenario `vm`",
        "with": "{}: {} with ansible-core {}",
        "ran": "unit tests of what runs on hosts: {}",
        "to": "{} to {}",
        "and": ", ",
        "none": "nothing yet",
    },
    "README.zh-CN.md": {
        "cores": "| ansible-core | 运行所需的 Python | 可管理的系列 | 单元测试 |"
        " `ansible-test sanity` | 跑过 `default` 场景的主机 |",
        "releases": "| 主机（x86_64） | 设计上支持 | 实际跑过的 |",
        "release": "{} 系列",
        "8": "RHEL、Rocky Linux、AlmaLinux；只能用 ansible-core 2.16",
        "9": "CentOS Stream、RHEL、Rocky Linux、AlmaLinux",
        "10": "CentOS Stream、RHEL、Rocky Linux、AlmaLinux",
        "hosts": "主机自带的 Python",
        "3.6": "3.6 及以上",
        "passed": "通过",
        "failed": "**未通过**",
        "python": "{}（Python {}）",
        "standin": "{} 系列的替身",
        "vm": "虚拟机，{}",
        "scenarios": "全部场景",
        "default": "`default` 场景",
        "installed": "安装后的 collection",
        "vm_what": "`vm` 场景",
        "with": "{}：{}，ansible-core {}",
        "ran": "在主机上运行的代码的单元测试：{}",
        "to": "{} 至 {}",
        "and": "、",
        "none": "暂无",
    },
}


def number(version: str) -> tuple[int, ...]:
    """Give what versions are ordered by."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def cores() -> dict[str, tuple[str, str]]:
    """Give each ansible-core that has an environment, with its oldest and its newest Python."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    groups = tomllib.loads(text)["tool"]["uv"]["dependency-groups"]
    out = {}
    for group, about in groups.items():
        first, end = re.fullmatch(r">=(3\.\d+),<(3\.\d+)", about["requires-python"]).groups()
        out[group.removeprefix("core-")] = (first, f"3.{number(end)[1] - 1}")
    return out


def read() -> list[Result]:
    """Read the results.

    Raises:
        ValueError: one is not as they are written.
    """
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    known = {*cores(), ""}
    for one in results:
        if tuple(one) != KEYS or one["what"] not in WHAT or one["outcome"] not in OUTCOMES:
            raise ValueError(f"{RESULTS.name}: {one} is no result")
        if one["core"] not in known:
            raise ValueError(
                f"{RESULTS.name}: there is no environment of ansible-core {one['core']}"
            )
    return results


def commit() -> str:
    """Name the commit that is checked out; with a + if there is more than that."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    own = [f":!{name}" for name in ("docs/supported.json", *TEXTS)]
    changed = git("status", "--porcelain", "--", ".", *own)
    return git("rev-parse", "--short=10", "HEAD").strip() + ("+" if changed else "")


def record(result: Result) -> None:
    """Note a result in place of the one before it."""
    same = ("what", "core", "on", *(["python"] if result["what"] == "hosts" else []))
    results = [one for one in read() if any(one[key] != result[key] for key in same)]
    results.append(result)
    results.sort(key=lambda one: (WHAT.index(one["what"]), number(one["core"]), one["on"]))
    lines = ",\n".join("  " + json.dumps(one, ensure_ascii=False) for one in results)
    RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def release_of(host: str) -> str:
    """Give the release of what hosts ran on: ``standin9``, ``rocky8``, ``vm-stream10``."""
    return re.search(r"\d+$", host)[0]


def name_of(host: str, texts: dict[str, str]) -> str:
    """Say what hosts ran on."""
    if host.startswith("vm-"):
        return texts["vm"].format(name_of(host.removeprefix("vm-"), texts))
    kind, release = re.fullmatch(r"([a-z]+)(\d+)", host).groups()
    names = {"stream": "CentOS Stream {}", "rocky": "Rocky Linux {}", "alma": "AlmaLinux {}"}
    return (names | {"standin": texts["standin"]})[kind].format(release)


def marked(shown: str, result: Result, texts: dict[str, str]) -> str:
    """Say of something that it failed, if it did."""
    return shown if result["outcome"] == "passed" else f"{shown} {texts['failed']}"


def table_of_cores(results: list[Result], texts: dict[str, str]) -> list[str]:
    """Write what ran with each ansible-core."""
    lines = [texts["cores"], "|---" * texts["cores"].count(" | ") + "|---|"]
    for core, pythons in cores().items():
        row = [core, texts["to"].format(*pythons)]
        row.append(texts["to"].format("8" if core == ONLY_FOR_8 else "9", "10"))
        own = [one for one in results if one["core"] == core]
        for what in ("unit", "sanity"):
            found = [one for one in own if one["what"] == what]
            said = [texts["python"].format(texts[one["outcome"]], one["python"]) for one in found]
            row.append("".join(said) or "–")
        hosts = [one for one in own if one["what"] == "default"]
        hosts.sort(key=lambda one: number(release_of(one["on"])))
        said = [marked(name_of(one["on"], texts), one, texts) for one in hosts]
        row.append(texts["and"].join(said) or "–")
        lines.append(f"| {' | '.join(row)} |")
    return lines


def table_of_releases(results: list[Result], texts: dict[str, str]) -> list[str]:
    """Write what ran on each release of hosts, and on the Pythons that hosts have."""
    lines = [texts["releases"], "|---|---|---|"]
    for release in ("10", "9", "8"):
        said = []
        own = [one for one in results if one["on"] and one["what"] in ON_HOSTS]
        own = [one for one in own if release_of(one["on"]) == release]
        for host in dict.fromkeys(one["on"] for one in own):
            for what in ON_HOSTS:
                ran = [one for one in own if (one["on"], one["what"]) == (host, what)]
                with_cores = texts["and"].join(marked(one["core"], one, texts) for one in ran)
                shown = texts["vm_what" if what == "vm" else what]
                if ran:
                    said.append(texts["with"].format(name_of(host, texts), shown, with_cores))
        row = (texts["release"].format(release), texts[release], "<br>".join(said) or texts["none"])
        lines.append(f"| {' | '.join(row)} |")
    ran = [one for one in results if one["what"] == "hosts"]
    ran.sort(key=lambda one: number(one["python"]))
    said = texts["and"].join(marked(one["python"], one, texts) for one in ran)
    said = texts["ran"].format(said) if said else texts["none"]
    return [*lines, f"| {texts['hosts']} | {texts['3.6']} | {said} |"]


def page(name: str, results: list[Result]) -> str:
    """Give a README with the tables of now.

    Raises:
        ValueError: it has no place for them.
    """
    text = (ROOT / name).read_text(encoding="utf-8")
    texts = TEXTS[name]
    tables = [*table_of_cores(results, texts), "", *table_of_releases(results, texts)]
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{name} has no lines {BEGIN} and {END}")
    return "\n".join([before + begin, "", *tables, "", end + after])


def main() -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description="The tables of what is supported.")
    parser.add_argument("--check", action="store_true", help="compare only")
    commands = parser.add_subparsers(dest="command")
    note = commands.add_parser("record", help="note a result, and write the tables")
    note.add_argument("--what", required=True, choices=WHAT)
    note.add_argument("--outcome", required=True, choices=OUTCOMES)
    note.add_argument("--core", default="", choices=["", *cores()])
    note.add_argument("--python", default="", help="which ran the core, or what hosts run")
    note.add_argument("--on", default="", help="which hosts: standin9, rocky8, vm-stream9, ...")
    arguments = parser.parse_args()
    try:
        if arguments.command == "record":
            result = {key: getattr(arguments, key, "") for key in KEYS}
            record(result | {"commit": commit()})
        results = read()
        pages = {name: page(name, results) for name in TEXTS}
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 1
    stale = [name for name, text in pages.items() if (ROOT / name).read_text("utf-8") != text]
    if arguments.check:
        for name in stale:
            print(f"{name} is not what docs/supported.json says; run tools/supported.py.")
        return 1 if stale else 0
    for name in stale:
        (ROOT / name).write_text(pages[name], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
