"""HAProxy's answer to `reload` is lost, never comes, or HAProxy dies over it: what answers then is what counts."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from haloy.model.routing import Target
from haloy.proxies.base import Applied, Failed
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.process.run_files import RunFiles, run_dir
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local, novel
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

HOSTS = [host("a.example", {"": (Target("web/shop"),)})]


@asynccontextmanager
async def between(directory: Path, *, forward: bool, then: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
    """Sits at the master's socket: everything passes, but `reload` gets no answer; `forward`: HAProxy hears it."""
    path = RunFiles(run_dir(directory)).master_socket
    real = path.with_name("real.sock")
    path.rename(real)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read()
        reload = request.startswith(b"reload")
        if reload:
            then()
        if forward or not reload:
            answers, requests = await asyncio.open_unix_connection(real)
            requests.write(request)
            requests.write_eof()
            answer = await answers.read()
            requests.close()
            if not reload:
                writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(accept, path)
    try:
        yield
    finally:
        server.close()
        if real.exists():
            real.rename(path)


def current(directory: Path) -> Path:
    return (directory / "haproxy" / "current").resolve()


async def serving(proxy: Haproxy, http: int, port: int) -> None:
    async def right() -> bool:
        try:
            return (await get(http, "a.example")).body == str(port).encode()
        except OSError:
            return False

    await eventually(right, "requests are answered")


async def test_the_new_worker_answers_although_the_master_did_not(tmp_path: Path) -> None:
    http = free_port()
    async with upstreams(2) as (one, two), haproxy(tmp_path, fleet(http)) as proxy:
        await proxy.apply(delivery(fleet(http), HOSTS, [cluster("shop", [local(one.port)])]))
        before = current(tmp_path)
        changed = delivery(fleet(http), HOSTS, [cluster("shop", [local(two.port)]), novel(cluster("cart", []))])
        async with between(tmp_path, forward=True):
            outcome = await proxy.apply(changed)
        assert isinstance(outcome, Applied), outcome
        assert current(tmp_path) != before
        await serving(proxy, http, two.port)
        again = await proxy.apply(changed)
        assert isinstance(again, Applied)
        assert again.unchanged


async def test_the_old_worker_answers(tmp_path: Path) -> None:
    http = free_port()
    async with upstreams(2) as (one, two), haproxy(tmp_path, fleet(http)) as proxy:
        await proxy.apply(delivery(fleet(http), HOSTS, [cluster("shop", [local(one.port)])]))
        before = current(tmp_path)
        changed = delivery(fleet(http), HOSTS, [cluster("shop", [local(two.port)]), novel(cluster("cart", []))])
        async with between(tmp_path, forward=False):
            outcome = await proxy.apply(changed)
        assert isinstance(outcome, Failed)
        assert outcome.step == "unavailable"
        assert all(refusal.source is None for refusal in outcome.refusals)
        assert current(tmp_path) == before
        candidate = before.with_name(f"{int(before.name) + 1:06d}")
        assert candidate.is_dir(), "it may still come into use"
        await serving(proxy, http, one.port)
        recovered = await proxy.apply(changed)
        assert isinstance(recovered, Applied)
        assert [reason.cause.value for reason in recovered.reload] == ["recovery"]
        await serving(proxy, http, two.port)
        assert before.is_dir(), "the last one that worked stays to fall back to"
        assert not candidate.exists()


async def test_haproxy_dies_during_the_reload(tmp_path: Path) -> None:
    http = free_port()
    async with upstreams(2) as (one, two), haproxy(tmp_path, fleet(http)) as proxy:
        await proxy.apply(delivery(fleet(http), HOSTS, [cluster("shop", [local(one.port)])]))
        before = current(tmp_path)
        master = (await proxy.measure()).info.pids[0]
        changed = delivery(fleet(http), HOSTS, [cluster("shop", [local(two.port)]), novel(cluster("cart", []))])
        async with between(tmp_path, forward=False, then=lambda: os.kill(master, signal.SIGKILL)):
            outcome = await proxy.apply(changed)
        assert isinstance(outcome, Failed)
        assert outcome.step == "unavailable"
        assert "died during the reload" in outcome.refusals[0].message
        assert outcome.refusals[0].source is None
        assert current(tmp_path) == before
        await serving(proxy, http, one.port)
