"""Retries: on another endpoint, for the reasons that the Backend names, and never a POST that may have arrived."""

from haloy.model.cluster import Endpoint, Retry, RetryOn
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.haproxy.render.ways import BOTH_WAYS
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import Reply, upstream

EVERYTHING = Retry(3, (RetryOn.CONNECT_FAILURE, RetryOn.TIMEOUT, RetryOn.S503))


@BOTH_WAYS
async def test_a_status_is_retried_on_another_endpoint_but_not_for_a_post(serve: Serve) -> None:
    port = free_port()
    async with upstream("bad", reply=lambda request: Reply(503)) as bad, upstream("good") as good:
        hosts = [
            host("a.b", candidate(rule("once", "web/up", retryable=False), "/once"), candidate(rule("all", "web/up")))
        ]
        both = cluster(
            "web/up", Endpoint("127.0.0.1", bad.port, 256), Endpoint("127.0.0.1", good.port, 1), retry=EVERYTHING
        )
        async with serve(model(fleet(port), hosts, [both])):
            assert (await get(port, "a.b", method="GET")).status == 200
            assert (await get(port, "a.b", method="DELETE")).status == 200
            before = len(bad.requests) + len(good.requests)
            for method in ("POST", "PATCH"):
                assert (await get(port, "a.b", method=method, body=b"x")).status == 503
            assert (await get(port, "a.b", "/once")).status == 503
            assert len(bad.requests) + len(good.requests) == before + 3


@BOTH_WAYS
async def test_a_connection_failure_is_retried_for_a_post_as_well(serve: Serve) -> None:
    port = free_port()
    async with upstream("good") as good:
        dead = Endpoint("127.0.0.1", free_port(), 256)
        hosts = [host("a.b", candidate(rule("all", "web/up")))]
        for retry in (Retry(), EVERYTHING):
            both = cluster("web/up", dead, Endpoint("127.0.0.1", good.port, 1), retry=retry)
            async with serve(model(fleet(port), hosts, [both])):
                for method in ("GET", "POST"):
                    assert (await get(port, "a.b", method=method, body=b"x")).status == 200


@BOTH_WAYS
async def test_a_connection_that_dies_after_a_post_is_not_repeated(serve: Serve) -> None:
    port = free_port()
    async with upstream("dying", reply=lambda request: Reply(None)) as dying:
        hosts = [host("a.b", candidate(rule("all", "web/up")))]
        two = cluster("web/up", dying.port, retry=EVERYTHING)
        async with serve(model(fleet(port), hosts, [two])):
            answer = await get(port, "a.b", method="POST", body=b"x")
    assert answer.status == 502
    assert len(dying.requests) == 1


@BOTH_WAYS
async def test_a_rules_time_out_is_its_own(serve: Serve) -> None:
    port = free_port()
    async with upstream("slow", reply=lambda request: Reply(after=1.5)) as slow:
        hosts = [
            host(
                "a.b",
                candidate(rule("short", "web/up", request_timeout=200), "/short"),
                candidate(rule("long", "web/up"), "/long"),
            )
        ]
        async with serve(model(fleet(port), hosts, [cluster("web/up", slow.port)])):
            assert (await get(port, "a.b", "/short")).status == 504
            assert (await get(port, "a.b", "/long")).status == 200
