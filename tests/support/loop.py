"""The loop over a real HAProxy, fed by hand: a Store, a Reconciler and its status, without files and without a runtime."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from haloy.api.conditions import ConditionType
from haloy.api.load import load_object
from haloy.api.snapshot import Object, Snapshot
from haloy.clock import SystemClock
from haloy.metrics import Metrics
from haloy.model.listener import Bind, Fleet, Listener
from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.settings import HaproxySettings
from haloy.reconciler import Reconciler
from haloy.retained import Retained
from haloy.sources.loss import Reading
from haloy.sources.store import Store
from haloy.status.board import StatusBoard
from haloy.translate import Context
from tests.features.product import fetch
from tests.support.binary import chosen
from tests.support.ports import free_port

BACKEND = {
    "apiVersion": "haloy.dev/v1alpha1",
    "kind": "Backend",
    "metadata": {"name": "b"},
    "spec": {"endpoints": [{"address": "127.0.0.1", "port": 1}]},
}


@dataclass
class Loop:
    """`port` is that of plain HTTP; `root` the proxy's state folder."""

    store: Store
    reconciler: Reconciler
    board: StatusBoard
    proxy: Haproxy
    fleet: Fleet
    port: int
    root: Path
    retained: Retained

    def deliver(self) -> None:
        """The source's first complete reading: one Backend."""
        item = load_object(BACKEND)
        self.store.replace("test", Reading({item.ref: item}, {}))

    def put(self, *items: Object) -> None:
        for item in items:
            self.store.upsert("test", item)

    def answer(self, host: str, path: str) -> int:
        return fetch(self.port, host, path).status

    def condition(self, name: str, type: ConditionType) -> tuple[str, str]:
        found = self.board.statuses[ObjectRef("Route", "default", name)].condition(type)
        assert found is not None
        return found.status.value, found.message


@asynccontextmanager
async def running_loop(root: Path) -> AsyncIterator[Loop]:
    clock = SystemClock()
    port, tls_port = free_port(), free_port()
    fleet = Fleet(
        (
            Listener("http", (Bind("127.0.0.1", port),), tls=False, public_port=port),
            Listener("https", (Bind("127.0.0.1", tls_port),), tls=True, public_port=tls_port),
        )
    )
    proxy = Haproxy(
        HaproxySettings(root, fleet, binary=chosen(), min_reload_interval=0.0, access_log=None), clock=clock
    )
    store = Store(clock, ["test"])
    board = StatusBoard(clock)

    async def prepare(snapshot: Snapshot) -> None:
        """Nothing is lacking."""

    def context() -> Context:
        return Context(fleet=fleet, now=clock.now())

    retained = Retained(root / "certificates")
    reconciler = Reconciler(store, proxy, context, prepare, board, retained, Metrics(), clock)
    await proxy.start()
    board.proxy_ready(True)
    try:
        yield Loop(store, reconciler, board, proxy, fleet, port, root, retained)
    finally:
        await proxy.stop(0)
