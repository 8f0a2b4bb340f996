"""A few reports to their Bundles: the piece of work that a process, or a machine of a cluster, is given.

It takes bytes and gives bytes, so a machine that has none of the files can do it.
"""

from __future__ import annotations

import gc
import hashlib
import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from fhir_service import __version__
from fhir_service.definitions.catalogue import mappings_root
from fhir_service.fhir.errors import FhirError, first_reason
from fhir_service.mapping.map_report import encode_bundle
from fhir_service.reports.decoding import UnreadableReportError
from fhir_service.workflows.ask_model import ModelAccess
from fhir_service.workflows.map_report import map_report
from fhir_service.workflows.read_report_file import report_in
from fhir_service.workflows.review import REVIEW_BELOW

_log = logging.getLogger(__name__)
FAULT = "an error in fhir-service itself; the log has the details"


class ReportFile(msgspec.Struct, frozen=True):
    """A report file that was read from disk: its name below the folder, what is in it, and the source.json it has."""

    name: str
    content: bytes
    citation: bytes | None = None


class MapRun(msgspec.Struct, frozen=True):
    """What is the same for every report of a run: the instant that Provenance names, the canonical base, and the
    confidence below which a fact is not mapped, and the language model that reads after the rules."""

    recorded: str
    base: str
    review_below: float = REVIEW_BELOW
    reader: ModelAccess | None = None


class MappedFile(msgspec.Struct, frozen=True):
    """What became of a report file: the Bundle, or the `error` that says why there is none."""

    name: str
    bundle: bytes = b""
    source_key: str = ""
    patients: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""


class MappedShard(msgspec.Struct, frozen=True):
    """The files of a shard in their order, and the release that mapped them."""

    files: tuple[MappedFile, ...]
    release: str


def map_shard(files: Sequence[ReportFile], run: MapRun) -> MappedShard:
    """Map each; one that fails costs none of the others. The same files and run give the same bytes anywhere."""
    shard = MappedShard(tuple(_mapped(file, run) for file in files), release())
    _keep_what_was_read()
    return shard


@cache
def _keep_what_was_read() -> None:
    """Maps and vocabularies stay for good, and are not looked through for garbage at every report."""
    gc.collect()
    gc.freeze()


@cache
def release() -> str:
    """The version of this software, with a digest of its code, maps and vocabularies: another release may read more."""
    digest = hashlib.sha256()
    for root, pattern in ((Path(__file__).parents[1], "*.py"), (mappings_root(), "*")):
        for path in sorted(file for file in root.rglob(pattern) if file.is_file()):
            digest.update(str(path.relative_to(root)).encode() + b"\x00" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:16]}"


def _mapped(file: ReportFile, run: MapRun) -> MappedFile:
    try:
        report = report_in(file.content, file.citation)
        mapped = map_report(
            report, recorded=run.recorded, base=run.base, review_below=run.review_below, reader=run.reader
        )
    except UnreadableReportError as error:
        return MappedFile(file.name, error=str(error))
    except FhirError as error:
        return MappedFile(file.name, error=first_reason(error))
    except Exception:  # a fault of ours in one report must not cost the others
        _log.exception("mapping %s failed", file.name)
        return MappedFile(file.name, error=FAULT)
    kinds = [entry["resource"]["resourceType"] for entry in mapped.bundle["entry"]]
    bundle = encode_bundle(mapped.bundle) + b"\n"
    return MappedFile(file.name, bundle, report.source_key, kinds.count("Patient"), mapped.notes)
