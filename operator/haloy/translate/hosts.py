"""One host, from all Routes that name it: the unit in which routing is translated.

It has parts of its own, so that one Route among ten thousand on a host costs its own paths: the `Frame`, what the Routes as a whole
decide (owner, redirect, TLS), and a `Group` for each path. Each part is a function of the Routes concerned; what did not change
stays the same object.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain

from haloy.model.limits import Budget, Cost, exceeds, total
from haloy.model.refs import ObjectRef
from haloy.model.routing import Candidate, HostKind, Match, VirtualHost
from haloy.translate.conflicts import LeftOut, Loss, LostMatch, grouped
from haloy.translate.crowds import crowded_below
from haloy.translate.frames import Frame, build_frame, joined
from haloy.translate.matches import PathKey, path_key
from haloy.translate.routes import Claim, RouteUnit
from haloy.translate.rules import RankedCandidate


@dataclass(frozen=True, slots=True)
class Group:
    """All that Routes want of one path of a host: who wants it, senior first, the candidates in order of precedence, how many of
    each Route's are among them, what the others lose, and what the conditions of the candidates cost a request."""

    claims: tuple[Claim, ...]
    candidates: tuple[Candidate, ...]
    kept: Mapping[ObjectRef, int]
    losses: Mapping[ObjectRef, tuple[Loss, ...]]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Share:
    """What one Route has of a host. `kept`: how many of its matches are served there; None: none can be, since it does not hold
    the host. `redirected`: every request for the host is."""

    host: str
    kept: int | None
    losses: tuple[Loss, ...]
    redirected: bool


@dataclass(frozen=True, slots=True)
class HostUnit:
    """`virtual_host` None: every Route that names the host is refused. `order`: the keys of `groups`, sorted. `cost`: of all
    groups. `crowded`: what is not asked on longer paths."""

    host: str
    virtual_host: VirtualHost | None
    frame: Frame
    groups: Mapping[PathKey, Group] = field(default_factory=dict)
    order: tuple[PathKey, ...] = ()
    cost: Cost = (0, 0, 0)
    crowded: Mapping[ObjectRef, tuple[Loss, ...]] = field(default_factory=dict)

    def share(self, unit: RouteUnit) -> Share:
        """What `unit`, one of the Routes that name the host, has of it."""
        frame, ref = self.frame, unit.ref
        first, last = frame.losses_first.get(ref, ()), frame.losses_last.get(ref, ())
        if not frame.holds(unit):
            return Share(self.host, None, first, redirected=False)
        if frame.redirect is not None:
            return Share(self.host, int(frame.redirect in unit.hosts), (*first, *last), redirected=True)
        parts = [self.groups[key] for key in unit.paths if key in self.groups]
        lost = {
            loss.field: loss
            for part in parts
            for loss in part.losses.get(ref, ())
            if isinstance(loss, LostMatch | LeftOut)
        }
        places = (item.candidate.source.field for item in unit.candidates) if lost else ()
        matches = (lost[place] for place in places if place in lost)
        kept = sum(part.kept.get(ref, 0) for part in parts)
        crowded = self.crowded.get(ref, ())
        return Share(self.host, kept, (*first, *matches, *crowded, *last), redirected=False)


@dataclass(frozen=True, slots=True)
class Changes:
    """The Routes of a host that may be others than in the last cycle: each as it was and as it is, None: it did not name the
    host, or does not any more. `claims`: of those that name it now. `moved`: those whose seniority changed."""

    routes: Mapping[ObjectRef, tuple[RouteUnit | None, RouteUnit | None]]
    claims: Mapping[ObjectRef, Claim]
    moved: Set[ObjectRef] = frozenset()

    @property
    def of_terms(self) -> bool:
        """Whether more than matches changed."""
        return bool(self.moved) or any(
            before is None or now is None or not _same_terms(before, now) for before, now in self.routes.values()
        )


def _same_terms(one: RouteUnit, other: RouteUnit) -> bool:
    """Whether all that a Frame looks at is the same; values that are equal are kept from cycle to cycle, so by identity."""
    return (
        one.refused == other.refused
        and one.canonical == other.canonical
        and one.hosts == other.hosts
        and one.tls == other.tls
        and one.host_tls is other.host_tls
    )


