"""Route → everything that can be said of it alone, before other Routes are asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from haloy.api.conditions import Finding
from haloy.api.v1alpha1 import Route
from haloy.model.refs import ObjectRef
from haloy.translate.matches import PathKey, path_key
from haloy.translate.reads import Reads
from haloy.translate.refused import refused_findings
from haloy.translate.rules import RankedCandidate, concerns_a_rule, regexes_of, translate_rules
from haloy.translate.tls import RouteTls, certificate_secret, translate_tls

_NO_AGE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """What other units have to know of a Route before it is translated. `regexes`: how many expressions it has."""

    created: datetime | None
    hosts: tuple[str, ...]
    certificate: ObjectRef | None
    regexes: int


def facts_of(route: Route) -> RouteFacts:
    """What others need to know of a Route that is not translated yet."""
    return RouteFacts(route.created, hosts_of(route), certificate_secret(route), regexes_of(route))


@dataclass(frozen=True, slots=True)
class RouteUnit:
    """One Route, translated. `refused`: nothing of it is to be served, though its hosts remain claimed.

    `tls`: what the user asked for, as text by which two Routes are compared; `host_tls`: what that comes to. `paths`: the candidates
    by path, in the same order.
    """

    ref: ObjectRef
    created: datetime | None
    hosts: tuple[str, ...]
    canonical: str | None
    tls: str | None
    host_tls: RouteTls
    candidates: tuple[RankedCandidate, ...]
    paths: Mapping[PathKey, tuple[RankedCandidate, ...]]
    findings: tuple[Finding, ...]
    refused: bool = False


Claim = tuple[datetime, ObjectRef]
"""A Route among those that want the same; the smaller is the senior."""


def seniority(ref: ObjectRef, created: datetime | None) -> Claim:
    """Who goes first where two Routes want the same: the older, then by namespace and name. Without age (files): later
    than any with one, and by name among themselves. A total order, so that no order of arrival matters."""
    return (created if created is not None else _NO_AGE), ref


def hosts_of(route: Route) -> tuple[str, ...]:
    """The hosts of `route`, sorted. The canonical host is one of them even if not listed: the others lead there."""
    spec = route.spec
    named = set(spec.hosts) or {"*"}
    return tuple(sorted(named | {spec.canonical_host} if spec.canonical_host is not None else named))


def translate_route(route: Route, reads: Reads, *, require_grants: bool) -> RouteUnit:
    """One Route by itself; conflicts with others are decided later. `require_grants`: references across namespaces need one."""
    hosts = hosts_of(route)
    complaints = reads.refused(route.ref)
    if any(not concerns_a_rule(path) for path, _ in complaints):
        return RouteUnit(
            route.ref,
            route.created,
            hosts,
            canonical=None,
            tls=None,
            host_tls=RouteTls(),
            candidates=(),
            paths={},
            findings=refused_findings(complaints),
            refused=True,
        )
    rules = translate_rules(route, reads, require_grants=require_grants, complaints=complaints)
    tls = translate_tls(route, hosts, reads)
    return RouteUnit(
        route.ref,
        route.created,
        hosts,
        canonical=route.spec.canonical_host,
        tls=route.spec.tls.model_dump_json() if route.spec.tls is not None else None,
        host_tls=tls,
        candidates=rules.candidates,
        paths=_by_path(rules.candidates),
        findings=(*rules.findings, *tls.findings),
    )


def _by_path(candidates: Sequence[RankedCandidate]) -> dict[PathKey, tuple[RankedCandidate, ...]]:
    found: dict[PathKey, list[RankedCandidate]] = {}
    for item in candidates:
        found.setdefault(path_key(item.candidate.match), []).append(item)
    return {key: tuple(items) for key, items in found.items()}
