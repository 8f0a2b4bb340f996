"""What R4 asks of single values in its prose, and no invariant says: URIs, references, ids, hashes, languages.

`$validate` looks at it; for a resource whose structure is right.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from fhir_service.definitions.elements import is_a, properties, resource_types
from fhir_service.fhir.errors import Issue
from fhir_service.fhir.references import is_conditional, restful_url
from fhir_service.validation.check_digits import form_fault
from fhir_service.validation.resource_walk import objects

MOST_FINDINGS = 1000
URI, SYSTEM, IDENTIFIER = "value.uri", "value.system", "value.identifier"
REFERENCE, EXTENSION_URL = "value.reference", "value.extension-url"
ELEMENT_ID, CONTAINED_ID, HASH, FORM = "value.element-id", "value.contained-id", "value.hash", "value.form"
_SHOWN = 120
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+")
_URIS = frozenset({"uri", "url", "canonical"})
_IDS_STAND_TWICE = frozenset({"ElementDefinition"})
"""In the snapshot and in the differential."""
_OF_URIS = "urn:ietf:rfc:3986"
_FORMS: Mapping[str, str] = {
    "http://hl7.org/fhir/ValueSet/mimetypes": "urn:ietf:bcp:13",
    "http://hl7.org/fhir/ValueSet/all-languages": "urn:ietf:bcp:47",
    "http://hl7.org/fhir/ValueSet/currencies": "urn:iso:std:iso:4217",
}
"""Value sets that no list holds, and the system whose codes they have."""


class _Found(NamedTuple):
    """`below` is the path from the object to what it is about."""

    rule: str
    below: str
    text: str
    severity: str = "error"


def prose_issues(resource: dict[str, Any]) -> list[Issue]:
    """Everything that is wrong, nested resources included. At most MOST_FINDINGS are listed."""
    found = list(islice(_every(resource), MOST_FINDINGS + 1))
    if len(found) > MOST_FINDINGS:
        text = f"only the first {MOST_FINDINGS:,} findings about values are listed; mend these and send it again"
        found[MOST_FINDINGS:] = [Issue("information", "incomplete", text, rule="value.more")]
    return found


def _every(resource: dict[str, Any]) -> Iterator[Issue]:
    ids: dict[str, set[str]] = {}
    for holder, element, place in objects(resource):
        for look in _looks(holder):
            for found in look(element):
                yield _issue(found, place)
        if "resourceType" in element:
            ids[place] = set()
            yield from (_issue(found, place) for found in _contained_ids(element))
        elif isinstance(given := element.get("id"), str) and holder not in _IDS_STAND_TWICE:
            yield from (_issue(found, place) for found in _element_id(given, ids[_around(place, ids)]))


def _issue(found: _Found, place: str) -> Issue:
    return Issue(found.severity, "value", found.text, (f"{place}.{found.below}",), found.rule)


def _around(place: str, resources: Mapping[str, set[str]]) -> str:
    """The place of the resource that an element stands in."""
    while place not in resources:
        place = place.rpartition(".")[0]
    return place


Look = Callable[[dict[str, Any]], Iterator[_Found]]


@cache
def _looks(holder: str) -> tuple[Look, ...]:
    """What is to be looked at in an object of this kind."""
    looks = [look for name, look in _BY_TYPE.items() if is_a(holder, name)]
    known = properties(holder)
    if "extension" in known and holder != "Extension":
        looks.append(_extension)
    uris = frozenset(key for key, entry in known.items() if entry.type in _URIS)
    if uris:
        looks.append(lambda element: _uris(element, uris))
    forms = {key: form for key, entry in known.items() if entry.type == "code" and (form := _form(entry.element))}
    if forms:
        looks.append(lambda element: _forms(element, forms))
    return tuple(looks)


def _form(element: Any) -> str:
    binding = element.binding
    if binding is None:
        return ""
    return _FORMS.get(binding.max_value_set) or (
        _FORMS.get(binding.value_set, "") if binding.strength == "required" else ""
    )


def _uris(element: dict[str, Any], keys: frozenset[str]) -> Iterator[_Found]:
    for key in keys & element.keys():
        value = element[key]
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and (fault := _uri_fault(text)):
                yield _Found(URI, key, fault)


def _uri_fault(text: str) -> str:
    text = text.partition("|")[0]
    start = text[:9].lower()
    if start.startswith(("oid:", "uuid:")):
        return f"'{text[:_SHOWN]}' lacks urn: at its beginning; write urn:{text[:_SHOWN]}"
    if start == "urn:uuid:" and not _UUID.fullmatch(text):
        return f"'{text[:_SHOWN]}' has no UUID behind urn:uuid:; write one, or another URI"
    if start.startswith("urn:oid:") and not _OID.fullmatch(text):
        return f"'{text[:_SHOWN]}' has no OID behind urn:oid:; write one, or another URI"
    return ""


def _forms(element: dict[str, Any], forms: Mapping[str, str]) -> Iterator[_Found]:
    for key in forms.keys() & element.keys():
        value = element[key]
        for code in value if isinstance(value, list) else (value,):
            if isinstance(code, str) and (fault := form_fault(forms[key], code)):
                yield _Found(FORM, key, f"'{code[:_SHOWN]}' {fault.text}")


def _system(element: dict[str, Any]) -> Iterator[_Found]:
    system = element.get("system")
    if isinstance(system, str) and not _SCHEME.fullmatch(system):
        text = f"'{system[:_SHOWN]}' is relative, and nobody else knows what it names; write the absolute URI"
        yield _Found(SYSTEM, "system", text)


def _identifier(element: dict[str, Any]) -> Iterator[_Found]:
    yield from _system(element)
    value = element.get("value")
    if element.get("system") != _OF_URIS or not isinstance(value, str):
        return
    if not _SCHEME.fullmatch(value):
        text = f"the system says that the value is a URI, and '{value[:_SHOWN]}' is none; write it whole"
        yield _Found(IDENTIFIER, "value", text)
    elif fault := _uri_fault(value):
        yield _Found(IDENTIFIER, "value", fault)


def _reference(element: dict[str, Any]) -> Iterator[_Found]:
    text = element.get("reference")
    if not isinstance(text, str) or text[:1] == "#" or _SCHEME.fullmatch(text):
        return
    url = restful_url(text)
    name = url.type if url else text.partition("?")[0] if is_conditional(text) else ""
    if name not in resource_types():
        said = f"'{text[:_SHOWN]}' is no reference: it has to be Type/id, an absolute URL, urn:uuid:… or #id"
        yield _Found(REFERENCE, "reference", said)


def _extension(element: dict[str, Any]) -> Iterator[_Found]:
    """A nested extension is named by its definition, which may be relative; others are not."""
    for name in ("extension", "modifierExtension"):
        for at, extension in enumerate(element.get(name, ())):
            url = extension.get("url")
            if isinstance(url, str) and not _SCHEME.fullmatch(url):
                text = f"the url '{url[:_SHOWN]}' of the extension is relative; write the whole URL of its definition"
                yield _Found(EXTENSION_URL, f"{name}[{at}].url", text)


def _attachment(element: dict[str, Any]) -> Iterator[_Found]:
    data, stated = element.get("data"), element.get("hash")
    if not isinstance(data, str) or not isinstance(stated, str):
        return
    try:
        digest = hashlib.sha1(b64decode(data), usedforsecurity=False).digest()
        agrees = digest == b64decode(stated)
    except (NoBase64, ValueError):
        return
    if not agrees:
        text = "hash is not the SHA-1 of data (before base64), base64 again; mend it or leave it out"
        yield _Found(HASH, "hash", text, "warning")


def _element_id(given: str, seen: set[str]) -> Iterator[_Found]:
    if any(letter.isspace() for letter in given):
        yield _Found(ELEMENT_ID, "id", f"the id '{given[:_SHOWN]}' of an element has no blanks; take them out")
    elif given in seen:
        yield _Found(
            ELEMENT_ID, "id", f"the id '{given[:_SHOWN]}' is that of another element of the resource; change one"
        )
    seen.add(given)


def _contained_ids(resource: dict[str, Any]) -> Iterator[_Found]:
    seen: set[str] = set()
    for at, contained in enumerate(resource.get("contained", ())):
        given = contained.get("id")
        if given in seen:
            text = f"two contained resources have the id '{given[:_SHOWN]}', so that #{given[:_SHOWN]} may mean either"
            yield _Found(CONTAINED_ID, f"contained[{at}].id", f"{text}; give each its own")
        elif isinstance(given, str):
            seen.add(given)


_BY_TYPE: Mapping[str, Look] = {
    "Attachment": _attachment,
    "Coding": _system,
    "Identifier": _identifier,
    "Quantity": _system,
    "Reference": _reference,
}
