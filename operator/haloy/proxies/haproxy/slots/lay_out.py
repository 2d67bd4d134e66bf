"""Which Cluster gets which slot, and how many slots there are. Pure: equal inputs, equal Layouts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count, filterfalse
from types import MappingProxyType

from haloy.model.revised import Revised
from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.slots.close_up import closed_up
from haloy.proxies.haproxy.slots.layout import Demand, Layout, Leaving, Placement, Pools, Profile, slot_name
from haloy.proxies.haproxy.slots.places import POOL, Places, numbers
from haloy.proxies.haproxy.slots.shares import shares
from haloy.proxies.haproxy.slots.well_known import WELL_KNOWN_HEADERS

NOBODY_LEAVES: Leaving = MappingProxyType({})


def lay_out(
    before: Layout,
    demand: Demand,
    pools: Pools,
    leaving: Leaving = NOBODY_LEAVES,
    *,
    fresh: bool = False,
    known: Places | None = None,
) -> Layout:
    """A place for every Cluster of `demand`, with as little change to `before` as can be.

    A Cluster stays where it is, or moves to the free slot with the lowest number; what was left rests. The structure is that
    of `before` while there is room in it and nothing new is to be compiled; otherwise, or if `fresh`, it is made anew
    around the Clusters. `fresh` is for a new process, so that a pool that few are left in is closed up, too.
    `before.resting`: left and not yet at rest; `leaving`: servers of slots that are still to go.
    `known`: what an earlier call has left there saves going through all Clusters, and changes nothing else.
    """
    known = Places() if known is None else known
    placements, changed, gone = _placements(before, demand, leaving, known)
    resting = before.resting | _left(before.placements, placements, (*changed, *gone))
    if fresh:
        placements, resting = closed_up(placements, resting, _due(placements, resting, pools, known), known)
    known.laid_out(placements, demand.clusters)
    if fresh or not _holds(before, placements, changed, demand):
        return _structure({**before.profiles, **_profiles(demand)}, placements, resting, demand, pools, known)
    if placements is before.placements:
        return before
    return replace(before, placements=placements, resting=resting)


def free(layout: Layout, known: Places | None = None) -> dict[str, int]:
    """By profile, how many slots a Cluster could get."""
    taken, resting = (Places() if known is None else known).numbers(layout.placements), numbers(layout.resting)
    return {
        profile: count - len(taken.get(profile, ())) - len(resting.get(profile, ()))
        for profile, count in layout.slots.items()
    }


def shortage(layout: Layout, pools: Pools, known: Places | None = None) -> tuple[str, ...]:
    """The profiles in use of which few slots are free: time for a reload in the background. Never right after a fresh one."""
    known = Places() if known is None else known
    due = _due(layout.placements, layout.resting, pools, known)
    left = free(layout, known)
    return tuple(sorted(profile for profile, spare in due.items() if spare and left[profile] <= pools.low(spare)))


def _placements(
    before: Layout, demand: Demand, leaving: Leaving, known: Places
) -> tuple[Mapping[str, Placement], list[str], list[str]]:
    """Which Clusters have another Placement than before, and which have none any more; `before.placements` itself if nothing
    changed. Clusters that want what they were laid out for have that: they are not looked at."""
    going: dict[str, list[Server]] = {}
    for (slot, _), server in leaving.items():
        going.setdefault(slot, []).append(server)
    present = before.placements
    others = known.others(present, demand.clusters)
    found: dict[str, Placement] = {}
    movers: list[str] = []
    for name in others:
        wanted = demand.clusters.get(name)
        if wanted is None:
            continue
        (profile, servers), placement = wanted, present.get(name)
        if placement is not None and _lives_in(before, placement.slot, profile):
            if placement.servers is servers and placement.slot not in going:
                continue
            if _fits(servers, placement.servers, going.get(placement.slot, ())):
                if placement.servers is not servers:
                    found[name] = Placement(placement.slot, servers)
                continue
        movers.append(name)
    gone = [name for name in others if name in present and name not in demand.clusters]
    found |= _placed(before, demand, sorted(movers), known)
    placements = Revised.of(present).revised(found, gone) if found or gone else present
    return placements, [*found], gone


def _lives_in(layout: Layout, slot: str, profile: Profile) -> bool:
    return slot.startswith(f"{POOL}{profile.id}.") and layout.profiles.get(profile.id) == profile


def _fits(wanted: Iterable[Server], present: Iterable[Server], leaving: Iterable[Server]) -> bool:
    """Whether a slot with `present` and `leaving` servers can get the `wanted` ones: those that are there already are the
    same for ever, and the ids of new ones are not in use (`add server` refuses those)."""
    here = {server.name: server for server in present} | {server.name: server for server in leaving}
    names = {server.id: name for name, server in here.items()}
    for server in wanted:
        known = here.get(server.name)
        if known is None:
            if server.id in names:
                return False
        elif known is not server and known.fixed != server.fixed:
            return False
    return True


def _placed(before: Layout, demand: Demand, movers: Iterable[str], known: Places) -> dict[str, Placement]:
    """The free slots of the lowest numbers for the `movers`, in their order, beyond the end of the pool if need be."""
    unused: dict[str, Iterator[int]] = {}
    found: dict[str, Placement] = {}
    for name in movers:
        profile, servers = demand.clusters[name]
        if profile.id not in unused:
            taken, rest = known.numbers(before.placements), numbers(before.resting)
            unused[profile.id] = filterfalse(
                rest.get(profile.id, set()).__contains__,
                filterfalse(taken.get(profile.id, set()).__contains__, count()),
            )
        found[name] = Placement(slot_name(profile.id, next(unused[profile.id])), servers)
    return found


def _left(before: Mapping[str, Placement], after: Mapping[str, Placement], changed: Iterable[str]) -> set[str]:
    """The slots that Clusters leave now."""
    pairs = [(before[name].slot, after.get(name)) for name in changed if name in before]
    return {slot for slot, now in pairs if now is None or now.slot != slot}


def _holds(layout: Layout, placements: Mapping[str, Placement], changed: Iterable[str], demand: Demand) -> bool:
    """Whether the structure of `layout` can serve the demand with the Clusters where they are.

    Response headers are no reason for another one: programs change them in what servers answer, whatever their names are;
    only answers of HAProxy's own know no new name before the next reload. No more are changes that HAProxy makes by itself:
    until then their programs make them.
    """
    for name in changed:
        profile = demand.clusters[name][0]
        number = int(placements[name].slot.rpartition(".")[2])
        if number >= layout.slots.get(profile.id, 0) or layout.profiles[profile.id] != profile:
            return False
    return _within(demand.expressions, layout.expressions) and _within(demand.cookies, layout.cookies)


def _within(some: tuple[object, ...], all_of_them: tuple[object, ...]) -> bool:
    return some is all_of_them or set(some) <= set(all_of_them)


def _structure(
    profiles: Mapping[str, Profile],
    placements: Mapping[str, Placement],
    resting: frozenset[str],
    demand: Demand,
    pools: Pools,
    known: Places,
) -> Layout:
    """The structure made anew: for each profile in use as many slots as are due, and no fewer than reach to the last one in
    use; nothing compiled but what is asked for, and the well-known headers."""
    due = _due(placements, resting, pools, known)
    taken, rest = known.numbers(placements), numbers(resting)
    slots = {
        profile: max(
            len(taken.get(profile, ())) + len(rest.get(profile, ())) + spare,
            max((*taken.get(profile, ()), *rest.get(profile, ()))) + 1,
        )
        for profile, spare in due.items()
    }
    return Layout(
        profiles={name: profiles[name] for name in slots},
        slots=slots,
        placements=placements,
        resting=resting,
        expressions=tuple(sorted(set(demand.expressions), key=lambda one: (one.virtual_host, one.id))),
        headers=tuple(sorted({*demand.headers, *(WELL_KNOWN_HEADERS if pools.spare else ())})),
        cookies=tuple(sorted(set(demand.cookies))),
        changes=demand.changes,
    )


def _due(
    placements: Mapping[str, Placement], resting: frozenset[str], pools: Pools, known: Places
) -> Mapping[str, int]:
    """By profile in use, sorted: how many spare slots are due."""

    def found() -> Mapping[str, int]:
        taken, rest = known.numbers(placements), numbers(resting)
        used = sorted({*taken, *rest})
        if not pools.spare:
            return dict.fromkeys(used, 0)
        wanted = {profile: max(pools.spare, len(taken.get(profile, ())) // 4) for profile in used}
        return wanted if sum(wanted.values()) <= pools.most else shares(wanted, known.users(placements), pools.most)

    return known.due(placements, (resting, pools), found)


def _profiles(demand: Demand) -> dict[str, Profile]:
    return {profile.id: profile for profile, _ in demand.clusters.values()}
