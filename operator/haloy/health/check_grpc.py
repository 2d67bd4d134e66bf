"""The gRPC check: grpc.health.v1.Health/Check (github.com/grpc/grpc, doc/health-checking.md) over HTTP/2."""

import asyncio
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from haloy.health.connection import connected, failed
from haloy.health.target import CheckResult, MonitorTarget
from haloy.model.health import GrpcCheck

_PATH = "/grpc.health.v1.Health/Check"
_STATES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_SERVING = 1
_CODES = {
    "1": "CANCELLED", "2": "UNKNOWN", "4": "DEADLINE_EXCEEDED", "5": "NOT_FOUND", "7": "PERMISSION_DENIED",
    "8": "RESOURCE_EXHAUSTED", "12": "UNIMPLEMENTED", "13": "INTERNAL", "14": "UNAVAILABLE", "16": "UNAUTHENTICATED",
}  # fmt: skip
_MOST = 64 * 1024
"""Bytes of an answer, everything counted."""


@dataclass(slots=True)
class _Response:
    status: str = ""
    code: str = ""
    message: bytes = b""
    ended: bool = False
    headers: dict[str, str] = field(default_factory=dict)


async def check_grpc(target: MonitorTarget, kind: GrpcCheck) -> CheckResult:
    """Pass if the service (empty: the server as a whole) is SERVING.

    Raises:
        CheckFailedError, CheckImpossibleError: as for `connected`; also when the answer is not gRPC.
    """
    async with connected(target, ("h2",) if target.tls else ()) as (reader, writer):
        try:
            response = await _call(reader, writer, target, _frame(kind.service))
        except h2.exceptions.ProtocolError as error:
            raise failed("L7RSP", f"not HTTP/2: {str(error) or type(error).__name__}") from error
    if response.status != "200":
        return CheckResult(False, f"L7STS/{response.status or 'no status'}")
    if response.code != "0":
        name = _CODES.get(response.code, "")
        return CheckResult(False, f"L7STS/grpc-status {response.code[:4] or 'missing'} {name}".rstrip())
    state = _state(response.message)
    return CheckResult(state == _SERVING, f"{'L7OK' if state == _SERVING else 'L7STS'}/{_STATES.get(state, state)}")


async def _call(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: MonitorTarget, message: bytes
) -> _Response:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    stream = connection.get_next_available_stream_id()
    connection.send_headers(
        stream,
        [
            (":method", "POST"),
            (":scheme", "https" if target.tls else "http"),
            (":path", _PATH),
            (":authority", target.authority),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-timeout", f"{target.check.timeout}m"),
            ("user-agent", "haloy-health"),
        ],
    )
    connection.send_data(stream, message, end_stream=True)
    response, received = _Response(), 0
    while not response.ended:
        writer.write(connection.data_to_send())
        await writer.drain()
        data = await reader.read(_MOST)
        received += len(data)
        if not data:
            raise failed("L7RSP", "connection closed before the answer was complete")
        if received > _MOST:
            raise failed("L7RSP", f"more than {_MOST} bytes")
        try:
            events = connection.receive_data(data)
        except UnicodeDecodeError as error:
            raise failed("L7RSP", "header fields are not text") from error
        for event in events:
            _take(event, stream, response)
    connection.close_connection()
    writer.write(connection.data_to_send())
    return response


def _take(event: h2.events.Event, stream: int, response: _Response) -> None:
    match event:
        case h2.events.ResponseReceived() | h2.events.TrailersReceived() if event.stream_id == stream:
            headers = {str(name): str(value) for name, value in event.headers or ()}
            response.status = headers.get(":status", response.status)
            response.code = headers.get("grpc-status", response.code)
        case h2.events.DataReceived() if event.stream_id == stream:
            response.message += event.data or b""
        case h2.events.StreamEnded() if event.stream_id == stream:
            response.ended = True
        case h2.events.StreamReset() if event.stream_id == stream:
            raise failed("L7RSP", f"stream reset ({_error(event.error_code)})")
        case h2.events.ConnectionTerminated():
            raise failed("L7RSP", f"connection ended by the endpoint ({_error(event.error_code)})")
        case _:
            pass


def _error(code: object) -> str:
    return code.name if isinstance(code, h2.errors.ErrorCodes) else str(code)


def _frame(service: str) -> bytes:
    """HealthCheckRequest (field 1, string) as one uncompressed gRPC message."""
    name = service.encode()
    body = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\x00" + len(body).to_bytes(4, "big") + body


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _state(message: bytes) -> int:
    """The status in a HealthCheckResponse (field 1, enum; absent: 0). Other fields are passed over.

    Raises:
        CheckFailedError: it is no such message.
    """
    length = int.from_bytes(message[1:5], "big")
    body = message[5:]
    if len(message) < 5 or message[0] != 0 or length != len(body):
        raise failed("L7RSP", "not a gRPC message")
    position, state = 0, 0
    while position < len(body):
        tag, position = _read_varint(body, position)
        match tag & 7:
            case 0:
                value, position = _read_varint(body, position)
                state = value if tag >> 3 == 1 else state
            case 1:
                position += 8
            case 2:
                size, position = _read_varint(body, position)
                position += size
            case 5:
                position += 4
            case _:
                raise failed("L7RSP", "not a HealthCheckResponse")
    if position != len(body):
        raise failed("L7RSP", "not a HealthCheckResponse")
    return state


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise failed("L7RSP", "not a HealthCheckResponse")
