"""Random resources and random queries: what the store finds is what a slow reading of the JSON finds.

The oracle knows nothing of index, terms and SQL: it looks into the resources, with R4's words for each parameter.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.json_text import encode
from fhir_service.search.query import parse_query
from fhir_service.storage.repository import Create, Repository

Resource = dict[str, Any]
Asked = tuple[str, str, Callable[[Resource], bool]]
"""Name and value of a parameter, and whether a resource has it."""

SYSTEMS = ("urn:a", "urn:b", None)
CODES = ("x", "Y", "zz")
WORDS = ("Leck", "Zement", "O'Neill", "Ähre", "ein-zwei", "Leckage")
DATES = ("2019", "2020", "2020-02", "2020-02-10", "2020-02-10T08:30:00Z", "2020-02-10T23:30:00-05:00", "2021-12-31")
NUMBERS = (0, 1, 5, 5.4, 5.44, 5.45, 10, 100, 95.5, -3)
PREFIXES = ("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")


def _observation(dice: random.Random, number: int, patients: int) -> Resource:
    codings = [_coding(dice) for _ in range(dice.randint(0, 2))]
    made: Resource = {"resourceType": "Observation", "status": dice.choice(("final", "amended")), "code": {}}
    made["code"] = {"coding": codings} if codings else {"text": "none"}
    if dice.random() < 0.8:
        made["subject"] = {"reference": f"Patient/p{dice.randrange(patients)}"}
    if dice.random() < 0.8:
        made["effectiveDateTime"] = dice.choice(DATES)
    elif dice.random() < 0.6:
        made["effectivePeriod"] = {"start": "2020-01-05", **({"end": "2020-02"} if dice.random() < 0.5 else {})}
    if dice.random() < 0.7:
        made["valueQuantity"] = {"value": dice.choice(NUMBERS), "unit": dice.choice(("mL", "cm"))}
    return {**made, "id": f"o{number}"}


def _coding(dice: random.Random) -> dict[str, str]:
    system = dice.choice(SYSTEMS)
    return {**({"system": system} if system else {}), "code": dice.choice(CODES)}


def _patient(dice: random.Random, number: int) -> Resource:
    made: Resource = {"resourceType": "Patient", "id": f"p{number}"}
    if dice.random() < 0.8:
        made["name"] = [{"family": dice.choice(WORDS), "given": [dice.choice(WORDS)]}]
    if dice.random() < 0.8:
        made["gender"] = dice.choice(("male", "female"))
    return made


def _token(dice: random.Random) -> Asked:
    wanted = [(dice.choice(SYSTEMS), dice.choice((*CODES, "X", "none"))) for _ in range(dice.randint(1, 2))]
    any_system = dice.random() < 0.5
    texts = [code if any_system else f"{system or ''}|{code}" for system, code in wanted]
    negated = dice.random() < 0.3

    def has(resource: Resource) -> bool:
        held = resource["code"].get("coding", [])
        found = any(
            one["code"].casefold() == code.casefold() and (any_system or one.get("system") == system)
            for one in held
            for system, code in wanted
        )
        return found != negated

    return "code:not" if negated else "code", ",".join(texts), has


def _span(text: str) -> tuple[datetime, datetime]:
    """From the first moment of a date up to the first after it."""
    if len(text) == 4:
        return datetime(int(text), 1, 1, tzinfo=UTC), datetime(int(text) + 1, 1, 1, tzinfo=UTC)
    if len(text) == 7:
        year, month = int(text[:4]), int(text[5:])
        after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        return datetime(year, month, 1, tzinfo=UTC), after
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if len(text) == 10:
        moment = moment.replace(tzinfo=UTC)
        return moment, moment + timedelta(days=1)
    return moment.astimezone(UTC), moment.astimezone(UTC) + timedelta(seconds=1)


def _held_span(resource: Resource) -> tuple[datetime, datetime] | None:
    if "effectiveDateTime" in resource:
        return _span(resource["effectiveDateTime"])
    period = resource.get("effectivePeriod")
    if period is None:
        return None
    end = _span(period["end"])[1] if "end" in period else datetime.max.replace(tzinfo=UTC)
    return _span(period["start"])[0], end


def _date(dice: random.Random) -> Asked:
    prefix, text = dice.choice(PREFIXES), dice.choice(DATES)
    start, end = _span(text)

    def has(resource: Resource) -> bool:
        held = _held_span(resource)
        if held is None:
            return False
        inside = start <= held[0] and held[1] <= end
        above, below = held[1] > end, held[0] < start
        return {
            "": inside,
            "eq": inside,
            "ne": not inside,
            "gt": above,
            "lt": below,
            "ge": above or inside,
            "le": below or inside,
            "sa": held[0] >= end,
            "eb": held[1] <= start,
        }[prefix]

    return "date", f"{prefix}{text}", has


def _quantity(dice: random.Random) -> Asked:
    prefix, number, unit = dice.choice(PREFIXES), dice.choice(NUMBERS), dice.choice(("", "||mL", "||cm"))
    decimals = len(str(number).partition(".")[2])
    half = 0.5 * 10**-decimals

    def has(resource: Resource) -> bool:
        held = resource.get("valueQuantity")
        if held is None or (unit and held["unit"] != unit.removeprefix("||")):
            return False
        value = held["value"]
        inside = round(number - half, 6) <= value < round(number + half, 6)
        return {
            "": inside,
            "eq": inside,
            "ne": not inside,
            "gt": value > number,
            "lt": value < number,
            "ge": value >= number,
            "le": value <= number,
            "sa": value > number,
            "eb": value < number,
        }[prefix]

    return "value-quantity", f"{prefix}{number}{unit}", has


_PLAIN = {"Leck": "leck", "Zement": "zement", "O'Neill": "oneill", "Ähre": "ahre", "ein-zwei": "einzwei"}
_PLAIN["Leckage"] = "leckage"


def _family(dice: random.Random) -> Asked:
    word, modifier = dice.choice(WORDS), dice.choice(("", ":exact", ":contains"))
    part = word[:3] if modifier != ":exact" else word

    def has(resource: Resource) -> bool:
        held = [name["family"] for name in resource.get("name", [])]
        if modifier == ":exact":
            return part in held
        folded = [_PLAIN[one] for one in held]
        plain = part.lower().replace("ä", "a").replace("'", "")
        return any(plain in one if modifier else one.startswith(plain) for one in folded)

    return f"family{modifier}", part, has


def _missing(name: str, member: str) -> Callable[[random.Random], Asked]:
    def asked(dice: random.Random) -> Asked:
        wanted = dice.random() < 0.5
        return f"{name}:missing", str(wanted).lower(), lambda resource: (member not in resource) == wanted

    return asked


def _gender(dice: random.Random) -> Asked:
    wanted = dice.choice(("male", "female"))
    return "gender", wanted, lambda resource: resource.get("gender") == wanted


OF_PATIENTS = (_family, _missing("gender", "gender"), _gender)
OF_OBSERVATIONS = (
    _token,
    _date,
    _quantity,
    _missing("value-quantity", "valueQuantity"),
    _missing("patient", "subject"),
)


def _chain(dice: random.Random, patients: dict[str, Resource]) -> Asked:
    name, value, has = dice.choice(OF_PATIENTS)(dice)

    def reaches(resource: Resource) -> bool:
        target = patients.get(resource.get("subject", {}).get("reference", ""))
        return target is not None and has(target)

    return f"subject:Patient.{name}", value, reaches


def _pointed_at(dice: random.Random, observations: list[Resource]) -> Asked:
    name, value, has = dice.choice(OF_OBSERVATIONS[:3])(dice)

    def reached(resource: Resource) -> bool:
        own = f"Patient/{resource['id']}"
        return any(one.get("subject", {}).get("reference") == own and has(one) for one in observations)

    return f"_has:Observation:patient:{name}", value, reached


@pytest.mark.parametrize("seed", range(2))
async def test_the_store_finds_what_a_slow_reading_finds(repository: Repository, seed: int) -> None:
    dice = random.Random(seed)
    patients = [_patient(dice, number) for number in range(12)]
    observations = [_observation(dice, number, 12) for number in range(60)]
    creates = [Create(one["resourceType"], encode(one), one["id"]) for one in (*patients, *observations)]
    await repository.commit(creates, OPEN)
    by_key = {f"Patient/{one['id']}": one for one in patients}
    for _ in range(120):
        of_patients = dice.random() < 0.4
        kind, resources = ("Patient", patients) if of_patients else ("Observation", observations)
        asked = []
        for _ in range(dice.randint(1, 3)):
            if dice.random() < 0.3:
                asked.append(_pointed_at(dice, observations) if of_patients else _chain(dice, by_key))
            else:
                asked.append(dice.choice(OF_PATIENTS if of_patients else OF_OBSERVATIONS)(dice))
        query = parse_query(kind, [*((name, value) for name, value, _ in asked), ("_count", "200")])
        assert not query.ignored
        page = await repository.search(query, OPEN)
        expected = [one["id"] for one in resources if all(has(one) for _, _, has in asked)]
        assert [stored.id for stored in page.matches] == expected, query.applied
        assert await repository.count(query, OPEN) == len(expected)
