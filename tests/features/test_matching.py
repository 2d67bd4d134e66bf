"""Which Route answers: the sentences of docs/routing.md, each asked of a real proxy."""

from collections.abc import Callable

import pytest

from tests.features.echo import Echo
from tests.features.product import BOTH_WAYS, Product, backend, route

pytestmark = BOTH_WAYS

NAMES = [
    "exact",
    "prefix",
    "longer",
    "regex",
    "root",
    "method",
    "header",
    "two-headers",
    "query",
    "wild",
    "any",
    "deep",
]

SHOP = """
hosts: [shop.example.com]
rules:
- matches: [{path: {type: Exact, value: /api}}]
  backendRefs: [{name: exact}]
- matches: [{path: {type: PathPrefix, value: /api}}]
  backendRefs: [{name: prefix}]
- matches: [{path: {type: PathPrefix, value: /api/v2/}}]
  backendRefs: [{name: longer}]
- matches: [{path: {type: RegularExpression, value: "/item/[0-9]+"}}]
  backendRefs: [{name: regex}]
- matches: [{path: {type: PathPrefix, value: /choice}}]
  backendRefs: [{name: root}]
- matches: [{path: {type: PathPrefix, value: /choice}, method: POST}]
  backendRefs: [{name: method}]
- matches: [{path: {type: PathPrefix, value: /choice}, headers: [{name: X-Env, value: canary}]}]
  backendRefs: [{name: header}]
- matches: [{path: {type: PathPrefix, value: /choice}, headers: [{name: x-env, value: canary}, {name: x-team, type: RegularExpression, value: "blue|red"}]}]
  backendRefs: [{name: two-headers}]
- matches: [{path: {type: PathPrefix, value: /choice}, queryParams: [{name: v, value: "2"}]}]
  backendRefs: [{name: query}]
- matches: [{path: {type: PathPrefix, value: /choice/deep}, headers: [{name: x-env, value: canary}]}]
  backendRefs: [{name: deep}]
"""


@pytest.fixture(scope="module")
def shop(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    objects = "".join(backend(name, upstreams(name).endpoint) for name in NAMES)
    objects += route("shop", SHOP)
    objects += route("wild", "hosts: ['*.example.com']\nrules: [{backendRefs: [{name: wild}]}]")
    objects += route("unicode", "hosts: ['Bücher.example.org']\nrules: [{backendRefs: [{name: root}]}]")
    product.write("shop.yaml", objects)
    product.wait_condition("Route", "shop", "Ready", "True")
    return product


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        ("/api", {}, "exact"),
        ("/api?x=1", {}, "exact"),
        ("/api/", {}, "prefix"),
        ("/api/x", {}, "prefix"),
        ("/api/v2", {}, "longer"),
        ("/api/v2/x", {}, "longer"),
        ("/api/v22", {}, "prefix"),
        ("/item/42", {}, "regex"),
        ("/choice", {}, "root"),
        ("/choice", {"method": "POST"}, "method"),
        ("/choice", {"headers": [("x-env", "canary")]}, "header"),
        ("/choice", {"headers": [("X-ENV", "canary"), ("x-team", "red")]}, "two-headers"),
        ("/choice", {"headers": [("x-env", "canary"), ("x-team", "redder")]}, "header"),
        ("/choice", {"method": "POST", "headers": [("x-env", "canary")]}, "method"),
        ("/choice?v=2", {}, "query"),
        ("/choice?v=3", {}, "root"),
        ("/choice/deep", {"headers": [("x-env", "canary")]}, "deep"),
        ("/choice/deep", {"method": "POST"}, "method"),
        ("/choice/deep", {}, "root"),
    ],
)
def test_the_most_specific_match_wins(shop: Product, path: str, options: dict[str, object], expected: str) -> None:
    answer = shop.get("shop.example.com", path, **options)
    assert (answer.status, answer.upstream) == (200, expected)


@pytest.mark.parametrize("path", ["/apix", "/item/42/more", "/item/", "/", "/choices"])
def test_no_match_on_a_known_host_is_404(shop: Product, path: str) -> None:
    assert shop.get("shop.example.com", path).status == 404


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("shop.example.com", "exact"),
        ("SHOP.Example.COM", "exact"),
        ("shop.example.com.", "exact"),
        ("shop.example.com:8080", "exact"),
        ("other.example.com", "wild"),
        ("xn--bcher-kva.example.org", "root"),
    ],
)
def test_hosts_are_compared_without_case_port_and_trailing_dot(shop: Product, host: str, expected: str) -> None:
    assert shop.get(host, "/api").upstream == expected


@pytest.mark.parametrize("host", ["unknown.test", "a.b.example.com", "example.com"])
def test_an_unknown_host_is_404_with_a_short_body(shop: Product, host: str) -> None:
    answer = shop.get(host, "/api")
    assert answer.status == 404
    assert 0 < len(answer.body) < 200


def test_a_catch_all_takes_unknown_hosts_only(shop: Product) -> None:
    shop.write("any.yaml", route("any", "hosts: ['*']\nrules: [{backendRefs: [{name: any}]}]"))
    shop.wait_answer("unknown.test", "/x", lambda answer: answer.upstream == "any")
    assert shop.get("a.b.example.com", "/x").upstream == "any"
    assert shop.get("shop.example.com", "/nothing").status == 404
    (shop.directory / "any.yaml").unlink()
    shop.wait_answer("unknown.test", "/x", lambda answer: answer.status == 404)
