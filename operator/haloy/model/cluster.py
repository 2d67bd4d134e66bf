"""Clusters: groups of endpoints and how they are spoken to. All times are milliseconds."""

from dataclasses import dataclass
from enum import Enum

from haloy.model.health import HealthCheck
from haloy.model.refs import ObjectRef


class Protocol(Enum):
    """`H2` is HTTP/2 over TLS, `H2C` HTTP/2 in the clear with prior knowledge, `HTTPS` HTTP/1.1 over TLS."""

    HTTP1 = "http1"
    H2 = "h2"
    H2C = "h2c"
    HTTPS = "https"

    @property
    def tls(self) -> bool:
        return self in (Protocol.H2, Protocol.HTTPS)


class EndpointState(Enum):
    """What an endpoint is told to do, whatever its health."""

    READY = "ready"
    DRAINING = "draining"
    """Serving and terminating: no new sessions except by affinity."""


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """`address` is an IP (IPv6 without brackets); `hostname` is the DNS name it was resolved from, if any.

    `weight` 0 to 256. Within a cluster (address, port) is unique and `position` is its place in the user's list (0-based),
    which only algorithm FIRST looks at.
    """

    address: str
    port: int
    weight: int = 100
    backup: bool = False
    state: EndpointState = EndpointState.READY
    hostname: str | None = None
    position: int = 0

    @property
    def key(self) -> str:
        """`10.0.0.5:8080` or `[2001:db8::1]:8080`."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Algorithm(Enum):
    """How an endpoint is chosen for a request; SOURCE_IP, URI and HEADER choose the same one for the same value."""

    ROUND_ROBIN = "RoundRobin"
    LEAST_CONNECTIONS = "LeastConnections"
    RANDOM = "Random"
    SOURCE_IP = "SourceIP"
    URI = "URI"
    HEADER = "Header"
    FIRST = "First"


@dataclass(frozen=True, slots=True)
class Balance:
    """`header`: the name hashed by HEADER, else None."""

    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    header: str | None = None


@dataclass(frozen=True, slots=True)
class CookieAffinity:
    """A cookie set by the proxy names the endpoint. `max_age` in milliseconds, None: a session cookie."""

    name: str
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Connections:
    """`max_per_endpoint`: more requests than that wait, at most `queue_timeout`; None: no limit. Milliseconds throughout."""

    max_per_endpoint: int | None = None
    queue_timeout: int = 5_000
    connect_timeout: int = 5_000
    proxy_protocol: str | None = None
    """None, "v1" or "v2"."""


class RetryOn(Enum):
    """After what a request may be repeated: no connection, no answer in time, or an answer with that status."""

    CONNECT_FAILURE = "connectFailure"
    TIMEOUT = "timeout"
    S401 = "401"
    S403 = "403"
    S404 = "404"
    S408 = "408"
    S425 = "425"
    S500 = "500"
    S501 = "501"
    S502 = "502"
    S503 = "503"
    S504 = "504"


@dataclass(frozen=True, slots=True)
class Retry:
    """At most `attempts` repetitions, on another endpoint where there is one. Requests that are not idempotent are
    repeated after a connection failure only."""

    attempts: int = 2
    on: tuple[RetryOn, ...] = (RetryOn.CONNECT_FAILURE,)


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """`ca` and `client_certificate` name entries of the Model's `bundles` and `certificates`; `ca` None: the system's CAs.
    `server_name` None: each endpoint is verified by its own `hostname`."""

    ca: str | None = None
    server_name: str | None = None
    client_certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Backend, ready to be programmed; the unit of translation. `name` is `namespace/name`.

    `endpoints` is sorted by (address, port).
    """

    name: str
    source: ObjectRef
    protocol: Protocol = Protocol.HTTP1
    balance: Balance = Balance()
    affinity: CookieAffinity | None = None
    endpoints: tuple[Endpoint, ...] = ()
    health_check: HealthCheck | None = None
    connections: Connections = Connections()
    retry: Retry = Retry()
    tls: UpstreamTls | None = None
