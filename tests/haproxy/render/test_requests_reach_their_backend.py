"""The shortest way: a host, a path, a backend."""

from haloy.model.routing import PathKind
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.haproxy.render.ways import BOTH_WAYS
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import upstream


@BOTH_WAYS
async def test_hosts_and_paths_choose_the_backend(serve: Serve) -> None:
    port = free_port()
    async with upstream("shop") as shop, upstream("api") as api:
        wanted = model(
            fleet(port),
            [
                host(
                    "shop.example.com",
                    candidate(rule("exact", "web/shop"), "/api/exact", PathKind.EXACT),
                    candidate(rule("api", "web/api"), "/api"),
                    candidate(rule("all", "web/shop")),
                ),
                host("only.example.com", candidate(rule("only", "web/api"), "/only")),
            ],
            [cluster("web/shop", shop.port), cluster("web/api", api.port)],
        )
        async with serve(wanted):
            expected = {
                ("shop.example.com", "/"): (200, b"shop"),
                ("shop.example.com", "/apix"): (200, b"shop"),
                ("shop.example.com", "/api"): (200, b"api"),
                ("shop.example.com", "/api/x?y=1"): (200, b"api"),
                ("shop.example.com", "/api/exact"): (200, b"shop"),
                ("shop.example.com", "/api/exact/"): (200, b"api"),
                ("SHOP.example.com.:8080", "/"): (200, b"shop"),
                ("only.example.com", "/only"): (200, b"api"),
                ("only.example.com", "/onlyx"): (404, b"404 Not Found: no route for this host and path\n"),
                ("unknown.example.com", "/"): (404, b"404 Not Found: no route for this host and path\n"),
            }
            answers = {key: await get(port, *key) for key in expected}
            assert {key: (answer.status, answer.body) for key, answer in answers.items()} == expected
