"""The port between the core and a proxy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from haloy.model.health import Observation
from haloy.model.model import Delivery
from haloy.model.refs import FieldRef, ObjectRef


class ReloadCause(StrEnum):
    """Why a change could not be made at run time. Each reload names all of its causes."""

    START = "start"
    RECOVERY = "recovery"
    SETTINGS_CHANGED = "settings-changed"
    RULES_CHANGED = "rules-changed"
    BACKEND_ADDED = "backend-added"
    BACKEND_REMOVED = "backend-removed"
    BACKEND_CHANGED = "backend-changed"
    SERVER_CHANGED = "server-changed"
    CERTIFICATE_TOO_LARGE = "certificate-too-large"
    RUNTIME_FAILED = "runtime-failed"
    DRIFT = "drift"
    REQUESTED = "requested"


@dataclass(frozen=True, slots=True)
class ReloadReason:
    """One cause, the object it comes from (None: the proxy as a whole), and a sentence for people."""

    cause: ReloadCause
    source: ObjectRef | None
    detail: str

    def __str__(self) -> str:
        return f"{self.cause}: {self.detail}" if self.source is None else f"{self.cause}: {self.source}: {self.detail}"


@dataclass(frozen=True, slots=True)
class ReloadRecord:
    """One attempt to reload, as it is remembered. `alert`: the proxy's first complaint when it failed, else empty."""

    at: datetime
    reasons: tuple[ReloadReason, ...]
    generation: str
    success: bool
    seconds: float
    alert: str = ""

    def to_json(self) -> dict[str, object]:
        return {
            "at": self.at.isoformat(),
            "generation": self.generation,
            "success": self.success,
            "seconds": round(self.seconds, 3),
            "reasons": [
                {
                    "cause": reason.cause.value,
                    "source": None if reason.source is None else str(reason.source),
                    "detail": reason.detail,
                }
                for reason in self.reasons
            ],
            "alert": self.alert,
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """The proxy's own complaint, traced back to the object and field that caused it (None: none of the users')."""

    source: FieldRef | None
    message: str


@dataclass(frozen=True, slots=True)
class Applied:
    """`revision` is live and read back. `commands`: Runtime API commands sent; `reload`: why there was one, empty: none."""

    revision: str
    commands: int = 0
    reload: tuple[ReloadReason, ...] = ()
    seconds: float = 0.0

    @property
    def unchanged(self) -> bool:
        """Nothing had to be done."""
        return not self.commands and not self.reload


@dataclass(frozen=True, slots=True)
class Failed:
    """The change is not live; `revision` names what still is ("" when nothing runs)."""

    revision: str
    step: str
    refusals: tuple[Refusal, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Postponed:
    """A reload is needed (`reasons`) and is not due for `seconds`; what could change at run time has. `revision` is live.

    The caller comes back with what is wanted by then.
    """

    revision: str
    seconds: float
    reasons: tuple[ReloadReason, ...]
    commands: int = 0


Outcome = Applied | Failed | Postponed


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counters since the proxy started, under the users' names. Counts are requests, sizes bytes."""

    requests: int = 0
    errors_4xx: int = 0
    errors_5xx: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    sessions: int = 0
    queue: int = 0
    response_ms: int = 0


@dataclass(frozen=True, slots=True)
class ProxyInfo:
    """Facts about the running proxy. `pids`: the processes that serve now, old ones that still drain in `old_pids`."""

    name: str
    version: str
    features: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    old_pids: tuple[int, ...] = ()
    max_connections: int = 0
    max_sockets: int = 0
    reloads: int = 0
    connections: int = 0


@dataclass(frozen=True, slots=True)
class Measurements:
    """`routes` by `namespace/name`, `clusters` by cluster name, `endpoints` by (cluster, endpoint)."""

    info: ProxyInfo
    routes: Mapping[str, Traffic] = field(default_factory=dict)
    clusters: Mapping[str, Traffic] = field(default_factory=dict)
    endpoints: Mapping[tuple[str, str], Traffic] = field(default_factory=dict)


class Proxy(Protocol):
    """A proxy that is supervised by this process."""

    async def start(self) -> None:
        """Bring the proxy up on the last known good configuration, else on one that answers 404 to everything."""

    async def apply(self, delivery: Delivery) -> Outcome:
        """Make `delivery` live: render, plan, apply, read back. Never raises for what users wrote, nor for a full disk.

        Returns at once, with Postponed, when it takes a reload that is not due.
        """

    async def observe(self) -> Observation:
        """The level of every endpoint now."""

    async def measure(self) -> Measurements:
        """Counters and facts, for metrics."""

    async def stop(self, drain: float) -> None:
        """Stop accepting, let requests finish for at most `drain` seconds, leave nothing behind."""
