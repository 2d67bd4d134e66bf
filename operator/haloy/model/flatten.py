"""Fall-back made explicit: for every path key of a host, all candidates that a request on that key may meet.

A proxy finds one entry (exact before longest prefix) and tries its candidates in order; it never has to go back and
look for a shorter prefix. The order within an entry is the one of the Gateway API (HTTPRouteRule.matches): exact path,
longest prefix, regular expression; candidates of one key keep the order in which the VirtualHost lists them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

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


def unconditional(candidate: Candidate) -> bool:
    """True when the key of an entry already decides this candidate: no method, header, query or expression is left."""
    return candidate.match.only_path and candidate.match.path.kind is not PathKind.REGEX


def flatten(vhost: VirtualHost) -> Flattened:
    """The entries of `vhost`.

    Linear in the number of candidates as long as few of them are conditional: an entry ends at its first unconditional
    candidate, and what a prefix inherits is computed once for all keys below it.
    """
    exact: defaultdict[str, list[Candidate]] = defaultdict(list)
    prefix: defaultdict[str, list[Candidate]] = defaultdict(list)
    expressions: list[Candidate] = []
    for candidate in vhost.candidates:
        path = candidate.match.path
        match path.kind:
            case PathKind.EXACT:
                exact[path.value].append(candidate)
            case PathKind.PREFIX:
                prefix[path.value].append(candidate)
            case PathKind.REGEX:
                expressions.append(candidate)
            case _:
                assert_never(path.kind)

    default = tuple(expressions)
    below: dict[str, tuple[Candidate, ...]] = {}
    for path_value in sorted(prefix, key=len):
        inherited = _nearest(below, _parent(path_value), default)
        below[path_value] = _cut(prefix[path_value], inherited)

    entries = [PathEntry(PathKind.PREFIX, path_value, candidates) for path_value, candidates in below.items()]
    for path_value, own in exact.items():
        entries.append(PathEntry(PathKind.EXACT, path_value, _cut(own, _nearest(below, path_value, default))))
    entries.sort(key=lambda entry: (entry.path, entry.kind is PathKind.PREFIX))
    return Flattened(tuple(entries), default)


def _parent(path: str) -> str | None:
    """The path one segment shorter ("" is the root's); None above the root."""
    cut = path.rfind("/")
    return path[:cut] if cut >= 0 else None


def _nearest(
    below: dict[str, tuple[Candidate, ...]], path: str | None, default: tuple[Candidate, ...]
) -> tuple[Candidate, ...]:
    """What the longest prefix in `below` gives that `path` lies under (or is), else `default`."""
    while path is not None:
        found = below.get(path)
        if found is not None:
            return found
        path = _parent(path)
    return default


def _cut(own: Iterable[Candidate], inherited: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """`own` and then `inherited`, up to the first unconditional candidate."""
    kept: list[Candidate] = []
    for candidate in own:
        kept.append(candidate)
        if unconditional(candidate):
            return tuple(kept)
    return (*kept, *inherited)