def host_kind(host: str) -> HostKind:
    """The kind of a host of a Route: `*`, `*.example.com` or a name."""
    if host == "*":
        return HostKind.ANY
    return HostKind.ONE_LABEL if host.startswith("*.") else HostKind.EXACT


def build_host(
    host: str,
    claims: Sequence[Claim],
    route: Callable[[ObjectRef], RouteUnit],
    before: HostUnit | None,
    changes: Changes,
    *,
    ownership: bool,
    counts: Callable[[RouteUnit], bool],
    again: bool = False,
) -> tuple[HostUnit, Set[ObjectRef]]:
    """The unit of `host`, and the Routes whose share of it may be another than `before`.

    `claims`: all Routes that name the host, senior first, at least one. `changes`: which of them changed since `before` was
    made; None before: all of them. `counts` says of a Route with a canonical host whether that counts, which it does not when
    it belongs to another namespace. `again`: nothing but equality is taken from `before`.
    """
    frame = before.frame if before is not None else None
    if before is None or frame is None or again or changes.of_terms:
        made = None if frame is None or again else joined(frame, claims[0][1], changes.routes)
        if made is None:
            made = build_frame(host, [route(ref) for _, ref in claims], ownership=ownership, counts=counts)
        frame = frame if frame == made else made
    assert frame is not None
    anew = before is None or again or before.frame.owner != frame.owner
    groups: dict[PathKey, Group] = {} if anew or before is None else dict(before.groups)
    order: Sequence[PathKey] = () if anew or before is None else before.order
    old_groups = before.groups if before is not None else {}
    touched = _regrouped(claims, route, frame, changes, anew=anew, groups=groups)
    others: list[Group] = []
    come: list[Cost] = []
    gone: list[Cost] = []
    for key, wanting in touched.items():
        old = old_groups.get(key)
        new = _group(host, key, wanting, route, old) if wanting else None
        if new is None:
            groups.pop(key, None)
        else:
            groups[key] = new
        if new is not old:
            others += [group for group in (old, new) if group is not None]
            come += [new.cost] if new is not None else []
            gone += [old.cost] if old is not None else []
    others += [old_groups[key] for key in old_groups.keys() - groups.keys()] if anew else []
    concerned = {*changes.routes, *(ref for group in others for _, ref in group.claims)}
    if before is not None:
        if before.frame is frame and not others:
            return before, concerned
        concerned |= _concerned_by_frame(before.frame, frame, claims)
    order = _ordered(order, groups, touched)
    vhost = _virtual_host(host, frame, groups, order, before, None if anew else touched)
    crowded = old_crowded = before.crowded if before is not None else {}
    all_costs = (group.cost for group in groups.values())
    cost = total(all_costs) if before is None or anew else total((before.cost, *come), gone)
    if others:
        crowded = crowded_below(host, groups) if exceeds(cost) else {}
        concerned |= {ref for ref in {*old_crowded, *crowded} if old_crowded.get(ref) != crowded.get(ref)}
    return HostUnit(host, vhost, frame, groups, order, cost, crowded), concerned


def _regrouped(
    claims: Sequence[Claim],
    route: Callable[[ObjectRef], RouteUnit],
    frame: Frame,
    changes: Changes,
    *,
    anew: bool,
    groups: Mapping[PathKey, Group],
) -> dict[PathKey, list[Claim]]:
    """The paths whose groups must be made again, each with the Routes that want it now, senior first."""
    wanting: dict[PathKey, list[Claim]] = {}
    if anew:
        for claim in claims:
            unit = route(claim[1])
            if frame.holds(unit):
                for key in unit.paths:
                    wanting.setdefault(key, []).append(claim)
        return wanting
    for ref, (before, now) in changes.routes.items():
        if before is not None and now is not None and before.paths is now.paths and ref not in changes.moved:
            continue
        old, new = (unit.paths if unit is not None else {} for unit in (before, now))
        for key in old.keys() | new.keys():
            if old.get(key) != new.get(key) or ref in changes.moved:
                wanting.setdefault(key, [])
    if not wanting:
        return wanting
    for key, found in wanting.items():
        group = groups.get(key)
        found += [claim for claim in group.claims if claim[1] not in changes.routes] if group is not None else []
        for ref, claim in changes.claims.items():
            claimant = changes.routes[ref][1]
            if claimant is not None and key in claimant.paths and frame.holds(claimant):
                insort(found, claim)
    return wanting


