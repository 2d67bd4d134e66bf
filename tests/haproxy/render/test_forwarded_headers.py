"""X-Forwarded-*, Forwarded and X-Request-Id: made by haloy, and believed only from trusted proxies."""

import ipaddress
import re

from haloy.model.listener import Bind, Fleet, Listener
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import get, send, trusting_nobody
from tests.support.ports import free_port
from tests.support.upstream import Received, upstream

FORGED = (
    ("X-Forwarded-For", "6.6.6.6"),
    ("X-Forwarded-Proto", "gopher"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Port", "666"),
    ("Forwarded", "for=6.6.6.6;host=evil.example;proto=gopher"),
    ("X_Forwarded_For", "6.6.6.6"),
    ("x_forwarded-Proto", "gopher"),
    ("X-Forwarded_Host", "evil.example"),
    ("X-Forwarded-Prefix", "/evil"),
)
TWINS = ("x_forwarded_for", "x_forwarded-proto", "x-forwarded_host")


def shop(up_port: int, of: Fleet):  # type: ignore[no-untyped-def]
    return model(of, [host("a.b", candidate(rule("all", "web/up")))], [cluster("web/up", up_port)])


def forwarded(request: Received) -> dict[str, list[str]]:
    names = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded")
    return {name: request.all(name) for name in names}


async def test_nobody_is_believed_by_default(serve: Serve) -> None:
    http, https = free_port(), free_port()
    async with upstream() as up, serve(shop(up.port, fleet(http, https))):
        await get(http, "A.b:81", headers=FORGED)
        await get(https, "a.b", headers=FORGED, tls=trusting_nobody())
    plain, tls = up.requests
    assert forwarded(plain) == {
        "x-forwarded-for": ["127.0.0.1"],
        "x-forwarded-proto": ["http"],
        "x-forwarded-host": ["A.b:81"],
        "x-forwarded-port": [str(http)],
        "forwarded": ['for=127.0.0.1;host="A.b:81";proto=http'],
    }
    assert forwarded(tls) == {
        "x-forwarded-for": ["127.0.0.1"],
        "x-forwarded-proto": ["https"],
        "x-forwarded-host": ["a.b"],
        "x-forwarded-port": [str(https)],
        "forwarded": ['for=127.0.0.1;host="a.b";proto=https'],
    }
    for request in up.requests:
        assert [request.all(name) for name in (*TWINS, "x-forwarded-prefix")] == [[]] * 4


async def test_a_trusted_proxy_is_believed_and_appended_to(serve: Serve) -> None:
    http = free_port()
    trusting = fleet(http, trusted_proxies=(ipaddress.ip_network("127.0.0.0/8"),))
    async with upstream() as up, serve(shop(up.port, trusting)):
        await get(http, "a.b", headers=FORGED)
        await get(http, "a.b")
    assert forwarded(up.requests[0]) == {
        "x-forwarded-for": ["6.6.6.6", "127.0.0.1"],
        "x-forwarded-proto": ["gopher"],
        "x-forwarded-host": ["evil.example"],
        "x-forwarded-port": ["666"],
        "forwarded": ["for=6.6.6.6;host=evil.example;proto=gopher", 'for=127.0.0.1;host="a.b";proto=http'],
    }
    assert [up.requests[0].all(name) for name in TWINS] == [[]] * 3
    assert forwarded(up.requests[1])["x-forwarded-proto"] == ["http"]


async def test_others_than_the_trusted_proxies_are_not_believed(serve: Serve) -> None:
    http = free_port()
    trusting = fleet(http, trusted_proxies=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32")))
    async with upstream() as up, serve(shop(up.port, trusting)):
        await get(http, "a.b", headers=FORGED)
    assert forwarded(up.requests[0])["x-forwarded-for"] == ["127.0.0.1"]
    assert forwarded(up.requests[0])["forwarded"] == ['for=127.0.0.1;host="a.b";proto=http']


async def test_an_ipv6_client_stands_in_brackets(serve: Serve) -> None:
    port = free_port()
    listener = Listener("http", (Bind("127.0.0.1", port),), False, 80, accept_proxy_protocol=True)
    request = b"GET / HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\n\r\n"
    async with upstream() as up, serve(shop(up.port, Fleet((listener,)))):
        await send(port, b"PROXY TCP6 2001:db8::5 2001:db8::1 1000 80\r\n" + request)
        await send(port, b"PROXY TCP4 192.0.2.7 192.0.2.1 1000 80\r\n" + request)
    assert [received.one("forwarded") for received in up.requests] == [
        'for="[2001:db8::5]";host="a.b";proto=http',
        'for=192.0.2.7;host="a.b";proto=http',
    ]
    assert [received.one("x-forwarded-for") for received in up.requests] == ["2001:db8::5", "192.0.2.7"]


async def test_a_request_id_is_made_or_kept_if_it_is_harmless(serve: Serve) -> None:
    port = free_port()
    ids = ["", "abc-DEF_1.2~3:/+=@", "x" * 128, "x" * 129, 'quo"te', "two words", "semi;colon"]
    async with upstream() as up, serve(shop(up.port, fleet(port))) as running:
        for one in ids:
            await get(port, "a.b", headers=(("X-Request-Id", one),) if one else ())
        await get(port, "a.b", headers=(("X-Request-Id", "good"), ("X-Request-Id", 'ba"d')))
        records = await running.log_records(len(ids) + 1)
    seen = [request.one("x-request-id") or "" for request in up.requests]
    assert seen[1:3] == ids[1:3]
    for made in (seen[0], *seen[3:7]):
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made), made
    assert seen[7] == "good"
    assert len(set(seen)) == len(seen)
    # A log line follows the answer, so that the next request may be logged first.
    assert sorted(record["id"] for record in records) == sorted(seen)


async def test_a_host_that_would_break_the_quotes_of_forwarded_is_refused(serve: Serve) -> None:
    port = free_port()
    anywhere = model(fleet(port), [host("*", candidate(rule("all", "web/up")))], [cluster("web/up", 1)])
    async with serve(anywhere):
        for name in ('a";for=6.6.6.6;x="', "a\\"):
            assert (await get(port, name)).status == 400
