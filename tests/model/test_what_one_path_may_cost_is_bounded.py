"""However many conditions Routes have, a request meets no more of them than the limits say, and what is left out hides nothing."""

from collections.abc import Iterable

from haloy.model.flatten import PathEntry, flatten, unconditional
from haloy.model.limits import MAX_CANDIDATES, MAX_TESTS, MAX_TEXT
from haloy.model.routing import Candidate, HostKind, Match, PathKind, PathMatch, ValueKind, ValueMatch, VirtualHost
from haloy.model.select import Request, select
from tests.model.values import candidate


def with_headers(path: str, number: int, headers: int = 1, value: str = "x") -> Candidate:
    """A candidate below `path` that asks for so many headers, the first of which tells it from the others."""
    told = [ValueMatch("x-number", ValueKind.EXACT, str(number))]
    told += [ValueMatch(f"x-{one}", ValueKind.EXACT, value) for one in range(1, headers)]
    return candidate(f"h{number}", PathMatch(PathKind.PREFIX, path), headers=tuple(told))


def host(candidates: Iterable[Candidate]) -> VirtualHost:
    return VirtualHost("a.test", HostKind.EXACT, tuple(candidates))


def entry(vhost: VirtualHost, path: str) -> PathEntry:
    (found,) = [one for one in flatten(vhost).entries if one.path == path]
    return found


def winner(vhost: VirtualHost, path: str, number: int) -> Candidate | None:
    return select([vhost], Request("a.test", path, headers=(("x-number", str(number)),))).winner


def test_the_first_stay_and_the_plain_one_behind_them_too() -> None:
    root = candidate("root", PathMatch(PathKind.PREFIX, ""))
    vhost = host([*(with_headers("", number) for number in range(MAX_CANDIDATES + 50)), root])
    found = entry(vhost, "").candidates
    assert len(found) == MAX_CANDIDATES + 1
    assert found[-1] is root
    assert winner(vhost, "/x", MAX_CANDIDATES - 1) is found[-2]
    assert winner(vhost, "/x", MAX_CANDIDATES) is root


def test_what_longer_paths_inherit_finds_room_behind_their_own() -> None:
    own = [with_headers("/a", number) for number in range(200)]
    vhost = host([*own, *(with_headers("", number) for number in range(1000, 1200))])
    found = entry(vhost, "/a").candidates
    assert found[:200] == tuple(own)
    assert len(found) == MAX_CANDIDATES
    assert len(entry(vhost, "").candidates) == 200
    assert winner(vhost, "/a/x", 1100) is None
    assert winner(vhost, "/b", 1100) is not None


def test_conditions_and_their_text_are_counted_as_well() -> None:
    many = [with_headers("", number, headers=16) for number in range(MAX_CANDIDATES)]
    assert len(entry(host(many), "").candidates) == MAX_TESTS // 16
    long = [with_headers("", number, headers=2, value="x" * 1024) for number in range(MAX_CANDIDATES)]
    assert len(entry(host(long), "").candidates) == MAX_TEXT // 1040
    assert not any(unconditional(one) for one in entry(host(long), "").candidates)


def test_one_match_finds_room_however_large_it_is() -> None:
    headers = tuple(ValueMatch(f"{one:064}", ValueKind.REGEX, "x" * 1024) for one in range(16))
    query = tuple(ValueMatch(f"{one:0128}", ValueKind.EXACT, "x" * 1024) for one in range(16))
    largest = candidate("large", PathMatch(PathKind.REGEX, "x" * 512))
    largest = Candidate(Match(largest.match.path, "DELETE", headers, query), largest.rule, largest.source)
    assert flatten(host([largest])).default == (largest,)
