"""The table that metrics are read from."""

import re

from haloy.model.filters import DirectResponse
from haloy.proxies.haproxy.names import ROUTES
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.haproxy.render.ways import BOTH_WAYS
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import Reply, upstream


@BOTH_WAYS
async def test_requests_and_errors_are_counted_by_route(serve: Serve) -> None:
    port = free_port()
    async with upstream(reply=lambda request: Reply(int(request.target[1:]))) as up:
        wanted = model(
            fleet(port),
            [
                host(
                    "a.b",
                    candidate(rule("0", filters=(DirectResponse(200, "x"),)), "/answer"),
                    candidate(rule("2", filters=(DirectResponse(403, "x"),)), "/refused"),
                    candidate(rule("3", "web/gone"), "/gone"),
                    candidate(rule("1", "web/up")),
                )
            ],
            [cluster("web/up", up.port)],
        )
        async with serve(wanted) as running:
            for path in ("/200", "/404", "/404", "/500", "/answer", "/refused", "/gone"):
                await get(port, "a.b", path)
            await get(port, "unknown.example.com")
            await running.log_records(8)
            table = await running.ask(f"show table {ROUTES}")
    (entry,) = re.findall(r"key=(\S+) .*", table)
    assert entry == "web/shop"
    counters = dict(re.findall(r"(\w+)=(\d+)", table))
    assert (counters["http_req_cnt"], counters["gpc0"], counters["gpc1"]) == ("7", "3", "2")
    assert int(counters["bytes_out_cnt"]) > 0
