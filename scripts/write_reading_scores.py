"""Write docs/conformance/reading-scores.md: how well annotated reports are read, by kind of fact.

    PYTHONPATH=tests python scripts/write_reading_scores.py

Needs `../shared`, where the annotations of published reports and the scorer lie.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from scored_reports import OWN, ROOT, SHARED, originals, score, texts_of

PAGE = ROOT / "docs" / "conformance" / "reading-scores.md"
HEAD = """# How well reports are read

Written by `scripts/write_reading_scores.py`. Precision: of what was read, how much is so. Recall: of what is so, how
much was read. Each as precision / recall, with the number of annotated facts. A dash: nothing of that kind is annotated
or read. What goes wrong, and why, is told in [extraction errors](../extraction-errors.md).

| set | what |
|---|---|
| seeds | five published documents, 15 patients; the rules were begun on them |
| published, retold | 15 published cases retold; the rules were developed on them |
| seen | invented reports (`tests/reports`) that the rules were developed on |
| unseen | invented reports that nobody who writes rules has read: what a new report may expect |

"""


def main() -> None:
    sets = {
        "seeds": (originals(), SHARED / "gold" / "seeds"),
        "published, retold": (texts_of(SHARED / "dev-reports" / "texts"), SHARED / "dev-reports" / "gold"),
    }
    for name in ("seen-short", "seen-long", "unseen-short", "unseen-long"):
        sets[name.replace("-", ", ")] = (texts_of(OWN / name / "texts"), OWN / name / "gold")
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (reports, gold)) in enumerate(sets.items()):
            found[name] = score(reports, gold, Path(folder) / str(number))
    kinds = sorted({kind for result in found.values() for kind in result["kinds"]})
    lines = [
        "| kind | " + " | ".join(f"{name} ({len(sets[name][0])})" for name in found) + " |",
        "|---|" + "---|" * len(found),
        *(f"| {kind} | " + " | ".join(_cell(result, kind) for result in found.values()) + " |" for kind in kinds),
        "| **all** | " + " | ".join(_rates(result["overall"]) for result in found.values()) + " |",
        "| **F1** | " + " | ".join(f"**{result['overall'][2]:.3f}**" for result in found.values()) + " |",
    ]
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", "utf-8")


def _cell(result: dict[str, Any], kind: str) -> str:
    if kind not in result["kinds"]:
        return "–"
    annotated = result["counts"].get(f"{kind}.tp", 0) + result["counts"].get(f"{kind}.fn", 0)
    return f"{_rates(result['kinds'][kind])} of {annotated}"


def _rates(rates: list[float]) -> str:
    return f"{rates[0]:.2f} / {rates[1]:.2f}"


if __name__ == "__main__":
    main()
