"""A connection to a target: TCP, then the PROXY header, then TLS, as the target asks."""

import asyncio
import errno
import os
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache

from haloy.health.target import CheckImpossibleError, CheckResult, MonitorTarget
from haloy.model.secret import SecretBytes

_V1_UNKNOWN = b"PROXY UNKNOWN\r\n"
_V2_LOCAL = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
"""The header of a connection that the proxy itself makes (PROXY protocol, 2.2: command LOCAL, no addresses)."""
_OUR_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})


class CheckFailedError(Exception):
    """The check is over; `result` says how."""

    def __init__(self, result: CheckResult) -> None:
        super().__init__(result.reason)
        self.result = result


def failed(layer: str, words: object) -> CheckFailedError:
    """`layer` as in `L7STS`; `words` may come from the other side, so they are cut short and made printable."""
    text = str(words)
    shown = "".join(char if char.isascii() and char.isprintable() else "?" for char in text[:100])
    return CheckFailedError(CheckResult(False, f"{layer}/{shown}" if shown else layer))


@asynccontextmanager
async def connected(
    target: MonitorTarget, alpn: Sequence[str] = ()
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An open connection, closed at once in the end.

    Raises:
        CheckFailedError: refused, unreachable, or TLS fails.
        CheckImpossibleError: this machine has no descriptors, memory or ports left.
    """
    try:
        reader, writer = await asyncio.open_connection(target.address, target.port)
    except OSError as error:
        if error.errno in _OUR_FAULT:
            raise CheckImpossibleError(error.strerror or str(error)) from error
        raise failed("L4CON", os.strerror(error.errno) if error.errno else error) from error
    try:
        match target.proxy_protocol:
            case "v1":
                writer.write(_V1_UNKNOWN)
            case "v2":
                writer.write(_V2_LOCAL)
            case _:
                pass
        if target.tls:
            await _start_tls(writer, target, alpn)
        yield reader, writer
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        raise failed("L7RSP", "connection closed before the answer was complete") from error
    finally:
        writer.transport.abort()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def _start_tls(writer: asyncio.StreamWriter, target: MonitorTarget, alpn: Sequence[str]) -> None:
    try:
        context = _context(target.ca, target.client_certificate, tuple(alpn))
        await writer.start_tls(context, server_hostname=target.server_name or target.address)
    except ssl.SSLCertVerificationError as error:
        raise failed("L6RSP", f"certificate not accepted: {error.verify_message}") from error
    except (ssl.SSLError, ValueError) as error:
        raise failed("L6RSP", getattr(error, "reason", None) or error) from error
    except OSError as error:
        raise failed("L6RSP", "connection closed in the TLS handshake") from error
    chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    if alpn and chosen not in alpn:
        raise failed("L6RSP", f"the endpoint does not offer {alpn[0]} (ALPN)")


@lru_cache(maxsize=256)
def _context(ca: SecretBytes | None, client_certificate: SecretBytes | None, alpn: tuple[str, ...]) -> ssl.SSLContext:
    """Kept, because reading the system's CAs takes tens of milliseconds; a change of those shows after a restart.

    Raises:
        ssl.SSLError: the CA bundle or the client certificate is not usable.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cadata=ca.reveal().decode("ascii", "ignore"))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if client_certificate is not None:
        _load_client_certificate(context, client_certificate.reveal())
    return context


def _load_client_certificate(context: ssl.SSLContext, pem: bytes) -> None:
    """The ssl module reads certificates from files only; this one exists in memory alone."""
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
