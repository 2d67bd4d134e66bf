import pytest

from haloy.cli.programs import described, texts
from haloy.proxies.haproxy.render.programs.words import encode, entries
from haloy.proxies.haproxy.slots.layout import Expression

SHIRTS = Expression("e1", "a.example", "path", "/shirts/[0-9]+")


def test_conditions_are_lines_in_order_of_precedence() -> None:
    words = ["method", "GET", "header", "x-user", "tom & co", "rule", "web/a:0", "query", "v", "", "fits", "e1"]
    assert described(
        encode([*words, "rule", "web/a:1", "fits", "e2", "rule", "web/b:0", "rule", "web/c:0"]), [SHIRTS]
    ) == [
        "method is 'GET' and header 'x-user' is 'tom & co': rule web/a:0",
        "query parameter 'v' is '' and path matches '/shirts/[0-9]+': rule web/a:1",
        "the regular expression e2 matches: rule web/b:0",
        "otherwise: rule web/c:0",
    ]


def test_filters_are_lines_in_their_order() -> None:
    after = encode(["x-a", "replace", "1", "one", "x-b", "append", "2", "two", "", "x-c", "replace", "0"])
    text = encode(
        ["is", "web/a:0", "after", after, "prefix", "4", "/v2", "host", "b.example", "set", "x-d", "\n\x1b[31m"]
    )
    assert described(text, []) == [
        "the rule is 'web/a:0'",
        "response header 'x-a' is set to 'one'",
        "response header 'x-b' gets 'two', '' added",
        "response header 'x-c' is removed",
        "the path becomes '/v2' and what it has from byte '4' on",
        "the host becomes 'b.example'",
        r"request header 'x-d' is set to '\n\x1b[31m'",
    ]
    assert described(encode(["answer", "503", "text/plain", "later"]), []) == [
        "answered with '503', content type 'text/plain', body 'later'"
    ]


def test_a_long_program_is_put_together_again() -> None:
    text = encode(["answer", "200", "text/plain", "many words " * 5_000])
    parts = entries("!pa1b2", text)
    assert len(parts) > 1
    assert texts(parts) == {"!pa1b2": text}


@pytest.mark.parametrize(
    "text", ["rule", "header x", "nonsense 1", "after x-a%20replace%20nine", "after x%20append%202%20y"]
)
def test_what_is_no_program_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"program|invalid literal"):
        described(text, [])
