"""What the Routes of a host decide as a whole: whose it is, where it redirects to, and how it speaks TLS."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from haloy.model.refs import ObjectRef
from haloy.model.routing import HostTls
from haloy.translate.conflicts import (
    CertificateOnly,
    Loss,
    LostHost,
    LostSetting,
    RedirectedAway,
    Setting,
    grouped,
)
from haloy.translate.routes import RouteUnit


@dataclass(frozen=True, slots=True)
class Frame:
    """`owner`: the namespace that alone may use the host; None: any may. `sources`: the Routes that hold it, sorted.

    `losses_first` and `losses_last`: what each Route does not get, to be told before and after its matches.
    """

    owner: str | None
    redirect: str | None
    tls: HostTls | None
    sources: tuple[ObjectRef, ...]
    losses_first: Mapping[ObjectRef, tuple[Loss, ...]] = field(default_factory=dict)
    losses_last: Mapping[ObjectRef, tuple[Loss, ...]] = field(default_factory=dict)

    def holds(self, unit: RouteUnit) -> bool:
        """Whether a Route that names the host may serve it."""
        return not unit.refused and (self.owner is None or self.owner == unit.ref.namespace)


def build_frame(
    host: str, claimants: Sequence[RouteUnit], *, ownership: bool, counts: Callable[[RouteUnit], bool]
) -> Frame:
    """`claimants`: all Routes that name the host, senior first, at least one; `counts` says of one with a canonical host whether
    that counts, which it does not when it belongs to another namespace.

    A refused Route still claims: what the proxy refuses must not hand the host to somebody else.
    """
    first: list[tuple[ObjectRef, Loss]] = []
    last: list[tuple[ObjectRef, Loss]] = []
    owner = claimants[0].ref.namespace if ownership else None
    if owner is not None:
        first += [(unit.ref, LostHost(host, owner)) for unit in claimants if unit.ref.namespace != owner]
        claimants = [unit for unit in claimants if unit.ref.namespace == owner]
    holders = [unit for unit in claimants if not unit.refused]
    if not holders:
        return Frame(owner, None, None, (), grouped(first))
    counting = {unit.ref for unit in claimants if unit.canonical is not None and counts(unit)}
    redirect = _redirect(host, holders, counting, first) if counting else None
    tls = _tls(host, holders, last)
    return Frame(owner, redirect, tls, tuple(sorted([unit.ref for unit in holders])), grouped(first), grouped(last))


def joined(
    frame: Frame, senior: ObjectRef, routes: Mapping[ObjectRef, tuple[RouteUnit | None, RouteUnit | None]]
) -> Frame | None:
    """`frame` after Routes without TLS or canonical host came to a host, or left it, where nobody has asked for either; None: it is to be
    built anew. `routes`: those that changed, as they were and as they are; `senior`: the first of all that name the host now."""
    plain = all(
        unit is None or (unit.tls is None and unit.canonical is None and frame.holds(unit))
        for pair in routes.values()
        for unit in pair
    )
    settled = frame.redirect is None and frame.tls is None and not (frame.losses_first or frame.losses_last)
    if not plain or not settled or frame.owner not in (None, senior.namespace):
        return None
    sources = list(frame.sources)
    for ref, (_, now) in routes.items():
        place = bisect_left(sources, ref)
        there = place < len(sources) and sources[place] == ref
        sources[place : place + there] = [ref] if now is not None else []
    return replace(frame, sources=tuple(sources)) if sources else None


def _tls(host: str, holders: Sequence[RouteUnit], losses: list[tuple[ObjectRef, Loss]]) -> HostTls | None:
    """The first Route with `tls` decides; if it is not the first of all, only with its certificate, which takes nothing
    away: those who go before it asked for no redirect, no HSTS and no higher version."""
    asking = [unit for unit in holders if unit.tls is not None]
    if not asking:
        return None
    first, winner = holders[0], asking[0]
    served = winner.host_tls.hosts[host]
    if winner is not first:
        served = HostTls(certificate=served.certificate)
    for unit in asking:
        if not _agree(unit, winner):
            losses.append((unit.ref, LostSetting(host, Setting.TLS, winner.ref)))
        elif winner is not first and unit.host_tls.hosts[host] != served:
            losses.append((unit.ref, CertificateOnly(host, first.ref)))
    return served


def _agree(one: RouteUnit, other: RouteUnit) -> bool:
    """The same wish; a Secret of the same name in another namespace is another certificate, though."""
    return one.tls == other.tls and (
        one.ref.namespace == other.ref.namespace or one.host_tls.certificates == other.host_tls.certificates
    )


def _redirect(
    host: str, holders: Sequence[RouteUnit], counting: Set[ObjectRef], losses: list[tuple[ObjectRef, Loss]]
) -> str | None:
    """The first Route decides; if it has no canonical host, or is itself for the canonical one, the host stays: nobody
    who comes later can lead its requests away.

    No circle can come of it: each Route in one would have to be senior to the next.
    """
    first = holders[0]
    wishes = {unit.ref: unit.canonical for unit in holders if unit.ref in counting}
    decided = wishes.get(first.ref)
    for ref, wish in wishes.items():
        if wish != decided and not (decided is None and wish == host):
            losses.append((ref, LostSetting(host, Setting.CANONICAL_HOST, first.ref, absent=decided is None)))
    target = decided if decided != host else None
    if target is not None:
        losses += [
            (unit.ref, RedirectedAway(host, target, first.ref))
            for unit in holders
            if unit.canonical is None and target not in unit.hosts
        ]
    return target
