"""A stop lets requests finish, for a while, and leaves nothing behind."""

import asyncio
from pathlib import Path

import pytest

from haloy.proxies.haproxy.process.process import StartFailed
from tests.support.ports import free_port
from tests.support.small_haproxy import answering, group, small_haproxy

SLOW = """\
frontend slow
    bind 127.0.0.1:{port}
    default_backend slow
backend slow
    server s 127.0.0.1:{upstream}
"""


async def slow_upstream(release: asyncio.Event, arrived: asyncio.Event) -> asyncio.Server:
    """Answers as soon as `release` is set."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await release.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


async def request(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_request_in_flight_is_answered(haproxy_binary: Path, tmp_path: Path) -> None:
    port, release, arrived = free_port(), asyncio.Event(), asyncio.Event()
    upstream = await slow_upstream(release, arrived)
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", SLOW.format(port=port, upstream=upstream.sockets[0].getsockname()[1]))
        master = haproxy.process.pid
        assert master is not None
        answer = asyncio.create_task(request(port))
        await arrived.wait()
        stop = asyncio.create_task(haproxy.process.stop(drain=20))
        death = asyncio.create_task(haproxy.process.wait())
        await asyncio.sleep(0)
        release.set()
        assert (await answer).endswith(b"done")
        await stop
        assert (await death).expected
        assert group(master) == []
    upstream.close()


async def test_after_the_drain_everything_ends(haproxy_binary: Path, tmp_path: Path) -> None:
    port, release, arrived = free_port(), asyncio.Event(), asyncio.Event()
    upstream = await slow_upstream(release, arrived)
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", SLOW.format(port=port, upstream=upstream.sockets[0].getsockname()[1]))
        master = haproxy.process.pid
        assert master is not None
        answer = asyncio.create_task(request(port))
        await arrived.wait()
        await haproxy.process.stop(drain=0.2)
        assert group(master) == []
        assert not haproxy.files.pid_file.exists()
        release.set()
        assert not (await answer).endswith(b"done")
    upstream.close()


async def test_an_idle_one_ends_at_once_although_the_runtime_connection_is_open(
    haproxy_binary: Path, tmp_path: Path
) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", answering(free_port()))
        await haproxy.runtime.call("show", "info")
        async with asyncio.timeout(30):
            await haproxy.process.stop(drain=60)
        death = await haproxy.process.wait()
        assert (death.expected, death.status) == (True, 0)


async def test_a_stop_that_is_given_up_kills(haproxy_binary: Path, tmp_path: Path) -> None:
    port, release, arrived = free_port(), asyncio.Event(), asyncio.Event()
    upstream = await slow_upstream(release, arrived)
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        await haproxy.start("r1", SLOW.format(port=port, upstream=upstream.sockets[0].getsockname()[1]))
        answer = asyncio.create_task(request(port))
        await arrived.wait()
        stop = asyncio.create_task(haproxy.process.stop(drain=60))
        await asyncio.sleep(0)
        stop.cancel()
        await asyncio.wait([stop])
        assert "SIGKILL" in (await haproxy.process.wait()).reason
        release.set()
        await asyncio.wait([answer])
        assert answer.exception() is not None or answer.result() == b""
    upstream.close()


async def test_nothing_is_left_of_it_but_the_lock(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        peers = f"peers p\n    bind unix@{haproxy.files.peers_socket}\n    server local\n"
        await haproxy.start("r1", answering(free_port()) + peers, extra="localpeer local")
        haproxy.write("r2", answering(free_port()) + peers, "localpeer local")
        assert (await haproxy.process.reload("r2")).success
        names = {path.name for path in haproxy.files.directory.iterdir()}
        assert names >= {"master.sock", "worker.sock", "peers.sock", "stderr.fifo", "master.pid", "lock"}
        await haproxy.process.stop(drain=5)
        assert [path.name for path in haproxy.files.directory.iterdir()] == ["lock"]


async def test_one_that_did_not_start_leaves_nothing_either(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        with pytest.raises(StartFailed):
            await haproxy.start("r1", "nonsense\n")
        assert [path.name for path in haproxy.files.directory.iterdir()] == ["lock"]
