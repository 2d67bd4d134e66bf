"""Random ordinary changes of everything: HAProxy does what is wanted, and is reloaded for nothing but spare slots."""

import socket
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from haloy.api.snapshot import Snapshot
from haloy.clock import SystemClock
from haloy.metrics import Metrics
from haloy.proxies.base import Applied, ReloadCause
from haloy.proxies.haproxy.process.process import run_dir
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from haloy.reconciler import Reconciler
from haloy.translate import Context
from tests.haproxy.driver.truth import check
from tests.proof.load.upstream import upstreams
from tests.proof.trace.operations import BATCH, Operation, trace
from tests.proof.trace.world import Draining, World
from tests.support.from_scratch import from_scratch
from tests.support.loop import Loop, running_loop
from tests.support.small_haproxy import eventually

ALIVE, DEAD = 5, 3
FORCED = 10
"""At every tenth checkpoint HAProxy is reloaded, and nothing is to change."""
MOST_REFILLS = 3


@pytest.mark.parametrize(
    "count",
    [pytest.param(150, id="150"), pytest.param(2_000, id="2000", marks=[pytest.mark.proof, pytest.mark.timeout(300)])],
)
async def test_only_pools_reload(tmp_path: Path, count: int) -> None:
    batches = trace(count)
    with ExitStack() as closed:
        dead = [closed.enter_context(_refusing()).getsockname()[1] for _ in range(DEAD)]
        async with (
            upstreams(*(f"u{number}" for number in range(ALIVE))) as alive,
            running_loop(tmp_path) as loop,
            tracing(loop, [one.port for one in alive.values()] + dead) as run,
        ):
            for number, batch in enumerate(batches, 1):
                for operation in batch:
                    await run.take(operation)
                await run.checkpoint(f"after {number * BATCH} operations")
                if number % (FORCED if count > 10 * BATCH else 3) == 0:
                    await run.reloaded(f"reloaded after {number * BATCH} operations")
            print(f"{count} operations, {run.commands} commands, reloads: {run.reloads}")
            assert set(run.reloads) <= {ReloadCause.POOL_REFILL}
            assert len(run.reloads) <= MOST_REFILLS


@dataclass
class Run:
    """A trace under way. `reloads`: the causes of those that its operations brought."""

    loop: Loop
    world: World
    draining: Draining
    reconciler: Reconciler
    api: RuntimeApi
    reloads: list[ReloadCause]
    commands: int = 0
    log: int = 0

    async def take(self, operation: Operation) -> None:
        self.world.apply(operation)
        cycle = await self.reconciler.run_cycle()
        assert isinstance(cycle.outcome, Applied), f"{operation}: {cycle}"
        self.commands += cycle.outcome.commands
        causes = [reason.cause for reason in cycle.outcome.reload]
        assert set(causes) <= {ReloadCause.POOL_REFILL}, f"{operation}: {cycle.outcome.reload}"

    async def checkpoint(self, when: str) -> None:
        """Maps, servers, certificates and health as HAProxy has them, and as the Model renders from scratch."""
        await self._settled()
        self._count()
        await check(self.api, self._wanted(), when)
        healthy = self.world.health()

        async def equal() -> bool:
            found = {
                f"{key.cluster} {key.endpoint}": one.health
                for key, one in (await self.loop.proxy.observe()).endpoints.items()
                if not key.cluster.startswith("default/anchor") and key.cluster != "default/b"
            }
            if found != healthy:
                self.difference = {
                    key: (found.get(key), healthy.get(key))
                    for key in found.keys() | healthy.keys()
                    if found.get(key) != healthy.get(key)
                }
            return found == healthy

        try:
            await eventually(equal, "health", 10)
        except AssertionError:
            raise AssertionError(f"health, found and wanted: {self.difference}; {when}") from None

    async def reloaded(self, when: str) -> None:
        """A reload that is asked for, which is not counted."""
        assert isinstance(await self.loop.proxy.reload(), Applied)
        await self.api.disconnect()
        self.log = len(self.loop.proxy.reload_log.read())
        await self.checkpoint(when)

    async def _settled(self) -> None:
        async def settled() -> bool:
            transactions = self.loop.proxy._transactions
            return transactions is not None and transactions.settled

        await eventually(settled, "what waits to be deleted is deleted", 30)

    def _count(self) -> None:
        records = self.loop.proxy.reload_log.read()
        self.reloads += [reason.cause for record in records[self.log :] for reason in record.reasons]
        self.log = len(records)

    def _wanted(self) -> dict[str, Any]:
        proxy, delivery = self.loop.proxy, self.draining.delivery
        assert delivery is not None
        return from_scratch(proxy, self.loop.root, delivery)


@asynccontextmanager
async def tracing(loop: Loop, ports: list[int]) -> Any:
    """The world before the trace, live."""
    clock, draining = SystemClock(), Draining(loop.proxy)

    async def prepare(snapshot: Snapshot) -> None:
        """Nothing is lacking."""

    def context() -> Context:
        return Context(fleet=loop.fleet, now=clock.now())

    reconciler = Reconciler(loop.store, draining, context, prepare, loop.board, loop.retained, Metrics(), clock)
    world = World(loop.store, draining, ports, ALIVE)
    loop.deliver()
    world.begin()
    cycle = await reconciler.run_cycle()
    assert isinstance(cycle.outcome, Applied), cycle
    api = RuntimeApi(run_dir(loop.root) / "worker.sock")
    try:
        yield Run(loop, world, draining, reconciler, api, [], log=len(loop.proxy.reload_log.read()))
    finally:
        await api.disconnect()


def _refusing() -> socket.socket:
    """A port that is taken and that nobody listens on."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held
