"""Every filter on a real request and a real response."""

import pytest

from haloy.model.filters import (
    DirectResponse,
    Header,
    HeaderModifier,
    PathModifier,
    PathModifierKind,
    RequestHeaderModifier,
    RequestRedirect,
    ResponseHeaderModifier,
    UrlRewrite,
)
from haloy.model.listener import ClientLimits
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.haproxy.render.ways import BOTH_WAYS
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import Reply, upstream

PREFIX, FULL = PathModifierKind.PREFIX, PathModifierKind.FULL
CHANGES = HeaderModifier(
    set=(Header("X-Set", "new  value"), Header("X-Percent", "100%")),
    add=(Header("X-Add", "2"),),
    remove=("X-Remove", "X-Gone"),
)


@BOTH_WAYS
async def test_header_filters_remove_set_and_add(serve: Serve) -> None:
    port = free_port()
    reply = Reply(headers=(("X-Set", "old"), ("X-Add", "1"), ("X-Remove", "r")))
    async with upstream("up", reply=lambda request: reply) as up:
        filters = (RequestHeaderModifier(CHANGES), ResponseHeaderModifier(CHANGES))
        plain = rule("plain", "web/up")
        wanted = model(
            fleet(port),
            [host("a.b", candidate(plain, "/plain"), candidate(rule("all", "web/up", filters=filters)))],
            [cluster("web/up", up.port)],
        )
        sent = (("X-Set", "old"), ("X-Set", "older"), ("X-Add", "1"), ("X-Remove", "r"), ("X-Keep", "k"))
        async with serve(wanted):
            answer = await get(port, "a.b", "/", headers=sent)
            untouched = await get(port, "a.b", "/plain", headers=sent)
    for side in (up.requests[0], answer):
        assert side.all("x-set") == ["new  value"]
        assert side.all("x-add") == ["1", "2"]
        assert side.all("x-remove") == []
        assert side.one("x-percent") == "100%"
    assert up.requests[0].one("x-keep") == "k"
    assert up.requests[1].all("x-set") == ["old", "older"]
    assert untouched.one("x-remove") == "r"


# The Gateway API's table (HTTPPathModifier.replacePrefixMatch): path, prefix, replacement, new path.
PREFIXES = [
    ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
    ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
    ("/foo", "/foo", "/xyz", "/xyz"),
    ("/foo/", "/foo", "/xyz", "/xyz/"),
    ("/foo/bar", "/foo", "", "/bar"),
    ("/foo/", "/foo", "", "/"),
    ("/foo", "/foo", "", "/"),
    ("/foo/", "/foo", "/", "/"),
    ("/foo", "/foo", "/", "/"),
    ("/foo/bar/", "/foo", "/", "/bar/"),
    ("/bar", "", "/xyz", "/xyz/bar"),
    ("/", "", "/xyz", "/xyz/"),
    ("/a//b", "/a", "/", "//b"),
]


@pytest.mark.parametrize("query", ["", "?q=1&r=%20"])
@BOTH_WAYS
async def test_a_prefix_is_replaced_as_the_gateway_api_says(serve: Serve, query: str) -> None:
    port = free_port()
    async with upstream() as up:
        hosts = [
            host(
                f"h{number}.example.com",
                candidate(
                    rule(f"r{number}", "web/up", filters=(UrlRewrite(path=PathModifier(PREFIX, replacement)),)), prefix
                ),
            )
            for number, (_, prefix, replacement, _) in enumerate(PREFIXES)
        ]
        async with serve(model(fleet(port), hosts, [cluster("web/up", up.port)])):
            for number, (path, _, _, _) in enumerate(PREFIXES):
                await get(port, f"h{number}.example.com", path + query)
    assert [request.target for request in up.requests] == [after + query for _, _, _, after in PREFIXES]


@BOTH_WAYS
async def test_one_rule_with_several_prefixes_rewrites_each_by_its_own(serve: Serve) -> None:
    port = free_port()
    async with upstream() as up:
        moved = rule("moved", "web/up", filters=(UrlRewrite("internal.example", PathModifier(PREFIX, "/v1")),))
        plain = rule("plain", "web/up")
        hosts = [host("a.b", candidate(moved, "/very/long"), candidate(moved, "/x"), candidate(plain))]
        async with serve(model(fleet(port), hosts, [cluster("web/up", up.port)])) as running:
            for path in ("/very/long/1", "/x/2", "/y/3"):
                await get(port, "a.b", path)
            records = await running.log_records(3)
    assert [request.target for request in up.requests] == ["/v1/1", "/v1/2", "/y/3"]
    assert [request.one("host") for request in up.requests] == ["internal.example", "internal.example", "a.b"]
    assert [record["rule"] for record in records] == ["moved", "moved", "plain"]
    assert [request.one("x-forwarded-host") for request in up.requests] == ["a.b"] * 3


