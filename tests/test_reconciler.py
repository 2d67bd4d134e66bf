"""The loop with a real HAProxy: what the proxy itself refuses hurts nobody else, and a cycle reads as a sentence.

Validation lets nothing through that HAProxy refuses, as far as we know; so the refused Routes here are made past it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from haloy.api.conditions import ConditionType
from haloy.api.load import load_object
from haloy.api.snapshot import Object, Snapshot
from haloy.api.v1alpha1 import Route
from haloy.clock import SystemClock
from haloy.metrics import Metrics
from haloy.model.listener import Bind, Fleet, Listener
from haloy.model.refs import ObjectRef
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.settings import HaproxySettings
from haloy.reconciler import Reconciler
from haloy.retained import Retained
from haloy.sources.loss import Reading
from haloy.sources.store import Store
from haloy.status.board import StatusBoard
from haloy.translate import Context
from tests.features.product import fetch
from tests.support.ports import free_port

BACKEND = {
    "apiVersion": "haloy.dev/v1alpha1",
    "kind": "Backend",
    "metadata": {"name": "b"},
    "spec": {"endpoints": [{"address": "127.0.0.1", "port": 1}]},
}


def route(name: str, regex: str, status: int = 200) -> Route:
    """Answers for `name.test` below a regular expression; `regex` need not be one."""
    made = load_object(
        {
            "apiVersion": "haloy.dev/v1alpha1",
            "kind": "Route",
            "metadata": {"name": name},
            "spec": {
                "hosts": [f"{name}.test"],
                "rules": [
                    {
                        "matches": [{"path": {"type": "RegularExpression", "value": "/x"}}],
                        "filters": [{"type": "DirectResponse", "directResponse": {"status": status}}],
                    },
                    {
                        "matches": [{"path": {"type": "Exact", "value": "/ok"}}],
                        "filters": [{"type": "DirectResponse", "directResponse": {"status": 200}}],
                    },
                ],
            },
        }
    )
    assert isinstance(made, Route)
    first = made.spec.rules[0]
    path = first.matches[0].path.model_copy(update={"value": regex})
    match = first.matches[0].model_copy(update={"path": path})
    rule = first.model_copy(update={"matches": (match,)})
    spec = made.spec.model_copy(update={"rules": (rule, *made.spec.rules[1:])})
    return made.model_copy(update={"spec": spec})


@dataclass
class World:
    store: Store
    reconciler: Reconciler
    board: StatusBoard
    port: int

    def put(self, *items: Object) -> None:
        for item in items:
            self.store.upsert("test", item)

    def answer(self, host: str, path: str) -> int:
        return fetch(self.port, host, path).status

    def condition(self, name: str, type: ConditionType) -> tuple[str, str]:
        found = self.board.statuses[ObjectRef("Route", "default", name)].condition(type)
        assert found is not None
        return found.status.value, found.message


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = SystemClock()
    port = free_port()
    fleet = Fleet((Listener("http", (Bind("127.0.0.1", port),), tls=False, public_port=port),))
    proxy = Haproxy(HaproxySettings(tmp_path, fleet, min_reload_interval=0.1, access_log=None), clock=clock)
    store = Store(clock, ["test"])
    board = StatusBoard(clock)

    async def prepare(snapshot: Snapshot) -> None:
        """Nothing is lacking."""

    def context() -> Context:
        return Context(fleet=fleet, now=clock.now())

    retained = Retained(tmp_path / "certificates")
    reconciler = Reconciler(store, proxy, context, prepare, board, retained, Metrics(), clock)
    await proxy.start()
    try:
        yield World(store, reconciler, board, port)
    finally:
        await proxy.stop(0)


def deliver(world: World) -> None:
    """The source's first complete reading."""
    item = load_object(BACKEND)
    world.store.replace("test", Reading({item.ref: item}, {}))


async def test_nothing_is_applied_before_the_sources_have_synced(world: World) -> None:
    cycle = await world.reconciler.run_cycle()
    assert cycle.outcome is None
    assert str(cycle) == "cycle 1: 0 objects, waiting for the sources to sync"


async def test_a_cycle_reads_as_a_sentence(world: World) -> None:
    deliver(world)
    first = str(await world.reconciler.run_cycle())
    assert first.startswith("cycle 1: 1 objects, live in ")
    assert first.endswith("with one reload (backend-added)")
    assert str(await world.reconciler.run_cycle()) == "cycle 2: 1 objects, nothing to change"


async def test_what_the_proxy_refuses_is_left_out_and_the_rest_is_served(world: World) -> None:
    deliver(world)
    world.put(route("good", "/g", status=201), route("bad", "/["))
    cycle = await world.reconciler.run_cycle()
    assert isinstance(cycle.outcome, Applied)
    assert len(cycle.refused) == 1
    assert cycle.refused[0].startswith("route/default/bad: spec.rules[0]")
    assert world.answer("good.test", "/g") == 201
    assert world.answer("bad.test", "/ok") == 200
    programmed, words = world.condition("bad", ConditionType.PROGRAMMED)
    assert programmed == "False"
    assert "spec.rules[0]" in words
    assert world.condition("good", ConditionType.PROGRAMMED)[0] == "True"


async def test_a_refused_change_leaves_the_version_before_it_in_force(world: World) -> None:
    deliver(world)
    world.put(route("r", "/old", status=203))
    await world.reconciler.run_cycle()
    assert world.answer("r.test", "/old") == 203
    world.put(route("r", "/["), route("other", "/o", status=202))
    cycle = await world.reconciler.run_cycle()
    assert isinstance(cycle.outcome, Applied)
    assert world.answer("r.test", "/old") == 203
    assert world.answer("other.test", "/o") == 202
    assert world.condition("r", ConditionType.PROGRAMMED)[0] == "False"
    assert world.board.statuses[ObjectRef("Route", "default", "r")].observed_generation == 2


async def test_a_refused_object_that_is_mended_is_served_again(world: World) -> None:
    deliver(world)
    world.put(route("r", "/["))
    await world.reconciler.run_cycle()
    world.put(route("r", "/new", status=204))
    cycle = await world.reconciler.run_cycle()
    assert cycle.refused == ()
    assert world.answer("r.test", "/new") == 204
    assert world.condition("r", ConditionType.READY)[0] == "True"
