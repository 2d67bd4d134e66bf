"""Whatever the Model, HAProxy chooses the rule that `haloy.model.select` names, with Lua and without."""

import asyncio
import shutil
from pathlib import Path
from random import Random
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haloy.model.filters import DirectResponse
from haloy.model.model import Model
from haloy.model.refs import FieldRef
from haloy.model.routing import Candidate, HostKind, Rule, VirtualHost
from haloy.model.select import Request, select
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.render.render import render
from tests.haproxy.render.models import ROUTE, fleet
from tests.model.strategies import SEGMENTS, match_values, precedence
from tests.support.http_client import DEADLINE, read_answer
from tests.support.ports import free_port
from tests.support.running_haproxy import options, running_haproxy

NAMES = [
    ("a.example.com", HostKind.EXACT),
    ("b.example.com", HostKind.EXACT),
    ("*.example.com", HostKind.ONE_LABEL),
    ("*.b.example.com", HostKind.ONE_LABEL),
    ("*.example.org", HostKind.MANY_LABELS),
    ("*.a.example.org", HostKind.MANY_LABELS),
    ("*.b.a.example.org", HostKind.MANY_LABELS),
    ("*", HostKind.ANY),
]
ASKED = [
    "a.example.com",
    "B.Example.com:81",
    "c.example.com.",
    "x.b.example.com",
    "x.y.b.example.com",
    "example.com",
    "example.org",
    "a.example.org",
    "x.a.example.org",
    "x.b.a.example.org",
    "z.y.x.b.a.example.org",
    "localhost",
    "[::1]:80",
    ".example.com",
    "10.0.0.1",
]


@st.composite
def models(draw: st.DrawFn) -> list[VirtualHost]:
    """Several hosts, some of them missing; each rule answers with its own id."""
    hosts = []
    for number, (name, kind) in enumerate(draw(st.lists(st.sampled_from(NAMES), min_size=4, unique=True))):
        found = sorted(draw(st.lists(match_values(), min_size=4, max_size=12, unique=True)), key=precedence)
        candidates = []
        for index, match in enumerate(found):
            source = FieldRef(ROUTE, f"spec.rules[{index}]")
            answer = DirectResponse(200, f"h{number}:{index}")
            candidates.append(Candidate(match, Rule(f"web/h{number}:{index}", source, (answer,)), source))
        hosts.append(VirtualHost(name, kind, tuple(candidates)))
    return sorted(hosts, key=lambda host: host.host)


def some_requests(random: Random, count: int) -> list[Request]:
    """Over the same small alphabets as the matches."""

    def pairs(names: list[str]) -> tuple[tuple[str, str], ...]:
        return tuple(
            (random.choice(names), random.choice(["1", "2", "33"])) for _ in range(random.choice([0, 1, 1, 2]))
        )

    return [
        Request(
            host=random.choice(ASKED),
            path="/" + "/".join(random.choice(SEGMENTS) for _ in range(random.choice([1, 1, 2, 2, 3]))),
            method=random.choice(["GET", "GET", "POST"]),
            headers=pairs(["x-env", "X-User"]),
            query=pairs(["v", "w"]),
        )
        for _ in range(count)
    ]


def raw(request: Request) -> bytes:
    query = "&".join(f"{name}={quote(value)}" for name, value in request.query)
    lines = [f"{request.method} {request.path}{'?' + query if query else ''} HTTP/1.1", f"Host: {request.host}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def answers(port: int, asked: list[Request]) -> list[tuple[int, str]]:
    """One after the other on one connection."""
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found = []
        for request in asked:
            writer.write(raw(request))
            answer = await read_answer(reader)
            found.append((answer.status, answer.body.decode() if answer.status == 200 else ""))
        writer.close()
        return found


async def run(
    port: int, binary: Path, directory: Path, artifacts: Artifacts, asked: list[Request]
) -> list[tuple[int, str]]:
    async with running_haproxy(binary, directory, artifacts):
        return await answers(port, asked)


def expected(hosts: list[VirtualHost], request: Request) -> tuple[int, str]:
    winner = select(hosts, request).winner
    return (404, "") if winner is None else (200, winner.rule.id.removeprefix("web/"))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hosts=models(), random=st.randoms(use_true_random=False))
def test_every_request_goes_where_the_reference_says(
    hosts: list[VirtualHost], random: Random, haproxy_binary: Path, tmp_path: Path
) -> None:
    asked = some_requests(random, 300)
    found = {}
    for lua in (True, False):
        port = free_port()
        artifacts = render(Model(fleet(port), tuple(hosts)), options(tmp_path, lua=lua))
        shutil.rmtree(tmp_path / "conf", ignore_errors=True)
        found[lua] = asyncio.run(run(port, haproxy_binary, tmp_path, artifacts, asked))
    wrong = {
        raw(request): (program, compiled, expected(hosts, request))
        for request, program, compiled in zip(asked, found[True], found[False], strict=True)
        if not program == compiled == expected(hosts, request)
    }
    assert wrong == {}
