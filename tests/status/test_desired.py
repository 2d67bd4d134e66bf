"""The status of objects as a function of what is known."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason, Report
from haloy.api.snapshot import Place, Rejection
from haloy.model.cluster import Cluster, Endpoint
from haloy.model.health import EndpointHealth, EndpointKey, Health, HealthCheck, Observation, TcpCheck
from haloy.model.listener import Fleet
from haloy.model.model import Model
from haloy.model.refs import ObjectRef
from haloy.status.desired import Inputs, Programming, desired
from haloy.status.health import HealthView
from haloy.status.values import Status

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROUTE = ObjectRef("Route", "web", "shop")
BACKEND = ObjectRef("Backend", "web", "shop")
CLUSTER = Cluster("web/shop", BACKEND, endpoints=(Endpoint("10.0.0.1", 80), Endpoint("10.0.0.2", 80)))
MODEL = Model(Fleet(listeners=()), clusters=(CLUSTER,))
REPORTS = {
    ROUTE: Report(ROUTE, 3, hosts=("shop.example.com",), clusters=("web/shop",)),
    BACKEND: Report(BACKEND, 1, clusters=("web/shop",)),
}
LIVE = Programming(live={ROUTE: 3, BACKEND: 1}, proxies=1)


def observed(first: Health, second: Health, reason: str = "L7OK/200") -> tuple[Observation, ...]:
    states = {"10.0.0.1:80": first, "10.0.0.2:80": second}
    endpoints = {EndpointKey("web/shop", key): EndpointHealth(state, reason, NOW) for key, state in states.items()}
    return (Observation(NOW, "r", endpoints),)


def statuses(
    reports: dict[ObjectRef, Report] | None = None,
    rejections: tuple[Rejection, ...] = (),
    programming: Programming = LIVE,
    observations: tuple[Observation, ...] = (),
    previous: dict[ObjectRef, Status] | None = None,
    now: datetime = NOW,
    compiled: Collection[ObjectRef] = (),
) -> dict[ObjectRef, Status]:
    reports = REPORTS if reports is None else reports
    health = HealthView(MODEL.clusters, observations)
    return desired(Inputs(reports, rejections, MODEL, programming, health, now, previous or {}, compiled))


def state(status: Status, type: ConditionType) -> tuple[ConditionStatus, Reason]:
    found = status.condition(type)
    assert found is not None
    return found.status, found.reason


def test_all_well_is_ready() -> None:
    found = statuses(observations=observed(Health.HEALTHY, Health.HEALTHY))
    assert state(found[ROUTE], ConditionType.READY) == ("True", Reason.READY)
    assert state(found[ROUTE], ConditionType.HEALTHY) == ("True", Reason.ALL_HEALTHY)
    assert found[ROUTE].columns["backends"] == "2/2"
    assert found[ROUTE].columns["proxies"] == "1/1"
    assert all(condition.observed_generation == 3 for condition in found[ROUTE].conditions)


def test_one_dead_endpoint_is_said_but_does_not_take_ready_away() -> None:
    found = statuses(observations=observed(Health.HEALTHY, Health.UNHEALTHY, "L4CON"))
    assert state(found[ROUTE], ConditionType.READY) == ("True", Reason.READY)
    healthy = found[ROUTE].condition(ConditionType.HEALTHY)
    assert healthy is not None
    assert healthy.reason is Reason.SOME_UNHEALTHY
    assert "10.0.0.2:80 (L4CON)" in healthy.message
    assert [endpoint.health for endpoint in found[BACKEND].endpoints] == [Health.HEALTHY, Health.UNHEALTHY]


def test_no_healthy_endpoint_is_not_ready_but_not_stalled() -> None:
    found = statuses(observations=observed(Health.UNHEALTHY, Health.UNHEALTHY))
    assert state(found[ROUTE], ConditionType.READY) == ("False", Reason.NONE_HEALTHY)
    assert state(found[ROUTE], ConditionType.STALLED)[0] == "False"


def test_without_a_result_health_is_unknown() -> None:
    found = statuses(observations=observed(Health.UNKNOWN, Health.UNKNOWN))
    assert state(found[BACKEND], ConditionType.HEALTHY) == ("Unknown", Reason.HEALTH_UNKNOWN)
    assert state(found[BACKEND], ConditionType.READY)[0] == "True"


def test_a_generation_that_is_not_live_yet_is_pending_and_reconciling() -> None:
    found = statuses(programming=Programming(live={ROUTE: 2, BACKEND: 1}, proxies=1))
    assert state(found[ROUTE], ConditionType.PROGRAMMED) == ("False", Reason.PENDING)
    assert state(found[ROUTE], ConditionType.RECONCILING)[0] == "True"
    assert state(found[ROUTE], ConditionType.STALLED)[0] == "False"


def test_a_refusal_of_the_proxy_is_programmed_false_with_its_words() -> None:
    refused = Programming(live={BACKEND: 1}, refused={ROUTE: "spec.rules[0]: bad regex"}, proxies=1)
    found = statuses(programming=refused)
    condition = found[ROUTE].condition(ConditionType.PROGRAMMED)
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", Reason.PROXY_REFUSED)
    assert "bad regex" in condition.message
    assert state(found[ROUTE], ConditionType.STALLED)[0] == "True"
    assert state(found[BACKEND], ConditionType.PROGRAMMED)[0] == "True"


def test_no_ready_proxy_leaves_programmed_unknown() -> None:
    found = statuses(programming=Programming(live={ROUTE: 3}, proxies=0))
    assert state(found[ROUTE], ConditionType.PROGRAMMED) == ("Unknown", Reason.NO_PROXIES)


def test_a_rejected_document_is_not_accepted_and_says_what_stays_in_force() -> None:
    rejection = Rejection(Place("shop.yaml", 4, 1), ("spec.hosts: bad.",), ROUTE, kept=True)
    found = statuses(rejections=(rejection,))
    accepted = found[ROUTE].condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert (accepted.status, accepted.reason) == ("False", Reason.INVALID)
    assert accepted.message == "shop.yaml:4:1: spec.hosts: bad. The version before it stays in force."
    assert state(found[ROUTE], ConditionType.READY)[0] == "False"


def test_a_rejected_document_without_a_predecessor_is_reported_too() -> None:
    rejection = Rejection(Place("new.yaml", 1), ("spec: bad.",), ObjectRef("Route", "web", "new"))
    found = statuses(rejections=(rejection,))
    assert state(found[ObjectRef("Route", "web", "new")], ConditionType.PROGRAMMED) == ("False", Reason.NOT_ACCEPTED)


def test_unresolved_references_are_not_ready_and_all_are_named() -> None:
    findings = tuple(
        Finding(ConditionType.RESOLVED_REFS, ConditionStatus.FALSE, Reason.BACKEND_NOT_FOUND, text)
        for text in ("first.", "second.")
    )
    report = Report(ROUTE, 3, findings, hosts=("shop.example.com",), clusters=("web/shop",))
    found = statuses(reports={**REPORTS, ROUTE: report}, observations=observed(Health.HEALTHY, Health.HEALTHY))
    ready = found[ROUTE].condition(ConditionType.READY)
    assert ready is not None
    assert (ready.status, ready.reason, ready.message) == ("False", Reason.BACKEND_NOT_FOUND, "first. second.")


def test_the_time_of_a_condition_is_that_of_its_last_change_of_status() -> None:
    first = statuses(observations=observed(Health.HEALTHY, Health.HEALTHY))
    later = NOW + timedelta(minutes=5)
    second = statuses(observations=observed(Health.HEALTHY, Health.UNHEALTHY), previous=first, now=later)
    ready = second[ROUTE].condition(ConditionType.READY)
    assert ready is not None
    assert ready.since == NOW
    third = statuses(observations=observed(Health.UNHEALTHY, Health.UNHEALTHY), previous=second, now=later)
    ready = third[ROUTE].condition(ConditionType.READY)
    assert ready is not None
    assert ready.since == later


def test_two_proxies_that_differ_make_an_endpoint_degraded() -> None:
    up, down = observed(Health.HEALTHY, Health.HEALTHY), observed(Health.UNHEALTHY, Health.HEALTHY)
    found = statuses(observations=(*up, *down))
    assert [endpoint.health for endpoint in found[BACKEND].endpoints] == [Health.DEGRADED, Health.HEALTHY]
    assert [endpoint.seen_by for endpoint in found[BACKEND].endpoints] == ["2/2", "2/2"]


def test_an_endpoint_that_starts_unhealthy_and_has_not_passed_yet_is_not_ready() -> None:
    closed = replace(CLUSTER, health_check=HealthCheck(TcpCheck(), start_unhealthy=True))
    model = replace(MODEL, clusters=(closed,))
    health = HealthView(model.clusters, observed(Health.UNKNOWN, Health.UNKNOWN))
    found = desired(Inputs(REPORTS, (), model, LIVE, health, NOW, {}))
    assert state(found[ROUTE], ConditionType.READY) == ("False", Reason.NONE_HEALTHY)
