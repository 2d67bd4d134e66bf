"""Fall-back made explicit: for every path key of a host, all candidates that a request on that key may meet.

A proxy finds one entry (exact before longest prefix) and tries its candidates in order; it never has to go back and
look for a shorter prefix. The order within an entry is the one of the Gateway API (HTTPRouteRule.matches): exact path,
longest prefix, regular expression; candidates of one key keep the order in which the VirtualHost lists them. How many
conditions an entry may have is bounded (limits.py): those of longer paths go first.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import is_
from typing import assert_never

from haloy.model.limits import Budget
from haloy.model.routing import Candidate, PathKind, VirtualHost


@dataclass(frozen=True, slots=True)
class PathEntry:
    """One path key of a host. `kind` is EXACT or PREFIX, `path` as in PathMatch (a prefix has no trailing slash).

    `candidates` is never empty. Only the last one can be decided by the entry's path alone (`unconditional`): what
    would come after it can never win.
    """

    kind: PathKind
    path: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Flattened:
    """`entries` is sorted by path, EXACT before PREFIX. `default` (regular expressions only) holds for a path that no
    entry fits; a path that nothing fits is answered 404."""

    entries: tuple[PathEntry, ...]
    default: tuple[Candidate, ...] = ()


Place = tuple[str, bool]
"""A PathEntry's place in the order: its path, and whether it is a prefix."""


def unconditional(candidate: Candidate) -> bool:
    """True when the key of an entry already decides this candidate: no method, header, query or expression is left."""
    return candidate.match.only_path and candidate.match.path.kind is not PathKind.REGEX


def flatten(vhost: VirtualHost, before: tuple[VirtualHost, Flattened] | None = None) -> Flattened:
    """The entries of `vhost`.

    Linear in the number of candidates as long as few of them are conditional: an entry ends at its first unconditional
    candidate, and what a prefix inherits is computed once for all keys below it.

    `before`: the host as it was, and what this gave for it. Then only the entries of paths where candidates came, went or
    changed are made again, and those below them that inherit; all others are the very same objects, so that whoever comes next
    may compare by identity. The result is equal to the one without.
    """
    if before is not None:
        touched = _touched(before[0].candidates, vhost.candidates)
        if touched is not None and 8 * len(touched) < len(vhost.candidates):
            return _revised(vhost, before[1], touched) if touched else before[1]
    own, default = _own(vhost.candidates)
    below: dict[str, tuple[Candidate, ...]] = {}
    for path in sorted((path for path, is_prefix in own if is_prefix), key=len):
        below[path] = _cut(own[path, True], _nearest(below.get, _parent(path), default))
    entries = [PathEntry(PathKind.PREFIX, path, candidates) for path, candidates in below.items()]
    for (path, is_prefix), found in own.items():
        if not is_prefix:
            entries.append(PathEntry(PathKind.EXACT, path, _cut(found, _nearest(below.get, path, default))))
    entries.sort(key=path_place)
    known = {path_place(entry): entry for entry in before[1].entries} if before is not None else {}
    return Flattened(tuple(_kept(known.get(path_place(entry)), entry) for entry in entries), default)


def _own(candidates: Iterable[Candidate]) -> tuple[dict[Place, list[Candidate]], tuple[Candidate, ...]]:
    """The candidates by the place of their path, and the expressions."""
    own: defaultdict[Place, list[Candidate]] = defaultdict(list)
    expressions: list[Candidate] = []
    for candidate in candidates:
        path = candidate.match.path
        match path.kind:
            case PathKind.EXACT:
                own[path.value, False].append(candidate)
            case PathKind.PREFIX:
                own[path.value, True].append(candidate)
            case PathKind.REGEX:
                expressions.append(candidate)
            case _:
                assert_never(path.kind)
    return own, _cut(expressions, ())


