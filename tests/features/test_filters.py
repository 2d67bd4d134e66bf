"""Filters, and the headers that tell the upstream who asked."""

import re
from collections.abc import Callable

import pytest

from tests.features.echo import Echo
from tests.features.product import BOTH_WAYS, Product, backend, route

pytestmark = BOTH_WAYS

RULES = """
hosts: [f.example.com]
rules:
- matches: [{path: {type: PathPrefix, value: /headers}}]
  filters:
  - type: RequestHeaderModifier
    requestHeaderModifier:
      set: [{name: x-set, value: "50% \\"quoted\\" 'single' ${HOME} %[env(PATH)] #x"}]
      add: [{name: x-add, value: two}]
      remove: [x-remove]
  - type: ResponseHeaderModifier
    responseHeaderModifier:
      set: [{name: x-out, value: "a%b"}]
      add: [{name: x-more, value: more}]
      remove: [x-upstream]
  backendRefs: [{name: a}]
- matches:
  - path: {type: PathPrefix, value: /prefix}
  - path: {type: PathPrefix, value: /longer/prefix}
  filters:
  - type: URLRewrite
    urlRewrite: {hostname: inner.example.com, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}
  backendRefs: [{name: a}]
- matches: [{path: {type: PathPrefix, value: /strip}}]
  filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
  backendRefs: [{name: a}]
- matches: [{path: {type: PathPrefix, value: /full}}]
  filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /one%20path}}}]
  backendRefs: [{name: a}]
- matches: [{path: {type: PathPrefix, value: /away}}]
  filters:
  - type: RequestRedirect
    requestRedirect: {scheme: https, hostname: away.example.com, port: 9443, statusCode: 301, path: {type: ReplacePrefixMatch, replacePrefixMatch: /gone}}
- matches: [{path: {type: PathPrefix, value: /to}}]
  filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /here}}}]
- matches: [{path: {type: PathPrefix, value: /direct}}]
  filters:
  - type: DirectResponse
    directResponse: {status: 418, contentType: "application/json", body: "{\\"a\\": \\"%[env(PATH)]\\"}\\nsecond line"}
- backendRefs: [{name: a}]
"""


@pytest.fixture(scope="module")
def filtered(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    product.write("f.yaml", backend("a", upstreams("a").endpoint) + route("f", RULES))
    product.wait_condition("Route", "f", "Ready", "True")
    return product


def test_request_headers_are_set_added_and_removed_as_data(filtered: Product) -> None:
    sent = [("x-set", "old"), ("x-add", "one"), ("x-remove", "gone")]
    echo = filtered.get("f.example.com", "/headers", headers=sent).echo
    assert echo["headers"]["x-set"] == "50% \"quoted\" 'single' ${HOME} %[env(PATH)] #x"
    assert "x-remove" not in echo["headers"]
    assert [name.lower() for name in echo["header_names"]].count("x-add") == 2


def test_response_headers_are_set_added_and_removed(filtered: Product) -> None:
    answer = filtered.get("f.example.com", "/headers")
    assert answer.headers["x-out"] == "a%b"
    assert answer.headers["x-more"] == "more"
    assert "x-upstream" not in answer.headers


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/prefix", "/new"),
        ("/prefix/", "/new/"),
        ("/prefix/a?b=c", "/new/a?b=c"),
        ("/longer/prefix/a", "/new/a"),
        ("/strip", "/"),
        ("/strip/", "/"),
        ("/strip/a", "/a"),
        ("/full/x?q=1", "/one%20path?q=1"),
        ("/plain/x", "/plain/x"),
    ],
)
def test_paths_are_rewritten(filtered: Product, path: str, seen: str) -> None:
    assert filtered.get("f.example.com", path).echo["path"] == seen


def test_a_host_is_rewritten_and_the_original_is_told(filtered: Product) -> None:
    echo = filtered.get("f.example.com", "/prefix").echo
    assert echo["headers"]["host"] == "inner.example.com"
    assert echo["headers"]["x-forwarded-host"] == "f.example.com"


@pytest.mark.parametrize(
    ("path", "status", "location"),
    [
        ("/away/x?q=1", 301, "https://away.example.com:9443/gone/x?q=1"),
        ("/to/x", 302, "http://f.example.com:{port}/here"),
    ],
)
def test_redirects_name_scheme_host_port_and_path(filtered: Product, path: str, status: int, location: str) -> None:
    answer = filtered.get("f.example.com", path)
    assert (answer.status, answer.headers["location"]) == (status, location.format(port=filtered.http))


def test_a_direct_response_is_data_to_the_last_byte(filtered: Product) -> None:
    answer = filtered.get("f.example.com", "/direct")
    assert answer.status == 418
    assert answer.headers["content-type"] == "application/json"
    assert answer.body == b'{"a": "%[env(PATH)]"}\nsecond line'


def test_forwarded_headers_are_set_and_incoming_ones_are_not_believed(filtered: Product) -> None:
    lies = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil"),
        ("X-Forwarded-Port", "1"),
        ("Forwarded", "for=6.6.6.6"),
        ("X_Forwarded_For", "6.6.6.6"),
        ("x_forwarded_host", "evil"),
    ]
    headers = filtered.get("f.example.com", "/plain", headers=lies).echo["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == "f.example.com"
    assert headers["x-forwarded-port"] == str(filtered.http)
    assert re.fullmatch(r'(?i)for="?127\.0\.0\.1"?;\s*host="?f\.example\.com"?;\s*proto=http', headers["forwarded"]), (
        headers
    )
    assert not [name for name in headers if "_" in name]


def test_a_request_id_is_kept_when_sane_and_made_otherwise(filtered: Product) -> None:
    assert (
        filtered.get("f.example.com", "/", headers=[("x-request-id", "abc-123")]).echo["headers"]["x-request-id"]
        == "abc-123"
    )
    made = filtered.get("f.example.com", "/").echo["headers"]["x-request-id"]
    other = filtered.get("f.example.com", "/", headers=[("x-request-id", "x" * 500)]).echo["headers"]["x-request-id"]
    assert 16 <= len(made) <= 64
    assert 16 <= len(other) <= 64
    assert made != other
