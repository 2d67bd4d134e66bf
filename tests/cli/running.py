"""An admin port as `haloy serve` has it, over files that were translated but are served by nobody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from haloy.admin.server import AdminServer
from haloy.admin.views import View
from haloy.cli.offline import context_of, settings_for, translate_paths
from haloy.clock import SystemClock
from haloy.metrics import Metrics
from haloy.model.listener import Bind
from haloy.proxies.base import ReloadCause, ReloadReason, ReloadRecord
from haloy.proxies.haproxy.driver import Haproxy, HaproxySettings
from haloy.reconciler import Reconciler
from haloy.retained import Retained
from haloy.sources.store import Store
from haloy.status.board import StatusBoard
from haloy.status.desired import Programming

RELOADS = (
    ReloadRecord("2026-01-01T00:00:00Z", "000001", True, 0.25, (ReloadReason(ReloadCause.START, None, "first start"),)),
    ReloadRecord("2026-01-01T00:01:00Z", "000002", False, 0.5, (), alert="no room"),
)


@asynccontextmanager
async def admin_port(paths: list[Path], state: Path, *, live: bool = True) -> AsyncIterator[str]:
    """ADDRESS:PORT. `live` False: nothing of the files was confirmed by a proxy."""
    clock = SystemClock()
    settings = settings_for(paths, None)
    snapshot, translation = translate_paths(paths)
    board = StatusBoard(clock)
    generations = {ref: item.generation for ref, item in snapshot.objects.items()} if live else {}
    programming = Programming(live=generations, proxies=(1, 1))
    board.translated(translation.reports, snapshot.rejections, translation.delivery.model, programming)
    proxy = Haproxy(HaproxySettings(state=state, fleet=settings.fleet))
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


async def _nothing(_: object) -> None:
    """There is nothing to prepare: all was translated before."""
