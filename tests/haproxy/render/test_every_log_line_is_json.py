"""The access log under everything that a client may send: each line parses, and carries the users' own names."""

import asyncio
import contextlib
import signal
import ssl

from haloy.model.cluster import Endpoint
from haloy.model.filters import DirectResponse
from haloy.model.listener import Bind, ClientLimits, Fleet, Listener
from haloy.model.routing import Target
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import get, send, trusting_nobody
from tests.support.ports import free_port
from tests.support.upstream import Reply, upstream

HOST = b"Host: shop.example.com\r\n"
NASTY = [
    b"GET /" + b"x" * 8000 + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    b'GET /"\\%22{}"?a="b"&c=\\ HTTP/1.1\r\n' + HOST + b"Connection: close\r\n\r\n",
    b"GET /%ff%fe?\x7e HTTP/1.1\r\n" + HOST + b'X-A: \xff\xfe"\r\nConnection: close\r\n\r\n',
    b"GET / HTTP/1.1\r\nHost: \xc3\x28\xff.example.com\r\nConnection: close\r\n\r\n",
    b'GET / HTTP/1.1\r\nHost: "}{\r\nConnection: close\r\n\r\n',
    b"G'E|T~ / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
]
UNREADABLE = [
    b'GET /"\xff\\ HTTP/1.1\r\nfoo bar\r\n\r\n',
    b"\xff\xfe\x00\r\n\r\n",
    b'"}\r\n\r\n',
    b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 40_000 + b"\r\n\r\n",
]


async def test_names_and_numbers_are_the_true_ones(serve: Serve) -> None:
    http, https = free_port(), free_port()
    async with upstream("up", reply=lambda request: Reply(201, body=b"12345")) as up:
        hosts = [
            host(
                "shop.example.com",
                candidate(rule("answer", filters=(DirectResponse(418, "tea"),)), "/tea"),
                candidate(rule("gone", Target(None)), "/gone"),
                candidate(rule("down", "other/down.v1"), "/down"),
                candidate(rule("named", "other/shop.v2")),
            )
        ]
        clusters = [cluster("other/shop.v2", up.port), cluster("other/down.v1", 1)]
        async with serve(model(fleet(http, https), hosts, clusters)) as running:
            await get(http, "Shop.example.com:80", "/a?b=c", method="POST", body=b"x")
            for path in ("/tea", "/gone", "/down"):
                await get(http, "shop.example.com", path)
            await get(http, "nobody.example.com")
            await get(https, "shop.example.com", tls=trusting_nobody(), sni="shop.example.com")
            records = await running.log_records(6)
    first = records[0]
    timings = first.pop("timings")
    assert set(timings) == {"request", "queue", "connect", "response", "total"}
    assert all(isinstance(value, int) for value in timings.values())
    assert first.pop("time") > 1_700_000_000_000
    assert len(first.pop("id")) == 36
    assert first.pop("bytes") > 5
    assert first == {
        "client": "127.0.0.1",
        "method": "POST",
        "host": "shop.example.com",
        "path": "/a?b=c",
        "protocol": "HTTP/1.1",
        "status": 201,
        "route": "web/shop",
        "rule": "named",
        "backend": "other/shop.v2",
        "endpoint": f"127.0.0.1:{up.port}",
        "state": "--",
    }
    shown = [(record["status"], record["rule"], record["backend"]) for record in records[1:]]
    assert shown == [
        (418, "answer", "-"),
        (500, "gone", "-"),
        (503, "down", "other/down.v1"),
        (404, "-", "-"),
        (201, "named", "other/shop.v2"),
    ]
    assert records[5]["tls"] == {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "sni": "shop.example.com",
    }


async def test_nasty_requests_leave_lines_that_parse(serve: Serve) -> None:
    http, https = free_port(), free_port()
    async with upstream() as up:
        wanted = model(fleet(http, https), [host("*", candidate(rule("all", "web/up")))], [cluster("web/up", up.port)])
        async with serve(wanted) as running:
            for data in (*NASTY, *UNREADABLE):
                await send(http, data)
                await send(https, data, tls=trusting_nobody())
            records = await running.log_records(2 * len(NASTY + UNREADABLE))
    paths = [record.get("path", "") for record in records]
    assert any(path.startswith("/xxxx") for path in paths)
    assert '/"\\%22{}"?a="b"&c=\\' in paths
    unread = [record["status"] for record in records if "error" in record]
    assert set(unread) <= {400, 431}, "431, where there are too many headers: HAProxy 3.x"
    assert len(unread) >= 2 * len(UNREADABLE)


async def test_failed_handshakes_and_broken_connections_leave_lines_that_parse(serve: Serve) -> None:
    http, https = free_port(), free_port()
    old = trusting_nobody()
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("AES128-SHA")
    async with upstream("slow", reply=lambda request: Reply(after=30)) as up:
        wanted = model(fleet(http, https), [host("*", candidate(rule("all", "web/up")))], [cluster("web/up", up.port)])
        async with serve(wanted) as running:
            with contextlib.suppress(ssl.SSLError):
                await send(https, b"", tls=old)
            await send(https, b"GET / HTTP/1.1\r\n\r\n")
            _, writer = await asyncio.open_connection("127.0.0.1", http)
            writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            await up.has_received(1)
            writer.transport.abort()
            records = await running.log_records(3)
    handshake, plain, aborted = records
    assert "error" in handshake
    assert handshake["tls"]["error"]
    assert "error" in plain
    assert aborted["state"].startswith("C")
    assert aborted["status"] in (-1, 400)


async def test_haproxys_own_notices_are_not_in_the_access_log(serve: Serve) -> None:
    port = free_port()
    down = cluster("web/up", Endpoint("127.0.0.1", 1))
    wanted = model(fleet(port), [host("a.b", candidate(rule("all", "web/up")))], [down])
    async with serve(wanted) as running:
        await get(port, "a.b")
        await running.log_records(1)
        running.process.send_signal(signal.SIGUSR1)  # the old process of a reload gets it too: "Proxy ... stopped"
        await running.process.wait()
    assert len(running.log_text().splitlines()) == 1


async def test_silent_clients_and_bad_proxy_headers_leave_lines_that_parse(serve: Serve) -> None:
    port, proxied = free_port(), free_port()
    listeners = (
        Listener("http", (Bind("127.0.0.1", port),), False, 80),
        Listener("proxied", (Bind("127.0.0.1", proxied),), False, 80, accept_proxy_protocol=True),
    )
    async with serve(model(Fleet(listeners, limits=ClientLimits(request_timeout=200)), [], [])) as running:
        assert (await send(port, b"GET / HTTP/1.1\r\nHost: a")).status == 408
        await send(proxied, b"GET / HTTP/1.1\r\nHost: a.b\r\n\r\n")
        await send(port, b"")  # a probe of the port: not worth a line
        await get(port, "a.b")
        records = await running.log_records(3)
    assert [record["status"] for record in records] == [408, 0, 404]
    assert "PROXY" in records[1]["error"]
