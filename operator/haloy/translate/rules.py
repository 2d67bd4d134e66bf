"""One rule of a Route: where its traffic goes, and under which matches."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason
from haloy.api.v1alpha1 import Route
from haloy.api.v1alpha1.route import RouteRule
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import Candidate, Rule, Target
from haloy.translate.filters import translate_filters
from haloy.translate.matches import Precedence, precedence, regexes_in, translate_match, words
from haloy.translate.reads import Reads
from haloy.translate.references import resolve_ref, unresolved
from haloy.translate.refused import Complaints, refused_part
from haloy.translate.shares import Share

MAX_WEIGHT = 1_000_000
_IN_RULE = re.compile(r"spec\.rules\[(\d+)\](?:\.matches\[(\d+)\])?(.*)")


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """A candidate and its place, as far as the match alone decides it."""

    precedence: Precedence
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a Route. `candidates` is in order of precedence, then of the rules."""

    candidates: tuple[RankedCandidate, ...] = ()
    findings: tuple[Finding, ...] = ()


def rule_id(route: ObjectRef, index: int, rule: RouteRule) -> str:
    """`namespace/name:rule`. Names begin with a letter, so a name is never another rule's index."""
    return f"{route.key}:{rule.name if rule.name is not None else index}"


def translate_rules(route: Route, reads: Reads, *, require_grants: bool, complaints: Complaints) -> Rules:
    """`complaints`: the parts that the proxy refused."""
    candidates: list[RankedCandidate] = []
    findings: list[Finding] = []
    share = reads.regexes(route.ref)
    left = share.left if share is not None else 0
    for index, item in enumerate(route.spec.rules):
        path = f"spec.rules[{index}]"
        complaint = _about(index, complaints)
        if complaint.rule is not None:
            findings.append(refused_part(path, complaint.rule, "this rule is left out"))
            continue
        rule, problems = _rule(route, index, item, reads, require_grants)
        if _total_weight(item) == 0 and item.backend_refs:
            findings.append(_no_weight(path))
        if complaint.part is not None:
            findings.append(refused_part(*complaint.part, "the rule answers 500"))
            rule = replace(rule, filters=(), targets=())
        findings += problems
        for place, written in enumerate(item.matches):
            source = f"{path}.matches[{place}]"
            if place in complaint.matches:
                findings.append(refused_part(source, complaint.matches[place], "this match is left out"))
                continue
            match = translate_match(written)
            expressions = regexes_in(match)
            if share is not None and expressions:
                if expressions > left:
                    findings.append(_too_many_regexes(source, words(match), route.ref.namespace, share))
                    continue
                left -= expressions
            candidates.append(RankedCandidate(precedence(match), Candidate(match, rule, FieldRef(route.ref, source))))
    candidates.sort(key=lambda ranked: ranked.precedence)
    return Rules(tuple(candidates), tuple(findings))


def regexes_of(route: Route) -> int:
    """How many expressions the matches of `route` have."""
    return sum(regexes_in(translate_match(match)) for rule in route.spec.rules for match in rule.matches)


def _rule(
    route: Route, index: int, item: RouteRule, reads: Reads, require_grants: bool
) -> tuple[Rule, tuple[Finding, ...]]:
    targets, findings = _targets(route, index, item, reads, require_grants)
    rule = Rule(
        id=rule_id(route.ref, index, item),
        source=FieldRef(route.ref, f"spec.rules[{index}]"),
        filters=translate_filters(item.filters),
        targets=targets,
        request_timeout=item.timeouts.request,
        tunnel_timeout=item.timeouts.tunnel,
        retryable=item.retryable,
    )
    return rule, findings


def _targets(
    route: Route, index: int, item: RouteRule, reads: Reads, require_grants: bool
) -> tuple[tuple[Target, ...], tuple[Finding, ...]]:
    """One Target a cluster, sorted by name; what does not resolve is one Target of its own, with its weight (500)."""
    weights: dict[str | None, int] = {}
    findings: list[Finding] = []
    total = _total_weight(item)
    for place, ref in enumerate(item.backend_refs):
        path = f"spec.rules[{index}].backendRefs[{place}]"
        target = ObjectRef("Backend", ref.namespace or route.ref.namespace, ref.name)
        consequence = _consequence(ref.weight, total)
        found = resolve_ref(reads, route.ref, path, target, require_grants=require_grants, consequence=consequence)
        problem = found if isinstance(found, Finding) else _unusable(reads, target, path, consequence)
        cluster = None if problem is not None else target.key
        findings += [problem] if problem is not None else []
        weights[cluster] = weights.get(cluster, 0) + ref.weight
    targets = (Target(name, min(weight, MAX_WEIGHT)) for name, weight in weights.items())
    return tuple(sorted(targets, key=lambda target: (target.cluster is None, target.cluster or ""))), tuple(findings)


def _unusable(reads: Reads, target: ObjectRef, path: str, consequence: str) -> Finding | None:
    why = reads.unusable(target)
    if why is None:
        return None
    return unresolved(Reason.NOT_ACCEPTED, f"{path}: Backend {target.key} {why}. {consequence}", path)


def _consequence(weight: int, total: int) -> str:
    if weight == 0:
        return "It has weight 0, so no traffic is affected."
    if weight == total:
        return "Requests for this rule answer 500."
    return f"Its share of the rule's traffic ({weight} of {total}) answers 500."


def _total_weight(rule: RouteRule) -> int:
    return sum(ref.weight for ref in rule.backend_refs)


def _no_weight(path: str) -> Finding:
    message = (
        f"{path}.backendRefs: all weights of {path} are 0: its requests answer 500; "
        "give one of its Backends a weight, or remove the rule."
    )
    field = f"{path}.backendRefs"
    return Finding(ConditionType.PARTIALLY_INVALID, ConditionStatus.TRUE, Reason.UNSUPPORTED_VALUE, message, field)


def _too_many_regexes(path: str, shown: str, namespace: str, share: Share) -> Finding:
    whose = "all Routes together" if share.fleet else f"the Routes of namespace {namespace}"
    message = (
        f"{path} ({shown}) is left out: {whose} may have {share.limit} regular expressions, and those of older Routes, then "
        "of those first by name, go first; use Exact or PathPrefix, or remove other expressions."
    )
    return Finding(ConditionType.PARTIALLY_INVALID, ConditionStatus.TRUE, Reason.UNSUPPORTED_VALUE, message, path)


@dataclass(frozen=True, slots=True)
class _Complaint:
    """What the proxy refused of one rule: the `rule` itself, `part` of it (field, words), or some of its `matches`."""

    rule: str | None = None
    part: tuple[str, str] | None = None
    matches: Mapping[int, str] = field(default_factory=dict)


def _about(index: int, complaints: Complaints) -> _Complaint:
    """A rule without one of its filters could do harm, so then nothing but an error comes from it; without one of its
    matches it only does less (Gateway API, HTTPRouteFilter: a filter must not be skipped)."""
    rule: str | None = None
    part: tuple[str, str] | None = None
    matches: dict[int, str] = {}
    for path, said in complaints:
        found = _IN_RULE.fullmatch(path)
        if found is None or int(found[1]) != index:
            continue
        if found[2] is not None:
            matches[int(found[2])] = said
        elif found[3]:
            part = path, said
        else:
            rule = said
    return _Complaint(rule, part, matches)


def concerns_a_rule(path: str) -> bool:
    """Can a complaint about the field `path` be met by changing a rule, rather than by leaving the Route out?"""
    return _IN_RULE.fullmatch(path) is not None
