"""A pool that few are left in gets smaller, when there is a new process anyway. Pure."""

from collections.abc import Mapping, Set
from itertools import count, filterfalse

from haloy.model.revised import Revised
from haloy.proxies.haproxy.slots.layout import Placement, profile_of, slot_name
from haloy.proxies.haproxy.slots.places import Places, numbers

WORTH_IT = 8
"""Spare slots that are no reason to move anybody: some 100 kB."""


def closed_up(
    placements: Mapping[str, Placement], resting: frozenset[str], due: Mapping[str, int], known: Places
) -> tuple[Mapping[str, Placement], frozenset[str]]:
    """Where more than twice the spare slots that are `due` (by profile) would be laid out, because Clusters are high up: those move
    to the lowest free numbers. What rests up there is dropped: in the process that comes it does not exist.
    """
    taken, rest = known.numbers(placements), numbers(resting)
    sizes: dict[str, int] = {}
    for profile, spare in due.items():
        used: Set[int] = taken.get(profile, frozenset())
        left: Set[int] = rest.get(profile, frozenset())
        size = len(used) + len(left) + spare
        if max((*used, *left)) + 1 - len(used) - len(left) > max(2 * spare, WORTH_IT):
            sizes[profile] = size
    if not sizes:
        return placements, resting
    unused = {
        profile: filterfalse({*taken.get(profile, ()), *rest.get(profile, ())}.__contains__, count())
        for profile in sizes
    }

    def beyond(slot: str) -> bool:
        profile = profile_of(slot)
        return profile in sizes and int(slot.rpartition(".")[2]) >= sizes[profile]

    movers = sorted(name for name, placement in placements.items() if beyond(placement.slot))
    moved = {}
    for name in movers:
        profile = profile_of(placements[name].slot) or ""
        moved[name] = Placement(slot_name(profile, next(unused[profile])), placements[name].servers)
    stay = frozenset(slot for slot in resting if not beyond(slot))
    return (Revised.of(placements).revised(moved) if moved else placements), stay