def _touched(old: tuple[Candidate, ...], new: tuple[Candidate, ...]) -> set[str] | None:
    """The paths where the candidates are not the same objects in the same order; None: not so easily said."""
    first, last = _alike(old, new), 0
    if first < min(len(old), len(new)):
        last = min(_alike(reversed(old), reversed(new)), len(old) - first, len(new) - first)
    old, new = old[first : len(old) - last], new[first : len(new) - last]
    olds, news = set(map(id, old)), set(map(id, new))
    gone, come = olds - news, news - olds
    kept = [one for one in old if id(one) not in gone], [one for one in new if id(one) not in come]
    others = [one for one in old if id(one) in gone] + [one for one in new if id(one) in come]
    if not _all_same(*kept) or any(one.match.path.kind is PathKind.REGEX for one in others):
        return None
    return {one.match.path.value for one in others}


def _alike(one: Iterable[object], other: Iterable[object]) -> int:
    """How many of them are the same at the beginning."""
    same = [*map(is_, one, other), False]
    return same.index(False)


def _revised(vhost: VirtualHost, before: Flattened, touched: Collection[str]) -> Flattened:
    """`before`, with the entries of the `touched` paths made again, shorter paths first, and what is below them."""
    own, _ = _own([one for one in vhost.candidates if one.match.path.value in touched])
    entries = list(before.entries)

    def find(place: Place) -> tuple[int, bool]:
        index = bisect_left(entries, place, key=path_place)
        return index, index < len(entries) and path_place(entries[index]) == place

    def prefix(path: str) -> tuple[Candidate, ...] | None:
        index, there = find((path, True))
        return entries[index].candidates if there else None

    def make(kind: PathKind, path: str, found: Iterable[Candidate]) -> PathEntry:
        above = _parent(path) if kind is PathKind.PREFIX else path
        return PathEntry(kind, path, _cut(found, _nearest(prefix, above, before.default)))

    for path in sorted(touched, key=len):
        for kind in (PathKind.PREFIX, PathKind.EXACT):
            place = (path, kind is PathKind.PREFIX)
            index, there = find(place)
            made = [make(kind, path, own[place])] if place in own else []
            entries[index : index + there] = [_kept(entries[index], one) for one in made] if there else made
    for path in touched:
        first, last = (find((f"{path}{end}", False))[0] for end in "/0") if path else (0, len(entries))
        inheriting = [index for index in range(first, last) if _inherits(entries[index])]
        for index in sorted(inheriting, key=lambda index: (entries[index].kind is PathKind.EXACT, index)):
            entry = entries[index]
            entries[index] = _kept(
                entry, make(entry.kind, entry.path, [one for one in entry.candidates if _is_own(entry, one)])
            )
    return Flattened(tuple(entries), before.default)


def path_place(entry: PathEntry) -> Place:
    """What entries are sorted by."""
    return entry.path, entry.kind is PathKind.PREFIX


def _is_own(entry: PathEntry, candidate: Candidate) -> bool:
    return candidate.match.path.value == entry.path and candidate.match.path.kind is entry.kind


def _inherits(entry: PathEntry) -> bool:
    """Whether what a shorter prefix has may matter to it."""
    last = entry.candidates[-1]
    return not (unconditional(last) and _is_own(entry, last))


def _kept(old: PathEntry | None, new: PathEntry) -> PathEntry:
    """`old` itself if it has the same candidates."""
    return old if old is not None and _all_same(old.candidates, new.candidates) else new


def _all_same(one: Sequence[object], other: Sequence[object]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))


def _parent(path: str) -> str | None:
    """The path one segment shorter ("" is the root's); None above the root."""
    cut = path.rfind("/")
    return path[:cut] if cut >= 0 else None


def _nearest(
    below: Callable[[str], tuple[Candidate, ...] | None], path: str | None, default: tuple[Candidate, ...]
) -> tuple[Candidate, ...]:
    """What the longest prefix that `below` knows gives that `path` lies under (or is), else `default`."""
    while path is not None:
        found = below(path)
        if found is not None:
            return found
        path = _parent(path)
    return default


def _cut(own: Iterable[Candidate], inherited: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """`own` and then `inherited`, up to the first unconditional candidate: as many conditional ones as one path may have, in their
    order."""
    kept: list[Candidate] = []
    budget = Budget()
    for candidate in chain(own, inherited):
        if unconditional(candidate):
            return (*kept, candidate)
        if budget.admits(candidate):
            kept.append(candidate)
    return tuple(kept)
