"""The Resolver against a real nameserver, without waiting: its sleeps are counted, and end when the test says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.rcode
import pytest

from haloy.api.snapshot import Resolution
from haloy.clock import FakeClock
from haloy.sources.dns import Resolver
from haloy.sources.lookup import Lookup, SystemLookup
from haloy.sources.store import Store
from tests.sources.nameserver import nameserver

NAME = "shop.example.com"


class Naps:
    """Every sleep waits for `wake`."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._sleepers: list[asyncio.Event] = []
        self._begun = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        self._begun.set()
        event = asyncio.Event()
        self._sleepers.append(event)
        await event.wait()

    def wake(self) -> None:
        sleepers, self._sleepers = self._sleepers, []
        for event in sleepers:
            event.set()

    async def next(self, count: int) -> float:
        """The length of the sleep with this number, once it has begun."""
        async with asyncio.timeout(30):
            while len(self.taken) < count:
                self._begun.clear()
                await self._begun.wait()
        return self.taken[count - 1]


@asynccontextmanager
async def resolving(lookup: Lookup, *names: str) -> AsyncIterator[tuple[Store, Naps, Resolver]]:
    store, naps = Store(FakeClock(), []), Naps()
    resolver = Resolver(store, lookup, naps)
    resolver.want(names)
    task = asyncio.create_task(resolver.run())
    try:
        yield store, naps, resolver
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def resolution(store: Store, expected: Resolution, name: str = NAME) -> None:
    """Wait until the Store says so."""
    try:
        async with asyncio.timeout(30):
            while store.snapshot().resolutions.get(name) != expected:
                await store.changed(store.version)
    except TimeoutError:
        pytest.fail(f"{store.snapshot().resolutions} is not {expected}")


async def test_both_families_and_the_lower_ttl() -> None:
    async with nameserver() as (server, lookup):
        server.records = {(NAME, "A"): (["10.0.0.2", "10.0.0.1"], 60), (NAME, "AAAA"): (["2001:DB8::1"], 20)}
        async with resolving(lookup, NAME) as (store, naps, resolver):
            assert await resolver.first_answers(10)
            assert store.snapshot().resolutions == {NAME: Resolution(("10.0.0.1", "10.0.0.2", "2001:db8::1"))}
            assert await naps.next(1) == 20
            server.records = {(NAME, "A"): (["10.0.0.3"], 60)}
            naps.wake()
            await resolution(store, Resolution(("10.0.0.3",)))


@pytest.mark.parametrize(("ttl", "delay"), [(0, 1), (7, 7), (86_400, 300)])
async def test_the_ttl_is_kept_within_bounds(ttl: int, delay: float) -> None:
    async with nameserver() as (server, lookup):
        server.records = {(NAME, "A"): (["10.0.0.1"], ttl)}
        async with resolving(lookup, NAME) as (_, naps, _):
            assert await naps.next(1) == delay


async def test_a_failure_keeps_the_addresses_and_is_tried_again_ever_more_slowly() -> None:
    async with nameserver() as (server, lookup):
        server.records = {(NAME, "A"): (["10.0.0.1"], 60)}
        async with resolving(lookup, NAME) as (store, naps, _):
            await naps.next(1)
            server.rcode = dns.rcode.SERVFAIL
            for count in range(2, 10):
                naps.wake()
                await naps.next(count)
            error = "the nameservers refuse or fail (SERVFAIL or the like)"
            await resolution(store, Resolution(("10.0.0.1",), error))
            for delay, longest in zip(naps.taken[1:], (1, 2, 4, 8, 16, 30, 30, 30), strict=True):
                assert 0.75 * longest <= delay <= longest
            server.rcode = dns.rcode.NOERROR
            naps.wake()
            await resolution(store, Resolution(("10.0.0.1",)))
            assert await naps.next(10) == 60


async def test_a_name_that_does_not_exist_is_an_error_without_addresses() -> None:
    async with nameserver() as (_, lookup), resolving(lookup, NAME) as (store, _, _):
        await resolution(store, Resolution((), "the name does not exist (NXDOMAIN)"))


async def test_a_name_without_addresses_is_an_error() -> None:
    async with nameserver() as (server, lookup):
        server.records = {(NAME, "TXT"): (["x"], 60)}
        async with resolving(lookup, NAME) as (store, _, _):
            await resolution(store, Resolution((), "the name has no addresses"))


async def test_a_family_that_fails_keeps_its_own_addresses() -> None:
    async with nameserver() as (server, lookup):
        server.records = {(NAME, "A"): (["10.0.0.1"], 60), (NAME, "AAAA"): (["2001:db8::1"], 60)}
        async with resolving(lookup, NAME) as (store, naps, _):
            await resolution(store, Resolution(("10.0.0.1", "2001:db8::1")))
            await naps.next(1)
            server.broken = {"AAAA"}
            server.records[NAME, "A"] = (["10.0.0.2"], 60)
            naps.wake()
            await resolution(store, Resolution(("10.0.0.2", "2001:db8::1")))


async def test_equal_answers_are_no_change() -> None:
    async with nameserver() as (server, lookup):
        server.records = {(NAME, "A"): (["10.0.0.1"], 60)}
        async with resolving(lookup, NAME) as (store, naps, resolver):
            await resolver.first_answers(10)
            await naps.next(1)
            version = store.version
            naps.wake()
            await naps.next(2)
            await asyncio.sleep(0.05)
            assert store.version == version


async def test_names_no_longer_wanted_are_forgotten() -> None:
    async with nameserver() as (server, lookup):
        server.records = {(NAME, "A"): (["10.0.0.1"], 60), ("other.example.com", "A"): (["10.0.0.2"], 60)}
        async with resolving(lookup, NAME, "other.example.com") as (store, _, resolver):
            await resolver.first_answers(10)
            resolver.want([NAME])
            async with asyncio.timeout(30):
                while store.snapshot().resolutions != {NAME: Resolution(("10.0.0.1",))}:
                    await store.changed(store.version)


async def test_first_answers_does_not_wait_for_ever() -> None:
    store = Store(FakeClock(), [])
    resolver = Resolver(store)
    resolver.want([NAME])
    assert not await resolver.first_answers(0.01)


async def test_the_hosts_file_goes_first_and_localhost_is_never_asked(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(
        "# comment\n10.1.1.1  db.example.com DB # 10.1.1.2 x\n::1 db.example.com\nnonsense\n"
    )
    async with nameserver() as (server, lookup):
        with_hosts = SystemLookup(lookup.nameservers, tmp_path / "hosts")
        async with resolving(with_hosts, "db.example.com", "db", "localhost") as (store, naps, resolver):
            assert await resolver.first_answers(10)
            found = store.snapshot().resolutions
            assert found["db.example.com"] == Resolution(("10.1.1.1", "::1"))
            assert found["db"] == Resolution(("10.1.1.1",))
            assert "127.0.0.1" in found["localhost"].addresses
            await naps.next(3)
            assert naps.taken == [30, 30, 30]
        assert server.questions == []
