"""However a query is written, HAProxy finds the rule that `haloy route test` names, with Lua and without."""

import asyncio
import shutil
from pathlib import Path
from random import Random

from haloy.model.filters import DirectResponse
from haloy.model.model import Model
from haloy.model.routing import ValueKind, ValueMatch
from haloy.model.select import Request, parse_query, select
from haloy.proxies.haproxy.render.render import render
from tests.haproxy.render.models import candidate, fleet, host, model, rule
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.running_haproxy import options, running_haproxy

PARTS = (
    "v",
    "w[]",
    "it's",
    "=",
    "=",
    "&",
    "&",
    ";",
    "?",
    "%zz",
    "%3",
    "1",
    "2",
    "+",
    "%31",
    "%2B",
    "%76",
    "%C3%a9",
    "/",
)
CONDITIONS = (
    (ValueMatch("v", ValueKind.EXACT, "1 2"), ValueMatch("w[]", ValueKind.REGEX, "[12]+")),
    (ValueMatch("it's", ValueKind.EXACT, "1"),),
    (ValueMatch("w[]", ValueKind.EXACT, "\xe9"),),
    (ValueMatch("it's", ValueKind.REGEX, ".*[+2]"),),
    (ValueMatch("w[]", ValueKind.EXACT, "2"),),
    (ValueMatch("v", ValueKind.EXACT, "1"),),
    (ValueMatch("v", ValueKind.REGEX, "2.*"),),
    (ValueMatch("v", ValueKind.REGEX, ""),),
)
KNOWN = (
    "v=%zz&v=1+2",
    "v=1&v=%zz",
    "v=%zz&w[]=2",
    "v",
    "v=",
    "%76=1",
    "a?v=1",
    "v=2%zz;v=1",
    "it's=1",
    "w[]=%C3%A9",
    "v=1+2&w[]=1",
)


def queries(random: Random) -> list[str]:
    made = ["".join(random.choices(PARTS, k=random.randint(1, 9))) for _ in range(150)]
    made += ["&".join(f"{random.choice(PARTS[:3])}={random.choice(PARTS[9:])}" for _ in range(3)) for _ in range(150)]
    return [*KNOWN, *made]


async def answers(binary: Path, folder: Path, made: Model, port: int, asked: list[str], *, lua: bool) -> dict[str, str]:
    shutil.rmtree(folder / "conf", ignore_errors=True)
    async with running_haproxy(binary, folder, render(made, options(folder, lua=lua))):
        found = {query: await get(port, "a.test", f"/?{query}") for query in asked}
    return {query: answer.body.decode() if answer.status == 200 else "" for query, answer in found.items()}


def test_conditions_on_parameters_agree(haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    listed = [
        candidate(rule(f"r{number}", filters=(DirectResponse(200, f"r{number}"),)), query=conditions)
        for number, conditions in enumerate(CONDITIONS)
    ]
    made = model(fleet(port), [host("a.test", *listed)], [])
    asked = queries(Random(11))
    expected = {}
    for query in asked:
        winner = select(made.virtual_hosts, Request("a.test", query=parse_query(query))).winner
        expected[query] = winner.rule.id.partition(":")[2] if winner is not None else ""
    for lua in (True, False):
        found = asyncio.run(answers(haproxy_binary, tmp_path, made, port, asked, lua=lua))
        assert {query: (found[query], expected[query]) for query in asked if found[query] != expected[query]} == {}, lua
    assert set(expected.values()) == {"", *(f"r{number}" for number in range(len(CONDITIONS)))}
