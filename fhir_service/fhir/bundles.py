"""Bundles: read without touching the bytes of their resources, written by joining bytes that are already there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

_NOTHING = msgspec.Raw(b"")


class BundleRequest(msgspec.Struct, frozen=True, rename="camel"):
    """`Bundle.entry.request`; what is not there is empty."""

    method: str
    url: str
    if_match: str = ""
    if_none_match: str = ""
    if_modified_since: str = ""
    if_none_exist: str = ""


class BundleEntry(msgspec.Struct, frozen=True, rename="camel"):
    """One entry; `resource` is its exact text, empty where there is none."""

    full_url: str = ""
    resource: msgspec.Raw = _NOTHING
    request: BundleRequest | None = None

    @property
    def text(self) -> bytes:
        return bytes(self.resource)


class _Bundle(msgspec.Struct, frozen=True):
    entry: tuple[msgspec.Raw, ...] = ()


_json = msgspec.json.Encoder().encode
_bundles = msgspec.json.Decoder(_Bundle)
_entries = msgspec.json.Decoder(BundleEntry)
_slices = msgspec.json.Decoder(dict[str, msgspec.Raw])
_slice_lists = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def entry_texts(raw: bytes) -> tuple[bytes, ...]:
    """The exact text of each entry of a Bundle. Raises msgspec.MsgspecError where it is no Bundle."""
    return tuple(bytes(entry) for entry in _bundles.decode(raw).entry)


def read_entry(text: bytes) -> BundleEntry:
    """One entry whose structure was found right. Raises msgspec.MsgspecError otherwise."""
    return _entries.decode(text)


class Found(Protocol):
    """A resource as it is stored."""

    @property
    def type(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def text(self) -> bytes: ...


def found_entries(base: str, found: Iterable[Found], mode: Literal["match", "include"]) -> list[bytes]:
    """The entries of a searchset for stored bytes, each under its address below `base`."""
    begins = b'{"fullUrl":%b' % _json(f"{base}/")[:-1]
    ends = b',"search":{"mode":"%b"}}' % mode.encode()
    return [
        b'%b%b","resource":%b%b' % (begins, f"{one.type}/{one.id}".encode(), one.text, ends)  # no id has to be escaped
        for one in found
    ]


def outcome_entry(outcome: bytes) -> bytes:
    """The entry for what is to be told of a search; it has no address."""
    return b'{"resource":%b,"search":{"mode":"outcome"}}' % outcome


def searchset(entries: Iterable[bytes], links: Mapping[str, str], total: int | None = None) -> bytes:
    """A searchset (R4 search.html#return), without re-encoding what was found. `links` are URLs by relation."""
    return _bundle(b"searchset", entries, links, total)


def _bundle(kind: bytes, entries: Iterable[bytes], links: Mapping[str, str], total: int | None) -> bytes:
    parts = [b'{"resourceType":"Bundle","type":"%b"' % kind]
    if total is not None:
        parts.append(b',"total":%d' % total)
    if links:
        written = [{"relation": relation, "url": url} for relation, url in links.items()]
        parts.append(b',"link":' + msgspec.json.encode(written))
    if found := b",".join(entries):  # FHIR knows no empty arrays
        parts += (b',"entry":[', found, b"]")
    parts.append(b"}")
    return b"".join(parts)


class EntryResource(NamedTuple):
    """The resource of an entry, and what `search.mode` says of it; empty where it says nothing."""

    text: bytes
    mode: str = ""


def with_resources(bundle: bytes, changed: Callable[[EntryResource], bytes]) -> bytes:
    """A Bundle of our own with each entry's resource exchanged; every other byte stays."""
    parts = _slices.decode(bundle)
    if "entry" not in parts:
        return bundle
    entries = [_with_resource(entry, changed) for entry in _slice_lists.decode(parts["entry"])]
    return _joined({**parts, "entry": b"[%b]" % b",".join(entries)})


def _with_resource(entry: Mapping[str, msgspec.Raw], changed: Callable[[EntryResource], bytes]) -> bytes:
    if "resource" not in entry:
        return _joined(entry)
    search = msgspec.json.decode(entry["search"], type=dict[str, Any]) if "search" in entry else {}
    return _joined({**entry, "resource": changed(EntryResource(bytes(entry["resource"]), str(search.get("mode", ""))))})


def _joined(parts: Mapping[str, bytes | msgspec.Raw]) -> bytes:
    return b"{%b}" % b",".join([b"%b:%b" % (msgspec.json.encode(name), bytes(part)) for name, part in parts.items()])


class HistoryEntry(NamedTuple):
    """One version in a history: stored bytes, empty for a deletion, and the request that made it with its answer."""

    full_url: str
    text: bytes
    method: str
    url: str
    status: str
    etag: str
    last_modified: str


def history_bundle(entries: Iterable[HistoryEntry], links: Mapping[str, str], total: int | None = None) -> bytes:
    """A history (R4 http.html#history), without re-encoding what is stored. `links` are URLs by relation."""
    return _bundle(b"history", map(_history_entry, entries), links, total)


def _history_entry(entry: HistoryEntry) -> bytes:
    """Of what was done only the ETag has signs that are escaped; the rest is of our own words, types and ids."""
    etag = entry.etag.replace('"', '\\"')
    done = (
        f'"request":{{"method":"{entry.method}","url":"{entry.url}"}},'
        f'"response":{{"status":"{entry.status}","etag":"{etag}","lastModified":"{entry.last_modified}"}}'
    )
    resource = b',"resource":%b' % entry.text if entry.text else b""
    return b'{"fullUrl":%b%b,%b}' % (_json(entry.full_url), resource, done.encode())


class ResponseEntry(NamedTuple):
    """One answer in a transaction-response or batch-response; `outcome` is OperationOutcome text."""

    status: str
    location: str = ""
    etag: str = ""
    last_modified: str = ""
    text: bytes = b""
    full_url: str = ""
    outcome: bytes = b""


def response_bundle(kind: Literal["transaction-response", "batch-response"], entries: Iterable[ResponseEntry]) -> bytes:
    """The answer to a transaction or batch, one entry for each of the request's, in order."""
    written = b",".join([_response_entry(entry) for entry in entries])
    body = b',"entry":[%b]' % written if written else b""
    return b'{"resourceType":"Bundle","type":"%b"%b}' % (kind.encode(), body)


def _response_entry(entry: ResponseEntry) -> bytes:
    parts = []
    if entry.full_url:
        parts.append(b'"fullUrl":%b' % msgspec.json.encode(entry.full_url))
    if entry.text:
        parts.append(b'"resource":%b' % entry.text)
    named = {
        "status": entry.status,
        "location": entry.location,
        "etag": entry.etag,
        "lastModified": entry.last_modified,
    }
    response = msgspec.json.encode({name: value for name, value in named.items() if value})
    if entry.outcome:
        response = b'%b,"outcome":%b}' % (response[:-1], entry.outcome)
    parts.append(b'"response":%b' % response)
    return b"{%b}" % b",".join(parts)
