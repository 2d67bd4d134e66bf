"""HAProxy refuses in the middle of a change, and the reload in its place cannot be written: what was there before is there
again, in HAProxy and on the disk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from haloy.model.model import Delivery
from haloy.model.routing import Target
from haloy.proxies.base import Applied, Failed
from haloy.proxies.haproxy.apply.generations import Generation
from haloy.proxies.haproxy.apply.record import read_record
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.process.process import run_dir
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import Upstream, upstreams
from tests.support.http_client import get
from tests.support.ports import free_port


@dataclass
class World:
    port: int
    proxy: Haproxy
    root: Path
    ups: list[Upstream]

    def wanted(self, *, second: int | None = None, weight: int = 100) -> Delivery:
        """Backend a on a.example; `second`: the upstream of Backend b on b.example."""
        hosts = [host("a.example", {"": (Target("web/a"),)})]
        clusters = [cluster("a", [local(self.ups[0].port, weight=weight)])]
        if second is not None:
            hosts.append(host("b.example", {"": (Target("web/b"),)}))
            clusters.append(cluster("b", [local(self.ups[second].port)]))
        return delivery(fleet(self.port), hosts, clusters)

    @property
    def current(self) -> Path:
        return (self.root / "haproxy" / "current").resolve()

    @property
    def generation(self) -> Generation:
        return Generation(int(self.current.name), self.current)

    def block_generation(self) -> Path:
        """A file stands where the next generation is to be made."""
        generations = self.root / "haproxy" / "generations"
        last = max(int(path.name) for path in generations.iterdir() if path.name.isdigit())
        blocker = generations / f"{last + 1:06d}.unfinished"
        blocker.write_text("")
        return blocker


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    """Somebody has added a server by hand to a section that changes: reading back finds more there than is wanted."""
    async with upstreams(2) as ups, haproxy(directory, fleet(port := free_port())) as proxy:
        made = World(port, proxy, directory, ups)
        assert isinstance(await proxy.apply(made.wanted()), Applied)
        assert proxy._transactions is not None
        slot = proxy._transactions.layout.placements["web/a"].slot
        api = RuntimeApi(run_dir(directory) / "worker.sock")
        await api.call("add", "server", f"{slot}/foreign", "127.0.0.1:9")
        await api.call("set", "server", f"{slot}/foreign", "state", "ready")
        await api.disconnect()
        yield made


async def unwritable(here: World) -> Failed:
    outcome = await here.proxy.apply(here.wanted(second=1, weight=50))
    assert isinstance(outcome, Failed), outcome
    assert outcome.step == "write"
    return outcome


async def test_what_runs_and_the_record_are_as_before(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        before = await here.proxy.apply(here.wanted())
        here.block_generation()
        await unwritable(here)
        assert (await get(here.port, "a.example")).body == str(here.ups[0].port).encode()
        assert (await get(here.port, "b.example")).status == 404
        assert read_record(here.generation).revision == before.revision


async def test_the_next_change_is_wholly_live(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        blocker = here.block_generation()
        await unwritable(here)
        blocker.unlink()
        assert isinstance(await here.proxy.apply(here.wanted()), Applied)
        assert (await get(here.port, "b.example")).status == 404
        assert isinstance(await here.proxy.apply(here.wanted(second=0)), Applied)
        assert (await get(here.port, "b.example")).body == str(here.ups[0].port).encode()


async def test_even_where_taking_back_cannot_be_written_either(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        blocker = here.block_generation()
        obstacles = [here.current / "record" / f".{name}.json.unfinished" for name in ("index", "next")]
        for obstacle in obstacles:
            obstacle.mkdir()
        await unwritable(here)
        assert (await get(here.port, "b.example")).status == 404
        for obstacle in obstacles:
            obstacle.rmdir()
        blocker.unlink()
        outcome = await here.proxy.apply(here.wanted())
        assert isinstance(outcome, Applied)
        assert (await get(here.port, "b.example")).status == 404
        assert read_record(here.generation).revision == outcome.revision
