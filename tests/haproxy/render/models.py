"""Small Models, said shortly."""

from typing import Any

from haloy.model.cluster import Cluster, Endpoint
from haloy.model.filters import Filter
from haloy.model.listener import Bind, Fleet, Listener
from haloy.model.model import Model
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import (
    Candidate,
    HostKind,
    HostTls,
    Match,
    PathKind,
    PathMatch,
    Rule,
    Target,
    ValueMatch,
    VirtualHost,
)

ROUTE = ObjectRef("Route", "web", "shop")


def fleet(http: int, https: int | None = None, **changes: Any) -> Fleet:
    """Listeners on loopback; the public ports are the ports themselves."""
    listeners = [Listener("http", (Bind("127.0.0.1", http),), False, http)]
    listeners += [] if https is None else [Listener("https", (Bind("127.0.0.1", https),), True, https)]
    return Fleet(tuple(listeners), **changes)


def rule(name: str, *targets: str | Target, filters: tuple[Filter, ...] = (), **changes: Any) -> Rule:
    """The rule `web/shop:NAME`. A string is a cluster of weight 1."""
    listed = tuple(Target(target) if isinstance(target, str) else target for target in targets)
    return Rule(f"web/shop:{name}", FieldRef(ROUTE, f"spec.rules[{name}]"), filters, listed, **changes)


def candidate(
    rule: Rule,
    path: str = "",
    kind: PathKind = PathKind.PREFIX,
    method: str | None = None,
    headers: tuple[ValueMatch, ...] = (),
    query: tuple[ValueMatch, ...] = (),
) -> Candidate:
    return Candidate(Match(PathMatch(kind, path), method, headers, query), rule, rule.source)


def host(
    name: str,
    *candidates: Candidate,
    kind: HostKind | None = None,
    tls: HostTls | None = None,
    redirect_host: str | None = None,
) -> VirtualHost:
    """The kind follows from the name: `*` is ANY, `*.` a one-label wildcard."""
    guessed = HostKind.ANY if name == "*" else HostKind.ONE_LABEL if name.startswith("*.") else HostKind.EXACT
    return VirtualHost(name, kind or guessed, candidates, tls, redirect_host, (ROUTE,))


def cluster(name: str, *ports: int | Endpoint, **changes: Any) -> Cluster:
    """A Backend on loopback, by ports."""
    endpoints = [Endpoint("127.0.0.1", port) if isinstance(port, int) else port for port in ports]
    namespace, _, short = name.partition("/")
    return Cluster(name, ObjectRef("Backend", namespace, short), endpoints=tuple(endpoints), **changes)


def model(fleet: Fleet, hosts: list[VirtualHost], clusters: list[Cluster], **changes: Any) -> Model:
    hosts = sorted(hosts, key=lambda one: one.host)
    return Model(fleet, tuple(hosts), tuple(sorted(clusters, key=lambda one: one.name)), **changes)
