"""Which group a count is a part of: said, added up, or told of just before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from fhir_service.extraction.cohort_memory import Memory
from fhir_service.extraction.cohort_numbers import Count
from fhir_service.extraction.document import Sentence


def resolved(count: Count, people: Sequence[Count], sentence: Sentence, memory: Memory) -> Count:
    """A count "of them" is part of those counted last, in the sentence or else in the paragraph, if they are more; the
    last of a group counted by order is one of them all."""
    known = memory.near(sentence.paragraph, 0)
    if count.them:
        here = [one.value for one in people if one.end <= count.start and not one.none]
        whole = here[-1] if here else known[0] if known else Decimal(0)
        return replace(count, of=whole) if whole >= count.value and whole > 1 else count
    if count.last_of is not None:
        return replace(count, of=count.last_of) if count.last_of in known else count
    return count


def fraction(
    count: Count, people: Sequence[Count], wholes: dict[int, Decimal], sentence: Sentence, memory: Memory
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """(numerator, denominator, plain count)."""
    if count.of is not None:
        return count.value, count.of, None
    if count.start in wholes:
        return count.value, wholes[count.start], None
    if count.everyone or count.rest:
        return count.value, count.value, None
    if count.none:
        here = [c.of or c.value for c in people if c.end <= count.start and not c.none]
        before = memory.near(sentence.paragraph, 0)
        whole = here[-1] if here else before[0] if before else Decimal(0)
        return (Decimal(0), whole, None) if whole > 1 else (None, None, None)
    return None, None, count.value if count.noun else None


def parts_of(people: Sequence[Count], sentence: Sentence, memory: Memory) -> dict[int, Decimal]:
    """Counts of one sentence that add up to a group told of in the same paragraph are parts of it."""
    known = memory.near(sentence.paragraph, 0)
    loose = [c for c in people if c.of is None and not (c.everyone or c.none or c.definite)]
    inner = _inner_parts(loose, sentence.text)
    return {**inner, **_outer_parts([c for c in loose if c.start not in inner], known, people)}


def _inner_parts(loose: Sequence[Count], text: str) -> dict[int, Decimal]:
    """`in six (two by one way, four by the other)`: what stands in brackets behind a count adds up to it."""
    found: dict[int, Decimal] = {}
    for place, outer in enumerate(loose):
        opening, closing = text.find("(", outer.end), text.find(")", outer.end)
        if not 0 <= opening < closing:
            continue
        inside = [c for c in loose[place + 1 :] if opening < c.start < closing]
        if len(inside) > 1 and sum(c.value for c in inside) == outer.value:
            found |= {c.start: outer.value for c in inside}
    return found


def _outer_parts(loose: Sequence[Count], known: Sequence[Decimal], people: Sequence[Count]) -> dict[int, Decimal]:
    last = [c.value for c in people if c.last_of is not None and c.of is not None]
    if last:
        alone = [c for c in loose if not c.noun and c.value + sum(last) in known]
        return {c.start: c.value + sum(last, Decimal(0)) for c in alone}
    for size in range(len(loose), 1, -1):
        for first in range(len(loose) - size + 1):
            parts = loose[first : first + size]
            total = sum((c.value for c in parts), Decimal(0))
            if total in known or any(c.value == total and c not in parts and c.end <= parts[0].start for c in people):
                return {c.start: total for c in parts}
    return {}
