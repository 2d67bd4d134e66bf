"""Listeners and the limits of the client's side."""

import ipaddress
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Bind:
    """`address` is an IP without brackets; `*` is not allowed, write 0.0.0.0 or ::."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Listener:
    """`public_port` is the port clients see: it decides redirects and X-Forwarded-Port."""

    name: str
    binds: tuple[Bind, ...]
    tls: bool
    public_port: int
    accept_proxy_protocol: bool = False


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Times in milliseconds, sizes in bytes. `max_body_size` None: no limit."""

    max_header_size: int = 15_360
    request_timeout: int = 10_000
    """Longest wait for a request's complete headers."""
    idle_timeout: int = 30_000
    """Longest silence between two reads or writes of a client within a request."""
    keep_alive_timeout: int = 10_000
    """Longest wait for the next request on a kept connection."""
    max_streams: int = 100
    """HTTP/2 streams at once on one connection."""
    max_body_size: int | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """What holds for a proxy as a whole: not said by objects but by the administrator."""

    listeners: tuple[Listener, ...]
    trusted_proxies: tuple[Network, ...] = ()
    limits: ClientLimits = ClientLimits()
    response_timeout: int = 30_000
    """Default for Rule.request_timeout."""
    tunnel_timeout: int = 3_600_000
    """Default for Rule.tunnel_timeout."""
