"""A client of HTTP/2 over TLS with several streams at a time, that does what RFC 9113 says of GOAWAY (section 6.8) and nothing more.

After a GOAWAY no stream is begun on that connection; those that it names as processed are answered there, those above its last stream
are asked again on a new connection. Nothing else is ever repeated.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset

from tests.proof.load.history import History
from tests.proof.load.http1 import DEADLINE, seen_of
from tests.proof.load.tls import TLS_HOST, fingerprint_of, trusting
from tests.proof.load.versions import Ask

PROTOCOL = "HTTP/2"
GOAWAY = 7


@dataclass(slots=True)
class Stream:
    """`done`: the answer is complete; True: it was not processed, by the server's own word."""

    done: asyncio.Future[bool]
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Connection:
    """One connection. GOAWAY frames are taken out before the library sees them: to it a connection that goes away is closed at
    once, to the RFC it finishes what it has."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened = time.monotonic()
        self.going = False
        self._reader, self._writer = reader, writer
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._streams: dict[int, Stream] = {}
        self._rest = b""
        self._h2.initiate_connection()
        self._flush()
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, port: int, history: History) -> "Connection":
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting("h2"), server_hostname=TLS_HOST)
        history.judge_certificate(PROTOCOL, fingerprint_of(writer), began)
        return cls(reader, writer)

    @property
    def idle(self) -> bool:
        return not self._streams

    async def ask(self, ask: Ask, *more: tuple[str, str]) -> Stream | None:
        """The answer; None: the server said that it did not process it. Raises ConnectionError without either."""
        number = self._h2.get_next_available_stream_id()
        stream = Stream(asyncio.get_running_loop().create_future())
        self._streams[number] = stream
        pseudo = [(":method", ask.method), (":scheme", "https"), (":authority", ask.host), (":path", ask.target)]
        self._h2.send_headers(number, [*pseudo, *ask.headers, *more], end_stream=True)
        self._flush()
        try:
            async with asyncio.timeout(DEADLINE):
                return None if await stream.done else stream
        finally:
            self._streams.pop(number, None)

    def close(self) -> None:
        self._task.cancel()
        self._writer.transport.abort()

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(65_536):
                for event in self._h2.receive_data(self._without_goaway(data)):
                    self._take(event)
                self._flush()
            self._end(ConnectionError("closed by the server"))
        except OSError as error:
            self._end(error)

    def _without_goaway(self, data: bytes) -> bytes:
        """Whole frames, as far as there are any; what is said in GOAWAY is done."""
        self._rest += data
        passed = b""
        while len(self._rest) >= 9:
            length = int.from_bytes(self._rest[:3], "big") + 9
            if len(self._rest) < length:
                break
            frame, self._rest = self._rest[:length], self._rest[length:]
            if frame[3] == GOAWAY:
                self._go(int.from_bytes(frame[9:13], "big") & 0x7FFFFFFF)
            else:
                passed += frame
        return passed

    def _go(self, last: int) -> None:
        self.going = True
        for number, stream in self._streams.items():
            if number > last and not stream.done.done():
                stream.done.set_result(True)

    def _take(self, event: object) -> None:
        match event:
            case ResponseReceived(stream_id=int(number)) if number in self._streams:
                self._streams[number].headers = {str(name): str(value) for name, value in event.headers}
            case DataReceived(stream_id=int(number)):
                self._h2.acknowledge_received_data(event.flow_controlled_length, number)
                if number in self._streams:
                    self._streams[number].body += event.data
            case StreamEnded(stream_id=int(number)) if number in self._streams:
                self._streams[number].done.set_result(False)
            case StreamReset(stream_id=int(number)) if number in self._streams:
                refused = event.error_code == 7  # REFUSED_STREAM: not processed, RFC 9113 section 8.7
                done = self._streams[number].done
                done.set_result(True) if refused else done.set_exception(ConnectionError(f"reset: {event.error_code}"))
            case _:
                pass

    def _end(self, error: OSError) -> None:
        self.going = True
        for stream in self._streams.values():
            if not stream.done.done():
                stream.done.set_exception(error)


@dataclass(slots=True)
class Http2Client:
    """`streams` requests at a time, each of them again and again."""

    port: int
    history: History
    choose: Callable[[], Ask]
    chance: random.Random
    pause: float
    streams: int = 3
    connections: int = 0
    repeated: int = 0
    """Streams that a GOAWAY declared not processed."""
    _current: Connection | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, enough: asyncio.Event) -> None:
        left: list[Connection] = []
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.streams):
                    group.create_task(self._repeat(enough, left))
        finally:
            for connection in (*left, *([self._current] if self._current else [])):
                connection.close()

    async def _connection(self, left: list[Connection]) -> Connection:
        async with self._opening:
            if self._current is None or self._current.going:
                if self._current is not None:
                    left.append(self._current)
                self._current = await Connection.open(self.port, self.history)
                self.connections += 1
            for gone in [one for one in left if one.idle]:
                left.remove(gone)
                gone.close()
            return self._current

    async def _repeat(self, enough: asyncio.Event, left: list[Connection]) -> None:
        while not enough.is_set():
            ask, connection = self.choose(), await self._connection(left)
            sent = time.monotonic()
            delay = (("x-delay", "0.2"),) if self.chance.random() < 0.02 else ()
            try:
                stream = await connection.ask(ask, *delay)
            except (OSError, TimeoutError) as error:
                self.history.fail(PROTOCOL, ask, f"no answer: {error!r}")
                continue
            if stream is None:
                self.repeated += 1
                continue
            headers = stream.headers
            seen = seen_of(int(headers[":status"]), lambda name, held=headers: held.get(name, ""), stream.body)  # type: ignore[misc]
            self.history.judge(PROTOCOL, ask, seen, sent, connection.opened, connection.going)
            await asyncio.sleep(self.pause * self.chance.uniform(0.5, 1.5))
