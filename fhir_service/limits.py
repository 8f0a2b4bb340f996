"""The settings that say how much is too much, a line each; docs/howto/limits.md tells what is answered beyond them."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class Limits(BaseSettings):
    """The limits of one process."""

    max_connections: int = Field(1000, gt=0, description="Connections at the same time; one more is answered 503.")
    max_head_seconds: float = Field(
        20.0, gt=0, description="Longest time in which the head of a request has to be there, in seconds."
    )
    max_body_seconds: float = Field(
        120.0, gt=0, description="Longest time in which the body of a request has to be there, in seconds."
    )
    max_drain_seconds: float = Field(
        20.0,
        gt=0,
        description="Longest time that requests which run may take to end when the service stops, in seconds.",
    )
    max_stall_seconds: float = Field(
        60.0, gt=0, description="Longest time in which a client may read nothing of its answer, in seconds."
    )
    max_address_bytes: int = Field(32 * 1024, gt=0, le=60_000, description="Longest address of a request, in bytes.")
    max_header_bytes: int = Field(32 * 1024, gt=0, description="Largest headers of a request together, in bytes.")
    max_headers: int = Field(100, gt=0, description="Most headers of a request.")
    max_parameters: int = Field(1000, gt=0, le=1000, description="Most parameters of an address or a form.")
    max_body_bytes: int = Field(16 * 1024 * 1024, gt=0, description="Largest request body or validated file, in bytes.")
    max_json_depth: int = Field(
        200, gt=1, le=200, description="Most objects and arrays inside one another in what is sent."
    )
    max_bundle_entries: int = Field(10_000, gt=0, description="Most entries of a transaction or batch.")
    max_page_size: int = Field(1000, gt=0, le=1000, description="Most matches on a page; a larger `_count` means this.")
    max_page_bytes: int = Field(
        64 * 1024 * 1024, gt=0, description="Most bytes of the resources on a page; more are on the next one."
    )
    max_included: int = Field(
        1000, gt=0, le=1000, description="Most resources that one page of matches brings along by `_include`."
    )
    max_include_rounds: int = Field(5, gt=0, le=20, description="Most rounds of `_include:iterate`.")
    max_query_seconds: float = Field(
        20.0, gt=0, description="Longest run of one statement that reads or searches in the database, in seconds."
    )
    max_report_bytes: int = Field(16 * 1024 * 1024, gt=0, description="Largest report file, in bytes.")
    max_transform_seconds: float = Field(
        20.0,
        gt=0,
        description="Longest run of a map by `StructureMap/$transform`, and longest wait, in seconds.",
    )
    max_transform_steps: int = Field(2_000_000, gt=0, description="Most rules that one `$transform` carries out.")
    max_transform_values: int = Field(
        1_000_000, gt=0, description="Most values that one `$transform` writes; a long text counts as several."
    )
    max_transforms: int = Field(
        2, gt=0, description="Maps that `$transform` and `$extract` run at the same time; others wait."
    )
    max_submissions: int = Field(
        2, gt=0, description="Submissions to the registry that are checked and stored at the same time; others wait."
    )
    max_waiting_submissions: int = Field(
        50, gt=0, description="Submissions that wait for their turn; one more is answered 503 at once."
    )
    max_submission_wait: float = Field(
        20.0, gt=0, description="Longest wait of a submission for its turn, in seconds; then it is answered 503."
    )
    max_uploads: int = Field(
        4,
        gt=0,
        description="Files that `$registryUpload` works through at the same time; one more is answered 503, and in the "
        "background 429.",
    )
    max_exports: int = Field(100, gt=0, description="Exports under way at the same time; one more is answered 429.")
    max_client_exports: int = Field(
        20, gt=0, description="Exports of one client under way at the same time, where clients have tokens; else 429."
    )
    max_imports: int = Field(4, gt=0, description="Imports under way at the same time; one more is answered 429.")
