"""Places: a Layout comes out the same with them, and only what changed is looked at."""

from hypothesis import given
from hypothesis import strategies as st

from haloy.model.revised import Revised
from haloy.proxies.haproxy.slots.lay_out import free, lay_out, shortage
from haloy.proxies.haproxy.slots.layout import EMPTY, Demand, Pools
from haloy.proxies.haproxy.slots.places import Places
from tests.haproxy.slots.layouts import PROFILES, Change, History, changes, plain, pools, server


@given(pools, st.lists(changes, min_size=1, max_size=8))
def test_a_layout_is_the_same_whatever_was_known(chosen: Pools, history: list[Change]) -> None:
    ran, known, wanted = History(chosen), Places(), Revised[str, object]()
    for change in history:
        clusters = change.wanted.clusters
        wanted = wanted.revised(clusters, wanted.keys() - clusters.keys())
        demand = Demand(wanted, change.wanted.expressions, change.wanted.headers)  # type: ignore[arg-type]
        leaving = dict(ran.leaving)
        before, after = ran.apply(change)
        kept = {key: one for key, one in leaving.items() if key in ran.leaving or key[0] in before.resting}
        assert lay_out(before, demand, chosen, kept, fresh=change.fresh, known=known) == lay_out(
            before, change.wanted, chosen, kept, fresh=change.fresh
        )
        assert free(after, known) == free(after)
        assert shortage(after, chosen, known) == shortage(after, chosen)


def test_one_cluster_among_a_thousand_is_one_to_look_at() -> None:
    known, pool = Places(), Pools(64)
    clusters = Revised(plain(1_000).clusters)
    before = lay_out(EMPTY, Demand(clusters), pool, known=known)
    shortage(before, pool, known)

    for number in range(3):
        looked_at = known.looked_at
        clusters = clusters.revised({f"web/new{number}": (PROFILES[0], (server("s"),))}, [f"web/{number:03d}"])
        after = lay_out(before, Demand(clusters), pool, known=known)
        assert after.placements[f"web/new{number}"].slot not in {one.slot for one in before.placements.values()}
        assert shortage(after, pool, known) == ()
        assert known.looked_at - looked_at <= 4
        before = after
