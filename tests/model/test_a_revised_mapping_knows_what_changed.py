"""A Revised mapping is what it says, and what it says changed since one of its predecessors is what did."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloy.model.revised import Revised, differing, exchanged

keys = st.sampled_from("abcdef")
steps = st.lists(st.tuples(st.dictionaries(keys, st.integers(0, 2), max_size=3), st.sets(keys, max_size=2)), max_size=8)


def plainly(old: dict[str, int], new: dict[str, int]) -> set[str]:
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


@given(st.dictionaries(keys, st.integers(0, 2)), steps)
def test_what_differs_is_found_whatever_came_between(first: dict[str, int], changes: list) -> None:
    found, plain = [Revised(first)], dict(first)
    for changed, gone in changes:
        revised = found[-1].revised(changed, gone)
        plain = {key: value for key, value in {**plain, **changed}.items() if key not in gone}
        assert revised == plain
        for before in found:
            assert differing(before, revised) == plainly(before, revised)
            assert differing(revised, before) == plainly(before, revised)
        found.append(revised)


def test_changing_nothing_gives_the_same_mapping() -> None:
    value = object()
    mapping = Revised({"a": value})
    assert mapping.revised({"a": value}, ["b"]) is mapping


def test_it_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Revised({"a": 1})["a"] = 2
    with pytest.raises(TypeError):
        Revised({"a": 1}).pop("a")


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9), unique=True))
def test_what_two_sequences_do_not_share_is_what_was_exchanged(one: list[int], other: list[int]) -> None:
    units = [object() for _ in range(10)]
    old, new = [units[number] for number in one], [units[number] for number in other]
    gone, come = exchanged(old, new)
    assert gone == [unit for unit in old if unit not in new]
    assert come == [unit for unit in new if unit not in old]
