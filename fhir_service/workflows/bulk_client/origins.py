"""Where a client may be sent by a server, and who may see its token.

A person names the FHIR base. Whatever the server names after that is its word only: a status URL, a file, a redirect.
The token goes to the origin of the base, and to those that the person names too. Files without a token may be anywhere,
since object stores with signed URLs are the rule for them; a base over TLS never leads to a URL without.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import httpx

from fhir_service.workflows.bulk_client.errors import NotTrusted

_PORTS = {"https": 443, "http": 80}


def read_url(text: str, what: str) -> httpx.URL:
    """An absolute http or https URL. `what` names it to a person. Raises NotTrusted."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        raise NotTrusted(f"{what} is no URL") from None
    if url.scheme not in _PORTS or not url.host or url.userinfo or url.fragment:
        raise NotTrusted(f"{what} is no plain http or https URL: {shown(url)}")
    return url


def origin(url: httpx.URL) -> str:
    """Scheme, host and port."""
    return f"{url.scheme}://{url.host}:{url.port or _PORTS[url.scheme]}"


def shown(url: httpx.URL) -> str:
    """A URL as it is told to a person: without what may be a signature."""
    return repr(f"{url.scheme}://{url.netloc.decode('ascii', 'replace').rpartition('@')[2]}{url.path}"[:200])[1:-1]


@dataclass(frozen=True, slots=True)
class Origins:
    """`base` is the FHIR base that a person named, without a slash at its end; `others` are origins that may have the
    token as well."""

    base: httpx.URL
    others: frozenset[str] = frozenset()

    def known(self, url: httpx.URL) -> bool:
        """Whether the token may go there."""
        return origin(url) == origin(self.base) or origin(url) in self.others

    def followed(self, text: str, what: str) -> httpx.URL:
        """A URL that a server names, for what needs no token. Raises NotTrusted."""
        url = read_url(text, what)
        if url.scheme == "http" and self.base.scheme == "https":
            raise NotTrusted(f"{what} is not encrypted: {shown(url)}")
        return url

    def own(self, text: str, what: str) -> httpx.URL:
        """A URL that the server names of itself. Raises NotTrusted where it is of another origin."""
        url = self.followed(text, what)
        if not self.known(url):
            raise NotTrusted(f"{what} is of another origin, {shown(url)}; --trust {origin(url)} lets it have the token")
        return url

    def refuse_secrets_in_clear(self, url: httpx.URL) -> None:
        """Raises NotTrusted where a token would travel over a network without TLS."""
        if url.scheme != "https" and not _is_loopback(url.host):
            raise NotTrusted(f"a token travels over https only, and {shown(url)} is not")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
