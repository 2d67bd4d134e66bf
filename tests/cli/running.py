"""An admin port as `haloy serve` has it, over files that were translated but are served by nobody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from haloy.admin.server import AdminServer
from haloy.admin.views import View
from haloy.cli.offline import context_of, settings_for, translate_paths
from haloy.clock import Clock, SystemClock
from haloy.metrics import Metrics
from haloy.model.health import EndpointHealth, EndpointKey, Health, Observation
from haloy.model.listener import Bind
from haloy.model.model import Model
from haloy.proxies.base import ReloadCause, ReloadReason, ReloadRecord
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.settings import HaproxySettings
from haloy.reconciler import Reconciler
from haloy.retained import Retained
from haloy.sources.store import Store
from haloy.status.board import StatusBoard
from haloy.status.desired import Programming
from tests.support.binary import chosen

AT = datetime(2026, 1, 1, tzinfo=UTC)
RELOADS = (
    ReloadRecord(AT, (ReloadReason(ReloadCause.START, None, "first start"),), "000001", True, 0.25),
    ReloadRecord(AT, (), "000002", False, 0.5, alert="no room"),
)


@asynccontextmanager
async def admin_port(
    paths: list[Path], state: Path, *, live: bool = True, compiled: bool = False
) -> AsyncIterator[str]:
    """ADDRESS:PORT. `live` False: nothing of the files was confirmed by a proxy. `compiled`: that one has no Lua."""
    clock = SystemClock()
    settings = settings_for(paths, None)
    snapshot, translation = translate_paths(paths)
    board = StatusBoard(clock)
    generations = {ref: item.generation for ref, item in snapshot.objects.items()} if live else {}
    board.proxy_ready(True, compiled=compiled)
    programming = Programming(live=generations)
    board.translated(translation.reports, snapshot.rejections, translation.delivery.model, programming)
    board.observed([_observation(translation.delivery.model, clock)])
    proxy = Haproxy(HaproxySettings(state=state, fleet=settings.fleet, binary=chosen()))
    reconciler = Reconciler(
        Store(clock, []), proxy, lambda: context_of(settings), _nothing, board, Retained(state), Metrics(), clock
    )
    reconciler.state.snapshot, reconciler.state.translation = snapshot, translation
    view = View(board, reconciler, lambda: RELOADS, lambda: "")
    server = AdminServer((Bind("127.0.0.1", 0),), view, Metrics(), proxy.measure, lambda: None)
    try:
        (bind,) = await server.start()
        yield str(bind)
    finally:
        await server.stop()


def _observation(model: Model, clock: Clock) -> Observation:
    """All endpoints are healthy, but for those on port 9003."""
    down = EndpointHealth(Health.UNHEALTHY, "L4CON", clock.now())
    up = EndpointHealth(Health.HEALTHY, "L7OK/200", clock.now())
    endpoints = {
        EndpointKey(cluster.name, endpoint.key): down if endpoint.port == 9003 else up
        for cluster in model.clusters
        for endpoint in cluster.endpoints
    }
    return Observation(clock.now(), "revision", endpoints)


async def _nothing(_: object) -> None:
    """There is nothing to prepare: all was translated before."""
