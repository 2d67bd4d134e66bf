"""Route: which requests go where."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, StringConstraints, field_validator

from haloy.api.problems import Problem
from haloy.api.v1alpha1.base import ApiModel, ApiObject, Name, Namespace
from haloy.api.v1alpha1.common import ExactHost, Host
from haloy.api.v1alpha1.durations import Between
from haloy.api.v1alpha1.filters import TERMINAL, Filter
from haloy.api.v1alpha1.lists import ListMap, ListSet
from haloy.api.v1alpha1.matches import Match
from haloy.api.v1alpha1.patterns import PRINTABLE, RULE_NAME
from haloy.api.v1alpha1.rule import Rule

FilePath = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=PRINTABLE)]
RuleName = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=RULE_NAME)]
FILES_ONLY: dict[str, JsonValue] = {"x-haloy-files-only": True}
"""Marks a field that objects in files have and objects in a cluster have not."""
_YEAR = 8760 * 3_600_000


class Hsts(ApiModel):
    """HTTP Strict Transport Security (RFC 6797)."""

    max_age: Annotated[int, Between("0s", "87600h")] = Field(
        default="8760h",
        validate_default=True,
        description="How long browsers insist on HTTPS; 0s makes them forget.",
        examples=["17520h"],
    )
    include_sub_domains: bool = Field(
        default=False, description="Whether it holds for all subdomains too.", examples=[True]
    )
    preload: bool = Field(
        default=False, description="Whether browsers may build the host into their preload list.", examples=[True]
    )
    RULES: ClassVar = (
        Rule(
            "hsts-preload",
            "!self.preload || (self.includeSubDomains && duration(self.maxAge) >= duration('8760h'))",
            "preload needs includeSubDomains: true and a maxAge of at least 8760h (hstspreload.org)",
            lambda hsts: not hsts.preload or (hsts.include_sub_domains and hsts.max_age >= _YEAR),
            field="preload",
        ),
    )


class Tls(ApiModel):
    """TLS for the Route's hosts. Without a certificate of its own a host is served with haloy's self-signed one."""

    secret_name: Name | None = Field(
        default=None, description="Secret of type kubernetes.io/tls in the Route's namespace.", examples=["shop-tls"]
    )
    crt_file: FilePath | None = Field(
        default=None,
        description="PEM file with the certificate and its chain, relative to the manifest.",
        examples=["shop.crt"],
        json_schema_extra=FILES_ONLY,
    )
    key_file: FilePath | None = Field(
        default=None,
        description="PEM file with the private key, relative to the manifest.",
        examples=["shop.key"],
        json_schema_extra=FILES_ONLY,
    )
    issuer: Literal["acme", "selfSigned"] | None = Field(
        default=None, description="Who makes the certificate: acme or selfSigned.", examples=["selfSigned"]
    )
    redirect: bool = Field(
        default=False, description="Whether plain HTTP is redirected to HTTPS (308).", examples=[True]
    )
    min_version: Literal["1.2", "1.3"] = Field(
        default="1.2", description="Lowest TLS version: 1.2 or 1.3.", examples=["1.3"]
    )
    hsts: Hsts | None = Field(
        default=None,
        description="Strict-Transport-Security; without it the header is not sent.",
        examples=[{"maxAge": "8760h"}],
    )
    RULES: ClassVar = (
        Rule(
            "tls-one-certificate",
            "!(has(self.secretName) && has(self.issuer))",
            "the certificate comes from one place: keep one of secretName, issuer, and crtFile with keyFile",
            lambda tls: (
                sum((tls.secret_name is not None, tls.issuer is not None, bool(tls.crt_file or tls.key_file))) <= 1
            ),
        ),
    )

    def own_problems(self) -> Iterable[Problem]:
        if (self.crt_file is None) != (self.key_file is None):
            missing = "crtFile" if self.crt_file is None else "keyFile"
            yield Problem(
                missing, "", "crtFile and keyFile come together: the certificate and its private key, each a PEM file"
            )


class BackendRef(ApiModel):
    """A Backend and its share of the rule's traffic."""

    name: Name = Field(description="Name of the Backend.", examples=["shop"])
    namespace: Namespace | None = Field(
        default=None,
        description="Namespace of the Backend; without it the Route's. Another namespace's Backend must allow it "
        "(allowedRoutes).",
        examples=["web"],
    )
    weight: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=1, description="Share of the traffic, in proportion to the other weights; 0 gets none.", examples=[90]
    )


class Timeouts(ApiModel):
    """Time-outs of one rule."""

    request: Annotated[int, Between("10ms", "24h")] | None = Field(
        default=None,
        description="Longest wait for the response's headers and between two reads; not a total deadline. Without it "
        "the administrator's setting, 30s.",
        examples=["30s"],
    )
    tunnel: Annotated[int, Between("1s", "480h")] | None = Field(
        default=None,
        description="Longest silence on a WebSocket or another tunnel. Without it the administrator's setting, 1h.",
        examples=["1h"],
    )


_CEL_REPLACES_PREFIX = " || ".join(
    f"has(f.{field}) && has(f.{field}.path) && f.{field}.path.type == 'ReplacePrefixMatch'"
    for field in ("urlRewrite", "requestRedirect")
)


