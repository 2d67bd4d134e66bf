"""Strings that would like to be configuration, and a Model with a place for each."""

from collections.abc import Sequence

from hypothesis import strategies as st

from haloy.model.cluster import CookieAffinity, UpstreamTls
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
from haloy.model.health import HealthCheck, HttpCheck
from haloy.model.model import Model
from haloy.model.routing import PathKind, ValueKind, ValueMatch
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule

SECRET = "the-canary-sang"
SNIPPETS = [
    "%[env(CANARY)]",
    "${CANARY}",
    '"$CANARY"',
    "$CANARY",
    "%%[env(CANARY)]",
    "%",
    "%[",
    "%{+Q}o",
    "'",
    "''",
    '"',
    "\\",
    "\\x41",
    "\\n",
    "#",
    " ",
    "  ",
    "}",
    "{",
    " } or { always_true",
    "-f",
    "-i",
    "--",
    "-m",
    ",",
    ")",
    "(",
    "),upper,concat(",
    "]",
    ";",
    "|",
    "?",
    "/",
    "a",
    "é",
    "\u2028",
    "\u00a0",
    "if FALSE",
    "unless TRUE",
]


def hostile() -> st.SearchStrategy[str]:
    """Any text that a line can hold, mostly made of what is special somewhere."""
    anything = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20)
    return st.one_of(st.lists(st.sampled_from(SNIPPETS), max_size=6).map("".join), anything)


def one_of_everything(value: str, port: int, up_port: int) -> Model:
    """A Model in which `value` stands wherever a user's free text can stand."""
    changes = HeaderModifier(set=(Header("X-Set", value),), add=(Header("X-Add", value),))
    filters = (
        RequestHeaderModifier(changes),
        ResponseHeaderModifier(changes),
        UrlRewrite(path=PathModifier(PathModifierKind.FULL, "/" + value)),
    )
    prefixed = (UrlRewrite(hostname=value, path=PathModifier(PathModifierKind.PREFIX, "/" + value)),)
    redirect = (RequestRedirect(hostname="a.b", path=PathModifier(PathModifierKind.FULL, "/" + value)),)
    moved = (RequestRedirect(hostname=value, path=PathModifier(PathModifierKind.PREFIX, "/" + value)),)
    header = ValueMatch("x-match", ValueKind.EXACT, value)
    query = ValueMatch(value or "empty", ValueKind.EXACT, value)
    expression = ValueMatch("x-reg", ValueKind.REGEX, escaped(value))
    check = HttpCheck("/" + value, "GET", value, (Header("X-Check", value),), expected_body=value or None)
    return model(
        fleet(port),
        [
            host(
                "a.b",
                candidate(rule("exact", "web/up"), "/p" + value, PathKind.EXACT),
                candidate(rule("path", "web/up"), "/p" + value),
                candidate(rule("full", "web/up", filters=filters), "/full"),
                candidate(rule("prefix", "web/up", filters=prefixed), "/prefix"),
                candidate(rule("redirect", filters=redirect), "/redirect"),
                candidate(rule("moved", filters=moved), "/moved"),
                candidate(rule("direct", filters=(DirectResponse(200, value, value or "text/plain"),)), "/direct"),
                candidate(rule("match", "web/up"), headers=(header, expression), query=(query,)),
                candidate(rule("regex", "web/up"), escaped("/r" + value), PathKind.REGEX),
            )
        ],
        [cluster("web/up", up_port, health_check=HealthCheck(check, interval=500))],
    )


def escaped(value: str) -> str:
    """An expression that matches `value` literally, for PCRE as for Python."""
    return "".join(
        character if character.isalnum() or ord(character) > 127 else f"\\{character}" for character in value
    )


def with_name(name: str) -> Sequence[Model]:
    """Models with `name` where only names may stand."""
    target = rule("r", "web/up")
    in_header = RequestHeaderModifier(HeaderModifier(set=(Header(name, "v"),)))
    removed = RequestHeaderModifier(HeaderModifier(remove=(name,)))
    up = cluster("web/up", 1)
    return [
        model(fleet(1), [host(name, candidate(target))], [up]),
        model(fleet(1), [host("a.b", candidate(target), redirect_host=name)], [up]),
        model(fleet(1), [host("a.b", candidate(rule(name, "web/up", request_timeout=1)))], [up]),
        model(fleet(1), [host("a.b", candidate(rule("r", "web/up", filters=(in_header,))))], [up]),
        model(fleet(1), [host("a.b", candidate(rule("r", "web/up", filters=(removed,))))], [up]),
        model(fleet(1), [host("a.b", candidate(target, method=name))], [up]),
        model(fleet(1), [host("a.b", candidate(target, headers=(ValueMatch(name, ValueKind.EXACT, "v"),)))], [up]),
        model(fleet(1), [], [cluster("web/" + name, 1)]),
        model(fleet(1), [], [cluster("web/up", 1, affinity=CookieAffinity(name))]),
        model(fleet(1), [], [cluster("web/up", 1, health_check=HealthCheck(HttpCheck(method=name)))]),
        model(fleet(1), [], [cluster("web/up", 1, tls=UpstreamTls(server_name=name), protocol=https())]),
    ]


def https():  # type: ignore[no-untyped-def]
    from haloy.model.cluster import Protocol

    return Protocol.HTTPS
