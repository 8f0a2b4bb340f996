"""Reading reports, text to CaseReport alone: `python bench/extraction.py [--json] [--reports N]`.

Reports of 5,000 characters are cut and joined from our own retellings (seeds/) and the texts of our tests, and varied:
in every report some numbers are others and some words are exchanged for words of other reports, so that few sentences
have been seen before. One core, CPU time. `--reports` says how many are read for growth; 10,000 take some minutes.
"""

from __future__ import annotations

import argparse
import ast
import gc
import json
import random
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from fhir_service.extraction.read_report import extract
from fhir_service.reports.report import Report, Source

ROOT = Path(__file__).parent.parent
LENGTH = 5_000
SHORTEST = 150
"""Characters of a string in a test that is taken for a text."""
EXCHANGED, RENUMBERED = 0.06, 0.2
"""Of the words, of the digits."""
WARM = 200
"""Reports read first: lexicons and expressions are made when first asked for."""
MEASURED = 300


def figures(reports: int) -> dict[str, dict[str, float]]:
    varied = _varied(random.Random(1))
    first = _read(_take(varied, 1))
    _read(_take(varied, WARM))
    gc.collect()
    gc.freeze()  # as the service does at its start
    once = _read(_take(varied, MEASURED)) / MEASURED
    return {
        "first report of a process": {"s": first},
        "5,000 characters": {"ms a report": 1000 * once, "reports a second": 1 / once},
        "50,000 characters": {"times as long": _longer(varied)},
        f"{reports:,} reports": _growth(varied, reports),
    }


def _longer(varied: Iterator[str]) -> float:
    """The time for ten reports joined to one, beside that for the ten."""
    tens = [_take(varied, 10) for _ in range(8)]
    apart = sum(_read(ten) for ten in tens)
    return 10 * sum(_read(["\n\n".join(ten)]) for ten in tens) / apart


def _growth(varied: Iterator[str], reports: int) -> dict[str, float]:
    """The last tenth beside the first, in time and in memory."""
    tenth = max(reports // 10, 1)
    first, before = _read(_take(varied, tenth)), _resident()
    for _ in range(8):
        _read(_take(varied, tenth))
    last = _read(_take(varied, tenth))
    gc.collect()
    return {"last tenth beside the first": last / first, "MiB grown": _resident() - before}


def _read(texts: Sequence[str]) -> float:
    """CPU seconds."""
    reports = [Report(text=text, source=Source(name="bench")) for text in texts]
    start = time.process_time()
    for report in reports:
        extract(report)
    return time.process_time() - start


def _resident() -> float:
    """MiB of this process in memory."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def _take(texts: Iterator[str], count: int) -> list[str]:
    return [next(texts) for _ in range(count)]


def _varied(rng: random.Random) -> Iterator[str]:
    """Reports without end: a stretch of a retelling, or of test texts joined."""
    seeds = [file.read_text("utf-8") for file in sorted(ROOT.glob("seeds/*/report.txt"))]
    small = list(_test_texts())
    pool = re.findall(r"\b[a-z]{4,}\b", " ".join(seeds))
    while True:
        text = rng.choice(seeds) if rng.random() < 0.7 else ""
        while len(text) < LENGTH:
            text += "\n\n" + rng.choice(small)
        start = text.rfind("\n", 0, rng.randrange(len(text) - LENGTH + 1)) + 1
        text = re.sub(r"\b[a-z]{4,}\b", lambda word: _exchanged(word[0], rng, pool), text[start : start + LENGTH])
        yield re.sub(r"\d", lambda digit: rng.choice("123456789") if rng.random() < RENUMBERED else digit[0], text)


def _exchanged(word: str, rng: random.Random, pool: Sequence[str]) -> str:
    return rng.choice(pool) if rng.random() < EXCHANGED else word


def _test_texts() -> Iterator[str]:
    for file in sorted((ROOT / "tests" / "unit" / "extraction").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) >= SHORTEST:
                yield node.value


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--reports", type=int, default=2_000)
    given = arguments.parse_args()
    found = figures(given.reports)
    if given.json:
        print(json.dumps(found))
        return
    for name, values in found.items():
        print(f"{name}: " + ", ".join(f"{value:,.3g} {what}" for what, value in values.items()))


if __name__ == "__main__":
    main()
