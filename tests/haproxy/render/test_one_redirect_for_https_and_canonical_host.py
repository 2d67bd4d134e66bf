"""https and canonical host in one 308, to the port that clients see, with path and query kept."""

from haloy.model.listener import Bind, Fleet, Listener
from haloy.model.routing import HostKind, HostTls
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.haproxy.render.ways import BOTH_WAYS
from tests.support.http_client import get, send, trusting_nobody
from tests.support.ports import free_port
from tests.support.upstream import upstream

REDIRECTING = HostTls(redirect=True)


def public(http: int, https: int, public_http: int, public_https: int, **changes: object) -> Fleet:
    listeners = (
        Listener("http", (Bind("127.0.0.1", http),), False, public_http),
        Listener("https", (Bind("127.0.0.1", https),), True, public_https),
    )
    return Fleet(listeners, **changes)  # type: ignore[arg-type]


def hosts() -> list:  # type: ignore[type-arg]
    to_up = candidate(rule("all", "web/up"))
    return [
        host("shop.example.com", to_up, tls=REDIRECTING),
        host("www.example.com", to_up, tls=REDIRECTING, redirect_host="shop.example.com"),
        host("old.example.com", to_up, redirect_host="new.example.com"),
        host("new.example.com", to_up),
        host("*.wild.example.com", to_up, tls=REDIRECTING),
        host("*.old.example.com", to_up, redirect_host="new.example.com"),
        host("*.deep.example.com", to_up, kind=HostKind.MANY_LABELS, tls=REDIRECTING),
    ]


@BOTH_WAYS
async def test_every_host_is_redirected_at_most_once(serve: Serve) -> None:
    http, https = free_port(), free_port()
    expected = {
        ("http", "shop.example.com:8080"): "https://shop.example.com",
        ("http", "WWW.example.com."): "https://shop.example.com",
        ("http", "old.example.com"): "http://new.example.com:8081",
        ("http", "new.example.com"): None,
        ("http", "a.wild.example.com"): "https://a.wild.example.com",
        ("http", "a.old.example.com"): "http://new.example.com:8081",
        ("http", "b.a.deep.example.com:80"): "https://b.a.deep.example.com",
        ("https", "shop.example.com"): None,
        ("https", "www.example.com"): "https://shop.example.com",
        ("https", "old.example.com"): "https://new.example.com",
        ("https", "a.wild.example.com"): None,
        ("https", "b.a.deep.example.com"): None,
    }
    async with upstream() as up:
        wanted = model(public(http, https, 8081, 443), hosts(), [cluster("web/up", up.port)])
        async with serve(wanted) as running:
            for (scheme, name), target in expected.items():
                tls = trusting_nobody() if scheme == "https" else None
                answer = await get(https if tls else http, name, "/a/b?c=d&e", tls=tls)
                if target is None:
                    assert answer.status == 200, (scheme, name)
                else:
                    assert (answer.status, answer.one("location")) == (308, f"{target}/a/b?c=d&e"), (scheme, name)
            records = await running.log_records(len(expected))
            assert {record["rule"] for record in records if record["status"] == 308} == {"-"}
            for line in (b"OPTIONS * HTTP/1.1", b"CONNECT shop.example.com:443 HTTP/1.1"):
                assert (await send(http, line + b"\r\nHost: shop.example.com\r\n\r\n")).status in (400, 404, 405)


@BOTH_WAYS
async def test_the_catch_all_is_redirected_to_the_host_that_was_asked_for(serve: Serve) -> None:
    http, https = free_port(), free_port()
    async with upstream() as up:
        anywhere = host("*", candidate(rule("all", "web/up")), tls=REDIRECTING)
        async with serve(model(public(http, https, 80, 8443), [anywhere], [cluster("web/up", up.port)])):
            answer = await get(http, "any.example.org", "/x")
            assert (answer.status, answer.one("location")) == (308, "https://any.example.org:8443/x")
            assert (await get(https, "any.example.org", "/x", tls=trusting_nobody())).status == 200


@BOTH_WAYS
async def test_a_trusted_proxy_that_received_https_is_not_redirected(serve: Serve) -> None:
    import ipaddress

    http, https = free_port(), free_port()
    said = (("X-Forwarded-Proto", "https"),)
    async with upstream() as up:
        for trusted, statuses in (((ipaddress.ip_network("127.0.0.0/8"),), (200, 308)), ((), (308, 308))):
            wanted = model(public(http, https, 80, 443, trusted_proxies=trusted), hosts(), [cluster("web/up", up.port)])
            async with serve(wanted):
                first = await get(http, "shop.example.com", headers=said)
                second = await get(http, "shop.example.com")
                assert (first.status, second.status) == statuses
                assert (await get(http, "www.example.com", headers=said)).status == 308
                assert (await get(http, "a.wild.example.com", headers=said)).status == statuses[0]


@BOTH_WAYS
async def test_a_plain_fleet_redirects_to_the_usual_port(serve: Serve) -> None:
    port = free_port()
    async with serve(model(fleet(port), [host("a.b", tls=REDIRECTING)], [])):
        assert (await get(port, "a.b")).one("location") == "https://a.b/"
