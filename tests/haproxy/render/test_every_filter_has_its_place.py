"""FILTER_ORDER is complete, and says in which order filters act."""

from typing import get_args

from haloy.model.filters import DirectResponse, Filter, Header, HeaderModifier, RequestHeaderModifier, UrlRewrite
from haloy.proxies.haproxy.render.filters import FILTER_ORDER, answering_blocks, forwarding_blocks
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from tests.haproxy.render.models import rule


def test_the_order_names_every_filter_once() -> None:
    assert sorted(one.__name__ for one in FILTER_ORDER) == sorted(one.__name__ for one in get_args(Filter))


def test_the_users_order_does_not_matter() -> None:
    filters = (
        UrlRewrite(hostname="internal.example"),
        RequestHeaderModifier(HeaderModifier(set=(Header("Host", "own.example"),))),
    )
    blocks = [
        forwarding_blocks(rule("r", "web/up", filters=order), ("web/shop:r",), PublicPorts())
        for order in (filters, filters[::-1])
    ]
    lines = [[line.text.partition(" if ")[0] for block in one for line in block.lines] for one in blocks]
    assert (
        lines[0]
        == lines[1]
        == [
            "http-request set-header Host internal.example",
            "http-request set-header Host own.example",
        ]
    )


def test_nothing_comes_after_the_answer() -> None:
    answer = rule("r", filters=(DirectResponse(200, "x"), UrlRewrite(hostname="never.example")))
    blocks = answering_blocks(answer, answer.id, PublicPorts())
    assert [line.text.split()[1] for block in blocks for line in block.lines] == ["return"]
