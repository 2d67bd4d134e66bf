"""Few files, none of them large, and what is new touches the ones around it."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from haloy.proxies.haproxy.names import digest
from haloy.proxies.haproxy.render.slot_files import BOUND, SlotFiles
from haloy.proxies.haproxy.slots.layout import Layout, Profile, slot_name


def layout(slots: Mapping[int, int], lines: int = 10) -> Layout:
    """`slots`: how many of each made-up profile."""
    text = "    timeout connect 5s\n" * lines
    profiles = [Profile(digest("profile", str(number), size=8), text) for number in slots]
    return Layout(
        {one.id: one for one in profiles}, dict(zip((one.id for one in profiles), slots.values(), strict=True))
    )


counts = st.dictionaries(st.integers(0, 500), st.integers(1, 400), max_size=60)


@given(counts)
def test_every_slot_is_in_one_file(slots: Mapping[int, int]) -> None:
    made = layout(slots)
    files = SlotFiles.of(made)
    wanted = {slot_name(profile, number) for profile, count in made.slots.items() for number in range(count)}
    assert sorted(slot for some in files.slots.values() for slot in some) == sorted(wanted)
    assert all(slot in files.slots[name] for slot, name in files.file.items())
    assert files.file.keys() == wanted


@given(counts)
def test_no_file_is_large_and_they_are_few(slots: Mapping[int, int]) -> None:
    made = layout(slots)
    files = SlotFiles.of(made)
    size = 220 + 40
    assert all(len(some) * size <= BOUND for some in files.slots.values())
    assert len(files.slots) <= 4 * (sum(made.slots.values()) * size // BOUND + 1)


def test_a_profile_more_changes_at_most_two_files() -> None:
    before = dict.fromkeys(range(1000), 2)
    files, after = SlotFiles.of(layout(before)).slots, SlotFiles.of(layout({**before, 5_000: 2})).slots
    assert len([name for name in after if files.get(name) != after[name]]) <= 2
    assert len(files) < 40


def test_a_slot_more_changes_one_file() -> None:
    files, after = SlotFiles.of(layout({1: 1_000})).slots, SlotFiles.of(layout({1: 1_001})).slots
    assert len([name for name in after if files.get(name) != after[name]]) == 1


def test_the_order_of_the_profiles_does_not_matter() -> None:
    made = dict.fromkeys(range(300), 3)
    turned = dict(reversed(made.items()))
    assert SlotFiles.of(layout(made)).slots.keys() == SlotFiles.of(layout(turned)).slots.keys()
