"""check_all, counted by the server it checks."""

import asyncio

from haloy.health.check_all import AT_ONCE, check_all
from haloy.health.target import CheckResult
from haloy.model.health import EndpointKey, HttpCheck
from tests.health.targets import target


async def test_at_most_ten_at_once_and_all_of_them() -> None:
    now, most, go = 0, 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        await reader.readuntil(b"\r\n\r\n")
        now += 1
        most = max(most, now)
        if now == AT_ONCE:
            go.set()
        await go.wait()
        await asyncio.sleep(0)
        now -= 1
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        keys = [EndpointKey("default/shop", str(number)) for number in range(35)]
        results = await check_all(target(port, HttpCheck(), key=key) for key in keys)
    assert results == dict.fromkeys(keys, CheckResult(True, "L7OK/200"))
    assert most == 10
