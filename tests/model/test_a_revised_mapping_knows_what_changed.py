"""A Revised mapping is what it says, and what it says changed since one of its predecessors is what did."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloy.model.revised import Revised, differing

keys = st.sampled_from("abcdef")
steps = st.lists(st.tuples(st.dictionaries(keys, st.integers(0, 2), max_size=3), st.sets(keys, max_size=2)), max_size=8)


def plainly(old: dict[str, int], new: dict[str, int]) -> set[str]:
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


@given(st.dictionaries(keys, st.integers(0, 2)), steps)
def test_what_differs_is_found_whatever_came_between(first: dict[str, int], changes: list) -> None:
    found, plain = [Revised(first)], dict(first)
    for changed, gone in changes:
        revised = found[-1].revised(changed, gone, in_order=True)
        plain = {key: value for key, value in {**plain, **changed}.items() if key not in gone}
        assert revised == plain
        for before in found:
            assert differing(before, revised) == plainly(before, revised)
            assert differing(revised, before) == plainly(before, revised)
        found.append(revised)


def test_new_keys_are_sorted_in_on_demand() -> None:
    assert list(Revised({"a": 1, "c": 1}).revised({"b": 1}, in_order=True)) == ["a", "b", "c"]


def test_changing_nothing_gives_the_same_mapping() -> None:
    value = object()
    mapping = Revised({"a": value})
    assert mapping.revised({"a": value}, ["b"]) is mapping


def test_it_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Revised({"a": 1})["a"] = 2
    with pytest.raises(TypeError):
        Revised({"a": 1}).pop("a")
