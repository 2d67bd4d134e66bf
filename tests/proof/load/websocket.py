"""A WebSocket that is held open over everything, with traffic in both directions."""

import asyncio
import ssl

import aiohttp

from tests.proof.load.history import History

DEADLINE = 10.0


async def hold(
    url: str, host: str, upstream: str, history: History, enough: asyncio.Event, tls: ssl.SSLContext | None = None
) -> int:
    """Say something every 20 ms and hear it from `upstream`. Returns how often. The one connection must last to the end."""
    protocol, said = url.partition(":")[0], 0
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                url, headers={"Host": host}, ssl=tls or True, server_hostname=host if tls else None
            ) as socket,
        ):
            while not enough.is_set():
                said += 1
                await socket.send_str(str(said))
                heard = await socket.receive(timeout=DEADLINE)
                if heard.data != f"{upstream} {said}":
                    history.fail(protocol, None, f"message {said} was answered with {heard}")
                    return said
                history.answers[protocol] += 1
                await asyncio.sleep(0.02)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        history.fail(protocol, None, f"after {said} messages: {error!r}")
    return said
