"""Short ways to write values of the Model."""

from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import Candidate, HostKind, Match, PathMatch, Rule, ValueMatch, VirtualHost


def candidate(
    rule: str,
    path: PathMatch,
    method: str | None = None,
    headers: tuple[ValueMatch, ...] = (),
    query: tuple[ValueMatch, ...] = (),
) -> Candidate:
    """A candidate of the Route web/shop that leads to the rule named `rule`."""
    source = FieldRef(ObjectRef("Route", "web", "shop"), "spec.rules[0]")
    return Candidate(Match(path, method, headers, query), Rule(f"web/shop:{rule}", source), source)


def host(name: str, kind: HostKind, *candidates: Candidate) -> VirtualHost:
    return VirtualHost(name, kind, candidates)
