"""2,000 ordinary changes, drawn by hypothesis: plain values, the same on every run."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

ROUTES, BACKENDS, SECRETS, VERSIONS = 30, 20, 4, 3
BATCH = 50
HOSTS = (*(f"h{number}.test" for number in range(8)), "*.wild.test", "a.wild.test")
PATHS = ("/", "/a", "/a/b", "/a/b/c", "/x%20y", "/%C3%BC", "/b")
CHECK_PATHS = ("/healthz/1", "/healthz/2", "/healthz/three?x=1", "/healthz/ill", "/healthz/ill/2")
MARKS = ("1", "two words", "\"%[env(PATH)]\" 'q' #x", "${HOME}\\")
RESPONSE_HEADERS = ("cache-control", "x-frame-options", "server", "vary")


@dataclass(frozen=True, slots=True)
class PutRoute:
    number: int
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteRoute:
    number: int


@dataclass(frozen=True, slots=True)
class PutBackend:
    """`profile`: which of the five; `policy`: which of its two HealthPolicies."""

    number: int
    profile: int
    policy: int
    endpoints: tuple[dict[str, Any], ...]
    connections: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteBackend:
    number: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Endpoint number `endpoint` of the Backend, if it has so many, serves and terminates from now on, or no longer."""

    number: int
    endpoint: int


@dataclass(frozen=True, slots=True)
class Check:
    """HealthPolicy `policy` of `profile` asks for another path, or another host where its profile has one."""

    profile: int
    policy: int
    path: str
    host: str


@dataclass(frozen=True, slots=True)
class PutSecret:
    number: int
    version: int


@dataclass(frozen=True, slots=True)
class DeleteSecret:
    number: int


Operation = PutRoute | DeleteRoute | PutBackend | DeleteBackend | Drain | Check | PutSecret | DeleteSecret

_value = st.sampled_from(MARKS)


