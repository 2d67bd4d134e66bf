"""The one way from an object to another that it names.

Every reference of every kind goes through `resolve_ref`, so that the check on crossing namespaces exists once. (Traefik
wrote it anew for each field and forgot it five times in 2026: CVE-2026-41174, -71325, -65602, -54761, -44774.)
"""

from bisect import bisect_left
from collections.abc import Sequence

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason
from haloy.api.snapshot import Object
from haloy.api.v1alpha1 import Backend
from haloy.model.refs import ObjectRef
from haloy.text import did_you_mean
from haloy.translate.certificates import listed
from haloy.translate.reads import Reads

COMPARED = 100
"""Names that one that is not there is compared with at most."""
NOT_FOUND = {
    "Backend": Reason.BACKEND_NOT_FOUND,
    "HealthPolicy": Reason.HEALTH_POLICY_NOT_FOUND,
    "Secret": Reason.SECRET_NOT_FOUND,
}
INVALID = {"Secret": Reason.INVALID_SECRET}
"""The reason for what is written but not valid; NotAccepted where no kind is named."""


def unresolved(reason: Reason, message: str, field: str) -> Finding:
    """The finding that a reference leads nowhere."""
    return Finding(ConditionType.RESOLVED_REFS, ConditionStatus.FALSE, reason, message, field)


def resolve_ref(
    reads: Reads, source: ObjectRef, field: str, target: ObjectRef, *, require_grants: bool, consequence: str
) -> Object | Finding:
    """The object `target` that `field` of `source` names, or why it may not be used or does not exist.

    `consequence`: what happens without it, as a sentence. Across namespaces nothing is told about what does not grant
    access, not even whether it exists.
    """
    found = reads.object(target)
    foreign = source.namespace != target.namespace
    if foreign and require_grants and not _granted(reads, source, found):
        message = (
            f"{field}: {target.kind} {target.key} may not be used from namespace {source.namespace}. {consequence} "
            f"Its owner can allow it: spec.allowedRoutes.namespaces."
        )
        return unresolved(Reason.REF_NOT_PERMITTED, message, field)
    if found is None and reads.rejected(target):
        where = "haloy status" if target.kind == "Secret" else "its own status"
        message = f"{field}: {target.kind} {target.key} is not valid, see {where}. {consequence}"
        return unresolved(INVALID.get(target.kind, Reason.NOT_ACCEPTED), message, field)
    if found is None:
        message = f"{field}: {target.kind} {target.key} does not exist{_existing(reads, target)}. {consequence}"
        return unresolved(NOT_FOUND[target.kind], message, field)
    return found


def _granted(reads: Reads, source: ObjectRef, found: Object | None) -> bool:
    """Only Backends can be named across namespaces; everything else stays at home."""
    if not isinstance(found, Backend):
        return False
    allowed = found.spec.allowed_routes.namespaces
    match allowed.from_:
        case "Same":
            return False
        case "All":
            return True
        case "Selector":
            return allowed.selector is not None and allowed.selector.selects(reads.labels(source.namespace))


def _near(name: str, names: Sequence[str]) -> Sequence[str]:
    """Of many names, which are sorted, those that begin most like `name`: comparing takes a while, and many may be looking for one."""
    place = bisect_left(names, name)
    return names if len(names) <= COMPARED else names[max(place - COMPARED // 2, 0) : place + COMPARED // 2]


def _existing(reads: Reads, target: ObjectRef) -> str:
    names = reads.names(target.kind, target.namespace)
    if not names:
        return f"; namespace {target.namespace} has no {target.kind}"
    meant = did_you_mean(target.name, _near(target.name, names))
    hint = f" (did you mean {meant}?)" if meant is not None else ""
    return f"; existing in namespace {target.namespace}: {listed(names)}{hint}"
