"""Backend: where traffic goes, and how."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints

from haloy.api.v1alpha1.allowedroutes import AllowedRoutes
from haloy.api.v1alpha1.base import ApiModel, ApiObject, Name
from haloy.api.v1alpha1.common import ExactHost, HeaderName, Port
from haloy.api.v1alpha1.durations import Between
from haloy.api.v1alpha1.host import is_ip, normalise_address
from haloy.api.v1alpha1.lists import ListMap, ListSet
from haloy.api.v1alpha1.patterns import HOST, LABEL, TOKEN
from haloy.api.v1alpha1.rule import Rule

Address = Annotated[
    str, StringConstraints(min_length=1, max_length=260, pattern=HOST), AfterValidator(normalise_address)
]
Protocol = Literal["http1", "h2", "h2c", "https"]
Algorithm = Literal["RoundRobin", "LeastConnections", "Random", "SourceIP", "URI", "Header", "First"]
RetryCondition = Literal[
    "connectFailure", "timeout", "401", "403", "404", "408", "425", "500", "501", "502", "503", "504"
]


class ServiceRef(ApiModel):
    """A port of a Service in the Backend's namespace; its EndpointSlices are the endpoints."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=LABEL)] = Field(
        description="Name of the Service.", examples=["shop"]
    )
    port: Port = Field(description="Port of the Service, by number.", examples=[80])


class Endpoint(ApiModel):
    """One server."""

    address: Address = Field(description="IP address, or a DNS name that haloy resolves.", examples=["10.0.0.5"])
    port: Port = Field(description="TCP port.", examples=[8080])
    weight: Annotated[int, Field(ge=0, le=256)] = Field(
        default=100,
        description="Share of the Backend's traffic, in proportion to the other weights; 0 gets none.",
        examples=[50],
    )
    backup: bool = Field(
        default=False, description="Whether it gets traffic only when all others are down.", examples=[True]
    )


class BackendTls(ApiModel):
    """How the endpoints' certificates are verified."""

    ca_secret_name: Name | None = Field(
        default=None,
        description="Secret whose ca.crt holds the CA certificates; without it the system's.",
        examples=["shop-ca"],
    )
    server_name: ExactHost | None = Field(
        default=None,
        description="Name sent as SNI and looked for in the certificate; without it each endpoint's own DNS name.",
        examples=["shop.internal"],
    )
    client_certificate_secret_name: Name | None = Field(
        default=None,
        description="Secret of type kubernetes.io/tls that haloy presents to the endpoints.",
        examples=["shop-client"],
    )


class LoadBalancing(ApiModel):
    """How an endpoint is chosen."""

    algorithm: Algorithm = Field(
        default="RoundRobin",
        description="RoundRobin, LeastConnections, Random, First (fills one endpoint after the other), or a hash of "
        "SourceIP, URI or Header.",
        examples=["LeastConnections"],
    )
    header: HeaderName | None = Field(
        default=None,
        description="The request header that is hashed; exactly with algorithm Header.",
        examples=["x-user"],
    )
    RULES: ClassVar = (
        Rule(
            "header-with-algorithm",
            "(self.algorithm == 'Header') == has(self.header)",
            "header is given exactly when algorithm is Header",
            lambda balancing: (balancing.algorithm == "Header") == (balancing.header is not None),
            field="header",
        ),
    )


