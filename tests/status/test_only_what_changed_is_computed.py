"""A board that has seen any sequence of events shows what one would that had seen only the last of each."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason, Report
from haloy.api.snapshot import Place, Rejection
from haloy.model.cluster import Cluster, Endpoint
from haloy.model.health import EndpointHealth, EndpointKey, Health, HealthCheck, Observation, TcpCheck
from haloy.model.listener import Fleet
from haloy.model.model import Certificate, Model
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import Candidate, HostKind, Match, PathKind, PathMatch, Rule, VirtualHost
from haloy.status.board import SENTENCES, StatusBoard, shortened
from haloy.status.desired import Inputs, Programming, desired
from haloy.status.health import HealthView
from haloy.status.rules import with_conditions_or_filters

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NAMES = ("a", "b", "c")
ROUTES, BACKENDS, POLICIES = (
    tuple(ObjectRef(kind, "web", name) for name in NAMES) for kind in ("Route", "Backend", "HealthPolicy")
)
BAD = Finding(ConditionType.RESOLVED_REFS, ConditionStatus.FALSE, Reason.BACKEND_NOT_FOUND, "spec: missing.")


class Still:
    """Time does not matter here."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def cluster(name: str, endpoints: int, policy: ObjectRef | None, interval: int) -> Cluster:
    listed = tuple(Endpoint(f"10.0.0.{number + 1}", 80) for number in range(endpoints))
    check = HealthCheck(TcpCheck(), interval=interval, source=policy) if policy else None
    return Cluster(f"web/{name}", ObjectRef("Backend", "web", name), endpoints=listed, health_check=check)


clusters = st.builds(
    lambda chosen: tuple(cluster(name, *rest) for name, rest in sorted(chosen.items())),
    st.dictionaries(
        st.sampled_from(NAMES),
        st.tuples(st.integers(0, 2), st.none() | st.sampled_from(POLICIES), st.sampled_from((1000, 2000))),
    ),
)
certificates = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 2)).map(
    lambda chosen: tuple(
        Certificate(f"web/{name}", "d", "f", NOW + timedelta(days=days), ObjectRef("Secret", "web", name))
        for name, days in sorted(chosen.items())
    )
)


def vhost(conditional: Iterable[ObjectRef]) -> VirtualHost:
    """One host with a rule of every Route; those of `conditional` look at the method, too."""
    chosen = set(conditional)
    return VirtualHost(
        "a.example",
        HostKind.EXACT,
        tuple(
            Candidate(
                Match(PathMatch(PathKind.PREFIX, f"/{ref.name}"), method="GET" if ref in chosen else None),
                Rule(f"{ref.key}:0", FieldRef(ref, "spec.rules[0]")),
                FieldRef(ref, "spec.rules[0]"),
            )
            for ref in ROUTES
        ),
    )


hosts = st.lists(st.sampled_from(ROUTES), unique=True).map(lambda conditional: (vhost(conditional),))
models = st.builds(
    lambda vhosts, some, pems: Model(Fleet(listeners=()), vhosts, some, pems), hosts, clusters, certificates
)
subsets = st.lists(st.sampled_from(NAMES), unique=True).map(
    lambda names: tuple(f"web/{name}" for name in sorted(names))
)
reports = st.dictionaries(
    st.sampled_from((*ROUTES, *BACKENDS, *POLICIES)),
    st.tuples(st.integers(1, 2), st.booleans(), subsets, subsets),
).map(
    lambda chosen: {
        ref: Report(ref, generation, (BAD,) if bad else (), ("h",), used, pems)
        for ref, (generation, bad, used, pems) in chosen.items()
    }
)
rejections = st.lists(st.sampled_from((*ROUTES, *BACKENDS)), unique=True).map(
    lambda refs: tuple(Rejection(Place("f.yaml", 1), ("spec: bad.",), ref) for ref in refs)
)
programmings = st.builds(
    Programming,
    st.dictionaries(st.sampled_from((*ROUTES, *BACKENDS)), st.integers(1, 2)),
    st.sampled_from(("", "check failed")),
    st.dictionaries(st.sampled_from(ROUTES), st.just("words")),
    st.sampled_from(("", "a new profile", "a new regular expression")),
    st.sampled_from((0, 1, 2)),
)
observations = st.lists(
    st.dictionaries(
        st.builds(
            EndpointKey,
            st.sampled_from([f"web/{name}" for name in NAMES]),
            st.sampled_from(("10.0.0.1:80", "10.0.0.2:80")),
        ),
        st.sampled_from(Health).map(lambda health: EndpointHealth(health, "L4OK", NOW)),
    ).map(lambda endpoints: Observation(NOW, "r", endpoints)),
    max_size=2,
)
cycles = st.tuples(reports, rejections, models, programmings)


@given(first=cycles, events=st.lists(cycles | observations | st.booleans(), max_size=6))
def test_the_statuses_are_those_of_a_start_from_scratch(first: tuple, events: list) -> None:  # type: ignore[type-arg]
    board = StatusBoard(Still())
    board.translated(*first)
    seen: list[Observation] = []
    last = first
    for event in events:
        before = board.statuses
        version = board.version
        match event:
            case bool():
                board.proxy_ready(event, compiled=event)
                seen = seen if event else []
            case tuple():
                board.translated(*event)
                last = event
            case list():
                board.observed(event)
                seen = event
        found, refused, model, _ = last
        compiled = with_conditions_or_filters(model) if board.programming.compiled else ()
        health = HealthView(model.clusters, seen)
        fresh = desired(Inputs(found, refused, model, board.programming, health, NOW, before, compiled))
        assert board.statuses == fresh
        assert board.statuses.keys() == fresh.keys()
        assert (board.version != version) == (before != fresh)


def test_at_most_twenty_transitions_are_told_one_by_one() -> None:
    few, many = [f"route/web/{number}" for number in range(SENTENCES)], [f"{number}" for number in range(1000)]
    assert shortened(few) == few
    assert shortened(many)[:SENTENCES] == many[:SENTENCES]
    assert shortened(many)[SENTENCES:] == ["and 980 more changes of status, see haloy status"]
