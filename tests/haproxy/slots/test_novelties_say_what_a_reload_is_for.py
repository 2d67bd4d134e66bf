"""`novelties`: from two Layouts to what is new in their structure."""

from dataclasses import replace

from haloy.proxies.haproxy.slots.lay_out import lay_out
from haloy.proxies.haproxy.slots.layout import EMPTY, Pools
from haloy.proxies.haproxy.slots.novelties import Novelties, novelties
from tests.haproxy.slots.layouts import EXPRESSIONS, PROFILES, demand, plain, server

FIRST, SECOND = PROFILES[0].id, PROFILES[1].id
POOLS = Pools(2)
BEFORE = lay_out(EMPTY, plain(2), POOLS)


def test_the_same_structure_has_none() -> None:
    after = lay_out(BEFORE, plain(4), POOLS)
    assert novelties(BEFORE, after) == Novelties()
    assert not novelties(BEFORE, after)


def test_a_new_profile_is_named_with_the_clusters_that_need_it() -> None:
    wanted = demand({"web/000": (0, [server("s")]), "web/b": (1, []), "web/a": (1, [])})
    found = novelties(BEFORE, lay_out(BEFORE, wanted, POOLS))
    assert found.profiles == {SECOND: ("web/a", "web/b")}
    assert not found.exhausted


def test_clusters_beyond_the_end_of_a_pool_exhausted_it() -> None:
    found = novelties(BEFORE, lay_out(BEFORE, plain(6), POOLS))
    assert found.exhausted == {FIRST: ("web/004", "web/005")}
    assert found.refilled == ()


def test_a_fresh_layout_refills() -> None:
    low = lay_out(BEFORE, plain(4), POOLS)
    assert novelties(low, lay_out(low, plain(4), POOLS, fresh=True)) == Novelties(refilled=(FIRST,))


def test_what_is_newly_compiled_is_named_and_what_is_not_any_more_is_noticed() -> None:
    one = lay_out(BEFORE, replace(plain(2), expressions=(EXPRESSIONS[0],), cookies=("A",)), POOLS)
    found = novelties(BEFORE, one)
    assert (found.expressions, found.cookies, found.dropped) == ((EXPRESSIONS[0],), ("A",), False)
    assert novelties(one, lay_out(one, plain(2), POOLS, fresh=True)).dropped


def test_a_pool_that_is_no_longer_used_shrinks() -> None:
    other = lay_out(replace(BEFORE, resting=frozenset()), plain(1, profile=1), POOLS)
    gone = lay_out(replace(other, resting=frozenset()), plain(1, profile=1), POOLS, fresh=True)
    assert novelties(other, gone).shrunk == (FIRST,)
