"""How many slots a profile gets, when there are too few, and when it loses them again."""

from dataclasses import replace

from haloy.proxies.haproxy.slots.lay_out import free, lay_out, shortage
from haloy.proxies.haproxy.slots.layout import EMPTY, Demand, Layout, Pools, slot_name
from haloy.proxies.haproxy.slots.well_known import WELL_KNOWN_HEADERS
from tests.haproxy.slots.layouts import EXPRESSIONS, PROFILES, demand, plain, server

FIRST = PROFILES[0].id
POOLS = Pools()


def test_the_first_cluster_of_a_profile_brings_spare_slots() -> None:
    made = lay_out(EMPTY, plain(1), POOLS)
    assert made.slots == {FIRST: 129}
    assert free(made) == {FIRST: 128}


def test_where_many_are_taken_a_quarter_of_them_is_spare() -> None:
    assert free(lay_out(EMPTY, plain(800), POOLS)) == {FIRST: 200}


def test_a_hundred_new_clusters_find_room() -> None:
    before = lay_out(EMPTY, plain(5), POOLS)
    after = lay_out(before, plain(105), POOLS)
    assert after.structure == before.structure
    assert shortage(after, POOLS) == ()


def test_it_runs_low_before_it_is_empty_and_a_fresh_layout_refills_it() -> None:
    before = lay_out(EMPTY, plain(1), POOLS)
    low = lay_out(before, plain(113), POOLS)
    assert low.structure == before.structure
    assert shortage(low, POOLS) == (FIRST,)
    refilled = lay_out(low, plain(113), POOLS, fresh=True)
    assert free(refilled) == {FIRST: 128}
    assert refilled.placements == low.placements


def test_resting_slots_are_not_free() -> None:
    before = lay_out(EMPTY, plain(120), Pools(8))
    after = lay_out(before, plain(0), Pools(8))
    assert free(after) == {FIRST: 30}
    assert len(after.resting) == 120
    assert free(replace(after, resting=frozenset())) == {FIRST: 150}


def test_too_few_slots_make_a_new_structure_in_which_nobody_moves() -> None:
    before = lay_out(EMPTY, plain(2), Pools(1))
    after = lay_out(before, plain(5), Pools(1))
    assert after.slots == {FIRST: 6}
    assert {name: after.placements[name] for name in before.placements} == before.placements


def test_all_profiles_together_have_no_more_than_the_most() -> None:
    many = demand({f"web/{number}": (number, [server("s")]) for number in range(4)})
    assert set(free(lay_out(EMPTY, many, Pools(128, 40))).values()) == {10}
    assert set(free(lay_out(EMPTY, many, Pools(128, 2))).values()) == {1}


def left_over(pools: Pools, *names: str) -> Layout:
    """A hundred Clusters were there; these are left, and all else has come to rest."""
    full = lay_out(EMPTY, plain(100), pools)
    last = Demand({name: plain(100).clusters[name] for name in names})
    return replace(lay_out(full, last, pools), resting=frozenset())


def wanted(layout: Layout) -> Demand:
    return Demand({name: plain(100).clusters[name] for name in layout.placements})


def test_a_pool_that_few_are_left_in_is_closed_up_with_a_reload_only() -> None:
    before = left_over(Pools(4), "web/002", "web/098", "web/099")
    assert lay_out(before, wanted(before), Pools(4)).slots == before.slots
    kept = lay_out(before, wanted(before), Pools(4), fresh=True)
    assert kept.slots == {FIRST: 7}
    slots = {name: placement.slot for name, placement in kept.placements.items()}
    assert slots == {
        "web/002": slot_name(FIRST, 2),
        "web/098": slot_name(FIRST, 0),
        "web/099": slot_name(FIRST, 1),
    }
    assert lay_out(kept, wanted(kept), Pools(4), fresh=True) == kept


def test_nobody_moves_for_a_few_slots() -> None:
    before = left_over(Pools(50), "web/099")
    kept = lay_out(before, wanted(before), Pools(50), fresh=True)
    assert (kept.slots, kept.placements) == ({FIRST: 100}, before.placements)
    assert lay_out(before, wanted(before), Pools(49), fresh=True).slots == {FIRST: 50}


def test_what_rests_keeps_no_pool_large_over_a_reload() -> None:
    full = lay_out(EMPTY, plain(100), Pools(4))
    before = lay_out(full, plain(1), Pools(4))
    assert len(before.resting) == 99
    kept = lay_out(before, plain(1), Pools(4), fresh=True)
    assert kept.slots == {FIRST: 104}, "so many are in use still"
    top = replace(before, resting=frozenset({slot_name(FIRST, 99)}))
    kept = lay_out(top, plain(1), Pools(4), fresh=True)
    assert (kept.slots, kept.resting) == ({FIRST: 5}, frozenset())


def test_an_unused_pool_goes() -> None:
    before = left_over(Pools(4))
    other = lay_out(replace(before, resting=frozenset({slot_name(FIRST, 0)})), plain(1, profile=1), Pools(4))
    assert set(other.slots) == {FIRST, PROFILES[1].id}  # a slot of it rests
    gone = lay_out(replace(other, resting=frozenset()), plain(1, profile=1), Pools(4), fresh=True)
    assert set(gone.slots) == {PROFILES[1].id}
    assert set(gone.profiles) == set(gone.slots)


def test_without_spare_slots_there_is_exactly_what_is_needed() -> None:
    made = lay_out(EMPTY, replace(plain(3), headers=("x-a",)), Pools(0))
    assert made.slots == {FIRST: 3}
    assert made.headers == ("x-a",)
    assert shortage(made, Pools(0)) == ()


def test_a_response_header_waits_for_the_next_structure() -> None:
    before = lay_out(EMPTY, plain(1), POOLS)
    assert before.headers == WELL_KNOWN_HEADERS
    wanted = replace(plain(1), headers=("vary", "x-new"))
    assert lay_out(before, wanted, POOLS) == before
    assert lay_out(before, wanted, POOLS, fresh=True).headers == tuple(sorted({*WELL_KNOWN_HEADERS, "x-new"}))


def test_what_is_compiled_stays_until_the_next_structure() -> None:
    before = lay_out(EMPTY, replace(plain(1), expressions=(EXPRESSIONS[0],), cookies=("A",)), POOLS)
    same = lay_out(before, plain(1), POOLS)
    assert (same.expressions, same.cookies) == ((EXPRESSIONS[0],), ("A",))
    other = lay_out(same, replace(plain(1), expressions=(EXPRESSIONS[1],)), POOLS)
    assert (other.expressions, other.cookies) == ((EXPRESSIONS[1],), ())


def test_well_known_headers_are_sorted_lower_case_and_once() -> None:
    assert list(WELL_KNOWN_HEADERS) == sorted({name.lower() for name in WELL_KNOWN_HEADERS})
