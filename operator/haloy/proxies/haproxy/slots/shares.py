"""Who gets how many spare slots where there are not enough for all. Pure."""

from collections.abc import Iterable, Mapping

_SCALE = 1 << 20
"""Parts of a slot that are counted: a profile's share comes from many namespaces, a little from each."""
_LOST = _SCALE >> 10
"""Parts that are lost by rounding, at most."""
_ROUNDS = 32
"""What is left over is given out so often at most."""


def shares(wanted: Mapping[str, int], users: Mapping[str, Iterable[str]], most: int) -> dict[str, int]:
    """How many each profile gets: what it wants at most, one at least.

    `wanted`: by profile; `users`: by profile the namespaces whose Clusters it has. Each namespace has an equal share of `most`,
    for all of its profiles together; what one does not want goes to those that want more. So nobody takes from others by
    using many profiles, and a profile that many use has something from each. All together are more than `most` by no more than
    the one that each profile has.
    """
    hungry: dict[str, list[str]] = {}
    for profile in sorted(wanted):
        for namespace in sorted(users.get(profile, ())):
            hungry.setdefault(namespace, []).append(profile)
    given, left = dict.fromkeys(wanted, 0), most * _SCALE
    for _ in range(_ROUNDS):
        offered: dict[str, int] = {}
        for some in hungry.values():
            part = left // (len(hungry) * len(some))
            for profile in some:
                offered[profile] = offered.get(profile, 0) + part
        full = set()
        for profile, part in offered.items():
            room = wanted[profile] * _SCALE - given[profile]
            if part >= room:
                full.add(profile)
            given[profile] += min(part, room)
            left -= min(part, room)
        if not full:
            break
        rest = {
            namespace: some if full.isdisjoint(some) else [profile for profile in some if profile not in full]
            for namespace, some in hungry.items()
        }
        hungry = {namespace: some for namespace, some in rest.items() if some}
    return {profile: max(1, (some + _LOST) // _SCALE) for profile, some in given.items()}