def _replaces_prefix(rule: "RouteRule") -> bool:
    changed = [item.url_rewrite or item.request_redirect for item in rule.filters]
    return any(
        item is not None and item.path is not None and item.path.type == "ReplacePrefixMatch" for item in changed
    )


class RouteRule(ApiModel):
    """Matches, and what happens to the requests that they hold for."""

    name: RuleName | None = Field(
        default=None, description="Name for logs, metrics and messages; without it the rule's index.", examples=["api"]
    )
    matches: Annotated[tuple[Match, ...], Field(strict=False, max_length=16)] = Field(
        default=(Match(),),
        description="Alternatives: the rule applies if one of them holds. Empty: every path.",
        examples=[[{"path": {"type": "PathPrefix", "value": "/api"}}]],
    )
    filters: Annotated[tuple[Filter, ...], Field(strict=False, max_length=8), ListMap(("type",))] = Field(
        default=(),
        description="What happens to request and response on the way, each type at most once.",
        examples=[[{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]],
    )
    backend_refs: Annotated[tuple[BackendRef, ...], Field(strict=False, max_length=16)] = Field(
        default=(), description="Where the requests go, by weight.", examples=[[{"name": "shop", "weight": 90}]]
    )
    timeouts: Timeouts = Field(default=Timeouts(), description="Time-outs of this rule.", examples=[{"request": "30s"}])
    retryable: bool = Field(
        default=True,
        description="Whether the Backend's retries on responses (HTTP errors, time-outs) apply here.",
        examples=[False],
    )
    RULES: ClassVar = (
        Rule(
            "no-redirect-with-rewrite",
            "!has(self.filters) || !(self.filters.exists(f, f.type == 'URLRewrite') && "
            "self.filters.exists(f, f.type in ['RequestRedirect', 'DirectResponse']))",
            "URLRewrite changes what a backend sees, and with RequestRedirect or DirectResponse none sees it; keep "
            "one of them",
            lambda rule: (
                not (
                    any(item.type == "URLRewrite" for item in rule.filters)
                    and any(item.type in TERMINAL for item in rule.filters)
                )
            ),
            field="filters",
        ),
        Rule(
            "one-terminal-filter",
            "!has(self.filters) || self.filters.filter(f, f.type in ['RequestRedirect', 'DirectResponse']).size() <= 1",
            "RequestRedirect and DirectResponse both answer the request; keep one of them",
            lambda rule: sum(item.type in TERMINAL for item in rule.filters) <= 1,
            field="filters",
        ),
        Rule(
            "backends-or-answer",
            "(has(self.backendRefs) && self.backendRefs.size() > 0) != (has(self.filters) && "
            "self.filters.exists(f, f.type in ['RequestRedirect', 'DirectResponse']))",
            "a rule has either backendRefs or a filter that answers by itself (RequestRedirect, DirectResponse)",
            lambda rule: bool(rule.backend_refs) != any(item.type in TERMINAL for item in rule.filters),
            field="backendRefs",
        ),
        Rule(
            "prefix-replacement-needs-prefix",
            f"!has(self.filters) || !self.filters.exists(f, {_CEL_REPLACES_PREFIX}) || "
            "self.matches.all(m, m.path.type == 'PathPrefix')",
            "ReplacePrefixMatch needs matches that all have a path of type PathPrefix; use ReplaceFullPath or change "
            "the matches",
            lambda rule: not _replaces_prefix(rule) or all(match.path.type == "PathPrefix" for match in rule.matches),
            field="filters",
        ),
    )

    @field_validator("matches")
    @classmethod
    def _at_least_one(cls, matches: tuple[Match, ...]) -> tuple[Match, ...]:
        return matches or (Match(),)


def _named_once(spec: "RouteSpec") -> bool:
    names = [rule.name for rule in spec.rules if rule.name is not None]
    return len(names) == len(set(names))


class RouteSpec(ApiModel):
    """What the Route wants."""

    proxy_class: Name = Field(
        default="default", description="Which fleet of proxies serves the Route.", examples=["internal"]
    )
    hosts: Annotated[tuple[Host, ...], Field(strict=False, max_length=64), ListSet()] = Field(
        default=(),
        description="Hosts, exact or with a one-level wildcard (*.example.com); * or none: every host.",
        examples=[["shop.example.com", "*.shop.example.com"]],
    )
    canonical_host: ExactHost | None = Field(
        default=None, description="The one host that the others are redirected (308) to.", examples=["shop.example.com"]
    )
    tls: Tls | None = Field(
        default=None,
        description="TLS for the hosts; without it they are served over plain HTTP.",
        examples=[{"secretName": "shop-tls"}],
    )
    rules: Annotated[tuple[RouteRule, ...], Field(strict=False, min_length=1, max_length=128)] = Field(
        description="What happens to requests. The most specific match wins, not the first.",
        examples=[[{"backendRefs": [{"name": "shop"}]}]],
    )
    RULES: ClassVar = (
        Rule(
            "rule-names-once",
            "self.rules.all(a, !has(a.name) || self.rules.exists_one(b, has(b.name) && b.name == a.name))",
            "the names of rules are unique within a Route; rename one",
            _named_once,
            field="rules",
        ),
    )


class Route(ApiObject):
    """Sends requests for hosts, by path, method, headers and query parameters, to Backends."""

    api_version: Literal["haloy.dev/v1alpha1"]
    kind: Literal["Route"]
    spec: RouteSpec
