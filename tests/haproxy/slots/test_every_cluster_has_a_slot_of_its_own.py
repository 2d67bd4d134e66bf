"""Whatever comes and goes: nobody shares a slot, nobody gets one that rests, and nobody moves without need."""

from hypothesis import given
from hypothesis import strategies as st

from haloy.proxies.haproxy.slots.lay_out import free, lay_out, shortage
from haloy.proxies.haproxy.slots.layout import Demand, Layout, Pools, profile_of
from tests.haproxy.slots.layouts import Change, History, changes, pools

histories = st.lists(changes, min_size=1, max_size=8)


def may_stay(before: Layout, wanted: Demand, history: History, name: str) -> bool:
    """Whether the slot that the Cluster has can say all that is wanted: the rule in words of its own."""
    placement, (profile, servers) = before.placements[name], wanted.clusters[name]
    going = [one for (slot, _), one in history.leaving.items() if slot == placement.slot]
    present = {one.name: one for one in [*placement.servers, *going]}
    same = all(one.name not in present or present[one.name].fixed == one.fixed for one in servers)
    ids = {one.id for one in present.values()}
    free_ids = all(one.name in present or one.id not in ids for one in servers)
    return before.profiles[profile_of(placement.slot) or ""] == profile and same and free_ids


@given(pools, histories)
def test_no_slot_holds_two_and_no_resting_one_is_given(chosen: Pools, history: list[Change]) -> None:
    ran = History(chosen)
    for change in history:
        _, after = ran.apply(change)
        slots = [placement.slot for placement in after.placements.values()]
        assert len(set(slots)) == len(slots)
        assert not after.resting & set(slots)


@given(pools, histories)
def test_everybody_has_what_was_asked_for_and_the_slot_exists(chosen: Pools, history: list[Change]) -> None:
    ran = History(chosen)
    for change in history:
        _, after = ran.apply(change)
        assert after.placements.keys() == change.wanted.clusters.keys()
        for name, placement in after.placements.items():
            profile, servers = change.wanted.clusters[name]
            assert placement.servers == servers
            assert after.profiles[profile_of(placement.slot) or ""] == profile
        for slot in {placement.slot for placement in after.placements.values()} | after.resting:
            assert int(slot.rpartition(".")[2]) < after.slots[profile_of(slot) or ""]
        assert set(change.wanted.expressions) <= set(after.expressions)


@given(pools, histories)
def test_who_can_stay_stays_and_what_was_left_rests(chosen: Pools, history: list[Change]) -> None:
    ran = History(chosen)
    for change in history:
        going = {key: one for key, one in ran.leaving.items() if key[0] in ran.before(change).resting}
        judged = History(chosen, ran.layout, going)
        before, after = ran.apply(change)
        for name, placement in before.placements.items():
            now = after.placements.get(name)
            if change.fresh and beyond(after, placement.slot):
                assert now is None or not beyond(after, now.slot)
            elif now is None:
                assert placement.slot in after.resting
            elif may_stay(before, change.wanted, judged, name):
                assert now.slot == placement.slot
            else:
                assert now.slot != placement.slot
                assert placement.slot in after.resting
        assert {slot for slot in before.resting if not (change.fresh and beyond(after, slot))} <= after.resting


@given(pools, histories)
def test_spare_slots_are_bounded_and_never_short_after_a_fresh_layout(chosen: Pools, history: list[Change]) -> None:
    ran = History(chosen)
    for change in history:
        before, after = ran.apply(change)
        used = {profile_of(slot) for slot in (*(one.slot for one in after.placements.values()), *after.resting)}
        if after.structure != before.structure or change.fresh:
            assert shortage(after, chosen) == ()
            assert set(after.slots) == set(after.profiles) == used
            most = chosen.most + len(used) if chosen.spare else 0
            holes = sum(
                max([int(slot.rpartition(".")[2]) + 1 for slot in _slots(after) if profile_of(slot) == profile])
                for profile in after.slots
            ) - len(_slots(after))
            assert all(count >= 0 for count in free(after).values())
            assert sum(free(after).values()) <= most + holes
            assert not chosen.spare or all(free(after).values())


@given(pools, histories)
def test_equal_inputs_give_equal_layouts(chosen: Pools, history: list[Change]) -> None:
    one, other = History(chosen), History(chosen)
    assert [one.apply(change) for change in history] == [other.apply(change) for change in history]


@given(pools, histories)
def test_the_same_again_changes_nothing(chosen: Pools, history: list[Change]) -> None:
    ran = History(chosen)
    for change in history:
        _, after = ran.apply(change)
        assert lay_out(after, change.wanted, chosen, ran.leaving) is after


def beyond(layout: Layout, slot: str) -> bool:
    """Whether the pool has been closed up below that slot."""
    return int(slot.rpartition(".")[2]) >= layout.slots.get(profile_of(slot) or "", 0)


def _slots(layout: Layout) -> set[str]:
    return {placement.slot for placement in layout.placements.values()} | layout.resting
