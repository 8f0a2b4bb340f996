"""How much longer a search takes among 200 times as many resources: `python bench/search_growth.py [--json]`.

Each kind of search is timed at both sizes, as a page of 50, for many different patients, codes and days; the ratio of
the medians should stay below 2. A registry grows by patients, not by findings of each, so answers are of one size; to
this end the stretch of time is shorter where there is more of everything. The newest of a code are a full page at the
larger size only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable

from databases import NAMES, database_url, settle
from resources import LOINC, OF_A_PATIENT, code, day, observation, patient

from fhir_service.fhir.access import OPEN
from fhir_service.search import terms
from fhir_service.search.criteria import Comparison, HasInterval, HasTerm, PointsAt, SortKey
from fhir_service.search.dates import date_range
from fhir_service.search.query import Query, TypeSearch
from fhir_service.storage.repository import Create, Repository, open_repository

SMALL = 1_000
GROUP = 1_000
DAYS = 9_000
MILLISECONDS = 86_400_000
NEWEST_FIRST = (SortKey("date", "number", descending=True),)


def patient_and_code(number: int, _size: int) -> TypeSearch:
    who = terms.reference_term("Observation", "subject", f"Patient/p{number // OF_A_PATIENT}")
    return TypeSearch("Observation", (HasTerm((who,), f"p{number // OF_A_PATIENT}"), has_code(number)))


def code_in_time(number: int, size: int) -> TypeSearch:
    """As many days as hold the same number of findings at each size, the newest first."""
    low = date_range(day(number)).low
    high = low + DAYS * SMALL // size * MILLISECONDS
    within = (Comparison("high", ">", low), Comparison("low", "<", high))
    dated = HasInterval("date", terms.interval_scope("Observation", "date"), (within,))
    return TypeSearch("Observation", (has_code(number), dated), NEWEST_FIRST)


def code_since(number: int, size: int) -> TypeSearch:
    """The last days, as many as hold the same number of findings at each size, the newest first."""
    low = date_range("2000-01-01").low + (DAYS - DAYS * SMALL // size) * MILLISECONDS
    dated = HasInterval("date", terms.interval_scope("Observation", "date"), ((Comparison("high", ">", low),),))
    return TypeSearch("Observation", (has_code(number), dated), NEWEST_FIRST)


def newest_of_code(number: int, _size: int) -> TypeSearch:
    return TypeSearch("Observation", (has_code(number),), NEWEST_FIRST)


def chained(number: int, _size: int) -> TypeSearch:
    identifier = terms.token_term("Patient", "identifier", "urn:registry", f"P-{number // OF_A_PATIENT}")
    return TypeSearch(
        "Observation", (PointsAt(terms.link_scope("Observation", "subject"), "Patient", (HasTerm((identifier,)),)),)
    )


def has_code(number: int) -> HasTerm:
    return HasTerm((terms.token_term("Observation", "code", LOINC, code(number)),))


SEARCHES: dict[str, Callable[[int, int], TypeSearch]] = {
    "patient and code": patient_and_code,
    "code since a day, newest first": code_since,
    "code between days, newest first": code_in_time,
    "chained": chained,
    "newest of a code": newest_of_code,
}


async def fill(repository: Repository, start: int, end: int) -> None:
    """Observations numbered from `start` up to `end`, and their patients."""
    for first in range(start, end, GROUP):
        numbers = range(first, min(first + GROUP, end))
        people = [number // OF_A_PATIENT for number in numbers if number % OF_A_PATIENT == 0]
        await repository.commit(
            [
                *(Create("Patient", patient(one), f"p{one}") for one in people),
                *(Create("Observation", observation(number)) for number in numbers),
            ],
            OPEN,
        )


async def timed(repository: Repository, search: Callable[[int, int], TypeSearch], size: int, tries: int) -> float:
    """The median in milliseconds of searches for different things; the first ones warm up."""
    numbers = [number * 104_729 % size for number in range(1, tries + tries // 4)]
    taken = []
    for number in numbers:
        query = Query((search(number, size),), count=50)
        start = time.perf_counter()
        await repository.search(query, OPEN)
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken[tries // 4 :])


async def measured(url: str, large: int, tries: int) -> dict[str, dict[str, float]]:
    repository = await open_repository(url)
    found: dict[str, dict[str, float]] = {name: {} for name in SEARCHES}
    try:
        filled = 0
        for size in (SMALL, large):
            await fill(repository, filled, size)
            filled = size
            await asyncio.to_thread(settle, url)
            for name, search in SEARCHES.items():
                found[name][f"ms at {size}"] = round(await timed(repository, search, size, tries), 3)
    finally:
        await repository.close()
    for times in found.values():
        small, big = times.values()
        times["ratio"] = round(big / small, 2)
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="print JSON")
    arguments.add_argument("--large", type=int, default=200_000, help="Observations at the larger size")
    arguments.add_argument("--tries", type=int, default=200, help="searches of each kind and size")
    arguments.add_argument("--database", choices=NAMES, help="only this one")
    wanted = arguments.parse_args()
    found = {}
    for name in NAMES if wanted.database is None else (wanted.database,):
        with database_url(name) as url:
            found[name] = asyncio.run(measured(url, wanted.large, wanted.tries))
    if wanted.json:
        print(json.dumps(found))
        return
    for name, searches in found.items():
        for search, times in searches.items():
            print(f"{name:12}{search:32}", *(f"{key}: {value}" for key, value in times.items()), sep="  ")


if __name__ == "__main__":
    main()
