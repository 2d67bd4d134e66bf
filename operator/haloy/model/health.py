"""Health: what is checked, what was seen, what it means."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from haloy.model.filters import Header
from haloy.model.refs import ObjectRef


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """`statuses`: inclusive ranges; `expected_body`: a substring the body must hold, None: any body."""

    path: str = "/"
    method: str = "GET"
    host: str | None = None
    headers: tuple[Header, ...] = ()
    statuses: tuple[tuple[int, int], ...] = ((200, 399),)
    expected_body: str | None = None


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """A connection that is accepted is a pass."""


@dataclass(frozen=True, slots=True)
class GrpcCheck:
    """grpc.health.v1.Health/Check for `service` (empty: the server as a whole); SERVING is a pass."""

    service: str = ""


class OnError(Enum):
    """What too many errors in live traffic do to an endpoint."""

    MARK_DOWN = "MarkDown"
    FAST_CHECK = "FastCheck"


@dataclass(frozen=True, slots=True)
class PassiveCheck:
    """Live traffic as a check: after `consecutive_errors` in a row, `on_error` happens."""

    consecutive_errors: int = 10
    on_error: OnError = OnError.MARK_DOWN


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Milliseconds throughout. `fall` failures in a row make an endpoint unhealthy, `rise` passes healthy again.

    `start_unhealthy`: out of rotation until the first `rise` passes. `source`: the HealthPolicy, None: the built-in default.
    """

    kind: HttpCheck | TcpCheck | GrpcCheck
    interval: int = 15_000
    timeout: int = 5_000
    fall: int = 3
    rise: int = 2
    slow_start: int | None = None
    start_unhealthy: bool = False
    passive: PassiveCheck | None = None
    source: ObjectRef | None = None


class Health(Enum):
    """How well something does. DEGRADED is never one proxy's word on one endpoint: several proxies, or several endpoints,
    differ. UNKNOWN: nothing was seen yet, or nothing checks it.
    """

    HEALTHY = "Healthy"
    DEGRADED = "Degraded"
    UNHEALTHY = "Unhealthy"
    UNKNOWN = "Unknown"


class EndpointKey(NamedTuple):
    """`cluster` is the Cluster's name, `endpoint` the Endpoint's key."""

    cluster: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """What one proxy knows of one endpoint. `reason`: the check's own words, `L7STS/503`; `since`: when `health` began."""

    health: Health
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Observation:
    """The level read from one proxy at `at`. `endpoints` holds every endpoint the proxy has, checked or not."""

    at: datetime
    revision: str
    endpoints: dict[EndpointKey, EndpointHealth]