def _group(
    host: str, key: PathKey, claims: Sequence[Claim], route: Callable[[ObjectRef], RouteUnit], old: Group | None
) -> Group:
    """The candidates in order of precedence, each match once, as many as find room. The claims are senior first and sorting is stable,
    so that what two matches have equal, and who finds room, is decided by the Routes."""
    winners: dict[Match, RankedCandidate] = {}
    losses: list[tuple[ObjectRef, Loss]] = []
    budget = Budget()
    for _, ref in claims:
        for item in route(ref).paths[key]:
            match, source = item.candidate.match, item.candidate.source
            winner = winners.get(match)
            if winner is None and budget.admits(item.candidate):
                winners[match] = item
            elif winner is None:
                losses.append((ref, LeftOut(host, source.field, match)))
            elif winner.candidate.rule.id != item.candidate.rule.id:
                losses.append((ref, LostMatch(host, source.field, match, winner.candidate.source)))
    ranked = sorted(winners.values(), key=lambda item: item.precedence)
    candidates = tuple(item.candidate for item in ranked)
    kept = dict(Counter(candidate.rule.route for candidate in candidates))
    new = Group(tuple(claims), candidates, kept, grouped(losses), budget.cost)
    return old if old is not None and old == new else new


def _concerned_by_frame(old: Frame, new: Frame, claims: Sequence[Claim]) -> set[ObjectRef]:
    if old is new:
        return set()
    if old.redirect != new.redirect or old.owner != new.owner:
        return {ref for _, ref in claims}
    pairs = ((old.losses_first, new.losses_first), (old.losses_last, new.losses_last))
    return {ref for one, other in pairs for ref in one.keys() | other.keys() if one.get(ref) != other.get(ref)}


def _ordered(
    order: Sequence[PathKey], groups: Mapping[PathKey, Group], touched: Collection[PathKey]
) -> tuple[PathKey, ...]:
    """`order`, brought up to date with `groups`, which differs from it in `touched` at most."""
    if len(touched) > len(groups) // 8:
        return tuple(sorted(groups))
    found: list[PathKey] | None = None
    for key in touched:
        listed = found if found is not None else order
        place = bisect_left(listed, key)
        there = place < len(listed) and listed[place] == key
        if there == (key in groups):
            continue
        found = found if found is not None else list(order)
        if there:
            del found[place]
        else:
            found.insert(place, key)
    return tuple(order) if found is None else tuple(found)


def _virtual_host(
    host: str,
    frame: Frame,
    groups: Mapping[PathKey, Group],
    order: Sequence[PathKey],
    before: HostUnit | None,
    touched: Collection[PathKey] | None,
) -> VirtualHost | None:
    """`touched`: the only groups that may be others than `before`; None: all."""
    if not frame.sources:
        return None
    old = before.virtual_host if before is not None else None
    if frame.redirect is not None:
        candidates: tuple[Candidate, ...] = ()
    elif old is None or old.redirect_host is not None or touched is None or len(touched) > 16 + len(order) // 16:
        candidates = tuple(chain.from_iterable([groups[key].candidates for key in order]))
    else:
        candidates = _spliced(old.candidates, touched, groups)
    made = VirtualHost(host, host_kind(host), candidates, frame.tls, frame.redirect, frame.sources)
    return old if old is not None and old == made else made


def _spliced(
    before: Sequence[Candidate], touched: Collection[PathKey], groups: Mapping[PathKey, Group]
) -> tuple[Candidate, ...]:
    """`before`, which is sorted by path, with the candidates of some paths instead of those it had."""
    found = list(before)
    for key in touched:
        first, last = bisect_left(found, key, key=_path_of), bisect_right(found, key, key=_path_of)
        found[first:last] = groups[key].candidates if key in groups else ()
    return tuple(found)


def _path_of(candidate: Candidate) -> PathKey:
    return path_key(candidate.match)
