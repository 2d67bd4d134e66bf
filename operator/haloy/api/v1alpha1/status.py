"""The status of every kind, for the CRDs: what haloy writes, never what it reads."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from haloy.api.v1alpha1.lists import ListMap

Text = Annotated[str, StringConstraints(max_length=1024)]
ShortText = Annotated[str, StringConstraints(max_length=253)]
Health = Literal["Healthy", "Degraded", "Unhealthy", "Unknown"]

WAITING: dict[str, Any] = {
    "conditions": [
        {
            "type": kind,
            "status": "Unknown",
            "reason": "Pending",
            "message": "Waiting for controller",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
        for kind in ("Accepted", "Ready")
    ]
}
"""The status of an object that no haloy has seen yet (as in the Gateway API)."""


class _StatusModel(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class Condition(_StatusModel):
    """One aspect of the object's state (metav1.Condition)."""

    type: Annotated[str, StringConstraints(max_length=316, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$")] = (
        Field(description="Which aspect.", examples=["Ready"])
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.", examples=["True"])
    observed_generation: Annotated[int, Field(ge=0)] = Field(
        default=0, description="The metadata.generation that this is about.", examples=[3]
    )
    last_transition_time: datetime = Field(description="When status last changed.", examples=["2026-01-31T12:00:00Z"])
    reason: Annotated[
        str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    ] = Field(description="Why, in one word for programs.", examples=["Conflicted"])
    message: Annotated[str, StringConstraints(max_length=32768)] = Field(
        description="Why, for people: object, field, value, expectation, remedy.", examples=["2 of 2 proxies have it"]
    )


class Status(_StatusModel):
    """What haloy found out about the object. Written by haloy alone."""

    observed_generation: Annotated[int, Field(ge=0)] = Field(
        default=0, description="The metadata.generation that the whole status is about.", examples=[3]
    )
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), ListMap(("type",))] = Field(
        default=(), description="The aspects of the state, one each.", examples=[[{"type": "Ready", "status": "True"}]]
    )


class IngressPoint(_StatusModel):
    """An address under which clients reach the proxies."""

    ip: Annotated[str, StringConstraints(max_length=45)] | None = Field(
        default=None, description="IP address.", examples=["192.0.2.1"]
    )
    hostname: ShortText | None = Field(default=None, description="DNS name.", examples=["lb.example.com"])


class LoadBalancer(_StatusModel):
    """Where clients reach the Route."""

    ingress: Annotated[tuple[IngressPoint, ...], Field(max_length=64)] = Field(
        default=(), description="Addresses of the proxies; never blanked once known.", examples=[[{"ip": "192.0.2.1"}]]
    )


class RouteStatus(Status):
    """What haloy found out about the Route. Written by haloy alone."""

    hosts: Text | None = Field(default=None, description="The hosts, for printing.", examples=["shop.example.com +2"])
    backends: ShortText | None = Field(
        default=None, description="Endpoints behind the Route that are healthy, of all.", examples=["3/4"]
    )
    proxies: ShortText | None = Field(
        default=None, description="Proxies that have the Route, of those ready.", examples=["2/2"]
    )
    certificate_expires: ShortText | None = Field(
        default=None, description="When the certificate ends, for printing.", examples=["2026-06-30"]
    )
    load_balancer: LoadBalancer | None = Field(
        default=None, description="Where clients reach the Route.", examples=[{"ingress": [{"ip": "192.0.2.1"}]}]
    )


class EndpointStatus(_StatusModel):
    """The health of one endpoint, merged over the proxies."""

    address: ShortText = Field(description="IP address.", examples=["10.0.0.5"])
    port: Annotated[int, Field(ge=1, le=65535)] = Field(description="TCP port.", examples=[8080])
    hostname: ShortText | None = Field(
        default=None, description="The DNS name that the address was resolved from.", examples=["shop.internal"]
    )
    health: Health = Field(
        description="Healthy on every proxy, Unhealthy on all, Degraded when they differ, Unknown without a result.",
        examples=["Healthy"],
    )
    reason: Text | None = Field(default=None, description="The check's own words.", examples=["L7STS/503"])
    since: datetime | None = Field(default=None, description="When health began.", examples=["2026-01-31T12:00:00Z"])
    seen_by: ShortText | None = Field(
        default=None, description="Proxies that find it up, of those that report.", examples=["2/2"]
    )


class BackendStatus(Status):
    """What haloy found out about the Backend. Written by haloy alone."""

    up: ShortText | None = Field(default=None, description="Endpoints that are up, of all.", examples=["3/4"])
    algorithm: ShortText | None = Field(
        default=None, description="How an endpoint is chosen, for printing.", examples=["RoundRobin"]
    )
    health: Health | None = Field(default=None, description="The endpoints' health in a word.", examples=["Degraded"])
    check: Text | None = Field(
        default=None, description="The check, for printing.", examples=["GET /healthz every 15s"]
    )
    endpoints: Annotated[tuple[EndpointStatus, ...], Field(max_length=4096)] = Field(
        default=(),
        description="The health of each endpoint.",
        examples=[[{"address": "10.0.0.5", "port": 8080, "health": "Healthy"}]],
    )


class HealthPolicyStatus(Status):
    """What haloy found out about the HealthPolicy. Written by haloy alone."""

    check: Text | None = Field(
        default=None, description="The check, for printing.", examples=["GET /healthz every 15s"]
    )
    targets: ShortText | None = Field(default=None, description="How many Backends use it.", examples=["3"])
