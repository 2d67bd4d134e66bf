"""With Lua and without, the same Model gives the same answers: query strings that nobody writes, and whole heads of answers."""

import asyncio
import shutil
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haloy.model.filters import (
    DirectResponse,
    Header,
    HeaderModifier,
    PathModifier,
    PathModifierKind,
    RequestRedirect,
    ResponseHeaderModifier,
)
from haloy.model.model import Model
from haloy.model.routing import ValueKind, ValueMatch
from haloy.proxies.haproxy.render.render import render
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import DEADLINE, Answer, read_answer
from tests.support.ports import free_port
from tests.support.running_haproxy import options, running_haproxy

NAMES = ["v", "w", "v;w", "v&w", "V", "%76", "a b", "'"]
VALUES = ["1", "a b", "a+b", "%", "a&b", "\xe9", "a=b", "?"]
PIECES = [
    "v",
    "w",
    "V",
    "%76",
    "=",
    "=",
    "&",
    ";",
    "?",
    "1",
    "a",
    "+",
    "%20",
    "b",
    "%",
    "%2",
    "%zz",
    "%C3%A9",
    "%00",
    "'",
    "#",
]


def parameters() -> st.SearchStrategy[list[ValueMatch]]:
    one = st.builds(ValueMatch, st.sampled_from(NAMES), st.just(ValueKind.EXACT), st.sampled_from(VALUES))
    return st.lists(one, min_size=6, max_size=12, unique=True)


async def answers(port: int, asked: list[str]) -> list[Answer]:
    """In the order of `asked`. All are asked at once: an endpoint that refuses is tried for seconds."""

    async def one(target: str) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n".encode())
        found = await read_answer(reader)
        writer.close()
        return found

    async with asyncio.timeout(DEADLINE):
        return await asyncio.gather(*map(one, asked))


def both(binary: Path, directory: Path, made: Model, port: int, asked: list[str]) -> tuple[list[Answer], list[Answer]]:
    """With Lua, without."""

    async def run(lua: bool) -> list[Answer]:
        shutil.rmtree(directory / "conf", ignore_errors=True)
        artifacts = render(made, options(directory, lua=lua))
        async with running_haproxy(binary, directory, artifacts):
            return await answers(port, asked)

    return asyncio.run(run(True)), asyncio.run(run(False))


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conditions=parameters(), random=st.randoms(use_true_random=False))
def test_parameters_are_read_alike(
    conditions: list[ValueMatch], random: Random, haproxy_binary: Path, tmp_path: Path
) -> None:
    port = free_port()
    listed = [
        candidate(rule(str(number), filters=(DirectResponse(200, str(number)),)), query=(condition,))
        for number, condition in enumerate(conditions)
    ]
    asked = ["/?" + "".join(random.choice(PIECES[:-1]) for _ in range(random.randint(1, 12))) for _ in range(150)]
    programs, compiled = both(
        haproxy_binary, tmp_path, model(fleet(port), [host("a.example.com", *listed)], []), port, asked
    )
    different = {
        target: (one.body, other.body)
        for target, one, other in zip(asked, programs, compiled, strict=True)
        if (one.status, one.body) != (other.status, other.body)
    }
    assert different == {}


def test_answers_have_the_same_heads(haproxy_binary: Path, tmp_path: Path) -> None:
    """Statuses, names and values; the order of header lines means nothing."""
    port = free_port()
    changes = ResponseHeaderModifier(
        HeaderModifier(
            set=(Header("X-Frame-Options", "DENY"), Header("X-New", "a, b; c=\"d\" % 'e'")),
            add=(Header("Vary", "Origin"), Header("X-New", "twice")),
            remove=("Content-Type", "Cache-Control"),
        )
    )
    prefix = PathModifier(PathModifierKind.PREFIX, "/n\xe9w/")
    full = PathModifier(PathModifierKind.FULL, "/full path?")
    rules = [
        rule("r301", filters=(RequestRedirect(hostname="other.example.com", code=301), changes)),
        *(rule(f"r{code}", filters=(RequestRedirect(scheme="https", code=code),)) for code in (302, 303, 307, 308)),
        rule("prefix", filters=(RequestRedirect(path=prefix, port=81), changes)),
        rule("full", filters=(RequestRedirect(path=full),)),
        rule("d200", filters=(DirectResponse(200, "text\n\xe9 % \"'", 'text/x; a="b"'), changes)),
        rule("d204", filters=(DirectResponse(204),)),
        rule("d404", filters=(DirectResponse(404), changes)),
        rule("d503", filters=(changes, DirectResponse(503, "later"))),
        rule("long", filters=(DirectResponse(200, "\xe9 %" * 2048),)),
        rule("unavailable", "web/up", filters=(changes,)),
        rule("missing", filters=(changes,)),
    ]
    listed = [candidate(one, "/" + one.id.partition(":")[2]) for one in rules]
    made = model(fleet(port), [host("a.example.com", *listed)], [cluster("web/up", free_port())])
    asked = [f"/{one.id.partition(':')[2]}{rest}" for one in rules for rest in ("", "/x?q=1&r", "?")]
    programs, compiled = both(haproxy_binary, tmp_path, made, port, asked)
    for target, one, other in zip(asked, programs, compiled, strict=True):
        assert (target, one.status, sorted(one.headers), one.body) == (
            target,
            other.status,
            sorted(other.headers),
            other.body,
        )
