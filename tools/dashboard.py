#!/usr/bin/env python3
"""Work with the dashboard of monitoring/ where there is no Grafana.

    dashboard.py rules                         print what it asks, as rules that promtool checks
    dashboard.py draw URL SECONDS STEP FILE    ask a Prometheus on this machine's loopback for the
                                               last SECONDS, a value each STEP seconds, and draw
                                               what it says as an SVG

The drawing has the dashboard's panels in their places with the answers to their own queries. It is
a drawing, not Grafana's picture.
"""

from __future__ import annotations

import ipaddress
import json
import re
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

DASHBOARD = Path(__file__).resolve().parents[1] / "monitoring/dashboard.json"
#: Pixels of a unit of the dashboard's grid (24 units wide), and of the space between panels.
WIDE, HIGH, SPACE = 50, 30, 6
COLOURS = ("#3274d9", "#56a64b", "#ff780a", "#e02f44", "#a352cc", "#f2cc0c", "#37872d", "#8f3bb8")
NAMED = {
    "green": "#56a64b",
    "red": "#e02f44",
    "orange": "#ff780a",
    "blue": "#3274d9",
    "text": "#24292e",
}
#: What a series is: its legend, and pairs of a time (seconds since the epoch) and a value.
Series = tuple[str, list[tuple[float, float]]]


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    return dict(json.loads(DASHBOARD.read_text("utf-8")))


def without_variables(expression: str) -> str:
    """Return an expression as Grafana sends it where everything is chosen.

    A rate's interval is four scrapes of 15 s: what Grafana makes of it at the least.
    """
    text = expression.replace("$__rate_interval", "1m")
    return re.sub(r"\$(?:job|instance|app)\b", ".*", text)


def rules() -> dict[str, Any]:
    """Return rules of what the panels and annotations ask."""
    shown = dashboard()
    asked = [one["expr"] for panel in shown["panels"] for one in panel.get("targets", [])]
    asked += [one["expr"] for one in shown["annotations"]["list"]]
    records = [
        {"record": f"dashboard:expression:{number}", "expr": without_variables(one)}
        for number, one in enumerate(dict.fromkeys(asked))
    ]
    return {"groups": [{"name": "dashboard", "rules": records}]}


# ---- Asking --------------------------------------------------------------------------------


class Prometheus:
    """A Prometheus, and the time that is looked at."""

    def __init__(self, url: str, seconds: float, step: float) -> None:
        """Ask the one at a loopback address.

        Raises:
            ValueError: the address is another.
        """
        host = urllib.parse.urlsplit(url).hostname or ""
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"{url}: not on this machine's loopback.")
        self.url = url.rstrip("/")
        self.until = time.time()
        self.since = self.until - seconds
        self.step = step

    def ask(self, path: str, **given: Any) -> list[dict[str, Any]]:
        """Return the result of a query."""
        query = urllib.parse.urlencode(given)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:
            return list(json.load(answer)["data"]["result"])

    def now(self, expression: str) -> list[dict[str, Any]]:
        """Return the values at the end of the time."""
        return self.ask("query", query=without_variables(expression), time=self.until)

    def range(self, expression: str, legend: str) -> list[Series]:
        """Return the series over the time."""
        found = self.ask(
            "query_range",
            query=without_variables(expression),
            start=self.since,
            end=self.until,
            step=self.step,
        )
        return [
            (
                named(legend, one["metric"]),
                [(at, float(value)) for at, value in one["values"] if value != "NaN"],
            )
            for one in found
        ]


def named(legend: str, labels: dict[str, str]) -> str:
    """Return a legend with the labels that it refers to."""
    return re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], ""), legend)


# ---- Drawing -------------------------------------------------------------------------------


def amount(value: float, unit: str) -> str:
    """Return a value as Grafana writes its unit, nearly."""
    if unit == "percentunit":
        return f"{value * 100:.0f} %"
    if unit == "s":
        return seconds(value)
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}{ {'bytes': 'B', 'Bps': 'B/s'}.get(unit, '') }"
    text = f"{value:.3g}"
    return text + {"bytes": " B", "Bps": " B/s", "reqps": "/s", "cps": "/s"}.get(unit, "")


def seconds(value: float) -> str:
    """Return a time that something takes."""
    for size, letters in ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letters}"
    return f"{value * 1000:.3g} ms"


