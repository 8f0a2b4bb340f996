"""Cases, and the rows of a table of patients, in another order."""

from __future__ import annotations

import random
import re

_HEADING = re.compile(r"^(Case|CASE|Patient|Observation|Presentation)\s(\d|[A-E])\b(?=[.:]|\s*$|\s*\n)", re.MULTILINE)
_END = re.compile(
    r"^(?:Discussion|DISCUSSION|Conclusion|CONCLUSION|Comment|COMMENT|Summary|References|Herein|"
    r"Table|TABLE|Lessons|The lesson)",
    re.MULTILINE,
)
_ROW = re.compile(
    r"^(?:[A-Z][\w'’-]+(?:\n|\s)et al\.?,?\s?\n?\(\d{4}\)\s?\[\d+\]|[A-Z][\w'’-]+ and [A-Z]\w+\n\(\d{4}\)\s\[\d+\])",
    re.MULTILINE,
)
_ROWS_END = re.compile(
    r"^\s*(?:[\w/]+ = |Abbreviations|NR[,:=]|BKP[,:=]|PVP[,:=]|Table \d|\[?Table|DISCUSSION|Discussion|ND)",
    re.MULTILINE,
)


def reordered(text: str, chance: random.Random) -> str:
    return _cases(_rows(text, chance), chance)


def _rows(text: str, chance: random.Random) -> str:
    starts = [match.start() for match in _ROW.finditer(text)]
    if len(starts) < 3:
        return text
    end = _ROWS_END.search(text, starts[-1])
    if end is None:
        return text
    parts = [text[a:b].rstrip("\n") for a, b in zip(starts, [*starts[1:], end.start()], strict=True)]
    chance.shuffle(parts)
    gap = "\n\n" if "\n\n" in text[starts[0] : starts[1]] else "\n"
    return f"{text[: starts[0]]}{gap.join(parts)}{gap}{text[end.start() :]}"


def _cases(text: str, chance: random.Random) -> str:
    heads = list(_HEADING.finditer(text))
    labels = [head[2] for head in heads]
    if len(heads) < 2 or len(set(labels)) < len(labels):
        return text
    bounds = [head.start() for head in heads]
    bodies = [text[head.end() : stop] for head, stop in zip(heads, bounds[1:], strict=False)]
    rest = text[heads[-1].end() :]
    stop = _END.search(rest)
    single = all("\n\n" not in body.strip() for body in bodies)
    if single and "\n\n" in rest.strip():
        last = rest.index("\n\n", len(rest) - len(rest.lstrip()))
    elif stop:
        last = stop.start()
    else:
        return text
    bodies.append(rest[:last] + "\n\n" if not rest[:last].endswith("\n") else rest[:last])
    order = list(range(len(bodies)))
    chance.shuffle(order)
    now = {labels[old]: labels[place] for place, old in enumerate(order)}
    refer = re.compile(r"\b(Case|case|Patient|patient)\s(\d|[A-E])\b")

    def referred(part: str) -> str:
        return refer.sub(lambda m: f"{m[1]} {now.get(m[2], m[2])}", part)

    told = "".join(f"{heads[p][1]} {labels[p]}{referred(bodies[old])}" for p, old in enumerate(order))
    before, after = referred(text[: bounds[0]]), referred(rest[last:])
    return before + told + after
