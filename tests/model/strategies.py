"""Small alphabets, so that hosts, paths and conditions collide all the time."""

from hypothesis import strategies as st

from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import (
    Candidate,
    HostKind,
    Match,
    PathKind,
    PathMatch,
    Rule,
    ValueKind,
    ValueMatch,
    VirtualHost,
)
from haloy.model.select import Request

SEGMENTS = ["a", "b", "ab", "", "a.b"]
EXPRESSIONS = ["/a", "/a.*", ".*", "/(a|b)(/.*)?", "/a|/b", "/[^/]+"]


def paths() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def path_matches() -> st.SearchStrategy[PathMatch]:
    return st.one_of(
        paths().map(lambda path: PathMatch(PathKind.EXACT, path)),
        paths().map(lambda path: PathMatch(PathKind.PREFIX, path.rstrip("/"))),
        st.sampled_from(EXPRESSIONS).map(lambda expression: PathMatch(PathKind.REGEX, expression)),
    )


def value_matches(names: list[str]) -> st.SearchStrategy[tuple[ValueMatch, ...]]:
    exact = st.builds(ValueMatch, st.sampled_from(names), st.just(ValueKind.EXACT), st.sampled_from(["1", "2"]))
    expression = st.builds(ValueMatch, st.sampled_from(names), st.just(ValueKind.REGEX), st.sampled_from(["1|2", "."]))
    return st.lists(st.one_of(exact, expression), max_size=2, unique_by=lambda match: match.name).map(tuple)


def match_values() -> st.SearchStrategy[Match]:
    return st.builds(
        Match,
        path_matches(),
        st.sampled_from([None, None, "GET", "POST"]),
        value_matches(["x-env", "x-user"]),
        value_matches(["v", "w"]),
    )


def precedence(match: Match) -> tuple[object, ...]:
    kinds = list(PathKind)
    length = len(match.path.value) if match.path.kind is PathKind.PREFIX else 0
    return (kinds.index(match.path.kind), -length, match.method is None, -len(match.headers), -len(match.query))


@st.composite
def virtual_hosts(draw: st.DrawFn) -> VirtualHost:
    """A host whose candidates are in order of precedence, as translate leaves them."""
    found = draw(st.lists(match_values(), max_size=12, unique=True))
    ordered = sorted(found, key=lambda match: precedence(match))
    route = ObjectRef("Route", "web", "shop")
    candidates = []
    for index, match in enumerate(ordered):
        source = FieldRef(route, f"spec.rules[{index}]")
        candidates.append(Candidate(match, Rule(f"web/shop:{index}", source), source))
    return VirtualHost("shop.example.com", HostKind.EXACT, tuple(candidates))


def pairs(names: list[str]) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    pair = st.tuples(st.sampled_from(names), st.sampled_from(["1", "2", "33"]))
    return st.lists(pair, max_size=2).map(tuple)


def requests() -> st.SearchStrategy[Request]:
    return st.builds(
        Request,
        host=st.just("shop.example.com"),
        path=paths(),
        method=st.sampled_from(["GET", "POST"]),
        headers=pairs(["x-env", "X-User"]),
        query=pairs(["v", "w"]),
    )
