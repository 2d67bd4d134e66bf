import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloy.api.v1alpha1.host import normalise_address, normalise_authority, normalise_host

SAME = {
    "shop.example.com": ["Shop.Example.COM", "shop.example.com.", "shop.example.com:8080", "SHOP.example.com.:443"],
    "xn--bcher-kva.example": ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example"],
    "*.example.com": ["*.Example.com.", "*.example.com:80"],
    "*.xn--bcher-kva.example": ["*.bücher.example"],
    "xn--fa-hia.example": ["faß.example"],
    "*": ["*", "*:8080"],
    "localhost": ["localhost", "LOCALHOST:80"],
}
NOT_HOSTS = [
    *("", ".", "..", "a..b", ".a", "-a.example", "a-.example", "a_b.example", "*a.example", "a.*.example", "**", "*."),
    *("10.0.0.1", "10.0.0.1:80", "[::1]", "[::1]:80", "::1", "1.2.3", "a.1", "http://a", "a/b", "a b", "a\n", "a\x00b"),
    *(
        "a" * 64,
        "a." * 127 + "aa",
        "xn--zzzzzz99999",
        "a:b",
        "a:123456",
        "%41.example",
        "\u2e2e.example",
        "ａ..example",
    ),
]


@pytest.mark.parametrize(("normal", "text"), [(normal, text) for normal, texts in SAME.items() for text in texts])
def test_the_same_host_has_one_form(normal: str, text: str) -> None:
    assert normalise_host(text) == normal


@pytest.mark.parametrize("text", NOT_HOSTS)
def test_what_is_no_host_is_refused_with_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|ends) "):
        normalise_host(text)


def test_a_wildcard_is_no_exact_host() -> None:
    for text in ("*", "*.example.com"):
        with pytest.raises(ValueError, match="is a wildcard"):
            normalise_host(text, wildcard=False)


@given(st.text(max_size=80))
def test_a_host_is_safe_and_stays_as_it_is(text: str) -> None:
    try:
        host = normalise_host(text)
    except ValueError:
        return
    assert normalise_host(host) == host
    assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.*")
    assert len(host) <= 255


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("Shop.Internal.", "shop.internal"),
    ],
)
def test_an_address_has_one_form(text: str, expected: str) -> None:
    assert normalise_address(text) == expected


@pytest.mark.parametrize(
    "text", ["10.0.0.300", "010.0.0.1", "10.0.0.5:80", "fe80::1%eth0", "*.a", "a:80", "", "[a]", "[]"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|ends) "):
        normalise_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("A.example:80", "a.example:80"), ("[::1]:80", "[::1]:80"), ("::1", "[::1]"), ("10.0.0.1", "10.0.0.1")],
)
def test_an_authority_keeps_its_port(text: str, expected: str) -> None:
    assert normalise_authority(text) == expected
