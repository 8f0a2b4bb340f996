"""Everything that can be set, by environment variables that begin with FHIR_SERVICE_; the only reader of those.

`docs/howto/settings.md` lists the same settings, and a test holds the two together.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from fhir_service.limits import Limits
from fhir_service.setting_values import (
    Algorithms,
    BaseUrl,
    Issuer,
    Layers,
    Names,
    Networks,
    Origins,
    Rate,
    ResourceTypes,
)
from fhir_service.storage.repository import ReplicaAt
from fhir_service.validation.layers import Layer, layers
from fhir_service.workflows.ask_model import ModelAccess
from fhir_service.workflows.do_jobs import JobSettings
from fhir_service.workflows.fetch_json import AllowedHosts
from fhir_service.workflows.import_check import ImportRules
from fhir_service.workflows.import_source import ImportSources
from fhir_service.workflows.job_runner import JobLimits
from fhir_service.workflows.run_import import ImportSettings
from fhir_service.workflows.run_upload import UploadSettings

PREFIX = "FHIR_SERVICE_"
SERVED_TYPES = (
    "AdverseEvent",
    "Bundle",
    "CodeSystem",
    "ConceptMap",
    "Condition",
    "DetectedIssue",
    "Device",
    "DocumentReference",
    "Group",
    "Observation",
    "OperationDefinition",
    "Patient",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "ValueSet",
)
FHIR_PREFIX = "/fhir"
"""Where the FHIR API begins."""
_HTTP_PORT = 80


class Settings(Limits):
    """The settings of one process. Lists are written with commas."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: str = Field(
        "sqlite+aiosqlite:///var/fhir-service.db",
        description="Where resources are stored: `sqlite+aiosqlite:///path.db` or `postgresql+asyncpg://…`.",
    )
    database_connections: int = Field(
        0,
        ge=0,
        le=1000,
        description="Most database connections of a process for reads by key, and as many for searches; one more "
        "writes. 0: 8 on PostgreSQL, 4 on SQLite.",
    )
    database_replica_url: str = Field(
        "",
        pattern=r"^(postgresql\+asyncpg://\S+)?$",
        description="A read replica of that PostgreSQL, which answers reads, searches and exports while it is near "
        "enough to the primary. Empty: none.",
    )
    database_replica_lag: float = Field(
        1.0,
        ge=0.05,
        le=60,
        description="How far the replica may be behind to be asked, in seconds: so old may be what another process has "
        "written; what this process has written is always seen.",
    )
    base: BaseUrl = Field(
        "https://vertebral-augmentation.example.org/fhir",
        description="Canonical base of our own code systems, profiles and identifiers.",
    )
    registry_contact: str = Field(
        "",
        description="Email address of whoever keeps the registry: whom the data dictionary (`StructureDefinition/"
        "case-report`) names to ask; empty: a placeholder that nobody reads.",
    )
    public_base_url: BaseUrl = Field(
        "",
        description="FHIR base that links and Location show, such as `https://registry.example.org/fhir`; empty: what "
        "the client asked for. Absolute references that begin with it are to resources of this server.",
    )
    host: str = Field(
        "127.0.0.1", description="Address to listen on; without access control (`FHIR_SERVICE_ACCESS`) loopback only."
    )
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    allowed_hosts: Names = Field(
        ("localhost", "127.0.0.1", "::1"),
        description="Names, without port, that a request may give in its Host header. Another name is refused, so that "
        "a web page cannot reach the service by pointing its own name at this machine.",
    )
    trusted_proxies: Networks = Field(
        (),
        description="Addresses or networks of the reverse proxies in front, such as `127.0.0.1` or `10.0.0.0/8`, whose "
        "word counts for scheme, host and address of a client; nobody else's does.",
    )
    proxy_headers: Literal["x-forwarded", "forwarded"] = Field(
        "x-forwarded",
        description="The headers in which they say it: `x-forwarded` (`X-Forwarded-For`, `-Proto`, `-Host`) or "
        "`forwarded` (RFC 7239). Those of the other kind are never read.",
    )
    cors_origins: Origins = Field(
        (),
        description="Origins whose web pages may use the service from a browser, such as `https://app.example.org`.",
    )
    rate_limit: Rate = Field(
        "auto",
        description="Most requests of one client, such as `600/minute`; a client is its token's, else an address. "
        "`auto`: with access control 6000/minute for who has a token and 600/minute for an address without one, "
        "otherwise none. Empty: no limit.",
    )
    access: Literal["open", "smart"] = Field(
        "open",
        description="`open`: every program on this machine may do everything. `smart`: by tokens, as SMART Backend "
        "Services has it; clients are registered by `fhir-service clients`.",
    )
    token_key_file: str = Field(
        "",
        description="File with the private key (P-256; PEM or JWK) that signs access tokens: the same for every "
        "process of the service; empty: a key that is made at the start, and whose tokens end with the process.",
    )
    token_seconds: int = Field(300, gt=0, le=300, description="How long an access token is good, in seconds.")
    jwks_hosts: Names = Field(
        (),
        description="Hosts that may be asked for the keys of clients (JWKS by URL): over https, at public addresses.",
    )
    jwks_private_hosts: Names = Field(
        (), description="Such hosts that may have an address in the own network; on loopback also over http."
    )
    oidc_issuer: Issuer = Field(
        "",
        description="Issuer of access tokens for people, as the tokens name it (`iss`); its keys are found by OpenID "
        "Connect Discovery, over https, on loopback also http. Empty: none but our own tokens are taken.",
    )
    oidc_audience: str = Field(
        "", description="What such a token has to be for (`aud`); empty: the FHIR base of this server."
    )
    oidc_algorithms: Algorithms = Field(
        ("RS256", "PS256", "ES256", "RS384", "ES384"), description="Algorithms by which such a token may be signed."
    )
    oidc_token_seconds: int = Field(
        3600, gt=0, le=86_400, description="Longest time that such a token may be good for, in seconds."
    )
    audit: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether each access to patient data becomes an AuditEvent: `auto` is where access control is on.",
    )
    resource_types: ResourceTypes = Field(SERVED_TYPES, description="Resource types that are served; any of R4.")
    source_text: Literal["store", "withhold"] = Field(
        "store",
        description="Whether the words of reports are stored: `store`, or `withhold` for their hash and the places of "
        "what was read, with codes, numbers and times, and no words.",
    )
    review_below: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Confidence of 1 below which a fact read in a report is left for review: kept with what was read, "
        "told as a note, not turned into a resource; 0: every fact is.",
    )
    default_page_size: int = Field(50, gt=0, description="Matches on a page of search results without `_count`.")
    run_jobs: bool = Field(
        True,
        description="Whether `serve` does jobs such as `$export` itself; `false` leaves them to `fhir-service worker`.",
    )
    job_lease: float = Field(
        15.0, ge=0.5, description="So long after the death of a worker another one goes on with its work, in seconds."
    )
    export_files: str = Field(
        "var/exports",
        description="Where the files of exports are kept: a folder, which all processes share, or an object store such "
        "as `s3://bucket/prefix`, with its keys in the environment as its own tools want them (`AWS_…`).",
    )
    export_kept_hours: float = Field(24.0, gt=0, description="How long the files of an export can be fetched.")
    export_file_bytes: int = Field(
        128 * 1024 * 1024, gt=0, description="Size from which on a file of an export is closed and another begun."
    )
    export_links: Literal["token", "signed"] = Field(
        "token",
        description="How files of exports are fetched where clients have tokens: by `token`, or by `signed` links that "
        "are good for whoever has them. Without access control they are always signed.",
    )
    export_link_minutes: float = Field(
        60.0, gt=0, description="How long a signed link is good; whoever asks for the manifest again gets new ones."
    )
    export_guide: Literal["3.0.0", "4.0.0-ballot"] = Field(
        "3.0.0",
        description="The release of Bulk Data Access by which exports are begun and told of: `3.0.0`, or the ballot of "
        "`4.0.0` (POST only, no commas between values, the manifest's `outcome`).",
    )
    export_polls: float = Field(
        2.0, gt=0, description="How often in a second an export may be asked how far it is; more is answered 429."
    )
    import_hosts: Names = Field(
        (), description="Hosts from which `$import` may fetch files: over https, at public addresses."
    )
    import_private_hosts: Names = Field(
        (), description="Such hosts that may have an address in the own network; on loopback also over http."
    )
    import_folder: str = Field(
        "", description="Folder on the server from which `$import` may read (`file:name`); empty: none."
    )
    import_file_bytes: int = Field(
        16 * 1024**3, gt=0, description="Largest file that `$import` fetches, in bytes as they come in."
    )
    import_workers: int = Field(
        1,
        ge=0,
        description="Processes that check the lines of a larger file of `$import`; 0: the service itself, beside its "
        "requests.",
    )
    validation: Layers = Field(
        ("*=invariants",),
        description="How far a resource is validated before it is stored, by type, for instance "
        "`Patient=codes,*=invariants`: `structure`, `invariants`, `profiles`, `codes` or `references`, each with those "
        "before it. `$validate` looks at all of them.",
    )
    missing_targets: Literal["off", "warning", "error"] = Field(
        "warning",
        description="What it is that a reference `Type/id` leads to nothing in this store: where `references` are "
        "validated, and in `$validate`.",
    )
    reader_url: BaseUrl = Field(
        "",
        description="Of a language model that reads reports after the rules, for `map` and `load`: what stands before "
        "`/chat/completions` of an OpenAI-compatible service, such as `http://localhost:11434/v1`; empty: none.",
    )
    reader_model: str = Field("", description="Name of that model; Provenance names it.")
    reader_key: SecretStr = Field(SecretStr(""), description="Key that is sent to it; empty: none.")
    reader_seconds: float = Field(60.0, gt=0, description="Longest wait for one answer of it, in seconds.")
    reader_max_characters: int = Field(60_000, gt=0, description="Longest report that it is asked about.")
    metrics_address: str = Field(
        "",
        pattern=r"^(\S+:\d{1,5})?$",
        description="Address and port of its own at which Prometheus finds the measures of this process, such as "
        "`127.0.0.1:9464`; nothing else is there, and no access control. Empty: nowhere.",
    )
    traces_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="Where spans are sent (OTLP over HTTP), such as `http://localhost:4318/v1/traces`; wants the extra "
        "`traces`. Empty: nowhere.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged, on stderr.")

    @model_validator(mode="after")
    def _a_replica_is_of_a_postgresql(self) -> Settings:
        if self.database_replica_url and self.database_url.startswith("sqlite"):
            raise ValueError("database_replica_url is for PostgreSQL: a SQLite file has no replica")
        return self

    @model_validator(mode="after")
    def _an_issuer_needs_access_control(self) -> Settings:
        if self.oidc_issuer and self.access == "open":
            raise ValueError("oidc_issuer needs access=smart: open access asks nobody for a token")
        return self

    @model_validator(mode="after")
    def _a_reader_has_a_name(self) -> Settings:
        if bool(self.reader_url) is not bool(self.reader_model):
            raise ValueError("reader_url and reader_model go together")
        return self

    @model_validator(mode="after")
    def _page_sizes_agree(self) -> Settings:
        if self.default_page_size > self.max_page_size:
            raise ValueError("default_page_size is larger than max_page_size")
        return self

    @property
    def audits(self) -> bool:
        """Whether accesses are recorded."""
        return self.audit == "on" or (self.audit == "auto" and self.access != "open")

    @property
    def rates(self) -> tuple[str, str]:
        """How often a client with a token may ask, and an address without one; empty: as often as it likes."""
        if self.rate_limit != "auto":
            return self.rate_limit, self.rate_limit
        return ("", "") if self.access == "open" else ("6000/minute", "600/minute")

    @property
    def export_files_need_token(self) -> bool:
        """Whether files of exports are fetched by token, and not by signed links."""
        return self.access != "open" and self.export_links == "token"

    @property
    def layers(self) -> Mapping[str, Layer]:
        """How far resources are validated, by type."""
        return layers(self.validation)

    @property
    def import_sources(self) -> ImportSources:
        """Where `$import` may read."""
        hosts = AllowedHosts(frozenset(self.import_hosts), frozenset(self.import_private_hosts), "FHIR_SERVICE_IMPORT")
        return ImportSources(hosts, self.import_folder, self.import_file_bytes)

    @property
    def import_rules(self) -> ImportRules:
        """What resources have to stand that come in many at once."""
        return ImportRules(dict(self.layers), frozenset(self.resource_types), self.base, self.own_address)

    @property
    def reader(self) -> ModelAccess | None:
        """The language model that reads after the rules, where there is one."""
        if not self.reader_url:
            return None
        key = self.reader_key.get_secret_value()
        return ModelAccess(self.reader_url, self.reader_model, key, self.reader_seconds, self.reader_max_characters)

    @property
    def job_settings(self) -> JobSettings:
        """What a runner of jobs needs to know."""
        limits = JobLimits(self.job_lease, round(self.export_kept_hours * 3_600_000))
        imports = ImportSettings(
            self.import_rules, self.import_sources, self.import_workers, self.max_body_bytes, self.audits
        )
        uploads = UploadSettings(self.base, self.source_text == "withhold", self.audits)
        return JobSettings(self.export_files, self.base, self.export_file_bytes, limits, imports, uploads)

    @property
    def replica(self) -> ReplicaAt | None:
        """Where to read beside the primary."""
        if not self.database_replica_url:
            return None
        return ReplicaAt(self.database_replica_url, self.database_replica_lag)

    @property
    def own_address(self) -> str:
        """The FHIR base under which an absolute reference means a resource of this server, where no client says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_base_url or f"http://{host}{f':{self.port}' if self.port != _HTTP_PORT else ''}{FHIR_PREFIX}"


def read_settings() -> Settings:
    """The settings of the environment. Raises ValueError with one sentence a fault, unknown names included."""
    _refuse_unknown_names()
    try:
        return Settings()
    except ValidationError as error:
        raise ValueError("; ".join(_sentence(fault["loc"], fault["msg"]) for fault in error.errors())) from None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    name = f"{PREFIX}{str(location[0]).upper()}: " if location else ""
    return f"{name}{message.removeprefix('Value error, ')}"


def _refuse_unknown_names() -> None:
    """A misspelt name would leave a default in force that nobody chose."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, 1)
            raise ValueError(f"{name} is not a setting{f'; is {near[0]} meant?' if near else ''}")
