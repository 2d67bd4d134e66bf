"""Names of sections and servers, and back."""

from hypothesis import given
from hypothesis import strategies as st

from haloy.model.cluster import Endpoint
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.slots.layout import profile_of, slot_name

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=3).map(".".join)


@given(LABEL, NAME, st.binary(min_size=32, max_size=32))
def test_the_secret_of_a_file_is_found_again(namespace: str, name: str, content: bytes) -> None:
    assert names.secret_of(names.certificate_file(f"{namespace}/{name}")) == (namespace, name)
    assert names.secret_of(names.bundle_file(f"{namespace}/{name}", content.hex())) == (namespace, name)
    assert names.secret_of(names.bundle_file(f"{namespace}/{name}", "")) == (namespace, name)


def test_other_files_are_of_no_secret() -> None:
    assert names.secret_of("certs/fallback.pem") is None
    assert names.secret_of("ca/web_ca.pem") is None


@given(st.from_regex(r"[0-9a-f]{16}", fullmatch=True), st.integers(0, 10_000))
def test_a_slot_says_its_profile_and_nothing_else_is_a_slot(profile: str, number: int) -> None:
    assert profile_of(slot_name(profile, number)) == profile
    for section in (names.NOT_FOUND, names.ROUTES, names.rule_section("web/shop:0"), names.listener_section("http")):
        assert profile_of(section) is None


def test_a_listener_is_found_again() -> None:
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
