"""One change among a thousand Routes costs the units it touches, and no others."""

from dataclasses import replace

import pytest

from haloy.api.snapshot import Object, Snapshot
from haloy.model.refs import ObjectRef
from haloy.translate import Memo, translate
from tests.translate.world import backend, context, route, snapshot

COUNT = 1000


def one(number: int, path: str = "/", target: int | None = None) -> Object:
    rules = [{"matches": [{"path": {"value": path}}], "backendRefs": [{"name": f"b{target or number}"}]}]
    return route(f"r{number}", {"hosts": [f"h{number}.example", f"shared{number % 10}.example"], "rules": rules})


@pytest.fixture(scope="module")
def world() -> Snapshot:
    return snapshot([*map(one, range(COUNT)), *(backend(f"b{number}") for number in range(COUNT))])


def computed(memo: Memo) -> dict[str, int]:
    return {"clusters": memo.clusters.computed, "routes": memo.routes.computed, "hosts": memo.hosts.computed}


def with_object(world: Snapshot, item: Object) -> Snapshot:
    return replace(world, objects={**world.objects, item.ref: item})


def test_a_changed_route_costs_itself_and_its_hosts(world: Snapshot) -> None:
    memo = Memo()
    translate(world, context(), memo)
    assert computed(memo) == {"clusters": COUNT, "routes": COUNT, "hosts": COUNT + 10}
    translate(with_object(world, one(7, "/changed")), context(), memo)
    assert computed(memo) == {"clusters": 0, "routes": 1, "hosts": 2}


def test_a_changed_backend_costs_itself_and_its_routes(world: Snapshot) -> None:
    memo = Memo()
    translate(world, context(), memo)
    translate(with_object(world, backend("b7", endpoints=[{"address": "10.0.0.9", "port": 1}])), context(), memo)
    assert computed(memo) == {"clusters": 1, "routes": 1, "hosts": 0}


def test_a_deleted_backend_costs_the_routes_that_missed_it(world: Snapshot) -> None:
    memo = Memo()
    translate(world, context(), memo)
    gone = ObjectRef("Backend", "web", "b7")
    translate(
        replace(world, objects={ref: item for ref, item in world.objects.items() if ref != gone}), context(), memo
    )
    assert computed(memo) == {"clusters": 0, "routes": 1, "hosts": 2}


def test_nothing_new_costs_nothing(world: Snapshot) -> None:
    memo = Memo()
    first = translate(world, context(), memo)
    second = translate(world, context(), memo)
    assert computed(memo) == {"clusters": 0, "routes": 0, "hosts": 0}
    assert second == first
