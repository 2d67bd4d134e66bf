"""TLS clients of the load: they trust everybody and look at what they are shown."""

import asyncio
import hashlib
import ssl

TLS_HOST = "tls.test"
"""The name that every client of the load asks a certificate for, whatever hosts it then asks."""


def trusting(*alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def fingerprint_of(writer: asyncio.StreamWriter) -> str:
    """SHA-256 of the certificate that the server showed, hex."""
    session: ssl.SSLObject = writer.get_extra_info("ssl_object")
    shown = session.getpeercert(binary_form=True)
    return hashlib.sha256(shown or b"").hexdigest()
