"""What a Route does not get on a host because another one has it, and how that is said."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason
from haloy.model.limits import MAX_CANDIDATES, MAX_TESTS, MAX_TEXT
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import Match
from haloy.translate.certificates import listed
from haloy.translate.matches import words

MAX_FINDINGS = 8
"""Conflicts told one by one; a Route that lost hundreds of matches is told how many more there are."""


@dataclass(frozen=True, slots=True)
class LostMatch:
    """`field` of the Route is the same match as `winner`'s, which goes first."""

    host: str
    field: str
    match: Match
    winner: FieldRef


class Setting(Enum):
    """A setting that a host has only once. The value is its field."""

    TLS = "spec.tls"
    CANONICAL_HOST = "spec.canonicalHost"


@dataclass(frozen=True, slots=True)
class LostSetting:
    """The Route's `setting` for the host differs from that of `winner`, which goes first; `absent`: which has none."""

    host: str
    setting: Setting
    winner: ObjectRef
    absent: bool = False


@dataclass(frozen=True, slots=True)
class CertificateOnly:
    """Of the Route's TLS for the host only the certificate counts: `winner`, which goes first, has no `tls`."""

    host: str
    winner: ObjectRef


@dataclass(frozen=True, slots=True)
class RedirectedAway:
    """All requests for the host are redirected to `target`, which the Route does not serve, because `winner` says so."""

    host: str
    target: str
    winner: ObjectRef


@dataclass(frozen=True, slots=True)
class LostHost:
    """The host belongs to another namespace, whose name is all that is told about it."""

    host: str
    owner: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """`field` of the Route finds no room: the matches of its path have all the conditions that one path may have."""

    host: str
    field: str
    match: Match


@dataclass(frozen=True, slots=True)
class NotReached:
    """On longer paths, `path` and others, so many of the Route's `matches`, the first of which is `field`, find no room."""

    host: str
    field: str
    matches: int
    path: str
    paths: int


Loss = LostMatch | LostSetting | CertificateOnly | RedirectedAway | LostHost | LeftOut | NotReached

LIMITS = (
    f"all matches of one path together may have conditions in {MAX_CANDIDATES} matches, {MAX_TESTS:,} conditions, and "
    f"{MAX_TEXT:,} characters in their names and values"
)


def conflict_findings(route: ObjectRef, losses: Iterable[Loss], *, nothing_left: bool) -> tuple[Finding, ...]:
    """PartiallyInvalid for each group of losses, and Accepted to go with it: False when `nothing_left` of the Route."""
    said = _sentences(route, losses)
    if not said:
        return ()
    shown = said[:MAX_FINDINGS]
    if len(said) > MAX_FINDINGS:
        shown.append((said[0][0], f"There are {len(said) - MAX_FINDINGS} more conflicts.", ""))
    if nothing_left:
        reasons = {reason for reason, _, _ in said}
        only = reasons.pop() if len(reasons) == 1 else Reason.CONFLICTED
        reason = only if only in (Reason.HOST_CLAIMED, Reason.UNSUPPORTED_VALUE) else Reason.CONFLICTED
        message = " ".join(sentence for _, sentence, _ in shown) + " Nothing is left of the Route."
        return (Finding(ConditionType.ACCEPTED, ConditionStatus.FALSE, reason, message, shown[0][2]),)
    accepted = f"Accepted, except for what PartiallyInvalid names. {shown[0][1]}"
    return (
        Finding(ConditionType.ACCEPTED, ConditionStatus.TRUE, Reason.ACCEPTED, accepted),
        *(
            Finding(ConditionType.PARTIALLY_INVALID, ConditionStatus.TRUE, reason, sentence, path)
            for reason, sentence, path in shown
        ),
    )


def _sentences(route: ObjectRef, losses: Iterable[Loss]) -> list[tuple[Reason, str, str]]:
    """(reason, sentence, field), one for all hosts that lost the same to the same."""
    groups: dict[tuple[object, ...], list[Loss]] = {}
    for loss in losses:
        groups.setdefault(_group(loss), []).append(loss)
    return [_sentence(route, group, listed(tuple(sorted({loss.host for loss in group})))) for group in groups.values()]


