"""Small Demands and long histories of them, for tests of `lay_out`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.slots.lay_out import lay_out
from haloy.proxies.haproxy.slots.layout import EMPTY, Demand, Expression, Layout, Leaving, Pools, Profile

PROFILES = [Profile(f"{number:016x}", f"    balance {number}\n") for number in range(4)]
EXPRESSIONS = [Expression(f"e{number}", "a.b", "path", f"/{number}") for number in range(3)]


def server(name: str, number: int = 1, *options: str) -> Server:
    return Server(name, "127.0.0.1", 80, number, 100, name, options)


def demand(clusters: Mapping[str, tuple[int, Sequence[Server]]], **others: tuple[str, ...]) -> Demand:
    """By Cluster the number of its profile, and its servers."""
    wanted = {name: (PROFILES[profile], tuple(servers)) for name, (profile, servers) in clusters.items()}
    return Demand(wanted, headers=others.get("headers", ()), cookies=others.get("cookies", ()))


def plain(count: int, profile: int = 0) -> Demand:
    """So many Clusters of one profile, with a server each."""
    return demand({f"web/{number:03d}": (profile, [server("s")]) for number in range(count)})


servers = st.lists(
    st.builds(server, st.sampled_from("xyz"), st.integers(1, 3), st.sampled_from(["check", "ssl"])),
    unique_by=(lambda one: one.name, lambda one: one.id),
    max_size=3,
)
demands = st.builds(
    lambda clusters, expressions, headers: replace(
        demand(dict(sorted(clusters.items()))), expressions=tuple(expressions), headers=tuple(sorted(headers))
    ),
    st.dictionaries(st.sampled_from([f"web/{name}" for name in "abcdefgh"]), st.tuples(st.integers(0, 3), servers)),
    st.lists(st.sampled_from(EXPRESSIONS), unique=True, max_size=2),
    st.sets(st.sampled_from(["x-a", "x-b"]), max_size=1),
)
pools = st.builds(Pools, st.sampled_from([0, 1, 2, 16]), st.sampled_from([1, 4, 100]))


@dataclass(frozen=True, slots=True)
class Change:
    """`wanted`, asked for when those slots have come to rest for which `rested` says so, in turn."""

    wanted: Demand
    rested: tuple[bool, ...] = ()
    fresh: bool = False


changes = st.builds(
    Change, demands, st.lists(st.booleans(), max_size=4).map(tuple), st.sampled_from([False, False, True])
)


@dataclass(slots=True)
class History:
    """What a caller does: it keeps the servers of slots that were left until those have come to rest."""

    pools: Pools
    layout: Layout = EMPTY
    leaving: Leaving = field(default_factory=dict)

    def before(self, change: Change) -> Layout:
        """The present layout without the slots that have come to rest."""
        waiting = sorted(self.layout.resting)
        resting = {
            slot for index, slot in enumerate(waiting) if index >= len(change.rested) or not change.rested[index]
        }
        return replace(self.layout, resting=frozenset(resting))

    def apply(self, change: Change) -> tuple[Layout, Layout]:
        """Before and after."""
        before = self.before(change)
        leaving = {key: one for key, one in self.leaving.items() if key[0] in before.resting}
        after = lay_out(before, change.wanted, self.pools, leaving, fresh=change.fresh)
        for name, placement in before.placements.items():
            now = after.placements.get(name)
            for one in placement.servers:
                if now is None or now.slot != placement.slot:
                    leaving |= {(placement.slot, one.name): one} if placement.slot in after.resting else {}
                elif one not in now.servers:
                    leaving[placement.slot, one.name] = one
        self.layout, self.leaving = after, leaving
        return before, after
