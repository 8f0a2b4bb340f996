"""Write docs/performance.md and its plots from bench/results/*.json: `python scripts/write_performance.py`.

One section for each benchmark that has results: what it says of itself, its figures in tables, and the plots in PLOTS.
A bar that `bench/run.py` holds a figure to stands beside it.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Sequence
from html import escape
from math import log
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "bench"))

from run import BARS, Least  # noqa: E402  # the benchmarks are scripts in a folder of their own

PAGE = ROOT / "docs" / "performance.md"
FOLDER = ROOT / "docs" / "performance"
Figures = dict[tuple[str, ...], float]
"""Figures by the names that lead to them."""


class Plot(NamedTuple):
    """Bars of all figures with one last name. `logarithmic` where they differ by powers of ten."""

    column: str
    title: str
    logarithmic: bool = False


PLOTS = {
    "against_fhirstarter": (Plot("times", "times as many a second as fhirstarter", logarithmic=True),),
    "against_fhir_router": (Plot("times", "times as many a second as @medplum/fhir-router", logarithmic=True),),
    "hot_paths": (Plot("CPU µs", "CPU µs a request", logarithmic=True),),
    "start": (Plot("s to ready", "seconds to the first answer"), Plot("MB idle", "MB of an idle process")),
    "growth": (Plot("times as long", "times as long at the largest size"),),
}
_INTRODUCTION = """# Performance

Written by `make performance` from what `make bench` (or `make bench-full`) has measured last. Every program is in
`bench/` and says how it measures; ratios are taken side by side in one run. In brackets stands what a figure is held
to.
"""
_WIDTH, _LABELS, _LINE, _TOP = 760, 300, 22, 30
_COLOURS = ("#2f6f8f", "#c0703a", "#5b8c5a", "#8a5a9e")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        old.unlink()
    parts = [_INTRODUCTION]
    for file in sorted((ROOT / "bench" / "results").glob("*.json")):
        if (ROOT / "bench" / f"{file.stem}.py").exists():
            parts.append(section(file.stem, json.loads(file.read_text())))
    PAGE.write_text("\n".join(parts))


def section(name: str, result: dict[str, Any]) -> str:
    told = ast.get_docstring(ast.parse((ROOT / "bench" / f"{name}.py").read_text())) or ""
    machine = result["machine"]
    where = f"{machine['cpus']} CPUs, {machine['system']}, Python {machine['python']}"
    found = dict(_figures(result["figures"]))
    lines = [f"## {name}", "", told.partition("\n\n")[0].replace("\n", " "), ""]
    lines += [f"Measured {result['measured']} on {where}.", ""]
    for plot in PLOTS.get(name, ()):
        values = {path: value for path, value in found.items() if path[-1] == plot.column}
        if values:
            file = FOLDER / f"{name}-{plot.column.replace(' ', '-').replace('µ', 'u')}.svg"
            file.write_text(bars(plot, name, values))
            lines += [f"![{plot.title}](performance/{file.name})", ""]
    return "\n".join([*lines, *tables(name, found), ""])


def tables(name: str, found: Figures) -> Iterator[str]:
    """Figures with the same last names are one table: a row for what leads to them, a column for each."""
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for path, value in found.items():
        rows.setdefault(path[:-1], {})[path[-1]] = value
    columns: list[str] = []
    for row, values in rows.items():
        if list(values) != columns:
            columns = list(values)
            yield from ("", f"| {' | '.join(('', *columns))} |", f"|---|{'---:|' * len(columns)}")
        cells = (cell(name, (*row, column), value) for column, value in values.items())
        yield f"| {', '.join(row)} | {' | '.join(cells)} |"


def cell(name: str, path: tuple[str, ...], value: float) -> str:
    bar = bar_of(name, path)
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
    if bar is None:
        return shown
    held = value >= bar if isinstance(bar, Least) else value < bar
    sign = "≥" if isinstance(bar, Least) else "<"
    return f"{shown} ({sign} {bar:g}{'' if held else ', missed'})"


def bar_of(name: str, path: tuple[str, ...]) -> float | None:
    known = BARS.get(name, {})
    return known.get(", ".join(path), known.get(path[-1]))


def bars(plot: Plot, name: str, values: Figures) -> str:
    """An SVG with a bar for each value, in a colour for each first name, and a mark where a value is held to one."""
    most = max(*values.values(), *(bar_of(name, path) or 0 for path in values))
    least = min(value for value in values.values() if value > 0) / 2 if plot.logarithmic else 0
    firsts = list(dict.fromkeys(path[0] for path in values))
    lines = [f'<text x="8" y="19" font-weight="bold">{escape(plot.title)}</text>']
    for number, (path, value) in enumerate(values.items()):
        y = _TOP + number * _LINE
        length = _length(value, least, most, logarithmic=plot.logarithmic)
        colour = _COLOURS[firsts.index(path[0]) % len(_COLOURS)]
        lines += [
            f'<text x="{_LABELS - 8}" y="{y + 14}" text-anchor="end">{escape(", ".join(path[:-1]))}</text>',
            f'<rect x="{_LABELS}" y="{y + 3}" width="{length:.1f}" height="{_LINE - 8}" fill="{colour}"/>',
            f'<text x="{_LABELS + length + 6:.1f}" y="{y + 14}">{value:,.4g}</text>',
        ]
        if (bar := bar_of(name, path)) is not None:
            x = _LABELS + _length(bar, least, most, logarithmic=plot.logarithmic)
            lines.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + _LINE - 2}" stroke="#333" stroke-width="2"/>'
            )
    return svg(lines, _TOP + len(values) * _LINE + 8)


def _length(value: float, least: float, most: float, *, logarithmic: bool) -> float:
    room = _WIDTH - _LABELS - 70
    if not logarithmic:
        return room * value / most

    return max(1.0, room * log(max(value, least) / least) / log(most / least))


def svg(lines: Sequence[str], height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif" '
    background = f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>'
    return "\n".join([f'{head}font-size="12">', background, *lines, "</svg>", ""])


def _figures(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(found, dict):
        for name, inner in found.items():
            yield from _figures(inner, (*path, name))
    elif isinstance(found, int | float):
        yield path, found


if __name__ == "__main__":
    main()
