"""Writing fails (a limit on the size of files, which root obeys too): what is live stays live, and is right afterwards."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haloy.model.routing import Target
from haloy.proxies.base import Applied, Failed
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.events import Event
from haloy.proxies.haproxy.process.run_files import RunFiles, run_dir
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

HOSTS = [host("a.example", {"": (Target("web/shop"),)})]


@contextmanager
def no_writing() -> Iterator[None]:
    """Every write to a file of this process fails with EFBIG, as it would with ENOSPC; files can be made empty."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def folder(directory: Path) -> dict[str, bytes]:
    current = (directory / "haproxy" / "current").resolve()
    files = {str(path.relative_to(current)): path.read_bytes() for path in current.rglob("*") if path.is_file()}
    return {"": current.name.encode()} | files


async def changes(proxy: Haproxy, directory: Path, http: int, one: int, two: int) -> None:
    """Neither a change at run time nor a reload takes effect or anything down."""
    first = await proxy.apply(delivery(fleet(http), HOSTS, [cluster("shop", [local(one)])]))
    assert isinstance(first, Applied), first
    before = folder(directory)
    at_run_time = delivery(fleet(http), HOSTS, [cluster("shop", [local(two)])])
    structural = delivery(fleet(http), HOSTS, [cluster("shop", [local(two)]), cluster("cart", [])])
    for wanted in (at_run_time, structural):
        with no_writing():
            outcome = await proxy.apply(wanted)
        assert isinstance(outcome, Failed), outcome
        assert (outcome.step, outcome.revision) == ("write", first.revision)
        assert "the state folder cannot be written" in outcome.refusals[0].message
        assert (await get(http, "a.example")).body == str(one).encode()
        assert folder(directory) == before
        assert {path.name for path in (directory / "haproxy" / "generations").iterdir()} >= {before[""].decode()}
        assert not list((directory / "haproxy").rglob("*.unfinished*"))
    outcome = await proxy.apply(structural)
    assert isinstance(outcome, Applied), outcome
    assert (await get(http, "a.example")).body == str(two).encode()


async def test_changes_fail_and_can_be_made_later(tmp_path: Path) -> None:
    http = free_port()
    async with upstreams(2) as (one, two), haproxy(tmp_path, fleet(http)) as proxy:
        await changes(proxy, tmp_path, http, one.port, two.port)
        assert proxy.deaths == 0


async def test_a_fragment_that_cannot_be_written_follows_later(tmp_path: Path) -> None:
    """A folder stands where a configuration file is to go: what is live is in the journal, and nothing else waits for it."""
    http, events = free_port(), list[Event]()
    async with upstreams(2) as (one, two), haproxy(tmp_path, fleet(http), events) as proxy:
        assert isinstance(
            await proxy.apply(delivery(fleet(http), HOSTS, [cluster("shop", [local(one.port)])])), Applied
        )
        current = (tmp_path / "haproxy" / "current").resolve()
        (fragment,) = (path for path in current.glob("30-*.cfg") if f":{one.port}" in path.read_text())
        obstacle = fragment.with_name(f".{fragment.name}.unfinished")
        obstacle.mkdir()
        outcome = await proxy.apply(delivery(fleet(http), HOSTS, [cluster("shop", [local(two.port)])]))
        assert isinstance(outcome, Applied), outcome
        assert not outcome.reload
        assert (await get(http, "a.example")).body == str(two.port).encode()

        async def said() -> bool:
            return any("not yet in the configuration" in str(event) for event in events)

        async def written() -> bool:
            return f":{two.port}" in fragment.read_text()

        await eventually(said, "it is said")
        assert not await written()
        obstacle.rmdir()
        await eventually(written, "the fragment follows")


async def test_a_log_of_reloads_that_cannot_be_written_stops_no_reload(tmp_path: Path) -> None:
    http = free_port()
    (tmp_path / "reloads.jsonl").symlink_to(tmp_path / "missing" / "reloads.jsonl")
    async with haproxy(tmp_path, fleet(http)) as proxy:
        outcome = await proxy.apply(delivery(fleet(http), HOSTS, [cluster("shop", [])]))
        assert isinstance(outcome, Applied)
        assert outcome.reload


async def test_a_start_that_cannot_write_serves_what_was_served(tmp_path: Path) -> None:
    """Folders stand where the repaired configuration, the servers' past and the pid file are to go."""
    http = free_port()
    wanted = delivery(fleet(http), HOSTS, [])
    async with upstreams(1) as (one,):
        wanted = delivery(fleet(http), HOSTS, [cluster("shop", [local(one.port)])])
        async with haproxy(tmp_path, fleet(http)) as proxy:
            await proxy.apply(wanted)
        before = folder(tmp_path)
        current = (tmp_path / "haproxy" / "current").resolve()
        (damaged,) = current.glob("30-*.cfg")
        damaged.write_bytes(damaged.read_bytes() + b"# one more line\n")
        obstacles = [
            damaged.with_name(f".{damaged.name}.unfinished"),
            tmp_path / "haproxy" / "server-state.unfinished",
            RunFiles(run_dir(tmp_path)).pid_file.with_suffix(".tmp"),
        ]
        for obstacle in obstacles:
            obstacle.mkdir()
        async with haproxy(tmp_path, fleet(http)) as proxy:
            assert (await get(http, "a.example")).body == str(one.port).encode()
            for obstacle in obstacles:
                obstacle.rmdir()
            assert isinstance(await proxy.apply(wanted), Applied)
            assert folder(tmp_path) == before
