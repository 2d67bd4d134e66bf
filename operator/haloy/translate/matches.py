"""Matches of a rule, and their order of precedence."""

from typing import assert_never

from haloy.api.v1alpha1 import matches as api
from haloy.model.routing import Match, PathKind, PathMatch, ValueKind, ValueMatch

Precedence = tuple[int, int, bool, int, int]
"""Smaller goes first. What is equal here is decided between Routes: by age, by name, by order."""

PathKey = tuple[int, int, str]
"""The path's part of the precedence, and the path: what a host's candidates are grouped by. Of two paths of one kind and length at
most one fits a request, so their order means nothing; expressions can fit together, so they are one group."""

EXPRESSIONS: PathKey = (2, 0, "")
"""The group of all that asks for an expression of the path."""

_KINDS = list(PathKind)


def translate_match(match: api.Match) -> Match:
    """Normal form, so that two matches that mean the same are equal: conditions sorted, header names in lower case."""
    return Match(
        path=_path(match.path),
        method=match.method,
        headers=tuple(
            sorted(
                (ValueMatch(item.name.lower(), ValueKind(item.type), item.value) for item in match.headers), key=_order
            )
        ),
        query=tuple(
            sorted((ValueMatch(item.name, ValueKind(item.type), item.value) for item in match.query_params), key=_order)
        ),
    )


def precedence(match: Match) -> Precedence:
    """The Gateway API's (HTTPRouteRule.matches): exact path, longest prefix, regular expression; then a method, the
    most headers, the most query parameters. Expressions have no length that would mean anything."""
    path = match.path
    length = len(path.value) if path.kind is PathKind.PREFIX else 0
    return (_KINDS.index(path.kind), -length, match.method is None, -len(match.headers), -len(match.query))


def path_key(match: Match) -> PathKey:
    """Groups sort by it as the precedence wants it: exact paths, then prefixes, the longest first, then expressions."""
    path = match.path
    match path.kind:
        case PathKind.EXACT:
            return 0, 0, path.value
        case PathKind.PREFIX:
            return prefix_key(path.value)
        case PathKind.REGEX:
            return EXPRESSIONS
        case _:
            assert_never(path.kind)


def prefix_key(path: str) -> PathKey:
    """The key of a prefix (`/` itself is the empty string)."""
    return 1, -len(path), path


def is_prefix(key: PathKey) -> bool:
    """Whether longer paths may inherit what stands at `key`, which is no expression."""
    return key[0] == 1


def regexes_in(match: Match) -> int:
    """How many expressions a proxy has to compile for `match`."""
    values = sum(item.kind is ValueKind.REGEX for item in (*match.headers, *match.query))
    return values + (match.path.kind is PathKind.REGEX)


def words(match: Match) -> str:
    """`PathPrefix /api, method GET, header x-env`, for messages."""
    parts = [f"{match.path.kind.value} {match.path.value or '/'}"]
    parts += [f"method {match.method}"] if match.method is not None else []
    parts += [f"header {item.name}" for item in match.headers]
    parts += [f"query parameter {item.name}" for item in match.query]
    return ", ".join(parts)


def _path(path: api.PathMatch) -> PathMatch:
    kind = PathKind(path.type)
    return PathMatch(kind, path.value.removesuffix("/") if kind is PathKind.PREFIX else path.value)


def _order(item: ValueMatch) -> tuple[str, str, str]:
    return item.name, item.kind.value, item.value