def text(x: float, y: float, what: str, size: int = 12, **more: Any) -> str:
    """Return a line of text."""
    attributes = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}"{attributes}>{escape(what)}</text>'


def colour_of(value: float, steps: list[dict[str, Any]]) -> str:
    """Return the colour of a value by its thresholds."""
    fit = [one["color"] for one in steps if one["value"] is None or value >= one["value"]]
    return NAMED[fit[-1]]


class Panel:
    """A panel of the dashboard, and its place on the drawing in pixels."""

    def __init__(self, panel: dict[str, Any]) -> None:
        """Read where it is."""
        place = panel["gridPos"]
        self.of = panel
        self.x, self.y = place["x"] * WIDE + SPACE / 2, place["y"] * HIGH + SPACE / 2
        self.wide, self.high = place["w"] * WIDE - SPACE, place["h"] * HIGH - SPACE
        if panel["type"] != "row":
            self.unit = panel["fieldConfig"]["defaults"]["unit"]

    def draw(self, asked: Prometheus, marks: list[float]) -> list[str]:
        """Return its parts.

        Args:
            asked: for the values.
            marks: times to mark, seconds since the epoch.
        """
        if self.of["type"] == "row":
            return [text(self.x, self.y + 17, self.of["title"], 14, font_weight="bold")]
        frame = (
            f'<rect x="{self.x:.0f}" y="{self.y:.0f}" width="{self.wide:.0f}" '
            f'height="{self.high:.0f}" fill="#ffffff" stroke="#d8d9da"/>'
        )
        title = text(self.x + 8, self.y + 17, self.of["title"], font_weight="bold")
        body = {"stat": self.stat, "table": self.table}.get(self.of["type"])
        drawn = body(asked) if body else self.lines(asked, marks)
        return [frame, *drawn, title]

    def stat(self, asked: Prometheus) -> list[str]:
        """Return one value, on its colour."""
        found = asked.now(self.of["targets"][0]["expr"])
        if not found:
            return [text(self.x + 8, self.y + 60, "No data", 20)]
        value = float(found[0]["value"][1])
        colour = colour_of(value, self.of["fieldConfig"]["defaults"]["thresholds"]["steps"])
        return [
            f'<rect x="{self.x:.0f}" y="{self.y:.0f}" width="{self.wide:.0f}" '
            f'height="{self.high:.0f}" fill="{colour}" fill-opacity="0.25"/>',
            text(self.x + 8, self.y + 75, amount(value, self.unit), 32, fill=colour),
        ]

    def table(self, asked: Prometheus) -> list[str]:
        """Return rows, with the columns that the dashboard names."""
        names = self.of["transformations"][0]["options"]["renameByName"]
        (override,) = self.of["fieldConfig"]["overrides"]
        settings = {one["id"]: one["value"] for one in override["properties"]}
        wide = (self.wide - 16) / len(names)
        drawn = [
            text(self.x + 8 + wide * at, self.y + 40, name, 12, fill="#3274d9")
            for at, name in enumerate(names.values())
        ]
        for number, row in enumerate(asked.now(self.of["targets"][0]["expr"])):
            value = float(row["value"][1])
            shown, fill = f"{value:g}", NAMED["text"]
            if settings["unit"] == "dateTimeAsIso":
                shown = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(value / 1000))
            elif settings["unit"] == "s":
                shown, fill = seconds(value), colour_of(value, settings["thresholds"]["steps"])
            for at, name in enumerate(names):
                cell = shown if name == "Value" else row["metric"].get(name, "")
                paint = fill if name == "Value" else NAMED["text"]
                y = self.y + 62 + number * 20
                drawn.append(text(self.x + 8 + wide * at, y, cell, fill=paint))
        return drawn

    def lines(self, asked: Prometheus, marks: list[float]) -> list[str]:
        """Return lines over time, stacked where the dashboard stacks them."""
        series: list[Series] = []
        for one in self.of["targets"]:
            series += asked.range(one["expr"], one["legendFormat"])
        # Of many lines, those on which something happened.
        if len(series) > len(COLOURS):
            series = [one for one in series if any(value for _, value in one[1])]
        left, right = self.x + 58, self.x + self.wide - 10
        top, bottom = self.y + 28, self.y + self.high - 44
        if "stacking" in self.of["fieldConfig"]["defaults"]["custom"]:
            series = stack(series)
        most = max((value for _, points in series for _, value in points), default=0) or 1
        most *= 1.05

        def x_of(at: float) -> float:
            return left + (right - left) * (at - asked.since) / (asked.until - asked.since)

        drawn = []
        for part in range(3):
            y = bottom - (bottom - top) * part / 2
            drawn.append(
                f'<path d="M{left:.0f} {y:.0f}H{right:.0f}" stroke="#e9edf2" fill="none"/>'
            )
            label = amount(most * part / 2, self.unit)
            drawn.append(text(left - 5, y + 4, label, 11, text_anchor="end"))
        # Some 50 pixels for each, in whole minutes.
        between = 60 * max(1, round((asked.until - asked.since) * 50 / (right - left) / 60))
        minute = asked.since - asked.since % between + between
        while minute < asked.until:
            clock = time.strftime("%H:%M", time.gmtime(minute))
            drawn.append(text(x_of(minute), bottom + 15, clock, 11, text_anchor="middle"))
            minute += between
        for mark in marks:
            drawn.append(
                f'<path d="M{x_of(mark):.1f} {top:.0f}V{bottom:.0f}" stroke="#a352cc" '
                'stroke-dasharray="4 3" fill="none"/>'
            )
        for number, (_, points) in enumerate(series):
            path = ""
            last = None
            for at, value in points:
                # Where figures are missing, so is the line.
                verb = "L" if last is not None and at - last < asked.step * 4 else "M"
                path += f"{verb}{x_of(at):.1f} {bottom - (bottom - top) * value / most:.1f}"
                last = at
            colour = COLOURS[number % len(COLOURS)]
            drawn.append(f'<path d="{path}" stroke="{colour}" stroke-width="1.5" fill="none"/>')
        return drawn + self.legend([name for name, _ in series])

    def legend(self, names: list[str]) -> list[str]:
        """Return the names of the lines, on two rows as far as there is room."""
        drawn, x, y = [], self.x + 10, self.y + self.high - 18
        for number, name in enumerate(names):
            wide = 20 + 6.2 * len(name)
            if x + wide > self.x + self.wide:
                x, y = self.x + 10, y + 13
                if y > self.y + self.high:
                    break
            colour = COLOURS[number % len(COLOURS)]
            drawn.append(
                f'<rect x="{x:.0f}" y="{y - 6:.0f}" width="9" height="4" fill="{colour}"/>'
            )
            drawn.append(text(x + 13, y, name, 11))
            x += wide
        return drawn


