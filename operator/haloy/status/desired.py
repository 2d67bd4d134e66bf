"""`desired`: reports, what is live and what was observed, made into the status of every object. A plain function.

The order of judgement, for each kind, is the order in which its function below lists the conditions; `Ready`, `Reconciling`
and `Stalled` are drawn from those (kstatus: a doomed object says Stalled, a waiting one Reconciling).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason, Report
from haloy.api.snapshot import Rejection
from haloy.model.model import Model
from haloy.model.refs import ObjectRef
from haloy.model.revised import Revised
from haloy.status import columns
from haloy.status.health import Count, HealthView
from haloy.status.values import Condition, Status

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
Type = ConditionType


@dataclass(frozen=True, slots=True)
class Programming:
    """What the fleet serves. `live`: the generation of each object that every ready proxy has confirmed.

    `failure`: why the newest change is not live, empty when it is. `refused`: objects left out because the proxy refused
    them, with its words. `postponed`: what else is not live waits for a reload, why; empty when nothing does. `proxies`: how
    many are ready. `compiled`: the proxies need a reload for a change of conditions or filters.
    """

    live: Mapping[ObjectRef, int] = field(default_factory=dict)
    failure: str = ""
    refused: Mapping[ObjectRef, str] = field(default_factory=dict)
    postponed: str = ""
    proxies: int = 0
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    """`previous` gives each condition the time of its last change; all else is the present. `compiled`: the Routes whose rules
    are compiled (`with_conditions_or_filters`, while the proxies need it)."""

    reports: Mapping[ObjectRef, Report]
    rejections: tuple[Rejection, ...]
    model: Model
    programming: Programming
    health: HealthView
    now: datetime
    previous: Mapping[ObjectRef, Status] = field(default_factory=dict)
    compiled: Collection[ObjectRef] = ()


COMPILED = "Its conditions and filters are compiled, since the proxy runs without Lua: a change of them reloads it."


def desired(inputs: Inputs, only: Collection[ObjectRef] | None = None) -> Revised[ObjectRef, Status]:
    """The status of every Route, Backend and HealthPolicy that is in force or was rejected.

    `only`: the others are known to be as in `previous` (haloy.status.changes says which may differ).
    """
    rejected = {rejection.ref: rejection for rejection in inputs.rejections if rejection.ref is not None}
    columns_of = columns.Columns(inputs.model, inputs.health, inputs.programming.proxies, inputs.programming.live)
    if only is None:
        refs = {ref for ref in (*inputs.reports, *rejected) if ref.kind != "Secret"}
        return Revised((ref, _status(ref, inputs, rejected.get(ref), columns_of)) for ref in sorted(refs))
    there = [ref for ref in only if ref.kind != "Secret" and (ref in inputs.reports or ref in rejected)]
    found = {ref: _status(ref, inputs, rejected.get(ref), columns_of) for ref in there}
    previous = Revised.of(inputs.previous)
    changed = {ref: status for ref, status in found.items() if previous.get(ref) != status}
    return previous.revised(changed, [ref for ref in only if ref not in found])


def _status(ref: ObjectRef, inputs: Inputs, rejection: Rejection | None, columns_of: columns.Columns) -> Status:
    report = inputs.reports.get(ref) or Report(ref, generation=0)
    found = [_accepted(report, rejection)]
    found += _partially_invalid(report)
    if ref.kind != "HealthPolicy":
        found.append(_worst(report, Type.RESOLVED_REFS, Reason.RESOLVED_REFS, "All references resolve."))
        found.append(_programmed(report, found[0], inputs.programming, compiled=ref in inputs.compiled))
        found.append(_healthy(report, inputs.health))
    if ref.kind == "Route":
        found += [finding for finding in report.findings if finding.type is Type.CERTIFICATE_READY][:1]
    found += _summary(found)
    before = inputs.previous.get(ref)
    return Status(
        ref,
        report.generation,
        tuple(_condition(finding, report.generation, before, inputs.now) for finding in found),
        columns_of.of(report),
        columns_of.endpoints(report),
    )


def _accepted(report: Report, rejection: Rejection | None) -> Finding:
    if rejection is not None:
        kept = " The version before it stays in force." if rejection.kept else " It is not served."
        return Finding(
            Type.ACCEPTED, FALSE, Reason.INVALID, f"{rejection.place}: {_sentences(rejection.problems)}{kept}"
        )
    return _worst(report, Type.ACCEPTED, Reason.ACCEPTED, "The object is valid.")


def _sentences(problems: Iterable[str]) -> str:
    return " ".join(f"{problem.rstrip('.')}." for problem in problems)


def _partially_invalid(report: Report) -> list[Finding]:
    findings = [finding for finding in report.findings if finding.type is Type.PARTIALLY_INVALID]
    return [_merged(findings)] if findings else []


def _worst(report: Report, type: ConditionType, good: Reason, message: str) -> Finding:
    bad = [finding for finding in report.findings if finding.type is type and finding.status is not TRUE]
    if bad:
        return _merged(bad)
    said = [finding for finding in report.findings if finding.type is type]
    return said[0] if said else Finding(type, TRUE, good, message)


def _merged(findings: list[Finding]) -> Finding:
    first = findings[0]
    return Finding(
        first.type, first.status, first.reason, " ".join(finding.message for finding in findings), first.field
    )


def _programmed(report: Report, accepted: Finding, programming: Programming, *, compiled: bool) -> Finding:
    type = Type.PROGRAMMED
    proxies = programming.proxies
    if refusal := programming.refused.get(report.ref):
        return Finding(type, FALSE, Reason.PROXY_REFUSED, refusal)
    if accepted.status is not TRUE and not (report.hosts or report.clusters):
        return Finding(type, FALSE, Reason.NOT_ACCEPTED, "Nothing of the object is served, see Accepted.")
    if proxies == 0:
        return Finding(type, UNKNOWN, Reason.NO_PROXIES, "No proxy is ready.")
    if programming.live.get(report.ref) == report.generation:
        note = f" {COMPILED}" if compiled else ""
        return Finding(type, TRUE, Reason.PROGRAMMED, f"Served by {proxies}/{proxies} proxies.{note}")
    if programming.failure:
        return Finding(type, FALSE, Reason.PENDING, f"The change is not live: {programming.failure}")
    if programming.postponed:
        return Finding(
            type, FALSE, Reason.PENDING, f"The change waits for a reload of the proxy: {programming.postponed}"
        )
    return Finding(type, FALSE, Reason.PENDING, "Waiting for the proxy to confirm the change.")


def _healthy(report: Report, health: HealthView) -> Finding:
    type = Type.HEALTHY
    if not report.clusters:
        if report.ref.kind == "Route":
            return Finding(type, TRUE, Reason.ALL_HEALTHY, "No Backend is needed.")
        return Finding(type, UNKNOWN, Reason.HEALTH_UNKNOWN, "The Backend is not served.")
    counts = {cluster: health.count(cluster) for cluster in report.clusters}
    total = Count.sum(counts.values())
    empty = sorted(cluster for cluster, count in counts.items() if count.total == 0)
    if empty:
        return Finding(type, FALSE, Reason.NO_ENDPOINTS, f"No endpoint in {', '.join(empty)}: requests answer 503.")
    dead = sorted(cluster for cluster, count in counts.items() if count.unhealthy == count.total)
    if dead:
        return Finding(
            type, FALSE, Reason.NONE_HEALTHY, f"No healthy endpoint in {', '.join(dead)}: requests answer 503."
        )
    unproven = sorted(cluster for cluster in report.clusters if health.unproven(cluster))
    if unproven:
        words = f"No endpoint of {', '.join(unproven)} has passed its first check: requests answer 503."
        return Finding(type, FALSE, Reason.NONE_HEALTHY, words)
    if total.unknown == total.total:
        return Finding(type, UNKNOWN, Reason.HEALTH_UNKNOWN, "No check has a result yet.")
    if total.healthy == total.total:
        return Finding(type, TRUE, Reason.ALL_HEALTHY, f"{total.healthy}/{total.total} endpoints are healthy.")
    names = ", ".join(health.not_healthy(report.clusters)[:5])
    return Finding(
        type, TRUE, Reason.SOME_UNHEALTHY, f"{total.healthy}/{total.total} endpoints are healthy; not: {names}."
    )


def _summary(found: Sequence[Finding]) -> list[Finding]:
    bad = [finding for finding in found if finding.status is FALSE]
    waiting = [finding for finding in found if finding.status is UNKNOWN and finding.type is not Type.HEALTHY]
    partial = [finding for finding in found if finding.type is Type.PARTIALLY_INVALID]
    hopeful = (Reason.PENDING,)
    pending = [finding for finding in (*bad, *waiting) if finding.reason in hopeful or finding.status is UNKNOWN]
    if bad:
        ready = Finding(Type.READY, FALSE, bad[0].reason, bad[0].message)
    elif waiting:
        ready = Finding(Type.READY, UNKNOWN, waiting[0].reason, waiting[0].message)
    elif partial:
        ready = Finding(Type.READY, TRUE, Reason.PARTIALLY_INVALID, partial[0].message)
    else:
        served = any(finding.type is Type.PROGRAMMED for finding in found)
        words = "Accepted, programmed, and able to answer." if served else "Accepted."
        ready = Finding(Type.READY, TRUE, Reason.READY, words)
    # Health comes and goes by itself: an unhealthy object is neither on its way nor stuck.
    stuck = [finding for finding in bad if finding.type is not Type.HEALTHY and finding.reason not in hopeful]
    reconciling = bool(pending) and not stuck
    return [
        ready,
        Finding(
            Type.RECONCILING,
            TRUE if reconciling else FALSE,
            Reason.PENDING if reconciling else Reason.RECONCILED,
            pending[0].message if reconciling else "",
        ),
        Finding(
            Type.STALLED,
            TRUE if stuck else FALSE,
            stuck[0].reason if stuck else Reason.RECONCILED,
            stuck[0].message if stuck else "",
        ),
    ]


def _condition(finding: Finding, generation: int, before: Status | None, now: datetime) -> Condition:
    last = before.condition(finding.type) if before else None
    since = last.since if last is not None and last.status is finding.status else now
    return Condition(finding.type, finding.status, finding.reason, finding.message, generation, since)
