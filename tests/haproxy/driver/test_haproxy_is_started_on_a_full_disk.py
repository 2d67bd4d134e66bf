"""A disk that is really full (a file system of 2 MB of its own), and HAProxy dies: files are put right in the room that was kept."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from haloy.model.model import Delivery
from haloy.model.routing import Target
from haloy.proxies.base import Applied, Failed
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.events import Emptied, Event
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

HOSTS = [host("a.example", {"": (Target("web/shop"),)})]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", path], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@dataclass
class Site:
    """`shop` was moved from one upstream to `second`, which only the journal says; then the disk was filled."""

    proxy: Haproxy
    http: int
    second: int
    wanted: Delivery

    async def kill_haproxy(self) -> None:
        deaths = self.proxy.deaths
        os.kill((await self.proxy.measure()).info.pids[0], signal.SIGKILL)

        async def back() -> bool:
            return self.proxy.deaths > deaths and bool((await self.proxy.measure()).info.pids)

        await eventually(back, "HAProxy runs again")

    async def answer(self) -> tuple[int, bytes]:
        got = await get(self.http, "a.example")
        return got.status, got.body


@asynccontextmanager
async def full(disk: Path, events: list[Event]) -> AsyncIterator[Site]:
    listeners = fleet(free_port())
    http = listeners.listeners[0].binds[0].port
    async with upstreams(2) as (one, two), haproxy(disk, listeners, events) as proxy:
        assert isinstance(await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [local(one.port)])])), Applied)
        wanted = delivery(listeners, HOSTS, [cluster("shop", [local(two.port)])])
        moved = await proxy.apply(wanted)
        assert isinstance(moved, Applied)
        assert not moved.reload
        await asyncio.to_thread(fill, disk)
        yield Site(proxy, http, two.port, wanted)
        (disk / "other").unlink()


def fill(disk: Path) -> None:
    """Nothing is left, not a byte."""
    with (disk / "other").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


async def test_what_was_live_is_served_again(disk: Path) -> None:
    events: list[Event] = []
    async with full(disk, events) as site:
        await site.kill_haproxy()
        assert await site.answer() == (200, str(site.second).encode())
        assert not [event for event in events if isinstance(event, Emptied)]


async def test_where_no_room_was_kept_an_error_says_that_nothing_is_live(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Event] = []
    async with full(disk, events) as site:
        (disk / "haproxy" / "reserve").unlink()
        await asyncio.to_thread(fill, disk)
        await site.kill_haproxy()
        assert (await site.answer())[0] == 404
        assert [event.lost[0].generation for event in events if isinstance(event, Emptied)] == ["000002"]
        assert [one.levelname for one in caplog.records if "404 to everything" in one.message] == ["ERROR"]
        outcome = await site.proxy.apply(site.wanted)
        assert isinstance(outcome, Failed)
        assert outcome.idle
        (disk / "other").unlink()
        assert isinstance(await site.proxy.apply(site.wanted), Applied)
        assert await site.answer() == (200, str(site.second).encode())
        (disk / "other").touch()