def stack(series: list[Series]) -> list[Series]:
    """Return series on top of one another."""
    height: dict[float, float] = {}
    stacked: list[Series] = []
    for name, points in series:
        for at, value in points:
            height[at] = height.get(at, 0.0) + value
        stacked.append((name, [(at, height[at]) for at, _ in points]))
    return stacked


def draw(asked: Prometheus) -> str:
    """Return the dashboard as an SVG."""
    shown = dashboard()
    panels = [Panel(one) for one in shown["panels"]]
    (releases,) = shown["annotations"]["list"]
    marks = sorted(
        {
            value / 1000
            for _, points in asked.range(releases["expr"], "")
            for _, value in points
            if asked.since <= value / 1000 <= asked.until
        }
    )
    high = max(panel.y + panel.high for panel in panels) + 26
    wide = 24 * WIDE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high:.0f}" '
        f'width="{wide}" height="{high:.0f}" font-family="sans-serif" fill="#24292e">',
        f'<rect width="{wide}" height="{high:.0f}" fill="#f4f5f5"/>',
    ]
    for panel in panels:
        parts += panel.draw(asked, marks)
    day = time.strftime("%Y-%m-%d", time.gmtime(asked.until))
    told = (
        f"Drawn by tools/dashboard.py of what a Prometheus measured on {day} (times in UTC). "
        "It is not Grafana's picture."
    )
    parts += [text(SPACE, high - 8, told, 11), "</svg>"]
    return "\n".join(parts) + "\n"


def main(arguments: list[str]) -> int:
    """Do what the arguments say."""
    match arguments:
        case ["rules"]:
            print(json.dumps(rules(), indent=1))
        case ["draw", url, since, step, file]:
            drawing = draw(Prometheus(url, float(since), float(step)))
            Path(file).write_text(drawing, encoding="utf-8")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