def _headers(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """A HeaderModifier of one, two or three different headers."""
    return st.permutations(names).flatmap(
        lambda order: st.builds(
            lambda first, second: {
                "set": [{"name": order[0], "value": first}],
                "add": [{"name": order[1], "value": second}],
                "remove": [order[2]],
            },
            _value,
            _value,
        )
    )


_modifiers = st.fixed_dictionaries(
    {},
    optional={
        "RequestHeaderModifier": _headers(("x-a", "x-b", "x-c", "accept")),
        "ResponseHeaderModifier": _headers(RESPONSE_HEADERS),
        "URLRewrite": st.one_of(
            st.just({"hostname": "inner.test"}),
            st.sampled_from(["/", "/new", "/%C3%BC%20"]).map(
                lambda path: {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": path}}
            ),
            st.just({"hostname": "b.inner.test", "path": {"type": "ReplaceFullPath", "replaceFullPath": "/full"}}),
        ),
    },
)
_final = st.one_of(
    st.builds(
        lambda code, path: {"RequestRedirect": {"hostname": "away.test", "statusCode": code, "path": path}},
        st.sampled_from([301, 302, 303, 307, 308]),
        st.just({"type": "ReplaceFullPath", "replaceFullPath": "/there"}),
    ),
    st.builds(
        lambda status, body: {"DirectResponse": {"status": status, "body": body}},
        st.sampled_from([200, 404, 418, 503]),
        st.sampled_from(["", "sorry\nlater %[env(PATH)]", "ü"]),
    ),
)
_FIELDS = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "URLRewrite": "urlRewrite",
    "RequestRedirect": "requestRedirect",
    "DirectResponse": "directResponse",
}
_pairs = {
    name: st.dictionaries(st.sampled_from(keys), st.sampled_from(values), max_size=2).map(
        lambda held: [{"name": key, "value": value} for key, value in sorted(held.items())]
    )
    for name, keys, values in (
        ("headers", ("x-env", "x-user", "accept"), ("1", "b c")),
        ("queryParams", ("v", "w"), ("1", "b c", "ü")),
    )
}


@st.composite
def _rule(draw: st.DrawFn) -> dict[str, Any]:
    filters = draw(st.one_of(_modifiers, _modifiers, _final))
    prefix_only = "URLRewrite" in filters and "Prefix" in str(filters["URLRewrite"])
    kinds = ["PathPrefix"] if prefix_only else ["PathPrefix", "PathPrefix", "Exact"]
    matches = []
    for _ in range(draw(st.integers(1, 2))):
        match: dict[str, Any] = {"path": {"type": draw(st.sampled_from(kinds)), "value": draw(st.sampled_from(PATHS))}}
        for name, pairs in _pairs.items():
            if held := draw(st.one_of(st.just([]), pairs)):
                match[name] = held
        if method := draw(st.sampled_from([None, None, "GET", "POST"])):
            match["method"] = method
        matches.append(match)
    rule: dict[str, Any] = {"matches": matches}
    if filters:
        rule["filters"] = [{"type": kind, _FIELDS[kind]: held} for kind, held in filters.items()]
    if not {"RequestRedirect", "DirectResponse"} & filters.keys():
        weights = draw(
            st.dictionaries(st.integers(0, BACKENDS - 1), st.sampled_from([1, 1, 9, 0]), min_size=1, max_size=3)
        )
        rule["backendRefs"] = [{"name": f"b{number}", "weight": weight} for number, weight in sorted(weights.items())]
        if timeouts := draw(st.sampled_from([None, None, {"request": "7s"}, {"request": "8s", "tunnel": "1h"}])):
            rule["timeouts"] = timeouts
        if draw(st.sampled_from([True, True, False])) is False:
            rule["retryable"] = False
    return rule


@st.composite
def _route(draw: st.DrawFn) -> PutRoute:
    spec: dict[str, Any] = {
        "hosts": draw(st.lists(st.sampled_from(HOSTS), min_size=1, max_size=2, unique=True)),
        "rules": draw(st.lists(_rule(), min_size=1, max_size=3)),
    }
    number = draw(st.integers(0, ROUTES - 1))
    if number == 0:
        del spec["hosts"]  # every host: one Route of the thirty
    if secret := draw(st.sampled_from([None, *range(SECRETS)])):
        spec["tls"] = {"secretName": f"c{secret}", "redirect": draw(st.booleans())}
    return PutRoute(number, spec)


_endpoint = st.builds(
    lambda position, weight, backup: {"position": position, "weight": weight, "backup": backup},
    st.integers(0, 7),
    st.sampled_from([100, 100, 1, 256, 0]),
    st.sampled_from([False, False, True]),
)
_backend = st.builds(
    PutBackend,
    st.integers(0, BACKENDS - 1),
    st.integers(0, 4),
    st.integers(0, 1),
    st.lists(_endpoint, min_size=1, max_size=4, unique_by=lambda one: one["position"]).map(tuple),
    st.sampled_from([{}, {}, {"maxPerEndpoint": 50}, {"maxPerEndpoint": 60}]),
)
_operations = st.one_of(
    _route(),
    _route(),
    _route(),
    _backend,
    _backend,
    _backend,
    _backend,
    st.builds(DeleteRoute, st.integers(0, ROUTES - 1)),
    st.builds(DeleteBackend, st.integers(0, BACKENDS - 1)),
    st.builds(Drain, st.integers(0, BACKENDS - 1), st.integers(0, 3)),
    st.builds(
        Check, st.integers(1, 4), st.integers(0, 1), st.sampled_from(CHECK_PATHS), st.sampled_from(["a.test", "b.test"])
    ),
    st.builds(PutSecret, st.integers(0, SECRETS - 1), st.integers(0, VERSIONS - 1)),
    st.builds(PutSecret, st.integers(0, SECRETS - 1), st.integers(0, VERSIONS - 1)),
    st.builds(DeleteSecret, st.integers(0, SECRETS - 1)),
)


def trace(count: int) -> list[list[Operation]]:
    """`count` operations in batches of 50. hypothesis draws them before anything runs: a failure is shown by its history, not by
    running it again on a proxy that has gone on."""
    batches: list[list[Operation]] = []

    @settings(
        max_examples=count // BATCH + 1,
        derandomize=True,
        database=None,
        deadline=timedelta(minutes=1),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(_operations, min_size=BATCH, max_size=BATCH))
    def draw(batch: list[Operation]) -> None:
        batches.append(batch)

    draw()
    assert len(batches) > count // BATCH, "hypothesis drew fewer batches"
    return batches[-(count // BATCH) :]
