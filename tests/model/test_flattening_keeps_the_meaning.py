"""Looking one entry up and trying its candidates gives what trying every candidate of the host gives."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from haloy.model.flatten import Flattened, flatten, unconditional
from haloy.model.routing import Candidate, HostKind, Match, PathKind, PathMatch, Rule, VirtualHost
from haloy.model.select import Request, matches, select
from tests.model.strategies import requests, virtual_hosts
from tests.model.values import candidate


def look_up(flattened: Flattened, path: str) -> tuple[Candidate, ...]:
    """As a proxy does it: the exact key, else the longest prefix by segments, else the default."""
    entries = {(entry.kind, entry.path): entry.candidates for entry in flattened.entries}
    keys = [(PathKind.EXACT, path)]
    keys += [(PathKind.PREFIX, path[:end]) for end in range(len(path), -1, -1) if (path + "/")[end] == "/"]
    return next((entries[key] for key in keys if key in entries), flattened.default)


@given(virtual_hosts(), requests())
def test_the_first_that_holds_in_the_entry_is_the_winner_of_the_host(vhost: VirtualHost, request: Request) -> None:
    entry = look_up(flatten(vhost), request.path)
    winner = next((found for found in entry if matches(found.match, request)), None)
    assert winner is select([vhost], request).winner


@given(virtual_hosts())
def test_only_the_last_of_an_entry_is_unconditional(vhost: VirtualHost) -> None:
    for entry in flatten(vhost).entries:
        assert entry.candidates
        assert not any(unconditional(found) for found in entry.candidates[:-1])


@given(virtual_hosts())
def test_entries_are_unique_and_sorted(vhost: VirtualHost) -> None:
    keys = [(entry.path, entry.kind is PathKind.PREFIX) for entry in flatten(vhost).entries]
    assert keys == sorted(set(keys))


@given(virtual_hosts(), st.data())
def test_what_changed_among_the_candidates_changes_only_its_entries(vhost: VirtualHost, data: st.DataObject) -> None:
    keep = data.draw(st.lists(st.booleans(), min_size=len(vhost.candidates), max_size=len(vhost.candidates)))
    many = tuple(
        candidate(f"r{number}", PathMatch(PathKind.EXACT, f"/many/{number}"), method="GET") for number in range(200)
    )
    before = replace(
        vhost, candidates=(*many, *(one for one, kept in zip(vhost.candidates, keep, strict=True) if kept))
    )
    after = replace(vhost, candidates=(*many[data.draw(st.integers(0, 3)) :], *vhost.candidates))
    for old, new in ((before, after), (after, before), (before, before)):
        flat = flatten(old)
        found, scratch = flatten(new, (old, flat)), flatten(new)
        assert found == scratch
        known = {(entry.kind, entry.path): entry for entry in flat.entries}
        for entry in found.entries:
            last = known.get((entry.kind, entry.path))
            assert last is entry or last != entry


def test_an_exact_key_falls_back_to_the_prefix_of_the_same_path() -> None:
    exact = candidate("exact", PathMatch(PathKind.EXACT, "/a"), method="POST")
    prefix = candidate("prefix", PathMatch(PathKind.PREFIX, "/a"))
    root = candidate("root", PathMatch(PathKind.PREFIX, ""))
    flattened = flatten(VirtualHost("h.example", HostKind.EXACT, (exact, prefix, root)))
    found = {(entry.kind, entry.path): entry.candidates for entry in flattened.entries}
    assert found == {
        (PathKind.PREFIX, ""): (root,),
        (PathKind.EXACT, "/a"): (exact, prefix),
        (PathKind.PREFIX, "/a"): (prefix,),
    }


def test_ten_thousand_paths_give_ten_thousand_short_entries() -> None:
    rule = Rule("web/shop:0", candidate("r", PathMatch(PathKind.PREFIX, "")).source)
    many = tuple(
        Candidate(Match(PathMatch(PathKind.PREFIX, f"/p{number:05}/x"), "GET"), rule, rule.source)
        for number in range(10_000)
    )
    root = candidate("root", PathMatch(PathKind.PREFIX, ""))
    flattened = flatten(VirtualHost("h.example", HostKind.EXACT, (*many, root)))
    assert len(flattened.entries) == 10_001
    assert sum(len(entry.candidates) for entry in flattened.entries) == 20_001
