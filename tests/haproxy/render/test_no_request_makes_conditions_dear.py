"""Heads that are made to be dear to look at, with as many conditions as one path may have: one answer after the other, and in time.

HAProxy ends a Lua run that takes a second (tune.lua.burst-timeout), which answers 500.
"""

import asyncio

from haloy.model.filters import DirectResponse
from haloy.model.limits import MAX_CANDIDATES, MAX_TESTS
from haloy.model.routing import ValueKind, ValueMatch
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, fleet, host, model, rule
from tests.support.http_client import get
from tests.support.ports import free_port

QUERIES = ("v=0&" * 3400, "&" * 13_500, "v" * 13_500, "v=%30+&" * 1900, "v=%zz&" * 2200, "?;=" * 4500)
HEADERS = (
    (("x-0", "a" + " " * 13_000 + "b"),),
    (*[("x-0", "  a")] * 80, *[(f"x-{n}", "a") for n in range(8)]),
    (("x-0", "x-0: a " * 1900),),
)
EACH = MAX_TESTS // MAX_CANDIDATES


async def test_no_match_is_found_and_nothing_is_cut_short(serve: Serve) -> None:
    port = free_port()
    answer = rule("r", filters=(DirectResponse(200, "here"),))
    queries = [candidate(answer, query=(ValueMatch("v", ValueKind.EXACT, f"{n}x"),)) for n in range(MAX_CANDIDATES)]
    headers = [
        candidate(
            answer,
            headers=tuple(
                ValueMatch(f"x-{one}", ValueKind.EXACT, "a" if one < EACH - 1 else f"{n}") for one in range(EACH)
            ),
        )
        for n in range(MAX_CANDIDATES)
    ]
    hosts = [host("q.test", *queries), host("h.test", *headers)]
    async with serve(model(fleet(port), hosts, []), threads=1):
        asked = [get(port, "q.test", f"/?{query}") for query in QUERIES]
        asked += [get(port, "h.test", headers=given) for given in HEADERS]
        answers = await asyncio.gather(*asked)
        found = await get(port, "q.test", f"/?v=1&v={MAX_CANDIDATES - 1}x")
    assert [one.status for one in answers] == [404] * len(asked)
    assert found.status == 200
