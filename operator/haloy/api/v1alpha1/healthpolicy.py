"""HealthPolicy: how endpoints are checked."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from haloy.api.v1alpha1.base import ApiModel, ApiObject
from haloy.api.v1alpha1.common import Authority, HttpHeader
from haloy.api.v1alpha1.durations import Between
from haloy.api.v1alpha1.lists import ListSet
from haloy.api.v1alpha1.patterns import GRPC_SERVICE, PRINTABLE, STATUS_RANGE, TARGET
from haloy.api.v1alpha1.rule import Rule

StatusRange = Annotated[str, StringConstraints(min_length=3, max_length=7, pattern=STATUS_RANGE)]
Threshold = Annotated[int, Field(ge=1, le=100)]


def _ranges(texts: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    pairs = (text.partition("-") for text in texts)
    return tuple((int(low), int(high or low)) for low, _, high in pairs)


class HttpCheck(ApiModel):
    """A request, and the response that counts as a pass."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=TARGET)] = Field(
        default="/", description="Path of the request, with a query if need be.", examples=["/healthz"]
    )
    method: Literal["GET", "HEAD", "OPTIONS", "POST"] = Field(
        default="GET", description="Method of the request.", examples=["HEAD"]
    )
    host: Authority | None = Field(
        default=None,
        description="Host header of the request; without it the endpoint's address.",
        examples=["shop.internal"],
    )
    headers: Annotated[tuple[HttpHeader, ...], Field(strict=False, max_length=16)] = Field(
        default=(), description="Further headers of the request.", examples=[[{"name": "user-agent", "value": "haloy"}]]
    )
    expected_statuses: Annotated[
        tuple[StatusRange, ...], Field(strict=False, min_length=1, max_length=16), ListSet()
    ] = Field(
        default=("200-399",),
        description="Statuses that pass: numbers or ranges, in quotes.",
        examples=[["200-299", "304"]],
    )
    expected_body: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=PRINTABLE)] | None = Field(
        default=None, description="Text that the body must contain; without it every body passes.", examples=["ok"]
    )
    RULES: ClassVar = (
        Rule(
            "status-range-order",
            "self.expectedStatuses.all(s, s.size() == 3 || s.substring(0, 3) <= s.substring(4))",
            "a range of statuses runs from the lower to the higher, for example 200-399",
            lambda check: all(low <= high for low, high in check.statuses),
            field="expectedStatuses",
        ),
        Rule(
            "head-has-no-body",
            "self.method != 'HEAD' || !has(self.expectedBody)",
            "a response to HEAD has no body; use method GET or leave expectedBody out",
            lambda check: check.method != "HEAD" or check.expected_body is None,
            field="expectedBody",
        ),
    )

    @property
    def statuses(self) -> tuple[tuple[int, int], ...]:
        """`expectedStatuses` as inclusive ranges."""
        return _ranges(self.expected_statuses)


class TcpCheck(ApiModel):
    """A connection that is accepted is a pass. It has no settings."""


class GrpcCheck(ApiModel):
    """The standard gRPC health check; SERVING is a pass."""

    service: Annotated[str, StringConstraints(max_length=256, pattern=GRPC_SERVICE)] = Field(
        default="", description="Name of the gRPC service; empty: the server as a whole.", examples=["shop.v1.Orders"]
    )


class PassiveCheck(ApiModel):
    """What errors in live traffic do."""

    consecutive_errors: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=10,
        description="Errors in a row (connection failures, responses 500 to 599) that trigger onError.",
        examples=[5],
    )
    on_error: Literal["MarkDown", "FastCheck"] = Field(
        default="MarkDown",
        description="MarkDown takes the endpoint out until active checks pass; FastCheck checks it at once and more "
        "often.",
        examples=["FastCheck"],
    )


class HealthPolicySpec(ApiModel):
    """How endpoints are checked."""

    http: HttpCheck | None = Field(
        default=None,
        description="Check by an HTTP request. Exactly one of http, tcp and grpc.",
        examples=[{"path": "/healthz"}],
    )
    tcp: TcpCheck | None = Field(default=None, description="Check by a TCP connection: write tcp: {}.", examples=[{}])
    grpc: GrpcCheck | None = Field(
        default=None, description="Check by the gRPC health protocol.", examples=[{"service": "shop.v1.Orders"}]
    )
    interval: Annotated[int, Between("100ms", "1h")] = Field(
        default="15s",
        validate_default=True,
        description="Time between the starts of two checks of an endpoint.",
        examples=["10s"],
    )
    timeout: Annotated[int, Between("10ms", "1h")] = Field(
        default="5s",
        validate_default=True,
        description="Longest wait for a check's answer; at most interval.",
        examples=["2s"],
    )
    unhealthy_threshold: Threshold = Field(
        default=3, description="Failures in a row that make an endpoint unhealthy.", examples=[2]
    )
    healthy_threshold: Threshold = Field(
        default=2, description="Passes in a row that make an endpoint healthy again.", examples=[1]
    )
    slow_start: Annotated[int, Between("1s", "1h")] | None = Field(
        default=None,
        description="Time in which an endpoint that became healthy rises to its full share; without it at once.",
        examples=["30s"],
    )
    start_unhealthy: bool = Field(
        default=False,
        description="Whether a new endpoint gets no traffic before its first passes. Otherwise it gets traffic at "
        "once.",
        examples=[True],
    )
    passive: PassiveCheck | None = Field(
        default=None,
        description="What errors in live traffic do; without it nothing.",
        examples=[{"consecutiveErrors": 5}],
    )
    RULES: ClassVar = (
        Rule(
            "one-kind-of-check",
            "[has(self.http), has(self.tcp), has(self.grpc)].filter(given, given).size() == 1",
            "a HealthPolicy has exactly one of http, tcp and grpc; a check by connection is written tcp: {}",
            lambda spec: sum(check is not None for check in (spec.http, spec.tcp, spec.grpc)) == 1,
        ),
        Rule(
            "timeout-within-interval",
            "duration(self.timeout) <= duration(self.interval)",
            "timeout is at most interval; shorten timeout or lengthen interval",
            lambda spec: spec.timeout <= spec.interval,
            field="timeout",
        ),
    )


class HealthPolicy(ApiObject):
    """How the endpoints of the Backends that name it are checked."""

    api_version: Literal["haloy.dev/v1alpha1"]
    kind: Literal["HealthPolicy"]
    spec: HealthPolicySpec
