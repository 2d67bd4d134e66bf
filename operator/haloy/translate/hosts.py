"""One host, from all Routes that name it: the unit in which routing is translated."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from haloy.model.refs import ObjectRef
from haloy.model.routing import Candidate, HostKind, HostTls, Match, VirtualHost
from haloy.translate.conflicts import (
    CertificateOnly,
    Loss,
    LostHost,
    LostMatch,
    LostSetting,
    RedirectedAway,
    Setting,
    grouped,
)
from haloy.translate.routes import RouteUnit


@dataclass(frozen=True, slots=True)
class HostUnit:
    """`virtual_host` None: every Route that names the host is refused. `kept`: how many matches of each Route are served
    here. `losses`: what each Route does not get."""

    host: str
    virtual_host: VirtualHost | None
    kept: Mapping[ObjectRef, int] = field(default_factory=dict)
    losses: Mapping[ObjectRef, tuple[Loss, ...]] = field(default_factory=dict)


def host_kind(host: str) -> HostKind:
    """The kind of a host of a Route: `*`, `*.example.com` or a name."""
    if host == "*":
        return HostKind.ANY
    return HostKind.ONE_LABEL if host.startswith("*.") else HostKind.EXACT


def owner_of(claimants: Sequence[RouteUnit]) -> str:
    """The namespace that a host belongs to: that of the Route that goes first (`routes.seniority`)."""
    return claimants[0].ref.namespace


def build_host(host: str, claimants: Sequence[RouteUnit], *, ownership: bool, redirecting: Sequence[bool]) -> HostUnit:
    """The VirtualHost for `host`. `claimants`: all Routes that name it, senior first, at least one; `redirecting` says
    of each whether its canonical host counts, which it does not when that belongs to another namespace.

    A refused Route still claims: what the proxy refuses must not hand the host to somebody else.
    """
    losses: list[tuple[ObjectRef, Loss]] = []
    holders = list(claimants)
    if ownership:
        owner = owner_of(claimants)
        losses += [(unit.ref, LostHost(host, owner)) for unit in claimants if unit.ref.namespace != owner]
        holders = [unit for unit in claimants if unit.ref.namespace == owner]
    holders = [unit for unit in holders if not unit.refused]
    if not holders:
        return HostUnit(host, None, losses=grouped(losses))
    counting = {unit.ref for unit, counts in zip(claimants, redirecting, strict=True) if counts}
    redirect = _redirect(host, holders, counting, losses)
    candidates = _candidates(host, holders, losses) if redirect is None else ()
    kept = {unit.ref: 0 for unit in holders}
    for candidate in candidates:
        kept[candidate.rule.route] += 1
    if redirect is not None:
        kept = {unit.ref: int(redirect in unit.hosts) for unit in holders}
    virtual_host = VirtualHost(
        host=host,
        kind=host_kind(host),
        candidates=candidates,
        tls=_tls(host, holders, losses),
        redirect_host=redirect,
        sources=tuple(sorted(unit.ref for unit in holders)),
    )
    return HostUnit(host, virtual_host, kept, grouped(losses))


def _candidates(host: str, holders: list[RouteUnit], losses: list[tuple[ObjectRef, Loss]]) -> tuple[Candidate, ...]:
    """All matches in order of precedence, each once. `holders` are senior first and sorting is stable, so that what two
    matches have equal is decided by the Routes."""
    ranked = [item for unit in holders for item in unit.candidates]
    ranked.sort(key=lambda item: item.precedence)
    winners: dict[Match, Candidate] = {}
    for item in ranked:
        winner = winners.setdefault(item.candidate.match, item.candidate)
        if winner is not item.candidate and winner.rule.id != item.candidate.rule.id:
            lost = LostMatch(host, item.candidate.source.field, item.candidate.match, winner.source)
            losses.append((item.candidate.rule.route, lost))
    return tuple(winners.values())


def _tls(host: str, holders: list[RouteUnit], losses: list[tuple[ObjectRef, Loss]]) -> HostTls | None:
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
    host: str, holders: list[RouteUnit], counting: Set[ObjectRef], losses: list[tuple[ObjectRef, Loss]]
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
