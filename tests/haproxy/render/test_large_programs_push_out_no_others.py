"""What Lua keeps of parsed programs is bounded, and programs that are large make room among themselves only."""

import pytest

from haloy.model.filters import Header, HeaderModifier, RequestHeaderModifier
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.haproxy.render.ways import PROGRAMS
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import upstream

WORDS = 15
LARGE = 300
"""Programs that count as 120 kB each: together more than is kept of all."""


def setting(values: tuple[str, ...]) -> RequestHeaderModifier:
    return RequestHeaderModifier(HeaderModifier(set=tuple(Header(f"x-{n}", one) for n, one in enumerate(values))))


@pytest.mark.parametrize("serve", [PROGRAMS], indirect=True)
async def test_a_small_program_is_still_known_after_many_large_ones(serve: Serve) -> None:
    port = free_port()
    small = candidate(rule("small", "web/up", filters=(setting(("kept",)),)), "/small")
    large = [
        candidate(rule(f"large{n}", "web/up", filters=(setting((f"{n}", *["v" * 4000] * WORDS)),)), f"/large{n}")
        for n in range(LARGE)
    ]
    async with upstream() as up:
        wanted = model(fleet(port), [host("a.b", small, *large)], [cluster("web/up", up.port)])
        async with serve(wanted, threads=1) as running:
            await get(port, "a.b", "/small")
            # A program never changes but for this test: whoever parses it again is told by the new text.
            entries = (await running.ask("show map maps/programs.map")).splitlines()
            name = next(line.split()[1] for line in entries if line.endswith("x-0 kept"))
            await running.ask(f"set map maps/programs.map {name} 1\\ set\\ x-0\\ parsed-again")
            for n in range(LARGE):
                assert (await get(port, "a.b", f"/large{n}")).status in (200, 400, 500)
            await get(port, "a.b", "/small")
            assert up.requests[-1].one("x-0") == "kept"
