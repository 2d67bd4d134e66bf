"""Values print as readable YAML that holds no secret and no noise."""

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from haloy.model.cluster import Cluster, Endpoint
from haloy.model.filters import DirectResponse, Header, HeaderModifier, RequestHeaderModifier
from haloy.model.health import HealthCheck, TcpCheck
from haloy.model.model import Material
from haloy.model.printing import to_yaml
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import PathKind, PathMatch
from haloy.model.secret import SecretBytes


def test_a_secret_is_redacted() -> None:
    assert to_yaml(Material("abc", SecretBytes(b"PRIVATE"))) == "digest: abc\npem: '[redacted]'\n"


def test_none_and_empty_collections_are_left_out() -> None:
    shown = to_yaml(Cluster("web/shop", ObjectRef("Backend", "web", "shop"), endpoints=(Endpoint("10.0.0.1", 80),)))
    assert "affinity" not in shown
    assert "tls" not in shown
    assert "  - address: 10.0.0.1\n    port: 80\n    weight: 100\n" in shown


def test_the_root_prefix_is_shown_although_it_is_empty() -> None:
    assert to_yaml(PathMatch(PathKind.PREFIX, "")) == "kind: PathPrefix\nvalue: ''\n"


def test_members_of_a_union_say_which_they_are() -> None:
    assert to_yaml(HealthCheck(TcpCheck())).startswith("kind:\n  TcpCheck: {}\n")
    filters = (RequestHeaderModifier(HeaderModifier(set=(Header("x", "1"),))), DirectResponse(404))
    assert to_yaml(filters) == (
        "- RequestHeaderModifier:\n    headers:\n      set:\n        - name: x\n          value: '1'\n"
        "- DirectResponse:\n    status: 404\n    content_type: text/plain; charset=utf-8\n"
    )


def test_references_times_networks_and_mappings_are_plain_text() -> None:
    route = ObjectRef("Route", "web", "shop")
    value = {
        route: FieldRef(route, "spec.rules[0]"),
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "networks": (ip_network("10.0.0.0/8"),),
        "names": frozenset({"b", "a"}),
        "nothing": {},
    }
    assert to_yaml(value) == (
        "at: '2026-01-01T00:00:00+00:00'\n"
        "names:\n  - a\n  - b\n"
        "networks:\n  - 10.0.0.0/8\n"
        "route/web/shop: route/web/shop spec.rules[0]\n"
    )


def test_text_of_several_lines_is_a_block() -> None:
    assert to_yaml({"body": "one\ntwo\n"}) == "body: |\n  one\n  two\n"


def test_fields_with_their_default_value_can_be_left_out() -> None:
    assert to_yaml(Endpoint("10.0.0.1", 80, weight=1), defaults=False) == "address: 10.0.0.1\nport: 80\nweight: 1\n"


@dataclass(frozen=True, slots=True)
class Step:
    name: str


def test_other_unions_can_be_tagged_too() -> None:
    assert to_yaml((Step("a"),), tagged={Step}) == "- Step:\n    name: a\n"


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(TypeError, match="complex cannot be printed"):
        to_yaml({"x": 1j})
