"""What a loaded object is: defaults filled in, durations in milliseconds, unchangeable, equal when its meaning is equal."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from haloy.api.load import load_object
from haloy.api.v1alpha1 import Backend, HealthPolicy, Route
from haloy.model.refs import ObjectRef
from tests.api.manifests import FULL, Document, backend, manifest, policy, route, rule


def load_route(document: Document) -> Route:
    loaded = load_object(document)
    assert isinstance(loaded, Route)
    return loaded


def load_backend(document: Document) -> Backend:
    loaded = load_object(document)
    assert isinstance(loaded, Backend)
    return loaded


@pytest.mark.parametrize("matches", [None, [], [{}], [{"path": {}}], [{"path": None}]])
def test_without_a_match_every_path_matches(matches: object) -> None:
    spec = load_route(rule(matches=matches)).spec
    assert [(match.path.type, match.path.value) for match in spec.rules[0].matches] == [("PathPrefix", "/")]


def test_the_defaults_of_a_backend() -> None:
    spec = load_backend(backend()).spec
    assert spec.protocol == "http1"
    assert spec.load_balancing.algorithm == "RoundRobin"
    assert (spec.connections.queue_timeout, spec.connections.connect_timeout) == (5_000, 5_000)
    assert (spec.retry.attempts, spec.retry.on) == (2, ("connectFailure",))
    assert spec.allowed_routes.namespaces.from_ == "Same"
    assert spec.endpoints[0].weight == 100


def test_the_defaults_of_a_health_policy() -> None:
    loaded = load_object(policy())
    assert isinstance(loaded, HealthPolicy)
    spec = loaded.spec
    assert (spec.interval, spec.timeout) == (15_000, 5_000)
    assert (spec.unhealthy_threshold, spec.healthy_threshold) == (3, 2)
    assert spec.http is not None
    assert spec.http.statuses == ((200, 399),)
    assert not spec.start_unhealthy


def test_metadata_is_kept_as_far_as_it_means_something() -> None:
    loaded = load_route(
        {
            **manifest("Route", route()["spec"], namespace="web", generation=3, uid="u", resourceVersion="77"),
            "status": {"conditions": "whatever"},
        }
    )
    assert (loaded.ref, loaded.generation, loaded.created) == (ObjectRef("Route", "web", "shop"), 3, None)
    moment = manifest("Route", route()["spec"], creationTimestamp="2026-01-31T12:00:00Z")
    assert load_route(moment).created == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert load_route({**route(), "status": {"a": 1}}) == load_route(route())


def test_a_null_is_an_absent_field() -> None:
    assert load_route(route(tls=None, hosts=None, canonicalHost=None)) == load_route(route())


@pytest.mark.parametrize("document", FULL)
def test_an_object_cannot_be_changed(document: Document) -> None:
    loaded = load_object(document)
    with pytest.raises(ValidationError, match="frozen"):
        loaded.spec = None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        ({"matchLabels": {"team": "shop"}}, True),
        ({"matchLabels": {"team": "other"}}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "shop"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["shop"]}]}, False),
        ({"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["shop"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_a_selector_selects_as_in_kubernetes(selector: Document, selected: bool) -> None:
    loaded = load_backend(backend(allowedRoutes={"namespaces": {"from": "Selector", "selector": selector}}))
    found = loaded.spec.allowed_routes.namespaces.selector
    assert found is not None
    assert found.selects({"team": "shop"}) is selected
