"""Everything the FHIR API answers, a row each. Routing, CapabilityStatement and OpenAPI document are made from it."""

from __future__ import annotations

from fhir_service.api.interaction import Interaction
from fhir_service.api.interactions.audit_events import AUDIT_EVENTS
from fhir_service.api.interactions.capabilities import CAPABILITIES
from fhir_service.api.interactions.create import CREATE
from fhir_service.api.interactions.delete import DELETE, DELETE_FOUND
from fhir_service.api.interactions.exports import EXPORT_STATUS
from fhir_service.api.interactions.history import HISTORY_INSTANCE, HISTORY_SYSTEM, HISTORY_TYPE
from fhir_service.api.interactions.imports import IMPORT_STATUS
from fhir_service.api.interactions.patch import PATCH, PATCH_FOUND
from fhir_service.api.interactions.process_bundle import BATCH, TRANSACTION
from fhir_service.api.interactions.read import READ
from fhir_service.api.interactions.search import SEARCHES
from fhir_service.api.interactions.submit_bundle import BUNDLE_WRITES
from fhir_service.api.interactions.update import UPDATE, UPDATE_FOUND
from fhir_service.api.interactions.uploads import UPLOADS
from fhir_service.api.interactions.vread import VREAD
from fhir_service.api.operations.bulk_import import IMPORT
from fhir_service.api.operations.everything import EVERYTHINGS
from fhir_service.api.operations.expand import EXPANSIONS
from fhir_service.api.operations.export import EXPORTS
from fhir_service.api.operations.extract import EXTRACT
from fhir_service.api.operations.lastn import LASTNS
from fhir_service.api.operations.lookup import LOOKUPS
from fhir_service.api.operations.meta import META, META_ADD, META_DELETE
from fhir_service.api.operations.registry_upload import REGISTRY_UPLOAD
from fhir_service.api.operations.research_view import RESEARCH_VIEWS
from fhir_service.api.operations.submit_report import SUBMIT_REPORT
from fhir_service.api.operations.subsumes import SUBSUMPTIONS
from fhir_service.api.operations.transform import TRANSFORMS
from fhir_service.api.operations.translate import TRANSLATIONS
from fhir_service.api.operations.validate import VALIDATE, VALIDATE_INSTANCE, VALIDATE_STORED
from fhir_service.api.operations.validate_code import VALIDATIONS

INTERACTIONS: tuple[Interaction, ...] = (
    CAPABILITIES,
    TRANSACTION,
    BATCH,
    *SEARCHES,
    *BUNDLE_WRITES,
    CREATE,
    READ,
    VREAD,
    UPDATE,
    UPDATE_FOUND,
    PATCH,
    PATCH_FOUND,
    DELETE,
    DELETE_FOUND,
    HISTORY_INSTANCE,
    HISTORY_TYPE,
    HISTORY_SYSTEM,
    *EVERYTHINGS,
    *LASTNS,
    *RESEARCH_VIEWS,
    VALIDATE,
    VALIDATE_INSTANCE,
    VALIDATE_STORED,
    META,
    META_ADD,
    META_DELETE,
    *LOOKUPS,
    *SUBSUMPTIONS,
    *EXPANSIONS,
    *VALIDATIONS,
    *TRANSLATIONS,
    *TRANSFORMS,
    EXTRACT,
    SUBMIT_REPORT,
    REGISTRY_UPLOAD,
    *UPLOADS,
    *EXPORTS,
    *EXPORT_STATUS,
    IMPORT,
    *IMPORT_STATUS,
    *AUDIT_EVENTS,
)
