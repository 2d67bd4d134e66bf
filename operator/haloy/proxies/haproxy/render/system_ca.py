"""Where this machine keeps the authorities that everybody trusts.

HAProxy's own `@system-ca` finds nothing in builds whose OpenSSL was configured for another system (the embedded one on
Debian 12 refuses to start), so haloy names the file.
"""

import ssl
from pathlib import Path

from haloy.proxies.haproxy.options import SYSTEM_CA

_WELL_KNOWN = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def system_ca() -> str:
    """The bundle that Python's OpenSSL uses, else one where a distribution puts it, else HAProxy's `@system-ca`."""
    found = ssl.get_default_verify_paths().cafile
    return next((path for path in (found or "", *_WELL_KNOWN) if Path(path).is_file() and _readable(path)), SYSTEM_CA)


def _readable(path: str) -> bool:
    """Whether OpenSSL finds CAs in it. HAProxy loads it whether or not a Backend wants it, and would not start with any other."""
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError):
        return False
    return True
