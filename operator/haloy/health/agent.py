"""The agent: answers HAProxy's `agent-check` with the levels that the monitor knows.

HAProxy connects, sends `agent-send`, reads one line, and does what it says at once, without counting (configuration manual,
`agent-check`). What the answers do was tried on HAProxy 2.8.25:

- `up #words` and `down #words` set the level; the words show in `show stat` as `last_agt`. The blank matters: `down#words` is
  an error to it, and changes nothing.
- An empty line changes nothing ("No status change"), nor does an agent that cannot be reached. A connection closed without any
  answer is a failed check, which marks the server down.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from haloy.health.monitor import HealthMonitor
from haloy.model.health import EndpointHealth, EndpointKey, Health
from haloy.model.listener import Bind

_LOG = logging.getLogger(__name__)
_LONGEST_QUESTION = 256
_PATIENCE = 2.0
_NO_CHANGE = b"\n"


class AgentServer:
    """Listens on loopback. `token` is what HAProxy's `agent-send` says for an endpoint: `length` characters, no newline needed."""

    def __init__(self, monitor: HealthMonitor, token: Callable[[EndpointKey], str], length: int) -> None:
        self._monitor = monitor
        self._token = token
        self._length = length
        self._keys: dict[str, EndpointKey] = {}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> Bind:
        """Begin to answer; `port` 0: a free one. Returns where.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=_LONGEST_QUESTION)
        address, found = self._server.sockets[0].getsockname()[:2]
        return Bind(address, found)

    async def stop(self) -> None:
        """Answer no more; from then on HAProxy keeps the levels it has."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._open):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with asyncio.timeout(_PATIENCE):
                question = await self._question(reader)
                writer.write(self._answer(question))
                await writer.drain()
        except (OSError, TimeoutError) as error:
            _LOG.debug("an agent check was not answered: %s", error)
        finally:
            self._open.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _question(self, reader: asyncio.StreamReader) -> str:
        data = b""
        while len(data) < self._length and b"\n" not in data and (part := await reader.read(_LONGEST_QUESTION)):
            data += part
        return data.partition(b"\n")[0].decode("ascii", "replace").strip()

    def _answer(self, question: str) -> bytes:
        key = self._keys.get(question)
        if key is None:
            self._keys = {self._token(known): known for known in self._monitor.levels()}
            key = self._keys.get(question)
        return answer(self._monitor.level(key) if key is not None else None)


def answer(level: EndpointHealth | None) -> bytes:
    """The line for a level; what is not known changes nothing."""
    if level is None:
        return _NO_CHANGE
    match level.health:
        case Health.HEALTHY:
            word = "up"
        case Health.UNHEALTHY:
            word = "down"
        case _:
            return _NO_CHANGE
    words = "".join(char if char.isascii() and char.isprintable() else "?" for char in level.reason[:100])
    return f"{word} #{words}\n".encode("ascii")
