"""Hosts, matches and rules: which request goes where."""

from dataclasses import dataclass
from enum import Enum

from haloy.model.filters import Filter
from haloy.model.refs import FieldRef, ObjectRef


class PathKind(Enum):
    """Values are the API's words; the order of the members is the order of precedence."""

    EXACT = "Exact"
    PREFIX = "PathPrefix"
    REGEX = "RegularExpression"


class ValueKind(Enum):
    """How the value of a header or query parameter is compared: as a whole, in both."""

    EXACT = "Exact"
    REGEX = "RegularExpression"


@dataclass(frozen=True, slots=True)
class PathMatch:
    """`value`: for EXACT the path, for PREFIX the path without a trailing slash (`/` itself is the empty string),
    for REGEX an expression that must match the whole path."""

    kind: PathKind
    value: str


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """A header (name lower-case) or a query parameter (name as written) and what its value must be."""

    name: str
    kind: ValueKind
    value: str


@dataclass(frozen=True, slots=True)
class Match:
    """All parts must hold. REGEX values must match the whole value."""

    path: PathMatch
    method: str | None = None
    headers: tuple[ValueMatch, ...] = ()
    query: tuple[ValueMatch, ...] = ()

    @property
    def only_path(self) -> bool:
        """True when the path decides alone: such a match shadows all that come after it on the same path."""
        return self.method is None and not self.headers and not self.query


@dataclass(frozen=True, slots=True)
class Target:
    """Where a share of a rule's traffic goes. `cluster` None: the reference does not resolve, its share answers 500
    (Gateway API, HTTPRouteRule.backendRefs). `weight` 0 to 1,000,000."""

    cluster: str | None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a Route.

    `id` is `namespace/name:rule`, where rule is the rule's own name or its index: unique, stable, and safe by construction
    (DNS-1123 names only). `targets` is empty when a filter answers by itself (RequestRedirect, DirectResponse);
    without such a filter empty targets, or targets of total weight 0, answer 500. Time-outs are milliseconds.
    """

    id: str
    source: FieldRef
    filters: tuple[Filter, ...] = ()
    targets: tuple[Target, ...] = ()
    request_timeout: int | None = None
    tunnel_timeout: int | None = None
    retryable: bool = True

    @property
    def route(self) -> ObjectRef:
        return self.source.ref


@dataclass(frozen=True, slots=True)
class Candidate:
    """A match and the rule that it leads to. A VirtualHost keeps them in order of precedence: the first that holds wins."""

    match: Match
    rule: Rule
    source: FieldRef


class HostKind(Enum):
    """Which names a virtual host answers to."""

    EXACT = "exact"
    ONE_LABEL = "one-label"
    """`*.example.com` stands for exactly one label (haloy's Routes)."""
    MANY_LABELS = "many-labels"
    """`*.example.com` stands for one or more labels (the Gateway API's listeners)."""
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Hsts:
    """RFC 6797. `max_age` in seconds."""

    max_age: int
    include_subdomains: bool = False
    preload: bool = False

    @property
    def header_value(self) -> str:
        parts = [f"max-age={self.max_age}"]
        parts += ["includeSubDomains"] if self.include_subdomains else []
        parts += ["preload"] if self.preload else []
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class HostTls:
    """`certificate`: the name of a Certificate of the Model, None: the self-signed fallback is served.
    `min_version` "1.2" or "1.3"; `redirect`: plain HTTP is sent to HTTPS."""

    certificate: str | None = None
    redirect: bool = False
    min_version: str = "1.2"
    hsts: Hsts | None = None


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """One host and everything that may happen on it; the unit of translation.

    `host` is normalised: lower-case A-labels, no port, no trailing dot; `*.example.com` for wildcards, `*` for ANY.
    `candidates` is sorted by precedence (haloy design, "Match precedence"). `redirect_host`: every request is redirected
    to this canonical host (308). `sources`: the Routes that name the host, sorted.
    """

    host: str
    kind: HostKind
    candidates: tuple[Candidate, ...] = ()
    tls: HostTls | None = None
    redirect_host: str | None = None
    sources: tuple[ObjectRef, ...] = ()
