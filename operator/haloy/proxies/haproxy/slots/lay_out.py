"""Which Cluster gets which slot, and how many slots there are. Pure: equal inputs, equal Layouts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count, filterfalse
from types import MappingProxyType

from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.slots.layout import Demand, Layout, Leaving, Placement, Pools, Profile, slot_name
from haloy.proxies.haproxy.slots.well_known import WELL_KNOWN_HEADERS

POOL = "slot."
"""What the names of slots begin with (`slot_name`)."""

NOBODY_LEAVES: Leaving = MappingProxyType({})
_NOWHERE = Placement("")


def lay_out(
    before: Layout, demand: Demand, pools: Pools, leaving: Leaving = NOBODY_LEAVES, *, fresh: bool = False
) -> Layout:
    """A place for every Cluster of `demand`, with as little change to `before` as can be.

    A Cluster stays where it is, or moves to the free slot with the lowest number; what was left rests. The structure is that
    of `before` while there is room in it and nothing new is to be compiled; otherwise, or if `fresh`, it is made anew
    around the Clusters. `before.resting`: left and not yet at rest; `leaving`: servers of slots that are still to go.
    """
    placements, changed = _placements(before, demand, leaving)
    resting = _left(before, placements, changed)
    if fresh or not _holds(before, placements, changed, demand):
        return _structure({**before.profiles, **_profiles(demand)}, placements, resting, demand, pools)
    if placements is before.placements:
        return before
    return replace(before, placements=placements, resting=resting)


def free(layout: Layout) -> dict[str, int]:
    """By profile, how many slots a Cluster could get."""
    taken, resting = _taken(layout.placements), _numbers(layout.resting)
    return {profile: count - taken[profile] - len(resting.get(profile, ())) for profile, count in layout.slots.items()}


def shortage(layout: Layout, pools: Pools) -> tuple[str, ...]:
    """The profiles in use of which few slots are free: time for a reload in the background. Never right after a fresh one."""
    due = _spare(_taken(layout.placements), _numbers(layout.resting), pools)
    left = free(layout)
    return tuple(sorted(profile for profile, spare in due.items() if spare and left[profile] <= pools.low(spare)))


def _placements(before: Layout, demand: Demand, leaving: Leaving) -> tuple[Mapping[str, Placement], list[str]]:
    """In the order of the demand, and which Clusters have another Placement than before; `before.placements` itself if
    nothing changed. This is the loop over all Clusters."""
    going: dict[str, list[Server]] = {}
    for (slot, _), server in leaving.items():
        going.setdefault(slot, []).append(server)
    present = before.placements
    compared: dict[str, Profile] = {}
    pools: dict[str, str] = {}
    found: dict[str, Placement] = {}
    changed: list[str] = []
    movers: list[str] = []
    for name, (profile, servers) in demand.clusters.items():
        if compared.get(profile.id) is not profile:
            compared[profile.id] = profile
            pools[profile.id] = f"{POOL}{profile.id}." if before.profiles.get(profile.id) == profile else "none"
        placement = present.get(name)
        if placement is not None and placement.slot.startswith(pools[profile.id]):
            if placement.servers is servers and placement.slot not in going:
                found[name] = placement
                continue
            if _fits(servers, placement.servers, going.get(placement.slot, ())):
                if placement.servers is not servers:
                    placement = Placement(placement.slot, servers)
                    changed.append(name)
                found[name] = placement
                continue
        found[name] = _NOWHERE
        movers.append(name)
    if not movers and not changed and len(present) == len(found):
        return present, []
    _place(before, demand, found, movers)
    return found, [*changed, *movers]


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


def _place(before: Layout, demand: Demand, found: dict[str, Placement], movers: Iterable[str]) -> None:
    """Give the `movers` in `found` the free slots of the lowest numbers, beyond the end of the pool if need be."""
    used: dict[str, set[int]] | None = None
    numbers: dict[str, Iterator[int]] = {}
    for name in movers:
        if used is None:
            used = _numbers((placement.slot for placement in before.placements.values()), before.resting)
        profile, servers = demand.clusters[name]
        occupied = used.get(profile.id, set())
        unused = numbers.setdefault(profile.id, filterfalse(occupied.__contains__, count()))
        found[name] = Placement(slot_name(profile.id, next(unused)), servers)


def _left(before: Layout, placements: Mapping[str, Placement], changed: Iterable[str]) -> frozenset[str]:
    """The slots at rest, with those that Clusters leave now."""
    if placements is before.placements:
        return before.resting
    left = {before.placements[name].slot for name in before.placements.keys() - placements.keys()}
    for name in changed:
        old = before.placements.get(name)
        if old is not None and old.slot != placements[name].slot:
            left.add(old.slot)
    return before.resting | left


def _holds(layout: Layout, placements: Mapping[str, Placement], changed: Iterable[str], demand: Demand) -> bool:
    """Whether the structure of `layout` can serve the demand with the Clusters where they are.

    Response headers are no reason for another one: programs change them in what servers answer, whatever their names are;
    only answers of HAProxy's own know no new name before the next reload.
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
    known: Mapping[str, Profile],
    placements: Mapping[str, Placement],
    resting: frozenset[str],
    demand: Demand,
    pools: Pools,
) -> Layout:
    """The structure made anew: for each profile in use as many slots as are due, and no fewer than reach to the last one in
    use; nothing compiled but what is asked for, and the well-known headers."""
    taken, rest = _taken(placements), _numbers(resting)
    reach = _numbers((placement.slot for placement in placements.values()), resting)
    slots = {
        profile: max(taken[profile] + len(rest.get(profile, ())) + spare, max(reach[profile]) + 1)
        for profile, spare in _spare(taken, rest, pools).items()
    }
    return Layout(
        profiles={name: known[name] for name in slots},
        slots=slots,
        placements=placements,
        resting=resting,
        expressions=tuple(sorted(set(demand.expressions), key=lambda one: (one.virtual_host, one.id))),
        headers=tuple(sorted({*demand.headers, *(WELL_KNOWN_HEADERS if pools.spare else ())})),
        cookies=tuple(sorted(set(demand.cookies))),
    )


def _spare(taken: Mapping[str, int], resting: Mapping[str, set[int]], pools: Pools) -> dict[str, int]:
    """By profile in use, sorted: how many spare slots are due."""
    used = sorted({profile for profile, count in taken.items() if count} | resting.keys())
    if not pools.spare:
        return dict.fromkeys(used, 0)
    wanted = {profile: max(pools.spare, taken.get(profile, 0) // 4) for profile in used}
    total = sum(wanted.values())
    if total <= pools.most:
        return wanted
    return {profile: max(1, spare * pools.most // total) for profile, spare in wanted.items()}


def _taken(placements: Mapping[str, Placement]) -> Counter[str]:
    counted = Counter(placement.slot.rpartition(".")[0] for placement in placements.values())
    return Counter({pool.removeprefix(POOL): count for pool, count in counted.items()})


def _numbers(*slots: Iterable[str]) -> dict[str, set[int]]:
    """By profile the numbers of `slots`."""
    found: dict[str, set[int]] = {}
    for some in slots:
        for slot in some:
            pool, _, number = slot.rpartition(".")
            found.setdefault(pool.removeprefix(POOL), set()).add(int(number))
    return found


def _profiles(demand: Demand) -> dict[str, Profile]:
    return {profile.id: profile for profile, _ in demand.clusters.values()}
