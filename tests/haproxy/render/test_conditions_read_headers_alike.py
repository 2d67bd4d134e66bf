"""Conditions on headers and methods as programs and compiled: however clients write their heads, the same rule is found."""

import asyncio
import shutil
from pathlib import Path
from random import Random

from haloy.model.filters import DirectResponse
from haloy.model.model import Model
from haloy.model.routing import ValueKind, ValueMatch
from haloy.proxies.haproxy.render.render import render
from tests.haproxy.render.models import candidate, fleet, host, model, rule
from tests.support.http_client import DEADLINE, read_answer
from tests.support.ports import free_port
from tests.support.running_haproxy import options, running_haproxy

NAMES = ("X-Plan", "x-plan", "X-PLAN", "X-Plan-B", "Plan", "X_Plan")
VALUES = ("gold", "Gold", "gold, silver", "golden", "x-plan: gold", "%67old", "a  b", "\xe9", "", "-", "g.ld", '"gold"')
BLANKS = ("", " ", "  ", "\t", " \t ")


def condition(name: str, value: str, kind: ValueKind = ValueKind.EXACT) -> ValueMatch:
    return ValueMatch(name, kind, value)


CONDITIONS = (
    {"headers": (condition("X-Plan", "gold"), condition("X-Plan-B", "golden"))},
    {"headers": (condition("x-plan", "gold"),), "method": "POST"},
    {"headers": (condition("x-plan", "gold, silver"),)},
    {"headers": (condition("x-plan", "a  b"),)},
    {"headers": (condition("X-PLAN", "\xe9"),)},
    {"headers": (condition("X-Plan", "g.ld"),)},
    {"headers": (condition("X-Plan", "Gold"), condition("plan", "gold.*", ValueKind.REGEX))},
    {"headers": (condition("plan", "x-plan: gold"),), "query": (condition("v", "1"),)},
    {"headers": (condition("X-Plan", "gold"),)},
    {"method": "PUT"},
    {"query": (condition("v", "1"),)},
)


def heads(random: Random) -> str:
    lines = [f"{random.choice(('GET', 'POST', 'PUT', 'put'))} /{random.choice(('', '?v=1', '?', '?v=2&v=1'))} HTTP/1.1"]
    for _ in range(random.randint(0, 5)):
        blanks = random.choice(BLANKS), random.choice(BLANKS)
        lines.append(f"{random.choice(NAMES)}:{random.choice(VALUES).join(blanks)}")
    lines.insert(random.randint(1, len(lines)), "Host: a.example.com")
    return "\r\n".join([*lines, "Content-Length: 0", "Connection: close", "", ""])


async def bodies(port: int, asked: list[str]) -> list[tuple[int, bytes]]:
    found = []
    async with asyncio.timeout(DEADLINE):
        for head in asked:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode())
            answer = await read_answer(reader)
            found.append((answer.status, answer.body))
            writer.close()
    return found


def served(
    binary: Path, directory: Path, made: Model, port: int, asked: list[str], *, lua: bool
) -> list[tuple[int, bytes]]:
    async def run() -> list[tuple[int, bytes]]:
        shutil.rmtree(directory / "conf", ignore_errors=True)
        async with running_haproxy(binary, directory, render(made, options(directory, lua=lua))):
            return await bodies(port, asked)

    return asyncio.run(run())


def test_headers_methods_and_queries_are_read_alike(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    listed = [
        candidate(rule(str(number), filters=(DirectResponse(200, str(number)),)), **conditions)
        for number, conditions in enumerate(CONDITIONS)
    ]
    made = model(fleet(port), [host("a.example.com", *listed)], [])
    random = Random(7)
    asked = [heads(random) for _ in range(400)]
    asked.append(heads(random).replace("Host:", "X-Long: " + "x" * 14_000 + "\r\nX-Plan: gold\r\nHost:"))
    programs = served(haproxy_binary, tmp_path, made, port, asked, lua=True)
    compiled = served(haproxy_binary, tmp_path, made, port, asked, lua=False)
    different = {head: found for head, *found in zip(asked, programs, compiled, strict=True) if found[0] != found[1]}
    assert different == {}
    assert {body for status, body in compiled if status == 200} == {str(n).encode() for n in range(len(CONDITIONS))}