def _group(loss: Loss) -> tuple[object, ...]:
    match loss:
        case LostMatch(field=path, winner=winner):
            return LostMatch, path, winner
        case LostSetting(setting=setting, winner=winner, absent=absent):
            return LostSetting, setting, winner, absent
        case CertificateOnly(winner=winner):
            return CertificateOnly, winner
        case RedirectedAway(target=target, winner=winner):
            return RedirectedAway, target, winner
        case LostHost(owner=owner):
            return LostHost, owner
        case LeftOut():
            return (LeftOut,)
        case NotReached(host=host):
            return NotReached, host


def _sentence(route: ObjectRef, group: Sequence[Loss], hosts: str) -> tuple[Reason, str, str]:
    """`group`: losses of one kind that are told together."""
    loss = group[0]
    match loss:
        case LeftOut(field=path, match=match):
            others = len({one.field for one in group if isinstance(one, LeftOut)}) - 1
            more = f" and {others:,} more of the Route's matches" if others else ""
            text = (
                f"{path} ({words(match)}){more} on {hosts}: no room, left out: {LIMITS}, and older Routes go first, then "
                "those first by name; use fewer conditions, or another path or host."
            )
            return Reason.UNSUPPORTED_VALUE, text, path
        case NotReached(field=path, matches=matches, path=below, paths=paths):
            more = f" and {paths - 1:,} more path{'s' if paths > 2 else ''}" if paths > 1 else ""
            count = f"{path} and {matches - 1:,} more of the Route's matches do" if matches > 1 else f"{path} does"
            text = (
                f"{count} not count for {below}{more} on {hosts}: {LIMITS}, and those of longer paths go first; use "
                "fewer conditions, or another host."
            )
            return Reason.UNSUPPORTED_VALUE, text, path
        case LostMatch(field=path, match=match, winner=winner):
            if winner.ref == route:
                text = (
                    f"{path} ({words(match)}) repeats {winner.field} on {hosts}, which goes first; remove one of them."
                )
            else:
                text = (
                    f"{path} ({words(match)}) on {hosts} is taken by {winner}, which goes first; "
                    "change the match, or remove it from one of the two Routes."
                )
            return Reason.MATCH_CONFLICT, text, path
        case LostSetting(setting=setting, winner=winner, absent=absent):
            path = setting.value
            text = f"{path} for {hosts} is decided by {winner}, which goes first; make the two Routes agree."
            if absent:
                text = (
                    f"{path} for {hosts} does not count: {winner}, which goes first, has none; "
                    "write it there too, or use another host."
                )
            return Reason.CONFLICTED, text, path
        case CertificateOnly(winner=winner):
            text = (
                f"spec.tls for {hosts}: the certificate counts, redirect, hsts and minVersion do not: {winner}, which "
                "goes first, has no spec.tls; write them there, or use another host."
            )
            return Reason.CONFLICTED, text, "spec.tls"
        case RedirectedAway(target=target, winner=winner):
            text = (
                f"spec.hosts: {hosts}: every request is redirected to {target}, as {winner} says (spec.canonicalHost); "
                f"add {target} to spec.hosts, or remove {hosts}."
            )
            return Reason.CONFLICTED, text, "spec.hosts"
        case LostHost(owner=owner):
            text = (
                f"spec.hosts: {hosts} belongs to namespace {owner}, whose Route is older; "
                "use another host, or move the Route there."
            )
            return Reason.HOST_CLAIMED, text, "spec.hosts"


def grouped(losses: Iterable[tuple[ObjectRef, Loss]]) -> Mapping[ObjectRef, tuple[Loss, ...]]:
    """The losses of each Route, in their order; Routes sorted."""
    found: dict[ObjectRef, list[Loss]] = {}
    for route, loss in losses:
        found.setdefault(route, []).append(loss)
    return {route: tuple(found[route]) for route in sorted(found)}
