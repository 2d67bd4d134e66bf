"""`select` finds host and winner by the book and says why every other candidate lost."""

import pytest

from haloy.model.routing import HostKind, HostTls, PathKind, PathMatch, ValueKind, ValueMatch, VirtualHost
from haloy.model.select import Request, find_host, normal_host, select
from tests.model.values import candidate, host

ROOT = PathMatch(PathKind.PREFIX, "")
HOSTS = [
    host("a.b.example", HostKind.EXACT),
    host("*.b.example", HostKind.ONE_LABEL),
    host("*.b.example", HostKind.MANY_LABELS),
    host("*.example", HostKind.MANY_LABELS),
    host("*", HostKind.ANY),
]


@pytest.mark.parametrize(
    ("asked", "kind", "name"),
    [
        ("a.b.example", HostKind.EXACT, "a.b.example"),
        ("x.b.example", HostKind.ONE_LABEL, "*.b.example"),
        ("x.y.b.example", HostKind.MANY_LABELS, "*.b.example"),
        ("x.c.example", HostKind.MANY_LABELS, "*.example"),
        ("b.example", HostKind.MANY_LABELS, "*.example"),
        ("example", HostKind.ANY, "*"),
        (".b.example", HostKind.ANY, "*"),
        ("[::1]", HostKind.ANY, "*"),
    ],
)
def test_the_most_specific_host_is_found(asked: str, kind: HostKind, name: str) -> None:
    found = find_host(HOSTS, asked)
    assert found is not None
    assert (found.kind, found.host) == (kind, name)


def test_a_one_label_wildcard_does_not_cover_two_labels() -> None:
    assert find_host([host("*.b.example", HostKind.ONE_LABEL)], "x.y.b.example") is None


@pytest.mark.parametrize(
    ("written", "normal"),
    [("Shop.Example:8080", "shop.example"), ("shop.example.", "shop.example"), ("[2001:DB8::1]:80", "[2001:db8::1]")],
)
def test_a_host_is_normalised(written: str, normal: str) -> None:
    assert normal_host(written) == normal


def test_a_known_host_does_not_fall_through_to_another_one() -> None:
    named = host("shop.example", HostKind.EXACT, candidate("api", PathMatch(PathKind.PREFIX, "/api")))
    anyone = host("*", HostKind.ANY, candidate("all", ROOT))
    selection = select([named, anyone], Request("shop.example", "/other"))
    assert selection.winner is None
    assert selection.reason == "no rule for the host shop.example matches the request: 404"


def test_an_unknown_host_is_said_to_be_unknown() -> None:
    selection = select([], Request("nobody.example:80"))
    assert selection.virtual_host is None
    assert selection.reason == "no Route names the host nobody.example, and none is for every host: 404"


def test_every_loser_has_its_reason() -> None:
    api = PathMatch(PathKind.PREFIX, "/api")
    canary = ValueMatch("x-env", ValueKind.EXACT, "canary")
    version = ValueMatch("v", ValueKind.REGEX, "[0-9]+")
    shop = host(
        "shop.example",
        HostKind.EXACT,
        candidate("exact", PathMatch(PathKind.EXACT, "/api")),
        candidate("post", api, method="POST"),
        candidate("canary", api, headers=(canary,)),
        candidate("absent", api, query=(ValueMatch("w", ValueKind.EXACT, "1"),)),
        candidate("version", api, query=(version,)),
        candidate("api", api),
        candidate("root", ROOT),
        candidate("apix", PathMatch(PathKind.REGEX, "/api")),
        candidate("any", PathMatch(PathKind.REGEX, ".*")),
    )
    request = Request("shop.example", "/api/x", headers=(("X-Env", "blue"),), query=(("v", "a"), ("v", "2")))
    selection = select([shop], request)
    assert selection.winner is not None
    assert selection.winner.rule.id == "web/shop:version"
    assert selection.reason == ("host shop.example is named exactly; the path is below /api, query parameter v fits")
    assert [(loss.candidate.rule.id.partition(":")[2], loss.reason) for loss in selection.losers] == [
        ("exact", "path /api/x is not exactly /api"),
        ("post", "method is GET, not POST"),
        ("canary", "header x-env is 'blue', not equal to 'canary'"),
        ("absent", "query parameter w is absent"),
        ("api", "the winner names more query parameters"),
        ("root", "/api is longer than /"),
        ("apix", "path /api/x does not match /api as a whole"),
        ("any", "a path prefix goes before a regular expression"),
    ]


def test_a_redirect_comes_before_the_rules() -> None:
    secure = VirtualHost(
        "www.shop.example",
        HostKind.EXACT,
        (candidate("all", ROOT),),
        tls=HostTls(redirect=True),
        redirect_host="shop.example",
    )
    selection = select([secure], Request("www.shop.example", "/x"))
    assert selection.redirect
    assert selection.reason == ("www.shop.example is redirected to its canonical host: 308 to https://shop.example/x")
    plain = VirtualHost("shop.example", HostKind.EXACT, tls=HostTls(redirect=True))
    assert select([plain], Request("shop.example")).redirect
    assert not select([plain], Request("shop.example", tls=True)).redirect
