"""The values a status is made of. Their JSON form is the `status` of the resource."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from haloy.api.conditions import ConditionStatus, ConditionType, Reason
from haloy.model.health import Health
from haloy.model.refs import ObjectRef


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, as Kubernetes writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Condition:
    """`since` is the time of the last change of `status` (lastTransitionTime)."""

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str
    observed_generation: int
    since: datetime

    def to_json(self) -> dict[str, Any]:
        return {
            "type": self.type.value,
            "status": self.status.value,
            "reason": self.reason.value,
            "message": self.message,
            "observedGeneration": self.observed_generation,
            "lastTransitionTime": timestamp(self.since),
        }


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    address: str
    port: int
    health: Health
    reason: str
    since: datetime
    seen_by: str
    hostname: str | None = None

    @property
    def key(self) -> str:
        """As the Endpoint's key: `10.0.0.5:8080` or `[2001:db8::1]:8080`."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def to_json(self) -> dict[str, Any]:
        named = {"hostname": self.hostname} if self.hostname else {}
        return {
            "address": self.address,
            "port": self.port,
            **named,
            "health": self.health.value,
            "reason": self.reason,
            "since": timestamp(self.since),
            "seenBy": self.seen_by,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """The status of one object. `columns` are the ready-made strings of printer columns, in camelCase."""

    ref: ObjectRef
    observed_generation: int
    conditions: tuple[Condition, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    endpoints: tuple[EndpointStatus, ...] = ()

    def condition(self, type: ConditionType) -> Condition | None:
        return next((condition for condition in self.conditions if condition.type is type), None)

    @property
    def ready(self) -> bool:
        condition = self.condition(ConditionType.READY)
        return condition is not None and condition.status is ConditionStatus.TRUE

    def to_json(self) -> dict[str, Any]:
        """The object as `/v1/status` shows it: its reference beside the resource's own `status`."""
        status: dict[str, Any] = {
            "observedGeneration": self.observed_generation,
            **self.columns,
            "conditions": [condition.to_json() for condition in self.conditions],
        }
        if self.ref.kind == "Backend":
            status["endpoints"] = [endpoint.to_json() for endpoint in self.endpoints]
        return {
            "kind": self.ref.kind,
            "metadata": {"namespace": self.ref.namespace, "name": self.ref.name},
            "status": status,
        }
