"""What a filter does directly, what its program does and what is compiled without Lua: the same requests and answers."""

import asyncio
import shutil
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from haloy.model.filters import (
    Filter,
    Header,
    HeaderModifier,
    PathModifier,
    PathModifierKind,
    RequestHeaderModifier,
    ResponseHeaderModifier,
    UrlRewrite,
)
from haloy.model.model import Model
from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.render import render
from tests.haproxy.render.hostile import SNIPPETS
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.haproxy.render.ways import with_programs_only
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.running_haproxy import options, running_haproxy
from tests.support.upstream import Reply, Upstream, upstream

NAMES = ["X-A", "x-b", "User-Agent", "X-Forwarded-For", "Host", "x-!#$&'*+.^_`|~%-", "X-Request-Id"]
OF_ANSWERS = ["X-C", "Server", "x-d'", "Cache-Control", "Content-Type"]
TEXTS = [
    *SNIPPETS,
    " in front",
    "behind ",
    "%41+%2B?a+b",
    "a;b=c;p=/x",
    "",
    "/",
    "//",
    "%",
    "x" * 300,
    "\xe9",
    "%[path]",
]
PATHS = ["/a", "/a/b", "/", "/a%2Fb", "/a//b"]
PREFIXED = ["", "/", "/x", "//x", "/x%20y%2F", "/|{}^`\\", "/x/", "/a"]
ASKED = [prefix.rstrip("/") + rest for prefix in PATHS for rest in PREFIXED]

values = st.one_of(st.sampled_from(TEXTS), st.lists(st.sampled_from(TEXTS), max_size=4).map("".join))


def modifiers(names: list[str]) -> st.SearchStrategy[HeaderModifier]:
    """Each name once (as the API demands), set, added or removed."""
    one = st.tuples(st.sampled_from(names), st.sampled_from(["set", "add", "remove"]), values)
    return st.lists(one, max_size=4, unique_by=lambda it: it[0]).map(modifier)


def modifier(drawn: list[tuple[str, str, str]]) -> HeaderModifier:
    some = {
        what: tuple(Header(name, value) for name, how, value in drawn if how == what)
        for what in ("set", "add", "remove")
    }
    return HeaderModifier(some["set"], some["add"], tuple(header.name for header in some["remove"]))


rewrites = st.builds(
    UrlRewrite,
    st.one_of(st.none(), st.sampled_from(["other.example.com", "a:8080"])),
    st.one_of(
        st.none(),
        st.builds(
            PathModifier,
            st.sampled_from(PathModifierKind),
            st.sampled_from(["/", "/n", "/n\xe9w/", "//", "/%41+;=&?#|"]),
        ),
    ),
)
kinds: list[st.SearchStrategy[Filter]] = [
    st.builds(RequestHeaderModifier, modifiers(NAMES)),
    st.builds(ResponseHeaderModifier, modifiers(OF_ANSWERS)),
    rewrites,
]
filters = st.lists(st.one_of(kinds), min_size=1, max_size=3, unique_by=type).map(lambda drawn: (*drawn,))

Seen = tuple[str, int, list[tuple[str, str]], bytes, list[list[bytes]]]


@pytest.mark.parametrize("examples", [2, pytest.param(8, marks=[pytest.mark.proof, pytest.mark.timeout(400)])])
def test_the_same_reaches_upstream_and_client(examples: int, haproxy_binary: Path, tmp_path: Path) -> None:
    @settings(max_examples=examples, deadline=None, phases=[Phase.generate])
    @given(drawn=st.lists(filters, min_size=len(PATHS) + 1, max_size=len(PATHS) + 1))
    def every_way(drawn: list[tuple[Filter, ...]]) -> None:
        judge(drawn, haproxy_binary, tmp_path)

    every_way()


def judge(drawn: list[tuple[Filter, ...]], haproxy_binary: Path, tmp_path: Path) -> None:
    port = free_port()

    async def run(way: str) -> list[Seen]:
        shutil.rmtree(tmp_path / "conf", ignore_errors=True)
        reply = Reply(headers=(("X-C", "old"), ("X-C", "older"), ("Server", "up"), ("Set-Cookie", "a")))
        async with upstream(reply=lambda request: reply) as up:
            artifacts = render(served(drawn, port, up.port), options(tmp_path, lua=way != "compiled"))
            artifacts = with_programs_only(artifacts) if way == "programs" else artifacts
            async with running_haproxy(haproxy_binary, tmp_path, artifacts):
                return [await seen(port, up, target) for target in [*ASKED, "/down/x"]]

    ways = {way: asyncio.run(run(way)) for way in ("direct", "programs", "compiled")}
    assert ways["direct"] == ways["programs"]
    # The last is an answer of HAProxy's own, in which only what is compiled without Lua says empty values.
    assert ways["direct"][:-1] == ways["compiled"][:-1]


def served(drawn: list[tuple[Filter, ...]], port: int, up: int) -> Model:
    rules = [candidate(rule(f"r{at}", "web/up", filters=drawn[at]), path.rstrip("/")) for at, path in enumerate(PATHS)]
    down = candidate(rule("down", "web/down", filters=drawn[-1]), "/down")
    clusters = [cluster("web/up", up), cluster("web/down", free_port())]
    return model(fleet(port), [host("a.example.com", *rules, down)], clusters)


async def seen(port: int, up: Upstream, target: str) -> Seen:
    """The order of header lines means nothing."""
    before = len(up.requests)
    sent = (("X-A", "1"), ("X-A", "2"), ("User-Agent", "me"), ("X-Request-Id", "one"))
    answer = await get(port, "a.example.com", target + "?q=%41", headers=sent)
    heads = [
        sorted(request.head.split(b"\r\n")) for request in up.requests[before:] if request.all("x-forwarded-proto")
    ]
    return target, answer.status, sorted(answer.headers), answer.body, heads


def test_most_of_them_need_no_program(tmp_path: Path) -> None:
    """Otherwise the test above would show nothing."""
    headers = HeaderModifier((Header("X-A", "%"),), (Header("x-b", " b"),), ("x-c",))
    prefix = UrlRewrite(hostname="b", path=PathModifier(PathModifierKind.PREFIX, "/"))
    all_three: tuple[Filter, ...] = (RequestHeaderModifier(headers), ResponseHeaderModifier(headers), prefix)
    drawn = [all_three] * (len(PATHS) + 1)
    made = render(served(drawn, 80, 81), options(tmp_path))
    records = [record.split(":") for record in made.maps[maps.RULES].values()]
    texts = [parts[1] for parts in records if len(parts) == 3]
    assert len(texts) == len(drawn)
    shapes = {text.partition(";")[0] for text in texts}
    assert {key.partition(".")[0] for key in made.maps[maps.KNOWN]} == shapes