class Cookie(ApiModel):
    """A cookie that binds a client to an endpoint."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TOKEN)] = Field(
        description="Name of the cookie.", examples=["SRV"]
    )
    max_age: Annotated[int, Between("1s", "8760h")] | None = Field(
        default=None, description="How long the binding lasts; without it until the browser closes.", examples=["1h"]
    )


class SessionAffinity(ApiModel):
    """What keeps a client at the endpoint that served it first."""

    cookie: Cookie = Field(
        description="Affinity by a cookie that haloy sets.", examples=[{"name": "SRV", "maxAge": "1h"}]
    )


class Connections(ApiModel):
    """Limits on the connections to the endpoints."""

    max_per_endpoint: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="Connections to one endpoint at once; further requests wait. Without it no limit.",
        examples=[100],
    )
    queue_timeout: Annotated[int, Between("1ms", "1h")] = Field(
        default="5s",
        validate_default=True,
        description="Longest wait for a free connection; then 503.",
        examples=["10s"],
    )
    connect_timeout: Annotated[int, Between("1ms", "5m")] = Field(
        default="5s",
        validate_default=True,
        description="Longest wait for an endpoint to accept a connection.",
        examples=["2s"],
    )
    send_proxy_protocol: Literal["v1", "v2"] | None = Field(
        default=None,
        description="Version of the PROXY protocol header that tells endpoints the client's address.",
        examples=["v2"],
    )


class Retry(ApiModel):
    """What is tried again, at another endpoint where there is one."""

    attempts: Annotated[int, Field(ge=0, le=10)] = Field(
        default=2, description="Repetitions after the first attempt; 0: none.", examples=[3]
    )
    on: Annotated[tuple[RetryCondition, ...], Field(strict=False, max_length=12), ListSet()] = Field(
        default=("connectFailure",),
        description="What is repeated: connectFailure, timeout, or a response status in quotes (401 403 404 408 425 "
        "500 to 504). Requests that are not idempotent are repeated after connectFailure only. Write the field's own "
        'name in quotes, "on": to kubectl\'s YAML a bare on means true.',
        examples=[["connectFailure", "503"]],
    )


def _verifiable(spec: "BackendSpec") -> bool:
    if spec.protocol not in ("h2", "https") or (spec.tls is not None and spec.tls.server_name is not None):
        return True
    return spec.service is None and not any(is_ip(endpoint.address) for endpoint in spec.endpoints)


class BackendSpec(ApiModel):
    """What the Backend is."""

    service: ServiceRef | None = Field(
        default=None,
        description="Endpoints from a Service's EndpointSlices. Either this or endpoints.",
        examples=[{"name": "shop", "port": 80}],
    )
    endpoints: Annotated[tuple[Endpoint, ...], Field(strict=False, max_length=512), ListMap(("address", "port"))] = (
        Field(
            default=(),
            description="Endpoints by address. Either this or service.",
            examples=[[{"address": "10.0.0.5", "port": 8080}]],
        )
    )
    protocol: Protocol = Field(
        default="http1",
        description="Protocol to the endpoints. http1; h2: HTTP/2 over TLS; h2c: HTTP/2 in the clear; "
        "https: HTTP/1.1 over TLS.",
        examples=["https"],
    )
    tls: BackendTls | None = Field(
        default=None,
        description="How TLS to the endpoints is verified; only with protocol h2 or https.",
        examples=[{"serverName": "shop.internal"}],
    )
    load_balancing: LoadBalancing = Field(
        default=LoadBalancing(), description="How an endpoint is chosen.", examples=[{"algorithm": "LeastConnections"}]
    )
    session_affinity: SessionAffinity | None = Field(
        default=None,
        description="Keeps a client at one endpoint; without it none.",
        examples=[{"cookie": {"name": "SRV"}}],
    )
    health_policy: Name | None = Field(
        default=None,
        description="HealthPolicy of the same namespace; without it a TCP check with the built-in defaults.",
        examples=["web-checks"],
    )
    connections: Connections = Field(
        default=Connections(), description="Limits on connections to the endpoints.", examples=[{"maxPerEndpoint": 100}]
    )
    retry: Retry = Field(default=Retry(), description="What is tried again.", examples=[{"attempts": 3}])
    allowed_routes: AllowedRoutes = Field(
        default=AllowedRoutes(), description="Who may refer to the Backend.", examples=[{"namespaces": {"from": "All"}}]
    )
    RULES: ClassVar = (
        Rule(
            "service-or-endpoints",
            "has(self.service) != (has(self.endpoints) && self.endpoints.size() > 0)",
            "a Backend has either service or at least one of endpoints",
            lambda spec: (spec.service is not None) != bool(spec.endpoints),
        ),
        Rule(
            "tls-with-protocol",
            "!has(self.tls) || self.protocol in ['h2', 'https']",
            "tls needs protocol h2 or https; set one of them, or leave tls out",
            lambda spec: spec.tls is None or spec.protocol in ("h2", "https"),
            field="tls",
        ),
        Rule(
            "tls-server-name",
            "!(self.protocol in ['h2', 'https']) || (has(self.tls) && has(self.tls.serverName)) || "
            "!(has(self.service) || has(self.endpoints) && self.endpoints.exists(e, e.address.matches('^[0-9.]+$|:')))",
            "protocol h2 or https with a service or an IP address needs tls.serverName, the name in the endpoints' "
            "certificate",
            _verifiable,
            field="tls.serverName",
        ),
    )


class Backend(ApiObject):
    """A group of endpoints that serve the same thing, and how they are spoken to."""

    api_version: Literal["haloy.dev/v1alpha1"]
    kind: Literal["Backend"]
    spec: BackendSpec