@BOTH_WAYS
async def test_a_full_path_replaces_the_path_and_cannot_break_out_of_it(serve: Serve) -> None:
    port = free_port()
    async with upstream() as up:
        rewrite = UrlRewrite(path=PathModifier(FULL, "/a b?c#d%20%[path]é"))
        hosts = [host("a.b", candidate(rule("full", "web/up", filters=(rewrite,))))]
        async with serve(model(fleet(port), hosts, [cluster("web/up", up.port)])):
            await get(port, "a.b", "/whatever?q=1")
    assert up.requests[0].target == "/a%20b%3Fc%23d%20%%5Bpath%5D%C3%A9?q=1"


REDIRECTS = [
    (RequestRedirect(), "http://a.b:{port}/x/y?q=1", 302),
    (RequestRedirect(code=308, hostname="example.org"), "http://example.org:{port}/x/y?q=1", 308),
    (RequestRedirect(scheme="https", code=301), "https://a.b/x/y?q=1", 301),
    (RequestRedirect(scheme="https", port=8443, code=303), "https://a.b:8443/x/y?q=1", 303),
    (RequestRedirect(scheme="http", port=80, code=307), "http://a.b/x/y?q=1", 307),
    (RequestRedirect(port=81), "http://a.b:81/x/y?q=1", 302),
    (RequestRedirect(path=PathModifier(FULL, "/new")), "http://a.b:{port}/new?q=1", 302),
    (RequestRedirect(path=PathModifier(PREFIX, "/new")), "http://a.b:{port}/new/y?q=1", 302),
]


@BOTH_WAYS
async def test_redirects_name_what_they_change_and_keep_the_rest(serve: Serve) -> None:
    port = free_port()
    hosts = [
        host(f"h{number}.a.b", candidate(rule(f"r{number}", filters=(redirect,)), "/x"))
        for number, (redirect, _, _) in enumerate(REDIRECTS)
    ]
    async with serve(model(fleet(port), hosts, [])):
        answers = [await get(port, f"h{number}.a.b:1", "/x/y?q=1") for number in range(len(REDIRECTS))]
    locations = [(answer.one("location") or "").replace(f"h{number}.", "") for number, answer in enumerate(answers)]
    assert locations == [location.format(port=port) for _, location, _ in REDIRECTS]
    assert [answer.status for answer in answers] == [code for _, _, code in REDIRECTS]


@BOTH_WAYS
async def test_a_direct_response_is_the_body_byte_for_byte(serve: Serve) -> None:
    port = free_port()
    body = 'line "one"\r\n%[env(HOME)] ${HOME} }\n\té\n'
    note = ResponseHeaderModifier(HeaderModifier(set=(Header("X-Note", "n"),)))
    hosts = [
        host(
            "a.b",
            candidate(rule("json", filters=(DirectResponse(503, body, 'text/x; a="%[env(HOME)]"'), note)), "/body"),
            candidate(rule("empty", filters=(DirectResponse(204),))),
        )
    ]
    async with serve(model(fleet(port), hosts, [])):
        answer = await get(port, "a.b", "/body")
        head = await get(port, "a.b", "/body", method="HEAD")
        empty = await get(port, "a.b", "/")
    assert (answer.status, answer.body, answer.one("content-type")) == (503, body.encode(), 'text/x; a="%[env(HOME)]"')
    assert answer.one("x-note") == "n"
    assert (head.status, head.body) == (503, b"")
    assert (empty.status, empty.body) == (204, b"")


@BOTH_WAYS
async def test_a_long_answer_fits_even_where_headers_must_be_short(serve: Serve) -> None:
    port = free_port()
    body = "é" * 8192
    hosts = [host("a.b", candidate(rule("long", filters=(DirectResponse(200, body),))))]
    for limits in (ClientLimits(), ClientLimits(max_header_size=4096)):
        async with serve(model(fleet(port, limits=limits), hosts, [])):
            assert (await get(port, "a.b")).body == body.encode()
