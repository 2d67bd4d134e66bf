"""Reports: what was found out about each object, put together from its units."""

from collections import Counter
from collections.abc import Sequence

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason, Report
from haloy.api.v1alpha1 import HealthPolicy, TlsSecret
from haloy.translate.certificates import Choice, SecretState, listed
from haloy.translate.conflicts import LeftOut, LostMatch, conflict_findings
from haloy.translate.hosts import Share
from haloy.translate.refused import Complaints, refused_findings
from haloy.translate.routes import RouteUnit


def report_route(unit: RouteUnit, generation: int, shares: Sequence[Share]) -> Report:
    """`shares`: what it has of each of its hosts."""
    if unit.refused:
        return Report(unit.ref, generation, unit.findings)
    left = sum(share.kept or 0 for share in shares)
    losses = [loss for share in shares for loss in share.losses]
    findings = conflict_findings(unit.ref, losses, nothing_left=left == 0)
    if left == 0 and not findings:
        findings = (_empty(unit),)
    served = tuple(share.host for share in shares if share.kept is not None)
    certificates = {
        tls.certificate for name, tls in unit.host_tls.hosts.items() if name in served and tls.certificate is not None
    }
    return Report(
        unit.ref,
        generation,
        (*findings, *unit.findings),
        hosts=served,
        clusters=_clusters(unit, shares) if left else (),
        certificates=tuple(sorted(certificates)),
    )


def _clusters(unit: RouteUnit, shares: Sequence[Share]) -> tuple[str, ...]:
    """The clusters of all rules that are reached by at least one match on at least one host."""
    serving = sum(share.kept is not None and not share.redirected for share in shares)
    lost = Counter(loss.field for share in shares for loss in share.losses if isinstance(loss, LostMatch | LeftOut))
    reached = (item.candidate for item in unit.candidates if lost[item.candidate.source.field] < serving)
    names = {target.cluster for candidate in reached for target in candidate.rule.targets}
    return tuple(sorted(name for name in names if name is not None))


def _empty(unit: RouteUnit) -> Finding:
    """Every match was left out for a reason of its own, said by the other findings."""
    partial = [finding for finding in unit.findings if finding.type is ConditionType.PARTIALLY_INVALID]
    reason = partial[0].reason if partial else Reason.INVALID
    message = " ".join(["No match of the Route is left.", *(finding.message for finding in partial[:1])])
    return Finding(ConditionType.ACCEPTED, ConditionStatus.FALSE, reason, message)


def report_policy(policy: HealthPolicy, complaints: Complaints, clusters: tuple[str, ...]) -> Report:
    """`clusters`: the names of those that are checked by it, sorted."""
    if complaints:
        return Report(policy.ref, policy.generation, refused_findings(complaints))
    count = f"{len(clusters)} Backend{'' if len(clusters) == 1 else 's'}"
    message = f"Checks the endpoints of {count}: {listed(clusters)}." if clusters else "No Backend names it."
    accepted = Finding(ConditionType.ACCEPTED, ConditionStatus.TRUE, Reason.ACCEPTED, message)
    return Report(policy.ref, policy.generation, (accepted,), clusters=clusters)


def report_secret(secret: TlsSecret, state: SecretState, choice: Choice | None, used: bool) -> Report:
    """`choice`: what is served for it, None: nobody asks for its certificate. `used`: it is in the Model."""
    problems = [words for words in (state.key_pair_problem, state.ca_problem) if words is not None]
    findings = tuple(
        Finding(ConditionType.ACCEPTED, ConditionStatus.FALSE, Reason.INVALID_SECRET, f"{words}.") for words in problems
    )
    if not findings and choice is not None and choice.problem is not None:
        reason, words = choice.problem
        findings = (Finding(ConditionType.ACCEPTED, ConditionStatus.FALSE, reason, f"{words}; {choice.served}."),)
    return Report(secret.ref, secret.generation, findings, certificates=(secret.ref.key,) if used else ())
