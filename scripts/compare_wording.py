#!/usr/bin/env python3
"""Which runs of words a retelling has in common with its original.

    compare_wording.py RETELLING ORIGINAL [--most 5]

Prints every shared run of more than `--most` words and exits 1 if there is one. Case, punctuation, line breaks and
hyphens at line ends do not matter. Words that cannot be told differently do not count, but do not end a run either:
numbers with their units, the fixed terms below, author-and-number citations.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

UNITS = frozenset(
    [
        "cc",
        "mm",
        "ml",
        "mg",
        "g",
        "dl",
        "dℓ",
        "l",
        "iu",
        "c",
        "h",
        "hr",
        "day",
        "days",
        "week",
        "weeks",
        "month",
        "months",
        "year",
        "years",
        "old",
    ]
)
FIXED_TERMS = (
    # diagnoses and methods that have one name
    "osteoporotic vertebral compression fracture",
    "osteoporotic vertebral compression fractures",
    "magnetic resonance imaging",
    "magnetic resonance images",
    "computed tomography",
    "dual energy x ray absorptiometry",
    "percutaneous kyphoplasty",
    "percutaneous balloon kyphoplasty",
    "percutaneous vertebroplasty",
    # scales and laboratory tests
    "visual analog scale",
    "oswestry disability index",
    "numerical rating scale",
    "british medical research council",
    "erythrocyte sedimentation rate",
    "c reactive protein",
    "alanine aminotransferase",
    "normal range",
    # cells of tables
    "pd",
    "pi",
    "patient",
    "ovcf",
    "f",
    "m",
    "d t",
    # citations
    "new england journal",
    "american journal of roentgenology",
    "early clinical outcome and complications related to balloon kyphoplasty",
    "vertebroplasty cement leakage into the disc increases the risk of new fracture of adjacent vertebral body",
    "vertebroplasty and kyphoplasty in the united states provider distribution and guidance method",
)


class Word(NamedTuple):
    text: str
    counts: bool


class SharedRun(NamedTuple):
    """Words in a row that stand in both texts; `length` is how many of them count."""

    length: int
    text: str


def words_of(text: str) -> list[Word]:
    """The words of a text in order, lower case, halves of words broken at a line end joined."""
    joined = re.sub(r"(?<=\w)[-‐‑]\s*\n\s*(?=\w)", "", text.lower())
    found = re.findall(r"\w+", joined)
    fixed = _in_fixed_terms(found)
    return [Word(word, not (i in fixed or _is_number(word) or _is_unit(found, i))) for i, word in enumerate(found)]


def shared_runs(retelling: str, original: str, *, most: int = 5) -> list[SharedRun]:
    """The runs of more than `most` counting words that both texts have, longest first."""
    told, source = words_of(retelling), words_of(original)
    places = defaultdict(list)
    for j, word in enumerate(source):
        places[word.text].append(j)
    runs = {
        _run(told, source, i, j)
        for i, word in enumerate(told)
        for j in places[word.text]
        if _starts(told, source, i, j)
    }
    return sorted((run for run in runs if run.length > most), reverse=True)


def _starts(told: list[Word], source: list[Word], i: int, j: int) -> bool:
    return i == 0 or j == 0 or told[i - 1].text != source[j - 1].text


def _run(told: list[Word], source: list[Word], i: int, j: int) -> SharedRun:
    run = []
    for ours, theirs in zip(told[i:], source[j:], strict=False):
        if ours.text != theirs.text:
            break
        run.append(ours)
    return SharedRun(sum(word.counts for word in run), " ".join(word.text for word in run))


def _in_fixed_terms(found: list[str]) -> set[int]:
    covered: set[int] = set()
    for term in FIXED_TERMS:
        parts = term.split()
        starts = (i for i, word in enumerate(found) if word == parts[0] and found[i : i + len(parts)] == parts)
        covered.update(i + k for i in starts for k in range(len(parts)))
    for i in range(1, len(found) - 1):
        if found[i : i + 2] == ["et", "al"]:
            covered.update((i - 1, i, i + 1))
    return covered


def _is_number(word: str) -> bool:
    return word.isdigit()


def _is_unit(found: list[str], i: int) -> bool:
    """A unit counts as one only after a number or after another unit (`4 mg dl`)."""
    if found[i] not in UNITS or i == 0:
        return False
    return _is_number(found[i - 1]) or _is_unit(found, i - 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("retelling", type=Path)
    parser.add_argument("original", type=Path)
    parser.add_argument("--most", type=int, default=5, help="words in a row that may be shared (default 5)")
    args = parser.parse_args()
    runs = shared_runs(args.retelling.read_text("utf-8"), args.original.read_text("utf-8"), most=args.most)
    for run in runs:
        print(f"{run.length:3d}  {run.text}")
    return 1 if runs else 0


if __name__ == "__main__":
    sys.exit(main())
