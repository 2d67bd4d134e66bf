"""The Lua action is called for entries that have a program, and what has none or a broken one is answered 500, never passed on."""

import pytest

from haloy.model.filters import Header, HeaderModifier, RequestHeaderModifier, ResponseHeaderModifier, UrlRewrite
from haloy.model.routing import Target, ValueKind, ValueMatch
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import upstream

HEADERS = HeaderModifier(set=(Header("X-Set", "1"),))
TWICE = HeaderModifier(add=(Header("X-Add", "1"), Header("X-Add", "2")))
FILTERS = (RequestHeaderModifier(TWICE), ResponseHeaderModifier(HEADERS), UrlRewrite(hostname="other.example"))
CONDITION = (ValueMatch("x-env", ValueKind.EXACT, "test"),)


async def test_what_needs_no_program_works_while_every_program_is_gone(serve: Serve) -> None:
    """With maps/programs.map empty, whoever enters Lua gets 500: so plain rules, time-outs and weights do not."""
    port = free_port()
    async with upstream() as up, upstream() as other:
        wanted = model(
            fleet(port),
            [
                host(
                    "a.example.com",
                    candidate(rule("plain", "web/up"), "/plain"),
                    candidate(rule("times", "web/up", request_timeout=5000, retryable=False), "/times"),
                    candidate(rule("shared", Target("web/up", 1), Target("web/other", 1)), "/shared"),
                    candidate(rule("filtered", "web/up", filters=FILTERS), "/filtered"),
                    candidate(rule("conditional", "web/up"), "/conditional", headers=CONDITION),
                ),
                host("*", candidate(rule("all", "web/up"))),
            ],
            [cluster("web/up", up.port), cluster("web/other", other.port)],
        )
        async with serve(wanted) as running:

            async def status(path: str, name: str = "a.example.com") -> int:
                return (await get(port, name, path, headers=(("X-Env", "test"),))).status

            paths = ["/plain", "/times", "/shared", "/filtered", "/conditional"]
            await running.ask("clear map maps/programs.map")
            assert [await status(path) for path in paths] == [200, 200, 200, 500, 500]
            assert await status("/", "else.example.com") == 200
            assert await status("/none") == 404


@pytest.mark.parametrize("broken", ["", "1 nonsense", "1 set x", "2 set x-a", "one", "1 prefix a b", "1 answer x y z"])
async def test_a_broken_program_is_answered_500_and_told_once(serve: Serve, broken: str) -> None:
    port = free_port()
    async with upstream() as up:
        filtered = rule("filtered", "web/up", filters=FILTERS)
        chosen = candidate(rule("chosen", "web/up"), "/chosen", headers=CONDITION)
        wanted = model(
            fleet(port),
            [host("a.example.com", candidate(filtered, "/filtered"), chosen)],
            [cluster("web/up", up.port)],
        )
        async with serve(wanted, threads=1) as running:
            names = [line.split()[1] for line in (await running.ask("show map maps/programs.map")).splitlines() if line]
            assert len(names) == 2
            for name in names:
                word = broken.replace(" ", "\\ ")
                await running.ask(
                    f"set map maps/programs.map {name} {word}" if broken else "clear map maps/programs.map"
                )
            for path in ("/filtered", "/chosen") * 2:
                answer = await get(port, "a.example.com", path, headers=(("X-Env", "test"),))
                assert (path, answer.status) == (path, 500)
            assert up.requests == []
            told = (running.directory / "messages").read_text().splitlines()
            assert sorted(sum(name in line for line in told) for name in names) == [1, 1]
            assert running.log_text().count("cannot be run") == 0
