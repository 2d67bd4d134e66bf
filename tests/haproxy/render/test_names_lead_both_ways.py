"""Names of sections and servers, and back."""

from hypothesis import given
from hypothesis import strategies as st

from haloy.model.cluster import Endpoint
from haloy.proxies.haproxy import names

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=3).map(".".join)


@given(LABEL, NAME)
def test_a_cluster_is_found_again(namespace: str, name: str) -> None:
    section = names.cluster_section(f"{namespace}/{name}")
    assert names.cluster_of(section) == f"{namespace}/{name}"


def test_haloys_own_sections_are_no_clusters() -> None:
    for section in (names.NOT_FOUND, names.ROUTES, names.rule_section("web/shop:0"), names.listener_section("http")):
        assert names.cluster_of(section) is None
    assert names.listener_of(names.listener_section("http")) == "http"
    assert names.listener_of(names.NOT_FOUND) is None


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(1, 65535))
def test_an_endpoint_is_found_again(address: object, port: int) -> None:
    endpoint = Endpoint(str(address), port)
    assert names.endpoint_of(names.server_name(endpoint)) == endpoint.key


@given(st.lists(st.tuples(NAME, NAME), unique=True, min_size=2, max_size=2))
def test_other_endpoints_have_other_tokens_and_cookies(pair: list[tuple[str, str]]) -> None:
    assert len({names.agent_token(*one) for one in pair}) == 2
    assert len({names.cookie_value(*one) for one in pair}) == 2
    assert all(len(names.agent_token(*one)) == names.AGENT_TOKEN_LENGTH for one in pair)
