"""A real HAProxy whose slots log to a HealthLog, and an Observer of it. Endpoints are ports that are open or closed."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from haloy.model.health import EndpointKey, Health, Observation
from haloy.proxies.haproxy.artifacts import Artifacts, Fragment, Section, Server
from haloy.proxies.haproxy.observe.health_log import HealthLog, Hints
from haloy.proxies.haproxy.observe.observe import Observer
from tests.support.small_haproxy import SmallHaproxy, small_haproxy

PATIENCE = 15.0


def slot(number: int, ports: Collection[int], cluster: str | None = None) -> Section:
    """The slot of Cluster `web/sNUMBER` (or `cluster`), an endpoint for each port."""
    servers = tuple(
        Server(f"127.0.0.1:{port}", "127.0.0.1", port, place, 1, f"127.0.0.1:{port}", checked=True)
        for place, port in enumerate(ports, start=1)
    )
    return Section(f"slot.1.{number}", "", servers=servers, cluster=cluster or f"web/s{number}")


def artifacts(*slots: Section) -> Artifacts:
    return Artifacts("r1", (Fragment("30-clusters-00.cfg", slots),))


class Watched:
    """HAProxy with `slots`, and what is known of them."""

    def __init__(self, small: SmallHaproxy, slots: Collection[Section]) -> None:
        self.small = small
        self.slots = artifacts(*slots)
        self.log = HealthLog(small.files.health_socket)
        self.observer = Observer()

    def configuration(self) -> str:
        lines: list[str] = []
        for section in self.slots.fragments[0].sections:
            lines += [f"backend {section.name}", f"    log {self.log_path} len 1024 format raw local1 notice"]
            lines += [f"    {server.line} check inter 50ms fall 1 rise 1" for server in section.servers]
        return "\n".join([*lines, ""])

    @property
    def log_path(self) -> Path:
        return self.small.files.health_socket

    async def whole(self) -> Observation:
        self.log.reopen_if_lost()
        self.log.take()
        return await self.observer.observe(self.small.runtime, self.slots, "r1", datetime.now(UTC))

    async def hinted(self) -> tuple[Hints, Observation]:
        """Wait for a hint and follow it, as the driver does."""
        await self.log.wait(None)
        hints = self.log.take()
        now, api = datetime.now(UTC), self.small.runtime
        if hints.everything:
            return hints, await self.observer.observe(api, self.slots, "r1", now)
        return hints, await self.observer.observe_some(api, self.slots, "r1", now, hints.sections)

    async def until_hints_tell(self, wanted: Health, ports: Collection[int]) -> None:
        """Follow hints, and nothing else, until the endpoints at `ports` are as `wanted`."""
        async with asyncio.timeout(PATIENCE):
            while True:
                _, observation = await self.hinted()
                if {level(observation, port) for port in ports} == {wanted}:
                    return

    async def until_all_have_results(self) -> Observation:
        async with asyncio.timeout(PATIENCE):
            while True:
                observation = await self.whole()
                if all(seen.health is not Health.UNKNOWN for seen in observation.endpoints.values()):
                    return observation
                await asyncio.sleep(0.02)


def level(observation: Observation, port: int) -> Health:
    return next(seen.health for key, seen in observation.endpoints.items() if key.endpoint == f"127.0.0.1:{port}")


def clusters(observation: Observation) -> set[str]:
    return {key.cluster for key in observation.endpoints}


def key(number: int, port: int) -> EndpointKey:
    return EndpointKey(f"web/s{number}", f"127.0.0.1:{port}")


@asynccontextmanager
async def watched(binary: Path, directory: Path, *slots: Section, deaf: bool = False) -> AsyncIterator[Watched]:
    """`deaf`: nobody listens to HAProxy's log yet."""
    async with small_haproxy(binary, directory) as small:
        made = Watched(small, slots)
        if not deaf:
            made.log.open()
        try:
            await small.start("r1", made.configuration())
            yield made
        finally:
            made.log.close()
