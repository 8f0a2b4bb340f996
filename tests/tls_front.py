"""TLS in front of a service, as a reverse proxy ends it, with a certificate that it gave itself."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost that it gave itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(1))
        .not_valid_after(now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files[1].write_bytes(key.private_bytes(*private))
    return files


@asynccontextmanager
async def tls_front(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A proxy with TLS in front of what answers at `port`, a request a connection; it says what it was asked for in
    `X-Forwarded-…`. The port of its own."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        except asyncio.IncompleteReadError:  # whoever came has asked nothing
            writer.close()
            return
        host = next(line.partition(b":")[2].strip() for line in lines if line.lower().startswith(b"host:"))
        kept = [line for line in lines if not line.lower().startswith((b"connection:", b"x-forwarded-"))]
        told = [b"connection: close", b"x-forwarded-proto: https", b"x-forwarded-host: " + host]
        behind, there = await asyncio.open_connection("127.0.0.1", port)
        there.write(b"\r\n".join([first, *kept, *told, b"x-forwarded-for: 127.0.0.1"]) + b"\r\n\r\n")
        sending = asyncio.create_task(_pipe(reader, there))
        await _pipe(behind, writer)
        sending.cancel()
        for one in (there, writer):
            one.close()

    front = await asyncio.start_server(carry, "127.0.0.1", 0, ssl=context)
    async with front:
        yield front.sockets[0].getsockname()[1]


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(64 * 1024):
            writer.write(piece)
            await writer.drain()
