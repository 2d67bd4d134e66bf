"""The gRPC check against a real HTTP/2 server, in the clear and over TLS."""

import asyncio
import ssl

import pytest
import trustme

from haloy.health.check import check
from haloy.health.target import CheckResult
from haloy.model.health import GrpcCheck
from haloy.model.secret import SecretBytes
from tests.health.grpc_server import NOT_SERVING, grpc_health
from tests.health.targets import target
from tests.support.ports import free_port


async def test_serving_passes() -> None:
    async with grpc_health() as server:
        assert await check(target(server.port, GrpcCheck())) == CheckResult(True, "L7OK/SERVING")
        (call,) = server.calls
        assert call[":path"] == "/grpc.health.v1.Health/Check"
        assert (call["content-type"], call["te"], call["grpc-timeout"]) == ("application/grpc", "trailers", "5000m")


async def test_services_are_told_apart() -> None:
    async with grpc_health() as server:
        server.statuses = {"": 1, "shop.v1.Orders": NOT_SERVING, "x" * 200: 1}
        for service, expected in {
            "shop.v1.Orders": CheckResult(False, "L7STS/NOT_SERVING"),
            "shop.v1.None": CheckResult(False, "L7STS/grpc-status 5 NOT_FOUND"),
        }.items():
            assert await check(target(server.port, GrpcCheck(service))) == expected


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("code", "12", "L7STS/grpc-status 12 UNIMPLEMENTED"),
        ("http_status", "503", "L7STS/503"),
        ("raw", b"\x01\x00\x00\x00\x02\x08\x01", "L7RSP/not a gRPC message"),
        ("raw", b"", "L7RSP/not a gRPC message"),
        ("raw", b"\x00\x00\x00\x00\x02\x0a\x05", "L7RSP/not a HealthCheckResponse"),
        ("raw", b"\x00\x00\x00\x00\x01\x08", "L7RSP/not a HealthCheckResponse"),
        ("raw", b"\x00\x00\x00\x00\x00", "L7STS/UNKNOWN"),
        ("raw", b"\x00\x00\x00\x00\x02\x08\x09", "L7STS/9"),
        ("reset", True, "L7RSP/stream reset (CANCEL)"),
    ],
)
async def test_what_is_not_serving_fails_with_the_reason(setting: str, value: object, reason: str) -> None:
    async with grpc_health() as server:
        setattr(server, setting, value)
        result = await check(target(server.port, GrpcCheck()))
        assert result == CheckResult(False, reason)


async def test_other_fields_of_the_response_are_passed_over() -> None:
    async with grpc_health() as server:
        body = b"\x12\x03abc" + b"\x18\xff\x01" + b"\x25\x00\x00\x00\x00" + b"\x29" + b"\x00" * 8 + b"\x08\x01"
        server.raw = b"\x00" + len(body).to_bytes(4, "big") + body
        assert await check(target(server.port, GrpcCheck())) == CheckResult(True, "L7OK/SERVING")


async def test_no_answer_in_time_fails() -> None:
    async with grpc_health() as server:
        server.delay = asyncio.Event()
        result = await check(target(server.port, GrpcCheck(), timeout=100))
        assert result == CheckResult(False, "L7TOUT/no answer within 100 ms")


async def test_nobody_listening_fails() -> None:
    result = await check(target(free_port(), GrpcCheck()))
    assert result == CheckResult(False, "L4CON/Connection refused")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x00" * 200, bytes(range(256))])
async def test_a_server_that_does_not_speak_http2_fails(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        result = await check(target(server.sockets[0].getsockname()[1], GrpcCheck()))
    assert not result.passed
    assert result.reason.startswith("L7RSP/")


@pytest.mark.parametrize(
    ("version", "header"),
    [("v1", b"PROXY UNKNOWN\r\n"), ("v2", b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")],
)
async def test_the_proxy_header_is_sent_where_it_is_expected(version: str, header: bytes) -> None:
    async with grpc_health() as server:
        server.before = header
        assert (await check(target(server.port, GrpcCheck(), proxy_protocol=version))).passed


class Authority:
    """A CA and servers that it vouches for."""

    def __init__(self) -> None:
        self.ca = trustme.CA()
        self.pem = SecretBytes(self.ca.cert_pem.bytes())

    def server(self, *, alpn: str = "h2", client: trustme.CA | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("shop.internal").configure_cert(context)
        context.set_alpn_protocols([alpn])
        if client is not None:
            client.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


async def test_tls_is_verified_by_ca_and_name(authority: Authority) -> None:
    async with grpc_health(authority.server()) as server:
        trusted = target(server.port, GrpcCheck(), tls=True, ca=authority.pem, server_name="shop.internal")
        assert await check(trusted) == CheckResult(True, "L7OK/SERVING")
        assert server.calls[0][":authority"] == f"shop.internal:{server.port}"
        for refused, words in {
            target(
                server.port, GrpcCheck(), tls=True, ca=authority.pem, server_name="other.internal"
            ): "Hostname mismatch",
            target(server.port, GrpcCheck(), tls=True, ca=authority.pem): "IP address mismatch",
            target(server.port, GrpcCheck(), tls=True, server_name="shop.internal"): "unable to get local issuer",
        }.items():
            result = await check(refused)
            assert not result.passed
            assert result.reason.startswith("L6RSP/certificate not accepted")
            assert words in result.reason


async def test_a_server_without_http2_in_alpn_fails(authority: Authority) -> None:
    async with grpc_health(authority.server(alpn="http/1.1")) as server:
        result = await check(target(server.port, GrpcCheck(), tls=True, ca=authority.pem, server_name="shop.internal"))
        assert not result.passed
        assert result.reason.startswith("L6RSP/")


async def test_tls_to_a_server_in_the_clear_fails(authority: Authority) -> None:
    async with grpc_health() as server:
        result = await check(target(server.port, GrpcCheck(), tls=True, ca=authority.pem, server_name="shop.internal"))
        assert not result.passed
        assert result.reason.startswith("L6RSP/")


async def test_a_client_certificate_is_shown(authority: Authority) -> None:
    clients = trustme.CA()
    certificate = clients.issue_cert("haloy.internal")
    pem = b"".join([*(blob.bytes() for blob in certificate.cert_chain_pems), certificate.private_key_pem.bytes()])
    async with grpc_health(authority.server(client=clients)) as server:
        common = {"tls": True, "ca": authority.pem, "server_name": "shop.internal"}
        shown = target(server.port, GrpcCheck(), client_certificate=SecretBytes(pem), **common)
        assert await check(shown) == CheckResult(True, "L7OK/SERVING")
        assert not (await check(target(server.port, GrpcCheck(), **common))).passed


async def test_key_material_that_is_none_fails_without_showing_it(authority: Authority) -> None:
    async with grpc_health(authority.server()) as server:
        for name in ("ca", "client_certificate"):
            result = await check(target(server.port, GrpcCheck(), tls=True, **{name: SecretBytes(b"private words")}))
            assert not result.passed
            assert "private" not in result.reason
