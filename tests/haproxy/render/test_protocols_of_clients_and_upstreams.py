"""HTTP/2 clients, h2c upstreams with trailers (gRPC), WebSocket, TLS to the upstream, the PROXY protocol."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trustme

from haloy.model.cluster import Connections, Endpoint, Protocol, UpstreamTls
from haloy.model.model import Bundle
from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.names import bundle_file
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.h2_peers import Fields, h2_request, h2_upstream
from tests.support.http_client import DEADLINE, get, trusting_nobody
from tests.support.ports import free_port
from tests.support.upstream import Reply, Upstream, upstream

EVERYTHING = [host("a.b", candidate(rule("all", "web/up")))]


def h2_headers(path: str, *more: tuple[str, str], scheme: str = "https") -> Fields:
    return [(":method", "POST"), (":path", path), (":scheme", scheme), (":authority", "A.b:8443"), *more]


async def test_an_http2_client_is_routed_like_any_other(serve: Serve) -> None:
    http, https = free_port(), free_port()
    async with (
        upstream("up") as up,
        serve(model(fleet(http, https), EVERYTHING, [cluster("web/up", up.port)])) as running,
    ):
        answer = await h2_request(
            https, h2_headers("/x?y=1", ("x_forwarded_for", "6.6.6.6")), b"body", trusting_nobody()
        )
        refused = await h2_request(https, h2_headers("/a/../b"), b"", trusting_nobody())
        fragment = await h2_request(https, h2_headers("/a#b"), b"", trusting_nobody())
        records = await running.log_records(2)
    assert (answer.status, answer.body) == (200, b"up")
    request = up.requests[0]
    assert (request.method, request.target, request.body) == ("POST", "/x?y=1", b"body")
    assert request.one("host") == "A.b:8443"
    assert request.one("x-forwarded-for") == "127.0.0.1"
    assert request.one("x_forwarded_for") is None
    assert refused.status == 400
    assert fragment.status in (0, 400)
    assert records[0]["protocol"] == "HTTP/2.0"
    assert len(up.requests) == 1


async def test_grpc_passes_with_its_trailers(serve: Serve) -> None:
    http, https = free_port(), free_port()
    async with h2_upstream() as up:
        clusters = [cluster("web/up", up.port, protocol=Protocol.H2C)]
        async with serve(model(fleet(http, https), EVERYTHING, clusters)):
            asked = h2_headers("/shop.v1.Shop/Buy", ("content-type", "application/grpc"), ("te", "trailers"))
            answer = await h2_request(https, asked, b"\0\0\0\0\2hi", trusting_nobody())
    assert (answer.status, answer.body) == (200, b"\0\0\0\0\2hi")
    assert answer.trailers == {"grpc-status": "0", "grpc-message": "fine"}
    assert up.requests[0]["te"] == "trailers"
    assert up.requests[0][":path"] == "/shop.v1.Shop/Buy"


async def test_a_websocket_stays_open_both_ways(serve: Serve) -> None:
    port = free_port()
    # Key and answer are the example of RFC 6455, section 1.3.
    headers = (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    )
    accepted = Reply(101, headers, upgrade=True)
    async with upstream("ws", reply=lambda request: accepted) as up:
        limits = fleet(port, response_timeout=1_000, tunnel_timeout=60_000)
        async with serve(model(limits, EVERYTHING, [cluster("web/up", up.port)])), asyncio.timeout(DEADLINE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            writer.write(b"GET /chat HTTP/1.1\r\nHost: a.b\r\n" + upgrade + b"Sec-WebSocket-Version: 13\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            for word in (b"\x81\x02hi", b"\x81\x05again"):
                writer.write(word)
                assert await reader.readexactly(len(word)) == word
            await asyncio.sleep(1.5)  # longer than the response time-out: the tunnel has its own
            writer.write(b"later")
            assert await reader.readexactly(5) == b"later"
            writer.close()


@asynccontextmanager
async def tls_upstream(authority: trustme.CA, *names: str) -> AsyncIterator[Upstream]:
    """An upstream that shows a certificate for `names`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    one = Upstream("tls")
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=context)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()


async def test_an_upstreams_certificate_is_verified_by_authority_and_name(serve: Serve) -> None:
    port, authority, other = free_port(), trustme.CA(), trustme.CA()
    bundles = tuple(Bundle(name, "aa", ObjectRef("Secret", *name.split("/"))) for name in ("web/ca", "web/other"))
    pem = {
        bundle_file("web/ca", "aa"): authority.cert_pem.bytes(),
        bundle_file("web/other", "aa"): other.cert_pem.bytes(),
        "ca/system.pem": authority.cert_pem.bytes(),
    }
    async with tls_upstream(authority, "up.internal") as up:
        named = Endpoint("127.0.0.1", up.port, hostname="up.internal")
        wrong = Endpoint("127.0.0.1", up.port, hostname="other.internal")
        bare = Endpoint("127.0.0.1", up.port)
        cases = {
            "name": (named, UpstreamTls("web/ca"), 200),
            "given": (wrong, UpstreamTls("web/ca", server_name="up.internal"), 200),
            "system": (named, UpstreamTls(), 200),
            "wrong-name": (wrong, UpstreamTls("web/ca"), 503),
            "no-name": (bare, UpstreamTls("web/ca"), 503),
            "wrong-authority": (named, UpstreamTls("web/other"), 503),
        }
        hosts = [host(f"{name}.example.com", candidate(rule(name, f"web/{name}"))) for name in cases]
        clusters = [
            cluster(f"web/{name}", endpoint, protocol=Protocol.HTTPS, tls=tls)
            for name, (endpoint, tls, _) in cases.items()
        ]
        wanted = model(fleet(port), hosts, clusters, bundles=bundles)
        async with serve(wanted, pem=pem, system_ca="ca/system.pem"):
            statuses = {name: (await get(port, f"{name}.example.com")).status for name in cases}
    assert statuses == {name: status for name, (_, _, status) in cases.items()}


async def test_the_proxy_protocol_tells_the_upstream_who_asks(serve: Serve) -> None:
    port = free_port()
    first: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first.append(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    up_port = server.sockets[0].getsockname()[1]
    hosts = [host(f"{version}.example.com", candidate(rule(version, f"web/{version}"))) for version in ("v1", "v2")]
    clusters = [
        cluster(f"web/{version}", up_port, connections=Connections(proxy_protocol=version)) for version in ("v1", "v2")
    ]
    async with serve(model(fleet(port), hosts, clusters)):
        await get(port, "v1.example.com")
        await get(port, "v2.example.com")
    server.close()
    starts = [data for data in first if data]
    assert starts[0].startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")
    assert starts[1].startswith(b"\r\n\r\n\0\r\nQUIT\n")
