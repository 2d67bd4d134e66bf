"""A base and the differences since give the last Artifacts, whatever they are, also where the base is partly newer."""

import itertools
import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from haloy.proxies.haproxy.apply.difference import Replay, difference
from haloy.proxies.haproxy.artifacts import Artifacts
from tests.haproxy.driver.any_artifacts import artifacts


def steps(states: list[Artifacts]) -> list[Any]:
    made = [difference(one, other, lambda path: f"of {path}") for one, other in itertools.pairwise(states)]
    return [json.loads(json.dumps(one.value)) for one in made]


@given(st.lists(artifacts, min_size=2, max_size=4))
def test_from_the_first_to_the_last(states: list[Artifacts]) -> None:
    replay = Replay(states[0], dict.fromkeys(states[0].pem_files, "old"))
    for step in steps(states):
        replay.take(step)
    assert replay.artifacts == states[-1]
    assert replay.contents.keys() == states[-1].pem_files.keys()


@given(artifacts)
def test_what_is_equal_has_no_difference(state: Artifacts) -> None:
    copy = replace(state, maps={name: dict(entries) for name, entries in state.maps.items()})
    assert not difference(state, copy, str).value


@given(st.lists(artifacts, min_size=2, max_size=3), st.data())
def test_a_base_that_is_partly_the_last_state_ends_there(states: list[Artifacts], data: st.DataObject) -> None:
    """As after a flush that was cut off: some files are new, the index is old."""
    first, last = states[0], states[-1]
    after = {fragment.filename: fragment for fragment in last.fragments}
    base = replace(
        first,
        fragments=tuple(after.get(one.filename, one) if data.draw(st.booleans()) else one for one in first.fragments),
        maps={
            name: last.maps.get(name, entries) if data.draw(st.booleans()) else entries
            for name, entries in first.maps.items()
        },
        pem_files=last.pem_files if data.draw(st.booleans()) else first.pem_files,
    )
    new_lines = data.draw(st.booleans())
    if new_lines:
        base = replace(base, certificates=last.certificates)
    replay = Replay(base, dict.fromkeys(base.pem_files, "old"), newer=True)
    for step in steps(states):
        replay.take(step, lines=not new_lines)
    assert replay.artifacts == last


@given(artifacts)
def test_one_section_is_all_that_a_change_of_its_servers_names(state: Artifacts) -> None:
    found = [(number, one) for number, one in enumerate(state.fragments) if one.sections]
    if not found or len({one.name for one in found[0][1].sections}) < len(found[0][1].sections):
        return
    number, fragment = found[0]
    changed = replace(fragment.sections[0], servers=(), text="new\n", cluster=None)
    other = replace(
        state,
        fragments=(
            *state.fragments[:number],
            replace(fragment, sections=(changed, *fragment.sections[1:])),
            *state.fragments[number + 1 :],
        ),
    )
    value = difference(state, other, str).value
    assert [name for name, _ in value["sections"].items()] == [fragment.filename]
    assert [one[0] for one in value["sections"][fragment.filename]] == [changed.name]
    assert value.keys() <= {"sections", "layout"}
