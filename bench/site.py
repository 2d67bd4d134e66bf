"""The site that every proxy is asked to serve, and the answer of a peer that is asked to."""

from dataclasses import dataclass
from pathlib import Path

HOST = "shop.example.com"
"""The host of the Route under load; any other host is to be answered with 404."""

CHECK_INTERVAL = 15
"""Seconds between two active health checks of one endpoint: haloy's default, given to every peer that has such checks."""

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""TLS 1.2 of Mozilla's intermediate profile, version 5.8, OpenSSL's names."""


@dataclass(frozen=True, slots=True)
class Site:
    """`directory` is the peer's own and empty. Ports are of the loopback address. `endpoints` are the upstream's two ports.
    `peers` is the environment that bench/requirements.lock was installed into; it need not exist."""

    directory: Path
    peers: Path
    http: int
    https: int
    admin: int
    endpoints: tuple[int, int]
    chain: Path
    key: Path

    @property
    def access_log(self) -> Path:
        return self.directory / "access.log"

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        return path


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a proxy. Its CPU is that of the started process and everything below it, or, where `program` is given,
    only of the processes that run that executable. `lacks`: features of the comparison that it cannot offer, in words.
    Standard output is the access log when `logs_to_stdout`."""

    argv: tuple[str, ...]
    program: str | None = None
    lacks: tuple[str, ...] = ()
    logs_to_stdout: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """The proxy is not installed here; shown in the table with its reason."""

    reason: str


Answer = Launch | Missing


def binary(site: Site, *candidates: str) -> Path | Missing:
    """The first path below the peers' environment that exists; a candidate may hold wildcards."""
    for candidate in candidates:
        for found in sorted(site.peers.glob(candidate)):
            return found
    return Missing(f"not installed in {site.peers.name}; `make bench` installs it")
