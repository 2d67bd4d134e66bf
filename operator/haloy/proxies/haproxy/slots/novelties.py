"""What of a new Layout is new structure: what the reasons of a reload are made from. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from haloy.proxies.haproxy.slots.layout import Expression, Layout, profile_of


@dataclass(frozen=True, slots=True)
class Novelties:
    """`profiles`: by new profile the Clusters that need it, sorted. `exhausted`: by profile that had too few free slots the
    Clusters that got one beyond its end. `refilled`: profiles with more slots than before, though those were enough.
    `shrunk`: profiles with fewer slots, or none any more. `expressions`, `cookies`: newly compiled.
    `dropped`: whether something is compiled no longer.
    """

    profiles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exhausted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refilled: tuple[str, ...] = ()
    shrunk: tuple[str, ...] = ()
    expressions: tuple[Expression, ...] = ()
    cookies: tuple[str, ...] = ()
    dropped: bool = False

    def __bool__(self) -> bool:
        """Whether the structure is another one at all."""
        return self != _NOTHING


_NOTHING = Novelties()


def novelties(before: Layout, after: Layout) -> Novelties:
    """From `before` to `after`; nothing, and quickly so, if both have the same structure."""
    if before.structure == after.structure:
        return _NOTHING
    new: dict[str, list[str]] = {}
    exhausted: dict[str, list[str]] = {}
    for cluster, placement in after.placements.items():
        profile = profile_of(placement.slot)
        if profile is None:
            continue
        if before.profiles.get(profile) != after.profiles[profile]:
            new.setdefault(profile, []).append(cluster)
        elif int(placement.slot.rpartition(".")[2]) >= before.slots[profile]:
            exhausted.setdefault(profile, []).append(cluster)
    grown = {profile for profile, count in after.slots.items() if count > before.slots.get(profile, count)}
    compiled = zip(before.in_frontends, after.in_frontends, strict=True)
    return Novelties(
        profiles=_sorted(new),
        exhausted=_sorted(exhausted),
        refilled=tuple(sorted(grown - exhausted.keys())),
        shrunk=tuple(sorted(name for name, count in before.slots.items() if after.slots.get(name, 0) < count)),
        expressions=tuple(one for one in after.expressions if one not in set(before.expressions)),
        cookies=tuple(name for name in after.cookies if name not in set(before.cookies)),
        dropped=any(set(old) - set(now) for old, now in compiled),
    )


def _sorted(clusters: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {profile: tuple(sorted(clusters[profile])) for profile in sorted(clusters)}
