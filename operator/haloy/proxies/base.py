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
    """Why a change could not be made at run time. Each reload names all of its causes; docs/reloads.md lists them."""

    START = "start"
    RECOVERY = "recovery"
    SETTINGS_CHANGED = "settings-changed"
    NEW_PROFILE = "new-profile"
    POOL_REFILL = "pool-refill"
    POOL_EXHAUSTED = "pool-exhausted"
    NEW_REGULAR_EXPRESSION = "new-regular-expression"
    NEW_AFFINITY_COOKIE = "new-affinity-cookie"
    COMPILED_RULES = "compiled-rules"
    ENTRY_TOO_LARGE = "entry-too-large"
    CERTIFICATE_TOO_LARGE = "certificate-too-large"
    RUNTIME_FAILED = "runtime-failed"
    DRIFT = "drift"
    REQUESTED = "requested"

    @property
    def meaning(self) -> str:
        """One sentence for docs/reloads.md and for people who ask."""
        return _MEANINGS[self]


_MEANINGS = {
    ReloadCause.START: "Nothing was applied before: HAProxy is started, and answers 404. This counts as no reload.",
    ReloadCause.RECOVERY: "What an earlier haloy left half done, or what HAProxy runs, is not known well enough to go on.",
    ReloadCause.SETTINGS_CHANGED: "The administrator's settings changed: listeners, limits, logs, trusted proxies.",
    ReloadCause.NEW_PROFILE: "A Backend needs a combination of algorithm, affinity, retries, time-outs or check that no slot has yet.",
    ReloadCause.POOL_REFILL: "Few spare slots of a profile are left; they are filled up in the background.",
    ReloadCause.POOL_EXHAUSTED: "More new Backends of a profile came at once than there were spare slots.",
    ReloadCause.NEW_REGULAR_EXPRESSION: "A regular expression is new on this host: HAProxy compiles it when it starts.",
    ReloadCause.NEW_AFFINITY_COOKIE: "An affinity cookie has a new name: the frontends must know it, since it may decide between several backendRefs.",
    ReloadCause.COMPILED_RULES: "This HAProxy has no Lua, so conditions and filters are part of its configuration.",
    ReloadCause.ENTRY_TOO_LARGE: "An entry of a map is larger than the Runtime API takes (16 kB).",
    ReloadCause.CERTIFICATE_TOO_LARGE: "A certificate with its chain is larger than the Runtime API takes (16 kB).",
    ReloadCause.RUNTIME_FAILED: "HAProxy refused a command, or reading back showed something else than was ordered.",
    ReloadCause.DRIFT: "HAProxy does what nobody ordered, and no command puts it right.",
    ReloadCause.REQUESTED: "A person asked for it.",
}


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
    """The change is not live; `revision` names what still is ("" when nothing runs).

    `idle`: that leads nowhere: every host is answered 404. `waiting`: as of Postponed, where what needs no reload is live.
    """

    revision: str
    step: str
    refusals: tuple[Refusal, ...]
    seconds: float = 0.0
    idle: bool = False
    waiting: tuple[ObjectRef, ...] | None = None


@dataclass(frozen=True, slots=True)
class Postponed:
    """A reload is needed (`reasons`) and is not due for `seconds`; what could change at run time has. `revision` is live.

    The caller comes back with what is wanted by then. `waiting`: the objects whose change is not live, None: any may be one.
    """

    revision: str
    seconds: float
    reasons: tuple[ReloadReason, ...]
    commands: int = 0
    waiting: tuple[ObjectRef, ...] | None = None


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
class Capacity:
    """Room for new Backends that needs no reload. `spare`: free places by profile (a digest of what the Backends of one have
    in common); `resting`: left, and not free again yet; `spare_bytes`: memory that the free ones take, an estimate.
    `journal_bytes`: changes that the configuration's files do not have yet, as they are on disk.
    """

    spare: Mapping[str, int] = field(default_factory=dict)
    taken: int = 0
    resting: int = 0
    spare_bytes: int = 0
    journal_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Measurements:
    """`routes` by `namespace/name`, `clusters` by cluster name, `endpoints` by (cluster, endpoint)."""

    info: ProxyInfo
    routes: Mapping[str, Traffic] = field(default_factory=dict)
    clusters: Mapping[str, Traffic] = field(default_factory=dict)
    endpoints: Mapping[tuple[str, str], Traffic] = field(default_factory=dict)
    capacity: Capacity = Capacity()


class Proxy(Protocol):
    """A proxy that is supervised by this process."""

    async def start(self) -> None:
        """Bring the proxy up on the last known good configuration, else on one that answers 404 to everything."""

    async def apply(self, delivery: Delivery) -> Outcome:
        """Make `delivery` live: render, plan, apply, read back. Never raises for what users wrote, nor for a full disk.

        Returns at once, with Postponed, when it takes a reload that is not due.
        """

    async def observe(self) -> Observation:
        """The level of every endpoint now. Everything is read."""

    async def observe_changes(self) -> Observation:
        """The level of every endpoint: what `health_changed` woke for is read again, the rest is as it was."""

    async def health_changed(self) -> None:
        """Wait until the level of an endpoint may have changed. A hint: it may be for nothing, and may fail to come."""

    async def measure(self) -> Measurements:
        """Counters and facts, for metrics."""

    async def stop(self, drain: float) -> None:
        """Stop accepting, let requests finish for at most `drain` seconds, leave nothing behind."""
