"""Requests that two parsers might read differently: each is refused, or reaches the upstream as exactly one request."""

from haloy.model.listener import ClientLimits
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import send
from tests.support.ports import free_port
from tests.support.upstream import Reply, upstream

H = b"Host: a.b\r\n"
SECOND = b"GET /second HTTP/1.1\r\n" + H + b"\r\n"

REFUSED = {
    "two hosts": b"GET / HTTP/1.1\r\n" + H + b"Host: c.d\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 3, 4\r\n\r\nabcd",
    "an empty length": b"POST / HTTP/1.1\r\n" + H + b"Content-Length:\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\n" + H + b"Content-Length: +3\r\n\r\nabc",
    "a huge length": b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "an empty header name": b"GET / HTTP/1.1\r\n" + H + b": x\r\n\r\n",
    "an unknown transfer encoding": b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"GET / HTTP/1.1\r\n" + H + b"X-A : x\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\n" + H + b"nonsense\r\n\r\n",
    "a blank before the first header": b"GET / HTTP/1.1\r\n " + H + b"\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\n" + H + b"\r\n",
    "another authority": b"GET http://c.d/ HTTP/1.1\r\n" + H + b"\r\n",
    "dot segments": b"GET /a/../b HTTP/1.1\r\n" + H + b"\r\n",
    "dot segments at the end": b"GET /a/.. HTTP/1.1\r\n" + H + b"\r\n",
    "encoded dot segments": b"GET /a/%2e%2E/b HTTP/1.1\r\n" + H + b"\r\n",
    "half encoded dot segments": b"GET /a/.%2e/b HTTP/1.1\r\n" + H + b"\r\n",
    "dot segments with a parameter": b"GET /a/..;x/b HTTP/1.1\r\n" + H + b"\r\n",
    "dot segments between encoded slashes": b"GET /p/..%2f..%2Fx HTTP/1.1\r\n" + H + b"\r\n",
    "dot segments behind an encoded slash": b"GET /p%2f../x HTTP/1.1\r\n" + H + b"\r\n",
    "dot segments and an encoded backslash": b"GET /p/%2e.%5c..%5Cx HTTP/1.1\r\n" + H + b"\r\n",
    "dot segments and backslashes": b"GET /p\\..\\x HTTP/1.1\r\n" + H + b"\r\n",
    "an encoded nul": b"GET /a%00b HTTP/1.1\r\n" + H + b"\r\n",
    "a nul": b"GET /a\0b HTTP/1.1\r\n" + H + b"\r\n",
    "a nul in a header": b"GET / HTTP/1.1\r\n" + H + b"X-A: a\0b\r\n\r\n",
    "a line feed in a header": b"GET / HTTP/1.1\r\n" + H + b"X-A: a\rb\r\n\r\n",
    "bytes beyond ASCII in the path": b"GET /\xff HTTP/1.1\r\n" + H + b"\r\n",
    "no target": b"GET HTTP/1.1\r\n" + H + b"\r\n",
    "an authority as target": b"CONNECT a.b:80 HTTP/1.1\r\nHost: a.b:80\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n",
    "a target without a slash": b"GET foo HTTP/1.1\r\n" + H + b"\r\n",
}
ONCE = {
    "a major version": b"GET / HTTP/3.0\r\n" + H + b"\r\n",
    "length and chunked": b"POST / HTTP/1.1\r\n"
    + H
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": b"POST / HTTP/1.1\r\n"
    + H
    + b"Transfer-Encoding: chunked\r\nContent-Length: 44\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "the same length twice": b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "a folded header": b"GET / HTTP/1.1\r\n" + H + b"X-A: a\r\n b\r\n\r\n",
    "chunked in capitals": b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
    "encoded slashes": b"GET /a%2fb..%2f..c?x=%2f..%2f HTTP/1.1\r\n" + H + b"\r\n",
    "dots that are no segment": b"GET /a..b/...?x=/../ HTTP/1.1\r\n" + H + b"\r\n",
}


async def test_a_refused_request_never_reaches_the_upstream(serve: Serve) -> None:
    port = free_port()
    async with upstream() as up, serve(shop(port, up.port)) as running:
        statuses = {name: (await send(port, request)).status for name, request in REFUSED.items()}
        if statuses["two lengths"] == 0:
            statuses["two lengths"] = 400  # From HAProxy 3.2 on the connection is closed without an answer.
        assert {name: status for name, status in statuses.items() if not 400 <= status < 500} == {}
        await running.log_records(len(REFUSED))
    assert up.requests == []


async def test_an_accepted_request_reaches_the_upstream_exactly_once(serve: Serve) -> None:
    for name, request in ONCE.items():
        port = free_port()
        async with upstream(reply=lambda received: Reply(headers=(("Connection", "close"),))) as up:
            async with serve(shop(port, up.port)):
                answer = await send(port, request)
                assert answer.status == 200 or 400 <= answer.status < 500, name
            assert len(up.requests) == (1 if answer.status == 200 else 0), name
            if up.requests:
                both = up.requests[0].all("content-length") and up.requests[0].all("transfer-encoding")
                assert not both, name


async def test_what_follows_an_ambiguous_request_is_not_taken_for_a_second_one(serve: Serve) -> None:
    port = free_port()
    ambiguous = ONCE["length and chunked"]
    async with upstream() as up, serve(shop(port, up.port)):
        await send(port, ambiguous + SECOND)
        await send(port, b"GET /later HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n")
    assert [request.target for request in up.requests] == ["/", "/later"]


def shop(port: int, up_port: int):  # type: ignore[no-untyped-def]
    return model(fleet(port), [host("a.b", candidate(rule("all", "web/up")))], [cluster("web/up", up_port)])


async def test_a_body_beyond_the_limit_is_refused_unread(serve: Serve) -> None:
    port = free_port()
    limited = fleet(port, limits=ClientLimits(max_body_size=10))
    async with upstream() as up:
        wanted = model(limited, [host("a.b", candidate(rule("all", "web/up")))], [cluster("web/up", up.port)])
        async with serve(wanted):
            head = b"POST / HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\n"
            assert (await send(port, head + b"Content-Length: 11\r\n\r\n")).status == 413
            assert (await send(port, head + b"Content-Length: 10\r\n\r\n0123456789")).status == 200
    assert [request.body for request in up.requests] == [b"0123456789"]
