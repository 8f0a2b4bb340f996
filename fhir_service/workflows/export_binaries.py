"""Binaries of patients as DocumentReferences, which is how they leave in a bulk export (Bulk Data Access 3.0.0)."""

from __future__ import annotations

import msgspec

from fhir_service.fhir.json_text import encode, members, parse
from fhir_service.storage.everything import references_in
from fhir_service.storage.export_pages import Exported
from fhir_service.storage.repository import Key, Repository
from fhir_service.workflows.export_checkpoints import Shard
from fhir_service.workflows.export_walks import Resources, document_id


class Binaries(Resources):
    """Those that are of a patient by their securityContext, or with `others` those that are not."""

    def __init__(self, repository: Repository, shard: Shard, *, others: bool = False) -> None:
        super().__init__(repository, shard)
        self._others = others
        self._place = shard.claim.job.place
        self.file_type = "Binary" if others else "DocumentReference"

    async def next(self) -> tuple[bytes, int]:
        rows = await self._rows()
        contexts = {one.id: _context(one.text, self._base) for one in rows}
        keys = sorted({key for key in contexts.values() if key is not None and key[0] != "Patient"})
        then = await self._repository.exports.as_they_were(keys, self._place) if keys else {}
        meant = []
        for one in rows:
            patient = _patient_of(contexts[one.id], then)
            if self._others and not patient:
                meant.append(one)
            elif patient and not self._others:
                meant.append(one._replace(text=document_reference(one.text, one.id, patient)))
        return await self._written(meant)


def document_reference(binary: bytes, resource_id: str, patient: str) -> bytes:
    """The same content, of the same bytes, under an id that tells where it is from."""
    parts = members(binary, frozenset())
    attachment = {part: msgspec.Raw(parts[part]) for part in ("contentType", "data") if part in parts}
    return encode(
        {
            "resourceType": "DocumentReference",
            "id": document_id(resource_id),
            "meta": {"lastUpdated": parse(parts["meta"])["lastUpdated"]},
            "status": "current",
            "subject": {"reference": f"Patient/{patient}"},
            "content": [{"attachment": attachment}],
        }
    )


def _context(text: bytes, base: str) -> Key | None:
    found = references_in(members(text, frozenset()).get("securityContext", b"").replace(f'"{base}/'.encode(), b'"'))
    return next(iter(found), None)


def _patient_of(context: Key | None, then: dict[Key, Exported]) -> str:
    if context is None:
        return ""
    if context[0] == "Patient":
        return context[1]
    return then[context].patient if context in then else ""
